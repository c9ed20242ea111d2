//! How messages are made of elements: the one table of order, arity and element types.
//!
//! Source: WAMP specification, basic profile "Messages", and the message definitions of the
//! advanced profile.

use std::mem;

use bytes::{Bytes, BytesMut};
use compact_str::CompactString;

use super::reader::{Build, Kind, Reader, Skim};
use super::writer::{Writer, write_dict, write_list, write_value};
use super::{DecodeError, DecodeLimits, Encoding, cbor, json, msgpack, ubjson};
use crate::payload::Content;
use crate::{Dict, Id, Message, MessageType, Payload, Signature, UriText, Value};

/// Depth of what stands directly in a message.
const ELEMENT_DEPTH: usize = 1;

macro_rules! messages {
    ($($name:ident [$($field:ident),+ $(; ignored $ignored:ty)?])+) => {
        fn read_fields<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Message, DecodeError> {
            match elements.message {
                $(MessageType::$name => {
                    let message = Message::$name { $($field: Field::read(elements)?),+ };
                    $(let _: $ignored = Field::read(elements)?;)?
                    Ok(message)
                })+
            }
        }

        fn write_fields<W: Writer>(message: &Message, out: &mut W) {
            match message {
                $(Message::$name { $($field),+ } => {
                    out.list_begin(1 $(+ $field.count())+);
                    MessageType::$name.write(out);
                    $($field.write(out);)+
                    out.list_end();
                })+
            }
        }
    };
}

// Behind the code come the fields in this order; their types say what each element is. A
// payload is up to two elements, an `Option` at the end up to one.
messages! {
    Hello [realm, details]
    Welcome [session, details]
    Abort [details, reason; ignored Payload]
    Challenge [method, extra]
    Authenticate [signature, extra]
    Goodbye [details, reason]
    Error [request_type, request, details, error, payload]
    Publish [request, options, topic, payload]
    Published [request, publication]
    Subscribe [request, options, topic]
    Subscribed [request, subscription]
    Unsubscribe [request, subscription]
    Unsubscribed [request, details]
    Event [subscription, publication, details, payload]
    Call [request, options, procedure, payload]
    Cancel [request, options]
    Result [request, details, payload]
    Register [request, options, procedure]
    Registered [request, registration]
    Unregister [request, registration]
    Unregistered [request, details]
    Invocation [request, registration, details, payload]
    Interrupt [request, options]
    Yield [request, options, payload]
}

/// Reads one message.
pub(super) fn read<'f, R: Reader<'f>>(frame: &'f Bytes, limits: DecodeLimits) -> Result<Message, DecodeError> {
    let mut reader = R::new(frame, limits.depth_max.min(DecodeLimits::DEPTH_MAX_CEILING))?;
    if reader.kind() != Kind::List {
        reader.value(&mut Skim, 0)?;
        return Err(DecodeError::NotAList);
    }
    reader.enter_list()?;
    if !reader.more()? {
        return Err(DecodeError::EmptyList);
    }
    let code = if reader.kind() == Kind::Number {
        reader.uint()?
    } else {
        reader.value(&mut Skim, ELEMENT_DEPTH)?;
        None
    };
    let message = code.and_then(MessageType::from_code).ok_or(DecodeError::UnknownType)?;
    let mut elements = Elements { frame, reader, message };
    let read = read_fields(&mut elements)?;
    if elements.reader.more()? {
        return Err(DecodeError::WrongArity(message));
    }
    elements.reader.end()?;
    Ok(read)
}

/// Appends one message.
pub(super) fn write<W: Writer>(message: &Message, out: &mut BytesMut) {
    let mut writer = W::new(mem::take(out));
    write_fields(message, &mut writer);
    *out = writer.into_inner();
}

/// Decodes the two parts of a payload; empty bytes stand for an absent part.
pub(crate) fn payload_values(
    encoding: Encoding,
    args: &[u8],
    kwargs: &[u8],
) -> Result<(Vec<Value>, Dict), DecodeError> {
    let part = |bytes| match encoding {
        _ if <[u8]>::is_empty(bytes) => Ok(Value::Null),
        Encoding::Json => read_value::<json::JsonReader<'_>>(bytes),
        Encoding::MsgPack => read_value::<msgpack::MsgPackReader<'_>>(bytes),
        Encoding::Cbor => read_value::<cbor::CborReader<'_>>(bytes),
        Encoding::Ubjson => read_value::<ubjson::UbjsonReader<'_>>(bytes),
    };
    let malformed = |what| Err(DecodeError::Malformed { encoding, what });
    let args = match part(args)? {
        Value::List(args) => args,
        Value::Null => Vec::new(),
        _ => return malformed("the arguments are no list"),
    };
    let kwargs = match part(kwargs)? {
        Value::Dict(kwargs) => kwargs,
        Value::Null => Dict::new(),
        _ => return malformed("the keyword arguments are no dictionary"),
    };
    Ok((args, kwargs))
}

