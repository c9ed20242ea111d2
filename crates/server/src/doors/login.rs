//! The login of a session: from HELLO, by the method that was chosen, to who is behind it.
//!
//! **Invariant:** an [`Entry`] of a user is made from a [`LoggedIn`] only, which only the rules
//! of identity make. A stranger hears the same for every cause (contract of the bus, section 9).

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_identity::audit::Reason;
use countersign_identity::login::{Attempt, Claim, CookieLogin, KnownCookie, LoggedIn, LoginError, NewCookie, Purpose};
use countersign_identity::permission::Restriction;
use countersign_identity::repository::{RepositoryError, WhichCookies};
use countersign_identity::role::RoleName;
use countersign_identity::{Actor, CredentialId, RequestContext, Secret, SessionKind};
use countersign_router::ClientFeatures;
use countersign_wamp::{Dict, Id, Signature, uris};
use tokio::task::JoinHandle;

use super::Doors;
use super::awaits_code::{Awaited, AwaitsCode};
use super::hello::{self, Abort, Hello};
use super::methods::AuthMethod;
use super::peer::Peer;
use super::proof::{NoQuestion, ProofMethod, Question};
use crate::cid;
use crate::clock::{now, random};
use crate::cookies::{self, Ending};
use crate::hub::{Bond, Bound};

/// How the metrics name a login that opened a session.
pub const ACCEPTED: &str = "accepted";
/// The method of the challenge that asks for a code of the second factor.
const CODE_METHOD: &str = "totp";
/// How the metrics name a login that could not be decided.
const FAILED: &str = "failed";

/// How the metrics name a login that opened no session.
pub fn outcome(error: &LoginError) -> &'static str {
    match error {
        LoginError::Refused(reason) => reason.name(),
        LoginError::CodeNeeded(_) => Reason::CodeMissing.name(),
        LoginError::Storage(_) => FAILED,
    }
}

/// What comes next.
pub enum Step {
    /// The client has to answer this CHALLENGE.
    Challenge {
        /// What the answer is for.
        pending: Pending,
        /// CHALLENGE's `extra`.
        extra: Dict,
    },
    /// The client is in.
    Joined(Box<Entry>),
    /// It is not.
    Refused {
        /// Why, as far as the client hears.
        abort: Abort,
        /// What another AUTHENTICATE would be for, if it may send one without a new HELLO.
        again: Option<Pending>,
        /// The method that was tried.
        method: AuthMethod,
        /// How the metrics name the outcome: the reason's name, or [`FAILED`].
        outcome: &'static str,
    },
}

/// A login that waits for the answer to its challenge.
pub struct Pending {
    hello: Hello,
    question: Asked,
}

/// What the client was asked.
enum Asked {
    /// For its ticket.
    Ticket,
    /// For a proof, of a session with this id.
    Proof(Box<Question>, Id),
    /// For a code of the second factor, after the ticket or the proof was right.
    Code(Box<AwaitsCode>),
}

impl Pending {
    /// The method of the challenge.
    pub fn method(&self) -> &'static str {
        match &self.question {
            Asked::Ticket | Asked::Proof(..) => self.hello.method.name(),
            Asked::Code(_) => CODE_METHOD,
        }
    }

    /// [`ClientFeatures::is_plain`].
    pub fn is_of_plain_client(&self) -> bool {
        self.hello.features.is_plain()
    }

    /// Whether somebody may have to look for the answer.
    pub fn needs_time(&self) -> bool {
        matches!(self.question, Asked::Code(_))
    }
}

