//! The audit trail: by HTTP, and what requests leave in it.

use countersign_testkit::{Door, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use super::{LOGIN, SUPER, login, refused, send, started, ust};
use crate::http_client::Reply;
use crate::support::{PASSWORD, audit, server_with};

async fn search(server: &Server, ust: &str, mut filters: Value) -> Reply {
    filters["ust"] = json!(ust);
    send(server, "GET", "/audit", filters).await
}

async fn found(server: &Server, ust: &str, filters: Value) -> Vec<Value> {
    let reply = search(server, ust, filters).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["result"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_super_user_searches_the_trail_and_finds_what_the_command_line_finds() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    let id = login(&server, LOGIN).await["user_id"].clone();
    let reset = json!({"ust": boss, "user_id": id, "totp_label": "phone", "cid": "story-1"});
    assert_eq!(send(&server, "PATCH", "/user/totp", reset).await.status, 200);
    let story = found(&server, &boss, json!({"filter_cid": "story-1"})).await;
    assert_eq!(story, audit(&server, &["--cid", "story-1"]).await);
    let [row] = story.as_slice() else { panic!("{story:?}") };
    let fields = ["cid", "actor", "target", "operation", "application", "address", "outcome", "reason"];
    let values: Vec<&Value> = fields.iter().map(|field| &row[field]).collect();
    // A user is called by the login, also where the caller gave the id.
    let want = ["story-1", SUPER, LOGIN, "totp.reset", "CRM", "127.0.0.1", "accepted"].map(|text| json!(text));
    assert_eq!(values, want.iter().chain([&Value::Null]).collect::<Vec<_>>());
    let check = async |filters: Value, arguments: &[&str]| {
        let rows = found(&server, &boss, filters).await;
        assert!(!rows.is_empty(), "{arguments:?}");
        assert_eq!(rows, audit(&server, arguments).await);
    };
    check(json!({}), &[]).await;
    check(json!({"user": LOGIN}), &["--user", LOGIN]).await;
    check(json!({"actor": SUPER}), &["--actor", SUPER]).await;
    check(json!({"target": LOGIN, "operation": "user.create"}), &["--target", LOGIN, "--operation", "user.create"])
        .await;
    check(json!({"outcome": "accepted", "since": "2020-01-01"}), &["--outcome", "accepted"]).await;
    assert_eq!(found(&server, &boss, json!({"until": "2020-01-01T00:00:00Z"})).await, [""; 0]);
    // The request's own id is no filter.
    assert!(!found(&server, &boss, json!({"cid": "nothing-has-this"})).await.is_empty());
}

#[tokio::test]
async fn the_trail_is_read_page_by_page() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    let all = found(&server, &boss, json!({})).await;
    let (mut pages, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let answer = search(&server, &boss, json!({"limit": 2, "cursor": cursor})).await.json();
        pages.extend(answer["result"].as_array().unwrap().clone());
        cursor = answer["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(pages, all);
    assert_eq!(search(&server, &boss, json!({"limit": 0})).await.json()["result"].as_array().unwrap().len(), 1);
    assert_eq!(found(&server, &boss, json!({"limit": 99_999_999_999_u64})).await, all);
}

#[tokio::test]
async fn the_trail_is_for_super_users() {
    let server = started().await;
    refused(&search(&server, &ust(&server, LOGIN).await, json!({})).await, 403, "E005001");
    refused(&search(&server, "csust_nothing", json!({})).await, 403, "E007001");
    let boss = ust(&server, SUPER).await;
    refused(&search(&server, &boss, json!({"operation": "fly"})).await, 403, "E008002");
    refused(&search(&server, &boss, json!({"outcome": "perhaps"})).await, 403, "E008002");
    for bad in [json!({"since": "soon"}), json!({"limit": "many"}), json!({"cursor": -1}), json!({"actor": ["x"]})] {
        assert_eq!(search(&server, &boss, bad.clone()).await.status, 400, "{bad}");
    }
    assert_eq!(send(&server, "POST", "/audit", json!({"ust": boss})).await.status, 405);
}

fn claiming(address: &str) -> Value {
    json!({
        "username": LOGIN, "password": PASSWORD, "current_app": "CRM", "cid": "my-cid", "remote_addr": address,
        "user_agent": "Their browser",
    })
}

#[tokio::test]
async fn a_callers_cid_stands_beside_the_servers_own_id_and_claims_decide_nothing() {
    let server = started().await;
    for _ in 0..2 {
        let reply = send(&server, "POST", "/user/login", claiming("203.0.113.9, no address")).await;
        assert_eq!(reply.json()["cid"], "my-cid", "{reply:?}");
    }
    let rows = audit(&server, &["--cid", "my-cid", "--operation", "session.open"]).await;
    let [one, other] = rows.as_slice() else { panic!("{rows:?}") };
    assert!(one["request"] != "my-cid" && one["request"] != other["request"], "{rows:?}");
    assert_eq!((&one["address"], &one["agent"]), (&json!("127.0.0.1"), &json!("")));
    let claimed = (json!("203.0.113.9, no address"), json!("Their browser"));
    assert_eq!((&one["claimed_address"], &one["claimed_agent"]), (&claimed.0, &claimed.1));
    login(&server, LOGIN).await;
    let own = audit(&server, &["--operation", "session.open"]).await;
    assert!(own[0]["cid"] == own[0]["request"] && own[0]["claimed_address"] == "", "{own:?}");
}

/// The answer to a login from 127.0.0.`last`, with a line in its head.
async fn from(server: &Server, last: u8, line: &str, address: &str) -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    let mut stream = socket.connect(server.address(Door::Http)).await.unwrap();
    let body = claiming(address).to_string();
    let head = format!("POST /sso/user/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}Content-Length: ");
    stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_trusted_host_speaks_for_others_and_nobody_else_does() {
    let server = server_with("[proxies]\ntrusted = ['127.0.0.1']\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let newest = async || audit(&server, &["--operation", "session.open"]).await.remove(0);
    assert_eq!(from(&server, 1, "", "203.0.113.9, 10.0.0.1").await, 200);
    let row = newest().await;
    assert_eq!((&row["address"], &row["agent"]), (&json!("203.0.113.9"), &json!("Their browser")));
    assert_eq!((&row["claimed_address"], &row["claimed_agent"]), (&json!(""), &json!("")));
    assert_eq!(from(&server, 1, "", "localhost").await, 400);
    // The proxy passes on what its client says: that is the client's word.
    assert_eq!(from(&server, 1, "X-Forwarded-For: 198.51.100.7\r\n", "203.0.113.9").await, 200);
    let row = newest().await;
    assert_eq!((&row["address"], &row["claimed_address"]), (&json!("198.51.100.7"), &json!("203.0.113.9")));
    assert_eq!(from(&server, 2, "", "203.0.113.9").await, 200);
    let row = newest().await;
    assert_eq!((&row["address"], &row["claimed_address"]), (&json!("127.0.0.2"), &json!("203.0.113.9")));
}
