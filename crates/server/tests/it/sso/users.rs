//! Users over HTTP: seen, created, changed, decided about, and what a login says of their standing.

use countersign_testkit::Server;
use serde_json::{Value, json};

use super::{LOGIN, SUPER, accepted, is_time, login, refused, send, started, ust};
use crate::http_client::Reply;
use crate::support::{PASSWORD, audit, ends, server_with, sign_in};

const UNKNOWN: &str = "zusrpdjpsqjqa8jdv533zh0pv8tcm";

/// The fields, with the token of somebody who is signed in.
fn with(token: &str, mut fields: Value) -> Value {
    fields["ust"] = json!(token);
    fields
}

/// The fields that a view of a user has: those of super-users, but for these.
fn super_fields(without: &[&str]) -> Vec<&'static str> {
    OWNER_FIELDS.iter().chain(&SUPER_FIELDS).filter(|name| !without.contains(name)).copied().collect()
}

#[track_caller]
fn ok(reply: &Reply) -> Value {
    let answer = reply.json();
    assert_eq!((reply.status, &answer["status"], &answer["sub_status"]), (200, &json!("ok"), &json!([])), "{answer}");
    answer
}

async fn create(server: &Server, boss: &str, fields: Value) -> Reply {
    send(server, "POST", "/user", with(boss, fields)).await
}

async fn get(server: &Server, boss: &str, id: &str) -> Value {
    ok(&send(server, "GET", "/user", with(boss, json!({"user_id": id}))).await)
}

/// The id of an approved user with the usual password.
async fn approved(server: &Server, boss: &str, name: &str) -> String {
    let fields = json!({"username": name, "password": PASSWORD, "auto_approve": true});
    ok(&create(server, boss, fields).await)["user_id"].as_str().unwrap().to_owned()
}

async fn try_login(server: &Server, name: &str, password: &str) -> Reply {
    send(server, "POST", "/user/login", json!({"username": name, "password": password})).await
}

const OWNER_FIELDS: [&str; 8] =
    ["username", "email", "display_name", "first_name", "middle_name", "last_name", "is_totp_enabled", "totp_label"];
const SUPER_FIELDS: [&str; 18] = [
    "user_id",
    "is_active",
    "is_internal",
    "is_super_user",
    "is_approval_needed",
    "approval_status",
    "approval_status_mod_time",
    "approval_status_mod_by",
    "is_locked",
    "locked_time",
    "locked_by",
    "creation_ctx",
    "password_expiry",
    "password_is_set",
    "password_must_change",
    "password_last_set",
    "sign_up_status",
    "sign_up_time",
];

