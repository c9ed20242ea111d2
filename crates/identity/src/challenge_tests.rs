use super::*;
use crate::audit::Operation;
use crate::login::Purpose;
use crate::login_name::LoginName;
use crate::password::PasswordHash;
use crate::proof::scram::Dialect;
use crate::repository::UserChange;
use crate::testing::{Fault, Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, context, password_of, prover, ready, secrets};
use crate::{Actor, PeerAddress, RequestContext};

const NONCE: &str = "egVDf3DMJh0=";
const TEXT: &str = "{\"nonce\":\"x\",\"session\":4711}";
/// The number of the private key whose public key a test's user has.
const KEY: u8 = 1;

/// How somebody tries to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Wampcra,
    Scram(Dialect),
    Cryptosign,
}

const METHODS: [Method; 4] =
    [Method::Wampcra, Method::Scram(Dialect::Specification), Method::Scram(Dialect::Crossbar), Method::Cryptosign];

impl Method {
    /// Without its dialect, as the trail names it.
    fn name(self) -> &'static str {
        match self {
            Self::Wampcra => "wampcra",
            Self::Scram(_) => "scram",
            Self::Cryptosign => "cryptosign",
        }
    }
}

/// A fixture in which `login` has the public key of [`KEY`].
fn fixture(login: &str) -> Fixture {
    let fixture = Fixture::new();
    let hex = prover::public_key(KEY).to_hex();
    ready(fixture.identity.add_user_key(login, &hex, "", &Actor::Operator, &context(), NOW)).unwrap();
    fixture.memory().forget();
    fixture
}

fn first(login: &str, dialect: Dialect) -> ClientFirst {
    ClientFirst { dialect, authid: login.into(), nonce: NONCE.into(), channel: None }
}

/// The one place that logs in. `meddle` runs between challenge and answer.
fn login_while(
    fixture: &Fixture,
    method: Method,
    login: &str,
    password: &str,
    key: u8,
    meddle: impl FnOnce(),
) -> Result<LoggedIn, LoginError> {
    let (identity, context, rng) = (&fixture.identity, context(), &mut fixture.rng());
    let claim = Claim { login, context: &context, session: "4711", code: None, purpose: Purpose::Session };
    match method {
        Method::Wampcra => {
            let challenge = ready(identity.challenge_wampcra(login))?;
            meddle();
            let signature = prover::wampcra(password, challenge.salt(), challenge.iterations(), TEXT);
            ready(identity.login_by_wampcra(challenge, TEXT, &signature, &claim, NOW))
        }
        Method::Scram(dialect) => {
            let first = first(login, dialect);
            let challenge = ready(identity.challenge_scram(first.clone(), rng))?;
            meddle();
            let nonce = challenge.exchange().nonce().to_owned();
            let proof = prover::scram(password, &first, &nonce, challenge.verifier());
            let answer = ClientFinal { proof: &proof, nonce: Some(&nonce), ..ClientFinal::default() };
            ready(identity.login_by_scram(challenge, &answer, &claim, NOW)).0
        }
        Method::Cryptosign => {
            let challenge = ready(identity.challenge_cryptosign(login, prover::public_key(key), None, rng))?;
            meddle();
            let answer = prover::cryptosign(KEY, &challenge.to_hex(), None);
            let name = challenge.login().to_owned();
            let claim = Claim { login: &name, ..claim };
            ready(identity.login_by_cryptosign(challenge, &answer, &claim, NOW))
        }
    }
}

fn login(fixture: &Fixture, method: Method, login: &str, password: &str) -> Result<LoggedIn, LoginError> {
    login_while(fixture, method, login, password, KEY, || {})
}

/// The reason of a refusal, which one row tells as well; `None` where a session was opened.
#[track_caller]
fn outcome(fixture: &Fixture, result: Result<LoggedIn, LoginError>) -> Option<Reason> {
    let refused = match result {
        Ok(_) => None,
        Err(LoginError::Refused(reason)) => Some(reason),
        Err(other) => panic!("{other}"),
    };
    let rows: Vec<_> = fixture.take_trail().into_iter().filter(|row| row.operation == Operation::Login).collect();
    assert_eq!(rows.iter().map(|row| row.reason).collect::<Vec<_>>(), [refused], "{rows:#?}");
    refused
}

