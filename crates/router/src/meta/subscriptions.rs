//! `wamp.subscription.*`.

use countersign_wamp::{Id, Payload, Uri, UriPattern, Value, uris::error};

use super::arguments::Arguments;
use super::nothing;
use super::sessions::{count, ids};
use crate::refusal::{Refusal, revoked};
use crate::{Effect, Realm, options};

pub(super) fn no_such_subscription() -> Refusal {
    Refusal::new(error::NO_SUCH_SUBSCRIPTION, "no subscription has this id")
}

const NO_SUCH_SUBSCRIBER: &str = "wamp.error.no_such_subscriber";

impl Realm {
    pub(super) fn list_subscriptions(&self) -> Payload {
        Payload::of(self.broker.list())
    }

    pub(super) fn look_up_subscription(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let policy = options::match_policy(&arguments.options(1)?)?;
        let pattern = UriPattern::parse(arguments.text(0, "topic")?, policy, self.settings.uri_rules);
        let found = pattern.ok().and_then(|pattern| self.broker.look_up(&pattern));
        Ok(Payload::of(Value::from(found)))
    }

    pub(super) fn match_subscriptions(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let topic = Uri::parse(arguments.text(0, "topic")?, self.settings.uri_rules);
        let found = topic.ok().map(|topic| self.broker.find(&topic)).filter(|found| !found.is_empty());
        Ok(Payload::of(Value::from(found.map(ids))))
    }

    fn subscribers(&self, arguments: &Arguments) -> Result<Vec<Id>, Refusal> {
        let id = arguments.id(0, "subscription")?;
        id.and_then(|id| self.broker.subscribers(id)).ok_or_else(no_such_subscription)
    }

    pub(super) fn get_subscription(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let id = arguments.id(0, "subscription")?;
        id.and_then(|id| self.broker.describe(id)).map(Payload::of).ok_or_else(no_such_subscription)
    }

    pub(super) fn list_subscribers(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        Ok(Payload::of(ids(self.subscribers(arguments)?)))
    }

    pub(super) fn count_subscribers(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        Ok(count(self.subscribers(arguments)?.len()))
    }

    pub(super) fn remove_subscriber(
        &mut self,
        arguments: &Arguments,
        out: &mut Vec<Effect>,
    ) -> Result<Payload, Refusal> {
        let subscribers = self.subscribers(arguments)?;
        let subscription = arguments.id(0, "subscription")?;
        let subscriber = arguments
            .id(1, "subscriber")?
            .filter(|subscriber| subscribers.contains(subscriber) && !self.is_service(*subscriber));
        let reason = arguments.reason(self.settings.uri_rules, revoked::REMOVED)?;
        let (Some(subscription), Some(subscriber)) = (subscription, subscriber) else {
            return Err(Refusal::new(NO_SUCH_SUBSCRIBER, "the session is no subscriber of the subscription"));
        };
        self.broker.revoke(&mut self.sessions, subscription, subscriber, reason.as_str(), out);
        Ok(nothing())
    }
}
