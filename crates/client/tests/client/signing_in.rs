//! From HELLO to WELCOME, by each method.

use countersign_client::{
    Auth, AuthError, ChallengeAnswer, Client, ConnectError, ConnectOptions, Dict, Message, PrivateKey, Trust, Value,
};
use countersign_wamp::rawsocket::FrameLimit;
use ed25519_dalek::{Signature, VerifyingKey};
use tokio::net::TcpListener;

use super::connecting::certificate;
use super::peer::{Peer, id};

/// Signs in with a ticket at a server that does as `script` says after HELLO.
pub async fn sign_in<Script: Future<Output = Peer>>(script: impl FnOnce(Peer, Dict) -> Script) -> Option<ConnectError> {
    sign_in_by(Auth::ticket("alice", "s3cret"), script).await
}

/// The same in any way.
async fn sign_in_by<Script: Future<Output = Peer>>(
    auth: Auth,
    script: impl FnOnce(Peer, Dict) -> Script,
) -> Option<ConnectError> {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}", tcp.local_addr().unwrap());
    let options = ConnectOptions::new(url, "realm1").auth(auth);
    let serve = async {
        let mut peer = Peer::raw(Box::new(tcp.accept().await.unwrap().0), FrameLimit::LARGEST).await;
        let Some(Message::Hello { realm, details }) = peer.recv().await else { panic!() };
        assert_eq!(realm.as_str(), "realm1");
        script(peer, details).await
    };
    tokio::join!(Client::connect(options), serve).0.err()
}

async fn challenge(peer: &mut Peer, method: &str, extra: Dict) {
    peer.send(Message::Challenge { method: method.into(), extra }).await;
}

/// The next message is an AUTHENTICATE.
async fn answered(peer: &mut Peer) -> (String, Dict) {
    let Some(Message::Authenticate { signature, extra }) = peer.recv().await else { panic!() };
    (signature.expose().to_owned(), extra)
}

async fn welcome(peer: &mut Peer) {
    peer.send(Message::Welcome { session: id(1), details: Dict::new() }).await;
}

/// The client gave up.
async fn aborted(peer: &mut Peer) {
    assert!(matches!(peer.recv().await, Some(Message::Abort { .. })));
    assert_eq!(peer.recv().await, None);
}

fn methods(hello: &Dict) -> Vec<&str> {
    hello.get("authmethods").unwrap().as_list().unwrap().iter().map(|method| method.as_str().unwrap()).collect()
}

#[tokio::test]
async fn signs_in_with_a_ticket() {
    let failed = sign_in(|mut peer, hello| async move {
        assert_eq!(hello.get("authid").and_then(Value::as_str), Some("alice"));
        assert_eq!(methods(&hello), ["ticket"]);
        challenge(&mut peer, "ticket", Dict::new()).await;
        assert_eq!(answered(&mut peer).await, ("s3cret".into(), Dict::new()));
        welcome(&mut peer).await;
        peer
    })
    .await;
    assert!(failed.is_none());
}

#[tokio::test]
async fn says_why_the_server_refused() {
    let failed = sign_in(|mut peer, _| async move {
        let details = Dict::new().with("message", "no");
        peer.send(Message::Abort { details, reason: "wamp.error.authentication_denied".into() }).await;
        peer
    })
    .await;
    let Some(ConnectError::Aborted { reason, details }) = failed else { panic!("{failed:?}") };
    assert_eq!(reason, "wamp.error.authentication_denied");
    assert_eq!(details, Dict::new().with("message", "no"));
}

#[tokio::test]
async fn gives_the_ticket_once_and_nothing_to_other_challenges() {
    let failed = sign_in(|mut peer, _| async move {
        challenge(&mut peer, "wampcra", Dict::new()).await;
        aborted(&mut peer).await;
        peer
    })
    .await;
    assert!(matches!(failed, Some(ConnectError::Challenge { method }) if method == "wampcra"));
    let failed = sign_in(|mut peer, _| async move {
        challenge(&mut peer, "ticket", Dict::new()).await;
        answered(&mut peer).await;
        challenge(&mut peer, "ticket", Dict::new()).await;
        aborted(&mut peer).await;
        peer
    })
    .await;
    assert!(matches!(failed, Some(ConnectError::Auth(AuthError::Challenge(_)))));
}

