use std::time::Duration;

use super::*;
use crate::audit::Reason;
use crate::keys::{KeyError, KeyKind, KeyRequest, MintedKey};
use crate::login::Elevates;
use crate::permission::{Action, Refusal, UriMatch};
use crate::repository::UserChange;
use crate::testing::{Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, context, ready};
use crate::{Actor, ExpiresInput, IdentitySettings, LastUse};

const MICROSECOND: Duration = Duration::from_micros(1);

fn request(expires: Option<&str>, permissions: &[(&str, &str)]) -> KeyRequest {
    KeyRequest {
        expires: expires.map_or(ExpiresInput::Default, |text| ExpiresInput::Text(text.to_owned())),
        permissions: permissions.iter().map(|(uri, perms)| ((*uri).to_owned(), (*perms).to_owned())).collect(),
        description: "for a test".to_owned(),
    }
}

fn key(fixture: &Fixture, login: &str) -> MintedKey {
    fixture.mint_api_key(&fixture.actor(login), &request(None, &[])).unwrap()
}

fn kind(error: &KeyError) -> &'static str {
    match error {
        KeyError::OtpSession => "OtpSession",
        KeyError::KeySession => "KeySession",
        KeyError::HandsOn => "HandsOn",
        KeyError::Expires { .. } => "Expires",
        KeyError::Description => "Description",
        KeyError::TooMany { kind: KeyKind::ApiKey, .. } => "TooMany",
        KeyError::Foreign(KeyKind::ApiKey) => "Foreign",
        KeyError::NotTrusted => "NotTrusted",
        _ => "other",
    }
}

#[test]
fn logs_in_as_often_as_asked_and_notes_the_last_use() {
    let fixture = Fixture::new();
    let minted = key(&fixture, KRISTEN);
    assert_eq!(minted.credential.last_used, None);
    fixture.take_trail();
    for seconds in 0..3 {
        let now = NOW.saturating_add(Duration::from_secs(seconds));
        let session = fixture.login_at("KRISTEN98", minted.plaintext_key.expose(), now).unwrap();
        assert!(matches!(session.kind(), SessionKind::ApiKey(id, _) if id == minted.credential.id));
        assert!(!session.has_restrictions());
        let last = LastUse { at: now, address: "127.0.0.1".to_owned() };
        assert_eq!(fixture.memory().credentials().last().unwrap().last_used, Some(last));
    }
    let row = ("login", KRISTEN.to_owned(), KRISTEN.to_owned(), None);
    assert_eq!(fixture.take_rows(), [row.clone(), row.clone(), row]);
    assert_eq!(fixture.pool.checks(), 0);
}

#[test]
fn is_one_look_up_and_one_write_like_a_one_time_password() {
    let fixture = Fixture::new();
    let minted = key(&fixture, KRISTEN);
    fixture.memory().forget();
    let _ = fixture.login(KRISTEN, minted.plaintext_key.expose()).unwrap();
    assert_eq!(fixture.memory().executed(), ["FindCredential", "AcceptKey"]);
}

#[test]
fn works_up_to_and_including_its_last_microsecond_or_for_ever() {
    let fixture = Fixture::new();
    let end = "2023-10-17T10:17:30.805300-07:00";
    let minted = fixture.mint_api_key(&fixture.actor(KRISTEN), &request(Some(end), &[])).unwrap();
    assert_eq!(minted.credential.expires.shown().as_deref(), Some(end));
    let (ticket, at) = (minted.plaintext_key.expose(), minted.credential.expires.at);
    assert_eq!(fixture.refusal(KRISTEN, ticket, at), None);
    assert_eq!(fixture.refusal(KRISTEN, ticket, at.saturating_add(MICROSECOND)), Some(Reason::ApiKeyExpired));

    let lasting = key(&fixture, KRISTEN);
    assert_eq!(lasting.credential.expires.shown(), None);
    let late = NOW.saturating_add(Duration::from_hours(100 * 365 * 24));
    let session = fixture.login_at(KRISTEN, lasting.plaintext_key.expose(), late).unwrap();
    assert_eq!(session.expires(), Some(lasting.credential.expires.at));
}

