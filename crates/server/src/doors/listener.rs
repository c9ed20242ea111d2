//! Listeners: bound sockets that hand out connections until the server stops.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_identity::PeerAddress;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::reception::{Reception, TurnAway};
use super::unix::{BoundSocket, peer_uid};
use super::{Doors, ListenUrl, TlsError, tls};
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
pub struct Listener {
    socket: Socket,
    tls: Option<TlsAcceptor>,
    url: ListenUrl,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(BoundSocket),
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("url", &self.url).finish_non_exhaustive()
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
        let tls = match url {
            ListenUrl::Https(_) => Some(tls::acceptor(config, data)?),
            ListenUrl::Http(_) | ListenUrl::Tcp(_) | ListenUrl::Unix(_) => None,
        };
        let (socket, url) = match url {
            ListenUrl::Http(at) => tcp(at, ListenUrl::Http).await,
            ListenUrl::Https(at) => tcp(at, ListenUrl::Https).await,
            ListenUrl::Tcp(at) => tcp(at, ListenUrl::Tcp).await,
            ListenUrl::Unix(path) => unix(path),
        }
        .map_err(failed)?;
        Ok(Self { socket, tls, url })
    }

    /// Where it listens, with the port that was taken.
    pub fn url(&self) -> &ListenUrl {
        &self.url
    }

    /// Hands out connections until the doors close.
    pub async fn run(self, doors: Arc<Doors>) {
        let turn_away = match self.url {
            ListenUrl::Http(_) => TurnAway::Http,
            ListenUrl::Https(_) => TurnAway::Silently,
            ListenUrl::Tcp(_) | ListenUrl::Unix(_) => TurnAway::RawSocket,
        };
        let scheme = self.url.scheme();
        let reception = Arc::new(Reception::new(Arc::clone(&doors), self.tls, turn_away));
        while let Some(accepted) = doors.stop.run_until_cancelled(self.socket.accept()).await {
            let reception = Arc::clone(&reception);
            if accepted.is_ok() {
                doors.app.metrics.connection(scheme);
            }
            match accepted {
                Ok(Accepted::Tcp(stream, address)) => {
                    doors.tasks.spawn(async move { reception.receive(stream, address).await });
                }
                Ok(Accepted::Unix(stream, address)) => {
                    doors.tasks.spawn(async move { reception.receive(stream, address).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// A connection, and who is at its other end.
enum Accepted {
    Tcp(TcpStream, PeerAddress),
    Unix(UnixStream, PeerAddress),
}

impl Socket {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, PeerAddress::Ip(from.ip().to_canonical())))
            }
            Self::Unix(bound) => {
                let (stream, _) = bound.listener.accept().await?;
                let address = PeerAddress::Unix { uid: peer_uid(&stream)? };
                Ok(Accepted::Unix(stream, address))
            }
        }
    }
}

async fn tcp(authority: &str, url: impl Fn(String) -> ListenUrl) -> io::Result<(Socket, ListenUrl)> {
    let listener = TcpListener::bind(authority).await?;
    set_up(&listener);
    let at = listener.local_addr()?.to_string();
    Ok((Socket::Tcp(listener), url(at)))
}

fn unix(path: &Path) -> io::Result<(Socket, ListenUrl)> {
    let path = std::path::absolute(path)?;
    let bound = BoundSocket::bind(&path, WAMP_SOCKET_MODE)?;
    Ok((Socket::Unix(bound), ListenUrl::Unix(path)))
}

/// Small answers don't wait for the acknowledgement of the last one, and a peer that is gone
/// without a word is noticed. Where the system can't, connections work all the same.
///
/// Accepted sockets have the options of the listening one, so that they cost no calls of each connection.
fn set_up(listener: &TcpListener) {
    let socket = SockRef::from(listener);
    let _ = socket.set_tcp_nodelay(true);
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn connections_are_set_up_as_their_listener() {
        let (socket, url) = tcp("127.0.0.1:0", ListenUrl::Http).await.unwrap();
        let ListenUrl::Http(address) = url else { panic!("another door: {url}") };
        let (accepted, connected) = tokio::join!(socket.accept(), TcpStream::connect(address));
        connected.unwrap();
        let Accepted::Tcp(stream, _) = accepted.unwrap() else { panic!("no TCP") };
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED_MAX));
    }
}
