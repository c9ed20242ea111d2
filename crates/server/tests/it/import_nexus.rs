//! Users of a Nexus bus, brought over by the command and used afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use countersign_client::{Dict, Value as WampValue};
use countersign_testkit::{PostgresDatabase, Server, eventually};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{DENIED, aborted, audit, call, server_with, sign_in, text};

/// passlib's `pbkdf2_sha256` of [`PASSWORD`], 29,000 rounds.
const HASH: &str = "$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$m/kLywdyNwK9GV2kWntRGvZzmeiVsuqehNWlLst2eWY";
const PASSWORD: &str = "correct horse battery staple";
/// The seed's example: the key, and its digest for `kristen98`.
const KEY: &str = "i047jcfUWQQugakMVB8bzwuFjikDwZ-d";
const DIGEST: &str = "nHiqIwUZgxPUOnUrpWuDoafGwGMoQQPpv69_VzudkB0";
/// Another key of hers, of which the record holds the plaintext.
const CLEAR: &str = "AbCdEfGhIjKlMnOpQrStUvWxYz012345";
const CLEAR_DIGEST: &str = "_72wNYR4MwjVa-3_il_F614RAfPJWTi5HcBn4GVk94I";
/// A one-time password, and its digest for `kristen98`.
const OTP: &str = "ZzYyXxWwVvUuTtSsRrQqPpOoNnMmLl-_";
const OTP_DIGEST: &str = "BcMFrtB9udCZw1yP0tH0m3WgFloWjQSXuB6tXFEasic";

const DOCUMENTED: &str = "description: orders\ncontact: ops@example.com\n";

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join("db").join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn nexus(root: &Path) {
    write(
        root,
        "users/kristen98.yaml",
        &format!(
            "version: 3\nuuid: AaIAF8jrfOSzzEtmfqhXGw\nenabled: true\nrole: sales\nsource: local\npassword: {HASH}\nemail: k@example.com\nname: Kristen\n"
        ),
    );
    let key = "uuid: AaIAGB0zcO-luHkzys25iw\ndescription: nightly\nexpires: null\npermissions:\n- uri: com.izaber.wamp.*\n  perms: c\n";
    write(root, &format!("users/kristen98/apikeys/{DIGEST}.yaml"), key);
    let clear = format!("plaintext_key: {CLEAR}\nexpires: '2099-01-01T00:00:00-08:00'\npermissions: []\n");
    write(root, &format!("users/kristen98/apikeys/{CLEAR_DIGEST}.yaml"), &clear);
    write(root, &format!("users/kristen98/apikeys/{}.yaml", "A".repeat(43)), "expires: '2001-01-01T00:00:00Z'\n");
    write(root, &format!("users/kristen98/otps/{OTP_DIGEST}.yaml"), "origin: kristen98@10.0.0.1\nexpires: null\n");
    write(
        root,
        "users/kristen98/metadata/dashboards^3aplain.yaml",
        "uuid: AaIAGB0zcO-luHkzys25jw\nvalue:\n  # mine\n  rows: 5\n",
    );
    write(root, "users/Locked/data.yaml", "uuid: AaIAF8jrfOSzzEtmfqhXGx\nenabled: false\nrole: frontend\n");
    write(root, "users/broken.yaml", "a: [");
    write(
        root,
        "roles/sales.yaml",
        "permissions:\n- uri: com.izaber.wamp.auth.*\n  perms: c\n- uri: com.izaber.wamp.my.*\n  perms: c\n",
    );
    write(root, "roles/trust.yaml", "permissions:\n- uri: '*'\n  perms: crspoq\n");
    write(root, "users/dirk.yaml", &format!("role: frontend\nsource: ldap\npassword: {HASH}\n"));
    let alert = "disconnect: 1700000000.5\ndisconnect_warn_after: 60\ndisconnect_warn_last: 1700000060\n";
    let seen = "peer: 10.0.0.1\nauthid: kristen98\nhistory:\n- [1699990000, 1700000000, kristen98, 10.0.0.1, 77]\n";
    write(
        root,
        "uris/com.izaber.wamp.sales_prefix_register.yaml",
        &format!(
            "uri: com.izaber.wamp.sales\nmatch: prefix\naction: register\nactive: false\ninvoke: last\n{DOCUMENTED}{alert}{seen}"
        ),
    );
    write(root, "uris/com.izaber.wamp.live_exact_register.yaml", "active: true\nzombie_lifespan: true\nschedule: x\n");
    write(root, "uris/com.izaber.wamp.auth.whoami_exact_register.yaml", "system: true\n");
    write(root, "uris/a.yaml", "uri: a\naction: subscribe\n");
    std::os::unix::fs::symlink("/etc/hostname", root.join("db/users/linked.yaml")).unwrap();
}

