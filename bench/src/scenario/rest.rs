//! Requests to the sign-on API over connections that stay open.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Part;
use crate::http::{self, Http};
use crate::measure::{self, Tally};
use crate::metric::Sample;
use crate::session::Login;
use crate::target::{SUPER_USER, Target, USER_PASSWORD};
use crate::wire::odd;

/// Users with sessions.
const USERS: u64 = 8;
/// The application that asks; there by default.
pub const APPLICATION: &str = "CRM";

/// Where the sign-on API is.
pub fn address(target: &Target) -> io::Result<SocketAddr> {
    target.http.ok_or_else(|| odd("the target has no sign-on API"))
}

/// Opens a sign-on session; its token.
pub async fn log_in(target: &Target, username: &str, password: &str) -> io::Result<String> {
    let body = json!({ "username": username, "password": password, "current_app": APPLICATION });
    let answer = Http::connect(address(target)?).await?.json("POST", "/sso/user/login", &body).await?;
    let token = answer.get("ust").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| odd("a login without a token"))
}

/// Sign-on sessions of a few users, far from each other where there are many; their tokens are tickets of the bus too.
pub async fn tokens(target: &Target) -> io::Result<Vec<Login>> {
    let mut tokens = Vec::new();
    for number in 0..USERS {
        let Login::Ticket { login, ticket } = target.password_login(number)? else { continue };
        let ticket = log_in(target, &login, &ticket).await?;
        tokens.push(Login::Ticket { login, ticket });
    }
    Ok(tokens)
}

/// Validates sessions: each of `clients` asks whether a user's session is live, as an application's backend does for every
/// request of its own.
pub async fn validate(target: &Target, clients: u64, window: Duration) -> io::Result<Sample> {
    let address = address(target)?;
    let asking = log_in(target, SUPER_USER, USER_PASSWORD).await?;
    let tally = Rc::new(Tally::default());
    let mut parts: Vec<Part> = Vec::new();
    let tokens = tokens(target).await?;
    for (_, login) in (0..clients).zip(tokens.iter().cycle()) {
        let Login::Ticket { ticket: asked, .. } = login else { continue };
        let body = json!({ "current_ust": asking, "target_ust": asked, "current_app": APPLICATION });
        let request = http::request("POST", "/sso/user/session", &body);
        parts.push(Box::pin(keep_asking(Http::connect(address).await?, request, Rc::clone(&tally))));
    }
    measure::run(target, window, tally, parts).await
}

async fn keep_asking(mut http: Http, request: Vec<u8>, tally: Rc<Tally>) -> io::Result<()> {
    const VALID: &[u8] = b"\"is_valid\":true";
    while !tally.is_over() {
        let began = Instant::now();
        let answer = http.exchange(&request).await?;
        if !answer.windows(VALID.len()).any(|bytes| bytes == VALID) {
            return Err(odd(&format!("not valid: {}", String::from_utf8_lossy(&answer))));
        }
        tally.done_since(began);
    }
    Ok(())
}
