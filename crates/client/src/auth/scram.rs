//! SCRAM: both sides prove that they know a password, which neither sends.
//!
//! Source: the WAMP specification, advanced profile "Salted Challenge Response Authentication";
//! RFC 5802, RFC 7677 (its vector is a test below), RFC 9266 for `tls-exporter`.
//!
//! Crossbar and autobahn-python speak a dialect, `scram`: it names Argon2id otherwise, takes the
//! base64 text of what Argon2id derives for the key, binds to no channel, does not escape names, and
//! has the server's proof under another name.

use argon2::{Algorithm, Argon2, Params, Version};
use countersign_wamp::{Dict, Signature, Value};
use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest as _, Sha256};
use stringprep::saslprep;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    Answering, AuthError, Authenticator, ChallengeAnswer, Channel, Greeting, TLS_EXPORTER, blocking, hmac_sha256,
    number, text, xor,
};

/// Random bytes of the nonce.
const NONCE_BYTES: usize = 18;
/// Longest nonce and salt of a server, in bytes of base64.
const TEXT_BYTES_MAX: usize = 1024;
/// Fewest rounds of PBKDF2 (RFC 7677, section 4).
const PBKDF2_ITERATIONS_MIN: u32 = 4_096;
/// Most rounds of PBKDF2 that a server may ask for.
const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;
/// Least work of Argon2id: its memory in KiB, as often as it passes over it.
const ARGON2_WORK_KIB_MIN: u64 = 8 * 1024;
/// Most memory of Argon2id, in KiB.
const ARGON2_MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// Most work of Argon2id, as [`ARGON2_WORK_KIB_MIN`].
const ARGON2_WORK_KIB_MAX: u64 = 64 * 1024 * 1024;

/// Which of the two ways to write the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The specification's, bound to the TLS connection or not.
    Specification { is_bound: bool },
    /// Crossbar's and autobahn-python's.
    Crossbar,
}

pub(super) struct Scram {
    dialect: Dialect,
    authid: String,
    password: Signature,
    nonce: String,
    channel: Option<[u8; 32]>,
    /// What the server has to prove, once it was asked to.
    verifier: Option<[u8; 32]>,
}

/// How the server wants the password derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kdf {
    Pbkdf2 { iterations: u32 },
    Argon2id13 { iterations: u32, memory_kib: u32 },
}

impl Kdf {
    fn read(extra: &Dict) -> Result<Self, AuthError> {
        let out_of_range = AuthError::Challenge("iterations or memory are out of range");
        let iterations = number(extra, "iterations").ok_or(out_of_range.clone())?;
        match text(extra, "kdf") {
            Some("pbkdf2") => match iterations {
                0..PBKDF2_ITERATIONS_MIN => Err(AuthError::TooCheap),
                PBKDF2_ITERATIONS_MIN..=PBKDF2_ITERATIONS_MAX => Ok(Self::Pbkdf2 { iterations }),
                _ => Err(out_of_range),
            },
            Some("argon2id13" | "argon2id-13") => {
                let memory_kib = number(extra, "memory").ok_or(out_of_range.clone())?;
                match u64::from(iterations) * u64::from(memory_kib) {
                    0..ARGON2_WORK_KIB_MIN => Err(AuthError::TooCheap),
                    ARGON2_WORK_KIB_MIN..=ARGON2_WORK_KIB_MAX if memory_kib <= ARGON2_MEMORY_KIB_MAX => {
                        Ok(Self::Argon2id13 { iterations, memory_kib })
                    }
                    _ => Err(out_of_range),
                }
            }
            _ => Err(AuthError::Challenge("its kdf is neither argon2id13 nor pbkdf2")),
        }
    }

    fn iterations(self) -> u32 {
        match self {
            Self::Pbkdf2 { iterations } | Self::Argon2id13 { iterations, .. } => iterations,
        }
    }

