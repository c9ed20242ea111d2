use std::time::Duration;

use crate::audit::Reason;
use crate::import::{ImportUserOutcome, ImportedUser};
use crate::old_digest::OldDigest;
use crate::profile::Profile;
use crate::standing::Standing;
use crate::testing::{Fixture, KRISTEN, NOW, context, ready};
use crate::user::User;
use crate::{
    Actor, Credential, CredentialId, CredentialKind, Expires, LoginName, OffsetSeconds, Secret, SessionKind, UserId,
};

const KEY: &str = "i047jcfUWQQugakMVB8bzwuFjikDwZ-d";
const OTHER: &str = "j047jcfUWQQugakMVB8bzwuFjikDwZ-d";
const LOGIN: &str = "olduser";

/// An installation with a user who came over with a key or a one-time password.
fn imported(kind: CredentialKind) -> (Fixture, Credential) {
    let fixture = Fixture::new();
    let (rng, login) = (&mut fixture.rng(), LoginName::parse(LOGIN).unwrap());
    let owner = UserId::generate(NOW, rng);
    let old = OldDigest::of(LOGIN, &Secret::new(KEY));
    let credential = Credential {
        id: CredentialId::generate(NOW, rng),
        kind,
        owner,
        digest: fixture.identity.settings().pepper.digest_imported(&old),
        permissions: Vec::new(),
        description: String::new(),
        origin: "import".to_owned(),
        expires: Expires { at: NOW.saturating_add(Duration::from_mins(1)), offset: OffsetSeconds(0) },
        created: NOW,
        spent: None,
        last_used: None,
        revision: 0,
        is_imported: true,
    };
    let role = fixture.user(KRISTEN).role;
    let user = User { id: owner, login, standing: Standing::GOOD, role, password: None, created: NOW };
    let whole = ImportedUser {
        user,
        profile: Profile::default(),
        factor: None,
        sessions: Vec::new(),
        attributes: Vec::new(),
        credentials: vec![credential.clone()],
        metadata: Vec::new(),
    };
    let done = ready(fixture.identity.import_user(whole, "nexus", &Actor::Operator, &context(), NOW)).unwrap();
    assert_eq!(done, ImportUserOutcome::Imported);
    fixture.memory().forget();
    (fixture, credential)
}

#[test]
fn an_old_key_logs_in_and_is_under_the_pepper_from_then_on() {
    let (fixture, before) = imported(CredentialKind::ApiKey);
    let session = fixture.login("OldUser", KEY).unwrap();
    assert!(matches!(session.kind(), SessionKind::ApiKey(id, _) if id == before.id));
    let login = LoginName::parse(LOGIN).unwrap();
    let now = fixture.memory().credentials().into_iter().find(|one| one.id == before.id).unwrap();
    assert_eq!(now.digest, fixture.identity.settings().pepper.digest(&login, &Secret::new(KEY)));
    assert!(!now.is_imported);
    assert_eq!(fixture.pool.old_digests(), 1);
    let _ = fixture.login(LOGIN, KEY).unwrap();
    // Nobody has such a key any more, so nothing is computed for one that is wrong.
    assert_eq!(fixture.refusal(LOGIN, OTHER, NOW), Some(Reason::WrongTicket));
    assert_eq!(fixture.pool.old_digests(), 1);
}

#[test]
fn an_old_one_time_password_works_once() {
    let (fixture, before) = imported(CredentialKind::Otp);
    let session = fixture.login(LOGIN, KEY).unwrap();
    assert_eq!(session.kind(), SessionKind::Otp(before.id));
    assert!(fixture.login(LOGIN, KEY).is_err());
}

#[test]
fn the_slow_digest_is_computed_for_users_with_such_keys_and_fitting_tickets_only() {
    let (fixture, before) = imported(CredentialKind::ApiKey);
    for (login, ticket) in [(KRISTEN, KEY), ("nobody", KEY), (LOGIN, "no key at all"), (LOGIN, &KEY[1..])] {
        assert!(fixture.login(login, ticket).is_err());
        assert_eq!(fixture.pool.old_digests(), 0, "{login}");
    }
    assert_eq!(fixture.refusal(LOGIN, OTHER, NOW), Some(Reason::WrongTicket));
    assert_eq!(fixture.pool.old_digests(), 1);
    let after = before.expires.at.saturating_add(Duration::from_micros(1));
    assert_eq!(fixture.refusal(LOGIN, KEY, after), Some(Reason::ApiKeyExpired));
}

#[test]
fn a_full_pool_refuses_and_looks_at_nothing() {
    let (mut fixture, _) = imported(CredentialKind::ApiKey);
    fixture.pool.is_busy = true;
    assert_eq!(fixture.refusal(LOGIN, KEY, NOW), Some(Reason::Busy));
    let row = ("login", LOGIN.to_owned(), LOGIN.to_owned(), Some(Reason::Busy));
    assert_eq!(fixture.take_rows(), [row]);
}
