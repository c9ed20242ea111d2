//! Attributes, with time as a value.

use super::*;
use crate::sign_on::{SignIn, SignedIn};
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, password_of, ready};

fn sign_in(fixture: &Fixture, login: &str) -> SignedIn {
    let (password, context) = (Secret::new(password_of(login)), context());
    let given = SignIn {
        username: login,
        password: &password,
        code: None,
        new_password: None,
        is_allowed_application: true,
        context: &context,
    };
    ready(fixture.identity.sign_in(&given, &fixture.pool, NOW, &mut fixture.rng())).unwrap()
}

fn caller(fixture: &Fixture, login: &str) -> Caller {
    ready(fixture.identity.caller(&sign_in(fixture, login).token, NOW)).unwrap()
}

fn after(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

fn wish(name: &str, value: &str) -> AttributeWish {
    AttributeWish { name: name.to_owned(), value: Some(Secret::new(value)), expiration: None, seals: false }
}

const OWN: AttributesOf<'static> = AttributesOf::User(None);

/// Somebody who does something with attributes at a time.
struct Check<'a> {
    fixture: &'a Fixture,
    caller: Caller,
    now: Timestamp,
}

impl<'a> Check<'a> {
    fn of(fixture: &'a Fixture, login: &str) -> Self {
        Self { fixture, caller: caller(fixture, login), now: NOW }
    }

    fn change(
        &self,
        of: AttributesOf<'_>,
        verb: AttributeVerb,
        wishes: Vec<AttributeWish>,
    ) -> Result<(), AttributeError> {
        let change = AttributeChange { of, verb, wishes: Some(wishes) };
        ready(self.fixture.identity.change_attributes(&self.caller, change, &context(), self.now))
    }

    fn create(&self, name: &str, value: &str) -> Result<(), AttributeError> {
        self.change(OWN, AttributeVerb::Create, vec![wish(name, value)])
    }

    /// Name, value and seal of what is found.
    fn get(&self, of: AttributesOf<'_>, names: &[&str], opens: bool) -> Vec<(String, Option<String>, bool)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = ready(self.fixture.identity.attributes(&self.caller, of, &names, opens, self.now)).unwrap();
        let short = |one: Attribute| {
            (one.name.as_str().to_owned(), one.value.map(|value| value.expose().to_owned()), one.is_sealed)
        };
        found.into_iter().map(short).collect()
    }

    fn names(&self, of: AttributesOf<'_>) -> Result<Vec<String>, AttributeError> {
        let names = ready(self.fixture.identity.attribute_names(&self.caller, of, self.now))?;
        Ok(names.iter().map(|name| name.as_str().to_owned()).collect())
    }

    #[track_caller]
    fn bad(&self, wishes: Vec<AttributeWish>, want: &str) {
        let error = self.change(OWN, AttributeVerb::Create, wishes).unwrap_err();
        assert!(format!("{error:?}").starts_with(want), "{error:?}");
    }
}

#[test]
fn what_was_created_is_found_changed_and_removed() {
    let fixture = Fixture::new();
    let me = Check::of(&fixture, KRISTEN);
    me.create("b", "1").unwrap();
    me.change(OWN, AttributeVerb::Set, vec![wish("a", "[]"), wish("b", "2")]).unwrap();
    me.change(OWN, AttributeVerb::Update, vec![wish("a", "{}"), wish("c", "3")]).unwrap();
    let all = [("a".into(), Some("{}".into()), false), ("b".into(), Some("2".into()), false)];
    assert_eq!(me.get(OWN, &["b", "a", "c"], false), all);
    assert_eq!(me.names(OWN).unwrap(), ["a", "b"]);
    me.change(OWN, AttributeVerb::Delete, vec![wish("a", ""), wish("c", "")]).unwrap();
    assert_eq!(me.names(OWN).unwrap(), ["b"]);
}

#[test]
fn a_batch_of_which_one_is_there_creates_none() {
    let fixture = Fixture::new();
    let me = Check::of(&fixture, KRISTEN);
    me.create("a", "1").unwrap();
    let batch = vec![wish("b", "2"), wish("a", "3")];
    assert!(matches!(me.change(OWN, AttributeVerb::Create, batch), Err(AttributeError::Exists)));
    assert_eq!(me.get(OWN, &["a", "b"], false), [("a".into(), Some("1".into()), false)]);
}

#[test]
fn an_attribute_is_gone_after_its_time_and_can_be_made_again_at_once() {
    let fixture = Fixture::new();
    let mut me = Check::of(&fixture, KRISTEN);
    let short = AttributeWish { expiration: Some(60), ..wish("a", "1") };
    me.change(OWN, AttributeVerb::Create, vec![short]).unwrap();
    me.now = after(60);
    assert_eq!(me.names(OWN).unwrap(), ["a"]);
    assert!(matches!(me.create("a", "2"), Err(AttributeError::Exists)));
    me.now = Timestamp::from_micros(after(60).micros() + 1);
    assert!(me.names(OWN).unwrap().is_empty() && me.get(OWN, &["a"], true).is_empty());
    me.change(OWN, AttributeVerb::Update, vec![wish("a", "3")]).unwrap();
    assert!(me.names(OWN).unwrap().is_empty());
    me.create("a", "2").unwrap();
    me.now = after(1_000_000);
    assert_eq!(me.names(OWN).unwrap(), ["a"]);
}

