//! Every port speaks both transports, and a proxy in front of it is believed only where it is trusted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use countersign_client::{Auth, Client, ConnectError, ConnectOptions, Dict, Encoding, RawConnection, Trust};
use countersign_testkit::{Door, Server};
use countersign_wamp::rawsocket::Refusal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::support::{self, Answer, PASSWORD, PREFIX, REALM, SOON, call, server, server_with, text};

const LOGIN: &str = "kristen98";
const TCP_DOORS: [Door; 3] = [Door::Http, Door::Https, Door::Tcp];
/// 127.0.0.1 is a proxy, 127.0.0.2 is not.
const FORWARDED: &str = "[proxies]\ntrusted = [\"127.0.0.1\", \"10.0.0.0/8\"]\n";
/// The same with the other way of saying for whom.
const PROXY_PROTOCOL: &str = "[proxies]\ntrusted = [\"127.0.0.1\", \"10.0.0.0/8\"]\nproxy_protocol = true\n";

/// What a proxy adds to the bytes that it passes on.
#[derive(Debug, Clone)]
enum Adds {
    Nothing,
    /// Before everything.
    Preface(Vec<u8>),
    /// Lines behind the first line of an HTTP request.
    Lines(String),
}

impl Adds {
    fn forwarded_for(value: &str) -> Self {
        Self::Lines(format!("X-Forwarded-For: {value}\r\n"))
    }

    /// A header of version 2; `body` is what stands behind its length.
    fn header(command: u8, family: u8, body: &[u8]) -> Self {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        Self::Preface([&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length, body].concat())
    }

    fn proxy_for(source: &str) -> Self {
        match source.parse().unwrap() {
            IpAddr::V4(v4) => Self::header(0x21, 0x11, &[&v4.octets()[..], &[10, 0, 0, 1, 1, 2, 3, 4]].concat()),
            IpAddr::V6(v6) => Self::header(0x21, 0x21, &[&v6.octets()[..], &[0; 16], &[1, 2, 3, 4]].concat()),
        }
    }
}

/// A proxy in front of a door, which connects from 127.0.0.`last` and lives as long as the test.
async fn proxy(server: &Server, door: Door, last: u8, adds: Adds) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (at, to) = (listener.local_addr().unwrap(), server.address(door));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(pass_on(client, to, last, adds.clone()));
        }
    });
    at
}

async fn pass_on(client: TcpStream, to: SocketAddr, last: u8, adds: Adds) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    let mut server = socket.connect(to).await.unwrap();
    let mut client = BufReader::new(client);
    // Either side may be gone already: the client sees that.
    let _ = match adds {
        Adds::Nothing => Ok(()),
        Adds::Preface(bytes) => server.write_all(&bytes).await,
        Adds::Lines(lines) => {
            let mut first = String::new();
            client.read_line(&mut first).await.unwrap();
            server.write_all((first + &lines).as_bytes()).await
        }
    };
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

/// How to reach a door through such a proxy.
async fn through(server: &Server, door: Door, last: u8, adds: Adds) -> ConnectOptions {
    let proxy = proxy(server, door, last, adds).await;
    let url = server.wamp_url(door).replace(&server.address(door).to_string(), &proxy.to_string());
    trusting(server, door, ConnectOptions::new(url, REALM))
}

fn trusting(server: &Server, door: Door, options: ConnectOptions) -> ConnectOptions {
    if door != Door::Https {
        return options;
    }
    options.trust(Trust::Certificates(std::fs::read(server.data().join("tls-cert.pem")).unwrap()))
}

/// From where a one-time password is asked for over this connection, as its `origin` says.
async fn origin(options: ConnectOptions) -> Result<String, ConnectError> {
    let session = Client::connect(options.auth(Auth::ticket(LOGIN, PASSWORD))).await?;
    let otp = call(&session, &format!("{PREFIX}.my.otp.create"), vec![]).await.unwrap();
    let origin = text(otp.as_dict().unwrap(), "origin");
    Ok(origin.strip_prefix(&format!("{LOGIN}@")).unwrap_or_else(|| panic!("{origin}")).to_owned())
}

