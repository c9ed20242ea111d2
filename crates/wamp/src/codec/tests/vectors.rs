//! Every message type in every serializer, byte by byte.

use super::{read, written};
use crate::{Dict, Encoding, Id, Message, MessageType, Payload, Signature, Value};

#[track_caller]
fn check(message: &Message, json: &str, msgpack: &[u8], cbor: &[u8], ubjson: &[u8]) {
    for (encoding, frame) in [
        (Encoding::Json, json.as_bytes()),
        (Encoding::MsgPack, msgpack),
        (Encoding::Cbor, cbor),
        (Encoding::Ubjson, ubjson),
    ] {
        assert_eq!(read(encoding, frame).as_ref(), Ok(message), "{encoding}");
        assert_eq!(written(encoding, message), frame, "{encoding}");
    }
}

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

/// `["x", 1]` and `{"k": true}`.
fn payload() -> Payload {
    Payload::new(vec!["x".into(), Value::Int(1)], Dict::new().with("k", true))
}

#[test]
fn session_messages_have_the_bytes_of_the_specification() {
    check(
        &Message::Hello { realm: "realm1".into(), details: Dict::new().with("roles", Dict::new()) },
        r#"[1,"realm1",{"roles":{}}]"#,
        b"\x93\x01\xA6realm1\x81\xA5roles\x80",
        b"\x83\x01\x66realm1\xA1\x65roles\xA0",
        b"[U\x01SU\x06realm1{U\x05roles{}}]",
    );
    check(
        &Message::Welcome { session: id(Id::MAX), details: Dict::new() },
        "[2,9007199254740992,{}]",
        b"\x93\x02\xCF\x00\x20\x00\x00\x00\x00\x00\x00\x80",
        b"\x83\x02\x1B\x00\x20\x00\x00\x00\x00\x00\x00\xA0",
        b"[U\x02L\x00 \x00\x00\x00\x00\x00\x00{}]",
    );
    check(
        &Message::Abort { details: Dict::new().with("message", "no"), reason: "a.b".into() },
        r#"[3,{"message":"no"},"a.b"]"#,
        b"\x93\x03\x81\xA7message\xA2no\xA3a.b",
        b"\x83\x03\xA1\x67message\x62no\x63a.b",
        b"[U\x03{U\x07messageSU\x02no}SU\x03a.b]",
    );
    check(
        &Message::Challenge { method: "ticket".into(), extra: Dict::new() },
        r#"[4,"ticket",{}]"#,
        b"\x93\x04\xA6ticket\x80",
        b"\x83\x04\x66ticket\xA0",
        b"[U\x04SU\x06ticket{}]",
    );
    check(
        &Message::Authenticate { signature: Signature::new("s3"), extra: Dict::new() },
        r#"[5,"s3",{}]"#,
        b"\x93\x05\xA2s3\x80",
        b"\x83\x05\x62s3\xA0",
        b"[U\x05SU\x02s3{}]",
    );
    check(
        &Message::Goodbye { details: Dict::new(), reason: "a.b".into() },
        r#"[6,{},"a.b"]"#,
        b"\x93\x06\x80\xA3a.b",
        b"\x83\x06\xA0\x63a.b",
        b"[U\x06{}SU\x03a.b]",
    );
    check(
        &Message::Error {
            request_type: MessageType::Call,
            request: id(7),
            details: Dict::new(),
            error: "a.b".into(),
            payload: payload(),
        },
        r#"[8,48,7,{},"a.b",["x",1],{"k":true}]"#,
        b"\x97\x08\x30\x07\x80\xA3a.b\x92\xA1x\x01\x81\xA1k\xC3",
        b"\x87\x08\x18\x30\x07\xA0\x63a.b\x82\x61x\x01\xA1\x61k\xF5",
        b"[U\x08U0U\x07{}SU\x03a.b[SU\x01xU\x01]{U\x01kT}]",
    );
}

