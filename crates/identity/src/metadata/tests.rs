use super::*;
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, TestRng, ZOE, context, ready};

const LIMITS: MetadataLimits = Fixture::METADATA;

fn json(text: &str) -> MetadataValue {
    MetadataValue { json: Secret::new(text), yaml: None }
}

fn set(fixture: &Fixture, of: MetadataOf<'_>, key: &str, value: &MetadataValue, actor: &Actor) -> Result<(), String> {
    let (context, rng) = (context(), &mut fixture.rng());
    let set = fixture.identity.set_metadata(of, key, value.clone(), actor, &context, NOW, rng);
    ready(set).map(drop).map_err(|error| error.to_string())
}

/// A try to set one's own, the outcome, and the row that it leaves.
#[track_caller]
fn check(fixture: &Fixture, key: &str, value: &MetadataValue, want: Result<(), &str>, reason: Option<Reason>) {
    let kristen = fixture.actor(KRISTEN);
    fixture.memory().forget();
    let got = set(fixture, MetadataOf::Own, key, value, &kristen);
    match want {
        Ok(()) => assert_eq!(got, Ok(()), "{key:?}"),
        Err(part) => assert!(got.as_ref().is_err_and(|text| text.contains(part)), "{key:?}: {got:?}"),
    }
    assert_eq!(fixture.take_rows(), [("metadata.set", KRISTEN.into(), KRISTEN.into(), reason)], "{key:?}");
}

fn get(fixture: &Fixture, of: MetadataOf<'_>, key: &str, actor: &Actor) -> Result<Option<String>, String> {
    let found = ready(fixture.identity.metadata(of, key, actor)).map_err(|error| error.to_string())?;
    Ok(found.map(|entry| entry.value.json.expose().to_owned()))
}

#[test]
fn keeps_a_value_and_the_text_that_it_was_given_as() {
    let fixture = Fixture::new();
    let kristen = fixture.actor(KRISTEN);
    check(&fixture, "a", &json("1"), Ok(()), None);
    assert_eq!(get(&fixture, MetadataOf::Own, "a", &kristen), Ok(Some("1".into())));
    let as_yaml = MetadataValue { json: Secret::new("2"), yaml: Some(Secret::new("2 # two")) };
    let (owner, before) = ready(fixture.identity.list_metadata(MetadataOf::Own, &kristen)).unwrap();
    assert_eq!(owner, fixture.user(KRISTEN).id);
    check(&fixture, "a", &as_yaml, Ok(()), None);
    let (_, after) = ready(fixture.identity.list_metadata(MetadataOf::Own, &kristen)).unwrap();
    assert_eq!(after, [MetadataEntry { value: as_yaml, ..before[0].clone() }]);
    assert_eq!(get(&fixture, MetadataOf::Own, "b", &kristen), Ok(None));
}

#[test]
fn refuses_keys_that_are_none() {
    let fixture = Fixture::new();
    let longest = "k".repeat(LIMITS.key_bytes_max);
    check(&fixture, &longest, &json("1"), Ok(()), None);
    check(&fixture, "^:/ é", &json("1"), Ok(()), None);
    for (key, part) in
        [("", "empty"), (&*format!("{longest}k"), "at most 8 bytes"), ("a\0", "control"), ("\n", "control")]
    {
        check(&fixture, key, &json("1"), Err(part), Some(Reason::BadRequest));
        let kristen = fixture.actor(KRISTEN);
        assert!(get(&fixture, MetadataOf::Own, key, &kristen).is_err(), "{key:?}");
        let context = context();
        let delete = fixture.identity.delete_metadata(MetadataOf::Own, key, &kristen, &context, NOW);
        assert!(matches!(ready(delete), Err(MetadataError::Key(_))), "{key:?}");
    }
    assert!(MetadataKey::parse(&"k".repeat(MetadataKey::BYTES_MAX)).is_ok());
    assert!(MetadataKey::parse(&"k".repeat(MetadataKey::BYTES_MAX + 1)).is_err());
}

