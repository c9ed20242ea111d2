//! Login by cookie, as browsers do it: raw upgrade requests with `Cookie` and `Origin`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use countersign_client::Dict;
use countersign_testkit::{Door, PostgresDatabase, Server, ServerBuilder, Storage, eventually};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SET_COOKIE;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::http_client::ask;
use super::support::{DENIED, PASSWORD, PREFIX, SOON, audit, call, plaintext_key, server_with, sign_in};

const ON: &str = "[auth.cookie]\nenabled = true\n";
const METHODS: &[&str] = &["cookie", "ticket"];

fn server(more: &str) -> ServerBuilder {
    server_with(&format!("{ON}{more}"))
}

async fn with_users(builder: ServerBuilder) -> Server {
    let server = builder.start().await;
    server.add_user("kristen98", "backend", PASSWORD).await;
    server.add_user("zoe", "trust", PASSWORD).await;
    server
}

/// A page's connection to the server.
pub struct Page {
    socket: WebSocketStream<TcpStream>,
    /// `Set-Cookie` of the upgrade.
    set: Option<String>,
}

impl Page {
    async fn open(server: &Server, headers: &[(&'static str, &str)]) -> Self {
        let address = server.address(Door::Http);
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("wamp.2.json"));
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, response) =
            client_async_with_config(request, stream, Some(WebSocketConfig::default())).await.unwrap();
        let mut set = response.headers().get_all(SET_COOKIE).iter();
        let first = set.next().map(|value| value.to_str().unwrap().to_owned());
        assert!(set.next().is_none());
        Self { socket, set: first }
    }

    /// With this cookie.
    async fn with(server: &Server, cookie: &str) -> Self {
        Self::open(server, &[("cookie", cookie)]).await
    }

    async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message; null at the end.
    async fn recv(&mut self) -> Value {
        match tokio::time::timeout(SOON, self.socket.next()).await.expect("an answer in time") {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            _ => Value::Null,
        }
    }

    async fn hello(&mut self, authid: &str, methods: &[&str]) -> Value {
        let details = json!({"roles": {"caller": {}}, "authid": authid, "authmethods": methods});
        self.send(json!([1, "izaber", details])).await;
        self.recv().await
    }

    /// By ticket, although a cookie would be taken.
    async fn sign_in(&mut self, login: &str, ticket: &str) -> Value {
        let challenge = self.hello(login, METHODS).await;
        assert_eq!((&challenge[0], &challenge[1]), (&json!(4), &json!("ticket")), "{challenge}");
        self.send(json!([5, ticket, {}])).await;
        self.recv().await
    }

    async fn log_out(&mut self) {
        self.send(json!([6, {}, "wamp.close.logout"])).await;
        assert_eq!(self.recv().await, json!([6, {}, "wamp.close.goodbye_and_out"]));
    }
}

/// `name=value` of what the browser was given.
fn cookie_of(page: &Page) -> String {
    page.set.as_ref().expect("a cookie").split(';').next().unwrap().to_owned()
}

/// Logs in by password in a fresh browser; its connection, and its cookie.
pub async fn browser(server: &Server, login: &str) -> (Page, String) {
    let mut page = Page::open(server, &[]).await;
    let cookie = cookie_of(&page);
    let welcome = page.sign_in(login, PASSWORD).await;
    assert_eq!((&welcome[0], &welcome[2]["authmethod"]), (&json!(2), &json!("ticket")), "{welcome}");
    (page, cookie)
}

#[track_caller]
fn is_in(answer: &Value, login: &str) {
    assert_eq!(answer[0], 2, "{answer}");
    assert_eq!((&answer[2]["authid"], &answer[2]["authmethod"]), (&json!(login), &json!("cookie")));
}

#[track_caller]
fn is_out(answer: &Value) {
    assert_eq!(*answer, json!([3, {"message": "Permission Denied"}, DENIED]));
}

/// Whether a cookie still opens a session, and of whom.
async fn opens(server: &Server, cookie: &str) -> bool {
    match Page::with(server, cookie).await.hello("", &["cookie"]).await {
        answer if answer[0] == 2 => true,
        answer => {
            is_out(&answer);
            false
        }
    }
}

async fn refusals(server: &Server) -> Vec<String> {
    let rows = audit(server, &["--operation", "login", "--outcome", "refused"]).await;
    rows.iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
}