async fn import(server: &Server, arguments: &[&str]) -> Value {
    let output = server.cli(&[&["--json", "import", "nexus"][..], arguments].concat(), "").await.ok();
    serde_json::from_str(&output).unwrap()
}

async fn check(mut server: Server) {
    let folder = tempfile::tempdir().unwrap();
    nexus(folder.path());
    let path = folder.path().to_str().unwrap();
    server.stop().await;
    let planned = import(&server, &[path]).await;
    let done = import(&server, &["--nexus-data", path, "--apply"]).await;
    let without = |mut report: Value| {
        report.as_object_mut().unwrap().remove("is_dry_run");
        report
    };
    assert_eq!((&planned["is_dry_run"], &done["is_dry_run"]), (&json!(true), &json!(false)));
    assert_eq!(without(planned), without(done.clone()));
    for (name, count) in [
        ("users_found", 4),
        ("users_imported", 3),
        ("passwords", 1),
        ("api_keys", 2),
        ("one_time_passwords", 1),
        ("old_digests", 2),
        ("metadata", 1),
        ("roles", 1),
        ("uris", 2),
        ("documented_uris", 1),
    ] {
        assert_eq!(done[name], count, "{name}: {done:#}");
    }
    let notes = done["notes"].to_string();
    for said in [
        "has expired",
        "broken",
        "no upper case",
        "the action is register",
        "1 records of the bus' own",
        "schedule, line 1",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    assert!(!notes.contains(CLEAR) && !notes.contains(HASH), "{notes}");
    let again = import(&server, &[path, "--apply"]).await;
    assert_eq!((&again["users_imported"], &again["uris"]), (&json!(0), &Value::Null));
    server.restart().await;
    uses(&server).await;
    knows_its_uris(&server).await;
}

/// An old user with the old password, the old keys and the old one-time password.
async fn uses(server: &Server) {
    let session = sign_in(server, "kristen98", PASSWORD).await.unwrap();
    assert_eq!(text(session.welcome_details(), "authrole"), "sales");
    let value = call(&session, "com.izaber.wamp.my.metadata.get", vec!["dashboards:plain".into()]).await;
    assert_eq!(value, Ok(WampValue::from(Dict::new().with("rows", 5_u32))));
    let yaml = vec!["dashboards:plain".into(), WampValue::Bool(true)];
    let yaml = call(&session, "com.izaber.wamp.my.metadata.get", yaml).await.unwrap();
    assert_eq!(yaml.as_str(), Some("# mine\nrows: 5\n"));
    let listed = call(&session, "com.izaber.wamp.my.apikeys.list", vec![]).await.unwrap();
    assert_eq!(listed.as_list().unwrap().len(), 2);
    for _ in 0..2 {
        for key in [KEY, CLEAR] {
            let by_key = sign_in(server, "Kristen98", key).await.unwrap();
            assert!(call(&by_key, "com.izaber.wamp.auth.whoami", vec![]).await.is_ok());
        }
    }
    drop(sign_in(server, "kristen98", OTP).await.unwrap());
    assert_eq!(aborted(sign_in(server, "kristen98", OTP).await).0, DENIED);
    assert_eq!(aborted(sign_in(server, "locked", KEY).await).0, DENIED);
    assert_eq!(aborted(sign_in(server, "kristen98", DIGEST).await).0, DENIED);
    let rows = audit(server, &["--operation", "user.import", "--outcome", "accepted"]).await;
    let who: Vec<&str> = rows.iter().map(|row| row["target"].as_str().unwrap()).collect();
    assert_eq!(who, ["kristen98", "dirk", "locked"]);
    let shown = server.cli(&["--json", "user", "show", "dirk"], "").await.ok();
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["source"], "ldap");
    assert_eq!(aborted(sign_in(server, "dirk", PASSWORD).await).0, DENIED);
}

