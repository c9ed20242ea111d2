//! How a session can be opened, and which way is taken.
//!
//! What is offered is a value made from the configuration; the client's order decides among what
//! is offered and can be used on its connection.

use countersign_identity::proof::scram::Dialect;
use countersign_wamp::{Dict, Value, uris};

use super::hello::Abort;
use super::peer::Peer;
use super::proof::ProofMethod;
use crate::config::Config;

/// How a session can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// By a ticket: a password or a one-time password.
    Ticket,
    /// By the answer to a challenge.
    Proof(ProofMethod),
    /// By the client's certificate of the TLS connection.
    Tls,
    /// By a cookie that a login by password has left in the browser.
    Cookie,
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
            Self::Tls => "tls",
            Self::Cookie => "cookie",
            Self::Anonymous => "anonymous",
        }
    }

    /// The name of what decided, in `authprovider`.
    pub fn provider(self) -> &'static str {
        match self {
            Self::Ticket | Self::Proof(_) | Self::Tls | Self::Cookie => "dynamic",
            Self::Anonymous => "static",
        }
    }

    /// Whether the connection has what the method needs.
    fn is_usable(self, peer: &Peer) -> bool {
        match self {
            Self::Tls => peer.tls.as_ref().is_some_and(|tls| tls.certificate.is_some()),
            Self::Cookie => peer.browser.is_some(),
            Self::Ticket | Self::Proof(_) | Self::Anonymous => true,
        }
    }
}

/// What is taken of a client's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The method.
    pub method: AuthMethod,
    /// The next one, for when the method is the cookie and there is no good one. Never the cookie.
    pub otherwise: Option<AuthMethod>,
    /// Whether the client would use a cookie.
    pub takes_cookie: bool,
}

impl Choice {
    fn only(method: AuthMethod) -> Self {
        Self { method, otherwise: None, takes_cookie: false }
    }
}

/// The methods that a server offers.
#[derive(Debug, Clone)]
pub struct Offer(Vec<AuthMethod>);

