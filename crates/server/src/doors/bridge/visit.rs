//! The session of one request: it logs in, asks one thing, hears the answer, and leaves.
//!
//! It is a session like any other, with its user's identity and permissions; others see it join
//! and leave, and can end it.
//!
//! **Invariant:** it leaves the realm however the request ends, also when the client goes away.
//! The realm then interrupts a callee that is still at work.

use std::sync::Arc;
use std::time::Instant;

use countersign_identity::RequestContext;
use countersign_identity::audit::Reason;
use countersign_identity::login::{Attempt, Claim, LoggedIn, LoginError, Purpose};
use countersign_identity::repository::RepositoryError;
use countersign_router::ClientFeatures;
use countersign_wamp::{Dict, Encoding, Message, Payload, uris};

use crate::cid;
use crate::clock::now;
use crate::doors::Doors;
use crate::doors::credentials::Credentials;
use crate::doors::login;
use crate::doors::methods::AuthMethod;
use crate::doors::peer::Peer;
use crate::hub::{Joining, Live};
use crate::metrics::{OpenSession, Via};
use crate::outbox::{Outbox, Outgoing};

/// A session that is in the realm; leaves it on drop.
pub struct Visit {
    doors: Arc<Doors>,
    live: Arc<Live>,
    outbox: Arc<Outbox>,
    /// Counts the session as open.
    _counted: OpenSession,
}

/// Why a request has no session.
#[derive(Debug)]
pub enum NotIn {
    /// Login or ticket are not right, or whatever else a stranger isn't told.
    Denied,
    /// Its address tries too often.
    Throttled,
    /// Its address has given too many wrong codes for this user; this one was not looked at.
    CodesThrottled,
    /// Too many passwords are being checked.
    Busy,
    /// Our own fault; the log has the cause under this reference.
    Failed(String),
}

/// What came of it.
#[derive(Debug)]
pub enum Answer {
    /// RESULT.
    Result(Payload),
    /// PUBLISHED, with the publication's id.
    Published(u64),
    /// ERROR, or the end of the session.
    Error(String, Payload),
}

impl Visit {
    /// Logs in and joins the realm.
    ///
    /// # Errors
    ///
    /// [`NotIn`], by then in the trail.
    pub async fn begin(doors: &Arc<Doors>, peer: &Peer, credentials: &Credentials) -> Result<Self, NotIn> {
        let began = Instant::now();
        let id = doors.hub.new_session_id();
        let context = RequestContext::new(cid::generate(), peer.address, &peer.user_agent, "http");
        let session = id.to_string();
        let claim = || Claim {
            login: &credentials.login,
            context: &context,
            session: &session,
            code: credentials.code.as_ref(),
            purpose: Purpose::Session,
        };
        let attempt = Attempt { claim: claim(), ticket: &credentials.ticket, cookie: None };
        let (metrics, method) = (&doors.app.metrics, AuthMethod::Ticket.name());
        let login = match doors.app.login(&attempt).await {
            // There is no second round here.
            Err(LoginError::CodeNeeded(needed)) => Err(doors.app.identity.give_up_code(&needed, &claim(), now()).await),
            decided => decided,
        };
        let login = login.map_err(|error| {
            metrics.login(method, login::outcome(&error));
            not_in(&context, error)
        })?;
        let outbox = Arc::new(Outbox::new(doors.outbox_limits()));
        if let Ok(live) = doors.hub.join(joining(id, &login, context.clone(), began), &outbox) {
            metrics.login(method, login::ACCEPTED);
            let counted = metrics.session_opened(Via { transport: "http", encoding: Encoding::Json }, method);
            return Ok(Self { doors: Arc::clone(doors), live, outbox, _counted: counted });
        }
        metrics.login(method, Reason::Revoked.name());
        let recorded = doors.app.identity.record_refused_login(&claim(), Reason::Revoked, now()).await;
        recorded.map_err(|fault| failed(&context, &fault))?;
        Err(NotIn::Denied)
    }

    /// Hands a CALL or PUBLISH to the realm and waits for its answer.
    pub async fn ask(&self, message: Message) -> Answer {
        let Doors { hub, procedures, .. } = &*self.doors;
        procedures.start(hub, hub.handle(self.live.id, [message]));
        loop {
            let mut batch = match self.outbox.take().await {
                Ok(batch) => batch,
                // Longer than what may wait for any session.
                Err(by) => {
                    self.doors.app.metrics.limit_reached(by.into());
                    return error(uris::error::PAYLOAD_SIZE_EXCEEDED, "the answer is too long");
                }
            };
            let answer = batch.outgoing.drain(..).find_map(|one| match one {
                Outgoing::Message(message) => answer(message),
                Outgoing::Shared(_) | Outgoing::Ping | Outgoing::Pong(_) => None,
            });
            match answer {
                Some(answer) => return answer,
                None if batch.ending.is_some() => return error(uris::error::CANCELED, "the session has ended"),
                None => {}
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.doors.hub.leave(self.live.id);
    }
}

fn joining(id: countersign_wamp::Id, login: &LoggedIn, context: RequestContext, began: Instant) -> Joining {
    Joining {
        id,
        actor: login.actor(),
        authid: login.user().login.as_str().into(),
        authrole: login.user().role.as_str().into(),
        context,
        authmethod: AuthMethod::Ticket.name(),
        authprovider: AuthMethod::Ticket.provider(),
        cookie: None,
        bond: login::bond(login),
        restriction: login.restriction(),
        features: ClientFeatures::default(),
        login_began: began,
        // Nobody reads it; the realm says it to every session.
        welcome: Message::Welcome { session: id, details: Dict::new() },
    }
}

fn answer(message: Message) -> Option<Answer> {
    match message {
        Message::Result { payload, .. } => Some(Answer::Result(payload)),
        Message::Published { publication, .. } => Some(Answer::Published(publication.get())),
        Message::Error { error, payload, .. } => Some(Answer::Error(error.as_str().to_owned(), payload)),
        Message::Goodbye { details, reason } | Message::Abort { details, reason } => {
            let text = details.get("message").cloned().map_or_else(Payload::absent, Payload::of);
            Some(Answer::Error(reason.as_str().to_owned(), text))
        }
        _ => None,
    }
}

fn error(uri: &str, text: &str) -> Answer {
    Answer::Error(uri.to_owned(), Payload::of(text))
}

fn not_in(context: &RequestContext, error: LoginError) -> NotIn {
    match error {
        LoginError::Refused(Reason::Throttled) => NotIn::Throttled,
        LoginError::Refused(Reason::Busy) => NotIn::Busy,
        // Says that the password was right. So does the sign-on API, and the second challenge of a WAMP session.
        LoginError::Refused(Reason::CodeThrottled) => NotIn::CodesThrottled,
        LoginError::Refused(_) | LoginError::CodeNeeded(_) => NotIn::Denied,
        LoginError::Storage(fault) => failed(context, &fault),
    }
}

fn failed(context: &RequestContext, fault: &RepositoryError) -> NotIn {
    tracing::error!(cid = context.cid, error = ?fault, "a login failed on our side");
    NotIn::Failed(context.cid.clone())
}