    /// What the keys are made of: `SaltedPassword`, or in the dialect its text.
    fn key(self, dialect: Dialect, password: &Signature, salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, AuthError> {
        let salted = self.salted(password, salt)?;
        Ok(match (self, dialect) {
            (Self::Argon2id13 { .. }, Dialect::Crossbar) => {
                Zeroizing::new(BASE64_NOPAD.encode(salted.as_slice()).into_bytes())
            }
            _ => Zeroizing::new(salted.to_vec()),
        })
    }

    /// `SaltedPassword`.
    fn salted(self, password: &Signature, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, AuthError> {
        // What SASLprep prohibits is left as it is: a password that could be set must work.
        let prepared = Zeroizing::new(
            saslprep(password.expose()).map_or_else(|_| password.expose().to_owned(), std::borrow::Cow::into_owned),
        );
        let mut salted = Zeroizing::new([0; 32]);
        match self {
            Self::Pbkdf2 { iterations } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(prepared.as_bytes(), salt, iterations, salted.as_mut_slice());
            }
            Self::Argon2id13 { iterations, memory_kib } => {
                let params = Params::new(memory_kib, iterations, 1, Some(32));
                let hashed = params.and_then(|params| {
                    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                    argon2.hash_password_into(prepared.as_bytes(), salt, salted.as_mut_slice())
                });
                hashed.map_err(|_| AuthError::Challenge("its salt, iterations or memory are out of range"))?;
            }
        }
        Ok(salted)
    }
}

/// The client's proof and the one that the server is to give.
fn prove(salted: &[u8], auth_message: &str) -> ([u8; 32], [u8; 32]) {
    let client_key = Zeroizing::new(hmac_sha256(salted, b"Client Key"));
    let stored_key: [u8; 32] = Sha256::digest(client_key.as_slice()).into();
    let proof = xor(*client_key, &hmac_sha256(&stored_key, auth_message.as_bytes()));
    let server_key = Zeroizing::new(hmac_sha256(salted, b"Server Key"));
    (proof, hmac_sha256(server_key.as_slice(), auth_message.as_bytes()))
}

impl Scram {
    pub(super) fn new(dialect: Dialect, authid: String, password: Signature) -> Self {
        Self { dialect, authid, password, nonce: String::new(), channel: None, verifier: None }
    }

    async fn answer(&mut self, extra: &Dict) -> Result<ChallengeAnswer, AuthError> {
        if self.verifier.is_some() {
            return Err(AuthError::Challenge("it was answered already"));
        }
        let nonce = text(extra, "nonce").filter(|nonce| nonce.len() <= TEXT_BYTES_MAX);
        let nonce = nonce.filter(|nonce| nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce));
        let nonce = nonce.ok_or(AuthError::Challenge("its nonce does not begin with ours"))?;
        let salt_text = text(extra, "salt").filter(|salt| salt.len() <= TEXT_BYTES_MAX).unwrap_or_default();
        let salt = BASE64.decode(salt_text.as_bytes()).ok().filter(|salt| !salt.is_empty());
        let salt = salt.ok_or(AuthError::Challenge("its salt is not base64"))?;
        let (kdf, dialect, password) = (Kdf::read(extra)?, self.dialect, self.password.clone());
        let salted = blocking(move || kdf.key(dialect, &password, &salt)).await??;
        let (proof, verifier) = prove(&salted, &self.auth_message(nonce, salt_text, kdf.iterations()));
        self.verifier = Some(verifier);
        let data = self.channel.map(|channel| Value::from(BASE64.encode(&channel)));
        let extra = Dict::new()
            .with("nonce", nonce)
            .with("channel_binding", self.channel.map(|_| TLS_EXPORTER))
            .with("cbind_data", data.unwrap_or(Value::Null));
        Ok(ChallengeAnswer { signature: Signature::new(BASE64.encode(&proof)), extra })
    }

    /// `AuthMessage`.
    fn auth_message(&self, nonce: &str, salt: &str, iterations: u32) -> String {
        let escaped = || self.authid.replace('=', "=3D").replace(',', "=2C");
        let (name, binding) = match (self.dialect, &self.channel) {
            (Dialect::Crossbar, _) => (self.authid.clone(), String::new()),
            (_, None) => (escaped(), BASE64.encode(b"n,,")),
            (_, Some(channel)) => {
                (escaped(), BASE64.encode(&[b"p=", TLS_EXPORTER.as_bytes(), b",,", channel].concat()))
            }
        };
        format!("n={name},r={},r={nonce},s={salt},i={iterations},c={binding},r={nonce}", self.nonce)
    }
}

impl Authenticator for Scram {
    fn methods(&self) -> Vec<String> {
        vec![if self.dialect == Dialect::Crossbar { "scram" } else { "wamp-scram" }.to_owned()]
    }

