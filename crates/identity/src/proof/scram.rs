//! SCRAM: client and server prove to each other that they know a password, which neither sends.
//!
//! Source: WAMP specification, advanced profile "Salted Challenge Response Authentication"; RFC 5802, RFC 7677 (its
//! vectors are tests below), RFC 9266 for `tls-exporter`. What is stored tells the password to nobody who doesn't guess
//! it, and can't be used to log in.
//!
//! There are two dialects. `wamp-scram` is the specification's. `scram` is what Crossbar and autobahn-python made of an
//! early draft: it names Argon2id otherwise, takes the base64 text of the salted password for the password's key,
//! binds to no channel, and expects the server's signature under another name.

use std::borrow::Cow;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::{BASE64, BASE64_NOPAD};
use pbkdf2::pbkdf2_hmac;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use stringprep::saslprep;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{ChannelId, KEY_BYTES, Key, hmac_sha256, xor};
use crate::Secret;

/// Length of a salt, in bytes.
pub const SALT_BYTES: usize = 16;
/// Random bytes of the server's part of a nonce.
pub const NONCE_BYTES: usize = 18;
/// Longest nonce of a client, in bytes of base64.
pub const CLIENT_NONCE_BYTES_MAX: usize = 128;

/// A key derivation function with its costs, which the client bears at each login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kdf {
    kind: KdfKind,
    iterations: u32,
    memory_kib: u32,
}

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KdfKind {
    /// Argon2id, version 1.3, one lane.
    Argon2id13,
    /// PBKDF2 with HMAC-SHA-256.
    Pbkdf2,
}

/// Costs out of range. The operator's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KdfError(&'static str);

impl KdfKind {
    /// The specification's name, which is also the one in storage.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2id13 => "argon2id13",
            Self::Pbkdf2 => "pbkdf2",
        }
    }

    /// The function with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Argon2id13, Self::Pbkdf2].into_iter().find(|kind| kind.name() == name)
    }
}

impl Kdf {
    /// Passes of Argon2id, unless set otherwise.
    pub const ARGON2_ITERATIONS_DEFAULT: u32 = 2;
    /// Memory of Argon2id in KiB, unless set otherwise (OWASP Password Storage Cheat Sheet).
    pub const ARGON2_MEMORY_KIB_DEFAULT: u32 = 19 * 1024;
    /// Rounds of PBKDF2, unless set otherwise (OWASP Password Storage Cheat Sheet).
    pub const PBKDF2_ITERATIONS_DEFAULT: u32 = 600_000;
    /// For tests.
    #[cfg(test)]
    pub(crate) const CHEAPEST: Self =
        Self { kind: KdfKind::Argon2id13, iterations: 1, memory_kib: Self::ARGON2_MEMORY_KIB_MIN };
    const ARGON2_ITERATIONS_MAX: u32 = 10_000;
    const ARGON2_MEMORY_KIB_MIN: u32 = 8;
    const ARGON2_MEMORY_KIB_MAX: u32 = 1024 * 1024;
    /// RFC 7677, section 4.
    const PBKDF2_ITERATIONS_MIN: u32 = 4_096;
    const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;

    /// Argon2id with so many passes over so much memory.
    ///
    /// # Errors
    ///
    /// [`KdfError`].
    pub fn argon2id13(iterations: u32, memory_kib: u32) -> Result<Self, KdfError> {
        if !(1..=Self::ARGON2_ITERATIONS_MAX).contains(&iterations) {
            return Err(KdfError("argon2id13 takes 1 to 10,000 iterations"));
        }
        if !(Self::ARGON2_MEMORY_KIB_MIN..=Self::ARGON2_MEMORY_KIB_MAX).contains(&memory_kib) {
            return Err(KdfError("argon2id13 takes 8 to 1,048,576 KiB of memory"));
        }
        Ok(Self { kind: KdfKind::Argon2id13, iterations, memory_kib })
    }

    /// PBKDF2 with so many rounds.
    ///
    /// # Errors
    ///
    /// [`KdfError`].
    pub fn pbkdf2(iterations: u32) -> Result<Self, KdfError> {
        if !(Self::PBKDF2_ITERATIONS_MIN..=Self::PBKDF2_ITERATIONS_MAX).contains(&iterations) {
            return Err(KdfError("pbkdf2 takes 4,096 to 10,000,000 iterations"));
        }
        Ok(Self { kind: KdfKind::Pbkdf2, iterations, memory_kib: 0 })
    }

    /// Which function.
    pub fn kind(self) -> KdfKind {
        self.kind
    }

