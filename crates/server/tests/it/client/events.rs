//! Publications and subscriptions.

use countersign_client::{
    CallError, Dict, Event, MatchPolicy, Passthru, PublishOptions, Session, SubscribeOptions, Subscription,
    SubscriptionEnd, Value,
};

use super::bobs;
use crate::support::{PASSWORD, PREFIX, SOON, sign_in};

fn topic(name: &str) -> String {
    format!("{PREFIX}.frontend.{name}")
}

async fn next(subscription: &mut Subscription) -> Event {
    tokio::time::timeout(SOON, subscription.next()).await.expect("soon").unwrap()
}

#[tokio::test]
async fn patterns_match_and_events_name_topic_and_publisher() {
    let (_server, [publisher, subscriber]) = bobs().await;
    let subscribe = async |topic: String, policy| {
        subscriber.subscribe(&topic, SubscribeOptions::new().matching(policy)).await.unwrap()
    };
    let mut exact = subscribe(topic("a.news"), MatchPolicy::Exact).await;
    let mut prefix = subscribe(topic("a"), MatchPolicy::Prefix).await;
    let mut wildcard = subscribe(topic(".news"), MatchPolicy::Wildcard).await;
    let options = PublishOptions::new().acknowledge().disclose_me();
    let publication = publisher.publish_with(&topic("a.news"), options, vec![1_i64.into()]).await.unwrap();
    for (subscription, named) in
        [(&mut exact, None), (&mut prefix, Some(topic("a.news"))), (&mut wildcard, Some(topic("a.news")))]
    {
        let event = next(subscription).await;
        assert_eq!((Some(event.publication), event.args()), (publication, vec![Value::Int(1)]));
        assert_eq!(event.topic(), named.as_deref());
        assert_eq!(event.publisher(), Some(publisher.session_id()));
        assert_eq!((event.publisher_authid(), event.publisher_authrole()), (Some("bob"), Some("backend")));
        assert!(!event.is_retained());
    }
}

