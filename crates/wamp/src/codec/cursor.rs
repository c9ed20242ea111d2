//! Reading big-endian bytes: what MessagePack, CBOR and UBJSON have in common.
//!
//! **Invariant:** nothing is allocated or skipped before the bytes are known to be there.

use super::{DecodeError, Encoding};

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    encoding: Encoding,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], encoding: Encoding) -> Self {
        Self { bytes, position: 0, encoding }
    }

    pub(super) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::Malformed { encoding: self.encoding, what }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    pub(super) fn starts_with(&self, start: &[u8]) -> bool {
        self.bytes.get(self.position..).is_some_and(|rest| rest.starts_with(start))
    }

    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.remaining() > 0 { Err(self.malformed("bytes after the message")) } else { Ok(()) }
    }

    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let taken = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let taken = taken.ok_or_else(|| self.malformed("it ends early"))?;
        self.position += taken.len();
        Ok(taken)
    }

    /// Text of `len` bytes.
    pub(super) fn text(&mut self, len: u64) -> Result<&'a str, DecodeError> {
        let bytes = self.take(len)?;
        simdutf8::basic::from_utf8(bytes).map_err(|_| self.malformed("text is not UTF-8"))
    }

    /// Refuses a claim of `count` items of at least `bytes_each` when fewer bytes are left.
    pub(super) fn check_count(&self, count: u64, bytes_each: u64) -> Result<(), DecodeError> {
        let needed = count.checked_mul(bytes_each);
        if needed.is_some_and(|needed| needed <= self.remaining() as u64) {
            Ok(())
        } else {
            Err(self.malformed("it ends early"))
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        let byte = self.peek().ok_or_else(|| self.malformed("it ends early"))?;
        self.position += 1;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let array = rest.first_chunk::<N>().ok_or_else(|| self.malformed("it ends early"))?;
        self.position += N;
        Ok(*array)
    }
}
