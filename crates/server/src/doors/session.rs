//! The life of a WAMP session on a connection: HELLO, CHALLENGE, AUTHENTICATE, WELCOME, the
//! messages between, GOODBYE. Who may come in is decided in [`super::login`].
//!
//! Source: WAMP specification, basic profile "Session Establishment" and "Session Closing";
//! contract of the bus, sections 2 and 9. After a refused login the connection stays open for
//! a few more tries; after a GOODBYE it may carry another session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_identity::audit::Reason;
use countersign_identity::{Actor, PeerAddress};
use countersign_router::announced_roles;
use countersign_wamp::{Dict, Id, Message, uris};

use super::Doors;
use super::gate::Pass;
use super::hello::{Abort, Hello, HelloError};
use super::login::{self, Entry, Pending, Step};
use super::methods::AuthMethod;
use super::peer::Peer;
use crate::hub::{Joining, Live};
use crate::metrics::{OpenSession, ServerLimit, Via};
use crate::outbox::{Ending, Outbox};

/// Longest time that the answer to a logout waits until the cookie's end is durable.
const LOGOUT_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Longest time for the code of a second factor: somebody has to look for it and type it.
const CODE_SECONDS_MAX: Duration = Duration::from_mins(1);
/// How WELCOME names this server.
const AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// The session that a connection carries at the moment, for its writer to know.
#[derive(Debug, Clone, Default)]
pub struct CurrentSession(Arc<AtomicU64>);

impl CurrentSession {
    /// Its id, if there is one.
    pub fn get(&self) -> Option<Id> {
        Id::new(self.0.load(Ordering::Relaxed)).ok()
    }

    fn set(&self, id: Option<Id>) {
        self.0.store(id.map_or(0, Id::get), Ordering::Relaxed);
    }
}

/// The state machine of one connection.
pub struct Session {
    doors: Arc<Doors>,
    peer: Peer,
    outbox: Arc<Outbox>,
    pass: Option<Pass>,
    state: State,
    attempts: u32,
    deadline: Option<tokio::time::Instant>,
    current: CurrentSession,
    via: Via,
    /// Counts the session as open.
    counted: Option<OpenSession>,
}

enum State {
    /// Waits for HELLO.
    Opening,
    /// Waits for AUTHENTICATE; after a refusal for another one, or for a new HELLO.
    Challenged { pending: Box<Pending>, was_refused: bool },
    /// In the realm.
    Joined {
        live: Arc<Live>,
        /// How it was authenticated.
        method: AuthMethod,
        /// WELCOME's `authextra`.
        extra: Dict,
    },
    /// Nothing more is taken.
    Over,
}

impl Session {
    /// A session that waits for HELLO.
    pub fn new(
        doors: Arc<Doors>,
        peer: Peer,
        outbox: Arc<Outbox>,
        pass: Pass,
        current: CurrentSession,
        via: Via,
    ) -> Self {
        let deadline = Some(tokio::time::Instant::now() + doors.hello_deadline());
        let (pass, state) = (Some(pass), State::Opening);
        Self { doors, peer, outbox, pass, state, attempts: 0, deadline, current, via, counted: None }
    }

    /// From where the connection comes.
    pub fn address(&self) -> PeerAddress {
        self.peer.address
    }

    /// What tells the session that the connection carries at the moment.
    pub fn current(&self) -> CurrentSession {
        self.current.clone()
    }

    /// Whether nothing more is taken.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether the session is in the realm.
    pub fn is_joined(&self) -> bool {
        matches!(self.state, State::Joined { .. })
    }

    /// When [`Session::time_is_up`] is to be called.
    pub fn deadline(&self) -> Option<tokio::time::Instant> {
        self.deadline
    }

    /// Takes messages in order and leaves `messages` empty.
    pub async fn handle(&mut self, messages: &mut Vec<Message>) {
        let mut rest = messages.drain(..).peekable();
        while let Some(message) = rest.next() {
            match &self.state {
                State::Over => {}
                State::Joined { live, .. } if !is_about_the_session(&message) => {
                    let id = live.id;
                    let more = std::iter::from_fn(|| rest.next_if(|next| !is_about_the_session(next)));
                    let calls = self.doors.hub.handle(id, std::iter::once(message).chain(more));
                    self.doors.procedures.start(&self.doors.hub, calls);
                }
                // Boxed: a connection that is idle keeps no room for what opens and closes sessions.
                State::Joined { .. } => Box::pin(self.handle_joined(message)).await,
                State::Opening | State::Challenged { .. } => Box::pin(self.handle_opening(message)).await,
            }
        }
    }

