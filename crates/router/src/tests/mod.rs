//! The realm as its sessions see it: every test says what a session sends and reads, as short
//! lines, what is sent because of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod announcement;
mod authorization;
mod calls;
mod canceling;
mod events;
mod history;
mod leaving;
mod limits;
mod meta_events;
mod meta_registrations;
mod meta_sessions;
mod meta_subscriptions;
mod model;
mod passthru;
mod registration_changes;
mod registrations;
mod request_ids;
mod retained;
mod revocation;
mod sharded;
mod shared;
mod streaming;
mod subscriptions;
mod testaments;
mod timeouts;
mod violations;

use std::time::{Duration, Instant};

use countersign_wamp::{Dict, Id, Message, MessageType, Payload, Value};

use crate::{
    Action, Authorizer, ClientFeatures, Decision, Effect, Feature, Realm, RealmSettings, ReservedUris, SessionDetails,
    SessionKind, Target,
};

/// Denies, refuses or fails for URIs below `denied.`, `undocumented.` and `broken.`.
struct ByName;

impl Authorizer for ByName {
    fn decide(&self, _: Id, _: &SessionDetails, _: Action, target: Target<'_>) -> Decision {
        match target.as_str().split('.').next() {
            Some("denied") => Decision::Deny { missing: String::new() },
            Some("undocumented") => {
                Decision::Refuse { error: "test.error.undocumented", message: "needs documentation".to_owned() }
            }
            Some("broken") => Decision::Failed,
            _ => Decision::Allow,
        }
    }
}

struct World {
    realm: Realm,
    now: Instant,
    /// Publication ids in the order in which they were first seen; lines name them `P0`, `P1` …
    publications: Vec<Id>,
}

