//! Compressed messages: permessage-deflate (RFC 7692).
//!
//! **Invariant:** every message is compressed for itself. A compressor that goes on from message to message saves more,
//! but takes 300 KiB for each connection all the time; one that starts anew can serve all connections of a thread. A
//! sender may always do so (RFC 7692, section 7.2.1), whatever was agreed on.

mod negotiation;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

pub use self::negotiation::{Agreement, OFFER, ResponseError, accept, agreed};

/// Least bytes that are inflated at a time.
const INFLATE_STEP_BYTES: usize = 1024;
/// Room that the end of a block needs; with less it would be written twice.
const FLUSH_BYTES: usize = 16;
/// How hard the compressor tries, of 9: twice as fast as the usual 6, and a message can't hold up others for long.
const LEVEL: u32 = 2;
/// The end of every compressed message, which is not sent (RFC 7692, section 7.2.1).
pub(crate) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Longest distance that a compressor looks back: 2 to this power, in bytes.
pub const WINDOW_BITS_MAX: u8 = 15;
/// Shortest one that this compressor can be held to. (The protocol knows 8 as well.)
pub const WINDOW_BITS_MIN: u8 = 9;

/// Compresses messages, each for itself. Takes about 300 KiB, or less with a smaller window.
#[derive(Debug)]
pub struct Deflater {
    state: Compress,
}

impl Deflater {
    /// - `window_bits`: from [`Agreement::our_window_bits`].
    pub fn new(window_bits: u8) -> Self {
        let window_bits = window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        Self { state: Compress::new_with_window_bits(Compression::new(LEVEL), false, window_bits) }
    }

    /// Compresses a message; `None` if that doesn't make it shorter: then it is sent as it is.
    pub fn compress(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        self.state.reset();
        // What is longer than the message is of no use.
        let mut out = Vec::with_capacity(message.len() / 2 + FLUSH_BYTES);
        let mut rest = message;
        loop {
            let before = self.state.total_in();
            self.state.compress_vec(rest, &mut out, FlushCompress::Sync).ok()?;
            let taken = usize::try_from(self.state.total_in() - before).ok()?;
            rest = rest.get(taken..)?;
            if rest.is_empty() && out.len() < out.capacity() {
                break;
            }
            if out.len() >= message.len() {
                return None;
            }
            out.reserve_exact(message.len() / 4 + FLUSH_BYTES);
        }
        let length = out.strip_suffix(&TAIL)?.len();
        out.truncate(length);
        (length < message.len()).then_some(out)
    }
}

/// Inflates messages. Takes about 50 KiB.
#[derive(Debug)]
pub(crate) struct Inflater {
    state: Decompress,
    /// The peer has ended its stream: the next message begins another.
    has_ended: bool,
}

/// Why a message can't be inflated. The peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// It gets longer than allowed.
    TooLong,
    /// It is not what a compressor writes.
    Corrupt,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { state: Decompress::new(false), has_ended: false }
    }
}

impl Inflater {
    /// Inflates `input` to the end of `out`, which doesn't get longer than `bytes_max` by more than one byte.
    pub fn inflate(&mut self, mut input: &[u8], out: &mut Vec<u8>, bytes_max: usize) -> Result<(), InflateError> {
        loop {
            if out.len() == out.capacity() {
                // One byte too many tells that the message is too long.
                let most = bytes_max.saturating_sub(out.len()).saturating_add(1);
                out.reserve_exact(out.len().max(INFLATE_STEP_BYTES).min(most));
            }
            let (taken_before, length_before) = (self.state.total_in(), out.len());
            let status = self.state.decompress_vec(input, out, FlushDecompress::Sync);
            let status = status.map_err(|_| InflateError::Corrupt)?;
            let taken = usize::try_from(self.state.total_in() - taken_before).unwrap_or(usize::MAX);
            input = input.get(taken..).unwrap_or_default();
            if out.len() > bytes_max {
                return Err(InflateError::TooLong);
            }
            if status == Status::StreamEnd {
                // The last block of a stream may be marked as such (RFC 7692, section 7.2.3.4).
                self.state.reset(false);
                self.has_ended = true;
            }
            if input.is_empty() && (out.len() < out.capacity() || status == Status::StreamEnd) {
                return Ok(());
            }
            let is_stuck = taken == 0 && out.len() == length_before && status != Status::StreamEnd;
            if is_stuck && out.len() < out.capacity() {
                return Err(InflateError::Corrupt);
            }
        }
    }

    /// A message and its tail are whole.
    pub fn end_message(&mut self) {
        if std::mem::take(&mut self.has_ended) {
            self.state.reset(false);
        }
    }
}
