//! Ways to sign in.
//!
//! Source: the WAMP specification, advanced profile "Authentication Methods" and the chapters on
//! each method.

mod cra;
mod cryptosign;
mod plain;
mod scram;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use countersign_wamp::{Dict, Signature};

pub use self::cryptosign::PrivateKey;

/// How to sign in. Several can be put together ([`Auth::and`]); the server chooses.
#[derive(Clone)]
pub struct Auth(Vec<Maker>);

type Maker = Arc<dyn Fn() -> Box<dyn Authenticator> + Send + Sync>;

/// One try to sign in, by one or more methods. See [`Auth::with`].
pub trait Authenticator: Send {
    /// The methods whose challenges it answers, for `authmethods` of HELLO.
    fn methods(&self) -> Vec<String>;

    /// What else HELLO says. Called once, at first.
    ///
    /// # Errors
    ///
    /// [`AuthError`]; the try is over then.
    fn greet(&mut self, channel: &Channel) -> Result<Greeting, AuthError>;

    /// Answers a CHALLENGE of one of its methods. `extra` is what the server says in it.
    ///
    /// The future fails with [`AuthError`]; the try is over then, and the server is told.
    fn on_challenge<'a>(&'a mut self, method: &'a str, extra: &'a Dict) -> Answering<'a>;

    /// Looks at `WELCOME.Details`, for methods in which the server proves something too.
    ///
    /// # Errors
    ///
    /// [`AuthError`]; the session is not opened then.
    fn on_welcome(&mut self, _details: &Dict) -> Result<(), AuthError> {
        Ok(())
    }
}

/// An answer on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<ChallengeAnswer, AuthError>> + Send + 'a>>;

/// What HELLO says for an [`Authenticator`].
#[derive(Debug, Clone, Default)]
pub struct Greeting {
    /// Who wants to sign in.
    pub authid: Option<String>,
    /// Entries of `authextra`.
    pub authextra: Dict,
}

/// What AUTHENTICATE says.
#[derive(Debug, Clone)]
pub struct ChallengeAnswer {
    /// The ticket, code or signature. Wiped on drop, never printed.
    pub signature: Signature,
    /// What else belongs to it.
    pub extra: Dict,
}

impl<T: Into<String>> From<T> for ChallengeAnswer {
    fn from(signature: T) -> Self {
        Self { signature: Signature::new(signature), extra: Dict::new() }
    }
}

/// What is known of the connection on which a session is opened.
#[derive(Debug, Clone, Default)]
pub struct Channel {
    /// The channel binding `tls-exporter` (RFC 9266), with TLS 1.3.
    pub tls_exporter: Option<[u8; 32]>,
}

/// Why this side can't go on signing in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The server's challenge can't be answered.
    #[error("the challenge is not usable: {0}")]
    Challenge(&'static str),
    /// A proof is to be bound to a TLS 1.3 connection, and there is none, or the server does not
    /// bind it.
    #[error("the proof can't be bound to the connection")]
    NotBound,
    /// The server asks for so little work that a recorded answer tells the password to whoever
    /// tries out enough of them.
    #[error("the server asks for a password that is protected too weakly")]
    TooCheap,
    /// The server did not prove that it knows the user's credentials.
    #[error("the server did not prove who it is")]
    Server,
    /// No random numbers, or no time to compute.
    #[error("the answer can't be computed: {0}")]
    Local(String),
    /// Something else, in an [`Authenticator`] of an application's.
    #[error("{0}")]
    Other(String),
}

impl Auth {
    /// Without a name.
    pub fn anonymous() -> Self {
        Self::with(|| plain::Unchallenged::new("anonymous", None))
    }

    /// With a secret that is sent to the server: a password, a one-time password, an API key.
    pub fn ticket(authid: impl Into<String>, ticket: impl Into<String>) -> Self {
        Self::ticket_with(authid, ticket, Dict::new())
    }

    /// The same with entries for `AUTHENTICATE.Extra`, as a code for a second factor.
    pub fn ticket_with(authid: impl Into<String>, ticket: impl Into<String>, extra: Dict) -> Self {
        let (authid, ticket) = (authid.into(), Signature::new(ticket));
        Self::with(move || plain::Ticket::new(authid.clone(), ticket.clone(), extra.clone()))
    }

    /// The answer to a second challenge, `totp`, which asks for a code of the second factor; to be put behind what signs in
    /// ([`Auth::and`]).
    pub fn second_factor(code: impl Into<String>) -> Self {
        let code = Signature::new(code);
        Self::answering("totp", move |_| {
            let signature = code.clone();
            async { Ok(ChallengeAnswer { signature, extra: Dict::new() }) }
        })
    }

