//! A realm and its sessions, each with its serializer.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use countersign_router::{
    Action, Authorizer, ClientFeatures, Decision, Effect, Realm, RealmSettings, SessionDetails, SessionKind, Target,
};
use countersign_wamp::{DecodeLimits, Dict, Encoding, Id, Message, UriText, decode, encode};

/// Whoever asks may: decisions are measured where they are made.
#[derive(Debug)]
struct All;

impl Authorizer for All {
    fn decide(&self, _: Id, _: &SessionDetails, _: Action, _: Target<'_>) -> Decision {
        Decision::Allow
    }
}

/// A session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub id: Id,
    /// The serializer of its frames.
    pub encoding: Encoding,
}

/// A realm and its sessions.
#[derive(Debug)]
pub struct Bus {
    realm: Realm,
    peers: Vec<Peer>,
    /// All happens at one instant.
    now: Instant,
    effects: Vec<Effect>,
    frame: BytesMut,
    /// Bytes that were sent to sessions.
    pub bytes_sent: u64,
    /// Request of the last INVOCATION.
    pub invocation: Option<Id>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            realm: Realm::new(RealmSettings::new("bench"), 1),
            peers: Vec::new(),
            now: Instant::now(),
            effects: Vec::new(),
            frame: BytesMut::new(),
            bytes_sent: 0,
            invocation: None,
        }
    }
}

impl Bus {
    /// One more session.
    pub fn join(&mut self, encoding: Encoding) -> Peer {
        let id = self.peers.last().map_or(Id::FIRST, |last| last.id.next());
        let details = SessionDetails {
            features: ClientFeatures::default(),
            ..SessionDetails::new(SessionKind::Client, format!("peer{id}"), "bench")
        };
        self.realm.join(self.now, id, details, &mut self.effects);
        self.effects.clear();
        let peer = Peer { id, encoding };
        self.peers.push(peer);
        peer
    }

    /// The session registers a procedure.
    pub fn register(&mut self, peer: Peer, procedure: &str) {
        let procedure = UriText::from(procedure);
        self.step(peer, Message::Register { request: Id::FIRST, options: Dict::new(), procedure });
        self.effects.clear();
    }

    /// The session subscribes to a topic.
    pub fn subscribe(&mut self, peer: Peer, topic: &str) {
        let topic = UriText::from(topic);
        self.step(peer, Message::Subscribe { request: Id::FIRST, options: Dict::new(), topic });
        self.effects.clear();
    }

    /// The realm alone: handles a message, and answers how many effects it had. Nothing is sent.
    pub fn handle(&mut self, from: Peer, message: Message) -> usize {
        self.step(from, message);
        let count = self.effects.len();
        self.effects.clear();
        count
    }

    fn step(&mut self, from: Peer, message: Message) {
        self.realm.handle(self.now, from.id, message, &All, &mut self.effects);
        if let Some(Effect::Send { message: Message::Invocation { request, .. }, .. }) = self.effects.last() {
            self.invocation = Some(*request);
        }
    }

    /// Calls that are not answered yet.
    pub fn pending_calls(&self) -> usize {
        self.realm.pending_call_count()
    }

    /// The whole path: decodes a frame of a session, handles it, encodes what follows from it.
    pub fn route(&mut self, from: Peer, frame: &Bytes) {
        let Ok(message) = decode(from.encoding, frame, DecodeLimits::default()) else { return };
        self.step(from, message);
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, message } => {
                    let encoding = self.encoding_of(to);
                    self.bytes_sent += self.encode(encoding, &message);
                }
                Effect::Fanout { to, message } => {
                    // As the server does: once for each serializer.
                    let mut encoded: [Option<u64>; Encoding::ALL.len()] = Default::default();
                    for receiver in to {
                        let encoding = self.encoding_of(receiver);
                        let place = Encoding::ALL.iter().position(|one| *one == encoding);
                        let Some(slot) = place.and_then(|place| encoded.get_mut(place)) else { continue };
                        let bytes = match *slot {
                            Some(bytes) => bytes,
                            None => *slot.insert(self.encode(encoding, &message)),
                        };
                        self.bytes_sent += bytes;
                    }
                }
                _ => {}
            }
        }
        self.effects = effects;
    }

    /// Ids count from 1, so a session stands at its id.
    fn encoding_of(&self, session: Id) -> Encoding {
        let place = usize::try_from(session.get()).unwrap_or(0).wrapping_sub(1);
        self.peers.get(place).map_or(Encoding::Json, |peer| peer.encoding)
    }

    fn encode(&mut self, encoding: Encoding, message: &Message) -> u64 {
        self.frame.clear();
        encode(encoding, message, &mut self.frame);
        u64::try_from(self.frame.len()).unwrap_or(0)
    }
}
