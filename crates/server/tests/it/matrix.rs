//! Every procedure that the server offers, in every spelling, called by everybody: who reaches it and who doesn't.
//!
//! The procedures are those that the product itself names; the table of what is expected is written from the contract of the
//! bus, so that neither can lack what the other has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod arguments;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign_client::{Auth, Client, Dict, Session, Value};
use countersign_testkit::{Door, Server};
use serde_json::json;
use tokio::task::JoinSet;

use super::cookies::browser;
use super::http_client::ask;
use super::support::{DENIED, PASSWORD, PREFIX, call, reach, server_with, sign_in, text};
use rows::{ABSENT, Expected, META, PROCEDURES, Row};

/// Who calls, in the order of the table's columns.
const CALLERS: [&str; 11] = [
    "nobody",
    "public",
    "frontend",
    "backend",
    "trust by password",
    "trust by token",
    "trust by cookie",
    "trust by one-time password",
    "trust by one-time password with exact rules",
    "trust by key with *",
    "trust by key with exact rules",
];
const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    /// The session may not call the URI.
    NotAuthorized,
    /// The session may call the URI, but nobody has registered it.
    Absent,
    /// The procedure says that the caller may not do this.
    Denied,
    /// Any other answer of the procedure.
    Reached,
}

impl Became {
    fn of(letter: char) -> Option<Self> {
        match letter {
            '+' => Some(Self::Reached),
            '-' => Some(Self::NotAuthorized),
            'x' => Some(Self::Denied),
            '.' => None,
            other => panic!("{other} means nothing"),
        }
    }
}

/// A call that is tried, and what each caller is to hear.
#[derive(Debug)]
struct Case {
    uri: String,
    args: Vec<Value>,
    expected: Vec<Option<Became>>,
}

impl Case {
    fn new(uri: impl Into<String>, args: &str, expected: Expected) -> Self {
        let uri = uri.into();
        let args = Value::from_json(args).unwrap().as_list().unwrap().to_vec();
        let expected: Vec<Option<Became>> = expected.chars().filter(|letter| *letter != ' ').map(Became::of).collect();
        assert_eq!(expected.len(), CALLERS.len(), "{uri}");
        Self { uri, args, expected }
    }

    /// One that nobody has registered: who may call the URI at all hears so.
    fn absent(uri: String, may_call: Expected) -> Self {
        let mut case = Self::new(uri, "[]", may_call);
        for expected in &mut case.expected {
            if *expected == Some(Became::Reached) {
                *expected = Some(Became::Absent);
            }
        }
        case
    }
}

/// A procedure as the product describes it.
#[derive(Debug)]
struct Offer {
    arguments: String,
    /// In all its spellings.
    uris: BTreeSet<String>,
}

/// Every procedure of the product by its name.
async fn offered(server: &Server) -> BTreeMap<String, Offer> {
    let listed = server.cli(&["procedure", "list", "--json"], "").await.ok();
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
    let offer = |one: &serde_json::Value| {
        let field = |name: &str| one[name].as_str().unwrap().to_owned();
        let uris = one["uris"].as_array().unwrap().iter().map(|uri| uri.as_str().unwrap().to_owned()).collect();
        (field("name"), Offer { arguments: field("arguments"), uris })
    };
    listed.iter().map(offer).collect()
}

/// The names that a row stands for: one-time passwords have two.
fn names(name: &str) -> Vec<String> {
    if name.contains("my.otp.") || name.contains("system.otp.") {
        return vec![name.to_owned(), name.replace(".otp.", ".otps.")];
    }
    vec![name.to_owned()]
}

/// All calls of a row; in a spelling that there is not, too.
fn cases((name, args, long, short): Row) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in names(name) {
        let long_uri = format!("{PREFIX}.{name}");
        cases.push(if long.is_empty() {
            Case::absent(long_uri, rows::BACKEND)
        } else {
            Case::new(long_uri, args, long)
        });
        cases.push(if short.is_empty() { Case::absent(name, rows::TRUST) } else { Case::new(name, args, short) });
    }
    cases
}

fn record(rules: impl IntoIterator<Item = String>) -> Value {
    let rule = |uri: String| Value::from(Dict::new().with("uri", uri).with("perms", "crspoq"));
    Dict::new().with("permissions", rules.into_iter().map(rule).collect::<Vec<Value>>()).into()
}

/// A session of a user by a key that is made for it.
async fn by_key(server: &Server, maker: &Session, procedure: &str, login: &str, record: Value) -> Session {
    let made = call(maker, procedure, vec![login.into(), record]).await.unwrap();
    sign_in(server, login, &text(made.as_dict().unwrap(), "plaintext_key")).await.unwrap()
}

