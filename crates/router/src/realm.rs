//! The realm: takes messages apart and hands them to dealer and broker.
//!
//! **Invariants:** a session that left, or that was closed for a protocol violation, is sent
//! nothing more, and nobody sees a trace of it; a request is answered at most once.

mod directory;
mod requests;

use std::time::Instant;

use countersign_wamp::{Id, Message, MessageType, UriPattern, uris::error};

use crate::broker::{Broker, Publish, Publisher};
use crate::clock::WallClock;
use crate::dealer::{Answer, Call, Dealer};
use crate::limit::LimitCounts;
use crate::meta::MetaEvent;
use crate::random::Random;
use crate::refusal::{Gate, Violation};
use crate::session::{Session, Sessions};
use crate::{Action, Authorizer, Effect, Limit, PastEvent, RealmSettings, SessionDetails, Target, options};

pub use directory::{RegistrationInfo, SubscriptionInfo};

/// A realm: its sessions, subscriptions, registrations and calls.
#[derive(Debug)]
pub struct Realm {
    pub(crate) settings: RealmSettings,
    pub(crate) random: Random,
    pub(crate) clock: WallClock,
    pub(crate) sessions: Sessions,
    pub(crate) dealer: Dealer,
    pub(crate) broker: Broker,
    pub(crate) limits: LimitCounts,
}

/// How a session leaves.
#[derive(Clone, Copy)]
pub(crate) enum Departure<'a> {
    /// Its testaments are published, if it may, and a meta event says that it left.
    Told(&'a dyn Authorizer),
    /// Neither.
    Silent,
}

impl Realm {
    /// An empty realm. `seed` starts the sequence of publication ids; a server takes it from the
    /// system's randomness.
    pub fn new(settings: RealmSettings, seed: u64) -> Self {
        Self {
            broker: Broker::new(&settings),
            settings,
            random: Random::new(seed),
            clock: WallClock::default(),
            sessions: Sessions::default(),
            dealer: Dealer::new(seed),
            limits: LimitCounts::default(),
        }
    }

    /// Says what time of day it is at `now`: `unix_microseconds` since 1970-01-01T00:00:00Z. From
    /// here the realm reckons on by the instants that it is given; call it again when the system's
    /// clock was set. Without it times begin in 1970.
    pub fn set_clock(&mut self, now: Instant, unix_microseconds: i64) {
        let is_first = !self.clock.is_set();
        self.clock.set(now, unix_microseconds);
        if is_first {
            self.broker.begin(self.clock.at(now));
        }
    }

    /// Gives back to a history, by its place in the settings, what was recorded of it
    /// ([`Effect::Record`]), oldest first. For before anybody joins.
    pub fn restore_history(&mut self, place: usize, events: impl IntoIterator<Item = PastEvent>) {
        self.broker.restore_history(place, events);
    }

    /// Adds a session that was welcomed. One that has this id already leaves first, without a word
    /// to anybody.
    pub fn join(&mut self, now: Instant, session: Id, details: SessionDetails, out: &mut Vec<Effect>) {
        self.depart(now, session, Departure::Silent, out);
        let is_shown = !details.is_service();
        self.sessions.insert(session, Session::new(details));
        if is_shown {
            self.publish_of_session(MetaEvent::Joined { session }, out);
        }
    }

    /// Removes a session with everything it had, in one step for all others: its registrations
    /// are gone before any other message is handled, its callers get their ERROR, its callees an
    /// INTERRUPT. Then its testaments are published; the authorizer is asked for them with the id of
    /// the session that left. An unknown session is nothing to do.
    pub fn leave(&mut self, now: Instant, session: Id, authorizer: &dyn Authorizer, out: &mut Vec<Effect>) {
        self.depart(now, session, Departure::Told(authorizer), out);
    }

    pub(crate) fn depart(&mut self, now: Instant, id: Id, departure: Departure<'_>, out: &mut Vec<Effect>) {
        let Some(mut left) = self.sessions.remove(&id) else { return };
        let details = left.details.clone();
        let disclosure = std::mem::take(&mut left.disclosure);
        let testaments = left.testaments.take();
        self.broker.forget(id, left.subscriptions.ids());
        self.dealer.forget(&mut self.sessions, id, left, out);
        let Departure::Told(authorizer) = departure else { return self.publish_meta(out) };
        let Self { settings, clock, random, sessions, broker, .. } = self;
        let gate = Gate { settings, at: clock.at(now), authorizer };
        for testament in testaments.into_iter().flat_map(|testaments| testaments.into_publications()) {
            let publisher = Publisher { id, details: &details, disclosure: &disclosure };
            // Nobody is left to read a refusal.
            let _ = broker.publish(sessions, &gate, publisher, random.id(), testament, out);
        }
        if details.is_service() {
            self.publish_meta(out);
        } else {
            let SessionDetails { authid, authrole, .. } = details;
            self.publish_of_session(MetaEvent::Left { session: id, authid, authrole }, out);
        }
    }

    /// Asks again whether a session may have what it has subscribed to and registered, and takes
    /// from it what it may not have any more. For a server that changes rights while sessions live.
    pub fn recheck(&mut self, now: Instant, session: Id, authorizer: &dyn Authorizer, out: &mut Vec<Effect>) {
        let Self { settings, clock, sessions, dealer, broker, .. } = self;
        let gate = Gate { settings, at: clock.at(now), authorizer };
        let Some(Session { details, subscriptions, registrations, .. }) = sessions.get(&session) else { return };
        let is_refused = |action, pattern: Option<&UriPattern>| {
            pattern.is_some_and(|pattern| gate.check(session, details, action, Target::Pattern(pattern)).is_err())
        };
        let mut lost_subscriptions = subscriptions.ids().clone();
        lost_subscriptions.retain(|id| is_refused(Action::Subscribe, broker.pattern(*id)));
        let mut lost_registrations = registrations.ids().clone();
        lost_registrations.retain(|id| is_refused(Action::Register, dealer.pattern(*id)));
        for id in lost_subscriptions {
            broker.revoke(sessions, id, session, error::NOT_AUTHORIZED, out);
        }
        for id in lost_registrations {
            dealer.revoke(sessions, id, session, error::NOT_AUTHORIZED, out);
        }
        self.publish_meta(out);
    }

