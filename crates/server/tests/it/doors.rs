//! Across doors and serializers: what one client says another one hears, whatever they speak.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use countersign_client::{
    Auth, Client, Closed, ConnectError, Dict, Encoding, Message, RawConnection, Session, Trust, Value,
};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};
use countersign_wamp::Signature;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::support::{
    PASSWORD, PREFIX, REALM, SOON, aborted, call, reach, server, server_with, sign_in, sign_in_at, text,
};

const WAYS: [(Door, Encoding); 8] = [
    (Door::Http, Encoding::Json),
    (Door::Http, Encoding::MsgPack),
    (Door::Https, Encoding::Cbor),
    (Door::Tcp, Encoding::Cbor),
    (Door::Tcp, Encoding::Json),
    (Door::Unix, Encoding::MsgPack),
    (Door::Http, Encoding::Ubjson),
    (Door::Tcp, Encoding::Ubjson),
];

/// What is hard to carry from one serializer to another.
fn payload() -> (Vec<Value>, Dict) {
    let args = vec![
        Value::Null,
        Value::Bool(true),
        Value::Int(0),
        Value::Int(-1),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::UInt(u64::MAX),
        Value::Int((1 << 53) + 1),
        Value::Float(0.1),
        Value::Float(-1.5e300),
        Value::from(""),
        Value::from("Zażółć \u{1f600} \u{0} \" \\ \u{feff}"),
        Value::Bytes(vec![]),
        Value::Bytes((0..=255).collect()),
        Value::List(vec![Value::List(vec![]), Value::Dict(Dict::new())]),
        Value::from(Dict::new().with("nested", Dict::new().with("list", vec![Value::Null, Value::Int(7)]))),
    ];
    let kwargs = Dict::new().with("key", "value").with("bytes", vec![0_u8, 255]).with("ключ", Value::Null);
    (args, kwargs)
}

async fn sessions(server: &Server) -> Vec<((Door, Encoding), Session)> {
    let mut sessions = Vec::new();
    for way in WAYS {
        sessions.push((way, sign_in_at(server, way.0, way.1, "bob", PASSWORD).await.unwrap()));
    }
    sessions
}

async fn everybody_understands_everybody(server: Server) {
    server.add_user("bob", "backend", PASSWORD).await;
    let sessions = sessions(&server).await;
    let (args, kwargs) = payload();
    for (index, (way, callee)) in sessions.iter().enumerate() {
        let uri = format!("{PREFIX}.echo.n{index}");
        let echo = |invocation: countersign_client::Invocation| std::future::ready(Ok(invocation.payload));
        let registration = callee.register(&uri, Dict::new(), echo).await.unwrap();
        for (from, caller) in &sessions {
            let echoed = caller.call(&uri, args.clone(), kwargs.clone()).await.unwrap();
            assert_eq!(echoed.0, args, "{from:?} → {way:?}");
            assert_eq!(echoed.1, kwargs, "{from:?} → {way:?}");
        }
        callee.unregister(registration).await.unwrap();
        let (error, _) = call(&sessions[0].1, &uri, vec![]).await.unwrap_err();
        assert_eq!(error, "wamp.error.no_such_procedure");
    }
    let topic = format!("{PREFIX}.news");
    let mut subscriptions = Vec::new();
    for (_, session) in &sessions {
        subscriptions.push(session.subscribe(&topic, Dict::new()).await.unwrap());
    }
    for (index, (from, publisher)) in sessions.iter().enumerate() {
        let options = Dict::new().with("acknowledge", true);
        let publication = publisher.publish(&topic, args.clone(), kwargs.clone(), options).await.unwrap();
        for (other, subscription) in subscriptions.iter_mut().enumerate() {
            // A publisher doesn't hear itself.
            if other == index {
                continue;
            }
            let event = tokio::time::timeout(SOON, subscription.next()).await.unwrap().unwrap();
            assert_eq!(event.values(), (args.clone(), kwargs.clone()), "{from:?} → {:?}", WAYS[other]);
            assert_eq!(Some(event.publication), publication);
        }
    }
    for (_, session) in sessions {
        session.leave().await.unwrap();
    }
}

#[tokio::test]
async fn calls_and_events_pass_between_all_doors_and_serializers() {
    everybody_understands_everybody(server().start().await).await;
}

