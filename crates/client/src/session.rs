//! The handle of a session: what a program asks of the server, and what it offers to others.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_wamp::{Dict, Id, Message, Payload, Value, uris};
use tokio::sync::{mpsc, oneshot};

use crate::driver;
use crate::error::{CallError, ConnectError, Ended, HandlerError};
use crate::handshake::{Welcome, join};
use crate::options::ConnectOptions;
use crate::raw::RawConnection;
use crate::shared::{Answered, EventSender, Handler, Outgoing, Pending, Reply, Shared, SubscriberKey};

/// Opens sessions.
#[derive(Debug)]
pub enum Client {}

/// An open session. Cloning gives another handle of the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Outgoing>,
    options: ConnectOptions,
    welcome: Welcome,
}

/// An event of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The publication; the same for all who receive it.
    pub publication: Id,
    /// `topic` for pattern subscriptions, the publisher if it disclosed itself, and more.
    pub details: Dict,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Dict,
}

/// A call that a registered procedure is to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// `procedure` for pattern registrations, the caller if it is disclosed, and more.
    pub details: Dict,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Dict,
}

/// A registered procedure; it stays so when this is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration(Id);

/// Names a subscription for [`Session::unsubscribe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionHandle {
    id: Id,
    key: SubscriberKey,
}

/// A subscription whose events are taken one by one. When this is dropped the events are
/// discarded; [`Session::unsubscribe`] also tells the server.
#[derive(Debug)]
pub struct Subscription {
    handle: SubscriptionHandle,
    events: mpsc::Receiver<Event>,
    missed: Arc<AtomicU64>,
}

impl Client {
    /// Connects, signs in and joins the realm. Needs a tokio runtime with I/O and time; the
    /// connection is driven by a task of its own.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]
    pub async fn connect(options: ConnectOptions) -> Result<Session, ConnectError> {
        let connect = async {
            let mut connection = RawConnection::connect(&options).await?;
            let welcome = join(&mut connection, &options).await?;
            Ok((connection, welcome))
        };
        let connected = tokio::time::timeout(options.connect_timeout, connect).await;
        let (connection, welcome) = connected.map_err(|_| ConnectError::TimedOut)??;
        let shared = Arc::new(Shared::new(options.encoding, connection.limit_bytes()));
        let outgoing = driver::spawn(connection.into_transport(), Arc::clone(&shared), &options);
        Ok(Session(Arc::new(Inner { shared, outgoing, options, welcome })))
    }
}

impl Session {
    /// The id that the server gave this session.
    pub fn session_id(&self) -> Id {
        self.0.welcome.session
    }

    /// What the server said in WELCOME: `authid`, `authrole`, `roles` and more.
    pub fn welcome_details(&self) -> &Dict {
        &self.0.welcome.details
    }

