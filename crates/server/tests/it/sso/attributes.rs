//! Attributes of users and sessions over HTTP.

use countersign_testkit::Server;
use serde_json::{Value, json};

use super::{LOGIN, SUPER, login, refused, send, started, ust};
use crate::http_client::{Reply, ask};
use crate::support::audit;

const OTHER: &str = "other";

/// Somebody who asks: one of the two forms, with its fields.
struct Form<'a> {
    server: &'a Server,
    path: &'static str,
    fields: Value,
}

impl<'a> Form<'a> {
    fn user(server: &'a Server, ust: &str, user_id: Option<&str>) -> Self {
        let mut fields = json!({ "ust": ust });
        if let Some(id) = user_id {
            fields["user_id"] = id.into();
        }
        Self { server, path: "/user/attr", fields }
    }

    fn session(server: &'a Server, current: &str, target: &str) -> Self {
        Self { server, path: "/session/attr", fields: json!({ "current_ust": current, "target_ust": target }) }
    }

    async fn send(&self, verb: &str, rest: &str, more: Value) -> Reply {
        let mut fields = self.fields.clone();
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        send(self.server, verb, &format!("{}{rest}", self.path), fields).await
    }

    /// The answer to what must go well.
    #[track_caller]
    fn ok(&self, verb: &str, rest: &str, more: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let reply = self.send(verb, rest, more).await;
            let answer = reply.json();
            let head = (reply.status, &answer["status"], &answer["sub_status"]);
            assert_eq!(head, (200, &json!("ok"), &json!([])), "{answer} at {caller}");
            answer
        }
    }

    async fn value(&self, name: &str) -> Value {
        self.ok("GET", "", json!({ "name": name })).await["value"].clone()
    }
}

/// What both forms do alike.
async fn check_each_verb(form: &Form<'_>) {
    form.ok("POST", "", json!({ "name": "a", "value": "1" })).await;
    refused(&form.send("POST", "", json!({ "name": "a", "value": "2" })).await, 403, "E009001");
    let found = form.ok("GET", "", json!({ "name": "a" })).await;
    let fields: Vec<&str> = found.as_object().unwrap().keys().map(String::as_str).collect();
    let want = ["cid", "status", "sub_status", "found", "name", "value", "creation_time", "last_modified"];
    assert_eq!(fields, [&want[..], &["expiration_time", "is_encrypted"]].concat());
    assert_eq!((&found["found"], &found["name"], &found["value"]), (&json!(true), &json!("a"), &json!("1")));
    assert_eq!((&found["expiration_time"], &found["is_encrypted"]), (&json!("9999-12-31T00:00:00"), &json!(false)));
    assert!(!found["creation_time"].as_str().unwrap().ends_with('Z'));

    form.ok("PATCH", "", json!({ "name": "a", "value": "" })).await;
    assert_eq!(form.value("a").await, "");
    form.ok("PATCH", "", json!({ "name": "none", "value": "1" })).await;
    form.ok("PUT", "", json!({ "name": "a", "value": "3" })).await;
    form.ok("PUT", "", json!({ "name": "b", "value": "4" })).await;
    assert_eq!(form.ok("GET", "/names", json!({})).await["result"], json!(["a", "b"]));

    let batch = json!({ "data": [{ "name": "c", "value": 5 }, { "name": "a", "value": 6 }] });
    refused(&form.send("POST", "", batch.clone()).await, 403, "E009001");
    assert_eq!(form.ok("GET", "", json!({ "name": "c" })).await["found"], false);
    form.ok("PUT", "", batch).await;
    let several = form.ok("GET", "", json!({ "data": ["a", "c", "none"] })).await;
    assert_eq!((&several["result"]["a"]["value"], &several["result"]["c"]["name"]), (&json!(6), &json!("c")));
    assert!(several["result"]["none"].is_null() && several["result"].as_object().unwrap().len() == 3, "{several}");
    let one = form.ok("GET", "", json!({ "data": ["a"] })).await;
    assert_eq!((&one["value"], &one["result"]["a"]["value"]), (&json!(6), &json!(6)));

    assert_eq!(form.ok("GET", "/exists", json!({ "name": "a" })).await["result"], true);
    assert_eq!(form.ok("GET", "/exists", json!({ "name": "none" })).await["result"], false);
    let exist = form.ok("GET", "/exists", json!({ "data": ["a", "none"] })).await;
    assert_eq!(exist["result"], json!({ "a": true, "none": false }));

    form.ok("DELETE", "", json!({ "name": "a" })).await;
    form.ok("DELETE", "", json!({ "data": ["b", "none"] })).await;
    assert_eq!(form.ok("GET", "/names", json!({})).await["result"], json!(["c"]));
    assert_eq!(form.send("POST", "/names", json!({})).await.status, 405);
}

