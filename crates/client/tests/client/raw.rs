//! Connections without a session.

use bytes::Bytes;
use countersign_client::{Closed, ConnectOptions, Dict, Encoding, Message, RawConnection, RecvError};
use countersign_wamp::rawsocket::{FrameKind, FrameLimit};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::peer::{Peer, Wire};

async fn connected(scheme: &str, encoding: Encoding) -> (RawConnection, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let options = ConnectOptions::new(url, "realm1").encoding(encoding);
    let serve = async {
        let stream = Box::new(listener.accept().await.unwrap().0);
        if scheme == "ws" { Peer::web_socket(stream).await } else { Peer::raw(stream, FrameLimit::SMALLEST).await }
    };
    let (connection, peer) = tokio::join!(RawConnection::connect(&options), serve);
    (connection.unwrap(), peer)
}

#[tokio::test]
async fn sends_anything_and_shows_what_comes() {
    for scheme in ["ws", "tcp"] {
        let (mut connection, mut peer) = connected(scheme, Encoding::Json).await;
        assert_eq!(connection.encoding(), Encoding::Json);
        // Longer than the server accepts on a RawSocket.
        let long = vec![b' '; 600];
        connection.send_frame(long.clone()).await.unwrap();
        assert_eq!(peer.recv_frame().await, Some((FrameKind::Message, long.into())));
        let message = Message::Goodbye { details: Dict::new(), reason: "a.b".into() };
        connection.send(&message).await.unwrap();
        assert_eq!(peer.recv().await, Some(message.clone()));
        peer.send(message.clone()).await;
        assert_eq!(connection.recv().await, Ok(message));
        peer.send_frame(FrameKind::Message, b"?").await;
        assert!(matches!(connection.recv().await, Err(RecvError::Decode(_))));
        peer.send_frame(FrameKind::Message, b"?").await;
        assert_eq!(connection.recv_frame().await, Ok(Bytes::from_static(b"?")));
        connection.close().await.unwrap();
        assert_eq!(peer.recv().await, None);
    }
}

#[tokio::test]
async fn sends_text_that_is_not_utf8_on_a_web_socket() {
    let (mut connection, mut peer) = connected("ws", Encoding::Json).await;
    connection.send_frame(&b"\xFF"[..]).await.unwrap();
    let Wire::WebSocket(socket) = &mut peer.wire else { panic!() };
    let received = socket.next().await;
    assert!(received.unwrap().is_err());
}

#[tokio::test]
async fn shows_how_the_server_closed() {
    let (mut connection, mut peer) = connected("ws", Encoding::Cbor).await;
    let Wire::WebSocket(socket) = &mut peer.wire else { panic!() };
    let frame = CloseFrame { code: CloseCode::Protocol, reason: "why".into() };
    (**socket).close(Some(frame)).await.unwrap();
    let closed = Closed::WebSocket { code: 1002, reason: "why".into() };
    assert_eq!(connection.recv().await, Err(RecvError::Closed(closed)));
    let (mut connection, peer) = connected("tcp", Encoding::Cbor).await;
    drop(peer);
    assert_eq!(connection.recv_frame().await, Err(Closed::EndOfStream));
}

#[tokio::test]
async fn answers_pings_of_a_web_socket() {
    let (mut connection, mut peer) = connected("ws", Encoding::Cbor).await;
    let Wire::WebSocket(socket) = &mut peer.wire else { panic!() };
    for message in [WsMessage::Ping("x".into()), WsMessage::Pong("y".into()), WsMessage::binary("z")] {
        socket.send(message).await.unwrap();
    }
    assert_eq!(connection.recv_frame().await, Ok(Bytes::from_static(b"z")));
    let answer = socket.next().await.unwrap().unwrap();
    assert_eq!(answer, WsMessage::Pong("x".into()));
}

#[tokio::test]
async fn answers_a_closing_frame_with_its_code() {
    for code in [CloseCode::Protocol, CloseCode::Away] {
        let (mut connection, mut peer) = connected("ws", Encoding::Cbor).await;
        let Wire::WebSocket(socket) = &mut peer.wire else { panic!() };
        (**socket).close(Some(CloseFrame { code, reason: "".into() })).await.unwrap();
        connection.recv_frame().await.unwrap_err();
        connection.close().await.unwrap();
        let Some(Ok(WsMessage::Close(Some(answer)))) = socket.next().await else { panic!() };
        assert_eq!(answer.code, code);
    }
}

#[tokio::test]
async fn answers_pings_of_a_raw_socket() {
    let (mut connection, mut peer) = connected("tcp", Encoding::Cbor).await;
    peer.send_frame(FrameKind::Ping, b"x").await;
    peer.send_frame(FrameKind::Pong, b"y").await;
    peer.send_frame(FrameKind::Message, b"z").await;
    assert_eq!(connection.recv_frame().await, Ok(Bytes::from_static(b"z")));
    assert_eq!(peer.recv_frame().await, Some((FrameKind::Pong, Bytes::from_static(b"x"))));
}