#[tokio::test]
async fn a_super_user_creates_a_user_and_reads_back_every_field() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    let name = "test.2026-11-21T22:01:28.1+3.a0123456789";
    let reply = create(
        &server,
        &boss,
        json!({
            "username": name, "password": PASSWORD, "email": "rand.not an email", "first_name": " Ann ", "last_name": "Lee",
            "middle_name": "M.", "sign_up_status": "before_confirmation", "password_must_change": true, "is_locked": true,
            "is_totp_enabled": "yes", "totp_key": "KMCLCWN4YPMD2WO3", "totp_label": "My label", "ignored": [1],
            "is_rate_limit_active": true, "rate_limit_def": "* = 5/m",
        }),
    )
    .await;
    let created = accepted(&reply, &super_fields(&["creation_ctx", "locked_time", "locked_by"]));
    assert_eq!(
        (&created["is_approval_needed"], &created["approval_status"]),
        (&json!(true), &json!("before_decision"))
    );
    assert_eq!((&created["display_name"], &created["totp_label"]), (&json!("Ann M. Lee"), &json!("My label")));
    let id = created["user_id"].as_str().unwrap();
    assert!(id.starts_with("zusr"), "{id}");
    let found = accepted(&send(&server, "GET", "/user", with(&boss, json!({"user_id": id}))).await, &super_fields(&[]));
    // What was answered at first is what is seen, but for the one field that is only said at first.
    for (field, value) in created.as_object().unwrap() {
        assert!(["cid", "is_approval_needed"].contains(&field.as_str()) || found[field] == *value, "{field}: {found}");
    }
    for field in ["approval_status_mod_time", "locked_time", "password_expiry", "password_last_set", "sign_up_time"] {
        is_time(&found[field]);
    }
    assert_eq!(found["locked_by"].as_str(), Some(own_id(&server, &boss).await.as_str()));
    for (name, value) in [
        ("username", json!(name)),
        ("email", json!("rand.not an email")),
        ("first_name", json!("Ann")),
        ("middle_name", json!("M.")),
        ("last_name", json!("Lee")),
        ("display_name", json!("Ann M. Lee")),
        ("totp_label", json!("My label")),
        ("approval_status", json!("before_decision")),
        ("sign_up_status", json!("before_confirmation")),
        ("password_must_change", json!(true)),
        ("password_is_set", json!(true)),
        ("is_locked", json!(true)),
        ("is_totp_enabled", json!(true)),
        ("is_active", json!(true)),
        ("is_internal", json!(false)),
        ("is_super_user", json!(false)),
        ("is_approval_needed", json!(false)),
        ("approval_status_mod_by", json!("auto")),
        ("creation_ctx", json!("null")),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    // The address lies sealed.
    let database = std::fs::read(server.data().join("countersign.db")).unwrap_or_default();
    assert!(!database.windows(12).any(|window| window == b"not an email"));
}

#[tokio::test]
async fn a_super_user_makes_another_and_nobody_else_does() {
    let server = started().await;
    let (boss, regular) = (ust(&server, SUPER).await, ust(&server, LOGIN).await);
    let fields = json!({
        "username": "second", "password": PASSWORD, "is_super_user": true, "sign_up_status": "final", "auto_approve": true,
    });
    assert_ne!(create(&server, &regular, fields.clone()).await.status, 200);
    assert_eq!(ok(&create(&server, &boss, fields).await)["is_super_user"], true);
    let second = ust(&server, "second").await;
    let own = ok(&send(&server, "GET", "/user", with(&second, json!({}))).await);
    assert_eq!((&own["username"], &own["is_super_user"]), (&json!("second"), &json!(true)));
}

#[tokio::test]
async fn owners_see_less_of_themselves_than_super_users_see() {
    let server = started().await;
    let signed_in = login(&server, LOGIN).await;
    let (token, id) = (signed_in["ust"].as_str().unwrap(), signed_in["user_id"].as_str().unwrap());
    let own = accepted(&send(&server, "GET", "/user", with(token, json!({}))).await, &OWNER_FIELDS);
    assert_eq!((&own["username"], &own["email"], &own["totp_label"]), (&json!(LOGIN), &Value::Null, &json!("")));
    assert_eq!((&own["display_name"], &own["is_totp_enabled"]), (&Value::Null, &json!(false)));
    let boss = ust(&server, SUPER).await;
    let own = accepted(&send(&server, "GET", "/user", with(&boss, json!({}))).await, &super_fields(&[]));
    assert_eq!((&own["is_super_user"], &own["approval_status_mod_by"]), (&json!(true), &json!("auto")));
    assert_eq!((&own["locked_time"], &own["locked_by"]), (&Value::Null, &Value::Null));
    let of = async |token: &str, id: &str| send(&server, "GET", "/user", with(token, json!({"user_id": id}))).await;
    refused(&of(token, id).await, 403, "E005001");
    refused(&of(&boss, UNKNOWN).await, 403, "E005001");
    refused(&of(&boss, "nonsense").await, 403, "E005001");
    refused(&of("zust123", id).await, 403, "E007001");
    // Whom somebody else looks at is in the trail, and who was refused.
    get(&server, &boss, id).await;
    let rows = audit(&server, &["--operation", "user.get", "--target", id]).await;
    let short: Vec<_> = rows.iter().map(|row| (row["actor"].as_str(), row["outcome"].as_str())).collect();
    assert_eq!(short, [(Some(SUPER), Some("accepted")), (Some(LOGIN), Some("refused"))]);
}

