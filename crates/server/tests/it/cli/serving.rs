//! `countersign serve`: the first start, the demonstration, what stops it from starting, and what it never tells.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use countersign_client::{Auth, Client, ConnectOptions, Encoding};
use countersign_testkit::{Door, PostgresDatabase, Server, eventually};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::{
    EXEMPT, PASSWORD, REALM, SOON, aborted, call, reach, server, server_with, sign_in, sign_in_at, text,
};

/// Also asks for what libraries tell, which is where the bytes of frames and statements are.
const LOG_ALL: &str = "trace,tungstenite=trace,tokio_tungstenite=trace,hyper=trace,rustls=trace,tokio_postgres=trace";
const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

fn serve(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["serve", "--data"]).arg(data).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A server that is to end by itself, with its words.
async fn fails(data: &Path, arguments: &[&str], says: &str) {
    let began = std::time::Instant::now();
    let ended = tokio::time::timeout(SOON * 3, serve(data, arguments).output()).await;
    let output = ended.unwrap_or_else(|_| panic!("{arguments:?} still runs")).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
    assert!(stderr.contains(says), "{arguments:?} after {:?}: {stderr}", began.elapsed());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("listening"), "{arguments:?}");
}

#[tokio::test]
async fn the_first_start_prints_a_way_in_that_works_once() {
    let mut server = server().start().await;
    let key = eventually("the one-time password", SOON, async || {
        let output = server.output();
        let line = output.lines().skip_while(|line| !line.contains("First start")).nth(1)?.trim().to_owned();
        (line.len() == 32).then_some(line)
    })
    .await;
    let session = sign_in(&server, "admin", &key).await.unwrap();
    assert_eq!(text(session.welcome_details(), "authrole"), "trust");
    aborted(sign_in(&server, "admin", &key).await);
    drop(session);
    server.restart().await;
    let count = server.output().matches("First start").count();
    assert_eq!(count, 1, "{}", server.output());
}

#[tokio::test]
async fn a_user_added_before_the_first_server_makes_the_directory_and_prints_the_way_in() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let run = async |arguments: &[&str]| {
        let output = Command::new(BINARY).arg("--data").arg(&data).args(arguments).output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    // Who mistypes --data doesn't get a second installation.
    let (code, _, stderr) = run(&["user", "list"]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("no data directory") && stderr.contains("--data"), "{stderr}");
    assert!(!data.exists());
    let (code, stdout, stderr) = run(&["user", "add", "kristen98", "--role", "frontend", "--json"]).await;
    assert_eq!(code, Some(0), "{stderr}");
    let user: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(user["login"], "kristen98");
    let key = stderr.lines().map(str::trim).find(|line| line.len() == 32).unwrap_or_else(|| panic!("{stderr}"));
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let server = server().data(&data).start().await;
    sign_in(&server, "admin", key).await.unwrap();
}

/// Logins and passwords from the lines `  LOGIN  (ROLE)  PASSWORD`.
fn demo_users(output: &str) -> Vec<(String, String, String)> {
    let users = output.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [login, role, password] = words[..] else { return None };
        let role = role.strip_prefix('(')?.strip_suffix(')')?;
        Some((login.to_owned(), role.to_owned(), password.to_owned()))
    });
    users.collect()
}

