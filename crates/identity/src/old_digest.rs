//! Digests of keys as the bus has made them that this replaces: slow, with the login name as salt.
//!
//! They are worth checking only for keys that came over without their plaintext. At rest here they lie under the pepper
//! like any other digest, and are replaced by one of our own at the key's first login.
//!
//! Source: contract of the bus, sections 0 (G1) and 9.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;

use crate::{Digest, Pepper, Secret};

/// Rounds of PBKDF2.
const ROUNDS: u32 = 29_000;
/// Characters of a key of that bus.
const KEY_CHARACTERS: usize = 32;

/// PBKDF2-HMAC-SHA-256 of a key, with its user's login name as salt.
#[derive(Clone, PartialEq, Eq)]
pub struct OldDigest([u8; OldDigest::BYTES]);

impl OldDigest {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// Computes one. Takes its time: about ten milliseconds.
    pub fn of(login: &str, key: &Secret) -> Self {
        let mut found = [0; Self::BYTES];
        pbkdf2_hmac::<Sha256>(key.expose().as_bytes(), login.as_bytes(), ROUNDS, &mut found);
        Self(found)
    }

    /// The name of a key's record there: 43 characters of URL-safe base64.
    pub fn parse(text: &str) -> Option<Self> {
        BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// Whether a ticket can be a key of that bus at all.
    pub fn fits(ticket: &Secret) -> bool {
        let text = ticket.expose();
        text.len() == KEY_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    }
}

impl fmt::Debug for OldDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OldDigest(redacted)")
    }
}

impl Pepper {
    /// The digest under which a key is stored of which only the old one is known.
    pub fn digest_imported(&self, old: &OldDigest) -> Digest {
        self.digest_of(b"countersign imported key v1\0", &[&old.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seed's own example.
    const KEY: &str = "i047jcfUWQQugakMVB8bzwuFjikDwZ-d";
    const DIGEST: &str = "nHiqIwUZgxPUOnUrpWuDoafGwGMoQQPpv69_VzudkB0";

    #[test]
    fn agrees_with_the_seeds_example() {
        assert_eq!(OldDigest::of("kristen98", &Secret::new(KEY)), OldDigest::parse(DIGEST).unwrap());
        assert_ne!(OldDigest::of("Kristen98", &Secret::new(KEY)), OldDigest::parse(DIGEST).unwrap());
    }

    #[test]
    fn only_what_has_the_shape_of_such_a_key_is_worth_the_time() {
        assert!(OldDigest::fits(&Secret::new(KEY)));
        for other in
            ["", "correct horse battery", "i047jcfUWQQugakMVB8bzwuFjikDwZ-", "i047jcfUWQQugakMVB8bzwuFjikDwZ d"]
        {
            assert!(!OldDigest::fits(&Secret::new(other)), "{other}");
        }
        assert_eq!(OldDigest::parse("nHiq"), None);
        assert_eq!(OldDigest::parse(""), None);
    }

    #[test]
    fn is_neither_printed_nor_stored_as_it_is() {
        let old = OldDigest::parse(DIGEST).unwrap();
        assert_eq!(format!("{old:?}"), "OldDigest(redacted)");
        assert_ne!(Pepper::new([1; 32]).digest_imported(&old).as_bytes(), &old.0);
    }
}