/// What is known of a session once its login is through.
pub struct Entry {
    /// The session's id.
    pub id: Id,
    /// Who is behind it.
    pub actor: Actor,
    /// The name that others see.
    pub authid: Arc<str>,
    /// The role that others see.
    pub authrole: Arc<str>,
    /// How it was authenticated.
    pub method: AuthMethod,
    /// WELCOME's `authextra`.
    pub extra: Dict,
    /// What narrows the role, if anything does.
    pub restriction: Option<Arc<Restriction>>,
    /// How long the session may last, if that is limited.
    pub longest: Option<Duration>,
    /// The sign-on session or API key with which it ends.
    pub bond: Option<Bond>,
    /// The cookie with which the session ends.
    pub cookie: Option<CredentialId>,
    /// The cookie that its login has left in the browser.
    pub leaves: Option<KnownCookie>,
    /// What the client announced.
    pub features: ClientFeatures,
    /// From where, with which agent.
    pub context: RequestContext,
    /// When the login began: a revocation since then keeps the session out.
    pub began: Instant,
}

/// What one attempt is known by, whichever method it uses.
pub struct Try {
    id: Id,
    session: String,
    pub context: RequestContext,
    began: Instant,
}

impl Try {
    fn new(doors: &Doors, peer: &Peer, hello: &Hello) -> Self {
        Self::with_id(doors.hub.new_session_id(), peer, hello)
    }

    fn with_id(id: Id, peer: &Peer, hello: &Hello) -> Self {
        let context = RequestContext::new(cid::generate(), peer.address, &hello.agent, "wamp");
        Self { id, session: id.to_string(), context, began: Instant::now() }
    }

    pub fn claim<'a>(&'a self, login: &'a str, code: Option<&'a Secret>) -> Claim<'a> {
        Claim { login, context: &self.context, session: &self.session, code, purpose: Purpose::Session }
    }
}

/// Begins the login that a HELLO asks for.
pub async fn begin(doors: &Doors, peer: &Peer, mut hello: Hello) -> Step {
    if hello.method == AuthMethod::Cookie {
        let reason = match cookie(doors, peer, &hello).await {
            Ok(step) => return step,
            Err(reason) => reason,
        };
        let Some(method) = hello.otherwise else {
            return refused(doors, hello.method, reason.unwrap_or(Reason::WrongCookie));
        };
        if let Some(reason) = reason {
            doors.app.metrics.login(hello.method.name(), reason.name());
        }
        hello.method = method;
    }
    match hello.method {
        AuthMethod::Ticket => {
            Step::Challenge { pending: Pending { hello, question: Asked::Ticket }, extra: Dict::new() }
        }
        AuthMethod::Proof(method) => ask(doors, peer, hello, method).await,
        AuthMethod::Cookie => refused(doors, hello.method, Reason::WrongCookie),
        AuthMethod::Tls => certificate(doors, peer, &hello).await,
        AuthMethod::Anonymous => anonymous(doors, Try::new(doors, peer, &hello), &hello).await,
    }
}

async fn ask(doors: &Doors, peer: &Peer, hello: Hello, method: ProofMethod) -> Step {
    let attempted = Try::new(doors, peer, &hello);
    match Question::ask(doors, peer, &hello, method, attempted.id).await {
        Ok((question, extra)) => {
            let question = Asked::Proof(Box::new(question), attempted.id);
            Step::Challenge { pending: Pending { hello, question }, extra }
        }
        Err(NoQuestion::Refused(abort)) => {
            Step::Refused { abort, again: None, method: hello.method, outcome: Reason::BadRequest.name() }
        }
        Err(NoQuestion::Storage(fault)) => failed(hello.method, &attempted.context, &fault),
    }
}

/// By the cookie that the browser has sent, if it sent one; or why it is no good, for the metrics.
async fn cookie(doors: &Doors, peer: &Peer, hello: &Hello) -> Result<Step, Option<Reason>> {
    let browser = peer.browser.as_deref().ok_or(None)?;
    let presented = browser.presented.as_ref().ok_or(None)?;
    let attempted = Try::new(doors, peer, hello);
    let value = Some(presented).filter(|_| !browser.is_foreign);
    match doors.app.login_by_cookie(&attempted.claim(&hello.authid, None), value).await {
        Ok(CookieLogin { login, cookie, expires }) => {
            let longest = Some(expires.duration_since(now()));
            let entered = entry(doors, attempted, hello, &login, Dict::new());
            Ok(Step::Joined(Box::new(Entry { longest, cookie: Some(cookie), ..entered })))
        }
        Err(LoginError::Refused(reason)) => Err(Some(reason)),
        Err(LoginError::CodeNeeded(_)) => Err(Some(Reason::CodeMissing)),
        Err(LoginError::Storage(fault)) => Ok(failed(hello.method, &attempted.context, &fault)),
    }
}

