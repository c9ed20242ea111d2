//! Single values of Zato's tables, as both engines write them.

use countersign_identity::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::fernet::{BadToken, FernetKey, TOKEN_PREFIX};

/// The time that means never.
const NEVER: &str = "9999-12-31";

/// A value that may be encrypted: depending on settings and on faults of old versions it stands in clear (contract of the
/// sign-on API, section 6.3).
pub fn opened(value: &str, key: &FernetKey) -> Result<String, BadToken> {
    if value.starts_with(TOKEN_PREFIX) { Ok(key.open(value)?.expose().to_owned()) } else { Ok(value.to_owned()) }
}

/// A truth value; what is absent is false.
pub fn truth(value: Option<&str>) -> bool {
    matches!(value, Some("t" | "true" | "True" | "1"))
}

/// A time in UTC that doesn't say so; `None` for what is none, and for never.
pub fn time(value: &str) -> Option<Timestamp> {
    if value.starts_with(NEVER) {
        return None;
    }
    let time: DateTime = value.replacen(' ', "T", 1).parse().ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp::from_micros(time.as_microsecond()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        let micros = |text: &str| time(text).map(Timestamp::micros);
        assert_eq!(micros("1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T00:00:01"), Some(1_000_000));
        for none in ["9999-12-31 00:00:00", "9999-12-31T00:00:00", "", "yesterday", "2024-13-01 00:00:00"] {
            assert_eq!(micros(none), None, "{none}");
        }
    }

    #[test]
    fn truth_is_written_in_the_way_of_either_engine() {
        for (text, want) in
            [(Some("t"), true), (Some("1"), true), (Some("f"), false), (Some("0"), false), (None, false)]
        {
            assert_eq!(truth(text), want, "{text:?}");
        }
    }

    #[test]
    fn clear_text_stays_and_what_another_key_has_encrypted_is_told() {
        let key = FernetKey::parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").unwrap();
        let hello =
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
        assert_eq!(opened(hello, &key).unwrap(), "hello");
        assert_eq!(opened("Ann", &key).unwrap(), "Ann");
        let other = FernetKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        assert_eq!(opened(hello, &other).unwrap_err(), BadToken::OtherKey);
    }
}
