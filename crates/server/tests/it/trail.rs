//! The audit trail as a whole: verified, signed, exported, cut by retention.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;

use countersign_identity::audit::{AuditEvent, Operation};
use countersign_identity::repository::{RecordAudit, Run as _};
use countersign_identity::{PeerAddress, RequestContext, Timestamp};
use countersign_storage::{SqliteSettings, Store};
use countersign_testkit::{CliOutput, PostgresDatabase, Server, Storage, eventually};
use serde_json::{Value, json};

use crate::support::{PASSWORD, SOON, audit, server, server_with};

const CHECKPOINTS: &str = "audit-checkpoints.txt";

async fn verify(server: &Server, arguments: &[&str]) -> CliOutput {
    server.cli(&[&["audit", "verify", "--json"], arguments].concat(), "").await
}

async fn intact(server: &Server, arguments: &[&str]) -> Value {
    let answer: Value = serde_json::from_str(&verify(server, arguments).await.ok()).unwrap();
    assert_eq!(answer["intact"], true, "{answer}");
    answer
}

async fn broken(server: &Server, arguments: &[&str], kind: &str, sequence: u64) {
    let output = verify(server, arguments).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("the audit trail is broken"), "{output:?}");
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&answer["intact"], &answer["kind"]), (&json!(false), &json!(kind)), "{answer}");
    assert_eq!(answer["sequence"], sequence, "{answer}");
}

