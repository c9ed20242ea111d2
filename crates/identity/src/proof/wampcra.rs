//! WAMP-CRA: the client signs a text with a key that both ends know.
//!
//! Source: WAMP specification, advanced profile "Challenge Response Authentication", with salted passwords: the key is
//! the base64 text of PBKDF2-HMAC-SHA-256 over the password.
//!
//! The key that the server keeps is as good as the password for this method, so it is sealed at rest, and kept only
//! where the operator wants the method.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use pbkdf2::pbkdf2_hmac;
use rand_core::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{KEY_BYTES, hmac_sha256};
use crate::Secret;

/// Random bytes of a salt.
const SALT_BYTES: usize = 16;
/// Random bytes of a challenge's nonce.
const NONCE_BYTES: usize = 18;

/// Rounds of PBKDF2, unless set otherwise. Few enough for a browser without a native implementation to be done within
/// the time that a login may take.
pub const ITERATIONS_DEFAULT: u32 = 100_000;
/// Fewest rounds that can be set.
pub const ITERATIONS_MIN: u32 = 1_000;
/// Most rounds that can be set.
pub const ITERATIONS_MAX: u32 = 10_000_000;

/// What the server keeps of a password for this method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedKey {
    /// The salt: text without anything that JSON would escape.
    pub salt: String,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// The key, as the client uses it: base64 text.
    pub key: Secret,
}

impl SharedKey {
    /// Length of the derived bytes, `keylen` in CHALLENGE.
    pub const BYTES: usize = KEY_BYTES;

    /// Derives the key of a password with a fresh salt.
    pub fn derive(password: &Secret, iterations: u32, rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        Self::with_salt(password, salt_text(&salt), iterations)
    }

    fn with_salt(password: &Secret, salt: String, iterations: u32) -> Self {
        let mut derived = Zeroizing::new([0; Self::BYTES]);
        pbkdf2_hmac::<Sha256>(password.expose().as_bytes(), salt.as_bytes(), iterations, derived.as_mut_slice());
        Self { salt, iterations, key: Secret::new(BASE64.encode(derived.as_slice())) }
    }

    /// What stands in for the key of somebody who has none: the same for the same `seed`, and right for no answer that
    /// anybody can compute.
    pub fn stand_in(seed: &[u8; KEY_BYTES], iterations: u32) -> Self {
        let (salt, key) = seed.split_at(SALT_BYTES);
        Self { salt: salt_text(salt), iterations, key: Secret::new(BASE64.encode(&hmac_sha256(seed, &[key]))) }
    }

    /// Whether `signature` (base64) is this key's signature of `challenge`.
    pub fn verify(&self, challenge: &str, signature: &str) -> bool {
        let want = hmac_sha256(self.key.expose().as_bytes(), &[challenge.as_bytes()]);
        BASE64.decode(signature.as_bytes()).is_ok_and(|found| found.as_slice().ct_eq(&want).into())
    }
}

fn salt_text(salt: &[u8]) -> String {
    BASE64URL_NOPAD.encode(salt)
}

/// A fresh nonce for a challenge's text.
pub fn nonce(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; NONCE_BYTES];
    rng.fill_bytes(&mut bytes);
    BASE64URL_NOPAD.encode(&bytes)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::testing::TestRng;

    #[test]
    fn derives_as_rfc_7914_says() {
        // Section 11; the second is the first 32 of 64 bytes, which don't depend on how many are asked for.
        let check = |password: &str, salt: &str, iterations, want: &str| {
            let shared = SharedKey::with_salt(&Secret::new(password), salt.into(), iterations);
            assert_eq!(HEXLOWER.encode(&BASE64.decode(shared.key.expose().as_bytes()).unwrap()), want);
        };
        check("passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
        check("Password", "NaCl", 80_000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
    }

    /// The specification's text, and a signature computed by Python's `hmac` over it.
    #[test]
    fn takes_the_right_signature_only() {
        let challenge = "{ \"nonce\": \"LHRTC9zeOIrt_9U3\", \"authprovider\": \"userdb\", \"authid\": \"peter\", \
            \"timestamp\": \"2014-06-22T16:36:25.448Z\", \"authrole\": \"user\", \"authmethod\": \"wampcra\", \
            \"session\": 3251278072152162}";
        let shared = SharedKey::with_salt(&Secret::new("secret1"), "salt123".into(), 1_000);
        let right = "QOHdDPVpF0yfu50oO35WjoVN0CYN2Jwm+IY5YyRbKLk=";
        let check = |challenge: &str, signature: &str, want| assert_eq!(shared.verify(challenge, signature), want);
        check(challenge, right, true);
        check(&challenge.replace("peter", "zoe"), right, false);
        check(challenge, "gir1mSx+deCDUV7wRM5SGIn/+R/ClqLZuH4m7FJeBVI=", false);
        for broken in ["", " ", "=", &right[..42], &format!("{right}\n"), &right.to_lowercase(), "secret1"] {
            check(challenge, broken, false);
        }
        let other = SharedKey::with_salt(&Secret::new("secret1"), "salt124".into(), 1_000);
        assert!(!other.verify(challenge, right));
    }

    #[test]
    fn each_key_has_a_salt_of_its_own_and_a_stand_in_always_the_same() {
        let rng = &mut TestRng(1);
        let derive = |rng: &mut TestRng| SharedKey::derive(&Secret::new("x"), 1, rng);
        let (one, other) = (derive(rng), derive(rng));
        assert_ne!(one.salt, other.salt);
        assert_ne!(one.key, other.key);
        assert_eq!(SharedKey::stand_in(&[1; 32], 7), SharedKey::stand_in(&[1; 32], 7));
        let stand_in = SharedKey::stand_in(&[1; 32], 7);
        assert_eq!((stand_in.salt.len(), stand_in.key.expose().len()), (one.salt.len(), one.key.expose().len()));
        assert_ne!(nonce(rng), nonce(rng));
        assert!(!format!("{one:?}").contains(one.key.expose()));
    }
}
