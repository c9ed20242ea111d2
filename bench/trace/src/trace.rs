//! A fixed trace: calls, their results and publications, in JSON and in MessagePack.

use bytes::{Bytes, BytesMut};
use countersign_wamp::{Dict, Encoding, Id, Message, Payload, UriText, Value, encode};

use crate::bus::{Bus, Peer};

/// Messages of the trace.
pub const MESSAGES: usize = 10_000;
/// Messages of one turn of it.
const TURN: usize = 8;
const TOPIC: &str = "bench.trace.topic";
/// Lengths of the texts in the arguments, in turn.
const TEXT_BYTES: [usize; 3] = [16, 200, 1024];

/// Frames, and who sends each.
#[derive(Debug)]
pub struct Trace {
    frames: Vec<(Peer, Bytes)>,
}

impl Trace {
    /// A realm with sessions, and what they are going to say.
    pub fn on_new_bus() -> (Bus, Self) {
        let mut bus = Bus::default();
        let [json, msgpack] = [Encoding::Json, Encoding::MsgPack];
        let callees = [(json, "bench.trace.json"), (msgpack, "bench.trace.msgpack")].map(|(encoding, procedure)| {
            let callee = bus.join(encoding);
            bus.register(callee, procedure);
            (callee, procedure)
        });
        for encoding in [json, json, msgpack, msgpack] {
            let subscriber = bus.join(encoding);
            bus.subscribe(subscriber, TOPIC);
        }
        let asking = [json, msgpack].map(|encoding| bus.join(encoding));
        (bus, Self { frames: frames(callees, asking) })
    }
}

fn frames(callees: [(Peer, &str); 2], [json, msgpack]: [Peer; 2]) -> Vec<(Peer, Bytes)> {
    let [(json_callee, json_procedure), (msgpack_callee, msgpack_procedure)] = callees;
    let mut frames = Vec::with_capacity(MESSAGES);
    // Ids of what each callee is asked count from 1, as its caller's.
    let (mut asked_json, mut asked_msgpack) = (Id::FIRST, Id::FIRST);
    let (mut request_json, mut request_msgpack) = (Id::FIRST, Id::FIRST);
    for turn in 0..MESSAGES / TURN {
        let text_bytes = TEXT_BYTES.get(turn % TEXT_BYTES.len()).copied().unwrap_or(0);
        let payload = payload(turn, text_bytes);
        let call = |from: Peer, procedure: &str, request: &mut Id| {
            let message = Message::Call {
                request: *request,
                options: Dict::new(),
                procedure: UriText::from(procedure),
                payload: payload.clone(),
            };
            *request = request.next();
            (from, frame(from.encoding, &message))
        };
        let answer = |from: Peer, asked: &mut Id| {
            let message = Message::Yield { request: *asked, options: Dict::new(), payload: payload.clone() };
            *asked = asked.next();
            (from, frame(from.encoding, &message))
        };
        let publish = |from: Peer, request: &mut Id| {
            let message = Message::Publish {
                request: *request,
                options: Dict::new(),
                topic: UriText::from(TOPIC),
                payload: payload.clone(),
            };
            *request = request.next();
            (from, frame(from.encoding, &message))
        };
        frames.push(call(json, json_procedure, &mut request_json));
        frames.push(answer(json_callee, &mut asked_json));
        frames.push(call(msgpack, msgpack_procedure, &mut request_msgpack));
        frames.push(answer(msgpack_callee, &mut asked_msgpack));
        // And once across serializers.
        frames.push(call(json, msgpack_procedure, &mut request_json));
        frames.push(answer(msgpack_callee, &mut asked_msgpack));
        frames.push(publish(json, &mut request_json));
        frames.push(publish(msgpack, &mut request_msgpack));
    }
    frames
}

/// A text, a number, a list, and keyword arguments.
fn payload(turn: usize, text_bytes: usize) -> Payload {
    let number = i64::try_from(turn).unwrap_or(0);
    let list: Vec<Value> = (0..5).map(|step| Value::from(number + step)).collect();
    let arguments = vec![Value::from("x".repeat(text_bytes)), Value::from(number), Value::from(list)];
    Payload::new(arguments, Dict::new().with("name", "Zoë").with("ratio", 0.25))
}

fn frame(encoding: Encoding, message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    encode(encoding, message, &mut out);
    out.freeze()
}

/// Routes the whole trace; this and what it calls is what is counted. By its name the counting is turned on and off, so it
/// stays a function of its own and has no closures.
#[inline(never)]
pub fn route_all(bus: &mut Bus, trace: &Trace) {
    for (from, frame) in &trace.frames {
        bus.route(*from, frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_trace_is_answered_and_every_event_delivered() {
        let (mut bus, trace) = Trace::on_new_bus();
        assert_eq!(trace.frames.len(), MESSAGES);
        let frames_bytes: u64 = trace.frames.iter().map(|(_, frame)| frame.len() as u64).sum();
        route_all(&mut bus, &trace);
        // Per turn: six messages that are passed on, and two that are passed on to four.
        assert!(bus.bytes_sent > frames_bytes * 3 / 2, "{} of {frames_bytes}", bus.bytes_sent);
        assert_eq!(bus.pending_calls(), 0);
    }
}