#[test]
fn takes_a_lifetime_up_to_the_longest_of_its_own() {
    let fixture = Fixture::new();
    let lifetime = IdentitySettings::API_KEY_LIFETIME_LONGEST;
    let at = |lifetime: Duration| {
        let micros = NOW.saturating_add(lifetime).micros();
        let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let nanoseconds = u32::try_from(rest).unwrap() * 1_000;
        let expires = ExpiresInput::Unix { seconds, nanoseconds };
        fixture.mint_api_key(&fixture.actor(KRISTEN), &KeyRequest { expires, ..KeyRequest::default() })
    };
    assert!(at(lifetime).is_ok());
    for wrong in [lifetime + MICROSECOND, Duration::ZERO] {
        assert_eq!(kind(&at(wrong).unwrap_err()), "Expires");
    }
    let zoneless = fixture.mint_api_key(&fixture.actor(KRISTEN), &request(Some("2030-01-01T00:00:00"), &[]));
    assert_eq!(kind(&zoneless.unwrap_err()), "Expires");
}

#[test]
fn w2_its_rules_narrow_every_session_that_it_opens() {
    let fixture = Fixture::new();
    let rules = [("com.izaber.wamp.auth.whoami", "c")];
    let minted = fixture.mint_api_key(&fixture.actor(TRUST), &request(None, &rules)).unwrap();
    for _ in 0..2 {
        let session = fixture.login(TRUST, minted.plaintext_key.expose()).unwrap();
        assert!(session.has_restrictions());
        let may = |uri| session.restriction().unwrap().decide(Action::Call, UriMatch::Exact(uri));
        assert_eq!(may("com.izaber.wamp.auth.whoami"), Ok(()));
        assert_eq!(may("com.izaber.wamp.public.x"), Err(Refusal::Restricted));
    }
}

#[test]
fn w8_its_session_can_not_be_elevated() {
    let fixture = Fixture::new();
    let minted = key(&fixture, KRISTEN);
    let session = fixture.login(KRISTEN, minted.plaintext_key.expose()).unwrap();
    assert_eq!(session.kind().elevates(), Elevates::Never);
    assert_eq!(session.actor().elevates(), Elevates::Never);
}

#[test]
fn works_only_with_its_owner_as_long_as_that_may_come_in() {
    let fixture = Fixture::new();
    let minted = key(&fixture, KRISTEN);
    let ticket = minted.plaintext_key.expose();
    assert_eq!(fixture.refusal(ZOE, ticket, NOW), Some(Reason::WrongTicket));
    assert_eq!(fixture.refusal("nobody", ticket, NOW), Some(Reason::UnknownUser));
    assert_eq!(fixture.refusal(KRISTEN, &ticket.to_lowercase(), NOW), Some(Reason::WrongTicket));
    let living = |now| ready(fixture.identity.living_keys(&[minted.credential.id], now)).unwrap().len();
    assert_eq!(living(NOW), 1);
    fixture.enable(KRISTEN, false);
    assert_eq!(fixture.refusal(KRISTEN, ticket, NOW), Some(Reason::UserDisabled));
    assert_eq!(living(NOW), 0);
    fixture.enable(KRISTEN, true);
    assert_eq!((fixture.refusal(KRISTEN, ticket, NOW), living(NOW)), (None, 1));
    ready(fixture.identity.change_user(KRISTEN, UserChange::Delete, &Actor::Operator, &context(), NOW)).unwrap();
    assert_eq!((fixture.refusal(KRISTEN, ticket, NOW), living(NOW)), (Some(Reason::UnknownUser), 0));
}

#[test]
fn is_over_once_it_is_withdrawn() {
    let fixture = Fixture::new();
    let (owner, minted) = (fixture.actor(KRISTEN), key(&fixture, KRISTEN));
    let id = minted.credential.id;
    let delete = |actor: &Actor| ready(fixture.identity.delete_own_key(KeyKind::ApiKey, id, actor, &context(), NOW));
    assert_eq!(kind(&delete(&fixture.actor(ZOE)).unwrap_err()), "Foreign");
    // As a one-time password it isn't there at all.
    ready(fixture.identity.delete_own_key(KeyKind::Otp, id, &owner, &context(), NOW)).unwrap();
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), None);
    fixture.take_trail();
    delete(&owner).unwrap();
    delete(&owner).unwrap();
    let row = |reason| ("apikey.delete", KRISTEN.to_owned(), id.to_bus(), reason);
    assert_eq!(fixture.take_rows(), [row(None), row(Some(Reason::NotFound))]);
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), Some(Reason::WrongTicket));
    assert_eq!(ready(fixture.identity.living_keys(&[id], NOW)).unwrap().len(), 0);
}

