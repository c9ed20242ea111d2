//! Searches for users over HTTP.

use countersign_testkit::Server;
use serde_json::{Value, json};

use super::{LOGIN, SUPER, refused, send, started, ust};
use crate::http_client::Reply;
use crate::support::{PASSWORD, audit, server_with};

async fn ask(server: &Server, token: &str, mut fields: Value) -> Reply {
    fields["ust"] = json!(token);
    send(server, "GET", "/user/search", fields).await
}

async fn found(server: &Server, token: &str, fields: Value) -> Value {
    let reply = ask(server, token, fields).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn names(answer: &Value) -> Vec<&str> {
    answer["result"].as_array().unwrap().iter().map(|row| row["username"].as_str().unwrap()).collect()
}

#[track_caller]
fn has_page(answer: &Value, want: &Value) {
    for (name, value) in want.as_object().unwrap() {
        assert_eq!(&answer[name], value, "{name} of {answer}");
    }
}

/// Three users with names, beside the two that are always there.
async fn people(server: &Server, boss: &str) {
    for fields in [
        json!({"username": "u1", "first_name": "Ann", "last_name": "Lee", "email": "Ann@Example.com"}),
        json!({"username": "u2", "display_name": "100% Lee_a!", "auto_approve": true}),
        json!({"username": "u3", "display_name": "Älva Öst", "first_name": "Älva", "sign_up_status": "before_confirmation"}),
    ] {
        let mut fields = fields;
        fields["ust"] = json!(boss);
        fields["password"] = json!(PASSWORD);
        let reply = send(server, "POST", "/user", fields).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[tokio::test]
async fn users_are_found_by_what_they_are_like() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    people(&server, &boss).await;
    let check = async |fields: Value, want: &[&str]| {
        let answer = found(&server, &boss, fields.clone()).await;
        assert_eq!((names(&answer), &answer["total"]), (want.to_vec(), &json!(want.len())), "{fields}");
    };
    check(json!({"display_name": "ann lee"}), &["u1"]).await;
    check(json!({"display_name": "LEE"}), &["u2", "u1"]).await;
    check(json!({"display_name": "LEE", "is_name_exact": true}), &[]).await;
    check(json!({"display_name": "ANN lee", "is_name_exact": true}), &["u1"]).await;
    check(json!({"display_name": "äLVA ö"}), &["u3"]).await;
    for (wildcard, want) in [("%", &["u2"][..]), ("_", &["u2"]), ("!", &["u2"]), ("0% L", &["u2"]), ("A%L", &[])] {
        check(json!({"display_name": wildcard}), want).await;
    }
    check(json!({"display_name": "lee", "first_name": "nn"}), &["u1"]).await;
    check(json!({"last_name": "lee", "first_name": "älva", "name_op": "or"}), &["u1", "u3"]).await;
    check(json!({"last_name": "lee", "first_name": "älva", "name_op": "and"}), &[]).await;
    check(json!({"email": "ann@example.COM"}), &["u1"]).await;
    check(json!({"email": "ann@example"}), &[]).await;
    check(json!({"sign_up_status": "before_confirmation"}), &["u3"]).await;
    check(json!({"approval_status": "before_decision", "last_name": "e", "middle_name": null}), &["u1"]).await;
    check(json!({"approval_status": "maybe"}), &[]).await;
    check(json!({"username": LOGIN, "first_name": "", "email": ""}), &[LOGIN]).await;
    check(json!({"username": "nobody"}), &[]).await;
    let id = found(&server, &boss, json!({"username": "u3"})).await["result"][0]["user_id"].clone();
    check(json!({"user_id": id, "username": LOGIN}), &["u3"]).await;
    check(json!({"user_id": "zusr1", "username": LOGIN}), &[]).await;
}

#[tokio::test]
async fn a_found_user_has_every_field_and_no_secret() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    people(&server, &boss).await;
    let answer = found(&server, &boss, json!({"username": "u1"})).await;
    let row = answer["result"][0].as_object().unwrap();
    let id = row["user_id"].clone();
    let read = send(&server, "GET", "/user", json!({"ust": boss, "user_id": id})).await.json();
    let only_here = [
        ("is_approval_needed", json!(null)),
        ("is_rate_limit_active", json!(false)),
        ("rate_limit_type", json!("EXACT")),
        ("rate_limit_def", json!(null)),
        ("rate_limit_check_parent_def", json!(false)),
        ("status", json!(null)),
        ("is_current_super_user", json!(false)),
        ("totp_key", json!(null)),
    ];
    for (name, value) in &only_here {
        assert_eq!(&row[*name], value, "{name}");
    }
    let envelope = ["cid", "status", "sub_status"];
    let read = read.as_object().unwrap();
    for (name, value) in read.iter().filter(|(name, _)| !envelope.contains(&name.as_str())) {
        if name != "is_approval_needed" {
            assert_eq!(&row[name], value, "{name}");
        }
    }
    assert_eq!(row.len(), read.len() - envelope.len() + only_here.len() - 1);
    has_page(
        &answer,
        &json!({
            "total": 1, "num_pages": 1, "page_size": 50, "cur_page": 1, "has_next_page": false, "has_prev_page": false,
            "next_page": null, "prev_page": 0, "status": "ok", "sub_status": [],
        }),
    );
}

#[tokio::test]
async fn all_users_are_counted_and_shown_page_by_page() {
    let server =
        server_with("[search]\ndefault_page_size = 2\nmax_page_size = 3\n[apps]\nall = ['CRM']\n").start().await;
    server.add_user(SUPER, "trust", PASSWORD).await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let boss = ust(&server, SUPER).await;
    people(&server, &boss).await;
    let all = found(&server, &boss, json!({"page_size": 3, "cur_page": 1})).await;
    let total = all["total"].as_u64().unwrap();
    // Whoever the first start made is a user too.
    assert!((5..=6).contains(&total), "{all}");
    let mut seen = Vec::new();
    for page in 1..=total.div_ceil(2) {
        let answer = found(&server, &boss, json!({"cur_page": page})).await;
        let (has_next, pages) = (page < total.div_ceil(2), total.div_ceil(2));
        has_page(
            &answer,
            &json!({
                "total": total, "num_pages": pages, "page_size": 2, "cur_page": page, "has_next_page": has_next,
                "has_prev_page": page > 1, "next_page": has_next.then_some(page + 1), "prev_page": page - 1,
            }),
        );
        seen.extend(names(&answer).into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), usize::try_from(total).unwrap());
    assert_eq!(seen[seen.len() - 3..], ["u2", "u1", "u3"]);
    let check = async |fields: Value, size: u64, rows: usize| {
        let answer = found(&server, &boss, fields.clone()).await;
        assert_eq!((&answer["page_size"], names(&answer).len()), (&json!(size), rows), "{fields}");
    };
    check(json!({"page_size": 3}), 3, 3).await;
    check(json!({"page_size": 4}), 3, 3).await;
    check(json!({"page_size": "1", "paginate": false}), 1, 1).await;
    check(json!({"page_size": 0}), 1, 1).await;
    check(json!({"cur_page": -1}), 2, 2).await;
    check(json!({"cur_page": 99_999_999_999_i64}), 2, 0).await;
    check(json!({"username": "nobody"}), 2, 0).await;
    let none = found(&server, &boss, json!({"username": "nobody"})).await;
    has_page(&none, &json!({"total": 0, "num_pages": 0, "has_next_page": false, "next_page": null, "prev_page": 0}));
}

#[tokio::test]
async fn only_super_users_search_and_what_is_no_search_is_refused() {
    let server = started().await;
    let (boss, token) = (ust(&server, SUPER).await, ust(&server, LOGIN).await);
    refused(&ask(&server, &token, json!({})).await, 403, "E005001");
    refused(&ask(&server, &token, json!({"username": LOGIN})).await, 403, "E005001");
    // As at a login, and unlike elsewhere: not even that there is no such session.
    refused(&ask(&server, "no token", json!({})).await, 403, "E005001");
    for fields in [
        json!({"display_name": ""}),
        json!({"last_name": " "}),
        json!({"email": ""}),
        json!({"username": ""}),
        json!({"user_id": ""}),
        json!({"approval_status": ""}),
        json!({"name_op": "xor"}),
        json!({"first_name": "a\u{0}b"}),
    ] {
        refused(&ask(&server, &boss, fields).await, 403, "E008002");
    }
    assert_eq!(ask(&server, &boss, json!({"page_size": "many"})).await.status, 400);
    let posted = send(&server, "POST", "/user/search", json!({"ust": boss, "username": LOGIN})).await.json();
    assert_eq!(posted["total"], 1);
    let rows = audit(&server, &["--operation", "user.search"]).await;
    assert_eq!(rows.iter().filter(|row| row["outcome"] == "refused").count(), 10, "{rows:?}");
    assert!(rows.iter().any(|row| row["outcome"] == "accepted" && row["target"] == LOGIN), "{rows:?}");
}
