#![doc = include_str!("../README.md")]
//!
//! # Inside
//!
//! **Invariant:** every queue is bounded. Requests wait for room; events that nobody takes and
//! invocations beyond the limit are counted or answered with an error, they never hold up the
//! connection, which one task drives.
//!
//! Source: the WAMP specification, basic and advanced profile, and "RawSocket Transport".

mod auth;
mod calls;
mod dial;
mod driver;
mod error;
mod events;
mod handshake;
mod lasting;
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
pub use self::lasting::{Backoff, LastingSession};
pub use self::options::{ConnectOptions, Trust};
pub use self::raw::RawConnection;
pub use self::registrations::{Registration, RegistrationEnd, Reply};
pub use self::request_options::{
    CallOptions, InvokePolicy, OnInterrupt, Passthru, PublishOptions, RegisterOptions, SubscribeOptions,
};
pub use self::serving::{Interrupt, Invocation, Part};
pub use self::session::{Client, Session};
pub use self::subscriptions::{Subscription, SubscriptionEnd, SubscriptionHandle};
