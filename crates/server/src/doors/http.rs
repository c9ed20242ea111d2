//! HTTP: WebSocket at `/ws`, and what watches the server.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use countersign_identity::PeerAddress;
use countersign_wamp::Subprotocol;
use countersign_websocket::deflate::{self, Agreement};
use countersign_websocket::handshake::{self, accept_key};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tower::ServiceExt as _;

use super::connection::Visitor;
use super::gate::Pass;
use super::peer::Peer;
use super::status::{self, TransportPeer};
use super::{Doors, bridge, cookie, forwarded, longpoll, sso, websocket};
use crate::config::WebSocketConfig;

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

/// The answer to a request for what isn't there.
pub const NOTHING_HERE: (StatusCode, &str) = (StatusCode::NOT_FOUND, "there is nothing at this path\n");

/// The routes.
pub fn routes(doors: Arc<Doors>) -> Router {
    let (bridge, longpoll, sso) = (bridge::routes(&doors), longpoll::routes(&doors), sso::routes(&doors));
    let mut routes = Router::new().route("/ws", get(upgrade)).merge(status::routes());
    if let Some(path) = &doors.app.config.test.echo_path {
        routes = routes.route(path, get(echo));
    }
    routes.layer(Extension(doors)).merge(bridge).merge(longpoll).merge(sso).fallback(|| async { NOTHING_HERE })
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
    transport: TransportPeer,
    pass: Pass,
) {
    let slot = PassSlot(Arc::new(Mutex::new(Some(pass))));
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request.extensions_mut().insert(transport);
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
        if error.is_timeout() {
            doors.too_late();
        }
        tracing::debug!(%error, "HTTP connection ended");
    }
}

async fn upgrade(Extension(doors): Extension<Arc<Doors>>, mut request: Request) -> Response {
    let handshake = match Handshake::read(request.headers(), &doors.app.config.websocket) {
        Ok(handshake) => handshake,
        Err(refusal) => {
            doors.app.metrics.refused("handshake");
            return refusal.into_response();
        }
    };
    let is_secure = cookie::is_secure(&doors, request.headers(), request.extensions().get());
    let (on_upgrade, mut visitor) = match take_over(&doors, &mut request) {
        Ok(taken) => taken,
        Err(refusal) => return *refusal,
    };
    // Boxed: most requests are none of a browser with a cookie.
    let (browser, set_cookie) = Box::pin(cookie::receive(&doors, request.headers(), is_secure)).await;
    visitor.peer.browser = browser;
    let tasks = doors.tasks.clone();
    let (subprotocol, agreement) = (handshake.subprotocol, handshake.opening.agreement());
    tasks.spawn(async move {
        match on_upgrade.await {
            Ok(upgraded) => websocket::serve(doors, upgraded, subprotocol, agreement, visitor).await,
            Err(error) => tracing::debug!(%error, "WebSocket upgrade failed"),
        }
    });
    let mut response = handshake.into_response();
    if let Some(set_cookie) = set_cookie {
        response.headers_mut().insert(header::SET_COOKIE, set_cookie);
    }
    response
}

/// A WebSocket without WAMP, for tests of the WebSocket itself.
async fn echo(Extension(doors): Extension<Arc<Doors>>, mut request: Request) -> Response {
    let opening = match Opening::read(request.headers(), &doors.app.config.websocket) {
        Ok(opening) => opening,
        Err(refusal) => return refusal.into_response(),
    };
    let (on_upgrade, visitor) = match take_over(&doors, &mut request) {
        Ok(taken) => taken,
        Err(refusal) => return *refusal,
    };
    let (tasks, agreement) = (doors.tasks.clone(), opening.agreement());
    tasks.spawn(async move {
        if let Ok(upgraded) = on_upgrade.await {
            websocket::serve_echo(doors, upgraded, agreement, visitor.pass).await;
        }
    });
    opening.into_response()
}

