//! Frames that are refused, and what the refusal says.

use super::{read, value_of, yield_frame};
use crate::Encoding::{Cbor, Json, MsgPack, Ubjson};
use crate::{DecodeError, DecodeLimits, Encoding, MessageType};

#[track_caller]
fn check(encoding: Encoding, frame: &[u8], want: DecodeError) {
    assert_eq!(read(encoding, frame), Err(want), "{encoding} {:?}", frame.escape_ascii().to_string());
}

/// Refused as malformed, wherever in a message the value stands.
#[track_caller]
fn check_value(encoding: Encoding, value: &[u8], what: &'static str) {
    let want = Err(DecodeError::Malformed { encoding, what });
    assert_eq!(value_of(encoding, value), want, "{encoding} {:?}", value.escape_ascii().to_string());
    let (before, after): (&[u8], &[u8]) = match encoding {
        Json => (b"[69,1,{\"o\":", b"}]"),
        MsgPack => (b"\x93\x45\x01\x81\xA1o", b""),
        Cbor => (b"\x83\x18\x45\x01\xA1\x61o", b""),
        Ubjson => (b"[UEU\x01{U\x01o", b"}]"),
    };
    assert_eq!(read(encoding, &[before, value, after].concat()).err(), want.err());
}

#[test]
fn refuses_what_is_no_list_with_a_type() {
    use DecodeError::{EmptyList, NotAList, UnknownType};
    check(Json, b"{}", NotAList);
    check(Json, b"\"x\"", NotAList);
    check(MsgPack, b"\x01", NotAList);
    check(Cbor, b"\xA0", NotAList);
    check(Ubjson, b"{}", NotAList);
    check(Ubjson, b"[$U#U\x03\x31\x01\x01", NotAList); // binary data
    check(Json, b"[]", EmptyList);
    check(MsgPack, b"\x90", EmptyList);
    check(Cbor, b"\x80", EmptyList);
    check(Cbor, b"\x9F\xFF", EmptyList);
    for frame in [&b"[]"[..], b"[N]", b"[#U\x00", b"[$N#U\x05"] {
        check(Ubjson, frame, EmptyList);
    }
    for frame in ["[7,1]", "[0]", "[-1]", "[1.0]", "[true]", "[\"1\"]", "[null]", "[256]", "[[1]]"] {
        check(Json, frame.as_bytes(), UnknownType);
    }
    check(Json, b"[99999999999999999999]", UnknownType);
    check(MsgPack, b"\x91\x07", UnknownType);
    check(MsgPack, b"\x91\xC3", UnknownType);
    check(Cbor, b"\x81\x07", UnknownType);
    check(Cbor, b"\x81\xF5", UnknownType);
    for frame in [&b"[U\x07]"[..], b"[T]", b"[Cx]", b"[i\xFF]", b"[HU\x031.5]", b"[$[#U\x01]", b"[$Z#U\x01"] {
        check(Ubjson, frame, UnknownType);
    }
}

