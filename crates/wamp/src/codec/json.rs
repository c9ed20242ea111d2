//! JSON (RFC 8259), with binary data as text of U+0000 and base64.
//!
//! Stricter than some: no lone surrogates, no byte order mark, nothing behind the message.
//! Numbers: whole ones stay exact, beyond 64 bits as decimal text; those with a fraction or an
//! exponent are floats. What JSON can't say is written so: floats that are not finite as null,
//! points in time as RFC 3339 text, or as a number of seconds outside the years 0 to 9999.

mod writer;

use std::borrow::Cow;

use data_encoding::BASE64;

pub(super) use self::writer::JsonWriter;
use super::reader::{Kind, Reader, Sink, deeper};
use super::{DecodeError, Encoding};
use crate::Value;

pub(super) struct JsonReader<'a> {
    text: &'a str,
    position: usize,
    depth_max: usize,
    place: Place,
}

/// Where the cursor is in the message's list.
#[derive(Clone, Copy)]
enum Place {
    Start,
    Inside,
    Behind,
}

/// Text between quotes, checked but still escaped.
#[derive(Clone, Copy)]
struct Quoted<'a> {
    raw: &'a str,
    has_escapes: bool,
}

/// A number as written.
#[derive(Clone, Copy)]
pub(super) struct Number<'a> {
    raw: &'a str,
    is_whole: bool,
}

fn malformed(what: &'static str) -> DecodeError {
    DecodeError::Malformed { encoding: Encoding::Json, what }
}

impl<'a> Reader<'a> for JsonReader<'a> {
    const ENCODING: Encoding = Encoding::Json;

    fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self, DecodeError> {
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| malformed("text is not UTF-8"))?;
        let mut reader = Self { text, position: 0, depth_max, place: Place::Start };
        reader.skip_space();
        Ok(reader)
    }

    fn enter_list(&mut self) -> Result<(), DecodeError> {
        deeper(0, self.depth_max)?;
        self.expect(b'[', "expected a list")?;
        self.skip_space();
        Ok(())
    }

    fn more(&mut self) -> Result<bool, DecodeError> {
        let more = match self.place {
            Place::Start if self.peek() == Some(b']') => {
                self.position += 1;
                false
            }
            Place::Start => true,
            Place::Inside => self.next_item(b']')?,
            Place::Behind => return Ok(false),
        };
        // Else a trailing comma would pass for one element too many.
        if more && self.peek() == Some(b']') {
            return Err(malformed("expected a value"));
        }
        self.place = if more { Place::Inside } else { Place::Behind };
        Ok(more)
    }

    fn kind(&self) -> Kind {
        match self.peek() {
            Some(b'n') => Kind::Null,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b'"') => Kind::Text,
            Some(b'[') => Kind::List,
            Some(b'{') => Kind::Dict,
            _ => Kind::Other,
        }
    }

    fn uint(&mut self) -> Result<Option<u64>, DecodeError> {
        /// No number of so many digits is too large.
        const DIGITS_MAX: usize = 19;
        let rest = self.rest();
        let digits = rest.iter().take(DIGITS_MAX).map_while(|byte| byte.checked_sub(b'0').filter(|digit| *digit < 10));
        let (len, number) = digits.fold((0, 0), |(len, number), digit| (len + 1, number * 10 + u64::from(digit)));
        if let ([b'1'..=b'9', ..], Some(b',' | b']')) = (rest, rest.get(len)) {
            self.position += len;
            return Ok(Some(number));
        }
        let number = self.number()?;
        Ok(if number.is_whole { number.raw.parse().ok() } else { None })
    }

    fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        Ok(self.quoted()?.unescape())
    }

    fn value<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        match self.peek() {
            Some(b'"') => {
                let quoted = self.quoted()?;
                sink.scalar(|| text_or_bytes(quoted.unescape()))
            }
            Some(b'[') => self.list(sink, deeper(depth, self.depth_max)?),
            Some(b'{') => self.dict(sink, deeper(depth, self.depth_max)?),
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                sink.scalar(|| number.value())
            }
            Some(b't') => self.literal("true", sink, Value::Bool(true)),
            Some(b'f') => self.literal("false", sink, Value::Bool(false)),
            Some(b'n') => self.literal("null", sink, Value::Null),
            Some(_) => Err(malformed("expected a value")),
            None => Err(malformed("it ends early")),
        }
    }

    fn position(&self) -> usize {
        self.position
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        self.skip_space();
        if self.position < self.text.len() { Err(malformed("text after the message")) } else { Ok(()) }
    }
}

