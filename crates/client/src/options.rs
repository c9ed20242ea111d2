//! What a connection is asked to be.

use std::net::IpAddr;
use std::time::Duration;

use countersign_wamp::rawsocket::FrameLimit;
use countersign_wamp::{Dict, Encoding, Signature};

/// Settings of one connection. Only address and realm have no default.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub(crate) url: String,
    pub(crate) realm: String,
    pub(crate) encoding: Encoding,
    pub(crate) auth: Auth,
    pub(crate) authextra: Dict,
    pub(crate) agent: String,
    pub(crate) trust: Trust,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) frame_limit: FrameLimit,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) leave_timeout: Duration,
    pub(crate) outbound_frames_max: usize,
    pub(crate) events_max: usize,
    pub(crate) invocations_max: usize,
}

/// How to sign in.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Auth {
    /// Without a name.
    #[default]
    Anonymous,
    /// With a secret that is sent to the server: a password, a one-time password, an API key.
    Ticket {
        /// The login.
        authid: String,
        /// The secret. Wiped on drop, never printed.
        ticket: Signature,
        /// What else goes into AUTHENTICATE, as a code for a second factor.
        extra: Dict,
    },
}

/// Which certificates of a server on `wss` are believed.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Trust {
    /// Those that the operating system trusts.
    #[default]
    System,
    /// Those in this PEM text, and those signed by one of them.
    Certificates(Vec<u8>),
    /// Any. Whoever sits on the line can read and change everything, secrets included.
    DangerAcceptAnyCertificate,
}

impl Auth {
    /// A ticket with nothing extra.
    pub fn ticket(authid: impl Into<String>, ticket: impl Into<String>) -> Self {
        Self::Ticket { authid: authid.into(), ticket: Signature::new(ticket), extra: Dict::new() }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)+) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        })+
    };
}

impl ConnectOptions {
    /// - `url`: `ws://host:port/path`, `wss://host:port/path`, `tcp://host:port` (RawSocket) or
    ///   `unix:path` (RawSocket on a Unix socket).
    /// - `realm`: the realm to join.
    pub fn new(url: impl Into<String>, realm: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            realm: realm.into(),
            encoding: Encoding::Cbor,
            auth: Auth::Anonymous,
            authextra: Dict::new(),
            agent: concat!("countersign-client/", env!("CARGO_PKG_VERSION")).into(),
            trust: Trust::System,
            local_address: None,
            frame_limit: FrameLimit::LARGEST,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_mins(1),
            leave_timeout: Duration::from_secs(5),
            outbound_frames_max: 1024,
            events_max: 1024,
            invocations_max: 256,
        }
    }

    setters! {
        /// The serializer. Default: CBOR.
        encoding: Encoding;
        /// How to sign in. Default: anonymously.
        auth: Auth;
        /// `authextra` of HELLO. Default: left out.
        authextra: Dict;
        /// The name of the program, for the server's logs. Default: this library's.
        agent: String;
        /// Which servers to believe on `wss`. Default: [`Trust::System`].
        trust: Trust;
        /// The longest message to accept. Default: 16 MiB.
        frame_limit: FrameLimit;
        /// Longest time until the server's WELCOME, name resolution included. Default: 10 s.
        connect_timeout: Duration;
        /// Longest time that a call or another request waits for its answer. Default: 60 s.
        request_timeout: Duration;
        /// Longest time that [`crate::Session::leave`] waits for the server. Default: 5 s.
        leave_timeout: Duration;
    }

    /// The address to connect from, for `ws`, `wss` and `tcp`. Default: the system's choice.
    #[must_use]
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.local_address = Some(address);
        self
    }

    /// Most frames that wait to be sent, at least 1; requests beyond wait for room. Default: 1024.
    #[must_use]
    pub fn outbound_frames_max(mut self, frames: usize) -> Self {
        self.outbound_frames_max = frames.max(1);
        self
    }

    /// Most events that wait in one subscription, at least 1; events beyond are missed, and
    /// counted ([`crate::Subscription::missed`]). Default: 1024.
    #[must_use]
    pub fn events_max(mut self, events: usize) -> Self {
        self.events_max = events.max(1);
        self
    }

    /// Most invocations worked on at once; those beyond are answered with
    /// `wamp.error.unavailable`. Default: 256.
    #[must_use]
    pub fn invocations_max(mut self, invocations: usize) -> Self {
        self.invocations_max = invocations;
        self
    }
}
