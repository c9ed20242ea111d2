//! Options of single requests. Each type starts from the specification's defaults, says only what
//! was set, and can be made from a [`Dict`] where an option has no method here.
//!
//! Source: the WAMP specification, advanced profile.

use std::time::Duration;

use countersign_wamp::{Dict, Id, MatchPolicy, Value};

/// Progressive results of one call that wait to be taken, unless set otherwise.
const PROGRESS_MAX_DEFAULT: usize = 1024;

/// How a payload was packed by its sender, in payload passthru mode: the server forwards it
/// unread. The payload is then one positional argument, [`Value::Bytes`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passthru {
    /// `ppt_scheme`: `x_` and a name of the application's, `mqtt` or `wamp`.
    pub scheme: String,
    /// `ppt_serializer`, as `cbor`.
    pub serializer: Option<String>,
    /// `ppt_cipher`, as `xsalsa20poly1305`.
    pub cipher: Option<String>,
    /// `ppt_keyid`: what tells the receiver which key to use.
    pub key_id: Option<String>,
}

impl Passthru {
    /// What an event, an invocation or a result says about its payload.
    pub fn from_details(details: &Dict) -> Option<Self> {
        let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
        let scheme = text("ppt_scheme").filter(|scheme| !scheme.is_empty())?;
        let (serializer, cipher, key_id) = (text("ppt_serializer"), text("ppt_cipher"), text("ppt_keyid"));
        Some(Self { scheme, serializer, cipher, key_id })
    }

    pub(crate) fn write(self, options: &mut Dict) {
        set(options, "ppt_scheme", self.scheme);
        for (name, text) in
            [("ppt_serializer", self.serializer), ("ppt_cipher", self.cipher), ("ppt_keyid", self.key_id)]
        {
            if let Some(text) = text {
                set(options, name, text);
            }
        }
    }
}

/// Puts an option in the place of an earlier one.
pub(crate) fn set(options: &mut Dict, name: &str, value: impl Into<Value>) {
    if options.get(name).is_some() {
        *options = std::mem::take(options).into_iter().filter(|(key, _)| key != name).collect();
    }
    options.push(name, value);
}

/// Setters that write one entry of `self.dict`.
macro_rules! entries {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty)?) => $key:literal: $value:expr;)+) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(mut self $(, $argument: $type)?) -> Self {
            set(&mut self.dict, $key, $value);
            self
        })+
    };
}

/// What all options have in common.
macro_rules! common {
    ($($name:ident)+) => {
        $(impl $name {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Any other option. Applications' own begin with `_`.
            #[must_use]
            pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
                set(&mut self.dict, name, value);
                self
            }
        }

        impl From<Dict> for $name {
            fn from(dict: Dict) -> Self {
                let mut options = Self::default();
                options.dict = dict;
                options
            }
        })+
    };
}

common!(CallOptions RegisterOptions SubscribeOptions PublishOptions);

/// Options of a call.
#[derive(Debug, Clone)]
pub struct CallOptions {
    pub(crate) dict: Dict,
    pub(crate) deadline: Option<Duration>,
    pub(crate) progress_max: usize,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self { dict: Dict::new(), deadline: None, progress_max: PROGRESS_MAX_DEFAULT }
    }
}

impl CallOptions {
    entries! {
        /// Asks the server to tell the callee who calls.
        disclose_me() => "disclose_me": true;
        /// Asks for results before the final one; see [`crate::PendingCall::next`].
        receive_progress() => "receive_progress": true;
        /// More parts of the arguments follow; see [`crate::PendingCall::send`].
        more_follows() => "progress": true;
        /// What the call is about, 1 to 256 bytes: of a shared procedure the same callee gets all calls with this key.
        rkey(key: &str) => "rkey": key;
    }