    /// Calls a procedure.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn call(&self, procedure: &str, args: Vec<Value>, kwargs: Dict) -> Result<(Vec<Value>, Dict), CallError> {
        self.call_with(procedure, Dict::new(), args, kwargs).await
    }

    /// Calls a procedure with options, such as `disclose_me`.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn call_with(
        &self,
        procedure: &str,
        options: Dict,
        args: Vec<Value>,
        kwargs: Dict,
    ) -> Result<(Vec<Value>, Dict), CallError> {
        let payload = self.payload(args, kwargs);
        let call = |request| Message::Call { request, options, procedure: procedure.into(), payload };
        match self.request(call, Pending::Call).await? {
            Answered::Payload(payload) => payload.values().map_err(|error| self.broken(&error.to_string())),
            _ => Err(self.broken("an answer of another kind")),
        }
    }

    /// Publishes an event. With the option `acknowledge` it waits for the server and returns
    /// the publication's id; without, it returns when the event is on its way. Other options:
    /// `exclude_me`, `eligible`, …
    ///
    /// # Errors
    ///
    /// [`CallError`]; without `acknowledge` no refusal of the server's is heard of.
    pub async fn publish(
        &self,
        topic: &str,
        args: Vec<Value>,
        kwargs: Dict,
        options: Dict,
    ) -> Result<Option<Id>, CallError> {
        let acknowledged = options.get("acknowledge").and_then(Value::as_bool).unwrap_or(false);
        let payload = self.payload(args, kwargs);
        let publish = |request| Message::Publish { request, options, topic: topic.into(), payload };
        if !acknowledged {
            let place = tokio::time::timeout(self.0.options.request_timeout, self.place());
            let place = place.await.map_err(|_| CallError::TimedOut)??;
            return self.0.shared.enqueue(place, publish, None).map(|_| None);
        }
        match self.request(publish, Pending::Publish).await? {
            Answered::Id(publication) => Ok(Some(publication)),
            _ => Err(self.broken("an answer of another kind")),
        }
    }

    /// Offers a procedure. `handler` runs in a task of its own for each invocation. It is kept
    /// until the procedure is unregistered or the session ends; a handle of this session inside
    /// of it keeps the session open.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn register<F, Answer>(
        &self,
        procedure: &str,
        options: Dict,
        handler: F,
    ) -> Result<Registration, CallError>
    where
        F: Fn(Invocation) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<(Vec<Value>, Dict), HandlerError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |invocation| Box::pin(handler(invocation)));
        let register = |request| Message::Register { request, options, procedure: procedure.into() };
        match self.request(register, |reply| Pending::Register(reply, handler)).await? {
            Answered::Id(registration) => Ok(Registration(registration)),
            _ => Err(self.broken("an answer of another kind")),
        }
    }

    /// Withdraws a procedure. Invocations under way are still answered.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn unregister(&self, registration: Registration) -> Result<(), CallError> {
        let Registration(registration) = registration;
        let unregister = |request| Message::Unregister { request, registration };
        self.request(unregister, |reply| Pending::Unregister(reply, registration)).await.map(drop)
    }

    /// Subscribes to a topic. Option `match` for patterns.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn subscribe(&self, topic: &str, options: Dict) -> Result<Subscription, CallError> {
        let (sender, events) = mpsc::channel(self.0.options.events_max);
        let missed = Arc::new(AtomicU64::new(0));
        let sender = EventSender { events: sender, missed: Arc::clone(&missed) };
        let subscribe = |request| Message::Subscribe { request, options, topic: topic.into() };
        match self.request(subscribe, |reply| Pending::Subscribe(reply, sender)).await? {
            Answered::Subscribed(id, key) => {
                Ok(Subscription { handle: SubscriptionHandle { id, key }, events, missed })
            }
            _ => Err(self.broken("an answer of another kind")),
        }
    }

    /// Subscribes to a topic and calls `callback` for each event, in order, from a task of its
    /// own, until [`Session::unsubscribe`] or the session's end.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn subscribe_with(
        &self,
        topic: &str,
        options: Dict,
        mut callback: impl FnMut(Event) + Send + 'static,
    ) -> Result<SubscriptionHandle, CallError> {
        let mut subscription = self.subscribe(topic, options).await?;
        let handle = subscription.handle;
        tokio::spawn(async move {
            while let Some(event) = subscription.next().await {
                callback(event);
            }
        });
        Ok(handle)
    }

    /// Ends a [`Subscription`] or what a [`SubscriptionHandle`] names. The server hears of it
    /// when nobody else in this session has the same subscription.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn unsubscribe(&self, subscription: impl Into<SubscriptionHandle>) -> Result<(), CallError> {
        let SubscriptionHandle { id, key } = subscription.into();
        if !self.0.shared.state().remove_subscriber(id, key) {
            return Ok(());
        }
        let unsubscribe = |request| Message::Unsubscribe { request, subscription: id };
        self.request(unsubscribe, Pending::Unsubscribe).await.map(drop)
    }

    /// Says GOODBYE, waits for the server's, and closes the connection. Requests under way end
    /// with [`CallError::Ended`].
    ///
    /// # Errors
    ///
    /// [`CallError::TimedOut`] if the server did not answer (the connection is closed then
    /// too), [`CallError::Ended`] if the session ended in another way.
    pub async fn leave(&self) -> Result<(), CallError> {
        let leave = async {
            let place = self.place().await?;
            self.0.shared.state().leaving = true;
            let goodbye = Message::Goodbye { details: Dict::new(), reason: uris::close::CLOSE_REALM.into() };
            place.send(self.0.shared.encode(&goodbye)?);
            match self.0.shared.wait_for_end().await {
                Ended::Left => Ok(()),
                other => Err(CallError::Ended(other)),
            }
        };
        let left = tokio::time::timeout(self.0.options.leave_timeout, leave).await;
        left.unwrap_or_else(|_| {
            self.0.shared.end(Ended::Left);
            Err(CallError::TimedOut)
        })
    }

    /// Waits until the session has ended, in whatever way.
    pub async fn ended(&self) -> Ended {
        self.0.shared.wait_for_end().await
    }

    /// Encoded now rather than when the request is numbered, which is done under a lock.
    fn payload(&self, args: Vec<Value>, kwargs: Dict) -> Payload {
        let payload = Payload::new(args, kwargs);
        payload.encoded(self.0.shared.encoding).unwrap_or(payload)
    }

    /// A place in the queue, as soon as there is one.
    async fn place(&self) -> Result<mpsc::Permit<'_, Outgoing>, CallError> {
        let place = self.0.outgoing.reserve().await;
        place.map_err(|_| self.0.shared.over())
    }

    async fn request(
        &self,
        build: impl FnOnce(Id) -> Message,
        pending: impl FnOnce(Reply) -> Pending,
    ) -> Result<Answered, CallError> {
        let shared = &self.0.shared;
        let (reply, answer) = oneshot::channel();
        let request = async {
            let place = self.place().await?;
            let id = shared.enqueue(place, build, Some(pending(reply)))?;
            let _forget = Forget { shared, id };
            answer.await.unwrap_or_else(|_| Err(shared.over()))
        };
        let answered = tokio::time::timeout(self.0.options.request_timeout, request).await;
        answered.map_err(|_| CallError::TimedOut)?
    }

    /// The server can't go on after what it sent.
    fn broken(&self, why: &str) -> CallError {
        let ended = Ended::ProtocolViolation(why.to_owned());
        self.0.shared.end(ended.clone());
        CallError::Ended(ended)
    }
}

/// Forgets a request when nobody waits for it any more.
struct Forget<'a> {
    shared: &'a Shared,
    id: Id,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        let pending = self.shared.state().pending.remove(&self.id);
        drop(pending);
    }
}

impl Registration {
    /// The id that the server gave it.
    pub fn id(self) -> Id {
        self.0
    }
}

impl SubscriptionHandle {
    /// The id that the server gave it; the same for all who subscribed to the same.
    pub fn id(self) -> Id {
        self.id
    }
}

impl Subscription {
    /// The id that the server gave it; the same for all who subscribed to the same.
    pub fn id(&self) -> Id {
        self.handle.id
    }

    /// For [`Session::unsubscribe`], where this itself is in use.
    pub fn handle(&self) -> SubscriptionHandle {
        self.handle
    }

    /// Waits for the next event; `None` when the subscription or the session has ended.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Number of events lost because [`ConnectOptions::events_max`] were waiting.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl From<Subscription> for SubscriptionHandle {
    fn from(subscription: Subscription) -> Self {
        subscription.handle
    }
}

impl From<&Subscription> for SubscriptionHandle {
    fn from(subscription: &Subscription) -> Self {
        subscription.handle
    }
}
