//! Recovery codes: for whoever lost the second factor. Each works once.
//!
//! Source: NIST SP 800-63B, section 4.2.2.1 (saved recovery codes), and 3.1.2 on look-up secrets. A code has 50 random
//! bits and is tried under the throttle of the second factor, so a keyed hash is enough to store.

use data_encoding::BASE32_NOPAD;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{Digest, Pepper, Secret, UserId};

/// Codes that a user has at a time.
pub const CODES: usize = 10;
/// Characters of a code, the dash in the middle not counted.
const CHARACTERS: usize = 10;
/// Random bytes behind a code; the characters of it that are used have five bits each.
const RANDOM_BYTES: usize = 10;

/// A fresh set of codes, as their owner sees them: `xxxxx-xxxxx`.
pub fn generate(rng: &mut impl CryptoRng) -> Vec<Secret> {
    let mut code = || {
        let mut bytes = Zeroizing::new([0; RANDOM_BYTES]);
        rng.fill_bytes(bytes.as_mut_slice());
        let text = Zeroizing::new(BASE32_NOPAD.encode(bytes.as_slice()).to_lowercase());
        let (first, rest) = text.split_at_checked(CHARACTERS / 2).unwrap_or_default();
        let second = rest.get(..CHARACTERS / 2).unwrap_or_default();
        Secret::new(format!("{first}-{second}"))
    };
    (0..CODES).map(|_| code()).collect()
}

/// The digest of a code of `user`, however it was typed; `None` for what can't be one.
pub fn digest(pepper: &Pepper, user: UserId, code: &Secret) -> Option<Digest> {
    // Longer texts are not looked at: every character of a code may have a blank beside it, no more.
    if code.expose().len() > 4 * CHARACTERS {
        return None;
    }
    let plain: String = code.expose().chars().filter(|character| !matches!(character, '-' | ' ')).collect();
    let plain = Zeroizing::new(plain.to_ascii_lowercase());
    let is_code = plain.len() == CHARACTERS && plain.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
    is_code.then(|| pepper.digest_of(b"countersign recovery v1\0", &[user.uuid().as_bytes(), plain.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Timestamp;
    use crate::testing::TestRng;

    fn user(seed: u64) -> UserId {
        UserId::generate(Timestamp::from_micros(0), &mut TestRng(seed))
    }

    #[test]
    fn gives_ten_different_codes_that_can_be_typed() {
        let codes = generate(&mut TestRng(1));
        let texts: HashSet<&str> = codes.iter().map(Secret::expose).collect();
        assert_eq!(texts.len(), CODES);
        for text in texts {
            assert!(text.len() == 11 && text.chars().nth(5) == Some('-'), "{text}");
        }
    }

    #[test]
    fn a_code_is_known_however_it_is_typed_and_only_for_its_owner() {
        let pepper = Pepper::new([1; Pepper::BYTES]);
        let of = |owner, text: &str| digest(&pepper, owner, &Secret::new(text));
        let one = of(user(1), "abcde-fg234");
        assert!(one.is_some());
        for same in ["ABCDE-FG234", "abcdefg234", " abcde fg234 "] {
            assert_eq!(of(user(1), same), one, "{same}");
        }
        assert_ne!(of(user(2), "abcde-fg234"), one);
        assert_ne!(of(user(1), "abcde-fg235"), one);
    }

    #[test]
    fn what_can_not_be_a_code_has_no_digest() {
        let pepper = Pepper::new([1; Pepper::BYTES]);
        for text in ["", "123456", "abcde-fg23", "abcde-fg2345", "abcde-fg23!", &"a".repeat(1_000), &" ".repeat(1_000)]
        {
            assert_eq!(digest(&pepper, user(1), &Secret::new(text)), None, "{text:?}");
        }
    }
}
