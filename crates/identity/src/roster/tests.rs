use super::*;
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, ready};

const LIMITS: RosterLimits = Fixture::ROSTERS;
type Wish = Result<RosterWish, VisibilityError>;

const ROSTER: &str = "roster.lights";

/// What is to be said, and to whom.
#[expect(clippy::unnecessary_wraps, reason = "what takes it takes what could not be read as well")]
fn wish(data: &str, visibility: Visibility) -> Wish {
    Wish::Ok(RosterWish { visibility, data: Secret::new(data) })
}

fn roles(names: &[&str]) -> Visibility {
    Visibility::Many(names.iter().map(|name| (*name).to_owned()).collect())
}

struct User<'a> {
    fixture: &'a Fixture,
    session: u64,
    actor: Actor,
}

impl User<'_> {
    fn register(&self, name: &str, wish: Wish) -> Result<RosterEntry, String> {
        self.register_with(name, wish, Ok(()))
    }

    fn register_with(&self, name: &str, wish: Wish, right: Result<(), String>) -> Result<RosterEntry, String> {
        let (context, rng) = (context(), &mut self.fixture.rng());
        let user = RosterUser { session: self.session, actor: &self.actor, context: &context };
        let identity = &self.fixture.identity;
        ready(identity.register_in_roster(user, name, wish, right, NOW, rng)).map_err(|error| error.to_string())
    }

    fn unregister(&self, name: &str, right: Result<(), String>) -> Result<bool, String> {
        let context = context();
        let user = RosterUser { session: self.session, actor: &self.actor, context: &context };
        let identity = &self.fixture.identity;
        ready(identity.unregister_from_roster(user, name, right, NOW)).map_err(|error| error.to_string())
    }

    /// What it sees of the roster, with this role.
    fn sees(&self, role: &str) -> Vec<String> {
        let entries = ready(self.fixture.identity.roster(ROSTER, &self.actor, role, Ok(()))).unwrap();
        entries.iter().map(|entry| entry.data.expose().to_owned()).collect()
    }
}

fn user<'a>(fixture: &'a Fixture, session: u64, login: &str) -> User<'a> {
    User { fixture, session, actor: fixture.actor(login) }
}

#[test]
fn an_entry_is_seen_by_the_roles_that_it_names() {
    let fixture = Fixture::new();
    let (kristen, zoe, boss) = (user(&fixture, 1, KRISTEN), user(&fixture, 2, ZOE), user(&fixture, 3, TRUST));
    let nobody = User { fixture: &fixture, session: 4, actor: Actor::Anonymous };
    for (visibility, seen_by) in [
        (Visibility::everybody(), ["frontend", "backend", "public"].as_slice()),
        (Visibility::One("frontend".into()), &["frontend"]),
        (Visibility::One("front".into()), &[]),
        (roles(&["backend", "public"]), &["backend", "public"]),
        (roles(&["nothing", "*"]), &["frontend", "backend", "public"]),
    ] {
        let entry = kristen.register(ROSTER, wish("1", visibility.clone())).unwrap();
        assert_eq!((entry.visibility.clone(), entry.key()), (visibility, "1_roster.lights".to_owned()));
        for (who, role) in [(&kristen, "frontend"), (&zoe, "backend"), (&nobody, "public")] {
            assert_eq!(!who.sees(role).is_empty(), seen_by.contains(&role), "{entry:?} {role}");
        }
        assert_eq!(boss.sees("trust"), ["1"]);
    }
}

#[test]
fn registering_again_changes_what_is_said_and_to_whom() {
    let fixture = Fixture::new();
    let (kristen, zoe) = (user(&fixture, 1, KRISTEN), user(&fixture, 2, KRISTEN));
    let first = kristen.register(ROSTER, wish("1", Visibility::everybody())).unwrap();
    let second = kristen.register(ROSTER, wish("2", roles(&["backend"]))).unwrap();
    assert_eq!((second.id, second.visibility), (first.id, roles(&["backend"])));
    assert_eq!(kristen.sees("frontend"), Vec::<String>::new());
    assert_eq!(kristen.sees("backend"), ["2"]);
    // Each session has its own.
    zoe.register(ROSTER, wish("3", Visibility::everybody())).unwrap();
    let mut seen = kristen.sees("backend");
    seen.sort();
    assert_eq!(seen, ["2", "3"]);
}

