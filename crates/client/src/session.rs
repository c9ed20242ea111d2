//! The handle of a session: its beginning, its end, and how requests are made.

use std::sync::Arc;
use std::time::Duration;

use countersign_wamp::{Dict, Id, Message, Payload, uris};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::driver;
use crate::error::{CallError, ConnectError, Ended};
use crate::handshake::{Welcome, join};
use crate::options::ConnectOptions;
use crate::raw::RawConnection;
use crate::shared::{Answered, Outgoing, Pending, Reply, Shared, State};

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
        let shared = Arc::new(Shared::new(options.encoding, connection.limit_bytes(), &welcome.details));
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

    /// Whether the server announced a feature, as `event_retention` of its role `broker`.
    pub fn announces(&self, role: &str, feature: &str) -> bool {
        self.0.shared.announces(role, feature)
    }

    /// Says GOODBYE, waits for the server's, and closes the connection. Requests under way end
    /// with [`CallError::Ended`].
    ///
    /// # Errors
    ///
    /// [`CallError::TimedOut`] if the server did not answer (the connection is closed then
    /// too), [`CallError::Ended`] if the session ended in another way.
    pub async fn leave(&self) -> Result<(), CallError> {
        self.leave_with(uris::close::CLOSE_REALM, Dict::new()).await
    }

    /// The same with another reason than `wamp.close.close_realm`, and details such as a
    /// `message`.
    ///
    /// # Errors
    ///
    /// As [`Session::leave`], and [`CallError::TooLong`].
    pub async fn leave_with(&self, reason: &str, details: Dict) -> Result<(), CallError> {
        let goodbye = self.0.shared.encode(&Message::Goodbye { details, reason: reason.into() })?;
        let leave = async {
            let place = self.place().await?;
            self.0.shared.state().leaving = true;
            place.send(goodbye);
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

    /// How the session ended, if it has.
    pub fn end(&self) -> Option<Ended> {
        self.0.shared.ended()
    }

    /// Waits until the session has ended, in whatever way.
    pub async fn ended(&self) -> Ended {
        self.0.shared.wait_for_end().await
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn options(&self) -> &ConnectOptions {
        &self.0.options
    }

    /// Encoded now rather than when the request is numbered, which is done under a lock.
    pub(crate) fn encoded(&self, payload: Payload) -> Payload {
        payload.encoded(self.0.shared.encoding).unwrap_or(payload)
    }

    /// A place in the queue, as soon as there is one.
    pub(crate) async fn place(&self) -> Result<mpsc::Permit<'_, Outgoing>, CallError> {
        let place = self.0.outgoing.reserve().await;
        place.map_err(|_| self.0.shared.over())
    }

    /// Asks the server and waits for its answer.
    pub(crate) async fn request(
        &self,
        build: impl FnOnce(Id) -> Message,
        pending: impl FnOnce(Reply) -> Pending,
    ) -> Result<Answered, CallError> {
        self.request_if(|_| Some(()), build, pending).await
    }

    /// The same, if there is something to ask in the step that sends.
    pub(crate) async fn request_if(
        &self,
        is_due: impl FnOnce(&mut State) -> Option<()>,
        build: impl FnOnce(Id) -> Message,
        pending: impl FnOnce(Reply) -> Pending,
    ) -> Result<Answered, CallError> {
        let shared = &self.0.shared;
        let (reply, answer) = oneshot::channel();
        let request = async {
            let place = self.place().await?;
            {
                let mut state = shared.live()?;
                if is_due(&mut state).is_none() {
                    return Ok(Answered::Done);
                }
                shared.enqueue(&mut state, place, build, Some(pending(reply)))?;
            }
            answer.await.unwrap_or_else(|_| Err(shared.over()))
        };
        let answered = tokio::time::timeout(self.0.options.request_timeout, request).await;
        answered.map_err(|_| CallError::TimedOut)?
    }

    /// The server can't go on after what it sent.
    pub(crate) fn broken(&self, why: &str) -> CallError {
        let ended = Ended::ProtocolViolation(why.to_owned());
        self.0.shared.end(ended.clone());
        CallError::Ended(ended)
    }
}

/// This long from now.
pub(crate) fn after(duration: Duration) -> Instant {
    /// Far enough, and within any clock's range.
    const FAR: Duration = Duration::from_hours(24 * 365);
    let now = Instant::now();
    now.checked_add(duration).unwrap_or(now + FAR)
}
