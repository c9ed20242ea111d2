//! From a URL to a transport that carries frames.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::{Buf as _, BytesMut};
use countersign_wamp::Subprotocol;
use countersign_wamp::rawsocket::{self, HANDSHAKE_BYTES, Handshake};
use countersign_websocket::deflate::{self, ResponseError};
use countersign_websocket::handshake::{ClientHandshake, HandshakeError, NONCE_BYTES};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::auth::Channel;
use crate::error::ConnectError;
use crate::options::ConnectOptions;
use crate::tls;
use crate::transport::{BoxedIo, Transport};

const PORT_WS: u16 = 80;
const PORT_WSS: u16 = 443;

/// Where to, and how.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint<'a> {
    WebSocket { host: &'a str, port: u16, tls: bool },
    Tcp { host: &'a str, port: u16, tls: bool },
    Unix { path: &'a str },
}

/// Connects and agrees on the serializer. Nothing of WAMP is said yet.
pub(crate) async fn dial(options: &ConnectOptions) -> Result<(Transport, Channel), ConnectError> {
    match parse(&options.url)? {
        Endpoint::WebSocket { host, port, tls: false } => {
            let stream = tcp(host, port, options.local_address).await?;
            Ok((web_socket(Box::new(stream), options).await?, Channel::default()))
        }
        Endpoint::WebSocket { host, port, tls: true } => {
            let stream = tcp(host, port, options.local_address).await?;
            let (stream, channel) = tls::connect(stream, host, options).await?;
            Ok((web_socket(Box::new(stream), options).await?, channel))
        }
        Endpoint::Tcp { host, port, tls: false } => {
            let stream = tcp(host, port, options.local_address).await?;
            Ok((raw_socket(Box::new(stream), options).await?, Channel::default()))
        }
        Endpoint::Tcp { host, port, tls: true } => {
            let stream = tcp(host, port, options.local_address).await?;
            let (stream, channel) = tls::connect(stream, host, options).await?;
            Ok((raw_socket(Box::new(stream), options).await?, channel))
        }
        Endpoint::Unix { path } => {
            let stream = UnixStream::connect(path).await.map_err(ConnectError::Transport)?;
            Ok((raw_socket(Box::new(stream), options).await?, Channel::default()))
        }
    }
}

fn parse(url: &str) -> Result<Endpoint<'_>, ConnectError> {
    let (scheme, rest) = url.split_once(':').ok_or(ConnectError::Url("it has no scheme"))?;
    if scheme == "unix" {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        return if path.is_empty() { Err(ConnectError::Url("it has no path")) } else { Ok(Endpoint::Unix { path }) };
    }
    let default_port = match scheme {
        "ws" => Some(PORT_WS),
        "wss" => Some(PORT_WSS),
        "tcp" | "tcps" => None,
        _ => return Err(ConnectError::Url("its scheme is none of ws, wss, tcp, tcps and unix")),
    };
    let rest = rest.strip_prefix("//").ok_or(ConnectError::Url("it has no host"))?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = host_and_port(authority)?;
    let port = port.or(default_port).ok_or(ConnectError::Url("it has no port"))?;
    Ok(match scheme {
        "tcp" | "tcps" => Endpoint::Tcp { host, port, tls: scheme == "tcps" },
        _ => Endpoint::WebSocket { host, port, tls: scheme == "wss" },
    })
}

/// Splits `host`, `host:port`, `[address]` or `[address]:port`.
fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), ConnectError> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':').unwrap_or_default())),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(ConnectError::Url("it has no host"));
    }
    let port = port.map(str::parse).transpose().map_err(|_| ConnectError::Url("its port is no port number"))?;
    Ok((host, port))
}

/// Tries the host's addresses in order.
async fn tcp(host: &str, port: u16, local: Option<IpAddr>) -> Result<TcpStream, ConnectError> {
    let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in tokio::net::lookup_host((host, port)).await.map_err(ConnectError::Transport)? {
        match tcp_to(address, local).await {
            Ok(stream) => return Ok(stream),
            Err(failed) => error = failed,
        }
    }
    Err(ConnectError::Transport(error))
}