#[tokio::test]
async fn what_can_be_no_user_is_refused_with_its_code() {
    let server = started().await;
    let (token, boss) = (ust(&server, LOGIN).await, ust(&server, SUPER).await);
    let long = |count| "x".repeat(count);
    for (fields, code) in [
        (json!({"password": PASSWORD}), "E001001"),
        (json!({"username": ""}), "E001001"),
        (json!({"username": null}), "E001001"),
        (json!({"username": "%operator"}), "E001001"),
        (json!({"username": "a\u{0}b"}), "E001001"),
        (json!({"username": LOGIN.to_uppercase()}), "E001002"),
        (json!({"username": long(129)}), "E001003"),
        (json!({"username": "a b"}), "E001004"),
        (json!({"username": "ann", "email": "a\nb"}), "E002001"),
        (json!({"username": "ann", "email": long(192)}), "E002003"),
        (json!({"username": "ann", "password": "aaaaaaaaaaaa"}), "E003008"),
        (json!({"username": "ann", "password": long(2000)}), "E003003"),
        (json!({"username": "ann", "sign_up_status": "to_approve"}), "E008002"),
        (json!({"username": "ann", "display_name": long(192)}), "E008002"),
        (json!({"username": "ann", "totp_key": "not base32 !!"}), "E008002"),
        (json!({"username": "ann", "totp_label": long(129)}), "E008002"),
    ] {
        refused(&create(&server, &boss, fields.clone()).await, 403, code);
    }
    refused(&create(&server, &token, json!({"username": "ann"})).await, 403, "E005001");
    refused(&create(&server, "x", json!({"username": "ann"})).await, 403, "E007001");
    assert_eq!(create(&server, &boss, json!({"username": "ann", "is_locked": "perhaps"})).await.status, 400);
    assert_eq!(create(&server, &boss, json!({"username": ["ann"]})).await.status, 400);
    ok(&create(&server, &boss, json!({"username": "ann", "display_name": null, "password": null})).await);
    refused(&create(&server, &boss, json!({"username": "Ann"})).await, 403, "E001002");
    // The policy without its strength: length and reject list.
    let server = server_with("[password]\nmin_complexity = 0\n").start().await;
    server.add_user(SUPER, "trust", PASSWORD).await;
    let boss = ust(&server, SUPER).await;
    for (password, code) in [("short", "E003002"), ("x".repeat(257).as_str(), "E003003"), ("my-qwerty-key", "E003001")]
    {
        refused(&create(&server, &boss, json!({"username": "ann", "password": password})).await, 403, code);
    }
}

#[tokio::test]
async fn users_come_in_only_once_they_are_approved() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    let created = ok(&create(&server, &boss, json!({"username": "ann", "password": PASSWORD})).await);
    let id = created["user_id"].as_str().unwrap();
    let decide = async |token: &str, path: &str, id: &str| {
        send(&server, "POST", path, with(token, json!({"user_id": id}))).await
    };
    refused(&try_login(&server, "ann", PASSWORD).await, 403, "E005001");
    assert!(sign_in(&server, "ann", PASSWORD).await.is_err());
    ok(&decide(&boss, "/user/approve", id).await);
    let token = ust(&server, "ann").await;
    let bus = sign_in(&server, "ann", PASSWORD).await.unwrap();
    refused(&decide(&token, "/user/approve", id).await, 403, "E008002");
    refused(&decide(&token, "/user/reject", id).await, 403, "E008002");
    ok(&decide(&boss, "/user/reject", id).await);
    // What was open ends, here and on the bus.
    ends(&bus).await;
    refused(&send(&server, "GET", "/user", with(&token, json!({}))).await, 403, "E007001");
    refused(&try_login(&server, "ann", PASSWORD).await, 403, "E005001");
    let found = get(&server, &boss, id).await;
    assert_eq!(
        (&found["approval_status"], &found["approval_status_mod_by"].as_str()),
        (&json!("rejected"), &Some(own_id(&server, &boss).await.as_str()))
    );
    is_time(&found["approval_status_mod_time"]);
    for path in ["/user/approve", "/user/reject"] {
        for _ in 0..2 {
            accepted(&decide(&boss, path, id).await, &[]);
        }
        refused(&decide("zust123", path, id).await, 403, "E007001");
        refused(&decide(&boss, path, UNKNOWN).await, 403, "E005001");
        assert_eq!(send(&server, "POST", path, with(&boss, json!({}))).await.status, 400);
        assert_eq!(send(&server, "GET", path, with(&boss, json!({}))).await.status, 405);
    }
    let rows = audit(&server, &["--operation", "session.open", "--actor", "ann", "--outcome", "refused"]).await;
    assert!(rows.iter().all(|row| row["reason"] == "not_approved") && rows.len() == 2, "{rows:?}");
}