#[test]
fn unregistering_answers_whether_there_was_anything() {
    let fixture = Fixture::new();
    let (kristen, zoe) = (user(&fixture, 1, KRISTEN), user(&fixture, 2, ZOE));
    kristen.register(ROSTER, wish("1", Visibility::everybody())).unwrap();
    fixture.memory().forget();
    assert_eq!(zoe.unregister(ROSTER, Ok(())), Ok(false));
    assert_eq!(kristen.unregister(ROSTER, Ok(())), Ok(true));
    assert_eq!(kristen.unregister(ROSTER, Ok(())), Ok(false));
    assert_eq!(kristen.unregister(ROSTER, Err("no right".into())), Err("no right".into()));
    let reasons: Vec<_> = fixture.take_rows().into_iter().map(|row| (row.0, row.2, row.3)).collect();
    let row = |reason| ("roster.unregister", ROSTER.to_owned(), reason);
    let missing = || row(Some(Reason::NotFound));
    assert_eq!(reasons, [missing(), row(None), missing(), row(Some(Reason::NotAllowed))]);
}

#[test]
fn refuses_what_is_no_entry() {
    let fixture = Fixture::new();
    let kristen = user(&fixture, 1, KRISTEN);
    let long = |bytes: usize| "1".repeat(bytes);
    let names = |count: usize, bytes: usize| Visibility::Many(vec!["r".repeat(bytes); count]);
    let all = Visibility::everybody;
    let check = |name: &str, wish: Wish, part: Option<&str>| {
        fixture.memory().forget();
        let got = kristen.register(name, wish);
        match part {
            None => assert!(got.is_ok(), "{got:?}"),
            Some(part) => assert!(got.as_ref().is_err_and(|text| text.contains(part)), "{got:?}"),
        }
        let refused = part.map(|_| Reason::BadRequest);
        assert_eq!(fixture.take_rows()[0].3, refused);
        kristen.unregister(name, Ok(())).ok();
    };
    check(&long(RosterName::BYTES_MAX), wish("1", all()), None);
    check(&long(RosterName::BYTES_MAX + 1), wish("1", all()), Some("1024 bytes"));
    check("", wish("1", all()), Some("1 to"));
    check("a\nb", wish("1", all()), Some("control"));
    check(ROSTER, wish(&long(LIMITS.data_bytes_max), all()), None);
    check(ROSTER, wish(&long(LIMITS.data_bytes_max + 1), all()), Some("at most 20 bytes"));
    check(ROSTER, Err(VisibilityError), Some("visibility"));
    check(ROSTER, wish("1", Visibility::One(String::new())), Some("visibility"));
    check(ROSTER, wish("1", roles(&[])), Some("visibility"));
    check(ROSTER, wish("1", roles(&["a", "\0"])), Some("visibility"));
    check(ROSTER, wish("1", names(1, VISIBILITY_NAME_BYTES_MAX + 1)), Some("visibility"));
    assert!(names(VISIBILITY_NAMES_MAX, VISIBILITY_NAME_BYTES_MAX).checked().is_ok());
    assert!(names(VISIBILITY_NAMES_MAX + 1, 1).checked().is_err());
    let denied = kristen.register_with(ROSTER, wish("1", all()), Err("no right".into()));
    assert_eq!(denied, Err("no right".into()));
}

#[test]
fn keeps_to_the_limits() {
    let fixture = Fixture::new();
    let (kristen, zoe) = (user(&fixture, 1, KRISTEN), user(&fixture, 2, ZOE));
    let all = |data: &str| wish(data, Visibility::everybody());
    kristen.register("a", all("1")).unwrap();
    kristen.register("b", all("1")).unwrap();
    assert!(kristen.register("c", all("1")).unwrap_err().contains("a session has at most 2"));
    kristen.register("b", all("2")).unwrap();
    zoe.register("a", all("1")).unwrap();
    assert!(zoe.register("b", all("1")).unwrap_err().contains("there are 3 entries"));
    let (long, longer) = ("1".repeat(18), "1".repeat(19));
    zoe.register("a", all(&long)).unwrap();
    assert!(kristen.register("b", all(&longer)).unwrap_err().contains("at most 40 bytes together"));
    let reason = fixture.take_rows().last().unwrap().3;
    assert_eq!(reason, Some(Reason::TooMany));
}

#[test]
fn what_is_gone_takes_its_entries_along() {
    let fixture = Fixture::new();
    let (kristen, zoe) = (user(&fixture, 1, KRISTEN), user(&fixture, 2, ZOE));
    for who in [&kristen, &zoe] {
        who.register(ROSTER, wish("1", Visibility::everybody())).unwrap();
    }
    let clear = |sessions| ready(fixture.identity.clear_rosters(sessions)).unwrap();
    assert_eq!(clear(Some(vec![1, 7])), 1);
    assert_eq!(kristen.sees("frontend").len(), 1);
    assert_eq!(clear(None), 1);
    assert_eq!(kristen.sees("frontend").len(), 0);
}
