//! What comes from the server, and whom it concerns.

use std::sync::Arc;
use std::time::Duration;

use countersign_wamp::{DecodeLimits, Dict, Id, Message, MessageType, Payload, Value, decode, uris};
use tokio::sync::{Semaphore, mpsc};

use super::runner::{Job, failed};
use crate::calls::CallResult;
use crate::error::{CallError, Closed, Ended};
use crate::events::{Event, id_of};
use crate::registrations::RegistrationEnd;
use crate::serving::{Interrupt, Part, Running};
use crate::shared::{Answered, Outgoing, Pending, Shared, State};
use crate::transport::{FrameReceiver, Incoming};

pub(super) struct Reader {
    pub(super) shared: Arc<Shared>,
    pub(super) outgoing: mpsc::WeakSender<Outgoing>,
    /// Places for invocations.
    pub(super) invocations: Arc<Semaphore>,
    /// Longest silence of the server's, if there is a limit.
    pub(super) keep_alive: Option<Duration>,
}

impl Reader {
    pub(super) async fn read(self, frames: &mut FrameReceiver) -> Ended {
        let ended = loop {
            let frame = match self.next(frames).await {
                Ok(Incoming::Frame(frame)) => frame,
                Ok(Incoming::Pong) => continue,
                Ok(Incoming::Ping(content)) => {
                    self.send(Outgoing::Pong(content)).await;
                    continue;
                }
                Err(closed) => break self.closed(closed),
            };
            let handled = match decode(self.shared.encoding, &frame, DecodeLimits::default()) {
                Ok(message) => self.handle(message).await,
                Err(error) => Err(Ended::ProtocolViolation(error.to_string())),
            };
            if let Err(ended) = handled {
                break ended;
            }
        };
        if let Ended::ProtocolViolation(why) = &ended {
            let details = Dict::new().with("message", why.as_str());
            self.say(&Message::Abort { details, reason: uris::error::PROTOCOL_VIOLATION.into() }).await;
        }
        self.send(Outgoing::Close).await;
        ended
    }

    /// Waits for what comes next, and asks for a sign of life when that takes long.
    async fn next(&self, frames: &mut FrameReceiver) -> Result<Incoming, Closed> {
        let Some(silence) = self.keep_alive else { return frames.next().await };
        if let Ok(next) = tokio::time::timeout(silence, frames.next()).await {
            return next;
        }
        if let Some(outgoing) = self.outgoing.upgrade() {
            // Where the queue is full the server takes nothing, so a ping would not reach it either.
            let _ = outgoing.try_send(Outgoing::Ping);
        }
        tokio::time::timeout(silence, frames.next()).await.unwrap_or(Err(Closed::Silent))
    }

    /// A server may close instead of answering GOODBYE.
    fn closed(&self, closed: Closed) -> Ended {
        let left = self.shared.state().leaving || self.outgoing.strong_count() == 0;
        if left { Ended::Left } else { Ended::Closed(closed) }
    }

    async fn send(&self, item: Outgoing) {
        if let Some(outgoing) = self.outgoing.upgrade() {
            // Fails only if the writer has ended already.
            let _ = outgoing.send(item).await;
        }
    }

    async fn say(&self, message: &Message) {
        if let Ok(frame) = self.shared.encode(message) {
            self.send(frame).await;
        }
    }

    async fn handle(&self, message: Message) -> Result<(), Ended> {
        match message {
            Message::Event { subscription, publication, details, payload } => {
                let event = Event { publication, details, payload };
                let unused = self.shared.state().subscribers.deliver(subscription, &event);
                if let Some(pattern) = unused {
                    self.undo(
                        |state| !state.is_subscribing(&pattern),
                        |request| Message::Unsubscribe { request, subscription },
                    )
                    .await;
                }
                Ok(())
            }
            Message::Invocation { request, registration, details, payload } => {
                self.invoke(request, registration, Part { details, payload }).await
            }
            Message::Interrupt { request, options } => {
                let text = |name: &str| options.get(name).and_then(Value::as_str).map(str::to_owned);
                let interrupt = Interrupt { mode: text("mode"), reason: text("reason"), is_final: false };
                if let Some(running) = self.shared.state().invocations.get(&request) {
                    running.interrupt(interrupt);
                }
                Ok(())
            }
            Message::Goodbye { details, reason } => Err(self.goodbye(details, reason.as_str()).await),
            Message::Abort { details, reason } => Err(Ended::Aborted { reason: reason.as_str().to_owned(), details }),
            Message::Unsubscribed { request: None, details } => {
                let (id, reason) = revoked(details.as_ref(), "subscription");
                if let Some(id) = id {
                    self.shared.state().subscribers.revoke(id, reason);
                }
                Ok(())
            }
            Message::Unregistered { request: None, details } => {
                let (id, reason) = revoked(details.as_ref(), "registration");
                if let Some(id) = id {
                    let procedure = self.shared.state().registrations.remove(&id);
                    if let Some(procedure) = procedure {
                        let reason = reason.map(str::to_owned);
                        procedure.end.send_replace(Some(RegistrationEnd::Revoked { reason }));
                    }
                }
                Ok(())
            }
            other => self.answer(other).await,
        }
    }

