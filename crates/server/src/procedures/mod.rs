//! The procedures that the server itself offers on the bus.
//!
//! They are registered by the server's own session like anybody's, in the spellings of the bus
//! that this replaces: with the URI prefix (long) and without (short). A procedure reads its
//! arguments, calls one rule, and writes the answer; it contains no rule.

mod apikeys;
mod arguments;
mod auth;
mod db;
mod description;
mod directory;
mod documents;
mod elevation;
mod errors;
mod keys;
mod long;
mod metadata;
mod otp;
mod roster;
mod state;
mod vacuum;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use countersign_identity::RequestContext;
use countersign_wamp::{Dict, Encoding, Id, Message, MessageType, Payload, Value};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::cid;
use crate::config::Config;
use crate::cookies;
use crate::hub::{Hub, Job, Live};
use crate::metrics::ServerLimit;
use arguments::Arguments;
pub use description::{described, markdown};
pub use errors::ErrorUris;
use errors::{Failure, FailureKind};
use long::{Entered, LongCalls};

/// One procedure: what it does, and how it is described to people.
#[derive(Debug)]
pub struct Procedure {
    /// Its names in the short spelling. All do the same.
    names: &'static [&'static str],
    /// In which spellings it is there.
    spellings: Spellings,
    /// What it does, in a sentence.
    summary: &'static str,
    /// Its arguments as they are written in a call, with the defaults: `login, data_rec=null`.
    arguments: &'static str,
    /// What it answers.
    result: &'static str,
    /// How it can fail, apart from a server that can't answer at the moment.
    errors: &'static [FailureKind],
    /// What it demands of its caller beside the permission on its URI; empty: nothing.
    rule: &'static str,
    run: fn(Call) -> BoxFuture<'static, Result<Value, Failure>>,
}

/// In which spellings a procedure is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spellings {
    /// With the prefix of the bus (long), and without (short).
    Both,
    /// With the prefix only.
    LongOnly,
}

impl Procedure {
    /// Its URIs under a prefix.
    fn uris(&self, prefix: &str) -> impl Iterator<Item = String> {
        let has_short = self.spellings == Spellings::Both;
        let short = move |name: &str| has_short.then(|| name.to_owned());
        self.names.iter().flat_map(move |name| std::iter::once(format!("{prefix}.{name}")).chain(short(name)))
    }

    /// Its longest arguments, in bytes as they are sent. Decoded they can take many times as much.
    fn arguments_bytes_max(&self, config: &Config) -> usize {
        let takes = |names: &[&str]| self.names.iter().any(|name| names.contains(name));
        let value_bytes_max = if takes(&metadata::TAKE_VALUES) {
            config.metadata.value_bytes_max
        } else if takes(&roster::TAKE_VALUES) {
            config.rosters.data_bytes_max
        } else {
            0
        };
        long::BYTES_MIN + value_bytes_max
    }
}

/// A call of one of them.
struct Call {
    app: Arc<App>,
    hub: Arc<Hub>,
    caller: Arc<Live>,
    /// The caller's context, with a correlation id of this call.
    context: RequestContext,
    arguments: Arguments,
    /// The turns of long calls.
    long: Arc<LongCalls>,
    /// The turn of this one, if its arguments are long.
    entered: Option<Entered>,
}

/// Every procedure, by groups.
const GROUPS: &[&[Procedure]] = &[
    apikeys::PROCEDURES,
    auth::PROCEDURES,
    elevation::PROCEDURES,
    otp::PROCEDURES,
    db::PROCEDURES,
    metadata::PROCEDURES,
    directory::PROCEDURES,
    roster::PROCEDURES,
    documents::PROCEDURES,
    state::PROCEDURES,
    vacuum::PROCEDURES,
];

/// The procedures, registered or ready to be.
#[derive(Debug)]
pub struct Procedures {
    app: Arc<App>,
    errors: ErrorUris,
    registered: OnceLock<HashMap<Id, &'static Procedure>>,
    tasks: TaskTracker,
    long: Arc<LongCalls>,
}

/// A URI of the server's own could not be registered: a fault of the program.
#[derive(Debug, thiserror::Error)]
#[error("the server's own procedures could not be registered")]
pub struct RegistrationFailed;

