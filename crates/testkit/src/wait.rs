//! Waiting for a condition with a deadline.

use std::time::{Duration, Instant};

/// Pause between two looks at the condition.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Asks `probe` until it answers `Some`, and gives that answer.
///
/// `what` completes the sentence "waited for …". The probe is asked at least once, also with a zero deadline.
///
/// # Panics
///
/// When `within` has passed and the probe still answers `None`.
pub async fn eventually<T>(what: &str, within: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(started.elapsed() < within, "waited {} ms for {what}", within.as_millis());
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Waits on this thread until `done`, or until `within` has passed: for a drop, which can neither await nor panic.
pub(crate) fn blocking(within: Duration, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() && started.elapsed() < within {
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_the_first_answer() {
        let mut asked = 0;
        let answer = eventually("the third look", Duration::from_secs(5), async || {
            asked += 1;
            (asked == 3).then_some(asked)
        })
        .await;
        assert_eq!(answer, 3);
    }

    #[tokio::test]
    async fn asks_once_with_no_time_left() {
        assert_eq!(eventually("an instant answer", Duration::ZERO, async || Some(1)).await, 1);
    }

    #[tokio::test]
    #[should_panic(expected = "waited 0 ms for the moon")]
    async fn names_what_did_not_come() {
        eventually::<()>("the moon", Duration::ZERO, async || None).await;
    }
}
