//! MessagePack, with points in time as extension −1.
//!
//! Other extensions have no place in WAMP: their data is read as binary data. But the form in
//! which JavaScript's msgpackr writes `undefined` is null, as CBOR's `undefined` is: clients write
//! options that way which their users left out. A point in time that is text is written as text.

mod writer;

use std::borrow::Cow;

pub(super) use self::writer::MsgPackWriter;
use super::cursor::Cursor;
use super::reader::{Kind, Reader, Sink, deeper};
use super::{DecodeError, Encoding};
use crate::value::whole;
use crate::{Time, Value};

const EXTENSION_TIME: i8 = -1;
/// msgpackr's `undefined`: an extension of type 0 whose one byte of data is 0.
const UNDEFINED: [u8; 3] = [0xD4, 0, 0];
const NANOSECONDS_MAX: u32 = 999_999_999;

pub(super) struct MsgPackReader<'a> {
    cursor: Cursor<'a>,
    depth_max: usize,
    /// Elements of the message's list still to come.
    left: u64,
}

/// One marker with what belongs to it; of lists and maps the number of items only.
enum Head<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Extension(i8, &'a [u8]),
    List(u64),
    Dict(u64),
}

impl<'a> Reader<'a> for MsgPackReader<'a> {
    const ENCODING: Encoding = Encoding::MsgPack;

    fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self, DecodeError> {
        Ok(Self { cursor: Cursor::new(bytes, Self::ENCODING), depth_max, left: 0 })
    }

    fn enter_list(&mut self) -> Result<(), DecodeError> {
        deeper(0, self.depth_max)?;
        match self.head()? {
            Head::List(len) => {
                self.left = len;
                Ok(())
            }
            _ => Err(DecodeError::NotAList),
        }
    }

    fn more(&mut self) -> Result<bool, DecodeError> {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Ok(more)
    }

    fn kind(&self) -> Kind {
        match self.cursor.peek() {
            Some(0xC0) => Kind::Null,
            Some(0xD4) if self.cursor.starts_with(&UNDEFINED) => Kind::Null,
            Some(0x00..=0x7F | 0xCA..=0xD3 | 0xE0..=0xFF) => Kind::Number,
            Some(0xA0..=0xBF | 0xD9..=0xDB) => Kind::Text,
            Some(0x90..=0x9F | 0xDC | 0xDD) => Kind::List,
            Some(0x80..=0x8F | 0xDE | 0xDF) => Kind::Dict,
            _ => Kind::Other,
        }
    }

    fn uint(&mut self) -> Result<Option<u64>, DecodeError> {
        Ok(match self.head()? {
            Head::UInt(number) => Some(number),
            Head::Int(number) => u64::try_from(number).ok(),
            Head::Float(number) => whole(number),
            _ => None,
        })
    }

    fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        match self.head()? {
            Head::Text(text) => Ok(text.into()),
            _ => Err(self.cursor.malformed("expected text")),
        }
    }

    fn value<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        match self.head()? {
            Head::Null => sink.scalar(|| Value::Null),
            Head::Bool(truth) => sink.scalar(|| Value::Bool(truth)),
            Head::Int(number) => sink.scalar(|| Value::Int(number)),
            Head::UInt(number) => sink.scalar(|| Value::from(number)),
            Head::Float(number) => sink.scalar(|| Value::Float(number)),
            Head::Text(text) => sink.scalar(|| Value::from(text)),
            Head::Bytes(bytes) => sink.scalar(|| Value::Bytes(bytes.to_vec())),
            Head::Extension(EXTENSION_TIME, data) => {
                let time = self.time(data)?;
                sink.scalar(|| Value::Time(time))
            }
            Head::Extension(_, data) => sink.scalar(|| Value::Bytes(data.to_vec())),
            Head::List(len) => {
                let depth = deeper(depth, self.depth_max)?;
                let mut list = S::List::default();
                for _ in 0..len {
                    let item = self.value(sink, depth)?;
                    sink.push(&mut list, item);
                }
                sink.list(list)
            }
            Head::Dict(len) => {
                let depth = deeper(depth, self.depth_max)?;
                let mut dict = S::Dict::default();
                for _ in 0..len {
                    let Head::Text(key) = self.head()? else {
                        return Err(DecodeError::KeyNotText);
                    };
                    let key = sink.key(|| key.to_owned());
                    let value = self.value(sink, depth)?;
                    sink.insert(&mut dict, key, value);
                }
                sink.dict(dict)
            }
        }
    }

    fn position(&self) -> usize {
        self.cursor.position()
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        self.cursor.end()
    }
}