async fn with_user(server: Server) -> Server {
    server.add_user(LOGIN, "backend", PASSWORD).await;
    server
}

/// RawSocket by hand, up to WELCOME.
async fn raw_socket_by_hand(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut shaken = [0; 4];
    stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
    tokio::time::timeout(SOON, stream.read_exact(&mut shaken)).await.unwrap().unwrap();
    assert_eq!(shaken, [0x7f, 0xf1, 0, 0]);
    let hello = br#"[1,"izaber",{"roles":{"caller":{}},"authmethods":["anonymous"]}]"#;
    stream.write_all(&[&[0, 0, 0, u8::try_from(hello.len()).unwrap()], &hello[..]].concat()).await.unwrap();
    let mut head = [0; 4 + 3];
    tokio::time::timeout(SOON, stream.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(&head[4..], b"[2,");
}

async fn tls(server: &Server, stream: TcpStream) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.data().join("tls-cert.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    connector.connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await.unwrap()
}

#[tokio::test]
async fn every_port_speaks_web_socket_and_raw_socket() {
    let server = with_user(server_with("[auth]\nanonymous = true").start().await).await;
    for door in [Door::Http, Door::Tcp] {
        let address = server.address(door);
        for encoding in Encoding::ALL {
            for url in [format!("ws://{address}/ws"), format!("tcp://{address}")] {
                let options = ConnectOptions::new(&url, REALM).encoding(encoding);
                assert_eq!(origin(options).await.unwrap(), "127.0.0.1", "{door:?} {url}");
            }
        }
        raw_socket_by_hand(TcpStream::connect(address).await.unwrap()).await;
    }
    assert_eq!(origin(support::reach(&server, Door::Https)).await.unwrap(), "127.0.0.1");
    let stream = TcpStream::connect(server.address(Door::Https)).await.unwrap();
    raw_socket_by_hand(tls(&server, stream).await).await;
    raw_socket_by_hand(UnixStream::connect(server.unix_socket()).await.unwrap()).await;
}

#[tokio::test]
async fn a_port_tells_by_the_first_byte_alone() {
    let server = server_with("[auth]\nanonymous = true").start().await;
    for door in [Door::Http, Door::Tcp] {
        let mut stream = TcpStream::connect(server.address(door)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" {
            stream.write_all(&[*byte]).await.unwrap();
        }
        assert!(rest(stream).await.starts_with(b"HTTP/1.1 200 "), "{door:?}");
    }
    let mut stream = UnixStream::connect(server.unix_socket()).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(stream).await.starts_with(b"HTTP/1.1 200 "));
}

