//! Logins of users of the directory, through every door.

use countersign_client::{Auth, Client, ConnectOptions, Dict, Encoding, Session, Value};
use countersign_testkit::{DirectoryServer, Door, Server, eventually};
use serde_json::json;

use super::{DIRECTORY_PASSWORD, SUFFIX, directory, ldif, server_of, settings_at, sync, user};
use crate::http_client::ask;
use crate::support::{
    ANSWER_DEADLINE, Answer, PASSWORD, PREFIX, SOON, audit, call, ends, plaintext_key, reach, server_with, sign_in,
    sign_in_at, text, try_ticket,
};

const LOGIN: &str = "user-001";
const SIGN_ON: &str = "[apps]\nall = ['CRM']\nlogin_allowed = ['CRM']\n";

fn password(number: usize) -> String {
    format!("{DIRECTORY_PASSWORD}{number}")
}

/// What a stranger hears.
async fn answer(server: &Server, login: &str, ticket: &str) -> Answer {
    try_ticket(&reach(server, Door::Tcp), login, ticket).await
}

/// Why the last login of somebody was refused.
async fn reason(server: &Server, login: &str) -> String {
    let rows = audit(server, &["--operation", "login", "--target", login]).await;
    rows[0]["reason"].as_str().unwrap_or_default().to_owned()
}

/// Logs in over the sign-on API.
async fn sso(server: &Server, path: &str, fields: serde_json::Value) -> serde_json::Value {
    let mut body = fields;
    body["current_app"] = json!("CRM");
    let verb = if path == "/user/password" { "PATCH" } else { "POST" };
    ask(server, verb, &format!("/sso{path}"), "", body.to_string().as_bytes()).await.json()
}

