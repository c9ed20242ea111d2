use proptest::prelude::*;

use super::*;

const DAY_MICROS: i64 = 86_400_000_000;
/// 1990-01-01 to 2100-01-01 in seconds.
const ERA: std::ops::Range<i64> = 631_152_000..4_102_444_800;
const ZONES: [&str; 5] = ["UTC", "America/Vancouver", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"];

fn lifetimes(zone: TimeZone) -> Lifetimes {
    Lifetimes { default: Some(Duration::from_mins(10)), longest: Duration::from_hours(24), zone }
}

fn offset() -> impl Strategy<Value = i32> {
    let minutes = (-1_439..1_440).prop_map(|minutes| minutes * 60);
    prop_oneof![4 => minutes, 1 => -86_399..86_400, 1 => Just(0)]
}

/// `at`, written as a client with this offset might, with this many digits of a fraction.
fn text(at: i64, offset: i32, digits: usize, separator: char) -> String {
    let local = Offset::from_seconds(offset).unwrap().to_datetime(jiff::Timestamp::from_microsecond(at).unwrap());
    let mut text = local.strftime(&format!("%Y-%m-%d{separator}%H:%M:%S")).to_string();
    if digits > 0 {
        let fraction = format!("{:09}", local.subsec_nanosecond());
        text.push('.');
        text.push_str(&fraction[..digits]);
    }
    let (sign, seconds) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let rest = if seconds % 60 == 0 { String::new() } else { format!(":{:02}", seconds % 60) };
    format!("{text}{sign}{:02}:{:02}{rest}", seconds / 3_600, seconds / 60 % 60)
}

/// The present in microseconds, an input, and which microsecond that means; `None` for the
/// default.
fn input() -> impl Strategy<Value = (i64, ExpiresInput, Option<i64>)> {
    let edges = prop_oneof![-10_i64..10, DAY_MICROS - 10..DAY_MICROS + 10];
    let ahead = prop_oneof![4 => 1..DAY_MICROS, 1 => edges, 1 => -DAY_MICROS..2 * DAY_MICROS];
    let digits = prop_oneof![Just(0_usize), 6..=9_usize];
    let form = (0..4_u8, offset(), digits, prop::sample::select(vec!['T', ' ', 't']));
    (ERA, 0..1_000_000_i64, ahead, form).prop_map(|(seconds, micros, ahead, (form, offset, digits, separator))| {
        let now = seconds * 1_000_000 + micros;
        let at = now + ahead;
        let (input, want) = match form {
            0 => {
                let whole = if digits == 0 { at.div_euclid(1_000_000) * 1_000_000 } else { at };
                (ExpiresInput::Text(text(at, offset, digits, separator)), Some(whole))
            }
            1 => {
                let nanoseconds = u32::try_from(at.rem_euclid(1_000_000) * 1_000 + 499).unwrap();
                (ExpiresInput::Unix { seconds: at.div_euclid(1_000_000), nanoseconds }, Some(at))
            }
            #[expect(clippy::cast_precision_loss, reason = "below 2^53 here")]
            2 => (ExpiresInput::UnixFloat(at as f64 / 1e6), Some(at)),
            _ => (ExpiresInput::Default, None),
        };
        (now, input, want)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn what_is_accepted_is_written_as_the_same_instant_and_offset(
        (now, input, want) in input(),
        zone in prop::sample::select(&ZONES[..]),
    ) {
        let (now, lifetimes) = (Timestamp::from_micros(now), lifetimes(TimeZone::get(zone).unwrap()));
        let resolved = Expires::resolve(&input, now, &lifetimes);
        let end = now.saturating_add(lifetimes.longest);
        if let Some(want) = want.map(Timestamp::from_micros) {
            prop_assert_eq!(resolved.is_ok(), now < want && want <= end, "{:?}", resolved);
        }
        let Ok(resolved) = resolved else { return Ok(()) };
        let want = want.map_or(now.saturating_add(lifetimes.default.unwrap()), Timestamp::from_micros);
        prop_assert_eq!(resolved.at, want);

        let written = resolved.to_iso8601();
        let instant: jiff::Timestamp = written.parse().unwrap();
        prop_assert_eq!(instant.as_microsecond(), resolved.at.micros(), "{}", written);
        let again = Expires::resolve(&ExpiresInput::Text(written.clone()), now, &lifetimes);
        prop_assert_eq!(again, Ok(resolved), "{}", written);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9T:.+Z \\[\\]/a-z-]{0,40}|\\PC{0,70}") {
        let _ = Expires::resolve(&ExpiresInput::Text(text), Timestamp::from_micros(0), &lifetimes(TimeZone::UTC));
    }

    #[test]
    fn no_number_makes_it_panic(seconds: i64, nanoseconds: u32, float: f64, now: i64) {
        let lifetimes = Lifetimes { default: Some(Duration::MAX), longest: Duration::MAX, zone: TimeZone::UTC };
        for input in [ExpiresInput::Default, ExpiresInput::Unix { seconds, nanoseconds }, ExpiresInput::UnixFloat(float)] {
            if let Ok(expires) = Expires::resolve(&input, Timestamp::from_micros(now), &lifetimes) {
                let _ = expires.to_iso8601();
            }
        }
    }
}