#[test]
fn publish_and_subscribe_messages_have_the_bytes_of_the_specification() {
    check(
        &Message::Publish {
            request: id(1),
            options: Dict::new().with("acknowledge", true),
            topic: "a.b".into(),
            payload: payload(),
        },
        r#"[16,1,{"acknowledge":true},"a.b",["x",1],{"k":true}]"#,
        b"\x96\x10\x01\x81\xABacknowledge\xC3\xA3a.b\x92\xA1x\x01\x81\xA1k\xC3",
        b"\x86\x10\x01\xA1\x6Backnowledge\xF5\x63a.b\x82\x61x\x01\xA1\x61k\xF5",
        b"[U\x10U\x01{U\x0BacknowledgeT}SU\x03a.b[SU\x01xU\x01]{U\x01kT}]",
    );
    check(
        &Message::Published { request: id(1), publication: id(300) },
        "[17,1,300]",
        b"\x93\x11\x01\xCD\x01\x2C",
        b"\x83\x11\x01\x19\x01\x2C",
        b"[U\x11U\x01I\x01,]",
    );
    check(
        &Message::Subscribe { request: id(1), options: Dict::new(), topic: "a..c".into() },
        r#"[32,1,{},"a..c"]"#,
        b"\x94\x20\x01\x80\xA4a..c",
        b"\x84\x18\x20\x01\xA0\x64a..c",
        b"[U U\x01{}SU\x04a..c]",
    );
    check(
        &Message::Subscribed { request: id(1), subscription: id(200) },
        "[33,1,200]",
        b"\x93\x21\x01\xCC\xC8",
        b"\x83\x18\x21\x01\x18\xC8",
        b"[U!U\x01U\xC8]",
    );
    check(
        &Message::Unsubscribe { request: id(2), subscription: id(70_000) },
        "[34,2,70000]",
        b"\x93\x22\x02\xCE\x00\x01\x11\x70",
        b"\x83\x18\x22\x02\x1A\x00\x01\x11\x70",
        b"[U\"U\x02l\x00\x01\x11p]",
    );
    check(
        &Message::Unsubscribed { request: Some(id(2)), details: None },
        "[35,2]",
        b"\x92\x23\x02",
        b"\x82\x18\x23\x02",
        b"[U#U\x02]",
    );
    check(
        &Message::Unsubscribed { request: None, details: Some(Dict::new().with("reason", "r")) },
        r#"[35,0,{"reason":"r"}]"#,
        b"\x93\x23\x00\x81\xA6reason\xA1r",
        b"\x83\x18\x23\x00\xA1\x66reason\x61r",
        b"[U#U\x00{U\x06reasonSU\x01r}]",
    );
    check(
        &Message::Event { subscription: id(1), publication: id(2), details: Dict::new(), payload: payload() },
        r#"[36,1,2,{},["x",1],{"k":true}]"#,
        b"\x96\x24\x01\x02\x80\x92\xA1x\x01\x81\xA1k\xC3",
        b"\x86\x18\x24\x01\x02\xA0\x82\x61x\x01\xA1\x61k\xF5",
        b"[U$U\x01U\x02{}[SU\x01xU\x01]{U\x01kT}]",
    );
}

#[test]
fn call_messages_have_the_bytes_of_the_specification() {
    check(
        &Message::Call { request: id(1), options: Dict::new(), procedure: "a.b".into(), payload: payload() },
        r#"[48,1,{},"a.b",["x",1],{"k":true}]"#,
        b"\x96\x30\x01\x80\xA3a.b\x92\xA1x\x01\x81\xA1k\xC3",
        b"\x86\x18\x30\x01\xA0\x63a.b\x82\x61x\x01\xA1\x61k\xF5",
        b"[U0U\x01{}SU\x03a.b[SU\x01xU\x01]{U\x01kT}]",
    );
    check(
        &Message::Cancel { request: id(1), options: Dict::new().with("mode", "skip") },
        r#"[49,1,{"mode":"skip"}]"#,
        b"\x93\x31\x01\x81\xA4mode\xA4skip",
        b"\x83\x18\x31\x01\xA1\x64mode\x64skip",
        b"[U1U\x01{U\x04modeSU\x04skip}]",
    );
    check(
        &Message::Result { request: id(1), details: Dict::new(), payload: payload() },
        r#"[50,1,{},["x",1],{"k":true}]"#,
        b"\x95\x32\x01\x80\x92\xA1x\x01\x81\xA1k\xC3",
        b"\x85\x18\x32\x01\xA0\x82\x61x\x01\xA1\x61k\xF5",
        b"[U2U\x01{}[SU\x01xU\x01]{U\x01kT}]",
    );
    check(
        &Message::Register { request: id(1), options: Dict::new(), procedure: "a.b".into() },
        r#"[64,1,{},"a.b"]"#,
        b"\x94\x40\x01\x80\xA3a.b",
        b"\x84\x18\x40\x01\xA0\x63a.b",
        b"[U@U\x01{}SU\x03a.b]",
    );
    check(
        &Message::Registered { request: id(1), registration: id(2) },
        "[65,1,2]",
        b"\x93\x41\x01\x02",
        b"\x83\x18\x41\x01\x02",
        b"[UAU\x01U\x02]",
    );
    check(
        &Message::Unregister { request: id(1), registration: id(2) },
        "[66,1,2]",
        b"\x93\x42\x01\x02",
        b"\x83\x18\x42\x01\x02",
        b"[UBU\x01U\x02]",
    );
    check(
        &Message::Unregistered { request: Some(id(1)), details: None },
        "[67,1]",
        b"\x92\x43\x01",
        b"\x82\x18\x43\x01",
        b"[UCU\x01]",
    );
    check(
        &Message::Unregistered { request: None, details: Some(Dict::new()) },
        "[67,0,{}]",
        b"\x93\x43\x00\x80",
        b"\x83\x18\x43\x00\xA0",
        b"[UCU\x00{}]",
    );
    check(
        &Message::Invocation { request: id(1), registration: id(2), details: Dict::new(), payload: payload() },
        r#"[68,1,2,{},["x",1],{"k":true}]"#,
        b"\x96\x44\x01\x02\x80\x92\xA1x\x01\x81\xA1k\xC3",
        b"\x86\x18\x44\x01\x02\xA0\x82\x61x\x01\xA1\x61k\xF5",
        b"[UDU\x01U\x02{}[SU\x01xU\x01]{U\x01kT}]",
    );
    check(
        &Message::Interrupt { request: id(1), options: Dict::new() },
        "[69,1,{}]",
        b"\x93\x45\x01\x80",
        b"\x83\x18\x45\x01\xA0",
        b"[UEU\x01{}]",
    );
    check(
        &Message::Yield { request: id(1), options: Dict::new(), payload: payload() },
        r#"[70,1,{},["x",1],{"k":true}]"#,
        b"\x95\x46\x01\x80\x92\xA1x\x01\x81\xA1k\xC3",
        b"\x85\x18\x46\x01\xA0\x82\x61x\x01\xA1\x61k\xF5",
        b"[UFU\x01{}[SU\x01xU\x01]{U\x01kT}]",
    );
}