impl<'a> JsonReader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.position..).unwrap_or_default()
    }

    /// The text between two places. Both stand beside ASCII characters.
    fn between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), DecodeError> {
        match self.peek() {
            Some(found) if found == byte => {
                self.position += 1;
                Ok(())
            }
            Some(_) => Err(malformed(otherwise)),
            None => Err(malformed("it ends early")),
        }
    }

    /// Goes over a comma to the next item, or over `close`.
    fn next_item(&mut self, close: u8) -> Result<bool, DecodeError> {
        self.skip_space();
        if self.peek() == Some(close) {
            self.position += 1;
            return Ok(false);
        }
        self.expect(b',', "expected a comma or the end of a list or dictionary")?;
        self.skip_space();
        Ok(true)
    }

    fn list<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        let mut list = S::List::default();
        self.position += 1;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.position += 1;
            return sink.list(list);
        }
        loop {
            let item = self.value(sink, depth)?;
            sink.push(&mut list, item);
            if !self.next_item(b']')? {
                return sink.list(list);
            }
        }
    }

    fn dict<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError> {
        let mut dict = S::Dict::default();
        self.position += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.position += 1;
            return sink.dict(dict);
        }
        loop {
            let quoted = self.quoted()?;
            let key = sink.key(|| quoted.unescape().into_owned());
            self.skip_space();
            self.expect(b':', "expected a colon")?;
            self.skip_space();
            let value = self.value(sink, depth)?;
            sink.insert(&mut dict, key, value);
            if !self.next_item(b'}')? {
                return sink.dict(dict);
            }
        }
    }

    fn literal<S: Sink>(&mut self, name: &str, sink: &mut S, value: Value) -> Result<S::Value, DecodeError> {
        if !self.rest().starts_with(name.as_bytes()) {
            return Err(malformed("expected a value"));
        }
        self.position += name.len();
        sink.scalar(|| value)
    }

    // What was gone over is cut out in functions that become part of the walk: one that keeps nothing does not do it.
    #[inline]
    fn number(&mut self) -> Result<Number<'a>, DecodeError> {
        let start = self.position;
        let is_whole = self.skip_number()?;
        Ok(Number { raw: self.between(start, self.position), is_whole })
    }

    /// Whether it has neither a fraction nor an exponent.
    fn skip_number(&mut self) -> Result<bool, DecodeError> {
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        if self.peek() == Some(b'0') {
            self.position += 1;
        } else {
            self.digits()?;
        }
        if !matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Ok(true);
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.position += 1;
            }
            self.digits()?;
        }
        Ok(false)
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), DecodeError> {
        let start = self.position;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.position += 1;
        }
        if self.position == start { Err(malformed("a number lacks a digit")) } else { Ok(()) }
    }

    #[inline]
    fn quoted(&mut self) -> Result<Quoted<'a>, DecodeError> {
        let start = self.position;
        let has_escapes = self.skip_quoted()?;
        Ok(Quoted { raw: self.between(start + 1, self.position - 1), has_escapes })
    }

    /// Whether it has escapes.
    fn skip_quoted(&mut self) -> Result<bool, DecodeError> {
        self.expect(b'"', "expected text")?;
        let mut has_escapes = false;
        loop {
            self.position += plain_len(self.rest());
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(has_escapes);
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(_) => return Err(malformed("text contains a control character")),
                None => return Err(malformed("it ends early")),
            }
        }
    }

    /// One escape; two for a character that takes a surrogate pair.
    fn escape(&mut self) -> Result<(), DecodeError> {
        match self.rest() {
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => {
                self.position += 2;
                Ok(())
            }
            [b'\\', b'u', ..] => match self.unit()? {
                0xD800..=0xDBFF if matches!(self.unit(), Ok(0xDC00..=0xDFFF)) => Ok(()),
                0xD800..=0xDFFF => Err(malformed("text contains a lone surrogate")),
                _ => Ok(()),
            },
            _ => Err(malformed("text contains an unknown escape")),
        }
    }

    /// The code unit of one `\uXXXX`.
    fn unit(&mut self) -> Result<u32, DecodeError> {
        let unit = match self.rest() {
            [b'\\', b'u', a, b, c, d, ..] => hex_unit([*a, *b, *c, *d]),
            _ => None,
        };
        self.position += 6;
        unit.ok_or_else(|| malformed("text contains an unknown escape"))
    }
}

