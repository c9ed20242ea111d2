use std::time::Duration;

use super::*;
use crate::IdentitySettings;
use crate::SessionKind;
use crate::audit::Outcome;
use crate::permission::{Action, Refusal, UriMatch, parse_rules};
use crate::repository::{Run as _, UserChange};
use crate::testing::{Fault, Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, context, password_of, ready};

const MICROSECOND: Duration = Duration::from_micros(1);

fn expires(text: &str) -> KeyRequest {
    KeyRequest { expires: ExpiresInput::Text(text.to_owned()), ..KeyRequest::default() }
}

fn ids(listed: Result<(LoginName, Vec<Credential>), KeyError>) -> Vec<CredentialId> {
    listed.unwrap().1.into_iter().map(|credential| credential.id).collect()
}

/// A name for each error, without its text.
fn kind(error: &KeyError) -> &'static str {
    match error {
        KeyError::OtpSession => "OtpSession",
        KeyError::KeySession => "KeySession",
        KeyError::HandsOn => "HandsOn",
        KeyError::Description => "Description",
        KeyError::Anonymous => "Anonymous",
        KeyError::NotTrusted => "NotTrusted",
        KeyError::Expires { .. } => "Expires",
        KeyError::Permissions(_) => "Permissions",
        KeyError::NoSuchUser(_) => "NoSuchUser",
        KeyError::UserDisabled(_) => "UserDisabled",
        KeyError::TooMany { .. } => "TooMany",
        KeyError::Gone(_) => "Gone",
        KeyError::Foreign(_) => "Foreign",
        KeyError::Storage(_) => "Storage",
    }
}

/// The caller that a test names.
fn actor(fixture: &Fixture, name: &str) -> Actor {
    match (name, name.strip_prefix("otp:")) {
        (_, Some(login)) => fixture.otp_actor(login),
        ("%operator", _) => Actor::Operator,
        ("%anonymous", _) => Actor::Anonymous,
        (login, _) => fixture.actor(login),
    }
}

#[test]
fn logs_in_once_and_never_again() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    let session = fixture.login(KRISTEN, minted.plaintext_key.expose()).unwrap();
    assert_eq!(session.user(), &fixture.user(KRISTEN));
    assert_eq!(session.kind(), SessionKind::Otp(minted.credential.id));
    assert_eq!(session.actor(), Actor::of(&fixture.user(KRISTEN), SessionKind::Otp(minted.credential.id)));
    for later in [Duration::ZERO, MICROSECOND, IdentitySettings::SPENT_KEPT] {
        let refused = fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW.saturating_add(later));
        assert_eq!(refused, Some(Reason::OtpSpent), "{later:?}");
    }
    assert_eq!(fixture.pool.checks(), 0);
}

#[test]
fn spending_one_leaves_the_others() {
    let fixture = Fixture::new();
    let [one, two] = [fixture.mint(KRISTEN), fixture.mint(KRISTEN)];
    assert_ne!(one.plaintext_key, two.plaintext_key);
    for minted in [two, one] {
        assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), None);
    }
}

#[test]
fn works_with_the_login_name_in_any_case_and_with_the_key_as_it_is() {
    let fixture = Fixture::new();
    let minted = fixture.mint_for("kRISTEN98", &KeyRequest::default(), &Actor::Operator).unwrap();
    assert_eq!(minted.login.as_str(), KRISTEN);
    let key = minted.plaintext_key.expose();
    for wrong in [format!("{key} "), format!(" {key}"), key.to_lowercase(), key[1..].to_owned()] {
        assert_eq!(fixture.refusal(KRISTEN, &wrong, NOW), Some(Reason::WrongTicket), "{wrong:?}");
    }
    assert_eq!(fixture.refusal("KRISTEN98", key, NOW), None);
}

#[test]
fn the_right_key_under_a_wrong_login_is_refused_and_not_spent() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    let key = minted.plaintext_key.expose();
    assert_eq!(fixture.refusal(ZOE, key, NOW), Some(Reason::WrongTicket));
    assert_eq!(fixture.refusal("nobody", key, NOW), Some(Reason::UnknownUser));
    assert_eq!(fixture.refusal(KRISTEN, key, NOW), None);
}

