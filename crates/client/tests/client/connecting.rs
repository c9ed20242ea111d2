//! From a URL to a session, or to the reason why there is none.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use countersign_client::{Client, ConnectError, ConnectOptions, Dict, Encoding, Message, Trust, Value};
use countersign_wamp::rawsocket::{FrameKind, FrameLimit, Refusal};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::peer::{Io, Peer, id};
use super::signing_in::sign_in;

/// Connects with `options`, which the peer accepts, and calls a procedure.
async fn check(options: ConnectOptions, accept: impl Future<Output = Peer>) {
    let serve = async {
        let mut peer = accept.await;
        let hello = peer.welcome().await;
        assert_eq!(hello.get("authmethods"), Some(&vec![Value::from("anonymous")].into()));
        assert!(hello.get("roles").and_then(Value::as_dict).is_some());
        assert_eq!(peer.echo().await, "a.b");
        peer
    };
    let connect = async {
        let session = Client::connect(options).await.unwrap();
        assert_eq!(session.session_id(), id(7));
        assert_eq!(session.welcome_details().get("authrole").and_then(Value::as_str), Some("frontend"));
        let (args, kwargs) = (vec![Value::from("ü"), Value::from(vec![0_u8])], Dict::new().with("k", 1.5));
        let answer = session.call("a.b", args.clone(), kwargs.clone()).await;
        assert_eq!(answer, Ok((args, kwargs)));
        session
    };
    tokio::join!(connect, serve);
}

#[tokio::test]
async fn every_transport_carries_every_serializer() {
    for encoding in Encoding::ALL {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let options = |url| ConnectOptions::new(url, "realm1").encoding(encoding);
        check(options(format!("tcp://{address}")), async {
            Peer::raw(Box::new(tcp.accept().await.unwrap().0), FrameLimit::LARGEST).await
        })
        .await;
        check(options(format!("ws://{address}/ws")), async {
            Peer::web_socket(Box::new(tcp.accept().await.unwrap().0)).await
        })
        .await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let unix = UnixListener::bind(&path).unwrap();
        check(options(format!("unix:{}", path.display())), async {
            Peer::raw(Box::new(unix.accept().await.unwrap().0), FrameLimit::LARGEST).await
        })
        .await;
    }
}

/// A listener's certificate for `localhost`, and what accepts TLS with it.
pub fn certificate() -> (Vec<u8>, TlsAcceptor) {
    accepting(server_config().with_no_client_auth())
}

/// The same, for clients that show this certificate.
pub fn certificate_asking_for(pem: &[u8]) -> (Vec<u8>, TlsAcceptor) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    accepting(server_config().with_client_cert_verifier(verifier))
}

fn server_config() -> rustls::ConfigBuilder<rustls::ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap()
}

fn accepting(
    config: rustls::ConfigBuilder<rustls::ServerConfig, rustls::server::WantsServerCert>,
) -> (Vec<u8>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem().into_bytes();
    let certificate = CertificateDer::from_pem_slice(&pem).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    (pem, TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap())))
}

#[tokio::test]
async fn tls_believes_the_certificates_it_was_told_to() {
    let (pem, acceptor) = certificate();
    let (other_pem, _) = certificate();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/ws", tcp.local_addr().unwrap().port());
    let accept = || async {
        let stream = acceptor.accept(tcp.accept().await.unwrap().0).await;
        stream.map(|stream| Box::new(stream) as Box<dyn Io>)
    };
    for trust in [Trust::Certificates(pem), Trust::DangerAcceptAnyCertificate] {
        let options = ConnectOptions::new(&url, "realm1").trust(trust);
        check(options, async { Peer::web_socket(accept().await.unwrap()).await }).await;
    }
    let options = ConnectOptions::new(&url, "realm1").trust(Trust::Certificates(other_pem));
    let (refused, _) = tokio::join!(Client::connect(options), accept());
    assert!(matches!(refused, Err(ConnectError::Transport(_))));
    let options = ConnectOptions::new(&url, "realm1").trust(Trust::Certificates(b"no PEM".to_vec()));
    let (refused, _) = tokio::join!(Client::connect(options), tcp.accept());
    assert!(matches!(refused, Err(ConnectError::Trust(_))));
}

#[tokio::test]
async fn connects_from_the_address_it_was_told_to() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let url = format!("tcp://{}", tcp.local_addr().unwrap());
    check(ConnectOptions::new(url, "realm1").local_address(local), async {
        let (stream, from) = tcp.accept().await.unwrap();
        assert_eq!(from.ip(), local);
        Peer::raw(Box::new(stream), FrameLimit::LARGEST).await
    })
    .await;
}

#[tokio::test]
async fn aborts_when_the_server_breaks_the_protocol() {
    for frame in [&b"\x83\x18\x21\x01\x01"[..], b"?"] {
        let failed = sign_in(|mut peer, _| async move {
            peer.send_frame(FrameKind::Message, frame).await;
            let Some(Message::Abort { reason, .. }) = peer.recv().await else { panic!() };
            assert_eq!(reason.as_str(), "wamp.error.protocol_violation");
            peer
        })
        .await;
        assert!(matches!(failed, Some(ConnectError::ProtocolViolation(_))), "{failed:?}");
    }
}

#[tokio::test]
async fn tells_transport_failures_apart() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let connect_within = |limit: Duration, url: String, reply: &'static [u8]| {
        let tcp = &tcp;
        async move {
            let options = ConnectOptions::new(url, "realm1").connect_timeout(limit);
            let serve = async {
                let (mut stream, _) = tcp.accept().await.unwrap();
                stream.write_all(reply).await.unwrap();
                stream
            };
            tokio::join!(Client::connect(options), serve).0.err().unwrap()
        }
    };
    let connect = |url, reply| connect_within(Duration::from_secs(10), url, reply);
    let connect_shortly = |url, reply| connect_within(Duration::from_millis(50), url, reply);
    let ws = || format!("ws://{address}/ws");
    let raw = || format!("tcp://{address}");
    assert!(matches!(connect(ws(), b"HTTP/1.1 404 No\r\n\r\n").await, ConnectError::Http(404)));
    assert!(matches!(connect(ws(), b"?\r\n\r\n").await, ConnectError::ProtocolViolation(_)));
    let refused = connect(raw(), b"\x7F\x10\0\0").await;
    assert!(matches!(refused, ConnectError::RawSocket(Refusal::SerializerUnsupported)));
    assert!(matches!(connect(raw(), b"HTTP").await, ConnectError::ProtocolViolation(_)));
    assert!(matches!(connect_shortly(raw(), b"").await, ConnectError::TimedOut));
    assert!(matches!(connect_shortly(raw(), b"\x7F\xF3\0\0").await, ConnectError::TimedOut));
    drop(tcp);
    let gone = Client::connect(ConnectOptions::new(raw(), "realm1")).await;
    assert!(matches!(gone, Err(ConnectError::Transport(_))));
    let unknown = Client::connect(ConnectOptions::new("http://h", "realm1")).await;
    assert!(matches!(unknown, Err(ConnectError::Url(_))));
}