/// The server's own session.
const SERVICE: u64 = 100;

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut RealmSettings)) -> Self {
        let mut settings = RealmSettings::new("izaber");
        settings.reserved = ReservedUris::new(["system.reserved"], ["system.all."]);
        change(&mut settings);
        let realm = Realm::new(settings, 7);
        Self { realm, now: Instant::now(), publications: Vec::new() }
    }

    /// Four clients `1` to `4` that announced everything, and a fifth that announced nothing.
    fn of_five() -> Self {
        let mut world = Self::new();
        for session in 1..=4 {
            world.join(session, all_features());
        }
        world.join(5, ClientFeatures::default());
        world
    }

    fn join(&mut self, session: u64, features: ClientFeatures) -> Vec<String> {
        self.join_as(session, features, SessionKind::Client)
    }

    fn join_service(&mut self) {
        self.join_as(SERVICE, all_features(), SessionKind::Service);
    }

    fn join_as(&mut self, session: u64, features: ClientFeatures, kind: SessionKind) -> Vec<String> {
        let authrole = if session.is_multiple_of(2) { "even" } else { "odd" };
        let details = SessionDetails { features, ..SessionDetails::new(kind, format!("user{session}"), authrole) };
        let mut out = Vec::new();
        self.realm.join(self.now, id(session), details, &mut out);
        self.lines(out)
    }

    fn leave(&mut self, session: u64) -> Vec<String> {
        let mut out = Vec::new();
        self.realm.leave(self.now, id(session), &ByName, &mut out);
        self.lines(out)
    }

    /// What happens when `session` sends `message`.
    fn say(&mut self, session: u64, message: Message) -> Vec<String> {
        let effects = self.effects(session, message);
        self.lines(effects)
    }

    fn effects(&mut self, session: u64, message: Message) -> Vec<Effect> {
        let mut out = Vec::new();
        self.realm.handle(self.now, id(session), message, &ByName, &mut out);
        out
    }

    /// Lets time pass and the timeouts that are due happen.
    fn pass(&mut self, milliseconds: u64) -> Vec<String> {
        self.now += Duration::from_millis(milliseconds);
        let mut out = Vec::new();
        if self.realm.poll_timeout().is_some_and(|due| due <= self.now) {
            self.realm.handle_timeout(self.now, &mut out);
        }
        self.lines(out)
    }

    fn lines(&mut self, effects: Vec<Effect>) -> Vec<String> {
        let told = effects.iter().filter(|effect| !matches!(effect, Effect::Killed { .. } | Effect::Registration(_)));
        told.map(|effect| self.line(effect)).collect()
    }

    fn line(&mut self, effect: &Effect) -> String {
        match effect {
            Effect::Send { to, message } => format!("{to} < {}", self.text(message)),
            Effect::Fanout { to, message } => {
                let to: Vec<_> = to.iter().map(ToString::to_string).collect();
                format!("{} < {}", to.join("+"), self.text(message))
            }
            Effect::Close { session, reason, message } => {
                format!("{session} closed {reason}: {message}")
            }
            Effect::Killed { .. } | Effect::Registration(_) => unreachable!("nobody is told"),
            Effect::Goodbye { session, reason, message } => {
                let message = message.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
                format!("{session} killed {}{message}", reason.as_str())
            }
            Effect::Record { histories, event } => {
                format!("record {} in {histories:?}", self.publication(event.event.publication))
            }
        }
    }

    /// A message without who is disclosed in it and without its payload.
    fn text(&mut self, message: &Message) -> String {
        let name = message.message_type().name();
        match message {
            Message::Error { request_type, request, details, error, .. } => {
                let (kind, error) = (request_type.name(), error.as_str());
                format!("{name} {kind} {request}{} {error}", dict(details))
            }
            Message::Event { subscription, publication, details, .. } => {
                let publication = self.publication(*publication);
                format!("{name} {subscription} {publication}{}", dict(details))
            }
            Message::Published { request, publication } => {
                format!("{name} {request} {}", self.publication(*publication))
            }
            Message::Result { request, details, .. } => {
                format!("{name} {request}{}", dict(details))
            }
            Message::Invocation { request, registration, details, .. } => {
                format!("{name} {request} {registration}{}", dict(details))
            }
            Message::Interrupt { request, options } => format!("{name} {request}{}", dict(options)),
            Message::Subscribed { request, subscription } => {
                format!("{name} {request} {subscription}")
            }
            Message::Registered { request, registration } => {
                format!("{name} {request} {registration}")
            }
            Message::Unsubscribed { request, details } | Message::Unregistered { request, details } => {
                let request = request.map_or(0, Id::get);
                format!("{name} {request}{}", details.as_ref().map(dict).unwrap_or_default())
            }
            other => panic!("no router sends {other:?}"),
        }
    }

    fn publication(&mut self, publication: Id) -> String {
        let known = self.publications.iter().position(|&known| known == publication);
        let index = known.unwrap_or_else(|| {
            self.publications.push(publication);
            self.publications.len() - 1
        });
        format!("P{index}")
    }

    /// Calls one of the router's own procedures; answers with its result or its error, and with
    /// what happened beside it.
    fn ask(&mut self, session: u64, procedure: &str, args: Vec<Value>, kwargs: Dict) -> (String, Vec<String>) {
        let message = Message::Call {
            request: id(77),
            options: none(),
            procedure: procedure.into(),
            payload: Payload::new(args, kwargs),
        };
        let mut effects = self.effects(session, message);
        let is_answer = |effect: &Effect| match effect {
            Effect::Send { message: Message::Result { request, .. } | Message::Error { request, .. }, to } => {
                (*to, *request) == (id(session), id(77))
            }
            _ => false,
        };
        let answer = effects.remove(effects.iter().position(is_answer).expect("an answer"));
        let text = match answer {
            Effect::Send { message: Message::Result { payload, .. }, .. } => payload_text(&payload),
            Effect::Send { message: Message::Error { error, .. }, .. } => error.as_str().to_owned(),
            _ => unreachable!("filtered above"),
        };
        (text, self.lines(effects))
    }

    /// As [`Self::ask`], where nothing else happens.
    #[track_caller]
    fn asked(&mut self, session: u64, procedure: &str, args: Vec<Value>) -> String {
        let (answer, others) = self.ask(session, procedure, args, none());
        assert!(others.is_empty(), "{others:?}");
        answer
    }

    /// Registers and checks that it worked.
    fn register(&mut self, session: u64, procedure: &str) {
        self.register_with(session, Dict::new(), procedure);
    }

    fn register_with(&mut self, session: u64, options: Dict, procedure: &str) {
        let lines = self.say(session, register(99, options, procedure));
        assert!(lines.iter().any(|line| line.contains(" REGISTERED 99")), "{lines:?}");
    }

    fn subscribe(&mut self, session: u64, topic: &str) {
        self.subscribe_with(session, Dict::new(), topic);
    }

    fn subscribe_with(&mut self, session: u64, options: Dict, topic: &str) {
        let lines = self.say(session, subscribe(99, options, topic));
        assert!(lines.iter().any(|line| line.contains(" SUBSCRIBED 99")), "{lines:?}");
    }
}

