//! What the scenarios share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use countersign_client::{
    Auth, CallError, Client, ConnectError, ConnectOptions, Dict, Encoding, Ended, Id, Message, RawConnection,
    RecvError, Session, Trust, Value,
};
use countersign_testkit::{Door, Server, ServerBuilder};
use countersign_wamp::Signature;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The realm of a server without configuration.
pub const REALM: &str = "izaber";
/// What the server's own procedures start with.
pub const PREFIX: &str = "com.izaber.wamp";
/// A password that may be set.
pub const PASSWORD: &str = "correct horse battery";
/// No failure of a test slows the next.
pub const EXEMPT: &str = "[throttle]\nexempt = [\"127.0.0.0/8\"]\n";
/// Generous: what is asked for is a second, on a machine that does nothing else.
pub const SOON: Duration = Duration::from_secs(5);

/// The built binary, on SQLite, with all doors, and nobody slowed.
pub fn server() -> ServerBuilder {
    server_with("")
}

/// The same with further configuration.
pub fn server_with(toml: &str) -> ServerBuilder {
    Server::builder(env!("CARGO_BIN_EXE_countersign")).config(format!("{toml}\n{EXEMPT}"))
}

/// How to reach a door of `server`, whose development certificate is trusted.
pub fn reach(server: &Server, door: Door) -> ConnectOptions {
    let options = ConnectOptions::new(server.wamp_url(door), REALM);
    if door == Door::Https {
        let certificate = std::fs::read(server.data().join("tls-cert.pem")).unwrap();
        return options.trust(Trust::Certificates(certificate));
    }
    options
}

/// A session over a plain WebSocket with CBOR.
pub async fn sign_in(server: &Server, login: &str, ticket: &str) -> Result<Session, ConnectError> {
    sign_in_at(server, Door::Http, Encoding::Cbor, login, ticket).await
}

/// A session over any door.
pub async fn sign_in_at(
    server: &Server,
    door: Door,
    encoding: Encoding,
    login: &str,
    ticket: &str,
) -> Result<Session, ConnectError> {
    Client::connect(reach(server, door).encoding(encoding).auth(Auth::ticket(login, ticket))).await
}

/// Calls and gives the first argument of the result.
pub async fn call(session: &Session, procedure: &str, args: Vec<Value>) -> Result<Value, (String, String)> {
    call_with(session, procedure, args, Dict::new()).await
}

/// The same with arguments by name.
pub async fn call_with(
    session: &Session,
    procedure: &str,
    args: Vec<Value>,
    kwargs: Dict,
) -> Result<Value, (String, String)> {
    match session.call(procedure, args, kwargs).await {
        Ok((args, _)) => Ok(args.into_iter().next().expect("a result has an argument")),
        Err(CallError::Remote { error, args, .. }) => {
            Err((error, args.first().and_then(Value::as_str).unwrap_or_default().to_owned()))
        }
        Err(other) => panic!("{procedure}: {other}"),
    }
}

/// Reason and message of a refused login.
#[track_caller]
pub fn aborted(result: Result<Session, ConnectError>) -> (String, String) {
    match result {
        Ok(_) => panic!("the session was opened"),
        Err(ConnectError::Aborted { reason, details }) => (reason, text(&details, "message")),
        Err(other) => panic!("{other}"),
    }
}

/// A text of a dictionary; empty if it is not there.
pub fn text(dict: &Dict, key: &str) -> String {
    dict.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// How a session ends that has to end soon.
pub async fn ends(session: &Session) -> Ended {
    tokio::time::timeout(SOON, session.ended()).await.expect("the session ends soon")
}

/// Longest time for the answer to a ticket: far longer than a server that is told nothing else lets anybody wait.
pub const ANSWER_DEADLINE: Duration = Duration::from_mins(1);
/// What a stranger hears, whatever the cause.
pub const DENIED: &str = "com.izaber.wamp.error.permissiondenied";

/// The server's answer to AUTHENTICATE.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A session was opened.
    Welcome(Id),
    /// Nothing but the words that a stranger hears.
    Denied,
}

