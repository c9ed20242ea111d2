//! The second factor: over HTTP and by the operator's commands.

use std::sync::Arc;

use countersign_identity::totp::{Step, Totp, TotpKey};
use countersign_identity::{Secret, Timestamp};
use countersign_testkit::{PostgresDatabase, Server, Storage};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{LOGIN, SUPER, accepted, login, refused, send, started, ust};
use crate::http_client::{Http, Reply};
use crate::support::{PASSWORD, audit, server_with};

/// A key that was shown, and its codes.
struct Authenticator {
    totp: Totp,
    /// The step at which it was made.
    step: u64,
}

impl Authenticator {
    fn new(key: &str) -> Self {
        let now = Timestamp::from_micros(jiff::Timestamp::now().as_microsecond());
        Self { totp: Totp::new(TotpKey::parse(key).unwrap()), step: Step::at(now).number() }
    }

    /// The code so many steps after the authenticator was made. 0 and 1 are good for half a minute more at least.
    fn code(&self, steps: u64) -> Secret {
        self.totp.code(Step::from_number(self.step + steps))
    }
}

/// Gives a user a key and turns the demand for a code on.
async fn with_factor(server: &Server, name: &str) -> Authenticator {
    let made = server.cli(&["--json", "user", "totp", "reset", name], "").await.ok();
    let made: Value = serde_json::from_str(&made).unwrap();
    server.cli(&["user", "totp", "enable", name], "").await.ok();
    Authenticator::new(made["totp_key"].as_str().unwrap())
}

fn with_code(code: &Secret) -> Value {
    json!({"username": LOGIN, "password": PASSWORD, "totp_code": code.expose()})
}

async fn try_code(server: &Server, code: &Secret) -> Reply {
    send(server, "POST", "/user/login", with_code(code)).await
}

#[tokio::test]
async fn reset_totp_key_answers_a_key_only_if_it_made_it() {
    let server = started().await;
    let signed_in = login(&server, LOGIN).await;
    let token = signed_in["ust"].as_str().unwrap();
    let reset = async |fields: Value| send(&server, "PATCH", "/user/totp", fields).await;
    let label = async || {
        send(&server, "GET", "/user", json!({"ust": token})).await.json()["totp_label"].as_str().map(str::to_owned)
    };
    let made = reset(json!({"ust": token, "totp_label": "My SSO key", "cid": "my-cid"})).await;
    let made = accepted(&made, &["totp_key", "totp_uri"]);
    assert_eq!((made["totp_key"].as_str().unwrap().len(), label().await.as_deref()), (32, Some("My SSO key")));
    assert_eq!(made["cid"], "my-cid");
    let given = reset(json!({"ust": token, "totp_key": "KMCLCWN4YPMD2WO3", "totp_label": null})).await;
    accepted(&given, &[]);
    assert_eq!(label().await.as_deref(), Some(""));
    refused(&reset(json!({"ust": token, "totp_key": "not base32 !!"})).await, 403, "E008002");
    let rows = audit(&server, &["--operation", "totp.reset", "--cid", "my-cid"]).await;
    assert_eq!((rows.len(), &rows[0]["actor"], &rows[0]["outcome"]), (1, &json!(LOGIN), &json!("accepted")));
}

#[tokio::test]
async fn only_a_super_user_resets_the_key_of_a_named_user() {
    let server = started().await;
    let signed_in = login(&server, LOGIN).await;
    let (token, id) = (signed_in["ust"].as_str().unwrap(), signed_in["user_id"].as_str().unwrap());
    let boss = ust(&server, SUPER).await;
    let reset = async |ust: &str, id: &str| {
        send(&server, "PATCH", "/user/totp", json!({"ust": ust, "user_id": id, "totp_key": ""})).await
    };
    let other = login(&server, SUPER).await["user_id"].as_str().unwrap().to_owned();
    for id in [id, &other, "zusrpdjpsqjqa8jdv533zh0pv8tcm", "nonsense"] {
        refused(&reset(token, id).await, 403, "E008002");
    }
    refused(&reset(&boss, "nonsense").await, 403, "E005001");
    refused(&reset(&boss, "zusrpdjpsqjqa8jdv533zh0pv8tcm").await, 403, "E005001");
    refused(&reset("gAAAAABalFycY50Budi...", id).await, 403, "E007001");
    assert_eq!(reset(&boss, id).await.json()["totp_key"].as_str().unwrap().len(), 32);
    // The user's sessions ended with it; the super-user's own did not.
    refused(&send(&server, "PATCH", "/user/session", json!({"ust": token})).await, 403, "E007001");
    assert_eq!(send(&server, "PATCH", "/user/session", json!({"ust": boss})).await.status, 200);
}