async fn a_login_by_password_leaves_a_cookie(server: Server) {
    let (_first, cookie) = browser(&server, "kristen98").await;
    for authid in ["", "kristen98", "KRISTEN98"] {
        let mut page = Page::with(&server, &format!("other=1; {cookie}")).await;
        assert_eq!(page.set, None, "a good cookie is kept");
        is_in(&page.hello(authid, METHODS).await, "kristen98");
    }
    let rows = audit(&server, &["--operation", "login", "--outcome", "accepted"]).await;
    assert_eq!(rows.len(), 4);
    for row in &rows {
        assert_eq!((row["actor"].as_str(), row["target"].as_str()), (Some("kristen98"), Some("kristen98")));
        assert!(!row.to_string().contains(cookie.split_once('=').unwrap().1));
    }
}

#[tokio::test]
async fn a_login_by_password_leaves_a_cookie_that_opens_further_sessions() {
    a_login_by_password_leaves_a_cookie(with_users(server("")).await).await;
}

#[tokio::test]
async fn a_login_by_password_leaves_a_cookie_on_postgresql_too() {
    let database = PostgresDatabase::create().await;
    let builder = server("").storage(Storage::Postgres(database.url()));
    a_login_by_password_leaves_a_cookie(with_users(builder).await).await;
}