#[tokio::test]
async fn the_demonstration_has_three_users_and_admits_anonymous_sessions() {
    let mut server = server().argument("--demo").start().await;
    let printed = |number: usize| {
        let server = &server;
        eventually("the users", SOON, async move || {
            let users = demo_users(&server.output());
            (users.len() == number).then_some(users)
        })
    };
    let users = printed(3).await;
    let names: Vec<(&str, &str)> = users.iter().map(|(login, role, _)| (login.as_str(), role.as_str())).collect();
    assert_eq!(names, [("kristen98", "frontend"), ("jsmith1234", "frontend"), ("zoe", "trust")]);
    for (login, role, password) in &users {
        let session = sign_in(&server, login, password).await.unwrap();
        assert_eq!(text(session.welcome_details(), "authrole"), *role);
        assert!(call(&session, "com.izaber.wamp.my.otp.create", vec![]).await.is_ok());
    }
    let anonymous = Client::connect(reach(&server, Door::Http)).await.unwrap();
    assert_eq!(text(anonymous.welcome_details(), "authrole"), "public");
    drop(anonymous);
    assert!(server.output().contains(&server.wamp_url(Door::Http)), "{}", server.output());
    // Every start gives them new passwords, so that what it prints is true.
    server.restart().await;
    let server = &server;
    let again = eventually("the users again", SOON, async move || {
        let users = demo_users(&server.output());
        (users.len() == 6).then(|| users[3..].to_vec())
    })
    .await;
    for ((login, _, old), (_, _, new)) in users.iter().zip(&again) {
        aborted(sign_in(server, login, old).await);
        sign_in(server, login, new).await.unwrap();
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_data_directory_says_so() {
    let server = server().start().await;
    fails(server.data(), &["--listen", "http://127.0.0.1:0"], "another countersign process uses the data directory")
        .await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    sign_in(&server, "kristen98", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_door_that_cannot_be_opened_is_named() {
    let server = server().start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let data = directory.path().join("data");
    let taken = server.url(Door::Tcp).to_owned();
    fails(&data, &["--listen", &taken], &format!("can't listen on {taken}")).await;
    let taken = server.url(Door::Unix).to_owned();
    fails(&data, &["--listen", &taken], "another process listens there").await;
    fails(&data, &["--listen", &format!("unix:{}", file.display())], "there is a file of that name").await;
    fails(&data, &["--listen", "ftp://127.0.0.1:0"], "give http://HOST:PORT").await;
    fails(&data, &["--listen", "http://127.0.0.1"], "give http://HOST:PORT").await;
    fails(&file, &["--listen", "http://127.0.0.1:0"], "can't use the data directory").await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("c.toml");
    let path = config.to_str().unwrap();
    for (toml, says) in [
        ("[limits]\nmessage_bytes = 5", "message_bytes"),
        ("[nonsense]", "nonsense"),
        ("listen = 5", "listen"),
        ("[limits]\nhello_seconds_max = 'soon'", "hello_seconds_max"),
        ("[throttle]\nexempt = ['everybody']", "exempt"),
        ("tz = 'Nowhere/Land'", "tz"),
        ("[tls]\nkey = 'k.pem'", "tls"),
        ("this is no TOML", "c.toml"),
        ("[storage]\nurl = 'mysql://x'", "postgres://"),
    ] {
        std::fs::write(&config, toml).unwrap();
        fails(directory.path(), &["--config", path, "--listen", "http://127.0.0.1:0"], says).await;
    }
    std::fs::write(&config, "[tls]\ncertificate = '/no/such.pem'\nkey = '/no/such.pem'").unwrap();
    fails(directory.path(), &["--config", path, "--listen", "https://127.0.0.1:0"], "/no/such.pem").await;
    fails(directory.path(), &["--config", "/no/such.toml"], "/no/such.toml").await;
}

async fn lines(child: &mut Child, count: usize) -> Vec<String> {
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    while lines.len() < count {
        let line = tokio::time::timeout(SOON * 3, stdout.next_line()).await.unwrap().unwrap();
        lines.push(line.expect("the server ended"));
    }
    lines
}

#[tokio::test]
async fn each_listener_is_printed_once_with_the_port_that_it_got() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("w.sock");
    let unix = format!("unix:{}", socket.display());
    let urls = ["http://127.0.0.1:0", "tcp://127.0.0.1:0", "http://127.0.0.2:0", "https://127.0.0.1:0", &unix];
    let arguments: Vec<&str> = urls.iter().flat_map(|url| ["--listen", url]).collect();
    let data = directory.path().join("data");
    let mut child = serve(&data, &arguments).spawn().unwrap();
    let printed = lines(&mut child, urls.len()).await;
    let mut seen = Vec::new();
    for (line, url) in printed.iter().zip(urls) {
        let named = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{printed:?}"));
        assert!(named.starts_with(url.trim_end_matches('0')) && !named.ends_with(":0"), "{named} for {url}");
        assert!(!seen.contains(&named), "{printed:?}");
        seen.push(named);
        let url = match named.split_once("://") {
            Some(("tcp", _)) | None => named.to_owned(),
            Some((scheme, rest)) => format!("{}://{rest}/ws", scheme.replace("http", "ws")),
        };
        let options = ConnectOptions::new(url, REALM)
            .auth(Auth::ticket("admin", "wrong"))
            .trust(countersign_client::Trust::DangerAcceptAnyCertificate);
        aborted(Client::connect(options).await);
    }
}

#[tokio::test]
async fn listeners_of_the_configuration_count_unless_some_are_given() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    // Found in the data directory without being named.
    std::fs::write(data.join("countersign.toml"), "listen = ['tcp://127.0.0.1:0', 'unix:/tmp/../tmp']").unwrap();
    fails(&data, &[], "unix:/tmp").await;
    let mut child = serve(&data, &["--listen", "http://127.0.0.1:0"]).spawn().unwrap();
    assert!(lines(&mut child, 1).await[0].starts_with("listening on http://127.0.0.1:"));
}

#[tokio::test]
async fn a_data_directory_with_a_long_path_works() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("d".repeat(120)).join("e".repeat(120));
    assert!(data.as_os_str().len() > 108);
    let server = server().data(&data).start().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    assert_eq!(std::fs::metadata(data.join("control.sock")).unwrap().permissions().mode() & 0o777, 0o600);
    drop(server);
    // The socket for WAMP clients lies there as well, unless told otherwise.
    let socket = format!("unix:{}", data.join("countersign.sock").display());
    let mut child = serve(&data, &["--listen", &socket]).spawn().unwrap();
    assert_eq!(lines(&mut child, 1).await, [format!("listening on {socket}")]);
}

/// All files below the data directory, as one run of bytes.
fn stored(directory: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level_or_stored_in_the_clear() {
    keeps_secrets("").await;
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level_on_postgresql() {
    let database = PostgresDatabase::create().await;
    keeps_secrets(&format!("[storage]\nurl = '{}'", database.url())).await;
}

async fn keeps_secrets(storage: &str) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let config = directory.path().join("c.toml");
    std::fs::write(&config, format!("{EXEMPT}\n{storage}")).unwrap();
    let socket = directory.path().join("w.sock");
    let unix = format!("unix:{}", socket.display());
    let doors = [
        "--listen",
        "http://127.0.0.1:0",
        "--listen",
        "https://127.0.0.1:0",
        "--listen",
        "tcp://127.0.0.1:0",
        "--listen",
        &unix,
    ];
    let mut command = serve(&data, &doors);
    command.arg("--config").arg(&config).env("RUST_LOG", LOG_ALL);
    let mut child = command.spawn().unwrap();
    let mut log = child.stderr.take().unwrap();
    let logged = tokio::spawn(async move {
        let mut all = Vec::new();
        log.read_to_end(&mut all).await.unwrap();
        all
    });
    let urls: Vec<String> = lines(&mut child, 4).await.iter().map(|line| line.replace("listening on ", "")).collect();
    let run = async |arguments: &[&str], stdin: &str| {
        let mut command = Command::new(BINARY);
        command.arg("--data").arg(&data).args(arguments).env("RUST_LOG", LOG_ALL);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut child.stdin.take().unwrap(), stdin.as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success());
        assert!(stdin.is_empty() || !holds(&output.stderr, stdin.trim()), "{arguments:?}");
        output.stdout
    };
    let added = ["user", "add", "kristen98", "--role", "frontend", "--password-stdin"];
    run(&added, &format!("{PASSWORD}\n")).await;
    let mut secrets = vec![PASSWORD.to_owned(), "a wrong password".to_owned()];
    let minted: serde_json::Value =
        serde_json::from_slice(&run(&["otp", "create", "kristen98", "--json"], "").await).unwrap();
    let mut tickets = vec![minted["plaintext_key"].as_str().unwrap().to_owned()];
    let mut digests = vec![minted["key"].as_str().unwrap().to_owned()];
    for url in &urls {
        let url = match url.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => format!("{}://{rest}/ws", scheme.replace("http", "ws")),
            _ => url.clone(),
        };
        for encoding in Encoding::ALL {
            let options = ConnectOptions::new(&url, REALM)
                .encoding(encoding)
                .trust(countersign_client::Trust::DangerAcceptAnyCertificate);
            let sign_in = |ticket: &str| Client::connect(options.clone().auth(Auth::ticket("kristen98", ticket)));
            aborted(sign_in("a wrong password").await);
            let session = sign_in(PASSWORD).await.unwrap();
            let otp = call(&session, "my.otp.create", vec![]).await.unwrap();
            let otp = otp.as_dict().unwrap();
            tickets.push(text(otp, "plaintext_key"));
            digests.push(text(otp, "key"));
            let ticket = tickets.swap_remove(0);
            sign_in(&ticket).await.unwrap();
            aborted(sign_in(&ticket).await);
            secrets.push(ticket);
        }
    }
    secrets.append(&mut tickets);
    let in_files = stored(&data);
    child.kill().await.unwrap();
    let logged = logged.await.unwrap();
    assert!(holds(&logged, "countersign"), "nothing was logged");
    assert!(!storage.is_empty() || holds(&in_files, "kristen98"));
    for secret in &secrets {
        assert!(!holds(&in_files, secret), "stored in the clear");
    }
    // The database keeps the hash of the password; the log doesn't.
    digests.push("$argon2id$".to_owned());
    for secret in secrets.iter().chain(&digests) {
        let text = String::from_utf8_lossy(&logged);
        let line = text.lines().find(|line| line.contains(secret.as_str()));
        assert!(line.is_none(), "logged: {line:?}");
    }
}

#[tokio::test]
async fn names_and_agents_cannot_forge_lines_of_the_log() {
    let server = server().start().await;
    let forged = "x\n2026-01-01T00:00:00Z  INFO forged: all is well\u{1b}[2J";
    let options = reach(&server, Door::Http).agent(forged.into()).auth(Auth::ticket(forged, "wrong"));
    aborted(Client::connect(options).await);
    let table = server.cli(&["audit", "search", "--operation", "login"], "").await.ok();
    assert!(!table.lines().any(|line| line.starts_with("2026-01-01T00:00:00Z  INFO forged")), "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
    assert!(!server.output().lines().any(|line| line.contains("INFO forged: all is well\u{1b}")));
}

#[tokio::test]
async fn times_are_written_in_the_configured_zone() {
    let server: Server = server_with("tz = 'Asia/Kolkata'").start().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    let session = sign_in_at(&server, Door::Tcp, Encoding::Json, "kristen98", PASSWORD).await.unwrap();
    let otp = call(&session, "my.otp.create", vec![]).await.unwrap();
    let expires = text(otp.as_dict().unwrap(), "expires");
    assert!(expires.ends_with("+05:30"), "{expires}");
}
