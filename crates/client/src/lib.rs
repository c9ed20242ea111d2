//! A WAMP client: calls, registrations, publications and subscriptions of the basic and the
//! advanced profile, over WebSocket, TCP and Unix sockets.
//!
//! ```no_run
//! use countersign_client::{Auth, Client, ConnectOptions, Dict, Value};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = ConnectOptions::new("ws://127.0.0.1:8282/ws", "izaber").auth(Auth::ticket("alice", "secret"));
//! let session = Client::connect(options).await?;
//!
//! let (args, _kwargs) = session.call("com.example.add", vec![Value::Int(2), Value::Int(3)], Dict::new()).await?;
//! println!("{args:?}");
//!
//! let mut events = session.subscribe("com.example.news", Dict::new()).await?;
//! while let Some(event) = events.next().await {
//!     println!("{:?}", event.args());
//! }
//! session.leave().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Session`] is a handle: cheap to clone, usable from many tasks at once. When the last one
//! is dropped the connection is closed; [`Session::leave`] does so in good form.
//!
//! **Invariant:** every queue is bounded. Requests wait for room; events that nobody takes and
//! invocations beyond the limit are counted or answered with an error, they never hold up the
//! connection.
//!
//! **Absent on purpose:** reconnecting. Who lost a session must sign in again, and only the
//! caller knows with what.
//!
//! Source: the WAMP specification, basic and advanced profile, and "RawSocket Transport".

mod auth;
mod calls;
mod dial;
mod driver;
mod error;
mod events;
mod handshake;
mod options;
mod publications;
mod raw;
mod registrations;
mod request_options;
mod serving;
mod session;
mod shared;
mod subscriptions;
mod tls;
mod transport;

pub use countersign_wamp::{Dict, Encoding, Id, MatchPolicy, Message, Payload, Signature, Time, Value, uris};

pub use self::auth::{Answering, Auth, AuthError, Authenticator, ChallengeAnswer, Channel, Greeting, PrivateKey};
pub use self::calls::{CallResult, CancelMode, PendingCall};

pub use self::error::{CallError, Closed, ConnectError, Ended, HandlerError, RecvError};
pub use self::events::Event;
pub use self::options::{ConnectOptions, Trust};
pub use self::raw::RawConnection;
pub use self::registrations::{Registration, RegistrationEnd, Reply};
pub use self::request_options::{
    CallOptions, InvokePolicy, OnInterrupt, Passthru, PublishOptions, RegisterOptions, SubscribeOptions,
};
pub use self::serving::{Interrupt, Invocation, Part};
pub use self::session::{Client, Session};
pub use self::subscriptions::{Subscription, SubscriptionEnd, SubscriptionHandle};
