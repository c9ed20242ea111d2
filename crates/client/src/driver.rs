//! The task behind a session: it writes what is queued, reads what comes and hands it to whom
//! it concerns.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use countersign_wamp::{DecodeLimits, Dict, Id, Message, MessageType, Payload, Value, decode, uris};
use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, mpsc};

use crate::error::{CallError, Closed, Ended};
use crate::options::ConnectOptions;
use crate::session::{Event, Invocation};
use crate::shared::{Answer, Answered, Handler, Outgoing, Pending, Shared};
use crate::transport::{FrameReceiver, FrameSender, Incoming, Transport};

/// What a caller gets when a procedure panics; other clients' libraries say the same.
const RUNTIME_ERROR: &str = "wamp.error.runtime_error";

/// Starts the task. It ends with the session, or when all senders are gone.
pub(crate) fn spawn(transport: Transport, shared: Arc<Shared>, options: &ConnectOptions) -> mpsc::Sender<Outgoing> {
    let (sender, receiver) = mpsc::channel(options.outbound_frames_max);
    let reader = Reader {
        shared,
        // Weak, so that the last handle's end is the session's end.
        outgoing: sender.downgrade(),
        invocations: Arc::new(Semaphore::new(options.invocations_max)),
    };
    tokio::spawn(run(transport, reader, receiver, options.leave_timeout));
    sender
}

async fn run(transport: Transport, reader: Reader, receiver: mpsc::Receiver<Outgoing>, grace: Duration) {
    let Transport { sender, receiver: mut frames } = transport;
    let shared = Arc::clone(&reader.shared);
    let write = write(sender, receiver);
    let read = reader.read(&mut frames);
    tokio::pin!(write, read);
    tokio::select! {
        ended = &mut read => {
            shared.end(ended);
            // What is queued, as the answer to a GOODBYE, still goes out.
            let _ = tokio::time::timeout(grace, write).await;
        }
        written = &mut write => {
            // Nothing can be asked any more; the server may still say its last word.
            let ended = tokio::time::timeout(grace, read).await;
            shared.end(ended.unwrap_or_else(|_| match written {
                Ok(()) => Ended::Left,
                Err(error) => Ended::Closed(Closed::Broken(error.to_string())),
            }));
        }
        _ = shared.wait_for_end() => {}
    }
}

/// Writes until told to close, until nobody can queue anything any more, or until the
/// transport breaks.
async fn write(mut sender: FrameSender, mut outgoing: mpsc::Receiver<Outgoing>) -> io::Result<()> {
    let written = write_all(&mut sender, &mut outgoing).await;
    let closed = sender.close().await;
    written.and(closed)
}

async fn write_all(sender: &mut FrameSender, outgoing: &mut mpsc::Receiver<Outgoing>) -> io::Result<()> {
    while let Some(first) = outgoing.recv().await {
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Outgoing::Frame(frame) => sender.feed(frame).await?,
                Outgoing::Pong(content) => sender.feed_pong(&content).await?,
                Outgoing::Close => return Ok(()),
            }
            next = outgoing.try_recv().ok();
        }
        sender.flush().await?;
    }
    Ok(())
}

struct Reader {
    shared: Arc<Shared>,
    outgoing: mpsc::WeakSender<Outgoing>,
    invocations: Arc<Semaphore>,
}

impl Reader {
    async fn read(self, frames: &mut FrameReceiver) -> Ended {
        let ended = loop {
            let frame = match frames.next().await {
                Ok(Incoming::Frame(frame)) => frame,
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
                let (args, kwargs) = values(&payload)?;
                self.shared.state().deliver(subscription, &Event { publication, details, args, kwargs });
                Ok(())
            }
            Message::Invocation { request, registration, details, payload } => {
                let (args, kwargs) = values(&payload)?;
                self.invoke(request, registration, Invocation { details, args, kwargs }).await;
                Ok(())
            }
            Message::Goodbye { details, reason } => Err(self.goodbye(details, reason.as_str()).await),
            Message::Abort { details, reason } => Err(Ended::Aborted { reason: reason.as_str().to_owned(), details }),
            // Never announced `call_canceling`, so this asks for nothing.
            Message::Interrupt { .. } => Ok(()),
            other => self.answer(other),
        }
    }

