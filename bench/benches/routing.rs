//! Micro-benchmarks of the path of a routed message: the codec, the dealer's step, the broker's step.
#![allow(missing_docs, reason = "what criterion's macros make")]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use countersign_trace::Bus;
use countersign_wamp::{DecodeLimits, Dict, Encoding, Id, Message, Payload, UriText, decode, encode};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const PROCEDURE: &str = "com.example.bench.procedure";
const TOPIC: &str = "com.example.bench.topic";
const PAYLOAD_BYTES: [usize; 3] = [16, 1024, 65_536];
const SUBSCRIBERS: [usize; 2] = [1, 100];

fn payload(encoding: Encoding, bytes: usize) -> Payload {
    let payload = Payload::of("x".repeat(bytes));
    payload.encoded(encoding).unwrap_or(payload)
}

fn call(request: Id, payload: Payload) -> Message {
    Message::Call { request, options: Dict::new(), procedure: UriText::from(PROCEDURE), payload }
}

fn frame(encoding: Encoding, message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    encode(encoding, message, &mut out);
    out.freeze()
}

/// A CALL is decoded, and its payload encoded in an INVOCATION: for an end with the same serializer, and for one with
/// another.
fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec, CALL to INVOCATION");
    for from in [Encoding::Json, Encoding::MsgPack, Encoding::Cbor, Encoding::Ubjson] {
        let other = if from == Encoding::Json { Encoding::MsgPack } else { Encoding::Json };
        for to in [from, other] {
            for bytes in PAYLOAD_BYTES {
                let call = frame(from, &call(Id::FIRST, payload(from, bytes)));
                group.throughput(Throughput::Bytes(u64::try_from(call.len()).unwrap_or(0)));
                let id = BenchmarkId::new(format!("{from} to {to}"), bytes);
                let mut out = BytesMut::new();
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let Ok(Message::Call { request, payload, .. }) =
                            decode(from, black_box(&call), DecodeLimits::default())
                        else {
                            return 0;
                        };
                        let invocation =
                            Message::Invocation { request, registration: Id::FIRST, details: Dict::new(), payload };
                        out.clear();
                        encode(to, &invocation, &mut out);
                        black_box(out.len())
                    });
                });
            }
        }
    }
    group.finish();
}

/// A call and its answer through the realm, messages in and effects out.
fn dealer(criterion: &mut Criterion) {
    let mut bus = Bus::default();
    let (asked, asking) = (bus.join(Encoding::Json), bus.join(Encoding::Json));
    bus.register(asked, PROCEDURE);
    let payload = payload(Encoding::Json, 16);
    let mut request = Id::FIRST;
    criterion.bench_function("dealer, CALL and YIELD", |bencher| {
        bencher.iter(|| {
            let first = bus.handle(asking, call(request, payload.clone()));
            request = request.next();
            let invocation = bus.invocation.unwrap_or(Id::FIRST);
            let answer = Message::Yield { request: invocation, options: Dict::new(), payload: payload.clone() };
            first + bus.handle(asked, answer)
        });
    });
}

/// A publication through the realm.
fn broker(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broker, PUBLISH");
    for subscribers in SUBSCRIBERS {
        let mut bus = Bus::default();
        for _ in 0..subscribers {
            let subscriber = bus.join(Encoding::Json);
            bus.subscribe(subscriber, TOPIC);
        }
        let publisher = bus.join(Encoding::Json);
        let payload = payload(Encoding::Json, 16);
        let mut request = Id::FIRST;
        group.bench_function(BenchmarkId::from_parameter(subscribers), |bencher| {
            bencher.iter(|| {
                let topic = UriText::from(TOPIC);
                let publish = Message::Publish { request, options: Dict::new(), topic, payload: payload.clone() };
                request = request.next();
                bus.handle(publisher, publish)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, codec, dealer, broker);
criterion_main!(benches);
