//! `wamp.session.add_testament` and `wamp.session.flush_testaments`.

use countersign_wamp::{Dict, Payload, Uri, Value, uris};

use super::arguments::{Arguments, invalid};
use super::nothing;
use super::procedures::Question;
use crate::broker::Publish;
use crate::refusal::Refusal;
use crate::testaments::{Scope, Testaments};
use crate::{Feature, Realm, RealmSettings, options};

fn scope(arguments: &Arguments) -> Result<Scope, Refusal> {
    let wrong = || invalid("argument \"scope\" must be \"detached\" or \"destroyed\"");
    arguments.named_text("scope")?.map_or(Ok(Scope::Destroyed), |name| Scope::from_name(name).ok_or_else(wrong))
}

/// The publication as it will be made; everything but the permission is checked now, while there
/// is somebody to tell.
fn publication(arguments: &Arguments, settings: &RealmSettings) -> Result<Publish, Refusal> {
    let text = arguments.text(0, "topic")?;
    let topic = Uri::parse(text, settings.uri_rules).map_err(|cause| Refusal::invalid_uri(text, cause))?;
    if text.starts_with(uris::RESERVED_PREFIX) {
        return Err(Refusal::new(uris::error::INVALID_URI, format!("topic '{text}' is the router's to publish to")));
    }
    let args = match arguments.at(1) {
        None => Vec::new(),
        Some(Value::List(args)) => args.clone(),
        Some(_) => return Err(invalid("argument 1, \"args\", must be a list")),
    };
    let dict = |value: Option<&Value>, name: &str| match value {
        None => Ok(Dict::new()),
        Some(Value::Dict(dict)) => Ok(dict.clone()),
        Some(_) => Err(invalid(format!("argument \"{name}\" must be a dict"))),
    };
    let kwargs = dict(arguments.at(2), "kwargs")?;
    let options = dict(arguments.named("publish_options"), "publish_options")?;
    let publish = Publish { options, topic: topic.into(), payload: Payload::new(args, kwargs) };
    publish.check()?;
    Ok(publish)
}

impl Realm {
    pub(super) fn add_testament(&mut self, question: &Question<'_>) -> Result<Payload, Refusal> {
        let scope = scope(&question.arguments)?;
        let publish = publication(&question.arguments, &self.settings)?;
        let session = self.sessions.get_mut(&question.caller).ok_or_else(Refusal::unknown_session)?;
        let features = session.details.features;
        if options::is_passthru(&publish.options) && !features.has(Feature::PassthruAsPublisher) {
            let text = "payload passthru mode was not announced";
            return Err(Refusal::new(uris::error::FEATURE_NOT_SUPPORTED, text));
        }
        let testaments: &mut Testaments = session.testaments.get_or_insert_default();
        testaments.add(scope, publish, question.bytes, &self.settings)?;
        Ok(nothing())
    }

    pub(super) fn flush_testaments(&mut self, question: &Question<'_>) -> Result<Payload, Refusal> {
        let scope = scope(&question.arguments)?;
        let session = self.sessions.get_mut(&question.caller).ok_or_else(Refusal::unknown_session)?;
        if let Some(testaments) = &mut session.testaments {
            testaments.flush(scope);
        }
        Ok(nothing())
    }
}
