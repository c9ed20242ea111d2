//! What a HELLO asks for, read and checked; and how it is refused.
//!
//! Source: WAMP specification, basic profile "Session Establishment"; contract of the bus,
//! sections 2.2 and 2.6.

use std::borrow::Cow;

use countersign_identity::{LoginName, RequestContext};
use countersign_router::ClientFeatures;
use countersign_wamp::{Dict, Value, uris};

use crate::config::Config;

/// How a session can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// By a ticket: a password or a one-time password.
    Ticket,
    /// Without a login.
    Anonymous,
}

impl AuthMethod {
    /// The name in `authmethods` and `authmethod`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Anonymous => "anonymous",
        }
    }

    /// The name of what decided, in `authprovider`.
    pub fn provider(self) -> &'static str {
        match self {
            Self::Ticket => "dynamic",
            Self::Anonymous => "static",
        }
    }
}

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
}

/// A refusal that ends the session's establishment with ABORT.
#[derive(Debug)]
pub struct Abort {
    /// ABORT's reason.
    pub reason: Cow<'static, str>,
    /// ABORT's message.
    pub message: String,
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
    /// Reads a HELLO that came over a transport with this `User-Agent`.
    ///
    /// # Errors
    ///
    /// [`HelloError`].
    pub fn read(realm: &str, details: &Dict, user_agent: &str, config: &Config) -> Result<Self, HelloError> {
        match details.get("roles").and_then(Value::as_dict) {
            None => return Err(HelloError::Violation("HELLO without roles")),
            Some(roles) if roles.is_empty() => return Err(HelloError::Violation("HELLO with empty roles")),
            Some(_) => {}
        }
        if realm != config.realm.name {
            return Err(refused(uris::error::NO_SUCH_REALM, "there is no such realm here"));
        }
        let text = |name| details.get(name).and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            // One more than a name can have: what is too long stays so.
            authid: start(text("authid"), LoginName::BYTES_MAX + 1),
            agent: agent(&start(text("agent"), RequestContext::AGENT_CHARACTERS_MAX), user_agent),
            features: ClientFeatures::from_hello(details),
            method: choose_method(details, config.auth.anonymous)?,
        })
    }
}

fn refused(reason: &'static str, message: &str) -> HelloError {
    HelloError::Refused(Abort { reason: reason.into(), message: message.to_owned() })
}

/// The first of the client's methods that is offered here.
fn choose_method(details: &Dict, anonymous: bool) -> Result<AuthMethod, HelloError> {
    let wanted = details.get("authmethods").and_then(Value::as_list).unwrap_or_default();
    if wanted.is_empty() && anonymous {
        return Ok(AuthMethod::Anonymous);
    }
    if wanted.is_empty() {
        let message = "a login is required: offer the authentication method ticket";
        return Err(refused(uris::error::AUTHENTICATION_REQUIRED, message));
    }
    let offered = |method: &Value| match method.as_str() {
        Some("ticket") => Some(AuthMethod::Ticket),
        Some("anonymous") if anonymous => Some(AuthMethod::Anonymous),
        _ => None,
    };
    wanted.iter().find_map(offered).ok_or_else(|| {
        let message = "none of the offered authentication methods can be used here; ticket can";
        refused(uris::error::NO_MATCHING_AUTH_METHOD, message)
    })
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
    use super::*;

    fn choose(methods: &[&str], anonymous: bool) -> Result<AuthMethod, String> {
        let list: Vec<Value> = methods.iter().map(|method| Value::from(*method)).collect();
        choose_method(&Dict::new().with("authmethods", list), anonymous).map_err(|error| match error {
            HelloError::Refused(abort) => abort.reason.into_owned(),
            HelloError::Violation(text) => panic!("{text}"),
        })
    }

    #[test]
    fn takes_the_first_method_of_the_client_that_is_offered() {
        use AuthMethod::{Anonymous, Ticket};
        let check = |methods: &[&str], anonymous, want: Result<AuthMethod, &str>| {
            assert_eq!(choose(methods, anonymous), want.map_err(str::to_owned), "{methods:?} {anonymous}");
        };
        check(&["cookie", "ticket"], false, Ok(Ticket));
        check(&["anonymous", "ticket"], true, Ok(Anonymous));
        check(&["ticket", "anonymous"], true, Ok(Ticket));
        check(&["anonymous", "ticket"], false, Ok(Ticket));
        check(&["anonymous"], false, Err(uris::error::NO_MATCHING_AUTH_METHOD));
        check(&["xyz"], true, Err(uris::error::NO_MATCHING_AUTH_METHOD));
        check(&[], false, Err(uris::error::AUTHENTICATION_REQUIRED));
        check(&[], true, Ok(Anonymous));
    }

    #[test]
    fn keeps_no_more_of_a_strangers_texts_than_it_needs() {
        let roles = Dict::new().with("caller", Dict::new());
        let long = "x".repeat(1_000_000);
        let details = Dict::new()
            .with("roles", roles)
            .with("authid", &*long)
            .with("agent", &*long)
            .with("authmethods", vec![Value::from("ticket")]);
        let hello = Hello::read("izaber", &details, "curl", &Config::default()).unwrap();
        assert!(LoginName::parse(&hello.authid).is_err());
        assert!(hello.authid.len() < 200 && hello.agent.len() < 300);
        assert!(hello.agent.ends_with(" [curl]"));
    }
}