/// The cookie that a login by password leaves: the one that this connection has set.
fn new_cookie(doors: &Doors, peer: &Peer, hello: &Hello) -> Option<NewCookie> {
    let fresh = peer.browser.as_ref()?.fresh.as_ref().filter(|_| hello.takes_cookie)?;
    let lifetime = Duration::from_secs(doors.app.config.auth.cookie.max_age_seconds);
    let now = now();
    let id = CredentialId::generate(now, &mut random());
    Some(NewCookie { id, value: fresh.clone(), expires: now.saturating_add(lifetime) })
}

/// Says on which cookie a session is whose login by password is through. One of another user in
/// the same browser ends: who comes back must not be taken for that user.
fn settle_cookie(doors: &Arc<Doors>, peer: &Peer, entry: &mut Entry, login: &LoggedIn, new: Option<&NewCookie>) {
    if login.kind() != SessionKind::Password {
        return;
    }
    let owner = login.user().id;
    match (new, peer.browser.as_ref().and_then(|browser| browser.known)) {
        (Some(new), _) => {
            entry.cookie = Some(new.id);
            entry.leaves = Some(KnownCookie { id: new.id, owner });
        }
        (None, Some(known)) if known.owner == owner => entry.cookie = Some(known.id),
        (None, Some(known)) => {
            let why = "another user logged in";
            drop(log_out(doors, known.id, why, &entry.actor, &entry.context));
        }
        (None, None) => {}
    }
}

/// Ends a cookie and the sessions that are on it. They are gone when this returns; the task ends
/// when that is durable.
pub fn log_out(
    doors: &Arc<Doors>,
    cookie: CredentialId,
    why: &'static str,
    by: &Actor,
    context: &RequestContext,
) -> JoinHandle<()> {
    let which = WhichCookies::One(cookie);
    doors.hub.end_cookie(cookie);
    let ending = Ending { which, why, by: by.clone(), context: context.clone() };
    doors.tasks.spawn(cookies::remove(Arc::clone(&doors.app), Arc::clone(&doors.hub), ending))
}

/// By the certificate that the client has shown; without a name in HELLO it is the certificate's.
async fn certificate(doors: &Doors, peer: &Peer, hello: &Hello) -> Step {
    let Some(certificate) = peer.tls.as_ref().and_then(|tls| tls.certificate.as_deref()) else {
        return refused(doors, hello.method, Reason::CertificateUnusable);
    };
    let attempted = Try::new(doors, peer, hello);
    let name = certificate.holder.name.as_deref().unwrap_or_default();
    let claim = attempted.claim(if hello.authid.is_empty() { name } else { &hello.authid }, None);
    match doors.app.login_by_certificate(&claim, &certificate.holder).await {
        Ok(login) => {
            let longest = Some(certificate.expires.duration_since(now()));
            Step::Joined(Box::new(Entry { longest, ..entry(doors, attempted, hello, &login, Dict::new()) }))
        }
        Err(LoginError::Refused(reason)) => refused(doors, hello.method, reason),
        Err(LoginError::CodeNeeded(_)) => refused(doors, hello.method, Reason::CodeMissing),
        Err(LoginError::Storage(fault)) => failed(hello.method, &attempted.context, &fault),
    }
}

