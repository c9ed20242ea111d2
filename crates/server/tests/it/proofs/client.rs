//! A client of the challenge-response methods, written from the specification alone.

use argon2::{Algorithm, Argon2, Params, Version};
use countersign_client::{Dict, Id, Message, RawConnection, Value};
use countersign_wamp::Signature;
use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::support::{ANSWER_DEADLINE, REALM, text};

/// The client's nonce; any will do here.
const NONCE: &str = "egVDf3DMJh0=";

/// How somebody tries to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Wampcra,
    WampScram,
    Scram,
    Cryptosign,
}

/// Who tries. The channel is what the client believes its TLS connection to be.
#[derive(Debug, Clone, Copy)]
pub struct Prover<'a> {
    pub method: Method,
    pub login: &'a str,
    pub password: &'a str,
    /// Number of the private key.
    pub key: u8,
    pub channel: Option<[u8; 32]>,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Welcome(Id, Dict),
    Aborted { reason: String, message: String },
}

impl Method {
    pub const ALL: [Self; 4] = [Self::Wampcra, Self::WampScram, Self::Scram, Self::Cryptosign];

    pub fn name(self) -> &'static str {
        match self {
            Self::Wampcra => "wampcra",
            Self::WampScram => "wamp-scram",
            Self::Scram => "scram",
            Self::Cryptosign => "cryptosign",
        }
    }
}

fn private_key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// The public key of this number, in hexadecimal digits.
pub fn public_key(number: u8) -> String {
    HEXLOWER.encode(private_key(number).verifying_key().as_bytes())
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().into()
}

fn xor(one: [u8; 32], other: [u8; 32]) -> [u8; 32] {
    std::array::from_fn(|index| one[index] ^ other[index])
}

fn number(dict: &Dict, key: &str) -> u32 {
    u32::try_from(dict.get(key).and_then(Value::as_u64).unwrap_or_else(|| panic!("{key} of {dict:?}"))).unwrap()
}

/// A HELLO with this `authextra`.
pub fn hello(method: &str, login: &str, authextra: Dict) -> Message {
    let mut details = Dict::new()
        .with("roles", Dict::new().with("caller", Dict::new()))
        .with("authmethods", vec![Value::from(method)])
        .with("authextra", authextra);
    if !login.is_empty() {
        details.push("authid", login);
    }
    Message::Hello { realm: REALM.into(), details }
}

impl Prover<'_> {
    pub fn new<'a>(method: Method, login: &'a str, password: &'a str) -> Prover<'a> {
        Prover { method, login, password, key: 1, channel: None }
    }

    fn binding(&self) -> Value {
        if self.channel.is_some() { "tls-exporter".into() } else { Value::Null }
    }

    pub fn hello(&self) -> Message {
        let extra = match self.method {
            Method::Wampcra => Dict::new(),
            Method::WampScram | Method::Scram => Dict::new().with("nonce", NONCE),
            Method::Cryptosign => Dict::new().with("pubkey", public_key(self.key)),
        };
        let extra = if self.channel.is_some() { extra.with("channel_binding", self.binding()) } else { extra };
        hello(self.method.name(), self.login, extra)
    }

    /// The answer to a CHALLENGE with this `extra`, and the proof that the server owes in return.
    pub fn answer(&self, challenge: &Dict) -> (Message, Option<String>) {
        let (signature, extra, own) = match self.method {
            Method::Wampcra => (self.wampcra(challenge), Dict::new(), None),
            Method::Cryptosign => (self.cryptosign(challenge), Dict::new(), None),
            Method::WampScram | Method::Scram => self.scram(challenge),
        };
        (Message::Authenticate { signature: Signature::new(signature), extra }, own)
    }

    fn wampcra(&self, challenge: &Dict) -> String {
        let mut derived = [0; 32];
        assert_eq!(number(challenge, "keylen"), 32);
        let (salt, rounds) = (text(challenge, "salt"), number(challenge, "iterations"));
        pbkdf2::pbkdf2_hmac::<Sha256>(self.password.as_bytes(), salt.as_bytes(), rounds, &mut derived);
        BASE64.encode(&hmac(BASE64.encode(&derived).as_bytes(), &text(challenge, "challenge")))
    }

    fn cryptosign(&self, challenge: &Dict) -> String {
        assert_eq!(challenge.get("channel_binding"), Some(&self.binding()));
        let bytes: [u8; 32] = HEXLOWER.decode(text(challenge, "challenge").as_bytes()).unwrap().try_into().unwrap();
        let message = self.channel.map_or(bytes, |channel| xor(bytes, channel));
        HEXLOWER.encode(&[&private_key(self.key).sign(&message).to_bytes()[..], &message].concat())
    }

    fn scram(&self, challenge: &Dict) -> (String, Dict, Option<String>) {
        let nonce = text(challenge, "nonce");
        assert!(nonce.starts_with(NONCE) && nonce.len() > NONCE.len());
        let (salt, iterations) = (text(challenge, "salt"), number(challenge, "iterations"));
        let mut salted = [0; 32];
        let bytes = BASE64.decode(salt.as_bytes()).unwrap();
        match text(challenge, "kdf").as_str() {
            "pbkdf2" => pbkdf2::pbkdf2_hmac::<Sha256>(self.password.as_bytes(), &bytes, iterations, &mut salted),
            name => {
                assert_eq!(name, if self.method == Method::Scram { "argon2id-13" } else { "argon2id13" });
                let params = Params::new(number(challenge, "memory"), iterations, 1, Some(32)).unwrap();
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                argon2.hash_password_into(self.password.as_bytes(), &bytes, &mut salted).unwrap();
            }
        }
        let (key, binding) = match (self.method, self.channel) {
            (Method::Scram, _) => (BASE64_NOPAD.encode(&salted).into_bytes(), String::new()),
            (_, None) => (salted.to_vec(), "biws".to_owned()),
            (_, Some(channel)) => (salted.to_vec(), BASE64.encode(&[b"p=tls-exporter,,", &channel[..]].concat())),
        };
        let bare = format!("n={},r={NONCE}", self.login);
        let message = format!("{bare},r={nonce},s={salt},i={iterations},c={binding},r={nonce}");
        let client_key = hmac(&key, "Client Key");
        let proof = xor(client_key, hmac(&Sha256::digest(client_key), &message));
        let own = BASE64.encode(&hmac(&hmac(&key, "Server Key"), &message));
        let data = self.channel.map_or(Value::Null, |channel| BASE64.encode(&channel).into());
        let extra = match self.method {
            Method::Scram => Dict::new(),
            _ => Dict::new().with("nonce", nonce).with("channel_binding", self.binding()).with("cbind_data", data),
        };
        (BASE64.encode(&proof), extra, Some(own))
    }
}

