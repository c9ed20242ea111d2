//! The realm, its lock, and the sessions that are in it.
//!
//! A connection hands its messages to the realm under one lock, and the realm's effects are put
//! into the receivers' outboxes under the same lock, so that what one session sees first
//! happened first. Nothing waits, reads or writes while the lock is held; encoding is the
//! writers' work.

mod bound;
mod departures;
mod elevation;
mod registrations;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use countersign_identity::permission::{self, Refusal, SessionRights, UriMatch};
use countersign_identity::repository::WhichCookies;
use countersign_identity::{self as identity, Actor, CredentialId, LoginName, PeerAddress, RequestContext, UserId};
use countersign_router::{
    Action, Authorizer, ClientFeatures, Decision, Effect, FastHash, Limit, PastEvent, Realm, RealmSettings,
    SessionDetails, SessionKind, Target,
};
use countersign_wamp::{Dict, Id, Message, uris};
use rand_core::Rng as _;
use tokio::sync::{Notify, Semaphore};

use crate::cid;
use crate::clock::{now, random};
use crate::cookies::{self, EndedCookies};
use crate::history::HistoryQueue;
use crate::outbox::{Ending, Outbox, SharedMessage};
use crate::roles::RoleTable;
use crate::uris::{DocumentedUris, RegistrationQueue, match_policy};

pub use bound::{Bond, Bound};
use departures::{Departures, Leaves};
pub use elevation::Elevation;
pub use registrations::{SESSIONS_LISTED_MAX, TooManyListed};

/// What the server's own session is called.
const SERVICE_NAME: &str = "countersign";
/// How long a revocation is remembered: longer than any login takes.
const REVOCATION_KEPT: Duration = Duration::from_mins(3);

/// A session that is in the realm.
#[derive(Debug)]
pub struct Live {
    /// Its id.
    pub id: Id,
    /// Who is behind it.
    pub actor: Actor,
    /// The name that others see.
    pub authid: Arc<str>,
    /// The role whose rules it has.
    pub role: Arc<str>,
    /// From where, with which agent.
    pub context: RequestContext,
    /// The cookie with which it ends.
    pub cookie: Option<CredentialId>,
    /// How long ago its user has shown a credential.
    pub elevation: Elevation,
    /// Credentials that its calls have looked at: one after the other, as on a connection that logs in.
    pub credential_checks: Semaphore,
    /// The sign-on session or API key with which it ends.
    bond: Option<Bond>,
    rights: ArcSwap<SessionRights>,
    outbox: Arc<Outbox>,
    leaves: Leaves,
}

impl Live {
    /// Whether it may do something on everything that a URI stands for; else what is missing, for its client.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub fn may(&self, action: permission::Action, uri: UriMatch<'_>) -> Result<(), String> {
        self.may_if(action, uri, true, || false).map_err(|missing| match missing {
            Missing::Documentation => "it needs a documented URI".into(),
            Missing::Else(text) => text,
        })
    }

    /// `asks_elevation`: whether `+` asks for an elevated session. `is_documented` is asked where `!` is.
    fn may_if(
        &self,
        action: permission::Action,
        uri: UriMatch<'_>,
        asks_elevation: bool,
        is_documented: impl FnOnce() -> bool,
    ) -> Result<(), Missing> {
        let decided = self.rights.load().decide(action, uri);
        let right = decided.map_err(|refusal| Missing::Else(missing(refusal, action, &self.role)))?;
        if right.documented && !is_documented() {
            return Err(Missing::Documentation);
        }
        if right.elevated && asks_elevation && self.elevation.left(Instant::now()).is_none() {
            return Err(Missing::Else(self.elevation.advice()));
        }
        Ok(())
    }

    /// What its role and its credential let it do.
    pub fn rights(&self) -> Arc<SessionRights> {
        self.rights.load_full()
    }
}

/// What somebody lacks.
enum Missing {
    /// The documentation of the URI.
    Documentation,
    /// Something else, in words for the client.
    Else(String),
}

/// What a connection knows of a session that is to join.
#[derive(Debug)]
pub struct Joining {
    /// Its id, from [`Hub::new_session_id`].
    pub id: Id,
    /// Who is behind it.
    pub actor: Actor,
    /// The name that others see.
    pub authid: Arc<str>,
    /// The role that others see.
    pub authrole: Arc<str>,
    /// From where, with which agent.
    pub context: RequestContext,
    /// How it was authenticated.
    pub authmethod: &'static str,
    /// By whom.
    pub authprovider: &'static str,
    /// What narrows the role, if anything does.
    pub restriction: Option<Arc<permission::Restriction>>,
    /// The cookie with which it ends.
    pub cookie: Option<CredentialId>,
    /// The sign-on session or API key with which it ends.
    pub bond: Option<Bond>,
    /// What the client announced.
    pub features: ClientFeatures,
    /// When its login began: a revocation since then keeps it out.
    pub login_began: Instant,
    /// Sent first of all.
    pub welcome: Message,
}