#[tokio::test]
async fn calls_and_events_pass_between_all_doors_and_serializers_on_postgresql() {
    let database = PostgresDatabase::create().await;
    everybody_understands_everybody(server().storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn a_large_message_passes_every_door() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    let sessions = sessions(&server).await;
    let uri = format!("{PREFIX}.echo");
    let echo = |invocation: countersign_client::Invocation| std::future::ready(Ok(invocation.payload));
    sessions[0].1.register(&uri, Dict::new(), echo).await.unwrap();
    let large = Value::Bytes((0..4_000_000_u32).map(|n| n.to_le_bytes()[0]).collect());
    for (from, caller) in &sessions {
        let echoed = call(caller, &uri, vec![large.clone()]).await.unwrap();
        assert!(echoed == large, "{from:?}");
    }
}

#[tokio::test]
async fn wss_believes_only_the_certificate_that_it_is_told_to() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    let trusting = |trust| reach(&server, Door::Https).auth(Auth::ticket("bob", PASSWORD)).trust(trust);
    let development = std::fs::read(server.data().join("tls-cert.pem")).unwrap();
    assert!(Client::connect(trusting(Trust::Certificates(development))).await.is_ok());
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    for trust in [Trust::System, Trust::Certificates(other.cert.pem().into_bytes())] {
        assert!(matches!(Client::connect(trusting(trust)).await, Err(ConnectError::Transport(_))));
    }
}

#[tokio::test]
async fn wss_shows_the_certificate_of_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let toml = format!("[tls]\ncertificate = '{}'\nkey = '{}'", certificate.display(), key.display());
    let server = server_with(&toml).listen([Door::Https]).start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    assert!(!server.data().join("tls-cert.pem").exists());
    let url = server.wamp_url(Door::Https).replace("127.0.0.1", "localhost");
    let options = countersign_client::ConnectOptions::new(url, REALM).auth(Auth::ticket("bob", PASSWORD));
    let session = Client::connect(options.trust(Trust::Certificates(made.cert.pem().into()))).await.unwrap();
    assert_eq!(text(session.welcome_details(), "authid"), "bob");
}

#[tokio::test]
async fn anonymous_sessions_are_admitted_only_where_configured() {
    let closed = server().start().await;
    let open = server_with("[auth]\nanonymous = true").start().await;
    for door in Door::ALL {
        for encoding in Encoding::ALL {
            let refused = Client::connect(reach(&closed, door).encoding(encoding)).await;
            let (reason, message) = aborted(refused);
            assert_eq!(reason, "wamp.error.no_matching_auth_method", "{door:?}");
            assert!(message.contains("ticket"), "{message}");
            let session = Client::connect(reach(&open, door).encoding(encoding)).await.unwrap();
            let details = session.welcome_details();
            assert_eq!(text(details, "authrole"), "public");
            assert_eq!(text(details, "authmethod"), "anonymous");
            assert_eq!(text(details, "realm"), REALM);
            let authid = text(details, "authid");
            assert!(authid.len() == 29 && authid.split('-').all(|part| part.len() == 4), "{authid}");
            // Nobody's one-time passwords, and nothing beyond the role.
            let (error, _) = call(&session, "my.otp.create", vec![]).await.unwrap_err();
            assert_eq!(error, "wamp.error.not_authorized");
        }
    }
    // Without a method there is nothing to choose from.
    let hello = |methods: Option<Vec<Value>>| {
        let details = Dict::new().with("roles", Dict::new().with("caller", Dict::new()));
        let details = methods.into_iter().fold(details, |details, methods| details.with("authmethods", methods));
        Message::Hello { realm: REALM.into(), details }
    };
    for methods in [None, Some(vec![])] {
        let mut connection = RawConnection::connect(&reach(&closed, Door::Tcp)).await.unwrap();
        connection.send(&hello(methods.clone())).await.unwrap();
        let Ok(Message::Abort { reason, .. }) = connection.recv().await else { panic!() };
        assert_eq!(reason.as_str(), "wamp.error.authentication_required");
        let mut connection = RawConnection::connect(&reach(&open, Door::Tcp)).await.unwrap();
        connection.send(&hello(methods)).await.unwrap();
        assert!(matches!(connection.recv().await, Ok(Message::Welcome { .. })));
    }
    let mut connection = RawConnection::connect(&reach(&open, Door::Tcp)).await.unwrap();
    connection.send(&hello(Some(vec!["wampcra".into()]))).await.unwrap();
    let Ok(Message::Abort { reason, .. }) = connection.recv().await else { panic!() };
    assert_eq!(reason.as_str(), "wamp.error.no_matching_auth_method");
}