impl Offer {
    /// What is offered as configured.
    pub fn new(config: &Config) -> Self {
        let (tls, config) = (&config.tls, &config.auth);
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
        offer(tls.client_ca.is_some(), &[AuthMethod::Tls]);
        offer(config.cookie.enabled, &[AuthMethod::Cookie]);
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
    pub fn choose(&self, hello: &Dict, peer: &Peer) -> Result<Choice, Abort> {
        let wanted = hello.get("authmethods").and_then(Value::as_list).unwrap_or_default();
        if wanted.is_empty() && self.0.contains(&AuthMethod::Anonymous) {
            return Ok(Choice::only(AuthMethod::Anonymous));
        }
        if wanted.is_empty() {
            let message = format!("a login is required: offer one of the authentication methods {}", self.names());
            return Err(Abort::new(uris::error::AUTHENTICATION_REQUIRED, message));
        }
        let offered = |name: &str| self.0.iter().copied().find(|method| method.name() == name);
        let usable = wanted.iter().filter_map(Value::as_str).filter_map(offered);
        let mut usable = usable.filter(|method| method.is_usable(peer));
        let Some(method) = usable.next() else {
            let message =
                format!("none of the offered methods of authentication can be used here; {} can", self.names());
            return Err(Abort::new(uris::error::NO_MATCHING_AUTH_METHOD, message));
        };
        let mut rest = usable.clone();
        let takes_cookie = method == AuthMethod::Cookie || rest.any(|method| method == AuthMethod::Cookie);
        Ok(Choice { method, otherwise: usable.find(|method| *method != AuthMethod::Cookie), takes_cookie })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use countersign_identity::PeerAddress;

    use super::*;
    use crate::doors::certificate::ClientCertificate;
    use crate::doors::peer::Tls;

    const NONE: Result<AuthMethod, &str> = Err(uris::error::NO_MATCHING_AUTH_METHOD);

    fn choose(methods: &[&str], config: &str, peer: &Peer) -> Result<AuthMethod, String> {
        let list: Vec<Value> = methods.iter().map(|method| Value::from(*method)).collect();
        let offer = Offer::new(&toml::from_str(config).unwrap());
        let choice = offer.choose(&Dict::new().with("authmethods", list), peer);
        choice.map(|choice| choice.method).map_err(|abort| abort.reason.into_owned())
    }

    #[test]
    fn takes_the_first_method_of_the_client_that_is_offered() {
        use AuthMethod::{Anonymous, Ticket};
        let peer = Peer::new(PeerAddress::Local, None);
        let check = |methods: &[&str], anonymous: bool, want: Result<AuthMethod, &str>| {
            let got = choose(methods, &format!("auth.anonymous = {anonymous}"), &peer);
            assert_eq!(got, want.map_err(str::to_owned), "{methods:?} {anonymous}");
        };
        check(&["cookie", "ticket"], false, Ok(Ticket));
        check(&["anonymous", "ticket"], true, Ok(Anonymous));
        check(&["ticket", "anonymous"], true, Ok(Ticket));
        check(&["anonymous", "ticket"], false, Ok(Ticket));
        check(&["anonymous"], false, NONE);
        check(&["xyz"], true, NONE);
        check(&[], false, Err(uris::error::AUTHENTICATION_REQUIRED));
        check(&[], true, Ok(Anonymous));
    }

    #[test]
    fn offers_what_is_configured() {
        let names = |text: &str| Offer::new(&toml::from_str(text).unwrap()).names();
        assert_eq!(names(""), "ticket, wamp-scram, scram, cryptosign");
        assert_eq!(names("[auth]\nticket = false\nscram = false\nwampcra = true"), "cryptosign, wampcra");
        assert_eq!(names("[auth]\ncryptosign = false\nanonymous = true"), "ticket, wamp-scram, scram, anonymous");
        let all = "tls.client_ca = 'ca.pem'\nauth.cookie.enabled = true\nauth.scram = false";
        assert_eq!(names(all), "ticket, cryptosign, tls, cookie");
    }

    #[test]
    fn a_certificate_serves_only_where_one_was_asked_for_and_shown() {
        use AuthMethod::{Ticket, Tls as Certificate};
        let check = |methods: &[&str], config: &str, certificate: Option<ClientCertificate>, want| {
            let tls = Tls { exporter: None, certificate: certificate.map(Arc::new) };
            let got = choose(methods, config, &Peer::new(PeerAddress::Local, Some(tls)));
            assert_eq!(got, Result::map_err(want, str::to_owned), "{methods:?} {config}");
        };
        let shown = || Some(ClientCertificate::read(b"any"));
        let asked = "tls.client_ca = 'ca.pem'";
        check(&["tls", "ticket"], asked, shown(), Ok(Certificate));
        check(&["ticket", "tls"], asked, shown(), Ok(Ticket));
        check(&["tls", "ticket"], asked, None, Ok(Ticket));
        check(&["tls"], asked, None, NONE);
        check(&["tls"], "", shown(), NONE);
        assert_eq!(choose(&["tls"], asked, &Peer::new(PeerAddress::Local, None)), NONE.map_err(str::to_owned));
    }

    #[test]
    fn a_cookie_serves_on_a_browsers_connection_with_the_next_method_behind_it() {
        use AuthMethod::{Cookie, Ticket};
        let check = |methods: &[&str], config: &str, is_browser: bool, want: (AuthMethod, Option<AuthMethod>, bool)| {
            let list: Vec<Value> = methods.iter().map(|method| Value::from(*method)).collect();
            let browser = is_browser.then(Box::default);
            let peer = Peer { browser, ..Peer::new(PeerAddress::Local, None) };
            let offer = Offer::new(&toml::from_str(config).unwrap());
            let choice = offer.choose(&Dict::new().with("authmethods", list), &peer).unwrap();
            assert_eq!((choice.method, choice.otherwise, choice.takes_cookie), want, "{methods:?}");
        };
        let on = "auth.cookie.enabled = true";
        check(&["cookie", "cookie", "ticket"], on, true, (Cookie, Some(Ticket), true));
        check(&["ticket", "cookie"], on, true, (Ticket, None, true));
        check(&["cookie"], on, true, (Cookie, None, true));
        check(&["ticket"], on, true, (Ticket, None, false));
        check(&["cookie", "ticket"], on, false, (Ticket, None, false));
        check(&["cookie", "ticket"], "", true, (Ticket, None, false));
    }
}
