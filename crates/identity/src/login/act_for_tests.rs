use super::*;
use crate::audit::Outcome;
use crate::keys::{KeyKind, KeyRequest, MintedKey};
use crate::login::Purpose;
use crate::permission::parse_rules;
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, ready};
use crate::{ExpiresInput, LastUse};

/// The rule that a key needs.
const RIGHT: &[(&str, &str)] = &[("sso:act-for", "c")];
/// The rule of a role that grants it.
const GRANTED: &[(&str, &str)] = &[("*", "crspoq")];

fn key(fixture: &Fixture, login: &str, own: &[(&str, &str)]) -> MintedKey {
    let permissions = own.iter().map(|(uri, perms)| ((*uri).to_owned(), (*perms).to_owned())).collect();
    fixture.mint_api_key(&fixture.actor(login), &KeyRequest { permissions, ..KeyRequest::default() }).unwrap()
}

/// The reason for which the key is refused to who has a role of these rules; `None` where it is not.
#[track_caller]
fn refusal(fixture: &Fixture, login: &str, key: &str, role: &[(&str, &str)], now: Timestamp) -> Option<Reason> {
    let context = context().claiming("203.0.113.9", "Their browser");
    let claim = Claim { login, context: &context, session: "", code: None, purpose: Purpose::ActFor };
    let rules = Arc::new(RuleSet::new(parse_rules(role.iter().copied()).unwrap()));
    match ready(fixture.identity.may_act_for(&claim, &Secret::new(key), |_| Arc::clone(&rules), now)) {
        Ok(()) => None,
        Err(LoginError::Refused(reason)) => Some(reason),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn only_an_exact_rule_of_the_key_and_a_plain_one_of_the_role_grant_it() {
    #[track_caller]
    fn check(own: &[(&str, &str)], role: &[(&str, &str)], want: Option<Reason>) {
        let fixture = Fixture::new();
        let minted = key(&fixture, KRISTEN, own);
        fixture.take_trail();
        assert_eq!(refusal(&fixture, KRISTEN, minted.plaintext_key.expose(), role, NOW), want);
        let row = ("apikey.act_for", KRISTEN.to_owned(), KRISTEN.to_owned(), want);
        assert_eq!(fixture.take_rows(), [row]);
        assert_eq!(fixture.pool.checks(), 0);
    }

    check(RIGHT, GRANTED, None);
    check(RIGHT, RIGHT, None);
    check(&[("*", "c"), ("sso:act-for", "c")], RIGHT, None);
    let by_key = Some(Reason::ApiKeySession);
    check(&[], GRANTED, by_key);
    check(&[("*", "crspoq")], GRANTED, by_key);
    check(&[("/sso:act-for/", "c")], GRANTED, by_key);
    check(&[("com.izaber.wamp.sso:act-for", "c")], GRANTED, by_key);
    check(&[("sso:act-for", "rspoq")], GRANTED, by_key);
    check(&[("sso:act-for", "")], GRANTED, by_key);
    let by_role = Some(Reason::NotAllowed);
    check(RIGHT, &[], by_role);
    check(RIGHT, &[("*", "crspoq"), ("sso:act-for", "")], by_role);
    check(RIGHT, &[("sso:act-for", "rspoq")], by_role);
    check(RIGHT, &[("sso:act-for", "c+")], by_role);
    check(RIGHT, &[("sso:act-for", "c!")], by_role);
}

#[test]
fn works_up_to_and_including_its_last_microsecond() {
    let fixture = Fixture::new();
    let request = KeyRequest {
        expires: ExpiresInput::Text("2023-10-17T10:17:30.805300-07:00".to_owned()),
        permissions: vec![("sso:act-for".to_owned(), "c".to_owned())],
        ..KeyRequest::default()
    };
    let minted = fixture.mint_api_key(&fixture.actor(KRISTEN), &request).unwrap();
    let (key, at) = (minted.plaintext_key.expose(), minted.credential.expires.at);
    assert_eq!(refusal(&fixture, KRISTEN, key, GRANTED, at), None);
    let late = at.saturating_add(Duration::from_micros(1));
    assert_eq!(refusal(&fixture, KRISTEN, key, GRANTED, late), Some(Reason::ApiKeyExpired));
}

#[test]
fn only_a_live_key_with_its_owners_name_is_one() {
    let fixture = Fixture::new();
    let minted = key(&fixture, KRISTEN, RIGHT);
    let right = minted.plaintext_key.expose();
    let check = |login: &str, key: &str, want| assert_eq!(refusal(&fixture, login, key, GRANTED, NOW), want, "{login}");
    check("KRISTEN98", right, None);
    check(ZOE, right, Some(Reason::WrongTicket));
    check(KRISTEN, &right.to_lowercase(), Some(Reason::WrongTicket));
    check(KRISTEN, &crate::testing::password_of(KRISTEN), Some(Reason::WrongTicket));
    check(KRISTEN, " ", Some(Reason::BlankTicket));
    check(KRISTEN, &"x".repeat(PASSWORD_BYTES_MAX + 1), Some(Reason::WrongTicket));
    check("", right, Some(Reason::UnknownUser));
    fixture.enable(KRISTEN, false);
    check(KRISTEN, right, Some(Reason::UserDisabled));
    fixture.enable(KRISTEN, true);
    check(KRISTEN, right, None);
    let (id, owner) = (minted.credential.id, fixture.actor(KRISTEN));
    ready(fixture.identity.delete_own_key(KeyKind::ApiKey, id, &owner, &context(), NOW)).unwrap();
    check(KRISTEN, right, Some(Reason::WrongTicket));
}

#[test]
fn a_one_time_password_is_none_and_is_not_used_up() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    let key = minted.plaintext_key.expose();
    assert_eq!(refusal(&fixture, KRISTEN, key, GRANTED, NOW), Some(Reason::WrongTicket));
    assert_eq!(fixture.refusal(KRISTEN, key, NOW), None);
}

#[test]
fn its_use_is_noted_once_a_minute() {
    let fixture = Fixture::new();
    let minted = key(&fixture, TRUST, RIGHT);
    let check = |seconds, want: &[&str]| {
        fixture.memory().forget();
        let now = NOW.saturating_add(Duration::from_secs(seconds));
        assert_eq!(refusal(&fixture, TRUST, minted.plaintext_key.expose(), GRANTED, now), None);
        assert_eq!(fixture.memory().executed(), want, "{seconds}");
    };
    let (read, noted) = (["FindCredential", "FindUser"], ["FindCredential", "FindUser", "AcceptKey"]);
    check(0, &noted);
    let trail = fixture.take_trail();
    let [row] = trail.as_slice() else { panic!("{trail:?}") };
    assert_eq!((row.outcome, &*row.address, &*row.claimed_address), (Outcome::Accepted, "127.0.0.1", "203.0.113.9"));
    assert_eq!(row.detail, format!("api key {}", minted.credential.id.to_bus()));
    check(1, &read);
    check(59, &read);
    check(60, &noted);
    check(61, &read);
    let last = LastUse { at: NOW.saturating_add(Duration::from_mins(1)), address: "127.0.0.1".to_owned() };
    assert_eq!(fixture.memory().credentials().last().unwrap().last_used, Some(last));
    // A login elsewhere.
    let elsewhere = LastUse { at: NOW, address: "198.51.100.7".to_owned() };
    let mut key = minted.credential;
    key.last_used = Some(elsewhere);
    assert!(!is_noted(&key, &context(), NOW));
}