/// The user was locked, deleted or changed while the session was being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedMeanwhile;

/// What the realm leaves to the server itself.
#[derive(Debug)]
pub enum Job {
    /// A message to the server's own session, with the session that called, if it is a call.
    Call(Message, Option<Arc<Live>>),
    /// Cookies whose end has begun have to be removed.
    RemoveCookies(cookies::Ending),
}

/// How much is in the realm.
#[derive(Debug)]
pub struct RealmCounts {
    /// Calls that are not answered yet.
    pub pending_calls: usize,
    /// Topics and patterns with subscribers or history.
    pub subscriptions: usize,
    /// Procedures and patterns that are registered.
    pub registrations: usize,
    /// Retained events.
    pub retained_events: usize,
    /// Past events that wait to be stored.
    pub history_queued: usize,
    /// Changes of registrations that wait to be stored.
    pub registrations_queued: usize,
    /// How often each limit was passed.
    pub limits: [(Limit, u64); Limit::ALL.len()],
}

/// The realm and who is in it.
#[derive(Debug)]
pub struct Hub {
    inner: Mutex<Inner>,
    roles: RoleTable,
    timeouts_changed: Notify,
    bonds_changed: Notify,
    departures: Arc<Departures>,
    service: Id,
    /// How long a session is elevated once its user has shown a credential.
    elevation: Duration,
}

/// The live sessions. Their ids are drawn here, by nobody else, so that no one has a say in how they are hashed.
type Sessions = HashMap<Id, Arc<Live>, FastHash>;

#[derive(Debug)]
struct Inner {
    realm: Realm,
    sessions: Sessions,
    revoked: HashMap<UserId, Instant>,
    ended_cookies: EndedCookies,
    effects: Vec<Effect>,
    next_timeout: Option<Instant>,
    history: Arc<HistoryQueue>,
    departures: Arc<Departures>,
    registrations: Arc<RegistrationQueue>,
    documents: Arc<DocumentedUris>,
}

/// What takes down what happens in the realm, and what decides there beside the roles.
#[derive(Debug)]
pub struct Beside {
    /// Takes the events of histories that are stored.
    pub history: Arc<HistoryQueue>,
    /// Takes what becomes of registrations.
    pub registrations: Arc<RegistrationQueue>,
    /// Which URIs are documented.
    pub documents: Arc<DocumentedUris>,
}

impl Hub {
    /// A realm with nobody in it but the server's own session. `elevation`: how long a session is elevated once its user
    /// has shown a credential.
    pub fn new(settings: RealmSettings, roles: RoleTable, beside: Beside, elevation: Duration) -> Self {
        let mut realm = Realm::new(settings, random().next_u64());
        let service = Id::from_random(random().next_u64());
        let started = Instant::now();
        realm.set_clock(started, now().micros());
        let details = SessionDetails::new(SessionKind::Service, SERVICE_NAME, "service");
        realm.join(started, service, details, &mut Vec::new());
        let departures = Arc::new(Departures::default());
        let inner = Inner {
            realm,
            sessions: Sessions::default(),
            revoked: HashMap::new(),
            ended_cookies: EndedCookies::default(),
            effects: Vec::new(),
            next_timeout: None,
            departures: Arc::clone(&departures),
            history: beside.history,
            registrations: beside.registrations,
            documents: beside.documents,
        };
        let (timeouts_changed, bonds_changed) = (Notify::new(), Notify::new());
        Self { inner: Mutex::new(inner), roles, timeouts_changed, bonds_changed, departures, service, elevation }
    }

    /// Gives back to a history what was stored of it.
    pub fn restore_history(&self, place: usize, events: Vec<PastEvent>) {
        self.lock().realm.restore_history(place, events);
    }

    /// How much is in the realm.
    pub fn counts(&self) -> RealmCounts {
        let inner = self.lock();
        let realm = &inner.realm;
        RealmCounts {
            pending_calls: realm.pending_call_count(),
            subscriptions: realm.subscription_count(),
            registrations: realm.registration_count(),
            retained_events: realm.retained_event_count(),
            history_queued: inner.history.len(),
            registrations_queued: inner.registrations.len(),
            limits: Limit::ALL.map(|limit| (limit, realm.limit_count(limit))),
        }
    }