/// Sends, and waits for the answer.
pub async fn exchange(connection: &mut RawConnection, message: &Message) -> Message {
    connection.send(message).await.unwrap();
    tokio::time::timeout(ANSWER_DEADLINE, connection.recv()).await.expect("an answer in time").unwrap()
}

/// Says HELLO; answers CHALLENGE's `extra`, or why there is none.
pub async fn challenged(connection: &mut RawConnection, hello: &Message, method: &str) -> Result<Dict, Outcome> {
    match exchange(connection, hello).await {
        Message::Challenge { method: asked, extra } if asked == method => Ok(extra),
        other => Err(outcome(other)),
    }
}

pub fn outcome(message: Message) -> Outcome {
    match message {
        Message::Welcome { session, details } => Outcome::Welcome(session, details),
        Message::Abort { details, reason } => {
            Outcome::Aborted { reason: reason.as_str().to_owned(), message: text(&details, "message") }
        }
        other => panic!("WELCOME or ABORT was due, not {other:?}"),
    }
}

/// The whole login on a connection. The server has to prove itself where the method says so.
pub async fn log_in(connection: &mut RawConnection, prover: &Prover<'_>) -> Outcome {
    let challenge = match challenged(connection, &prover.hello(), prover.method.name()).await {
        Ok(challenge) => challenge,
        Err(outcome) => return outcome,
    };
    let (answer, own) = prover.answer(&challenge);
    let outcome = outcome(exchange(connection, &answer).await);
    if let Outcome::Welcome(session, details) = &outcome {
        check_welcome(prover, *session, details, &challenge, own);
    }
    outcome
}

fn check_welcome(prover: &Prover<'_>, session: Id, details: &Dict, challenge: &Dict, own: Option<String>) {
    assert_eq!(text(details, "authmethod"), prover.method.name());
    assert_eq!(text(details, "authprovider"), "dynamic");
    let extra = details.get("authextra").and_then(Value::as_dict).unwrap();
    match prover.method {
        Method::WampScram => assert_eq!(text(extra, "verifier"), format!("v={}", own.unwrap())),
        Method::Scram => assert_eq!(text(extra, "scram_server_signature"), own.unwrap()),
        Method::Cryptosign => {}
        Method::Wampcra => {
            let signed: serde_json::Value = serde_json::from_str(&text(challenge, "challenge")).unwrap();
            assert_eq!(signed["session"], session.get());
            assert_eq!(signed["authid"], text(details, "authid").as_str());
            assert_eq!(signed["authmethod"], "wampcra");
            for name in ["authprovider", "authrole", "nonce", "timestamp"] {
                assert!(!signed[name].as_str().unwrap().is_empty(), "{name}");
            }
        }
    }
}