    /// Nothing more comes in: leaves the realm and ends the connection.
    pub fn lost(&mut self, ending: Ending, message: &str) {
        if ending == Ending::TooLong && !self.is_over() {
            let limit = if self.is_joined() { ServerLimit::MessageBytes } else { ServerLimit::LoginBytes };
            self.doors.app.metrics.limit_reached(limit);
        }
        self.leave();
        match ending {
            Ending::ProtocolError if !self.is_over() => self.violation(message),
            Ending::TooLong if !self.is_over() => {
                self.abort(uris::error::PAYLOAD_SIZE_EXCEEDED, message, Ending::TooLong);
            }
            _ => self.end(ending),
        }
    }

    /// The deadline has passed: no session in time, or the session's longest life is over.
    pub fn time_is_up(&mut self) {
        self.deadline = None;
        if let State::Joined { live, .. } = &self.state {
            self.doors.app.metrics.limit_reached(ServerLimit::OtpSessionSeconds);
            self.doors.hub.end_session(live, uris::close::KILLED, "the session's longest life is over");
            self.end(Ending::Normal);
        } else {
            self.doors.app.metrics.limit_reached(ServerLimit::HelloSeconds);
            let seconds = self.doors.hello_deadline().as_secs();
            self.abort(uris::error::TIMEOUT, &format!("no session within {seconds} seconds"), Ending::Policy);
        }
    }

    async fn handle_joined(&mut self, message: Message) {
        match message {
            Message::Goodbye { reason, .. } => {
                if reason.as_str() == uris::close::LOGOUT {
                    self.log_out().await;
                }
                // Others see the session gone before its peer hears so.
                self.leave();
                let reason = uris::close::GOODBYE_AND_OUT.into();
                self.outbox.send(Message::Goodbye { details: Dict::new(), reason });
                self.state = State::Opening;
                self.deadline = Some(tokio::time::Instant::now() + self.doors.hello_deadline());
                // It counts again among those that are not signed in.
                self.pass = self.doors.gate.enter(self.peer.address);
                if self.pass.is_none() {
                    self.end(Ending::Normal);
                }
            }
            // The bus that this replaces answers so, and its clients' tests ask for it. The
            // ticket is not looked at: this must not become an oracle.
            Message::Authenticate { .. } => {
                if let State::Joined { live, method, extra } = &self.state {
                    self.outbox.send(self.welcome(live.id, &live.authid, &live.role, *method, extra));
                }
            }
            Message::Abort { .. } => {
                self.leave();
                self.end(Ending::Normal);
            }
            other => {
                self.leave();
                self.violation(&format!("{} in an established session", other.message_type().name()));
            }
        }
    }

    /// Ends the cookie that the session is on, for good, with all other sessions on it.
    async fn log_out(&mut self) {
        let State::Joined { live, .. } = &self.state else { return };
        let (live, Some(cookie)) = (Arc::clone(live), live.cookie) else { return };
        self.leave();
        if let Some(browser) = &mut self.peer.browser {
            browser.forget();
        }
        let removed = login::log_out(&self.doors, cookie, "logout", &live.actor, &live.context);
        // Nobody gets in by it any more, whether this is in time or not.
        let _ = tokio::time::timeout(LOGOUT_SECONDS_MAX, removed).await;
    }

    async fn handle_opening(&mut self, message: Message) {
        let state = std::mem::replace(&mut self.state, State::Opening);
        match (message, state) {
            (Message::Hello { realm, details }, State::Opening | State::Challenged { was_refused: true, .. }) => {
                self.hello(realm.as_str(), &details).await;
            }
            (Message::Authenticate { signature, extra }, State::Challenged { pending, .. }) => {
                let step = Box::pin(login::authenticate(&self.doors, &self.peer, *pending, &signature, &extra)).await;
                self.go_on(step).await;
            }
            // ABORT is not answered, whenever it comes (basic profile, "Session Closing").
            (Message::Abort { .. }, _) | (Message::Goodbye { .. }, State::Challenged { .. }) => {
                self.end(Ending::Normal);
            }
            (Message::Hello { .. }, _) => self.violation("HELLO while a login is under way"),
            // swampyer answers the last invocation of a broken connection once more on its next one.
            (Message::Yield { .. } | Message::Error { .. }, State::Challenged { pending, was_refused })
                if pending.is_of_plain_client() =>
            {
                self.state = State::Challenged { pending, was_refused };
            }
            (other, State::Challenged { .. }) => {
                self.violation(&format!("{} where AUTHENTICATE belongs", other.message_type().name()));
            }
            (other, _) => self.violation(&format!("{} where HELLO belongs", other.message_type().name())),
        }
    }

    async fn hello(&mut self, realm: &str, details: &Dict) {
        let Doors { app, offer, .. } = &*self.doors;
        match Hello::read(realm, details, &self.peer, &app.config, offer) {
            Ok(hello) => {
                let step = Box::pin(login::begin(&self.doors, &self.peer, hello)).await;
                self.go_on(step).await;
            }
            Err(HelloError::Violation(message)) => self.violation(message),
            Err(HelloError::Refused(abort)) => self.refuse(&abort),
        }
    }