#[test]
fn the_right_proof_opens_a_session_like_a_password_does() {
    for method in METHODS {
        let fixture = fixture(KRISTEN);
        for name in [KRISTEN, "Kristen98"] {
            let session = login(&fixture, method, name, &password_of(KRISTEN)).unwrap();
            assert_eq!(session.user(), &fixture.user(KRISTEN), "{method:?}");
            assert_eq!(session.kind(), crate::SessionKind::Password);
            assert!(session.restriction().is_none() && !session.has_restrictions());
            let trail = fixture.take_trail();
            let [row] = trail.as_slice() else { panic!("{trail:#?}") };
            assert_eq!((row.actor.as_str(), row.target.as_str()), (KRISTEN, KRISTEN));
            assert_eq!(row.detail, format!("{} session=4711", method.name()));
        }
    }
}

#[test]
fn each_refusal_has_its_reason_in_the_trail() {
    let check = |name: &str, password: &str, wants: [Reason; 4]| {
        for (method, want) in METHODS.into_iter().zip(wants) {
            let fixture = fixture(KRISTEN);
            if name == LOCKED {
                let secrets = secrets(&password_of(LOCKED), &mut fixture.rng());
                let change = UserChange::Password(secrets.into());
                ready(fixture.identity.change_user(LOCKED, change, &Actor::Operator, &context(), NOW)).unwrap();
                fixture.memory().forget();
            }
            let result = login(&fixture, method, name, password);
            assert_eq!(outcome(&fixture, result), Some(want), "{method:?} {name:?}");
        }
    };
    let all = |reason| [reason, reason, reason, Reason::Foreign];
    check("nobody", "guess", all(Reason::UnknownUser));
    check("%operator", "guess", all(Reason::UnknownUser));
    check(&"x".repeat(1_000), "guess", all(Reason::UnknownUser));
    check(ZOE, "guess", all(Reason::WrongProof));
    check(LOCKED, &password_of(LOCKED), all(Reason::UserDisabled));
    check(LOCKED, "guess", all(Reason::UserDisabled));
    // The first user has no password; its proofs are checked against stand-ins.
    check("admin", "guess", all(Reason::NoSecret));
}

#[test]
fn a_password_that_was_set_for_tickets_alone_is_no_secret_for_proofs() {
    let fixture = Fixture::new();
    let change = UserChange::Password(PasswordHash::from_stored("new".into()).into());
    ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
    fixture.memory().forget();
    for method in [Method::Wampcra, Method::Scram(Dialect::Specification)] {
        for password in ["new", &password_of(KRISTEN)] {
            let result = login(&fixture, method, KRISTEN, password);
            assert_eq!(outcome(&fixture, result), Some(Reason::NoSecret), "{method:?}");
        }
    }
}

#[test]
fn a_key_alone_says_whose_it_is() {
    let fixture = fixture(KRISTEN);
    let session = login(&fixture, Method::Cryptosign, "", "").unwrap();
    assert_eq!(session.user().login.as_str(), KRISTEN);
    assert_eq!(outcome(&fixture, Ok(session)), None);
    // Nobody's key, with and without a name; and a signature of another key.
    for (name, key, want) in [
        ("", 2, Reason::UnknownKey),
        (KRISTEN, 2, Reason::UnknownKey),
        ("nobody", 2, Reason::UnknownKey),
        (TRUST, KEY, Reason::Foreign),
    ] {
        let result = login_while(&fixture, Method::Cryptosign, name, "", key, || {});
        assert_eq!(outcome(&fixture, result), Some(want), "{name:?}");
    }
    let hex = prover::public_key(2).to_hex();
    ready(fixture.identity.add_user_key(KRISTEN, &hex, "", &Actor::Operator, &context(), NOW)).unwrap();
    let result = login_while(&fixture, Method::Cryptosign, KRISTEN, "", 2, || {});
    assert_eq!(outcome(&fixture, result), Some(Reason::WrongProof));
}

#[test]
fn the_owner_of_an_unknown_key_can_not_pass_for_a_user_in_the_trail() {
    let fixture = Fixture::new();
    let result = login(&fixture, Method::Cryptosign, "", "");
    assert!(result.is_err());
    let row = &fixture.take_trail()[0];
    assert_eq!(row.actor, Actor::Anonymous.name());
    assert_eq!(row.target, format!("%{}", prover::public_key(KEY).to_hex()));
}