#[tokio::test]
async fn a_user_of_the_directory_comes_in_through_every_door() {
    let slapd = directory(&ldif(3, 0)).start().await;
    let server = server_with(&format!("{}{SIGN_ON}", settings_at(&[slapd.port()], ""))).start().await;
    sync(&server).await;
    for door in Door::ALL {
        for login in [LOGIN, "USER-001"] {
            let session = sign_in_at(&server, door, Encoding::Json, login, &password(1)).await.unwrap();
            let who = call(&session, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
            let who = who.as_dict().unwrap();
            assert_eq!((text(who, "authid").as_str(), text(who, "role").as_str()), (LOGIN, "frontend"), "{door:?}");
        }
    }
    let fields = json!({"username": LOGIN, "password": password(1)});
    let opened = sso(&server, "/user/login", fields).await;
    let token = opened["ust"].as_str().unwrap();
    let by_token = sign_in(&server, LOGIN, token).await.unwrap();
    let call_of = |procedure: &str, password: &str| {
        call_with(&by_token, format!("{PREFIX}.auth.{procedure}"), vec![Value::from(password)])
    };
    assert_eq!(call_of("reauthenticate", "wrong").await, Value::Bool(false));
    assert_ne!(call_of("reauthenticate", &password(1)).await, Value::Bool(false));
    let checked = [Value::from(LOGIN), Value::from(password(1).as_str())].to_vec();
    assert_eq!(call(&by_token, &format!("{PREFIX}.auth.authenticate"), checked).await, Ok(Value::Bool(true)));
    let how = audit(&server, &["--operation", "login", "--target", LOGIN, "--outcome", "accepted"]).await;
    assert!(how.iter().any(|row| row["detail"].as_str().unwrap().starts_with("password ")), "{how:?}");
    let log = server.output();
    assert!(!log.contains(&password(1)) && !log.contains("service-secret"), "{log}");
}

async fn call_with(session: &Session, procedure: String, args: Vec<Value>) -> Value {
    call(session, &procedure, args).await.unwrap()
}

#[tokio::test]
async fn whatever_is_wrong_a_stranger_hears_the_same() {
    let slapd = directory(&ldif(3, 0)).start().await;
    let server = server_of(&slapd, "").await;
    sync(&server).await;
    server.add_user("local", "frontend", PASSWORD).await;
    let right = password(1);
    for (login, ticket, why) in [
        (LOGIN, "wrong", "wrong_ticket"),
        (LOGIN, password(2).as_str(), "wrong_ticket"),
        // RFC 4513, section 5.1.2: the directory would say yes.
        (LOGIN, "", "blank_ticket"),
        (LOGIN, " ", "blank_ticket"),
        (LOGIN, "\0", "wrong_ticket"),
        (LOGIN, &format!("{right}\0"), "wrong_ticket"),
        (LOGIN, &format!("\0{right}"), "wrong_ticket"),
        ("*", &right, "unknown_user"),
        ("*)(uid=*", &right, "unknown_user"),
        ("user-001,ou=people,dc=example,dc=com", &right, "unknown_user"),
        ("service", "service-secret", "unknown_user"),
        ("user-001\0", &right, "unknown_user"),
        // The directory knows the name, but the user is a local one.
        ("local", &right, "wrong_ticket"),
    ] {
        assert_eq!(answer(&server, login, ticket).await, Answer::Denied, "{login:?} {ticket:?}");
        let rows = audit(&server, &["--operation", "login"]).await;
        assert_eq!(rows[0]["reason"], why, "{login:?} {ticket:?}");
    }
    assert!(matches!(answer(&server, LOGIN, &right).await, Answer::Welcome(_)));
}

#[tokio::test]
async fn a_login_of_any_characters_is_one_name_in_the_directory() {
    // Both are one value of the name, and of the filter.
    const STRANGE: [&str; 3] = ["a,b=c+d", "a*)(uid=user-001", "#x\\2c\"<>;"];
    let mut entries = ldif(1, 0);
    for (number, login) in STRANGE.iter().enumerate() {
        let escaped: String = login.bytes().fold(String::new(), |text, byte| text + &format!("\\{byte:02x}"));
        let encoded = data_encoding::BASE64.encode(login.as_bytes());
        let entry = format!(
            "dn: uid={escaped},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid:: {encoded}\ncn: x\nsn: x\n\
             userPassword: strange-{number}\n\n"
        );
        entries.push_str(&entry);
    }
    let slapd = directory(&entries).start().await;
    let looked_up = settings_at(&[slapd.port()], "").replace("login_template", "#");
    for settings in [settings_at(&[slapd.port()], ""), looked_up] {
        let server = server_with(&settings).start().await;
        sync(&server).await;
        for (number, login) in STRANGE.iter().enumerate() {
            assert_eq!(answer(&server, login, "wrong").await, Answer::Denied, "{login}");
            assert_eq!(answer(&server, login, &password(1)).await, Answer::Denied, "{login}");
            let welcome = answer(&server, login, &format!("strange-{number}")).await;
            assert!(matches!(welcome, Answer::Welcome(_)), "{login} {settings}");
        }
    }
}

#[tokio::test]
async fn who_was_not_brought_over_is_unknown_and_is_not_made() {
    let mut slapd = directory(&ldif(1, 0)).start().await;
    let server = server_of(&slapd, "retry_seconds = 1").await;
    sync(&server).await;
    slapd.stop().await;
    slapd.replace(&ldif(2, 0)).await;
    slapd.restart().await;
    assert_eq!(answer(&server, "user-002", &password(2)).await, Answer::Denied);
    assert_eq!(reason(&server, "user-002").await, "unknown_user");
    assert_ne!(server.cli(&["user", "show", "user-002"], "").await.code, Some(0));
}

#[tokio::test]
async fn a_directory_that_is_down_is_as_a_busy_server_and_keys_work_on() {
    let mut slapd = directory(&ldif(2, 0)).start().await;
    let server = server_of(&slapd, "retry_seconds = 1").await;
    sync(&server).await;
    server.cli(&["user", "lock", "user-002"], "").await.ok();
    let session = sign_in(&server, LOGIN, &password(1)).await.unwrap();
    let otp = plaintext_key(&call(&session, &format!("{PREFIX}.my.otp.create"), vec![]).await.unwrap());
    slapd.stop().await;
    assert_eq!(answer(&server, LOGIN, &password(1)).await, Answer::Denied);
    assert_eq!(reason(&server, LOGIN).await, "busy");
    // Who may not come in is refused before the directory is asked.
    assert_eq!(answer(&server, "user-002", &password(2)).await, Answer::Denied);
    assert_eq!(reason(&server, "user-002").await, "user_disabled");
    assert!(matches!(answer(&server, LOGIN, &otp).await, Answer::Welcome(_)));
    assert_eq!(call(&session, &format!("{PREFIX}.auth.whoami"), vec![]).await.map(|_| ()), Ok(()));
    slapd.restart().await;
    eventually("the directory to be asked again", SOON, async || {
        matches!(answer(&server, LOGIN, &password(1)).await, Answer::Welcome(_)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_next_server_lets_in_for_one_that_is_down_and_it_comes_back() {
    let (mut one, mut other) = (directory(&ldif(1, 0)).start().await, directory(&ldif(1, 0)).start().await);
    let server = server_with(&settings_at(&[one.port(), other.port()], "retry_seconds = 1")).start().await;
    sync(&server).await;
    let comes_in = async || matches!(answer(&server, LOGIN, &password(1)).await, Answer::Welcome(_));
    one.stop().await;
    for _ in 0..3 {
        assert!(comes_in().await);
    }
    one.restart().await;
    other.stop().await;
    // Until the time is over the first is left alone as well.
    eventually("the first server to be asked again", SOON, async || comes_in().await.then_some(())).await;
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_the_directory_said_yes() {
    let slapd = directory(&ldif(1, 0)).start().await;
    let server = server_with(&format!("{}{SIGN_ON}", settings_at(&[slapd.port()], ""))).start().await;
    sync(&server).await;
    server.cli(&["user", "totp", "reset", LOGIN, "--json"], "").await.ok();
    server.cli(&["user", "totp", "enable", LOGIN], "").await.ok();
    let codes = server.cli(&["user", "totp", "recovery", LOGIN, "--json"], "").await.ok();
    let codes: serde_json::Value = serde_json::from_str(&codes).unwrap();
    let code = codes["recovery_codes"][0].as_str().unwrap_or_else(|| panic!("{codes}")).to_owned();
    let opened = sso(&server, "/user/login", json!({"username": LOGIN, "password": password(1)})).await;
    assert!(opened.get("ust").is_none(), "{opened}");
    assert_eq!(audit(&server, &["--operation", "session.open"]).await[0]["reason"], "code_missing");
    let wrong = json!({"username": LOGIN, "password": "wrong", "totp_code": code});
    assert!(sso(&server, "/user/login", wrong).await.get("ust").is_none());
    let right = json!({"username": LOGIN, "password": password(1), "totp_code": code});
    let opened = sso(&server, "/user/login", right).await;
    assert!(opened["ust"].is_string(), "{opened}");
}

#[tokio::test]
async fn proofs_of_a_password_know_no_user_of_the_directory() {
    let slapd = directory(&ldif(1, 0)).start().await;
    let settings = "[auth]\nscram_kdf = 'pbkdf2'\nscram_iterations = 4096\nwampcra = true\n";
    let server = server_with(&format!("{}{settings}", settings_at(&[slapd.port()], ""))).start().await;
    sync(&server).await;
    let refused = async |auth: Auth| {
        let options: ConnectOptions = reach(&server, Door::Tcp).auth(auth);
        let connecting = tokio::time::timeout(ANSWER_DEADLINE, Client::connect(options)).await.unwrap();
        assert!(connecting.is_err());
        reason(&server, LOGIN).await
    };
    for auth in [Auth::scram(LOGIN, password(1), false), Auth::wampcra(LOGIN, password(1))] {
        assert_eq!(refused(auth).await, "no_secret");
    }
}

#[tokio::test]
async fn the_password_is_not_changed_here_but_by_the_operator() {
    let slapd = directory(&ldif(1, 0)).start().await;
    let server = server_with(&format!("{}{SIGN_ON}", settings_at(&[slapd.port()], ""))).start().await;
    sync(&server).await;
    let opened = sso(&server, "/user/login", json!({"username": LOGIN, "password": password(1)})).await;
    let fields = json!({"ust": opened["ust"], "old_password": password(1), "new_password": PASSWORD});
    let changed = sso(&server, "/user/password", fields).await;
    assert_eq!(changed["status"], "error", "{changed}");
    assert!(matches!(answer(&server, LOGIN, &password(1)).await, Answer::Welcome(_)));
    // From then on it is a local user.
    server.cli(&["user", "passwd", LOGIN, "--password-stdin"], &format!("{PASSWORD}\n")).await.ok();
    assert_eq!(answer(&server, LOGIN, &password(1)).await, Answer::Denied);
    assert!(matches!(answer(&server, LOGIN, PASSWORD).await, Answer::Welcome(_)));
    let shown = server.cli(&["user", "show", LOGIN, "--json"], "").await.ok();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["source"], "local");
    assert_eq!(sync(&server).await["local"], json!([LOGIN]));
}

#[tokio::test]
async fn several_entries_with_one_login_let_nobody_in() {
    let twice = ldif(1, 0) + &user(2, 512, "").replace("uid: User-002", "uid: user-002\nuid: User-001");
    let mut slapd: DirectoryServer = directory(&ldif(1, 0)).start().await;
    let settings = settings_at(&[slapd.port()], "retry_seconds = 1").replace("login_template", "#");
    let server = server_with(&settings).start().await;
    sync(&server).await;
    assert!(matches!(answer(&server, LOGIN, &password(1)).await, Answer::Welcome(_)));
    slapd.stop().await;
    slapd.replace(&twice).await;
    slapd.restart().await;
    for number in [1, 2] {
        assert_eq!(answer(&server, LOGIN, &password(number)).await, Answer::Denied);
    }
    assert_eq!(reason(&server, LOGIN).await, "wrong_ticket");
}

#[tokio::test]
async fn keys_of_a_user_of_the_directory_work_until_it_is_locked_there() {
    let mut slapd = directory(&ldif(2, 0)).start().await;
    let server = server_of(&slapd, "retry_seconds = 1").await;
    sync(&server).await;
    let session = sign_in(&server, "USER-001", &password(1)).await.unwrap();
    let make = async |kind: &str| {
        let made = call(&session, &format!("{PREFIX}.my.{kind}.create"), vec![]).await.unwrap();
        let made = made.as_dict().unwrap().clone();
        assert_eq!((text(&made, "uuid").len(), text(&made, "key").len()), (22, 43), "{kind}");
        if kind == "otp" {
            assert_eq!((text(&made, "login"), text(&made, "origin")), (LOGIN.into(), format!("{LOGIN}@127.0.0.1")));
        }
        text(&made, "plaintext_key")
    };
    let (key, otp, unused) = (make("apikeys").await, make("otp").await, make("otp").await);
    let whoami = async |session: &Session| call(session, &format!("{PREFIX}.auth.whoami"), vec![]).await;
    let me = Dict::new().with("authid", LOGIN).with("role", "frontend");
    let mut opened = Vec::new();
    for ticket in [&key, &key, &otp] {
        let limited = sign_in(&server, "User-001", ticket).await.unwrap();
        assert_eq!(whoami(&limited).await, Ok(me.clone().into()));
        // They withhold what those of local users do.
        let uri = format!("{PREFIX}.my.apikeys.create");
        assert_eq!(call(&limited, &uri, vec![]).await.unwrap_err().0, "wamp.error.not_authorized");
        opened.push(limited);
    }
    assert_eq!(answer(&server, LOGIN, &otp).await, Answer::Denied, "it is spent");
    // Another user's login spends nothing, and no key is the directory's business: it is not asked.
    assert_eq!(answer(&server, "user-002", &unused).await, Answer::Denied);
    slapd.stop().await;
    assert!(matches!(answer(&server, LOGIN, &key).await, Answer::Welcome(_)));
    let other = ldif(0, 0) + &user(1, 514, "") + &user(2, 512, "");
    slapd.replace(&other).await;
    slapd.restart().await;
    sync(&server).await;
    for session in &opened {
        ends(session).await;
    }
    for ticket in [&key, &unused, &password(1)] {
        assert_eq!(answer(&server, LOGIN, ticket).await, Answer::Denied);
        assert_eq!(reason(&server, LOGIN).await, "user_disabled");
    }
    let refused = server.cli(&["otp", "create", LOGIN], "").await;
    assert!(refused.code != Some(0), "{refused:?}");
    // Back in the directory, back here: what was not used is as good as before.
    slapd.stop().await;
    slapd.replace(&ldif(2, 0)).await;
    slapd.restart().await;
    sync(&server).await;
    for ticket in [&key, &unused] {
        assert!(matches!(answer(&server, LOGIN, ticket).await, Answer::Welcome(_)));
    }
}