/// What still comes until the server closes; a reset is an end as well.
async fn rest(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut all)).await.expect("the server closes");
    all
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_for_whom_it_asks_by_http() {
    let server = with_user(server_with(FORWARDED).start().await).await;
    let check = async |door, last, adds: Adds, want: &str| {
        let of = format!("{door:?} 127.0.0.{last} {adds:?}");
        assert_eq!(origin(through(&server, door, last, adds).await).await.unwrap(), want, "{of}");
    };
    for (value, want) in [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        // What the client itself had sent stands at the left.
        ("127.0.0.1, 198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("junk, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("junk", "127.0.0.1"),
        ("203.0.113.7, junk", "127.0.0.1"),
        ("", "127.0.0.1"),
    ] {
        check(Door::Http, 1, Adds::forwarded_for(value), want).await;
        check(Door::Http, 2, Adds::forwarded_for(value), "127.0.0.2").await;
    }
    check(Door::Tcp, 2, Adds::Nothing, "127.0.0.2").await;
    check(Door::Tcp, 1, Adds::Nothing, "127.0.0.1").await;
    let two = Adds::Lines("X-Forwarded-For: 198.51.100.1\r\nx-forwarded-for: 203.0.113.7\r\n".into());
    check(Door::Http, 1, two, "203.0.113.7").await;
    // The trail has the same address.
    let rows = support::audit(&server, &["--operation", "login", "--outcome", "accepted"]).await;
    assert_eq!(rows[0]["address"], "203.0.113.7");
}

#[tokio::test]
async fn without_trusted_proxies_nobody_is_believed() {
    let server = with_user(server().start().await).await;
    let options = through(&server, Door::Http, 1, Adds::forwarded_for("203.0.113.7")).await;
    assert_eq!(origin(options).await.unwrap(), "127.0.0.1");
    for door in TCP_DOORS {
        assert!(origin(through(&server, door, 1, Adds::proxy_for("203.0.113.7")).await).await.is_err(), "{door:?}");
    }
}

/// Headers of every kind that name somebody else, and what clients say of themselves beside them.
#[tokio::test]
async fn w9_forged_headers_and_records_change_no_origin_and_no_row_of_the_trail() {
    const FORGED: &str = "203.0.113.7";
    let server = server().start().await;
    server.add_user(LOGIN, "trust", PASSWORD).await;
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP"] {
        let value = if name == "Forwarded" { format!("for={FORGED}") } else { FORGED.to_owned() };
        let lines = Adds::Lines(format!("{name}: {value}\r\nX-Forwarded-Host: {FORGED}\r\n"));
        let options = through(&server, Door::Http, 1, lines).await.agent(format!("{FORGED} {name}"));
        assert_eq!(origin(options.clone()).await.unwrap(), "127.0.0.1", "{name}");
        let session = Client::connect(options.auth(Auth::ticket(LOGIN, PASSWORD))).await.unwrap();
        let record = Dict::new().with("origin", format!("{LOGIN}@{FORGED}")).with("key", FORGED).with("uuid", FORGED);
        let otp = call(&session, "system.otp.create", vec![LOGIN.into(), record.into()]).await.unwrap();
        let otp = otp.as_dict().unwrap();
        assert_eq!(text(otp, "origin"), format!("{LOGIN}@127.0.0.1"), "{name}");
        assert_eq!((text(otp, "key").len(), text(otp, "uuid").len()), (43, 22));
    }
    let rows = support::audit(&server, &["--actor", LOGIN]).await;
    assert!(rows.len() >= 24, "{}", rows.len());
    assert!(rows.iter().all(|row| row["address"] == "127.0.0.1"), "{rows:?}");
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_for_whom_it_connects() {
    let server = with_user(server_with(PROXY_PROTOCOL).start().await).await;
    let padded = [&[203, 0, 113, 7, 10, 0, 0, 1, 1, 2, 3, 4][..], &[4; 500]].concat();
    for door in TCP_DOORS {
        for (adds, want) in [
            (Adds::proxy_for("203.0.113.7"), "203.0.113.7"),
            (Adds::proxy_for("2001:db8::7"), "2001:db8::7"),
            (Adds::header(0x21, 0x11, &padded), "203.0.113.7"),
            // The proxy itself, and a client that it can't name.
            (Adds::header(0x20, 0x00, &[]), "127.0.0.1"),
            (Adds::header(0x21, 0x00, &[]), "127.0.0.1"),
        ] {
            let of = format!("{door:?} {adds:?}");
            assert_eq!(origin(through(&server, door, 1, adds).await).await.unwrap(), want, "{of}");
        }
        // A stranger has nothing to say, and needs to say nothing.
        assert_eq!(origin(through(&server, door, 2, Adds::Nothing).await).await.unwrap(), "127.0.0.2");
        assert!(origin(through(&server, door, 2, Adds::proxy_for("203.0.113.7")).await).await.is_err(), "{door:?}");
    }
    // The other way of saying so is not listened to.
    let Adds::Preface(preface) = Adds::proxy_for("203.0.113.7") else { unreachable!() };
    let both = [&preface[..], b"GET /ws HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1\r\n"].concat();
    let mut stream = TcpStream::connect(server.address(Door::Http)).await.unwrap();
    stream.write_all(&both).await.unwrap();
    let rest = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n";
    stream.write_all(rest.as_bytes()).await.unwrap();
    let hello = json_frame(r#"[1,"izaber",{"roles":{"caller":{}},"authid":"kristen98","authmethods":["ticket"]}]"#);
    let guess = json_frame(r#"[5,"guess",{}]"#);
    stream.write_all(&[hello, guess].concat()).await.unwrap();
    let refused = ["--operation", "login", "--outcome", "refused"];
    let rows = countersign_testkit::eventually("the refused login", SOON, async || {
        let rows = support::audit(&server, &refused).await;
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    assert_eq!(rows[0]["address"], "203.0.113.7");
}

/// A client's WebSocket frame with a mask of zeros.
fn json_frame(text: &str) -> Vec<u8> {
    [&[0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0], text.as_bytes()].concat()
}

#[tokio::test]
async fn a_trusted_peer_without_a_good_header_is_closed() {
    let server = server_with(&format!("{PROXY_PROTOCOL}[limits]\nhello_seconds_max = 1\n")).start().await;
    let Adds::Preface(good) = Adds::proxy_for("203.0.113.7") else { unreachable!() };
    let Adds::Preface(short) = Adds::header(0x21, 0x11, &[203, 0, 113, 7]) else { unreachable!() };
    let Adds::Preface(long) = Adds::header(0x20, 0x00, &[0; 5_000]) else { unreachable!() };
    for door in TCP_DOORS {
        for bytes in [
            &b"PROXY TCP4 203.0.113.7 10.0.0.1 40000 8282\r\n"[..],
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            &[0x7f, 0xf1, 0, 0],
            &short,
            &long,
            // Not all of it in time, and then nothing at all.
            &good[..20],
            b"",
        ] {
            let mut stream = TcpStream::connect(server.address(door)).await.unwrap();
            // The server may have closed before the last byte.
            let _ = stream.write_all(bytes).await;
            assert_eq!(rest(stream).await, b"", "{door:?} {bytes:?}");
        }
    }
    // A Unix socket is no trusted network.
    let mut stream = UnixStream::connect(server.unix_socket()).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(stream).await.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn the_throttle_slows_the_client_and_not_its_proxy() {
    let throttle = "[throttle]\nforget_seconds = 100000\ndelay_seconds_max = 100000\naddress_failures_max = 3\n";
    for (config, door, adds) in [
        (FORWARDED, Door::Http, Adds::forwarded_for as fn(&str) -> Adds),
        (PROXY_PROTOCOL, Door::Https, Adds::proxy_for),
    ] {
        let builder = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(format!("{config}{throttle}"));
        let server = with_user(builder.start().await).await;
        let guilty = through(&server, door, 1, adds("203.0.113.7")).await;
        for login in [LOGIN, "stranger1", "stranger2"] {
            assert_eq!(support::try_ticket(&guilty, login, "guess").await, Answer::Denied);
        }
        let slowed = tokio::spawn(async move { support::try_ticket(&guilty, LOGIN, PASSWORD).await });
        for other in ["203.0.113.8", "127.0.0.1"] {
            let innocent = through(&server, door, 1, adds(other)).await;
            assert!(matches!(support::try_ticket(&innocent, LOGIN, PASSWORD).await, Answer::Welcome(_)), "{other}");
        }
        assert!(!slowed.is_finished());
    }
}

#[tokio::test]
async fn the_gate_counts_the_client_and_not_its_proxy() {
    let limits = "[limits]\nunauthenticated_connections_max = 2\n";
    for (config, door, adds) in [
        (FORWARDED, Door::Http, Adds::forwarded_for as fn(&str) -> Adds),
        (PROXY_PROTOCOL, Door::Http, Adds::proxy_for),
        (PROXY_PROTOCOL, Door::Tcp, Adds::proxy_for),
    ] {
        let server = with_user(server_with(&format!("{config}{limits}")).start().await).await;
        let (first, second) = (adds("203.0.113.7"), adds("203.0.113.8"));
        let mut waiting = Vec::new();
        for client in [&first, &first, &second, &second] {
            let options = through(&server, door, 1, client.clone()).await;
            waiting.push(RawConnection::connect(&options).await.unwrap());
        }
        for client in [first, second] {
            match RawConnection::connect(&through(&server, door, 1, client).await).await {
                Err(ConnectError::Http(503) | ConnectError::RawSocket(Refusal::TooManyConnections)) => {}
                other => panic!("{door:?}: {:?}", other.map(|_| "a connection")),
            }
        }
        let third = through(&server, door, 1, adds("203.0.113.9")).await;
        assert_eq!(origin(third).await.unwrap(), "203.0.113.9");
    }
}
