//! Random numbers of the realm: publication ids, and callees that are chosen at random.
//!
//! Publication ids are spread over the whole range, as the specification wants ids of global scope.

use countersign_wamp::Id;

/// A small generator (`SplitMix64`). Nothing drawn from it is a secret, so it need not be a strong one.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// An id of global scope.
    pub fn id(&mut self) -> Id {
        Id::from_random(self.bits())
    }

    /// A number below `end`; zero if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let bits = u128::from(self.bits());
        // The high half of the product is below `end`, and as good as even for any count of callees.
        let scaled = (bits * end as u128) >> u64::BITS;
        usize::try_from(scaled).unwrap_or(0)
    }

    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}
