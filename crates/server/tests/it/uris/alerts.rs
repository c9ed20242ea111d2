//! What is told of URIs that are gone, or come and go.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_client::{SubscribeOptions, Subscription};

use super::*;

const TOPICS: [&str; 2] = ["com.izaber.wamp.system.event.warning.registration", "system.event.warning.registration"];
const URI: &str = "com.izaber.wamp.watched";
/// Nobody waits for those who come back after a start.
const NO_GRACE: &str = "[uris]\nnotification_startup_grace_seconds = 0\n";

/// Both spellings of the topic.
struct Told([Subscription; 2]);

impl Told {
    async fn to(session: &Session) -> Self {
        let subscribe = async |topic| session.subscribe(topic, SubscribeOptions::new()).await.unwrap();
        Self([subscribe(TOPICS[0]).await, subscribe(TOPICS[1]).await])
    }

    /// The next thing that is told, the same on both topics: type, number, record.
    async fn next(&mut self) -> (String, i64, Dict) {
        let mut told = Vec::new();
        for subscription in &mut self.0 {
            let event = tokio::time::timeout(SOON, subscription.next()).await.expect("an event in time").unwrap();
            told.push(event.args());
        }
        assert_eq!(told[0], told[1]);
        match told.swap_remove(0).as_slice() {
            [Value::Str(kind), Value::Int(number), Value::Dict(record)] => (kind.clone(), *number, record.clone()),
            other => panic!("{other:?}"),
        }
    }

    /// The next thing of this type; what is told before is something else.
    async fn of(&mut self, wanted: &str) -> (i64, Dict) {
        loop {
            let (kind, number, record) = self.next().await;
            if kind == wanted {
                return (number, record);
            }
        }
    }
}

fn seconds_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// So long ago, as the command reads it.
fn ago(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds_now() - seconds).unwrap().to_string()
}

fn number(record: &Dict, field: &str) -> i64 {
    match record.get(field) {
        Some(Value::Int(number)) => *number,
        other => panic!("{field}: {other:?}"),
    }
}

#[tokio::test]
async fn a_uri_that_is_gone_is_told_reminded_of_and_told_to_be_back() {
    let server = with_users(server_with(NO_GRACE).start().await).await;
    let zoe = as_user(&server, "zoe").await;
    let mut told = Told::to(&zoe).await;
    // What was before the start of the server does not count.
    set(&server, URI, &["--warn-after", "1", "--warn-reminder-after", "1", "--disconnect", &ago(60)]).await;
    let (kind, gone_for, record) = told.next().await;
    assert_eq!(kind, "disconnect");
    assert!((60..=70).contains(&gone_for), "{gone_for}");
    assert_eq!(record.get("uri"), Some(&URI.into()));
    assert_eq!(record.get("key"), Some(&format!("{URI}_exact_register").into()));
    assert_eq!(record.get("active"), Some(&Value::Bool(false)));
    let warned = number(&record, "disconnect_warn_last");
    let (kind, gone_for, record) = told.next().await;
    assert_eq!(kind, "disconnect_reminder");
    assert!(gone_for > 60, "{gone_for}");
    assert!(number(&record, "disconnect_warn_last") > warned);
    let bob = as_user(&server, "bob").await;
    register(&bob, URI, options()).await.unwrap();
    let (when, record) = told.of("disconnect_recovery").await;
    assert!((seconds_now() - when).abs() < 30, "{when}");
    assert_eq!(record.get("active"), Some(&Value::Bool(true)));
    assert_eq!(record.get("disconnect_warn_last"), Some(&Value::Null));
    let history = record.get("history").and_then(Value::as_list).unwrap();
    assert_eq!(history[0].as_list().unwrap()[2], "bob".into());
}

#[tokio::test]
async fn a_uri_that_comes_and_goes_is_told_and_told_to_have_come_to_rest() {
    let server = with_users(server_with(NO_GRACE).start().await).await;
    let (zoe, bob) = (as_user(&server, "zoe").await, as_user(&server, "bob").await);
    let mut told = Told::to(&zoe).await;
    set(&server, URI, &["--count-warn-after", "5", "--count-warn-reminder-after", "1"]).await;
    for _ in 0..5 {
        let registration = register(&bob, URI, options()).await.unwrap();
        bob.unregister(&registration).await.unwrap();
    }
    let (kind, count, record) = told.next().await;
    assert_eq!((kind.as_str(), count), ("disconnect_count", 5));
    number(&record, "disconnect_count_warn_last");
    assert_eq!(told.of("disconnect_count_reminder").await.0, 5);
    // What is forgotten counts no more.
    server.cli(&["uri", "clear-history", URI], "").await.ok();
    let (_, record) = told.of("disconnect_count_recovery").await;
    assert_eq!(record.get("disconnect_count_warn_last"), Some(&Value::Null));
}

#[tokio::test]
async fn a_schedule_overrides_what_is_set_and_a_bad_one_is_refused() {
    let server = with_users(server_with(NO_GRACE).start().await).await;
    let zoe = as_user(&server, "zoe").await;
    let mut told = Told::to(&zoe).await;
    let hours = "100000";
    // The schedule says sooner in one and later in the other, so that the events tell both apart.
    let later = "* * * * * disconnect_warn_after:100000";
    set(&server, "com.izaber.wamp.later", &["--warn-after", "1", "--schedule", later, "--disconnect", &ago(60)]).await;
    let sooner = "# as in the suite of the old bus\n* * * * * disconnect_warn_after:1\n0 1 * * * OTHER:12\n";
    set(&server, "com.izaber.wamp.sooner", &["--warn-after", hours, "--schedule", sooner, "--disconnect", &ago(60)])
        .await;
    let (kind, _, record) = told.next().await;
    assert_eq!((kind.as_str(), record.get("uri")), ("disconnect", Some(&"com.izaber.wamp.sooner".into())));
    let later = record_that(&server, "com.izaber.wamp.later", "a record", |_| true).await;
    assert_eq!(later["disconnect_warn_last"], Json::Null);
    let refused = server.cli(&["uri", "set", URI, "--schedule", "* 25 * * * disconnect_warn_after:1"], "").await;
    assert_eq!(refused.code, Some(1));
}