/// Goes on with the answer to a challenge.
pub async fn authenticate(
    doors: &Arc<Doors>,
    peer: &Peer,
    pending: Pending,
    signature: &Signature,
    extra: &Dict,
) -> Step {
    let Pending { hello, question } = pending;
    let code = hello::code(extra).or_else(|| hello.code.clone());
    match question {
        Asked::Ticket => by_ticket(doors, peer, hello, signature, code.as_ref()).await,
        Asked::Proof(question, id) => {
            let attempted = Try::with_id(id, peer, &hello);
            let login = question.login(&hello);
            let claim = attempted.claim(&login, code.as_ref());
            let (decided, own) = question.settle(doors, signature.expose(), extra, &claim).await;
            let settled = Settled { peer, attempted, hello, login, own, cookie: None };
            // A challenge is answered once: for another answer there has to be another HELLO.
            settle(doors, settled, decided, false)
        }
        Asked::Code(waiting) => by_code(doors, peer, hello, *waiting, signature, extra).await,
    }
}

async fn by_ticket(
    doors: &Arc<Doors>,
    peer: &Peer,
    hello: Hello,
    signature: &Signature,
    code: Option<&Secret>,
) -> Step {
    let attempted = Try::new(doors, peer, &hello);
    let ticket = Secret::new(signature.expose());
    let cookie = new_cookie(doors, peer, &hello);
    let attempt = Attempt { claim: attempted.claim(&hello.authid, code), ticket: &ticket, cookie: cookie.as_ref() };
    let decided = doors.app.login(&attempt).await;
    let login = hello.authid.clone();
    settle(doors, Settled { peer, attempted, hello, login, own: Dict::new(), cookie }, decided, true)
}

/// The answer to the second challenge is the code itself; in `Extra` it is taken too.
async fn by_code(
    doors: &Arc<Doors>,
    peer: &Peer,
    hello: Hello,
    waiting: AwaitsCode,
    signature: &Signature,
    extra: &Dict,
) -> Step {
    let answered = Secret::new(signature.expose());
    let code = if answered.is_blank() { hello::code(extra).unwrap_or(answered) } else { answered };
    let Some(Awaited { attempted, login, own, cookie, needed }) = waiting.answered() else {
        return refused(doors, hello.method, Reason::CodeMissing);
    };
    let decided = doors.app.login_by_code(needed, &code, &attempted.claim(&login, None)).await;
    settle(doors, Settled { peer, attempted, hello, login, own, cookie }, decided, false)
}

/// A login about which there is a decision.
struct Settled<'a> {
    peer: &'a Peer,
    attempted: Try,
    hello: Hello,
    login: String,
    /// What the method adds to `authextra`.
    own: Dict,
    cookie: Option<NewCookie>,
}

/// What comes of a decision; `may_repeat`: another AUTHENTICATE needs no other HELLO.
fn settle(doors: &Arc<Doors>, settled: Settled<'_>, decided: Result<LoggedIn, LoginError>, may_repeat: bool) -> Step {
    let Settled { peer, attempted, hello, login, own, cookie } = settled;
    match decided {
        Ok(logged_in) => {
            let mut entry = entry(doors, attempted, &hello, &logged_in, own);
            settle_cookie(doors, peer, &mut entry, &logged_in, cookie.as_ref());
            Step::Joined(Box::new(entry))
        }
        Err(LoginError::CodeNeeded(needed)) => {
            let awaited = Awaited { attempted, login, own, cookie, needed: *needed };
            let waiting = AwaitsCode::new(doors, hello.method, awaited);
            Step::Challenge { pending: Pending { hello, question: Asked::Code(Box::new(waiting)) }, extra: Dict::new() }
        }
        Err(LoginError::Refused(reason)) if may_repeat => {
            let (method, outcome) = (hello.method, reason.name());
            let again = Some(Pending { hello, question: Asked::Ticket });
            Step::Refused { abort: denied(doors), again, method, outcome }
        }
        Err(LoginError::Refused(reason)) => refused(doors, hello.method, reason),
        Err(LoginError::Storage(fault)) => failed(hello.method, &attempted.context, &fault),
    }
}