async fn own_id(server: &Server, token: &str) -> String {
    ok(&send(server, "GET", "/user", with(token, json!({}))).await)["user_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_lock_shuts_a_user_out_until_it_is_taken_off() {
    let server = started().await;
    let (signed_in, boss) = (login(&server, LOGIN).await, ust(&server, SUPER).await);
    let (token, id) = (signed_in["ust"].as_str().unwrap(), signed_in["user_id"].as_str().unwrap());
    let lock = async |token: &str, verb: &str, id: &str| {
        send(&server, verb, "/user/lock", with(token, json!({"user_id": id}))).await
    };
    let bus = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    refused(&lock(token, "POST", id).await, 403, "E005001");
    refused(&lock(&boss, "POST", UNKNOWN).await, 403, "E005001");
    refused(&lock(token, "DELETE", id).await, 403, "E005001");
    refused(&lock(&boss, "DELETE", UNKNOWN).await, 403, "E005001");
    assert_eq!(send(&server, "POST", "/user/lock", with(&boss, json!({}))).await.status, 400);
    for _ in 0..2 {
        accepted(&lock(&boss, "POST", id).await, &[]);
    }
    ends(&bus).await;
    refused(&try_login(&server, LOGIN, PASSWORD).await, 403, "E005001");
    assert!(sign_in(&server, LOGIN, PASSWORD).await.is_err());
    let found = get(&server, &boss, id).await;
    assert_eq!(
        (&found["is_locked"], found["locked_by"].as_str()),
        (&json!(true), Some(own_id(&server, &boss).await.as_str()))
    );
    is_time(&found["locked_time"]);
    refused(&lock(token, "DELETE", id).await, 403, "E007001");
    for _ in 0..2 {
        accepted(&lock(&boss, "DELETE", id).await, &[]);
    }
    // Noted as well.
    let unlocked = get(&server, &boss, id).await;
    assert_eq!((&unlocked["is_locked"], &unlocked["locked_by"]), (&json!(false), &found["locked_by"]));
    assert!(unlocked["locked_time"].as_str() > found["locked_time"].as_str(), "{unlocked}");
    ust(&server, LOGIN).await;
    // Oneself, which shuts one out at once.
    let own = own_id(&server, &boss).await;
    ok(&lock(&boss, "POST", &own).await);
    refused(&send(&server, "GET", "/user", with(&boss, json!({}))).await, 403, "E007001");
}

#[tokio::test]
async fn owners_change_what_is_theirs_and_super_users_all() {
    let server = started().await;
    let (signed_in, boss) = (login(&server, LOGIN).await, ust(&server, SUPER).await);
    let (token, id) = (signed_in["ust"].as_str().unwrap(), signed_in["user_id"].as_str().unwrap());
    let patch = async |token: &str, fields: Value| send(&server, "PATCH", "/user", with(token, fields)).await;
    let all = json!({"email": "a@b", "display_name": "D", "first_name": "F", "middle_name": "M", "last_name": "L", "totp_label": "T"});
    accepted(&patch(token, all).await, &[]);
    let own = ok(&send(&server, "GET", "/user", with(token, json!({}))).await);
    assert_eq!((&own["email"], &own["display_name"], &own["totp_label"]), (&json!("a@b"), &json!("D"), &json!("T")));
    // The own id may stand there; null takes away.
    ok(&patch(token, json!({"user_id": id, "email": null, "display_name": null, "unknown": 1})).await);
    let own = ok(&send(&server, "GET", "/user", with(token, json!({}))).await);
    assert_eq!((&own["email"], &own["display_name"], &own["first_name"]), (&Value::Null, &Value::Null, &json!("F")));
    for (fields, code) in [
        (json!({}), "E008003"),
        (json!({"totp_key": "KMCLCWN4YPMD2WO3", "unknown": 1}), "E008003"),
        (json!({"is_locked": true}), "E008002"),
        (json!({"password_expiry": "2345-12-27T11:22:33"}), "E008002"),
        (json!({"password_must_change": false}), "E008002"),
        (json!({"sign_up_status": "final"}), "E008002"),
        (json!({"approval_status": "approved"}), "E008002"),
        (json!({"user_id": own_id(&server, &boss).await, "first_name": "x"}), "E008002"),
        (json!({"username": null}), "E008002"),
        (json!({"username": SUPER}), "E001002"),
        (json!({"username": " "}), "E001004"),
        (json!({"first_name": "x".repeat(192)}), "E008002"),
    ] {
        refused(&patch(token, fields).await, 403, code);
    }
    assert_eq!(get(&server, &boss, id).await["first_name"], "F");
    ok(&patch(
        &boss,
        json!({
            "user_id": id, "username": "Other", "is_locked": false, "password_expiry": "2345-12-27T11:22:33",
            "password_must_change": true, "sign_up_status": "final", "approval_status": "approved", "unknown": {},
        }),
    )
    .await);
    let found = get(&server, &boss, id).await;
    assert_eq!((&found["username"], &found["password_expiry"]), (&json!("Other"), &json!("2345-12-27T11:22:33")));
    assert_eq!((&found["password_must_change"], &found["is_locked"]), (&json!(true), &json!(false)));
    for (fields, code) in [
        (json!({"user_id": UNKNOWN, "first_name": "x"}), "E005001"),
        (json!({"user_id": id, "is_locked": null}), "E008002"),
        (json!({"user_id": id, "approval_status": "maybe"}), "E008002"),
        (json!({"user_id": id, "sign_up_status": null}), "E008002"),
        (json!({"user_id": id, "sign_up_status": "to_approve"}), "E008002"),
        (json!({"user_id": id, "password_expiry": null}), "E008002"),
        (json!({"user_id": id, "password_must_change": null}), "E008002"),
        (json!({"user_id": id, "first_name": "x", "is_locked": null}), "E008002"),
        (json!({"user_id": id, "first_name": "x", "username": SUPER}), "E001002"),
    ] {
        refused(&patch(&boss, fields).await, 403, code);
    }
    assert_eq!(patch(&boss, json!({"user_id": id, "password_expiry": "tomorrow"})).await.status, 400);
    assert_eq!(patch(&boss, json!({"user_id": id, "is_locked": "perhaps"})).await.status, 400);
    assert_eq!(get(&server, &boss, id).await["first_name"], "F");
}

#[tokio::test]
async fn who_may_not_come_in_any_more_by_an_update_is_out_at_once() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    let own = json!(own_id(&server, &boss).await);
    for (name, fields) in [
        ("ann", json!({"is_locked": true})),
        ("bob", json!({"approval_status": "before_decision"})),
        ("cid", json!({"sign_up_status": "before_confirmation"})),
        ("dot", json!({"username": "dora"})),
    ] {
        let id = approved(&server, &boss, name).await;
        let (token, bus) = (ust(&server, name).await, sign_in(&server, name, PASSWORD).await.unwrap());
        let mut fields = with(&boss, fields);
        fields["user_id"] = json!(id);
        ok(&send(&server, "PATCH", "/user", fields.clone()).await);
        ends(&bus).await;
        let found = get(&server, &boss, &id).await;
        for (flag, by, at) in [
            ("is_locked", "locked_by", "locked_time"),
            ("approval_status", "approval_status_mod_by", "approval_status_mod_time"),
        ] {
            if fields.get(flag).is_some() {
                assert_eq!((&found[flag], &found[by]), (&fields[flag], &own), "{name}");
                is_time(&found[at]);
            }
        }
        let status = send(&server, "GET", "/user", with(&token, json!({}))).await.status;
        assert_eq!(status, if name == "dot" { 200 } else { 403 }, "{name}");
        refused(&try_login(&server, name, PASSWORD).await, 403, "E005001");
    }
    ust(&server, "dora").await;
}