#[test]
fn the_end_alone_can_be_changed() {
    let fixture = Fixture::new();
    let mut me = Check::of(&fixture, KRISTEN);
    me.create("a", "1").unwrap();
    let expire = |seconds| AttributeWish { value: None, expiration: seconds, ..wish("a", "") };
    me.change(OWN, AttributeVerb::Expire, vec![expire(Some(60))]).unwrap();
    // A new value leaves the end as it is.
    me.change(OWN, AttributeVerb::Update, vec![wish("a", "2")]).unwrap();
    me.now = after(61);
    assert!(me.names(OWN).unwrap().is_empty());
    me.now = after(60);
    me.change(OWN, AttributeVerb::Expire, vec![expire(None)]).unwrap();
    me.now = after(61);
    assert_eq!(me.get(OWN, &["a"], false), [("a".into(), Some("2".into()), false)]);
    me.change(OWN, AttributeVerb::Expire, vec![AttributeWish { name: "b".into(), ..expire(None) }]).unwrap();
    assert_eq!(me.names(OWN).unwrap(), ["a"]);
}

#[test]
fn what_is_sealed_is_shown_on_demand_and_stays_sealed() {
    let fixture = Fixture::new();
    let me = Check::of(&fixture, KRISTEN);
    let set = |seals, value| me.change(OWN, AttributeVerb::Set, vec![AttributeWish { seals, ..wish("a", value) }]);
    set(true, "1").unwrap();
    assert_eq!(me.get(OWN, &["a"], false), [("a".into(), None, true)]);
    assert_eq!(me.get(OWN, &["a"], true), [("a".into(), Some("1".into()), true)]);
    set(false, "2").unwrap();
    assert_eq!(me.get(OWN, &["a"], true), [("a".into(), Some("2".into()), true)]);
    me.change(OWN, AttributeVerb::Delete, vec![wish("a", "")]).unwrap();
    set(false, "3").unwrap();
    assert_eq!(me.get(OWN, &["a"], false), [("a".into(), Some("3".into()), false)]);
}

#[test]
fn people_use_their_own_attributes_and_super_users_everybodys() {
    let fixture = Fixture::new();
    let (kristen, boss) = (Check::of(&fixture, KRISTEN), Check::of(&fixture, TRUST));
    let (own, zoe) = (fixture.user(KRISTEN).id.to_sign_on(), fixture.user(ZOE).id.to_sign_on());
    let of_zoe = AttributesOf::User(Some(&zoe));
    for of in [AttributesOf::User(Some(&own)), AttributesOf::User(Some(""))] {
        kristen.change(of, AttributeVerb::Set, vec![wish("a", "1")]).unwrap();
        assert_eq!(kristen.names(of).unwrap(), ["a"]);
    }
    let set = |who: &Check<'_>, of| who.change(of, AttributeVerb::Set, vec![wish("a", "1")]);
    boss.create("own", "1").unwrap();
    set(&boss, of_zoe).unwrap();
    assert_eq!(boss.names(of_zoe).unwrap(), ["a"]);
    // Whether there is such a user makes no difference to who may not know.
    for of in [of_zoe, AttributesOf::User(Some("zusr1")), AttributesOf::User(Some("nonsense"))] {
        assert!(matches!(set(&kristen, of), Err(AttributeError::NotAllowed)));
        assert!(matches!(kristen.names(of), Err(AttributeError::NotAllowed)));
        let read = ready(fixture.identity.attributes(&kristen.caller, of, &["a".into()], true, NOW));
        assert!(matches!(read, Err(AttributeError::NotAllowed)));
    }
    for of in [AttributesOf::User(Some("zusr1")), AttributesOf::User(Some("nonsense"))] {
        assert!(matches!(set(&boss, of), Err(AttributeError::NoSuchUser)));
        assert!(matches!(boss.names(of), Err(AttributeError::NoSuchUser)));
    }
}