    /// The server's own session, which has registered its procedures.
    pub fn service(&self) -> Id {
        self.service
    }

    /// The compiled roles.
    pub fn roles(&self) -> &RoleTable {
        &self.roles
    }

    /// An id that no session has.
    pub fn new_session_id(&self) -> Id {
        let inner = self.lock();
        loop {
            let id = Id::from_random(random().next_u64());
            if id != self.service && !inner.sessions.contains_key(&id) {
                return id;
            }
        }
    }

    /// Puts a session into the realm; its WELCOME is the first thing in its outbox.
    ///
    /// # Errors
    ///
    /// [`RevokedMeanwhile`].
    pub fn join(&self, joining: Joining, outbox: &Arc<Outbox>) -> Result<Arc<Live>, RevokedMeanwhile> {
        let mut inner = self.lock();
        if let Actor::User { id, .. } = &joining.actor
            && inner.revoked.get(id).is_some_and(|at| *at >= joining.login_began)
        {
            return Err(RevokedMeanwhile);
        }
        if let Actor::User { session: identity::SessionKind::Cookie(cookie), login, .. } = &joining.actor
            && inner.ended_cookies.keep_out(*cookie, login, joining.login_began)
        {
            return Err(RevokedMeanwhile);
        }
        let rights = SessionRights::new(self.roles.rules(&joining.authrole), joining.restriction);
        let live = Arc::new(Live {
            id: joining.id,
            elevation: Elevation::new(&joining.actor, self.elevation, Instant::now()),
            credential_checks: Semaphore::new(1),
            actor: joining.actor,
            authid: Arc::clone(&joining.authid),
            role: Arc::clone(&joining.authrole),
            context: joining.context,
            cookie: joining.cookie,
            bond: joining.bond,
            rights: ArcSwap::from_pointee(rights),
            outbox: Arc::clone(outbox),
            leaves: Leaves::default(),
        });
        outbox.send(joining.welcome);
        inner.sessions.insert(live.id, Arc::clone(&live));
        let details = SessionDetails {
            features: joining.features,
            authmethod: joining.authmethod.into(),
            authprovider: joining.authprovider.into(),
            transport: Dict::new().with("peer", live.context.address.to_string()).shrunk(),
            ..SessionDetails::new(SessionKind::Client, joining.authid, joining.authrole)
        };
        let Inner { realm, effects, .. } = &mut *inner;
        realm.join(Instant::now(), live.id, details, effects);
        inner.deliver(self.service);
        Ok(live)
    }

    /// Takes a session out of the realm. One that is not in it is left alone.
    pub fn leave(&self, session: Id) {
        let mut inner = self.lock();
        if inner.sessions.contains_key(&session) {
            inner.leave(session, self.service);
        }
    }

    /// Hands messages of one session to the realm, all under one lock. Answers what is left to
    /// the server itself, such as calls of its own procedures.
    #[must_use]
    pub fn handle(&self, session: Id, messages: impl IntoIterator<Item = Message>) -> Vec<Job> {
        let mut inner = self.lock();
        let now = Instant::now();
        {
            let Inner { realm, sessions, effects, documents, .. } = &mut *inner;
            for message in messages {
                realm.handle(now, session, message, &Rights::of(sessions, documents), effects);
            }
        }
        let jobs = inner.deliver(self.service);
        self.watch_timeouts(&mut inner);
        jobs
    }

    /// Ends the live sessions of a user, and those that are being opened at this moment.
    pub fn revoke_user(&self, user: UserId, message: &str) {
        self.revoke(user, None, message);
    }

    /// The same but for one session, in which the user has made the change.
    pub fn revoke_others(&self, user: UserId, kept: Id, message: &str) {
        self.revoke(user, Some(kept), message);
    }

    fn revoke(&self, user: UserId, kept: Option<Id>, message: &str) {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.revoked.retain(|_, at| now.saturating_duration_since(*at) < REVOCATION_KEPT);
        inner.revoked.insert(user, now);
        let of_user =
            |live: &&Arc<Live>| Some(live.id) != kept && matches!(&live.actor, Actor::User { id, .. } if *id == user);
        let ended: Vec<Arc<Live>> = inner.sessions.values().filter(of_user).cloned().collect();
        for live in ended {
            inner.end(&live, uris::close::KILLED, message, Ending::Policy, self.service);
        }
    }

    /// Ends the sessions whose role has this name.
    pub fn end_role(&self, role: &str, message: &str) {
        let mut inner = self.lock();
        let has_it = |live: &&Arc<Live>| *live.role == *role;
        let ended: Vec<Arc<Live>> = inner.sessions.values().filter(has_it).cloned().collect();
        for live in ended {
            inner.end(&live, uris::close::KILLED, message, Ending::Policy, self.service);
        }
    }

