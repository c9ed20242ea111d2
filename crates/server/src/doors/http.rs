//! HTTP: WebSocket at `/ws`, and a health check.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use countersign_identity::PeerAddress;
use countersign_wamp::Subprotocol;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tower::ServiceExt as _;

use super::connection::Visitor;
use super::gate::Pass;
use super::peer::Peer;
use super::{Doors, forwarded, longpoll, websocket};

/// The only WebSocket version there is (RFC 6455).
const WEBSOCKET_VERSION: &str = "13";

/// Longest time for answers that are under way when the server stops, as the last words of
/// long-poll transports.
const LAST_ANSWERS_SECONDS_MAX: Duration = Duration::from_secs(2);

/// Where the connection's place at the gate waits for the upgrade that takes it along.
#[derive(Debug, Clone)]
pub struct PassSlot(Arc<Mutex<Option<Pass>>>);

impl PassSlot {
    /// Takes the place, if it is there.
    pub fn take(&self) -> Option<Pass> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts a place in.
    pub fn put(&self, pass: Pass) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(pass);
    }
}

/// The routes.
pub fn routes(doors: Arc<Doors>) -> Router {
    let longpoll = longpoll::routes(&doors);
    Router::new()
        .route("/ws", get(upgrade))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(Extension(doors))
        .merge(longpoll)
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing at this path\n") })
}

/// Turns a connection away unread: there are too many from its address.
pub async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let _ = stream.write_all(BUSY).await;
    let _ = stream.shutdown().await;
}

/// Carries one HTTP connection to its end, or to its upgrade.
pub async fn serve(
    routes: Router,
    doors: Arc<Doors>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Peer,
    pass: Pass,
) {
    let slot = PassSlot(Arc::new(Mutex::new(Some(pass))));
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request.extensions_mut().insert(slot.clone());
        routes.clone().oneshot(request.map(axum::body::Body::new))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(doors.hello_deadline())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let result = if let Some(result) = doors.stop.run_until_cancelled(connection.as_mut()).await {
        result
    } else {
        connection.as_mut().graceful_shutdown();
        tokio::time::timeout(LAST_ANSWERS_SECONDS_MAX, connection).await.unwrap_or(Ok(()))
    };
    if let Err(error) = result {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

async fn upgrade(Extension(doors): Extension<Arc<Doors>>, mut request: Request) -> Response {
    let handshake = match Handshake::read(request.headers()) {
        Ok(handshake) => handshake,
        Err(refusal) => return refusal.into_response(),
    };
    let extensions = request.extensions_mut();
    let (Some(on_upgrade), Some(mut peer), Some(slot)) =
        (extensions.remove::<OnUpgrade>(), extensions.remove::<Peer>(), extensions.remove::<PassSlot>())
    else {
        return (StatusCode::BAD_REQUEST, "this connection can't be upgraded\n").into_response();
    };
    let Some(mut pass) = slot.take() else {
        return (StatusCode::BAD_REQUEST, "this connection was upgraded before\n").into_response();
    };
    peer.address = asked_for(&doors, request.headers(), peer.address);
    if !pass.move_to(peer.address) {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::CONNECTION, "close")]).into_response();
    }
    text(request.headers(), &header::USER_AGENT).clone_into(&mut peer.user_agent);
    let tasks = doors.tasks.clone();
    let subprotocol = handshake.subprotocol;
    tasks.spawn(async move {
        match on_upgrade.await {
            Ok(upgraded) => websocket::serve(doors, upgraded, subprotocol, Visitor::new(peer, pass)).await,
            Err(error) => tracing::debug!(%error, "WebSocket upgrade failed"),
        }
    });
    handshake.into_response()
}

/// Whose address counts: `address`, unless that is a trusted proxy that asks for another. Where
/// proxies speak the PROXY protocol, they have said it already.
pub fn asked_for(doors: &Doors, headers: &HeaderMap, address: PeerAddress) -> PeerAddress {
    let proxies = &doors.app.config.proxies;
    if proxies.proxy_protocol || !doors.is_trusted_proxy(address) {
        return address;
    }
    forwarded::client(headers, &proxies.trusted).map_or(address, PeerAddress::Ip)
}

