//! Masking of what a client sends (RFC 6455, section 5.3).

/// The key of one frame. A client draws a new one for each, from a source that nobody can guess.
pub type MaskKey = [u8; 4];

/// Bytes that are masked in one step.
const STEP_BYTES: usize = 8;

/// Masks or unmasks `bytes`, of which the first is the payload's byte number `offset`.
pub fn apply(key: MaskKey, offset: usize, bytes: &mut [u8]) {
    let mut turned = key;
    turned.rotate_left(offset % key.len());
    let [a, b, c, d] = turned;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (steps, rest) = bytes.as_chunks_mut::<STEP_BYTES>();
    for step in steps {
        *step = (u64::from_ne_bytes(*step) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(turned.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_byte_by_byte_from_any_offset_and_length() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for offset in 0..9 {
            for length in 0..40 {
                let plain: Vec<u8> = (0_u8..).take(length).collect();
                let want: Vec<u8> = plain.iter().enumerate().map(|(at, byte)| byte ^ key[(offset + at) % 4]).collect();
                let mut bytes = plain.clone();
                apply(key, offset, &mut bytes);
                assert_eq!(bytes, want, "{offset} {length}");
                apply(key, offset, &mut bytes);
                assert_eq!(bytes, plain, "{offset} {length}");
            }
        }
    }
}
