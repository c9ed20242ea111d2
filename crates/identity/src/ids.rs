//! Ids of records: 128 bits, time-ordered, spelled differently at each door.
//!
//! On the bus an id is 22 characters of URL-safe base64 (contract of the bus, section 3.1). In the sign-on API a user's is
//! `zusr` and a number in Crockford's base32, in lower case and without leading zeros (contract of the sign-on API,
//! section 0.1). In storage it is a UUID (version 7, so that new rows land at the end of an index).

use data_encoding::BASE64URL_NOPAD;
use rand_core::Rng;
use uuid::Uuid;

use crate::Timestamp;

/// Characters of an id on the bus.
const BUS_CHARACTERS: usize = 22;

/// What a user's id begins with in the sign-on API.
const SIGN_ON_PREFIX: &str = "zusr";
/// Most digits that 128 bits have in base32.
const SIGN_ON_DIGITS_MAX: usize = 26;
/// Crockford's base32.
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The text given is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no id")]
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
impl UserId {
    /// The spelling in the sign-on API.
    pub fn to_sign_on(self) -> String {
        let mut rest = self.0.as_u128();
        let mut digits = Vec::with_capacity(SIGN_ON_DIGITS_MAX);
        while rest > 0 {
            // A remainder of 32 is an index of 32 digits.
            let digit = usize::try_from(rest % 32).ok().and_then(|value| CROCKFORD.get(value));
            digits.extend(digit.copied().map(char::from));
            rest /= 32;
        }
        SIGN_ON_PREFIX.chars().chain(digits.into_iter().rev()).collect()
    }

    /// Reads the spelling in the sign-on API.
    ///
    /// # Errors
    ///
    /// [`IdError`] for anything that [`UserId::to_sign_on`] doesn't write.
    pub fn parse_sign_on(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix(SIGN_ON_PREFIX).ok_or(IdError)?;
        if digits.is_empty() || digits.starts_with('0') {
            return Err(IdError);
        }
        let number = digits.bytes().try_fold(0_u128, |number, digit| {
            let value = CROCKFORD.iter().position(|known| *known == digit)?;
            number.checked_mul(32)?.checked_add(u128::try_from(value).ok()?)
        });
        number.map(|number| Self(Uuid::from_u128(number))).ok_or(IdError)
    }
}

id! {
    /// Identifies a credential: `uuid` of an OTP.
    CredentialId
}
id! {
    /// Identifies an entry of a user's metadata.
    MetadataId
}
id! {
    /// Identifies a role, whatever it is called: `uuid` of its record on the bus.
    RoleId
}
id! {
    /// Identifies an entry in a roster.
    RosterEntryId
}
id! {
    /// Identifies a linked account: `auth_id` in the sign-on API.
    LinkId
}
id! {
    /// Identifies a sign-on session; not its token, so it may be seen.
    SessionId
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
    fn sign_on_spelling_is_read_back() {
        let check = |number: u128, text: &str| {
            let id = UserId::from_uuid(Uuid::from_u128(number));
            assert_eq!(id.to_sign_on(), text);
            assert_eq!(UserId::parse_sign_on(text), Ok(id));
        };
        check(1, "zusr1");
        check(32, "zusr10");
        check(u128::MAX, "zusr7zzzzzzzzzzzzzzzzzzzzzzzzz");
        // The example of the seed.
        let example = "zusrpdjpsqjqa8jdv533zh0pv8tcm";
        assert_eq!(UserId::parse_sign_on(example).unwrap().to_sign_on(), example);
    }

    #[test]
    fn refuses_what_is_no_sign_on_spelling() {
        for text in
            ["", "zusr", "zusr0", "zusr01", "zusrI", "zusrilo", "zusr1U", "pdjps", "zusr80000000000000000000000000"]
        {
            assert_eq!(UserId::parse_sign_on(text), Err(IdError), "{text:?}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let at = |ms: i64| UserId::generate(Timestamp::from_micros(ms * 1_000), &mut TestRng(7));
        assert!(at(1) < at(2));
    }
}
