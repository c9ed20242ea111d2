//! Calls: one answer, or a stream of them; one set of arguments, or a stream of them.
//!
//! **Invariant:** a call that nobody waits for any more is canceled at the server, if that
//! understands it.
//!
//! Source: the WAMP specification, basic profile "Remote Procedure Calls"; advanced profile
//! "Progressive Call Results", "Progressive Call Invocations", "Call Canceling", "Call Timeouts".

use std::time::Duration;

use countersign_wamp::{Dict, Id, Message, Payload, UriText, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::error::CallError;
use crate::events::id_of;
use crate::request_options::{CallOptions, Passthru};
use crate::session::{Session, after};
use crate::shared::{Answered, Pending};

/// A result, final or not.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// What the server says about it.
    pub details: Dict,
    /// The values, as they came.
    pub payload: Payload,
}

impl CallResult {
    /// Positional and keyword values.
    pub fn values(&self) -> (Vec<Value>, Dict) {
        // Checked when it came in.
        self.payload.values().unwrap_or_default()
    }

    /// Positional values.
    pub fn args(&self) -> Vec<Value> {
        self.values().0
    }

    /// Keyword values.
    pub fn kwargs(&self) -> Dict {
        self.values().1
    }

    /// The callee's session, if the server discloses it.
    pub fn callee(&self) -> Option<Id> {
        id_of(&self.details, "callee")
    }

    /// How the callee packed the payload, if it did.
    pub fn passthru(&self) -> Option<Passthru> {
        Passthru::from_details(&self.details)
    }
}

/// How a call is canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CancelMode {
    /// The call ends at once; the callee is told nothing.
    Skip,
    /// The callee is interrupted, and its answer is the call's.
    Kill,
    /// The call ends at once, and the callee is interrupted.
    #[default]
    KillNoWait,
}

impl CancelMode {
    /// The specification's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Kill => "kill",
            Self::KillNoWait => "killnowait",
        }
    }
}

/// A call under way. Dropping it before its final answer cancels it
/// ([`CancelMode::KillNoWait`]).
#[must_use = "dropping it cancels the call"]
pub struct PendingCall {
    session: Session,
    request: Id,
    procedure: UriText,
    /// Only where such results were asked for.
    progress: Option<mpsc::Receiver<CallResult>>,
    reply: oneshot::Receiver<Result<Answered, CallError>>,
    /// What `reply` gave, or why it isn't waited for any more.
    answer: Option<Result<Answered, CallError>>,
    /// Longest wait for each answer.
    patience: Duration,
    /// Longest wait for all of them.
    deadline: Option<Instant>,
}

impl PendingCall {
    /// The request's id.
    pub fn request_id(&self) -> Id {
        self.request
    }