impl Procedures {
    /// Procedures for this realm, not registered yet.
    pub fn new(app: Arc<App>, tasks: TaskTracker) -> Self {
        let errors = ErrorUris::new(&app.config.realm.uri_prefix);
        Self { app, errors, registered: OnceLock::new(), tasks, long: Arc::default() }
    }

    /// The error URIs under the bus's prefix.
    pub fn errors(&self) -> &ErrorUris {
        &self.errors
    }

    /// Registers every procedure in every spelling.
    ///
    /// # Errors
    ///
    /// [`RegistrationFailed`].
    pub fn register(&self, hub: &Hub) -> Result<(), RegistrationFailed> {
        let prefix = &self.app.config.realm.uri_prefix;
        let mut registered = HashMap::new();
        let mut request = Id::FIRST;
        for procedure in GROUPS.iter().copied().flatten() {
            for uri in procedure.uris(prefix) {
                let register = Message::Register { request, options: Dict::new(), procedure: uri.into() };
                request = request.next();
                let answers = hub.handle(hub.service(), [register]);
                let Some(Job::Call(Message::Registered { registration, .. }, _)) = answers.into_iter().next() else {
                    return Err(RegistrationFailed);
                };
                registered.insert(registration, procedure);
            }
        }
        self.registered.set(registered).map_err(|_| RegistrationFailed)
    }

    /// Does what the realm left to the server. Calls that need not wait are answered before this
    /// returns.
    pub fn start(self: &Arc<Self>, hub: &Arc<Hub>, jobs: Vec<Job>) {
        for job in jobs {
            let (message, caller) = match job {
                Job::Call(message, caller) => (message, caller),
                Job::RemoveCookies(ending) => {
                    self.tasks.spawn(cookies::remove(Arc::clone(&self.app), Arc::clone(hub), ending));
                    continue;
                }
            };
            let Message::Invocation { request, registration, payload, .. } = message else { continue };
            let Some(procedure) = self.registered.get().and_then(|known| known.get(&registration)) else { continue };
            let Some(caller) = caller else { continue };
            let mut running = Arc::clone(self).answer(procedure, request, payload, caller, Arc::clone(hub)).boxed();
            if let Some(answer) = (&mut running).now_or_never() {
                finish(hub, answer);
            } else {
                let hub = Arc::clone(hub);
                self.tasks.spawn(async move { finish(&hub, running.await) });
            }
        }
    }

    async fn read(&self, procedure: &Procedure, payload: Payload) -> Result<(Arguments, Option<Entered>), Failure> {
        let (bytes, bytes_max) = (payload.len_hint(), procedure.arguments_bytes_max(&self.app.config));
        if bytes > bytes_max {
            let text = format!("the arguments have more than {bytes_max} bytes");
            return Err(Failure::argument(text).at(ServerLimit::ProcedureArguments));
        }
        let entered = self.long.enter(bytes).await?;
        Ok((long::apart(bytes, move || Arguments::read(&payload)).await??, entered))
    }

    async fn answer(
        self: Arc<Self>,
        procedure: &'static Procedure,
        request: Id,
        payload: Payload,
        caller: Arc<Live>,
        hub: Arc<Hub>,
    ) -> Message {
        let context = caller.context.next_request(cid::generate());
        let cid = context.cid.clone();
        let result = match self.read(procedure, payload).await {
            Ok((arguments, entered)) => {
                let (app, long) = (Arc::clone(&self.app), Arc::clone(&self.long));
                (procedure.run)(Call { app, hub, caller, context, arguments, long, entered }).await
            }
            Err(failure) => Err(failure),
        };
        match result {
            Ok(value) => Message::Yield { request, options: Dict::new(), payload: compact(value) },
            Err(failure) => {
                if let Some(limit) = failure.limit() {
                    self.app.metrics.limit_reached(limit);
                }
                let (error, message) = self.errors.answer(&failure, &cid);
                Message::error(MessageType::Invocation, request, error, Payload::of(message))
            }
        }
    }
}

/// A payload of this value; a long one as bytes, in which it waits for its receiver more easily.
fn compact(value: Value) -> Payload {
    let payload = Payload::of(value);
    if payload.len_hint() <= long::BYTES_MIN {
        return payload;
    }
    payload.encoded(Encoding::Json).unwrap_or(payload)
}

fn finish(hub: &Hub, answer: Message) {
    // An answer of the server's own session calls nothing.
    drop(hub.handle(hub.service(), [answer]));
}