#[test]
fn works_up_to_and_including_its_last_microsecond() {
    let fixture = Fixture::new();
    let (late, last) = (fixture.mint(KRISTEN), fixture.mint(KRISTEN));
    let end = NOW.saturating_add(IdentitySettings::OTP_LIFETIME_DEFAULT);
    assert_eq!(late.credential.expires.at, end);
    let after = end.saturating_add(MICROSECOND);
    assert_eq!(fixture.refusal(KRISTEN, late.plaintext_key.expose(), after), Some(Reason::OtpExpired));
    assert_eq!(fixture.refusal(KRISTEN, last.plaintext_key.expose(), end), None);
    assert_eq!(fixture.pool.checks(), 0);
}

#[test]
fn of_a_disabled_user_is_refused_and_not_spent() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    fixture.enable(KRISTEN, false);
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), Some(Reason::UserDisabled));
    assert_eq!(fixture.pool.checks(), 0);
    fixture.enable(KRISTEN, true);
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), None);
}

#[test]
fn goes_with_its_user() {
    let fixture = Fixture::new();
    let (minted, orphan) = (fixture.mint(KRISTEN), fixture.actor(KRISTEN));
    ready(fixture.identity.change_user(KRISTEN, UserChange::Delete, &Actor::Operator, &context(), NOW)).unwrap();
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), Some(Reason::UnknownUser));
    let error = fixture.mint_own(&orphan).unwrap_err();
    assert_eq!(kind(&error), "NoSuchUser");
}

#[test]
fn has_the_fields_of_the_seed() {
    let fixture = Fixture::new();
    let MintedKey { credential, login, plaintext_key } = fixture.mint(KRISTEN);
    assert_eq!(login.as_str(), KRISTEN);
    assert_eq!(credential.owner, fixture.user(KRISTEN).id);
    assert_eq!(credential.origin, "kristen98@127.0.0.1");
    assert_eq!(credential.expires.to_iso8601(), "2023-10-17T10:17:30.805300-07:00");
    assert_eq!(credential.permissions, []);
    assert_eq!(credential.digest, fixture.identity.settings().pepper.digest(&login, &plaintext_key));
    assert_eq!((credential.kind, credential.created, credential.spent), (CredentialKind::Otp, NOW, None));
    assert_eq!(fixture.memory().credentials().last(), Some(&credential));
}