impl<'a> MsgPackReader<'a> {
    fn head(&mut self) -> Result<Head<'a>, DecodeError> {
        let cursor = &mut self.cursor;
        let marker = cursor.u8()?;
        Ok(match marker {
            0x00..=0x7F => Head::Int(marker.into()),
            0x80..=0x8F => return self.dict(u64::from(marker & 0x0F)),
            0x90..=0x9F => return self.list(u64::from(marker & 0x0F)),
            0xA0..=0xBF => Head::Text(cursor.text(u64::from(marker & 0x1F))?),
            0xC0 => Head::Null,
            0xC1 => return Err(cursor.malformed("an unused marker")),
            0xC2 => Head::Bool(false),
            0xC3 => Head::Bool(true),
            0xC4..=0xC6 => {
                let len = self.length(marker - 0xC4)?;
                Head::Bytes(self.cursor.take(len)?)
            }
            0xC7..=0xC9 => {
                let len = self.length(marker - 0xC7)?;
                return self.extension(len);
            }
            0xCA => Head::Float(f32::from_be_bytes(cursor.array()?).into()),
            0xCB => Head::Float(f64::from_be_bytes(cursor.array()?)),
            0xCC => Head::Int(cursor.u8()?.into()),
            0xCD => Head::Int(cursor.u16()?.into()),
            0xCE => Head::Int(cursor.u32()?.into()),
            0xCF => Head::UInt(cursor.u64()?),
            0xD0 => Head::Int(i8::from_be_bytes(cursor.array()?).into()),
            0xD1 => Head::Int(i16::from_be_bytes(cursor.array()?).into()),
            0xD2 => Head::Int(i32::from_be_bytes(cursor.array()?).into()),
            0xD3 => Head::Int(i64::from_be_bytes(cursor.array()?)),
            0xD4 if cursor.starts_with(UNDEFINED.split_at(1).1) => {
                cursor.take(2)?;
                Head::Null
            }
            0xD4..=0xD8 => return self.extension(1 << (marker - 0xD4)),
            0xD9..=0xDB => {
                let len = self.length(marker - 0xD9)?;
                Head::Text(self.cursor.text(len)?)
            }
            0xDC | 0xDD => {
                let len = self.length(marker - 0xDC + 1)?;
                return self.list(len);
            }
            0xDE | 0xDF => {
                let len = self.length(marker - 0xDE + 1)?;
                return self.dict(len);
            }
            0xE0..=0xFF => Head::Int(i8::from_be_bytes([marker]).into()),
        })
    }

    /// A length in 2^`width` bytes.
    fn length(&mut self, width: u8) -> Result<u64, DecodeError> {
        match width {
            0 => self.cursor.u8().map(u64::from),
            1 => self.cursor.u16().map(u64::from),
            _ => self.cursor.u32().map(u64::from),
        }
    }

    fn list(&mut self, len: u64) -> Result<Head<'a>, DecodeError> {
        self.cursor.check_count(len, 1)?;
        Ok(Head::List(len))
    }

    fn dict(&mut self, len: u64) -> Result<Head<'a>, DecodeError> {
        self.cursor.check_count(len, 2)?;
        Ok(Head::Dict(len))
    }

    fn extension(&mut self, len: u64) -> Result<Head<'a>, DecodeError> {
        let kind = i8::from_be_bytes(self.cursor.array()?);
        Ok(Head::Extension(kind, self.cursor.take(len)?))
    }

    fn time(&self, data: &'a [u8]) -> Result<Time, DecodeError> {
        let mut data = Cursor::new(data, Self::ENCODING);
        let (seconds, nanoseconds) = match data.remaining() {
            4 => (data.u32()?.into(), 0),
            8 => {
                // 30 bits of nanoseconds, 34 bits of seconds.
                let both = data.u64()?;
                (both & 0x3_FFFF_FFFF, both >> 34)
            }
            12 => {
                let nanoseconds = data.u32()?.into();
                (data.u64()?, nanoseconds)
            }
            _ => return Err(self.cursor.malformed("a timestamp of a wrong length")),
        };
        match u32::try_from(nanoseconds) {
            Ok(nanoseconds @ 0..=NANOSECONDS_MAX) => Ok(Time::Unix { seconds: seconds.cast_signed(), nanoseconds }),
            _ => Err(self.cursor.malformed("a timestamp with too many nanoseconds")),
        }
    }
}