#[test]
fn what_changes_between_challenge_and_answer_counts() {
    #[track_caller]
    fn check(method: Method, meddle: impl Fn(&Fixture), want: Option<Reason>) {
        let fixture = fixture(KRISTEN);
        let result = login_while(&fixture, method, KRISTEN, &password_of(KRISTEN), KEY, || meddle(&fixture));
        assert_eq!(outcome(&fixture, result), want, "{method:?}");
    }
    let change = |fixture: &Fixture, change| {
        ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
    };
    for method in METHODS {
        let gone = if method == Method::Cryptosign { None } else { Some(Reason::WrongProof) };
        check(method, |_| {}, None);
        check(method, |fixture| change(fixture, UserChange::Enabled(false)), Some(Reason::UserDisabled));
        check(method, |fixture| change(fixture, UserChange::Delete), Some(Reason::UnknownUser));
        let again = |fixture: &Fixture| {
            change(fixture, UserChange::Password(secrets(&password_of(KRISTEN), &mut fixture.rng()).into()));
        };
        check(method, again, gone);
    }
    let remove = |fixture: &Fixture| {
        let hex = prover::public_key(KEY).to_hex();
        ready(fixture.identity.remove_user_key(KRISTEN, &hex, &Actor::Operator, &context(), NOW)).unwrap();
    };
    check(Method::Cryptosign, remove, Some(Reason::UnknownKey));
}

#[test]
fn a_proof_is_good_for_its_own_challenge_only() {
    let fixture = fixture(KRISTEN);
    let (identity, context, rng) = (&fixture.identity, context(), &mut fixture.rng());
    let claim = Claim { login: KRISTEN, context: &context, session: "4711", code: None, purpose: Purpose::Session };
    let scram = |rng: &mut _| ready(identity.challenge_scram(first(KRISTEN, Dialect::Specification), rng)).unwrap();
    let (one, other) = (scram(rng), scram(rng));
    let nonce = one.exchange().nonce().to_owned();
    assert_ne!(nonce, other.exchange().nonce());
    let first = first(KRISTEN, Dialect::Specification);
    let proof = prover::scram(&password_of(KRISTEN), &first, &nonce, one.verifier());
    let answer = ClientFinal { proof: &proof, nonce: Some(&nonce), ..ClientFinal::default() };
    let replayed = ready(identity.login_by_scram(other, &answer, &claim, NOW)).0;
    assert_eq!(outcome(&fixture, replayed), Some(Reason::WrongProof));

    let cryptosign =
        |rng: &mut _| ready(identity.challenge_cryptosign(KRISTEN, prover::public_key(KEY), None, rng)).unwrap();
    let (one, other) = (cryptosign(rng), cryptosign(rng));
    let answer = prover::cryptosign(KEY, &one.to_hex(), None);
    let replayed = ready(identity.login_by_cryptosign(other, &answer, &claim, NOW));
    assert_eq!(outcome(&fixture, replayed), Some(Reason::WrongProof));

    let challenge = ready(identity.challenge_wampcra(KRISTEN)).unwrap();
    let password = password_of(KRISTEN);
    let signature = prover::wampcra(&password, challenge.salt(), challenge.iterations(), "another text");
    let replayed = ready(identity.login_by_wampcra(challenge, TEXT, &signature, &claim, NOW));
    assert_eq!(outcome(&fixture, replayed), Some(Reason::WrongProof));
}

