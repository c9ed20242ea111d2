//! `wamp.subscription.get_events`.
//!
//! The answer is a list of events; its keyword arguments say whether there is a history at all
//! (`stored`), and whether further events were left out because of a limit (`more`).

use countersign_wamp::{Dict, Payload, Uri, Value};

use super::arguments::Arguments;
use super::procedures::Question;
use super::subscriptions::no_such_subscription;
use crate::broker::{Bounds, Query};
use crate::refusal::{Gate, Refusal};
use crate::{Action, Limit, Realm, RealmSettings, Target};

/// Events in one answer, whatever limit the caller names.
const EVENTS_PER_ANSWER_MAX: u64 = 1_000;

fn query(arguments: &Arguments, settings: &RealmSettings) -> Result<Query, Refusal> {
    let topic = arguments.named_text("topic")?;
    let parse = |text| Uri::parse(text, settings.uri_rules).map_err(|cause| Refusal::invalid_uri(text, cause));
    Ok(Query {
        reverse: arguments.named_flag("reverse")?,
        limit: arguments.named_count("limit")?,
        topic: topic.map(parse).transpose()?,
        times: Bounds {
            from: arguments.named_time("from_time")?,
            after: arguments.named_time("after_time")?,
            before: arguments.named_time("before_time")?,
            until: arguments.named_time("until_time")?,
        },
        publications: Bounds {
            from: arguments.named_id("from_publication")?,
            after: arguments.named_id("after_publication")?,
            before: arguments.named_id("before_publication")?,
            until: arguments.named_id("until_publication")?,
        },
    })
}

impl Realm {
    /// Whoever may subscribe may see the history, but for the events that lists of users and roles
    /// keep from it.
    pub(super) fn get_events(&mut self, question: &Question<'_>) -> Result<Payload, Refusal> {
        let Self { settings, clock, sessions, broker, limits, .. } = self;
        let id = question.arguments.id(0, "subscription")?.ok_or_else(no_such_subscription)?;
        let pattern = broker.shown_pattern(id).ok_or_else(no_such_subscription)?;
        let user = &sessions.get(&question.caller).ok_or_else(Refusal::unknown_session)?.details;
        let gate = Gate { settings, at: clock.at(question.now), authorizer: question.authorizer };
        gate.check(question.caller, user, Action::Subscribe, Target::Pattern(pattern))?;
        let query = query(&question.arguments, settings)?;
        let past = broker.past(id, settings.uri_rules, &query, user);
        let is_stored = past.is_some();
        let count_max = query.limit.unwrap_or(EVENTS_PER_ANSWER_MAX).min(EVENTS_PER_ANSWER_MAX);
        let count_max = usize::try_from(count_max).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let mut has_more = false;
        let mut events = Vec::new();
        for event in past.into_iter().flatten() {
            bytes += event.bytes();
            let is_too_long = !events.is_empty() && bytes > settings.history_answer_bytes_max;
            if events.len() == count_max || is_too_long {
                has_more = true;
                if is_too_long {
                    limits.add(Limit::HistoryAnswerBytes);
                }
                break;
            }
            events.push(Value::Dict(event.describe(id, pattern)));
        }
        let about = Dict::new().with("stored", is_stored).with("more", has_more);
        Ok(Payload::new(vec![Value::List(events)], about))
    }
}
