//! Lists of what is registered and subscribed to.

use countersign_client::SubscribeOptions;

use super::*;

const REGISTRATIONS: &str = "com.izaber.wamp.system.state.registrations.list";
const SUBSCRIBED: [&str; 2] = ["com.izaber.wamp.system.subscribed", "system.subscribed"];

fn entry(list: &Value, uri: &str) -> Option<Dict> {
    let of = |entry: &&Value| entry.as_dict().unwrap().get("uri") == Some(&uri.into());
    list.as_list().unwrap().iter().find(of).map(|entry| entry.as_dict().unwrap().clone())
}

fn fields(dict: &Dict) -> Vec<&str> {
    dict.iter().map(|(field, _)| field).collect()
}

#[tokio::test]
async fn registrations_are_listed_with_their_sessions() {
    let server = with_users(server().start().await).await;
    let (zoe, bob) = (as_user(&server, "zoe").await, as_user(&server, "bob").await);
    let uri = "com.izaber.wamp.shared";
    for session in [&bob, &zoe] {
        register(session, uri, options().matching(MatchPolicy::Prefix).invoke(InvokePolicy::Random)).await.unwrap();
    }
    register(&zoe, "zoe.alone", options()).await.unwrap();
    // A backend's rules are those of the long spelling, and there is no other.
    for caller in [&zoe, &bob] {
        let all = call(caller, REGISTRATIONS, vec![]).await.unwrap();
        let shared = entry(&all, uri).unwrap();
        assert_eq!(fields(&shared), ["id", "created", "uri", "match", "invoke", "sessions"]);
        assert_eq!((shared.get("match"), shared.get("invoke")), (Some(&"prefix".into()), Some(&"random".into())));
        let sessions = Value::List(vec![bob.session_id().into(), zoe.session_id().into()]);
        assert_eq!(shared.get("sessions"), Some(&sessions));
        assert!(entry(&all, "auth.whoami").is_some());
        assert_eq!(
            all.as_list()
                .unwrap()
                .iter()
                .filter(|one| {
                    let uri = one.as_dict().unwrap().get("uri").and_then(Value::as_str).unwrap_or_default();
                    uri.starts_with("wamp.")
                })
                .count(),
            0
        );
        let of_bob = call(caller, REGISTRATIONS, vec![bob.session_id().into()]).await.unwrap();
        assert_eq!(of_bob.as_list().unwrap().len(), 1);
        assert_eq!(call(caller, REGISTRATIONS, vec![Value::Int(77)]).await, Ok(Value::List(vec![])));
        for wrong in [Value::from("x"), Value::Int(-1), Value::Bool(true)] {
            assert_eq!(call(caller, REGISTRATIONS, vec![wrong]).await.unwrap_err().0, INVALID_ARGUMENT);
        }
    }
    let short = call(&zoe, "system.state.registrations.list", vec![]).await.unwrap_err();
    assert_eq!(short.0, "wamp.error.no_such_procedure");
    let kristen = as_user(&server, "kristen98").await;
    assert_eq!(call(&kristen, REGISTRATIONS, vec![]).await.unwrap_err().0, NOT_AUTHORIZED);
}

#[tokio::test]
async fn subscriptions_are_listed_with_their_sessions() {
    let server = with_users(server().start().await).await;
    let (zoe, bob) = (as_user(&server, "zoe").await, as_user(&server, "bob").await);
    let topic = "com.izaber.wamp.topic";
    for (session, policy) in [(&bob, MatchPolicy::Exact), (&zoe, MatchPolicy::Exact), (&zoe, MatchPolicy::Wildcard)] {
        session.subscribe(topic, SubscribeOptions::new().matching(policy)).await.unwrap();
    }
    zoe.subscribe("wamp.session.on_join", SubscribeOptions::new()).await.unwrap();
    for name in SUBSCRIBED {
        let answer = call(&zoe, name, vec![]).await.unwrap();
        let answer = answer.as_dict().unwrap();
        assert_eq!(fields(answer), ["exact", "prefix", "wildcard"]);
        let of = |policy: &str| answer.get(policy).unwrap().as_dict().unwrap().clone();
        assert_eq!((of("exact").len(), of("prefix").len(), of("wildcard").len()), (1, 0, 1));
        let (id, exact) =
            of("exact").iter().map(|(id, one)| (id.to_owned(), one.as_dict().unwrap().clone())).next().unwrap();
        assert_eq!(fields(&exact), ["id", "created", "uri", "match", "sessions"]);
        assert_eq!(exact.get("id").and_then(Value::as_u64).unwrap().to_string(), id);
        assert_eq!((exact.get("uri"), exact.get("match")), (Some(&topic.into()), Some(&"exact".into())));
        let sessions = exact.get("sessions").unwrap().as_dict().unwrap();
        assert_eq!(sessions.len(), 2);
        let of_bob = Dict::new().with("authid", "bob").with("authrole", "backend");
        assert_eq!(sessions.get(&bob.session_id().to_string()), Some(&of_bob.into()));
        assert_eq!(call(&zoe, name, vec![Value::Null]).await.unwrap_err().0, INVALID_ARGUMENT);
        let kristen = as_user(&server, "kristen98").await;
        assert_eq!(call(&kristen, name, vec![]).await.unwrap_err().0, NOT_AUTHORIZED);
        assert_eq!(call(&bob, name, vec![]).await.is_ok(), name.starts_with("com."));
    }
}