    /// Its iterations.
    pub fn iterations(self) -> u32 {
        self.iterations
    }

    /// Its memory in KiB, where it takes any.
    pub fn memory_kib(self) -> Option<u32> {
        (self.kind == KdfKind::Argon2id13).then_some(self.memory_kib)
    }

    /// `SaltedPassword` of RFC 5802.
    fn salted(self, password: &Secret, salt: &[u8; SALT_BYTES]) -> Zeroizing<[u8; KEY_BYTES]> {
        let password = normalized(password);
        let mut out = Zeroizing::new([0; KEY_BYTES]);
        match self.kind {
            KdfKind::Pbkdf2 => pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, self.iterations, out.as_mut_slice()),
            KdfKind::Argon2id13 => {
                let hashed = Params::new(self.memory_kib, self.iterations, 1, Some(KEY_BYTES)).and_then(|params| {
                    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                        password.as_bytes(),
                        salt,
                        out.as_mut_slice(),
                    )
                });
                if let Err(error) = hashed {
                    unreachable!("costs, salt and length are within Argon2's bounds: {error}");
                }
            }
        }
        out
    }
}

impl Default for Kdf {
    fn default() -> Self {
        Self {
            kind: KdfKind::Argon2id13,
            iterations: Self::ARGON2_ITERATIONS_DEFAULT,
            memory_kib: Self::ARGON2_MEMORY_KIB_DEFAULT,
        }
    }
}

/// `SASLprep` (RFC 4013). What it prohibits, such as an unassigned character, is left as it is: a password that can be set
/// must work.
fn normalized(password: &Secret) -> Zeroizing<String> {
    let prepared = saslprep(password.expose()).map(Cow::into_owned);
    Zeroizing::new(prepared.unwrap_or_else(|_| password.expose().to_owned()))
}

/// What proofs are checked and answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// `StoredKey` of RFC 5802.
    pub stored: Key,
    /// `ServerKey` of RFC 5802.
    pub server: Key,
}

impl Keys {
    fn of(salted_password: &[u8]) -> Self {
        let client = Key::new(hmac_sha256(salted_password, &[b"Client Key"]));
        Self {
            stored: Key::new(Sha256::digest(client.expose()).into()),
            server: Key::new(hmac_sha256(salted_password, &[b"Server Key"])),
        }
    }
}

/// What the server keeps of a password for this method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    /// How the password was derived.
    pub kdf: Kdf,
    /// With which salt.
    pub salt: [u8; SALT_BYTES],
    /// For the specification's dialect.
    pub keys: Keys,
    /// For the other, where its key is another: of Argon2id.
    pub text_keys: Option<Keys>,
}

impl Verifier {
    /// Derives the verifier of a password with a fresh salt. Costs what `kdf` says.
    pub fn derive(password: &Secret, kdf: Kdf, rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        Self::with_salt(password, kdf, salt)
    }

    fn with_salt(password: &Secret, kdf: Kdf, salt: [u8; SALT_BYTES]) -> Self {
        let salted = kdf.salted(password, &salt);
        let text = Zeroizing::new(BASE64_NOPAD.encode(salted.as_slice()));
        let text_keys = (kdf.kind == KdfKind::Argon2id13).then(|| Keys::of(text.as_bytes()));
        Self { kdf, salt, keys: Keys::of(salted.as_slice()), text_keys }
    }

    /// What stands in for the verifier of somebody who has none: the same for the same `seed`, and right for no proof
    /// that anybody can compute.
    pub fn stand_in(seed: &[u8; KEY_BYTES], kdf: Kdf) -> Self {
        let mut salt = [0; SALT_BYTES];
        salt.iter_mut().zip(seed).for_each(|(slot, byte)| *slot = *byte);
        Self { kdf, salt, keys: Keys::of(&hmac_sha256(seed, &[b"stand-in"])), text_keys: None }
    }

    /// The salt as it stands in CHALLENGE: base64.
    pub fn salt_text(&self) -> String {
        BASE64.encode(&self.salt)
    }
}

/// Which of the two ways to write the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The specification's.
    Specification,
    /// Crossbar's and autobahn-python's.
    Crossbar,
}

impl Dialect {
    /// The name of the function in CHALLENGE.
    pub fn kdf_name(self, kdf: Kdf) -> &'static str {
        match (self, kdf.kind) {
            (Self::Crossbar, KdfKind::Argon2id13) => "argon2id-13",
            (_, kind) => kind.name(),
        }
    }
}

