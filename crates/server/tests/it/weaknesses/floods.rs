//! W15: asking often for what everybody shares costs no more than asking once.

use std::time::{Duration, Instant};

use countersign_client::Value;
use futures_util::future::join_all;

use crate::support::{PASSWORD, PREFIX, call, metric, server, sign_in};

const CALLS: usize = 500;
/// How long one call of somebody else may take at the very most, on a machine that has other things to do as well.
const HELD_UP_MAX: Duration = Duration::from_secs(2);

#[tokio::test]
async fn w15_a_flood_of_vacuums_and_syncs_is_a_few_runs_and_holds_nobody_up() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    let (bob, kristen) =
        (sign_in(&server, "bob", PASSWORD).await.unwrap(), sign_in(&server, "kristen98", PASSWORD).await.unwrap());
    let runs = async || metric(&server, "countersign_vacuum_runs_total").await;
    for (name, answer) in [
        ("system.vacuum", Value::Bool(true)),
        ("system.vacuum.sessions", Value::Bool(true)),
        ("system.vacuum.otps", Value::Bool(true)),
        ("system.vacuum.registrations", Value::Bool(true)),
        ("system.sync", Value::Null),
        ("systems.handle.alerts", Value::Null),
    ] {
        let (uri, before, began) = (format!("{PREFIX}.{name}"), runs().await, Instant::now());
        let flood = async {
            let answers = join_all((0..CALLS).map(|_| call(&bob, &uri, vec![]))).await;
            assert!(answers.iter().all(|got| got.as_ref() == Ok(&answer)), "{name}: {answers:?}");
        };
        let other = async {
            for _ in 0..20 {
                let asked = Instant::now();
                call(&kristen, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
                assert!(asked.elapsed() < HELD_UP_MAX, "{name}: {:?}", asked.elapsed());
            }
        };
        tokio::join!(flood, other);
        // At most one run in a second, one that was under way, one that is still to come, and the one of the minute.
        let runs_max = began.elapsed().as_secs() + 4;
        let ran = runs().await - before;
        assert!(ran <= runs_max, "{name}: {ran} runs in {:?}", began.elapsed());
    }
}