#[test]
fn a_key_has_32_url_safe_characters_and_no_dash_in_front() {
    let mut rng = Fixture::new().rng();
    for _ in 0..1_000 {
        let key = generate_key(&mut rng);
        assert_eq!(key.expose().len(), 32);
        assert!(key.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert!(!key.expose().starts_with('-'));
    }
}

#[test]
fn origin_is_the_caller_at_its_address_for_both_calls() {
    let fixture = Fixture::new();
    let check = |caller: &str, want: &str| {
        let minted = fixture.mint_for(KRISTEN, &KeyRequest::default(), &actor(&fixture, caller)).unwrap();
        assert_eq!(minted.credential.origin, want);
        assert_eq!(minted.credential.owner, fixture.user(KRISTEN).id);
    };
    check(TRUST, "boss@127.0.0.1");
    check("%operator", "%operator@127.0.0.1");
    assert_eq!(fixture.mint(ZOE).credential.origin, "zoe@127.0.0.1");
}

#[test]
fn who_may_make_one_for_whom() {
    /// `target` is empty for `my.otp.create`.
    #[track_caller]
    fn check(caller: &str, target: &str, want: Result<(), (&str, Reason)>) {
        let fixture = Fixture::new();
        let caller = actor(&fixture, caller);
        let before = fixture.memory().credentials();
        let (made, row_target) = match target {
            "" => (fixture.mint_own(&caller), caller.name().to_owned()),
            _ => (fixture.mint_for(target, &KeyRequest::default(), &caller), target.to_lowercase()),
        };
        assert_eq!(made.as_ref().map(|_| ()).map_err(kind), want.map_err(|(error, _)| error));
        let row = ("otp.mint", caller.name().to_owned(), row_target, want.err().map(|(_, reason)| reason));
        assert_eq!(fixture.take_rows(), [row]);
        assert_eq!(fixture.memory().credentials().len(), before.len() + usize::from(want.is_ok()));
    }

    for user in [KRISTEN, ZOE, TRUST] {
        check(user, "", Ok(()));
    }
    check("%operator", KRISTEN, Ok(()));
    check(TRUST, KRISTEN, Ok(()));
    check(TRUST, "KRISTEN98", Ok(()));
    check(TRUST, TRUST, Ok(()));
    check("%anonymous", "", Err(("Anonymous", Reason::NotAllowed)));
    // The operator has no login of its own.
    check("%operator", "", Err(("Anonymous", Reason::NotAllowed)));
    for caller in [KRISTEN, ZOE, "%anonymous"] {
        for target in [TRUST, "nobody"] {
            check(caller, target, Err(("NotTrusted", Reason::NotAllowed)));
        }
    }
    check(KRISTEN, "Kristen98", Ok(()));
    for caller in ["otp:kristen98", "otp:zoe", "otp:boss"] {
        check(caller, "", Err(("OtpSession", Reason::OtpSession)));
    }
    check("otp:boss", KRISTEN, Err(("OtpSession", Reason::OtpSession)));
    check("otp:boss", TRUST, Err(("OtpSession", Reason::OtpSession)));
    check("otp:kristen98", ZOE, Err(("NotTrusted", Reason::NotAllowed)));
    check(TRUST, "nobody", Err(("NoSuchUser", Reason::NotFound)));
    check(TRUST, "no name", Err(("NoSuchUser", Reason::NotFound)));
    check(TRUST, LOCKED, Err(("UserDisabled", Reason::UserDisabled)));
    check(LOCKED, "", Err(("UserDisabled", Reason::UserDisabled)));
}

#[test]
fn takes_a_lifetime_up_to_the_longest() {
    let fixture = Fixture::new();
    let check = |text: &str| {
        let minted = fixture.mint_for(KRISTEN, &expires(text), &fixture.actor(TRUST)).unwrap();
        assert_eq!(minted.credential.expires.to_iso8601(), text);
    };
    check("2023-10-17T10:07:30.805301-07:00");
    check("2023-10-17T19:07:40+02:00");
    check("2023-10-18T10:07:30.805300-07:00");
}

#[test]
fn a_wrong_expires_makes_nothing_and_is_in_the_trail() {
    let fixture = Fixture::new();
    let before = fixture.memory().credentials();
    for text in [
        "2023-10-17T10:07:30.805300-07:00", // now
        "2023-10-17T10:07:30.805299-07:00",
        "2023-10-18T10:07:30.805301-07:00", // past the longest by one microsecond
        "2023-10-17T10:17:30",
        "soon",
    ] {
        let error = fixture.mint_for(KRISTEN, &expires(text), &fixture.actor(TRUST)).unwrap_err();
        assert_eq!(kind(&error), "Expires", "{text}");
        let row = ("otp.mint", TRUST.to_owned(), KRISTEN.to_owned(), Some(Reason::BadRequest));
        assert_eq!(fixture.take_rows(), [row], "{text}");
    }
    assert_eq!(fixture.memory().credentials(), before);
}

#[test]
fn a_user_has_so_many_live_ones_and_no_more() {
    let fixture = Fixture::new();
    let minted: Vec<_> = (0..Fixture::OTPS_LIVE_MAX).map(|_| fixture.mint(KRISTEN)).collect();
    fixture.take_rows();
    let [owner, trusted] = [fixture.actor(KRISTEN), fixture.actor(TRUST)];
    assert!(matches!(
        fixture.mint_own(&owner),
        Err(KeyError::TooMany { kind: KeyKind::Otp, max: Fixture::OTPS_LIVE_MAX })
    ));
    assert!(matches!(fixture.mint_for(KRISTEN, &KeyRequest::default(), &trusted), Err(KeyError::TooMany { .. })));
    let row = |actor: &str| ("otp.mint", actor.to_owned(), KRISTEN.to_owned(), Some(Reason::TooMany));
    assert_eq!(fixture.take_rows(), [row(KRISTEN), row(TRUST)]);
    assert!(fixture.mint_own(&fixture.actor(ZOE)).is_ok(), "others have their own count");

    assert_eq!(fixture.refusal(KRISTEN, minted[0].plaintext_key.expose(), NOW), None);
    assert!(fixture.mint_own(&owner).is_ok(), "a spent one doesn't count");
    assert!(fixture.mint_own(&owner).is_err());
    ready(fixture.identity.delete_own_key(KeyKind::Otp, minted[1].credential.id, &owner, &context(), NOW)).unwrap();
    assert!(fixture.mint_own(&owner).is_ok(), "a withdrawn one doesn't count");
    assert!(fixture.mint_own(&owner).is_err());
    let end = minted[0].credential.expires.at;
    let mint_at = |now| {
        ready(fixture.identity.mint_own_key(
            KeyKind::Otp,
            &KeyRequest::default(),
            &owner,
            &context(),
            now,
            &mut fixture.rng(),
        ))
    };
    assert!(mint_at(end).is_err());
    assert!(mint_at(end.saturating_add(MICROSECOND)).is_ok(), "an expired one doesn't count");
}

fn narrowed(uri: &str, letters: &str) -> KeyRequest {
    KeyRequest { permissions: vec![(uri.to_owned(), letters.to_owned())], ..KeyRequest::default() }
}

#[test]
fn permissions_that_can_not_be_read_create_nothing_and_leave_a_row() {
    let fixture = Fixture::new();
    for request in [narrowed("a..b", "c"), narrowed("a.b", "x")] {
        let error = fixture.mint_for(KRISTEN, &request, &Actor::Operator).unwrap_err();
        assert!(matches!(error, KeyError::Permissions(_)), "{error}");
    }
    let row = ("otp.mint", "%operator".to_owned(), KRISTEN.to_owned(), Some(Reason::BadRequest));
    assert_eq!(fixture.take_rows(), [row.clone(), row]);
}

#[test]
fn permissions_narrow_the_session() {
    let fixture = Fixture::new();
    let request = narrowed("com.izaber.wamp.auth.whoami", "c");
    let minted = fixture.mint_for(KRISTEN, &request, &Actor::Operator).unwrap();
    assert_eq!(minted.credential.permissions, parse_rules([("com.izaber.wamp.auth.whoami", "c")]).unwrap());
    let session = fixture.login(KRISTEN, minted.plaintext_key.expose()).unwrap();
    assert!(session.has_restrictions());
    let may = |uri| session.restriction().unwrap().decide(Action::Call, UriMatch::Exact(uri));
    assert_eq!(may("com.izaber.wamp.auth.whoami"), Ok(()));
    assert_eq!(may("com.izaber.wamp.public.x"), Err(Refusal::Restricted));
}

#[test]
fn without_permissions_only_the_denials_of_every_key_narrow_the_session() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    let session = fixture.login(KRISTEN, minted.plaintext_key.expose()).unwrap();
    assert!(!session.has_restrictions());
    let may = |uri| session.restriction().unwrap().decide(Action::Call, UriMatch::Exact(uri));
    assert_eq!(may("com.izaber.wamp.public.x"), Ok(()));
    assert_eq!(may("com.izaber.wamp.my.otp.create"), Err(Refusal::Restricted));
}