    /// The messages that answer a request.
    fn answer(&self, message: Message) -> Result<(), Ended> {
        match message {
            Message::Result { details, .. } if details.get("progress").and_then(Value::as_bool) == Some(true) => {}
            Message::Result { request, payload, .. } => {
                self.complete(request, MessageType::Call, Answered::Payload(payload))?;
            }
            Message::Published { request, publication } => {
                self.complete(request, MessageType::Publish, Answered::Id(publication))?;
            }
            Message::Subscribed { request, subscription } => {
                self.complete(request, MessageType::Subscribe, Answered::Id(subscription))?;
            }
            Message::Registered { request, registration } => {
                self.complete(request, MessageType::Register, Answered::Id(registration))?;
            }
            Message::Unsubscribed { request: Some(request), .. } => {
                self.complete(request, MessageType::Unsubscribe, Answered::Done)?;
            }
            Message::Unregistered { request: Some(request), .. } => {
                self.complete(request, MessageType::Unregister, Answered::Done)?;
            }
            Message::Unsubscribed { request: None, details } => {
                if let Some(id) = revoked(details.as_ref(), "subscription") {
                    self.shared.state().remove_subscription(id);
                }
            }
            Message::Unregistered { request: None, details } => {
                if let Some(id) = revoked(details.as_ref(), "registration") {
                    let handler = self.shared.state().registrations.remove(&id);
                    drop(handler);
                }
            }
            Message::Error { request, error, payload, .. } => {
                let (args, kwargs) = values(&payload)?;
                let pending = self.shared.state().pending.remove(&request);
                if let Some(pending) = pending {
                    let error = CallError::Remote { error: error.as_str().to_owned(), args, kwargs };
                    let _ = pending.into_reply().send(Err(error));
                }
            }
            other => {
                let why = format!("{} is not for a client with a session", other.message_type().name());
                return Err(Ended::ProtocolViolation(why));
            }
        }
        Ok(())
    }

    /// Gives an answer to whoever waits for it, if anybody still does.
    fn complete(&self, request: Id, kind: MessageType, answer: Answered) -> Result<(), Ended> {
        let mut state = self.shared.state();
        let Some(pending) = state.pending.remove(&request) else { return Ok(()) };
        let (reply, answer) = match (pending, kind, answer) {
            (Pending::Subscribe(reply, sender), MessageType::Subscribe, Answered::Id(id)) => {
                // Before the next message is read, which may be the first event.
                let key = state.add_subscriber(id, sender);
                (reply, Answered::Subscribed(id, key))
            }
            (Pending::Register(reply, handler), MessageType::Register, Answered::Id(id)) => {
                state.registrations.insert(id, handler);
                (reply, Answered::Id(id))
            }
            (Pending::Unregister(reply, id), MessageType::Unregister, answer) => {
                let handler = state.registrations.remove(&id);
                drop(state);
                drop(handler);
                let _ = reply.send(Ok(answer));
                return Ok(());
            }
            (Pending::Call(reply), MessageType::Call, answer)
            | (Pending::Publish(reply), MessageType::Publish, answer)
            | (Pending::Unsubscribe(reply), MessageType::Unsubscribe, answer) => (reply, answer),
            _ => return Err(Ended::ProtocolViolation("an answer to a request of another kind".into())),
        };
        let _ = reply.send(Ok(answer));
        Ok(())
    }

    /// The answer to the server's GOODBYE, or the end after our own.
    async fn goodbye(&self, details: Dict, reason: &str) -> Ended {
        if self.shared.state().leaving {
            return Ended::Left;
        }
        self.say(&Message::Goodbye { details: Dict::new(), reason: uris::close::GOODBYE_AND_OUT.into() }).await;
        Ended::Goodbye { reason: reason.to_owned(), details }
    }

    async fn invoke(&self, request: Id, registration: Id, invocation: Invocation) {
        let handler = self.shared.state().registrations.get(&registration).cloned();
        let Some(handler) = handler else {
            return self.say(&failed(request, uris::error::NO_SUCH_REGISTRATION, "not registered any more")).await;
        };
        let Ok(place) = Arc::clone(&self.invocations).try_acquire_owned() else {
            return self.say(&failed(request, uris::error::UNAVAILABLE, "too many invocations at once")).await;
        };
        let Some(outgoing) = self.outgoing.upgrade() else { return };
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let answer = answer_of(request, &handler, invocation).await;
            let frame = shared.encode(&answer).or_else(|_| {
                shared.encode(&failed(request, uris::error::PAYLOAD_SIZE_EXCEEDED, "the result is too long"))
            });
            if let Ok(frame) = frame {
                // Fails only if the session is over.
                let _ = outgoing.send(frame).await;
            }
            drop(place);
        });
    }
}

/// Runs the handler; a panic in it is an error for the caller, not silence.
async fn answer_of(request: Id, handler: &Handler, invocation: Invocation) -> Message {
    let answer = AssertUnwindSafe(async { handler(invocation).await }).catch_unwind().await;
    match answer {
        Ok(answer) => yielded(request, answer),
        Err(_) => failed(request, RUNTIME_ERROR, "the procedure failed"),
    }
}

fn yielded(request: Id, answer: Answer) -> Message {
    match answer {
        Ok((args, kwargs)) => Message::Yield { request, options: Dict::new(), payload: Payload::new(args, kwargs) },
        Err(error) => {
            let payload = Payload::new(error.args, error.kwargs);
            Message::error(MessageType::Invocation, request, error.error, payload)
        }
    }
}

fn failed(request: Id, error: &str, message: &str) -> Message {
    Message::error(MessageType::Invocation, request, error, Payload::of(message))
}

fn values(payload: &Payload) -> Result<(Vec<Value>, Dict), Ended> {
    payload.values().map_err(|error| Ended::ProtocolViolation(error.to_string()))
}

/// The id in a revocation's details.
fn revoked(details: Option<&Dict>, name: &str) -> Option<Id> {
    details?.get(name)?.as_u64().and_then(|number| Id::new(number).ok())
}