#[tokio::test]
async fn a_super_user_deletes_others_but_not_itself() {
    let server = started().await;
    let (token, boss) = (ust(&server, LOGIN).await, ust(&server, SUPER).await);
    let id = approved(&server, &boss, "ann").await;
    let remove =
        async |token: &str, id: &str| send(&server, "DELETE", "/user", with(token, json!({"user_id": id}))).await;
    let bus = sign_in(&server, "ann", PASSWORD).await.unwrap();
    // Whatever hangs on the user goes with it, and is in nobody's way.
    let session = ust(&server, "ann").await;
    let link = json!({"user_id": id, "auth_type": "basic_auth", "auth_username": "api"});
    ok(&send(&server, "POST", "/user/linked", with(&boss, link.clone())).await);
    ok(&send(&server, "POST", "/user/attr", with(&session, json!({"name": "a", "value": 1}))).await);
    refused(&remove(&token, &id).await, 403, "E005001");
    refused(&remove("zust123", &id).await, 403, "E007001");
    refused(&remove(&boss, &own_id(&server, &boss).await).await, 403, "E008001");
    accepted(&remove(&boss, &id).await, &[]);
    ends(&bus).await;
    refused(&send(&server, "GET", "/user", with(&session, json!({}))).await, 403, "E007001");
    refused(&send(&server, "GET", "/user", with(&boss, json!({"user_id": id}))).await, 403, "E005001");
    let mut link = with(&boss, link);
    link["user_id"] = json!(own_id(&server, &boss).await);
    ok(&send(&server, "POST", "/user/linked", link).await);
    refused(&remove(&boss, &id).await, 403, "E005001");
    refused(&try_login(&server, "ann", PASSWORD).await, 403, "E005001");
    assert_eq!(send(&server, "DELETE", "/user", with(&boss, json!({}))).await.status, 400);
}

