//! Events, as a subscription gives them.

use countersign_wamp::{Dict, Id, Payload, Value};

use crate::request_options::Passthru;

/// An event of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The publication; the same for all who receive it.
    pub publication: Id,
    /// What the server says about it; methods give the usual entries.
    pub details: Dict,
    /// The arguments, as they came.
    pub payload: Payload,
}

impl Event {
    /// Positional and keyword arguments.
    pub fn values(&self) -> (Vec<Value>, Dict) {
        // Checked when it came in.
        self.payload.values().unwrap_or_default()
    }

    /// Positional arguments.
    pub fn args(&self) -> Vec<Value> {
        self.values().0
    }

    /// Keyword arguments.
    pub fn kwargs(&self) -> Dict {
        self.values().1
    }

    /// The topic, for subscriptions to patterns.
    pub fn topic(&self) -> Option<&str> {
        self.text("topic")
    }

    /// The publisher's session, if the server discloses it.
    pub fn publisher(&self) -> Option<Id> {
        id_of(&self.details, "publisher")
    }

    /// The publisher's `authid`, if the server discloses it.
    pub fn publisher_authid(&self) -> Option<&str> {
        self.text("publisher_authid")
    }

    /// The publisher's `authrole`, if the server discloses it.
    pub fn publisher_authrole(&self) -> Option<&str> {
        self.text("publisher_authrole")
    }

    /// Whether it was published before this subscription was made.
    pub fn is_retained(&self) -> bool {
        self.details.get("retained").and_then(Value::as_bool) == Some(true)
    }

    /// How the publisher packed the payload, if it did.
    pub fn passthru(&self) -> Option<Passthru> {
        Passthru::from_details(&self.details)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.details.get(name).and_then(Value::as_str)
    }
}

/// An id in options or details.
pub(crate) fn id_of(details: &Dict, name: &str) -> Option<Id> {
    details.get(name)?.as_u64().and_then(|number| Id::new(number).ok())
}
