//! Messages and bytes. Every message is counted, so connections count into different places, which
//! are summed when somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use countersign_wamp::MessageType;

use super::Metrics;
use super::text::{Kind, Text};

/// Places among which connections are spread.
const SHARDS: usize = 16;
const TYPES: usize = MessageType::ALL.len();
/// Codes of message types lie below this.
const CODES: usize = 128;

/// Counters of one message type, by direction.
#[derive(Debug)]
struct Direction {
    messages: [AtomicU64; TYPES],
    bytes: AtomicU64,
}

impl Default for Direction {
    fn default() -> Self {
        Self { messages: [const { AtomicU64::new(0) }; TYPES], bytes: AtomicU64::new(0) }
    }
}

impl Direction {
    fn add(&self, kind: MessageType, bytes: usize) {
        let place = PLACES.get(usize::from(kind.code())).copied().map(usize::from);
        if let Some(count) = place.and_then(|place| self.messages.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Where the counter of a message type is, by its code.
const PLACES: [u8; CODES] = {
    let mut places = [0; CODES];
    let mut place = 0;
    while place < TYPES {
        #[expect(clippy::indexing_slicing, reason = "evaluated when the program is built")]
        #[expect(clippy::cast_possible_truncation, reason = "there are 24 types")]
        {
            places[MessageType::ALL[place] as usize] = place as u8;
        }
        place += 1;
    }
    places
};

/// Counters that only some connections share, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    received: Direction,
    sent: Direction,
}

impl Shard {
    fn received(&self) -> &Direction {
        &self.received
    }

    fn sent(&self) -> &Direction {
        &self.sent
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Shards {
    shards: [Shard; SHARDS],
    connections: AtomicUsize,
}

impl Shards {
    pub fn write(&self, text: &mut Text) {
        let names = ["countersign_messages_received_total", "countersign_received_bytes_total"];
        self.write_direction(text, names, "received", Shard::received);
        let names = ["countersign_messages_sent_total", "countersign_sent_bytes_total"];
        self.write_direction(text, names, "sent", Shard::sent);
    }

    fn write_direction(
        &self,
        text: &mut Text,
        [messages, bytes]: [&'static str; 2],
        verb: &str,
        direction: fn(&Shard) -> &Direction,
    ) {
        let sum = |of: &dyn Fn(&Direction) -> u64| self.shards.iter().map(|shard| of(direction(shard))).sum::<u64>();
        text.family(messages, &format!("WAMP messages that were {verb}, by type."), Kind::Counter);
        for (place, kind) in MessageType::ALL.iter().enumerate() {
            let count = |one: &Direction| one.messages.get(place).map_or(0, |count| count.load(Ordering::Relaxed));
            text.sample(&[("type", kind.name())], sum(&count));
        }
        let help = format!("Bytes of the WAMP messages that were {verb}, without framing.");
        text.single(bytes, &help, Kind::Counter, sum(&|one| one.bytes.load(Ordering::Relaxed)));
    }
}

/// Counts the messages of one connection.
#[derive(Debug)]
pub struct Traffic {
    metrics: Arc<Metrics>,
    place: usize,
}

impl Traffic {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let place = metrics.traffic.connections.fetch_add(1, Ordering::Relaxed) % SHARDS;
        Self { metrics, place }
    }

    /// A message came in, in a frame of so many bytes.
    pub fn received(&self, kind: MessageType, bytes: usize) {
        if let Some(shard) = self.metrics.traffic.shards.get(self.place) {
            shard.received.add(kind, bytes);
        }
    }

    /// A message goes out.
    pub fn sent(&self, kind: MessageType, bytes: usize) {
        if let Some(shard) = self.metrics.traffic.shards.get(self.place) {
            shard.sent.add(kind, bytes);
        }
    }
}
