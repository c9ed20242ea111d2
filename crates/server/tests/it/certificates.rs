//! Login by TLS client certificate, over WebSocket and RawSocket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use countersign_client::{ConnectOptions, Dict, Message, RawConnection, Value};
use countersign_testkit::{Door, Server};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::support::{
    Answer, DENIED, PASSWORD, REALM, SOON, audit, authenticate, hello as hello_for_ticket, server_with, text,
    try_ticket,
};

/// Longest life of the session of a short-lived certificate, with time for a slow machine.
const EXPIRY_DEADLINE: Duration = Duration::from_mins(1);

/// An authority that signs clients' certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key.
type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn client(&self, name: &str) -> Identity {
        self.sign(&params(name))
    }

    /// Configuration of a server that believes this authority, whose file is in `directory`.
    fn config(&self, directory: &Path) -> String {
        let path = directory.join("clients.pem");
        std::fs::write(&path, &self.pem).unwrap();
        format!("[tls]\nclient_ca = {:?}\n", path.to_str().unwrap())
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A server that believes the authority of a fresh directory, with `kristen98` and `zoe`.
async fn start(more: &str) -> (Server, Authority, tempfile::TempDir) {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new("Clients"));
    let server = server_with(&format!("{}{more}", authority.config(directory.path()))).start().await;
    server.add_user("kristen98", "backend", PASSWORD).await;
    server.add_user("zoe", "backend", PASSWORD).await;
    (server, authority, directory)
}

/// A way to the server's TLS door with this certificate, for clients that know nothing of it.
async fn relay(server: &Server, identity: Option<Identity>) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.data().join("tls-cert.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match identity {
        Some((certificate, key)) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
        None => config.with_no_client_auth(),
    };
    let connector = TlsConnector::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (at, to) = (listener.local_addr().unwrap(), server.address(Door::Https));
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let connector = connector.clone();
            tokio::spawn(async move {
                let stream = TcpStream::connect(to).await.unwrap();
                // A handshake that fails is seen by the client as a connection that closes.
                if let Ok(mut stream) = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut stream).await;
                }
            });
        }
    });
    at.to_string()
}

/// The transports at a relay.
fn transports(relay: &str) -> [ConnectOptions; 2] {
    [format!("ws://{relay}/ws"), format!("tcp://{relay}")].map(|url| ConnectOptions::new(url, REALM))
}

/// Says HELLO with these methods; what comes back.
async fn say_hello(connection: &mut RawConnection, authid: Option<&str>, methods: &[&str]) -> Message {
    let methods: Vec<Value> = methods.iter().map(|method| Value::from(*method)).collect();
    let roles = Dict::new().with("caller", Dict::new());
    let mut details = Dict::new().with("roles", roles).with("authmethods", methods);
    if let Some(authid) = authid {
        details = details.with("authid", authid);
    }
    connection.send(&Message::Hello { realm: REALM.into(), details }).await.unwrap();
    tokio::time::timeout(SOON, connection.recv()).await.unwrap().unwrap()
}

