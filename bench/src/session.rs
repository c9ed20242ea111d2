//! A WAMP session for load: opened with whole messages, driven with templates.
//!
//! A template is a message that was encoded once; only its request id changes, written in a form of fixed place.

use std::io;

use bytes::{Bytes, BytesMut};
use countersign_wamp::{DecodeLimits, Dict, Encoding, Id, Message, Payload, Signature, UriText, Value, decode, encode};

use crate::wire::{Address, Wire, odd};

/// Who opens a session.
#[derive(Debug, Clone)]
pub enum Login {
    /// Nobody in particular.
    Anonymous,
    /// A user by a ticket.
    Ticket {
        /// The user.
        login: String,
        /// The ticket.
        ticket: String,
    },
}

/// A session in a realm.
pub struct Session {
    /// Its connection.
    pub wire: Wire,
    /// Who opened it.
    pub login: Option<Login>,
    last_request: Option<Id>,
}

impl Session {
    /// A connection on which no WAMP is spoken.
    pub fn plain(wire: Wire) -> Self {
        Self { wire, login: None, last_request: None }
    }

    /// Connects and joins.
    pub async fn open(address: &Address, encoding: Encoding, realm: &str, login: &Login) -> io::Result<Self> {
        let mut session = Self::plain(Wire::connect(address, encoding).await?);
        session.login = Some(login.clone());
        session.send(&hello(realm, login)).await?;
        loop {
            match session.receive().await? {
                Message::Welcome { .. } => return Ok(session),
                Message::Challenge { .. } => {
                    let Login::Ticket { ticket, .. } = login else { return Err(odd("a challenge to a stranger")) };
                    let answer =
                        Message::Authenticate { signature: Signature::new(ticket.as_str()), extra: Dict::new() };
                    session.send(&answer).await?;
                }
                other => return Err(odd(&format!("no session: {other:?}"))),
            }
        }
    }

    /// The id of the next request that is made one by one.
    pub fn next_request(&mut self) -> Id {
        let request = self.last_request.map_or(Id::FIRST, Id::next);
        self.last_request = Some(request);
        request
    }

    /// Registers a procedure.
    pub async fn register(&mut self, procedure: &str) -> io::Result<()> {
        let register = Message::Register { request: ONE, options: Dict::new(), procedure: UriText::from(procedure) };
        self.send(&register).await?;
        match self.receive().await? {
            Message::Registered { .. } => Ok(()),
            other => Err(odd(&format!("no registration: {other:?}"))),
        }
    }

    /// Subscribes to a topic.
    pub async fn subscribe(&mut self, topic: &str) -> io::Result<()> {
        let subscribe = Message::Subscribe { request: ONE, options: Dict::new(), topic: UriText::from(topic) };
        self.send(&subscribe).await?;
        match self.receive().await? {
            Message::Subscribed { .. } => Ok(()),
            other => Err(odd(&format!("no subscription: {other:?}"))),
        }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Message) -> io::Result<()> {
        let mut frame = BytesMut::new();
        encode(self.wire.encoding, message, &mut frame);
        self.wire.send(&frame).await
    }

    /// Waits for a message.
    pub async fn receive(&mut self) -> io::Result<Message> {
        let frame = self.wire.next().await?;
        decode(self.wire.encoding, &frame, DecodeLimits::default()).map_err(|error| odd(&error.to_string()))
    }

    /// Puts the message of a template with this request id into the outbox.
    pub fn queue(&mut self, template: &Template, request: u32) {
        let mut digits = [0; ID_BYTES_MAX];
        let id = write_id(self.wire.encoding, request, &mut digits);
        self.wire.queue_parts(&[&template.before, id, &template.after]);
    }
}

/// The least id; what a template is encoded with.
const ONE: Id = Id::FIRST;
/// Most bytes that an id takes.
const ID_BYTES_MAX: usize = 10;

/// A message, cut where its request id stands.
#[derive(Debug, Clone)]
pub struct Template {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Template {
    /// A call of `procedure` with one argument of `bytes` bytes.
    pub fn call(encoding: Encoding, procedure: &str, bytes: usize) -> Self {
        let payload = payload(encoding, bytes);
        let procedure = UriText::from(procedure);
        Self::cut(encoding, &Message::Call { request: ONE, options: Dict::new(), procedure, payload })
    }

    /// An answer to an invocation with one argument of `bytes` bytes.
    pub fn yielding(encoding: Encoding, bytes: usize) -> Self {
        let payload = payload(encoding, bytes);
        Self::cut(encoding, &Message::Yield { request: ONE, options: Dict::new(), payload })
    }

    /// A publication on `topic` with one argument of `bytes` bytes.
    pub fn publish(encoding: Encoding, topic: &str, bytes: usize) -> Self {
        let payload = payload(encoding, bytes);
        let topic = UriText::from(topic);
        Self::cut(encoding, &Message::Publish { request: ONE, options: Dict::new(), topic, payload })
    }