/// A WebSocket opening handshake (RFC 6455, section 4.2) that can be answered.
#[derive(Debug)]
struct Handshake {
    accept: String,
    subprotocol: Subprotocol,
}

/// Why a request opens no WebSocket. The client's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NoUpgrade,
    Version,
    NoKey,
    Subprotocol,
}

impl Handshake {
    fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let upgrades = has_token(headers, &header::CONNECTION, "upgrade");
        if !upgrades || !has_token(headers, &header::UPGRADE, "websocket") {
            return Err(Refusal::NoUpgrade);
        }
        if text(headers, &header::SEC_WEBSOCKET_VERSION) != WEBSOCKET_VERSION {
            return Err(Refusal::Version);
        }
        let key = text(headers, &header::SEC_WEBSOCKET_KEY);
        if key.is_empty() {
            return Err(Refusal::NoKey);
        }
        // The client's order counts: the first one that is spoken here.
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let subprotocol = offered
            .flat_map(|value| value.split(','))
            .find_map(|name| Subprotocol::from_name(name.trim()))
            .ok_or(Refusal::Subprotocol)?;
        Ok(Self { accept: derive_accept_key(key.as_bytes()), subprotocol })
    }
}

impl IntoResponse for Handshake {
    fn into_response(self) -> Response {
        let fixed = [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(self.subprotocol.name())),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, fixed, [(header::SEC_WEBSOCKET_ACCEPT, self.accept)]).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let version = [(header::SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION)];
        match self {
            Self::NoUpgrade => {
                let body = "this is a WebSocket endpoint for WAMP clients\n";
                (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], body).into_response()
            }
            Self::Version => {
                (StatusCode::UPGRADE_REQUIRED, version, "WebSocket version 13 is needed\n").into_response()
            }
            Self::NoKey => (StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing\n").into_response(),
            Self::Subprotocol => {
                let known: Vec<&str> = Subprotocol::all().map(Subprotocol::name).collect();
                let body = format!("offer one of the subprotocols {}\n", known.join(", "));
                (StatusCode::BAD_REQUEST, body).into_response()
            }
        }
    }
}

/// A header's value; empty if it is not there or no text.
pub fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changes: &[(&'static str, &'static str)]) -> Result<&'static str, Refusal> {
        let mut headers = HeaderMap::new();
        let defaults = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "wamp.2.json"),
        ];
        for (name, value) in defaults.iter().chain(changes) {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        Handshake::read(&headers).map(|handshake| {
            assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            handshake.subprotocol.name()
        })
    }

    #[test]
    fn takes_the_first_subprotocol_of_the_client_that_is_known() {
        assert_eq!(read(&[]), Ok("wamp.2.json"));
        assert_eq!(read(&[("sec-websocket-protocol", "x, wamp.2.cbor, wamp.2.json")]), Ok("wamp.2.cbor"));
        assert_eq!(read(&[("sec-websocket-protocol", "wamp.2.msgpack,wamp.2.cbor")]), Ok("wamp.2.msgpack"));
        assert_eq!(read(&[("sec-websocket-protocol", "wamp.2.ubjson,wamp.2.cbor")]), Ok("wamp.2.ubjson"));
        let batched = read(&[("sec-websocket-protocol", "wamp.2.json.batched,wamp.2.json")]);
        assert_eq!(batched, Ok("wamp.2.json.batched"));
    }

    #[test]
    fn refuses_what_is_no_handshake() {
        assert_eq!(read(&[("sec-websocket-protocol", "soap")]), Err(Refusal::Subprotocol));
        assert_eq!(read(&[("sec-websocket-protocol", "")]), Err(Refusal::Subprotocol));
        assert_eq!(read(&[("sec-websocket-version", "8")]), Err(Refusal::Version));
        assert_eq!(read(&[("sec-websocket-key", "")]), Err(Refusal::NoKey));
        assert_eq!(read(&[("upgrade", "h2c")]), Err(Refusal::NoUpgrade));
        assert_eq!(read(&[("connection", "close")]), Err(Refusal::NoUpgrade));
    }
}