    /// With a secret that both sides know and neither sends (`wampcra`). A salted secret is
    /// derived from the password as the server says.
    pub fn wampcra(authid: impl Into<String>, secret: impl Into<String>) -> Self {
        let (authid, secret) = (authid.into(), Signature::new(secret));
        Self::with(move || cra::Cra::new(authid.clone(), secret.clone()))
    }

    /// With a password that is not sent, and of which the server keeps no more than what checks
    /// it (`wamp-scram`). The server has to prove that it knows the user as well. Over TLS 1.3
    /// the proof is bound to the connection if `bound`.
    pub fn scram(authid: impl Into<String>, password: impl Into<String>, bound: bool) -> Self {
        Self::scram_in(scram::Dialect::Specification { is_bound: bound }, authid, password)
    }

    /// The same in the dialect of Crossbar and autobahn-python (`scram`), for routers that speak no other. It is bound to no
    /// connection.
    pub fn scram_of_crossbar(authid: impl Into<String>, password: impl Into<String>) -> Self {
        Self::scram_in(scram::Dialect::Crossbar, authid, password)
    }

    fn scram_in(dialect: scram::Dialect, authid: impl Into<String>, password: impl Into<String>) -> Self {
        let (authid, password) = (authid.into(), Signature::new(password));
        Self::with(move || scram::Scram::new(dialect, authid.clone(), password.clone()))
    }

    /// With a private key, whose public key the server knows (`cryptosign`). `authid` may be
    /// left to the server. Over TLS 1.3 the signature is bound to the connection if `bound`.
    pub fn cryptosign(authid: Option<String>, key: PrivateKey, bound: bool) -> Self {
        Self::with(move || cryptosign::Cryptosign::new(authid.clone(), key.clone(), bound))
    }

    /// With the certificate of [`crate::ConnectOptions::client_certificate`] (`tls`).
    pub fn tls(authid: Option<String>) -> Self {
        Self::with(move || plain::Unchallenged::new("tls", authid.clone()))
    }

    /// With a cookie that an earlier login left (`cookie`). [`crate::ConnectOptions::header`] sends it, with the
    /// `Origin` that the server wants.
    pub fn cookie(authid: Option<String>) -> Self {
        Self::with(move || plain::Unchallenged::new("cookie", authid.clone()))
    }

    /// With answers to the challenges of one method that come from a function: a code that is
    /// asked of somebody, or a method of an application's.
    pub fn answering<F, Answer>(method: impl Into<String>, answer: F) -> Self
    where
        F: Fn(Dict) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<ChallengeAnswer, AuthError>> + Send + 'static,
    {
        let (method, answer) = (method.into(), Arc::new(answer));
        Self::with(move || plain::Asking::new(method.clone(), Arc::clone(&answer)))
    }

    /// In a way of the application's. `make` gives a fresh [`Authenticator`] for each try.
    pub fn with<A: Authenticator + 'static>(make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self(vec![Arc::new(move || Box::new(make()))])
    }

    /// These ways and another, for servers that choose, or that ask twice: a ticket first and
    /// then a code. `authid` and each entry of `authextra` are the first that names one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn begin(&self) -> Vec<Box<dyn Authenticator>> {
        self.0.iter().map(|make| make()).collect()
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self::anonymous()
    }
}

/// Without secrets.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.begin().iter().flat_map(|one| one.methods()).collect();
        f.debug_tuple("Auth").field(&methods).finish()
    }
}

/// The channel binding of RFC 9266.
const TLS_EXPORTER: &str = "tls-exporter";

/// A text of a challenge.
fn text<'a>(extra: &'a Dict, name: &str) -> Option<&'a str> {
    extra.get(name).and_then(countersign_wamp::Value::as_str)
}

/// A number of a challenge.
fn number(extra: &Dict, name: &str) -> Option<u32> {
    extra.get(name).and_then(countersign_wamp::Value::as_u64).and_then(|number| u32::try_from(number).ok())
}

/// HMAC-SHA-256.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let Ok(mac) = Hmac::<sha2::Sha256>::new_from_slice(key) else { unreachable!("HMAC takes a key of any length") };
    mac.chain_update(message).finalize().into_bytes().into()
}

fn xor(mut one: [u8; 32], other: &[u8; 32]) -> [u8; 32] {
    one.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
    one
}

/// Derives keys beside the runtime's own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AuthError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| AuthError::Local(error.to_string()))
}
