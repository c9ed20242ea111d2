//! Payloads on their way through: the sender's bytes to equal receivers, values to others.

use bytes::Bytes;

use super::{payload_of, read, written, yielding};
use crate::payload::Content;
use crate::{DecodeError, DecodeLimits, Dict, Encoding, Message, Payload, Value};

fn json_payload(frame: &'static str) -> Payload {
    payload_of(read(Encoding::Json, frame.as_bytes()).unwrap())
}

#[test]
fn a_payload_shares_the_memory_of_its_frame() {
    for (encoding, frame, args, kwargs) in [
        (Encoding::Json, &br#"[70,1,{}, [1, "x"] , {"k" : 2} ]"#[..], 10..18, 21..30),
        (Encoding::MsgPack, b"\x95\x46\x01\x80\xDC\x00\x01\xA1x\x81\xA1k\xCD\x00\x02", 4..9, 9..15),
        (Encoding::Cbor, b"\x9F\x18\x46\x01\xA0\x9F\x61x\xFF\xBF\x61k\x02\xFF\xFF", 5..9, 9..14),
        (Encoding::Ubjson, b"[UFU\x01{}N[#U\x02NCxTN{U\x01kNi\x02N}N]", 8..16, 17..26),
    ] {
        let frame = Bytes::from_static(frame);
        let message = crate::decode(encoding, &frame, DecodeLimits::default()).unwrap();
        let payload = payload_of(message.clone());
        let Content::Encoded { args: got, kwargs: got_kwargs, .. } = payload.content() else { panic!() };
        assert_eq!((got, got.as_ptr()), (&frame.slice(args.clone()), frame[args.clone()].as_ptr()));
        assert_eq!(got_kwargs.as_ptr(), frame[kwargs.clone()].as_ptr());
        assert_eq!(*got_kwargs, frame[kwargs.clone()]);
        // Odd forms of white space and lengths go out as they came in.
        let out = written(encoding, &message);
        let tail = [&frame[args], if encoding.is_text() { b"," } else { b"" }, &frame[kwargs]].concat();
        assert!(out.windows(tail.len()).any(|window| window == tail), "{encoding} {out:?}");
        assert_eq!(read(encoding, &out), Ok(message));
    }
}

#[test]
fn a_payload_for_another_serializer_is_written_anew() {
    let payload = json_payload(r#"[70,1,{},["x", 1.5, "\u0000AQI="],{"k":[null]}]"#);
    let msgpack = written(Encoding::MsgPack, &yielding(payload.clone()));
    assert_eq!(msgpack[..], b"\x95\x46\x01\x80\x93\xA1x\xCB\x3F\xF8\0\0\0\0\0\0\xC4\x02\x01\x02\x81\xA1k\x91\xC0"[..]);
    let cbor = written(Encoding::Cbor, &yielding(payload.clone()));
    assert_eq!(cbor[..], b"\x85\x18\x46\x01\xA0\x83\x61x\xFB\x3F\xF8\0\0\0\0\0\0\x42\x01\x02\xA1\x61k\x81\xF6"[..]);
    let ubjson = written(Encoding::Ubjson, &yielding(payload));
    let want = b"[UFU\x01{}[SU\x01xD\x3F\xF8\0\0\0\0\0\0[$U#U\x02\x01\x02]{U\x01k[Z]}]";
    assert_eq!(ubjson[..], want[..]);
}

#[test]
fn binary_data_crosses_all_serializers() {
    let value = Payload::of(vec![0_u8, 255, 16]);
    for first in Encoding::ALL {
        for second in Encoding::ALL {
            let sent = written(first, &yielding(value.clone()));
            let passed_on = written(second, &read(first, &sent).unwrap());
            let received = payload_of(read(second, &passed_on).unwrap());
            assert_eq!(received.values(), value.values(), "{first} {second}");
        }
    }
}

#[test]
fn a_payload_is_encoded_once_for_many_receivers() {
    let values = Payload::new(vec![Value::Int(1)], Dict::new().with("k", "v"));
    for encoding in Encoding::ALL {
        let encoded = values.encoded(encoding).unwrap();
        assert!(matches!(encoded.content(), Content::Encoded { encoding: given, .. } if *given == encoding));
        assert_eq!(written(encoding, &yielding(encoded.clone())), written(encoding, &yielding(values.clone())));
        assert_eq!(encoded, values);
        let none = Payload::new(vec![], Dict::new()).encoded(encoding).unwrap();
        assert!(matches!(none.content(), Content::Absent));
        let kwargs_only = Payload::new(vec![], Dict::new().with("k", "v"));
        assert_eq!(kwargs_only.encoded(encoding).unwrap().values(), kwargs_only.values());
    }
}

#[test]
fn payloads_are_equal_by_their_values() {
    let spaced = json_payload("[70,1,{},[1, 2]]");
    assert_eq!(spaced, json_payload("[70,1,{},[1,2]]"));
    assert_eq!(spaced, json_payload("[70,1,{},[1,2],{}]"));
    assert_eq!(spaced, Payload::new(vec![Value::Int(1), Value::Int(2)], Dict::new()));
    assert_ne!(spaced, json_payload("[70,1,{},[1]]"));
    assert_eq!(Payload::absent(), json_payload("[70,1,{},[]]"));
    assert_eq!(Payload::absent(), Payload::new(vec![], Dict::new()));
}

#[test]
fn a_payload_prints_its_size_only() {
    let payload = json_payload(r#"[70,1,{},["secret"]]"#);
    assert_eq!(format!("{payload:?}"), "Payload(JSON, 10 + 0 bytes)");
}

#[test]
fn options_have_a_limited_number_of_values_but_payloads_have_not() {
    const MAX: usize = DecodeLimits::OPTION_VALUES_MAX;
    // The list and the dictionary around count too.
    let frame = |nulls: usize| {
        let list = [b"\x9A".to_vec(), u32::try_from(nulls).unwrap().to_be_bytes().to_vec(), vec![0xF6; nulls]];
        [&b"\x84\x18\x46\x01\xA1\x61o"[..], &list.concat(), &list.concat()].concat()
    };
    assert!(read(Encoding::Cbor, &frame(MAX - 2)).is_ok());
    let refused = Err(DecodeError::TooManyValues { values_max: MAX });
    assert_eq!(read(Encoding::Cbor, &frame(MAX - 1)), refused);
    let payload = [&b"\x84\x18\x46\x01\xA0\x9A\x00\x02\x00\x00"[..], &vec![0xF6; 1 << 17]].concat();
    let Ok(Message::Yield { payload, .. }) = read(Encoding::Cbor, &payload) else { panic!() };
    assert_eq!(payload.values().unwrap().0.len(), 1 << 17);
}
