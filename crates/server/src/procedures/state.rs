//! `system.state.registrations.list`, `system.subscribed`: who has what at this moment.
//!
//! Source: contract of the bus, section 1.1.

use countersign_router::{RegistrationInfo, SubscriptionInfo};
use countersign_wamp::{Dict, Id, MatchPolicy, Value};
use futures_util::FutureExt as _;
use futures_util::future::ready;

use super::errors::Failure;
use super::errors::FailureKind::{InvalidArgument, LimitExceeded};
use super::{Call, Procedure, Spellings};
use crate::hub::{SESSIONS_LISTED_MAX, TooManyListed};
use crate::metrics::ServerLimit;

/// What is registered and subscribed to.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["system.subscribed"],
        spellings: Spellings::Both,
        summary: "Everything that is subscribed to, by match policy. `wamp.*` is not shown.",
        arguments: "",
        result: "`exact`, `prefix`, `wildcard`: by id `id`, `created`, `uri`, `match`, `sessions`: by id `authid` and `authrole`",
        errors: &[InvalidArgument, LimitExceeded],
        rule: "",
        run: |call| ready(subscribed(call)).boxed(),
    },
    Procedure {
        names: &["system.state.registrations.list"],
        spellings: Spellings::LongOnly,
        summary: "Everything that is registered, or what one session has registered. `wamp.*` is not shown.",
        arguments: "session_id=null",
        result: "a list of `id`, `created`, `uri`, `match`, `invoke`, `sessions`",
        errors: &[InvalidArgument, LimitExceeded],
        rule: "",
        run: |call| ready(registrations(call)).boxed(),
    },
];

/// `system.subscribed() → {policy: {id: …}}`
fn subscribed(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("system.subscribed", [])?;
    let mut by_policy = [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard].map(|one| (one, Dict::new()));
    for (info, names) in call.hub.subscriptions()? {
        let SubscriptionInfo { id, created, topic, subscribers } = info;
        let of_session = |(session, name): (&Id, Option<[String; 2]>)| {
            let [authid, authrole] = name?;
            Some((session.to_string(), Dict::new().with("authid", authid).with("authrole", authrole).into()))
        };
        let sessions: Dict = subscribers.iter().zip(names).filter_map(of_session).collect();
        let described = Dict::new()
            .with("id", id)
            .with("created", created.to_string())
            .with("uri", topic.as_str())
            .with("match", topic.policy().name())
            .with("sessions", sessions);
        if let Some((_, dict)) = by_policy.iter_mut().find(|(policy, _)| *policy == topic.policy()) {
            dict.push(id.to_string(), described);
        }
    }
    Ok(by_policy.into_iter().map(|(policy, dict)| (policy.name().to_owned(), dict.into())).collect::<Dict>().into())
}

/// `system.state.registrations.list(session_id=null) → [{…}]`
fn registrations(call: Call) -> Result<Value, Failure> {
    let [session] = call.arguments.bind("system.state.registrations.list", ["session_id"])?;
    let session = match session {
        Value::Null => None,
        given => {
            let id = given.as_u64().and_then(|number| Id::new(number).ok());
            Some(id.ok_or_else(|| Failure::argument("session_id has to be a session's id, or null"))?)
        }
    };
    let described = |info: RegistrationInfo| {
        let RegistrationInfo { id, created, procedure, invoke, callees } = info;
        let sessions: Vec<Value> = callees.into_iter().map(Value::from).collect();
        let dict = Dict::new()
            .with("id", id)
            .with("created", created.to_string())
            .with("uri", procedure.as_str())
            .with("match", procedure.policy().name())
            .with("invoke", invoke)
            .with("sessions", sessions);
        Value::from(dict)
    };
    Ok(Value::List(call.hub.registrations(session)?.into_iter().map(described).collect()))
}

impl From<TooManyListed> for Failure {
    fn from(_: TooManyListed) -> Self {
        let text =
            format!("there are more than {SESSIONS_LISTED_MAX} sessions to list; ask the meta API piece by piece");
        Self::new(LimitExceeded, text).at(ServerLimit::ListedSessions)
    }
}
