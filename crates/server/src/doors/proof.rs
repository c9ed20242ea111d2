//! Logins by challenge and response: what the client asks for, what it is challenged with, what it answers.
//!
//! Source: WAMP specification, advanced profile "Challenge Response Authentication", "Salted Challenge Response
//! Authentication", "Cryptosign-based Authentication". Who is let in is decided in `countersign_identity::challenge`;
//! here the messages' fields are read and written.
//!
//! **Invariant:** what a client that asks for a channel binding hears is that it gets none, or it gets it: never a login
//! that is less bound than it was asked for.

use countersign_identity::LoginName;
use countersign_identity::challenge::{CryptosignChallenge, ScramChallenge, WampcraChallenge};
use countersign_identity::login::{Claim, LoggedIn, LoginError};
use countersign_identity::proof::ChannelId;
use countersign_identity::proof::cryptosign::PublicKey;
use countersign_identity::proof::scram::{ClientFinal, ClientFirst, Dialect};
use countersign_identity::proof::wampcra::{self, SharedKey};
use countersign_identity::repository::RepositoryError;
use countersign_wamp::{Dict, Id, Value, uris};
use serde_json::json;

use super::Doors;
use super::hello::{Abort, Hello};
use super::methods::AuthMethod;
use super::peer::Peer;
use crate::clock::{now, random};

/// What stands in a WAMP-CRA challenge for the role. The real one would tell a stranger who exists and is worth
/// attacking.
const ROLE_UNDISCLOSED: &str = "undisclosed";

/// A challenge that waits for its answer.
pub enum Question {
    /// Of WAMP-CRA, with the text that is to be signed.
    Wampcra(WampcraChallenge, String),
    /// Of SCRAM.
    Scram(ScramChallenge),
    /// Of WAMP-Cryptosign.
    Cryptosign(CryptosignChallenge),
}

/// Why there is no challenge.
pub enum NoQuestion {
    /// The client's HELLO lacks what its method needs.
    Refused(Abort),
    /// Ours.
    Storage(RepositoryError),
}

impl From<RepositoryError> for NoQuestion {
    fn from(fault: RepositoryError) -> Self {
        Self::Storage(fault)
    }
}

/// How the client wants to prove itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofMethod {
    /// WAMP-CRA.
    Wampcra,
    /// SCRAM.
    Scram(Dialect),
    /// WAMP-Cryptosign.
    Cryptosign,
}

impl Question {
    /// Makes the challenge for a HELLO, with CHALLENGE's `extra`. `session` is the id that the session will have.
    pub async fn ask(
        doors: &Doors,
        peer: &Peer,
        hello: &Hello,
        method: ProofMethod,
        session: Id,
    ) -> Result<(Self, Dict), NoQuestion> {
        let identity = &doors.app.identity;
        match method {
            ProofMethod::Wampcra => {
                let challenge = identity.challenge_wampcra(&hello.authid).await?;
                let text = wampcra_text(hello, session);
                let extra = Dict::new()
                    .with("challenge", &*text)
                    .with("salt", challenge.salt())
                    .with("keylen", i64::try_from(SharedKey::BYTES).unwrap_or(i64::MAX))
                    .with("iterations", i64::from(challenge.iterations()));
                Ok((Self::Wampcra(challenge, text), extra))
            }
            ProofMethod::Scram(dialect) => {
                let first = client_first(peer, hello, dialect).map_err(NoQuestion::Refused)?;
                let challenge = identity.challenge_scram(first, &mut random()).await?;
                let extra = scram_extra(&challenge);
                Ok((Self::Scram(challenge), extra))
            }
            ProofMethod::Cryptosign => {
                let channel = channel(peer, hello).map_err(NoQuestion::Refused)?;
                let key = PublicKey::parse(&hello.proof.pubkey).map_err(|error| {
                    let message = format!("cryptosign needs authextra.pubkey: {error}");
                    NoQuestion::Refused(Abort::new(uris::error::INVALID_ARGUMENT, message))
                })?;
                let challenge = identity.challenge_cryptosign(&hello.authid, key, channel, &mut random()).await?;
                let binding = channel.map_or(Value::Null, |_| ChannelId::KIND.into());
                let extra = Dict::new().with("challenge", challenge.to_hex()).with("channel_binding", binding);
                Ok((Self::Cryptosign(challenge), extra))
            }
        }
    }

    /// Whom the client claims to be.
    pub fn login(&self, hello: &Hello) -> String {
        match self {
            Self::Cryptosign(challenge) => challenge.login().to_owned(),
            Self::Wampcra(..) | Self::Scram(_) => hello.authid.clone(),
        }
    }