    /// Waits for the next progressive result; `None` when [`PendingCall::result`] is due, which
    /// also tells what went wrong. A call that asked for no such results has `None` then as well,
    /// so each can be canceled while this is waited for. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<CallResult> {
        let limit = self.limit();
        let Some(progress) = self.progress.as_mut() else {
            self.settle().await;
            return None;
        };
        if let Ok(result) = tokio::time::timeout_at(limit, progress.recv()).await {
            return result;
        }
        self.give_up();
        None
    }

    /// Waits for the final result. Progressive results not taken yet are dropped.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn result(mut self) -> Result<CallResult, CallError> {
        while self.next().await.is_some() {}
        self.settle().await;
        match self.answer.take() {
            Some(Ok(Answered::Result(result))) => Ok(result),
            Some(Ok(_)) => Err(self.session.broken("an answer of another kind")),
            Some(Err(error)) => Err(error),
            None => Err(self.session.shared().over()),
        }
    }

    /// Waits until the final answer is here, or isn't waited for any more.
    async fn settle(&mut self) {
        if self.answer.is_some() {
            return;
        }
        match tokio::time::timeout_at(self.limit(), &mut self.reply).await {
            Ok(Ok(answer)) => self.answer = Some(answer),
            Ok(Err(_)) => self.answer = Some(Err(self.session.shared().over())),
            Err(_) => self.give_up(),
        }
    }

    /// Asks the server to cancel the call. How it ends is told by [`PendingCall::result`]; a
    /// final result that was under way already counts.
    ///
    /// # Errors
    ///
    /// [`CallError::NotSupported`] if the server can't, [`CallError::Ended`].
    pub async fn cancel(&self, mode: CancelMode) -> Result<(), CallError> {
        let shared = self.session.shared();
        if !shared.announces("dealer", "call_canceling") {
            return Err(CallError::NotSupported("call_canceling"));
        }
        let options = Dict::new().with("mode", mode.name());
        self.say(Message::Cancel { request: self.request, options }).await
    }

    /// Sends more arguments of a call that began with [`CallOptions::more_follows`].
    ///
    /// # Errors
    ///
    /// [`CallError`]. Where the call is over already nothing is sent, and nothing is wrong:
    /// [`PendingCall::result`] has the answer.
    pub async fn send(&self, payload: impl Into<Payload>) -> Result<(), CallError> {
        self.part(Dict::new().with("progress", true), payload.into()).await
    }

    /// Sends the last arguments of a call that began with [`CallOptions::more_follows`].
    ///
    /// # Errors
    ///
    /// As [`PendingCall::send`].
    pub async fn send_last(&self, payload: impl Into<Payload>) -> Result<(), CallError> {
        self.part(Dict::new().with("progress", false), payload.into()).await
    }

    async fn part(&self, options: Dict, payload: Payload) -> Result<(), CallError> {
        let payload = self.session.encoded(payload);
        self.say(Message::Call { request: self.request, options, procedure: self.procedure.clone(), payload }).await
    }

    /// Sends a message of this call, unless the call is over.
    async fn say(&self, message: Message) -> Result<(), CallError> {
        let shared = self.session.shared();
        let frame = shared.encode(&message)?;
        let place = self.session.place().await?;
        if shared.live()?.pending.contains_key(&self.request) {
            place.send(frame);
        }
        Ok(())
    }

    fn limit(&self) -> Instant {
        self.deadline.unwrap_or_else(|| after(self.patience))
    }

    /// Ends the call for whoever waits: it took too long.
    fn give_up(&mut self) {
        self.session.shared().drop_call(self.request);
        self.progress = None;
        self.answer = Some(Err(CallError::TimedOut));
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        self.session.shared().drop_call(self.request);
    }
}

impl Session {
    /// Calls a procedure.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn call(&self, procedure: &str, args: Vec<Value>, kwargs: Dict) -> Result<(Vec<Value>, Dict), CallError> {
        let result = self.call_with(procedure, CallOptions::new(), (args, kwargs)).await?;
        result.payload.values().map_err(|error| self.broken(&error.to_string()))
    }

    /// Calls a procedure with options ([`CallOptions`] or a [`Dict`]) and waits for the final
    /// result. The payload goes out as it is if it was encoded by this session's serializer.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn call_with(
        &self,
        procedure: &str,
        options: impl Into<CallOptions>,
        payload: impl Into<Payload>,
    ) -> Result<CallResult, CallError> {
        self.start_call(procedure, options, payload).await?.result().await
    }

    /// Calls a procedure and returns when the call is on its way: for progressive results, for
    /// arguments in parts, and for canceling.
    ///
    /// # Errors
    ///
    /// [`CallError`]; what the callee answers is told by [`PendingCall`].
    pub async fn start_call(
        &self,
        procedure: &str,
        options: impl Into<CallOptions>,
        payload: impl Into<Payload>,
    ) -> Result<PendingCall, CallError> {
        let CallOptions { dict: options, deadline, progress_max } = options.into();
        let deadline = deadline.map(after);
        let payload = self.encoded(payload.into());
        let procedure = UriText::from(procedure);
        let wants = |name: &str| options.get(name).and_then(Value::as_bool) == Some(true);
        if wants("progress") && !self.shared().announces("dealer", "progressive_call_invocations") {
            return Err(CallError::NotSupported("progressive_call_invocations"));
        }
        let (reply, answer) = oneshot::channel();
        let (sender, progress) = wants("receive_progress").then(|| mpsc::channel(progress_max)).unzip();
        let pending = Pending::Call(reply, sender);
        let timeout = options.get("timeout").and_then(Value::as_u64).map(Duration::from_millis);
        let named = procedure.clone();
        let call = |request| Message::Call { request, options, procedure: named, payload };
        let patience = self.options().request_timeout;
        let limit = deadline.unwrap_or_else(|| after(patience));
        let place = tokio::time::timeout_at(limit, self.place()).await.map_err(|_| CallError::TimedOut)??;
        let shared = self.shared();
        let request = shared.enqueue(&mut *shared.live()?, place, call, Some(pending))?;
        let patience = patience.saturating_add(timeout.unwrap_or_default());
        let session = self.clone();
        Ok(PendingCall { session, request, procedure, progress, reply: answer, answer: None, patience, deadline })
    }
}