#[tokio::test]
async fn a_second_round_asks_for_a_code() {
    for method in ["totp", "ticket"] {
        let code = |extra: Dict| async move {
            assert_eq!(extra.get("digits"), Some(&Value::Int(6)));
            Ok(ChallengeAnswer::from("123456"))
        };
        let auth = Auth::ticket("alice", "s3cret").and(Auth::answering(method, code));
        let failed = sign_in_by(auth, |mut peer, hello| async move {
            assert_eq!(methods(&hello), ["ticket", method]);
            challenge(&mut peer, "ticket", Dict::new()).await;
            assert_eq!(answered(&mut peer).await.0, "s3cret");
            challenge(&mut peer, method, Dict::new().with("digits", 6_i64)).await;
            assert_eq!(answered(&mut peer).await.0, "123456");
            welcome(&mut peer).await;
            peer
        })
        .await;
        assert!(failed.is_none(), "{failed:?}");
    }
}

#[tokio::test]
async fn a_server_can_not_ask_for_ever() {
    let auth = Auth::answering("code", |_| async { Ok(ChallengeAnswer::from("1")) });
    let failed = sign_in_by(auth, |mut peer, _| async move {
        for _ in 0..8 {
            challenge(&mut peer, "code", Dict::new()).await;
            answered(&mut peer).await;
        }
        challenge(&mut peer, "code", Dict::new()).await;
        aborted(&mut peer).await;
        peer
    })
    .await;
    assert!(matches!(failed, Some(ConnectError::Challenge { .. })));
}

#[tokio::test]
async fn an_answer_that_fails_ends_the_try() {
    let auth = Auth::answering("code", |_| async { Err(AuthError::Other("nobody is there".into())) });
    let failed = sign_in_by(auth, |mut peer, _| async move {
        challenge(&mut peer, "code", Dict::new()).await;
        aborted(&mut peer).await;
        peer
    })
    .await;
    assert!(matches!(failed, Some(ConnectError::Auth(AuthError::Other(_)))));
}