/// The connection of a request, to be upgraded, and who comes over it.
fn take_over(doors: &Doors, request: &mut Request) -> Result<(OnUpgrade, Visitor), Box<Response>> {
    let refused = |response: Response| Err(Box::new(response));
    let extensions = request.extensions_mut();
    let (Some(on_upgrade), Some(mut peer), Some(slot)) =
        (extensions.remove::<OnUpgrade>(), extensions.remove::<Peer>(), extensions.remove::<PassSlot>())
    else {
        return refused((StatusCode::BAD_REQUEST, "this connection can't be upgraded\n").into_response());
    };
    let Some(mut pass) = slot.take() else {
        return refused((StatusCode::BAD_REQUEST, "this connection was upgraded before\n").into_response());
    };
    peer.address = asked_for(doors, request.headers(), peer.address);
    if !pass.move_to(peer.address) {
        return refused((StatusCode::SERVICE_UNAVAILABLE, [(header::CONNECTION, "close")]).into_response());
    }
    text(request.headers(), &header::USER_AGENT).clone_into(&mut peer.user_agent);
    Ok((on_upgrade, Visitor::new(peer, pass)))
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

/// An opening handshake for WAMP that can be answered.
#[derive(Debug)]
struct Handshake {
    opening: Opening,
    subprotocol: Subprotocol,
}

/// A WebSocket opening handshake (RFC 6455, section 4.2), whatever is spoken then.
#[derive(Debug)]
struct Opening {
    accept: String,
    compression: Option<(String, Agreement)>,
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
    fn read(headers: &HeaderMap, config: &WebSocketConfig) -> Result<Self, Refusal> {
        let opening = Opening::read(headers, config)?;
        let offers = texts(headers, &header::SEC_WEBSOCKET_PROTOCOL);
        let subprotocol = handshake::first_known(offers, Subprotocol::from_name).ok_or(Refusal::Subprotocol)?;
        Ok(Self { opening, subprotocol })
    }
}

impl Opening {
    fn read(headers: &HeaderMap, config: &WebSocketConfig) -> Result<Self, Refusal> {
        let upgrades = handshake::has_token(texts(headers, &header::CONNECTION), "upgrade");
        if !upgrades || !handshake::has_token(texts(headers, &header::UPGRADE), "websocket") {
            return Err(Refusal::NoUpgrade);
        }
        if text(headers, &header::SEC_WEBSOCKET_VERSION) != handshake::VERSION {
            return Err(Refusal::Version);
        }
        let key = text(headers, &header::SEC_WEBSOCKET_KEY);
        if !handshake::is_key(key) {
            return Err(Refusal::NoKey);
        }
        let offers = config.compression.then(|| texts(headers, &header::SEC_WEBSOCKET_EXTENSIONS));
        Ok(Self { accept: accept_key(key), compression: offers.and_then(deflate::accept) })
    }

    fn agreement(&self) -> Option<Agreement> {
        self.compression.as_ref().map(|(_, agreement)| *agreement)
    }
}

impl IntoResponse for Handshake {
    fn into_response(self) -> Response {
        let subprotocol = [(header::SEC_WEBSOCKET_PROTOCOL, self.subprotocol.name())];
        (subprotocol, self.opening).into_response()
    }
}

impl IntoResponse for Opening {
    fn into_response(self) -> Response {
        let fixed = [(header::CONNECTION, "Upgrade"), (header::UPGRADE, "websocket")];
        let accept = [(header::SEC_WEBSOCKET_ACCEPT, self.accept)];
        let extensions = self.compression.map(|(answer, _)| [(header::SEC_WEBSOCKET_EXTENSIONS, answer)]);
        match extensions {
            Some(extensions) => (StatusCode::SWITCHING_PROTOCOLS, fixed, accept, extensions).into_response(),
            None => (StatusCode::SWITCHING_PROTOCOLS, fixed, accept).into_response(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let version = [(header::SEC_WEBSOCKET_VERSION, handshake::VERSION)];
        match self {
            Self::NoUpgrade => {
                let body = "this is a WebSocket endpoint for WAMP clients\n";
                (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], body).into_response()
            }
            Self::Version => {
                (StatusCode::UPGRADE_REQUIRED, version, "WebSocket version 13 is needed\n").into_response()
            }
            Self::NoKey => (StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing or wrong\n").into_response(),
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

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

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
        Handshake::read(&headers, &WebSocketConfig::default()).map(|handshake| {
            assert_eq!(handshake.opening.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
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
    fn agrees_to_compression_only_where_configured() {
        let agreed = |compression, offer| {
            let mut headers = HeaderMap::new();
            for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")]
            {
                headers.insert(name, HeaderValue::from_static(value));
            }
            headers.insert("sec-websocket-key", HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
            headers.insert("sec-websocket-extensions", HeaderValue::from_static(offer));
            let config = WebSocketConfig { compression, ..WebSocketConfig::default() };
            Opening::read(&headers, &config).unwrap().compression.is_some()
        };
        assert!(agreed(true, "permessage-deflate; client_max_window_bits"));
        assert!(!agreed(false, "permessage-deflate; client_max_window_bits"));
        assert!(!agreed(true, "permessage-deflate; server_max_window_bits=7"));
    }

    #[test]
    fn refuses_what_is_no_handshake() {
        assert_eq!(read(&[("sec-websocket-protocol", "soap")]), Err(Refusal::Subprotocol));
        assert_eq!(read(&[("sec-websocket-protocol", "")]), Err(Refusal::Subprotocol));
        assert_eq!(read(&[("sec-websocket-version", "8")]), Err(Refusal::Version));
        assert_eq!(read(&[("sec-websocket-key", "")]), Err(Refusal::NoKey));
        assert_eq!(read(&[("sec-websocket-key", "dGhlIHNhbXBsZQ==")]), Err(Refusal::NoKey));
        assert_eq!(read(&[("upgrade", "h2c")]), Err(Refusal::NoUpgrade));
        assert_eq!(read(&[("connection", "close")]), Err(Refusal::NoUpgrade));
    }
}
