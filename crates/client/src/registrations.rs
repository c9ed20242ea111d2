//! Registrations: procedures that this session offers, and their end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use countersign_wamp::{Dict, Id, Message, Payload, Value};
use tokio::sync::{Semaphore, watch};

use crate::error::{CallError, HandlerError};
use crate::request_options::{OnInterrupt, Passthru, RegisterOptions};
use crate::serving::Invocation;
use crate::session::Session;
use crate::shared::{Answered, Pending};

/// What a handler answers. Made from a [`Payload`], from positional and keyword values, from a
/// list of positional values, or from `()`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    pub(crate) payload: Payload,
    pub(crate) options: Dict,
}

impl Reply {
    /// A result that goes out as it is if it was encoded by this session's serializer.
    pub fn new(payload: impl Into<Payload>) -> Self {
        Self { payload: payload.into(), options: Dict::new() }
    }

    /// The values are packed.
    #[must_use]
    pub fn passthru(mut self, passthru: Passthru) -> Self {
        passthru.write(&mut self.options);
        self
    }
}

impl From<Payload> for Reply {
    fn from(payload: Payload) -> Self {
        Self::new(payload)
    }
}

impl From<(Vec<Value>, Dict)> for Reply {
    fn from(values: (Vec<Value>, Dict)) -> Self {
        Self::new(values)
    }
}

impl From<Vec<Value>> for Reply {
    fn from(args: Vec<Value>) -> Self {
        Self::new(args)
    }
}

impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::default()
    }
}

pub(crate) type Handler =
    Box<dyn Fn(Invocation) -> Pin<Box<dyn Future<Output = Result<Reply, HandlerError>> + Send>> + Send + Sync>;

/// What is kept of a registered procedure.
pub(crate) struct Procedure {
    pub(crate) handler: Handler,
    pub(crate) on_interrupt: OnInterrupt,
    /// Places for invocations, if there is a limit.
    pub(crate) places: Option<Arc<Semaphore>>,
    pub(crate) end: watch::Sender<Option<RegistrationEnd>>,
}

/// Why a procedure is not registered any more.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RegistrationEnd {
    /// By [`Session::unregister`].
    Unregistered,
    /// The server took it away, as when somebody else registers by force.
    Revoked {
        /// A URI, if the server gave one.
        reason: Option<String>,
    },
    /// With the session; see [`Session::ended`].
    SessionEnded,
}

/// A registered procedure; it stays so when this is dropped.
#[derive(Debug, Clone)]
pub struct Registration {
    id: Id,
    end: watch::Receiver<Option<RegistrationEnd>>,
}

impl Registration {
    /// The id that the server gave it.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Why it is over, if it is.
    pub fn end(&self) -> Option<RegistrationEnd> {
        let end = self.end.borrow().clone();
        end.or_else(|| self.end.has_changed().is_err().then_some(RegistrationEnd::SessionEnded))
    }

    /// Waits until it is over, in whatever way.
    pub async fn ended(&self) -> RegistrationEnd {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        ended.unwrap_or(RegistrationEnd::SessionEnded)
    }
}

impl Session {
    /// Offers a procedure. `options` are [`RegisterOptions`] or a [`Dict`]. `handler` runs in a
    /// task of its own for each invocation. It is kept until the procedure is unregistered or
    /// the session ends; a handle of this session inside of it keeps the session open.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn register<F, Answer, T>(
        &self,
        procedure: &str,
        options: impl Into<RegisterOptions>,
        handler: F,
    ) -> Result<Registration, CallError>
    where
        F: Fn(Invocation) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<T, HandlerError>> + Send + 'static,
        T: Into<Reply>,
    {
        let RegisterOptions { dict: options, concurrency_max, on_interrupt } = options.into();
        let handler: Handler = Box::new(move |invocation| {
            let answer = handler(invocation);
            Box::pin(async move { answer.await.map(Into::into) })
        });
        let places = concurrency_max.map(|max| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))));
        let kept = Procedure { handler, on_interrupt, places, end: watch::Sender::new(None) };
        let register = |request| Message::Register { request, options, procedure: procedure.into() };
        match self.request(register, |reply| Pending::Register(reply, kept)).await? {
            Answered::Registered(id, end) => Ok(Registration { id, end }),
            _ => Err(self.broken("an answer of another kind")),
        }
    }

    /// Withdraws a procedure. Invocations under way are still answered.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn unregister(&self, registration: impl AsRef<Registration>) -> Result<(), CallError> {
        let registration = registration.as_ref().id;
        let unregister = |request| Message::Unregister { request, registration };
        self.request(unregister, |reply| Pending::Unregister(reply, registration)).await.map(drop)
    }
}

impl AsRef<Self> for Registration {
    fn as_ref(&self) -> &Self {
        self
    }
}
