//! Sessions: each client opens one after the other, on connections of their own. And one-time passwords: made, spent.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use countersign_wamp::{Dict, Message, Payload, UriText, Value};

use super::{Part, Speech, rest};
use crate::measure::{self, Tally};
use crate::metric::Sample;
use crate::session::{Login, Session};
use crate::target::{SUPER_USER, Target, USER_PASSWORD};
use crate::wire::{Address, odd};

/// Makes a one-time password for the caller.
pub const MINT_OTP: &str = "com.izaber.wamp.my.otp.create";
/// Makes an API key for the caller.
const MINT_API_KEY: &str = "com.izaber.wamp.my.apikeys.create";
/// How long one-time passwords are made ahead, for the time in which they are spent. Making one counts those that its user
/// has, so with many of them it takes longer than spending one.
const MAKING_TIMES: u32 = 4;
/// Sessions that make them.
const MINTERS: u64 = 64;

/// How sessions are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By nobody in particular.
    Anonymous,
    /// By the ticket that a target takes many times without burning processor time for it: an API key, with Crossbar
    /// the configured one.
    ApiKey,
    /// By the token of a sign-on session.
    SessionToken,
    /// By a password, which is hashed.
    Password,
    /// By one-time passwords that were made before.
    Otp,
}

/// What is done in a session over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// A one-time password is made.
    Mint,
    /// A one-time password is made, and spent by a login.
    MintAndSpend,
    /// A request is refused, which leaves a row in the audit trail and nothing else.
    Refused,
}

/// Opens sessions.
pub async fn open(target: &Target, speech: Speech, way: Way, clients: usize, window: Duration) -> io::Result<Sample> {
    let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
    let realm = target.realm.ok_or_else(|| odd("sessions need a router"))?;
    let logins = Rc::new(logins(target, speech, way, window).await?);
    let tally = Rc::new(Tally::default());
    let parts = (0..clients).map(|_| -> Part {
        Box::pin(keep_opening(address.clone(), realm, speech, Rc::clone(&logins), Rc::clone(&tally)))
    });
    measure::run(target, window, Rc::clone(&tally), parts.collect::<Vec<_>>()).await
}

/// Where logins come from.
enum Logins {
    /// The same for all.
    Same(Login),
    /// Each once.
    Once(RefCell<Vec<Login>>),
}

impl Logins {
    fn next(&self) -> io::Result<Login> {
        match self {
            Self::Same(login) => Ok(login.clone()),
            Self::Once(logins) => logins.borrow_mut().pop().ok_or_else(|| odd("more logins than were prepared")),
        }
    }
}

async fn logins(target: &Target, speech: Speech, way: Way, window: Duration) -> io::Result<Logins> {
    Ok(match way {
        Way::Anonymous => Logins::Same(Login::Anonymous),
        Way::Password => Logins::Same(target.password_login(0)?),
        Way::SessionToken => {
            let token = rest::log_in(target, SUPER_USER, USER_PASSWORD).await?;
            Logins::Same(Login::Ticket { login: SUPER_USER.to_owned(), ticket: token })
        }
        // Only a server of ours has keys.
        Way::ApiKey if target.http.is_none() => Logins::Same(target.password_login(0)?),
        Way::ApiKey => {
            let mut sessions = signed_in(target, speech, 1).await?;
            let session = sessions.first_mut().ok_or_else(|| odd("no session"))?;
            Logins::Same(mint(session, MINT_API_KEY).await?)
        }
        Way::Otp => Logins::Once(RefCell::new(otps(target, speech, window).await?)),
    })
}