/// What the client asks for in HELLO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFirst {
    /// In which dialect.
    pub dialect: Dialect,
    /// `authid`, as it was sent.
    pub authid: String,
    /// `authextra.nonce`.
    pub nonce: String,
    /// The channel to which the client binds its proof.
    pub channel: Option<ChannelId>,
}

impl ClientFirst {
    /// Whether the nonce is base64 of a usable length.
    pub fn is_nonce(text: &str) -> bool {
        (1..=CLIENT_NONCE_BYTES_MAX).contains(&text.len()) && BASE64.decode(text.as_bytes()).is_ok()
    }
}

/// What the client answers in AUTHENTICATE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientFinal<'a> {
    /// The proof, in base64.
    pub proof: &'a str,
    /// `nonce`.
    pub nonce: Option<&'a str>,
    /// `channel_binding`.
    pub channel_binding: Option<&'a str>,
    /// `cbind_data`.
    pub cbind_data: Option<&'a str>,
}

/// Why a proof is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// It is wrong, or to another challenge.
    #[error("wrong proof")]
    Wrong,
    /// The client sees another channel than the server: somebody may stand between.
    #[error("bound to another channel")]
    Channel,
}

/// An exchange whose challenge was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    first: ClientFirst,
    nonce: String,
}

impl Exchange {
    /// Answers the client's first message.
    pub fn begin(first: ClientFirst, rng: &mut impl CryptoRng) -> Self {
        let mut own = [0; NONCE_BYTES];
        rng.fill_bytes(&mut own);
        let nonce = format!("{}{}", first.nonce, BASE64.encode(&own));
        Self { first, nonce }
    }

    /// `nonce` in CHALLENGE: the client's with the server's behind it.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// In which dialect it is held.
    pub fn dialect(&self) -> Dialect {
        self.first.dialect
    }

    /// Checks the client's proof; answers the server's own, in base64.
    ///
    /// # Errors
    ///
    /// [`ScramError`].
    pub fn verify(&self, verifier: &Verifier, answer: &ClientFinal<'_>) -> Result<String, ScramError> {
        self.check_channel(answer)?;
        if self.first.dialect == Dialect::Specification && answer.nonce != Some(self.nonce.as_str()) {
            return Err(ScramError::Wrong);
        }
        let keys = match (self.first.dialect, &verifier.text_keys) {
            (Dialect::Crossbar, Some(keys)) => keys,
            _ => &verifier.keys,
        };
        let message = self.auth_message(verifier);
        let proof = BASE64.decode(answer.proof.as_bytes()).ok().and_then(|proof| proof.try_into().ok());
        let proof: [u8; KEY_BYTES] = proof.ok_or(ScramError::Wrong)?;
        let client_signature = hmac_sha256(keys.stored.expose(), &[message.as_bytes()]);
        let client_key = Zeroizing::new(xor(&client_signature, &proof));
        if bool::from(Sha256::digest(client_key.as_slice()).as_slice().ct_eq(keys.stored.expose())) {
            Ok(BASE64.encode(&hmac_sha256(keys.server.expose(), &[message.as_bytes()])))
        } else {
            Err(ScramError::Wrong)
        }
    }

    fn check_channel(&self, answer: &ClientFinal<'_>) -> Result<(), ScramError> {
        let data = answer.cbind_data.map(|data| BASE64.decode(data.as_bytes()));
        match (&self.first.channel, answer.channel_binding, data) {
            (None, None, None) => Ok(()),
            (Some(channel), Some(ChannelId::KIND), Some(Ok(data))) if data == channel.as_bytes() => Ok(()),
            _ => Err(ScramError::Channel),
        }
    }

    /// `AuthMessage` of RFC 5802.
    fn auth_message(&self, verifier: &Verifier) -> String {
        let ClientFirst { dialect, authid, nonce, channel } = &self.first;
        let (name, binding) = match dialect {
            Dialect::Specification => (escaped(authid), BASE64.encode(&binding_input(channel.as_ref()))),
            Dialect::Crossbar => (authid.clone(), String::new()),
        };
        let (salt, iterations) = (verifier.salt_text(), verifier.kdf.iterations);
        format!("n={name},r={nonce},r={0},s={salt},i={iterations},c={binding},r={0}", self.nonce)
    }
}

fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// `CBindInput`: the header of RFC 5802, section 7, and the channel's data.
fn binding_input(channel: Option<&ChannelId>) -> Vec<u8> {
    match channel {
        None => b"n,,".to_vec(),
        Some(channel) => [b"p=", ChannelId::KIND.as_bytes(), b",,", channel.as_bytes()].concat(),
    }
}

#[cfg(test)]
#[path = "scram_tests.rs"]
mod tests;
