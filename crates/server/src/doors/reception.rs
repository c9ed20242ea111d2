//! From an accepted connection to the one who serves it: whose it is, TLS, and which protocol it
//! speaks.
//!
//! Every listener takes this path, and each speaks RawSocket and HTTP: the first byte tells
//! which (WAMP specification, advanced profile "RawSocket Transport").
//!
//! **Invariant:** what a peer says of its address is believed only if the transport's own peer is
//! a trusted proxy.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use countersign_identity::PeerAddress;
use countersign_wamp::rawsocket::MAGIC;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::connection::Visitor;
use super::gate::Pass;
use super::peer::{Peer, Tls};
use super::prefixed::Prefixed;
use super::scratch;
use super::split::Split;
use super::status::TransportPeer;
use super::{Doors, http, proxy_protocol, rawsocket};

/// What a listener says to those whom it doesn't read: there are too many from their address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnAway {
    /// An HTTP answer.
    Http,
    /// A RawSocket answer.
    RawSocket,
    /// Nothing: it would have to be under TLS, and that costs too much.
    Silently,
}

/// What the connections of one listener have in common.
pub struct Reception {
    doors: Arc<Doors>,
    routes: Router,
    tls: Option<TlsAcceptor>,
    turn_away: TurnAway,
}

impl Reception {
    /// A reception for one listener, which speaks TLS if there is an acceptor.
    pub fn new(doors: Arc<Doors>, tls: Option<TlsAcceptor>, turn_away: TurnAway) -> Self {
        Self { routes: http::routes(Arc::clone(&doors)), doors, tls, turn_away }
    }

    /// Leads one connection to the one who serves it. `transport` is the address at its other end.
    pub async fn receive(&self, stream: impl Split, transport: PeerAddress) {
        if let Err(error) = self.admit(stream, transport).await {
            tracing::debug!(%error, peer = %transport, "a connection ended before its first word");
        }
    }

    async fn admit<S>(&self, mut stream: S, transport: PeerAddress) -> io::Result<()>
    where
        S: Split,
    {
        let deadline = Instant::now() + self.doors.hello_deadline();
        // Until the proxy has said for whom it connects, the connection is the proxy's own.
        let Some(mut pass) = self.doors.gate.enter(transport) else {
            self.turn_away(stream).await;
            return Ok(());
        };
        let mut address = transport;
        if self.doors.app.config.proxies.proxy_protocol && self.doors.is_trusted_proxy(transport) {
            let source = self.in_time(deadline, "proxy_header", proxy_protocol::read(&mut stream)).await?;
            address = source.map_or(transport, PeerAddress::Ip);
            if !pass.move_to(address) {
                self.turn_away(stream).await;
                return Ok(());
            }
        }
        match &self.tls {
            Some(acceptor) => {
                let stream = self.in_time(deadline, "tls", acceptor.accept(stream)).await?;
                let tls = Tls::of(stream.get_ref().1)?;
                self.serve(stream, deadline, transport, Peer::new(address, Some(tls)), pass).await
            }
            None => self.serve(stream, deadline, transport, Peer::new(address, None), pass).await,
        }
    }

    /// Hands the connection to the protocol that its first byte belongs to.
    async fn serve<S>(
        &self,
        mut stream: S,
        deadline: Instant,
        transport: PeerAddress,
        peer: Peer,
        pass: Pass,
    ) -> io::Result<()>
    where
        S: Split,
    {
        let (magic, first) = self.in_time(deadline, "silent", first_bytes(&mut stream)).await?;
        let stream = Prefixed::new(first, stream);
        let doors = Arc::clone(&self.doors);
        // In a task of its own: what it took to come here is more than an idle session takes.
        if magic == MAGIC {
            self.doors.tasks.spawn(rawsocket::serve(doors, stream, Visitor::new(peer, pass)));
        } else {
            let transport = TransportPeer { address: transport, is_proxying: transport != peer.address };
            self.doors.tasks.spawn(http::serve(self.routes.clone(), doors, stream, peer, transport, pass));
        }
        Ok(())
    }

    /// A step that has to be done before the deadline, and before the server stops. Failures are
    /// counted under `reason`.
    async fn in_time<T>(
        &self,
        deadline: Instant,
        reason: &'static str,
        step: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        match self.doors.stop.run_until_cancelled(timeout_at(deadline, step)).await {
            Some(Ok(result)) => result.inspect_err(|_| self.doors.app.metrics.refused(reason)),
            Some(Err(_)) => {
                self.doors.too_late();
                Err(io::ErrorKind::TimedOut.into())
            }
            None => Err(io::Error::other("the server is going down")),
        }
    }

    async fn turn_away(&self, stream: impl AsyncWrite + Unpin) {
        self.doors.app.metrics.refused("too_many");
        match self.turn_away {
            TurnAway::Http => http::turn_away(stream).await,
            TurnAway::RawSocket => rawsocket::turn_away(stream).await,
            TurnAway::Silently => {}
        }
    }
}

/// What comes first, as much as is there: the first byte, and all of it.
async fn first_bytes(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Bytes)> {
    let bytes = poll_fn(|cx| scratch::poll_read(stream, cx, Bytes::copy_from_slice)).await?;
    let first = bytes.first().copied().ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((first, bytes))
}
