//! Correlation ids, and the names of sessions without a login.

use countersign_identity::Timestamp;
use data_encoding::{BASE32_NOPAD, BASE32HEX_NOPAD};
use rand_core::Rng as _;

use crate::clock::{now, random};

/// Bytes of a correlation id, which make 16 characters: five of the time, five at random.
const CID_BYTES: usize = 10;
/// Groups of four characters in the name of a session without a login.
const SERIAL_GROUPS: usize = 6;

/// A new correlation id.
pub fn generate() -> String {
    generate_at(now(), &mut random())
}

/// Those of later milliseconds sort behind those of earlier ones (until the time's lowest 40 bits begin anew, every 34 years).
/// So the audit trail's rows stand in its index as they came, and a row doesn't change a page of its own.
fn generate_at(now: Timestamp, rng: &mut impl rand_core::Rng) -> String {
    let mut bytes = [0; CID_BYTES];
    let (time, rest) = bytes.split_at_mut(CID_BYTES / 2);
    let [_, _, _, lowest @ ..] = now.millis().to_be_bytes();
    time.copy_from_slice(&lowest);
    rng.fill_bytes(rest);
    BASE32HEX_NOPAD.encode(&bytes).to_lowercase()
}

/// A new name like `QEWW-LSRH-…`: six groups of four characters.
pub fn serial() -> String {
    let mut bytes = [0; 15];
    random().fill_bytes(&mut bytes);
    let text = BASE32_NOPAD.encode(&bytes);
    let groups: Vec<&str> = (0..SERIAL_GROUPS).filter_map(|group| text.get(group * 4..group * 4 + 4)).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_later_moments_sort_behind_earlier_ones() {
        let at = |millis: i64| generate_at(Timestamp::from_micros(millis * 1_000), &mut random());
        let ids: Vec<String> = [1, 31, 32, 1_000_000, 1_763_000_000_000, 1_763_000_000_001].map(at).into();
        assert!(ids.is_sorted(), "{ids:?}");
        assert_ne!(at(1), at(1));
    }

    #[test]
    fn ids_differ_and_have_their_shape() {
        assert_ne!(generate(), generate());
        assert_eq!(generate().len(), 16);
        assert_eq!(serial().len(), 29);
        assert_eq!(serial().split('-').count(), SERIAL_GROUPS);
    }
}
