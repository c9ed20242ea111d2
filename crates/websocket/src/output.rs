//! From what is to be said to bytes.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use crate::close::{CLOSE_REASON_BYTES_MAX, CloseFrame};
use crate::frame::{CONTROL_BYTES_MAX, HEADER_BYTES_MAX, Header, Kind, OpCode};
use crate::mask::{self, MaskKey};

/// Longest payload that is copied behind its header. Up to here a copy is cheaper than one more piece for the system.
const COPY_BYTES_MAX: usize = 4 * 1024;

/// Frames that wait to be written: a [`Buf`], in order.
///
/// Short payloads stand in one buffer with their headers, so that many frames go with one write; longer ones are not
/// copied, unless a client has to mask them. A client passes a new mask key for each frame; a server passes `None`.
///
/// Holds no memory while nothing waits.
#[derive(Debug, Default)]
pub struct Output {
    ready: VecDeque<Bytes>,
    ready_bytes: usize,
    tail: BytesMut,
}

impl Output {
    /// Appends a message in one frame.
    pub fn message(&mut self, kind: Kind, payload: Bytes, mask: Option<MaskKey>) {
        self.frame(OpCode::Data(kind), false, payload, mask);
    }

    /// The same with a short message, by copying it.
    pub fn copied(&mut self, kind: Kind, payload: &[u8], mask: Option<MaskKey>) {
        self.head(OpCode::Data(kind), false, payload.len(), mask);
        self.append(payload, mask);
    }

    /// Appends a message that [`crate::deflate::Deflater::compress`] has made shorter.
    pub fn compressed(&mut self, kind: Kind, compressed: Bytes, mask: Option<MaskKey>) {
        self.frame(OpCode::Data(kind), true, compressed, mask);
    }

    /// Appends a ping. Of a content that is longer than a control frame's the rest is left out.
    pub fn ping(&mut self, content: Bytes, mask: Option<MaskKey>) {
        self.control(OpCode::Ping, content, mask);
    }

    /// Appends a pong: the answer to a ping, with its content.
    pub fn pong(&mut self, content: Bytes, mask: Option<MaskKey>) {
        self.control(OpCode::Pong, content, mask);
    }

    /// Appends the closing frame. Nothing may follow it.
    pub fn close(&mut self, close: Option<&CloseFrame>, mask: Option<MaskKey>) {
        let mut content = BytesMut::new();
        if let Some(CloseFrame { code, reason }) = close {
            content.extend_from_slice(&code.get().to_be_bytes());
            let end = reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX);
            content.extend_from_slice(reason.as_bytes().get(..end).unwrap_or_default());
        }
        self.control(OpCode::Close, content.freeze(), mask);
    }

    fn control(&mut self, opcode: OpCode, mut content: Bytes, mask: Option<MaskKey>) {
        content.truncate(CONTROL_BYTES_MAX);
        self.frame(opcode, false, content, mask);
    }

    fn frame(&mut self, opcode: OpCode, is_compressed: bool, payload: Bytes, mask: Option<MaskKey>) {
        self.head(opcode, is_compressed, payload.len(), mask);
        if mask.is_none() && payload.len() > COPY_BYTES_MAX {
            let head = self.tail.split().freeze();
            self.ready_bytes += head.len() + payload.len();
            self.ready.extend([head, payload]);
            return;
        }
        self.append(&payload, mask);
    }

    fn head(&mut self, opcode: OpCode, is_compressed: bool, length: usize, mask: Option<MaskKey>) {
        if length <= COPY_BYTES_MAX {
            self.tail.reserve(HEADER_BYTES_MAX + length);
        }
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        Header { is_final: true, is_compressed, opcode, length, mask }.write(&mut self.tail);
    }

    fn append(&mut self, payload: &[u8], mask: Option<MaskKey>) {
        let start = self.tail.len();
        self.tail.extend_from_slice(payload);
        if let (Some(key), Some(fresh)) = (mask, self.tail.get_mut(start..)) {
            mask::apply(key, 0, fresh);
        }
    }
}

impl Output {
    /// Whether all that waits is one piece.
    pub fn is_in_one_piece(&self) -> bool {
        self.ready.is_empty() || self.ready.len() == 1 && self.tail.is_empty()
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.ready_bytes + self.tail.len()
    }

    fn chunk(&self) -> &[u8] {
        self.ready.front().map_or(&self.tail, |front| front)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let chunks = self.ready.iter().map(AsRef::as_ref).chain([self.tail.as_ref()]);
        let filled = slices.iter_mut().zip(chunks.filter(|chunk| !chunk.is_empty()));
        filled.map(|(slice, chunk)| *slice = IoSlice::new(chunk)).count()
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.ready.front_mut() {
            let here = count.min(front.len());
            front.advance(here);
            self.ready_bytes -= here;
            count -= here;
            if front.has_remaining() {
                return;
            }
            self.ready.pop_front();
        }
        self.tail.advance(count);
        if self.tail.is_empty() {
            // Most connections are idle most of the time.
            *self = Self::default();
        }
    }
}
