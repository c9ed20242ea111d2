//! Cryptosign: a signature by a private key.
//!
//! Source: the WAMP specification, advanced profile "Cryptosign-based Authentication"; RFC 8032.

use std::fmt;

use countersign_wamp::Dict;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{Signer as _, SigningKey};

use super::{Answering, AuthError, Authenticator, Channel, Greeting, text, xor};

/// An Ed25519 private key. Wiped on drop, never printed.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// From its 32 bytes (the seed of RFC 8032).
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// From 64 hexadecimal digits; `None` for anything else.
    pub fn from_hex(hex: &str) -> Option<Self> {
        Some(Self::from_bytes(&decoded(hex)?))
    }

    /// The public key in hexadecimal digits, for the server.
    pub fn public_key(&self) -> String {
        HEXLOWER.encode(self.0.verifying_key().as_bytes())
    }

    /// Signature and message in hexadecimal digits.
    fn sign(&self, challenge: [u8; 32], channel: Option<&[u8; 32]>) -> String {
        let message = channel.map_or(challenge, |channel| xor(challenge, channel));
        HEXLOWER.encode(&[&self.0.sign(&message).to_bytes()[..], &message].concat())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

fn decoded(hex: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()
}

pub(super) struct Cryptosign {
    authid: Option<String>,
    key: PrivateKey,
    is_bound: bool,
    channel: Option<[u8; 32]>,
}

impl Cryptosign {
    pub(super) fn new(authid: Option<String>, key: PrivateKey, is_bound: bool) -> Self {
        Self { authid, key, is_bound, channel: None }
    }

    fn answer(&self, extra: &Dict) -> Result<String, AuthError> {
        let challenge = text(extra, "challenge").and_then(decoded);
        let challenge = challenge.ok_or(AuthError::Challenge("it is not 32 bytes in hexadecimal digits"))?;
        if text(extra, "channel_binding") != self.channel.map(|_| super::TLS_EXPORTER) {
            return Err(AuthError::NotBound);
        }
        Ok(self.key.sign(challenge, self.channel.as_ref()))
    }
}

impl Authenticator for Cryptosign {
    fn methods(&self) -> Vec<String> {
        vec!["cryptosign".to_owned()]
    }

    fn greet(&mut self, channel: &Channel) -> Result<Greeting, AuthError> {
        let mut authextra = Dict::new().with("pubkey", self.key.public_key());
        if self.is_bound {
            self.channel = Some(channel.tls_exporter.ok_or(AuthError::NotBound)?);
            authextra.push("channel_binding", super::TLS_EXPORTER);
        }
        Ok(Greeting { authid: self.authid.clone(), authextra })
    }

    fn on_challenge<'a>(&'a mut self, _: &'a str, extra: &'a Dict) -> Answering<'a> {
        Box::pin(async { self.answer(extra).map(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn exchange(key: &str, is_bound: bool) -> (Cryptosign, Greeting) {
        let mut exchange = Cryptosign::new(None, PrivateKey::from_hex(key).unwrap(), is_bound);
        let greeting = exchange.greet(&Channel { tls_exporter: decoded(CHANNEL) }).unwrap();
        (exchange, greeting)
    }

    fn challenge(challenge: &str, is_bound: bool) -> Dict {
        let extra = Dict::new().with("challenge", challenge);
        if is_bound { extra.with("channel_binding", "tls-exporter") } else { extra }
    }

    #[test]
    fn signs_as_the_vectors_of_the_specification() {
        for (key, bytes, is_bound, want) in VECTORS {
            let (exchange, _) = exchange(key, is_bound);
            assert_eq!(exchange.answer(&challenge(bytes, is_bound)).as_deref(), Ok(want));
        }
    }

    #[test]
    fn says_its_public_key_and_whether_it_binds() {
        let (_, plain) = exchange(VECTORS[0].0, false);
        // RFC 8032 is checked by the vectors; here that HELLO names the same key.
        let public = PrivateKey::from_hex(VECTORS[0].0).unwrap().public_key();
        assert_eq!(plain.authextra, Dict::new().with("pubkey", public.as_str()));
        let (_, bound) = exchange(VECTORS[0].0, true);
        assert_eq!(bound.authextra, Dict::new().with("pubkey", public).with("channel_binding", "tls-exporter"));
    }

    #[test]
    fn signs_nothing_that_is_bound_otherwise_than_asked() {
        let bytes = VECTORS[0].1;
        for is_bound in [false, true] {
            let (exchange, _) = exchange(VECTORS[0].0, is_bound);
            assert_eq!(exchange.answer(&challenge(bytes, !is_bound)), Err(AuthError::NotBound));
        }
        let mut unbound = Cryptosign::new(None, PrivateKey::from_hex(VECTORS[0].0).unwrap(), true);
        assert_eq!(unbound.greet(&Channel::default()).err(), Some(AuthError::NotBound));
        for broken in ["", "ff", &bytes[2..], &format!("{bytes}00"), &bytes.replace('f', "g")] {
            let (exchange, _) = exchange(VECTORS[0].0, false);
            assert!(matches!(exchange.answer(&challenge(broken, false)), Err(AuthError::Challenge(_))), "{broken}");
        }
    }

    #[test]
    fn keys_are_32_bytes() {
        for broken in ["", "00", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert!(PrivateKey::from_hex(broken).is_none(), "{broken}");
        }
        assert!(PrivateKey::from_hex(&VECTORS[0].0.to_uppercase()).is_some());
        assert_eq!(format!("{:?}", PrivateKey::from_bytes(&[1; 32])), "PrivateKey(redacted)");
    }
}
