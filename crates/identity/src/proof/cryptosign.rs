//! WAMP-Cryptosign: the client signs random bytes with its private key.
//!
//! Source: WAMP specification, advanced profile "Cryptosign-based Authentication" (Ed25519, RFC 8032), client
//! authentication and channel binding. Signatures are verified strictly: one key, one message, one signature.
//!
//! **Absent on purpose:** router authentication, certificates and trust roots.

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{SIGNATURE_LENGTH, Signature, VerifyingKey};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::{ChannelId, KEY_BYTES, xor};

/// A client's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not 64 hexadecimal digits.
    #[error("a public key is 64 hexadecimal digits (32 bytes)")]
    Form,
    /// No point of the curve, or one for which signatures can be made without the private key.
    #[error("these bytes are no Ed25519 public key that can be used")]
    Unusable,
}

impl PublicKey {
    /// Reads a key in hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`PublicKeyError`].
    pub fn parse(hex: &str) -> Result<Self, PublicKeyError> {
        Self::from_bytes(&decoded(hex).ok_or(PublicKeyError::Form)?)
    }

    /// The key with these bytes.
    ///
    /// # Errors
    ///
    /// [`PublicKeyError::Unusable`].
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError::Unusable)?;
        if key.is_weak() { Err(PublicKeyError::Unusable) } else { Ok(Self(key)) }
    }

    /// The bytes, for storage.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.as_bytes()
    }

    /// The bytes in hexadecimal digits.
    pub fn to_hex(self) -> String {
        HEXLOWER.encode(self.as_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// Random bytes to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge([u8; KEY_BYTES]);

impl Challenge {
    /// Fresh ones.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; KEY_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// `challenge` in CHALLENGE.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Whether `answer` is the signature of this challenge, bound to the channel if there is one, followed by what was
    /// signed: 96 bytes in hexadecimal digits.
    pub fn verify(&self, key: PublicKey, channel: Option<&ChannelId>, answer: &str) -> bool {
        let message = channel.map_or(self.0, |channel| xor(&self.0, channel.as_bytes()));
        let Some(answer) = decoded::<{ SIGNATURE_LENGTH + KEY_BYTES }>(answer) else { return false };
        let Some((signature, signed)) = answer.split_first_chunk::<SIGNATURE_LENGTH>() else { return false };
        bool::from(signed.ct_eq(&message)) && key.0.verify_strict(&message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// So many bytes in hexadecimal digits.
fn decoded<const N: usize>(hex: &str) -> Option<[u8; N]> {
    // Checked before anything is allocated.
    if hex.len() != 2 * N {
        return None;
    }
    HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;
    use crate::testing::TestRng;

    const CHANNEL: &str = "62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff";

    /// The vectors of the chapter: private key, challenge, whether bound to [`CHANNEL`], answer.
    const VECTORS: [(&str, &str, bool, &str); 6] = [
        (
            "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            false,
            "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0cae80a357331bfc5cc9fb71081464e6e7\
             5013517c2cf067ad566a6b7b728e5d03ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ),
        (
            "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
            "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            false,
            "d4209ad10d5aff6bfbc009d7e924795de138a63515efc7afc6b01b7fe5201372190374886a70207b042294af5bd64ce7\
             25cd8dceb344e6d11c09d1aaaf4d660fb26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
        ),
        (
            "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b",
            "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            false,
            "7beb282184baadd08f166f16dd683b39cab53816ed81e6955def951cb2ddad1ec184e206746fd82bda075af03711d3d5\
             658fc84a76196b0fa8d1ebc92ef9f30bb05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
        ),
        (
            "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            true,
            "9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3e80d49d44c29d1635da9348d02ec93f3\
             ed1ef227dfb59a07b580095c2b82f80f9d16ca518aa0c2b707f2b2a609edeca73bca8dd59817a633f35574ac6fd80d00",
        ),
        (
            "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
            "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            true,
            "305aaa3ac25e98f651427688b3fc43fe7d8a68a7ec1d7d61c61517c519bd4a427c3015599d83ca28b4c6523339202238\
             44ef0725eb5dc2febfd6af7677b73f01d0852a29b460fc92ec943242ac638a053bbacc200512b18b30d15083cbdc9282",
        ),
        (
            "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b",
            "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            true,
            "ee3c7644fd8070532bc1fde3d70d742267da545d8c8f03e63bda63f1ad4214f4d2c4bfdb4eb9526def42deeb7e31602a\
             6ff99eba893e0a4ad4d45892ca75e608d2b75e24a189a7f78ca776ba36fc53f6c3e31c32f251f2c524f0a44202f2902d",
        ),
    ];

    fn bytes(hex: &str) -> [u8; 32] {
        decoded(hex).unwrap()
    }

    fn public(private: &str) -> PublicKey {
        PublicKey::from_bytes(SigningKey::from_bytes(&bytes(private)).verifying_key().as_bytes()).unwrap()
    }

    #[test]
    fn takes_the_specifications_vectors_and_nothing_near_them() {
        let (channel, other) = (ChannelId::new(bytes(CHANNEL)), ChannelId::new([7; 32]));
        for (private, challenge, is_bound, answer) in VECTORS {
            let (key, challenge) = (public(private), Challenge(bytes(challenge)));
            let channel = is_bound.then_some(&channel);
            let check = |challenge: &Challenge, channel, answer: &str, want| {
                assert_eq!(challenge.verify(key, channel, answer), want, "{challenge:?} {channel:?} {answer}");
            };
            check(&challenge, channel, answer, true);
            check(&challenge, channel, &answer.to_uppercase(), true);
            check(&challenge, Some(&other), answer, false);
            check(&challenge, if is_bound { None } else { Some(&other) }, answer, false);
            check(&Challenge([9; 32]), channel, answer, false);
            for broken in ["", &answer[..191], &answer[..128], &format!("{answer}0"), &answer.replace('a', "g")] {
                check(&challenge, channel, broken, false);
            }
            let flipped = if answer.starts_with('0') { "1" } else { "0" };
            check(&challenge, channel, &format!("{flipped}{}", &answer[1..]), false);
        }
    }

    #[test]
    fn takes_no_signature_of_another_key() {
        let rng = &mut TestRng(1);
        let challenge = Challenge::generate(rng);
        let mine = SigningKey::from_bytes(&[1; 32]);
        let answer = HEXLOWER.encode(&[&mine.sign(&challenge.0).to_bytes()[..], &challenge.0].concat());
        let key =
            |bytes: [u8; 32]| PublicKey::from_bytes(SigningKey::from_bytes(&bytes).verifying_key().as_bytes()).unwrap();
        assert!(challenge.verify(key([1; 32]), None, &answer));
        assert!(!challenge.verify(key([2; 32]), None, &answer));
        assert!(!Challenge::generate(rng).verify(key([1; 32]), None, &answer));
    }

    #[test]
    fn reads_a_key_in_hexadecimal_digits_only() {
        let hex = public(VECTORS[0].0).to_hex();
        assert_eq!(PublicKey::parse(&hex).unwrap().to_hex(), hex);
        assert_eq!(PublicKey::parse(&hex.to_uppercase()).unwrap().to_hex(), hex);
        for text in ["", "00", &hex[..63], &format!("{hex}0"), &hex.replace(&hex[..1], "x")] {
            assert_eq!(PublicKey::parse(text).err(), Some(PublicKeyError::Form), "{text}");
        }
    }

    /// The neutral element, a point of order two, and bytes that are no point.
    #[test]
    fn refuses_keys_for_which_anybody_can_sign() {
        let neutral = format!("01{}", "00".repeat(31));
        let order_two = format!("ec{}7f", "ff".repeat(30));
        let no_point = format!("02{}", "00".repeat(31));
        for hex in [neutral, order_two, no_point] {
            assert_eq!(PublicKey::parse(&hex).err(), Some(PublicKeyError::Unusable), "{hex}");
        }
    }
}
