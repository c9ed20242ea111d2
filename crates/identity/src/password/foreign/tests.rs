//! Hashes as passlib 1.7.4 makes them, and what is none.

use super::ForeignHashError::{TooCostly, Unreadable};
use super::*;
use crate::Secret;
use crate::password::{PasswordHash, verify};
use crate::testing::room;

const HORSE: &str = "correct horse";

#[track_caller]
fn fits(hash: &str, password: &str) {
    let hash = PasswordHash::from_stored(hash.to_owned());
    assert!(!hash.is_current());
    assert!(verify(Some(&hash), &Secret::new(password), &mut room()), "{}", hash.as_stored());
    for other in ["", "correct horsf", &format!("y{password}")] {
        assert!(!verify(Some(&hash), &Secret::new(other), &mut room()), "{} and {other:?}", hash.as_stored());
    }
}

#[track_caller]
fn refused(hash: &str, want: ForeignHashError) {
    assert_eq!(ForeignHash::parse(hash).map(|_| ()), Err(want), "{hash}");
    assert!(!verify(Some(&PasswordHash::from_stored(hash.to_owned())), &Secret::new(HORSE), &mut room()));
}

#[test]
fn checks_pbkdf2_as_passlib_makes_it() {
    fits(
        "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0.Pw\
         $53KiEygVzVVEVUVTe4h79yMtYp0OxxoKFip82vf7OCrEbcm4/E88oGkCyN0NhQ7fLOSBIpiITuELG/0ldDPFMQ",
        HORSE,
    );
    // Zato's number of rounds, and points for pluses.
    fits(
        "$pbkdf2-sha512$120000$//77//77//77//77//77$0j6f3UordYf5i68YPkRBwDxGa8oPBpjSDTfLBij0D5uXWOEgNrtQWOW9.xzoJ.Dl\
         /Bj4pv.Qo88MkAUaz4WArA",
        "pässword",
    );
    fits("$pbkdf2-sha256$1000$//77//77//77//77//77YQ$m7fTiRpVQxpCltqc4u3SsDpKZA6vf3jckjj./cQUf9s", HORSE);
}

#[test]
fn checks_bcrypt_as_passlib_makes_it() {
    for ident in ["2a", "2b", "2y"] {
        fits(&format!("${ident}$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"), HORSE);
    }
    fits("$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i", &"x".repeat(72));
}

#[test]
fn checks_argon2_of_other_parameters() {
    fits("$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHQ$DOpnrrK10XYD0CzpqZrSWI8Nc8fKNFakdUXSOfijjZ4", HORSE);
    fits("$argon2i$v=19$m=1024,t=2,p=1$c2FsdHNhbHQ$ccxi82ewhVx1cuyDp1rh+RrnNs0QRc5BBk+mVJ2j44A", HORSE);
}

#[test]
fn refuses_what_costs_more_than_anybody_is_worth() {
    let sum = "m7fTiRpVQxpCltqc4u3SsDpKZA6vf3jckjj./cQUf9s";
    assert!(ForeignHash::parse(&format!("$pbkdf2-sha256$1000000$YQ${sum}")).is_ok());
    refused(&format!("$pbkdf2-sha256$1000001$YQ${sum}"), TooCostly);
    refused(&format!("$pbkdf2-sha256$99999999999$YQ${sum}"), TooCostly);
    assert!(ForeignHash::parse("$2b$14$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e").is_ok());
    refused("$2b$15$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", TooCostly);
    let argon2 = |memory: u32, passes: u32| {
        format!("$argon2id$v=19$m={memory},t={passes},p=1$c2FsdHNhbHQ$DOpnrrK10XYD0CzpqZrSWI8Nc8fKNFakdUXSOfijjZ4")
    };
    assert!(ForeignHash::parse(&argon2(131_072, 8)).is_ok());
    refused(&argon2(131_073, 1), TooCostly);
    refused(&argon2(131_072, 9), TooCostly);
}

#[test]
fn refuses_what_is_no_hash() {
    let sum = "m7fTiRpVQxpCltqc4u3SsDpKZA6vf3jckjj./cQUf9s";
    for text in ["", "$", "x", "$$", "$pbkdf2-sha256$", "$md5$x$y", "$2b$", "$2b$04$short", "$argon2id$v=19$m=1"] {
        refused(text, Unreadable);
    }
    for (rounds, salt, sum) in [
        ("0", "YQ", sum),
        ("", "YQ", sum),
        ("+1", "YQ", sum),
        ("-1", "YQ", sum),
        ("1", "Y!", sum),
        ("1", "YQ==", sum),
        ("1", "YQ", "YQ"),
        ("1", "YQ", ""),
        ("1$1", "YQ", sum),
    ] {
        refused(&format!("$pbkdf2-sha256${rounds}${salt}${sum}"), Unreadable);
    }
    refused("$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", Unreadable);
    refused("$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6!", Unreadable);
    refused("$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", Unreadable);
    refused(&format!("$pbkdf2-sha256$1${}${sum}", "A".repeat(1_024)), Unreadable);
}

#[test]
fn our_own_hashes_are_current_and_no_others() {
    let current = |text: &str| PasswordHash::from_stored(text.to_owned()).is_current();
    assert!(current("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$DOpnrrK10XYD0CzpqZrSWI8Nc8fKNFakdUXSOfijjZ4"));
    assert!(!current("$argon2id$v=19$m=19456,t=3,p=1$c2FsdHNhbHQ$DOpnrrK10XYD0CzpqZrSWI8Nc8fKNFakdUXSOfijjZ4"));
    assert!(!current("$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$DOpnrrK10XYD0CzpqZrSWI8Nc8fKNFakdUXSOfijjZ4"));
    assert!(!current("junk"));
}
