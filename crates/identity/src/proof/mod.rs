//! Proofs that a client gives in the place of its secret: the challenge-response methods of WAMP.
//!
//! Cryptography only: what a challenge holds, and whether an answer proves the secret. Whose secret it is, and what
//! comes of it, is [`crate::login`]'s.
//!
//! **Invariants:** a comparison that depends on a secret takes constant time. Secrets are redacted when printed, and
//! wiped. A client sees the same work for a stand-in as for a stored secret.

pub mod cryptosign;
pub mod scram;
pub mod wampcra;

use std::fmt;

use scram::{Kdf, Verifier};
use wampcra::SharedKey;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Length of the keys, digests and channel ids here, in bytes.
pub const KEY_BYTES: usize = 32;

/// A key in the clear. Wiped on drop, never printed, compared in constant time.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

impl Key {
    /// Takes the bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for storage and computing.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

/// What both ends of a TLS connection know of it and nobody else: its `tls-exporter` value (RFC 9266).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelId([u8; KEY_BYTES]);

impl ChannelId {
    /// The name of this channel binding type.
    pub const KIND: &str = "tls-exporter";

    /// Takes what the TLS library exported.
    pub const fn new(exported: [u8; KEY_BYTES]) -> Self {
        Self(exported)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelId(redacted)")
    }
}

/// Which secrets are kept of a password, beside its hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SecretSettings {
    /// For SCRAM, derived so.
    pub scram: Option<Kdf>,
    /// For WAMP-CRA, with so many rounds of PBKDF2.
    pub wampcra_iterations: Option<u32>,
}

/// What is kept of a password, beside its hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// For SCRAM.
    pub scram: Option<Verifier>,
    /// For WAMP-CRA. Sealed at rest.
    pub wampcra: Option<SharedKey>,
}

/// HMAC-SHA-256 over the parts, one behind the other.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!("HMAC takes a key of any length") };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn xor(one: &[u8; KEY_BYTES], other: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
    let mut out = *one;
    out.iter_mut().zip(other).for_each(|(slot, byte)| *slot ^= byte);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_keys_nor_channel_ids_are_printed() {
        assert_eq!(
            format!("{:?} {:?}", Key::new([1; 32]), ChannelId::new([1; 32])),
            "Key(redacted) ChannelId(redacted)"
        );
    }

    #[test]
    fn macs_as_rfc_4231_says() {
        let check = |key: &[u8], parts: &[&[u8]], want| {
            assert_eq!(data_encoding::HEXLOWER.encode(&hmac_sha256(key, parts)), want);
        };
        // Test cases 1 and 2; how the text is split doesn't matter.
        check(&[0x0b; 20], &[b"Hi There"], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        let jefe = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        check(b"Jefe", &[b"what do ya want ", b"for nothing?"], jefe);
    }
}
