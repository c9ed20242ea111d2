//! UBJSON (Draft 12), in all forms of its lists and dictionaries: up to an end marker, counted,
//! and counted with one type for all values.
//!
//! A list of the type uint8 is binary data, which the format has no other form for. No-ops are
//! skipped wherever a marker may stand. High-precision numbers are integers where 64 bits are
//! enough and their own text where not; text is exact, a float would not be.
//!
//! **Invariant:** values that take no bytes (`[$Z#` and a count) are limited for each frame, so
//! that a count costs nobody more than the frame that claims it.
//!
//! `BJData` goes by the same subprotocol in some clients, but turns the bytes of numbers around.
//! Its own markers are refused by name; nothing else tells the two apart.

mod writer;

use std::borrow::Cow;

pub(super) use self::writer::UbjsonWriter;
use super::cursor::Cursor;
use super::reader::{Kind, Reader, Sink, deeper};
use super::{DecodeError, Encoding, json};
use crate::Value;
use crate::value::whole;

const NULL: u8 = b'Z';
const NO_OP: u8 = b'N';
const TRUE: u8 = b'T';
const FALSE: u8 = b'F';
const INT8: u8 = b'i';
const UINT8: u8 = b'U';
const INT16: u8 = b'I';
const INT32: u8 = b'l';
const INT64: u8 = b'L';
const FLOAT32: u8 = b'd';
const FLOAT64: u8 = b'D';
const HIGH_PRECISION: u8 = b'H';
const CHAR: u8 = b'C';
const TEXT: u8 = b'S';
const LIST: u8 = b'[';
const LIST_END: u8 = b']';
const DICT: u8 = b'{';
const DICT_END: u8 = b'}';
/// Behind the start of a list or dictionary: the type of all its values.
const TYPE: u8 = b'$';
/// Behind the start or the type: the number of values.
const COUNT: u8 = b'#';

/// The start of binary data.
const BYTES: [u8; 3] = [LIST, TYPE, UINT8];

/// Shortest key: the marker and the one byte of its length.
const KEY_BYTES_MIN: u64 = 2;

/// Most values without bytes of their own in one frame.
const BODILESS_VALUES_MAX: u64 = 1024;

pub(super) struct UbjsonReader<'a> {
    cursor: Cursor<'a>,
    depth_max: usize,
    /// The message's list.
    items: Items,
    bodiless_values_left: u64,
}

/// Items of a list or dictionary still to come.
#[derive(Clone, Copy)]
struct Items {
    /// The marker of all values, which then have none of their own.
    marker: Option<u8>,
    /// How many, unless they go on to an end marker.
    left: Option<u64>,
}

impl<'a> Reader<'a> for UbjsonReader<'a> {
    const ENCODING: Encoding = Encoding::Ubjson;

    fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self, DecodeError> {
        let mut reader = Self {
            cursor: Cursor::new(bytes, Self::ENCODING),
            depth_max,
            items: Items { marker: None, left: Some(0) },
            bodiless_values_left: BODILESS_VALUES_MAX,
        };
        reader.skip_no_ops();
        Ok(reader)
    }

    fn enter_list(&mut self) -> Result<(), DecodeError> {
        deeper(0, self.depth_max)?;
        if self.kind() != Kind::List {
            return Err(DecodeError::NotAList);
        }
        self.cursor.u8()?;
        self.items = self.items(LIST)?;
        Ok(())
    }

    fn more(&mut self) -> Result<bool, DecodeError> {
        let mut items = self.items;
        let more = self.next_item(&mut items, LIST_END);
        self.items = items;
        more
    }

    fn kind(&self) -> Kind {
        match self.items.marker.or(self.cursor.peek()) {
            Some(NULL) => Kind::Null,
            Some(INT8 | UINT8 | INT16 | INT32 | INT64 | FLOAT32 | FLOAT64 | HIGH_PRECISION) => Kind::Number,
            Some(CHAR | TEXT) => Kind::Text,
            Some(LIST) if !self.cursor.starts_with(&BYTES) => Kind::List,
            Some(DICT) => Kind::Dict,
            _ => Kind::Other,
        }
    }

    fn uint(&mut self) -> Result<Option<u64>, DecodeError> {
        Ok(match self.marker(self.items)? {
            marker @ (FLOAT32 | FLOAT64) => whole(self.float(marker)?),
            HIGH_PRECISION => self.high_precision()?.exact().as_u64(),
            marker => u64::try_from(self.int(marker)?).ok(),
        })
    }

    fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let marker = self.marker(self.items)?;
        self.text_of(marker).map(Cow::Borrowed)
    }

    fn value<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        let marker = self.marker(self.items)?;
        self.value_of(marker, sink, depth)
    }

    fn position(&self) -> usize {
        self.cursor.position()
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        self.skip_no_ops();
        self.cursor.end()
    }
}

impl<'a> UbjsonReader<'a> {
    fn skip_no_ops(&mut self) {
        while self.goes_over(NO_OP) {}
    }

    /// Goes over the marker, if it is the next.
    fn goes_over(&mut self, marker: u8) -> bool {
        self.cursor.peek() == Some(marker) && self.cursor.u8().is_ok()
    }

    /// The marker of the value at the cursor.
    fn marker(&mut self, items: Items) -> Result<u8, DecodeError> {
        items.marker.map_or_else(|| self.cursor.u8(), Ok)
    }

    fn unknown(&self, marker: u8) -> DecodeError {
        self.cursor.malformed(match marker {
            b'u' | b'm' | b'M' | b'h' | b'B' => "a marker of BJData, which is not UBJSON",
            _ => "an unknown marker",
        })
    }

