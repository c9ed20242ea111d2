use super::*;
use crate::audit::Reason;
use crate::standing::Standing;
use crate::testing::{Fault, Fixture, NOW, context, ready};
use crate::{SessionKind, role};

fn bootstrap(fixture: &Fixture) -> Result<Option<MintedKey>, RepositoryError> {
    ready(fixture.identity.bootstrap("com.example", &context(), NOW, &mut fixture.rng()))
}

#[test]
fn the_first_start_makes_the_roles_and_a_way_in_for_a_first_user() {
    let fixture = Fixture::fresh();
    let minted = bootstrap(&fixture).unwrap().unwrap();
    let user = fixture.user(FIRST_LOGIN);
    assert_eq!((user.standing, user.password.clone(), user.role.clone()), (Standing::GOOD, None, RoleName::trust()));
    assert_eq!(minted.login, user.login);
    assert_eq!(minted.credential.origin, "%operator@127.0.0.1");
    let end = NOW.saturating_add(fixture.identity.settings().otp_lifetimes.default.unwrap());
    assert_eq!(minted.credential.expires.at, end);

    let mut shipped = role::shipped("com.example");
    shipped.sort_by(|one, two| one.name.cmp(&two.name));
    assert_eq!(ready(fixture.identity.roles()).unwrap(), shipped);
    let row = ("bootstrap", "%operator".to_owned(), FIRST_LOGIN.to_owned(), None);
    assert_eq!(fixture.take_rows(), [row]);

    let session = fixture.login("Admin", minted.plaintext_key.expose()).unwrap();
    assert_eq!(session.kind(), SessionKind::Otp(minted.credential.id));
    assert_eq!(fixture.refusal("admin", minted.plaintext_key.expose(), NOW), Some(Reason::OtpSpent));
}

#[test]
fn a_later_start_changes_nothing() {
    let fixture = Fixture::fresh();
    let first = bootstrap(&fixture).unwrap().unwrap();
    let roles = ready(fixture.identity.roles()).unwrap();
    fixture.take_rows();
    assert!(bootstrap(&fixture).unwrap().is_none());
    assert_eq!(fixture.take_rows(), []);
    assert_eq!(fixture.memory().credentials(), std::slice::from_ref(&first.credential));
    assert_eq!(ready(fixture.identity.roles()).unwrap(), roles);
    assert_eq!(fixture.refusal(FIRST_LOGIN, first.plaintext_key.expose(), NOW), None);
}

#[test]
fn no_row_holds_the_key_or_its_digest() {
    let fixture = Fixture::fresh();
    let minted = bootstrap(&fixture).unwrap().unwrap();
    let rows = format!("{:?}", fixture.take_trail());
    assert!(!rows.contains(minted.plaintext_key.expose()) && !rows.contains(&minted.credential.digest.to_bus()));
}

#[test]
fn a_fault_of_storage_prints_no_key() {
    let check = |commits: bool, is_done_after: bool| {
        let fixture = Fixture::fresh();
        fixture.memory().fail(Some(Fault { at: 0, commits }));
        assert!(matches!(bootstrap(&fixture), Err(RepositoryError::Unavailable(_))));
        fixture.memory().fail(None);
        assert_eq!(bootstrap(&fixture).unwrap().is_none(), is_done_after);
    };
    check(false, false);
    check(true, true);
}