/// HELLO of bob with a ticket, and what comes back.
async fn hello(connection: &mut RawConnection) -> Message {
    let details = Dict::new()
        .with("roles", Dict::new().with("caller", Dict::new()))
        .with("authid", "BOB")
        .with("authmethods", vec![Value::from("cookie"), Value::from("ticket")]);
    connection.send(&Message::Hello { realm: REALM.into(), details }).await.unwrap();
    connection.recv().await.unwrap()
}

async fn authenticate(connection: &mut RawConnection, ticket: &str) -> Message {
    let signature = Signature::new(ticket);
    connection.send(&Message::Authenticate { signature, extra: Dict::new() }).await.unwrap();
    connection.recv().await.unwrap()
}

#[tokio::test]
async fn a_refused_login_may_be_tried_again_but_not_for_ever() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    for (door, encoding) in WAYS {
        let options = reach(&server, door).encoding(encoding);
        let mut connection = RawConnection::connect(&options).await.unwrap();
        assert!(matches!(hello(&mut connection).await, Message::Challenge { .. }));
        assert!(matches!(authenticate(&mut connection, "wrong").await, Message::Abort { .. }));
        // With the same HELLO, as the bus that this replaces allows, or with a new one.
        assert!(matches!(authenticate(&mut connection, PASSWORD).await, Message::Welcome { .. }), "{door:?}");

        let mut connection = RawConnection::connect(&options).await.unwrap();
        for _ in 0..3 {
            assert!(matches!(hello(&mut connection).await, Message::Challenge { .. }));
            let Message::Abort { reason, details } = authenticate(&mut connection, "wrong").await else { panic!() };
            assert_eq!(reason.as_str(), "com.izaber.wamp.error.permissiondenied");
            assert_eq!(text(&details, "message"), "Permission Denied");
        }
        let ended = tokio::time::timeout(SOON, connection.recv()).await.unwrap();
        assert!(ended.is_err(), "{door:?}: {ended:?}");
    }
}

#[tokio::test]
async fn an_answer_of_an_earlier_session_is_dropped_while_a_login_waits() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    let roles = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), Dict::new().into())).collect::<Dict>();
    let hello = |names: &[&str]| {
        let details = Dict::new().with("roles", roles(names)).with("authid", "bob");
        Message::Hello { realm: REALM.into(), details: details.with("authmethods", vec![Value::from("ticket")]) }
    };
    let request = countersign_wamp::Id::FIRST;
    let stale = Message::Yield { request, options: Dict::new(), payload: countersign_wamp::Payload::absent() };
    // As swampyer says HELLO, and as anybody else does.
    for (names, is_dropped) in
        [(&["caller", "callee", "publisher", "subscriber"][..], true), (&["caller", "callee"], false)]
    {
        let mut connection = RawConnection::connect(&reach(&server, Door::Http)).await.unwrap();
        connection.send(&hello(names)).await.unwrap();
        assert!(matches!(connection.recv().await, Ok(Message::Challenge { .. })));
        connection.send(&stale).await.unwrap();
        if is_dropped {
            assert!(matches!(authenticate(&mut connection, PASSWORD).await, Message::Welcome { .. }));
            connection.send(&stale).await.unwrap();
        }
        let call = Message::Call {
            request,
            options: Dict::new(),
            procedure: "com.izaber.wamp.auth.whoami".into(),
            payload: countersign_wamp::Payload::absent(),
        };
        connection.send(&call).await.unwrap();
        let answer = connection.recv().await.unwrap();
        let is_expected = match answer {
            Message::Result { .. } => is_dropped,
            Message::Abort { .. } => !is_dropped,
            _ => false,
        };
        assert!(is_expected, "{names:?}: {answer:?}");
    }
}

#[tokio::test]
async fn after_a_good_bye_the_connection_carries_another_session() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    for (door, encoding) in WAYS {
        let mut connection = RawConnection::connect(&reach(&server, door).encoding(encoding)).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let Message::Challenge { method, .. } = hello(&mut connection).await else { panic!() };
            assert_eq!(method, "ticket");
            let welcome = authenticate(&mut connection, PASSWORD).await;
            let Message::Welcome { session, details } = &welcome else { panic!("{welcome:?}") };
            assert!(!seen.contains(session));
            seen.push(*session);
            // The login is written as it is stored, and clients rely on the method being there.
            assert_eq!(text(details, "authid"), "bob");
            assert_eq!(text(details, "authmethod"), "ticket");
            // Once more: the same WELCOME, whatever the ticket.
            for ticket in [PASSWORD, "wrong", ""] {
                assert_eq!(authenticate(&mut connection, ticket).await, welcome, "{door:?}");
            }
            let goodbye = Message::Goodbye { details: Dict::new(), reason: "wamp.close.close_realm".into() };
            connection.send(&goodbye).await.unwrap();
            let Ok(Message::Goodbye { reason, .. }) = connection.recv().await else { panic!() };
            assert_eq!(reason.as_str(), "wamp.close.goodbye_and_out", "{door:?}");
        }
    }
}