#[tokio::test]
async fn w7_a_cookie_is_set_with_care_and_only_where_configured() {
    let server = with_users(server("max_age_seconds = 77\n[proxies]\ntrusted = [\"127.0.0.1\"]\n")).await;
    let attributes = |page: &Page| page.set.clone().unwrap().split_once(';').unwrap().1.to_owned();
    let plain = Page::open(&server, &[]).await;
    assert_eq!(attributes(&plain), " Path=/; Max-Age=77; HttpOnly; SameSite=Strict");
    let behind_tls = Page::open(&server, &[("x-forwarded-proto", "https")]).await;
    assert_eq!(attributes(&behind_tls), " Path=/; Max-Age=77; HttpOnly; SameSite=Strict; Secure");
    assert_ne!(cookie_of(&plain), cookie_of(&behind_tls));
    assert_eq!(cookie_of(&plain).len(), "countersign=".len() + 32);
    drop(server);
    let off = with_users(server_with("")).await;
    let mut page = Page::open(&off, &[("cookie", "countersign=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]).await;
    assert_eq!(page.set, None);
    assert_eq!(page.hello("", &["cookie"]).await[2], "wamp.error.no_matching_auth_method");
}

#[tokio::test]
async fn w7_nothing_is_left_without_a_login_by_password_of_a_client_that_takes_cookies() {
    let server = with_users(server("")).await;
    // No login, a refused one, and a client that doesn't ask for cookies.
    let idle = Page::open(&server, &[]).await;
    assert!(!opens(&server, &cookie_of(&idle)).await);
    let mut refused = Page::open(&server, &[]).await;
    is_out(&refused.sign_in("kristen98", "guess").await);
    assert!(!opens(&server, &cookie_of(&refused)).await);
    let mut simple = Page::open(&server, &[]).await;
    assert_eq!(simple.hello("kristen98", &["ticket"]).await[0], 4);
    simple.send(json!([5, PASSWORD, {}])).await;
    assert_eq!(simple.recv().await[0], 2);
    assert!(!opens(&server, &cookie_of(&simple)).await);
    // A one-time password, which must not outlive itself.
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let otp = call(&session, &format!("{PREFIX}.my.otp.create"), vec![]).await.unwrap();
    let mut once = Page::open(&server, &[]).await;
    assert_eq!(once.sign_in("kristen98", &plaintext_key(&otp)).await[0], 2);
    assert!(!opens(&server, &cookie_of(&once)).await);
}

/// Cookies that are good for anything, and of whom.
fn kept_cookies(server: &Server) -> i64 {
    let file = rusqlite::Connection::open(server.data().join("countersign.db")).unwrap();
    file.query_row("SELECT COUNT(*) FROM credentials WHERE kind = 'cookie'", [], |row| row.get(0)).unwrap()
}

/// As a browser does it, which offers its cookie with everything that it asks: at WebSocket, long-poll and the HTTP bridge.
#[tokio::test]
async fn w7_a_login_by_key_leaves_no_cookie_that_opens_anything() {
    let server = with_users(server("")).await;
    let own = format!("http://{}", server.address(Door::Http));
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    for kind in ["apikeys", "otp"] {
        let make = async || {
            let made = call(&session, &format!("{PREFIX}.my.{kind}.create"), vec![]).await.unwrap();
            plaintext_key(&made)
        };
        let key = make().await;
        let mut page = Page::open(&server, &[("origin", &own), ("user-agent", "Mozilla/5.0")]).await;
        let cookie = cookie_of(&page);
        assert_eq!(page.sign_in("kristen98", &key).await[0], 2, "{kind}");
        assert!(!opens(&server, &cookie).await, "{kind}");
        // Nor after a second login on it, with the cookie that the browser was given.
        let key = if kind == "otp" { make().await } else { key };
        let mut again = Page::with(&server, &cookie).await;
        assert_eq!(again.sign_in("kristen98", &key).await[0], 2, "{kind}");
        for cookie in [Some(&cookie), again.set.as_ref()].into_iter().flatten() {
            assert!(!opens(&server, cookie.split(';').next().unwrap()).await, "{kind}");
        }
        assert_eq!(kept_cookies(&server), 0, "{kind}");
        let key = if kind == "otp" { make().await } else { key };
        let headers = format!(
            "Authorization: Bearer kristen98:{key}\r\nCookie: {cookie}\r\nOrigin: {own}\r\nContent-Type: application/json\r\n"
        );
        let body = json!({"procedure": format!("{PREFIX}.auth.whoami")}).to_string();
        let bridged = ask(&server, "POST", "/call", &headers, body.as_bytes()).await;
        assert_eq!((bridged.status, bridged.header("set-cookie")), (200, ""), "{kind}: {}", bridged.text());
        assert!(!opens(&server, &cookie).await, "{kind}");
        // The cookie of a password that the browser has stays what it is, and does not become the key's.
        let (_first, good) = browser(&server, "kristen98").await;
        let mut limited = Page::with(&server, &good).await;
        assert_eq!(limited.hello("kristen98", &["ticket"]).await[1], "ticket");
        let key = if kind == "otp" { make().await } else { key };
        limited.send(json!([5, key, {}])).await;
        assert_eq!(limited.recv().await[0], 2, "{kind}");
        limited.log_out().await;
        assert!(opens(&server, &good).await, "{kind}: a logout of the key's session is not the browser's");
        let file = rusqlite::Connection::open(server.data().join("countersign.db")).unwrap();
        file.execute("DELETE FROM credentials WHERE kind = 'cookie'", []).unwrap();
    }
}

/// The bus that this replaces kept the limits of a key in the cookie's record, and had none when that was gone.
#[tokio::test]
async fn w2_the_limits_of_a_key_outlive_the_cookie_of_its_connection() {
    let server = with_users(server("max_age_seconds = 2\n[otp]\nspent_kept_seconds = 0\n")).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let rule = Dict::new().with("uri", format!("{PREFIX}.auth.whoami")).with("perms", "c");
    let record = Dict::new().with("permissions", vec![countersign_client::Value::from(rule)]);
    let mut pages = Vec::new();
    let (_first, cookie) = browser(&server, "kristen98").await;
    for kind in ["apikeys", "otp"] {
        let args = vec!["kristen98".into(), record.clone().into()];
        let made = call(&zoe, &format!("system.{kind}.create"), args).await.unwrap();
        let mut page = Page::with(&server, &cookie).await;
        assert_eq!(page.hello("kristen98", &["ticket"]).await[1], "ticket");
        page.send(json!([5, plaintext_key(&made), {}])).await;
        assert_eq!(page.recv().await[0], 2);
        pages.push(page);
    }
    eventually("the cookie's end", SOON * 2, async || (!opens(&server, &cookie).await).then_some(())).await;
    eventually("the end of its record", SOON * 2, async || {
        call(&zoe, "system.vacuum", vec![]).await.unwrap();
        (kept_cookies(&server) == 0).then_some(())
    })
    .await;
    for (request, page) in (1_u64..).step_by(10).zip(&mut pages) {
        for (number, (uri, is_granted)) in (request..).zip([
            ("auth.whoami", true),
            ("my.apikeys.create", false),
            ("my.otp.create", false),
            ("x", false),
        ]) {
            // Asked twice: once the first denial had taken the record away, the second call was granted.
            for _ in 0..2 {
                page.send(json!([48, number, {}, format!("{PREFIX}.{uri}")])).await;
            }
            for _ in 0..2 {
                let answer = page.recv().await;
                assert_eq!(answer[0], if is_granted { 50 } else { 8 }, "{uri}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_cookie_ends_with_a_change_of_the_second_factor_unless_configured() {
    for (more, survives) in [("", false), ("[sessions]\nend_on_factor_change = false\n", true)] {
        let server = with_users(server(more)).await;
        let (_first, cookie) = browser(&server, "kristen98").await;
        let (_other, of_another) = browser(&server, "zoe").await;
        server.cli(&["user", "totp", "reset", "kristen98"], "").await.ok();
        assert_eq!(opens(&server, &cookie).await, survives, "{more}");
        let (_again, cookie) = browser(&server, "kristen98").await;
        server.cli(&["user", "totp", "enable", "kristen98"], "").await.ok();
        assert_eq!(opens(&server, &cookie).await, survives, "{more}");
        assert!(opens(&server, &of_another).await, "{more}");
    }
}

#[tokio::test]
async fn a_cookie_that_was_planted_never_becomes_anybodys() {
    let server = with_users(server("")).await;
    // The attacker has it from the server itself, not used yet.
    let attacker = Page::open(&server, &[]).await;
    let planted = cookie_of(&attacker);
    let mut victim = Page::with(&server, &planted).await;
    let fresh = cookie_of(&victim);
    assert_ne!(fresh, planted);
    assert_eq!(victim.sign_in("kristen98", PASSWORD).await[0], 2);
    assert!(!opens(&server, &planted).await);
    assert!(opens(&server, &fresh).await);
}

#[tokio::test]
async fn another_users_login_in_the_same_browser_ends_the_cookie() {
    let server = with_users(server("")).await;
    let (mut first, cookie) = browser(&server, "kristen98").await;
    let mut page = Page::with(&server, &cookie).await;
    // The name decides against the cookie.
    let welcome = page.sign_in("zoe", PASSWORD).await;
    assert_eq!(welcome[2]["authid"], "zoe", "{welcome}");
    assert_eq!(first.recv().await[2], "wamp.close.logout");
    assert!(!opens(&server, &cookie).await);
    assert!(refusals(&server).await.contains(&"cookie_mismatch".to_owned()));
}

#[tokio::test]
async fn w7_a_page_of_another_site_gets_nothing_by_a_cookie() {
    let server = with_users(server("origins = [\"https://app.example.com\"]\n")).await;
    let (_first, cookie) = browser(&server, "kristen98").await;
    let own = format!("http://{}", server.address(Door::Http));
    for (origin, is_own) in [
        (own.as_str(), true),
        ("https://app.example.com", true),
        ("https://evil.example", false),
        ("null", false),
        ("http://127.0.0.1:1", false),
    ] {
        let mut page = Page::open(&server, &[("cookie", &cookie), ("origin", origin)]).await;
        let answer = page.hello("", &["cookie"]).await;
        if is_own {
            is_in(&answer, "kristen98");
        } else {
            is_out(&answer);
            assert_eq!(refusals(&server).await[0], "foreign_origin", "{origin}");
            assert_eq!(page.set, None);
            // A ticket is no ambient authority: the page must have it from its user.
            assert_eq!(page.hello("kristen98", METHODS).await[1], "ticket");
        }
    }
    assert!(opens(&server, &cookie).await, "the cookie itself is as good as before");
}

#[tokio::test]
async fn what_is_no_good_cookie_is_not_told_apart() {
    let server = with_users(server("")).await;
    let (_first, cookie) = browser(&server, "kristen98").await;
    let unknown = "countersign=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for sent in ["", unknown, "countersign=x", &format!("{cookie}; {unknown}"), &cookie.replace('=', "x=")] {
        let headers = [("cookie", sent)];
        let mut page = Page::open(&server, &headers[..usize::from(!sent.is_empty())]).await;
        assert!(page.set.is_some(), "{sent}");
        is_out(&page.hello("", &["cookie"]).await);
        assert_eq!(page.hello("kristen98", METHODS).await[1], "ticket");
    }
    let mut page = Page::with(&server, &cookie).await;
    is_out(&page.hello("zoe", &["cookie"]).await);
    let reasons = refusals(&server).await;
    assert_eq!(reasons, ["cookie_mismatch", "wrong_cookie", "wrong_cookie"]);
}

#[tokio::test]
async fn a_cookie_and_its_session_end_at_its_time() {
    let server = with_users(server("max_age_seconds = 4\n")).await;
    let (mut first, cookie) = browser(&server, "kristen98").await;
    let mut page = Page::with(&server, &cookie).await;
    is_in(&page.hello("", &["cookie"]).await, "kristen98");
    let end = tokio::time::timeout(Duration::from_mins(1), page.socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(serde_json::from_str::<Value>(end.to_text().unwrap()).unwrap()[0], 6);
    assert!(!opens(&server, &cookie).await);
    assert_eq!(refusals(&server).await, ["cookie_expired"]);
    // The session that left it is one of a password.
    first.send(json!([48, 1, {}, format!("{PREFIX}.auth.whoami")])).await;
    assert_eq!(first.recv().await[0], 50);
}

#[tokio::test]
async fn a_logout_ends_the_cookie_and_all_sessions_on_it() {
    let server = with_users(server("")).await;
    let (mut first, cookie) = browser(&server, "kristen98").await;
    let (mut elsewhere, other) = browser(&server, "kristen98").await;
    let mut second = Page::with(&server, &cookie).await;
    is_in(&second.hello("", &["cookie"]).await, "kristen98");
    let mut third = Page::with(&server, &cookie).await;
    is_in(&third.hello("", &["cookie"]).await, "kristen98");
    second.log_out().await;
    for page in [&mut first, &mut third] {
        let said = page.recv().await;
        assert_eq!((&said[0], &said[2]), (&json!(6), &json!("wamp.close.logout")), "{said}");
    }
    assert!(!opens(&server, &cookie).await);
    // On the same connection it is gone as well; and another browser's is not touched.
    is_out(&second.hello("", &["cookie"]).await);
    assert!(opens(&server, &other).await);
    elsewhere.send(json!([48, 1, {}, format!("{PREFIX}.auth.whoami")])).await;
    assert_eq!(elsewhere.recv().await[0], 50);
    let rows = audit(&server, &["--operation", "cookie.end"]).await;
    assert_eq!(
        (rows.len(), rows[0]["detail"].as_str(), rows[0]["actor"].as_str()),
        (1, Some("logout"), Some("kristen98"))
    );
}

#[tokio::test]
async fn an_ordinary_goodbye_keeps_the_cookie() {
    let server = with_users(server("")).await;
    let (mut first, cookie) = browser(&server, "kristen98").await;
    first.send(json!([6, {}, "wamp.close.close_realm"])).await;
    assert_eq!(first.recv().await[0], 6);
    assert!(opens(&server, &cookie).await);
    // On the connection on which it was left, too.
    is_in(&first.hello("", &["cookie"]).await, "kristen98");
}

#[tokio::test]
async fn what_an_operator_does_ends_cookies_as_it_ends_sessions() {
    let server = with_users(server("")).await;
    let cases: [(&str, &[&str], &str, bool); 4] = [
        ("one", &["user", "lock", "one"], "", false),
        ("two", &["user", "passwd", "two", "--password-stdin"], "another horse battery\n", false),
        ("three", &["user", "delete", "three"], "", false),
        ("four", &["user", "role", "four", "frontend"], "", true),
    ];
    for (login, command, stdin, is_kept) in cases {
        server.add_user(login, "backend", PASSWORD).await;
        let (_first, cookie) = browser(&server, login).await;
        let mut second = Page::with(&server, &cookie).await;
        is_in(&second.hello("", &["cookie"]).await, login);
        server.cli(command, stdin).await.ok();
        assert_eq!(second.recv().await[2], "wamp.close.killed", "{command:?}");
        assert_eq!(opens(&server, &cookie).await, is_kept, "{command:?}");
        if login == "one" {
            server.cli(&["user", "unlock", login], "").await.ok();
            assert!(!opens(&server, &cookie).await, "a lock is for good");
        }
        if is_kept {
            let answer = Page::with(&server, &cookie).await.hello("", &["cookie"]).await;
            assert_eq!(answer[2]["authrole"], "frontend");
        }
    }
}

#[tokio::test]
async fn killing_a_users_sessions_ends_the_users_cookies() {
    let server = with_users(server("")).await;
    let admin = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for kind in ["kill", "kill_by_authid", "kill_by_authrole", "kill_all", "kill_by_authid without a session"] {
        let (mut page, cookie) = browser(&server, "kristen98").await;
        let mut second = Page::with(&server, &cookie).await;
        let welcome = second.hello("", &["cookie"]).await;
        is_in(&welcome, "kristen98");
        let (procedure, arguments) = match kind {
            "kill" => (kind, vec![welcome[1].as_u64().unwrap().into()]),
            "kill_by_authrole" => (kind, vec!["backend".into()]),
            "kill_all" => (kind, vec![]),
            "kill_by_authid" => (kind, vec!["kristen98".into()]),
            _ => {
                for page in [&mut page, &mut second] {
                    page.send(json!([6, {}, "wamp.close.close_realm"])).await;
                    assert_eq!(page.recv().await[0], 6);
                }
                ("kill_by_authid", vec!["kristen98".into()])
            }
        };
        admin.call(&format!("wamp.session.{procedure}"), arguments, Dict::new()).await.unwrap();
        // At once, although its row may still be there.
        assert!(!opens(&server, &cookie).await, "{kind}");
    }
    let rows = eventually("a row for each kill", SOON, async || {
        let rows = audit(&server, &["--operation", "cookie.end", "--target", "kristen98"]).await;
        (rows.len() == 5).then_some(rows)
    })
    .await;
    assert!(rows.iter().all(|row| row["actor"] == "zoe" && row["detail"] == "killed"), "{rows:?}");
}

/// What a call answers on a page.
async fn calls(page: &mut Page, request: u64, name: &str, args: Value) -> Value {
    page.send(json!([48, request, {}, format!("{PREFIX}.auth.{name}"), args])).await;
    let answer = page.recv().await;
    assert_eq!((&answer[0], &answer[1]), (&json!(50), &json!(request)), "{answer}");
    answer[3][0].clone()
}

#[tokio::test]
async fn w14_a_cookie_shares_no_elevation_and_is_none() {
    let server = with_users(server("")).await;
    let (mut first, cookie) = browser(&server, "kristen98").await;
    let mut second = Page::with(&server, &cookie).await;
    is_in(&second.hello("", &["cookie"]).await, "kristen98");
    assert!(calls(&mut first, 1, "is_reauthenticated", json!([])).await.is_f64(), "it has shown the password");
    assert_eq!(calls(&mut second, 1, "is_reauthenticated", json!([])).await, json!(false));
    assert_eq!(calls(&mut first, 2, "reauthenticate", json!([PASSWORD])).await, json!(120));
    assert_eq!(calls(&mut second, 2, "is_reauthenticated", json!([])).await, json!(false));
    assert_eq!(calls(&mut second, 3, "reauthenticate", json!([PASSWORD])).await, json!(120));
    assert!(calls(&mut second, 4, "is_reauthenticated", json!([])).await.is_f64());
    assert_eq!(calls(&mut first, 3, "reauthenticate_expire", json!([])).await, json!(null));
    assert!(calls(&mut second, 5, "is_reauthenticated", json!([])).await.is_f64());
    // The cookie's value is no password.
    let value = cookie.split_once('=').unwrap().1;
    assert_eq!(calls(&mut first, 4, "reauthenticate", json!([value])).await, json!(false));
}

#[tokio::test]
async fn w14_a_login_by_password_on_a_cookie_is_not_limited_by_an_earlier_one_time_password() {
    let server = with_users(server("")).await;
    let (mut page, cookie) = browser(&server, "kristen98").await;
    page.send(json!([48, 1, {}, format!("{PREFIX}.my.otp.create")])).await;
    let key = page.recv().await[3][0]["plaintext_key"].as_str().unwrap().to_owned();
    let mut limited = Page::with(&server, &cookie).await;
    let methods = &["ticket"];
    assert_eq!(limited.hello("kristen98", methods).await[1], "ticket");
    limited.send(json!([5, key, {}])).await;
    assert_eq!(limited.recv().await[0], 2);
    let create = json!([48, 1, {}, format!("{PREFIX}.my.otp.create")]);
    limited.send(create.clone()).await;
    assert_eq!(limited.recv().await[0], 8, "a one-time password makes no other");
    let mut whole = Page::with(&server, &cookie).await;
    assert_eq!(whole.hello("kristen98", methods).await[1], "ticket");
    whole.send(json!([5, PASSWORD, {}])).await;
    assert_eq!(whole.recv().await[0], 2);
    whole.send(create).await;
    assert_eq!(whole.recv().await[0], 50);
}
