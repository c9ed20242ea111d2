//! What a HELLO asks for, read and checked; and how it is refused.
//!
//! Source: WAMP specification, basic profile "Session Establishment"; contract of the bus,
//! sections 2.2 and 2.6.

use std::borrow::Cow;

use countersign_identity::{LoginName, RequestContext, Secret};
use countersign_router::ClientFeatures;
use countersign_wamp::{Dict, Value, uris};

use super::methods::{AuthMethod, Offer};
use super::peer::Peer;
use crate::config::Config;

/// What counts of a HELLO.
#[derive(Debug)]
pub struct Hello {
    /// The login name that was given, perhaps none that can be.
    pub authid: String,
    /// HELLO's `agent`, with the HTTP `User-Agent` behind it.
    pub agent: String,
    /// What the client can do.
    pub features: ClientFeatures,
    /// How the session is to be opened.
    pub method: AuthMethod,
    /// How, if there is no good cookie.
    pub otherwise: Option<AuthMethod>,
    /// Whether the client would use a cookie.
    pub takes_cookie: bool,
    /// What methods of challenge and response need.
    pub proof: ProofFields,
    /// A code of the second factor, `totp_code` in `authextra`.
    pub code: Option<Secret>,
}

/// What HELLO's `authextra` says to methods of challenge and response.
#[derive(Debug, Default)]
pub struct ProofFields {
    /// `nonce`, for SCRAM.
    pub nonce: String,
    /// `pubkey`, for Cryptosign.
    pub pubkey: String,
    /// `channel_binding`, if any is wanted; empty if it can't be read.
    pub channel_binding: Option<String>,
}

/// Longest field of `authextra` that is kept, in characters. Longer than any that is right.
const FIELD_CHARACTERS_MAX: usize = 256;

impl ProofFields {
    fn read(details: &Dict) -> Self {
        let extra = details.get("authextra").and_then(Value::as_dict);
        let field = |name| extra.and_then(|extra| extra.get(name));
        let text =
            |value: Option<&Value>| start(value.and_then(Value::as_str).unwrap_or_default(), FIELD_CHARACTERS_MAX);
        let wanted = field("channel_binding").filter(|value| **value != Value::Null);
        Self {
            nonce: text(field("nonce")),
            pubkey: text(field("pubkey")),
            channel_binding: wanted.map(|value| text(Some(value))),
        }
    }
}

/// A refusal that ends the session's establishment with ABORT.
#[derive(Debug)]
pub struct Abort {
    /// ABORT's reason.
    pub reason: Cow<'static, str>,
    /// ABORT's message.
    pub message: String,
}

impl Abort {
    /// A refusal with this reason.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

/// Why a HELLO opens no session.
#[derive(Debug)]
pub enum HelloError {
    /// It is none.
    Violation(&'static str),
    /// It asks for what isn't there.
    Refused(Abort),
}

impl Hello {
    /// Reads a HELLO of this peer.
    ///
    /// # Errors
    ///
    /// [`HelloError`].
    pub fn read(realm: &str, details: &Dict, peer: &Peer, config: &Config, offer: &Offer) -> Result<Self, HelloError> {
        match details.get("roles").and_then(Value::as_dict) {
            None => return Err(HelloError::Violation("HELLO without roles")),
            Some(roles) if roles.is_empty() => return Err(HelloError::Violation("HELLO with empty roles")),
            Some(_) => {}
        }
        if realm != config.realm.name {
            let abort = Abort::new(uris::error::NO_SUCH_REALM, "there is no such realm here");
            return Err(HelloError::Refused(abort));
        }
        let choice = offer.choose(details, peer).map_err(HelloError::Refused)?;
        let text = |name| details.get(name).and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            // One more than a name can have: what is too long stays so.
            authid: start(text("authid"), LoginName::BYTES_MAX + 1),
            agent: agent(&start(text("agent"), RequestContext::AGENT_CHARACTERS_MAX), &peer.user_agent),
            features: ClientFeatures::from_hello(details),
            proof: ProofFields::read(details),
            code: details.get("authextra").and_then(Value::as_dict).and_then(code),
            method: choice.method,
            otherwise: choice.otherwise,
            takes_cookie: choice.takes_cookie,
        })
    }
}

/// The code of the second factor in a dict of the client's; digits may be written as a number.
pub fn code(extra: &Dict) -> Option<Secret> {
    let value = extra.get("totp_code")?;
    let text = match (value.as_str(), value.as_u64()) {
        (Some(text), _) => start(text, FIELD_CHARACTERS_MAX),
        (None, Some(number)) => number.to_string(),
        (None, None) => return None,
    };
    Some(Secret::new(text))
}

/// The start of a text that may be as long as a message.
fn start(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).collect()
}

fn agent(announced: &str, user_agent: &str) -> String {
    match (announced, user_agent) {
        ("", "") => String::new(),
        (agent, "") => agent.to_owned(),
        ("", user_agent) => format!("[{user_agent}]"),
        (agent, user_agent) => format!("{agent} [{user_agent}]"),
    }
}

#[cfg(test)]
mod tests {
    use countersign_identity::PeerAddress;

    use super::*;

    #[test]
    fn keeps_no_more_of_a_strangers_texts_than_it_needs() {
        let roles = Dict::new().with("caller", Dict::new());
        let long = "x".repeat(1_000_000);
        let details = Dict::new()
            .with("roles", roles)
            .with("authid", &*long)
            .with("agent", &*long)
            .with("authextra", Dict::new().with("nonce", &*long).with("pubkey", &*long).with("channel_binding", &*long))
            .with("authmethods", vec![Value::from("ticket")]);
        let config = Config::default();
        let peer = Peer { user_agent: "curl".into(), ..Peer::new(PeerAddress::Local, None) };
        let hello = Hello::read("izaber", &details, &peer, &config, &Offer::new(&config)).unwrap();
        assert!(LoginName::parse(&hello.authid).is_err());
        assert!(hello.authid.len() < 200 && hello.agent.len() < 300);
        assert!(hello.proof.nonce.len() < 300 && hello.proof.pubkey.len() < 300);
        assert!(hello.proof.channel_binding.is_some_and(|text| text.len() < 300));
        assert!(hello.agent.ends_with(" [curl]"));
    }
}
