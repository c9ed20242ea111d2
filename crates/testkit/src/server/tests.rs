//! The testkit against a stand-in: a shell script that prints what a server prints.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use super::*;

/// A stand-in for the server: an executable script.
///
/// A shell writes it: a file that this process held open for writing could still be open in a child that another
/// test has just forked, and then it can't be executed ("text file busy").
fn script(body: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("server");
    let write = "printf '#!/bin/sh\n%s\n' \"$2\" > \"$1\" && chmod 755 \"$1\"";
    let status = std::process::Command::new("/bin/sh").args(["-c", write, "sh"]).arg(&path).arg(body).status().unwrap();
    assert!(status.success());
    (directory, path)
}

const FOUR_DOORS: &str = "echo 'first start: admin'
echo 'listening on http://127.0.0.1:4001'
echo 'listening on https://127.0.0.1:4002'
echo 'listening on tcp://127.0.0.1:4003'
echo 'listening on unix:/tmp/some.sock'
echo trouble >&2
exec tail -f /dev/null";

#[tokio::test]
async fn knows_the_doors_that_the_server_names() {
    let (_directory, path) = script(FOUR_DOORS);
    let server = Server::builder(path).start().await;
    assert_eq!(server.url(Door::Http), "http://127.0.0.1:4001");
    assert_eq!(server.wamp_url(Door::Http), "ws://127.0.0.1:4001/ws");
    assert_eq!(server.wamp_url(Door::Https), "wss://127.0.0.1:4002/ws");
    assert_eq!(server.wamp_url(Door::Tcp), "tcp://127.0.0.1:4003");
    assert_eq!(server.wamp_url(Door::Unix), "unix:/tmp/some.sock");
    assert_eq!(server.address(Door::Tcp), "127.0.0.1:4003".parse().unwrap());
    assert!(server.resident_bytes() > 0);
    let line = async || server.output().contains("trouble").then_some(());
    crate::eventually("the line on standard error", Duration::from_secs(10), line).await;
    assert!(server.output().contains("first start: admin"));
}

#[tokio::test]
async fn stops_and_kills_and_starts_again() {
    let (_directory, path) = script(FOUR_DOORS);
    let mut server = Server::builder(path).start().await;
    let first = server.pid();
    server.kill9().await;
    server.restart().await;
    assert_ne!(server.pid(), first);
    // `tail` knows no graceful end: the signal itself ends it.
    assert_eq!(server.stop().await.code(), None);
    server.restart().await;
    assert_eq!(server.url(Door::Tcp), "tcp://127.0.0.1:4003");
}

#[tokio::test]
async fn leaves_neither_process_nor_directory_behind() {
    let (_directory, path) = script(FOUR_DOORS);
    let server = Server::builder(path).start().await;
    let process = PathBuf::from(format!("/proc/{}", server.pid()));
    let home = server.unix_socket().parent().unwrap().to_owned();
    assert!(process.exists() && home.exists());
    drop(server);
    assert!(!process.exists() && !home.exists());
}

#[tokio::test]
#[should_panic(expected = "can't bind")]
async fn shows_the_output_of_a_server_that_does_not_start() {
    let (_directory, path) = script("echo 'listening on http://127.0.0.1:1'; echo \"can't bind\" >&2");
    Server::builder(path).start().await;
}

#[tokio::test]
async fn passes_doors_configuration_and_arguments_on() {
    let (_directory, path) = script("echo \"listening on http://$*\"; cat \"$5\"; exec tail -f /dev/null");
    let server = Server::builder(path)
        .listen([Door::Http])
        .config("[throttle]\nexempt = []")
        .storage(Storage::Postgres("postgres://h/d".to_owned()))
        .argument("--demo")
        .start()
        .await;
    let typed = server.url(Door::Http);
    assert!(typed.contains("serve --data ") && typed.ends_with("--listen http://127.0.0.1:0 --demo"), "{typed}");
    let config = async || server.output().contains("[storage]\nurl = \"postgres://h/d\"").then_some(());
    crate::eventually("the configuration", Duration::from_secs(10), config).await;
}