    /// Ends the sessions that are on a cookie, and keeps those out that come by it. The caller
    /// removes it.
    pub fn end_cookie(&self, cookie: CredentialId) {
        let mut inner = self.lock();
        inner.ended_cookies.begin(WhichCookies::One(cookie), Instant::now());
        let on_it = |live: &&Arc<Live>| live.cookie == Some(cookie);
        let ended: Vec<Arc<Live>> = inner.sessions.values().filter(on_it).cloned().collect();
        for live in ended {
            inner.end(&live, uris::close::LOGOUT, "the user logged out", Ending::Policy, self.service);
        }
    }

    /// Cookies that have ended are removed.
    pub fn cookies_removed(&self, which: &WhichCookies) {
        self.lock().ended_cookies.stored(which, Instant::now());
    }

    /// Says good-bye to a session and takes it out of the realm.
    pub fn end_session(&self, live: &Arc<Live>, reason: &str, message: &str) {
        self.lock().end(live, reason, message, Ending::Normal, self.service);
    }

    /// Says good-bye to everybody.
    pub fn shut_down(&self) {
        let mut inner = self.lock();
        let all: Vec<Arc<Live>> = inner.sessions.values().cloned().collect();
        for live in all {
            let reason = uris::close::SYSTEM_SHUTDOWN;
            inner.end(&live, reason, "the server is going down", Ending::GoingAway, self.service);
        }
    }

    /// Gives every live session the rules that its role has now, and takes from it what it has
    /// subscribed to and registered and may not have any more. What was got while a session was elevated stays its
    /// own when that is over.
    pub fn apply_roles(&self) {
        let mut inner = self.lock();
        let now = Instant::now();
        let Inner { realm, sessions, effects, documents, .. } = &mut *inner;
        let mut changed = Vec::new();
        for live in sessions.values() {
            let (rights, rules) = (live.rights.load(), self.roles.rules(&live.role));
            if !rights.has_role(&rules) {
                live.rights.store(Arc::new(rights.with_role(rules)));
                changed.push(live.id);
            }
        }
        for id in &changed {
            realm.recheck(now, *id, &Rights { asks_elevation: false, ..Rights::of(sessions, documents) }, effects);
        }
        inner.deliver(self.service);
    }

    /// Lets calls time out when their time has come. Runs until it is dropped.
    pub async fn run_timeouts(&self) {
        loop {
            let next = self.lock().next_timeout;
            let changed = self.timeouts_changed.notified();
            match next {
                None => changed.await,
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at.into()) => self.time_out(),
                        () = changed => {}
                    }
                }
            }
        }
    }

    fn time_out(&self) {
        let mut inner = self.lock();
        let Inner { realm, effects, .. } = &mut *inner;
        realm.handle_timeout(Instant::now(), effects);
        // The server's own procedures take no INTERRUPT, so nothing here concerns them.
        inner.deliver(self.service);
        inner.next_timeout = inner.realm.poll_timeout();
    }

    fn watch_timeouts(&self, inner: &mut Inner) {
        let next = inner.realm.poll_timeout();
        if next != inner.next_timeout {
            inner.next_timeout = next;
            self.timeouts_changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn end(&mut self, live: &Arc<Live>, reason: &str, message: &str, ending: Ending, service: Id) {
        let details = Dict::new().with("message", message);
        live.outbox.send(Message::Goodbye { details, reason: reason.into() });
        live.outbox.end(ending);
        if self.sessions.contains_key(&live.id) {
            self.leave(live.id, service);
        }
    }

    /// The session stays known until the realm has let it go: its testaments are published with
    /// its rights.
    fn leave(&mut self, session: Id, service: Id) {
        let Self { realm, sessions, effects, documents, .. } = self;
        realm.leave(Instant::now(), session, &Rights::of(sessions, documents), effects);
        if let Some(live) = sessions.remove(&session) {
            self.departures.note(&live);
        }
        self.deliver(service);
    }

    fn deliver(&mut self, service: Id) -> Vec<Job> {
        let mut jobs = Vec::new();
        let Self { effects, sessions, ended_cookies, history, registrations, departures, .. } = self;
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, message } if to == service => {
                    let caller = caller_of(&message).and_then(|id| sessions.get(&id)).cloned();
                    jobs.push(Job::Call(message, caller));
                }
                Effect::Send { to, message } => {
                    if let Some(live) = sessions.get(&to) {
                        live.outbox.send(message);
                    }
                }
                Effect::Fanout { to, message } => {
                    let shared = Arc::new(SharedMessage::new(message));
                    for live in to.iter().filter_map(|id| sessions.get(id)) {
                        live.outbox.send_shared(Arc::clone(&shared));
                    }
                }
                Effect::Record { histories, event } => history.push(histories, event),
                Effect::Registration(change) => {
                    registrations.push(registrations::changed(sessions, change, now(), service));
                }
                Effect::Killed { by, authids } => {
                    let killer = sessions.get(&by);
                    for login in authids.iter().filter_map(|authid| LoginName::parse(authid).ok()) {
                        ended_cookies.begin(WhichCookies::Of(login.clone()), Instant::now());
                        jobs.push(Job::RemoveCookies(killing(login, killer)));
                    }
                }
                Effect::Goodbye { session, reason, message } => {
                    if let Some(live) = sessions.remove(&session) {
                        departures.note(&live);
                        let details = message.map_or_else(Dict::new, |message| Dict::new().with("message", message));
                        live.outbox.send(Message::Goodbye { details, reason });
                        live.outbox.end(Ending::Policy);
                    }
                }
                Effect::Close { session, reason, message } => {
                    if let Some(live) = sessions.remove(&session) {
                        departures.note(&live);
                        tracing::info!(session = session.get(), message, "session broke the protocol");
                        live.outbox.abort(reason, &message, Ending::ProtocolError);
                    }
                }
            }
        }
        jobs
    }
}

