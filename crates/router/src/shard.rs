//! Sharding: which of several sessions a resource key belongs to.
//!
//! The specification names the keys and defines no routing. Here each key goes to the session with the highest weight, a fixed
//! hash of the key and of the session's node (rendezvous hashing).
//!
//! **Invariant:** as long as the sessions stay, keys stay where they are. Of one that leaves only its own keys move; one that
//! comes takes keys for itself and moves no other. The same keys and nodes give the same answer in every process.
//!
//! Source: WAMP specification, advanced profile "Sharded Registration", "Sharded Subscriptions".

use std::collections::BTreeMap;

use countersign_wamp::{Dict, Id, uris::error};

use crate::refusal::Refusal;
use crate::{Limit, options};

/// Longest `rkey` and `nkey`, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = 256;

/// What a call or an event is about: the option `rkey`, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResourceKey(u64);

impl ResourceKey {
    /// The option `rkey`.
    pub fn read(options: &Dict) -> Result<Option<Self>, Refusal> {
        Ok(key(options, "rkey")?.map(|text| Self(hash(0, text.as_bytes()))))
    }

    /// The options `rkey` and `runmode` of a CALL; the run mode of sharded calls can't be without a key.
    pub fn read_of_call(options: &Dict) -> Result<Option<Self>, Refusal> {
        let key = Self::read(options)?;
        match options::text(options, "runmode")? {
            Some("partition") if key.is_none() => Err(Refusal::new(
                error::INVALID_ARGUMENT,
                "option \"runmode\": \"partition\" needs the option \"rkey\"",
            )),
            None | Some("partition") => Ok(key),
            Some(_) => Err(Refusal::new(error::OPTION_NOT_ALLOWED, "option \"runmode\" must be \"partition\"")),
        }
    }

    /// How much this key wants to go to that node.
    pub fn weight(self, node: Node) -> u64 {
        mix(self.0.wrapping_add(mix(node.0)))
    }
}

/// A place for keys: the option `nkey`, hashed, or a session that gave none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node(u64);

impl Node {
    /// The option `nkey`.
    pub fn read(options: &Dict) -> Result<Option<Self>, Refusal> {
        Ok(key(options, "nkey")?.map(|text| Self(hash(1, text.as_bytes()))))
    }

    /// The node of a session that named none.
    pub fn of(session: Id) -> Self {
        Self(hash(2, &session.get().to_be_bytes()))
    }
}

fn key<'a>(options: &'a Dict, name: &str) -> Result<Option<&'a str>, Refusal> {
    let Some(text) = options::text(options, name)? else { return Ok(None) };
    if text.is_empty() {
        return Err(Refusal::new(error::INVALID_ARGUMENT, format!("option \"{name}\" can't be empty")));
    }
    if text.len() > KEY_BYTES_MAX {
        let text = format!("option \"{name}\" may have at most {KEY_BYTES_MAX} bytes");
        return Err(Refusal::limit(Limit::ShardKeyBytes, text));
    }
    Ok(Some(text))
}

/// FNV-1a behind a first byte that says what is hashed.
fn hash(kind: u8, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(step(0xcbf2_9ce4_8422_2325, &kind), step)
}

/// Spreads the bits of a number over all bits: the last step of `SplitMix64`.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The subscribers of one subscription that share its keys.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    /// With the count of sharded subscribers before.
    nodes: BTreeMap<Id, (u64, Node)>,
    count: u64,
}

impl Shards {
    /// Adds a subscriber as its last one. Without a node it gets whatever the keys say.
    pub fn set(&mut self, session: Id, node: Option<Node>) {
        self.nodes.remove(&session);
        if let Some(node) = node {
            self.count += 1;
            self.nodes.insert(session, (self.count, node));
        }
    }

    pub fn contains(&self, session: Id) -> bool {
        self.nodes.contains_key(&session)
    }

    /// The subscriber that gets an event with this key. Of several on the same node it is the last one, so that
    /// one that came back is not in the shade of its old session.
    pub fn pick(&self, key: ResourceKey, admits: impl Fn(Id) -> bool) -> Option<Id> {
        let admitted = self.nodes.iter().filter(|(session, _)| admits(**session));
        admitted.max_by_key(|(_, (place, node))| (key.weight(*node), *place)).map(|(session, _)| *session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Node {
        Node::read(&Dict::new().with("nkey", name)).unwrap().unwrap()
    }

    fn keyed(key: &str) -> ResourceKey {
        ResourceKey::read(&Dict::new().with("rkey", key)).unwrap().unwrap()
    }

    fn home(key: &str, nodes: &[&'static str]) -> &'static str {
        nodes.iter().copied().max_by_key(|node| keyed(key).weight(named(node))).unwrap()
    }

    const NODES: [&str; 5] = ["node1", "node2", "node3", "node4", "node5"];

    #[test]
    fn keys_are_spread_evenly_and_only_those_of_a_node_that_leaves_move() {
        let keys: Vec<String> = (0..5_000).map(|number| format!("sn{number}")).collect();
        for node in NODES {
            let share = keys.iter().filter(|key| home(key, &NODES) == node).count();
            assert!((900..1_100).contains(&share), "{node} has {share} of 5,000");
        }
        for left in NODES {
            let others: Vec<&str> = NODES.into_iter().filter(|node| *node != left).collect();
            for key in &keys {
                let before = home(key, &NODES);
                assert!(before == left || home(key, &others) == before, "{key} moved from {before}");
            }
        }
    }

    /// Another release or another server must not move keys.
    #[test]
    fn keys_stay_where_they_are_in_every_process() {
        let check = |key, want| assert_eq!(home(key, &NODES), want, "{key}");
        check("sn239019", "node5");
        check("sn239020", "node3");
        check("a", "node4");
        assert_eq!(hash(0, b""), 0xaf63_bd4c_8601_b7df);
    }
}
