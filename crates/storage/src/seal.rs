//! Sealing: secrets that have to be read back are encrypted under keys that lie outside the database.
//!
//! XChaCha20-Poly1305. What is sealed says under which key; table, column and id of its row are authenticated with it,
//! so that it can't be moved to another place. The newest key seals, the older ones still open.
//!
//! The nonce is derived from key, place and content (HMAC-SHA-256), so that storage needs no randomness: the same
//! content at the same place is sealed to the same bytes, and nothing else is.

use std::fmt;
use std::sync::{Arc, OnceLock};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

/// First byte of what is sealed: how.
const VERSION: u8 = 1;
/// Length of a nonce, in bytes.
const NONCE_BYTES: usize = 24;

/// Names a key without telling it.
pub type KeyId = [u8; SealKey::ID_BYTES];

/// A key for sealing. Wiped on drop, never printed.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; SealKey::BYTES]>);

impl SealKey {
    /// Length in bytes: 256 bits.
    pub const BYTES: usize = 32;
    /// Length of an id in bytes.
    pub const ID_BYTES: usize = 8;

    /// Takes the keyring's bytes.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the keyring's file only.
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    fn id(&self) -> KeyId {
        let mut id = [0; Self::ID_BYTES];
        id.iter_mut().zip(*self.derive(b"id", &[])).for_each(|(slot, byte)| *slot = byte);
        id
    }

    /// Bytes for one purpose, so that no two uses of the key meet.
    fn derive(&self, purpose: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; Self::BYTES]> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else {
            unreachable!("HMAC takes a key of any length")
        };
        mac.update(b"countersign seal v1\0");
        for part in [purpose].iter().chain(parts) {
            // Each with its length, so that they can't be split in two ways.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.derive(b"cipher", &[])))
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", HEXLOWER.encode(&self.id()))
    }
}

/// Where something sealed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: Uuid,
}

impl Place {
    fn authenticated(self) -> Vec<u8> {
        // Names have no slash, and an id has always as many bytes.
        [self.table.as_bytes(), b"/", self.column.as_bytes(), b"/", self.row.as_bytes()].concat()
    }
}

/// Why something can't be sealed or opened. No secret is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The keyring is empty.
    #[error("there is no key to seal under")]
    NoKey,
    /// It is sealed under a key that isn't in the keyring.
    #[error("sealed under the key {0}, which the keyring does not hold")]
    UnknownKey(String),
    /// It isn't something sealed, was changed, or belongs to another place.
    #[error("the seal is broken")]
    Broken,
}

/// The keys of an installation, the newest first.
#[derive(Debug, Clone, Default)]
pub struct Keyring(Vec<SealKey>);

impl Keyring {
    /// Puts keys together, the newest first.
    pub const fn new(keys: Vec<SealKey>) -> Self {
        Self(keys)
    }

    /// The names of the keys, the newest first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.0.iter().map(SealKey::id).collect()
    }

    /// Seals under the newest key; answers its name as well. Operations seal by `ops::seals`, which notes that.
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<(KeyId, Vec<u8>), SealError> {
        let key = self.0.first().ok_or(SealError::NoKey)?;
        let aad = place.authenticated();
        let derived = key.derive(b"nonce", &[&aad, plain]);
        let mut nonce = [0; NONCE_BYTES];
        nonce.iter_mut().zip(*derived).for_each(|(slot, byte)| *slot = byte);
        let sealed = key.cipher().encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad });
        let sealed = sealed.map_err(|_| SealError::Broken)?;
        let id = key.id();
        Ok((id, [&[VERSION], id.as_slice(), &nonce, &sealed].concat()))
    }

    /// Opens what was sealed at this place under any of the keys.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (&version, rest) = sealed.split_first().ok_or(SealError::Broken)?;
        let (id, rest) = rest.split_first_chunk::<{ SealKey::ID_BYTES }>().ok_or(SealError::Broken)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Broken)?;
        if version != VERSION {
            return Err(SealError::Broken);
        }
        let unknown = || SealError::UnknownKey(HEXLOWER.encode(id));
        let key = self.0.iter().find(|key| key.id() == *id).ok_or_else(unknown)?;
        let payload = Payload { msg: sealed, aad: &place.authenticated() };
        key.cipher().decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| SealError::Broken)
    }
}