fn checkpoints(data: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(data.join(CHECKPOINTS)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// As somebody does who has the file.
fn tamper(server: &Server, sql: &str) {
    let file = rusqlite::Connection::open(server.data().join("countersign.db")).unwrap();
    file.busy_timeout(SOON).unwrap();
    file.execute_batch(sql).unwrap();
}

async fn some_rows(server: &Server) {
    for login in ["u1", "u2", "u3"] {
        server.add_user(login, "frontend", PASSWORD).await;
    }
}

#[tokio::test]
async fn a_running_and_a_stopped_server_tell_an_intact_trail_from_a_changed_one() {
    let mut server = server().start().await;
    some_rows(&server).await;
    let running = intact(&server, &[]).await;
    assert_eq!((&running["first"], &running["removed"]), (&json!(1), &json!(0)));
    let said = server.cli(&["audit", "verify"], "").await.ok();
    assert!(said.starts_with("intact: rows 1 to 4"), "{said}");
    server.stop().await;
    let last = running["last"].as_u64().unwrap();
    // Signed at the stop.
    let stopped = intact(&server, &[]).await;
    assert_eq!((&stopped["last"], &stopped["checkpoint"]), (&json!(last), &json!(last)));
    tamper(&server, "UPDATE audit SET actor = 'somebody' WHERE sequence = 2");
    broken(&server, &[], "row", 2).await;
    server.restart().await;
    broken(&server, &[], "row", 2).await;
    let said = server.cli(&["audit", "verify"], "").await;
    assert!(said.stderr.contains("row 2 was changed, put in or moved"), "{said:?}");
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
}

#[tokio::test]
async fn a_cut_tail_is_found_against_the_file_and_against_a_checkpoint_kept_elsewhere() {
    let mut server = server().start().await;
    some_rows(&server).await;
    server.stop().await;
    let kept = checkpoints(server.data()).pop().unwrap();
    assert!(kept.starts_with("4."), "{kept}");
    // Everything in the database that tells of row 4 goes.
    tamper(
        &server,
        "DELETE FROM audit WHERE sequence = 4; DELETE FROM audit_checkpoints; \
         UPDATE audit_head SET sequence = 3, link = (SELECT link FROM audit WHERE sequence = 3)",
    );
    broken(&server, &[], "checkpoint", 4).await;
    let file = server.data().join(CHECKPOINTS);
    let elsewhere = server.data().join("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    intact(&server, &[]).await;
    broken(&server, &["--checkpoint", elsewhere.to_str().unwrap()], "checkpoint", 4).await;
    broken(&server, &["--checkpoint", &kept], "checkpoint", 4).await;
    // As many rows again make no difference, nor does a checkpoint of theirs.
    server.restart().await;
    server.add_user("u4", "frontend", PASSWORD).await;
    server.stop().await;
    assert!(!checkpoints(server.data()).is_empty());
    intact(&server, &[]).await;
    broken(&server, &["--checkpoint", &kept], "checkpoint", 4).await;
    let forged = kept.replacen("4.", "3.", 1);
    broken(&server, &["--checkpoint", &forged], "signature", 3).await;
    for (nonsense, says) in [("nowhere", "can't read checkpoints from nowhere"), ("", "can't read")] {
        let output = verify(&server, &["--checkpoint", nonsense]).await;
        assert!(output.code == Some(1) && output.stderr.contains(says), "{output:?}");
    }
}

#[tokio::test]
async fn a_checkpoint_is_made_after_so_many_rows_and_by_a_command_without_a_server() {
    let mut server = server_with("[audit]\ncheckpoint_rows = 2\n").start().await;
    some_rows(&server).await;
    let made = async || checkpoints(server.data()).into_iter().find(|line| !line.starts_with("1."));
    eventually("a checkpoint", SOON * 2, made).await;
    server.stop().await;
    server.add_user("u4", "frontend", PASSWORD).await;
    assert!(checkpoints(server.data()).last().unwrap().starts_with("5."));
    intact(&server, &[]).await;
}

#[tokio::test]
async fn exports_rows_as_json_lines_oldest_first() {
    let server = server().start().await;
    some_rows(&server).await;
    let lines = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let all = lines(&server.cli(&["audit", "export"], "").await.ok());
    let mut searched = audit(&server, &[]).await;
    searched.reverse();
    assert_eq!(all, searched);
    assert_eq!(all.iter().map(|row| row["sequence"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(all.iter().all(|row| row["link"].as_str().unwrap().len() == 64));
    let file = server.data().join("export.jsonl");
    let arguments = ["audit", "export", "--user", "u2", "--output", file.to_str().unwrap()];
    assert_eq!(server.cli(&arguments, "").await.ok(), "");
    assert_eq!(lines(&std::fs::read_to_string(&file).unwrap()), all[2..3]);
    let none = server.cli(&["audit", "export", "--until", "2020-01-01"], "").await.ok();
    assert_eq!(none, "");
    let wrong = server.cli(&["audit", "export", "--operation", "fly"], "").await;
    assert!(wrong.code == Some(1) && wrong.stderr.contains("no operation \"fly\""), "{wrong:?}");
}

/// Rows of last year, appended by the server's own storage.
async fn old_rows(data: &Path, count: u32) {
    let store = Store::open_sqlite(&SqliteSettings::new(data.join("countersign.db"))).unwrap();
    let context = RequestContext::new("cid", PeerAddress::Local, "", "tests");
    for _ in 0..count {
        let event = AuditEvent::by_name(Timestamp::parse("2025-01-01").unwrap(), &context, "jane", Operation::Login);
        store.run(RecordAudit { event }).await.unwrap();
    }
}

#[tokio::test]
async fn retention_removes_old_rows_by_itself_and_the_rest_is_verified() {
    let mut server = server_with("[audit]\nretention_days = 30\n").start().await;
    server.stop().await;
    // A database that begins with old rows, under the keyring that is there.
    for name in ["countersign.db", CHECKPOINTS] {
        std::fs::remove_file(server.data().join(name)).unwrap();
    }
    old_rows(server.data(), 3).await;
    server.restart().await;
    let removed = async || audit(&server, &["--operation", "audit.trim"]).await.pop();
    let trimmed = eventually("the removal of old rows", SOON * 2, removed).await;
    assert_eq!((&trimmed["detail"], &trimmed["application"]), (&json!("rows 1 to 3"), &json!("retention")));
    assert_eq!(audit(&server, &["--actor", "jane"]).await, [""; 0]);
    let answer = intact(&server, &[]).await;
    assert_eq!((&answer["removed"], &answer["first"]), (&json!(3), &json!(4)));
    server.stop().await;
    tamper(&server, "UPDATE audit_stub SET at = at + 1");
    broken(&server, &[], "stub", 3).await;
}

#[tokio::test]
async fn works_the_same_on_postgres() {
    let database = PostgresDatabase::create().await;
    let mut server = server().storage(Storage::Postgres(database.url().clone())).start().await;
    some_rows(&server).await;
    assert_eq!(intact(&server, &[]).await["last"], 4);
    server.stop().await;
    assert_eq!(intact(&server, &[]).await["checkpoint"], 4);
    assert!(checkpoints(server.data()).last().unwrap().starts_with("4."));
}