#[tokio::test]
async fn signs_in_with_wampcra() {
    let failed = sign_in_by(Auth::wampcra("alice", "s3cret"), |mut peer, hello| async move {
        assert_eq!((hello.get("authid"), methods(&hello)), (Some(&"alice".into()), vec!["wampcra"]));
        challenge(&mut peer, "wampcra", Dict::new().with("challenge", r#"{"nonce":1}"#)).await;
        // HMAC-SHA-256 of another implementation.
        assert_eq!(answered(&mut peer).await.0, "8nRiTqb9s4pYOFmmYmim5J1a2OFtL0xeecVdsMIPAzU=");
        welcome(&mut peer).await;
        peer
    })
    .await;
    assert!(failed.is_none());
}

#[tokio::test]
async fn a_server_that_proves_nothing_gets_no_scram_session() {
    let auth = || Auth::scram("alice", "s3cret", false);
    let failed = sign_in_by(auth(), |mut peer, hello| async move {
        assert_eq!(methods(&hello), ["wamp-scram"]);
        let extra = hello.get("authextra").unwrap().as_dict().unwrap();
        let nonce = format!("{}+more", extra.get("nonce").unwrap().as_str().unwrap());
        let extra = Dict::new().with("nonce", nonce).with("salt", "c2FsdHNhbHQ=").with("kdf", "pbkdf2");
        challenge(&mut peer, "wamp-scram", extra.with("iterations", 4096_u64)).await;
        answered(&mut peer).await;
        welcome(&mut peer).await;
        aborted(&mut peer).await;
        peer
    })
    .await;
    assert!(matches!(failed, Some(ConnectError::Auth(AuthError::Server))));
    // Nor one that does not even ask, unless another way asks for nothing.
    for (auth, is_open) in [(auth(), false), (auth().and(Auth::anonymous()), true)] {
        let failed = sign_in_by(auth, |mut peer, _| async move {
            welcome(&mut peer).await;
            peer
        })
        .await;
        assert_eq!(failed.is_none(), is_open);
    }
}

#[tokio::test]
async fn a_signature_is_bound_to_the_tls_connection() {
    let (pem, acceptor) = certificate();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcps://localhost:{}", tcp.local_addr().unwrap().port());
    let key = PrivateKey::from_bytes(&[3; 32]);
    let public_key = key.public_key();
    let options = ConnectOptions::new(url, "realm1").trust(Trust::Certificates(pem));
    let connect = Client::connect(options.auth(Auth::cryptosign(None, key, true)));
    let serve = async {
        let stream = acceptor.accept(tcp.accept().await.unwrap().0).await.unwrap();
        let exported = stream.get_ref().1.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]));
        let channel: [u8; 32] = exported.unwrap();
        let mut peer = Peer::raw(Box::new(stream), FrameLimit::LARGEST).await;
        let Some(Message::Hello { details, .. }) = peer.recv().await else { panic!() };
        let want = Dict::new().with("pubkey", public_key.as_str()).with("channel_binding", "tls-exporter");
        assert_eq!(details.get("authextra"), Some(&want.into()));
        let extra = Dict::new().with("challenge", "ff".repeat(32)).with("channel_binding", "tls-exporter");
        challenge(&mut peer, "cryptosign", extra).await;
        let answer = data_encoding::HEXLOWER.decode(answered(&mut peer).await.0.as_bytes()).unwrap();
        let (signature, message) = answer.split_at(64);
        assert_eq!(message, channel.map(|byte| byte ^ 0xFF));
        let public_key = data_encoding::HEXLOWER.decode(public_key.as_bytes()).unwrap();
        let public_key = VerifyingKey::from_bytes(&public_key.try_into().unwrap()).unwrap();
        public_key.verify_strict(message, &Signature::from_slice(signature).unwrap()).unwrap();
        welcome(&mut peer).await;
        peer
    };
    let (connected, _peer) = tokio::join!(connect, serve);
    connected.unwrap();
}

#[tokio::test]
async fn nothing_is_bound_where_there_is_no_tls() {
    for auth in [Auth::scram("alice", "s3cret", true), Auth::cryptosign(None, PrivateKey::from_bytes(&[3; 32]), true)] {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("tcp://{}", tcp.local_addr().unwrap());
        let serve = async { Peer::raw(Box::new(tcp.accept().await.unwrap().0), FrameLimit::LARGEST).await };
        let options = ConnectOptions::new(url, "realm1").auth(auth);
        let (connected, _peer) = tokio::join!(Client::connect(options), serve);
        assert!(matches!(connected, Err(ConnectError::Auth(AuthError::NotBound))));
    }
}

#[tokio::test]
async fn shows_a_certificate_of_its_own() {
    let made = rcgen::generate_simple_self_signed(["alice".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let (pem, acceptor) = super::connecting::certificate_asking_for(chain.as_bytes());
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/ws", tcp.local_addr().unwrap().port());
    let options = ConnectOptions::new(url, "realm1").trust(Trust::Certificates(pem)).auth(Auth::tls(None));
    let serve = async {
        let stream = acceptor.accept(tcp.accept().await.unwrap().0).await.unwrap();
        assert_eq!(stream.get_ref().1.peer_certificates().unwrap().len(), 1);
        let mut peer = Peer::web_socket(Box::new(stream)).await;
        assert_eq!(methods(&peer.welcome().await), ["tls"]);
        peer
    };
    let connect = Client::connect(options.clone().client_certificate(chain, key));
    let (connected, _peer) = tokio::join!(connect, serve);
    connected.unwrap();
    let (refused, _) = tokio::join!(Client::connect(options.client_certificate("x", "y")), tcp.accept());
    assert!(matches!(refused, Err(ConnectError::ClientCertificate(_))));
}
