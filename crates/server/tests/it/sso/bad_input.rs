//! What is wrong with a request, field by field, at every route that the document describes: the client's fault, with the
//! contract's code or as no request at all, and nothing changed.

use std::collections::BTreeSet;

use countersign_testkit::Server;
use serde_json::{Map, Value, json};

use super::{LOGIN, SUPER, login};
use crate::http_client::{Http, Reply};
use crate::support::{PASSWORD, audit, server_with};

const UNKNOWN: &str = "zusrpdjpsqjqa8jdv533zh0pv8tcm";
/// Fields that can be of several kinds, whose fault is told by a code and not as that of the request.
const WITH_CODES: [&str; 7] = ["data", "encrypt", "expiration", "expires", "name", "permissions", "perms"];

/// One operation of the document.
struct Operation {
    verb: String,
    path: String,
    fields: Map<String, Value>,
    required: Vec<String>,
}

impl Operation {
    fn is(&self, verb: &str, path: &str) -> bool {
        self.verb == verb && self.path == format!("/sso{path}")
    }

    fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// What kind of value the document says that a field has.
    fn kind(&self, field: &str) -> Kind {
        let types: BTreeSet<&str> = match &self.fields[field]["type"] {
            Value::String(one) => BTreeSet::from([one.as_str()]),
            Value::Array(types) => types.iter().map(|one| one.as_str().unwrap()).collect(),
            _ => BTreeSet::new(),
        };
        match () {
            () if types.contains("boolean") => Kind::Truth,
            () if types.contains("integer") => Kind::Number,
            () if types.contains("array") || types.is_empty() => Kind::Other,
            () => Kind::Text,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Truth,
    Number,
    Other,
}

/// The server, a connection to it, and everything that a request can be made of.
struct Scene {
    server: Server,
    http: Http,
    operations: Vec<Operation>,
    good: Map<String, Value>,
    before: BTreeSet<String>,
}

impl Scene {
    async fn start() -> Self {
        let server = server_with("[apps]\nall = ['CRM']\nsignup_allowed = ['CRM']\n").start().await;
        server.add_user(LOGIN, "frontend", PASSWORD).await;
        server.add_user(SUPER, "trust", PASSWORD).await;
        let (victim, boss) = (login(&server, LOGIN).await, login(&server, SUPER).await);
        let mut http = Http::connect(&server).await;
        let document = http.ask("GET", "/openapi.json", "", b"").await.json();
        let operations = document["paths"].as_object().unwrap().iter().flat_map(|(path, verbs)| {
            verbs.as_object().unwrap().iter().map(|(verb, operation)| {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                let required = schema["required"].as_array().unwrap();
                Operation {
                    verb: verb.to_uppercase(),
                    path: path.clone(),
                    fields: schema["properties"].as_object().unwrap().clone(),
                    required: required.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
                }
            })
        });
        let operations = operations.collect();
        let good = json!({
            "current_app": "CRM", "ust": boss["ust"], "current_ust": boss["ust"], "target_ust": victim["ust"],
            "user_id": victim["user_id"], "username": "fresh", "password": "battery staple correct",
            "new_password": "battery staple correct", "old_password": PASSWORD, "name": "a", "value": 1,
            "email": "fresh@example.com", "role": "backend", "new_role": "other", "uri": "com.example.", "perms": "c",
            "permissions": [],
            "auth_type": "basic_auth", "auth_username": "api", "is_totp_enabled": true, "name_op": "and",
            "sign_up_status": "final", "approval_status": "approved", "password_expiry": 1,
            "uuid": "AaIC0uvCcpGPrFysiQphEw", "session_id": "AaIC0uvCcpGPrFysiQphEw",
        });
        let Value::Object(good) = good else { panic!("an object") };
        let mut scene = Self { server, http, operations, good, before: BTreeSet::new() };
        scene.before = scene.accepted().await;
        scene
    }

    /// What was done so far, but for reading.
    async fn accepted(&self) -> BTreeSet<String> {
        let rows = audit(&self.server, &["--outcome", "accepted"]).await;
        let changes =
            rows.iter().filter(|row| !["user.get", "user.search"].contains(&row["operation"].as_str().unwrap()));
        changes.map(ToString::to_string).collect()
    }

    /// A request with a value for each field that has one here, but for those that make nothing of this one.
    fn request(&self, operation: &Operation, field: &str) -> Map<String, Value> {
        let known = operation.fields.keys().filter_map(|name| Some((name.clone(), self.good.get(name)?.clone())));
        let mut request: Map<String, Value> = known.collect();
        if operation.is("PATCH", "/user") {
            request.insert("password_expiry".into(), json!("2345-12-27T11:22:33"));
        }
        // Of two sessions that may ask, one does.
        if operation.has("ust") && operation.has("current_ust") {
            let others: &[&str] = if field == "ust" { &["current_ust", "username"] } else { &["ust"] };
            request.retain(|name, _| !others.contains(&name.as_str()));
        }
        request
    }

    async fn send(&mut self, operation: &Operation, request: &Map<String, Value>) -> Reply {
        let body = Value::Object(request.clone()).to_string();
        self.http.ask(&operation.verb, &operation.path, "Content-Type: application/json\r\n", body.as_bytes()).await
    }

    /// Whether those whose tokens are used are signed in still.
    async fn check_alive(&mut self, after: &Operation) {
        for field in ["ust", "target_ust"] {
            let body = json!({"ust": self.good[field], "current_app": "CRM"}).to_string();
            let reply = self.http.ask("GET", "/sso/user", "", body.as_bytes()).await;
            assert_eq!(reply.status, 200, "{field} after {} {}: {}", after.verb, after.path, reply.text());
        }
    }

    async fn check_unchanged(&self) {
        let now = self.accepted().await;
        let done: Vec<_> = now.difference(&self.before).collect();
        assert!(done.is_empty(), "{done:#?}");
    }
}

/// No request at all: HTTP 400 and no codes.
fn is_malformed(reply: &Reply) -> bool {
    let answer = reply.json();
    let names: BTreeSet<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    reply.status == 400
        && names == BTreeSet::from(["cid", "details", "result"])
        && (&answer["result"], &answer["details"]) == (&json!("Error"), &json!("Bad request"))
}

/// Refused with one code, and nothing else told.
fn is_refused(reply: &Reply) -> bool {
    let answer = reply.json();
    let names: BTreeSet<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    let codes = answer["sub_status"].as_array();
    [403, 429].contains(&reply.status)
        && names == BTreeSet::from(["cid", "status", "sub_status"])
        && answer["status"] == "error"
        && codes.is_some_and(|codes| codes.len() == 1 && codes[0] != "E008004")
}

fn has_code(reply: &Reply, code: &str) -> bool {
    reply.json()["sub_status"] == json!([code])
}

/// Values of another kind than this one.
fn wrong_kinds(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Text => vec![json!([]), json!({}), json!(true), json!(["a"])],
        Kind::Truth => vec![json!("perhaps"), json!(2), json!([]), json!({})],
        Kind::Number => vec![json!("many"), json!(1.5), json!([]), json!(true)],
        Kind::Other => Vec::new(),
    }
}

#[tokio::test]
async fn no_field_of_a_wrong_kind_gets_further_than_the_door() {
    let mut scene = Scene::start().await;
    let operations = std::mem::take(&mut scene.operations);
    let mut count = 0;
    for operation in &operations {
        // What a caller calls a request is a name: one that is none is left out.
        for field in operation.fields.keys().filter(|field| *field != "cid") {
            for wrong in wrong_kinds(operation.kind(field)) {
                let mut request = scene.request(operation, field);
                request.insert(field.clone(), wrong.clone());
                let reply = scene.send(operation, &request).await;
                let may_have_code = WITH_CODES.contains(&field.as_str()) && has_code(&reply, "E008002");
                let what = format!("{} {} {field} {wrong}", operation.verb, operation.path);
                assert!(is_malformed(&reply) || (may_have_code && is_refused(&reply)), "{what}: {}", reply.text());
                count += 1;
            }
        }
        for field in &operation.required {
            let mut request = scene.request(operation, field);
            request.remove(field);
            let reply = scene.send(operation, &request).await;
            assert!(is_malformed(&reply), "{} {} {field}: {}", operation.verb, operation.path, reply.text());
        }
        scene.check_alive(operation).await;
    }
    assert!(count > 1_000, "{count}");
    scene.check_unchanged().await;
}

/// Texts that nobody wants, whatever the field is.
fn bad_texts() -> [String; 3] {
    ["x".repeat(100_000), "é".repeat(50_000), "a\u{0}b\r\nc".to_owned()]
}

/// Fields that take any text: it is a name for the trail, a value, or may be somebody's password.
const TAKE_ANY: [&str; 8] =
    ["cid", "remote_addr", "user_agent", "password", "new_password", "old_password", "totp_label", "credential"];

/// Whether a text of any kind is well there, or is not looked at.
fn is_harmless(operation: &Operation, field: &str) -> bool {
    let is_spare_code = field == "totp_code" && (operation.is("PATCH", "/user") || operation.is("POST", "/user/login"));
    operation.verb == "GET" || is_spare_code || TAKE_ANY.contains(&field)
}

#[tokio::test]
async fn bad_input_is_the_clients_fault_at_every_route_and_changes_nothing() {
    let mut scene = Scene::start().await;
    let operations = std::mem::take(&mut scene.operations);
    for operation in &operations {
        let what =
            |field: &str, reply: &Reply| format!("{} {} {field}: {}", operation.verb, operation.path, reply.text());
        for field in operation.fields.keys().filter(|field| operation.kind(field) == Kind::Text) {
            for text in bad_texts() {
                let mut request = scene.request(operation, field);
                request.insert(field.clone(), json!(text));
                if is_harmless(operation, field) {
                    // Where it would be taken, without whoever may take it.
                    let own = ["ust", "current_ust"].into_iter().find(|name| operation.has(name));
                    request.insert(own.unwrap_or("current_app").to_owned(), json!("zust123"));
                }
                let reply = scene.send(operation, &request).await;
                let is_unknown_app = reply.status == 200 && has_code(&reply, "E004001");
                let is_read = reply.status == 200 && operation.verb == "GET";
                let is_nobody = operation.path.ends_with("/logout") || is_no_session(operation, field, &reply);
                assert!(
                    is_refused(&reply) || is_malformed(&reply) || is_unknown_app || is_read || is_nobody,
                    "{}",
                    what(field, &reply)
                );
            }
        }
        if operation.has("user_id") && !operation.is("GET", "/user/search") {
            for unknown in [json!(UNKNOWN), json!("nonsense"), json!(4711)] {
                let mut request = scene.request(operation, "user_id");
                request.insert("user_id".into(), unknown);
                let reply = scene.send(operation, &request).await;
                let is_it = ["E005001", "E008002"].iter().any(|code| has_code(&reply, code));
                assert!(is_refused(&reply) && is_it, "{}", what("user_id", &reply));
            }
        }
        for field in ["ust", "current_ust"].into_iter().filter(|field| operation.has(field)) {
            for nobody in ["", "zust123", "csust_x", "gAAAAABalFycY50Budi"] {
                let mut request = scene.request(operation, field);
                request.insert(field.into(), json!(nobody));
                let reply = scene.send(operation, &request).await;
                let code = if operation.is("GET", "/user/search") { "E005001" } else { "E007001" };
                let is_ended = operation.is("POST", "/user/logout") && reply.status == 200;
                let is_nothing = nobody.is_empty() && is_malformed(&reply);
                assert!(
                    is_ended || is_nothing || (is_refused(&reply) && has_code(&reply, code)),
                    "{}",
                    what(field, &reply)
                );
            }
        }
        for field in ["password_expiry", "since", "until"].into_iter().filter(|field| operation.has(field)) {
            for text in ["tomorrow", "2026-13-01T00:00:00", "2026-02-30T00:00:00", "2026-01-01T25:00:00", "-1x"] {
                let mut request = scene.request(operation, field);
                request.insert(field.into(), json!(text));
                let reply = scene.send(operation, &request).await;
                assert!(is_malformed(&reply), "{}", what(field, &reply));
            }
        }
        scene.check_alive(operation).await;
    }
    scene.check_unchanged().await;
}

/// Whether a session that isn't one was looked at as such.
fn is_no_session(operation: &Operation, field: &str, reply: &Reply) -> bool {
    operation.is("POST", "/user/session") && field == "target_ust" && reply.json()["is_valid"] == false
}

#[tokio::test]
async fn a_body_that_is_no_object_is_no_request_at_any_route() {
    let mut scene = Scene::start().await;
    let operations = std::mem::take(&mut scene.operations);
    let deep = "[".repeat(10_000);
    for operation in &operations {
        for body in ["[]", "1", "\"a\"", "null", "{", "{\"a\": }", "\u{0}", &deep, "{\"current_app\": \"CRM\"} x"] {
            let reply = scene.http.ask(&operation.verb, &operation.path, "", body.as_bytes()).await;
            assert!(is_malformed(&reply), "{} {} {body:.20}: {}", operation.verb, operation.path, reply.text());
        }
        let reply = scene.http.ask(&operation.verb, &operation.path, "", b"{\"current_app\": \"\xff\"}").await;
        assert!(is_malformed(&reply), "{} {}: {}", operation.verb, operation.path, reply.text());
    }
    scene.check_unchanged().await;
}