#[test]
fn lists_live_ones_only_oldest_first_and_without_the_key() {
    let fixture = Fixture::new();
    let owner = fixture.actor(KRISTEN);
    let mint_at = |seconds| {
        let now = NOW.saturating_add(Duration::from_secs(seconds));
        ready(fixture.identity.mint_own_key(
            KeyKind::Otp,
            &KeyRequest::default(),
            &owner,
            &context(),
            now,
            &mut fixture.rng(),
        ))
        .unwrap()
    };
    let [young, old, middle] = [mint_at(2), mint_at(0), mint_at(1)];
    fixture.mint(ZOE);
    let ids_at = |now| ids(ready(fixture.identity.list_own_keys(KeyKind::Otp, &owner, now)));
    let [young_id, old_id, middle_id] = [&young, &old, &middle].map(|minted| minted.credential.id);
    assert_eq!(ids_at(NOW), [old_id, middle_id, young_id]);
    assert_eq!(fixture.refusal(KRISTEN, middle.plaintext_key.expose(), NOW), None);
    assert_eq!(ids_at(NOW), [old_id, young_id]);
    assert_eq!(ids_at(old.credential.expires.at), [old_id, young_id]);
    assert_eq!(ids_at(old.credential.expires.at.saturating_add(MICROSECOND)), [young_id]);

    let listed = format!("{:?}", ready(fixture.identity.list_own_keys(KeyKind::Otp, &owner, NOW)).unwrap());
    assert!(!listed.contains(old.plaintext_key.expose()), "{listed}");
}

