#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::time::Duration;

use super::*;
use crate::SessionKind;
use crate::keys::MintedKey;
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, TestRng, context, ready};

const URI: &str = "com.izaber.wamp.my.apikeys.create";

fn actor(fixture: &Fixture, login: &str) -> Actor {
    Actor::of(&fixture.user(login), SessionKind::Password)
}

fn minted(fixture: &Fixture, kind: KeyKind, rules: &[(&str, &str)], seed: u64) -> MintedKey {
    let permissions = rules.iter().map(|(uri, letters)| ((*uri).to_owned(), (*letters).to_owned())).collect();
    let request = KeyRequest { permissions, ..KeyRequest::default() };
    let (actor, rng) = (actor(fixture, KRISTEN), &mut TestRng(seed));
    let minted = ready(fixture.identity.mint_own_key(kind, &request, &actor, &context(), NOW, rng)).unwrap();
    fixture.take_rows();
    minted
}

fn update(
    fixture: &Fixture,
    kind: KeyKind,
    id: CredentialId,
    change: &KeyChange,
    actor: &Actor,
) -> Result<bool, KeyError> {
    ready(fixture.identity.update_key(kind, id, change, actor, &context(), NOW))
}

fn rules(rules: &[(&str, &str)]) -> KeyChange {
    let permissions = rules.iter().map(|(uri, letters)| ((*uri).to_owned(), (*letters).to_owned())).collect();
    KeyChange { permissions: Some(permissions), ..KeyChange::default() }
}

fn text(text: &str) -> KeyChange {
    KeyChange { description: Some(text.to_owned()), ..KeyChange::default() }
}

fn expires(input: ExpiresInput) -> KeyChange {
    KeyChange { expires: Some(input), ..KeyChange::default() }
}

fn key_session(fixture: &Fixture, key: &MintedKey) -> Actor {
    let named = fixture.identity.settings().denials.named(&key.credential.permissions);
    Actor::of(&fixture.user(KRISTEN), SessionKind::ApiKey(key.credential.id, named))
}

#[test]
fn changes_what_is_given_and_nothing_else() {
    let fixture = Fixture::new();
    let key = minted(&fixture, KeyKind::ApiKey, &[], 7).credential;
    let owner = actor(&fixture, KRISTEN);
    let found = || match ready(fixture.identity.record(Collection::ApiKeys, key.id.uuid(), NOW)).unwrap() {
        Some(Records::ApiKeys(mut found)) => found.remove(0).credential,
        other => panic!("{other:?}"),
    };
    assert!(!update(&fixture, KeyKind::ApiKey, key.id, &KeyChange::default(), &owner).unwrap());
    // As it was found.
    let same = KeyChange { expires: Some(ExpiresInput::Default), ..rules(&[]) };
    assert!(!update(&fixture, KeyKind::ApiKey, key.id, &same, &owner).unwrap());
    assert_eq!(fixture.take_rows(), []);
    assert!(!update(&fixture, KeyKind::ApiKey, key.id, &text("nightly"), &owner).unwrap());
    assert_eq!(found(), Credential { description: "nightly".into(), ..key.clone() });
    assert!(update(&fixture, KeyKind::ApiKey, key.id, &rules(&[("a.b", "c")]), &actor(&fixture, TRUST)).unwrap());
    let end = NOW.saturating_add(Duration::from_mins(1));
    let ends = expires(ExpiresInput::Text(end.to_rfc3339()));
    assert!(update(&fixture, KeyKind::ApiKey, key.id, &ends, &owner).unwrap());
    let changed = found();
    assert_eq!((changed.expires.at, changed.permissions.len(), changed.revision), (end, 1, 1));
    assert_eq!((changed.digest, changed.origin, changed.owner), (key.digest, key.origin, key.owner));
    let row = |who: &str| ("apikey.update", who.to_owned(), key.id.to_bus(), None);
    assert_eq!(fixture.take_rows(), [row(KRISTEN), row(TRUST), row(KRISTEN)]);
}

#[test]
fn refuses_what_could_not_be_made_so_and_what_is_not_ones_own() {
    let fixture = Fixture::new();
    let key = minted(&fixture, KeyKind::ApiKey, &[], 7).credential;
    let owner = actor(&fixture, KRISTEN);
    let long = "x".repeat(KeyRequest::DESCRIPTION_CHARACTERS_MAX);
    assert!(update(&fixture, KeyKind::ApiKey, key.id, &text(&long), &owner).is_ok());
    fixture.take_rows();
    let other = Fixture::new().user(KRISTEN);
    let stranger = Actor::User {
        id: crate::UserId::generate(NOW, &mut TestRng(3)),
        login: other.login.clone(),
        role: other.role.clone(),
        session: SessionKind::Password,
    };
    let otp_session = Actor::of(&other, SessionKind::Otp(key.id));
    for (change, actor, reason) in [
        (text(&format!("{long}x")), &owner, Reason::BadRequest),
        (rules(&[("a..b", "c")]), &owner, Reason::BadRequest),
        (expires(ExpiresInput::Unix { seconds: 5, nanoseconds: 0 }), &owner, Reason::BadRequest),
        (expires(ExpiresInput::NotATime), &owner, Reason::BadRequest),
        (text("x"), &stranger, Reason::Foreign),
        (text("x"), &Actor::Anonymous, Reason::NotAllowed),
        (text("x"), &otp_session, Reason::OtpSession),
    ] {
        assert!(update(&fixture, KeyKind::ApiKey, key.id, &change, actor).is_err(), "{reason:?}");
        let refused: Vec<_> = fixture.take_rows().into_iter().map(|(_, _, _, reason)| reason).collect();
        assert_eq!(refused, [Some(reason)]);
    }
    // A one-time password that was used up, and a key of the other kind.
    let otp = minted(&fixture, KeyKind::Otp, &[], 8);
    assert!(matches!(update(&fixture, KeyKind::ApiKey, otp.credential.id, &text("x"), &owner), Err(KeyError::Gone(_))));
    assert!(fixture.login(KRISTEN, otp.plaintext_key.expose()).is_ok());
    let longer = expires(ExpiresInput::Text(NOW.saturating_add(Duration::from_hours(1)).to_rfc3339()));
    assert!(matches!(update(&fixture, KeyKind::Otp, otp.credential.id, &longer, &owner), Err(KeyError::Gone(_))));
}

#[test]
fn a_key_neither_prolongs_nor_widens_what_can_make_keys() {
    let fixture = Fixture::new();
    let plain = minted(&fixture, KeyKind::ApiKey, &[("a.b", "c")], 9);
    assert!(matches!(
        update(&fixture, KeyKind::ApiKey, plain.credential.id, &text("x"), &key_session(&fixture, &plain)),
        Err(KeyError::KeySession)
    ));
    let named = minted(&fixture, KeyKind::ApiKey, &[(URI, "c")], 10);
    let (id, session) = (named.credential.id, key_session(&fixture, &named));
    let end = NOW.saturating_add(Duration::from_mins(1)).to_rfc3339();
    for change in [expires(ExpiresInput::Text(end)), rules(&[("*", "c"), (URI, "c")])] {
        assert!(matches!(update(&fixture, KeyKind::ApiKey, id, &change, &session), Err(KeyError::HandsOn)));
    }
    assert!(update(&fixture, KeyKind::ApiKey, id, &text("x"), &session).is_ok());
    assert!(update(&fixture, KeyKind::ApiKey, id, &rules(&[("a.b", "c")]), &session).is_ok());
}
