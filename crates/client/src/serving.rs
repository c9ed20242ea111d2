//! Invocations: what a handler sees, and what it may do until it answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_wamp::{Dict, Id, Message, Payload, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::error::CallError;
use crate::events::id_of;
use crate::registrations::Reply;
use crate::request_options::Passthru;
use crate::shared::{Outgoing, Shared};

/// Parts of the arguments of one invocation that wait to be taken. Beyond, the call is answered
/// with an error.
pub(crate) const PARTS_MAX: usize = 256;

/// A call that a registered procedure is to answer.
pub struct Invocation {
    /// What the server says about it; methods give the usual entries.
    pub details: Dict,
    /// The arguments, as they came.
    pub payload: Payload,
    pub(crate) request: Id,
    pub(crate) registration: Id,
    pub(crate) end: InvocationEnd,
    pub(crate) way_back: WayBack,
}

/// Further arguments of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What the server says about it.
    pub details: Dict,
    /// The arguments, as they came.
    pub payload: Payload,
}

impl Part {
    /// Positional and keyword arguments.
    pub fn values(&self) -> (Vec<Value>, Dict) {
        // Checked when it came in.
        self.payload.values().unwrap_or_default()
    }
}

/// Why an invocation's answer is not waited for any more.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Interrupt {
    /// `kill` if the caller waits for an answer nevertheless.
    pub mode: Option<String>,
    /// A URI, such as `wamp.error.canceled` or `wamp.error.timeout`.
    pub reason: Option<String>,
    /// Not the server's, so that a handler that only wants to be told is stopped too.
    pub(crate) is_final: bool,
}

/// Where a handler hears of what comes later.
pub(crate) struct InvocationEnd {
    pub(crate) parts: Option<mpsc::Receiver<Part>>,
    pub(crate) interrupt: watch::Receiver<Option<Interrupt>>,
}

/// What the driver keeps of an invocation under way.
pub(crate) struct Running {
    parts: Option<mpsc::Sender<Part>>,
    interrupt: watch::Sender<Option<Interrupt>>,
}

impl Running {
    /// Its two ends. `more_follows`: further parts will come.
    pub(crate) fn new(more_follows: bool) -> (Self, InvocationEnd) {
        // A queue for each of the many that come in one part would cost more than the rest.
        let (sender, parts) = more_follows.then(|| mpsc::channel(PARTS_MAX)).unzip();
        let (interrupt, interrupted) = watch::channel(None);
        (Self { parts: sender, interrupt }, InvocationEnd { parts, interrupt: interrupted })
    }

    pub(crate) fn awaits_parts(&self) -> bool {
        self.parts.is_some()
    }

    /// Hands a part to the handler. One that leaves parts untaken is stopped.
    pub(crate) fn push(&mut self, part: Part, is_last: bool) {
        let Some(parts) = &self.parts else { return };
        // A handler that wants no parts has dropped its end.
        let is_full = matches!(parts.try_send(part), Err(mpsc::error::TrySendError::Full(_)));
        if is_full {
            self.interrupt(Interrupt { mode: None, reason: None, is_final: true });
        }
        if is_last {
            self.parts = None;
        }
    }

    pub(crate) fn interrupt(&self, interrupt: Interrupt) {
        self.interrupt.send_if_modified(|current| {
            let counts = current.as_ref().is_none_or(|earlier| interrupt.is_final && !earlier.is_final);
            if counts {
                *current = Some(interrupt);
            }
            counts
        });
    }
}

/// From a handler to its caller.
#[derive(Clone)]
pub(crate) struct WayBack {
    pub(crate) shared: Arc<Shared>,
    pub(crate) outgoing: mpsc::Sender<Outgoing>,
    /// When the last progressive result was sent: the caller's timeout starts again then.
    pub(crate) last_progress: Arc<Mutex<Instant>>,
}

