//! `expires` in every form in which clients say it, over every serializer.

use countersign_client::{Dict, Encoding, Session, Time, Value};
use countersign_testkit::{Door, PostgresDatabase, Storage};
use jiff::{SignedDuration, Timestamp, tz};

use super::{INVALID_ARGUMENT, PASSWORD, call, sign_in_at, text, with_users};
use crate::support::server;

const CREATE: &str = "com.izaber.wamp.system.otp.create";

async fn create(session: &Session, expires: Value) -> Result<String, (String, String)> {
    let record = Dict::new().with("expires", expires);
    let otp = call(session, CREATE, vec!["kristen98".into(), record.into()]).await?;
    Ok(text(otp.as_dict().unwrap(), "expires"))
}

/// An instant in ten minutes, with microseconds.
fn ahead() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond() / 1_000_000 * 1_000_000 + 600_805_301).unwrap()
}

fn iso(at: Timestamp, offset_seconds: i32) -> String {
    let offset = tz::Offset::from_seconds(offset_seconds).unwrap();
    let (hours, minutes) = (offset_seconds.abs() / 3600, offset_seconds.abs() / 60 % 60);
    let sign = if offset_seconds < 0 { '-' } else { '+' };
    format!("{}{sign}{hours:02}:{minutes:02}", offset.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S%.6f"))
}

async fn every_form_names_its_instant(storage: Storage) {
    let server = with_users(server().storage(storage).start().await).await;
    let at = ahead();
    let micros = at.as_microsecond();
    let (seconds, nanoseconds) = (micros / 1_000_000, u32::try_from(micros % 1_000_000).unwrap() * 1_000);
    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds reach to the year 2255")]
    let float = micros as f64 / 1e6;
    let whole = Timestamp::from_second(seconds).unwrap();
    for encoding in Encoding::ALL {
        let zoe = sign_in_at(&server, Door::Http, encoding, "zoe", PASSWORD).await.unwrap();
        for offset in [0, -7 * 3600, 5 * 3600 + 1800, 14 * 3600, -11 * 3600] {
            // Text is echoed as it was given.
            let given = iso(at, offset);
            assert_eq!(create(&zoe, given.as_str().into()).await, Ok(given.clone()), "{encoding}");
            let tagged = Value::Time(Time::Text(given.clone()));
            assert_eq!(create(&zoe, tagged).await, Ok(given), "{encoding}");
        }
        let spelled = iso(at, 0);
        for given in [
            Value::from(spelled.replace("+00:00", "Z")),
            Value::from(spelled.replace('T', " ")),
            Value::Time(Time::Unix { seconds, nanoseconds }),
            Value::Float(float),
        ] {
            let got =
                create(&zoe, given.clone()).await.unwrap_or_else(|error| panic!("{encoding} {given:?} {error:?}"));
            let instant: Timestamp = got.parse().unwrap();
            let off = instant.duration_since(at).as_micros().abs();
            // CBOR's tag 1 carries a fraction as a float as well.
            let is_float = matches!((&given, encoding), (Value::Float(_), _) | (Value::Time(_), Encoding::Cbor));
            assert!(off <= i128::from(is_float), "{encoding} {given:?}: {got}");
        }
        for given in [Value::Int(seconds), Value::Time(Time::Unix { seconds, nanoseconds: 0 })] {
            let got = create(&zoe, given.clone()).await.unwrap();
            assert_eq!(got.parse::<Timestamp>().unwrap(), whole, "{encoding} {given:?}: {got}");
        }
        let default = create(&zoe, Value::Null).await.unwrap();
        let left = default.parse::<Timestamp>().unwrap().duration_since(Timestamp::now());
        assert!((590.0..601.0).contains(&left.as_secs_f64()), "{default}");
    }
}

#[tokio::test]
async fn every_form_names_its_instant_over_every_serializer() {
    every_form_names_its_instant(Storage::Sqlite).await;
}

#[tokio::test]
async fn every_form_names_its_instant_on_postgresql() {
    let database = PostgresDatabase::create().await;
    every_form_names_its_instant(Storage::Postgres(database.url())).await;
}

#[tokio::test]
async fn what_is_no_time_ahead_is_refused_and_creates_nothing() {
    let server = with_users(server().start().await).await;
    let now = Timestamp::now();
    let (past, far) = (now - SignedDuration::from_secs(2), now + SignedDuration::from_hours(24 * 400));
    for encoding in Encoding::ALL {
        let zoe = sign_in_at(&server, Door::Tcp, encoding, "zoe", PASSWORD).await.unwrap();
        for (expires, says) in [
            (Value::from(iso(past, -7 * 3600)), "past"),
            (Value::Int(past.as_second()), "past"),
            (Value::Int(0), "past"),
            (Value::Int(-1), "past"),
            (Value::Int(i64::MIN), "past"),
            (Value::Float(1.5), "past"),
            (Value::Time(Time::Unix { seconds: past.as_second(), nanoseconds: 5 }), "past"),
            (Value::from(iso(ahead(), 0).replace("+00:00", "")), "zone"),
            (Value::from("2099-10-18"), "zone"),
            (Value::from(""), "no time"),
            (Value::from("tomorrow"), "no time"),
            (Value::from(format!("{}", ahead().as_second())), "no time"),
            (Value::from("2026-13-40T00:00:00Z"), "no time"),
            (Value::from("x".repeat(100_000)), "no time"),
            (Value::from(iso(far, 0)), "ahead"),
            (Value::Int(far.as_second()), "ahead"),
            (Value::Int(i64::MAX), "ahead"),
            (Value::UInt(u64::MAX), "ahead"),
            (Value::List(vec![]), "no time"),
            (Value::List(vec![Value::Int(ahead().as_second())]), "no time"),
            (Value::Dict(Dict::new()), "no time"),
            (Value::Bool(true), "no time"),
            (Value::Bool(false), "no time"),
            (Value::Bytes(b"2099-10-18T00:00:00Z".to_vec()), "no time"),
        ] {
            let shown = format!("{encoding} {expires:?}").chars().take(100).collect::<String>();
            let (error, text) = create(&zoe, expires).await.expect_err(&shown);
            assert_eq!(error, INVALID_ARGUMENT, "{shown}: {text}");
            assert!(text.contains("expires") && text.contains("ISO 8601"), "{shown}: {text}");
            assert!(text.contains(says), "{shown}: {text}");
        }
        let list = call(&zoe, "system.otp.list", vec!["kristen98".into()]).await;
        assert_eq!(list, Ok(Value::List(vec![])), "{encoding}");
    }
}
