//! Who asks, from where: what every rule needs to know for its audit row.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::login_name::LoginName;
use crate::permission::{Named, Withheld};
use crate::role::RoleName;
use crate::user::User;
use crate::{CredentialId, SessionId, UserId};

/// Where a request comes from. Never taken from what the client says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerAddress {
    /// A network peer.
    Ip(IpAddr),
    /// A process on this machine behind a Unix socket, by its user id.
    Unix {
        /// The peer's user id as the kernel tells it.
        uid: u32,
    },
    /// This very process: the command line on a data directory, or start-up.
    Local,
}

impl PeerAddress {
    /// What counts as one sender: an IPv4 address, an IPv6 network of 64 bits (what one
    /// customer gets), a local user.
    #[must_use]
    pub fn sender(self) -> Self {
        match self {
            Self::Ip(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
                Some(v4) => Self::Ip(IpAddr::V4(v4)),
                None => Self::Ip(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))),
            },
            other => other,
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix { .. } => f.write_str("unix"),
            Self::Local => f.write_str("local"),
        }
    }
}

/// What is known of one request, whichever door it came through.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Correlation id: the same in logs, audit rows and answers. A caller may give one.
    pub cid: String,
    /// The server's own id of the request; the same as `cid` where the caller gave none.
    pub request: String,
    /// The peer.
    pub address: PeerAddress,
    /// What the client calls itself (HELLO `agent`, `User-Agent`); empty if it says nothing.
    pub agent: String,
    /// The door: `wamp`, `cli`, later an application's name.
    pub application: String,
    /// The address that the caller claims for somebody else, without the right to; empty if none.
    pub claimed_address: String,
    /// The agent that the caller claims for somebody else, without the right to; empty if none.
    pub claimed_agent: String,
}

/// The first characters of a stranger's text, without those that could forge a line of a log or
/// steer a terminal.
pub fn printable(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl RequestContext {
    /// Longest agent text that is kept, in characters.
    pub const AGENT_CHARACTERS_MAX: usize = 256;

    /// A context; `agent` is cut to [`Self::AGENT_CHARACTERS_MAX`] and freed of control
    /// characters, so that it can't forge lines in a log.
    pub fn new(cid: impl Into<String>, address: PeerAddress, agent: &str, application: &str) -> Self {
        let agent = printable(agent, Self::AGENT_CHARACTERS_MAX);
        let (cid, application) = (cid.into(), application.to_owned());
        let request = cid.clone();
        let (claimed_address, claimed_agent) = (String::new(), String::new());
        Self { cid, request, address, agent, application, claimed_address, claimed_agent }
    }

    /// The same peer's next request, which the server calls `cid`.
    #[must_use]
    pub fn next_request(&self, cid: String) -> Self {
        Self { request: cid.clone(), cid, ..self.clone() }
    }

    /// With the server's own id of the request, beside the correlation id that its caller gave.
    #[must_use]
    pub fn with_request(mut self, request: impl Into<String>) -> Self {
        self.request = request.into();
        self
    }

    /// With what the caller says of another peer's address and agent, without the right to: it is kept, and decides
    /// nothing. Cut and cleaned as an agent is.
    #[must_use]
    pub fn claiming(mut self, address: &str, agent: &str) -> Self {
        self.claimed_address = printable(address, Self::AGENT_CHARACTERS_MAX);
        self.claimed_agent = printable(agent, Self::AGENT_CHARACTERS_MAX);
        self
    }
}

/// With what a session was opened; decides what it may delegate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// What the user alone has: the password, or a private key.
    Password,
    /// A TLS client certificate that names the user.
    Certificate,
    /// A browser's cookie, which a login by password has left.
    Cookie(CredentialId),
    /// The token of a sign-on session, which its user opened with the password, and the code where one is needed: as good
    /// as these, and over with that session.
    SignOn(SessionId),
    /// A one-time password: may not mint anything.
    Otp(CredentialId),
    /// An API key: over with that key, and reaches of what is withheld from keys only what the key's own rules name.
    ApiKey(CredentialId, Named),
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The operator: the command line on the server's own data, or the server's start-up.
    Operator,
    /// A session without a login.
    Anonymous,
    /// A signed-in user.
    User {
        /// The user.
        id: UserId,
        /// The login name.
        login: LoginName,
        /// The role at login.
        role: RoleName,
        /// How the session was opened.
        session: SessionKind,
    },
}

impl Actor {
    /// The actor behind a session of `user`.
    pub fn of(user: &User, session: SessionKind) -> Self {
        Self::User { id: user.id, login: user.login.clone(), role: user.role.clone(), session }
    }

    /// The name in audit rows and origins. A login name never starts with `%`, so these can't
    /// be taken by a user.
    pub fn name(&self) -> &str {
        match self {
            Self::Operator => "%operator",
            Self::Anonymous => "%anonymous",
            Self::User { login, .. } => login.as_str(),
        }
    }

    /// Who it is in a [`Stamp`](crate::profile::Stamp).
    pub fn stamp(&self) -> String {
        match self {
            Self::User { id, .. } => id.to_sign_on(),
            Self::Operator | Self::Anonymous => self.name().to_owned(),
        }
    }

    /// Whether the actor's session was opened with a one-time password.
    pub fn is_otp_session(&self) -> bool {
        matches!(self, Self::User { session: SessionKind::Otp(_), .. })
    }

    /// Whether the actor's session was opened with an API key.
    pub fn is_key_session(&self) -> bool {
        matches!(self, Self::User { session: SessionKind::ApiKey(..), .. })
    }

    /// Whether the actor's session may do what is withheld from the sessions of keys. Others have it as far as their role
    /// goes.
    pub fn may(&self, what: Withheld) -> bool {
        match self {
            Self::User { session: SessionKind::Otp(_), .. } => false,
            Self::User { session: SessionKind::ApiKey(_, named), .. } => named.has(what),
            Self::Operator | Self::Anonymous | Self::User { .. } => true,
        }
    }

    /// Whether this actor may act for other users: the operator, and users with role `trust`.
    pub fn is_trusted(&self) -> bool {
        match self {
            Self::Operator => true,
            Self::Anonymous => false,
            Self::User { role, .. } => role.is_trust(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_can_not_forge_log_lines() {
        let context = RequestContext::new("c", PeerAddress::Local, "a\r\nERROR b", "wamp");
        assert_eq!(context.agent, "a\u{fffd}\u{fffd}ERROR b");
        let long = "x".repeat(1000);
        let context = RequestContext::new("c", PeerAddress::Local, &long, "wamp");
        assert_eq!(context.agent.len(), RequestContext::AGENT_CHARACTERS_MAX);
    }
}
