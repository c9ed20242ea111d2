//! Ids of records: 128 bits, time-ordered, spelled differently at each door.
//!
//! On the bus an id is 22 characters of URL-safe base64 (contract of the bus, section 3.1); in
//! storage it is a UUID (version 7, so that new rows land at the end of an index).

use data_encoding::BASE64URL_NOPAD;
use rand_core::Rng;
use uuid::Uuid;

use crate::Timestamp;

/// Characters of an id on the bus.
const BUS_CHARACTERS: usize = 22;

/// The text given is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 22 characters of URL-safe base64")]
pub struct IdError;

fn generate(now: Timestamp, rng: &mut impl Rng) -> Uuid {
    let mut random = [0; 10];
    rng.fill_bytes(&mut random);
    uuid::Builder::from_unix_timestamp_millis(now.millis(), &random).into_uuid()
}

fn parse_bus(text: &str) -> Result<Uuid, IdError> {
    if text.len() != BUS_CHARACTERS {
        return Err(IdError);
    }
    // The bus that this replaces also took `+` for `-`.
    let text = text.replace('+', "-");
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| IdError)?;
    Uuid::from_slice(&bytes).map_err(|_| IdError)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id.
            pub fn generate(now: Timestamp, rng: &mut impl Rng) -> Self {
                Self(generate(now, rng))
            }

            /// The id as storage keeps it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The id that storage kept.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The spelling on the bus: 22 characters of URL-safe base64.
            pub fn to_bus(self) -> String {
                BASE64URL_NOPAD.encode(self.0.as_bytes())
            }

            /// Reads the spelling on the bus.
            ///
            /// # Errors
            ///
            /// [`IdError`] if it is not 22 characters of URL-safe base64.
            pub fn parse_bus(text: &str) -> Result<Self, IdError> {
                parse_bus(text).map(Self)
            }
        }
    };
}

id! {
    /// Identifies a user: `owner` of a credential.
    UserId
}
id! {
    /// Identifies a credential: `uuid` of an OTP.
    CredentialId
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestRng;

    #[test]
    fn bus_spelling_is_read_back() {
        let id = UserId::generate(Timestamp::from_micros(1_700_000_000_000_000), &mut TestRng(1));
        assert_eq!(id.to_bus().len(), BUS_CHARACTERS);
        assert_eq!(UserId::parse_bus(&id.to_bus()), Ok(id));
    }

    #[test]
    fn reads_the_examples_of_the_seed() {
        for text in ["dgvlMoyfS3WkIrP0xACV6g", "XS7u8o8PReSoZiJqb6gp-g"] {
            assert_eq!(CredentialId::parse_bus(text).unwrap().to_bus(), text);
        }
    }

    #[test]
    fn refuses_other_shapes() {
        for text in ["", "zz", "dgvlMoyfS3WkIrP0xACV6", "dgvlMoyfS3WkIrP0xACV6gg", "dgvlMoyfS3WkIrP0xACV6!"] {
            assert_eq!(CredentialId::parse_bus(text), Err(IdError), "{text:?}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let at = |ms: i64| UserId::generate(Timestamp::from_micros(ms * 1_000), &mut TestRng(7));
        assert!(at(1) < at(2));
    }
}
