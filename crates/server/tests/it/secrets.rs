//! No secret, code or token in the audit trail, nor in the log at its finest level.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use countersign_client::{Auth, Client};
use countersign_testkit::{Door, Server};
use serde_json::{Value, json};

use crate::http_client::{Reply, ask};
use crate::support::{EXEMPT, call, plaintext_key, reach, sign_in};

const LOGIN: &str = "kristen98";
const PASSWORD: &str = "marker-first-sesame-Zq7";
const SECOND: &str = "marker-second-sesame-Zq7";
const WRONG: &str = "marker-wrong-sesame-Zq7";
const KEY: &str = "MARKER4YPMD2WO3KMCLCWN4YPMD2WO3K";
const FORGED: &str = "csust_markerMarkerMarkerMarkerMarker";

/// The program, with all of its log in a file.
pub fn logging(directory: &Path) -> (PathBuf, PathBuf) {
    let (program, log) = (directory.join("countersign"), directory.join("log"));
    let all = "trace,hyper=trace,rustls=trace,tokio_postgres=trace,tungstenite=trace";
    let script = format!(
        "#!/bin/sh\nRUST_LOG={all}\nexport RUST_LOG\nexec '{}' \"$@\" 2>>'{}'\n",
        env!("CARGO_BIN_EXE_countersign"),
        log.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    (program, log)
}

async fn send(server: &Server, verb: &str, path: &str, mut fields: Value) -> Reply {
    fields["current_app"] = json!("CRM");
    ask(server, verb, &format!("/sso{path}"), "", fields.to_string().as_bytes()).await
}

/// Every way in by HTTP, right and wrong. Answers the tokens that were given out.
async fn by_http(server: &Server, secrets: &mut Vec<String>) {
    let login = async |password: &str, code: Option<&str>| {
        let fields = json!({"username": LOGIN, "password": password, "totp_code": code});
        send(server, "POST", "/user/login", fields).await
    };
    assert_eq!(login(WRONG, None).await.status, 403);
    // Where a field is missing, the others are secrets all the same.
    let fields = json!({"username": LOGIN, "new_password": SECOND, "totp_code": "marker-code-Zq7"});
    assert_eq!(send(server, "POST", "/user/login", fields).await.status, 400);
    assert_eq!(login(PASSWORD, Some("marker-code-Zq7")).await.status, 200);
    let signed_in = login(PASSWORD, None).await.json();
    let token = signed_in["ust"].as_str().unwrap().to_owned();
    for ust in [token.as_str(), FORGED] {
        let attribute = json!({"ust": ust, "user_id": signed_in["user_id"], "name": "n", "value": "marker-value-Zq7"});
        send(server, "POST", "/user/attr", attribute).await;
        send(server, "PATCH", "/user/session", json!({"ust": ust})).await;
        send(server, "GET", "/user/session/list", json!({"ust": ust})).await;
        send(server, "PATCH", "/user/totp", json!({"ust": ust, "totp_key": "marker not base32 Zq7"})).await;
        send(server, "PATCH", "/user/totp", json!({"ust": ust, "totp_key": KEY})).await;
        let made = send(server, "PATCH", "/user/totp", json!({"ust": ust})).await.json();
        secrets.extend(made["totp_key"].as_str().map(str::to_owned));
        send(server, "PATCH", "/user/password", json!({"ust": ust, "old_password": WRONG, "new_password": SECOND}))
            .await;
        send(server, "DELETE", "/password/reset", json!({"token": "marker-token-Zq7", "password": SECOND})).await;
        send(server, "POST", "/user/logout", json!({"ust": ust})).await;
        for path in ["/sso/user/session/list?current_app=CRM&ust=", "/zato/sso/nothing?password="] {
            ask(server, "GET", &format!("{path}{ust}"), "", b"").await;
        }
    }
    ask(server, "POST", "/sso/user/login", "", format!("{{\"password\": \"{PASSWORD}\"").as_bytes()).await;
    for header in [format!("Bearer {token}"), format!("Basic {PASSWORD}")] {
        ask(server, "POST", "/call", &format!("Authorization: {header}\r\n"), b"{\"procedure\": \"a.b\"}").await;
    }
    secrets.push(token);
}

/// Every way in by the bus, right and wrong.
async fn by_bus(server: &Server, secrets: &mut Vec<String>) {
    assert!(sign_in(server, LOGIN, WRONG).await.is_err());
    let session = sign_in(server, LOGIN, PASSWORD).await.unwrap();
    let key = plaintext_key(&call(&session, "my.otp.create", vec![]).await.unwrap());
    sign_in(server, LOGIN, &key).await.unwrap();
    assert!(sign_in(server, LOGIN, &key).await.is_err());
    assert!(sign_in(server, LOGIN, FORGED).await.is_err());
    secrets.push(key);
    for auth in [Auth::scram(LOGIN, PASSWORD, false), Auth::scram(LOGIN, WRONG, false)] {
        let _ = Client::connect(reach(server, Door::Http).auth(auth)).await;
    }
}

#[tokio::test]
async fn no_secret_code_or_token_is_in_the_trail_or_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let (program, log) = logging(directory.path());
    let mut server = Server::builder(program).config(EXEMPT).start().await;
    let mut secrets: Vec<String> = [PASSWORD, SECOND, WRONG, KEY, FORGED, "Zq7"].map(str::to_owned).into();
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    by_http(&server, &mut secrets).await;
    by_bus(&server, &mut secrets).await;
    let made = server.cli(&["--json", "user", "totp", "reset", LOGIN], "").await.ok();
    secrets.push(serde_json::from_str::<Value>(&made).unwrap()["totp_key"].as_str().unwrap().to_owned());
    server.cli(&["user", "totp", "reset", LOGIN, "--key", KEY], "").await.ok();
    secrets.push(server.cli(&["otp", "create", LOGIN], "").await.ok().trim().to_owned());
    server.cli(&["user", "passwd", LOGIN, "--password-stdin"], &format!("{SECOND}\n")).await.ok();
    let trail = server.cli(&["audit", "export"], "").await.ok();
    server.stop().await;
    let log = std::fs::read_to_string(log).unwrap();
    assert!(trail.contains("totp.reset"), "{trail}");
    assert!(log.contains("DEBUG countersign"), "{log}");
    for secret in &secrets {
        for (name, text) in [("trail", &trail), ("log", &log)] {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "{name}: {line:?}");
        }
    }
}
