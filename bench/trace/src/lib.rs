//! A realm without a server around it: frames in, frames out, no I/O.
//!
//! Purpose: what the path of a routed message costs, from the frame that comes to the frames that go: counted in
//! instructions by `cargo xtask instructions`, timed step by step by the micro-benchmarks of the bench.
//!
//! Few dependencies, so that it is built in a moment.

mod bus;
mod trace;

pub use bus::{Bus, Peer};
pub use trace::{MESSAGES, Trace, route_all};
