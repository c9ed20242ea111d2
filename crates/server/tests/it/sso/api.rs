//! The description of the API against the API.

use std::collections::BTreeSet;

use serde_json::Value;

use super::started;
use crate::http_client::ask;
use crate::support::server_with;

const VERBS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(server: &countersign_testkit::Server) -> Value {
    let reply = ask(server, "GET", "/openapi.json", "", b"").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    reply.json()
}

#[tokio::test]
async fn every_described_operation_is_there_and_no_other() {
    let server = started().await;
    let document = document(&server).await;
    assert_eq!(document["openapi"], "3.1.0");
    for (path, described) in document["paths"].as_object().unwrap() {
        let described: BTreeSet<&str> = described.as_object().unwrap().keys().map(String::as_str).collect();
        // These take any verb, as they did in Zato.
        let takes_all = ["/sso/user/login", "/sso/user/logout", "/sso/user/search"].contains(&path.as_str());
        for verb in VERBS {
            let status = ask(&server, &verb.to_uppercase(), path, "", b"{}").await.status;
            // Without `current_app` what is there says that this is no request.
            let want = if described.contains(verb) || takes_all { 400 } else { 405 };
            assert_eq!(status, want, "{verb} {path}");
        }
    }
}

#[tokio::test]
async fn the_page_shows_every_operation_and_loads_nothing() {
    let server = started().await;
    let reply = ask(&server, "GET", "/api", "", b"").await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-security-policy").starts_with("default-src 'none'"));
    let page = reply.text();
    let document = document(&server).await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        assert!(page.contains(&format!(">{}</h2>", path.strip_prefix("/sso").unwrap())), "{path}");
        for operation in operations.as_object().unwrap().values() {
            assert!(page.contains(operation["summary"].as_str().unwrap()), "{operation}");
        }
    }
    assert!(!page.contains("src=") && !page.contains("<script"));
}

#[tokio::test]
async fn a_listed_page_may_use_every_operation() {
    let server = server_with("[http]\norigins = [\"https://app.example\"]").start().await;
    let document = document(&server).await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for verb in operations.as_object().unwrap().keys().map(|verb| verb.to_uppercase()) {
            let asks = format!("Origin: https://app.example\r\nAccess-Control-Request-Method: {verb}\r\n");
            let reply = ask(&server, "OPTIONS", path, &asks, b"").await;
            assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, "https://app.example"));
            let allowed = reply.header("access-control-allow-methods");
            // The client of these tests has headers in lower case.
            assert!(allowed.split(", ").any(|one| one == verb.to_lowercase()), "{verb} {path}: {allowed}");
        }
    }
}
