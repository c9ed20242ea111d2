//! Single values in all the forms that a format has for them.

use super::{bytes_of, value_of};
use crate::Encoding::{Cbor, Json, MsgPack, Ubjson};
use crate::{Dict, Encoding, Time, Value};

/// Reads the form, which need not be ours.
#[track_caller]
fn reads(encoding: Encoding, form: &[u8], want: impl Into<Value>) {
    assert_eq!(value_of(encoding, form), Ok(want.into()), "{:?}", form.escape_ascii().to_string());
}

/// Writes this form and reads it back.
#[track_caller]
fn both(encoding: Encoding, form: &[u8], value: impl Into<Value>) {
    let value = value.into();
    assert_eq!(bytes_of(encoding, &value), form, "{value:?}");
    reads(encoding, form, value);
}

fn unix(seconds: i64, nanoseconds: u32) -> Value {
    Time::Unix { seconds, nanoseconds }.into()
}

#[test]
fn json_integers_are_exact_and_text_beyond_64_bits() {
    both(Json, b"0", 0_i64);
    both(Json, b"-9223372036854775808", i64::MIN);
    both(Json, b"9223372036854775807", i64::MAX);
    both(Json, b"9223372036854775808", 1_u64 << 63);
    both(Json, b"18446744073709551615", u64::MAX);
    reads(Json, b"18446744073709551616", "18446744073709551616");
    reads(Json, b"-9223372036854775809", "-9223372036854775809");
    reads(Json, b"-0", 0_i64);
    both(Json, b"1.0", 1.0);
    both(Json, b"0.1", 0.1);
    both(Json, b"1e300", 1e300);
    reads(Json, b"1E+2", 100.0);
    reads(Json, b"1e400", f64::INFINITY);
}

