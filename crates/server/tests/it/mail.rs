//! Mails: into a folder, and to a mail server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_testkit::Server;
use serde_json::{Value, json};

use crate::smtp_server::SmtpServer;
use crate::support::{metric, server_with};

/// The mails of a folder, oldest first.
pub fn outbox(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The token that stands alone on a line.
pub fn token_in(mail: &str, prefix: &str) -> String {
    let mut lines = mail.lines().map(str::trim);
    lines.find(|line| line.starts_with(prefix)).unwrap_or_else(|| panic!("no token: {mail}")).to_owned()
}

async fn test_mail(server: &Server, to: &str) -> Result<Value, String> {
    let output = server.cli(&["mail", "test", to, "--json"], "").await;
    match output.code {
        Some(0) => Ok(serde_json::from_str(&output.ok()).unwrap()),
        _ => Err(output.stderr),
    }
}

/// Settings for this mail server.
pub fn smtp(server: &SmtpServer, folder: &Path, rest: &str) -> String {
    let (ca, password) = (folder.join("ca.pem"), folder.join("password"));
    std::fs::write(&ca, &server.certificate).unwrap();
    std::fs::write(&password, "s3cret\n").unwrap();
    let (port, ca, password) = (server.port, ca.display(), password.display());
    format!(
        "[mail]\nfrom = 'Example <no-reply@example.com>'\n[mail.smtp]\nhost = 'localhost'\nport = {port}\nca = '{ca}'\n\
         user = 'mailer'\npassword_file = '{password}'\n{rest}"
    )
}

#[tokio::test]
async fn a_folder_gets_one_file_for_each_mail() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("outbox");
    let server = server_with(&format!("[mail]\noutbox_dir = '{}'\n", folder.display())).start().await;
    assert!(outbox(&folder).is_empty());
    for to in ["kristen@example.com", "zoe@example.com"] {
        assert_eq!(test_mail(&server, to).await, Ok(json!({"to": to, "taken_by": "outbox"})));
    }
    let mails = outbox(&folder);
    assert_eq!(mails.len(), 2);
    assert!(mails[1].contains("\r\nTo: zoe@example.com\r\n") && mails[1].contains("\r\n\r\nThis mail"), "{}", mails[1]);
    assert!(mails[0].starts_with("From: countersign@localhost\r\n"), "{}", mails[0]);
    for entry in std::fs::read_dir(&folder).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(test_mail(&server, "a@example.com, b@example.com").await.unwrap_err().contains("no address"));
    assert_eq!(metric(&server, "countersign_mails_total{mail=\"test\",outcome=\"sent\"}").await, 2);
}

#[tokio::test]
async fn a_mail_server_gets_them_by_tls_and_with_a_password() {
    let (smtp_server, home) = (SmtpServer::start().await, tempfile::tempdir().unwrap());
    let server = server_with(&smtp(&smtp_server, home.path(), "")).start().await;
    assert_eq!(test_mail(&server, "zoe@example.com").await.unwrap()["taken_by"], "smtp");
    let taken = smtp_server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].from.as_str(), &taken[0].to), ("no-reply@example.com", &vec!["zoe@example.com".to_owned()]));
    assert_eq!((taken[0].is_secure, &taken[0].login), (true, &Some(("mailer".into(), "s3cret".into()))));
    assert!(taken[0].text.contains("Subject: Test from site\n"), "{}", taken[0].text);
}

#[tokio::test]
async fn nothing_is_sent_to_a_mail_server_that_nobody_vouches_for() {
    let (smtp_server, home) = (SmtpServer::start().await, tempfile::tempdir().unwrap());
    let config = smtp(&smtp_server, home.path(), "").replace("host = 'localhost'", "host = '127.0.0.1'");
    let server = server_with(&config).start().await;
    assert!(test_mail(&server, "zoe@example.com").await.unwrap_err().contains("was not taken"));
    assert!(smtp_server.taken().is_empty());
}

#[tokio::test]
async fn the_operator_hears_why_a_mail_was_not_taken() {
    let (smtp_server, home) = (SmtpServer::start().await, tempfile::tempdir().unwrap());
    let server = server_with(&smtp(&smtp_server, home.path(), "")).start().await;
    smtp_server.refuse(&["550 no such user here"]);
    let said = test_mail(&server, "zoe@example.com").await.unwrap_err();
    assert!(said.contains("no such user here"), "{said}");
    assert!(
        test_mail(&super::support::server().start().await, "zoe@example.com").await.unwrap_err().contains("mail.smtp")
    );
}
