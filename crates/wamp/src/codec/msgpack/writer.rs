//! Writing MessagePack, each value in its shortest form.

use bytes::{BufMut, BytesMut};

use super::EXTENSION_TIME;
use crate::Time;
use crate::codec::Encoding;
use crate::codec::writer::Writer;

pub(in crate::codec) struct MsgPackWriter {
    out: BytesMut,
}

impl Writer for MsgPackWriter {
    const ENCODING: Encoding = Encoding::MsgPack;

    fn new(out: BytesMut) -> Self {
        Self { out }
    }

    fn into_inner(self) -> BytesMut {
        self.out
    }

    fn list_begin(&mut self, len: usize) {
        self.length(len, &LIST);
    }

    fn dict_begin(&mut self, len: usize) {
        self.length(len, &DICT);
    }

    fn null(&mut self) {
        self.out.put_u8(0xC0);
    }

    fn bool(&mut self, truth: bool) {
        self.out.put_u8(if truth { 0xC3 } else { 0xC2 });
    }

    fn int(&mut self, number: i64) {
        if let Ok(number) = u64::try_from(number) {
            self.uint(number);
        } else if let Ok(short) = i8::try_from(number) {
            if short < -32 {
                self.out.put_u8(0xD0);
            }
            self.out.put_i8(short);
        } else if let Ok(number) = i16::try_from(number) {
            self.out.put_u8(0xD1);
            self.out.put_i16(number);
        } else if let Ok(number) = i32::try_from(number) {
            self.out.put_u8(0xD2);
            self.out.put_i32(number);
        } else {
            self.out.put_u8(0xD3);
            self.out.put_i64(number);
        }
    }

    fn uint(&mut self, number: u64) {
        if let Ok(number) = u8::try_from(number) {
            if number > 0x7F {
                self.out.put_u8(0xCC);
            }
            self.out.put_u8(number);
        } else if let Ok(number) = u16::try_from(number) {
            self.out.put_u8(0xCD);
            self.out.put_u16(number);
        } else if let Ok(number) = u32::try_from(number) {
            self.out.put_u8(0xCE);
            self.out.put_u32(number);
        } else {
            self.out.put_u8(0xCF);
            self.out.put_u64(number);
        }
    }

    fn float(&mut self, number: f64) {
        self.out.put_u8(0xCB);
        self.out.put_f64(number);
    }

    fn text(&mut self, text: &str) {
        self.length(text.len(), &TEXT);
        self.out.put_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len(), &BYTES);
        self.out.put_slice(bytes);
    }

    fn time(&mut self, time: &Time) {
        let (seconds, nanoseconds) = match time {
            Time::Text(text) => return self.text(text),
            Time::Unix { seconds, nanoseconds } => (*seconds, *nanoseconds),
        };
        let kind = EXTENSION_TIME;
        match (u32::try_from(seconds), u64::try_from(seconds)) {
            (Ok(seconds), _) if nanoseconds == 0 => {
                self.out.put_u8(0xD6);
                self.out.put_i8(kind);
                self.out.put_u32(seconds);
            }
            (_, Ok(seconds)) if seconds >> 34 == 0 => {
                self.out.put_u8(0xD7);
                self.out.put_i8(kind);
                self.out.put_u64(u64::from(nanoseconds) << 34 | seconds);
            }
            _ => {
                self.out.put_slice(&[0xC7, 12]);
                self.out.put_i8(kind);
                self.out.put_u32(nanoseconds);
                self.out.put_i64(seconds);
            }
        }
    }

    fn raw(&mut self, encoded: &[u8]) {
        self.out.put_slice(encoded);
    }
}

/// The markers of what has a length, from the shortest form to the longest.
struct Markers {
    /// The length is in the marker itself, up to a maximum.
    inside: Option<(u8, u8)>,
    bits8: Option<u8>,
    bits16: u8,
    bits32: u8,
}

const LIST: Markers = Markers { inside: Some((0x90, 15)), bits8: None, bits16: 0xDC, bits32: 0xDD };
const DICT: Markers = Markers { inside: Some((0x80, 15)), bits8: None, bits16: 0xDE, bits32: 0xDF };
const TEXT: Markers = Markers { inside: Some((0xA0, 31)), bits8: Some(0xD9), bits16: 0xDA, bits32: 0xDB };
const BYTES: Markers = Markers { inside: None, bits8: Some(0xC4), bits16: 0xC5, bits32: 0xC6 };

impl MsgPackWriter {
    fn length(&mut self, len: usize, markers: &Markers) {
        if let (Ok(len), Some((marker, len_max))) = (u8::try_from(len), markers.inside)
            && len <= len_max
        {
            self.out.put_u8(marker | len);
        } else if let (Ok(len), Some(marker)) = (u8::try_from(len), markers.bits8) {
            self.out.put_slice(&[marker, len]);
        } else if let Ok(len) = u16::try_from(len) {
            self.out.put_u8(markers.bits16);
            self.out.put_u16(len);
        } else {
            self.out.put_u8(markers.bits32);
            // Frames end at 16 MiB; nothing longer than 4 GiB ever comes here.
            self.out.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
        }
    }
}