#[test]
fn who_may_list_whose() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    for caller in [TRUST, "%operator", "otp:boss", KRISTEN] {
        let listed = ready(fixture.identity.list_keys_of(KeyKind::Otp, "Kristen98", &actor(&fixture, caller), NOW));
        assert_eq!(ids(listed), [minted.credential.id], "{caller}");
    }
    assert_eq!(
        ids(ready(fixture.identity.list_own_keys(KeyKind::Otp, &fixture.otp_actor(KRISTEN), NOW))),
        [minted.credential.id]
    );
    assert_eq!(ids(ready(fixture.identity.list_own_keys(KeyKind::Otp, &fixture.actor(ZOE), NOW))), []);

    let refused = |login: &str, caller: &str, want: &str| {
        let error =
            ready(fixture.identity.list_keys_of(KeyKind::Otp, login, &actor(&fixture, caller), NOW)).unwrap_err();
        assert_eq!(kind(&error), want, "{login} {caller}");
    };
    for caller in [ZOE, "%anonymous"] {
        refused(KRISTEN, caller, "NotTrusted");
        refused("nobody", caller, "NotTrusted");
    }
    refused("nobody", TRUST, "NoSuchUser");
    refused("no name", TRUST, "NoSuchUser");
    for caller in [Actor::Anonymous, Actor::Operator] {
        let error = ready(fixture.identity.list_own_keys(KeyKind::Otp, &caller, NOW)).unwrap_err();
        assert_eq!(kind(&error), "Anonymous");
    }
}

#[test]
fn who_may_withdraw_whose() {
    /// The one-time password is `KRISTEN`'s; `is_own` chooses the procedure.
    #[track_caller]
    fn check(caller: &str, is_own: bool, want: Result<(), (&str, Reason)>) {
        let fixture = Fixture::new();
        let minted = fixture.mint(KRISTEN);
        fixture.take_rows();
        let (id, caller) = (minted.credential.id, actor(&fixture, caller));
        let done = if is_own {
            ready(fixture.identity.delete_own_key(KeyKind::Otp, id, &caller, &context(), NOW))
        } else {
            ready(fixture.identity.delete_key(KeyKind::Otp, id, &caller, &context(), NOW))
        };
        assert_eq!(done.as_ref().map_err(kind), want.as_ref().map_err(|(error, _)| *error));
        let row = ("otp.delete", caller.name().to_owned(), id.to_bus(), want.err().map(|(_, reason)| reason));
        assert_eq!(fixture.take_rows(), [row]);
        // What was not withdrawn is as good as before.
        let refused = fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW);
        assert_eq!(refused, want.is_ok().then_some(Reason::WrongTicket));
    }

    check(KRISTEN, true, Ok(()));
    check(TRUST, false, Ok(()));
    check("%operator", false, Ok(()));
    check(ZOE, true, Err(("Foreign", Reason::Foreign)));
    check(TRUST, true, Err(("Foreign", Reason::Foreign)));
    check("%anonymous", true, Err(("Anonymous", Reason::NotAllowed)));
    for caller in [KRISTEN, ZOE, "%anonymous", "otp:kristen98"] {
        check(caller, false, Err(("NotTrusted", Reason::NotAllowed)));
    }
    check("otp:kristen98", true, Err(("OtpSession", Reason::OtpSession)));
    check("otp:zoe", true, Err(("OtpSession", Reason::OtpSession)));
    check("otp:boss", true, Err(("OtpSession", Reason::OtpSession)));
    check("otp:boss", false, Err(("OtpSession", Reason::OtpSession)));
}

#[test]
fn withdrawing_what_is_not_there_counts_as_done() {
    let fixture = Fixture::new();
    let (minted, owner) = (fixture.mint(KRISTEN), fixture.actor(KRISTEN));
    let unknown = CredentialId::generate(NOW, &mut fixture.rng());
    fixture.take_rows();
    for (id, refused) in [
        (unknown, Some(Reason::NotFound)),
        (minted.credential.id, None),
        (minted.credential.id, Some(Reason::NotFound)),
    ] {
        assert!(ready(fixture.identity.delete_own_key(KeyKind::Otp, id, &owner, &context(), NOW)).is_ok());
        assert_eq!(fixture.take_rows(), [("otp.delete", KRISTEN.to_owned(), id.to_bus(), refused)]);
    }
    assert!(ready(fixture.identity.delete_key(KeyKind::Otp, unknown, &Actor::Operator, &context(), NOW)).is_ok());
}

