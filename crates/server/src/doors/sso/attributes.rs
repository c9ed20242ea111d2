//! Attributes of users (`/user/attr`) and of sessions (`/session/attr`).
//!
//! One attribute is named by `name`, several by `data`. The user form takes `ust` and `user_id`, the session form
//! `current_ust` and `target_ust`.
//!
//! Source: contract of the sign-on API, section 1.6.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, patch};
use countersign_identity::Secret;
use countersign_identity::repository::RepositoryError;
use countersign_identity::sign_on::Caller;
use countersign_identity::sign_on::attributes::{
    Attribute, AttributeChange, AttributeError, AttributeName, AttributeVerb, AttributeWish, AttributesOf,
};
use serde_json::{Map, Value, json};

use super::codes::Refusal;
use super::fields::{Fields, truth};
use super::sessions::time;
use super::{Call, Doors, handler};
use crate::clock::now;

/// What stands for the end of something that has none.
const NEVER: &str = "9999-12-31T00:00:00";

/// The routes.
pub fn routes() -> Router<Arc<Doors>> {
    routes_of::<OfUser>("/user/attr").merge(routes_of::<OfSession>("/session/attr"))
}

fn routes_of<W: Whose>(path: &str) -> Router<Arc<Doors>> {
    let attribute = delete(handler(|call| Box::pin(change::<W>(call, AttributeVerb::Delete))))
        .post(handler(|call| Box::pin(change::<W>(call, AttributeVerb::Create))))
        .patch(handler(|call| Box::pin(change::<W>(call, AttributeVerb::Update))))
        .put(handler(|call| Box::pin(change::<W>(call, AttributeVerb::Set))))
        .get(handler(|call| Box::pin(find::<W>(call))));
    Router::new()
        .route(path, attribute)
        .route(&format!("{path}/expiry"), patch(handler(|call| Box::pin(change::<W>(call, AttributeVerb::Expire)))))
        .route(&format!("{path}/exists"), get(handler(|call| Box::pin(exists::<W>(call)))))
        .route(&format!("{path}/names"), get(handler(|call| Box::pin(names::<W>(call)))))
}

/// Whose attributes a route is about, and by which fields that is said.
trait Whose: Send + Sync + 'static {
    /// The field with the caller's token.
    const CALLER: &'static str;

    fn read(fields: &Fields) -> Result<Target, Refusal>;
}

struct OfUser;
struct OfSession;

impl Whose for OfUser {
    const CALLER: &'static str = "ust";

    fn read(fields: &Fields) -> Result<Target, Refusal> {
        Ok(Target::User(fields.optional("user_id")?))
    }
}

impl Whose for OfSession {
    const CALLER: &'static str = "current_ust";

    fn read(fields: &Fields) -> Result<Target, Refusal> {
        Ok(Target::Session(Secret::new(fields.required("target_ust")?)))
    }
}

/// Whose attributes are meant.
enum Target {
    User(Option<String>),
    Session(Secret),
}

impl Target {
    fn of(&self) -> AttributesOf<'_> {
        match self {
            Self::User(id) => AttributesOf::User(id.as_deref()),
            Self::Session(token) => AttributesOf::Session(token),
        }
    }
}

async fn begin<W: Whose>(call: &Call) -> Result<(Caller, Target), Refusal> {
    let target = W::read(&call.fields)?;
    Ok((call.caller(W::CALLER).await?, target))
}

/// `POST`, `PATCH`, `PUT`, `DELETE`, and `PATCH …/expiry` (ours): other ends alone.
async fn change<W: Whose>(call: &Call, verb: AttributeVerb) -> Result<Value, Refusal> {
    let (caller, target) = begin::<W>(call).await?;
    let change = AttributeChange { of: target.of(), verb, wishes: wishes(&call.fields, verb) };
    call.app.identity.change_attributes(&caller, change, &call.context, now()).await?;
    Ok(Value::Null)
}

/// `GET`: one attribute, or several by name. A list of one is answered in both ways.
async fn find<W: Whose>(call: &Call) -> Result<Value, Refusal> {
    let (caller, target) = begin::<W>(call).await?;
    let opens = call.fields.truth("decrypt")?.unwrap_or(false);
    let asked = named(&call.fields)?;
    let identity = &call.app.identity;
    let found = identity.attributes(&caller, target.of(), asked.names(), opens, now()).await?;
    let mut answer = Map::from_iter([("found".to_owned(), (!found.is_empty()).into())]);
    if let (Named::One(_), Some(attribute)) = (&asked, found.first()) {
        answer.extend(record(attribute)?);
    }
    if call.fields.any("data").is_some_and(|data| !data.is_null()) {
        let mut result: Map<String, Value> = asked.names().iter().map(|name| (name.clone(), Value::Null)).collect();
        for attribute in &found {
            result.insert(attribute.name.as_str().to_owned(), record(attribute)?.into());
        }
        answer.insert("result".to_owned(), result.into());
    }
    Ok(answer.into())
}