    /// Asks the server to end the call with `wamp.error.timeout` after this time without a
    /// result. In whole milliseconds, rounded up.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let milliseconds = u64::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        set(&mut self.dict, "timeout", milliseconds);
        self
    }

    /// Longest time from the start of the call to its final answer, kept here: then the call is
    /// canceled and ends with [`crate::CallError::TimedOut`]. Without it each answer may take as
    /// long as [`crate::ConnectOptions::request_timeout`] says, on top of
    /// [`CallOptions::timeout`].
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Most progressive results that wait to be taken, at least 1; a call that gets more is
    /// canceled and ends with [`crate::CallError::Overflow`]. Default: 1024.
    #[must_use]
    pub fn progress_max(mut self, results: usize) -> Self {
        self.progress_max = results.max(1);
        self
    }

    /// The arguments are packed.
    #[must_use]
    pub fn passthru(mut self, passthru: Passthru) -> Self {
        passthru.write(&mut self.dict);
        self
    }
}

/// How calls are shared among the callees of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum InvokePolicy {
    /// There is one callee only.
    #[default]
    Single,
    /// Always the callee that registered first.
    First,
    /// Always the callee that registered last.
    Last,
    /// One after the other.
    RoundRobin,
    /// Any.
    Random,
}

impl InvokePolicy {
    /// The specification's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::First => "first",
            Self::Last => "last",
            Self::RoundRobin => "roundrobin",
            Self::Random => "random",
        }
    }
}

/// What happens to a handler whose call is canceled, is over its timeout, or whose session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnInterrupt {
    /// Its future is dropped where it waits, and the call is answered with
    /// `wamp.error.canceled`, or `wamp.error.timeout`.
    #[default]
    Stop,
    /// It goes on, and its answer counts; it sees [`crate::Invocation::interrupted`].
    Tell,
}

/// Options of a registration.
#[derive(Debug, Clone, Default)]
pub struct RegisterOptions {
    pub(crate) dict: Dict,
    pub(crate) concurrency_max: Option<usize>,
    pub(crate) on_interrupt: OnInterrupt,
}

impl RegisterOptions {
    entries! {
        /// What the procedure's URI is: exact, a prefix or a pattern with empty components.
        matching(policy: MatchPolicy) => "match": policy.name();
        /// How calls are shared with others who register the same. Default: not at all.
        invoke(policy: InvokePolicy) => "invoke": policy.name();
        /// Takes the registration from whoever has it.
        force_reregister() => "force_reregister": true;
        /// The callee keeps to the caller's timeout, rather than the server; this crate does so.
        forward_timeout() => "forward_timeout": true;
        /// On which node this callee runs, 1 to 256 bytes: another session with the same key takes over its share of
        /// [`CallOptions::rkey`]s. Countersign's own option.
        nkey(key: &str) => "nkey": key;
    }

    /// Most invocations of this procedure at once; those beyond are answered with
    /// `wamp.error.unavailable`, so that a server gives them to another callee. Default: no
    /// limit but [`crate::ConnectOptions::invocations_max`].
    #[must_use]
    pub fn concurrency_max(mut self, invocations: usize) -> Self {
        self.concurrency_max = Some(invocations);
        self
    }

    /// What happens to the handler when its call is canceled. Default: [`OnInterrupt::Stop`].
    #[must_use]
    pub fn on_interrupt(mut self, what: OnInterrupt) -> Self {
        self.on_interrupt = what;
        self
    }
}

/// Options of a subscription.
#[derive(Debug, Clone, Default)]
pub struct SubscribeOptions {
    pub(crate) dict: Dict,
    pub(crate) events_max: Option<usize>,
}

impl SubscribeOptions {
    entries! {
        /// What the topic's URI is: exact, a prefix or a pattern with empty components.
        matching(policy: MatchPolicy) => "match": policy.name();
        /// Asks for the last event that was published to be kept; see [`crate::Event::is_retained`].
        get_retained() => "get_retained": true;
        /// On which node this subscriber runs, 1 to 256 bytes: of all subscribers that named one, one gets each event with
        /// a [`PublishOptions::rkey`].
        nkey(key: &str) => "nkey": key;
    }

