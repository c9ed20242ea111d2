//! Correlation ids, and the names of sessions without a login.

use data_encoding::BASE32_NOPAD;
use rand_core::Rng as _;

use crate::clock::random;

/// Random bytes of a correlation id: 80 bits, 16 characters.
const CID_BYTES: usize = 10;
/// Groups of four characters in the name of a session without a login.
const SERIAL_GROUPS: usize = 6;

/// A new correlation id.
pub fn generate() -> String {
    let mut bytes = [0; CID_BYTES];
    random().fill_bytes(&mut bytes);
    BASE32_NOPAD.encode(&bytes).to_lowercase()
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
    fn ids_differ_and_have_their_shape() {
        assert_ne!(generate(), generate());
        assert_eq!(generate().len(), 16);
        assert_eq!(serial().len(), 29);
        assert_eq!(serial().split('-').count(), SERIAL_GROUPS);
    }
}