#[tokio::test]
async fn of_the_subscribers_that_named_a_node_one_gets_the_events_of_a_key() {
    let (_server, [publisher, first, second]) = bobs().await;
    let subscribe = async |session: &Session, options| session.subscribe(&topic("sharded"), options).await.unwrap();
    let mut shards = [
        subscribe(&first, SubscribeOptions::new().nkey("a")).await,
        subscribe(&second, SubscribeOptions::new().nkey("b")).await,
    ];
    let mut all = subscribe(&publisher, SubscribeOptions::new()).await;
    for key in 0..20_i64 {
        let options = PublishOptions::new().acknowledge().exclude_me(false).rkey(&format!("sn{}", key % 10));
        publisher.publish_with(&topic("sharded"), options, vec![key.into()]).await.unwrap();
        assert_eq!(next(&mut all).await.args(), [Value::from(key)]);
    }
    publisher.publish_with(&topic("sharded"), PublishOptions::new(), vec!["end".into()]).await.unwrap();
    let mut got = Vec::new();
    for shard in &mut shards {
        let mut keys = Vec::new();
        while let [Value::Int(key)] = next(shard).await.args()[..] {
            keys.push(key);
        }
        let (once, again): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| *key < 10);
        assert!(!once.is_empty());
        assert_eq!(again, once.iter().map(|key| key + 10).collect::<Vec<_>>());
        got.extend(once);
    }
    got.sort_unstable();
    assert_eq!(got, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn lists_choose_the_receivers() {
    let (server, [publisher, other]) = bobs().await;
    server.add_user("alice", "backend", PASSWORD).await;
    let alice = sign_in(&server, "alice", PASSWORD).await.unwrap();
    let mut subscriptions = Vec::new();
    for session in [&publisher, &other, &alice] {
        subscriptions.push(session.subscribe(&topic("lists"), Dict::new()).await.unwrap());
    }
    let ids = [publisher.session_id(), other.session_id(), alice.session_id()];
    for (number, (options, receivers)) in [
        (PublishOptions::new(), [false, true, true]),
        (PublishOptions::new().exclude_me(false), [true, true, true]),
        (PublishOptions::new().exclude(&[ids[1]]), [false, false, true]),
        (PublishOptions::new().eligible(&[ids[1]]), [false, true, false]),
        (PublishOptions::new().exclude_authid(&["alice"]), [false, true, false]),
        (PublishOptions::new().eligible_authid(&["alice"]), [false, false, true]),
        (PublishOptions::new().exclude_authrole(&["backend"]), [false, false, false]),
        (PublishOptions::new().eligible_authrole(&["backend"]), [false, true, true]),
    ]
    .into_iter()
    .enumerate()
    {
        let number = i64::try_from(number).unwrap();
        publisher.publish_with(&topic("lists"), options, vec![number.into()]).await.unwrap();
        // To all, and behind the first on every way.
        let all = PublishOptions::new().exclude_me(false);
        publisher.publish_with(&topic("lists"), all, vec!["end".into()]).await.unwrap();
        for (subscription, receives) in subscriptions.iter_mut().zip(receivers) {
            if receives {
                assert_eq!(next(subscription).await.args(), [Value::Int(number)]);
            }
            assert_eq!(next(subscription).await.args(), [Value::from("end")], "{number}");
        }
    }
}

#[tokio::test]
async fn a_retained_event_comes_to_those_who_ask_for_it() {
    let (_server, [publisher, subscriber]) = bobs().await;
    let options = PublishOptions::new().acknowledge().retain();
    publisher.publish_with(&topic("kept"), options, vec!["kept".into()]).await.unwrap();
    let mut asks = subscriber.subscribe(&topic("kept"), SubscribeOptions::new().get_retained()).await.unwrap();
    let event = next(&mut asks).await;
    assert_eq!((event.args(), event.is_retained()), (vec![Value::from("kept")], true));
}

#[tokio::test]
async fn packed_payloads_and_own_options_reach_subscribers() {
    let (_server, [publisher, subscriber]) = bobs().await;
    let mut subscription = subscriber.subscribe(&topic("packed"), Dict::new()).await.unwrap();
    let passthru = Passthru {
        scheme: "x_own".into(),
        serializer: Some("cbor".into()),
        cipher: Some("none".into()),
        key_id: Some("1".into()),
    };
    let options = PublishOptions::new().passthru(passthru.clone()).option("_own_option", 1_i64);
    publisher.publish_with(&topic("packed"), options, vec![vec![1_u8, 2].into()]).await.unwrap();
    let event = next(&mut subscription).await;
    assert_eq!((event.passthru(), event.args()), (Some(passthru), vec![Value::Bytes(vec![1, 2])]));
    assert_eq!(event.details.get("_own_option"), Some(&Value::Int(1)));
}

#[tokio::test]
async fn a_subscriber_sees_that_its_subscription_was_revoked() {
    let (server, _sessions) = bobs::<0>().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    let frontend = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let mut subscription = frontend.subscribe(&topic("secret"), Dict::new()).await.unwrap();
    server.cli(&["role", "deny", "frontend", &topic("secret")], "").await.ok();
    let ended = tokio::time::timeout(SOON, subscription.next()).await.expect("soon");
    assert_eq!(ended, None);
    assert!(matches!(subscription.end(), Some(SubscriptionEnd::Revoked { .. })), "{:?}", subscription.end());
}

#[tokio::test]
async fn a_refused_publication_is_heard_of_if_acknowledged() {
    let (server, _sessions) = bobs::<0>().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    let frontend = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let publish = |options| frontend.publish_with("other.topic", options, ());
    assert_eq!(publish(PublishOptions::new()).await, Ok(None));
    let Err(CallError::Remote { error, .. }) = publish(PublishOptions::new().acknowledge()).await else {
        panic!("it is refused")
    };
    assert_eq!(error, "wamp.error.not_authorized");
}
