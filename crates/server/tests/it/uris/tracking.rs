//! What the records say of registrations.

use countersign_testkit::{PostgresDatabase, Storage};

use super::*;
use crate::support::metric;

/// The fields of the bus that this replaces, in its order, behind what names the record.
pub const FIELDS: [&str; 24] = [
    "key",
    "uuid",
    "uri",
    "action",
    "active",
    "system",
    "match",
    "invoke",
    "description",
    "contact",
    "create",
    "peer",
    "authid",
    "session_id",
    "disconnect_warn_after",
    "disconnect_warn_reminder_after",
    "disconnect_warn_last",
    "history",
    "disconnect",
    "disconnect_count_warn_after",
    "disconnect_count_warn_reminder_after",
    "disconnect_count_warn_last",
    "zombie_lifespan",
    "schedule",
];

const URI: &str = "com.izaber.wamp.tracked";

async fn is_tracked(server: Server) {
    let server = with_users(server).await;
    let bob = as_user(&server, "bob").await;
    assert_eq!(record(&server, URI).await, None);
    let registration = register(&bob, URI, options().invoke(InvokePolicy::Last)).await.unwrap();
    let active = record_that(&server, URI, "a record", is_active).await;
    let mut fields: Vec<&str> = active.as_object().unwrap().keys().map(String::as_str).collect();
    let mut want = FIELDS.to_vec();
    fields.sort_unstable();
    want.sort_unstable();
    assert_eq!(fields, want);
    for (field, want) in [
        ("key", Json::from(format!("{URI}_exact_register"))),
        ("action", "register".into()),
        ("match", "exact".into()),
        ("invoke", "last".into()),
        ("system", false.into()),
        ("authid", "bob".into()),
        ("peer", "127.0.0.1".into()),
        ("session_id", bob.session_id().get().into()),
        ("disconnect", Json::Null),
    ] {
        assert_eq!(active[field], want, "{field}");
    }
    let open = &active["history"][0];
    assert_eq!((&open[1], &open[2], &open[3]), (&Json::Null, &"bob".into(), &"127.0.0.1".into()));
    assert_eq!(open[4], bob.session_id().get());
    // By UNREGISTER, by leaving, by a lost connection and by a kill.
    bob.unregister(&registration).await.unwrap();
    let gone = record_that(&server, URI, "the end", |record| !is_active(record)).await;
    assert_eq!(gone["history"][0][1], gone["disconnect"]);
    for (number, way) in ["leave", "drop", "kill"].into_iter().enumerate() {
        let callee = as_user(&server, "bob").await;
        register(&callee, URI, options()).await.unwrap();
        record_that(&server, URI, "another record", is_active).await;
        match way {
            "leave" => callee.leave().await.unwrap(),
            "drop" => drop(callee),
            _ => {
                let zoe = as_user(&server, "zoe").await;
                call(&zoe, "wamp.session.kill", vec![callee.session_id().into()]).await.unwrap();
            }
        }
        let gone = record_that(&server, URI, way, |record| !is_active(record)).await;
        assert_eq!(gone["history"].as_array().unwrap().len(), number + 2, "{way}");
    }
}

#[tokio::test]
async fn a_registration_is_tracked_from_its_beginning_to_its_end_however_it_ends() {
    is_tracked(server().start().await).await;
}

#[tokio::test]
async fn a_registration_is_tracked_on_postgresql() {
    let database = PostgresDatabase::create().await;
    is_tracked(server().storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn registrations_that_replace_each_other_leave_one_that_is_active() {
    let server = with_users(server().start().await).await;
    let mut callees = Vec::new();
    for _ in 0..10 {
        let bob = as_user(&server, "bob").await;
        let options = options().invoke(InvokePolicy::Last).force_reregister();
        register(&bob, URI, options).await.unwrap();
        callees.push(bob);
    }
    let all = |record: &Json| is_active(record) && record["history"].as_array().unwrap().len() == 10;
    let record = record_that(&server, URI, "ten connections", all).await;
    let is_open = |connection: &&Json| connection[1] == Json::Null;
    let open: Vec<&Json> = record["history"].as_array().unwrap().iter().filter(is_open).collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0][4], callees.last().unwrap().session_id().get());
    callees.clear();
    record_that(&server, URI, "the end", |record| !is_active(record)).await;
}

