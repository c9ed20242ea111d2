//! The messages of the WAMP basic and advanced profile.
//!
//! Field names follow the specification's message definitions. URIs are still unchecked text
//! ([`UriText`]): a bad URI in a CALL is answered with an ERROR, it does not end the session,
//! so the check belongs to the router.

use std::fmt;

use compact_str::CompactString;
use zeroize::Zeroizing;

use crate::{Dict, Id, Payload, UriText};

/// One WAMP message.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the specification, by their names there")]
pub enum Message {
    Hello {
        realm: UriText,
        details: Dict,
    },
    Welcome {
        session: Id,
        details: Dict,
    },
    Abort {
        details: Dict,
        reason: UriText,
    },
    Challenge {
        method: CompactString,
        extra: Dict,
    },
    Authenticate {
        signature: Signature,
        extra: Dict,
    },
    Goodbye {
        details: Dict,
        reason: UriText,
    },
    Error {
        request_type: MessageType,
        request: Id,
        details: Dict,
        error: UriText,
        payload: Payload,
    },
    Publish {
        request: Id,
        options: Dict,
        topic: UriText,
        payload: Payload,
    },
    Published {
        request: Id,
        publication: Id,
    },
    Subscribe {
        request: Id,
        options: Dict,
        topic: UriText,
    },
    Subscribed {
        request: Id,
        subscription: Id,
    },
    Unsubscribe {
        request: Id,
        subscription: Id,
    },
    /// `details` is present only in a revocation by the router, where `request` is absent
    /// (sent as 0).
    Unsubscribed {
        request: Option<Id>,
        details: Option<Dict>,
    },
    Event {
        subscription: Id,
        publication: Id,
        details: Dict,
        payload: Payload,
    },
    Call {
        request: Id,
        options: Dict,
        procedure: UriText,
        payload: Payload,
    },
    Cancel {
        request: Id,
        options: Dict,
    },
    Result {
        request: Id,
        details: Dict,
        payload: Payload,
    },
    Register {
        request: Id,
        options: Dict,
        procedure: UriText,
    },
    Registered {
        request: Id,
        registration: Id,
    },
    Unregister {
        request: Id,
        registration: Id,
    },
    /// Like [`Message::Unsubscribed`].
    Unregistered {
        request: Option<Id>,
        details: Option<Dict>,
    },
    Invocation {
        request: Id,
        registration: Id,
        details: Dict,
        payload: Payload,
    },
    Interrupt {
        request: Id,
        options: Dict,
    },
    Yield {
        request: Id,
        options: Dict,
        payload: Payload,
    },
}

/// The code that stands first in every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum MessageType {
    Hello = 1,
    Welcome = 2,
    Abort = 3,
    Challenge = 4,
    Authenticate = 5,
    Goodbye = 6,
    Error = 8,
    Publish = 16,
    Published = 17,
    Subscribe = 32,
    Subscribed = 33,
    Unsubscribe = 34,
    Unsubscribed = 35,
    Event = 36,
    Call = 48,
    Cancel = 49,
    Result = 50,
    Register = 64,
    Registered = 65,
    Unregister = 66,
    Unregistered = 67,
    Invocation = 68,
    Interrupt = 69,
    Yield = 70,
}

impl MessageType {
    /// All types, in the order of their codes.
    pub const ALL: [Self; 24] = [
        Self::Hello,
        Self::Welcome,
        Self::Abort,
        Self::Challenge,
        Self::Authenticate,
        Self::Goodbye,
        Self::Error,
        Self::Publish,
        Self::Published,
        Self::Subscribe,
        Self::Subscribed,
        Self::Unsubscribe,
        Self::Unsubscribed,
        Self::Event,
        Self::Call,
        Self::Cancel,
        Self::Result,
        Self::Register,
        Self::Registered,
        Self::Unregister,
        Self::Unregistered,
        Self::Invocation,
        Self::Interrupt,
        Self::Yield,
    ];