/// Makes one-time passwords, more than can be spent in the time.
async fn otps(target: &Target, speech: Speech, window: Duration) -> io::Result<Vec<Login>> {
    let sessions = signed_in(target, speech, MINTERS).await?;
    let time = (window + measure::WARM_UP) * MAKING_TIMES;
    let began = Instant::now();
    let made = Rc::new(RefCell::new(Vec::new()));
    let local = tokio::task::LocalSet::new();
    let mut tasks = tokio::task::JoinSet::new();
    for mut session in sessions {
        let made = Rc::clone(&made);
        let minting = async move {
            while began.elapsed() < time {
                let otp = mint(&mut session, MINT_OTP).await?;
                made.borrow_mut().push(otp);
            }
            Ok::<_, io::Error>(())
        };
        tasks.spawn_local_on(minting, &local);
    }
    local
        .run_until(async {
            while let Some(ended) = tasks.join_next().await {
                ended.map_err(io::Error::other)??;
            }
            Ok::<_, io::Error>(())
        })
        .await?;
    Ok(made.take())
}

async fn keep_opening(
    address: Address,
    realm: &'static str,
    speech: Speech,
    logins: Rc<Logins>,
    tally: Rc<Tally>,
) -> io::Result<()> {
    while !tally.is_over() {
        let login = logins.next()?;
        let began = Instant::now();
        Session::open(&address, speech.active, realm, &login).await?;
        tally.done_since(began);
    }
    Ok(())
}

/// Does errands: each of `clients` one after the other.
pub async fn errands(
    target: &Target,
    speech: Speech,
    clients: u64,
    errand: Errand,
    window: Duration,
) -> io::Result<Sample> {
    let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
    let realm = target.realm.ok_or_else(|| odd("one-time passwords need Countersign"))?;
    let tally = Rc::new(Tally::default());
    let mut parts: Vec<Part> = Vec::new();
    for session in signed_in(target, speech, clients).await? {
        parts.push(Box::pin(keep_on(session, address.clone(), realm, errand, Rc::clone(&tally))));
    }
    measure::run(target, window, tally, parts).await
}

async fn keep_on(
    mut session: Session,
    address: Address,
    realm: &'static str,
    errand: Errand,
    tally: Rc<Tally>,
) -> io::Result<()> {
    let encoding = session.wire.encoding;
    while !tally.is_over() {
        let began = Instant::now();
        match errand {
            Errand::Mint => drop(mint(&mut session, MINT_OTP).await?),
            Errand::MintAndSpend => {
                let otp = mint(&mut session, MINT_OTP).await?;
                Session::open(&address, encoding, realm, &otp).await?;
            }
            Errand::Refused => {
                // It takes no arguments.
                match call(&mut session, MINT_OTP, Payload::of("too much")).await? {
                    Message::Error { .. } => {}
                    other => return Err(odd(&format!("not refused: {other:?}"))),
                }
            }
        }
        tally.done_since(began);
    }
    Ok(())
}

/// Sessions of a few users, by tokens of theirs: a password for each session would take long.
async fn signed_in(target: &Target, speech: Speech, count: u64) -> io::Result<Vec<Session>> {
    let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
    let realm = target.realm.ok_or_else(|| odd("sessions need a router"))?;
    let logins = rest::tokens(target).await?;
    let mut sessions = Vec::new();
    for (_, login) in (0..count).zip(logins.iter().cycle()) {
        sessions.push(Session::open(address, speech.active, realm, login).await?);
    }
    Ok(sessions)
}

async fn call(session: &mut Session, procedure: &str, payload: Payload) -> io::Result<Message> {
    let request = session.next_request();
    let procedure = UriText::from(procedure);
    session.send(&Message::Call { request, options: Dict::new(), procedure, payload }).await?;
    session.receive().await
}

/// Makes a ticket by a call of `procedure`; the user is the session's own.
pub async fn mint(session: &mut Session, procedure: &str) -> io::Result<Login> {
    let answer = match call(session, procedure, Payload::absent()).await? {
        Message::Result { payload, .. } => payload.values(),
        other => return Err(odd(&format!("{procedure} makes nothing: {other:?}"))),
    };
    let (arguments, _) = answer.map_err(|error| odd(&error.to_string()))?;
    let ticket = match arguments.first() {
        Some(Value::Dict(dict)) => dict.get("plaintext_key").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    match (&session.login, ticket) {
        (Some(Login::Ticket { login, .. }), Some(ticket)) => Ok(Login::Ticket { login: login.clone(), ticket }),
        _ => Err(odd("an answer without a ticket")),
    }
}