#[tokio::test]
async fn a_shared_procedure_is_active_until_its_last_callee_leaves() {
    let server = with_users(server().start().await).await;
    let (one, two) = (as_user(&server, "bob").await, as_user(&server, "zoe").await);
    for callee in [&one, &two] {
        register(callee, URI, options().invoke(InvokePolicy::RoundRobin)).await.unwrap();
    }
    let ended = |count: usize| {
        move |record: &Json| {
            record["history"].as_array().unwrap().iter().filter(|connection| connection[1] != Json::Null).count()
                == count
        }
    };
    drop(one);
    let record = record_that(&server, URI, "one end", ended(1)).await;
    assert!(is_active(&record));
    drop(two);
    let record = record_that(&server, URI, "both ends", ended(2)).await;
    assert!(!is_active(&record));
}

#[tokio::test]
async fn the_servers_own_procedures_are_tracked_apart() {
    let server = with_users(server().start().await).await;
    let whoami = record_that(&server, "com.izaber.wamp.auth.whoami", "an own procedure", is_active).await;
    assert_eq!((&whoami["system"], &whoami["authid"]), (&true.into(), &"countersign".into()));
    let names = async |arguments: &[&str]| {
        let listed = server.cli(&[&["uri", "list", "--json"], arguments].concat(), "").await.ok();
        let listed: Json = serde_json::from_str(&listed).unwrap();
        listed.as_array().unwrap().iter().map(|uri| uri["uri"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]).await, [""; 0]);
    assert!(names(&["--all"]).await.contains(&"auth.whoami".to_owned()));
}

#[tokio::test]
async fn after_a_crash_nothing_counts_as_registered_unless_the_settings_say_so() {
    for (setting, stays) in [("", false), ("[uris]\ndisable_startup_reset = true\n", true)] {
        let mut server = with_users(server_with(setting).start().await).await;
        let bob = as_user(&server, "bob").await;
        register(&bob, URI, options()).await.unwrap();
        record_that(&server, URI, "a record", is_active).await;
        server.kill9().await;
        server.restart().await;
        // The start has told by now; what the server itself registers comes behind it.
        record_that(&server, "auth.whoami", "a start", is_active).await;
        assert_eq!(is_active(&record(&server, URI).await.unwrap()), stays, "{setting:?}");
        // The comparison that the operator can ask for knows better.
        let zoe = as_user(&server, "zoe").await;
        call(&zoe, "system.vacuum.registrations", vec![]).await.unwrap();
        record_that(&server, URI, "the truth", |record| !is_active(record)).await;
        assert!(server.stop().await.success());
        let offline = record(&server, "auth.whoami").await.unwrap();
        assert!(!is_active(&offline), "{offline}");
    }
}

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_found_again() {
    let server = with_users(server_with("[uris]\nqueue_changes_max = 3\n").start().await).await;
    let bob = as_user(&server, "bob").await;
    let uri = |number: usize| format!("com.izaber.wamp.many.{number}");
    let mut all = Vec::new();
    for number in 0..100 {
        all.push(register(&bob, &uri(number), options()).await.unwrap());
    }
    let active = async |wanted: usize| {
        eventually("what is registered", SOON, async || {
            let listed = server.cli(&["uri", "list", "--json"], "").await.ok();
            let listed: Json = serde_json::from_str(&listed).unwrap();
            let count = listed.as_array().unwrap().iter().filter(|uri| is_active(uri)).count();
            (count == wanted).then_some(())
        })
        .await;
    };
    active(100).await;
    assert!(metric(&server, "countersign_registration_changes_total{outcome=\"lost\"}").await > 0);
    assert!(metric(&server, "countersign_registration_comparisons_total").await > 0);
    bob.leave().await.unwrap();
    active(0).await;
}