#[test]
fn living_ones_end_at_their_time() {
    let fixture = Fixture::new();
    let end = request(Some("2023-10-17T10:17:30.805300-07:00"), &[]);
    let minted = fixture.mint_api_key(&fixture.actor(KRISTEN), &end).unwrap();
    let (id, at) = (minted.credential.id, minted.credential.expires.at);
    let living = |now| ready(fixture.identity.living_keys(&[id], now)).unwrap();
    assert_eq!(living(at), HashMap::from([(id, (at, 0))]));
    assert_eq!(living(at.saturating_add(MICROSECOND)), HashMap::new());
}

#[test]
fn a_user_has_so_many_live_ones_beside_one_time_passwords() {
    let fixture = Fixture::new();
    let owner = fixture.actor(KRISTEN);
    for _ in 0..Fixture::OTPS_LIVE_MAX {
        fixture.mint(KRISTEN);
    }
    let keys: Vec<_> = (0..Fixture::API_KEYS_LIVE_MAX).map(|_| key(&fixture, KRISTEN)).collect();
    let error = fixture.mint_api_key(&owner, &request(None, &[])).unwrap_err();
    assert_eq!(kind(&error), "TooMany");
    assert!(error.to_string().contains("live API keys"), "{error}");
    let (_, listed) = ready(fixture.identity.list_own_keys(KeyKind::ApiKey, &owner, NOW)).unwrap();
    assert_eq!(listed.len(), keys.len());
    ready(fixture.identity.delete_own_key(KeyKind::ApiKey, keys[0].credential.id, &owner, &context(), NOW)).unwrap();
    key(&fixture, KRISTEN);
}

#[test]
fn a_description_is_kept_up_to_its_limit() {
    let fixture = Fixture::new();
    let mint_with = |description: String| {
        fixture.mint_api_key(&fixture.actor(KRISTEN), &KeyRequest { description, ..KeyRequest::default() })
    };
    let mint = |characters: usize| mint_with("ä".repeat(characters));
    let minted = mint(KeyRequest::DESCRIPTION_CHARACTERS_MAX).unwrap();
    assert_eq!(minted.credential.description.chars().count(), KeyRequest::DESCRIPTION_CHARACTERS_MAX);
    assert_eq!(kind(&mint(KeyRequest::DESCRIPTION_CHARACTERS_MAX + 1).unwrap_err()), "Description");
    // PostgreSQL keeps none in a text.
    assert_eq!(kind(&mint_with("a\0b".into()).unwrap_err()), "Description");
}

#[test]
fn which_sessions_may_make_and_withdraw_one() {
    #[track_caller]
    fn check(caller: impl Fn(&Fixture) -> Actor, request: &KeyRequest, want: Result<(), (&str, Reason)>) {
        let fixture = Fixture::new();
        let caller = caller(&fixture);
        let made = fixture.mint_api_key(&caller, request);
        assert_eq!(made.as_ref().map(|_| ()).map_err(kind), want.map_err(|(error, _)| error));
        let row = ("apikey.mint", caller.name().to_owned(), caller.name().to_owned(), want.err().map(|(_, why)| why));
        assert_eq!(fixture.take_rows(), [row]);
        if want.is_err_and(|(error, _)| error != "HandsOn") {
            let id = key(&fixture, KRISTEN).credential.id;
            let deleted = ready(fixture.identity.delete_own_key(KeyKind::ApiKey, id, &caller, &context(), NOW));
            assert_eq!(deleted.as_ref().map_err(kind), want.as_ref().map_err(|(error, _)| *error));
            assert_eq!(ready(fixture.identity.living_keys(&[id], NOW)).unwrap().len(), 1);
        }
    }

    let plain = request(None, &[]);
    let exact = [("*", "crspoq"), ("com.izaber.wamp.my.apikeys.create", "c")];
    check(|fixture| fixture.actor(KRISTEN), &plain, Ok(()));
    check(|fixture| fixture.otp_actor(KRISTEN), &plain, Err(("OtpSession", Reason::OtpSession)));
    let refused = Err(("KeySession", Reason::ApiKeySession));
    check(|fixture| fixture.key_actor(KRISTEN, &[]), &plain, refused);
    check(|fixture| fixture.key_actor(TRUST, &[]), &plain, refused);
    check(|fixture| fixture.key_actor(KRISTEN, &[("*", "crspoq"), ("my.apikeys.*", "c")]), &plain, refused);
    check(|fixture| fixture.key_actor(KRISTEN, &[("com.izaber.wamp.my.otp.create", "c")]), &plain, refused);
    check(|fixture| fixture.key_actor(KRISTEN, &exact), &plain, Ok(()));
    // What such a key makes hands it on to nobody, but may be narrowed.
    let hands_on = Err(("HandsOn", Reason::ApiKeySession));
    for uri in ["com.izaber.wamp.my.apikeys.create", "my.otp.create", "com.izaber.wamp.system.db.update", "sso:act-for"]
    {
        check(|fixture| fixture.key_actor(KRISTEN, &exact), &request(None, &[(uri, "c")]), hands_on);
    }
    check(|fixture| fixture.key_actor(KRISTEN, &exact), &request(None, &[("a.*", "c")]), Ok(()));
    check(|fixture| fixture.actor(KRISTEN), &request(None, &exact), Ok(()));
}