#[tokio::test]
async fn a_changed_password_ends_every_session_but_the_one_it_was_changed_in() {
    const OTHER: &str = "battery staple correct";
    let server = started().await;
    let (signed_in, second) = (login(&server, LOGIN).await, ust(&server, LOGIN).await);
    let (token, id) = (signed_in["ust"].as_str().unwrap(), signed_in["user_id"].as_str().unwrap());
    let change = async |token: &str, fields: Value| send(&server, "PATCH", "/user/password", with(token, fields)).await;
    let bus = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    for fields in [
        json!({"new_password": OTHER}),
        json!({"new_password": OTHER, "old_password": "wrong"}),
        json!({"new_password": "aaaaaaaaaaaa", "old_password": PASSWORD}),
    ] {
        refused(&change(token, fields).await, 403, "E005001");
    }
    assert_eq!(change(token, json!({"old_password": PASSWORD})).await.status, 400);
    let bad_days = json!({"new_password": OTHER, "old_password": PASSWORD, "password_expiry": "soon"});
    assert_eq!(change(token, bad_days).await.status, 400);
    ok(&change(token, json!({"user_id": id, "new_password": OTHER, "old_password": PASSWORD, "password_expiry": 1}))
        .await);
    ends(&bus).await;
    ok(&send(&server, "GET", "/user", with(token, json!({}))).await);
    refused(&send(&server, "GET", "/user", with(&second, json!({}))).await, 403, "E007001");
    refused(&try_login(&server, LOGIN, PASSWORD).await, 403, "E005001");
    // A regular user doesn't decide for how long it is good.
    ok(&try_login(&server, LOGIN, OTHER).await);
    let boss = ust(&server, SUPER).await;
    refused(
        &change(token, json!({"user_id": own_id(&server, &boss).await, "new_password": OTHER})).await,
        403,
        "E008002",
    );
    refused(&change(&boss, json!({"user_id": UNKNOWN, "new_password": OTHER})).await, 403, "E005001");
    refused(&change(&boss, json!({"user_id": id, "new_password": "aaaaaaaaaaaa"})).await, 403, "E003008");
    refused(&change(&boss, json!({"new_password": OTHER})).await, 403, "E005001");
    // One day: about to expire from the beginning. The flag of this other name is not looked at.
    let fields = json!({"user_id": id, "new_password": PASSWORD, "password_expiry": 1, "password_must_change": true});
    ok(&change(&boss, fields).await);
    refused(&send(&server, "GET", "/user", with(token, json!({}))).await, 403, "E007001");
    let warned = try_login(&server, LOGIN, PASSWORD).await;
    let answer = warned.json();
    assert_eq!(
        (warned.status, &answer["status"], &answer["sub_status"]),
        (200, &json!("warning"), &json!(["W003005"]))
    );
    assert!(answer["ust"].is_string());
}

