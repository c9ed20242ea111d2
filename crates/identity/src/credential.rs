//! Credentials that are random keys: one-time passwords, API keys and browsers' cookies.
//!
//! A key has at least 128 random bits, so a keyed hash is enough: HMAC-SHA-256 under the
//! keyring's pepper over login and key. The digest is the lookup key; the key itself is never
//! stored.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use crate::login::CookieValue;
use crate::permission::Rule;
use crate::proof::{KEY_BYTES, hmac_sha256};
use crate::{CredentialId, Expires, LoginName, Secret, Timestamp, UserId};

/// What kind of key a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// One use.
    Otp,
    /// Many uses until it expires, if it does, or is withdrawn.
    ApiKey,
    /// A browser's cookie: many uses until it expires.
    Cookie,
}

impl CredentialKind {
    /// The name in storage.
    pub fn name(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::ApiKey => "apikey",
            Self::Cookie => "cookie",
        }
    }

    /// The kind with this name in storage.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "otp" => Some(Self::Otp),
            "apikey" => Some(Self::ApiKey),
            "cookie" => Some(Self::Cookie),
            _ => None,
        }
    }
}

/// The secret under which digests are made. Wiped on drop.
#[derive(Clone)]
pub struct Pepper(Zeroizing<[u8; Pepper::BYTES]>);

impl Pepper {
    /// Length in bytes: 256 bits.
    pub const BYTES: usize = 32;

    /// Takes the keyring's bytes.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The digest under which a credential of `login` with the plaintext `key` is stored.
    pub fn digest(&self, login: &LoginName, key: &Secret) -> Digest {
        // A login name has no NUL, so (login, key) can't be split in two ways.
        let parts: [&[u8]; 3] = [login.as_str().as_bytes(), b"\0", key.expose().as_bytes()];
        self.digest_of(b"countersign credential v1\0", &parts)
    }

    /// A digest for one purpose, named by `domain`, of which none is the beginning of another.
    pub(crate) fn digest_of(&self, domain: &[u8], parts: &[&[u8]]) -> Digest {
        let parts: Vec<&[u8]> = std::iter::once(domain).chain(parts.iter().copied()).collect();
        Digest(hmac_sha256(self.0.as_slice(), &parts))
    }

    /// Bytes that are always the same for a kind and a name, and that nobody can compute without the pepper: they stand
    /// in for what `name` has not.
    pub(crate) fn stand_in(&self, kind: &str, name: &str) -> [u8; KEY_BYTES] {
        // A kind has no NUL.
        let parts = [b"countersign stand-in v1\0", kind.as_bytes(), b"\0", name.as_bytes()];
        hmac_sha256(self.0.as_slice(), &parts)
    }

    /// The digest under which a cookie is stored: without a login, which isn't known when it comes.
    pub fn cookie_digest(&self, value: &CookieValue) -> Digest {
        let parts = [&b"countersign cookie v1\0"[..], value.expose().as_bytes()];
        Digest(hmac_sha256(self.0.as_slice(), &parts))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(redacted)")
    }
}

/// The keyed hash of login and key: what is stored and looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; Digest::BYTES]);

impl Digest {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// The digest that storage kept.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The digest as storage keeps it.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The field `key` on the bus: 43 characters of URL-safe base64.
    pub fn to_bus(self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(redacted)")
    }
}

/// A credential as storage keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// Whom it signs in.
    pub owner: UserId,
    /// Under which it is found.
    pub digest: Digest,
    /// Restrictions that its sessions have on top of the role; empty: none of its own.
    pub permissions: Vec<Rule>,
    /// What it is for, in words.
    pub description: String,
    /// Who asked for it, from where: `login@address`.
    pub origin: String,
    /// When it stops to work.
    pub expires: Expires,
    /// When it was made.
    pub created: Timestamp,
    /// When its one use was spent.
    pub spent: Option<Timestamp>,
    /// Its last login, where it is good for several.
    pub last_used: Option<LastUse>,
    /// How often its restrictions were changed; its sessions are bound to what they were.
    pub revision: u32,
    /// Whether the digest is made of another system's: see [`Pepper::digest_imported`].
    pub is_imported: bool,
}

/// A login by a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pepper: u8, login: &str, key: &str) -> Digest {
        Pepper::new([pepper; Pepper::BYTES]).digest(&LoginName::parse(login).unwrap(), &Secret::new(key))
    }

    #[test]
    fn digest_depends_on_pepper_login_and_key() {
        let one = digest(1, "kristen98", "i047jcfUWQQugakMVB8bzwuFjikDwZ-d");
        assert_eq!(one, digest(1, "KRISTEN98", "i047jcfUWQQugakMVB8bzwuFjikDwZ-d"));
        assert_ne!(one, digest(2, "kristen98", "i047jcfUWQQugakMVB8bzwuFjikDwZ-d"));
        assert_ne!(one, digest(1, "kristen9", "8i047jcfUWQQugakMVB8bzwuFjikDwZ-d"));
        assert_ne!(one, digest(1, "kristen98", "i047jcfUWQQugakMVB8bzwuFjikDwZ-e"));
    }

    #[test]
    fn key_on_the_bus_has_43_characters_like_the_seeds() {
        assert_eq!(digest(1, "kristen98", "x").to_bus().len(), "nHiqIwUZgxPUOnUrpWuDoafGwGMoQQPpv69_VzudkB0".len());
    }

    #[test]
    fn neither_digest_nor_pepper_is_printed() {
        assert_eq!(format!("{:?}", digest(1, "a", "b")), "Digest(redacted)");
        assert_eq!(format!("{:?}", Pepper::new([1; 32])), "Pepper(redacted)");
    }
}