/// Writes the two parts of a payload; no bytes stand for an absent part.
pub(crate) fn payload_bytes(encoding: Encoding, args: &[Value], kwargs: &Dict) -> (Bytes, Bytes) {
    fn parts<W: Writer>(args: &[Value], kwargs: &Dict) -> (Bytes, Bytes) {
        if args.is_empty() && kwargs.is_empty() {
            return (Bytes::new(), Bytes::new());
        }
        let mut list = W::new(BytesMut::new());
        write_list(args, &mut list);
        let mut dict = W::new(BytesMut::new());
        if !kwargs.is_empty() {
            write_dict(kwargs, &mut dict);
        }
        (list.into_inner().freeze(), dict.into_inner().freeze())
    }
    match encoding {
        Encoding::Json => parts::<json::JsonWriter>(args, kwargs),
        Encoding::MsgPack => parts::<msgpack::MsgPackWriter>(args, kwargs),
        Encoding::Cbor => parts::<cbor::CborWriter>(args, kwargs),
        Encoding::Ubjson => parts::<ubjson::UbjsonWriter>(args, kwargs),
    }
}

fn read_value<'a, R: Reader<'a>>(bytes: &'a [u8]) -> Result<Value, DecodeError> {
    let mut reader = R::new(bytes, DecodeLimits::DEPTH_MAX_CEILING)?;
    let value = reader.value(&mut Build::up_to(usize::MAX), ELEMENT_DEPTH)?;
    reader.end()?;
    Ok(value)
}

/// The text of a value in JSON.
pub(crate) fn value_to_json(value: &Value) -> String {
    let mut out = json::JsonWriter::new(BytesMut::new());
    write_value(value, &mut out);
    // The writer writes nothing else than text.
    String::from_utf8(out.into_inner().to_vec()).unwrap_or_default()
}

/// The value of a text in JSON.
pub(crate) fn value_from_json(text: &str) -> Result<Value, DecodeError> {
    read_value::<json::JsonReader<'_>>(text.as_bytes())
}

/// The elements of one message, behind its type.
struct Elements<'f, R> {
    frame: &'f Bytes,
    reader: R,
    message: MessageType,
}

impl<'f, R: Reader<'f>> Elements<'f, R> {
    /// Goes to the next element, which must be there.
    fn next(&mut self) -> Result<Kind, DecodeError> {
        if self.reader.more()? { Ok(self.reader.kind()) } else { Err(DecodeError::WrongArity(self.message)) }
    }

    /// The error for the element at the cursor, which is not what belongs there.
    fn wrong(&mut self, expected: &'static str) -> DecodeError {
        // Broken bytes look like another type at first.
        match self.reader.value(&mut Skim, ELEMENT_DEPTH) {
            Err(malformed) => malformed,
            Ok(()) => self.out_of_range(expected),
        }
    }

    fn out_of_range(&self, expected: &'static str) -> DecodeError {
        DecodeError::WrongElement { message: self.message, expected }
    }

    fn number(&mut self, expected: &'static str) -> Result<u64, DecodeError> {
        if self.next()? != Kind::Number {
            return Err(self.wrong(expected));
        }
        self.reader.uint()?.ok_or_else(|| self.out_of_range(expected))
    }

    /// The dictionary at the cursor, where there is a value of `kind`.
    fn dict(&mut self, kind: Kind) -> Result<Dict, DecodeError> {
        if kind == Kind::Dict {
            let mut build = Build::up_to(DecodeLimits::OPTION_VALUES_MAX);
            if let Value::Dict(dict) = self.reader.value(&mut build, ELEMENT_DEPTH)? {
                return Ok(dict);
            }
        }
        Err(self.wrong("a dictionary"))
    }

    /// The bytes of the next element, if there is one.
    fn part(&mut self, kind: Kind, expected: &'static str) -> Result<Option<Bytes>, DecodeError> {
        if !self.reader.more()? {
            return Ok(None);
        }
        if self.reader.kind() != kind {
            return Err(self.wrong(expected));
        }
        let start = self.reader.position();
        self.reader.value(&mut Skim, ELEMENT_DEPTH)?;
        Ok(Some(self.frame.slice(start..self.reader.position())))
    }
}

