//! Every message as foreign encoders write it.
//!
//! `suite/vectors.jsonl` holds our own samples; `suite/README.md` says what is in a line. The test suite of the
//! specification itself is read too where `COUNTERSIGN_WAMP_TESTSUITE` names its folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::{read, written};
use crate::{Encoding, Message, Payload};

const OWN: &str = include_str!("suite/vectors.jsonl");
const SUITE_VARIABLE: &str = "COUNTERSIGN_WAMP_TESTSUITE";

/// Samples that are refused, by a part of their names, and why.
const REFUSED: [(&str, &str); 4] = [
    ("event received", "no chapter of the specification defines EVENT_RECEIVED (337)"),
    ("EVENT_RECEIVED", "the same in the specification's suite"),
    ("transparent payload", "a binary where the arguments belong: payload passthru mode has them in a list"),
    ("E2EE", "the same in the specification's suite"),
];

/// One message in every way to write it.
#[derive(Default)]
struct Sample {
    name: String,
    frames: BTreeMap<&'static str, Vec<Vec<u8>>>,
    /// What some clients call UBJSON, with the bytes of numbers turned around.
    bjdata: Vec<Vec<u8>>,
}

const NAMES: [(&str, Encoding); 4] =
    [("json", Encoding::Json), ("msgpack", Encoding::MsgPack), ("cbor", Encoding::Cbor), ("ubjson", Encoding::Ubjson)];

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn strings(list: &Json) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap())
}

fn own_samples() -> Vec<Sample> {
    let sample = |line: &str| {
        let line: Json = serde_json::from_str(line).unwrap();
        let bytes = |(name, _): (&'static str, Encoding)| match name {
            "json" => (name, strings(&line[name]).map(|text| text.as_bytes().to_vec()).collect()),
            _ => (name, strings(&line[name]).map(hex).collect()),
        };
        let bjdata = strings(&line["bjdata"]).map(hex).collect();
        Sample { name: line["name"].as_str().unwrap().to_owned(), frames: NAMES.map(bytes).into(), bjdata }
    };
    OWN.lines().map(sample).collect()
}

/// The samples of one file of the specification's suite that are there as bytes.
fn samples_of_file(path: &Path) -> Vec<Sample> {
    let file: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let sample = |sample: &Json| {
        let serializers = sample.get("serializers")?;
        let name = sample["description"].as_str().unwrap();
        let mut found = Sample { name: name.to_owned(), ..Sample::default() };
        for (encoding, _) in NAMES {
            for vector in serializers[encoding].as_array().unwrap() {
                let bytes = hex(vector["bytes_hex"].as_str().unwrap());
                let is_bjdata = vector["note"].as_str().is_some_and(|note| note.starts_with("BJData"));
                if is_bjdata {
                    found.bjdata.push(bytes);
                } else {
                    found.frames.entry(encoding).or_default().push(bytes);
                }
            }
        }
        Some(found)
    };
    file["samples"].as_array().unwrap().iter().filter_map(sample).collect()
}

fn samples() -> Vec<Sample> {
    let mut samples = own_samples();
    if let Some(suite) = std::env::var_os(SUITE_VARIABLE) {
        for part in ["singlemessage/basic", "singlemessage/advanced"] {
            for entry in std::fs::read_dir(Path::new(&suite).join(part)).unwrap() {
                samples.extend(samples_of_file(&entry.unwrap().path()));
            }
        }
    }
    samples
}

fn refusal(sample: &Sample) -> Option<&'static str> {
    REFUSED.iter().find(|(part, _)| sample.name.contains(part)).map(|(_, reason)| *reason)
}

/// Every frame of a sample with its encoding.
fn frames(sample: &Sample) -> impl Iterator<Item = (Encoding, &[u8])> {
    NAMES.into_iter().flat_map(|(name, encoding)| sample.frames[name].iter().map(move |frame| (encoding, &frame[..])))
}

/// The message with its arguments decoded, so that they are written anew.
fn with_values(mut message: Message) -> Message {
    if let Message::Error { payload, .. }
    | Message::Publish { payload, .. }
    | Message::Event { payload, .. }
    | Message::Call { payload, .. }
    | Message::Result { payload, .. }
    | Message::Invocation { payload, .. }
    | Message::Yield { payload, .. } = &mut message
    {
        let (args, kwargs) = payload.values().unwrap();
        *payload = Payload::new(args, kwargs);
    }
    message
}

#[test]
fn foreign_frames_of_a_message_say_the_same_in_every_serializer() {
    for sample in samples() {
        let reason = refusal(&sample);
        let mut messages: Vec<Message> = Vec::new();
        for (encoding, frame) in frames(&sample) {
            match (read(encoding, frame), reason) {
                (Ok(message), None) => messages.push(message),
                (Err(_), Some(_)) => {}
                (got, _) => panic!("{} in {encoding}: {got:?} {reason:?}", sample.name),
            }
        }
        for message in &messages {
            assert_eq!(message, &messages[0], "{}", sample.name);
        }
    }
}

#[test]
fn messages_are_written_as_foreign_encoders_write_them() {
    for sample in samples().iter().filter(|sample| refusal(sample).is_none()) {
        for (from, frame) in frames(sample) {
            let message = read(from, frame).unwrap();
            for (name, to) in NAMES {
                // Arguments of the same serializer stay as they came, with the spaces that JSON may have.
                assert_eq!(read(to, &written(to, &message)).as_ref(), Ok(&message), "{}: {from} to {to}", sample.name);
                let got = written(to, &with_values(message.clone()));
                assert!(sample.frames[name].iter().any(|want| got == want), "{}: {from} to {to}: {got:?}", sample.name);
            }
        }
    }
}

#[test]
fn bjdata_is_refused_or_read_as_ubjson_and_does_no_harm() {
    let (mut refused, mut read_well) = (0, 0);
    for sample in samples() {
        for frame in &sample.bjdata {
            match read(Encoding::Ubjson, frame) {
                Err(_) => refused += 1,
                Ok(_) if sample.frames["ubjson"].contains(frame) => read_well += 1,
                // Its numbers are turned around, which nothing tells.
                Ok(message) => assert!(!written(Encoding::Ubjson, &message).is_empty()),
            }
        }
    }
    assert!(refused > 0 && read_well > 0, "{refused} {read_well}");
}

#[test]
fn there_is_a_foreign_frame_of_every_message() {
    let types: Vec<_> =
        own_samples().iter().filter_map(|sample| read(Encoding::Json, &sample.frames["json"][0]).ok()).collect();
    for wanted in crate::MessageType::ALL {
        assert!(types.iter().any(|message| message.message_type() == wanted), "{wanted:?}");
    }
}