#[test]
fn json_text_is_unescaped_and_escaped_where_needed() {
    both(Json, br#""a\"b\\c\n\r\t\u0001\u001f/""#, "a\"b\\c\n\r\t\u{1}\u{1f}/");
    both(Json, "\"12345678ü12345678\\\"😀\u{7f}\"".as_bytes(), "12345678ü12345678\"😀\u{7f}");
    reads(Json, br#""\u00fc\u00FC\/\b\f\ud83d\uDE00x""#, "üü/\u{8}\u{c}😀x");
    reads(Json, br#"{"\u006b":[]}"#, Dict::new().with("k", Vec::<Value>::new()));
}

#[test]
fn json_binary_data_is_text_of_zero_and_base64() {
    both(
        Json,
        br#""\u0000EOP/kFMHXFJvX8BtT+N82w==""#,
        b"\x10\xe3\xff\x90\x53\x07\x5c\x52\x6f\x5f\xc0\x6d\x4f\xe3\x7c\xdb".to_vec(),
    );
    both(Json, br#""\u0000""#, Vec::<u8>::new());
    // No base64 behind the zero: text like any other.
    both(Json, br#""\u0000?""#, "\0?");
}

/// Writes `value` in both formats as if it were `form`.
#[track_caller]
fn stands_in(form: impl Into<Value>, value: &Value) {
    let form = form.into();
    for encoding in [Json, Ubjson] {
        assert_eq!(bytes_of(encoding, value), bytes_of(encoding, &form), "{encoding}");
    }
}

#[test]
fn json_and_ubjson_write_what_they_have_no_form_for() {
    let check = |value: Value, want: Value| stands_in(want, &value);
    check(Value::Float(f64::NAN), Value::Null);
    check(Value::Float(f64::NEG_INFINITY), Value::Null);
    check(unix(0, 0), "1970-01-01T00:00:00Z".into());
    check(unix(1_700_000_000, 500_000_000), "2023-11-14T22:13:20.5Z".into());
    check(unix(-1, 999_999_999), "1969-12-31T23:59:59.999999999Z".into());
    check(unix(-62_167_219_200, 0), "0000-01-01T00:00:00Z".into());
    check(unix(-62_167_219_201, 0), Value::Int(-62_167_219_201));
    check(unix(253_402_300_800, 0), Value::Int(253_402_300_800));
    check(unix(i64::MAX, 5), Value::Int(i64::MAX));
    check(Time::Text("2024-01-01T00:00:00+02:00".into()).into(), "2024-01-01T00:00:00+02:00".into());
}

#[test]
fn msgpack_numbers_take_the_shortest_form() {
    for (form, number) in [
        (&b"\x7F"[..], 127_i64),
        (b"\xCC\x80", 128),
        (b"\xCC\xFF", 255),
        (b"\xCD\x01\x00", 256),
        (b"\xCE\x00\x01\x00\x00", 65_536),
        (b"\xCF\0\0\0\x01\0\0\0\0", 1 << 32),
        (b"\xE0", -32),
        (b"\xD0\xDF", -33),
        (b"\xD0\x80", -128),
        (b"\xD1\xFF\x7F", -129),
        (b"\xD2\xFF\xFF\x7F\xFF", -32_769),
        (b"\xD3\xFF\xFF\xFF\xFF\x7F\xFF\xFF\xFF", -2_147_483_649),
    ] {
        both(MsgPack, form, number);
    }
    both(MsgPack, b"\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", u64::MAX);
    both(MsgPack, b"\xCB\x3F\xF8\0\0\0\0\0\0", 1.5);
    reads(MsgPack, b"\xCA\x3F\xC0\0\0", 1.5);
    reads(MsgPack, b"\xD3\0\0\0\0\0\0\0\x01", 1_i64);
    reads(MsgPack, b"\xCF\0\0\0\0\0\0\0\x01", 1_i64);
}

#[test]
fn lengths_take_the_shortest_form() {
    let text = |head: &[u8], len: usize| [head.to_vec(), vec![b'x'; len]].concat();
    for (len, msgpack, cbor, ubjson) in [
        (23, &b"\xB7"[..], &b"\x77"[..], &b"SU\x17"[..]),
        (24, b"\xB8", b"\x78\x18", b"SU\x18"),
        (31, b"\xBF", b"\x78\x1F", b"SU\x1F"),
        (32, b"\xD9\x20", b"\x78\x20", b"SU\x20"),
        (255, b"\xD9\xFF", b"\x78\xFF", b"SU\xFF"),
        (256, b"\xDA\x01\x00", b"\x79\x01\x00", b"SI\x01\x00"),
        (32_767, b"\xDA\x7F\xFF", b"\x79\x7F\xFF", b"SI\x7F\xFF"),
        (65_535, b"\xDA\xFF\xFF", b"\x79\xFF\xFF", b"Sl\x00\x00\xFF\xFF"),
        (65_536, b"\xDB\x00\x01\x00\x00", b"\x7A\x00\x01\x00\x00", b"Sl\x00\x01\x00\x00"),
    ] {
        both(MsgPack, &text(msgpack, len), "x".repeat(len));
        both(Cbor, &text(cbor, len), "x".repeat(len));
        both(Ubjson, &text(ubjson, len), "x".repeat(len));
    }
    let list = |head: &[u8], len: usize| [head.to_vec(), vec![1; len]].concat();
    for (len, msgpack) in [(15, &b"\x9F"[..]), (16, b"\xDC\x00\x10"), (65_536, b"\xDD\0\x01\0\0")] {
        both(MsgPack, &list(msgpack, len), vec![Value::Int(1); len]);
    }
    both(MsgPack, &list(b"\xC4\x00", 0), Vec::<u8>::new());
    both(MsgPack, &list(b"\xC5\x01\x00", 256), vec![1; 256]);
    reads(MsgPack, b"\xDE\x00\x01\xA1k\xC2", Dict::new().with("k", false));
    reads(MsgPack, b"\xDF\x00\x00\x00\x01\xA1k\xC2", Dict::new().with("k", false));
}

#[test]
fn msgpack_timestamps_come_in_three_sizes() {
    both(MsgPack, b"\xD6\xFF\xFF\xFF\xFF\xFF", unix(4_294_967_295, 0));
    both(MsgPack, b"\xD7\xFF\x00\x00\x00\x01\x00\x00\x00\x00", unix(1 << 32, 0));
    both(MsgPack, b"\xD7\xFF\xEE\x6B\x27\xFF\xFF\xFF\xFF\xFF", unix((1 << 34) - 1, 999_999_999));
    both(MsgPack, b"\xC7\x0C\xFF\0\0\0\0\0\0\0\x04\0\0\0\0", unix(1 << 34, 0));
    both(MsgPack, b"\xC7\x0C\xFF\0\0\0\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", unix(-1, 1));
    assert_eq!(bytes_of(MsgPack, &Time::Text("1Z".into()).into()), b"\xA21Z");
}

#[test]
fn msgpack_extensions_are_binary_data() {
    reads(MsgPack, b"\xD4\x05x", b"x".to_vec());
    reads(MsgPack, b"\xD8\x05xxxxxxxxxxxxxxxx", b"xxxxxxxxxxxxxxxx".to_vec());
    reads(MsgPack, b"\xC7\x03\x05xyz", b"xyz".to_vec());
    reads(MsgPack, b"\xC8\x00\x00\x80", Vec::<u8>::new());
}

#[test]
fn msgpack_undefined_as_javascript_writes_it_is_null() {
    reads(MsgPack, b"\xD4\x00\x00", Value::Null);
    reads(MsgPack, b"\x82\xA1k\xD4\x00\x00\xA1l\xC3", Dict::new().with("k", Value::Null).with("l", true));
    // Other data, another type, another length: an extension like any other.
    reads(MsgPack, b"\xD4\x00\x01", vec![1]);
    reads(MsgPack, b"\xD4\x01\x00", vec![0]);
    reads(MsgPack, b"\xD5\x00\x00\x00", vec![0, 0]);
    reads(MsgPack, b"\xC7\x01\x00\x00", vec![0]);
}

#[test]
fn cbor_numbers_take_the_shortest_form() {
    for (form, number) in [
        (&b"\x17"[..], 23_i64),
        (b"\x18\x18", 24),
        (b"\x19\x01\x00", 256),
        (b"\x1A\x00\x01\x00\x00", 65_536),
        (b"\x1B\0\0\0\x01\0\0\0\0", 1 << 32),
        (b"\x20", -1),
        (b"\x37", -24),
        (b"\x38\x18", -25),
        (b"\x3B\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", i64::MIN),
    ] {
        both(Cbor, form, number);
    }
    both(Cbor, b"\x1B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", u64::MAX);
    reads(Cbor, b"\x3B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "-18446744073709551616");
    reads(Cbor, b"\x1B\0\0\0\0\0\0\0\x01", 1_i64);
}

#[test]
fn cbor_floats_come_in_three_sizes() {
    both(Cbor, b"\xFB\x3F\xF8\0\0\0\0\0\0", 1.5);
    reads(Cbor, b"\xFA\x3F\xC0\0\0", 1.5);
    // RFC 8949, appendix A.
    reads(Cbor, b"\xF9\x3E\x00", 1.5);
    reads(Cbor, b"\xF9\x00\x01", 5.960_464_477_539_063e-8);
    reads(Cbor, b"\xF9\x04\x00", 0.000_061_035_156_25);
    reads(Cbor, b"\xF9\x7B\xFF", 65_504.0);
    reads(Cbor, b"\xF9\xC4\x00", -4.0);
    reads(Cbor, b"\xF9\x7C\x00", f64::INFINITY);
    reads(Cbor, b"\xF9\xFC\x00", f64::NEG_INFINITY);
    let Ok(Value::Float(number)) = value_of(Cbor, b"\xF9\x7E\x00") else { panic!() };
    assert!(number.is_nan());
}

#[test]
fn cbor_lengths_may_be_indefinite() {
    reads(Cbor, b"\x7F\x65strea\x64ming\xFF", "streaming");
    reads(Cbor, b"\x7F\xFF", "");
    reads(Cbor, b"\x5F\x42ab\x41c\xFF", b"abc".to_vec());
    reads(Cbor, b"\x9F\x01\x9F\xFF\xFF", vec![Value::Int(1), Value::List(vec![])]);
    reads(Cbor, b"\xBF\x7F\x61k\xFF\xF4\xFF", Dict::new().with("k", false));
}

#[test]
fn cbor_tags_are_times_and_large_integers_or_nothing() {
    both(Cbor, b"\xC0\x621Z", Time::Text("1Z".into()));
    both(Cbor, b"\xC1\x1A\x51\x4B\x67\xB0", unix(1_363_896_240, 0));
    both(Cbor, b"\xC1\x20", unix(-1, 0));
    both(Cbor, b"\xC1\xFB\x41\xD4\x52\xD9\xEC\x20\x00\x00", unix(1_363_896_240, 500_000_000));
    both(Cbor, b"\xC1\xFB\xBF\xE0\0\0\0\0\0\0", unix(-1, 500_000_000));
    // So far away that a double has no place for so small a fraction: the same as none.
    assert_eq!(bytes_of(Cbor, &unix(1 << 52, 1)), bytes_of(Cbor, &unix(1 << 52, 0)));
    assert_eq!(bytes_of(Cbor, &unix(-1 << 52, 999_999_999)), bytes_of(Cbor, &unix((-1 << 52) + 1, 0)));
    // So close below a second that only the next one is left.
    reads(Cbor, b"\xC1\xFB\x3F\xEF\xFF\xFF\xFF\xFF\xFF\xFF", unix(1, 0));
    reads(Cbor, b"\xC2\x49\x01\0\0\0\0\0\0\0\0", "18446744073709551616");
    reads(Cbor, b"\xC2\x48\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", u64::MAX);
    reads(Cbor, b"\xC3\x41\x00", -1_i64);
    reads(Cbor, b"\xC3\x5F\x41\x01\x41\x00\xFF", -257_i64);
    reads(Cbor, b"\xD8\x20\x61x", "x");
    reads(Cbor, b"\xD9\xD9\xF7\xC4\x82\x01\x02", vec![Value::Int(1), Value::Int(2)]);
}

#[test]
fn ubjson_numbers_take_the_shortest_form() {
    for (form, number) in [
        (&b"U\x00"[..], 0_i64),
        (b"U\xFF", 255),
        (b"I\x01\x00", 256),
        (b"I\x7F\xFF", 32_767),
        (b"l\x00\x00\x80\x00", 32_768),
        (b"l\x7F\xFF\xFF\xFF", 2_147_483_647),
        (b"L\0\0\0\0\x80\0\0\0", 2_147_483_648),
        (b"L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", i64::MAX),
        (b"i\xFF", -1),
        (b"i\x80", -128),
        (b"I\xFF\x7F", -129),
        (b"I\x80\x00", -32_768),
        (b"l\xFF\xFF\x7F\xFF", -32_769),
        (b"L\xFF\xFF\xFF\xFF\x7F\xFF\xFF\xFF", -2_147_483_649),
        (b"L\x80\0\0\0\0\0\0\0", i64::MIN),
    ] {
        both(Ubjson, form, number);
    }
    both(Ubjson, b"HU\x139223372036854775808", 1_u64 << 63);
    both(Ubjson, b"HU\x1418446744073709551615", u64::MAX);
    both(Ubjson, b"D\x3F\xF8\0\0\0\0\0\0", 1.5);
    reads(Ubjson, b"d\x3F\xC0\0\0", 1.5);
    reads(Ubjson, b"i\x7F", 127_i64);
    reads(Ubjson, b"L\0\0\0\0\0\0\0\x01", 1_i64);
}

#[test]
fn ubjson_high_precision_numbers_are_integers_or_their_text() {
    reads(Ubjson, b"HU\x010", 0_i64);
    reads(Ubjson, b"Hi\x14-9223372036854775808", i64::MIN);
    reads(Ubjson, b"HU\x14-9223372036854775809", "-9223372036854775809");
    reads(Ubjson, b"HU\x1418446744073709551616", "18446744073709551616");
    reads(Ubjson, b"HU\x040.10", "0.10");
    reads(Ubjson, b"HU\x0A-1.93E+190", "-1.93E+190");
    let digits = "7".repeat(1000);
    reads(Ubjson, &[b"HI\x03\xE8", digits.as_bytes()].concat(), digits.as_str());
}

#[test]
fn ubjson_binary_data_is_a_list_of_uint8() {
    both(Ubjson, b"[$U#U\x00", Vec::<u8>::new());
    both(Ubjson, b"[$U#U\x03N]\xFF", b"N]\xFF".to_vec());
    both(Ubjson, &[&b"[$U#I\x01\x00"[..], &[b'Z'; 256]].concat(), vec![b'Z'; 256]);
    reads(Ubjson, b"[$U#L\0\0\0\0\0\0\0\x01\x05", vec![5_u8]);
    reads(Ubjson, b"[$i#U\x01\x05", vec![Value::Int(5)]);
    reads(Ubjson, b"[#U\x01U\x05", vec![Value::Int(5)]);
}

#[test]
fn ubjson_text_may_be_one_character() {
    both(Ubjson, b"SU\x01x", "x");
    reads(Ubjson, b"Cx", "x");
    reads(Ubjson, b"C\x7F", "\u{7f}");
    reads(Ubjson, b"Si\x00", "");
    reads(Ubjson, b"SL\0\0\0\0\0\0\0\x02\xC3\xBC", "ü");
}

#[test]
fn ubjson_lists_and_dictionaries_may_be_counted_and_of_one_type() {
    let list = |items: &[Value]| Value::List(items.to_vec());
    let (one, two) = (Value::Int(1), Value::Int(2));
    for form in [
        &b"[i\x01i\x02]"[..],
        b"[#i\x02i\x01i\x02",
        b"[$i#i\x02\x01\x02",
        b"[$I#U\x02\0\x01\0\x02",
        b"[$l#I\0\x02\0\0\0\x01\0\0\0\x02",
        b"[$L#l\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02",
        b"[$H#i\x02U\x011U\x012",
    ] {
        reads(Ubjson, form, list(&[one.clone(), two.clone()]));
    }
    reads(Ubjson, b"[$d#i\x01\x3F\xC0\0\0", list(&[Value::Float(1.5)]));
    reads(Ubjson, b"[$D#i\x01\x3F\xF8\0\0\0\0\0\0", list(&[Value::Float(1.5)]));
    reads(Ubjson, b"[$C#i\x02NZ", list(&["N".into(), "Z".into()]));
    reads(Ubjson, b"[$S#i\x02U\x00U\x01x", list(&["".into(), "x".into()]));
    reads(Ubjson, b"[$T#i\x02", list(&[Value::Bool(true), Value::Bool(true)]));
    reads(Ubjson, b"[$F#i\x01", list(&[Value::Bool(false)]));
    reads(Ubjson, b"[$Z#i\x00", list(&[]));
    reads(Ubjson, b"[$[#i\x03]$U#i\x01x#i\x00", list(&[list(&[]), Value::Bytes(b"x".to_vec()), list(&[])]));
    reads(Ubjson, b"[${#i\x02}i\x01kZ}", list(&[Dict::new().into(), Dict::new().with("k", Value::Null).into()]));
    let dict = Dict::new().with("k", 1_u32).with("", 2_u32);
    both(Ubjson, b"{U\x01kU\x01U\x00U\x02}", dict.clone());
    reads(Ubjson, b"{#i\x02i\x01ki\x01i\x00i\x02", dict.clone());
    reads(Ubjson, b"{$i#i\x02i\x01k\x01i\x00\x02", dict);
    reads(Ubjson, b"{$Z#i\x01U\x01k", Dict::new().with("k", Value::Null));
    reads(Ubjson, b"{$[#i\x01U\x01k]", Dict::new().with("k", list(&[])));
    reads(Ubjson, b"{$U#i\x01U\x01k\x05", Dict::new().with("k", 5_u32));
}

#[test]
fn ubjson_no_ops_count_for_nothing() {
    let list = |items: &[i64]| Value::List(items.iter().copied().map(Value::Int).collect());
    reads(Ubjson, b"[NNi\x01Ni\x02NN]", list(&[1, 2]));
    reads(Ubjson, b"[#i\x02NNi\x01Ni\x02", list(&[1, 2]));
    reads(Ubjson, b"[$i#i\x01N", list(&[78]));
    reads(Ubjson, b"[N]", list(&[]));
    reads(Ubjson, b"{NU\x01kNi\x01N}", Dict::new().with("k", 1_u32));
    reads(Ubjson, b"{$i#i\x01NU\x01kN", Dict::new().with("k", 78_u32));
    reads(Ubjson, b"NTN", true);
    reads(Ubjson, b"[$N#I\x02\x00", list(&[]));
    reads(Ubjson, b"[$N#L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", list(&[]));
}

#[test]
fn simple_values() {
    for (encoding, null, no, yes) in [
        (Json, &b"null"[..], &b"false"[..], &b"true"[..]),
        (MsgPack, b"\xC0", b"\xC2", b"\xC3"),
        (Cbor, b"\xF6", b"\xF4", b"\xF5"),
        (Ubjson, b"Z", b"F", b"T"),
    ] {
        both(encoding, null, Value::Null);
        both(encoding, no, false);
        both(encoding, yes, true);
    }
    reads(Cbor, b"\xF7", Value::Null);
}

#[test]
fn encodings_are_found_by_their_names_and_numbers() {
    for (encoding, name, number) in [
        (Json, "wamp.2.json", 1),
        (MsgPack, "wamp.2.msgpack", 2),
        (Cbor, "wamp.2.cbor", 3),
        (Ubjson, "wamp.2.ubjson", 4),
    ] {
        assert_eq!((encoding.subprotocol(), encoding.rawsocket_serializer()), (name, number));
        assert_eq!(Encoding::from_subprotocol(name), Some(encoding));
        assert_eq!(Encoding::from_rawsocket_serializer(number), Some(encoding));
        assert_eq!(encoding.is_text(), encoding == Json);
    }
    assert_eq!(Encoding::from_subprotocol("wamp.2.flatbuffers"), None);
    assert_eq!(Encoding::from_rawsocket_serializer(0), None);
    assert_eq!(Encoding::from_rawsocket_serializer(5), None);
}

#[test]
fn whole_floats_up_to_two_to_the_53_count_as_integers() {
    let check = |number: f64, want| assert_eq!(Value::Float(number).as_u64(), want);
    check(0.0, Some(0));
    check(9_007_199_254_740_992.0, Some(1 << 53));
    check(9_007_199_254_740_994.0, None);
    check(0.5, None);
    check(-1.0, None);
    check(f64::NAN, None);
    check(f64::INFINITY, None);
}