#[tokio::test]
async fn after_a_start_there_is_time_to_come_back() {
    let server = with_users(server().start().await).await;
    let zoe = as_user(&server, "zoe").await;
    let mut told = Told::to(&zoe).await;
    set(&server, URI, &["--warn-after", "1", "--zombie-lifespan", "0", "--disconnect", &ago(60)]).await;
    // Both spellings make the server look, and there is nothing to tell.
    for name in ["com.izaber.wamp.systems.handle.alerts", "systems.handle.alerts"] {
        assert_eq!(call(&zoe, name, vec![]).await, Ok(Value::Null));
    }
    let looked = |record: &Json| record["disconnect_warn_last"] == Json::Null;
    record_that(&server, URI, "a look", looked).await;
    // What comes next is told of something that counts at once: a count needs no grace.
    let bob = as_user(&server, "bob").await;
    set(&server, "com.izaber.wamp.other", &["--count-warn-after", "1"]).await;
    let registration = register(&bob, "com.izaber.wamp.other", options()).await.unwrap();
    bob.unregister(&registration).await.unwrap();
    assert_eq!(told.next().await.0, "disconnect_count");
}

#[tokio::test]
async fn records_that_nobody_registers_are_removed_at_their_end() {
    let server = with_users(server_with(NO_GRACE).start().await).await;
    let zoe = as_user(&server, "zoe").await;
    let mut told = Told::to(&zoe).await;
    let week = 7 * 24 * 3_600;
    set(&server, "com.izaber.wamp.kept", &["--zombie-lifespan", "never", "--disconnect", &ago(week)]).await;
    set(&server, "com.izaber.wamp.plain", &["--warn-after", "1000000", "--disconnect", &ago(week)]).await;
    set(&server, URI, &["--zombie-lifespan", "1", "--disconnect", &ago(week)]).await;
    let (kind, gone_for, record) = told.next().await;
    assert_eq!(kind, "zombie_reap");
    assert!((week..week + 30).contains(&gone_for), "{gone_for}");
    assert_eq!(record.get("uri"), Some(&URI.into()));
    assert_eq!(super::record(&server, URI).await, None);
    let reaped = crate::support::audit(&server, &["--operation", "uri.reap"]).await;
    assert_eq!(reaped.len(), 1);
    for kept in ["com.izaber.wamp.kept", "com.izaber.wamp.plain"] {
        assert!(super::record(&server, kept).await.is_some(), "{kept}");
    }
}

#[tokio::test]
async fn records_have_the_end_that_the_settings_give_them() {
    let config = format!("{NO_GRACE}zombie_lifespan = 0\n");
    let server = with_users(server_with(&config).start().await).await;
    let (zoe, bob) = (as_user(&server, "zoe").await, as_user(&server, "bob").await);
    let mut told = Told::to(&zoe).await;
    let registration = register(&bob, URI, options()).await.unwrap();
    record_that(&server, URI, "a record", is_active).await;
    bob.unregister(&registration).await.unwrap();
    let (kind, gone_for, _) = told.next().await;
    assert_eq!(kind, "zombie_reap");
    assert!(gone_for < 10, "{gone_for}");
    assert_eq!(record(&server, URI).await, None);
}

#[tokio::test]
async fn only_those_who_may_subscribe_are_told_and_only_those_who_may_call_ask_for_it() {
    let server = with_users(server().start().await).await;
    let (kristen, bob) = (as_user(&server, "kristen98").await, as_user(&server, "bob").await);
    for topic in TOPICS {
        assert!(kristen.subscribe(topic, SubscribeOptions::new()).await.is_err());
        // The server alone tells it: others may publish there as their rules say, and frontends may not.
        assert_eq!(bob.subscribe(topic, SubscribeOptions::new()).await.is_ok(), topic.starts_with("com."));
    }
    for name in [
        "systems.handle.alerts",
        "system.vacuum",
        "system.vacuum.sessions",
        "system.vacuum.otps",
        "system.vacuum.registrations",
    ] {
        for uri in [name.to_owned(), format!("com.izaber.wamp.{name}")] {
            assert_eq!(call(&kristen, &uri, vec![]).await.unwrap_err().0, NOT_AUTHORIZED, "{uri}");
            let zoe = as_user(&server, "zoe").await;
            let want = if name.starts_with("systems") { Value::Null } else { Value::Bool(true) };
            assert_eq!(call(&zoe, &uri, vec![]).await, Ok(want.clone()), "{uri}");
            assert_eq!(call(&zoe, &uri, vec![Value::Null]).await.unwrap_err().0, INVALID_ARGUMENT, "{uri}");
            let of_bob = call(&bob, &uri, vec![]).await.map_err(|error| error.0);
            let wanted = if uri.starts_with("com.") { Ok(want) } else { Err(NOT_AUTHORIZED.to_owned()) };
            assert_eq!(of_bob, wanted, "{uri}");
        }
    }
}