    /// The number on the wire.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The type with this number on the wire.
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| u64::from(kind.code()) == code)
    }

    /// The specification's name, in capitals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "HELLO",
            Self::Welcome => "WELCOME",
            Self::Abort => "ABORT",
            Self::Challenge => "CHALLENGE",
            Self::Authenticate => "AUTHENTICATE",
            Self::Goodbye => "GOODBYE",
            Self::Error => "ERROR",
            Self::Publish => "PUBLISH",
            Self::Published => "PUBLISHED",
            Self::Subscribe => "SUBSCRIBE",
            Self::Subscribed => "SUBSCRIBED",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Unsubscribed => "UNSUBSCRIBED",
            Self::Event => "EVENT",
            Self::Call => "CALL",
            Self::Cancel => "CANCEL",
            Self::Result => "RESULT",
            Self::Register => "REGISTER",
            Self::Registered => "REGISTERED",
            Self::Unregister => "UNREGISTER",
            Self::Unregistered => "UNREGISTERED",
            Self::Invocation => "INVOCATION",
            Self::Interrupt => "INTERRUPT",
            Self::Yield => "YIELD",
        }
    }
}

impl Message {
    /// An ERROR without details, in answer to `request`.
    pub fn error(request_type: MessageType, request: Id, error: impl Into<UriText>, payload: Payload) -> Self {
        Self::Error { request_type, request, details: Dict::new(), error: error.into(), payload }
    }

    /// About how many bytes this takes beside its fixed parts, for limits on what waits in
    /// queues.
    pub fn len_hint(&self) -> usize {
        match self {
            Self::Hello { realm: uri, details } => uri.as_str().len() + details.len_hint(),
            Self::Abort { details, reason: uri } | Self::Goodbye { details, reason: uri } => {
                uri.as_str().len() + details.len_hint()
            }
            Self::Subscribe { options, topic: uri, .. } | Self::Register { options, procedure: uri, .. } => {
                uri.as_str().len() + options.len_hint()
            }
            Self::Error { details, error: uri, payload, .. }
            | Self::Publish { options: details, topic: uri, payload, .. }
            | Self::Call { options: details, procedure: uri, payload, .. } => {
                uri.as_str().len() + details.len_hint() + payload.len_hint()
            }
            Self::Event { details, payload, .. }
            | Self::Result { details, payload, .. }
            | Self::Invocation { details, payload, .. }
            | Self::Yield { options: details, payload, .. } => details.len_hint() + payload.len_hint(),
            Self::Welcome { details, .. }
            | Self::Challenge { extra: details, .. }
            | Self::Authenticate { extra: details, .. }
            | Self::Cancel { options: details, .. }
            | Self::Interrupt { options: details, .. } => details.len_hint(),
            Self::Unsubscribed { details, .. } | Self::Unregistered { details, .. } => {
                details.as_ref().map_or(0, Dict::len_hint)
            }
            Self::Published { .. }
            | Self::Subscribed { .. }
            | Self::Unsubscribe { .. }
            | Self::Registered { .. }
            | Self::Unregister { .. } => 0,
        }
    }

    /// The message's type.
    pub fn message_type(&self) -> MessageType {
        match self {
            Self::Hello { .. } => MessageType::Hello,
            Self::Welcome { .. } => MessageType::Welcome,
            Self::Abort { .. } => MessageType::Abort,
            Self::Challenge { .. } => MessageType::Challenge,
            Self::Authenticate { .. } => MessageType::Authenticate,
            Self::Goodbye { .. } => MessageType::Goodbye,
            Self::Error { .. } => MessageType::Error,
            Self::Publish { .. } => MessageType::Publish,
            Self::Published { .. } => MessageType::Published,
            Self::Subscribe { .. } => MessageType::Subscribe,
            Self::Subscribed { .. } => MessageType::Subscribed,
            Self::Unsubscribe { .. } => MessageType::Unsubscribe,
            Self::Unsubscribed { .. } => MessageType::Unsubscribed,
            Self::Event { .. } => MessageType::Event,
            Self::Call { .. } => MessageType::Call,
            Self::Cancel { .. } => MessageType::Cancel,
            Self::Result { .. } => MessageType::Result,
            Self::Register { .. } => MessageType::Register,
            Self::Registered { .. } => MessageType::Registered,
            Self::Unregister { .. } => MessageType::Unregister,
            Self::Unregistered { .. } => MessageType::Unregistered,
            Self::Invocation { .. } => MessageType::Invocation,
            Self::Interrupt { .. } => MessageType::Interrupt,
            Self::Yield { .. } => MessageType::Yield,
        }
    }
}

/// What AUTHENTICATE carries: a ticket, a code or a signature. Wiped on drop, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Zeroizing<String>);

impl Signature {
    /// Takes the text as it stood in the message.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret text. The caller does not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(redacted)")
    }
}
