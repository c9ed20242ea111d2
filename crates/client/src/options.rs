//! What a connection is asked to be.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use countersign_wamp::rawsocket::FrameLimit;
use countersign_wamp::{Dict, Encoding};
use zeroize::Zeroizing;

use crate::auth::Auth;

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
    pub(crate) client_certificate: Option<ClientCertificate>,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) headers: Vec<Header>,
    pub(crate) frame_limit: FrameLimit,
    pub(crate) compression: bool,
    pub(crate) batched: bool,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) leave_timeout: Duration,
    pub(crate) outbound_frames_max: usize,
    pub(crate) events_max: usize,
    pub(crate) invocations_max: usize,
}

/// Which certificates of a server on `wss` and `tcps` are believed.
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

/// A certificate of the client's own, with its private key. Wiped on drop, never printed.
#[derive(Clone)]
pub(crate) struct ClientCertificate {
    pub(crate) chain: Vec<u8>,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(redacted)")
    }
}

/// A header of the request that opens a WebSocket. Its value may be a secret: wiped on drop, never printed.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: Zeroizing<String>,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({}: redacted)", self.name)
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
    /// - `url`: `ws://host:port/path`, `wss://host:port/path`, `tcp://host:port` (RawSocket),
    ///   `tcps://host:port` (RawSocket over TLS) or `unix:path` (RawSocket on a Unix socket).
    /// - `realm`: the realm to join.
    pub fn new(url: impl Into<String>, realm: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            realm: realm.into(),
            encoding: Encoding::Cbor,
            auth: Auth::anonymous(),
            authextra: Dict::new(),
            agent: concat!("countersign-client/", env!("CARGO_PKG_VERSION")).into(),
            trust: Trust::System,
            client_certificate: None,
            local_address: None,
            headers: Vec::new(),
            frame_limit: FrameLimit::LARGEST,
            compression: false,
            batched: false,
            keep_alive: None,
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
        /// Which servers to believe on `wss` and `tcps`. Default: [`Trust::System`].
        trust: Trust;
        /// The longest message to accept. Default: 16 MiB.
        frame_limit: FrameLimit;
        /// Whether to offer compression of messages (permessage-deflate) on `ws` and `wss`. The
        /// login is never compressed. Default: no.
        compression: bool;
        /// Whether to put many messages into one on `ws` and `wss` (the subprotocols `wamp.2.….batched`). A server that
        /// doesn't speak them refuses the connection. Default: no.
        batched: bool;
        /// Longest time until the server's WELCOME, name resolution included. Default: 10 s.
        connect_timeout: Duration;
        /// Longest time that a call or another request waits for its answer. Default: 60 s.
        request_timeout: Duration;
        /// Longest time that [`crate::Session::leave`] waits for the server. Default: 5 s.
        leave_timeout: Duration;
    }

    /// A certificate to show on `wss` and `tcps`, and its private key, both as PEM text. With
    /// [`Auth::tls`] it is the way to sign in.
    #[must_use]
    pub fn client_certificate(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client_certificate = Some(ClientCertificate { chain: chain.into(), key: Zeroizing::new(key.into()) });
        self
    }

    /// After so long without a message the server is asked for a sign of life (a ping of the
    /// transport's); after as long again the connection counts as broken ([`crate::Closed::Silent`]).
    /// Default: never.
    #[must_use]
    pub fn keep_alive(mut self, silence: Duration) -> Self {
        self.keep_alive = Some(silence);
        self
    }

    /// The address to connect from, for all but Unix sockets. Default: the system's choice.
    #[must_use]
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.local_address = Some(address);
        self
    }

    /// A header of the request that opens a WebSocket, as `Cookie` with `Origin`; may be given again. Those of
    /// WebSocket itself are not replaced.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.into(), value: Zeroizing::new(value.into()) });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_headers_are_not_printed() {
        let options = ConnectOptions::new("ws://h/ws", "r").header("Cookie", "a=secret");
        let shown = format!("{options:?}");
        assert!(shown.contains("Cookie") && !shown.contains("secret"), "{shown}");
    }
}