/// One field of a message as elements of its list.
trait Field: Sized {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError>;
    /// How many elements [`Field::write`] writes.
    fn count(&self) -> usize {
        1
    }
    fn write<W: Writer>(&self, out: &mut W);
}

impl Field for Id {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        let number = elements.number("an id")?;
        Self::new(number).map_err(|_| elements.out_of_range("an id"))
    }

    fn write<W: Writer>(&self, out: &mut W) {
        out.uint(self.get());
    }
}

/// The request of UNSUBSCRIBED and UNREGISTERED: 0 where the router acts unasked.
impl Field for Option<Id> {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        let number = elements.number("an id or 0")?;
        if number == 0 {
            return Ok(None);
        }
        Id::new(number).map(Some).map_err(|_| elements.out_of_range("an id or 0"))
    }

    fn write<W: Writer>(&self, out: &mut W) {
        out.uint(self.map_or(0, Id::get));
    }
}

impl Field for MessageType {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        let number = elements.number("a message type")?;
        Self::from_code(number).ok_or_else(|| elements.out_of_range("a message type"))
    }

    fn write<W: Writer>(&self, out: &mut W) {
        out.uint(self.code().into());
    }
}

impl Field for UriText {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        if elements.next()? != Kind::Text {
            return Err(elements.wrong("a URI"));
        }
        Ok(elements.reader.text()?.as_ref().into())
    }

    fn write<W: Writer>(&self, out: &mut W) {
        out.text(self.as_str());
    }
}

impl Field for CompactString {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        if elements.next()? != Kind::Text {
            return Err(elements.wrong("text"));
        }
        Ok(elements.reader.text()?.into())
    }

    fn write<W: Writer>(&self, out: &mut W) {
        out.text(self);
    }
}

/// Clients that have nothing to sign with send null; that counts as empty text.
impl Field for Signature {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        match elements.next()? {
            Kind::Text => Ok(Self::new(elements.reader.text()?)),
            Kind::Null => {
                elements.reader.value(&mut Skim, ELEMENT_DEPTH)?;
                Ok(Self::new(""))
            }
            _ => Err(elements.wrong("text")),
        }
    }

    fn write<W: Writer>(&self, out: &mut W) {
        out.text(self.expose());
    }
}

impl Field for Dict {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        let kind = elements.next()?;
        elements.dict(kind)
    }

    fn write<W: Writer>(&self, out: &mut W) {
        write_dict(self, out);
    }
}

impl Field for Option<Dict> {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        if !elements.reader.more()? {
            return Ok(None);
        }
        let kind = elements.reader.kind();
        elements.dict(kind).map(Some)
    }

    fn count(&self) -> usize {
        usize::from(self.is_some())
    }

    fn write<W: Writer>(&self, out: &mut W) {
        if let Some(dict) = self {
            write_dict(dict, out);
        }
    }
}

impl Field for Payload {
    fn read<'f, R: Reader<'f>>(elements: &mut Elements<'f, R>) -> Result<Self, DecodeError> {
        let Some(args) = elements.part(Kind::List, "a list of arguments")? else {
            return Ok(Self::absent());
        };
        let kwargs = elements.part(Kind::Dict, "a dictionary of arguments")?.unwrap_or_default();
        Ok(Self::from_parts(R::ENCODING, args, kwargs))
    }

    fn count(&self) -> usize {
        let (has_args, has_kwargs) = match self.content() {
            Content::Absent => (false, false),
            Content::Encoded { args, kwargs, .. } => (!args.is_empty(), !kwargs.is_empty()),
            Content::Values(values) => (!values.0.is_empty(), !values.1.is_empty()),
        };
        match (has_args, has_kwargs) {
            (_, true) => 2,
            (true, false) => 1,
            (false, false) => 0,
        }
    }

    fn write<W: Writer>(&self, out: &mut W) {
        let elements = self.count();
        match self.content() {
            Content::Encoded { encoding, args, kwargs } if *encoding == W::ENCODING => {
                for part in [args, kwargs].into_iter().take(elements) {
                    out.raw(part);
                }
            }
            Content::Values(values) => write_parts(elements, &values.0, &values.1, out),
            Content::Absent | Content::Encoded { .. } => {
                // Can't fail: reading the message has walked over these bytes in the same way.
                let (args, kwargs) = self.values().unwrap_or_default();
                write_parts(elements, &args, &kwargs, out);
            }
        }
    }
}

fn write_parts<W: Writer>(elements: usize, args: &[Value], kwargs: &Dict, out: &mut W) {
    if elements > 0 {
        write_list(args, out);
    }
    if elements > 1 {
        write_dict(kwargs, out);
    }
}