/// Writes into the trail that a login was through, but its user was locked or changed meanwhile.
pub async fn revoked(doors: &Doors, entry: &Entry) -> Abort {
    let claim = Claim {
        login: &entry.authid,
        context: &entry.context,
        session: &entry.id.to_string(),
        code: None,
        purpose: Purpose::Session,
    };
    if let Err(fault) = doors.app.identity.record_refused_login(&claim, Reason::Revoked, now()).await {
        tracing::error!(cid = entry.context.cid, error = ?fault, "a refused login is missing in the trail");
    }
    denied(doors)
}

async fn anonymous(doors: &Doors, attempted: Try, hello: &Hello) -> Step {
    let authid = cid::serial();
    let Try { id, session, context, began } = attempted;
    if let Err(fault) = doors.app.identity.record_anonymous(&authid, &session, &context, now()).await {
        return failed(hello.method, &context, &fault);
    }
    Step::Joined(Box::new(Entry {
        id,
        actor: Actor::Anonymous,
        authid: authid.into(),
        authrole: RoleName::PUBLIC.into(),
        method: hello.method,
        extra: Dict::new().with("has_restrictions", false).with("authagent", &*hello.agent),
        restriction: None,
        longest: None,
        bond: None,
        cookie: None,
        leaves: None,
        features: hello.features,
        context,
        began,
    }))
}

/// `own`: what the method adds to `authextra`.
fn entry(doors: &Doors, attempted: Try, hello: &Hello, login: &LoggedIn, own: Dict) -> Entry {
    let mut extra = Dict::new().with("has_restrictions", login.has_restrictions()).with("authagent", &*hello.agent);
    for (key, value) in own {
        extra.push(key, value);
    }
    Entry {
        id: attempted.id,
        actor: login.actor(),
        authid: login.user().login.as_str().into(),
        authrole: login.user().role.as_str().into(),
        method: hello.method,
        extra,
        restriction: login.restriction(),
        longest: match login.kind() {
            SessionKind::Otp(_) => Some(Duration::from_secs(doors.app.config.otp.session_seconds_max)),
            SessionKind::Password
            | SessionKind::Certificate
            | SessionKind::Cookie(_)
            | SessionKind::SignOn(_)
            | SessionKind::ApiKey(..) => None,
        },
        bond: bond(login),
        cookie: None,
        leaves: None,
        features: hello.features,
        context: attempted.context,
        began: attempted.began,
    }
}

/// What binds a session to the sign-on session by whose token it is opened, or to the API key.
pub fn bond(login: &LoggedIn) -> Option<Bond> {
    match (login.kind(), login.expires()) {
        (SessionKind::SignOn(session), Some(expires)) => Some(Bond::new(Bound::SignOn(session), expires)),
        (SessionKind::ApiKey(key, _), Some(expires)) => Some(Bond::new(Bound::Key(key, login.revision()), expires)),
        _ => None,
    }
}

/// What a stranger hears, whatever the cause.
fn denied(doors: &Doors) -> Abort {
    Abort { reason: doors.procedures.errors().permission_denied.clone().into(), message: "Permission Denied".into() }
}

/// A refusal after which there has to be another HELLO.
fn refused(doors: &Doors, method: AuthMethod, reason: Reason) -> Step {
    Step::Refused { abort: denied(doors), again: None, method, outcome: reason.name() }
}

/// Our own fault: the cause goes to the log, the client hears under which reference.
fn failed(method: AuthMethod, context: &RequestContext, fault: &RepositoryError) -> Step {
    tracing::error!(cid = context.cid, error = ?fault, "a login failed on our side");
    let message = format!("the login failed on the server's side; reference {}", context.cid);
    let abort = Abort::new(uris::error::AUTHENTICATION_FAILED, message);
    Step::Refused { abort, again: None, method, outcome: FAILED }
}
