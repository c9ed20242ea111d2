//! Who a session is, and what it holds in the realm.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use countersign_wamp::{Dict, Id, MatchPolicy, SharedEntries};

use crate::call_table::CallTable;
use crate::hash::FastHash;
use crate::holdings::Holdings;
use crate::refusal::Refusal;
use crate::request_ids::RequestIds;
use crate::testaments::Testaments;
use crate::{ClientFeatures, Limit, RealmSettings};

/// Whose session it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// A client's, over some transport.
    Client,
    /// The server's own, in the same process: nothing is asked of the authorizer, reserved URIs
    /// are its to register, and `wamp.*` topics its to publish to.
    Service,
}

/// What the realm knows about a session from its login. `wamp.session.get` and
/// `wamp.session.on_join` show it to whoever may call and subscribe to them.
#[derive(Debug, Clone)]
pub struct SessionDetails {
    /// Disclosed as `caller_authid`, `publisher_authid`, `callee_authid`.
    pub authid: Arc<str>,
    /// Disclosed as `caller_authrole`, `publisher_authrole`, `callee_authrole`.
    pub authrole: Arc<str>,
    /// What the client announced in HELLO.
    pub features: ClientFeatures,
    /// Whose session it is.
    pub kind: SessionKind,
    /// How it was authenticated.
    pub authmethod: Arc<str>,
    /// Who authenticated it.
    pub authprovider: Arc<str>,
    /// How far its calls and publications are to be trusted; disclosed to callees and subscribers
    /// as `trustlevel`, unless it is absent.
    pub trustlevel: Option<u64>,
    /// The transport, in words of the server's own. Empty: nothing is said of it.
    pub transport: Dict,
}

impl SessionDetails {
    /// Details of a session of which only its names are known: it announced no features, and
    /// method, provider and transport are empty.
    pub fn new(kind: SessionKind, authid: impl Into<Arc<str>>, authrole: impl Into<Arc<str>>) -> Self {
        Self {
            authid: authid.into(),
            authrole: authrole.into(),
            features: ClientFeatures::default(),
            kind,
            authmethod: "".into(),
            authprovider: "".into(),
            trustlevel: None,
            transport: Dict::new(),
        }
    }

    pub(crate) fn is_service(&self) -> bool {
        self.kind == SessionKind::Service
    }
}

/// A session and everything that must go when it leaves.
#[derive(Debug)]
pub(crate) struct Session {
    pub details: SessionDetails,
    pub disclosure: Disclosure,
    pub subscriptions: Holdings,
    pub registrations: Holdings,
    pub calls: CallTable,
    pub request_ids: RequestIds,
    /// Most sessions have none.
    pub testaments: Option<Box<Testaments>>,
}

impl Session {
    pub fn new(details: SessionDetails) -> Self {
        Self {
            details,
            disclosure: Disclosure::default(),
            subscriptions: Holdings::default(),
            registrations: Holdings::default(),
            calls: CallTable::default(),
            request_ids: RequestIds::default(),
            testaments: None,
        }
    }
}

impl Session {
    /// Details for others that begin with who this is; `id` is its own.
    pub fn disclosed(&self, part: Part, id: Id) -> Dict {
        self.disclosure.of(part, id, &self.details)
    }

    /// Refuses one more subscription or registration above a limit.
    pub fn check_holdings(&self, settings: &RealmSettings, policy: MatchPolicy) -> Result<(), Refusal> {
        let max = settings.subscriptions_and_registrations_max;
        let held = self.subscriptions.len() + self.registrations.len();
        self.check_limit(held, max, Limit::SubscriptionsAndRegistrations, "subscriptions and registrations together")?;
        if policy != MatchPolicy::Wildcard {
            return Ok(());
        }
        let wildcards = self.subscriptions.wildcards_len() + self.registrations.wildcards_len();
        self.check_limit(wildcards, settings.wildcards_max, Limit::Wildcards, "wildcard patterns")
    }

    /// Refuses one more unanswered call above the limit.
    pub fn check_pending_calls(&self, settings: &RealmSettings) -> Result<(), Refusal> {
        self.check_limit(self.calls.placed_len(), settings.pending_calls_max, Limit::PendingCalls, "unanswered calls")
    }

    /// The server's own session has no limits.
    fn check_limit(&self, held: usize, max: usize, limit: Limit, what: &str) -> Result<(), Refusal> {
        if held < max || self.details.is_service() {
            return Ok(());
        }
        Err(Refusal::limit(limit, format!("a session may have at most {max} {what}")))
    }
}

/// As what a session is disclosed to others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Caller,
    Callee,
    Publisher,
}

impl Part {
    /// The names of its id, authid and authrole.
    fn names(self) -> [&'static str; 3] {
        match self {
            Self::Caller => ["caller", "caller_authid", "caller_authrole"],
            Self::Callee => ["callee", "callee_authid", "callee_authrole"],
            Self::Publisher => ["publisher", "publisher_authid", "publisher_authrole"],
        }
    }

    /// Details that say who a session is, and of callers and publishers how far they are to be trusted.
    fn disclose(self, id: Id, details: &SessionDetails) -> Dict {
        let [id_name, authid_name, authrole_name] = self.names();
        let mut dict =
            Dict::new().with(id_name, id).with(authid_name, &*details.authid).with(authrole_name, &*details.authrole);
        match (self, details.trustlevel) {
            (Self::Caller | Self::Publisher, Some(level)) => dict.push("trustlevel", level),
            (Self::Callee, _) | (_, None) => {}
        }
        dict
    }
}

/// What [`Part::disclose`] made of one session, at its first message in each part. One pointer until then: most sessions
/// are idle.
///
/// **Invariant:** id and details of a session stay what they were when it joined.
#[derive(Debug, Default)]
pub(crate) struct Disclosure(OnceCell<Box<Disclosed>>);

#[derive(Debug, Default)]
struct Disclosed {
    caller: OnceCell<SharedEntries>,
    callee: OnceCell<SharedEntries>,
    publisher: OnceCell<SharedEntries>,
}

impl Disclosure {
    /// Details that begin with who the session is.
    pub fn of(&self, part: Part, id: Id, details: &SessionDetails) -> Dict {
        let disclosed = self.0.get_or_init(Box::default);
        let made = match part {
            Part::Caller => &disclosed.caller,
            Part::Callee => &disclosed.callee,
            Part::Publisher => &disclosed.publisher,
        };
        Dict::starting_with(made.get_or_init(|| part.disclose(id, details).into()).clone())
    }
}

/// All sessions of a realm.
pub(crate) type Sessions = HashMap<Id, Session, FastHash>;