/// `GET …/exists`
async fn exists<W: Whose>(call: &Call) -> Result<Value, Refusal> {
    let (caller, target) = begin::<W>(call).await?;
    let asked = named(&call.fields)?;
    let there = call.app.identity.attribute_names(&caller, target.of(), now()).await?;
    let is_there = |name: &String| there.iter().any(|known| known.as_str() == name);
    Ok(match asked {
        Named::One([name]) => json!({ "result": is_there(&name) }),
        Named::Several(names) => {
            let result: Map<String, Value> = names
                .into_iter()
                .map(|name| {
                    let found = is_there(&name);
                    (name, found.into())
                })
                .collect();
            json!({ "result": result })
        }
    })
}

/// `GET …/names`
async fn names<W: Whose>(call: &Call) -> Result<Value, Refusal> {
    let (caller, target) = begin::<W>(call).await?;
    let names = call.app.identity.attribute_names(&caller, target.of(), now()).await?;
    Ok(json!({ "result": names.iter().map(AttributeName::as_str).collect::<Vec<_>>() }))
}

/// The value of one that is sealed and was not opened is null: nothing of it is shown.
fn record(attribute: &Attribute) -> Result<Map<String, Value>, Refusal> {
    let value = match &attribute.value {
        Some(text) => serde_json::from_str(text.expose()).map_err(|_| no_json(attribute))?,
        None => Value::Null,
    };
    let fields = [
        ("name", attribute.name.as_str().into()),
        ("value", value),
        ("creation_time", time(attribute.created).into()),
        ("last_modified", time(attribute.modified).into()),
        ("expiration_time", attribute.expires.map_or_else(|| NEVER.to_owned(), time).into()),
        ("is_encrypted", attribute.is_sealed.into()),
    ];
    Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn no_json(attribute: &Attribute) -> Refusal {
    RepositoryError::Corrupt(format!("the attribute {:?} holds no JSON", attribute.name.as_str())).into()
}

/// Which attributes are asked for. A list of one is as good as one name.
enum Named {
    One([String; 1]),
    Several(Vec<String>),
}

impl Named {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => name,
            Self::Several(names) => names,
        }
    }
}

fn named(fields: &Fields) -> Result<Named, Refusal> {
    let names = wishes(fields, AttributeVerb::Delete).ok_or(AttributeError::Unreadable)?;
    let names: Vec<String> = names.into_iter().map(|wish| wish.name).collect();
    match <[String; 1]>::try_from(names) {
        Ok(name) => Ok(Named::One(name)),
        Err(names) if names.is_empty() => Err(AttributeError::Count.into()),
        Err(names) => Ok(Named::Several(names)),
    }
}

/// The wishes of a request; `None` where they can't be read. What an item doesn't say, the request says for all of them.
fn wishes(fields: &Fields, verb: AttributeVerb) -> Option<Vec<AttributeWish>> {
    let all = Choice {
        expiration: seconds(fields.any("expiration"))?,
        seals: read_truth(fields.any("encrypt"))?.unwrap_or(false),
    };
    let takes_names = matches!(verb, AttributeVerb::Delete | AttributeVerb::Expire);
    match fields.any("data") {
        None | Some(Value::Null) => Some(vec![all.wish(fields.any("name")?, fields.any("value"))?]),
        Some(Value::Array(items)) => items.iter().map(|item| read_item(item, all, takes_names)).collect(),
        Some(item) => Some(vec![read_item(item, all, takes_names)?]),
    }
}

/// What may be said for one attribute, or for all of a request.
#[derive(Clone, Copy)]
struct Choice {
    expiration: Option<u64>,
    seals: bool,
}

impl Choice {
    fn wish(self, name: &Value, value: Option<&Value>) -> Option<AttributeWish> {
        let name = match name {
            Value::String(name) => name.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        let value = value.map(|value| Secret::new(value.to_string()));
        Some(AttributeWish { name, value, expiration: self.expiration, seals: self.seals })
    }
}

fn read_item(item: &Value, all: Choice, takes_names: bool) -> Option<AttributeWish> {
    let Value::Object(item) = item else {
        return if takes_names { all.wish(item, None) } else { None };
    };
    // It would have to go to another owner than the rest: rather not at all than to the wrong one.
    if item.contains_key("user_id") {
        return None;
    }
    let expiration = seconds(item.get("expiration"))?.or(all.expiration);
    let seals = read_truth(item.get("encrypt"))?.unwrap_or(all.seals);
    Choice { expiration, seals }.wish(item.get("name")?, item.get("value"))
}

/// A number of seconds, or nothing; `None` where it is neither.
#[expect(clippy::option_option, reason = "what is wrong is apart from what is not there")]
fn seconds(value: Option<&Value>) -> Option<Option<u64>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) if text.is_empty() => Some(None),
        Some(Value::String(text)) => text.parse().ok().map(Some),
        Some(Value::Number(number)) => number.as_u64().map(Some),
        Some(_) => None,
    }
}

/// A truth value, or nothing; `None` where it is neither.
#[expect(clippy::option_option, reason = "what is wrong is apart from what is not there")]
fn read_truth(value: Option<&Value>) -> Option<Option<bool>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(value) => truth(value).map(Some),
    }
}
