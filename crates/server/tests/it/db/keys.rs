//! API keys and one-time passwords as records: what opens a session is neither shown, nor searched, nor set.

use countersign_client::{Dict, Session, Value};

use super::{INVALID_ARGUMENT, SPELLINGS, fields, is, list, query, records, with_users};
use crate::support::{PASSWORD, PREFIX, aborted, call, server, sign_in, text};

const API_KEY: [&str; 7] = ["uuid", "plaintext_key", "description", "expires", "permissions", "key", "owner"];
const OTP: [&str; 8] = ["uuid", "origin", "expires", "permissions", "key", "owner", "plaintext_key", "login"];
/// The digest of another key.
const FORGED: &str = "nHiqIwUZgxPUOnUrpWuDoafGwGMoQQPpv69_VzudkB0";

/// Collection, the procedures of its own, and its fields.
const KINDS: [(&str, &str, &[&str]); 2] = [("apikeys", "my.apikeys", &API_KEY), ("otps", "my.otp", &OTP)];

async fn make(session: &Session, procedures: &str) -> Dict {
    call(session, &format!("{PREFIX}.{procedures}.create"), vec![]).await.unwrap().as_dict().unwrap().clone()
}

#[tokio::test]
async fn w10_records_of_keys_show_nothing_that_opens_a_session() {
    let server = with_users(server().start().await).await;
    let (kristen, zoe) =
        (sign_in(&server, "kristen98", PASSWORD).await.unwrap(), sign_in(&server, "zoe", PASSWORD).await.unwrap());
    for (collection, procedures, expected) in KINDS {
        let made = make(&kristen, procedures).await;
        for session in [&kristen, &zoe] {
            for prefix in SPELLINGS {
                let own = is("uuid", "=", text(&made, "uuid"));
                let page = call(session, &format!("{prefix}.query"), vec![collection.into(), own]).await.unwrap();
                let page = page.as_dict().unwrap();
                let [record] = <[Dict; 1]>::try_from(records(page)).unwrap();
                assert_eq!(fields(&record), expected, "{collection}");
                assert_eq!(record.get("plaintext_key"), Some(&Value::Null), "{collection}");
                assert_eq!(text(&record, "key"), text(&made, "key"), "{collection}");
                assert!(!format!("{page:?}").contains(&text(&made, "plaintext_key")), "{collection}");
            }
            for field in ["plaintext_key", "digest", "pepper", "owner_.password", "owner_.plaintext_key"] {
                let (error, says) = query(session, collection, is(field, "like", "a")).await.unwrap_err();
                assert_eq!(error, INVALID_ARGUMENT, "{collection} {field}: {says}");
                let sort = list([list([field.into(), "asc".into()])]);
                let sorted = vec![collection.into(), Value::Null, Value::Null, sort];
                let (error, says) = call(session, "com.izaber.wamp.system.db.query", sorted).await.unwrap_err();
                assert_eq!(error, INVALID_ARGUMENT, "{collection} {field}: {says}");
            }
        }
        // What is shown of the key is no ticket, in whatever spelling.
        for ticket in [text(&made, "key"), text(&made, "uuid"), text(&made, "key").to_lowercase()] {
            aborted(sign_in(&server, "kristen98", &ticket).await);
        }
    }
}

#[tokio::test]
async fn w9_no_change_of_a_record_makes_another_key_of_it() {
    let server = with_users(server().start().await).await;
    let (kristen, john, zoe) = (
        sign_in(&server, "kristen98", PASSWORD).await.unwrap(),
        sign_in(&server, "jsmith1234", PASSWORD).await.unwrap(),
        sign_in(&server, "zoe", PASSWORD).await.unwrap(),
    );
    let of_john = {
        let page = query(&john, "users", Value::Null).await.unwrap();
        text(&records(&page)[0], "uuid")
    };
    for (collection, procedures, _) in KINDS {
        let made = make(&kristen, procedures).await;
        let shown = || async {
            let page = query(&zoe, collection, is("uuid", "=", text(&made, "uuid"))).await.unwrap();
            records(&page)
        };
        let before = shown().await;
        assert_eq!(before.len(), 1, "{collection}");
        for (field, value) in [
            ("key", FORGED),
            ("plaintext_key", "i047jcfUWQQugakMVB8bzwuFjikDwZ-d"),
            ("origin", "root@10.0.0.1"),
            ("uuid", "AAAAAAAAAAAAAAAAAAAAAA"),
            ("owner", of_john.as_str()),
            ("login", "jsmith1234"),
        ] {
            for session in [&kristen, &john, &zoe] {
                for prefix in SPELLINGS {
                    let args = vec![list([text(&made, "uuid").into()]), Dict::new().with(field, value).into()];
                    // Refused, or passed over: nothing comes of it.
                    drop(call(session, &format!("{prefix}.update"), args).await);
                }
            }
            assert_eq!(shown().await, before, "{collection} {field}");
        }
        aborted(sign_in(&server, "kristen98", "i047jcfUWQQugakMVB8bzwuFjikDwZ-d").await);
        aborted(sign_in(&server, "jsmith1234", &text(&made, "plaintext_key")).await);
        sign_in(&server, "kristen98", &text(&made, "plaintext_key")).await.unwrap();
    }
}

#[tokio::test]
async fn w3_no_order_of_records_tells_what_they_hide() {
    let server = with_users(server().start().await).await;
    for login in ["kristen98", "zoe"] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        for collection in ["users", "apikeys", "otps", "metadata"] {
            for field in ["password", "totp_key", "plaintext_key", "value", "owner_.password", "owner_.users.zoe.role"]
            {
                for direction in ["asc", "desc"] {
                    let sort = list([list([field.into(), direction.into()])]);
                    let args = vec![collection.into(), Value::Null, Value::Null, sort];
                    let answer = call(&session, &format!("{PREFIX}.system.db.query"), args).await;
                    let (error, says) = answer.expect_err(field);
                    assert_eq!(error, INVALID_ARGUMENT, "{collection} {field}: {says}");
                }
            }
        }
    }
}
