//! What `wire` asks of a serializer when it writes, and how values become its calls.

use bytes::BytesMut;

use super::Encoding;
use crate::{Dict, Time, Value};

/// Appends values in one format. Lengths are given first, because MessagePack and CBOR put
/// them there.
pub(super) trait Writer: Sized {
    const ENCODING: Encoding;

    /// Goes on behind what `out` holds.
    fn new(out: BytesMut) -> Self;
    fn into_inner(self) -> BytesMut;
    fn list_begin(&mut self, len: usize);
    fn list_end(&mut self) {}
    fn dict_begin(&mut self, len: usize);
    fn dict_end(&mut self) {}
    fn key(&mut self, key: &str) {
        self.text(key);
    }
    fn null(&mut self);
    fn bool(&mut self, truth: bool);
    fn int(&mut self, number: i64);
    fn uint(&mut self, number: u64);
    fn float(&mut self, number: f64);
    fn text(&mut self, text: &str);
    fn bytes(&mut self, bytes: &[u8]);
    fn time(&mut self, time: &Time);
    /// One value, or some entries of a dictionary, that are encoded in this format already.
    fn raw(&mut self, encoded: &[u8]);
}

pub(super) fn write_value<W: Writer>(value: &Value, out: &mut W) {
    match value {
        Value::Null => out.null(),
        Value::Bool(truth) => out.bool(*truth),
        Value::Int(number) => out.int(*number),
        Value::UInt(number) => out.uint(*number),
        Value::Float(number) => out.float(*number),
        Value::Str(text) => out.text(text),
        Value::Bytes(bytes) => out.bytes(bytes),
        Value::Time(time) => out.time(time),
        Value::List(items) => write_list(items, out),
        Value::Dict(dict) => write_dict(dict, out),
    }
}

/// For formats without points in time: RFC 3339 text, or a number of seconds outside the years
/// 0 to 9999.
pub(super) fn write_time_as_text<W: Writer>(time: &Time, out: &mut W) {
    match time {
        Time::Text(text) => out.text(text),
        Time::Unix { seconds, nanoseconds } => match rfc3339(*seconds, *nanoseconds) {
            Some(text) => out.text(&text),
            None => out.int(*seconds),
        },
    }
}

/// UTC, with as many digits of the fraction as needed; `None` outside the years 0 to 9999.
fn rfc3339(seconds: i64, nanoseconds: u32) -> Option<String> {
    let timestamp = jiff::Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()?;
    let text = timestamp.to_string();
    text.starts_with(|first: char| first.is_ascii_digit()).then_some(text)
}

pub(super) fn write_list<W: Writer>(items: &[Value], out: &mut W) {
    out.list_begin(items.len());
    for item in items {
        write_value(item, out);
    }
    out.list_end();
}

pub(super) fn write_dict<W: Writer>(dict: &Dict, out: &mut W) {
    out.dict_begin(dict.len());
    if let Some(shared) = dict.shared() {
        out.raw(shared.encoded(W::ENCODING, |entries| {
            let mut alone = W::new(BytesMut::new());
            write_entries(entries, &mut alone);
            alone.into_inner().to_vec().into()
        }));
    }
    write_entries(dict.own(), out);
    out.dict_end();
}

fn write_entries<W: Writer>(entries: &[(String, Value)], out: &mut W) {
    for (key, value) in entries {
        out.key(key);
        write_value(value, out);
    }
}
