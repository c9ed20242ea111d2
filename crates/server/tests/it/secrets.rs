//! No secret, code or token in the audit trail, nor in the log at its finest level.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use countersign_client::{Auth, Client};
use countersign_testkit::{Door, Server, eventually};
use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::http_client::{Reply, ask};
use crate::mail::{outbox, token_in};
use crate::support::{EXEMPT, SOON, call, plaintext_key, reach, sign_in};

const LOGIN: &str = "kristen98";
const PASSWORD: &str = "marker-first-sesame-Zq7";
const SECOND: &str = "marker-second-sesame-Zq7";
const WRONG: &str = "marker-wrong-sesame-Zq7";
const KEY: &str = "MARKER4YPMD2WO3KMCLCWN4YPMD2WO3K";
const NEWCOMER: &str = "ann";
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

/// Signing up, and a forgotten password, by tokens of mails, right and wrong.
async fn by_mail(server: &Server, folder: &Path, secrets: &mut Vec<String>) {
    let newcomer = json!({"username": NEWCOMER, "password": "marker-third-sesame-Zq7", "email": "ann@example.com"});
    let joined = send(server, "POST", "/user/signup", newcomer.clone()).await.json();
    assert_eq!(send(server, "POST", "/user/signup", newcomer).await.status, 403);
    let confirm = joined["confirm_token"].as_str().unwrap().to_owned();
    for (token, status) in [("cssup_markerMarker-Zq7", 403), (confirm.as_str(), 200), (confirm.as_str(), 403)] {
        assert_eq!(send(server, "PATCH", "/user/signup", json!({"confirm_token": token})).await.status, status);
    }
    assert_eq!(send(server, "POST", "/password/reset", json!({"credential": NEWCOMER})).await.status, 200);
    let mailed = async || outbox(folder).into_iter().find(|mail| mail.contains("csprt_"));
    let token = token_in(&eventually("the mail", SOON, mailed).await, "csprt_");
    let reset = async |verb, fields: Value| send(server, verb, "/password/reset", fields).await;
    assert_eq!(reset("PATCH", json!({"token": "csprt_marker-Zq7"})).await.status, 403);
    let key = reset("PATCH", json!({"token": token})).await.json()["reset_key"].as_str().unwrap().to_owned();
    for (token, key, password, status) in [
        ("csprt_marker-Zq7", key.as_str(), "marker-fourth-sesame-Zq7", 403),
        (&token, "csprk_marker-Zq7", "marker-fourth-sesame-Zq7", 403),
        (&token, &key, "Zq7", 403),
        (&token, &key, "marker-fourth-sesame-Zq7", 200),
    ] {
        let fields = json!({"token": token, "reset_key": key, "password": password});
        assert_eq!(reset("DELETE", fields).await.status, status);
    }
    secrets.extend([confirm, token, key]);
}

/// API keys, made over the bus, by HTTP and by command, and shown wherever one can be, right and wrong.
async fn by_api_key(server: &Server, secrets: &mut Vec<String>) {
    let session = sign_in(server, LOGIN, PASSWORD).await.unwrap();
    let mut keys = vec![plaintext_key(&call(&session, "my.apikeys.create", vec![]).await.unwrap())];
    let signed_in = send(server, "POST", "/user/login", json!({"username": LOGIN, "password": PASSWORD})).await.json();
    let rules = json!([{"uri": "sso:act-for", "perms": "c"}]);
    let made =
        send(server, "POST", "/user/apikey", json!({"ust": signed_in["ust"], "permissions": rules})).await.json();
    keys.push(made["plaintext_key"].as_str().unwrap().to_owned());
    let made = server.cli(&["--json", "key", "create", LOGIN], "").await.ok();
    keys.push(serde_json::from_str::<Value>(&made).unwrap()["plaintext_key"].as_str().unwrap().to_owned());
    for (shown, is_right) in keys.iter().map(|key| (key.as_str(), true)).chain([("marker-key-Zq7", false)]) {
        assert_eq!(sign_in(server, LOGIN, shown).await.is_ok(), is_right);
        let basic = BASE64.encode(format!("{LOGIN}:{shown}").as_bytes());
        for header in [format!("Bearer {LOGIN}:{shown}"), format!("Basic {basic}")] {
            let header = format!("Authorization: {header}\r\n");
            ask(server, "POST", "/call", &header, b"{\"procedure\": \"a.b\"}").await;
            let refused =
                ask(server, "POST", "/sso/user/logout", &header, b"{\"ust\": \"\", \"current_app\": \"CRM\"}").await;
            assert_eq!(refused.status, 403, "nobody here may act for others");
        }
        secrets.push(basic);
    }
    secrets.extend(keys);
    secrets.push(signed_in["ust"].as_str().unwrap().to_owned());
}

