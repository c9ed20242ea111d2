//! The client's part of the proofs, written from the specification alone, so that the server's part is not checked by
//! itself.

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::proof::ChannelId;
use crate::proof::cryptosign::PublicKey;
use crate::proof::scram::{ClientFirst, Dialect, Kdf, KdfKind, Verifier};

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().into()
}

fn xor(one: [u8; 32], other: [u8; 32]) -> [u8; 32] {
    std::array::from_fn(|index| one[index] ^ other[index])
}

fn salted(password: &str, kdf: Kdf, salt: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    match kdf.kind() {
        KdfKind::Pbkdf2 => pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, kdf.iterations(), &mut out),
        KdfKind::Argon2id13 => {
            let params = Params::new(kdf.memory_kib().unwrap(), kdf.iterations(), 1, Some(32)).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_into(password.as_bytes(), salt, &mut out).unwrap();
        }
    }
    out
}

/// `ClientProof` in base64.
pub fn scram(password: &str, first: &ClientFirst, nonce: &str, verifier: &Verifier) -> String {
    let salted = salted(password, verifier.kdf, &verifier.salt);
    let (key, binding) = match (first.dialect, &first.channel) {
        (Dialect::Crossbar, _) => (BASE64_NOPAD.encode(&salted).into_bytes(), String::new()),
        (Dialect::Specification, None) => (salted.to_vec(), "biws".into()),
        (Dialect::Specification, Some(channel)) => {
            (salted.to_vec(), BASE64.encode(&[b"p=tls-exporter,,", channel.as_bytes().as_slice()].concat()))
        }
    };
    let (salt, iterations) = (BASE64.encode(&verifier.salt), verifier.kdf.iterations());
    let first_bare = format!("n={},r={}", first.authid, first.nonce);
    let message = format!("{first_bare},r={nonce},s={salt},i={iterations},c={binding},r={nonce}");
    let client_key = hmac(&key, "Client Key");
    BASE64.encode(&xor(client_key, hmac(&Sha256::digest(client_key), &message)))
}

/// The signature of a WAMP-CRA challenge in base64.
pub fn wampcra(password: &str, salt: &str, iterations: u32, text: &str) -> String {
    let mut derived = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt.as_bytes(), iterations, &mut derived);
    BASE64.encode(&hmac(BASE64.encode(&derived).as_bytes(), text))
}

/// The private key of a test's client.
pub fn private_key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// Its public key.
pub fn public_key(number: u8) -> PublicKey {
    PublicKey::from_bytes(private_key(number).verifying_key().as_bytes()).unwrap()
}

/// Signature and message of a Cryptosign challenge in hexadecimal digits.
pub fn cryptosign(number: u8, challenge: &str, channel: Option<&ChannelId>) -> String {
    let challenge: [u8; 32] = HEXLOWER.decode(challenge.as_bytes()).unwrap().try_into().unwrap();
    let message = channel.map_or(challenge, |channel| xor(challenge, *channel.as_bytes()));
    HEXLOWER.encode(&[&private_key(number).sign(&message).to_bytes()[..], &message].concat())
}