#[test]
fn a_row_says_who_did_what_to_whom_from_where() {
    let fixture = Fixture::new();
    let minted = fixture.mint_for(KRISTEN, &KeyRequest::default(), &fixture.actor(TRUST)).unwrap();
    let _session = fixture.login(KRISTEN, minted.plaintext_key.expose()).unwrap();
    let rows = fixture.take_trail();
    let id = minted.credential.id.to_bus();
    let row = |row: &AuditEvent| (row.operation, row.actor.clone(), row.target.clone(), row.detail.clone());
    assert_eq!(
        rows.iter().map(row).collect::<Vec<_>>(),
        [
            (Operation::OtpMint, TRUST.into(), KRISTEN.into(), id.clone()),
            (Operation::Login, KRISTEN.into(), KRISTEN.into(), "otp session=4711".into()),
            (Operation::OtpSpend, KRISTEN.into(), id, "session=4711".into()),
        ]
    );
    for row in rows {
        assert_eq!((row.at, row.outcome, row.reason), (NOW, Outcome::Accepted, None));
        assert_eq!((row.cid.as_str(), row.application.as_str()), ("cid-1", "wamp"));
        assert_eq!((row.address.as_str(), row.agent.as_str()), ("127.0.0.1", "swampyer-1.0"));
    }
}

