use super::*;
use crate::audit::Reason;
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, prover, ready};

fn hex(number: u8) -> String {
    prover::public_key(number).to_hex()
}

fn add(fixture: &Fixture, actor: &Actor, login: &str, key: &str, label: &str) -> Result<UserKey, AdminError> {
    ready(fixture.identity.add_user_key(login, key, label, actor, &context(), NOW))
}

fn remove(fixture: &Fixture, actor: &Actor, login: &str, key: &str) -> Result<User, AdminError> {
    ready(fixture.identity.remove_user_key(login, key, actor, &context(), NOW))
}

fn keys(fixture: &Fixture, login: &str) -> Vec<String> {
    ready(fixture.identity.user_keys(login)).unwrap().iter().map(|key| key.key.to_hex()).collect()
}

#[test]
fn the_operator_and_trust_give_and_take_keys() {
    for actor in [Actor::Operator, Fixture::new().actor(TRUST)] {
        let fixture = Fixture::new();
        let added = add(&fixture, &actor, "Kristen98", &hex(1).to_uppercase(), "laptop\n").unwrap();
        assert_eq!((added.label.as_str(), added.created), ("laptop\u{fffd}", NOW));
        assert_eq!(keys(&fixture, KRISTEN), [hex(1)]);
        assert_eq!(remove(&fixture, &actor, KRISTEN, &hex(1)).unwrap().login.as_str(), KRISTEN);
        assert_eq!(keys(&fixture, KRISTEN), [""; 0]);
        let row = |operation| (operation, actor.name().to_owned(), KRISTEN.to_owned(), None);
        assert_eq!(fixture.take_rows(), [row("user.pubkey.add"), row("user.pubkey.remove")]);
    }
}

#[test]
fn nobody_else_does() {
    let fixture = Fixture::new();
    for actor in [Actor::Anonymous, fixture.actor(KRISTEN), fixture.otp_actor(TRUST)] {
        assert!(add(&fixture, &actor, KRISTEN, &hex(1), "").is_err());
        assert!(remove(&fixture, &actor, KRISTEN, &hex(1)).is_err());
        let want = if actor.is_otp_session() { Reason::OtpSession } else { Reason::NotAllowed };
        assert_eq!(fixture.take_rows().iter().map(|row| row.3).collect::<Vec<_>>(), [Some(want); 2]);
    }
    assert_eq!(keys(&fixture, KRISTEN), [""; 0]);
}

#[test]
fn what_can_not_be_done_changes_nothing_and_is_in_the_trail() {
    let fixture = Fixture::new();
    let operator = &Actor::Operator;
    add(&fixture, operator, KRISTEN, &hex(1), "").unwrap();
    fixture.memory().forget();
    let check = |error: AdminError, want: &str, reason: Reason| {
        assert!(format!("{error:?}").starts_with(want), "{error:?}");
        assert_eq!(fixture.take_rows().iter().map(|row| row.3).collect::<Vec<_>>(), [Some(reason)], "{want}");
        assert_eq!((keys(&fixture, KRISTEN), keys(&fixture, ZOE)), (vec![hex(1)], vec![]));
        fixture.memory().forget();
    };
    let added = |login, key: &str, label: &str| add(&fixture, operator, login, key, label).unwrap_err();
    check(added(KRISTEN, &hex(1), ""), "KeyTaken", Reason::Exists);
    check(added(ZOE, &hex(1), ""), "KeyTaken", Reason::Exists);
    check(added("nobody", &hex(2), ""), "NoSuchUser", Reason::NotFound);
    check(added("no name", &hex(2), ""), "NoSuchUser", Reason::NotFound);
    check(added(KRISTEN, "abc", ""), "PublicKey", Reason::BadRequest);
    check(added(KRISTEN, &"0".repeat(64), ""), "PublicKey", Reason::BadRequest);
    check(added(KRISTEN, &hex(2), &"x".repeat(UserKey::LABEL_CHARACTERS_MAX + 1)), "Label", Reason::BadRequest);
    let removed = |login, key: &str| remove(&fixture, operator, login, key).unwrap_err();
    check(removed(KRISTEN, &hex(2)), "NoSuchKey", Reason::NotFound);
    check(removed(ZOE, &hex(1)), "NoSuchKey", Reason::NotFound);
    check(removed("nobody", &hex(1)), "NoSuchUser", Reason::NotFound);
    check(removed(KRISTEN, "abc"), "PublicKey", Reason::BadRequest);
}

#[test]
fn a_user_has_a_limited_number_of_keys_with_labels_of_limited_length() {
    let fixture = Fixture::new();
    let longest = "ä".repeat(UserKey::LABEL_CHARACTERS_MAX);
    for number in 1..=u8::try_from(UserKey::COUNT_MAX).unwrap() {
        add(&fixture, &Actor::Operator, KRISTEN, &hex(number), &longest).unwrap();
    }
    let one_more = add(&fixture, &Actor::Operator, KRISTEN, &hex(200), "");
    assert!(matches!(one_more, Err(AdminError::TooManyKeys)));
    assert!(add(&fixture, &Actor::Operator, ZOE, &hex(200), "").is_ok());
}
