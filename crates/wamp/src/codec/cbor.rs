//! CBOR (RFC 8949), in definite and indefinite lengths.
//!
//! Tags: 0 and 1 are points in time, 2 and 3 are integers (`bignum` says how); of all other
//! tags only the content counts. Undefined is null; other simple values are refused. A point in
//! time with nanoseconds is written as a double, which holds about a microsecond.

mod writer;

use std::borrow::Cow;

pub(super) use self::writer::CborWriter;
use super::bignum::{self, BIGNUM_BYTES_MAX};
use super::cursor::Cursor;
use super::reader::{Kind, Reader, Sink, deeper};
use super::{DecodeError, Encoding};
use crate::value::whole;
use crate::{Time, Value};

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const DICT: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

const TAG_TIME_TEXT: u64 = 0;
const TAG_TIME_UNIX: u64 = 1;
const TAG_BIGNUM: u64 = 2;
const TAG_BIGNUM_NEGATIVE: u64 = 3;

/// Ends what has an indefinite length.
const BREAK: u8 = 0xFF;
/// In place of a length: indefinite.
const INDEFINITE: u8 = 31;

pub(super) struct CborReader<'a> {
    cursor: Cursor<'a>,
    depth_max: usize,
    /// The message's list.
    left: Items,
}

/// The start of one item.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    /// The lower five bits; for `SIMPLE` they say what the argument is.
    info: u8,
    argument: u64,
}

/// Items of a list or dictionary still to come.
#[derive(Clone, Copy)]
enum Items {
    Left(u64),
    UntilBreak,
}

impl<'a> Reader<'a> for CborReader<'a> {
    const ENCODING: Encoding = Encoding::Cbor;

    fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self, DecodeError> {
        Ok(Self { cursor: Cursor::new(bytes, Self::ENCODING), depth_max, left: Items::Left(0) })
    }

    fn enter_list(&mut self) -> Result<(), DecodeError> {
        deeper(0, self.depth_max)?;
        let head = self.head()?;
        if head.major != LIST {
            return Err(DecodeError::NotAList);
        }
        self.left = self.items(head, 1)?;
        Ok(())
    }

    fn more(&mut self) -> Result<bool, DecodeError> {
        let mut left = self.left;
        let more = self.next_item(&mut left);
        self.left = left;
        more
    }

    fn kind(&self) -> Kind {
        match self.cursor.peek().map(|byte| (byte >> 5, byte)) {
            Some((UINT | NEGATIVE, _) | (SIMPLE, 0xF9..=0xFB)) => Kind::Number,
            Some((TEXT, _)) => Kind::Text,
            Some((LIST, _)) => Kind::List,
            Some((DICT, _)) => Kind::Dict,
            Some((SIMPLE, 0xF6 | 0xF7)) => Kind::Null,
            _ => Kind::Other,
        }
    }

    fn uint(&mut self) -> Result<Option<u64>, DecodeError> {
        let head = self.head()?;
        Ok(match head.major {
            UINT => Some(head.argument),
            SIMPLE => head.float().and_then(whole),
            _ => None,
        })
    }

    fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let head = self.head()?;
        if head.major == TEXT { self.text_of(head) } else { Err(self.cursor.malformed("expected text")) }
    }

    fn value<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        let mut head = self.head()?;
        while head.major == TAG && head.argument > TAG_BIGNUM_NEGATIVE {
            head = self.head()?;
        }
        match head.major {
            UINT => sink.scalar(|| Value::from(head.argument)),
            NEGATIVE => sink.scalar(|| bignum::negative(head.argument)),
            BYTES => {
                let bytes = self.bytes_of(head)?;
                sink.scalar(|| Value::Bytes(bytes.into_owned()))
            }
            TEXT => {
                let text = self.text_of(head)?;
                sink.scalar(|| Value::Str(text.into_owned()))
            }
            LIST => self.list(head, sink, deeper(depth, self.depth_max)?),
            DICT => self.dict(head, sink, deeper(depth, self.depth_max)?),
            TAG => self.tagged(head.argument, sink),
            _ => self.simple(head, sink),
        }
    }

    fn position(&self) -> usize {
        self.cursor.position()
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        self.cursor.end()
    }
}

