//! Writing JSON.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use data_encoding::BASE64;

use super::plain_len;
use crate::Time;
use crate::codec::Encoding;
use crate::codec::writer::{Writer, write_time_as_text};

pub(in crate::codec) struct JsonWriter {
    out: BytesMut,
    /// Whether a comma belongs before the next key or value.
    comma: bool,
}

impl Writer for JsonWriter {
    const ENCODING: Encoding = Encoding::Json;

    fn new(out: BytesMut) -> Self {
        Self { out, comma: false }
    }

    fn into_inner(self) -> BytesMut {
        self.out
    }

    fn list_begin(&mut self, _len: usize) {
        self.begin(b'[');
    }

    fn list_end(&mut self) {
        self.finish(b']');
    }

    fn dict_begin(&mut self, _len: usize) {
        self.begin(b'{');
    }

    fn dict_end(&mut self) {
        self.finish(b'}');
    }

    fn key(&mut self, key: &str) {
        self.text(key);
        self.out.put_u8(b':');
        self.comma = false;
    }

    fn null(&mut self) {
        self.raw(b"null");
    }

    fn bool(&mut self, truth: bool) {
        self.raw(if truth { b"true" } else { b"false" });
    }

    fn int(&mut self, number: i64) {
        self.raw(itoa::Buffer::new().format(number).as_bytes());
    }

    fn uint(&mut self, number: u64) {
        self.raw(itoa::Buffer::new().format(number).as_bytes());
    }

    fn float(&mut self, number: f64) {
        if number.is_finite() {
            // The debug form keeps a fraction or an exponent, so it comes back as a float.
            self.separate();
            self.append(format_args!("{number:?}"));
        } else {
            self.null();
        }
    }

    fn text(&mut self, text: &str) {
        self.separate();
        self.out.put_u8(b'"');
        let mut rest = text.as_bytes();
        while let Some((plain, [special, after @ ..])) = rest.split_at_checked(plain_len(rest)) {
            self.out.put_slice(plain);
            match special {
                b'"' => self.out.put_slice(b"\\\""),
                b'\\' => self.out.put_slice(b"\\\\"),
                b'\n' => self.out.put_slice(b"\\n"),
                b'\r' => self.out.put_slice(b"\\r"),
                b'\t' => self.out.put_slice(b"\\t"),
                control => self.append(format_args!("\\u{control:04x}")),
            }
            rest = after;
        }
        self.out.put_slice(rest);
        self.out.put_u8(b'"');
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.separate();
        self.append(format_args!("\"\\u0000{}\"", BASE64.encode_display(bytes)));
    }

    fn time(&mut self, time: &Time) {
        write_time_as_text(time, self);
    }

    fn raw(&mut self, encoded: &[u8]) {
        self.separate();
        self.out.put_slice(encoded);
    }
}

impl JsonWriter {
    fn separate(&mut self) {
        if self.comma {
            self.out.put_u8(b',');
        }
        self.comma = true;
    }

    fn begin(&mut self, open: u8) {
        self.separate();
        self.out.put_u8(open);
        self.comma = false;
    }

    fn finish(&mut self, close: u8) {
        self.out.put_u8(close);
        self.comma = true;
    }

    fn append(&mut self, text: std::fmt::Arguments<'_>) {
        // Only an allocator that fails could make this fail, and that does not return.
        let _ = self.out.write_fmt(text);
    }
}