#[test]
fn refuses_missing_and_surplus_elements() {
    let check = |json: &str, kind| check(Json, json.as_bytes(), DecodeError::WrongArity(kind));
    check("[1]", MessageType::Hello);
    check(r#"[1,"r"]"#, MessageType::Hello);
    check(r#"[1,"r",{},{}]"#, MessageType::Hello);
    check("[6,{}]", MessageType::Goodbye);
    check(r#"[3,{},"r",[],{},0]"#, MessageType::Abort);
    check("[35]", MessageType::Unsubscribed);
    check("[35,0,{},0]", MessageType::Unsubscribed);
    check("[48,1,{}]", MessageType::Call);
    check(r#"[48,1,{},"p",[],{},[]]"#, MessageType::Call);
    check("[70,1,{},[],{},0]", MessageType::Yield);
    let arity = |encoding, frame: &[u8]| {
        assert_eq!(read(encoding, frame), Err(DecodeError::WrongArity(MessageType::Yield)));
    };
    arity(MsgPack, b"\x92\x46\x01");
    arity(MsgPack, b"\x96\x46\x01\x80\x90\x80\x00");
    arity(Cbor, b"\x82\x18\x46\x01");
    arity(Cbor, b"\x86\x18\x46\x01\xA0\x80\xA0\x00");
    arity(Ubjson, b"[UFU\x01]");
    arity(Ubjson, b"[UFU\x01{}[]{}Z]");
    arity(Ubjson, b"[$i#U\x02\x46\x01");
}

#[test]
fn refuses_elements_of_another_type_or_out_of_range() {
    let wrong = |encoding, frame: &[u8], message, expected| {
        check(encoding, frame, DecodeError::WrongElement { message, expected });
    };
    let cancel = MessageType::Cancel;
    for id in ["0", "-1", "true", "1.5", "1e3", "\"1\"", "null", "[]", "9007199254740993"] {
        wrong(Json, format!("[49,{id},{{}}]").as_bytes(), cancel, "an id");
    }
    wrong(MsgPack, b"\x93\x31\xC3\x80", cancel, "an id");
    wrong(MsgPack, b"\x93\x31\x00\x80", cancel, "an id");
    wrong(MsgPack, b"\x93\x31\xFF\x80", cancel, "an id");
    wrong(MsgPack, b"\x93\x31\xCF\x00\x20\0\0\0\0\0\x01\x80", cancel, "an id");
    wrong(MsgPack, b"\x93\x31\xCB\x3F\xF8\0\0\0\0\0\0\x80", cancel, "an id"); // 1.5
    wrong(Cbor, b"\x83\x18\x31\xF5\xA0", cancel, "an id");
    wrong(Cbor, b"\x83\x18\x31\x00\xA0", cancel, "an id");
    wrong(Cbor, b"\x83\x18\x31\x20\xA0", cancel, "an id");
    wrong(Cbor, b"\x83\x18\x31\xF9\x7E\x00\xA0", cancel, "an id"); // not a number
    for id in [&b"U\x00"[..], b"i\xFF", b"T", b"L\x00\x20\0\0\0\0\0\x01", b"D\x3F\xF8\0\0\0\0\0\0", b"HU\x031.0"] {
        wrong(Ubjson, &[&b"[U\x31"[..], id, b"{}]"].concat(), cancel, "an id");
    }
    wrong(Ubjson, b"[$i#U\x03\x31\x01\x01", cancel, "a dictionary");
    wrong(Json, b"[49,1,[]]", cancel, "a dictionary");
    wrong(MsgPack, b"\x93\x31\x01\xC0", cancel, "a dictionary");
    wrong(Json, b"[1,5,{}]", MessageType::Hello, "a URI");
    wrong(MsgPack, b"\x93\x01\xC4\x01r\x80", MessageType::Hello, "a URI"); // binary data
    wrong(Json, b"[4,5,{}]", MessageType::Challenge, "text");
    wrong(Json, b"[5,5,{}]", MessageType::Authenticate, "text");
    wrong(Json, br#"[8,7,1,{},"e"]"#, MessageType::Error, "a message type");
    wrong(Json, b"[35,9007199254740993]", MessageType::Unsubscribed, "an id or 0");
    wrong(Json, b"[70,1,{},{}]", MessageType::Yield, "a list of arguments");
    wrong(Json, b"[70,1,{},null]", MessageType::Yield, "a list of arguments");
    wrong(Json, b"[70,1,{},[],[]]", MessageType::Yield, "a dictionary of arguments");
    wrong(Cbor, b"\x85\x18\x46\x01\xA0\x80\x80", MessageType::Yield, "a dictionary of arguments");
    wrong(Ubjson, b"[UFU\x01{}[$U#U\x01x]", MessageType::Yield, "a list of arguments"); // binary data
    wrong(Ubjson, b"[UFU\x01{}[][]]", MessageType::Yield, "a dictionary of arguments");
}

#[test]
fn refuses_keys_that_are_not_text() {
    check(MsgPack, b"\x93\x45\x01\x81\x01\x01", DecodeError::KeyNotText);
    check(MsgPack, &yield_frame(MsgPack, b"\x81\xC4\x01k\x01"), DecodeError::KeyNotText);
    check(Cbor, b"\x83\x18\x45\x01\xA1\x01\x01", DecodeError::KeyNotText);
    check(Cbor, &yield_frame(Cbor, b"\xA1\x41k\x01"), DecodeError::KeyNotText);
    check(Cbor, &yield_frame(Cbor, b"\xBF\x01\x01\xFF"), DecodeError::KeyNotText);
    check_value(Json, b"{1:1}", "expected text");
}

#[test]
fn refuses_malformed_json() {
    let ends_early = "it ends early";
    for frame in ["", "[", "[70", "[70,", "[70,1,{},[\"", "[70,1,{},[1"] {
        check(Json, frame.as_bytes(), DecodeError::Malformed { encoding: Json, what: ends_early });
    }
    let check = |value: &str, what| check_value(Json, value.as_bytes(), what);
    check("\"\\", "text contains an unknown escape");
    check(r#""\x""#, "text contains an unknown escape");
    check(r#""\u12g4""#, "text contains an unknown escape");
    check(r#""\u12""#, "text contains an unknown escape");
    check(r#""\ud800""#, "text contains a lone surrogate");
    check(r#""\udc00""#, "text contains a lone surrogate");
    check(r#""\ud800\ud800""#, "text contains a lone surrogate");
    check(r#""\ud800\n""#, "text contains a lone surrogate");
    check("\"\n\"", "text contains a control character");
    check("\"12345678901234\u{1f}\"", "text contains a control character");
    check("[1,]", "expected a value");
    check("[,1]", "expected a value");
    check("[1,,2]", "expected a value");
    check("[1 2]", "expected a comma or the end of a list or dictionary");
    check(r#"{"a" 1}"#, "expected a colon");
    check(r#"{"a":1,}"#, "expected text");
    check(r#"{"a"}"#, "expected a colon");
    check(r#"{"a":}"#, "expected a value");
    check("01", "expected a comma or the end of a list or dictionary");
    for number in ["-", "1.", ".5", "1e", "1e+", "+1", "-.5", "NaN", "Infinity", "tru", "nul"] {
        assert!(value_of(Json, number.as_bytes()).is_err(), "{number}");
    }
}

#[test]
fn refuses_frames_around_a_message_that_are_not_whole() {
    let malformed = |encoding, frame: &[u8], what| {
        check(encoding, frame, DecodeError::Malformed { encoding, what });
    };
    malformed(Json, b"[70,1,{}]x", "text after the message");
    malformed(Json, b"[70,1,{}][]", "text after the message");
    malformed(Json, b"[70,1,{},]", "expected a value");
    malformed(Json, b"[70,1,{},nope]", "expected a value");
    malformed(Json, b"[70,1,{},[\"\xFF\"]]", "text is not UTF-8");
    malformed(MsgPack, b"\x93\x46\x01\x80\x00", "bytes after the message");
    malformed(Cbor, b"\x83\x18\x46\x01\xA0\x00", "bytes after the message");
    malformed(Ubjson, b"[UFU\x01{}]]", "bytes after the message");
    malformed(Ubjson, b"[#U\x03UFU\x01{}]", "bytes after the message");
    malformed(Ubjson, b"", "it ends early");
    malformed(Ubjson, b"NN", "it ends early");
    malformed(MsgPack, b"", "it ends early");
    malformed(Cbor, b"", "it ends early");
    malformed(Cbor, b"\x9F\x18\x46\x01\xA0", "it ends early");
    malformed(Json, b"\xEF\xBB\xBF[70,1,{}]", "expected a value");
    for (encoding, whole) in [
        (Json, b"[70,1,{\"o\":1.5},[\"\\u00fc\",[true]],{\"k\":null}]".to_vec()),
        (MsgPack, b"\x95\x46\x01\x81\xA1o\xCB\x3F\xF8\0\0\0\0\0\0\x92\xD9\x01x\x91\xC3\x81\xA1k\xC0".to_vec()),
        (Cbor, b"\x85\x18\x46\x01\xA1\x61o\xF9\x3E\0\x82\x7F\x61x\xFF\x9F\xF5\xFF\xA1\x61k\xF6".to_vec()),
        (Ubjson, b"[#U\x05NUFi\x01{U\x01od\x3F\xC0\0\0}[Cx[$I#U\x01\0\x01[$U#U\x02xy]{$H#U\x01U\x01kU\x011".to_vec()),
    ] {
        assert!(read(encoding, &whole).is_ok());
        for len in 0..whole.len() {
            let got = read(encoding, &whole[..len]);
            let is_other_type = whole[..len] == *b"[7" && got == Err(DecodeError::UnknownType);
            let is_malformed = matches!(got, Err(DecodeError::Malformed { .. }));
            assert!(is_malformed || is_other_type, "{encoding} {len} {got:?}");
        }
    }
}

#[test]
fn refuses_malformed_binary_values() {
    let msgpack = |value: &[u8], what| check_value(MsgPack, value, what);
    msgpack(b"\xC1", "an unused marker");
    msgpack(b"\xA2\xC3\x28", "text is not UTF-8");
    msgpack(b"\xA3\xED\xA0\x80", "text is not UTF-8"); // a surrogate
    msgpack(b"\xD5\xFF\0\0", "a timestamp of a wrong length");
    msgpack(b"\xD7\xFF\xEE\x6B\x28\0\0\0\0\0", "a timestamp with too many nanoseconds");
    msgpack(b"\xA5x", "it ends early");
    let cbor = |value: &[u8], what| check_value(Cbor, value, what);
    cbor(b"\x62\xC3\x28", "text is not UTF-8");
    cbor(b"\x7F\x61\xC3\x61\xBC\xFF", "text is not UTF-8"); // a character across chunks
    cbor(b"\x7F\x41x\xFF", "a chunk of another kind");
    cbor(b"\x7F\x7F\xFF\xFF", "a chunk of another kind");
    cbor(b"\x1C", "a reserved length");
    cbor(b"\x1F", "a reserved length");
    cbor(b"\xFF", "a break where a value belongs");
    cbor(b"\x81\xFF", "a break where a value belongs");
    cbor(b"\xBF\x61k\xFF", "a break where a value belongs");
    cbor(b"\xF0", "an unknown simple value");
    cbor(b"\xF8\x14", "an unknown simple value");
    cbor(b"\xC0\x01", "a tag on a value of another kind");
    cbor(b"\xC1\x61x", "a tag on a value of another kind");
    cbor(b"\xC2\x01", "a tag on a value of another kind");
    cbor(b"\xC1\xF9\x7E\x00", "a timestamp out of range");
    cbor(b"\xC1\x1B\x80\0\0\0\0\0\0\0", "a timestamp out of range");
    let long = [&b"\xC2\x58\x81"[..], &[1; 129]].concat();
    cbor(&long, "an integer of more than 1024 bits");
}

#[test]
fn refuses_malformed_ubjson() {
    let check = |value: &[u8], what| check_value(Ubjson, value, what);
    check(b"SU\x02\xC3\x28", "text is not UTF-8");
    check(b"C\x80", "text is not UTF-8");
    check(b"{U\x01\xFFZ}", "text is not UTF-8");
    check(b"x", "an unknown marker");
    check(b"T$", "an unknown marker");
    check(b"T#", "an unknown marker");
    check(b"[}", "an unknown marker");
    check(b"[#U\x01]", "an unknown marker");
    check(b"{U\x01k}", "an unknown marker");
    // Keys have no marker but that of their length, which is a whole number.
    check(b"{SU\x01kZ}", "an unknown marker");
    check(b"SHU\x011", "an unknown marker");
    check(b"Sd\x3F\x80\0\0", "an unknown marker");
    check(b"[#T", "an unknown marker");
    check(b"[$]#U\x01", "an unknown marker");
    check(b"[$##U\x01", "an unknown marker");
    check(b"{$N#U\x01U\x01k", "an unknown marker");
    check(b"[$iZ", "a type without a count");
    check(b"{$Z}", "a type without a count");
    check(b"Si\xFF", "a negative length");
    check(b"[#I\xFF\xFF", "a negative length");
    check(b"{$Z#L\x80\0\0\0\0\0\0\0", "a negative length");
    check(b"{i\x80", "a negative length");
    for marker in [b'u', b'm', b'M', b'h', b'B'] {
        check(&[marker, 0, 0], "a marker of BJData, which is not UBJSON");
        check(&[b'S', marker, 0], "a marker of BJData, which is not UBJSON");
        check(&[b'[', b'$', marker, b'#', b'U', 0], "a marker of BJData, which is not UBJSON");
    }
    for number in ["", "-", "01", "+1", "1.", ".5", "1e", " 1", "1 ", "1_0", "NaN", "0x10", "١"] {
        let length = u8::try_from(number.len()).unwrap();
        let value = [&[b'H', b'U', length], number.as_bytes()].concat();
        check(&value, "a high-precision number that is none");
    }
}

#[test]
fn refuses_more_values_without_bytes_than_a_frame_may_have() {
    let what = "more than 1024 values without bytes";
    for marker in [b'Z', b'T', b'F'] {
        let list = |count: &[u8]| [&[b'[', b'$', marker, b'#'], count].concat();
        check_value(Ubjson, &list(b"I\x04\x01"), what);
        check_value(Ubjson, &list(b"L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), what);
        assert!(value_of(Ubjson, &list(b"I\x04\x00")).is_ok());
        // The limit is for all lists of a frame together.
        let quarter = list(b"I\x01\x00");
        let lists = |count| [b"[".to_vec(), quarter.repeat(count), b"]".to_vec()].concat();
        assert!(value_of(Ubjson, &lists(4)).is_ok());
        check_value(Ubjson, &lists(5), what);
        let typed = [&b"[$[#U\x05"[..], &quarter[1..].repeat(5)].concat();
        check_value(Ubjson, &typed, what);
    }
    // Keys have bytes, so that dictionaries need no such limit.
    let keys = b"U\x00".repeat(2000);
    assert!(value_of(Ubjson, &[&b"{$Z#I\x07\xD0"[..], &keys].concat()).is_ok());
}

#[test]
fn refuses_claimed_lengths_beyond_the_frame() {
    for value in [
        &b"\xDD\xFF\xFF\xFF\xFF"[..], // list
        b"\xDF\xFF\xFF\xFF\xFF",      // dictionary
        b"\xDF\x00\x00\x00\x01\xA0",  // dictionary that lacks a value
        b"\xDB\xFF\xFF\xFF\xFF",      // text
        b"\xC6\xFF\xFF\xFF\xFF",      // binary data
        b"\xC9\xFF\xFF\xFF\xFF\x05",  // extension
    ] {
        check_value(MsgPack, value, "it ends early");
    }
    for value in [
        &b"\x9B\0\0\0\x01\0\0\0\0"[..],
        b"\xBB\0\0\0\x01\0\0\0\0",
        b"\xBB\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x5B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x7A\xFF\xFF\xFF\xFF",
        b"\x7F\x7A\xFF\xFF\xFF\xFF",
    ] {
        check_value(Cbor, value, "it ends early");
    }
    for value in [
        &b"SL\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"[..],
        b"HL\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"[#L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"{#L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"{$Z#L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"{L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"[#U\x03", // two more bytes follow
        b"{#U\x01",
        b"[$D#U\x01\0\0\0\0\0",
    ] {
        check_value(Ubjson, value, "it ends early");
    }
    for marker in b"iUIlLdDCSH[{" {
        let list = [&[b'[', b'$', *marker, b'#'], &b"L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"[..]].concat();
        check_value(Ubjson, &list, "it ends early");
    }
    let ends_early = |encoding| DecodeError::Malformed { encoding, what: "it ends early" };
    check(MsgPack, b"\xDD\xFF\xFF\xFF\xFF\x46\x01\x80\x90\x80", ends_early(MsgPack));
    check(Cbor, b"\x9A\xFF\xFF\xFF\xFF\x18\x46\x01\xA0\x80", ends_early(Cbor));
    check(Ubjson, b"[#l\x7F\xFF\xFF\xFFUFU\x01{}[]", ends_early(Ubjson));
}

/// `levels` lists or dictionaries inside one another.
fn nested(encoding: Encoding, lists: bool, levels: usize) -> Vec<u8> {
    let (open, inmost, close): (&[u8], &[u8], &[u8]) = match (encoding, lists) {
        (Json | Ubjson, true) => (b"[", b"[]", b"]"),
        (Json, false) => (b"{\"k\":", b"{}", b"}"),
        (MsgPack, true) => (b"\x91", b"\x90", b""),
        (MsgPack, false) => (b"\x81\xA1k", b"\x80", b""),
        (Cbor, true) => (b"\x9F", b"\x80", b"\xFF"),
        (Cbor, false) => (b"\xA1\x61k", b"\xA0", b""),
        (Ubjson, false) => (b"{U\x01k", b"{}", b"}"),
    };
    [open.repeat(levels - 1), inmost.to_vec(), close.repeat(levels - 1)].concat()
}

#[test]
fn refuses_nesting_one_past_the_limit() {
    const DEPTH_MAX: usize = DecodeLimits::DEPTH_MAX_DEFAULT;
    let too_deep = DecodeError::TooDeep { depth_max: DEPTH_MAX };
    for encoding in Encoding::ALL {
        for lists in [true, false] {
            // The message and its arguments are two levels more.
            let at = |levels| value_of(encoding, &nested(encoding, lists, levels - 2)).err();
            assert_eq!(at(DEPTH_MAX), None, "{encoding}");
            assert_eq!(at(DEPTH_MAX + 1), Some(too_deep.clone()), "{encoding}");
            assert_eq!(at(200), Some(too_deep.clone()), "{encoding}");
            assert_eq!(at(100_000), Some(too_deep.clone()), "{encoding}");
            check(encoding, &nested(encoding, lists, 100_000), too_deep.clone());
        }
    }
    // Lists and dictionaries whose type is list or dictionary have no markers of their own.
    for (open, typed, inmost) in
        [(&b"["[..], &b"$[#U\x01"[..], &b"]"[..]), (b"{", b"${#U\x01U\x01k", b"}"), (b"[", b"$[#U\x01", b"$Z#U\x01")]
    {
        let at = |levels| value_of(Ubjson, &[open, &typed.repeat(levels - 3), inmost].concat()).err();
        assert_eq!(at(DEPTH_MAX), None);
        assert_eq!(at(DEPTH_MAX + 1), Some(too_deep.clone()));
        assert_eq!(at(100_000), Some(too_deep.clone()));
    }
}