#[tokio::test]
async fn records_have_a_limit_and_some_uris_have_none() {
    let server = with_users(server_with("[uris]\nrecords_max = 1\n").start().await).await;
    let bob = as_user(&server, "bob").await;
    register(&bob, URI, options()).await.unwrap();
    let long = format!("com.izaber.wamp.{}", "x".repeat(1_009));
    assert_eq!(long.len(), 1_025);
    let missing = "countersign_registration_changes_total{outcome=\"without_record\"}";
    eventually("a registration without a record", SOON, async || (metric(&server, missing).await > 0).then_some(()))
        .await;
    assert_eq!(record(&server, URI).await, None);
    let zoe = as_user(&server, "zoe").await;
    let data = Dict::new().with("description", "what").with("contact", "who");
    let args = vec!["register".into(), "com.izaber.wamp.more".into(), data.into()];
    let (error, _) = call(&zoe, "system.document.set", args).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.limitexceeded");
}

#[tokio::test]
async fn the_commands_show_set_and_forget() {
    let server = with_users(server().start().await).await;
    let bob = as_user(&server, "bob").await;
    let registration = register(&bob, URI, options()).await.unwrap();
    let record = record_that(&server, URI, "a record", is_active).await;
    assert_eq!(record["disconnect_warn_after"], Json::Null);
    let changed = set(
        &server,
        URI,
        &[
            "--warn-after",
            "5",
            "--warn-reminder-after",
            "6",
            "--count-warn-after",
            "7",
            "--count-warn-reminder-after",
            "8",
            "--zombie-lifespan",
            "9",
            "--schedule",
            "* * * * * disconnect_warn_after:1",
        ],
    )
    .await;
    for (field, want) in [
        ("disconnect_warn_after", Json::from(5)),
        ("disconnect_warn_reminder_after", 6.into()),
        ("disconnect_count_warn_after", 7.into()),
        ("disconnect_count_warn_reminder_after", 8.into()),
        ("zombie_lifespan", 9.into()),
        ("schedule", "* * * * * disconnect_warn_after:1".into()),
    ] {
        assert_eq!(changed[field], want, "{field}");
    }
    let changed = set(&server, URI, &["--warn-after", "none", "--zombie-lifespan", "never", "--schedule", ""]).await;
    assert_eq!(changed["disconnect_warn_after"], Json::Null);
    assert_eq!((&changed["zombie_lifespan"], &changed["schedule"]), (&true.into(), &"".into()));
    assert_eq!(changed["disconnect_warn_reminder_after"], 6);
    for wrong in [
        vec!["uri", "set", URI],
        vec!["uri", "set", URI, "--warn-after", "soon"],
        vec!["uri", "set", URI, "--count-warn-after", "101"],
        vec!["uri", "set", URI, "--schedule", "* * * * disconnect_warn_after:1"],
        vec!["uri", "set", URI, "--match", "near", "--warn-after", "1"],
        vec!["uri", "show", "com.izaber.wamp.unknown"],
        vec!["uri", "clear-history", "com.izaber.wamp.unknown"],
        vec!["uri", "delete", URI],
    ] {
        assert_eq!(server.cli(&wrong, "").await.code, Some(1), "{wrong:?}");
    }
    let shown = server.cli(&["uri", "show", URI], "").await.ok();
    assert!(shown.contains("disconnect warn reminder after: 6"), "{shown}");
    bob.unregister(&registration).await.unwrap();
    record_that(&server, URI, "the end", |record| !is_active(record)).await;
    let cleared = server.cli(&["uri", "clear-history", URI, "--json"], "").await.ok();
    assert_eq!(serde_json::from_str::<Json>(&cleared).unwrap()["history"], Json::Array(vec![]));
    server.cli(&["uri", "delete", URI], "").await.ok();
    assert_eq!(super::record(&server, URI).await, None);
}