#[tokio::test]
async fn attributes_of_a_user_are_created_read_changed_and_deleted() {
    let server = started().await;
    let (regular, boss) = (login(&server, LOGIN).await, ust(&server, SUPER).await);
    let (token, id) = (regular["ust"].as_str().unwrap(), regular["user_id"].as_str().unwrap());
    check_each_verb(&Form::user(&server, token, None)).await;
    // A super-user sees what its owner wrote, and both may name the owner.
    let named = Form::user(&server, &boss, Some(id));
    assert_eq!(named.value("c").await, 5);
    named.ok("DELETE", "", json!({ "name": "c" })).await;
    check_each_verb(&named).await;
    assert_eq!(Form::user(&server, token, Some(id)).value("c").await, 5);
}

#[tokio::test]
async fn attributes_of_a_session_are_its_own_and_end_with_it() {
    let server = started().await;
    let (token, second, boss) = (ust(&server, LOGIN).await, ust(&server, LOGIN).await, ust(&server, SUPER).await);
    check_each_verb(&Form::session(&server, &token, &token)).await;
    assert_eq!(Form::session(&server, &second, &token).value("c").await, 5);
    let form = Form::session(&server, &boss, &token);
    assert_eq!(form.value("c").await, 5);
    assert!(Form::session(&server, &token, &second).value("c").await.is_null());
    assert!(Form::user(&server, &token, None).value("c").await.is_null());
    send(&server, "POST", "/user/logout", json!({ "ust": token })).await;
    refused(&form.send("PUT", "", json!({ "name": "c", "value": 1 })).await, 403, "E007001");
    refused(&form.send("GET", "", json!({ "name": "c" })).await, 403, "E007001");
}

#[tokio::test]
async fn attributes_of_others_are_for_super_users() {
    let server = started().await;
    server.add_user(OTHER, "frontend", crate::support::PASSWORD).await;
    let (other, boss) = (ust(&server, OTHER).await, ust(&server, SUPER).await);
    let regular = login(&server, LOGIN).await;
    let (token, id) = (regular["ust"].as_str().unwrap(), regular["user_id"].as_str().unwrap());
    Form::user(&server, token, None).ok("POST", "", json!({ "name": "a", "value": 1 })).await;
    for form in [
        Form::user(&server, &other, Some(id)),
        Form::user(&server, &other, Some("zusr1")),
        Form::user(&server, &boss, Some("zusr1")),
        Form::session(&server, &other, token),
    ] {
        for (verb, rest) in [("GET", ""), ("GET", "/exists"), ("GET", "/names"), ("PUT", ""), ("DELETE", "")] {
            refused(&form.send(verb, rest, json!({ "name": "a", "value": 2 })).await, 403, "E005001");
        }
    }
    let nobody = Form::user(&server, "zust1", Some(id));
    refused(&nobody.send("GET", "", json!({ "name": "a" })).await, 403, "E007001");
    assert_eq!(Form::user(&server, token, None).value("a").await, 1);
    let rows = audit(&server, &["--operation", "attr.set"]).await;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["outcome"] == "refused"), "{rows:?}");
}

#[tokio::test]
async fn an_encrypted_attribute_is_sealed_and_shown_on_demand() {
    let mut server = started().await;
    let token = ust(&server, LOGIN).await;
    let form = Form::user(&server, &token, None);
    form.ok("POST", "", json!({ "name": "a", "value": { "pin": "hush-4711" }, "encrypt": true })).await;
    let found = form.ok("GET", "", json!({ "name": "a" })).await;
    assert_eq!((&found["value"], &found["is_encrypted"]), (&Value::Null, &json!(true)));
    let opened = form.ok("GET", "", json!({ "name": "a", "decrypt": true })).await;
    assert_eq!(opened["value"], json!({ "pin": "hush-4711" }));
    form.ok("PATCH", "", json!({ "name": "a", "value": "hush-4712" })).await;
    assert_eq!(form.ok("GET", "", json!({ "name": "a" })).await["is_encrypted"], true);
    let rows = audit(&server, &[]).await;
    assert!(!format!("{rows:?}").contains("hush"));
    server.kill9().await;
    let files = std::fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"hush"), "{}", file.display());
    }
    server.restart().await;
    let form = Form::user(&server, &token, None);
    assert_eq!(form.ok("GET", "", json!({ "name": "a", "decrypt": "yes" })).await["value"], "hush-4712");
    // False is also what clients send that mean nothing by it.
    form.ok("PUT", "", json!({ "name": "a", "value": 1, "encrypt": false })).await;
    assert_eq!(form.value("a").await, Value::Null);
    form.ok("DELETE", "", json!({ "name": "a" })).await;
    form.ok("PUT", "", json!({ "name": "a", "value": 1, "encrypt": false })).await;
    assert_eq!(form.value("a").await, 1);
}

