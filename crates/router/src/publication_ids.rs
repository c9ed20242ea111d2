//! Publication ids: random over the whole range, as the specification wants ids of global scope.

use countersign_wamp::Id;

/// A small generator (`SplitMix64`). Publication ids are no secrets, so it need not be a strong one.
#[derive(Debug)]
pub(crate) struct PublicationIds {
    state: u64,
}

impl PublicationIds {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub fn draw(&mut self) -> Id {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Id::from_random(bits ^ (bits >> 31))
    }
}