/// Connects and says HELLO, up to the point where the ticket is asked for.
///
/// # Errors
///
/// What went wrong with the connection.
pub async fn challenged(options: &ConnectOptions, login: &str) -> Result<RawConnection, String> {
    let mut connection = RawConnection::connect(options).await.map_err(|error| format!("{error:?}"))?;
    hello(&mut connection, login).await?;
    Ok(connection)
}

/// Says HELLO and waits for CHALLENGE.
///
/// # Errors
///
/// What went wrong with the connection.
pub async fn hello(connection: &mut RawConnection, login: &str) -> Result<(), String> {
    let details = Dict::new()
        .with("roles", Dict::new().with("caller", Dict::new()))
        .with("authid", login)
        .with("authmethods", vec![Value::from("ticket")]);
    let hello = Message::Hello { realm: REALM.into(), details };
    connection.send(&hello).await.map_err(|error| error.to_string())?;
    match connection.recv().await.map_err(|error| error.to_string())? {
        Message::Challenge { method, .. } if method == "ticket" => Ok(()),
        other => panic!("CHALLENGE was due, not {other:?}"),
    }
}

/// Answers the challenge.
///
/// # Errors
///
/// The connection's end; whether the ticket was taken is not known then.
pub async fn authenticate(connection: &mut RawConnection, ticket: &str) -> Result<Answer, RecvError> {
    let message = Message::Authenticate { signature: Signature::new(ticket), extra: Dict::new() };
    // If it can't be sent, reading says why.
    let _ = connection.send(&message).await;
    match tokio::time::timeout(ANSWER_DEADLINE, connection.recv()).await.expect("an answer in time")? {
        Message::Welcome { session, .. } => Ok(Answer::Welcome(session)),
        Message::Abort { details, reason } => {
            assert_eq!(reason.as_str(), DENIED);
            assert_eq!(details, Dict::new().with("message", "Permission Denied"));
            Ok(Answer::Denied)
        }
        other => panic!("WELCOME or ABORT was due, not {other:?}"),
    }
}

/// One try on a connection of its own, which must be answered.
pub async fn try_ticket(options: &ConnectOptions, login: &str, ticket: &str) -> Answer {
    let mut connection = challenged(options, login).await.expect("a challenge");
    authenticate(&mut connection, ticket).await.expect("an answer to the ticket")
}

/// The answer to a GET at a door, from 127.0.0.1: status and body.
pub async fn get(server: &Server, door: Door, path: &str) -> (u16, String) {
    let stream = TcpStream::connect(server.address(door)).await.unwrap();
    get_over(stream, path, "").await
}

/// The same over a connection that is there, with further lines in the request.
pub async fn get_over(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str, lines: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(ANSWER_DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A number of `/metrics`, by its name with labels; one that isn't there is 0.
pub async fn metric(server: &Server, name: &str) -> u64 {
    let (status, text) = get(server, Door::Http, "/metrics").await;
    assert_eq!(status, 200, "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |number| number.parse().unwrap())
}

/// How often a limit was passed.
pub async fn passed(server: &Server, limit: &str) -> u64 {
    metric(server, &format!("countersign_limit_reached_total{{limit=\"{limit}\"}}")).await
}

/// The rows of the trail that fit, newest first.
pub async fn audit(server: &Server, filters: &[&str]) -> Vec<serde_json::Value> {
    let arguments = [&["audit", "search", "--json", "--limit", "100000"], filters].concat();
    let rows = server.cli(&arguments, "").await.ok();
    serde_json::from_str(&rows).expect("a list of rows")
}

/// The key in the clear of a freshly minted one-time password.
pub fn plaintext_key(minted: &Value) -> String {
    text(minted.as_dict().expect("a dict"), "plaintext_key")
}
