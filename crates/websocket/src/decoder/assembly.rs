//! A message in the making.

use bytes::Bytes;

use super::{Frame, Limits, append_unmasked};
use crate::deflate::{InflateError, Inflater, TAIL};
use crate::frame::Kind;
use crate::mask;
use crate::utf8::Utf8Check;
use crate::violation::Violation;

/// Compressed bytes that are unmasked and inflated at a time.
const INFLATE_BYTES: usize = 4 * 1024;
/// What compressing may add to a message that can't be compressed: a part of its length …
const OVERHEAD_SHIFT: u32 = 8;
/// … and some bytes.
const OVERHEAD_BYTES: usize = 256;

/// What has come of a message.
#[derive(Debug)]
pub struct Assembly {
    kind: Kind,
    payload: Vec<u8>,
    utf8: Utf8Check,
    fragments: u32,
    /// Bytes that came or were announced, if it is compressed.
    compressed_bytes: Option<usize>,
}

impl Assembly {
    pub fn new(kind: Kind, is_compressed: bool) -> Self {
        let compressed_bytes = is_compressed.then_some(0);
        Self { kind, payload: Vec::new(), utf8: Utf8Check::default(), fragments: 0, compressed_bytes }
    }

    pub fn is_compressed(&self) -> bool {
        self.compressed_bytes.is_some()
    }

    #[cfg(test)]
    pub fn held_bytes(&self) -> usize {
        self.payload.capacity()
    }

    /// One more frame of `length` bytes begins. Nothing is reserved for it.
    pub fn announce(&mut self, length: usize, limits: Limits) -> Result<(), Violation> {
        self.fragments += 1;
        if self.fragments > limits.fragments_max {
            return Err(Violation::TooManyFragments { fragments_max: limits.fragments_max });
        }
        let bytes_max = limits.message_bytes_max;
        let (before, most) = match &mut self.compressed_bytes {
            None => (self.payload.len(), bytes_max),
            Some(before) => {
                // Compressing can make longer what doesn't repeat itself.
                let most = bytes_max.saturating_add(bytes_max >> OVERHEAD_SHIFT).saturating_add(OVERHEAD_BYTES);
                (std::mem::replace(before, before.saturating_add(length)), most)
            }
        };
        if length > most.saturating_sub(before) { Err(Violation::TooLong { bytes_max }) } else { Ok(()) }
    }

    /// Takes a portion of a frame's content.
    pub fn append(&mut self, content: &[u8], frame: &Frame) -> Result<(), Violation> {
        self.make_room(content.len(), frame.missing);
        append_unmasked(&mut self.payload, content, frame);
        self.check_text(frame.header.is_final && frame.missing == 0)
    }

    /// Takes a portion of a compressed frame's content.
    pub fn inflate(
        &mut self,
        inflater: &mut Inflater,
        content: &[u8],
        frame: &Frame,
        limits: Limits,
    ) -> Result<(), Violation> {
        let mut scratch = [0; INFLATE_BYTES];
        let mut offset = frame.done;
        for portion in content.chunks(INFLATE_BYTES) {
            let clear = scratch.get_mut(..portion.len()).unwrap_or_default();
            clear.copy_from_slice(portion);
            if let Some(key) = frame.header.mask {
                mask::apply(key, offset, clear);
            }
            offset += portion.len();
            self.inflate_clear(inflater, clear, limits)?;
            self.check_text(false)?;
        }
        Ok(())
    }

    /// The last frame is whole.
    pub fn finish(mut self, inflater: Option<&mut Inflater>, limits: Limits) -> Result<(Kind, Bytes), Violation> {
        if let (true, Some(inflater)) = (self.is_compressed(), inflater) {
            self.inflate_clear(inflater, &TAIL, limits)?;
            inflater.end_message();
            self.check_text(true)?;
            // It was made to grow; what is kept has the size that it needs.
            self.payload.shrink_to_fit();
        }
        Ok((self.kind, self.payload.into()))
    }

    fn inflate_clear(&mut self, inflater: &mut Inflater, clear: &[u8], limits: Limits) -> Result<(), Violation> {
        let bytes_max = limits.message_bytes_max;
        inflater.inflate(clear, &mut self.payload, bytes_max).map_err(|error| match error {
            InflateError::TooLong => Violation::TooLong { bytes_max },
            InflateError::Corrupt => Violation::Deflate,
        })
    }

    /// Makes room for what has come, doubling, but never more than what was announced.
    fn make_room(&mut self, came: usize, missing: usize) {
        let (length, capacity) = (self.payload.len(), self.payload.capacity());
        if capacity - length < came {
            let doubled = capacity.saturating_mul(2).saturating_sub(length);
            self.payload.reserve_exact(doubled.min(came.saturating_add(missing)).max(came));
        }
    }

    fn check_text(&mut self, is_end: bool) -> Result<(), Violation> {
        if self.kind == Kind::Text && !self.utf8.goes_on(&self.payload, is_end) {
            return Err(Violation::NotUtf8);
        }
        Ok(())
    }
}