/// What was said of URIs, when they were gone, and who had them.
async fn knows_its_uris(server: &Server) {
    let shown = async |arguments: &[&str]| -> Value {
        let shown = server.cli(&[&["--json", "uri", "show"], arguments].concat(), "").await.ok();
        serde_json::from_str(&shown).unwrap()
    };
    let sales = shown(&["com.izaber.wamp.sales", "--match", "prefix"]).await;
    for (field, want) in [
        ("active", json!(false)),
        ("invoke", json!("last")),
        ("description", json!("orders")),
        ("contact", json!("ops@example.com")),
        ("disconnect", json!(1_700_000_000)),
        ("disconnect_warn_after", json!(60)),
        ("disconnect_warn_last", json!(1_700_000_060)),
        ("authid", json!("kristen98")),
        ("peer", json!("10.0.0.1")),
        ("history", json!([[1_699_990_000, 1_700_000_000, "kristen98", "10.0.0.1", 77]])),
    ] {
        assert_eq!(sales[field], want, "{field}: {sales:#}");
    }
    let live = shown(&["com.izaber.wamp.live"]).await;
    assert_eq!(
        (&live["active"], &live["zombie_lifespan"], &live["schedule"]),
        (&json!(false), &json!(true), &json!(""))
    );
    assert!(live["disconnect"].as_i64().unwrap() > 1_700_000_000, "{live:#}");
    // What this server registers itself it writes down soon.
    eventually("the server's own record", Duration::from_secs(10), async || {
        let found = server.cli(&["--json", "uri", "show", "com.izaber.wamp.auth.whoami"], "").await;
        serde_json::from_str::<Value>(&found.stdout).ok().filter(|record| record["active"] == true)
    })
    .await;
    let rows = audit(server, &["--operation", "uri.import", "--outcome", "accepted"]).await;
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn an_old_user_logs_in_with_the_old_password_and_the_old_keys() {
    check(server_with("").start().await).await;
}

#[tokio::test]
async fn an_old_user_logs_in_with_the_old_password_and_the_old_keys_on_postgresql() {
    let database = PostgresDatabase::create().await;
    check(server_with("").storage(countersign_testkit::Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn what_is_no_tree_of_nexus_is_refused_and_our_own_data_is_not_taken_for_one() {
    let mut server = server_with("").start().await;
    server.stop().await;
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["import", "nexus", folder.path().to_str().unwrap()][..], &["import", "nexus"]] {
        let output = server.cli(arguments, "").await;
        assert_ne!(output.code, Some(0), "{output:?}");
    }
}

/// The command on a data directory of its own: whether it did what it should, its standard output, its standard error.
/// What it has made elsewhere is gone.
async fn import_into(data: &Path, arguments: &[&str]) -> (bool, String, String) {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("--data").arg(data).args(["--json", "import", "nexus"]).args(arguments);
    let output = command.env("TMPDIR", temporary.path()).output().await.unwrap();
    assert!(contents(temporary.path()).is_empty());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// What every file of a folder holds.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|file| (file.file_name().unwrap().to_string_lossy().into(), fs::read(&file).unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn a_dry_run_needs_no_data_directory_and_says_what_would_come_into_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    nexus(folder.path());
    write(folder.path(), "users/admin.yaml", "role: trust\n");
    let path = folder.path().to_str().unwrap();
    let (missing, empty) = (folder.path().join("missing"), folder.path().join("empty"));
    fs::create_dir(&empty).unwrap();
    for data in [&missing, &empty] {
        let (is_done, planned, told) = import_into(data, &[path]).await;
        assert!(is_done && told.is_empty(), "{told}");
        assert!(!missing.exists() && contents(&empty).is_empty());
        let target = folder.path().join("target");
        let (is_done, done, told) = import_into(&target, &[path, "--apply"]).await;
        assert!(is_done && told.contains("First start"), "{told}");
        let report = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let (mut planned, done) = (report(&planned), report(&done));
        assert_eq!(planned["is_dry_run"].take(), true);
        planned["is_dry_run"] = json!(false);
        assert_eq!(planned, done);
        assert!(done["notes"].to_string().contains("there is such a user"), "the first administrator is there: {done}");
        fs::remove_dir_all(&target).unwrap();
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing_in_a_data_directory() {
    let mut server = server_with("").start().await;
    server.stop().await;
    let folder = tempfile::tempdir().unwrap();
    nexus(folder.path());
    // As an earlier version has left it: a node's name is made up where there is none.
    fs::remove_file(server.data().join("node-id")).unwrap();
    let before = contents(server.data());
    let planned = import(&server, &[folder.path().to_str().unwrap()]).await;
    assert_eq!(planned["users_imported"], 3);
    assert!(contents(server.data()) == before, "{:?}", contents(server.data()).keys());
}

#[tokio::test]
async fn a_source_that_can_not_be_read_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("db")).unwrap();
    let (data, path) = (folder.path().join("data"), folder.path().to_str().unwrap());
    for arguments in [&[path][..], &[path, "--apply"]] {
        let (is_done, _, told) = import_into(&data, arguments).await;
        assert!(!is_done && told.contains("there is no database of Nexus"), "{told}");
        assert!(!told.contains("First start"), "{told}");
        assert!(!data.exists());
    }
}
