//! Writing CBOR: definite lengths, integers in their shortest form, floats as doubles.

use bytes::{BufMut, BytesMut};

use super::{BYTES, DICT, LIST, NEGATIVE, TAG, TAG_TIME_TEXT, TAG_TIME_UNIX, TEXT, UINT};
use crate::Time;
use crate::codec::Encoding;
use crate::codec::writer::Writer;

pub(in crate::codec) struct CborWriter {
    out: BytesMut,
}

impl Writer for CborWriter {
    const ENCODING: Encoding = Encoding::Cbor;

    fn new(out: BytesMut) -> Self {
        Self { out }
    }

    fn into_inner(self) -> BytesMut {
        self.out
    }

    fn list_begin(&mut self, len: usize) {
        self.head(LIST, len as u64);
    }

    fn dict_begin(&mut self, len: usize) {
        self.head(DICT, len as u64);
    }

    fn null(&mut self) {
        self.out.put_u8(0xF6);
    }

    fn bool(&mut self, truth: bool) {
        self.out.put_u8(if truth { 0xF5 } else { 0xF4 });
    }

    fn int(&mut self, number: i64) {
        if number < 0 {
            self.head(NEGATIVE, (-1 - number).unsigned_abs());
        } else {
            self.head(UINT, number.unsigned_abs());
        }
    }

    fn uint(&mut self, number: u64) {
        self.head(UINT, number);
    }

    fn float(&mut self, number: f64) {
        self.out.put_u8(0xFB);
        self.out.put_f64(number);
    }

    fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.out.put_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.out.put_slice(bytes);
    }

    fn time(&mut self, time: &Time) {
        match time {
            Time::Text(text) => {
                self.head(TAG, TAG_TIME_TEXT);
                self.text(text);
            }
            Time::Unix { seconds, nanoseconds } => {
                self.head(TAG, TAG_TIME_UNIX);
                match with_fraction(*seconds, *nanoseconds) {
                    Ok(float) => self.float(float),
                    Err(seconds) => self.int(seconds),
                }
            }
        }
    }

    fn raw(&mut self, encoded: &[u8]) {
        self.out.put_slice(encoded);
    }
}

/// Seconds as a double, or whole ones if it has no place for the fraction: a time that is read and written again has the
/// same bytes.
fn with_fraction(seconds: i64, nanoseconds: u32) -> Result<f64, i64> {
    if nanoseconds == 0 || seconds.unsigned_abs() >> 53 > 0 {
        return Err(seconds);
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 53 bits")]
    let time = seconds as f64 + f64::from(nanoseconds) / 1e9;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and at most 53 bits")]
    if time.fract() == 0.0 { Err(time as i64) } else { Ok(time) }
}

impl CborWriter {
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        let sized = |info: u8| major | info;
        if let Ok(argument) = u8::try_from(argument) {
            if argument < 24 {
                self.out.put_u8(major | argument);
            } else {
                self.out.put_slice(&[sized(24), argument]);
            }
        } else if let Ok(argument) = u16::try_from(argument) {
            self.out.put_u8(sized(25));
            self.out.put_u16(argument);
        } else if let Ok(argument) = u32::try_from(argument) {
            self.out.put_u8(sized(26));
            self.out.put_u32(argument);
        } else {
            self.out.put_u8(sized(27));
            self.out.put_u64(argument);
        }
    }
}
