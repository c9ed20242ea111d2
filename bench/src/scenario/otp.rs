//! One-time passwords: minted, and minted and spent by a login.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use countersign_wamp::{Dict, Id, Message, Payload, UriText, Value};

use super::Speech;
use crate::measure::{self, Figures, Tally};
use crate::session::{Login, Session};
use crate::target::{Target, USER, USER_PASSWORD};
use crate::wire::odd;

const MINT: &str = "com.izaber.wamp.my.otp.create";

/// Runs the load: each of `clients` mints one after the other, and spends each by a login on a connection of its own
/// where `spends` says so.
pub async fn run(
    target: &Target,
    speech: Speech,
    clients: usize,
    spends: bool,
    window: Duration,
) -> io::Result<Figures> {
    let realm = target.realm.ok_or_else(|| odd("one-time passwords need Countersign"))?;
    let tally = Rc::new(Tally::default());
    let mut parts = Vec::new();
    for _ in 0..clients {
        let login = Login::Ticket { login: USER.to_owned(), ticket: USER_PASSWORD.to_owned() };
        let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
        let session = Session::open(address, speech.active, realm, &login).await?;
        parts.push(cycle(session, address.clone(), realm, speech, spends, Rc::clone(&tally)));
    }
    measure::run(target.pid, window, tally, parts).await
}

async fn cycle(
    mut minter: Session,
    address: crate::wire::Address,
    realm: &'static str,
    speech: Speech,
    spends: bool,
    tally: Rc<Tally>,
) -> io::Result<()> {
    let mut request = Id::FIRST;
    while !tally.is_over() {
        let began = Instant::now();
        let otp = mint(&mut minter, request).await?;
        request = request.next();
        if spends {
            Session::open(&address, speech.active, realm, &otp).await?;
        }
        tally.done_since(began);
    }
    Ok(())
}

async fn mint(minter: &mut Session, request: Id) -> io::Result<Login> {
    let procedure = UriText::from(MINT);
    minter.send(&Message::Call { request, options: Dict::new(), procedure, payload: Payload::absent() }).await?;
    let answer = match minter.receive().await? {
        Message::Result { payload, .. } => payload.values(),
        other => return Err(odd(&format!("no one-time password: {other:?}"))),
    };
    let (arguments, _) = answer.map_err(|error| odd(&error.to_string()))?;
    let text = |key: &str| match arguments.first() {
        Some(Value::Dict(dict)) => dict.get(key).and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    match (text("login"), text("plaintext_key")) {
        (Some(login), Some(ticket)) => Ok(Login::Ticket { login, ticket }),
        _ => Err(odd("an answer without a one-time password")),
    }
}
