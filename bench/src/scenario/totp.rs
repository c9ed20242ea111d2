//! Codes of second factors, looked at over the sign-on API.
//!
//! A code counts once, and only the steps around the present one count; so there are many users, and each shows its codes one
//! after the other.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder};

use super::Part;
use super::rest::{APPLICATION, address, log_in};
use crate::http::{Http, request};
use crate::measure::{self, Tally};
use crate::metric::Sample;
use crate::target::{SUPER_USER, Target, USER_PASSWORD};
use crate::wire::odd;

/// Users who are there for it; each has two codes at a time, that of the present step and the next one. The one before is
/// good too, but not if the step ends before the server looks at it.
pub const USERS: u64 = 32_000;
/// Connections that set the keys.
const SETTERS: u64 = 32;
/// The key of all of them, in base32 and as bytes.
const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const KEY_BYTES: &[u8] = b"12345678901234567890";
/// Seconds of a step.
const STEP_SECONDS: u64 = 30;
/// Crockford's base32, in which the sign-on API writes users' ids.
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Users, and the last step whose code each has shown.
type Turns = Rc<RefCell<VecDeque<(u64, u64)>>>;

/// Gives all users keys, then shows codes over `clients` connections.
pub async fn run(target: &Target, clients: u64, window: Duration) -> io::Result<Sample> {
    let token: Rc<str> = log_in(target, SUPER_USER, USER_PASSWORD).await?.into();
    set_keys(target, &token).await?;
    let turns: Turns = Rc::new(RefCell::new((0..USERS).map(|user| (user, 0)).collect()));
    let tally = Rc::new(Tally::default());
    let mut parts: Vec<Part> = Vec::new();
    for _ in 0..clients {
        let http = Http::connect(address(target)?).await?;
        parts.push(Box::pin(keep_showing(http, Rc::clone(&token), Rc::clone(&turns), Rc::clone(&tally))));
    }
    measure::run(target, window, tally, parts).await
}

async fn set_keys(target: &Target, token: &Rc<str>) -> io::Result<()> {
    let local = tokio::task::LocalSet::new();
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..SETTERS {
        let (mut http, token) = (Http::connect(address(target)?).await?, Rc::clone(token));
        let setting = async move {
            for user in (first..USERS).step_by(usize::try_from(SETTERS).unwrap_or(1)) {
                let body =
                    json!({ "ust": *token, "user_id": user_id(user), "totp_key": KEY, "current_app": APPLICATION });
                http.json("PATCH", "/sso/user/totp", &body).await?;
            }
            Ok::<_, io::Error>(())
        };
        tasks.spawn_local_on(setting, &local);
    }
    local
        .run_until(async {
            while let Some(ended) = tasks.join_next().await {
                ended.map_err(io::Error::other)??;
            }
            Ok(())
        })
        .await
}

async fn keep_showing(mut http: Http, token: Rc<str>, turns: Turns, tally: Rc<Tally>) -> io::Result<()> {
    let codes = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP_SECONDS)
        .with_secret(KEY_BYTES)
        .build_noncompliant();
    while !tally.is_over() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
        let present = now.as_secs() / STEP_SECONDS;
        let turn = turns.borrow_mut().pop_front();
        let Some((user, last)) = turn else { return Err(odd("no users")) };
        let step = (last + 1).max(present);
        if step > present + 1 {
            return Err(odd("more codes than the users have"));
        }
        let body = json!({
            "current_ust": *token,
            "username": crate::target::filled_login(user),
            "totp_code": codes.generate(step * STEP_SECONDS).to_string(),
            "current_app": APPLICATION,
        });
        let request = request("POST", "/sso/user/totp/validate", &body);
        let began = Instant::now();
        let answer: Value = serde_json::from_slice(&http.exchange(&request).await?)?;
        if answer.get("status").and_then(Value::as_str) != Some("ok") {
            return Err(odd(&format!("not accepted: {answer}")));
        }
        tally.done_since(began);
        turns.borrow_mut().push_back((user, step));
    }
    Ok(())
}

/// The id of a user with this number, as the sign-on API writes it.
fn user_id(number: u64) -> String {
    let mut digits = Vec::new();
    let mut rest = number + 1;
    while rest > 0 {
        let digit = usize::try_from(rest % 32).ok().and_then(|index| CROCKFORD.get(index));
        digits.extend(digit.copied().map(char::from));
        rest /= 32;
    }
    let digits: String = digits.into_iter().rev().collect();
    format!("zusr{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_ids_as_the_api_does() {
        assert_eq!(user_id(0), "zusr1");
        assert_eq!(user_id(31), "zusr10");
    }
}