    /// Most events that wait to be taken, at least 1. Default:
    /// [`crate::ConnectOptions::events_max`], which says what happens beyond.
    #[must_use]
    pub fn events_max(mut self, events: usize) -> Self {
        self.events_max = Some(events.max(1));
        self
    }
}

/// Options of a publication.
#[derive(Debug, Clone, Default)]
pub struct PublishOptions {
    pub(crate) dict: Dict,
}

/// A list for an option.
fn list<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Vec<Value> {
    items.into_iter().map(Into::into).collect()
}

impl PublishOptions {
    entries! {
        /// Waits for the server, which answers with the publication's id or an error.
        acknowledge() => "acknowledge": true;
        /// Whether the publisher's own subscriptions are left out. Default: they are.
        exclude_me(exclude: bool) => "exclude_me": exclude;
        /// Leaves these sessions out.
        exclude(sessions: &[Id]) => "exclude": list(sessions.iter().copied());
        /// Leaves these users out.
        exclude_authid(authids: &[&str]) => "exclude_authid": list(authids.iter().copied());
        /// Leaves these roles out.
        exclude_authrole(authroles: &[&str]) => "exclude_authrole": list(authroles.iter().copied());
        /// Nobody but these sessions.
        eligible(sessions: &[Id]) => "eligible": list(sessions.iter().copied());
        /// Nobody but these users.
        eligible_authid(authids: &[&str]) => "eligible_authid": list(authids.iter().copied());
        /// Nobody but these roles.
        eligible_authrole(authroles: &[&str]) => "eligible_authrole": list(authroles.iter().copied());
        /// Asks the server to tell subscribers who publishes.
        disclose_me() => "disclose_me": true;
        /// Keeps the event for those who subscribe later with
        /// [`SubscribeOptions::get_retained`].
        retain() => "retain": true;
        /// What the event is about, 1 to 256 bytes: of the subscribers with a [`SubscribeOptions::nkey`] the same one gets
        /// all events with this key.
        rkey(key: &str) => "rkey": key;
    }

    /// The arguments are packed.
    #[must_use]
    pub fn passthru(mut self, passthru: Passthru) -> Self {
        passthru.write(&mut self.dict);
        self
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.dict.get("acknowledge").and_then(Value::as_bool).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_say_what_was_set_last_and_nothing_else() {
        let check = |dict: Dict, want: Dict| assert_eq!(dict, want);
        check(CallOptions::new().dict, Dict::new());
        let call = CallOptions::new().timeout(Duration::from_micros(1500)).timeout(Duration::from_micros(2500));
        check(call.receive_progress().dict, Dict::new().with("timeout", 3_u64).with("receive_progress", true));
        check(CallOptions::new().rkey("a").rkey("b").dict, Dict::new().with("rkey", "b"));
        check(SubscribeOptions::new().nkey("node1").dict, Dict::new().with("nkey", "node1"));
        let register = RegisterOptions::new().matching(MatchPolicy::Prefix).invoke(InvokePolicy::RoundRobin);
        check(register.dict, Dict::new().with("match", "prefix").with("invoke", "roundrobin"));
        let publish = PublishOptions::from(Dict::new().with("retain", false)).retain().option("_x_y", 1_i64);
        check(publish.dict, Dict::new().with("retain", true).with("_x_y", 1_i64));
    }

    #[test]
    fn passthru_is_written_and_read() {
        let passthru = Passthru { scheme: "x_own".into(), serializer: Some("cbor".into()), ..Passthru::default() };
        let dict = PublishOptions::new().passthru(passthru.clone()).dict;
        assert_eq!(dict, Dict::new().with("ppt_scheme", "x_own").with("ppt_serializer", "cbor"));
        assert_eq!(Passthru::from_details(&dict), Some(passthru));
        assert_eq!(Passthru::from_details(&Dict::new()), None);
    }
}