#[test]
fn keeps_to_the_limits() {
    let fixture = Fixture::new();
    let long = "1".repeat(LIMITS.value_bytes_max);
    let too_long = format!("{long}1");
    check(&fixture, "a", &json(&long), Ok(()), None);
    let refused = Some(Reason::BadRequest);
    check(&fixture, "a", &json(&too_long), Err("at most 20 bytes"), refused);
    let yaml = MetadataValue { json: Secret::new("1"), yaml: Some(Secret::new(too_long)) };
    check(&fixture, "a", &yaml, Err("at most 20 bytes"), refused);
    // 40 bytes together, what is replaced not counted.
    check(&fixture, "b", &json(&long), Ok(()), None);
    check(&fixture, "b", &json(&long), Ok(()), None);
    check(&fixture, "c", &json("1"), Err("at most 40 bytes"), Some(Reason::TooMany));
    check(&fixture, "b", &json("1"), Ok(()), None);
    check(&fixture, "c", &json("1"), Ok(()), None);
    check(&fixture, "d", &json("1"), Err("at most 3 entries"), Some(Reason::TooMany));
    check(&fixture, "c", &json("2"), Ok(()), None);
}

#[test]
fn removes_an_entry_once_and_answers_the_same_again() {
    let fixture = Fixture::new();
    let kristen = fixture.actor(KRISTEN);
    check(&fixture, "a", &json("1"), Ok(()), None);
    for (was_there, reason) in [(true, None), (false, Some(Reason::NotFound))] {
        let context = context();
        let delete = fixture.identity.delete_metadata(MetadataOf::Own, "a", &kristen, &context, NOW);
        assert_eq!(ready(delete).unwrap(), was_there);
        assert_eq!(fixture.take_rows(), [("metadata.delete", KRISTEN.into(), KRISTEN.into(), reason)]);
    }
}

#[test]
fn belongs_to_its_user() {
    let fixture = Fixture::new();
    let (kristen, zoe, boss) = (fixture.actor(KRISTEN), fixture.actor(ZOE), fixture.actor(TRUST));
    check(&fixture, "a", &json("1"), Ok(()), None);
    assert_eq!(get(&fixture, MetadataOf::Own, "a", &zoe), Ok(None));
    let of_kristen = MetadataOf::Login("Kristen98");
    for trusted in [&boss, &Actor::Operator] {
        assert_eq!(get(&fixture, of_kristen, "a", trusted), Ok(Some("1".into())));
        assert_eq!(set(&fixture, of_kristen, "a", &json("1"), trusted), Ok(()));
        let nobody = get(&fixture, MetadataOf::Login("nobody"), "a", trusted);
        assert!(nobody.unwrap_err().contains("\"nobody\""));
    }
    for (of, actor, part) in [
        (of_kristen, &zoe, "trust"),
        (of_kristen, &kristen, "trust"),
        (of_kristen, &Actor::Anonymous, "trust"),
        (MetadataOf::Own, &Actor::Anonymous, "Unknown user"),
        (MetadataOf::Own, &Actor::Operator, "Unknown user"),
    ] {
        fixture.memory().forget();
        assert!(get(&fixture, of, "a", actor).unwrap_err().contains(part));
        assert!(set(&fixture, of, "a", &json("2"), actor).unwrap_err().contains(part));
        let reasons: Vec<_> = fixture.take_rows().into_iter().map(|row| row.3).collect();
        assert_eq!(reasons, [Some(Reason::NotAllowed)]);
    }
    assert_eq!(get(&fixture, MetadataOf::Own, "a", &kristen), Ok(Some("1".into())));
}

#[test]
fn the_trail_names_the_key_and_never_the_value() {
    let fixture = Fixture::new();
    check(&fixture, "a", &json("\"hush\""), Ok(()), None);
    set(&fixture, MetadataOf::Own, "a", &json("\"hush\""), &fixture.actor(KRISTEN)).unwrap();
    let trail = fixture.take_trail();
    assert_eq!(trail[0].detail, "key=a");
    assert!(!format!("{trail:?}").contains("hush"));
    assert_eq!(format!("{:?}", json("\"hush\"")).find("hush"), None);
}

#[test]
fn a_user_who_is_gone_keeps_nothing() {
    let fixture = Fixture::new();
    let gone = Actor::User {
        id: UserId::generate(NOW, &mut TestRng(9)),
        login: LoginName::parse("gone").unwrap(),
        role: fixture.user(KRISTEN).role,
        session: crate::SessionKind::Password,
    };
    assert!(set(&fixture, MetadataOf::Own, "a", &json("1"), &gone).unwrap_err().contains("Unknown user"));
    assert_eq!(fixture.take_rows()[0].3, Some(Reason::NotFound));
}