#[tokio::test]
async fn a_raw_socket_ping_is_echoed_before_and_in_a_session() {
    let server = server_with("[auth]\nanonymous = true").start().await;
    check_ping(TcpStream::connect(server.address(Door::Tcp)).await.unwrap()).await;
    check_ping(UnixStream::connect(server.unix_socket()).await.unwrap()).await;
}

async fn check_ping(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    let mut exchange = async |sent: &[u8], answer_bytes: usize| {
        stream.write_all(sent).await.unwrap();
        let mut answer = vec![0; answer_bytes];
        tokio::time::timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        answer
    };
    // The limit announced is 16 MiB.
    assert_eq!(exchange(&[0x7f, 0xf1, 0, 0], 4).await, [0x7f, 0xf1, 0, 0]);
    assert_eq!(exchange(&[1, 0, 0, 3, b'a', 0, 0xff], 7).await, [2, 0, 0, 3, b'a', 0, 0xff]);
    assert_eq!(exchange(&[1, 0, 0, 0], 4).await, [2, 0, 0, 0]);
    let hello = br#"[1,"izaber",{"roles":{"caller":{}},"authmethods":["anonymous"]}]"#;
    let frame = [&[0, 0, 0, u8::try_from(hello.len()).unwrap()], &hello[..]].concat();
    let head = exchange(&frame, 4).await;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    assert!(exchange(&[], length).await.starts_with(b"[2,"));
    let long = [&[1, 1, 0, 0][..], &vec![7; 65_536]].concat();
    let want = [&[2, 1, 0, 0][..], &vec![7; 65_536]].concat();
    assert!(exchange(&long, want.len()).await == want);
    // A PONG that nobody asked for is nothing to answer.
    assert_eq!(exchange(&[2, 0, 0, 1, 9, 1, 0, 0, 0], 4).await, [2, 0, 0, 0]);
}

#[tokio::test]
async fn the_health_check_answers() {
    let server = server().start().await;
    let mut stream = TcpStream::connect(server.address(Door::Http)).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[tokio::test]
async fn a_realm_and_a_prefix_of_ones_own_count_everywhere() {
    let server = server_with("[realm]\nname = 'acme'\nuri_prefix = 'org.acme'").start().await;
    server.add_user("bob", "frontend", PASSWORD).await;
    let (reason, _) = aborted(sign_in(&server, "bob", PASSWORD).await);
    assert_eq!(reason, "wamp.error.no_such_realm");
    let options = countersign_client::ConnectOptions::new(server.wamp_url(Door::Http), "acme");
    let wrong = Client::connect(options.clone().auth(Auth::ticket("bob", "wrong"))).await;
    assert_eq!(aborted(wrong), ("org.acme.error.permissiondenied".into(), "Permission Denied".into()));
    let bob = Client::connect(options.auth(Auth::ticket("bob", PASSWORD))).await.unwrap();
    assert_eq!(text(bob.welcome_details(), "realm"), "acme");
    assert!(call(&bob, "org.acme.my.otp.create", vec![]).await.is_ok());
    assert!(call(&bob, "my.otps.create", vec![]).await.is_ok());
    let (error, _) = call(&bob, "com.izaber.wamp.my.otp.create", vec![]).await.unwrap_err();
    assert_eq!(error, "wamp.error.not_authorized");
}

#[tokio::test]
async fn a_close_frame_is_answered_with_one_at_once() {
    let server = server().start().await;
    for door in [Door::Http, Door::Https] {
        let mut connection = RawConnection::connect(&reach(&server, door)).await.unwrap();
        connection.close().await.unwrap();
        let closed = tokio::time::timeout(SOON, connection.recv_frame()).await.unwrap().unwrap_err();
        assert!(matches!(closed, Closed::WebSocket { .. }), "{door:?}: {closed:?}");
    }
}
