//! How a session can be opened, and which way is taken.
//!
//! What is offered is a value made from the configuration; the client's order decides among what
//! is offered and can be used on its connection.

use countersign_identity::proof::scram::Dialect;
use countersign_wamp::{Dict, Value, uris};

use super::hello::Abort;
use super::peer::Peer;
use super::proof::ProofMethod;
use crate::config::AuthConfig;

/// How a session can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// By a ticket: a password or a one-time password.
    Ticket,
    /// By the answer to a challenge.
    Proof(ProofMethod),
    /// Without a login.
    Anonymous,
}

impl AuthMethod {
    /// The name in `authmethods` and `authmethod`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Proof(ProofMethod::Wampcra) => "wampcra",
            Self::Proof(ProofMethod::Scram(Dialect::Specification)) => "wamp-scram",
            Self::Proof(ProofMethod::Scram(Dialect::Crossbar)) => "scram",
            Self::Proof(ProofMethod::Cryptosign) => "cryptosign",
            Self::Anonymous => "anonymous",
        }
    }

    /// The name of what decided, in `authprovider`.
    pub fn provider(self) -> &'static str {
        match self {
            Self::Ticket | Self::Proof(_) => "dynamic",
            Self::Anonymous => "static",
        }
    }

    /// Whether the connection has what the method needs.
    fn is_usable(self, _: &Peer) -> bool {
        match self {
            Self::Ticket | Self::Proof(_) | Self::Anonymous => true,
        }
    }
}

/// The methods that a server offers.
#[derive(Debug, Clone)]
pub struct Offer(Vec<AuthMethod>);

impl Offer {
    /// What is offered as configured.
    pub fn new(config: &AuthConfig) -> Self {
        let mut methods = Vec::new();
        let mut offer = |wanted, offered: &[AuthMethod]| {
            if wanted {
                methods.extend_from_slice(offered);
            }
        };
        let scram = |dialect| AuthMethod::Proof(ProofMethod::Scram(dialect));
        offer(config.ticket, &[AuthMethod::Ticket]);
        offer(config.scram, &[scram(Dialect::Specification), scram(Dialect::Crossbar)]);
        offer(config.cryptosign, &[AuthMethod::Proof(ProofMethod::Cryptosign)]);
        offer(config.wampcra, &[AuthMethod::Proof(ProofMethod::Wampcra)]);
        offer(config.anonymous, &[AuthMethod::Anonymous]);
        Self(methods)
    }

    fn names(&self) -> String {
        self.0.iter().map(|method| method.name()).collect::<Vec<_>>().join(", ")
    }

    /// The first of the client's methods that is offered and can be used by this peer.
    ///
    /// # Errors
    ///
    /// [`Abort`], which says that there is none.
    pub fn choose(&self, hello: &Dict, peer: &Peer) -> Result<AuthMethod, Abort> {
        let wanted = hello.get("authmethods").and_then(Value::as_list).unwrap_or_default();
        if wanted.is_empty() && self.0.contains(&AuthMethod::Anonymous) {
            return Ok(AuthMethod::Anonymous);
        }
        if wanted.is_empty() {
            let message = format!("a login is required: offer one of the authentication methods {}", self.names());
            return Err(Abort::new(uris::error::AUTHENTICATION_REQUIRED, message));
        }
        let offered = |name: &str| self.0.iter().copied().find(|method| method.name() == name);
        let mut usable = wanted.iter().filter_map(Value::as_str).filter_map(offered);
        usable.find(|method| method.is_usable(peer)).ok_or_else(|| {
            let message =
                format!("none of the offered methods of authentication can be used here; {} can", self.names());
            Abort::new(uris::error::NO_MATCHING_AUTH_METHOD, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use countersign_identity::PeerAddress;

    use super::*;

    fn choose(methods: &[&str], anonymous: bool) -> Result<AuthMethod, String> {
        let list: Vec<Value> = methods.iter().map(|method| Value::from(*method)).collect();
        let offer = Offer::new(&AuthConfig { anonymous, ..AuthConfig::default() });
        let peer = Peer::new(PeerAddress::Local, None);
        offer.choose(&Dict::new().with("authmethods", list), &peer).map_err(|abort| abort.reason.into_owned())
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
    fn offers_what_is_configured() {
        let names = |text: &str| Offer::new(&toml::from_str(text).unwrap()).names();
        assert_eq!(names(""), "ticket, wamp-scram, scram, cryptosign");
        assert_eq!(names("ticket = false\nscram = false\nwampcra = true"), "cryptosign, wampcra");
        assert_eq!(names("cryptosign = false\nanonymous = true"), "ticket, wamp-scram, scram, anonymous");
    }
}
