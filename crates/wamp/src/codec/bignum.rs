//! CBOR's integers beyond 64 bits (RFC 8949, section 3.4.3).
//!
//! Only UBJSON has them too, as text, so they become integers where 64 bits are enough and decimal
//! text where not: exact, and readable for people and for most languages' number parsers.

use crate::Value;

/// Longest magnitude in bytes: 1024 bits. Conversion takes time in the square of the length.
pub(super) const BIGNUM_BYTES_MAX: usize = 128;

/// Largest power of ten in 32 bits, and its number of zeros.
const CHUNK: u64 = 1_000_000_000;
const CHUNK_DIGITS: usize = 9;

/// The value of a bignum's big-endian magnitude; a negative one is `-1 - magnitude`.
pub(super) fn value(magnitude: &[u8], negative: bool) -> Value {
    let start = magnitude.iter().take_while(|byte| **byte == 0).count();
    let digits = magnitude.get(start..).unwrap_or_default();
    if digits.len() > 8 {
        let sign = if negative { "-" } else { "" };
        return Value::Str(format!("{sign}{}", decimal(digits, negative)));
    }
    let number = digits.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    if negative { self::negative(number) } else { Value::from(number) }
}

/// The value `-1 - number`.
pub(super) fn negative(number: u64) -> Value {
    let value = -1 - i128::from(number);
    i64::try_from(value).map_or_else(|_| Value::Str(value.to_string()), Value::Int)
}

/// Decimal digits of a big-endian number, or of the one after it.
fn decimal(bytes: &[u8], plus_one: bool) -> String {
    // Chunks of nine digits, the lowest first.
    let mut chunks: Vec<u64> = Vec::new();
    let mut multiply_add = |factor: u64, summand: u64| {
        let mut carry = summand;
        for chunk in &mut chunks {
            let sum = *chunk * factor + carry;
            *chunk = sum % CHUNK;
            carry = sum / CHUNK;
        }
        if carry > 0 {
            chunks.push(carry);
        }
    };
    for byte in bytes {
        multiply_add(256, u64::from(*byte));
    }
    multiply_add(1, u64::from(plus_one));
    let mut chunks = chunks.iter().rev();
    let first = chunks.next().map(u64::to_string).unwrap_or_default();
    chunks.fold(first, |text, chunk| format!("{text}{chunk:0CHUNK_DIGITS$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_an_integer_up_to_64_bits_and_exact_text_beyond() {
        let check = |magnitude: &[u8], negative, want: Value| assert_eq!(value(magnitude, negative), want);
        check(&[], false, Value::Int(0));
        check(&[], true, Value::Int(-1));
        check(&[0, 0, 1, 0], false, Value::Int(256));
        check(&[0x7F, 255, 255, 255, 255, 255, 255, 255], true, Value::Int(i64::MIN));
        check(&[255; 8], false, Value::UInt(u64::MAX));
        check(&[255; 8], true, Value::from("-18446744073709551616"));
        check(&[1, 0, 0, 0, 0, 0, 0, 0, 0], false, Value::from("18446744073709551616"));
        check(&[1, 0, 0, 0, 0, 0, 0, 0, 0], true, Value::from("-18446744073709551617"));
        check(&[255; 16], false, Value::from(u128::MAX.to_string().as_str()));
    }
}