fn all_features() -> ClientFeatures {
    ClientFeatures::default()
        .with(Feature::CallCanceling)
        .with(Feature::CallTimeout)
        .with(Feature::ProgressiveCallResults)
        .with(Feature::RegistrationRevocation)
        .with(Feature::SubscriptionRevocation)
}

/// A value as short text.
fn show(value: &Value) -> String {
    let join = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Str(text) => text.clone(),
        Value::List(items) => format!("[{}]", join(items.iter().map(show).collect())),
        Value::Dict(dict) => {
            format!("{{{}}}", join(dict.iter().map(|(key, value)| format!("{key}: {}", show(value))).collect()))
        }
        other => format!("{other:?}"),
    }
}

/// Arguments, and keyword arguments if there are some.
fn payload_text(payload: &Payload) -> String {
    let (list, named) = payload.values().unwrap();
    let list: Vec<_> = list.iter().map(show).collect();
    let named = if named.is_empty() { String::new() } else { format!(" {}", show(&Value::Dict(named))) };
    format!("{}{named}", list.join(" "))
}

/// A list of positional arguments.
fn args<const N: usize>(args: [Value; N]) -> Vec<Value> {
    args.into()
}

/// All of [`all_features`] and progressive call invocations, at both ends.
fn streaming() -> ClientFeatures {
    all_features().with(Feature::ProgressiveCallsAsCaller).with(Feature::ProgressiveCallsAsCallee)
}

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

/// ` {key: value, …}`, or nothing.
fn dict(dict: &Dict) -> String {
    let disclosed = |key: &str| ["caller", "callee", "publisher"].iter().any(|who| key.starts_with(who));
    let entries: Vec<_> = dict
        .iter()
        .filter(|(key, _)| !disclosed(key))
        .map(|(key, value)| match value {
            Value::Str(text) => format!("{key}: {text}"),
            Value::Int(number) => format!("{key}: {number}"),
            Value::Bool(truth) => format!("{key}: {truth}"),
            other => format!("{key}: {other:?}"),
        })
        .collect();
    if entries.is_empty() { String::new() } else { format!(" {{{}}}", entries.join(", ")) }
}

fn with(key: &str, value: impl Into<Value>) -> Dict {
    Dict::new().with(key, value)
}

fn call(request: u64, options: Dict, procedure: &str) -> Message {
    let payload = Payload::of("argument");
    Message::Call { request: id(request), options, procedure: procedure.into(), payload }
}

fn cancel(request: u64, mode: &str) -> Message {
    Message::Cancel { request: id(request), options: with("mode", mode) }
}

fn register(request: u64, options: Dict, procedure: &str) -> Message {
    Message::Register { request: id(request), options, procedure: procedure.into() }
}

fn unregister(request: u64, registration: u64) -> Message {
    Message::Unregister { request: id(request), registration: id(registration) }
}

fn subscribe(request: u64, options: Dict, topic: &str) -> Message {
    Message::Subscribe { request: id(request), options, topic: topic.into() }
}

fn unsubscribe(request: u64, subscription: u64) -> Message {
    Message::Unsubscribe { request: id(request), subscription: id(subscription) }
}

fn publish(request: u64, options: Dict, topic: &str) -> Message {
    let payload = Payload::of("argument");
    Message::Publish { request: id(request), options, topic: topic.into(), payload }
}

fn yields(request: u64, options: Dict) -> Message {
    Message::Yield { request: id(request), options, payload: Payload::of("result") }
}

fn fails(request: u64) -> Message {
    Message::Error {
        request_type: MessageType::Invocation,
        request: id(request),
        details: Dict::new(),
        error: "app.error".into(),
        payload: Payload::of("what went wrong"),
    }
}

/// The ERROR of a callee that can't take the call now.
fn unavailable(request: u64) -> Message {
    Message::Error {
        request_type: MessageType::Invocation,
        request: id(request),
        details: none(),
        error: "wamp.error.unavailable".into(),
        payload: Payload::absent(),
    }
}

fn none() -> Dict {
    Dict::new()
}