/// A keyring that is handed over after the store was opened. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SharedKeyring(Arc<OnceLock<Keyring>>);

impl SharedKeyring {
    /// The keyring; empty until one was handed over.
    pub fn get(&self) -> &Keyring {
        static EMPTY: Keyring = Keyring::new(Vec::new());
        self.0.get().unwrap_or(&EMPTY)
    }

    /// Hands the keyring over; the first one stays.
    pub fn set(&self, keyring: Keyring) {
        let _ = self.0.set(keyring);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    const PLACE: Place = Place { table: "shared_keys", column: "shared_key", row: Uuid::from_u128(1) };

    fn ring(keys: &[u8]) -> Keyring {
        Keyring::new(keys.iter().map(|byte| SealKey::new([*byte; SealKey::BYTES])).collect())
    }

    fn opened(keys: &[u8], place: Place, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        ring(keys).open(place, sealed).map(|plain| plain.to_vec())
    }

    fn seal(keys: &[u8], place: Place, plain: &[u8]) -> Vec<u8> {
        ring(keys).seal(place, plain).unwrap().1
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_that_was_changed() {
        for plain in [&b""[..], b"secret", &[7; 1000]] {
            let sealed = seal(&[1], PLACE, plain);
            assert_eq!(opened(&[1], PLACE, &sealed).as_deref(), Ok(plain));
            for index in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[index] ^= 1;
                assert!(opened(&[1], PLACE, &changed).is_err(), "byte {index}");
                assert!(opened(&[1], PLACE, &sealed[..index]).is_err(), "cut at {index}");
            }
        }
    }

    #[test]
    fn what_is_sealed_stays_at_its_place() {
        let sealed = seal(&[1], PLACE, b"secret");
        for place in [
            Place { table: "shared_keyz", ..PLACE },
            Place { column: "salt", ..PLACE },
            Place { row: Uuid::from_u128(2), ..PLACE },
        ] {
            assert_eq!(opened(&[1], place, &sealed), Err(SealError::Broken));
        }
    }

    #[test]
    fn the_newest_key_seals_and_older_ones_still_open() {
        let old = seal(&[1], PLACE, b"secret");
        let new = seal(&[2, 1], PLACE, b"secret");
        assert_eq!(opened(&[2, 1], PLACE, &old).as_deref(), Ok(&b"secret"[..]));
        assert_eq!(opened(&[2], PLACE, &new).as_deref(), Ok(&b"secret"[..]));
        let id = HEXLOWER.encode(&ring(&[2]).ids()[0]);
        assert_eq!(opened(&[1], PLACE, &new), Err(SealError::UnknownKey(id)));
        assert_eq!(ring(&[]).seal(PLACE, b"x"), Err(SealError::NoKey));
    }

    #[test]
    fn another_content_or_place_has_another_nonce() {
        let nonce = |place, plain| seal(&[1], place, plain)[1 + SealKey::ID_BYTES..][..NONCE_BYTES].to_vec();
        assert_eq!(nonce(PLACE, b"a"), nonce(PLACE, b"a"));
        assert_ne!(nonce(PLACE, b"a"), nonce(PLACE, b"b"));
        assert_ne!(nonce(PLACE, b"a"), nonce(Place { row: Uuid::from_u128(2), ..PLACE }, b"a"));
    }

    #[test]
    fn a_key_is_not_printed() {
        let text = format!("{:?}", ring(&[0xab]));
        assert!(text.starts_with("Keyring([SealKey(") && !text.contains("abab"), "{text}");
    }
}