#[test]
fn attributes_of_a_session_are_its_users_and_end_with_it() {
    let fixture = Fixture::new();
    let (kristen, zoe, boss) = (Check::of(&fixture, KRISTEN), Check::of(&fixture, ZOE), Check::of(&fixture, TRUST));
    let target = sign_in(&fixture, KRISTEN);
    let of = AttributesOf::Session(&target.token);
    for who in [&kristen, &boss] {
        who.change(of, AttributeVerb::Set, vec![wish("a", "1")]).unwrap();
        assert_eq!(who.names(of).unwrap(), ["a"]);
    }
    assert!(kristen.names(OWN).unwrap().is_empty(), "a user and a session share no attributes");
    assert!(matches!(zoe.names(of), Err(AttributeError::NotAllowed)));
    let ending = ready(fixture.identity.caller(&target.token, NOW)).unwrap();
    ready(fixture.identity.sign_out(&ending, &context(), NOW)).unwrap();
    for who in [&kristen, &boss] {
        let set = who.change(of, AttributeVerb::Set, vec![wish("a", "1")]);
        assert!(matches!(set, Err(AttributeError::Session(CallerError::NoSuchSession))));
        assert!(matches!(who.names(of), Err(AttributeError::Session(CallerError::NoSuchSession))));
    }
}

#[test]
fn refuses_what_is_beyond_a_limit_and_takes_what_is_at_it() {
    let fixture = Fixture::new();
    let me = Check::of(&fixture, KRISTEN);
    let batch = |from: usize, count: usize| (from..from + count).map(|n| wish(&format!("n{n}"), "1")).collect();
    me.bad(vec![], "Count");
    me.bad(batch(0, 101), "Count");
    for ten in 0..10 {
        me.change(OWN, AttributeVerb::Create, batch(ten * 100, 100)).unwrap();
    }
    me.bad(batch(1_000, 1), "TooMany");
    let set = me.change(OWN, AttributeVerb::Set, batch(999, 2));
    assert!(matches!(set, Err(AttributeError::TooMany)));
    me.change(OWN, AttributeVerb::Set, batch(900, 100)).unwrap();
    let me = Check::of(&fixture, ZOE);
    me.bad(vec![wish("", "1")], "Name");
    me.bad(vec![wish("a\nb", "1")], "Name");
    me.bad(vec![wish(&"é".repeat(192), "1")], "Name");
    me.create(&"é".repeat(191), "1").unwrap();
    me.bad(vec![wish("a", &"1".repeat(VALUE_BYTES_MAX + 1))], "ValueTooLong");
    me.create("long", &"1".repeat(VALUE_BYTES_MAX)).unwrap();
    let lasting = |name, seconds| vec![AttributeWish { expiration: Some(seconds), ..wish(name, "1") }];
    me.bad(lasting("a", 0), "Expiration");
    me.bad(lasting("a", EXPIRATION_SECONDS_MAX + 1), "Expiration");
    me.change(OWN, AttributeVerb::Create, lasting("lasting", EXPIRATION_SECONDS_MAX)).unwrap();
    me.bad(vec![AttributeWish { value: None, ..wish("a", "") }], "NoValue");
    me.bad(vec![wish("a", "1"), wish("a", "1")], "Repeated");
    assert_eq!(me.names(OWN).unwrap().len(), 3);
}

#[test]
fn every_change_leaves_one_row_without_the_values() {
    let fixture = Fixture::new();
    let me = Check::of(&fixture, KRISTEN);
    let zoe = fixture.user(ZOE).id.to_sign_on();
    fixture.memory().forget();
    me.change(OWN, AttributeVerb::Create, vec![wish("a", "\"hush\""), wish("b", "\"hush\"")]).unwrap();
    let _ = me.create("a", "\"hush\"");
    let _ = me.change(AttributesOf::User(Some(&zoe)), AttributeVerb::Delete, vec![wish("a", "\"hush\"")]);
    let change = AttributeChange { of: OWN, verb: AttributeVerb::Set, wishes: None };
    let unreadable = ready(fixture.identity.change_attributes(&me.caller, change, &context(), NOW));
    assert!(matches!(unreadable, Err(AttributeError::Unreadable)));
    let _ = me.names(OWN);
    let trail = fixture.take_trail();
    assert!(!format!("{trail:?}").contains("hush"));
    let short: Vec<_> = trail.iter().map(|row| (row.operation.name(), row.target.as_str(), row.reason)).collect();
    let want = [
        ("attr.create", KRISTEN, None),
        ("attr.create", KRISTEN, Some(Reason::Exists)),
        ("attr.delete", zoe.as_str(), Some(Reason::NotAllowed)),
        ("attr.set", KRISTEN, Some(Reason::BadRequest)),
    ];
    assert_eq!(short, want);
    assert!(trail[0].detail.contains("names=a,b session="), "{}", trail[0].detail);
}

#[test]
fn what_is_over_is_reaped() {
    let fixture = Fixture::new();
    let me = Check::of(&fixture, KRISTEN);
    let short = AttributeWish { expiration: Some(60), ..wish("a", "1") };
    me.change(OWN, AttributeVerb::Create, vec![short, wish("b", "1")]).unwrap();
    assert_eq!(ready(fixture.identity.reap_attributes(after(60))).unwrap(), 0);
    assert_eq!(ready(fixture.identity.reap_attributes(after(61))).unwrap(), 1);
}