#[test]
fn a_payload_takes_no_one_or_two_elements() {
    let yielding = |args, kwargs| super::yielding(Payload::new(args, kwargs));
    check(&yielding(vec![], Dict::new()), "[70,1,{}]", b"\x93\x46\x01\x80", b"\x83\x18\x46\x01\xA0", b"[UFU\x01{}]");
    check(
        &yielding(vec![Value::Null], Dict::new()),
        "[70,1,{},[null]]",
        b"\x94\x46\x01\x80\x91\xC0",
        b"\x84\x18\x46\x01\xA0\x81\xF6",
        b"[UFU\x01{}[Z]]",
    );
    check(
        &yielding(vec![], Dict::new().with("k", 1_u32)),
        r#"[70,1,{},[],{"k":1}]"#,
        b"\x95\x46\x01\x80\x90\x81\xA1k\x01",
        b"\x85\x18\x46\x01\xA0\x80\xA1\x61k\x01",
        b"[UFU\x01{}[]{U\x01kU\x01}]",
    );
}

#[test]
fn reads_what_clients_write_beside_the_specification() {
    let check = |encoding, frame: &[u8], want| assert_eq!(read(encoding, frame), Ok(want));
    let aborted = Message::Abort { details: Dict::new(), reason: "a.b".into() };
    check(Encoding::Json, br#"[3,{},"a.b",["x"],{"k":1}]"#, aborted);
    let unsigned = Message::Authenticate { signature: Signature::new(""), extra: Dict::new() };
    check(Encoding::Json, b"[5,null,{}]", unsigned.clone());
    check(Encoding::MsgPack, b"\x93\x05\xC0\x80", unsigned.clone());
    check(Encoding::Cbor, b"\x83\x05\xF6\xA0", unsigned.clone());
    check(Encoding::Ubjson, b"[U\x05Z{}]", unsigned);
    // JavaScript writes integers above 2^32 as doubles: 2^52 here.
    let subscribed = Message::Subscribed { request: id(1), subscription: id(1 << 52) };
    check(Encoding::MsgPack, b"\x93\x21\x01\xCB\x43\x30\0\0\0\0\0\0", subscribed.clone());
    check(Encoding::Cbor, b"\x83\x18\x21\x01\xFB\x43\x30\0\0\0\0\0\0", subscribed.clone());
    check(Encoding::Ubjson, b"[U\x21U\x01D\x43\x30\0\0\0\0\0\0]", subscribed.clone());
    check(Encoding::Ubjson, b"[U\x21U\x01HU\x104503599627370496]", subscribed.clone());
    check(Encoding::Ubjson, b"[$L#i\x03\0\0\0\0\0\0\0\x21\0\0\0\0\0\0\0\x01\0\x10\0\0\0\0\0\0", subscribed);
    // White space, no-ops, an indefinite list and dictionary, counts, and one character as such.
    let goodbye = Message::Goodbye { details: Dict::new(), reason: "a.b".into() };
    check(Encoding::Json, b" [ 6 ,\t{ } ,\r\n\"a.b\" ] \n", goodbye.clone());
    check(Encoding::Cbor, b"\x9F\x06\xBF\xFF\x7F\x62a.\x61b\xFF\xFF", goodbye.clone());
    check(Encoding::Ubjson, b"NN[NU\x06{N}NNSU\x03a.bN]N", goodbye.clone());
    check(Encoding::Ubjson, b"[#U\x03NU\x06{#i\x00NSI\x00\x03a.bN", goodbye);
    let hello = Message::Hello { realm: "r".into(), details: Dict::new().with("k", "v") };
    check(Encoding::Ubjson, b"[#l\0\0\0\x03i\x01Cr{$C#i\x01i\x01kv", hello);
}
