//! WAMP ids: integers from 1 to 2^53, so that every serializer can carry them exactly.
//!
//! Source: WAMP specification, basic profile, "IDs".

use std::fmt;
use std::num::NonZeroU64;

/// A session, publication, subscription, registration or request id, `1..=2^53`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(NonZeroU64);

/// The number given is no WAMP id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is an integer from 1 to 2^53")]
pub struct IdOutOfRange;

impl Id {
    /// The largest id, 2^53.
    pub const MAX: u64 = 1 << 53;
    /// The first id of a sequence that counts from one.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Checks the range.
    ///
    /// # Errors
    ///
    /// [`IdOutOfRange`] for 0 and for anything above [`Id::MAX`].
    pub fn new(number: u64) -> Result<Self, IdOutOfRange> {
        match NonZeroU64::new(number) {
            Some(number) if number.get() <= Self::MAX => Ok(Self(number)),
            _ => Err(IdOutOfRange),
        }
    }

    /// An id spread over the whole range, made of 64 random bits.
    pub fn from_random(bits: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(bits & (Self::MAX - 1)))
    }

    /// The id that follows in a sequence; wraps to 1 after [`Id::MAX`].
    #[must_use]
    pub fn next(self) -> Self {
        Self::new(self.get() + 1).unwrap_or(Self::FIRST)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_both_ends_of_the_range_and_nothing_beyond() {
        assert_eq!(Id::new(0), Err(IdOutOfRange));
        assert_eq!(Id::new(1).map(Id::get), Ok(1));
        assert_eq!(Id::new(Id::MAX).map(Id::get), Ok(Id::MAX));
        assert_eq!(Id::new(Id::MAX + 1), Err(IdOutOfRange));
    }

    #[test]
    fn any_random_bits_give_an_id_in_range() {
        assert_eq!(Id::from_random(0).get(), 1);
        assert_eq!(Id::from_random(u64::MAX).get(), Id::MAX);
    }

    #[test]
    fn a_sequence_wraps_to_one() {
        assert_eq!(Id::from_random(u64::MAX).next(), Id::FIRST);
    }
}