#[tokio::test]
async fn a_password_that_has_to_be_changed_opens_a_session_with_its_successor_only() {
    const OTHER: &str = "battery staple correct";
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    let id = approved(&server, &boss, "ann").await;
    let log_in = async |password: &str, new: Option<&str>| {
        let fields = json!({"username": "ann", "password": password, "new_password": new});
        send(&server, "POST", "/user/login", fields).await
    };
    // It is looked at only where it is needed.
    ok(&log_in(PASSWORD, Some("x")).await);
    let bus = sign_in(&server, "ann", PASSWORD).await.unwrap();
    ok(&send(&server, "PATCH", "/user", with(&boss, json!({"user_id": id, "password_must_change": true}))).await);
    refused(&log_in(PASSWORD, None).await, 403, "E003007");
    refused(&log_in("wrong", None).await, 403, "E005001");
    refused(&log_in(PASSWORD, Some("aaaaaaaaaaaa")).await, 403, "E003008");
    assert!(sign_in(&server, "ann", PASSWORD).await.is_err());
    ok(&log_in(PASSWORD, Some(OTHER)).await);
    ends(&bus).await;
    refused(&log_in(PASSWORD, None).await, 403, "E005001");
    ok(&log_in(OTHER, None).await);
    assert_eq!(get(&server, &boss, &id).await["password_must_change"], false);
    // The same by a super-user's change.
    let set = async |fields: Value| {
        let mut fields = with(&boss, fields);
        fields["user_id"] = json!(id);
        fields["new_password"] = json!(PASSWORD);
        accepted(&send(&server, "PATCH", "/user/password", fields).await, &[])
    };
    set(json!({"must_change": true})).await;
    refused(&log_in(PASSWORD, None).await, 403, "E003007");
    // It stays until it was done or is taken back.
    for nothing_said in [json!({}), json!({"must_change": null}), json!({"password_must_change": false})] {
        set(nothing_said).await;
        refused(&log_in(PASSWORD, None).await, 403, "E003007");
    }
    set(json!({"must_change": false})).await;
    let own = ok(&log_in(PASSWORD, None).await)["ust"].as_str().unwrap().to_owned();
    ok(&send(&server, "PATCH", "/user", with(&boss, json!({"user_id": id, "password_must_change": true}))).await);
    let fields = json!({"old_password": PASSWORD, "new_password": OTHER});
    ok(&send(&server, "PATCH", "/user/password", with(&own, fields)).await);
    ok(&log_in(OTHER, None).await);
}