/// A server with a user of each role, and one who is only called about.
async fn started() -> Server {
    let server = server_with("[auth]\nanonymous = true\n[auth.cookie]\nenabled = true\n").start().await;
    for (login, role) in [
        ("public", "public"),
        ("frontend", "frontend"),
        ("backend", "backend"),
        ("zoe", "trust"),
        ("spare", "frontend"),
    ] {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}

/// A session of each of [`CALLERS`].
async fn sessions(server: &Server, uris: impl Iterator<Item = &String> + Clone) -> Vec<Session> {
    let nobody = Client::connect(reach(server, Door::Http).auth(Auth::anonymous())).await.unwrap();
    let mut sessions = vec![nobody];
    for login in ["public", "frontend", "backend", "zoe"] {
        sessions.push(sign_in(server, login, PASSWORD).await.unwrap());
    }
    let body = json!({"username": "zoe", "password": PASSWORD, "current_app": "CRM"}).to_string();
    let answer = ask(server, "POST", "/sso/user/login", "", body.as_bytes()).await.json();
    sessions.push(sign_in(server, "", answer["ust"].as_str().unwrap()).await.unwrap());
    let (_page, cookie) = browser(server, "zoe").await;
    let options = reach(server, Door::Http).header("cookie", cookie).auth(Auth::cookie(None));
    sessions.push(Client::connect(options).await.unwrap());
    let everything = || std::iter::once("*".to_owned());
    for (procedure, is_plain) in [("system.otp.create", true), ("system.apikeys.create", false)] {
        let maker = &sessions[4];
        let plain = if is_plain { Value::Null } else { record(everything()) };
        let plain = by_key(server, maker, procedure, "zoe", plain).await;
        let exact = by_key(server, maker, procedure, "zoe", record(everything().chain(uris.clone().cloned()))).await;
        sessions.extend([plain, exact]);
    }
    assert_eq!(sessions.len(), CALLERS.len());
    sessions
}

/// Calls, and sorts the answer by what clients look for in it.
async fn became(session: &Session, case: &Case) -> Became {
    let Err((error, text)) = call(session, &case.uri, case.args.clone()).await else { return Became::Reached };
    let uri = &case.uri;
    match error.as_str() {
        NOT_AUTHORIZED => {
            let is_named = text.contains(&format!("is not authorized to call procedure \"{uri}\""));
            assert!(is_named || text.starts_with("session is not authorized: "), "{uri}: {text}");
            Became::NotAuthorized
        }
        DENIED => {
            assert!(text.starts_with("Permission Denied"), "{uri}: {text}");
            Became::Denied
        }
        NO_SUCH_PROCEDURE => Became::Absent,
        other => {
            assert!(!other.ends_with("unavailable"), "{uri}: {text}");
            Became::Reached
        }
    }
}

/// Every call that is tried.
fn all_cases() -> Arc<Vec<Case>> {
    let absent = ABSENT.iter().flat_map(|name| {
        [Case::absent(format!("{PREFIX}.{name}"), rows::BACKEND), Case::absent((*name).to_owned(), rows::TRUST)]
    });
    let rows = PROCEDURES.iter().chain(META).copied();
    Arc::new(rows.flat_map(cases).chain(absent).collect())
}

/// What a caller hears that it should not.
async fn wrong_for(
    caller: &str,
    session: &Session,
    cases: &[Case],
    expected: impl Fn(&Case) -> Option<Became>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in cases {
        let Some(expected) = expected(case) else { continue };
        let became = became(session, case).await;
        if became != expected {
            wrong.push(format!("{caller}: {} is {became:?}, not {expected:?}", case.uri));
        }
    }
    wrong
}

#[tokio::test]
async fn everybody_reaches_what_is_theirs_in_both_spellings_and_nothing_else() {
    let server = started().await;
    let offered = offered(&server).await;
    let named: BTreeSet<&str> = PROCEDURES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(named.len(), PROCEDURES.len(), "a row is there twice");
    assert_eq!(
        named,
        offered.keys().map(String::as_str).collect(),
        "a row for each procedure, a procedure for each row"
    );
    for row in PROCEDURES {
        let (name, _, long, short) = *row;
        let spelled = names(name).into_iter().flat_map(|name| {
            let spellings = [(!long.is_empty(), format!("{PREFIX}.{name}")), (!short.is_empty(), name)];
            spellings.into_iter().filter_map(|(is_there, uri)| is_there.then_some(uri))
        });
        assert_eq!(spelled.collect::<BTreeSet<_>>(), offered[name].uris, "the spellings of {name}");
    }
    let uris: BTreeSet<String> = offered.into_values().flat_map(|offer| offer.uris).collect();
    let sessions = sessions(&server, uris.iter()).await;
    let cases = all_cases();
    let mut callers = JoinSet::new();
    for (column, session) in sessions.into_iter().enumerate() {
        let cases = Arc::clone(&cases);
        callers.spawn(async move { wrong_for(CALLERS[column], &session, &cases, |case| case.expected[column]).await });
    }
    let wrong: Vec<String> = callers.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whatever its rules name: what the role doesn't grant they don't, and what is nobody's by such a session is not theirs.
#[tokio::test]
async fn exact_rules_reach_no_further_than_the_role_of_their_user() {
    const BY_OTP: usize = 8;
    const BY_KEY: usize = 10;
    assert!(CALLERS[BY_OTP].contains("one-time password with exact") && CALLERS[BY_KEY].contains("key with exact"));
    let server = started().await;
    let uris: Vec<String> = offered(&server).await.into_values().flat_map(|offer| offer.uris).collect();
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let (cases, mut callers) = (all_cases(), JoinSet::new());
    let expected_of = |case: &Case, column: usize, by: usize| match case.expected[by] {
        Some(Became::NotAuthorized) => Some(Became::NotAuthorized),
        _ => case.expected[column],
    };
    for (column, role) in ["nobody", "public", "frontend", "backend"].into_iter().enumerate().skip(1) {
        assert_eq!(CALLERS[column], role);
        for (procedure, by) in [("system.otp.create", BY_OTP), ("system.apikeys.create", BY_KEY)] {
            let rules = record(std::iter::once("*".to_owned()).chain(uris.clone()));
            let session = by_key(&server, &zoe, procedure, role, rules).await;
            let cases = Arc::clone(&cases);
            callers.spawn(async move {
                let caller = format!("{role} by what {procedure} made");
                wrong_for(&caller, &session, &cases, |case| expected_of(case, column, by)).await
            });
        }
    }
    let wrong: Vec<String> = callers.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
