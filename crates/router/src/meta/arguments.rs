//! Reading the arguments of meta procedures.

use std::collections::HashSet;

use countersign_wamp::{Dict, Id, Payload, Uri, UriRules, UriText, Value, uris};

use crate::clock::WallTime;
use crate::refusal::Refusal;

/// The decoded arguments of a call. `null` counts as absent.
#[derive(Debug)]
pub(super) struct Arguments {
    list: Vec<Value>,
    named: Dict,
}

pub(super) fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new(uris::error::INVALID_ARGUMENT, text)
}

impl Arguments {
    pub fn read(payload: &Payload) -> Result<Self, Refusal> {
        let (list, named) = payload.values().map_err(|cause| invalid(cause.to_string()))?;
        Ok(Self { list, named })
    }

    pub fn at(&self, place: usize) -> Option<&Value> {
        self.list.get(place).filter(|value| **value != Value::Null)
    }

    pub fn named(&self, name: &str) -> Option<&Value> {
        self.named.get(name).filter(|value| **value != Value::Null)
    }

    /// An id; a number that is out of range is the id of nothing.
    pub fn id(&self, place: usize, name: &str) -> Result<Option<Id>, Refusal> {
        let number = self.at(place).and_then(Value::as_u64);
        let number = number.ok_or_else(|| invalid(format!("argument {place}, \"{name}\", must be an id")))?;
        Ok(Id::new(number).ok())
    }

    pub fn text(&self, place: usize, name: &str) -> Result<&str, Refusal> {
        let text = self.at(place).and_then(Value::as_str);
        text.ok_or_else(|| invalid(format!("argument {place}, \"{name}\", must be a string")))
    }

    /// The options of a SUBSCRIBE or REGISTER, for a look-up.
    pub fn options(&self, place: usize) -> Result<Dict, Refusal> {
        let Some(value) = self.at(place) else { return Ok(Dict::new()) };
        let options =
            value.as_dict().ok_or_else(|| invalid(format!("argument {place}, \"options\", must be a dict")))?;
        Ok(options.clone())
    }

    /// Authroles to count only.
    pub fn authroles(&self, place: usize) -> Result<Option<HashSet<&str>>, Refusal> {
        let wrong = || invalid(format!("argument {place}, \"filter_authroles\", must be a list of strings"));
        let Some(value) = self.at(place) else { return Ok(None) };
        let roles = value.as_list().ok_or_else(wrong)?;
        roles.iter().map(|role| role.as_str().ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
    }

    pub fn named_text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let wrong = || invalid(format!("argument \"{name}\" must be a string"));
        self.named(name).map(|value| value.as_str().ok_or_else(wrong)).transpose()
    }

    /// The reason for what is done to a session.
    pub fn reason(&self, rules: UriRules, default: &str) -> Result<UriText, Refusal> {
        let Some(value) = self.named("reason") else { return Ok(default.into()) };
        let wrong = || Refusal::new(uris::error::INVALID_URI, "argument \"reason\" must be a URI");
        Uri::parse(value.as_str().ok_or_else(wrong)?, rules).map(Into::into).map_err(|_| wrong())
    }

    pub fn named_flag(&self, name: &str) -> Result<bool, Refusal> {
        let wrong = || invalid(format!("argument \"{name}\" must be a bool"));
        self.named(name).map_or(Ok(false), |value| value.as_bool().ok_or_else(wrong))
    }

    /// A number above zero.
    pub fn named_count(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let wrong = || invalid(format!("argument \"{name}\" must be an integer above zero"));
        self.named(name).map(|value| value.as_u64().filter(|count| *count > 0).ok_or_else(wrong)).transpose()
    }

    pub fn named_id(&self, name: &str) -> Result<Option<Id>, Refusal> {
        let wrong = || invalid(format!("argument \"{name}\" must be an id"));
        let id = |value: &Value| Id::new(value.as_u64()?).ok();
        self.named(name).map(|value| id(value).ok_or_else(wrong)).transpose()
    }

    pub fn named_time(&self, name: &str) -> Result<Option<WallTime>, Refusal> {
        let wrong = || invalid(format!("argument \"{name}\" must be an RFC 3339 time"));
        self.named(name).map(|value| value.as_str().and_then(WallTime::parse).ok_or_else(wrong)).transpose()
    }
}
