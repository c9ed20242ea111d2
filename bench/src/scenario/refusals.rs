//! Logins that are refused: whether the time they take tells why.
//!
//! An attacker who could tell an unknown user from one with another password would learn who has an account. What is
//! answered has to be the same bytes, and the medians have to be close to each other.

use std::io;
use std::time::{Duration, Instant};

use serde_json::json;

use super::rest::{APPLICATION, address};
use super::{Speech, Transport};
use crate::http::{self, Http};
use crate::measure;
use crate::metric::{Metric, Sample};
use crate::session::{Login, Session};
use crate::target::{LOCKED_USER, REJECTED_USER, Target, USER, USER_PASSWORD};
use crate::wire::odd;

/// Logins of each kind that are timed.
const SAMPLES: usize = 300;
/// Logins of each kind before that.
const WARM_UP: usize = 5;

/// Why a login is refused: login and password of each.
const KINDS: [(&str, &str); 4] = [
    ("nobody", USER_PASSWORD),
    (USER, "another password than that"),
    (LOCKED_USER, USER_PASSWORD),
    (REJECTED_USER, USER_PASSWORD),
];

/// What is said on the bus to all of them.
const REFUSED: &str = "Permission Denied";

/// Where a login is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `POST /sso/user/login`.
    Rest,
    /// A ticket over WebSocket.
    Bus,
}

/// Tries each kind in turn, one login at a time, from connecting to the answer.
pub async fn run(target: &Target, door: Door) -> io::Result<Sample> {
    let mut times = KINDS.map(|_| Vec::with_capacity(SAMPLES));
    let mut answers = Vec::new();
    for turn in 0..WARM_UP + SAMPLES {
        // No kind has always the same one before it.
        let mut order = [0, 1, 2, 3];
        order.rotate_left(turn % KINDS.len());
        if turn / KINDS.len() % 2 == 1 {
            order.reverse();
        }
        for kind in order {
            let (Some((login, password)), Some(times)) = (KINDS.get(kind), times.get_mut(kind)) else { continue };
            let began = Instant::now();
            let answer = refused(target, door, login, password).await?;
            if turn >= WARM_UP {
                times.push(began.elapsed());
            }
            if !answers.contains(&answer) {
                answers.push(answer);
            }
        }
    }
    if let [_, _, ..] = answers.as_slice() {
        return Err(odd(&format!("the answers differ: {}", answers.join(" | "))));
    }
    let spread = spread_percent(&mut times).ok_or_else(|| odd("no login was timed"))?;
    let mut all = times.concat();
    all.sort_unstable();
    let mut sample = Sample::from([(Metric::SpreadPercent, spread)]);
    sample.extend(measure::quantile_us(&all, 0.50).map(|latency| (Metric::P50Us, latency)));
    sample.extend(measure::quantile_us(&all, 0.99).map(|latency| (Metric::P99Us, latency)));
    Ok(sample)
}

/// By how much the longest median exceeds the shortest, in percent.
fn spread_percent(times: &mut [Vec<Duration>]) -> Option<f64> {
    for times in times.iter_mut() {
        times.sort_unstable();
    }
    let medians = times.iter().map(|times| measure::quantile_us(times, 0.50));
    let medians = medians.collect::<Option<Vec<f64>>>()?;
    let least = medians.iter().copied().min_by(f64::total_cmp)?;
    let most = medians.iter().copied().max_by(f64::total_cmp)?;
    Some((most / least - 1.0) * 100.0)
}

/// What is answered to a login that has to be refused.
async fn refused(target: &Target, door: Door, login: &str, password: &str) -> io::Result<String> {
    match door {
        Door::Rest => {
            // The correlation id comes back in the answer.
            let body = json!({ "username": login, "password": password, "current_app": APPLICATION, "cid": "bench" });
            let mut http = Http::connect(address(target)?).await?;
            let (line, body) = http.exchange_any(&http::request("POST", "/sso/user/login", &body)).await?;
            let answer = format!("{line}: {}", String::from_utf8_lossy(&body));
            if answer.contains(r#""status":"error""#) {
                Ok(answer)
            } else {
                Err(odd(&format!("not refused: {answer}")))
            }
        }
        Door::Bus => {
            let address =
                Transport::WebSocket.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
            let realm = target.realm.ok_or_else(|| odd("sessions need a router"))?;
            let login = Login::Ticket { login: login.to_owned(), ticket: password.to_owned() };
            match Session::open(address, Speech::PLAIN.active, realm, &login).await {
                Ok(_) => Err(odd("not refused")),
                Err(error) if error.to_string().contains(REFUSED) => Ok(error.to_string()),
                Err(error) => Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_the_longest_median_with_the_shortest() {
        let check = |times: [&[u64]; 3], want: Option<f64>| {
            let mut times = times.map(|times| times.iter().copied().map(Duration::from_millis).collect());
            assert_eq!(spread_percent(&mut times).map(f64::round), want);
        };
        check([&[9, 100, 90], &[105, 100, 110], &[95, 102, 400]], Some(17.0));
        check([&[1, 2], &[2, 1], &[2, 1]], Some(0.0));
        check([&[1], &[], &[1]], None);
    }
}