/// The number that four hexadecimal digits make.
fn hex_unit(digits: [u8; 4]) -> Option<u32> {
    digits.into_iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

/// How many bytes at the start of `bytes` stand for themselves between quotes.
fn plain_len(bytes: &[u8]) -> usize {
    /// Most texts end within so many bytes; only behind them do wider steps pay.
    const SHORT: usize = 32;
    let (short, long) = bytes.split_at_checked(SHORT).unwrap_or((bytes, &[]));
    let plain = plain_len_by_words(short);
    if plain < short.len() {
        return plain;
    }
    let is_plain = |chunk: &&[u8; 64]| chunk.iter().fold(true, |is_plain, byte| is_plain & !is_special(*byte));
    let wide = 64 * long.as_chunks().0.iter().take_while(is_plain).count();
    plain + wide + plain_len_by_words(long.get(wide..).unwrap_or_default())
}

/// As [`plain_len`], eight bytes at a time.
fn plain_len_by_words(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks();
    for (chunk, at) in chunks.iter().zip((0..).step_by(8)) {
        let special = specials(*chunk);
        if special != 0 {
            return at + first(special);
        }
    }
    let plain = bytes.len() - rest.len();
    match bytes.last_chunk() {
        // What it has of those before is plain.
        Some(last) if !rest.is_empty() => {
            let special = specials(*last);
            if special == 0 { bytes.len() } else { bytes.len() - 8 + first(special) }
        }
        _ => plain + rest.iter().take_while(|byte| !is_special(**byte)).count(),
    }
}

/// Whether a byte has to be escaped between quotes, or ends what they hold.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The high bit of each of these bytes that [`is_special`]. A borrow can mark others as well, but only behind one that is.
fn specials(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(bytes);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')))) & HIGHS
}

/// The place of the first byte that is marked.
fn first(marked: u64) -> usize {
    marked.trailing_zeros() as usize / 8
}

impl<'a> Quoted<'a> {
    fn unescape(self) -> Cow<'a, str> {
        if !self.has_escapes {
            return Cow::Borrowed(self.raw);
        }
        let mut text = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some((plain, escaped)) = rest.split_once('\\') {
            text.push_str(plain);
            let mut chars = escaped.chars();
            match chars.next() {
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('u') => {
                    let (character, len) = unescape_unit(escaped);
                    text.push(character);
                    rest = escaped.get(len..).unwrap_or_default();
                    continue;
                }
                Some(itself) => text.push(itself),
                None => {}
            }
            rest = chars.as_str();
        }
        text.push_str(rest);
        Cow::Owned(text)
    }
}

/// The character of `uXXXX` or `uXXXX\uXXXX` at the start of checked text, and the length taken.
fn unescape_unit(escaped: &str) -> (char, usize) {
    let unit = |bytes: Option<&[u8]>| {
        bytes.and_then(|bytes| bytes.first_chunk().copied()).and_then(hex_unit).unwrap_or_default()
    };
    let bytes = escaped.as_bytes();
    let first = unit(bytes.get(1..));
    let (code, len) = if (0xD800..0xDC00).contains(&first) {
        let second = unit(bytes.get(7..));
        (0x1_0000 + (first.wrapping_sub(0xD800) << 10) + second.wrapping_sub(0xDC00), 11)
    } else {
        (first, 5)
    };
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), len)
}

/// Text that starts with U+0000 is binary data if the rest is base64.
fn text_or_bytes(text: Cow<'_, str>) -> Value {
    let bytes = text.strip_prefix('\0').and_then(|base64| BASE64.decode(base64.as_bytes()).ok());
    bytes.map_or_else(|| Value::Str(text.into_owned()), Value::Bytes)
}

impl<'a> Number<'a> {
    /// The number that `text` is, if it is one and nothing else.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let mut reader = JsonReader { text, position: 0, depth_max: 0, place: Place::Start };
        let number = reader.number().ok()?;
        (reader.position == text.len()).then_some(number)
    }

    /// The integer, or else the text: nothing is lost.
    pub(super) fn exact(self) -> Value {
        self.integer().unwrap_or_else(|| Value::from(self.raw))
    }

    fn value(self) -> Value {
        if self.is_whole {
            return self.exact();
        }
        // Every JSON number is one in Rust too.
        self.raw.parse().map_or(Value::Null, Value::Float)
    }

    /// The integer, if 64 bits are enough.
    fn integer(self) -> Option<Value> {
        if !self.is_whole {
            return None;
        }
        let signed = self.raw.parse().map(Value::Int);
        signed.or_else(|_| self.raw.parse().map(Value::UInt)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_at_the_first_byte_that_stands_for_another() {
        const LEN_MAX: usize = 200;
        for len in 0..=LEN_MAX {
            let plain: Vec<u8> =
                (0..len).map(|at| [b' ', b'!', b'#', b'[', b']', 0x7F, 0x80, 0xA2, 0xFF][at % 9]).collect();
            assert_eq!(plain_len(&plain), len);
            for at in 0..len {
                for special in [0, 0x1F, b'"', b'\\'] {
                    let mut bytes = plain.clone();
                    bytes[at] = special;
                    // What comes behind it has no say, be it special or one off.
                    bytes[at + 1..].iter_mut().for_each(|byte| *byte ^= 1);
                    assert_eq!(plain_len(&bytes), at, "{bytes:?}");
                }
            }
        }
    }
}