#[tokio::test]
async fn an_expired_password_opens_nothing_and_is_replaced_at_a_login() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    let id = approved(&server, &boss, "ann").await;
    let token = ust(&server, "ann").await;
    let fields = json!({"user_id": id, "password_expiry": "2020-01-01T00:00:00"});
    ok(&send(&server, "PATCH", "/user", with(&boss, fields)).await);
    refused(&try_login(&server, "ann", PASSWORD).await, 403, "E005001");
    refused(&send(&server, "GET", "/user", with(&token, json!({}))).await, 403, "E005001");
    assert!(sign_in(&server, "ann", PASSWORD).await.is_err());
    let fields = json!({"username": "ann", "password": PASSWORD, "new_password": "battery staple correct"});
    ok(&send(&server, "POST", "/user/login", fields).await);
}

#[tokio::test]
async fn strangers_hear_more_only_where_the_settings_say_so() {
    let config = "[login]\ninform_if_locked = true\ninform_if_not_confirmed = true\ninform_if_not_approved = true\n\
        inform_if_totp_missing = false\n[apps]\nall = ['CRM', 'ERP']\nlogin_allowed = ['CRM']\n\
        inform_if_app_invalid = false\n[password]\ninform_if_expired = true\ninform_if_must_be_changed = false\n\
        log_in_if_about_to_expire = false\n";
    let server = server_with(config).start().await;
    server.add_user(SUPER, "trust", PASSWORD).await;
    let boss = ust(&server, SUPER).await;
    for (name, fields, code) in [
        ("ann", json!({"is_locked": true}), "E005002"),
        ("bob", json!({"sign_up_status": "before_confirmation"}), "E005003"),
        ("cid", json!({"approval_status": "rejected"}), "E005004"),
        ("dot", json!({"password_expiry": "2020-01-01T00:00:00"}), "E003004"),
        ("eve", json!({"password_must_change": true}), "E005001"),
    ] {
        let id = approved(&server, &boss, name).await;
        let token = ust(&server, name).await;
        let mut fields = with(&boss, fields);
        fields["user_id"] = json!(id);
        ok(&send(&server, "PATCH", "/user", fields).await);
        // Also in a session that was opened before.
        if code == "E003004" {
            refused(&send(&server, "GET", "/user", with(&token, json!({}))).await, 403, code);
        }
        refused(&try_login(&server, name, PASSWORD).await, 403, code);
        refused(&try_login(&server, name, "wrong").await, 403, "E005001");
    }
    let fields = json!({"username": "fay", "password": PASSWORD, "auto_approve": true, "is_totp_enabled": true});
    ok(&create(&server, &boss, fields).await);
    refused(&try_login(&server, "fay", PASSWORD).await, 403, "E005001");
    let with_app = |app: &str| json!({"username": SUPER, "password": PASSWORD, "current_app": app});
    refused(&send(&server, "POST", "/user/login", with_app("HR")).await, 200, "E005001");
    refused(&send(&server, "POST", "/user/login", with_app("ERP")).await, 403, "E005001");
    // Soon to expire, and not let in for it.
    let id = approved(&server, &boss, "gus").await;
    let fields = json!({"user_id": id, "new_password": PASSWORD, "password_expiry": 1});
    ok(&send(&server, "PATCH", "/user/password", with(&boss, fields)).await);
    refused(&try_login(&server, "gus", PASSWORD).await, 403, "E003006");
}

#[tokio::test]
async fn new_users_need_no_approval_where_the_settings_say_so() {
    let server = server_with("[signup]\nis_approval_needed = false\nrole = 'backend'\n[main]\nencrypt_email = false\n")
        .start()
        .await;
    server.add_user(SUPER, "trust", PASSWORD).await;
    let boss = ust(&server, SUPER).await;
    let created = ok(&create(&server, &boss, json!({"username": "ann", "password": PASSWORD, "email": "a@b"})).await);
    assert_eq!((&created["is_approval_needed"], &created["approval_status"]), (&json!(false), &json!("approved")));
    ust(&server, "ann").await;
    assert_eq!(get(&server, &boss, created["user_id"].as_str().unwrap()).await["email"], "a@b");
    let shown = server.cli(&["user", "show", "ann", "--json"], "").await.ok();
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["role"], "backend");
}
