//! Connections that fall silent, and sessions that are opened again.

use std::time::Duration;

use countersign_client::{
    Backoff, Closed, ConnectError, ConnectOptions, Dict, Encoding, Ended, LastingSession, Message, Session,
};
use countersign_wamp::rawsocket::{FrameKind, FrameLimit};
use tokio::net::TcpListener;

use super::peer::{Peer, joined};

const SILENCE: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_silent_server_is_asked_and_then_given_up() {
    let (session, mut peer) = joined(|options| options.keep_alive(SILENCE)).await;
    for _ in 0..3 {
        assert_eq!(peer.recv_frame().await, Some((FrameKind::Ping, bytes::Bytes::new())));
        assert_eq!(session.end(), None);
        peer.send_frame(FrameKind::Pong, b"").await;
    }
    assert_eq!(session.ended().await, Ended::Closed(Closed::Silent));
}

#[tokio::test]
async fn a_web_socket_is_kept_alive_by_its_own_pongs() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", tcp.local_addr().unwrap());
    let options = ConnectOptions::new(url, "realm1").encoding(Encoding::Json).keep_alive(SILENCE);
    let serve = async {
        let mut peer = Peer::web_socket(Box::new(tcp.accept().await.unwrap().0)).await;
        peer.welcome().await;
        peer
    };
    let (session, mut peer) = tokio::join!(countersign_client::Client::connect(options), serve);
    let session = session.unwrap();
    // Reading answers pings; three times the limit is long enough to tell.
    let read = tokio::time::timeout(SILENCE * 6, peer.pings()).await;
    assert!(read.is_err());
    assert_eq!(session.end(), None);
    assert_eq!(session.ended().await, Ended::Closed(Closed::Silent));
}

async fn accept(tcp: &TcpListener) -> Peer {
    Peer::raw(Box::new(tcp.accept().await.unwrap().0), FrameLimit::LARGEST).await
}

/// A session that is kept open and subscribes to `a`, and where it connects to.
async fn lasting() -> (TcpListener, LastingSession) {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}", tcp.local_addr().unwrap());
    let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(4) };
    let set_up = |session: Session| async move { session.subscribe_with("a", Dict::new(), drop).await.map(drop) };
    (tcp, LastingSession::open(ConnectOptions::new(url, "realm1"), backoff, set_up))
}

#[tokio::test]
async fn a_lost_session_is_opened_and_set_up_again() {
    let (tcp, lasting) = lasting().await;
    for round in 0..3 {
        // One that ends before WELCOME, one whose set-up fails, one that opens.
        drop(accept(&tcp).await);
        let mut peer = accept(&tcp).await;
        peer.welcome().await;
        assert!(matches!(peer.recv().await, Some(Message::Subscribe { .. })));
        drop(peer);
        let mut peer = accept(&tcp).await;
        peer.welcome().await;
        assert!(lasting.current().is_none(), "{round}");
        peer.subscribed(5).await;
        let session = lasting.session().await.unwrap();
        let (answer, _) = tokio::join!(session.call("b", vec![], Dict::new()), peer.echo());
        assert!(answer.is_ok());
        drop(peer);
        session.ended().await;
    }
}

#[tokio::test]
async fn what_no_try_mends_ends_it() {
    let (tcp, lasting) = lasting().await;
    let mut peer = accept(&tcp).await;
    peer.recv().await;
    let reason = "wamp.error.authentication_denied".into();
    peer.send(Message::Abort { details: Dict::new(), reason }).await;
    let Err(error) = lasting.session().await else { panic!("it was refused") };
    assert!(matches!(&*error, ConnectError::Aborted { reason, .. } if reason == "wamp.error.authentication_denied"));
}

#[tokio::test]
async fn closing_says_goodbye_and_opens_no_other() {
    let (tcp, lasting) = lasting().await;
    let mut peer = accept(&tcp).await;
    peer.welcome().await;
    peer.subscribed(5).await;
    let session = lasting.session().await.unwrap();
    let serve = async {
        let Some(Message::Goodbye { .. }) = peer.recv().await else { panic!() };
        let reason = "wamp.close.goodbye_and_out".into();
        peer.send(Message::Goodbye { details: Dict::new(), reason }).await;
    };
    tokio::join!(lasting.close(), serve);
    assert_eq!(session.end(), Some(Ended::Left));
}

#[test]
fn tells_refusals_for_a_while_from_those_for_good() {
    let aborted = |reason: &str| ConnectError::Aborted { reason: reason.into(), details: Dict::new() };
    let check = |error: ConnectError, want| assert_eq!(error.is_permanent(), want, "{error}");
    check(ConnectError::TimedOut, false);
    check(ConnectError::Closed(Closed::EndOfStream), false);
    check(ConnectError::Http(503), false);
    check(ConnectError::Http(429), false);
    check(ConnectError::Http(404), true);
    check(aborted("wamp.close.system_shutdown"), false);
    check(aborted("wamp.error.no_such_realm"), true);
    check(ConnectError::Challenge { method: "totp".into() }, true);
}