/// The login name and method of the session that is opened, or the reason why none is.
async fn login(options: &ConnectOptions, authid: Option<&str>, methods: &[&str]) -> Result<String, String> {
    let mut connection = RawConnection::connect(options).await.map_err(|error| error.to_string())?;
    match say_hello(&mut connection, authid, methods).await {
        Message::Welcome { details, .. } => {
            Ok(format!("{} {}", text(&details, "authid"), text(&details, "authmethod")))
        }
        Message::Abort { reason, details } if reason.as_str() == DENIED => {
            assert_eq!(details, Dict::new().with("message", "Permission Denied"));
            Err(DENIED.to_owned())
        }
        Message::Abort { reason, .. } => Err(reason.as_str().to_owned()),
        Message::Challenge { method, .. } => Err(format!("challenge {method}")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_opens_the_session_of_the_user_whom_it_names() {
    let (server, authority, _directory) = start("").await;
    let relay = relay(&server, Some(authority.client("Kristen98"))).await;
    for options in transports(&relay) {
        for authid in [None, Some("kristen98"), Some("KRISTEN98"), Some("")] {
            let got = login(&options, authid, &["anonymous", "tls", "ticket"]).await;
            assert_eq!(got.as_deref(), Ok("kristen98 tls"), "{authid:?}");
        }
    }
    let rows = audit(&server, &["--operation", "login", "--outcome", "accepted"]).await;
    assert_eq!(rows.len(), 8);
    for row in &rows {
        assert_eq!((row["actor"].as_str(), row["target"].as_str()), (Some("kristen98"), Some("kristen98")));
        assert!(row["detail"].as_str().unwrap().starts_with("certificate session="), "{row}");
    }
}

#[tokio::test]
async fn a_certificate_of_somebody_else_unknown_or_locked_is_denied_like_a_wrong_ticket() {
    let (server, authority, _directory) = start("").await;
    server.cli(&["user", "lock", "zoe"], "").await.ok();
    let mut nameless = params("");
    nameless.distinguished_name = DistinguishedName::new();
    let cases = [
        (authority.client("kristen98"), Some("zoe"), "certificate_mismatch"),
        (authority.client("kristen98"), Some("%operator"), "certificate_mismatch"),
        (authority.client("nobody"), None, "unknown_user"),
        (authority.client("Kristen Smith"), None, "unknown_user"),
        (authority.client("zoe"), None, "user_disabled"),
        (authority.sign(&nameless), Some("kristen98"), "certificate_unusable"),
    ];
    for (identity, authid, reason) in cases {
        let relay = relay(&server, Some(identity)).await;
        for options in transports(&relay) {
            assert_eq!(login(&options, authid, &["tls"]).await, Err(DENIED.to_owned()), "{reason}");
            let rows = audit(&server, &["--operation", "login"]).await;
            assert_eq!((rows[0]["outcome"].as_str(), rows[0]["reason"].as_str()), (Some("refused"), Some(reason)));
        }
    }
}

#[tokio::test]
async fn the_third_refused_certificate_closes_the_connection() {
    let (server, authority, _directory) = start("").await;
    let relay = relay(&server, Some(authority.client("nobody"))).await;
    for options in transports(&relay) {
        let mut connection = RawConnection::connect(&options).await.unwrap();
        for _ in 0..3 {
            assert!(matches!(say_hello(&mut connection, None, &["tls"]).await, Message::Abort { .. }));
        }
        assert!(tokio::time::timeout(SOON, connection.recv()).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn without_a_certificate_the_other_methods_are_left() {
    let (server, _authority, _directory) = start("").await;
    let relay = relay(&server, None).await;
    for options in transports(&relay) {
        assert_eq!(login(&options, None, &["tls"]).await.unwrap_err(), "wamp.error.no_matching_auth_method");
        let mut connection = RawConnection::connect(&options).await.unwrap();
        hello_for_ticket(&mut connection, "kristen98").await.unwrap();
        assert!(matches!(authenticate(&mut connection, PASSWORD).await.unwrap(), Answer::Welcome(_)));
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_ends_the_handshake() {
    let (server, authority, _directory) = start("").await;
    let mut expired = params("kristen98");
    expired.not_after = date_time_ymd(2020, 1, 1);
    let mut for_servers = params("kristen98");
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let stranger = Authority::new("Clients");
    for (identity, which) in [
        (authority.sign(&expired), "expired"),
        (authority.sign(&for_servers), "for servers"),
        (stranger.client("kristen98"), "of an authority with the same name"),
    ] {
        let relay = relay(&server, Some(identity)).await;
        for options in transports(&relay) {
            assert!(RawConnection::connect(&options).await.is_err(), "{which}");
        }
    }
    assert_eq!(audit(&server, &["--operation", "login"]).await.len(), 0);
}

#[tokio::test]
async fn where_a_certificate_is_required_nobody_else_gets_in() {
    let (server, authority, _directory) = start("client_required = true\n").await;
    let (without, with) = (relay(&server, None).await, relay(&server, Some(authority.client("zoe"))).await);
    for options in transports(&without) {
        assert!(RawConnection::connect(&options).await.is_err());
    }
    for options in transports(&with) {
        assert_eq!(login(&options, None, &["tls"]).await.as_deref(), Ok("zoe tls"));
        // It still may prefer another method.
        assert_eq!(login(&options, None, &["ticket", "tls"]).await.unwrap_err(), "challenge ticket");
    }
}

#[tokio::test]
async fn a_session_of_a_certificate_ends_when_its_user_is_locked() {
    let (server, authority, _directory) = start("").await;
    let relay = relay(&server, Some(authority.client("kristen98"))).await;
    let mut connections = Vec::new();
    for options in transports(&relay) {
        let mut connection = RawConnection::connect(&options).await.unwrap();
        assert!(matches!(say_hello(&mut connection, None, &["tls"]).await, Message::Welcome { .. }));
        connections.push(connection);
    }
    server.cli(&["user", "lock", "kristen98"], "").await.ok();
    for connection in &mut connections {
        let said = tokio::time::timeout(SOON, connection.recv()).await.unwrap().unwrap();
        assert!(matches!(said, Message::Goodbye { reason, .. } if reason.as_str() == "wamp.close.killed"));
    }
}

#[tokio::test]
async fn a_session_of_a_certificate_ends_with_it() {
    let (server, authority, _directory) = start("").await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut short = params("kristen98");
    short.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs() + 6);
    let relay = relay(&server, Some(authority.sign(&short))).await;
    let mut connection = RawConnection::connect(&transports(&relay)[0]).await.unwrap();
    assert!(matches!(say_hello(&mut connection, None, &["tls"]).await, Message::Welcome { .. }));
    let said = tokio::time::timeout(EXPIRY_DEADLINE, connection.recv()).await.unwrap().unwrap();
    assert!(matches!(said, Message::Goodbye { .. }), "{said:?}");
}

#[tokio::test]
async fn refused_certificates_are_slowed_like_wrong_tickets() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new("Clients"));
    let throttle = "[throttle]\nforget_seconds = 100000\ndelay_seconds_max = 100000\naddress_failures_max = 3\n";
    let config = format!("{}{throttle}", authority.config(directory.path()));
    let server = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(config).start().await;
    server.add_user("kristen98", "backend", PASSWORD).await;
    let guilty = transports(&relay(&server, Some(authority.client("nobody"))).await)[0].clone();
    for _ in 0..3 {
        assert_eq!(login(&guilty, None, &["tls"]).await, Err(DENIED.to_owned()));
    }
    let right = transports(&relay(&server, Some(authority.client("kristen98"))).await)[0].clone();
    let mut connection = RawConnection::connect(&right).await.unwrap();
    let roles = Dict::new().with("caller", Dict::new());
    let details = Dict::new().with("roles", roles).with("authmethods", vec![Value::from("tls")]);
    connection.send(&Message::Hello { realm: REALM.into(), details }).await.unwrap();
    let slowed = tokio::spawn(async move { connection.recv().await });
    let innocent = ConnectOptions::new(server.wamp_url(Door::Unix), REALM);
    for _ in 0..3 {
        assert!(matches!(try_ticket(&innocent, "kristen98", PASSWORD).await, Answer::Welcome(_)));
    }
    assert!(!slowed.is_finished());
}
