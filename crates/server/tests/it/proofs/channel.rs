//! Logins that are bound to their TLS connection, over RawSocket and WebSocket.

use std::sync::Arc;

use countersign_client::{Dict, Encoding, Message};
use countersign_testkit::{Door, Server};
use countersign_wamp::{DecodeLimits, decode, encode};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::{Method, Outcome, Prover, outcome, public_key};
use super::{CHEAP, LOGIN, PASSWORD, denied, last_login, set_up};
use crate::support::{SOON, server_with};

/// A TLS connection whose exporter value can be asked for, and the protocol on it.
struct Bound {
    stream: TlsStream<TcpStream>,
    is_websocket: bool,
}

impl Bound {
    async fn connect(
        server: &Server,
        is_websocket: bool,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        let certificate = std::fs::read(server.data().join("tls-cert.pem")).unwrap();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = server.address(Door::Https);
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = ServerName::IpAddress(address.ip().into());
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        if is_websocket {
            let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            assert!(head.starts_with(b"HTTP/1.1 101"));
        } else {
            stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).await.unwrap();
        }
        Self { stream, is_websocket }
    }

    /// RFC 9266, section 2.
    fn exporter(&self) -> [u8; 32] {
        self.stream.get_ref().1.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap()
    }

    async fn send(&mut self, message: &Message) {
        let mut frame = bytes::BytesMut::new();
        encode(Encoding::Json, message, &mut frame);
        let length = u16::try_from(frame.len()).unwrap().to_be_bytes();
        let head = if self.is_websocket {
            // A text frame with a mask of zeros.
            vec![0x81, 0x80 | 0x7e, length[0], length[1], 0, 0, 0, 0]
        } else {
            vec![0, 0, length[0], length[1]]
        };
        self.stream.write_all(&[&head[..], &frame].concat()).await.unwrap();
    }

    async fn receive(&mut self) -> Message {
        let length = if self.is_websocket {
            assert_eq!(self.stream.read_u8().await.unwrap(), 0x81);
            match self.stream.read_u8().await.unwrap() {
                126 => self.stream.read_u16().await.unwrap().into(),
                short => u32::from(short),
            }
        } else {
            self.stream.read_u32().await.unwrap()
        };
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut frame).await.unwrap();
        decode(Encoding::Json, &frame.into(), DecodeLimits::default()).unwrap()
    }

    async fn exchange(&mut self, message: &Message) -> Message {
        self.send(message).await;
        tokio::time::timeout(SOON, self.receive()).await.expect("an answer soon")
    }

    /// A whole login; `at_client` is what the client takes for its channel when it answers.
    async fn log_in(&mut self, prover: &Prover<'_>, at_client: [u8; 32]) -> Outcome {
        let challenge: Dict = match self.exchange(&prover.hello()).await {
            Message::Challenge { extra, .. } => extra,
            other => return outcome(other),
        };
        let (answer, _) = Prover { channel: Some(at_client), ..*prover }.answer(&challenge);
        outcome(self.exchange(&answer).await)
    }
}

#[tokio::test]
async fn a_login_can_be_bound_to_its_tls_connection() {
    let server = server_with(CHEAP).start().await;
    set_up(&server, LOGIN, 1).await;
    for is_websocket in [false, true] {
        for (method, reason) in [(Method::WampScram, "wrong_channel"), (Method::Cryptosign, "wrong_proof")] {
            let connect = async || Bound::connect(&server, is_websocket, &[&rustls::version::TLS13]).await;
            let mut bound = connect().await;
            let channel = bound.exporter();
            let prover = Prover { channel: Some(channel), ..Prover::new(method, LOGIN, PASSWORD) };
            let opened = bound.log_in(&prover, channel).await;
            assert!(matches!(opened, Outcome::Welcome(..)), "{method:?}: {opened:?}");
            // Somebody between, who has a connection of his own to the server.
            let mut other = connect().await;
            assert_ne!(other.exporter(), channel);
            assert_eq!(other.log_in(&prover, channel).await, denied(), "{method:?}");
            assert_eq!(last_login(&server).await["reason"], reason);
        }
    }
}

#[tokio::test]
async fn what_can_not_be_bound_is_refused_and_never_only_less_bound() {
    let server = server_with(CHEAP).start().await;
    set_up(&server, LOGIN, 1).await;
    let refused = |outcome: Outcome, says: &str| match outcome {
        Outcome::Aborted { reason, message } => {
            assert_eq!(reason, "wamp.error.feature_not_supported");
            assert!(message.contains(says), "{message}");
        }
        Outcome::Welcome(..) => panic!("the session was opened"),
    };
    for method in [Method::WampScram, Method::Cryptosign] {
        let mut older = Bound::connect(&server, false, &[&rustls::version::TLS12]).await;
        let channel = older.exporter();
        let prover = Prover { channel: Some(channel), ..Prover::new(method, LOGIN, PASSWORD) };
        refused(older.log_in(&prover, channel).await, "TLS 1.3");
    }
    let mut bound = Bound::connect(&server, false, &[&rustls::version::TLS13]).await;
    let channel = bound.exporter();
    let scram = Prover { channel: Some(channel), ..Prover::new(Method::Scram, LOGIN, PASSWORD) };
    refused(bound.log_in(&scram, channel).await, "wamp-scram");
    let extra = Dict::new().with("pubkey", public_key(1)).with("channel_binding", "tls-unique");
    let hello = super::hello("cryptosign", LOGIN, extra);
    refused(outcome(bound.exchange(&hello).await), "tls-exporter");
}