    fn cut(encoding: Encoding, message: &Message) -> Self {
        let mut frame = BytesMut::new();
        encode(encoding, message, &mut frame);
        let (before, rest) = frame.split_at(id_offset(encoding));
        // The id 1 takes one byte, in UBJSON one more for its type.
        let id_bytes = if encoding == Encoding::Ubjson { 2 } else { 1 };
        let after = rest.get(id_bytes..).unwrap_or_default();
        Self { before: before.to_vec(), after: after.to_vec() }
    }

    /// The whole message with the request id 1.
    pub fn whole(&self, encoding: Encoding) -> Vec<u8> {
        let mut digits = [0; ID_BYTES_MAX];
        let id = write_id(encoding, 1, &mut digits);
        [&self.before, id, &self.after].concat()
    }
}

fn payload(encoding: Encoding, bytes: usize) -> Payload {
    let payload = Payload::of("x".repeat(bytes));
    // Encoded once, as a program does that keeps its message.
    payload.encoded(encoding).unwrap_or(payload)
}

/// Where the request id begins in the messages above, and in INVOCATION and RESULT: after the list's head and the type.
fn id_offset(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Json => 4,
        Encoding::MsgPack => 2,
        Encoding::Cbor | Encoding::Ubjson => 3,
    }
}

fn write_id(encoding: Encoding, id: u32, buffer: &mut [u8; ID_BYTES_MAX]) -> &[u8] {
    let bytes = id.to_be_bytes();
    match encoding {
        Encoding::Json => {
            let mut rest = id;
            let mut start = ID_BYTES_MAX;
            for (index, digit) in buffer.iter_mut().enumerate().rev() {
                // A remainder of 10 fits.
                *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
                start = index;
                if rest == 0 {
                    break;
                }
            }
            buffer.get(start..).unwrap_or_default()
        }
        Encoding::MsgPack | Encoding::Cbor | Encoding::Ubjson => {
            let head = match encoding {
                Encoding::MsgPack => 0xCE,
                Encoding::Cbor => 0x1A,
                _ => b'l',
            };
            if let [first, rest @ ..] = buffer
                && let Some(four) = rest.first_chunk_mut()
            {
                *first = head;
                *four = bytes;
            }
            buffer.get(..5).unwrap_or_default()
        }
    }
}

/// The request id of an INVOCATION or RESULT, read without decoding the rest.
pub fn request_id(encoding: Encoding, frame: &Bytes) -> io::Result<u32> {
    let rest = frame.get(id_offset(encoding)..).unwrap_or_default();
    let id = match encoding {
        Encoding::Json => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
            digits.fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'))
        }
        Encoding::MsgPack => number(rest, &[(0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)], 0x7F),
        Encoding::Cbor => number(rest, &[(0x18, 1), (0x19, 2), (0x1A, 4), (0x1B, 8)], 0x17),
        Encoding::Ubjson => number(rest, &[(b'i', 1), (b'U', 1), (b'I', 2), (b'l', 4), (b'L', 8)], 0),
    };
    u32::try_from(id).map_err(|_| odd("an id beyond what the load uses"))
}

/// A whole number that is its own first byte up to `direct_max`, or follows a head in so many bytes.
fn number(bytes: &[u8], heads: &[(u8, usize)], direct_max: u8) -> u64 {
    let Some((&first, rest)) = bytes.split_first() else { return 0 };
    if first <= direct_max {
        return first.into();
    }
    let length = heads.iter().find(|(head, _)| *head == first).map_or(0, |(_, length)| *length);
    rest.iter().take(length).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn hello(realm: &str, login: &Login) -> Message {
    let empty = || Value::from(Dict::new());
    let roles = ["caller", "callee", "publisher", "subscriber"].map(|role| (role, empty()));
    let roles = roles.into_iter().fold(Dict::new(), |roles, (role, features)| roles.with(role, features));
    let details = Dict::new().with("roles", roles);
    let details = match login {
        Login::Anonymous => details.with("authmethods", vec![Value::from("anonymous")]),
        Login::Ticket { login, .. } => {
            details.with("authmethods", vec![Value::from("ticket")]).with("authid", login.as_str())
        }
    };
    Message::Hello { realm: UriText::from(realm), details }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn a_template_with_an_id_is_the_message_with_that_id() {
        for encoding in Encoding::ALL {
            let template = Template::call(encoding, "a.b", 16);
            for id in [1, 9, 10, 255, 65_536, u32::MAX] {
                let mut digits = [0; ID_BYTES_MAX];
                let id_bytes = write_id(encoding, id, &mut digits);
                let frame = Bytes::from([&template.before, id_bytes, &template.after].concat());
                // UBJSON's four bytes are signed; the load never comes that far.
                if encoding == Encoding::Ubjson && id == u32::MAX {
                    continue;
                }
                let Message::Call { request, .. } = decode(encoding, &frame, DecodeLimits::default()).unwrap() else {
                    panic!("{encoding}: another message")
                };
                assert_eq!((encoding, request.get()), (encoding, u64::from(id)));
                assert_eq!(request_id(encoding, &frame).unwrap(), id, "{encoding}");
            }
        }
    }
}