    /// The messages that answer a request.
    async fn answer(&self, message: Message) -> Result<(), Ended> {
        match message {
            Message::Result { request, details, payload } => {
                let result = CallResult { details, payload };
                if result.details.get("progress").and_then(Value::as_bool) == Some(true) {
                    return self.progress(request, result);
                }
                self.complete(request, MessageType::Call, Ok(Answered::Result(result))).await
            }
            Message::Published { request, publication } => {
                self.complete(request, MessageType::Publish, Ok(Answered::Id(publication))).await
            }
            Message::Subscribed { request, subscription } => {
                self.complete(request, MessageType::Subscribe, Ok(Answered::Id(subscription))).await
            }
            Message::Registered { request, registration } => {
                self.complete(request, MessageType::Register, Ok(Answered::Id(registration))).await
            }
            Message::Unsubscribed { request: Some(request), .. } => {
                self.complete(request, MessageType::Unsubscribe, Ok(Answered::Done)).await
            }
            Message::Unregistered { request: Some(request), .. } => {
                self.complete(request, MessageType::Unregister, Ok(Answered::Done)).await
            }
            Message::Error { request_type, request, details, error, payload } => {
                let (args, kwargs) = payload.values().map_err(|error| Ended::ProtocolViolation(error.to_string()))?;
                let error = CallError::Remote { error: error.as_str().to_owned(), args, kwargs, details };
                self.complete(request, request_type, Err(error)).await
            }
            other => {
                let why = format!("{} is not for a client with a session", other.message_type().name());
                Err(Ended::ProtocolViolation(why))
            }
        }
    }

    /// The request that is answered; `None` if nobody waits for it any more.
    fn take(state: &mut State, request: Id, kind: MessageType) -> Result<Option<Pending>, Ended> {
        if !state.has_asked(request) {
            return Err(Ended::ProtocolViolation("an answer to a request that was never made".into()));
        }
        if state.pending.get(&request).is_some_and(|pending| pending.kind() != kind) {
            return Err(Ended::ProtocolViolation("an answer to a request of another kind".into()));
        }
        Ok(state.pending.remove(&request))
    }

    /// A result before the final one. It must not wait, nor get lost: a caller that leaves too
    /// many untaken loses its call.
    fn progress(&self, request: Id, result: CallResult) -> Result<(), Ended> {
        use mpsc::error::TrySendError::Full;
        let mut state = self.shared.state();
        let Some(pending) = Self::take(&mut state, request, MessageType::Call)? else { return Ok(()) };
        let is_full = match &pending {
            Pending::Call(_, Some(progress)) => matches!(progress.try_send(result), Err(Full(_))),
            _ => false,
        };
        state.pending.insert(request, pending);
        if is_full {
            let reply = state.overflow(request);
            drop(state);
            self.shared.cancel_later(request);
            if let Some(reply) = reply {
                let _ = reply.send(Err(CallError::Overflow));
            }
        }
        Ok(())
    }

