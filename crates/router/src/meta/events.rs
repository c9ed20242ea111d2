//! Meta events: what happened to sessions, registrations and subscriptions.
//!
//! **Invariants:** created before added, removed before deleted. An event goes out after the
//! answer to the request that caused it, so SUBSCRIBED precedes any EVENT.

use std::sync::Arc;

use countersign_wamp::uris::meta;
use countersign_wamp::{Dict, Id, Payload, Value};

use crate::broker::Broker;
use crate::dealer::Dealer;
use crate::session::Sessions;
use crate::{Effect, Realm, SessionDetails};

/// What happened to a registration or subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It exists now.
    Created,
    /// A session was added.
    Added,
    /// A session was removed.
    Removed,
    /// It exists no more.
    Deleted,
}

/// Something to tell the subscribers of one meta topic.
#[derive(Debug)]
pub(crate) enum MetaEvent {
    Joined { session: Id },
    Left { session: Id, authid: Arc<str>, authrole: Arc<str> },
    Registration { change: Change, session: Id, id: Id },
    Subscription { change: Change, session: Id, id: Id },
}

impl MetaEvent {
    fn topic(&self) -> &'static str {
        match self {
            Self::Joined { .. } => meta::session::ON_JOIN,
            Self::Left { .. } => meta::session::ON_LEAVE,
            Self::Registration { change, .. } => match change {
                Change::Created => meta::registration::ON_CREATE,
                Change::Added => meta::registration::ON_REGISTER,
                Change::Removed => meta::registration::ON_UNREGISTER,
                Change::Deleted => meta::registration::ON_DELETE,
            },
            Self::Subscription { change, .. } => match change {
                Change::Created => meta::subscription::ON_CREATE,
                Change::Added => meta::subscription::ON_SUBSCRIBE,
                Change::Removed => meta::subscription::ON_UNSUBSCRIBE,
                Change::Deleted => meta::subscription::ON_DELETE,
            },
        }
    }

    fn payload(self, sessions: &Sessions, dealer: &Dealer, broker: &Broker) -> Payload {
        let args = match self {
            Self::Joined { session } => {
                vec![sessions.get(&session).map(|joined| describe(session, &joined.details)).into()]
            }
            Self::Left { session, authid, authrole } => vec![session.into(), (*authid).into(), (*authrole).into()],
            Self::Registration { change: Change::Created, session, id } => {
                vec![session.into(), dealer.describe(id).into()]
            }
            Self::Subscription { change: Change::Created, session, id } => {
                vec![session.into(), broker.describe(id).into()]
            }
            Self::Registration { session, id, .. } | Self::Subscription { session, id, .. } => {
                vec![session.into(), id.into()]
            }
        };
        Payload::new(args, Dict::new())
    }
}

/// What the meta API says of a session.
pub(super) fn describe(id: Id, details: &SessionDetails) -> Dict {
    let mut dict = Dict::new()
        .with("session", id)
        .with("authid", &*details.authid)
        .with("authrole", &*details.authrole)
        .with("authmethod", &*details.authmethod)
        .with("authprovider", &*details.authprovider);
    if !details.transport.is_empty() {
        dict.push("transport", Value::Dict(details.transport.clone()));
    }
    dict
}

impl Realm {
    /// Tells what became of registrations, and publishes the meta events of the step that ends here.
    pub(crate) fn publish_meta(&mut self, out: &mut Vec<Effect>) {
        let Self { random, sessions, dealer, broker, .. } = self;
        // As after most messages.
        if !dealer.has_news() && !broker.has_news() {
            return;
        }
        out.extend(dealer.take_changes().into_iter().map(Effect::Registration));
        let of_dealer = dealer.take_events();
        let of_broker = broker.take_events();
        for event in of_dealer.into_iter().chain(of_broker) {
            publish(event, random, sessions, dealer, broker, out);
        }
    }

    /// Publishes what happened to a session, after what happened to all that it had.
    pub(crate) fn publish_of_session(&mut self, event: MetaEvent, out: &mut Vec<Effect>) {
        self.publish_meta(out);
        let Self { random, sessions, dealer, broker, .. } = self;
        publish(event, random, sessions, dealer, broker, out);
    }
}

fn publish(
    event: MetaEvent,
    random: &mut crate::random::Random,
    sessions: &Sessions,
    dealer: &Dealer,
    broker: &Broker,
    out: &mut Vec<Effect>,
) {
    let topic = event.topic();
    let deliveries = broker.receivers_of(topic);
    // Most of the time nobody listens.
    if !deliveries.is_empty() {
        let payload = event.payload(sessions, dealer, broker);
        broker.deliver(deliveries, random.id(), Dict::new(), topic, &payload, out);
    }
}
