//! What the server tells of itself, and to whom.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_client::{Client, Dict, Encoding, HandlerError, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage, eventually};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::support::{
    PASSWORD, PREFIX, SOON, call, get, get_over, metric, passed, reach, server, server_with, sign_in,
};
use super::support::{aborted, audit, sign_in_at};

async fn from(server: &Server, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    socket.connect(server.address(Door::Http)).await.unwrap()
}

#[tokio::test]
async fn metrics_are_shown_to_the_machine_itself_unless_told_otherwise() {
    let plain = server().start().await;
    for door in [Door::Http, Door::Tcp] {
        let (status, text) = get(&plain, door, "/metrics").await;
        assert_eq!(status, 200, "{door:?}");
        assert!(text.contains("\n# TYPE countersign_sessions_open gauge\n"), "{text}");
    }
    // A proxy on this machine must not open them to its clients.
    for line in ["X-Forwarded-For: 192.0.2.1\r\n", "Forwarded: for=192.0.2.1\r\n", "X-Real-IP: 127.0.0.1\r\n"] {
        assert_eq!(get_over(from(&plain, 1).await, "/metrics", line).await.0, 404, "{line}");
        assert_eq!(get_over(from(&plain, 1).await, "/healthz", line).await.0, 200, "{line}");
    }
    let unix = UnixStream::connect(plain.unix_socket()).await.unwrap();
    assert_eq!(get_over(unix, "/metrics", "").await.0, 404);

    let narrow = server_with("[metrics]\nallow = ['127.0.0.2']\n[proxies]\ntrusted = ['127.0.0.0/8']").start().await;
    for (last, want) in [(1, 404), (2, 200), (3, 404)] {
        assert_eq!(get_over(from(&narrow, last).await, "/metrics", "").await.0, want, "{last}");
    }
    // Not even a trusted proxy is believed here.
    let line = "X-Forwarded-For: 127.0.0.2\r\n";
    assert_eq!(get_over(from(&narrow, 3).await, "/metrics", line).await.0, 404);
    let nobody = server_with("[metrics]\nallow = []").start().await;
    assert_eq!(get(&nobody, Door::Http, "/metrics").await.0, 404);
}

/// All numbers of `/metrics`, each name once.
async fn numbers(server: &Server) -> BTreeMap<String, f64> {
    let (_, text) = get(server, Door::Http, "/metrics").await;
    let mut numbers = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.rsplit_once(' ').unwrap();
        assert_eq!(numbers.insert(name.to_owned(), number.parse().unwrap()), None, "{name} stands twice");
    }
    numbers
}