impl<'a> CborReader<'a> {
    fn head(&mut self) -> Result<Head, DecodeError> {
        let byte = self.cursor.u8()?;
        let (major, info) = (byte >> 5, byte & 0x1F);
        let argument = match info {
            0..24 => info.into(),
            24 => self.cursor.u8()?.into(),
            25 => self.cursor.u16()?.into(),
            26 => self.cursor.u32()?.into(),
            27 => self.cursor.u64()?,
            INDEFINITE if matches!(major, BYTES | TEXT | LIST | DICT) => 0,
            INDEFINITE if byte == BREAK => {
                return Err(self.cursor.malformed("a break where a value belongs"));
            }
            _ => return Err(self.cursor.malformed("a reserved length")),
        };
        Ok(Head { major, info, argument })
    }

    /// How many items follow, of at least `bytes_each`.
    fn items(&self, head: Head, bytes_each: u64) -> Result<Items, DecodeError> {
        if head.info == INDEFINITE {
            return Ok(Items::UntilBreak);
        }
        self.cursor.check_count(head.argument, bytes_each)?;
        Ok(Items::Left(head.argument))
    }

    /// Whether one more item follows; goes over the break that ends the items.
    fn next_item(&mut self, items: &mut Items) -> Result<bool, DecodeError> {
        match items {
            Items::Left(0) => Ok(false),
            Items::Left(left) => {
                *left -= 1;
                Ok(true)
            }
            Items::UntilBreak if self.cursor.peek() == Some(BREAK) => {
                *items = Items::Left(0);
                self.cursor.u8().map(|_| false)
            }
            Items::UntilBreak if self.cursor.remaining() == 0 => Err(self.cursor.malformed("it ends early")),
            Items::UntilBreak => Ok(true),
        }
    }

    fn list<S: Sink>(&mut self, head: Head, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        let mut items = self.items(head, 1)?;
        let mut list = S::List::default();
        while self.next_item(&mut items)? {
            let item = self.value(sink, depth)?;
            sink.push(&mut list, item);
        }
        sink.list(list)
    }

    fn dict<S: Sink>(&mut self, head: Head, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        let mut items = self.items(head, 2)?;
        let mut dict = S::Dict::default();
        while self.next_item(&mut items)? {
            let head = self.head()?;
            if head.major != TEXT {
                return Err(DecodeError::KeyNotText);
            }
            let key = self.text_of(head)?;
            let key = sink.key(|| key.into_owned());
            let value = self.value(sink, depth)?;
            sink.insert(&mut dict, key, value);
        }
        sink.dict(dict)
    }

