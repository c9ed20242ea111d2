//! From a peer's bytes to what it says.

mod assembly;

use bytes::Bytes;

use self::assembly::Assembly;
use crate::close::CloseFrame;
use crate::deflate::{Agreement, Inflater};
use crate::frame::{CONTROL_BYTES_MAX, HEADER_BYTES_MAX, Header, Kind, OpCode, Role};
use crate::mask;
use crate::violation::Violation;

/// How much is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, in bytes, as sent and as inflated.
    pub message_bytes_max: usize,
    /// Most fragments of one message.
    pub fragments_max: u32,
}

impl Limits {
    /// So many fragments make a message of 16 MiB out of pieces of 16 bytes.
    pub const FRAGMENTS_MAX_DEFAULT: u32 = 1 << 20;

    /// Messages of at most so many bytes, in any usual number of fragments.
    pub fn message_bytes(message_bytes_max: usize) -> Self {
        Self { message_bytes_max, fragments_max: Self::FRAGMENTS_MAX_DEFAULT }
    }
}

/// What a peer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message. A text is UTF-8.
    Message {
        /// What it holds.
        kind: Kind,
        /// All of it, in an allocation of its own.
        payload: Bytes,
    },
    /// To be answered by a pong with the same content.
    Ping(Bytes),
    /// The answer to a ping, or a sign of life.
    Pong(Bytes),
    /// The last thing that is said, with a reason or without. It is answered by a closing frame, unless one was sent.
    Close(Option<CloseFrame>),
}

/// Reads one direction of a connection. Takes no memory worth mentioning between messages.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    limits: Limits,
    deflate: Option<Agreement>,
    head: Head,
    frame: Option<Frame>,
    control: Vec<u8>,
    message: Option<Assembly>,
    /// Kept from message to message only where the peer's compressor goes on where it was.
    inflater: Option<Box<Inflater>>,
    is_over: bool,
}

/// A header that isn't whole yet.
#[derive(Debug, Default)]
struct Head {
    bytes: [u8; HEADER_BYTES_MAX],
    length: usize,
}

/// A frame whose content comes.
#[derive(Debug, Clone, Copy)]
struct Frame {
    header: Header,
    /// Content that is still to come, in bytes.
    missing: usize,
    /// Content that came already, in bytes.
    done: usize,
}

impl Decoder {
    /// - `role`: the end that reads; its peer is the other one.
    /// - `deflate`: what was agreed on for compression, if anything.
    pub fn new(role: Role, limits: Limits, deflate: Option<Agreement>) -> Self {
        Self {
            role,
            limits,
            deflate,
            head: Head::default(),
            frame: None,
            control: Vec::new(),
            message: None,
            inflater: None,
            is_over: false,
        }
    }

    /// Sets other limits, from the next frame on; what has been taken of a message before stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes bytes from the front of `input` until something has been said; `None` when it needs more of them. Behind a
    /// closing frame or a violation it takes everything and says nothing.
    ///
    /// # Errors
    ///
    /// [`Violation`]: the peer broke the protocol. It is found at the first byte that can't be right.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        let event = self.advance(input);
        if matches!(event, Err(_) | Ok(Some(Event::Close(_)))) {
            self.is_over = true;
            self.message = None;
            self.inflater = None;
        }
        event
    }

    /// Memory that is held for what has come of a message, in bytes, without the inflater.
    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> usize {
        self.control.capacity() + self.message.as_ref().map_or(0, Assembly::held_bytes)
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        loop {
            if self.is_over {
                *input = &[];
                return Ok(None);
            }
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.head.take(input, self.role, self.deflate.is_some())? {
                    Some(header) => self.begin(header)?,
                    None => return Ok(None),
                },
            };
            let (content, rest) = input.split_at_checked(frame.missing).unwrap_or((input, &[]));
            *input = rest;
            frame.missing -= content.len();
            if frame.header.opcode.is_control() {
                append_unmasked(&mut self.control, content, &frame);
            } else {
                self.append(content, &frame)?;
            }
            frame.done += content.len();
            if frame.missing > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(event) = self.end(frame.header)? {
                return Ok(Some(event));
            }
        }
    }

    /// A header is whole: may such a frame come here?
    fn begin(&mut self, header: Header) -> Result<Frame, Violation> {
        let limits = self.limits;
        let too_long = Violation::TooLong { bytes_max: limits.message_bytes_max };
        let missing = usize::try_from(header.length).map_err(|_| too_long)?;
        if header.opcode.is_control() {
            return Ok(Frame { header, missing, done: 0 });
        }
        let message = match (&mut self.message, header.opcode) {
            (Some(message), OpCode::Continuation) => message,
            (Some(_), _) => return Err(Violation::MessageInside),
            (slot @ None, OpCode::Data(kind)) => slot.insert(Assembly::new(kind, header.is_compressed)),
            (None, _) => return Err(Violation::NothingToContinue),
        };
        message.announce(missing, limits)?;
        Ok(Frame { header, missing, done: 0 })
    }

    fn append(&mut self, content: &[u8], frame: &Frame) -> Result<(), Violation> {
        let Some(message) = &mut self.message else { return Ok(()) };
        if message.is_compressed() {
            let inflater = self.inflater.get_or_insert_default();
            return message.inflate(inflater, content, frame, self.limits);
        }
        message.append(content, frame)
    }

    /// A frame is whole: what does it say?
    fn end(&mut self, header: Header) -> Result<Option<Event>, Violation> {
        if header.opcode.is_control() {
            let content = Bytes::from(std::mem::take(&mut self.control));
            return Ok(Some(match header.opcode {
                OpCode::Close => Event::Close(CloseFrame::parse(&content)?),
                OpCode::Ping => Event::Ping(content),
                _ => Event::Pong(content),
            }));
        }
        if !header.is_final {
            return Ok(None);
        }
        let Some(message) = self.message.take() else { return Ok(None) };
        let is_compressed = message.is_compressed();
        let (kind, payload) = message.finish(self.inflater.as_deref_mut(), self.limits)?;
        if is_compressed && !self.deflate.is_some_and(|deflate| deflate.peer_keeps_context) {
            self.inflater = None;
        }
        Ok(Some(Event::Message { kind, payload }))
    }
}

/// Appends a portion of a frame's content in clear.
fn append_unmasked(out: &mut Vec<u8>, content: &[u8], frame: &Frame) {
    let start = out.len();
    if frame.header.opcode.is_control() {
        // Bounded by the header's check.
        out.reserve_exact(frame.missing.min(CONTROL_BYTES_MAX) + content.len());
    }
    out.extend_from_slice(content);
    if let (Some(key), Some(fresh)) = (frame.header.mask, out.get_mut(start..)) {
        mask::apply(key, frame.done, fresh);
    }
}

impl Head {
    /// Takes a header from the front of `input`, or what there is of it.
    fn take(&mut self, input: &mut &[u8], role: Role, may_compress: bool) -> Result<Option<Header>, Violation> {
        if self.length == 0
            && let Some((header, length)) = Header::parse(input, role, may_compress)?
        {
            *input = input.get(length..).unwrap_or_default();
            return Ok(Some(header));
        }
        // It is cut: byte by byte, so that nothing behind it is taken.
        while let Some((byte, rest)) = input.split_first() {
            let Some(slot) = self.bytes.get_mut(self.length) else { break };
            *slot = *byte;
            self.length += 1;
            *input = rest;
            let so_far = self.bytes.get(..self.length).unwrap_or_default();
            if let Some((header, _)) = Header::parse(so_far, role, may_compress)? {
                self.length = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }
}