    /// Handles one message that `session` sent after WELCOME and before GOODBYE. What comes from
    /// a session that is not in the realm (any more) is dropped.
    pub fn handle(
        &mut self,
        now: Instant,
        session: Id,
        message: Message,
        authorizer: &dyn Authorizer,
        out: &mut Vec<Effect>,
    ) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        if let Err(Violation(message)) = self.dispatch(now, session, message, authorizer, out) {
            out.push(Effect::Close { session, reason: error::PROTOCOL_VIOLATION, message });
            self.leave(now, session, authorizer, out);
        }
        self.publish_meta(out);
    }

    fn dispatch(
        &mut self,
        now: Instant,
        from: Id,
        message: Message,
        authorizer: &dyn Authorizer,
        out: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        let Self { sessions, dealer, .. } = self;
        match message {
            Message::Call { request, options, procedure, payload } => {
                let call = Call { request, options, procedure, payload };
                self.call(now, from, call, authorizer, out)?;
            }
            Message::Yield { request, options, payload } => {
                let answer = Answer { request, options, payload };
                dealer.yielded(now, sessions, from, answer, out)?;
            }
            Message::Error { request_type, request, details, error, payload } => {
                if request_type != MessageType::Invocation {
                    let name = request_type.name();
                    return Err(Violation(format!("a client's ERROR can't answer {name}")));
                }
                let answer = Answer { request, options: details, payload };
                dealer.failed(sessions, from, answer, error, out)?;
            }
            Message::Cancel { request, options } => {
                dealer.cancel(sessions, from, request, &options, out);
            }
            Message::Publish { request, options, topic, payload } => {
                let publish = Publish { options, topic, payload };
                self.publish(now, from, request, publish, authorizer, out)?;
            }
            other => return self.dispatch_setup(now, from, other, authorizer, out),
        }
        Ok(())
    }

    /// What makes and ends subscriptions and registrations.
    fn dispatch_setup(
        &mut self,
        now: Instant,
        from: Id,
        message: Message,
        authorizer: &dyn Authorizer,
        out: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        let request_type = message.message_type();
        if let Message::Subscribe { request, .. }
        | Message::Unsubscribe { request, .. }
        | Message::Register { request, .. }
        | Message::Unregister { request, .. } = &message
        {
            self.check_request(from, *request)?;
        }
        let Self { settings, clock, sessions, dealer, broker, limits, .. } = self;
        let gate = Gate { settings, at: clock.at(now), authorizer };
        let mut retained = None;
        let (request, answer) = match message {
            Message::Subscribe { request, options, topic } => {
                let wants_retained = options::flag(&options, "get_retained", false);
                let done = wants_retained.and_then(|wants_retained| {
                    let subscription = broker.subscribe(sessions, &gate, from, &options, &topic)?;
                    retained = wants_retained.then_some(subscription);
                    Ok(Message::Subscribed { request, subscription })
                });
                (request, done)
            }
            Message::Unsubscribe { request, subscription } => {
                let done = broker.unsubscribe(sessions, from, subscription);
                (request, done.map(|()| Message::Unsubscribed { request: Some(request), details: None }))
            }
            Message::Register { request, options, procedure } => {
                let done = dealer.register(sessions, &gate, from, &options, &procedure, out);
                (request, done.map(|registration| Message::Registered { request, registration }))
            }
            Message::Unregister { request, registration } => {
                let done = dealer.unregister(sessions, from, registration);
                (request, done.map(|()| Message::Unregistered { request: Some(request), details: None }))
            }
            _ => {
                let name = request_type.name();
                return Err(Violation(format!("{name} is not for a client in a session to send")));
            }
        };
        match answer {
            Ok(message) => out.push(Effect::Send { to: from, message }),
            Err(refusal) => out.push(refusal.counted(limits).into_effect(from, request_type, request)),
        }
        if let Some(subscription) = retained {
            broker.send_retained(sessions, from, subscription, out);
        }
        Ok(())
    }

    /// When [`Realm::handle_timeout`] is due: the earliest end of a call's timeout.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.dealer.poll_timeout()
    }

    /// Ends all calls whose timeout is over at `now`.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Effect>) {
        self.dealer.handle_timeout(now, &mut self.sessions, out);
    }

    /// Who a session is; `None` if it is not in the realm.
    pub fn session(&self, session: Id) -> Option<&SessionDetails> {
        self.sessions.get(&session).map(|session| &session.details)
    }

    /// Sessions in the realm, the server's own among them.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Subscriptions: patterns with at least one subscriber or with an event history.
    pub fn subscription_count(&self) -> usize {
        self.broker.subscription_count()
    }

    /// Retained events of all topics.
    pub fn retained_event_count(&self) -> usize {
        self.broker.retained_count()
    }

    /// How often somebody went beyond a limit.
    pub fn limit_count(&self, limit: Limit) -> u64 {
        self.limits.get(limit) + self.broker.limit_count(limit)
    }

    /// Registrations.
    pub fn registration_count(&self) -> usize {
        self.dealer.registration_count()
    }

    /// Calls that are not answered yet.
    pub fn pending_call_count(&self) -> usize {
        self.dealer.pending_call_count()
    }
}