    /// What stands behind `marker`.
    fn value_of<S: Sink>(&mut self, marker: u8, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        match marker {
            NULL => sink.scalar(|| Value::Null),
            TRUE | FALSE => sink.scalar(|| Value::Bool(marker == TRUE)),
            INT8 | UINT8 | INT16 | INT32 | INT64 => {
                let number = self.int(marker)?;
                sink.scalar(|| Value::Int(number))
            }
            FLOAT32 | FLOAT64 => {
                let number = self.float(marker)?;
                sink.scalar(|| Value::Float(number))
            }
            HIGH_PRECISION => {
                let number = self.high_precision()?;
                sink.scalar(|| number.exact())
            }
            CHAR | TEXT => {
                let text = self.text_of(marker)?;
                sink.scalar(|| Value::from(text))
            }
            LIST => self.list(sink, depth),
            DICT => self.dict(sink, deeper(depth, self.depth_max)?),
            _ => Err(self.unknown(marker)),
        }
    }

    fn int(&mut self, marker: u8) -> Result<i64, DecodeError> {
        Ok(match marker {
            INT8 => i8::from_be_bytes(self.cursor.array()?).into(),
            UINT8 => self.cursor.u8()?.into(),
            INT16 => i16::from_be_bytes(self.cursor.array()?).into(),
            INT32 => i32::from_be_bytes(self.cursor.array()?).into(),
            INT64 => i64::from_be_bytes(self.cursor.array()?),
            _ => return Err(self.unknown(marker)),
        })
    }

    fn float(&mut self, marker: u8) -> Result<f64, DecodeError> {
        Ok(match marker {
            FLOAT32 => f32::from_be_bytes(self.cursor.array()?).into(),
            _ => f64::from_be_bytes(self.cursor.array()?),
        })
    }

    fn high_precision(&mut self) -> Result<json::Number<'a>, DecodeError> {
        let text = self.text_of(TEXT)?;
        json::Number::of(text).ok_or_else(|| self.cursor.malformed("a high-precision number that is none"))
    }

    fn text_of(&mut self, marker: u8) -> Result<&'a str, DecodeError> {
        match marker {
            CHAR => self.cursor.text(1),
            TEXT => {
                let len = self.length()?;
                self.cursor.text(len)
            }
            _ => Err(self.cursor.malformed("expected text")),
        }
    }

    /// A length or count, which is an integer with its own marker.
    fn length(&mut self) -> Result<u64, DecodeError> {
        let marker = self.cursor.u8()?;
        let length = self.int(marker)?;
        u64::try_from(length).map_err(|_| self.cursor.malformed("a negative length"))
    }

    /// Type and count, where given, behind the start of a list or dictionary.
    fn items(&mut self, container: u8) -> Result<Items, DecodeError> {
        let marker = if self.goes_over(TYPE) { Some(self.cursor.u8()?) } else { None };
        if !self.goes_over(COUNT) {
            return match marker {
                Some(_) => Err(self.cursor.malformed("a type without a count")),
                None => Ok(Items { marker, left: None }),
            };
        }
        let count = self.length()?;
        let value_bytes_min = match marker {
            // By definition a list without values, whatever the count.
            Some(NO_OP) if container == LIST => return Ok(Items { marker: None, left: Some(0) }),
            Some(NULL | TRUE | FALSE) => 0,
            None | Some(INT8 | UINT8 | CHAR | LIST | DICT) => 1,
            Some(INT16 | TEXT | HIGH_PRECISION) => 2,
            Some(INT32 | FLOAT32) => 4,
            Some(INT64 | FLOAT64) => 8,
            Some(marker) => return Err(self.unknown(marker)),
        };
        if container == DICT {
            self.cursor.check_count(count, KEY_BYTES_MIN + value_bytes_min)?;
        } else if value_bytes_min > 0 {
            self.cursor.check_count(count, value_bytes_min)?;
        } else {
            let left = self.bodiless_values_left.checked_sub(count);
            self.bodiless_values_left =
                left.ok_or_else(|| self.cursor.malformed("more than 1024 values without bytes"))?;
        }
        Ok(Items { marker, left: Some(count) })
    }

    /// Whether one more item follows; if so, goes to its first byte, if not, over the end marker.
    fn next_item(&mut self, items: &mut Items, end: u8) -> Result<bool, DecodeError> {
        if items.left == Some(0) {
            return Ok(false);
        }
        // Without a marker of its own, a value could start like a no-op. Keys could not.
        if items.marker.is_none() || end == DICT_END {
            self.skip_no_ops();
        }
        if let Some(left) = &mut items.left {
            *left -= 1;
            return Ok(true);
        }
        if self.goes_over(end) {
            items.left = Some(0);
            return Ok(false);
        }
        if self.cursor.remaining() == 0 { Err(self.cursor.malformed("it ends early")) } else { Ok(true) }
    }

    fn list<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        let mut items = self.items(LIST)?;
        if let Items { marker: Some(UINT8), left: Some(len) } = items {
            let bytes = self.cursor.take(len)?;
            return sink.scalar(|| Value::Bytes(bytes.to_vec()));
        }
        let depth = deeper(depth, self.depth_max)?;
        let mut list = S::List::default();
        while self.next_item(&mut items, LIST_END)? {
            let marker = self.marker(items)?;
            let item = self.value_of(marker, sink, depth)?;
            sink.push(&mut list, item);
        }
        sink.list(list)
    }

    fn dict<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        let mut items = self.items(DICT)?;
        let mut dict = S::Dict::default();
        while self.next_item(&mut items, DICT_END)? {
            let key = self.text_of(TEXT)?;
            let key = sink.key(|| key.to_owned());
            if items.marker.is_none() {
                self.skip_no_ops();
            }
            let marker = self.marker(items)?;
            let value = self.value_of(marker, sink, depth)?;
            sink.insert(&mut dict, key, value);
        }
        sink.dict(dict)
    }
}