#[tokio::test]
async fn what_sessions_do_is_counted() {
    let server = server_with("[auth]\nanonymous = true").start().await;
    server.add_user("kristen98", "backend", PASSWORD).await;
    let before = numbers(&server).await;
    let worker = sign_in_at(&server, Door::Tcp, Encoding::MsgPack, "kristen98", PASSWORD).await.unwrap();
    let caller = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let anonymous = Client::connect(reach(&server, Door::Http).encoding(Encoding::Json)).await.unwrap();
    aborted(sign_in(&server, "kristen98", "wrong").await);
    aborted(sign_in(&server, "%<script>", "wrong").await);
    let procedure = format!("{PREFIX}.test.wait");
    worker
        .register(&procedure, Dict::new(), |_| std::future::pending::<Result<(Vec<Value>, Dict), HandlerError>>())
        .await
        .unwrap();
    let topic = format!("{PREFIX}.test.topic");
    let mut events = worker.subscribe(&topic, Dict::new()).await.unwrap();
    let calling = tokio::spawn({
        let caller = caller.clone();
        async move { caller.call(&procedure, vec![], Dict::new()).await.is_ok() }
    });
    for _ in 0..3 {
        let options = Dict::new().with("acknowledge", true);
        caller.publish(&topic, vec![Value::from("x".repeat(1_000))], Dict::new(), options).await.unwrap();
        events.next().await.unwrap();
    }
    let pending = async || (metric(&server, "countersign_calls_pending").await == 1).then_some(());
    eventually("a pending call", SOON, pending).await;
    call(&caller, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();

    let after = numbers(&server).await;
    let grown = |name: &str| {
        let of = |numbers: &BTreeMap<String, f64>| numbers.get(name).copied().unwrap_or_default();
        of(&after) - of(&before)
    };
    let check = |name: &str, want: f64| {
        let got = grown(name);
        assert!((got - want).abs() < 0.5, "{name} is {got}, not {want}\n{after:#?}");
    };
    let session = |transport, serializer, method| {
        format!("{{transport=\"{transport}\",serializer=\"{serializer}\",authmethod=\"{method}\"}}")
    };
    for labels in [
        session("rawsocket", "msgpack", "ticket"),
        session("websocket", "cbor", "ticket"),
        session("websocket", "json", "anonymous"),
    ] {
        check(&format!("countersign_sessions_open{labels}"), 1.0);
        check(&format!("countersign_sessions_opened_total{labels}"), 1.0);
    }
    for (method, outcome, want) in
        [("ticket", "accepted", 2.0), ("anonymous", "accepted", 1.0), ("ticket", "wrong_ticket", 1.0)]
    {
        check(&format!("countersign_logins_total{{method=\"{method}\",outcome=\"{outcome}\"}}"), want);
    }
    for (kind, received, sent) in [
        ("HELLO", 5.0, 0.0),
        ("AUTHENTICATE", 4.0, 0.0),
        ("WELCOME", 0.0, 3.0),
        ("ABORT", 0.0, 2.0),
        ("PUBLISH", 3.0, 0.0),
        ("PUBLISHED", 0.0, 3.0),
        ("EVENT", 0.0, 3.0),
        ("CALL", 2.0, 0.0),
        ("INVOCATION", 0.0, 1.0),
        ("RESULT", 0.0, 1.0),
    ] {
        check(&format!("countersign_messages_received_total{{type=\"{kind}\"}}"), received);
        check(&format!("countersign_messages_sent_total{{type=\"{kind}\"}}"), sent);
    }
    assert!((3_000.0..20_000.0).contains(&grown("countersign_received_bytes_total")), "{after:#?}");
    assert!((3_000.0..20_000.0).contains(&grown("countersign_sent_bytes_total")), "{after:#?}");
    check("countersign_registrations", 1.0);
    check("countersign_subscriptions", 1.0);
    assert!(grown("countersign_connections_total{listener=\"tcp\"}") >= 1.0);
    let rows = audit(&server, &[]).await.len();
    assert_eq!(metric(&server, "countersign_audit_rows_total").await, u64::try_from(rows).unwrap());
    assert!(after["countersign_storage_commits_total"] >= 1.0);
    assert!(after["process_start_time_seconds"] > 1.7e9);
    // Nothing that a peer chose stands there.
    let (_, text) = get(&server, Door::Http, "/metrics").await;
    for word in ["kristen98", "<script>", "test.topic", "127.0.0"] {
        assert!(!text.contains(word), "{word}\n{text}");
    }
    anonymous.leave().await.unwrap();
    let labels = session("websocket", "json", "anonymous");
    let name = format!("countersign_sessions_open{labels}");
    eventually("the session's end", SOON, async || (metric(&server, &name).await == 0).then_some(())).await;
    calling.abort();
}

#[tokio::test]
async fn the_server_is_ready_as_long_as_its_database_answers() {
    let sqlite = server().start().await;
    for door in [Door::Http, Door::Tcp] {
        assert_eq!(get(&sqlite, door, "/readyz").await, (200, "ready\n".to_owned()));
    }
}

#[tokio::test]
async fn the_server_is_not_ready_without_its_database_on_postgresql() {
    let database = PostgresDatabase::create().await;
    let server = server().storage(Storage::Postgres(database.url())).start().await;
    assert_eq!(get(&server, Door::Http, "/readyz").await, (200, "ready\n".to_owned()));
    drop(database);
    let unready = async || {
        let (status, text) = get(&server, Door::Http, "/readyz").await;
        (status == 503).then_some(text)
    };
    assert_eq!(eventually("no database", SOON, unready).await, "the database does not answer\n");
    assert_eq!(get(&server, Door::Http, "/healthz").await.0, 200);
    assert!(metric(&server, "countersign_storage_failures_total").await > 0);
}

#[tokio::test]
async fn the_limits_of_procedures_are_counted() {
    let server = server_with("[otp]\nlive_max = 2\nlifetime_seconds_max = 3600").start().await;
    server.add_user("zoe", "trust", PASSWORD).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let create = async |seconds: u64| {
        let wishes = Value::Dict(Dict::new().with("expires", now + seconds));
        call(&zoe, &format!("{PREFIX}.system.otp.create"), vec!["zoe".into(), wishes]).await.map(drop)
    };
    let long = async |length: usize| {
        call(&zoe, &format!("{PREFIX}.auth.whoami"), vec!["x".repeat(length).into()]).await.map(drop)
    };
    assert!(create(3_600).await.is_ok());
    assert_eq!(passed(&server, "otp.lifetime_seconds_max").await, 0);
    assert!(create(3_660).await.is_err());
    assert_eq!(passed(&server, "otp.lifetime_seconds_max").await, 1);
    assert!(create(60).await.is_ok());
    assert_eq!(passed(&server, "otp.live_max").await, 0);
    assert!(create(60).await.is_err());
    assert_eq!(passed(&server, "otp.live_max").await, 1);
    let arguments = "procedure_arguments_bytes_max";
    let (_, text) = long(256 * 1024 - 16).await.unwrap_err();
    assert!(!text.contains("bytes"), "too many, but not too long: {text}");
    assert_eq!(passed(&server, arguments).await, 0);
    let (_, text) = long(256 * 1024).await.unwrap_err();
    assert!(text.contains("262144 bytes"), "{text}");
    assert_eq!(passed(&server, arguments).await, 1);
}

/// Every counter of a limit is documented, and every documented one is there.
#[tokio::test]
async fn the_page_of_limits_names_every_counter() {
    let page = include_str!("../../../../docs/limits.md");
    let server = server().listen([Door::Http]).start().await;
    let (_, text) = get(&server, Door::Http, "/metrics").await;
    let prefix = "countersign_limit_reached_total{limit=\"";
    let counted: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix(prefix)?.split_once('"').map(|(name, _)| name)).collect();
    assert!(counted.len() > 20, "{counted:?}");
    for name in &counted {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/limits.md");
    }
    let keys = page.lines().filter(|line| line.ends_with("| the key |")).filter_map(|line| line.split('`').nth(1));
    for key in keys {
        assert!(counted.contains(&key), "{key} is not counted");
    }
}
