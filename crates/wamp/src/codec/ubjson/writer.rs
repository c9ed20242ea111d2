//! Writing UBJSON in the forms that every reader knows: end markers in place of counts, integers
//! in their shortest form, floats as doubles, all text as strings.
//!
//! What UBJSON can't say is written as in JSON: floats that are not finite as null, points in
//! time as text.

use bytes::{BufMut, BytesMut};

use super::{
    BYTES, COUNT, DICT, DICT_END, FALSE, FLOAT64, HIGH_PRECISION, INT8, INT16, INT32, INT64, LIST, LIST_END, NULL,
    TEXT, TRUE, UINT8,
};
use crate::Time;
use crate::codec::Encoding;
use crate::codec::writer::{Writer, write_time_as_text};

pub(in crate::codec) struct UbjsonWriter {
    out: BytesMut,
}

impl Writer for UbjsonWriter {
    const ENCODING: Encoding = Encoding::Ubjson;

    fn new(out: BytesMut) -> Self {
        Self { out }
    }

    fn into_inner(self) -> BytesMut {
        self.out
    }

    fn list_begin(&mut self, _len: usize) {
        self.out.put_u8(LIST);
    }

    fn list_end(&mut self) {
        self.out.put_u8(LIST_END);
    }

    fn dict_begin(&mut self, _len: usize) {
        self.out.put_u8(DICT);
    }

    fn dict_end(&mut self) {
        self.out.put_u8(DICT_END);
    }

    fn key(&mut self, key: &str) {
        self.sized(key.as_bytes());
    }

    fn null(&mut self) {
        self.out.put_u8(NULL);
    }

    fn bool(&mut self, truth: bool) {
        self.out.put_u8(if truth { TRUE } else { FALSE });
    }

    fn int(&mut self, number: i64) {
        if let Ok(number) = u8::try_from(number) {
            self.out.put_slice(&[UINT8, number]);
        } else if let Ok(number) = i8::try_from(number) {
            self.out.put_u8(INT8);
            self.out.put_i8(number);
        } else if let Ok(number) = i16::try_from(number) {
            self.out.put_u8(INT16);
            self.out.put_i16(number);
        } else if let Ok(number) = i32::try_from(number) {
            self.out.put_u8(INT32);
            self.out.put_i32(number);
        } else {
            self.out.put_u8(INT64);
            self.out.put_i64(number);
        }
    }

    fn uint(&mut self, number: u64) {
        if let Ok(number) = i64::try_from(number) {
            self.int(number);
        } else {
            self.out.put_u8(HIGH_PRECISION);
            self.sized(number.to_string().as_bytes());
        }
    }

    fn float(&mut self, number: f64) {
        if number.is_finite() {
            self.out.put_u8(FLOAT64);
            self.out.put_f64(number);
        } else {
            self.null();
        }
    }

    fn text(&mut self, text: &str) {
        self.out.put_u8(TEXT);
        self.sized(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.out.put_slice(&BYTES);
        self.out.put_u8(COUNT);
        self.sized(bytes);
    }

    fn time(&mut self, time: &Time) {
        write_time_as_text(time, self);
    }

    fn raw(&mut self, encoded: &[u8]) {
        self.out.put_slice(encoded);
    }
}

impl UbjsonWriter {
    /// The bytes behind their length.
    fn sized(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u64);
        self.out.put_slice(bytes);
    }
}
