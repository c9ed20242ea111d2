//! Helpers of this crate's own tests.

mod fixture;
mod memory;
pub mod prover;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use rand_core::{TryCryptoRng, TryRng};

pub use fixture::{CURRENT, Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, context, password_of, secrets};
pub use memory::{Fault, Memory};

use crate::password::{BLOCKS, Block};

/// The outcome of a future that never waits.
#[track_caller]
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("nothing here has anything to wait for"),
    }
}

/// What a password is checked in.
pub fn room() -> Vec<Block> {
    vec![Block::default(); BLOCKS]
}

/// Deterministic "randomness" (`SplitMix64`).
pub struct TestRng(pub u64);

impl TryRng for TestRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for TestRng {}
