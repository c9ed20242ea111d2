//! An event as a row, and back.

use countersign_identity::Timestamp;
use countersign_router::{KeptEvent, PastEvent, WallTime};
use countersign_storage::HistoryEvent;
use countersign_wamp::{DecodeError, Encoding, Id, Payload, Uri, UriError, UriRules, Value};

/// The serializer of what the server itself has to say of an event.
const OWN_ENCODING: Encoding = Encoding::Cbor;

/// Why a row is no event. A fault of the database, or settings that became stricter.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// A number is no id.
    #[error("a number is no id")]
    Id,
    /// The topic is no URI by today's rules.
    #[error("the topic is no URI")]
    Topic(#[from] UriError),
    /// The topic is no text.
    #[error("the topic is no text")]
    TopicText(#[from] std::string::FromUtf8Error),
    /// The serializer is unknown.
    #[error("the serializer is unknown")]
    Encoding,
    /// The content can't be read.
    #[error("the content can't be read")]
    Content(#[from] DecodeError),
}

/// The row of an event. Its arguments stay as their sender wrote them.
///
/// # Errors
///
/// As [`Payload::values`]: none for what came through a door.
pub fn row(past: &PastEvent) -> Result<HistoryEvent, DecodeError> {
    let KeptEvent { publication, publisher, restrictions, details, payload } = &past.event;
    let about = Payload::new(vec![Value::Dict(restrictions.clone())], details.clone());
    let (_, restrictions, details) =
        about.to_parts(OWN_ENCODING)?.unwrap_or_else(|| (OWN_ENCODING, "".into(), "".into()));
    let content = payload.to_parts(OWN_ENCODING)?;
    let length = content.as_ref().map_or(0, |(_, args, kwargs)| args.len() + kwargs.len());
    let bytes = past.bytes() - payload.len_hint() + length;
    let (encoding, args, kwargs) = match content {
        Some((encoding, args, kwargs)) => (Some(encoding.subprotocol().to_owned()), args.to_vec(), kwargs.to_vec()),
        None => (None, Vec::new(), Vec::new()),
    };
    Ok(HistoryEvent {
        at: Timestamp::from_micros(past.at.micros()),
        publication: publication.get().cast_signed(),
        publisher: publisher.get().cast_signed(),
        topic: past.topic.as_str().into(),
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        restrictions: restrictions.to_vec(),
        details: details.to_vec(),
        content_encoding: encoding,
        args,
        kwargs,
    })
}

/// The event of a row.
///
/// # Errors
///
/// [`RowError`].
pub fn event(row: HistoryEvent, rules: UriRules) -> Result<PastEvent, RowError> {
    let id = |number: i64| Id::new(number.cast_unsigned()).map_err(|_| RowError::Id);
    let about = Payload::from_stored(OWN_ENCODING, row.restrictions, row.details)?;
    let (restrictions, details) = about.values()?;
    let restrictions = restrictions.into_iter().next().and_then(|value| match value {
        Value::Dict(dict) => Some(dict),
        _ => None,
    });
    let payload = match row.content_encoding {
        None => Payload::absent(),
        Some(name) => {
            let encoding = Encoding::from_subprotocol(&name).ok_or(RowError::Encoding)?;
            Payload::from_stored(encoding, row.args, row.kwargs)?
        }
    };
    Ok(PastEvent {
        at: WallTime::from_micros(row.at.micros()),
        topic: Uri::parse(&String::from_utf8(row.topic)?, rules)?,
        event: KeptEvent {
            publication: id(row.publication)?,
            publisher: id(row.publisher)?,
            restrictions: restrictions.unwrap_or_default(),
            details,
            payload,
        },
    })
}

#[cfg(test)]
pub mod tests {
    use countersign_wamp::Dict;

    use super::*;

    /// An event with this publication id.
    pub fn past(publication: u64) -> PastEvent {
        PastEvent {
            at: WallTime::from_micros(1_700_000_000_123_456),
            topic: Uri::parse("app.log.änderung", UriRules::default()).unwrap(),
            event: KeptEvent {
                publication: Id::new(publication).unwrap(),
                publisher: Id::new(1 << 53).unwrap(),
                restrictions: Dict::new().with("eligible_authrole", vec![Value::from("admin")]),
                details: Dict::new().with("publisher_authid", "kristen98").with("_trace", u64::MAX),
                payload: Payload::of("text"),
            },
        }
    }

    #[track_caller]
    fn check(past: &PastEvent) {
        let row = row(past).unwrap();
        let back = event(row.clone(), UriRules::default()).unwrap();
        assert_eq!(&back, past);
        assert_eq!(super::row(&back).unwrap(), row, "the bytes are the same");
    }

    #[test]
    fn an_event_comes_back_as_it_was_in_every_serializer() {
        let mut event = past(1);
        check(&event);
        event.event.payload = Payload::absent();
        check(&event);
        let values = vec![Value::Bytes(vec![0, 255]), Value::Int(-1), Value::from(1.5), Value::Null];
        let payload = Payload::new(values, Dict::new().with("key", vec![Value::from("ü")]));
        for encoding in Encoding::ALL {
            event.event.payload = payload.encoded(encoding).unwrap();
            check(&event);
            let (kept, ..) = event.event.payload.to_parts(Encoding::Json).unwrap().unwrap();
            assert_eq!(kept, encoding);
        }
        event.event.restrictions = Dict::new();
        event.event.details = Dict::new();
        check(&event);
    }

    #[test]
    fn a_row_that_is_no_event_is_refused() {
        let good = row(&past(1)).unwrap();
        let check = |bad: HistoryEvent| assert!(event(bad, UriRules::default()).is_err());
        check(HistoryEvent { publication: 0, ..good.clone() });
        check(HistoryEvent { publisher: -1, ..good.clone() });
        check(HistoryEvent { topic: vec![0xff], ..good.clone() });
        check(HistoryEvent { topic: b"a..b".to_vec(), ..good.clone() });
        check(HistoryEvent { content_encoding: Some("wamp.2.soap".to_owned()), ..good.clone() });
        check(HistoryEvent { args: vec![0xff], ..good.clone() });
        check(HistoryEvent { args: good.args[1..].to_vec(), ..good.clone() });
        check(HistoryEvent { details: vec![0xa1], ..good.clone() });
        check(HistoryEvent { restrictions: vec![0xa0], ..good });
    }
}
