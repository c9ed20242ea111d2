//! Many messages in one.

use countersign_client::{
    Auth, CallOptions, Client, Dict, Encoding, Invocation, RegisterOptions, SubscribeOptions, Value,
};
use countersign_testkit::Door;

use crate::support::{PASSWORD, PREFIX, SOON, reach, server};

/// Calls that are on their way at once.
const CALLS: u64 = 200;

#[tokio::test]
async fn sessions_go_in_batches_where_that_is_asked_for() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    for (door, encoding) in
        Encoding::ALL.into_iter().flat_map(|encoding| [(Door::Http, encoding), (Door::Https, encoding)])
    {
        let of = format!("{door:?} {encoding}");
        let options = reach(&server, door).encoding(encoding).auth(Auth::ticket("bob", PASSWORD)).batched(true);
        let session = Client::connect(options.clone().compression(true)).await.unwrap();
        let caller = Client::connect(options).await.unwrap();
        let uri = format!("{PREFIX}.batches.{encoding:?}");
        let echo = |invocation: Invocation| async move { Ok(invocation.args()) };
        session.register(&uri, RegisterOptions::new(), echo).await.unwrap();
        let mut events = session.subscribe(&uri, SubscribeOptions::new()).await.unwrap();
        let call = |number: u64| {
            let (caller, uri) = (caller.clone(), uri.clone());
            // Some are longer than a batch.
            let text = "x".repeat(if number.is_multiple_of(50) { 40_000 } else { 10 });
            async move {
                let args = vec![Value::from(number), text.into()];
                let result = caller.call_with(&uri, CallOptions::new(), args.clone()).await.unwrap();
                assert_eq!(result.args(), args);
                caller.publish(&uri, vec![number.into()], Dict::new(), Dict::new()).await.unwrap();
            }
        };
        let calls: Vec<_> = (0..CALLS).map(|number| tokio::spawn(call(number))).collect();
        for call in calls {
            tokio::time::timeout(SOON, call).await.expect(&of).unwrap();
        }
        for _ in 0..CALLS {
            tokio::time::timeout(SOON, events.next()).await.expect(&of).unwrap();
        }
        assert_eq!(events.missed(), 0, "{of}");
        session.leave().await.unwrap();
        caller.leave().await.unwrap();
    }
}