async fn tcp_to(address: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Host with port, and path with query, as they stand in a request for a URL that [`parse`] took.
fn authority_and_target(url: &str) -> (&str, Cow<'_, str>) {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, target) = rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).unwrap_or_default();
    let target = if target.starts_with('/') { target.into() } else { format!("/{target}").into() };
    (authority, target)
}

async fn web_socket(mut stream: BoxedIo, options: &ConnectOptions) -> Result<Transport, ConnectError> {
    let (authority, target) = authority_and_target(&options.url);
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| ConnectError::Transport(io::Error::other(error.to_string())))?;
    let offer = options.compression.then_some(("Sec-WebSocket-Extensions", deflate::OFFER));
    let own = options.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()));
    let fields: Vec<_> = own.chain(offer).collect();
    let subprotocol = Subprotocol { encoding: options.encoding, is_batched: options.batched };
    let (handshake, request) =
        ClientHandshake::begin(nonce, authority, &target, subprotocol.name(), &fields).map_err(refused)?;
    stream.write_all(&request).await.map_err(ConnectError::Transport)?;
    stream.flush().await.map_err(ConnectError::Transport)?;
    let mut received = BytesMut::new();
    let response = loop {
        if stream.read_buf(&mut received).await.map_err(ConnectError::Transport)? == 0 {
            return Err(ConnectError::ProtocolViolation("the answer ended before its end".into()));
        }
        if let Some(response) = handshake.finish(&received).map_err(refused)? {
            break response;
        }
    };
    received.advance(response.head_bytes);
    let extensions = response.extensions.iter().map(String::as_str);
    let agreement = deflate::agreed(extensions).map_err(|error| ConnectError::ProtocolViolation(error.to_string()))?;
    if agreement.is_some() && !options.compression {
        return Err(ConnectError::ProtocolViolation(ResponseError.to_string()));
    }
    Ok(Transport::web_socket(stream, received, subprotocol, options.frame_limit, agreement))
}

fn refused(error: HandshakeError) -> ConnectError {
    match error {
        HandshakeError::Status(status) => ConnectError::Http(status),
        HandshakeError::Request(_) => ConnectError::Url("it is malformed"),
        error => ConnectError::ProtocolViolation(error.to_string()),
    }
}

async fn raw_socket(mut stream: BoxedIo, options: &ConnectOptions) -> Result<Transport, ConnectError> {
    let ours = Handshake { encoding: options.encoding, limit: options.frame_limit };
    stream.write_all(&ours.to_bytes()).await.map_err(ConnectError::Transport)?;
    stream.flush().await.map_err(ConnectError::Transport)?;
    let mut reply = [0; HANDSHAKE_BYTES];
    stream.read_exact(&mut reply).await.map_err(ConnectError::Transport)?;
    match Handshake::parse_reply(reply, options.encoding) {
        Ok(theirs) => Ok(Transport::raw_socket(stream, ours.limit, theirs.limit)),
        Err(rawsocket::HandshakeError::Refused(refusal)) => Err(ConnectError::RawSocket(refusal)),
        Err(error) => Err(ConnectError::ProtocolViolation(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_urls_of_all_transports() {
        let check = |url, want| assert_eq!(parse(url).unwrap(), want, "{url}");
        check("ws://h:1/ws", Endpoint::WebSocket { host: "h", port: 1, tls: false });
        check("ws://h", Endpoint::WebSocket { host: "h", port: 80, tls: false });
        check("wss://h/ws?a=b:c", Endpoint::WebSocket { host: "h", port: 443, tls: true });
        check("wss://[::1]:9", Endpoint::WebSocket { host: "::1", port: 9, tls: true });
        check("ws://[::1]/ws", Endpoint::WebSocket { host: "::1", port: 80, tls: false });
        check("tcp://127.0.0.1:1", Endpoint::Tcp { host: "127.0.0.1", port: 1, tls: false });
        check("tcps://[::1]:1", Endpoint::Tcp { host: "::1", port: 1, tls: true });
        check("unix:/run/x.sock", Endpoint::Unix { path: "/run/x.sock" });
        check("unix:///run/x.sock", Endpoint::Unix { path: "/run/x.sock" });
    }

    #[test]
    fn asks_for_the_path_and_query_of_the_url() {
        let check = |url, authority, target: &str| {
            assert_eq!(authority_and_target(url), (authority, target.into()), "{url}");
        };
        check("ws://h:1/ws", "h:1", "/ws");
        check("ws://h", "h", "/");
        check("wss://[::1]:9?a=b", "[::1]:9", "/?a=b");
        check("ws://h/a/b?c=d/e#f", "h", "/a/b?c=d/e");
    }

    #[test]
    fn says_what_is_wrong_with_a_url() {
        let check = |url, want| match parse(url) {
            Err(ConnectError::Url(what)) => assert_eq!(what, want, "{url}"),
            other => panic!("{url} {other:?}"),
        };
        check("", "it has no scheme");
        check("http://h:1", "its scheme is none of ws, wss, tcp, tcps and unix");
        check("unix:", "it has no path");
        check("ws:h", "it has no host");
        check("ws://", "it has no host");
        check("ws://:80", "it has no host");
        check("tcp://h", "it has no port");
        check("tcp://h:", "its port is no port number");
        check("tcp://h:65536", "its port is no port number");
        check("tcp://[::1]9", "its port is no port number");
    }
}