    /// Gives an answer to whoever waits for it, if anybody still does.
    async fn complete(&self, request: Id, kind: MessageType, answer: Result<Answered, CallError>) -> Result<(), Ended> {
        let Some(pending) = Self::take(&mut self.shared.state(), request, kind)? else { return Ok(()) };
        match (pending, answer) {
            (Pending::Subscribe(reply, pattern, sender), Ok(Answered::Id(id))) => {
                // Before the next message is read, which may be the first event.
                let added = self.shared.live().map(|mut state| state.subscribers.add(id, pattern, sender));
                let Ok(key) = added else { return Ok(()) };
                if reply.send(Ok(Answered::Subscribed(id, key))).is_err() {
                    let is_last = |state: &mut State| {
                        state.subscribers.remove(id, key).is_some_and(|pattern| !state.is_subscribing(&pattern))
                    };
                    self.undo(is_last, |request| Message::Unsubscribe { request, subscription: id }).await;
                }
            }
            (Pending::Register(reply, procedure), Ok(Answered::Id(id))) => {
                let end = procedure.end.subscribe();
                let kept = self.shared.live().map(|mut state| state.registrations.insert(id, Arc::new(procedure)));
                if kept.is_err() {
                    return Ok(());
                }
                if reply.send(Ok(Answered::Registered(id, end))).is_err() {
                    let remove = |state: &mut State| state.registrations.remove(&id).is_some();
                    self.undo(remove, |request| Message::Unregister { request, registration: id }).await;
                }
            }
            (Pending::Unregister(reply, id), answer) => {
                // Refused or not: what the server has not, calls can't reach.
                let procedure = self.shared.state().registrations.remove(&id);
                if let Some(procedure) = procedure {
                    procedure.end.send_replace(Some(RegistrationEnd::Unregistered));
                }
                let _ = reply.send(answer);
            }
            (pending, answer) => {
                let _ = pending.into_reply().send(answer);
            }
        }
        Ok(())
    }

    /// Asks the server to take back what nobody here wants, if `is_due` in the step that sends.
    async fn undo(&self, is_due: impl FnOnce(&mut State) -> bool, build: impl FnOnce(Id) -> Message) {
        let Some(outgoing) = self.outgoing.upgrade() else { return };
        let Ok(place) = outgoing.reserve().await else { return };
        let mut state = self.shared.state();
        if is_due(&mut state) {
            // The answer is nobody's; a request of a few bytes is never too long.
            let _ = self.shared.enqueue(&mut state, place, build, None);
        }
    }

    /// The answer to the server's GOODBYE, or the end after our own.
    async fn goodbye(&self, details: Dict, reason: &str) -> Ended {
        if self.shared.state().leaving {
            return Ended::Left;
        }
        self.say(&Message::Goodbye { details: Dict::new(), reason: uris::close::GOODBYE_AND_OUT.into() }).await;
        Ended::Goodbye { reason: reason.to_owned(), details }
    }

    async fn invoke(&self, request: Id, registration: Id, part: Part) -> Result<(), Ended> {
        let more_follows = part.details.get("progress").and_then(Value::as_bool) == Some(true);
        let procedure = {
            let mut state = self.shared.state();
            if state.was_done_early(request) {
                return Ok(());
            }
            if let Some(running) = state.invocations.get_mut(&request) {
                if !running.awaits_parts() {
                    return Err(Ended::ProtocolViolation("an invocation that is under way already".into()));
                }
                running.push(part, !more_follows);
                return Ok(());
            }
            state.registrations.get(&registration).cloned()
        };
        let refuse = |error, why| async move {
            self.say(&failed(request, error, Payload::of(why))).await;
            if more_follows {
                self.shared.state().done_early(request);
            }
            Ok(())
        };
        let Some(procedure) = procedure else {
            return refuse(uris::error::NO_SUCH_REGISTRATION, "not registered any more").await;
        };
        let place = Arc::clone(&self.invocations).try_acquire_owned().ok();
        let own_place = procedure.places.clone().map(|places| places.try_acquire_owned().ok());
        let (Some(place), Some(own_place)) = (place, own_place.map_or(Some(None), |place| place.map(Some))) else {
            return refuse(uris::error::UNAVAILABLE, "too many invocations at once").await;
        };
        let Some(outgoing) = self.outgoing.upgrade() else { return Ok(()) };
        let (running, end) = Running::new(more_follows);
        match self.shared.live() {
            Ok(mut state) => state.invocations.insert(request, running),
            Err(_) => return Ok(()),
        };
        let job = Job { shared: Arc::clone(&self.shared), outgoing, procedure, places: (place, own_place) };
        tokio::spawn(job.run(request, registration, part, end));
        Ok(())
    }
}

/// Id and reason in a revocation's details.
fn revoked<'a>(details: Option<&'a Dict>, name: &str) -> (Option<Id>, Option<&'a str>) {
    let id = details.and_then(|details| id_of(details, name));
    (id, details.and_then(|details| details.get("reason")).and_then(Value::as_str))
}