    /// Takes the answer: who is let in, and what WELCOME's `authextra` holds beside the usual.
    pub async fn settle(
        self,
        doors: &Doors,
        signature: &str,
        extra: &Dict,
        claim: &Claim<'_>,
    ) -> (Result<LoggedIn, LoginError>, Dict) {
        let identity = &doors.app.identity;
        // The rules are boxed: what they need to hold is large, and an idle connection keeps no room for it.
        match self {
            Self::Wampcra(challenge, text) => {
                let rules =
                    Box::pin(async { identity.login_by_wampcra(challenge, &text, signature, claim, now()).await });
                (doors.app.throttled(claim, rules).await, Dict::new())
            }
            Self::Scram(challenge) => {
                let dialect = challenge.exchange().dialect();
                let field = |name| extra.get(name).and_then(Value::as_str);
                let answer = ClientFinal {
                    proof: signature,
                    nonce: field("nonce"),
                    channel_binding: field("channel_binding"),
                    cbind_data: field("cbind_data"),
                };
                let mut own_proof = None;
                let rules = Box::pin(async {
                    let (decided, proof) = identity.login_by_scram(challenge, &answer, claim, now()).await;
                    own_proof = proof;
                    decided
                });
                let decided = doors.app.throttled(claim, rules).await;
                (decided, own_proof.map_or_else(Dict::new, |proof| server_proof(dialect, proof)))
            }
            Self::Cryptosign(challenge) => {
                let rules = Box::pin(async { identity.login_by_cryptosign(challenge, signature, claim, now()).await });
                (doors.app.throttled(claim, rules).await, Dict::new())
            }
        }
    }
}

/// The server's own proof, as WELCOME has it.
fn server_proof(dialect: Dialect, proof: String) -> Dict {
    match dialect {
        Dialect::Specification => Dict::new().with("verifier", format!("v={proof}")),
        Dialect::Crossbar => Dict::new().with("scram_server_signature", proof),
    }
}

/// The text that a client of WAMP-CRA signs.
fn wampcra_text(hello: &Hello, session: Id) -> String {
    let name = LoginName::parse(&hello.authid);
    let text = json!({
        "authid": name.as_ref().map_or(hello.authid.as_str(), LoginName::as_str),
        "authrole": ROLE_UNDISCLOSED,
        "authmethod": AuthMethod::Proof(ProofMethod::Wampcra).name(),
        "authprovider": hello.method.provider(),
        "nonce": wampcra::nonce(&mut random()),
        "timestamp": now().to_rfc3339(),
        "session": session.get(),
    });
    text.to_string()
}

fn client_first(peer: &Peer, hello: &Hello, dialect: Dialect) -> Result<ClientFirst, Abort> {
    if !ClientFirst::is_nonce(&hello.proof.nonce) {
        let message = "SCRAM needs authextra.nonce: random bytes in base64, at most 128 characters";
        return Err(Abort::new(uris::error::INVALID_ARGUMENT, message));
    }
    let channel = channel(peer, hello)?;
    if channel.is_some() && dialect == Dialect::Crossbar {
        let message = "the method scram binds to no channel; wamp-scram does";
        return Err(Abort::new(uris::error::FEATURE_NOT_SUPPORTED, message));
    }
    Ok(ClientFirst { dialect, authid: hello.authid.clone(), nonce: hello.proof.nonce.clone(), channel })
}

fn scram_extra(challenge: &ScramChallenge) -> Dict {
    let (exchange, verifier) = (challenge.exchange(), challenge.verifier());
    let kdf = verifier.kdf;
    let extra = Dict::new()
        .with("nonce", exchange.nonce())
        .with("salt", verifier.salt_text())
        .with("kdf", exchange.dialect().kdf_name(kdf))
        .with("iterations", i64::from(kdf.iterations()));
    match (kdf.memory_kib(), exchange.dialect()) {
        (Some(memory), _) => extra.with("memory", i64::from(memory)),
        (None, Dialect::Specification) => extra.with("memory", Value::Null),
        // There null is no number, and what isn't there is none.
        (None, Dialect::Crossbar) => extra,
    }
}

/// The channel to which the client wants to be bound, if it wants to.
fn channel(peer: &Peer, hello: &Hello) -> Result<Option<ChannelId>, Abort> {
    let Some(kind) = &hello.proof.channel_binding else { return Ok(None) };
    let unsupported = |message: &str| Err(Abort::new(uris::error::FEATURE_NOT_SUPPORTED, message));
    if kind != ChannelId::KIND {
        return unsupported("the only channel binding here is tls-exporter");
    }
    match peer.tls.as_ref().and_then(|tls| tls.exporter) {
        Some(exported) => Ok(Some(ChannelId::new(exported))),
        None => unsupported("the channel binding tls-exporter needs TLS 1.3 all the way to this server"),
    }
}
