//! The login of a session: from HELLO, by the method that was chosen, to who is behind it.
//!
//! **Invariant:** an [`Entry`] of a user is made from a [`LoggedIn`] only, which only the rules
//! of identity make. A stranger hears the same for every cause (contract of the bus, section 9).

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_identity::audit::Reason;
use countersign_identity::login::{Attempt, Claim, LoggedIn, LoginError};
use countersign_identity::permission::Restriction;
use countersign_identity::repository::RepositoryError;
use countersign_identity::role::RoleName;
use countersign_identity::{Actor, RequestContext, Secret, SessionKind};
use countersign_router::ClientFeatures;
use countersign_wamp::{Dict, Id, Signature, uris};

use super::Doors;
use super::hello::{Abort, Hello};
use super::methods::AuthMethod;
use super::peer::Peer;
use super::proof::{NoQuestion, ProofMethod, Question};
use crate::cid;
use crate::clock::now;

/// How the metrics name a login that opened a session.
pub const ACCEPTED: &str = "accepted";
/// How the metrics name a login that could not be decided.
const FAILED: &str = "failed";

/// How the metrics name a login that opened no session.
pub fn outcome(error: &LoginError) -> &'static str {
    match error {
        LoginError::Refused(reason) => reason.name(),
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
}

impl Pending {
    /// The method of the challenge.
    pub fn method(&self) -> AuthMethod {
        self.hello.method
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
    /// What the client announced.
    pub features: ClientFeatures,
    /// From where, with which agent.
    pub context: RequestContext,
    /// When the login began: a revocation since then keeps the session out.
    pub began: Instant,
}

/// What one attempt is known by, whichever method it uses.
struct Try {
    id: Id,
    session: String,
    context: RequestContext,
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

    fn claim<'a>(&'a self, login: &'a str) -> Claim<'a> {
        Claim { login, context: &self.context, session: &self.session }
    }
}

/// Begins the login that a HELLO asks for.
pub async fn begin(doors: &Doors, peer: &Peer, hello: Hello) -> Step {
    match hello.method {
        AuthMethod::Ticket => {
            Step::Challenge { pending: Pending { hello, question: Asked::Ticket }, extra: Dict::new() }
        }
        AuthMethod::Proof(method) => ask(doors, peer, hello, method).await,
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

/// Goes on with the answer to a challenge.
pub async fn authenticate(doors: &Doors, peer: &Peer, pending: Pending, signature: &Signature, extra: &Dict) -> Step {
    let Pending { hello, question } = pending;
    match question {
        Asked::Ticket => by_ticket(doors, peer, hello, signature).await,
        Asked::Proof(question, id) => {
            let attempted = Try::with_id(id, peer, &hello);
            let login = question.login(&hello);
            match question.settle(doors, signature.expose(), extra, &attempted.claim(&login)).await {
                Ok((login, own)) => Step::Joined(Box::new(entry(doors, attempted, &hello, &login, own))),
                // A challenge is answered once: for another answer there has to be another HELLO.
                Err(LoginError::Refused(reason)) => {
                    let (method, outcome) = (hello.method, reason.name());
                    Step::Refused { abort: denied(doors), again: None, method, outcome }
                }
                Err(LoginError::Storage(fault)) => failed(hello.method, &attempted.context, &fault),
            }
        }
    }
}

async fn by_ticket(doors: &Doors, peer: &Peer, hello: Hello, signature: &Signature) -> Step {
    let attempted = Try::new(doors, peer, &hello);
    let ticket = Secret::new(signature.expose());
    let attempt = Attempt { claim: attempted.claim(&hello.authid), ticket: &ticket };
    match doors.app.login(&attempt).await {
        Ok(login) => Step::Joined(Box::new(entry(doors, attempted, &hello, &login, Dict::new()))),
        Err(LoginError::Refused(reason)) => {
            let (method, outcome) = (hello.method, reason.name());
            let again = Some(Pending { hello, question: Asked::Ticket });
            Step::Refused { abort: denied(doors), again, method, outcome }
        }
        Err(LoginError::Storage(fault)) => failed(hello.method, &attempted.context, &fault),
    }
}

/// Writes into the trail that a login was through, but its user was locked or changed meanwhile.
pub async fn revoked(doors: &Doors, entry: &Entry) -> Abort {
    let claim = Claim { login: &entry.authid, context: &entry.context, session: &entry.id.to_string() };
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
            SessionKind::Password => None,
        },
        features: hello.features,
        context: attempted.context,
        began: attempted.began,
    }
}

/// What a stranger hears, whatever the cause.
fn denied(doors: &Doors) -> Abort {
    Abort { reason: doors.procedures.errors().permission_denied.clone().into(), message: "Permission Denied".into() }
}

/// Our own fault: the cause goes to the log, the client hears under which reference.
fn failed(method: AuthMethod, context: &RequestContext, fault: &RepositoryError) -> Step {
    tracing::error!(cid = context.cid, error = ?fault, "a login failed on our side");
    let message = format!("the login failed on the server's side; reference {}", context.cid);
    let abort = Abort::new(uris::error::AUTHENTICATION_FAILED, message);
    Step::Refused { abort, again: None, method, outcome: FAILED }
}