/// The cookies of somebody whose sessions are killed.
fn killing(login: LoginName, killer: Option<&Arc<Live>>) -> cookies::Ending {
    let context = match killer {
        Some(live) => live.context.next_request(cid::generate()),
        None => RequestContext::new(cid::generate(), PeerAddress::Local, "", "wamp"),
    };
    let by = killer.map_or(Actor::Anonymous, |live| live.actor.clone());
    cookies::Ending { which: WhichCookies::Of(login), why: "killed", by, context }
}

fn caller_of(message: &Message) -> Option<Id> {
    match message {
        Message::Invocation { details, .. } => Id::new(details.get("caller")?.as_u64()?).ok(),
        _ => None,
    }
}

/// Answers the realm's questions from the sessions' rights.
struct Rights<'a> {
    sessions: &'a Sessions,
    documents: &'a DocumentedUris,
    /// Whether `+` asks for an elevated session.
    asks_elevation: bool,
}

impl<'a> Rights<'a> {
    fn of(sessions: &'a Sessions, documents: &'a DocumentedUris) -> Self {
        Self { sessions, documents, asks_elevation: true }
    }
}

impl Authorizer for Rights<'_> {
    fn decide(&self, session: Id, _: &SessionDetails, action: Action, target: Target<'_>) -> Decision {
        let Some(live) = self.sessions.get(&session) else { return Decision::Failed };
        if live.bond.as_ref().is_some_and(Bond::is_expired_key) {
            return Decision::Deny { missing: "the API key that opened the session has expired".into() };
        }
        let action = match action {
            Action::Call => permission::Action::Call,
            Action::Register => permission::Action::Register,
            Action::Subscribe => permission::Action::Subscribe,
            Action::Publish => permission::Action::Publish,
        };
        let (uri, policy) = (target.as_str(), match_policy(target.policy()));
        let is_documented = || self.documents.contains(policy, uri);
        match live.may_if(action, policy.of(uri), self.asks_elevation, is_documented) {
            Ok(()) => Decision::Allow,
            Err(Missing::Documentation) => Decision::Refuse {
                error: uris::error::AUTHORIZATION_FAILED,
                message: self.documents.refusal(action.verb(), doing(action), uri),
            },
            Err(Missing::Else(missing)) => Decision::Deny { missing },
        }
    }
}

/// What somebody wants who is told that it needs documentation.
fn doing(action: permission::Action) -> &'static str {
    match action {
        permission::Action::Register => "registering procedure",
        permission::Action::Call => "calling procedure",
        permission::Action::Subscribe => "subscribing to topic",
        permission::Action::Publish => "publishing to topic",
        permission::Action::RosterOperate => "operating roster",
        permission::Action::RosterQuery => "querying roster",
    }
}

/// What a denied client can ask its operator for.
fn missing(refusal: Refusal, action: permission::Action, role: &str) -> String {
    match refusal {
        Refusal::NoRule => format!("role {role:?} lacks the permission {} ({})", action.letter(), action.verb()),
        Refusal::Conflict => format!("two rules of role {role:?} match it equally well"),
        Refusal::Restricted => "the credential that opened the session does not reach this far".into(),
    }
}
