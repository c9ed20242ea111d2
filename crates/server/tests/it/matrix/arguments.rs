//! What every procedure takes and answers: by place, by name, without what has a default, with too little and too much.

use countersign_client::{Dict, Session, Value};
use countersign_testkit::Server;

use super::rows::signatures::{SIGNATURES, Signature};
use super::{offered, sign_in};
use crate::support::{PASSWORD, call_with, server};

const INVALID_ARGUMENT: &str = "com.izaber.wamp.error.invalidargument";

/// Name and default of each argument.
fn parameters(signature: &'static str) -> Vec<(&'static str, Option<Value>)> {
    let parameter = |text: &'static str| match text.split_once('=') {
        Some((name, default)) => (name, Some(Value::from_json(default).unwrap())),
        None => (text, None),
    };
    signature.split(", ").filter(|text| !text.is_empty()).map(parameter).collect()
}

/// How a result looks: the fields of a dictionary in their order, what kind of thing else.
fn shape(value: &Value) -> String {
    match value {
        Value::Dict(dict) => dict.iter().map(|(field, _)| field).collect::<Vec<_>>().join(" "),
        Value::List(_) => "list".to_owned(),
        Value::Float(_) => "seconds".to_owned(),
        other => other.to_json(),
    }
}

async fn check_shape(session: &Session, uri: &str, args: Vec<Value>, kwargs: Dict, expected: &str) {
    let shown = format!("{uri} {args:?} {kwargs:?}");
    let answer = call_with(session, uri, args, kwargs).await;
    assert_eq!(shape(&answer.expect(&shown)), expected, "{shown}");
}

async fn check_refused(session: &Session, uri: &str, args: Vec<Value>, kwargs: Dict, says: &[&str]) {
    let shown = format!("{uri} {args:?} {kwargs:?}");
    let (error, text) = call_with(session, uri, args, kwargs).await.expect_err(&shown);
    assert_eq!(error, INVALID_ARGUMENT, "{shown}: {text}");
    assert!(says.iter().any(|says| text.contains(says)), "{shown}: {text}");
}

async fn takes_and_answers(session: &Session, uri: &str, (_, signature, args, expected): Signature, args_of: &str) {
    let parameters = parameters(signature);
    let args = Value::from_json(&args.replace("$OWN", args_of)).unwrap().as_list().unwrap().to_vec();
    let required = parameters.iter().filter(|(_, default)| default.is_none()).count();
    assert!(args.len() >= required, "{uri}: {signature}");
    let by_name = |from: usize| {
        parameters[from..args.len()]
            .iter()
            .zip(&args[from..])
            .fold(Dict::new(), |named, ((name, _), value)| named.with(*name, value.clone()))
    };
    check_shape(session, uri, args.clone(), Dict::new(), expected).await;
    check_shape(session, uri, vec![], by_name(0), expected).await;
    let defaults = parameters[args.len()..].iter().map(|(_, default)| default.clone().unwrap());
    let all: Vec<Value> = args.iter().cloned().chain(defaults).collect();
    check_shape(session, uri, all.clone(), Dict::new(), expected).await;
    let takes = if all.is_empty() { "takes no arguments".to_owned() } else { format!("takes at most {}", all.len()) };
    let too_many = all.into_iter().chain([Value::Null]).collect();
    check_refused(session, uri, too_many, Dict::new(), &[&takes]).await;
    let unknown = Dict::new().with("nonsense", 1_u32);
    check_refused(session, uri, args.clone(), unknown, &["takes no argument \"nonsense\""]).await;
    if !args.is_empty() {
        check_refused(session, uri, args.clone(), by_name(0), &["is given twice"]).await;
    }
    for given in 0..required {
        // It is named, whether as missing or by what it has to be.
        let missing: Vec<&str> = parameters[given..required].iter().map(|(name, _)| *name).collect();
        check_refused(session, uri, args[..given].to_vec(), Dict::new(), &missing).await;
    }
}

async fn own_uuid(server: &Server, login: &str) -> String {
    let shown = server.cli(&["user", "show", login, "--json"], "").await.ok();
    serde_json::from_str::<serde_json::Value>(&shown).unwrap()["uuid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_procedure_takes_its_arguments_by_place_and_by_name_and_answers_in_one_shape() {
    let server = server().start().await;
    server.add_user("zoe", "trust", PASSWORD).await;
    server.add_user("spare", "frontend", PASSWORD).await;
    let own = own_uuid(&server, "zoe").await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let mut offered = offered(&server).await;
    for row in SIGNATURES {
        let (name, signature, ..) = *row;
        let offer = offered.remove(name).unwrap_or_else(|| panic!("{name} is not offered"));
        assert_eq!(offer.arguments, signature, "{name}");
        for uri in &offer.uris {
            takes_and_answers(&zoe, uri, *row, &own).await;
        }
    }
    assert!(offered.is_empty(), "without a row: {offered:?}");
}