#[tokio::test]
async fn echoes_a_given_key_only_where_the_settings_say_so() {
    let server = server_with("[compat.zato]\necho_totp_key = true\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let given = json!({"ust": ust(&server, LOGIN).await, "totp_key": "KMCLCWN4YPMD2WO3", "totp_label": ""});
    assert_eq!(send(&server, "PATCH", "/user/totp", given).await.json()["totp_key"], "KMCLCWN4YPMD2WO3");
}

#[tokio::test]
async fn the_operator_resets_and_disables_a_second_factor() {
    let server = started().await;
    let made = server.cli(&["--json", "user", "totp", "reset", LOGIN, "--label", "phone"], "").await.ok();
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((made["login"].as_str(), made["totp_key"].as_str().unwrap().len()), (Some(LOGIN), 32));
    let given = server.cli(&["user", "totp", "reset", LOGIN, "--key", "kmcl cwn4 ypmd 2wo3"], "").await.ok();
    assert!(!given.to_lowercase().contains("kmcl"), "{given}");
    let bad = server.cli(&["user", "totp", "reset", LOGIN, "--key", "not base32 !!"], "").await;
    assert!(bad.code == Some(1) && bad.stderr.contains("base32"), "{bad:?}");
    let off = server.cli(&["--json", "user", "totp", "disable", LOGIN], "").await.ok();
    let off: Value = serde_json::from_str(&off).unwrap();
    assert_eq!(off, json!({"login": LOGIN, "is_totp_enabled": false}));
    let unknown = server.cli(&["user", "totp", "disable", "nobody"], "").await;
    assert!(unknown.code == Some(1) && unknown.stderr.contains("nobody"), "{unknown:?}");
    let rows = audit(&server, &["--actor", "%operator", "--target", LOGIN]).await;
    let has = |operation: &str| rows.iter().any(|row| row["operation"] == operation && row["outcome"] == "accepted");
    assert!(has("totp.reset") && has("totp.disable"), "{rows:?}");
    ust(&server, LOGIN).await;
}

#[tokio::test]
async fn a_code_is_demanded_once_the_factor_is_on() {
    let server = started().await;
    let factor = with_factor(&server, LOGIN).await;
    let password_only = json!({"username": LOGIN, "password": PASSWORD});
    refused(&send(&server, "POST", "/user/login", password_only.clone()).await, 403, "E005008");
    refused(&try_code(&server, &Secret::new("000000")).await, 403, "E005001");
    assert_eq!(try_code(&server, &factor.code(0)).await.status, 200);
    refused(&try_code(&server, &factor.code(0)).await, 403, "E005001");
    assert_eq!(try_code(&server, &factor.code(1)).await.status, 200);
    let rows = audit(&server, &["--operation", "session.open", "--actor", LOGIN]).await;
    let reasons: Vec<_> = rows.iter().filter_map(|row| row["reason"].as_str()).collect();
    assert_eq!(reasons, ["code_reused", "wrong_code", "code_missing"]);
    server.cli(&["user", "totp", "disable", LOGIN], "").await.ok();
    assert_eq!(send(&server, "POST", "/user/login", password_only).await.status, 200);
}

#[tokio::test]
async fn codes_are_accepted_again_only_for_old_test_suites() {
    let server = server_with("[totp]\nallow_reuse = true\nalgorithm = 'SHA256'\ndigits = 8\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let mut factor = with_factor(&server, LOGIN).await;
    factor.totp.algorithm = countersign_identity::totp::Algorithm::Sha256;
    factor.totp.digits = countersign_identity::totp::Digits::Eight;
    for _ in 0..3 {
        assert_eq!(try_code(&server, &factor.code(0)).await.status, 200);
    }
}

#[tokio::test]
async fn a_fresh_key_comes_with_its_uri_and_the_picture_that_was_asked_for() {
    let server = server_with("[totp]\nissuer = 'My site'\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let token = ust(&server, LOGIN).await;
    let reset = async |qr: Option<&str>, key: Option<&str>| {
        send(&server, "PATCH", "/user/totp", json!({"ust": token, "qr": qr, "totp_key": key})).await
    };
    let plain = reset(None, None).await.json();
    let key = plain["totp_key"].as_str().unwrap();
    let uri =
        format!("otpauth://totp/My%20site:{LOGIN}?secret={key}&issuer=My%20site&algorithm=SHA1&digits=6&period=30");
    assert_eq!(plain["totp_uri"], uri);
    assert!(plain.get("qr_svg").is_none() && plain.get("qr_png").is_none());
    assert!(reset(Some("svg"), None).await.json()["qr_svg"].as_str().unwrap().contains("<svg"));
    let png = reset(Some("png"), None).await.json();
    assert!(png["qr_png"].as_str().unwrap().starts_with("iVBORw0KGgo"), "the signature of PNG, in Base64");
    // Of a key that was given nothing is said, and what is no picture changes nothing.
    let given = reset(Some("svg"), Some("KMCLCWN4YPMD2WO3")).await.json();
    assert!(["totp_key", "totp_uri", "qr_svg"].iter().all(|field| given.get(field).is_none()), "{given}");
    let before = audit(&server, &["--operation", "totp.reset"]).await.len();
    assert_eq!(reset(Some("gif"), None).await.status, 400);
    assert_eq!(audit(&server, &["--operation", "totp.reset"]).await.len(), before);
    let printed = server.cli(&["user", "totp", "reset", LOGIN, "--qr"], "").await.ok();
    assert!(printed.contains("otpauth://totp/My%20site:") && printed.contains('\u{2580}'), "{printed}");
}

#[tokio::test]
async fn recovery_codes_are_shown_once_and_work_once_in_place_of_a_code() {
    let server = started().await;
    let fields = json!({"ust": ust(&server, LOGIN).await});
    refused(&send(&server, "POST", "/user/totp/recovery", fields.clone()).await, 403, "E008002");
    let made = send(&server, "PATCH", "/user/totp", fields.clone()).await.json();
    let factor = Authenticator::new(made["totp_key"].as_str().unwrap());
    let made = send(&server, "POST", "/user/totp/recovery", fields).await.json();
    let codes: Vec<Secret> =
        made["recovery_codes"].as_array().unwrap().iter().map(|code| Secret::new(code.as_str().unwrap())).collect();
    assert_eq!(codes.len(), 10);
    server.cli(&["user", "totp", "enable", LOGIN], "").await.ok();
    for code in &codes {
        assert_eq!(try_code(&server, code).await.status, 200);
    }
    refused(&try_code(&server, &codes[0]).await, 403, "E005001");
    assert_eq!(try_code(&server, &factor.code(1)).await.status, 200);
    let printed = server.cli(&["--json", "user", "totp", "recovery", LOGIN], "").await.ok();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(try_code(&server, &Secret::new(printed["recovery_codes"][9].as_str().unwrap())).await.status, 200);
    let rows = audit(&server, &["--operation", "totp.recovery", "--outcome", "accepted"]).await;
    assert_eq!(rows.len(), 2);
    assert!(codes.iter().all(|code| !format!("{rows:?}").contains(code.expose())));
}

#[tokio::test]
async fn wrong_codes_shut_the_second_factor_for_a_while_and_not_the_password() {
    let server = started().await;
    let factor = with_factor(&server, LOGIN).await;
    for _ in 0..5 {
        refused(&try_code(&server, &Secret::new("000000")).await, 403, "E005001");
    }
    let reply = try_code(&server, &factor.code(1)).await;
    refused(&reply, 429, "E005001");
    assert_eq!(reply.header("retry-after"), "900");
    // The password goes on to be judged as such, and alone it is enough once no code is demanded.
    let password_only = json!({"username": LOGIN, "password": PASSWORD});
    refused(&send(&server, "POST", "/user/login", password_only.clone()).await, 403, "E005008");
    server.cli(&["user", "totp", "disable", LOGIN], "").await.ok();
    assert_eq!(send(&server, "POST", "/user/login", password_only).await.status, 200);
}

#[tokio::test]
async fn too_many_wrong_codes_in_a_row_end_a_key_over_a_restart_until_it_is_reset() {
    let mut server = server_with("[totp]\nfailures_max = 3\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let factor = with_factor(&server, LOGIN).await;
    for _ in 0..3 {
        refused(&try_code(&server, &Secret::new("000000")).await, 403, "E005001");
    }
    server.kill9().await;
    server.restart().await;
    refused(&try_code(&server, &factor.code(1)).await, 403, "E005001");
    let rows = audit(&server, &["--operation", "session.open"]).await;
    assert_eq!(rows[0]["reason"], "factor_locked");
    let factor = with_factor(&server, LOGIN).await;
    assert_eq!(try_code(&server, &factor.code(0)).await.status, 200);
}

#[tokio::test]
async fn a_code_is_validated_by_its_owner_or_by_name_for_a_super_user() {
    let server = started().await;
    let factor = with_factor(&server, LOGIN).await;
    let token = try_code(&server, &factor.code(0)).await.json()["ust"].as_str().unwrap().to_owned();
    let boss = ust(&server, SUPER).await;
    let validate = async |fields: Value| send(&server, "POST", "/user/totp/validate", fields).await;
    let next = factor.code(1);
    let next = next.expose();
    refused(&validate(json!({"ust": token})).await, 403, "E005008");
    refused(&validate(json!({"ust": token, "totp_code": "000000"})).await, 403, "E005001");
    refused(&validate(json!({"ust": token, "username": SUPER, "totp_code": next})).await, 403, "E005001");
    refused(&validate(json!({"ust": "csust_none", "totp_code": next})).await, 403, "E007001");
    refused(&validate(json!({"current_ust": boss, "username": "nobody", "totp_code": next})).await, 403, "E005001");
    refused(&validate(json!({"current_ust": boss, "username": SUPER, "totp_code": next})).await, 403, "E005001");
    let right = json!({"current_ust": boss, "ust": "", "username": LOGIN, "totp_code": next});
    let answer = validate(right.clone()).await.json();
    assert_eq!((&answer["status"], &answer["sub_status"]), (&json!("ok"), &json!([])));
    refused(&validate(right).await, 403, "E005001");
    refused(&try_code(&server, &factor.code(1)).await, 403, "E005001");
}

const TRIES: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_64_simultaneous_logins_with_one_code_opens_a_session_on_sqlite() {
    race(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_64_simultaneous_logins_with_one_code_opens_a_session_on_postgres() {
    let database = PostgresDatabase::create().await;
    race(Storage::Postgres(database.url())).await;
}

/// One gets in; nobody does afterwards with the same code or the one before, not even after a restart.
async fn race(storage: Storage) {
    // Every try gets its turn, however slow the machine is.
    let patient = "[password]\nqueue_seconds_max = 120\n";
    let mut server = server_with(patient).storage(storage).start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let factor = with_factor(&server, LOGIN).await;
    let mut body = with_code(&factor.code(1));
    body["current_app"] = json!("CRM");
    let (start, body) = (Arc::new(Barrier::new(TRIES)), Arc::new(body.to_string()));
    let mut tries = JoinSet::new();
    for _ in 0..TRIES {
        let (mut http, start, body) = (Http::connect(&server).await, Arc::clone(&start), Arc::clone(&body));
        tries.spawn(async move {
            start.wait().await;
            http.ask("POST", "/sso/user/login", "", body.as_bytes()).await
        });
    }
    let replies = tries.join_all().await;
    let opened = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!((opened, replies.iter().filter(|reply| reply.status == 403).count()), (1, TRIES - 1));
    let rows = audit(&server, &["--operation", "session.open", "--outcome", "refused"]).await;
    assert!(rows.len() == TRIES - 1 && rows.iter().all(|row| row["reason"] == "code_reused"), "{rows:?}");
    refused(&try_code(&server, &factor.code(0)).await, 403, "E005001");
    server.kill9().await;
    server.restart().await;
    for steps in [0, 1] {
        refused(&try_code(&server, &factor.code(steps)).await, 403, "E005001");
    }
}
