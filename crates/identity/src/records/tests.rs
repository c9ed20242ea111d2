//! Filters as callers write them, what they mean, and who may make queries.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::entry::Entry as _;
use super::*;
use crate::Actor;
use crate::testing::{Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, ready};

fn text(text: &str) -> Input {
    Input::Text(text.to_owned())
}

fn list(items: impl IntoIterator<Item = Input>) -> Input {
    Input::List(items.into_iter().collect())
}

fn is(field: &str, operator: &str, value: Input) -> Input {
    list([text(field), text(operator), value])
}

fn joined(combiner: &str, filters: impl IntoIterator<Item = Input>) -> Input {
    list([text(combiner), list(filters)])
}

fn request(collection: &str, conditions: Input) -> QueryRequest {
    QueryRequest {
        collection: collection.to_owned(),
        conditions,
        sort: Input::Null,
        limit: Input::Null,
        page_index: Input::Null,
    }
}

fn query(fixture: &Fixture, actor: &Actor, request: &QueryRequest) -> Result<Page, String> {
    ready(fixture.identity.query_records(request, actor, NOW)).map_err(|error| error.to_string())
}

fn logins(page: &Page) -> Vec<String> {
    match &page.records {
        Records::Users(users) => users.iter().map(|user| user.record.user.login.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

/// Users whom the operator finds.
#[track_caller]
fn check(conditions: Input, want: &[&str]) {
    let fixture = Fixture::new();
    let shown = format!("{conditions:?}");
    let page = query(&fixture, &Actor::Operator, &request("users", conditions)).unwrap();
    assert_eq!(logins(&page), want, "{shown}");
    assert_eq!((page.hits, page.pages), (want.len() as u64, 0), "{shown}");
}

/// What is wrong with a filter on users.
#[track_caller]
fn refused(conditions: Input, why: &str) {
    let error = query(&Fixture::new(), &Actor::Operator, &request("users", conditions)).unwrap_err();
    assert!(error.contains(why), "{error}");
}

const ALL: [&str; 5] = ["admin", TRUST, KRISTEN, LOCKED, ZOE];

#[test]
fn each_operator_means_what_it_says() {
    let login = |operator: &str, value| is("login", operator, value);
    check(login("=", text(ZOE)), &[ZOE]);
    check(login("!=", text(ZOE)), &["admin", TRUST, KRISTEN, LOCKED]);
    check(login("in", list([text(ZOE), text(TRUST), Input::Int(5)])), &[TRUST, ZOE]);
    check(login("not in", list([text(ZOE), text(TRUST)])), &["admin", KRISTEN, LOCKED]);
    check(login("<", text(KRISTEN)), &["admin", TRUST]);
    check(login("<=", text(KRISTEN)), &["admin", TRUST, KRISTEN]);
    check(login(">", text(KRISTEN)), &[LOCKED, ZOE]);
    check(login(">=", text(KRISTEN)), &[KRISTEN, LOCKED, ZOE]);
    check(login("like", text("o")), &[TRUST, LOCKED, ZOE]);
    check(login("like", text("O")), &[]);
    check(login("has", text("ss")), &[TRUST]);
    check(login("not like", text("o")), &["admin", KRISTEN]);
    check(login("ilike", text("OS")), &[TRUST]);
    check(login("not ilike", text("O")), &["admin", KRISTEN]);
    check(is("enabled", "=", Input::Truth(false)), &[LOCKED]);
    check(is("enabled", "is", Input::Truth(false)), &[LOCKED]);
    check(is("enabled", "is not", Input::Truth(true)), &[LOCKED]);
    check(is("enabled", "=", Input::Int(0)), &[LOCKED]);
    check(is("source", "=", text("local")), &ALL);
    check(is("owner", "!=", text("%root")), &[]);
}

#[test]
fn combiners_nest_and_nothing_asks_for_nothing() {
    let login = |value: &str| is("login", "=", text(value));
    check(Input::Null, &ALL);
    check(list([]), &ALL);
    check(
        joined("or", [login(ZOE), joined("AND", [login(TRUST), is("enabled", "=", Input::Truth(true))])]),
        &[TRUST, ZOE],
    );
    check(joined("NOT", [login(ZOE), login(TRUST)]), &ALL);
    check(joined("Nor", [login(ZOE), login(TRUST)]), &["admin", KRISTEN, LOCKED]);
    check(joined("AND", []), &ALL);
    check(joined("OR", []), &[]);
    check(joined("NOT", []), &[]);
    check(joined("NOR", []), &ALL);
    check(joined("AND", [Input::Null, list([]), login(ZOE)]), &[ZOE]);
}

#[test]
fn filters_in_a_list_have_to_hold_all() {
    let login = |operator: &str, value| is("login", operator, value);
    check(list([login("=", text(ZOE))]), &[ZOE]);
    check(list([login("like", text("o")), is("enabled", "=", Input::Truth(true))]), &[TRUST, ZOE]);
    check(list([login("=", text(ZOE)), login("=", text(TRUST))]), &[]);
    let either = joined("OR", [login("=", text(ZOE)), login("=", text(KRISTEN))]);
    check(list([either, list([]), login("like", text("o"))]), &[ZOE]);
    check(list([list([]), list([])]), &ALL);
    // Only the outermost list is one of filters.
    refused(list([list([list([]), list([])])]), "cannot be grokked");
}

#[test]
fn a_record_that_a_condition_has_no_answer_for_is_left_out_whole() {
    // Nobody has a name here, and a login name is no number.
    for unanswerable in [
        is("name", "like", text("")),
        is("name", ">", text("a")),
        is("login", "<", Input::Int(5)),
        is("login", "like", Input::Null),
    ] {
        check(unanswerable.clone(), &[]);
        check(joined("NOT", [unanswerable.clone()]), &[]);
        check(joined("OR", [is("login", "=", text(ZOE)), unanswerable]), &[]);
    }
    // To be equal has an answer always.
    check(is("name", "=", Input::Null), &ALL);
    check(is("name", "is", Input::Null), &ALL);
    check(is("name", "is not", Input::Null), &[]);
    check(is("name", "!=", text("x")), &ALL);
    check(is("login", "!=", Input::Int(5)), &ALL);
    check(is("uuid", "=", text("no id")), &[]);
    check(is("uuid", "!=", text("no id")), &ALL);
}

#[test]
fn what_makes_no_sense_is_named() {
    refused(is("nosuch", "=", Input::Null), "'nosuch' is not a field of users; its fields are login, enabled");
    for hidden in ["password", "owner_.users.admin.password", "owner_.login", "apikeys", "otps", "digest"] {
        refused(is(hidden, "like", text("$")), "is not a field of users");
    }
    refused(is("login", "LIKE", text("x")), "no operator 'LIKE'");
    refused(is("login", "==", text("x")), "no operator");
    refused(joined("XOR", []), "no combiner 'XOR'");
    refused(is("login", "in", text("zoe")), "the value has to be a list");
    refused(is("login", "is", text("zoe")), "null, true or false");
    refused(is("uuid", "like", text("x")), "uuid can't be tested with like");
    refused(is("login", "=", text("a\0")), "U+0000");
    for shape in [
        text("login"),
        list([text("login")]),
        list((0..4).map(|_| Input::Null)),
        list([Input::Null, list([])]),
        list([text("AND"), text("x")]),
        list([text("login"), Input::Int(1), Input::Null]),
    ] {
        refused(shape, "cannot be grokked");
    }
    let operator = &Actor::Operator;
    let fixture = Fixture::new();
    let error = query(&fixture, operator, &request("nosuch", Input::Null)).unwrap_err();
    assert!(error.starts_with("'nosuch' not a valid collection. Available Collections users, roles"), "{error}");
    let with = |change: &dyn Fn(&mut QueryRequest)| {
        let mut request = request("users", Input::Null);
        change(&mut request);
        query(&fixture, operator, &request).unwrap_err()
    };
    assert!(with(&|request| request.limit = Input::Int(-1)).contains("limit"));
    assert!(with(&|request| request.limit = text("5")).contains("limit"));
    assert!(with(&|request| request.page_index = Input::Int(-1)).contains("page_index"));
    assert!(with(&|request| request.sort = list([text("login")])).contains("sort is a list"));
    assert!(with(&|request| request.sort = list([list([text("login"), text("up")])])).contains("sort is a list"));
    assert!(with(&|request| request.sort = list([list([text("x"), text("asc")])])).contains("not a field"));
}

#[test]
fn a_filter_has_limits() {
    let one = || is("login", "=", text("x"));
    let nested = |depth: usize| (1..depth).fold(one(), |inner, _| joined("AND", [inner]));
    check(nested(16), &[]);
    refused(nested(17), "more than 16 filters within filters");
    let beside = |count: usize| joined("OR", (0..count).map(|_| one()));
    check(beside(100), &[]);
    refused(beside(101), "more than 100 conditions");
    let values = |count: usize| is("login", "in", list((0..count).map(|_| text("x"))));
    check(values(999), &[]);
    refused(values(1_000), "more than 1000 values");
    check(is("login", "=", text(&"x".repeat(1_024))), &[]);
    refused(is("login", "=", text(&"x".repeat(1_025))), "more than 1024 bytes");
    let sorted = |count: usize| {
        let sort = list((0..count).map(|_| list([text("login"), text("asc")])));
        query(&Fixture::new(), &Actor::Operator, &QueryRequest { sort, ..request("users", Input::Null) })
    };
    assert!(sorted(8).is_ok());
    assert!(sorted(9).unwrap_err().contains("more than 8 fields to sort by"));
}

#[test]
fn pages_are_cut_from_the_sorted_whole() {
    let fixture = Fixture::new();
    let page = |limit, page_index, direction: &str| {
        let sort = list([list([text("enabled"), text("asc")]), list([text("login"), text(direction)])]);
        let request = QueryRequest { sort, limit, page_index, ..request("users", Input::Null) };
        let page = query(&fixture, &Actor::Operator, &request).unwrap();
        (logins(&page), page.hits, page.pages)
    };
    let want = |logins: &[&str], pages| (logins.iter().map(ToString::to_string).collect::<Vec<_>>(), 5, pages);
    assert_eq!(page(Input::Int(2), Input::Null, "asc"), want(&[LOCKED, "admin"], 3));
    assert_eq!(page(Input::Int(2), Input::Int(2), "asc"), want(&[ZOE], 3));
    assert_eq!(page(Input::Int(2), Input::Int(3), "asc"), want(&[], 3));
    assert_eq!(page(Input::Int(0), Input::Int(0), "desc"), want(&[LOCKED, ZOE, KRISTEN, TRUST, "admin"], 0));
}

#[test]
fn everybody_sees_what_is_theirs_and_trust_sees_all() {
    let fixture = Fixture::new();
    let (own, other) = (fixture.mint(KRISTEN), fixture.mint(ZOE));
    let otps = |actor: &Actor| {
        let page = query(&fixture, actor, &request("otps", Input::Null)).unwrap();
        let Records::Otps(otps) = page.records else { panic!() };
        assert_eq!(page.hits, otps.len() as u64);
        otps.into_iter().map(|otp| otp.credential.id).collect::<Vec<_>>()
    };
    for (login, want) in [(KRISTEN, &own), (ZOE, &other)] {
        let actor = fixture.actor(login);
        let page = query(&fixture, &actor, &request("users", Input::Null)).unwrap();
        assert_eq!((logins(&page), page.hits), (vec![login.to_owned()], 1));
        assert_eq!(otps(&actor), [want.credential.id]);
        for collection in ["roles", "cookies"] {
            let error = query(&fixture, &actor, &request(collection, Input::Null)).unwrap_err();
            assert!(error.contains("trust"), "{error}");
        }
    }
    let trust = fixture.actor(TRUST);
    assert_eq!(logins(&query(&fixture, &trust, &request("users", Input::Null)).unwrap()), ALL);
    assert_eq!(otps(&trust).len(), 3);
    for collection in Collection::ALL {
        assert!(query(&fixture, &trust, &request(collection.name(), Input::Null)).is_ok());
        let error = query(&fixture, &Actor::Anonymous, &request(collection.name(), Input::Null)).unwrap_err();
        assert!(error.contains("signed-in"), "{error}");
    }
}

#[test]
fn the_role_that_counts_is_the_one_that_the_user_has_now() {
    let fixture = Fixture::new();
    let actor = fixture.actor(TRUST);
    let change = crate::repository::UserChange::Role(crate::role::RoleName::frontend());
    ready(fixture.identity.change_user(TRUST, change, &Actor::Operator, &crate::testing::context(), NOW)).unwrap();
    assert_eq!(logins(&query(&fixture, &actor, &request("users", Input::Null)).unwrap()), [TRUST]);
    assert!(query(&fixture, &actor, &request("roles", Input::Null)).is_err());
}

#[test]
fn w3_conditions_on_others_tell_nothing() {
    let fixture = Fixture::new();
    let actor = fixture.actor(KRISTEN);
    for conditions in [is("login", "=", text(TRUST)), is("role", "=", text("trust")), is("login", "!=", text(KRISTEN))]
    {
        let page = query(&fixture, &actor, &request("users", conditions)).unwrap();
        assert_eq!((page.hits, logins(&page).len()), (0, 0));
    }
    fixture.mint(TRUST);
    let page = query(&fixture, &actor, &request("otps", is("owner_.login", "=", text(TRUST)))).unwrap();
    assert_eq!(page.hits, 0);
    let error = query(&fixture, &actor, &request("otps", is("owner_.password", "like", text("$")))).unwrap_err();
    assert!(error.contains("is not a field"), "{error}");
}

#[test]
fn rules_are_found_among_those_of_a_role() {
    let fixture = Fixture::new();
    let rule = |uri: &str, perms: &str| Input::Dict(vec![("uri".into(), text(uri)), ("perms".into(), text(perms))]);
    let found = |value| {
        let page = query(&fixture, &Actor::Operator, &request("roles", is("permissions", "has", value)))?;
        let Records::Roles(roles) = page.records else { panic!() };
        Ok::<_, String>(roles.iter().map(|role| role.role.name.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(found(rule("*", "qoprsc")), Ok(vec!["trust".to_owned()]));
    assert_eq!(found(rule("*", "c")), Ok(vec![]));
    assert!(found(text("*")).unwrap_err().contains("a rule"));
    let error = query(&fixture, &Actor::Operator, &request("roles", is("permissions", "=", list([])))).unwrap_err();
    assert!(error.contains("can't be tested"), "{error}");
}

#[test]
fn fields_of_other_collections_hold_nothing() {
    let fixture = Fixture::new();
    let page = query(&fixture, &Actor::Operator, &request("users", Input::Null)).unwrap();
    let Records::Users(users) = page.records else { panic!() };
    assert_eq!(users[0].held(Field::Roles(RoleField::Role)), Held::Missing);
}