#[test]
fn no_row_holds_a_key_a_digest_or_a_password() {
    let fixture = Fixture::new();
    let minted: Vec<_> = (0..3).map(|_| fixture.mint(KRISTEN)).collect();
    let [spent, withdrawn, live] = [&minted[0], &minted[1], &minted[2]];
    let _ = fixture.mint_own(&fixture.actor(KRISTEN));
    let _ = fixture.mint_for(KRISTEN, &expires("soon"), &Actor::Operator);
    let _ = fixture.mint_own(&fixture.otp_actor(KRISTEN));
    for (login, minted) in [(KRISTEN, spent), (KRISTEN, spent), (ZOE, live), ("nobody", live)] {
        let _ = fixture.login(login, minted.plaintext_key.expose());
    }
    let _ = fixture.login(KRISTEN, &password_of(KRISTEN));
    let _ = fixture.login(LOCKED, &password_of(LOCKED));
    let end = live.credential.expires.at.saturating_add(MICROSECOND);
    let _ = fixture.login_at(KRISTEN, live.plaintext_key.expose(), end);
    ready(fixture.identity.delete_own_key(
        KeyKind::Otp,
        withdrawn.credential.id,
        &fixture.actor(KRISTEN),
        &context(),
        NOW,
    ))
    .unwrap();

    let rows = fixture.take_trail();
    assert_eq!(rows.len(), 3 + 3 + 5 + 2 + 1 + 1, "{rows:#?}");
    let text = format!("{rows:?}");
    for MintedKey { credential, plaintext_key, .. } in &minted {
        let digest = credential.digest;
        let hex = data_encoding::HEXLOWER.encode(digest.as_bytes());
        for secret in [plaintext_key.expose(), &digest.to_bus(), &hex, &format!("{:?}", digest.as_bytes())] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
    assert!(!text.contains("password of"), "{text}");
}

/// Lets each operation of `act` fail in turn, before and after its execution. Whatever fails,
/// the caller hears of storage; what was not executed has changed nothing.
#[track_caller]
fn fail_each(operations: usize, act: impl Fn(&Fixture, &Actor, CredentialId) -> Result<(), KeyError>) {
    for (at, commits) in (0..=operations).flat_map(|at| [(at, false), (at, true)]) {
        let fixture = Fixture::new();
        let (owner, id) = (fixture.actor(KRISTEN), fixture.mint(KRISTEN).credential.id);
        let before = fixture.memory().credentials();
        fixture.memory().forget();
        fixture.memory().fail(Some(Fault { at, commits }));
        let done = act(&fixture, &owner, id);
        assert_eq!(fixture.memory().executed().len(), operations.min(at + 1));
        assert_eq!(matches!(done, Err(KeyError::Storage(_))), at < operations, "fault {at}: {done:?}");
        if at < operations && !commits {
            assert!(fixture.memory().credentials() == before, "fault {at}");
            assert_eq!(fixture.take_rows(), [], "fault {at}");
        } else if at + 1 >= operations {
            assert_eq!(fixture.take_rows().len(), 1, "fault {at}");
        }
    }
}

#[test]
fn a_fault_of_storage_changes_nothing_and_is_what_the_caller_hears_of() {
    let request = KeyRequest::default();
    fail_each(1, |fixture, owner, _| fixture.mint_own(owner).map(|_| ()));
    fail_each(2, |fixture, _, _| fixture.mint_for(KRISTEN, &request, &Actor::Operator).map(|_| ()));
    fail_each(1, |fixture, owner, id| ready(fixture.identity.delete_own_key(KeyKind::Otp, id, owner, &context(), NOW)));
    fail_each(1, |fixture, _, id| {
        ready(fixture.identity.delete_key(KeyKind::Otp, id, &Actor::Operator, &context(), NOW))
    });
}

#[test]
fn a_refusal_that_can_not_be_recorded_is_a_fault() {
    let fixture = Fixture::new();
    let actors = [Actor::Anonymous, fixture.actor(KRISTEN), fixture.otp_actor(KRISTEN)];
    let unknown = CredentialId::generate(NOW, &mut fixture.rng());
    let check = |act: &dyn Fn(&Actor) -> KeyError| {
        for actor in &actors {
            fixture.memory().fail(Some(Fault { at: 0, commits: false }));
            assert_eq!(kind(&act(actor)), "Storage", "{actor:?}");
            fixture.memory().fail(None);
        }
    };
    check(&|actor| fixture.mint_for(KRISTEN, &KeyRequest::default(), actor).unwrap_err());
    check(&|actor| ready(fixture.identity.delete_key(KeyKind::Otp, unknown, actor, &context(), NOW)).unwrap_err());
}

#[test]
fn dead_ones_are_kept_for_a_while_and_then_reaped() {
    let fixture = Fixture::new();
    let (spent, expired) = (fixture.mint(KRISTEN), fixture.mint(KRISTEN));
    let live_after = |now| (ready(fixture.identity.reap_keys(now)).unwrap(), fixture.memory().credentials().len());
    assert_eq!(fixture.refusal(KRISTEN, spent.plaintext_key.expose(), NOW), None);
    // The one of the first start expires with the others.
    let spent_kept = NOW.saturating_add(IdentitySettings::SPENT_KEPT);
    assert_eq!(live_after(spent_kept), (0, 3));
    assert_eq!(fixture.refusal(KRISTEN, spent.plaintext_key.expose(), spent_kept), Some(Reason::OtpSpent));
    assert_eq!(live_after(spent_kept.saturating_add(MICROSECOND)), (1, 2));
    let expired_kept = expired.credential.expires.at.saturating_add(IdentitySettings::SPENT_KEPT);
    assert_eq!(live_after(expired_kept), (0, 2));
    assert_eq!(fixture.refusal(KRISTEN, expired.plaintext_key.expose(), expired_kept), Some(Reason::OtpExpired));
    assert_eq!(live_after(expired_kept.saturating_add(MICROSECOND)), (2, 0));
}

#[test]
fn reaps_in_transactions_of_bounded_length() {
    #[track_caller]
    fn check(dead: u64, transactions: usize) {
        let fixture = Fixture::new();
        let mut credential = fixture.mint(KRISTEN).credential;
        ready(fixture.identity.delete_key(KeyKind::Otp, credential.id, &Actor::Operator, &context(), NOW)).unwrap();
        credential.expires.at = Timestamp::from_micros(0);
        let event = AuditEvent::new(NOW, &context(), &Actor::Operator, Operation::OtpMint);
        for _ in 0..dead {
            let (credential, audit) = (credential.clone(), event.clone());
            let mint = MintCredential { credential, live_max: 1, now: NOW, audit };
            assert_eq!(ready(fixture.memory().run(mint)).unwrap(), MintOutcome::Minted);
        }
        fixture.memory().forget();
        assert_eq!(ready(fixture.identity.reap_keys(NOW)).unwrap(), dead);
        assert_eq!(fixture.memory().executed(), vec!["ReapCredentials"; transactions]);
    }
    let limit = u64::from(REAP_ROWS_MAX);
    check(0, 1);
    check(limit - 1, 1);
    check(limit, 2);
    check(2 * limit + 1, 3);
}