#[test]
fn another_channel_is_a_reason_of_its_own() {
    let fixture = fixture(KRISTEN);
    let (identity, context, rng) = (&fixture.identity, context(), &mut fixture.rng());
    let claim = Claim { login: KRISTEN, context: &context, session: "4711", code: None, purpose: Purpose::Session };
    let (mine, other) = (ChannelId::new([1; 32]), ChannelId::new([2; 32]));
    let first = ClientFirst { channel: Some(mine), ..first(KRISTEN, Dialect::Specification) };
    let challenge = ready(identity.challenge_scram(first.clone(), rng)).unwrap();
    let nonce = challenge.exchange().nonce().to_owned();
    let proof = prover::scram(&password_of(KRISTEN), &first, &nonce, challenge.verifier());
    let answer = ClientFinal { proof: &proof, nonce: Some(&nonce), ..ClientFinal::default() };
    let result = ready(identity.login_by_scram(challenge, &answer, &claim, NOW)).0;
    assert_eq!(outcome(&fixture, result), Some(Reason::WrongChannel));
    for (at_client, want) in
        [(Some(&mine), None), (Some(&other), Some(Reason::WrongProof)), (None, Some(Reason::WrongProof))]
    {
        let key = prover::public_key(KEY);
        let challenge = ready(identity.challenge_cryptosign(KRISTEN, key, Some(mine), rng)).unwrap();
        let answer = prover::cryptosign(KEY, &challenge.to_hex(), at_client);
        let result = ready(identity.login_by_cryptosign(challenge, &answer, &claim, NOW));
        assert_eq!(outcome(&fixture, result), want);
    }
}

#[test]
fn a_challenge_does_not_tell_who_exists() {
    let fixture = Fixture::new();
    let scram = |login: &str| {
        let first = first(login, Dialect::Specification);
        let challenge = ready(fixture.identity.challenge_scram(first, &mut fixture.rng())).unwrap();
        (challenge.verifier().salt, challenge.verifier().kdf)
    };
    let wampcra = |login: &str| {
        let challenge = ready(fixture.identity.challenge_wampcra(login)).unwrap();
        (challenge.salt().to_owned(), challenge.iterations())
    };
    // "admin" exists and has no secret, "nobody" doesn't.
    for name in [KRISTEN, "admin", "nobody", "%nobody", ""] {
        assert_eq!(scram(name), scram(name), "{name:?}");
        assert_eq!(wampcra(name), wampcra(name), "{name:?}");
        assert_eq!(scram(name).1, scram(KRISTEN).1);
        assert_eq!(wampcra(name).1, wampcra(KRISTEN).1);
        assert_eq!(wampcra(name).0.len(), wampcra(KRISTEN).0.len());
    }
    assert_eq!(scram("Nobody"), scram("nobody"));
    assert_ne!(scram("nobody").0, scram("nobody2").0);
    assert_ne!(wampcra("nobody").0, wampcra("nobody2").0);
}

#[test]
fn every_challenge_costs_one_look_up_and_every_refusal_one_row() {
    for method in METHODS {
        for name in [KRISTEN, "admin", LOCKED, "nobody"] {
            let fixture = fixture(ZOE);
            let result = login(&fixture, method, name, "guess");
            assert!(result.is_err());
            let executed = fixture.memory().executed();
            let look_up = match method {
                Method::Wampcra => "FindSharedKey",
                Method::Scram(_) => "FindVerifier",
                Method::Cryptosign => "FindKeyOwner",
            };
            assert_eq!(executed, [look_up, "RecordAudit"], "{method:?} {name}");
        }
    }
}

#[test]
fn no_fault_of_storage_opens_a_session_without_a_row() {
    for method in METHODS {
        // A proof that is made of the password has the second factor looked up before the login is accepted.
        let last = if method == Method::Cryptosign { 1 } else { 2 };
        for (at, commits) in [(0, false), (1, false), (last, false), (last, true)] {
            let fixture = fixture(KRISTEN);
            fixture.memory().fail(Some(Fault { at, commits }));
            let result = login(&fixture, method, KRISTEN, &password_of(KRISTEN));
            assert!(matches!(result, Err(LoginError::Storage(_))), "{method:?} {at}: {result:?}");
            assert_eq!(fixture.take_trail().len(), usize::from(commits));
        }
    }
}

#[test]
fn a_server_without_wampcra_keeps_no_key_for_it() {
    let context = RequestContext::new("c", PeerAddress::Local, "", "cli");
    let fixture = Fixture::new();
    let mut secrets = secrets("pw", &mut fixture.rng());
    secrets.proofs.wampcra = None;
    let rng = &mut fixture.rng();
    ready(fixture.identity.create_user("ann", "frontend", Some(secrets), &Actor::Operator, &context, NOW, rng))
        .unwrap();
    let found =
        ready(crate::repository::Run::run(fixture.memory(), FindSharedKey { login: LoginName::parse("ann").unwrap() }));
    assert!(matches!(found, Ok(Some((_, None)))));
}
