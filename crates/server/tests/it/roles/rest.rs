//! Roles over HTTP.

use countersign_testkit::Server;
use serde_json::{Value, json};

use super::{PASSWORD, PREFIX, call, sign_in};
use crate::http_client::{Reply, ask};
use crate::support::server_with;

const WHOAMI: &str = "com.izaber.wamp.auth.whoami";

async fn started() -> Server {
    let server = server_with("[apps]\nall = ['CRM']\nlogin_allowed = ['CRM']\n").start().await;
    for (login, role) in [("kristen98", "frontend"), ("bob", "backend"), ("zoe", "trust")] {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}

async fn send(server: &Server, verb: &str, path: &str, mut fields: Value) -> Reply {
    fields["current_app"] = json!("CRM");
    ask(server, verb, &format!("/sso{path}"), "", fields.to_string().as_bytes()).await
}

async fn token(server: &Server, login: &str) -> String {
    let reply = send(server, "POST", "/user/login", json!({"username": login, "password": PASSWORD})).await;
    reply.json()["ust"].as_str().unwrap().to_owned()
}

/// What is answered to a super-user, who must be let.
async fn done(server: &Server, ust: &str, verb: &str, path: &str, mut fields: Value) -> Value {
    fields["ust"] = json!(ust);
    let reply = send(server, verb, path, fields.clone()).await;
    assert_eq!(reply.status, 200, "{verb} {path} {fields}: {reply:?}");
    reply.json()
}

async fn refused(server: &Server, ust: &str, verb: &str, path: &str, mut fields: Value) -> Option<String> {
    fields["ust"] = json!(ust);
    let reply = send(server, verb, path, fields).await;
    if reply.status == 200 { None } else { Some(reply.json()["sub_status"][0].as_str().unwrap().to_owned()) }
}

#[tokio::test]
async fn super_users_make_change_and_remove_roles() {
    let server = started().await;
    let ust = token(&server, "zoe").await;
    let rules = json!([{"uri": "a.*", "perms": "c"}, {"uri": "b", "perms": ""}]);
    let made = done(&server, &ust, "POST", "/role", json!({"role": "desk", "permissions": rules})).await;
    assert_eq!((&made["role"], &made["permissions"]), (&json!("desk"), &rules));
    let copy = done(&server, &ust, "POST", "/role", json!({"role": "copy", "copy_of": "desk"})).await;
    assert_eq!(copy["permissions"], rules);
    let set = json!({"role": "desk", "uri": "a.*", "perms": "sc+"});
    assert_eq!(done(&server, &ust, "PUT", "/role/rule", set).await["permissions"][0]["perms"], "c+s");
    let left = done(&server, &ust, "DELETE", "/role/rule", json!({"role": "desk", "uri": "a.*"})).await;
    assert_eq!(left["permissions"], json!([{"uri": "b", "perms": ""}]));
    let replaced = json!({"role": "desk", "permissions": [{"uri": "*", "perms": "q"}]});
    done(&server, &ust, "PUT", "/role", replaced).await;
    done(&server, &ust, "PATCH", "/role", json!({"role": "desk", "new_role": "table"})).await;
    let one = done(&server, &ust, "GET", "/role", json!({"role": "table"})).await;
    assert_eq!(one["result"], json!([{"role": "table", "permissions": [{"uri": "*", "perms": "q"}]}]));
    done(&server, &ust, "DELETE", "/role", json!({"role": "table"})).await;
    let all = done(&server, &ust, "GET", "/role", json!({})).await;
    let names: Vec<_> = all["result"].as_array().unwrap().iter().map(|role| role["role"].as_str().unwrap()).collect();
    assert_eq!(names, ["backend", "copy", "frontend", "public", "trust"]);
}

#[tokio::test]
async fn what_can_not_be_done_has_a_code() {
    let server = started().await;
    let ust = token(&server, "zoe").await;
    let (invalid, impossible) = ("E008002", "E008001");
    for (verb, path, fields, want) in [
        ("POST", "/role", json!({"role": "frontend"}), invalid),
        ("POST", "/role", json!({"role": "No Role"}), invalid),
        ("POST", "/role", json!({"role": "desk", "permissions": "c"}), invalid),
        ("POST", "/role", json!({"role": "desk", "permissions": [{"uri": "a..b", "perms": "c"}]}), invalid),
        ("POST", "/role", json!({"role": "desk", "copy_of": "nobody"}), invalid),
        ("PUT", "/role", json!({"role": "nobody", "permissions": []}), invalid),
        ("PATCH", "/role", json!({"role": "frontend", "new_role": "backend"}), invalid),
        ("PATCH", "/role", json!({"role": "trust", "new_role": "boss"}), impossible),
        ("DELETE", "/role", json!({"role": "trust"}), impossible),
        ("DELETE", "/role", json!({"role": "frontend"}), impossible),
        ("DELETE", "/role", json!({"role": "nobody"}), invalid),
        ("PUT", "/role/rule", json!({"role": "frontend", "uri": "a.b", "perms": "x"}), invalid),
        ("DELETE", "/role/rule", json!({"role": "frontend", "uri": "a.b"}), invalid),
        ("GET", "/role", json!({"role": "nobody"}), invalid),
    ] {
        let code = refused(&server, &ust, verb, path, fields.clone()).await;
        assert_eq!(code.as_deref(), Some(want), "{verb} {path} {fields}");
    }
}

#[tokio::test]
async fn a_role_keeps_its_rules_unless_others_are_named() {
    let server = started().await;
    let ust = token(&server, "zoe").await;
    let rules = json!([{"uri": "a.*", "perms": "c"}]);
    done(&server, &ust, "POST", "/role", json!({"role": "desk", "permissions": rules})).await;
    for fields in [json!({"ust": ust, "role": "desk"}), json!({"ust": ust, "role": "desk", "permissions": null})] {
        let reply = send(&server, "PUT", "/role", fields.clone()).await;
        assert_eq!(reply.status, 400, "{fields}: {reply:?}");
        let kept = done(&server, &ust, "GET", "/role", json!({"role": "desk"})).await;
        assert_eq!(kept["result"][0]["permissions"], rules, "{fields}");
    }
    let emptied = done(&server, &ust, "PUT", "/role", json!({"role": "desk", "permissions": []})).await;
    assert_eq!(emptied["permissions"], json!([]));
}

#[tokio::test]
async fn others_may_neither_read_nor_change_them() {
    let server = started().await;
    let before = server.cli(&["role", "list", "--json"], "").await.ok();
    for (login, want) in [("kristen98", "E005001"), ("bob", "E005001")] {
        let ust = token(&server, login).await;
        for (verb, path, fields) in [
            ("GET", "/role", json!({})),
            ("POST", "/role", json!({"role": "desk"})),
            ("PUT", "/role", json!({"role": "frontend", "permissions": [{"uri": "*", "perms": "crspoq"}]})),
            ("PATCH", "/role", json!({"role": "frontend", "new_role": "desk"})),
            ("DELETE", "/role", json!({"role": "public"})),
            ("PUT", "/role/rule", json!({"role": "frontend", "uri": "*", "perms": "crspoq"})),
            ("DELETE", "/role/rule", json!({"role": "frontend", "uri": "my.*"})),
        ] {
            assert_eq!(refused(&server, &ust, verb, path, fields).await.as_deref(), Some(want), "{verb} {path}");
        }
    }
    assert_eq!(refused(&server, "csust_nonsense", "GET", "/role", json!({})).await.as_deref(), Some("E007001"));
    assert_eq!(server.cli(&["role", "list", "--json"], "").await.ok(), before);
}

#[tokio::test]
async fn w14_an_edit_reaches_live_sessions_at_once() {
    let server = started().await;
    let ust = token(&server, "zoe").await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    call(&session, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
    done(&server, &ust, "PUT", "/role/rule", json!({"role": "frontend", "uri": WHOAMI, "perms": ""})).await;
    assert_eq!(call(&session, WHOAMI, vec![]).await.unwrap_err().0, "wamp.error.not_authorized");
    done(&server, &ust, "PUT", "/role/rule", json!({"role": "frontend", "uri": WHOAMI, "perms": "c"})).await;
    call(&session, WHOAMI, vec![]).await.unwrap();
}
