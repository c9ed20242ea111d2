//! Codes of the second factor at logins on the bus, and at the bridge.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, SystemTime};

use countersign_client::{Dict, Message, RawConnection, Value as WampValue};
use countersign_identity::totp::{Step, Totp, TotpKey};
use countersign_testkit::{Door, Server, eventually};
use countersign_wamp::Signature;
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{LOGIN, started};
use crate::http_client::ask;
use crate::support::{Answer, DENIED, PASSWORD, PREFIX, REALM, audit, challenged, reach, sign_in, try_ticket};

/// Turns the second factor of [`LOGIN`] on; what makes its codes.
async fn with_factor(server: &Server) -> Totp {
    let reset = server.cli(&["user", "totp", "reset", LOGIN, "--json"], "").await.ok();
    let reset: Value = serde_json::from_str(&reset).unwrap();
    server.cli(&["user", "totp", "enable", LOGIN], "").await.ok();
    Totp::new(TotpKey::parse(reset["totp_key"].as_str().unwrap()).unwrap())
}

/// The code of so many steps after the one before now. Each works once, in this order; three do at any time.
fn code(totp: &Totp, steps: u64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    totp.code(Step::from_number(now / 30 - 1 + steps)).expose().to_owned()
}

async fn say(connection: &mut RawConnection, text: &str, extra: Dict) -> Message {
    connection.send(&Message::Authenticate { signature: Signature::new(text), extra }).await.unwrap();
    connection.recv().await.unwrap()
}

/// The password as a ticket, on a connection of its own, with a code in HELLO if there is one.
async fn ticket(server: &Server, in_hello: Option<&str>, text: &str, extra: Dict) -> (RawConnection, Message) {
    let options = reach(server, Door::Http);
    let mut connection = RawConnection::connect(&options).await.unwrap();
    let details = Dict::new()
        .with("roles", Dict::new().with("caller", Dict::new()))
        .with("authid", LOGIN)
        .with("authmethods", vec![WampValue::from("ticket")])
        .with("authextra", in_hello.map_or_else(Dict::new, |code| Dict::new().with("totp_code", code)));
    connection.send(&Message::Hello { realm: REALM.into(), details }).await.unwrap();
    assert!(matches!(connection.recv().await.unwrap(), Message::Challenge { method, .. } if method == "ticket"));
    let answer = say(&mut connection, text, extra).await;
    (connection, answer)
}

fn in_extra(code: &str) -> Dict {
    Dict::new().with("totp_code", code)
}

#[track_caller]
fn welcomed(answer: &Message) {
    assert!(matches!(answer, Message::Welcome { .. }), "{answer:?}");
}

#[track_caller]
fn denied(answer: &Message) {
    let Message::Abort { details, reason } = answer else { panic!("{answer:?}") };
    assert_eq!((reason.as_str(), details), (DENIED, &Dict::new().with("message", "Permission Denied")));
}

#[tokio::test]
async fn a_second_challenge_asks_for_the_code() {
    let server = started().await;
    let totp = with_factor(&server).await;
    let (mut connection, answer) = ticket(&server, None, PASSWORD, Dict::new()).await;
    let Message::Challenge { method, extra } = answer else { panic!("{answer:?}") };
    assert_eq!((method.as_str(), extra), ("totp", Dict::new()));
    let first = code(&totp, 0);
    welcomed(&say(&mut connection, &first, Dict::new()).await);
    // It is used up, and a wrong one sounds the same.
    for wrong in [first.as_str(), "000000", ""] {
        let (mut connection, _) = ticket(&server, None, PASSWORD, Dict::new()).await;
        denied(&say(&mut connection, wrong, Dict::new()).await);
    }
    // Who goes away instead is in the trail, too.
    drop(ticket(&server, None, PASSWORD, Dict::new()).await);
    let row = eventually("the row", Duration::from_secs(10), async || {
        let rows = audit(&server, &["--operation", "login", "--outcome", "refused"]).await;
        let reasons: Vec<_> = rows.iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect();
        (reasons.len() == 4).then_some(reasons)
    });
    assert_eq!(row.await, ["code_missing", "code_missing", "wrong_code", "code_reused"]);
}

#[tokio::test]
async fn a_code_comes_in_hello_in_authenticate_or_behind_the_password() {
    let server = started().await;
    let totp = with_factor(&server).await;
    welcomed(&ticket(&server, Some(&code(&totp, 0)), PASSWORD, Dict::new()).await.1);
    welcomed(&ticket(&server, None, PASSWORD, in_extra(&code(&totp, 1))).await.1);
    sign_in(&server, LOGIN, &format!("{PASSWORD}{}", code(&totp, 2))).await.unwrap();
    let used = code(&totp, 2);
    for (in_hello, text, extra) in [
        (Some(used.as_str()), PASSWORD.to_owned(), Dict::new()),
        (None, PASSWORD.to_owned(), in_extra(&used)),
        (None, format!("{PASSWORD}{used}"), Dict::new()),
        (Some(used.as_str()), "wrong".to_owned(), Dict::new()),
    ] {
        denied(&ticket(&server, in_hello, &text, extra).await.1);
    }
}

#[tokio::test]
async fn strangers_do_not_see_who_has_a_second_factor() {
    let server = started().await;
    with_factor(&server).await;
    let options = reach(&server, Door::Http);
    for login in [LOGIN, super::SUPER, "nobody"] {
        for text in ["wrong", "wrong123456"] {
            assert_eq!(try_ticket(&options, login, text).await, Answer::Denied);
        }
    }
    // A one-time password is no password: it was got by somebody who had shown both.
    let minted = server.cli(&["otp", "create", LOGIN, "--json"], "").await.ok();
    let key = serde_json::from_str::<Value>(&minted).unwrap()["plaintext_key"].as_str().unwrap().to_owned();
    let mut connection = challenged(&options, LOGIN).await.unwrap();
    welcomed(&say(&mut connection, &key, Dict::new()).await);
}

#[tokio::test]
async fn the_bridge_takes_a_code_in_a_header_or_behind_the_password() {
    let server = started().await;
    let totp = with_factor(&server).await;
    let call = async |ticket: &str, header: &str| {
        let basic = BASE64.encode(format!("{LOGIN}:{ticket}").as_bytes());
        let headers = format!("Authorization: Basic {basic}\r\nContent-Type: application/json\r\n{header}");
        let body = json!({"procedure": format!("{PREFIX}.auth.whoami")}).to_string();
        ask(&server, "POST", "/call", &headers, body.as_bytes()).await
    };
    let header = format!("X-TOTP-Code: {}\r\n", code(&totp, 0));
    assert_eq!(call(PASSWORD, &header).await.status, 200);
    assert_eq!(call(&format!("{PASSWORD}{}", code(&totp, 1)), "").await.status, 200);
    let (missing, wrong) = (call(PASSWORD, "").await, call("wrong", "").await);
    assert_eq!((missing.status, wrong.status), (401, 401));
    assert_eq!(missing.body, wrong.body);
    assert_eq!(call(PASSWORD, &header).await.status, 401);
}
