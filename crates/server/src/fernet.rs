//! Fernet tokens of Zato: read, never written.
//!
//! A token is URL-safe base64 of version (one byte, 0x80), time (8 bytes), initialisation vector (16 bytes), AES-128-CBC
//! ciphertext with PKCS#7 padding, and HMAC-SHA-256 over all before it. Source: the Fernet specification
//! (github.com/fernet/spec). The time is not looked at, as Zato doesn't.
//!
//! **Invariant:** nothing is decrypted before its code was found right.

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use countersign_identity::{Secret, TokenKind};
use data_encoding::BASE64URL;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

/// What every token begins with, the version in base64.
pub const TOKEN_PREFIX: &str = "gAAAA";

const VERSION: u8 = 0x80;
const HALF_KEY_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + 8;
const IV_BYTES: usize = 16;
const CODE_BYTES: usize = 32;

/// A key of Zato's `secrets.conf`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct FernetKey {
    signing: [u8; HALF_KEY_BYTES],
    encryption: [u8; HALF_KEY_BYTES],
}

impl std::fmt::Debug for FernetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FernetKey(redacted)")
    }
}

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the URL-safe base64 of 32 bytes")]
pub struct BadKey;

/// Why a token can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It has not the form of one.
    #[error("is no Fernet token")]
    Malformed,
    /// It was made under another key, or changed.
    #[error("was not sealed under this key")]
    OtherKey,
}

impl FernetKey {
    /// Reads a key.
    ///
    /// # Errors
    ///
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let mut bytes = BASE64URL.decode(text.trim().as_bytes()).map_err(|_| BadKey)?;
        let halves = bytes.split_at_checked(HALF_KEY_BYTES).and_then(|(signing, encryption)| {
            Some(Self { signing: signing.try_into().ok()?, encryption: encryption.try_into().ok()? })
        });
        bytes.zeroize();
        halves.ok_or(BadKey)
    }

    /// The text that [`Self::parse`] reads.
    pub fn to_text(&self) -> Secret {
        let mut bytes = [self.signing, self.encryption].concat();
        let text = BASE64URL.encode(&bytes);
        bytes.zeroize();
        Secret::new(text)
    }

    /// Bytes that nobody can tell without key and text.
    pub fn derive(&self, text: &str) -> [u8; TokenKind::RANDOM_BYTES] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.signing).unwrap_or_else(|_| unreachable!("any length will do"));
        mac.update(b"countersign imported session v1\0");
        mac.update(text.as_bytes());
        let code = mac.finalize().into_bytes();
        code.first_chunk().copied().unwrap_or_default()
    }

    /// What a token holds.
    ///
    /// # Errors
    ///
    /// [`BadToken`].
    pub fn open(&self, token: &str) -> Result<Secret, BadToken> {
        let mut bytes = BASE64URL.decode(token.as_bytes()).map_err(|_| BadToken::Malformed)?;
        let split = bytes.len().checked_sub(CODE_BYTES).ok_or(BadToken::Malformed)?;
        let (signed, code) = bytes.split_at_mut(split);
        if signed.first() != Some(&VERSION) {
            return Err(BadToken::Malformed);
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.signing).map_err(|_| BadToken::OtherKey)?;
        mac.update(signed);
        mac.verify_slice(code).map_err(|_| BadToken::OtherKey)?;
        let rest = signed.get_mut(HEADER_BYTES..).ok_or(BadToken::Malformed)?;
        let (iv, text) = rest.split_at_mut_checked(IV_BYTES).ok_or(BadToken::Malformed)?;
        let decryptor = cbc::Decryptor::<Aes128>::new_from_slices(&self.encryption, iv);
        let decryptor = decryptor.map_err(|_| BadToken::Malformed)?;
        let plain = decryptor.decrypt_padded::<Pkcs7>(text).map_err(|_| BadToken::Malformed)?;
        let secret = str::from_utf8(plain).map(Secret::new).map_err(|_| BadToken::Malformed);
        bytes.zeroize();
        secret
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    // The example of the specification (verify.json).
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str =
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    #[test]
    fn opens_the_example_of_the_specification() {
        let key = FernetKey::parse(KEY).unwrap();
        assert_eq!(key.open(TOKEN).unwrap().expose(), "hello");
        assert_eq!(key.to_text().expose(), KEY);
    }

    #[test]
    fn refuses_what_was_changed_or_sealed_under_another_key() {
        let key = FernetKey::parse(KEY).unwrap();
        let mut bytes = BASE64URL.decode(TOKEN.as_bytes()).unwrap();
        for index in 1..bytes.len() {
            bytes[index] ^= 1;
            assert_eq!(key.open(&BASE64URL.encode(&bytes)).unwrap_err(), BadToken::OtherKey, "{index}");
            bytes[index] ^= 1;
        }
        let other = FernetKey::parse(&BASE64URL.encode(&[7; 32])).unwrap();
        assert_eq!(other.open(TOKEN).unwrap_err(), BadToken::OtherKey);
    }

    #[test]
    fn refuses_what_is_no_token_or_key() {
        let key = FernetKey::parse(KEY).unwrap();
        for text in ["", "gAAAA", "zust1", "$pbkdf2-sha512$1$a$b", &BASE64URL.encode(&[0; 100])] {
            assert_eq!(key.open(text).unwrap_err(), BadToken::Malformed, "{text}");
        }
        for text in ["", "abc", &BASE64URL.encode(&[7; 31]), &BASE64URL.encode(&[7; 33])] {
            assert_eq!(FernetKey::parse(text).unwrap_err(), BadKey, "{text}");
        }
    }

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", FernetKey::parse(KEY).unwrap()), "FernetKey(redacted)");
    }
}
