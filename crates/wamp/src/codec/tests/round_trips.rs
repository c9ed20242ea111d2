//! Properties: what is written is read back, in each serializer and across them; and whatever
//! bytes come in, what is accepted can be passed on.

use proptest::prelude::*;

use super::{payload_of, read, written, yielding};
use crate::{Dict, Encoding, Id, Message, MessageType, Payload, SharedEntries, Signature, Time, Value};

/// Any value; `with_time` also those that JSON and UBJSON have only text for.
fn value(with_time: bool) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        (-300_i64..300).prop_map(Value::Int),
        any::<f64>().prop_filter("equals itself", |float| float.is_finite()).prop_map(Value::Float),
        text().prop_map(Value::Str),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        time(with_time),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
            prop::collection::vec((text(), inner), 0..20)
                .prop_map(|entries| Value::Dict(entries.into_iter().collect())),
        ]
    })
}

/// Text that does not start like binary data in JSON.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,20}", "[\\x01-\\x7f]{0,40}", any::<String>()]
        .prop_filter("not binary data", |text| !text.starts_with('\0'))
}

fn time(with_time: bool) -> BoxedStrategy<Value> {
    if with_time {
        let unix = any::<i64>().prop_map(|seconds| Time::Unix { seconds, nanoseconds: 0 });
        unix.prop_map(Value::Time).boxed()
    } else {
        Just(Value::Null).boxed()
    }
}

fn dict(with_time: bool) -> impl Strategy<Value = Dict> {
    prop::collection::vec((text(), value(with_time)), 0..4).prop_map(|entries| entries.into_iter().collect())
}

fn id() -> impl Strategy<Value = Id> {
    any::<u64>().prop_map(Id::from_random)
}

/// A message of every type, made of the same parts.
fn message(with_time: bool) -> impl Strategy<Value = Message> {
    let parts = (
        prop::sample::select(&MessageType::ALL[..]),
        (id(), id()),
        text(),
        dict(with_time),
        prop::collection::vec(value(with_time), 0..4),
        dict(with_time),
        any::<bool>(),
    );
    parts.prop_map(|(kind, ids, text, dict, args, kwargs, revoked)| {
        build(kind, ids, &text, dict, Payload::new(args, kwargs), revoked)
    })
}

fn build(
    kind: MessageType,
    (request, other): (Id, Id),
    text: &str,
    dict: Dict,
    payload: Payload,
    revoked: bool,
) -> Message {
    let uri = text.into();
    let (ended, details) = if revoked { (None, Some(dict.clone())) } else { (Some(request), None) };
    match kind {
        MessageType::Hello => Message::Hello { realm: uri, details: dict },
        MessageType::Welcome => Message::Welcome { session: request, details: dict },
        MessageType::Abort => Message::Abort { details: dict, reason: uri },
        MessageType::Challenge => Message::Challenge { method: text.into(), extra: dict },
        MessageType::Authenticate => Message::Authenticate { signature: Signature::new(text), extra: dict },
        MessageType::Goodbye => Message::Goodbye { details: dict, reason: uri },
        MessageType::Error => {
            Message::Error { request_type: MessageType::Call, request, details: dict, error: uri, payload }
        }
        MessageType::Publish => Message::Publish { request, options: dict, topic: uri, payload },
        MessageType::Published => Message::Published { request, publication: other },
        MessageType::Subscribe => Message::Subscribe { request, options: dict, topic: uri },
        MessageType::Subscribed => Message::Subscribed { request, subscription: other },
        MessageType::Unsubscribe => Message::Unsubscribe { request, subscription: other },
        MessageType::Unsubscribed => Message::Unsubscribed { request: ended, details },
        MessageType::Event => Message::Event { subscription: request, publication: other, details: dict, payload },
        MessageType::Call => Message::Call { request, options: dict, procedure: uri, payload },
        MessageType::Cancel => Message::Cancel { request, options: dict },
        MessageType::Result => Message::Result { request, details: dict, payload },
        MessageType::Register => Message::Register { request, options: dict, procedure: uri },
        MessageType::Registered => Message::Registered { request, registration: other },
        MessageType::Unregister => Message::Unregister { request, registration: other },
        MessageType::Unregistered => Message::Unregistered { request: ended, details },
        MessageType::Invocation => Message::Invocation { request, registration: other, details: dict, payload },
        MessageType::Interrupt => Message::Interrupt { request, options: dict },
        MessageType::Yield => Message::Yield { request, options: dict, payload },
    }
}

/// Replaces some bytes of a frame.
fn damage(frame: &[u8], changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for (index, byte) in changes {
        let index = index.index(frame.len());
        frame[index] = *byte;
    }
    frame
}

proptest! {
    #[test]
    fn messages_come_back_equal(message in message(false)) {
        for encoding in Encoding::ALL {
            let frame = written(encoding, &message);
            prop_assert_eq!(read(encoding, &frame), Ok(message.clone()));
        }
    }

    #[test]
    fn messages_with_times_come_back_equal(message in message(true)) {
        for encoding in [Encoding::MsgPack, Encoding::Cbor] {
            let frame = written(encoding, &message);
            prop_assert_eq!(read(encoding, &frame), Ok(message.clone()));
        }
    }

    #[test]
    fn a_shared_part_of_a_dict_is_written_as_its_own_would_be(first in dict(true), second in dict(true), id in id()) {
        let whole: Dict = first.clone().into_iter().chain(second.clone()).collect();
        let shared = SharedEntries::from(first);
        for encoding in Encoding::ALL.repeat(2) {
            let mut dict = Dict::starting_with(shared.clone());
            second.clone().into_iter().for_each(|(key, value)| dict.push(key, value));
            let frame = |options| written(encoding, &Message::Cancel { request: id, options });
            prop_assert_eq!(frame(dict), frame(whole.clone()));
        }
    }

    #[test]
    fn payloads_come_through_any_chain_of_serializers(
        args in prop::collection::vec(value(false), 0..4),
        kwargs in dict(false),
        chain in prop::collection::vec(prop::sample::select(&Encoding::ALL[..]), 1..5),
    ) {
        let sent = Payload::new(args, kwargs);
        let mut message = yielding(sent.clone());
        for encoding in chain {
            message = read(encoding, &written(encoding, &message)).unwrap();
        }
        prop_assert_eq!(payload_of(message), sent);
    }

    #[test]
    fn what_is_accepted_can_be_passed_on(
        message in message(true),
        changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
    ) {
        for encoding in Encoding::ALL {
            let frame = damage(&written(encoding, &message), &changes);
            let Ok(accepted) = read(encoding, &frame) else { continue };
            for other in Encoding::ALL {
                let passed_on = read(other, &written(other, &accepted));
                let got = passed_on.map(|message| message.message_type());
                prop_assert_eq!(got, Ok(accepted.message_type()));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(frame in prop::collection::vec(any::<u8>(), 0..100)) {
        for encoding in Encoding::ALL {
            for frame in [&frame, &super::yield_frame(encoding, &frame)] {
                if let Ok(message) = read(encoding, frame) {
                    prop_assert!(read(encoding, &written(encoding, &message)).is_ok());
                }
            }
        }
    }
}
