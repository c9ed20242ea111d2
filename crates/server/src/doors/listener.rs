//! Listeners: bound sockets that hand out connections until the server stops.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use countersign_identity::PeerAddress;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::connection::Visitor;
use super::session::Peer;
use super::unix::{BoundSocket, peer_uid};
use super::{Doors, ListenUrl, TlsError, http, rawsocket, tls};
use crate::config::TlsConfig;
use crate::data_dir::DataDir;

/// Mode of the Unix socket for WAMP clients: whoever may enter its directory may connect, and
/// still has to log in.
const WAMP_SOCKET_MODE: u32 = 0o666;
/// Silence after which the system asks whether a peer is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Pause between two such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Questions without an answer after which the peer is taken for gone.
const KEEPALIVE_PROBES: u32 = 3;
/// How long sent bytes may stay unacknowledged.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_mins(1);
/// Pause after a failed accept, as when the system is out of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a door can't be opened. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The system refuses.
    #[error("can't listen on {url}")]
    Io {
        /// The address.
        url: ListenUrl,
        /// Why.
        source: io::Error,
    },
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A bound listener.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    url: ListenUrl,
}

enum Socket {
    Http(TcpListener),
    Https(TcpListener, TlsAcceptor),
    Tcp(TcpListener),
    Unix(BoundSocket),
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Socket")
    }
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`BindError`], which names the address.
    pub async fn bind(url: &ListenUrl, config: &TlsConfig, data: &DataDir) -> Result<Self, BindError> {
        let failed = |source| BindError::Io { url: url.clone(), source };
        let (socket, bound) = match url {
            ListenUrl::Http(at) => {
                let (listener, at) = bind_tcp(at).await.map_err(failed)?;
                (Socket::Http(listener), ListenUrl::Http(at))
            }
            ListenUrl::Https(at) => {
                let acceptor = tls::acceptor(config, data)?;
                let (listener, at) = bind_tcp(at).await.map_err(failed)?;
                (Socket::Https(listener, acceptor), ListenUrl::Https(at))
            }
            ListenUrl::Tcp(at) => {
                let (listener, at) = bind_tcp(at).await.map_err(failed)?;
                (Socket::Tcp(listener), ListenUrl::Tcp(at))
            }
            ListenUrl::Unix(path) => {
                let path: PathBuf = std::path::absolute(path).map_err(failed)?;
                let bound = BoundSocket::bind(&path, WAMP_SOCKET_MODE).map_err(failed)?;
                (Socket::Unix(bound), ListenUrl::Unix(path))
            }
        };
        Ok(Self { socket, url: bound })
    }

    /// Where it listens, with the port that was taken.
    pub fn url(&self) -> &ListenUrl {
        &self.url
    }

    /// Hands out connections until the doors close.
    pub async fn run(self, doors: Arc<Doors>) {
        match self.socket {
            Socket::Http(listener) => {
                let routes = http::routes(Arc::clone(&doors));
                accept_tcp(doors, listener, move |doors, stream, address| http(routes.clone(), doors, stream, address))
                    .await;
            }
            Socket::Https(listener, acceptor) => {
                let routes = http::routes(Arc::clone(&doors));
                accept_tcp(doors, listener, move |doors, stream, address| {
                    https(acceptor.clone(), routes.clone(), doors, stream, address)
                })
                .await;
            }
            Socket::Tcp(listener) => accept_tcp(doors, listener, raw).await,
            Socket::Unix(bound) => accept_unix(doors, &bound).await,
        }
    }
}

async fn bind_tcp(authority: &str) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(authority).await?;
    let at = listener.local_addr()?.to_string();
    Ok((listener, at))
}

async fn accept_tcp<F>(
    doors: Arc<Doors>,
    listener: TcpListener,
    serve: impl Fn(Arc<Doors>, TcpStream, PeerAddress) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    while let Some(accepted) = doors.stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, from)) => {
                set_up(&stream);
                let address = PeerAddress::Ip(from.ip().to_canonical());
                doors.tasks.spawn(serve(Arc::clone(&doors), stream, address));
            }
            Err(error) => pause(&error).await,
        }
    }
}

/// Small answers don't wait for the acknowledgement of the last one, and a peer that is gone
/// without a word is noticed. Where the system can't, the connection works all the same.
fn set_up(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
}

async fn accept_unix(doors: Arc<Doors>, bound: &BoundSocket) {
    while let Some(accepted) = doors.stop.run_until_cancelled(bound.listener.accept()).await {
        match accepted.and_then(|(stream, _)| Ok((peer_uid(&stream)?, stream))) {
            Ok((uid, stream)) => {
                let address = PeerAddress::Unix { uid };
                doors.tasks.spawn(raw(Arc::clone(&doors), stream, address));
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "can't accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

async fn raw<S: AsyncRead + AsyncWrite + Send + Unpin>(doors: Arc<Doors>, stream: S, address: PeerAddress) {
    let peer = Peer { address, user_agent: String::new() };
    match doors.gate.enter(address) {
        Some(pass) => rawsocket::serve(doors, stream, Visitor::new(peer, pass)).await,
        None => rawsocket::turn_away(stream).await,
    }
}

async fn http(routes: Router, doors: Arc<Doors>, stream: TcpStream, address: PeerAddress) {
    match doors.gate.enter(address) {
        Some(pass) => http::serve(routes, doors, stream, address, pass).await,
        None => http::turn_away(stream).await,
    }
}

async fn https(acceptor: TlsAcceptor, routes: Router, doors: Arc<Doors>, stream: TcpStream, address: PeerAddress) {
    let Some(pass) = doors.gate.enter(address) else { return };
    let shaking = tokio::time::timeout(doors.hello_deadline(), acceptor.accept(stream));
    match doors.stop.run_until_cancelled(shaking).await {
        Some(Ok(Ok(stream))) => http::serve(routes, doors, stream, address, pass).await,
        Some(Ok(Err(error))) => tracing::debug!(%error, "TLS handshake failed"),
        Some(Err(_)) => tracing::debug!("TLS handshake took too long"),
        None => {}
    }
}