    fn text_of(&mut self, head: Head) -> Result<Cow<'a, str>, DecodeError> {
        if head.info != INDEFINITE {
            return self.cursor.text(head.argument).map(Cow::Borrowed);
        }
        let mut text = String::new();
        while let Some(len) = self.chunk(TEXT)? {
            text.push_str(self.cursor.text(len)?);
        }
        Ok(Cow::Owned(text))
    }

    fn bytes_of(&mut self, head: Head) -> Result<Cow<'a, [u8]>, DecodeError> {
        if head.info != INDEFINITE {
            return self.cursor.take(head.argument).map(Cow::Borrowed);
        }
        let mut bytes = Vec::new();
        while let Some(len) = self.chunk(BYTES)? {
            bytes.extend_from_slice(self.cursor.take(len)?);
        }
        Ok(Cow::Owned(bytes))
    }

    /// Length of the next chunk of an indefinite text or byte string.
    fn chunk(&mut self, major: u8) -> Result<Option<u64>, DecodeError> {
        if !self.next_item(&mut Items::UntilBreak)? {
            return Ok(None);
        }
        let head = self.head()?;
        if head.major == major && head.info != INDEFINITE {
            Ok(Some(head.argument))
        } else {
            Err(self.cursor.malformed("a chunk of another kind"))
        }
    }

    /// What follows one of the four tags that mean something.
    fn tagged<S: Sink>(&mut self, tag: u64, sink: &mut S) -> Result<S::Value, DecodeError> {
        let head = self.head()?;
        match (tag, head.major) {
            (TAG_TIME_TEXT, TEXT) => {
                let text = self.text_of(head)?;
                sink.scalar(|| Value::Time(Time::Text(text.into_owned())))
            }
            (TAG_TIME_UNIX, UINT | NEGATIVE | SIMPLE) => {
                let time = head.unix_time().ok_or_else(|| self.cursor.malformed("a timestamp out of range"))?;
                sink.scalar(|| Value::Time(time))
            }
            (TAG_BIGNUM | TAG_BIGNUM_NEGATIVE, BYTES) => {
                let magnitude = self.bytes_of(head)?;
                if magnitude.len() > BIGNUM_BYTES_MAX {
                    return Err(self.cursor.malformed("an integer of more than 1024 bits"));
                }
                sink.scalar(|| bignum::value(&magnitude, tag == TAG_BIGNUM_NEGATIVE))
            }
            _ => Err(self.cursor.malformed("a tag on a value of another kind")),
        }
    }

    fn simple<S: Sink>(&mut self, head: Head, sink: &mut S) -> Result<S::Value, DecodeError> {
        match head.info {
            20 => sink.scalar(|| Value::Bool(false)),
            21 => sink.scalar(|| Value::Bool(true)),
            22 | 23 => sink.scalar(|| Value::Null),
            _ => {
                let float = head.float().ok_or_else(|| self.cursor.malformed("an unknown simple value"))?;
                sink.scalar(|| Value::Float(float))
            }
        }
    }
}

impl Head {
    /// The float, if this is one.
    fn float(self) -> Option<f64> {
        match (self.major, self.info) {
            (SIMPLE, 25) => u16::try_from(self.argument).ok().map(half),
            (SIMPLE, 26) => u32::try_from(self.argument).ok().map(|bits| f32::from_bits(bits).into()),
            (SIMPLE, 27) => Some(f64::from_bits(self.argument)),
            _ => None,
        }
    }

    /// The number as seconds since 1970.
    fn unix_time(self) -> Option<Time> {
        let whole_seconds = match self.major {
            UINT => i64::try_from(self.argument).ok()?,
            NEGATIVE => -1 - i64::try_from(self.argument).ok()?,
            _ => return unix_time(self.float()?),
        };
        Some(Time::Unix { seconds: whole_seconds, nanoseconds: 0 })
    }
}

/// A float of 16 bits: sign, 5 bits of exponent, 10 bits of fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3FF);
    let magnitude = match bits >> 10 & 0x1F {
        0 => fraction * 2_f64.powi(-24),
        0x1F if fraction == 0.0 => f64::INFINITY,
        0x1F => f64::NAN,
        exponent => (1024.0 + fraction) * 2_f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 0 { magnitude } else { -magnitude }
}

fn unix_time(seconds: f64) -> Option<Time> {
    const NANOSECONDS: f64 = 1e9;
    // Beyond 2^62 a double has no fraction, nor would any calendar know the date.
    const SECONDS_MAX: f64 = 4_611_686_018_427_387_904.0;
    if !(-SECONDS_MAX..=SECONDS_MAX).contains(&seconds) {
        return None;
    }
    let floor = seconds.floor();
    let nanoseconds = ((seconds - floor) * NANOSECONDS).round();
    let (floor, nanoseconds) = if nanoseconds >= NANOSECONDS { (floor + 1.0, 0.0) } else { (floor, nanoseconds) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both are whole and in range")]
    Some(Time::Unix { seconds: floor as i64, nanoseconds: nanoseconds as u32 })
}