    fn greet(&mut self, channel: &Channel) -> Result<Greeting, AuthError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| AuthError::Local(error.to_string()))?;
        self.nonce = BASE64.encode(&nonce);
        if self.dialect == (Dialect::Specification { is_bound: true }) {
            self.channel = Some(channel.tls_exporter.ok_or(AuthError::NotBound)?);
        }
        let authextra =
            Dict::new().with("nonce", self.nonce.as_str()).with("channel_binding", self.channel.map(|_| TLS_EXPORTER));
        Ok(Greeting { authid: Some(self.authid.clone()), authextra })
    }

    fn on_challenge<'a>(&'a mut self, _: &'a str, extra: &'a Dict) -> Answering<'a> {
        Box::pin(self.answer(extra))
    }

    fn on_welcome(&mut self, details: &Dict) -> Result<(), AuthError> {
        // Without its challenge the server proved nothing.
        let want = self.verifier.ok_or(AuthError::Server)?;
        let extra = details.get("authextra").and_then(Value::as_dict);
        let name = if self.dialect == Dialect::Crossbar { "scram_server_signature" } else { "verifier" };
        let proof = extra.and_then(|extra| text(extra, name)).unwrap_or_default();
        // The specification's example has the attribute's name of RFC 5802 before it.
        let proof = BASE64.decode(proof.strip_prefix("v=").unwrap_or(proof).as_bytes()).unwrap_or_default();
        if bool::from(proof.ct_eq(&want)) { Ok(()) } else { Err(AuthError::Server) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3.
    const PASSWORD: &str = "pencil";
    const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
    const PROOF: &str = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const VERIFIER: &str = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn scram(authid: &str, is_bound: bool) -> Scram {
        Scram::new(Dialect::Specification { is_bound }, authid.into(), Signature::new(PASSWORD))
    }

    fn exchange() -> Scram {
        let mut exchange = scram("user", false);
        exchange.nonce = CLIENT_NONCE.into();
        exchange
    }

    fn challenge() -> Dict {
        Dict::new().with("nonce", NONCE).with("salt", SALT).with("kdf", "pbkdf2").with("iterations", 4096_u64)
    }

    fn changed(name: &str, value: impl Into<Value>) -> Dict {
        let kept: Dict = challenge().into_iter().filter(|(key, _)| key != name).collect();
        kept.with(name, value)
    }

    fn welcome(verifier: &str) -> Dict {
        Dict::new().with("authextra", Dict::new().with("verifier", verifier))
    }

    #[tokio::test]
    async fn answers_the_vector_of_rfc_7677_and_takes_its_verifier() {
        let mut exchange = exchange();
        let answer = exchange.answer(&challenge()).await.unwrap();
        assert_eq!(answer.signature.expose(), PROOF);
        let extra = Dict::new().with("nonce", NONCE).with("channel_binding", Value::Null);
        assert_eq!(answer.extra, extra.with("cbind_data", Value::Null));
        assert_eq!(exchange.on_welcome(&welcome(VERIFIER)), Ok(()));
        assert_eq!(exchange.on_welcome(&welcome(&format!("v={VERIFIER}"))), Ok(()));
        for wrong in [welcome(PROOF), welcome(""), welcome(&VERIFIER[1..]), Dict::new()] {
            assert_eq!(exchange.on_welcome(&wrong), Err(AuthError::Server), "{wrong:?}");
        }
        assert!(matches!(exchange.answer(&challenge()).await, Err(AuthError::Challenge(_))));
    }

    #[tokio::test]
    async fn derives_with_argon2_and_binds_to_the_channel() {
        let mut exchange = exchange();
        exchange.channel = Some([7; 32]);
        let extra = changed("kdf", "argon2id13").with("memory", 4096_u64);
        let extra: Dict = extra.into_iter().filter(|(key, _)| key != "iterations").collect();
        let answer = exchange.answer(&extra.with("iterations", 2_u64)).await.unwrap();
        assert_eq!(answer.extra.get("channel_binding"), Some(&Value::from("tls-exporter")));
        assert_eq!(answer.extra.get("cbind_data"), Some(&Value::from(BASE64.encode(&[7; 32]))));
        let salted = Kdf::Argon2id13 { iterations: 2, memory_kib: 4096 };
        let salted = salted.salted(&Signature::new(PASSWORD), &BASE64.decode(SALT.as_bytes()).unwrap()).unwrap();
        let binding = BASE64.encode(&[&b"p=tls-exporter,,"[..], &[7; 32]].concat());
        let message = format!("n=user,r={CLIENT_NONCE},r={NONCE},s={SALT},i=2,c={binding},r={NONCE}");
        let (proof, verifier) = prove(salted.as_slice(), &message);
        assert_eq!(answer.signature.expose(), BASE64.encode(&proof));
        assert_eq!(exchange.on_welcome(&welcome(&BASE64.encode(&verifier))), Ok(()));
    }

    #[tokio::test]
    async fn in_the_dialect_the_key_is_a_text_and_the_proof_has_another_name() {
        let exchange = || {
            let mut exchange = Scram::new(Dialect::Crossbar, "a=b".into(), Signature::new(PASSWORD));
            exchange.nonce = CLIENT_NONCE.into();
            exchange
        };
        assert_eq!(exchange().methods(), ["scram"]);
        let argon2: Dict = changed("kdf", "argon2id-13").into_iter().filter(|(key, _)| key != "iterations").collect();
        let salt = BASE64.decode(SALT.as_bytes()).unwrap();
        let message = |iterations| format!("n=a=b,r={CLIENT_NONCE},r={NONCE},s={SALT},i={iterations},c=,r={NONCE}");
        for (extra, kdf) in [
            (
                argon2.with("iterations", 2_u64).with("memory", 4096_u64),
                Kdf::Argon2id13 { iterations: 2, memory_kib: 4096 },
            ),
            (challenge(), Kdf::Pbkdf2 { iterations: 4096 }),
        ] {
            let mut exchange = exchange();
            let answer = exchange.answer(&extra).await.unwrap();
            let salted = kdf.salted(&Signature::new(PASSWORD), &salt).unwrap();
            let text = BASE64_NOPAD.encode(salted.as_slice());
            let key = if matches!(kdf, Kdf::Pbkdf2 { .. }) { salted.as_slice() } else { text.as_bytes() };
            let (proof, verifier) = prove(key, &message(kdf.iterations()));
            assert_eq!(answer.signature.expose(), BASE64.encode(&proof));
            let named = |name: &str| Dict::new().with("authextra", Dict::new().with(name, BASE64.encode(&verifier)));
            assert_eq!(exchange.on_welcome(&named("scram_server_signature")), Ok(()));
            assert_eq!(exchange.on_welcome(&named("verifier")), Err(AuthError::Server));
        }
    }

    #[tokio::test]
    async fn refuses_challenges_that_are_none_and_such_that_protect_nothing() {
        let check = async |extra: Dict, want: AuthError| {
            let got = exchange().answer(&extra).await.err();
            assert_eq!(std::mem::discriminant(&got.unwrap()), std::mem::discriminant(&want), "{extra:?}");
        };
        let unusable = || AuthError::Challenge("");
        check(Dict::new(), unusable()).await;
        check(changed("nonce", CLIENT_NONCE), unusable()).await;
        check(changed("nonce", "other"), unusable()).await;
        check(changed("nonce", format!("{CLIENT_NONCE}{}", "x".repeat(1024))), unusable()).await;
        check(changed("salt", ""), unusable()).await;
        check(changed("salt", "?"), unusable()).await;
        check(changed("kdf", "md5"), unusable()).await;
        check(changed("iterations", 4095_u64), AuthError::TooCheap).await;
        check(changed("iterations", 10_000_001_u64), unusable()).await;
        check(changed("iterations", "many"), unusable()).await;
        let argon2 = |iterations: u64, memory: u64| {
            let extra: Dict = changed("kdf", "argon2id13").into_iter().filter(|(key, _)| key != "iterations").collect();
            extra.with("iterations", iterations).with("memory", memory)
        };
        check(argon2(1, 8191), AuthError::TooCheap).await;
        check(argon2(1, 1024 * 1024 + 1), unusable()).await;
        check(argon2(65, 1024 * 1024), unusable()).await;
        check(changed("kdf", "argon2id13"), unusable()).await;
    }

    #[test]
    fn names_are_escaped_and_nonces_are_fresh() {
        let mut one = scram("a=b,c", false);
        let greeting = one.greet(&Channel::default()).unwrap();
        assert_eq!(greeting.authextra.get("nonce"), Some(&Value::from(one.nonce.as_str())));
        assert!(one.auth_message("n", "s", 1).starts_with("n=a=3Db=2Cc,"));
        let mut other = scram("a", false);
        other.greet(&Channel::default()).unwrap();
        assert_ne!(one.nonce, other.nonce);
        let mut bound = scram("a", true);
        assert_eq!(bound.greet(&Channel::default()).err(), Some(AuthError::NotBound));
        let channel = Channel { tls_exporter: Some([0; 32]) };
        assert_eq!(bound.greet(&channel).unwrap().authextra.get("channel_binding"), Some(&"tls-exporter".into()));
    }
}
