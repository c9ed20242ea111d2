//! `system.roster.*`
//!
//! Source: contract of the bus, section 4.9.

use std::collections::HashSet;

use countersign_identity::Secret;
use countersign_identity::permission::{Action, UriMatch};
use countersign_identity::roster::{NodeId, RosterEntry, RosterUser, RosterWish, Visibility, VisibilityError};
use countersign_wamp::{Id, Uri, Value};
use futures_util::FutureExt as _;

use super::arguments::{json, text};
use super::errors::Failure;
use super::errors::FailureKind::{InvalidArgument, LimitExceeded, PermissionDenied};
use super::{Call, Procedure, Spellings};
use crate::app::App;
use crate::clock::{now, random};
use crate::hub::{Hub, Live};
use crate::records;

/// The procedures that take values, and so long arguments.
pub const TAKE_VALUES: [&str; 1] = ["system.roster.register"];

/// Rosters.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["system.roster.register"],
        spellings: Spellings::Both,
        summary: "Puts an entry of the caller's session into a roster, or changes it there. It is over with the session.",
        arguments: "name, data, visibility=null",
        result: "the entry: `uuid`, `created`, `name`, `visibility`, `session_id`, `data`, `key`, `owner`",
        errors: &[InvalidArgument, PermissionDenied, LimitExceeded],
        rule: "the right `o` on the roster's name. `visibility`: a role, a list of roles, or `\"*\"` for everybody, as null",
        run: |call| register(call).boxed(),
    },
    Procedure {
        names: &["system.roster.unregister"],
        spellings: Spellings::Both,
        summary: "Takes the entry of the caller's session out of a roster. One that isn't there counts as taken out.",
        arguments: "name",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied],
        rule: "the right `o` on the roster's name",
        run: |call| unregister(call).boxed(),
    },
    Procedure {
        names: &["system.roster.query"],
        spellings: Spellings::Both,
        summary: "What sessions say in a roster, oldest first.",
        arguments: "name",
        result: "a list of the `data` of all entries that the caller sees",
        errors: &[InvalidArgument, PermissionDenied],
        rule: "the right `q` on the roster's name, also without a login. Of entries with a visibility, those that name the \
               caller's role; `trust` sees all",
        run: |call| query(call).boxed(),
    },
];

/// `system.roster.register(name, data, visibility=null) → dict`
async fn register(call: Call) -> Result<Value, Failure> {
    let Call { app, hub, caller, context, arguments, mut entered, .. } = call;
    let [name, data, given] = arguments.bind_given("system.roster.register", ["name", "data", "visibility"], 2)?;
    let name = roster(&app, name)?;
    let wish = match visibility(given) {
        Ok(visibility) => Ok(RosterWish { visibility, data: Secret::new(json(&data, "data")?) }),
        Err(error) => Err(error),
    };
    if let Some(entered) = &mut entered {
        entered.pass_on();
    }
    let right = may(&caller, Action::RosterOperate, &name);
    caller.mark();
    let user = RosterUser { session: caller.id.get(), actor: &caller.actor, context: &context };
    let registered = app.identity.register_in_roster(user, name.as_str(), wish, right, now(), &mut random()).await;
    hub.stored_for(&caller);
    Ok(records::roster_entry(&registered?)?.into())
}

/// `system.roster.unregister(name) → true`
async fn unregister(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, .. } = call;
    let [name] = arguments.bind("system.roster.unregister", ["name"])?;
    let name = roster(&app, name)?;
    let right = may(&caller, Action::RosterOperate, &name);
    let user = RosterUser { session: caller.id.get(), actor: &caller.actor, context: &context };
    app.identity.unregister_from_roster(user, name.as_str(), right, now()).await?;
    Ok(Value::Bool(true))
}

/// `system.roster.query(name) → [data]`
async fn query(call: Call) -> Result<Value, Failure> {
    let Call { app, hub, caller, arguments, long, .. } = call;
    let [name] = arguments.bind("system.roster.query", ["name"])?;
    let name = roster(&app, name)?;
    let right = may(&caller, Action::RosterQuery, &name);
    let _reading = long.reading().await;
    let mut entries = app.identity.roster(name.as_str(), &caller.actor, &caller.role, right).await?;
    keep_present(&mut entries, app.identity.settings().node, &hub);
    let bytes = entries.iter().map(RosterEntry::bytes).sum();
    Ok(long.unfold(bytes, move || records::roster(&entries)).await??)
}

/// Leaves out what belongs to sessions of this server that are gone, and is about to be.
fn keep_present(entries: &mut Vec<RosterEntry>, node: NodeId, hub: &Hub) {
    let own = entries.iter().filter(|entry| entry.node == node).filter_map(|entry| Id::new(entry.session).ok());
    let here: HashSet<u64> = hub.here(own).into_iter().map(Id::get).collect();
    entries.retain(|entry| entry.node != node || here.contains(&entry.session));
}

fn may(caller: &Live, action: Action, name: &Uri) -> Result<(), String> {
    caller.may(action, UriMatch::Exact(name.as_str()))
}

fn roster(app: &App, name: Value) -> Result<Uri, Failure> {
    let name = text(name, "name")?;
    Uri::parse(&name, app.config.uri_rules()).map_err(|error| Failure::argument(format!("name: {error}")))
}

fn visibility(given: Value) -> Result<Visibility, VisibilityError> {
    match given {
        Value::Null => Ok(Visibility::everybody()),
        Value::Str(name) => Ok(Visibility::One(name)),
        Value::List(names) => {
            let name = |name| match name {
                Value::Str(name) => Ok(name),
                _ => Err(VisibilityError),
            };
            Ok(Visibility::Many(names.into_iter().map(name).collect::<Result<_, _>>()?))
        }
        _ => Err(VisibilityError),
    }
}