/// Recovery codes, made by HTTP and by command, right, used and wrong.
async fn by_recovery_code(server: &Server, secrets: &mut Vec<String>) {
    let login = async |code: Option<&str>| {
        let fields = json!({"username": LOGIN, "password": PASSWORD, "totp_code": code});
        send(server, "POST", "/user/login", fields).await
    };
    let ust = login(None).await.json()["ust"].clone();
    let made = send(server, "POST", "/user/totp/recovery", json!({"ust": ust})).await.json();
    let printed = server.cli(&["--json", "user", "totp", "recovery", LOGIN], "").await.ok();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let texts = |codes: &Value| -> Vec<String> {
        codes["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
    };
    let (replaced, codes) = (texts(&made), texts(&printed));
    server.cli(&["user", "totp", "enable", LOGIN], "").await.ok();
    for (code, status) in [(&codes[0], 200), (&codes[0], 403), (&replaced[0], 403)] {
        assert_eq!(login(Some(code)).await.status, status);
    }
    let _ = sign_in(server, LOGIN, &format!("{PASSWORD}{}", codes[1])).await;
    server.cli(&["user", "totp", "disable", LOGIN], "").await.ok();
    secrets.extend(replaced.into_iter().chain(codes));
}

/// A server that takes sign-ups and puts mails into the folder.
fn config(folder: &Path) -> String {
    format!(
        "{EXEMPT}[apps]\nsignup_allowed = ['CRM']\n[signup]\nis_approval_needed = false\n\
         always_return_confirm_token = true\n[mail]\npublic_url = 'https://app.example.com'\noutbox_dir = '{}'\n",
        folder.display()
    )
}

#[tokio::test]
async fn no_secret_code_or_token_is_in_the_trail_or_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let (program, log) = logging(directory.path());
    let folder = directory.path().join("outbox");
    let mut server = Server::builder(program).config(config(&folder)).start().await;
    let mut secrets: Vec<String> = [PASSWORD, SECOND, WRONG, KEY, FORGED, "Zq7"].map(str::to_owned).into();
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    by_http(&server, &mut secrets).await;
    by_bus(&server, &mut secrets).await;
    by_mail(&server, &folder, &mut secrets).await;
    by_api_key(&server, &mut secrets).await;
    let made = server.cli(&["--json", "user", "totp", "reset", LOGIN], "").await.ok();
    secrets.push(serde_json::from_str::<Value>(&made).unwrap()["totp_key"].as_str().unwrap().to_owned());
    server.cli(&["user", "totp", "reset", LOGIN, "--key", KEY], "").await.ok();
    by_recovery_code(&server, &mut secrets).await;
    secrets.push(server.cli(&["otp", "create", LOGIN], "").await.ok().trim().to_owned());
    server.cli(&["user", "passwd", LOGIN, "--password-stdin"], &format!("{SECOND}\n")).await.ok();
    let trail = server.cli(&["audit", "export"], "").await.ok();
    server.stop().await;
    let log = std::fs::read_to_string(log).unwrap();
    for operation in ["totp.reset", "sign_up", "password_reset.use", "totp.recovery", "apikey.mint", "apikey.act_for"] {
        assert!(trail.contains(&format!("\"{operation}\"")), "{operation}: {trail}");
    }
    assert!(log.contains("DEBUG countersign"), "{log}");
    for secret in &secrets {
        for (name, text) in [("trail", &trail), ("log", &log)] {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "{name}: {line:?}");
        }
    }
}