    async fn go_on(&mut self, step: Step) {
        match step {
            Step::Challenge { pending, extra } => {
                if pending.needs_time() {
                    self.deadline = Some(tokio::time::Instant::now() + CODE_SECONDS_MAX);
                }
                self.outbox.send(Message::Challenge { method: pending.method().into(), extra });
                self.state = State::Challenged { pending: Box::new(pending), was_refused: false };
            }
            Step::Joined(entry) => {
                if let (Some(left), Some(browser)) = (entry.leaves, &mut self.peer.browser) {
                    browser.bind(left);
                }
                let method = entry.method.name();
                let outcome = if let Err(revoked) = self.join(entry) {
                    let abort = Box::pin(login::revoked(&self.doors, &revoked)).await;
                    self.refuse(&abort);
                    Reason::Revoked.name()
                } else {
                    login::ACCEPTED
                };
                self.doors.app.metrics.login(method, outcome);
            }
            Step::Refused { abort, again, method, outcome } => {
                self.doors.app.metrics.login(method.name(), outcome);
                if let Some(pending) = again {
                    self.state = State::Challenged { pending: Box::new(pending), was_refused: true };
                }
                self.refuse(&abort);
            }
        }
    }

    /// Joins the realm; gives the entry back if its user was locked or changed meanwhile.
    fn join(&mut self, mut entry: Box<Entry>) -> Result<(), Box<Entry>> {
        let joining = Joining {
            id: entry.id,
            actor: entry.actor.clone(),
            authid: Arc::clone(&entry.authid),
            authrole: Arc::clone(&entry.authrole),
            context: entry.context.clone(),
            authmethod: entry.method.name(),
            authprovider: entry.method.provider(),
            restriction: entry.restriction.clone(),
            cookie: entry.cookie,
            bond: entry.bond.take(),
            features: entry.features,
            login_began: entry.began,
            welcome: self.welcome(entry.id, &entry.authid, &entry.authrole, entry.method, &entry.extra),
        };
        let Ok(live) = self.doors.hub.join(joining, &self.outbox) else { return Err(entry) };
        self.current.set(Some(live.id));
        self.counted = Some(self.doors.app.metrics.session_opened(self.via, entry.method.name()));
        self.pass = None;
        if live.actor != Actor::Anonymous {
            self.attempts = 0;
        }
        self.deadline = entry.longest.map(|longest| tokio::time::Instant::now() + longest);
        self.state = State::Joined { live, method: entry.method, extra: entry.extra.shrunk() };
        Ok(())
    }

    fn welcome(&self, session: Id, authid: &str, authrole: &str, method: AuthMethod, extra: &Dict) -> Message {
        let details = Dict::new()
            .with("realm", &*self.doors.app.config.realm.name)
            .with("authid", authid)
            .with("authrole", authrole)
            .with("authmethod", method.name())
            .with("authprovider", method.provider())
            .with("authextra", extra.clone())
            .with("roles", announced_roles())
            .with("agent", AGENT);
        Message::Welcome { session, details }
    }

    /// ABORT, then another try, as long as there are some left.
    fn refuse(&mut self, abort: &Abort) {
        self.attempts += 1;
        if self.attempts >= self.doors.app.config.limits.login_attempts_max {
            self.doors.app.metrics.limit_reached(ServerLimit::LoginAttempts);
            self.abort(&abort.reason, &abort.message, Ending::Policy);
        } else {
            let details = Dict::new().with("message", &*abort.message);
            self.outbox.send(Message::Abort { details, reason: (&*abort.reason).into() });
            self.deadline = Some(tokio::time::Instant::now() + self.doors.hello_deadline());
        }
    }

    fn violation(&mut self, message: &str) {
        self.abort(uris::error::PROTOCOL_VIOLATION, message, Ending::ProtocolError);
    }

    fn abort(&mut self, reason: &str, message: &str, ending: Ending) {
        self.outbox.abort(reason, message, ending);
        self.state = State::Over;
    }

    fn end(&mut self, ending: Ending) {
        self.outbox.end(ending);
        self.state = State::Over;
    }

    fn leave(&mut self) {
        if let State::Joined { live, .. } = &self.state {
            self.doors.hub.leave(live.id);
            self.current.set(None);
            self.counted = None;
            self.state = State::Opening;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
    }
}

fn is_about_the_session(message: &Message) -> bool {
    matches!(
        message,
        Message::Hello { .. } | Message::Authenticate { .. } | Message::Abort { .. } | Message::Goodbye { .. }
    )
}
