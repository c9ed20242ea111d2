//! The password hash alone, on all cores: what no server can go beyond.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use countersign_memory::HugeSlice;

use crate::measure;
use crate::metric::Sample;
use crate::usage;

/// OWASP's parameters, those of the server: memory in KiB, passes, lanes.
const PARAMETERS: (u32, u32, u32) = (19 * 1024, 2, 1);
const HASH_BYTES: usize = 32;

/// The memory of one thread, of the kind that the server has.
struct Room(HugeSlice<Block>);

impl AsMut<[Block]> for Room {
    fn as_mut(&mut self) -> &mut [Block] {
        &mut self.0
    }
}

/// Hashes for `window` on all cores.
pub fn run(window: Duration) -> io::Result<Sample> {
    let (memory_kib, passes, lanes) = PARAMETERS;
    let parameters = Params::new(memory_kib, passes, lanes, Some(HASH_BYTES)).map_err(io::Error::other)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let cores = std::thread::available_parallelism()?.get();
    let (done, is_over, began) = (AtomicU64::new(0), AtomicBool::new(false), Instant::now());
    let hash = || {
        let mut out = [0; HASH_BYTES];
        let mut memory = Room(HugeSlice::filled(Block::default(), argon2.params().block_count()));
        while !is_over.load(Ordering::Relaxed) {
            let hashed =
                argon2.hash_password_into_with_memory(b"correct horse battery", &[7; 16], &mut out, &mut memory);
            hashed.map_err(io::Error::other)?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        usage::own_processor_time()
    };
    let hashed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(hash)).collect();
        std::thread::sleep(window);
        is_over.store(true, Ordering::Relaxed);
        let times = threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("a thread failed"))?);
        times.sum::<io::Result<Duration>>()
    });
    Ok(measure::plain(done.load(Ordering::Relaxed), began.elapsed(), hashed?))
}
