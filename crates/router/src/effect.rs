//! What a realm wants done: the output of the state machine.

use std::sync::Arc;

use countersign_wamp::{Id, Message, UriPattern, UriText};
use smallvec::SmallVec;

use crate::PastEvent;

/// The sessions that get the same message. Inline up to eight.
pub type Receivers = SmallVec<[Id; 8]>;

/// Places in [`RealmSettings::history`](crate::RealmSettings::history).
pub type Histories = SmallVec<[usize; 2]>;

/// One thing to do. Effects are carried out in the order of the list.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a message to one session.
    Send {
        /// The receiver; a session of this realm.
        to: Id,
        /// The message.
        message: Message,
    },
    /// Send one message to several sessions; it is the same for all of them, so each serializer
    /// encodes it once.
    Fanout {
        /// The receivers, at least one, each once, ascending.
        to: Receivers,
        /// The message.
        message: Message,
    },
    /// Send ABORT and close the transport. The realm has already forgotten the session: don't
    /// call [`Realm::leave`](crate::Realm::leave) for it (it would do nothing).
    Close {
        /// The session that is closed.
        session: Id,
        /// `ABORT.Reason`.
        reason: &'static str,
        /// `ABORT.Details.message`.
        message: String,
    },
    /// Sessions are being killed by another one; stands before each [`Effect::Goodbye`] of theirs.
    /// By what else their users could come back without a login, as a cookie, has to end too.
    Killed {
        /// The session that kills.
        by: Id,
        /// Whose sessions, each once; with the authid that was asked for, if there was one, although
        /// it may have no session.
        authids: Vec<Arc<str>>,
    },
    /// Send GOODBYE to a session that was killed and close its transport after the client's answer
    /// or a short time. As with [`Effect::Close`], the realm has already forgotten the session.
    Goodbye {
        /// The session that is killed.
        session: Id,
        /// `GOODBYE.Reason`.
        reason: UriText,
        /// `GOODBYE.Details.message`, if whoever killed it gave one.
        message: Option<String>,
    },
    /// A session became one of those that answer a procedure's calls, or is one no more. In the order in which it happened.
    Registration(RegistrationChange),
    /// Store an event of histories that are to outlive the realm, behind those before it.
    Record {
        /// Which histories.
        histories: Histories,
        /// The event.
        event: Arc<PastEvent>,
    },
}

/// What happened to a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationChange {
    /// The procedure, or the pattern of procedures.
    pub procedure: UriPattern,
    /// How calls are spread: `REGISTER.Options.invoke`.
    pub invoke: &'static str,
    /// The session.
    pub session: Id,
    /// Whether it answers calls from now on; otherwise it ceased to.
    pub is_added: bool,
}