#[tokio::test]
async fn an_end_of_an_attribute_is_set_with_its_value_or_alone() {
    let server = started().await;
    let token = ust(&server, LOGIN).await;
    let form = Form::user(&server, &token, None);
    let data = json!([{ "name": "a", "value": 1 }, { "name": "b", "value": 1, "expiration": 7200 }]);
    form.ok("POST", "", json!({ "data": data, "expiration": 3600 })).await;
    let end = async |name: &str| {
        let found = form.ok("GET", "", json!({ "name": name })).await;
        found["expiration_time"].as_str().unwrap().to_owned()
    };
    let (first, second) = (end("a").await, end("b").await);
    assert!(first < second && second.as_str() < "9999", "{first} {second}");
    form.ok("PATCH", "", json!({ "name": "a", "value": 2 })).await;
    assert_eq!(end("a").await, first);
    form.ok("PATCH", "/expiry", json!({ "name": "a", "expiration": 86400 })).await;
    assert!(end("a").await > second);
    form.ok("PATCH", "/expiry", json!({ "data": [{ "name": "b", "expiration": 86400 }, "none"] })).await;
    assert!(end("b").await > second);
    form.ok("PATCH", "/expiry", json!({ "data": ["a", "none"] })).await;
    assert_eq!((end("a").await.as_str(), form.value("a").await), ("9999-12-31T00:00:00", json!(2)));
}

#[tokio::test]
async fn what_is_wrong_with_attributes_is_named_by_a_code_and_changes_nothing() {
    let server = started().await;
    let token = ust(&server, LOGIN).await;
    let form = Form::user(&server, &token, None);
    let check = async |more: Value, code: &str| {
        for verb in ["POST", "PUT", "PATCH"] {
            refused(&form.send(verb, "", more.clone()).await, 403, code);
        }
    };
    check(json!({ "name": "a" }), "E008003").await;
    check(json!({ "data": [{ "name": "a", "value": 1 }, { "name": "b" }] }), "E008003").await;
    let long = "x".repeat(64 * 1024);
    let many: Vec<Value> = (0..101).map(|n| json!({ "name": n, "value": 1 })).collect();
    for fields in [
        json!({}),
        json!({ "value": 1 }),
        json!({ "name": null, "value": 1 }),
        json!({ "name": "", "value": 1 }),
        json!({ "name": "a\u{0}b", "value": 1 }),
        json!({ "name": ["a"], "value": 1 }),
        json!({ "name": "a".repeat(192), "value": 1 }),
        json!({ "name": "a", "value": long }),
        json!({ "name": "a", "value": 1, "expiration": 0 }),
        json!({ "name": "a", "value": 1, "expiration": -1 }),
        json!({ "name": "a", "value": 1, "expiration": "soon" }),
        json!({ "name": "a", "value": 1, "expiration": u64::MAX }),
        json!({ "name": "a", "value": 1, "encrypt": "maybe" }),
        json!({ "data": [] }),
        json!({ "data": {} }),
        json!({ "data": ["a"] }),
        json!({ "data": [{ "value": 1 }] }),
        json!({ "data": [{ "name": "a", "value": 1 }, { "name": "a", "value": 2 }] }),
        json!({ "data": [{ "name": "a", "value": 1, "user_id": "zusr1" }] }),
        json!({ "data": many }),
    ] {
        check(fields, "E008002").await;
    }
    for fields in [json!({}), json!({ "data": [] }), json!({ "data": [["a"]] }), json!({ "name": "" })] {
        refused(&form.send("GET", "", fields.clone()).await, 403, "E008002");
        refused(&form.send("DELETE", "", fields).await, 403, "E008002");
    }
    assert_eq!(form.send("GET", "", json!({ "name": "a", "decrypt": "maybe" })).await.status, 400);
    assert_eq!(form.ok("GET", "/names", json!({})).await["result"], json!([]));
    let query = format!("/sso/user/attr?ust={token}&current_app=CRM&name=a&value=1&expiration=60&encrypt=true");
    assert_eq!(ask(&server, "PUT", &query, "", b"").await.status, 200);
    assert_eq!(form.ok("GET", "", json!({ "name": "a", "decrypt": true })).await["value"], "1");
}