impl WayBack {
    pub(crate) fn last_progress(&self) -> Instant {
        *self.last_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Invocation {
    /// The request's id.
    pub fn request_id(&self) -> Id {
        self.request
    }

    /// The id of the registration.
    pub fn registration_id(&self) -> Id {
        self.registration
    }

    /// Positional and keyword arguments.
    pub fn values(&self) -> (Vec<Value>, Dict) {
        // Checked when it came in.
        self.payload.values().unwrap_or_default()
    }

    /// Positional arguments.
    pub fn args(&self) -> Vec<Value> {
        self.values().0
    }

    /// Keyword arguments.
    pub fn kwargs(&self) -> Dict {
        self.values().1
    }

    /// The procedure that was called, for registrations of patterns.
    pub fn procedure(&self) -> Option<&str> {
        self.text("procedure")
    }

    /// The caller's session, if the server discloses it.
    pub fn caller(&self) -> Option<Id> {
        id_of(&self.details, "caller")
    }

    /// The caller's `authid`, if the server discloses it.
    pub fn caller_authid(&self) -> Option<&str> {
        self.text("caller_authid")
    }

    /// The caller's `authrole`, if the server discloses it.
    pub fn caller_authrole(&self) -> Option<&str> {
        self.text("caller_authrole")
    }

    /// How far the server trusts the caller, if it says so.
    pub fn trust_level(&self) -> Option<u64> {
        self.details.get("trustlevel").and_then(Value::as_u64)
    }

    /// The caller's timeout, if it is the callee's to keep; this crate does so.
    pub fn timeout(&self) -> Option<Duration> {
        self.details.get("timeout").and_then(Value::as_u64).filter(|time| *time > 0).map(Duration::from_millis)
    }

    /// How the caller packed the payload, if it did.
    pub fn passthru(&self) -> Option<Passthru> {
        Passthru::from_details(&self.details)
    }

    /// Whether the caller takes results before the final one.
    pub fn wants_progress(&self) -> bool {
        self.flag("receive_progress")
    }

    /// Whether the caller sends its arguments in parts, of which this is the first.
    pub fn has_parts(&self) -> bool {
        self.flag("progress")
    }

    /// Waits for the next part of the arguments; `None` after the last one.
    pub async fn next_part(&mut self) -> Option<Part> {
        self.end.parts.as_mut()?.recv().await
    }

    /// Sends a result before the final one, if the caller takes such; else does nothing. Waits
    /// for room in the queue to the server.
    ///
    /// # Errors
    ///
    /// [`CallError::TooLong`], [`CallError::Ended`]
    pub async fn progress(&self, result: impl Into<Reply>) -> Result<(), CallError> {
        if !self.wants_progress() {
            return Ok(());
        }
        let Reply { payload, mut options } = result.into();
        options.push("progress", true);
        let WayBack { shared, outgoing, last_progress } = &self.way_back;
        let frame = shared.encode(&Message::Yield { request: self.request, options, payload })?;
        let place = outgoing.reserve().await.map_err(|_| shared.over())?;
        // Not after the final answer, which this may outlive in another task.
        if shared.live()?.invocations.contains_key(&self.request) {
            place.send(frame);
            *last_progress.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        Ok(())
    }

    /// Why the answer is not waited for any more, if that is so.
    pub fn interrupt(&self) -> Option<Interrupt> {
        self.end.interrupt.borrow().clone()
    }

    /// Waits until the answer is not waited for any more: the call was canceled or timed out, or
    /// (then there is no [`Invocation::interrupt`]) is over. Only a handler registered with
    /// [`crate::OnInterrupt::Tell`] sees it; others are stopped.
    pub fn interrupted(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut interrupt = self.end.interrupt.clone();
        async move {
            let _ = interrupt.wait_for(Option::is_some).await;
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.details.get(name).and_then(Value::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        self.details.get(name).and_then(Value::as_bool) == Some(true)
    }
}

impl std::fmt::Debug for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocation")
            .field("request", &self.request)
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}