#[test]
fn a_key_without_its_say_manages_nobody() {
    let fixture = Fixture::new();
    let lock = |actor: &Actor| {
        ready(fixture.identity.change_user(KRISTEN, UserChange::Enabled(false), actor, &context(), NOW)).is_ok()
    };
    assert!(!lock(&fixture.key_actor(TRUST, &[])));
    assert!(!lock(&fixture.key_actor(TRUST, &[("*", "crspoq"), ("my.apikeys.create", "c")])));
    assert!(!lock(&fixture.key_actor(ZOE, &[("com.izaber.wamp.system.db.update", "c")])));
    assert!(lock(&fixture.key_actor(TRUST, &[("com.izaber.wamp.system.db.update", "c")])));
}

#[test]
fn somebody_elses_needs_trust() {
    let fixture = Fixture::new();
    let mint = |login: &str, actor: &Actor| {
        let (kind, request) = (KeyKind::ApiKey, request(None, &[]));
        ready(fixture.identity.mint_key_for(kind, login, &request, actor, &context(), NOW, &mut fixture.rng()))
    };
    assert_eq!(kind(&mint(ZOE, &fixture.actor(KRISTEN)).unwrap_err()), "NotTrusted");
    assert!(mint("KRISTEN98", &fixture.actor(KRISTEN)).is_ok());
    let minted = mint(ZOE, &fixture.actor(TRUST)).unwrap();
    assert_eq!(minted.credential.origin, "boss@127.0.0.1");
    assert_eq!(fixture.refusal(ZOE, minted.plaintext_key.expose(), NOW), None);
    assert!(mint(LOCKED, &fixture.actor(TRUST)).is_err());
    let (id, delete) = (minted.credential.id, |actor: &Actor, id| {
        ready(fixture.identity.delete_key(KeyKind::ApiKey, id, actor, &context(), NOW))
    });
    assert_eq!(kind(&delete(&fixture.actor(KRISTEN), id).unwrap_err()), "NotTrusted");
    delete(&fixture.actor(TRUST), id).unwrap();
    assert_eq!(fixture.refusal(ZOE, minted.plaintext_key.expose(), NOW), Some(Reason::WrongTicket));
}

#[test]
fn w10_no_row_and_no_listing_holds_the_key_or_its_digest() {
    let fixture = Fixture::new();
    let minted = key(&fixture, KRISTEN);
    let _ = fixture.login(KRISTEN, minted.plaintext_key.expose()).unwrap();
    let listed = ready(fixture.identity.list_own_keys(KeyKind::ApiKey, &fixture.actor(KRISTEN), NOW)).unwrap();
    let text = format!("{:?} {listed:?} {:?}", fixture.take_trail(), fixture.memory().credentials());
    for secret in [minted.plaintext_key.expose(), &minted.credential.digest.to_bus()] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn expired_ones_are_kept_for_a_while_and_then_reaped() {
    let fixture = Fixture::new();
    let end = request(Some("2023-10-17T10:17:30.805300-07:00"), &[]);
    let ended = fixture.mint_api_key(&fixture.actor(KRISTEN), &end).unwrap();
    let lasting = key(&fixture, KRISTEN);
    let kept = ended.credential.expires.at.saturating_add(IdentitySettings::SPENT_KEPT);
    let has = |id| fixture.memory().credentials().iter().any(|one| one.id == id);
    ready(fixture.identity.reap_keys(kept)).unwrap();
    assert!(has(ended.credential.id));
    ready(fixture.identity.reap_keys(kept.saturating_add(MICROSECOND))).unwrap();
    assert!(!has(ended.credential.id) && has(lasting.credential.id));
}
