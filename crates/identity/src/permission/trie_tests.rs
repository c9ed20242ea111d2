use super::*;
use crate::permission::parse_rules;

/// Rules whose rights tell them apart: the first grants `c`, the second `r`, …
fn rules(patterns: &[&str]) -> RuleSet {
    let letters = ["c", "r", "s", "p"];
    RuleSet::new(parse_rules(patterns.iter().copied().zip(letters)).unwrap())
}

/// Which of the rules wins for `uri`.
fn winner(patterns: &[&str], uri: &str) -> Result<usize, Refusal> {
    let set = rules(patterns);
    for (index, action) in Action::ALL.into_iter().enumerate().take(patterns.len()) {
        match set.decide(action, UriMatch::Exact(uri)) {
            Ok(_) => return Ok(index),
            Err(Refusal::Conflict) => return Err(Refusal::Conflict),
            Err(_) => {}
        }
    }
    Err(Refusal::NoRule)
}

#[test]
fn follows_the_precedence_table_of_the_contract() {
    const A: Result<usize, Refusal> = Ok(0);
    const B: Result<usize, Refusal> = Ok(1);
    const NONE: Result<usize, Refusal> = Err(Refusal::NoRule);
    const CONFLICT: Result<usize, Refusal> = Err(Refusal::Conflict);
    let check = |uri: &str, patterns: &[&str], want| assert_eq!(winner(patterns, uri), want, "{uri} {patterns:?}");
    check("a.b.c.d.e", &["a.b.c.d.e", "a.b.c.d.e.*"], A);
    check("a.b.c.d.e", &["a.b.c.d.f", "a.b.c.d.e.*"], NONE);
    check("a.b.c.d.e.f", &["a.b.c.d.e", "a.b.c.d.e.*"], B);
    check("a.b.c.d.e", &["a.b.c.d.*", "a.b.*"], A);
    check("a.b.c.d.e", &["a.b.c.d./.*/", "a.b.c.d.e.*"], A);
    check("a.b.c.d.e", &["a.b.c./.*/.e", "a.b.c.d.e.*"], A);
    check("a.b.c.d.e", &["a.b./.*/.d.e", "a.b.c.d.*"], A);
    check("a.b.c.d.e", &["a.b.c.d.*", "a.b./.*/.d.*"], A);
    check("a.b.c.d", &["a./.*/.c.d", "a./.*/./.*/.d"], A);
    check("a.b.c.d.e", &["a.b./.*/.d.e", "a.b.c.*"], A);
    check("a.b.c.d", &["a./.*/.c.d", "a.b./.*/.d"], CONFLICT);
    check("b", &["*", "a"], A);
    check("a.b.c", &["a.b.c.*"], NONE);
    check("a.b.c.d.e.f", &["a.b.c.*"], A);
    check("a.b.c.d.e", &["a.b.c.*"], A);
    check("a.b.c.d", &["a.b.c.*"], A);
    check("a.b.c", &["a.*", "a.b"], A);
    check("a.x.c", &["a.b.*", "a.x"], NONE);
    check("a.b.x", &["a.b.*", "a./.*/.*"], A);
    check("a.b.x", &["a./b/.x", "a./.*/.x"], CONFLICT);
    check("a.b.c", &["a./.*/./.*/", "a.b.*"], A);
    check("a.prefix", &["a./pre/"], A);
    check("a.prefix", &["a./pre$/"], NONE);
    check("ZERPx.y", &["/zerp.*/.*"], A);
    check("xzerp.y", &["/zerp.*/.*"], NONE);
    // The Kelvin sign and the long s equal letters without regard to case.
    check("\u{212a}elvin.y", &["/kel.*/.*"], A);
    check("\u{17f}tar.y", &["/star/.*"], A);
    check("DASHBOARD:x", &["/dashboard:.*/"], A);
    check("Dash", &["/dashboard?/"], NONE);
    check("Dashboar", &["/dashboard?/"], A);
    check("a.b", &["*.*"], NONE);
    check("A.b", &["a.b"], NONE);
}

#[test]
fn the_two_dashboard_rules_live_together() {
    let patterns = ["com.izaber.wamp./dashboard:.*/.*", "com.izaber.wamp./dashboard:.*:dashboardRegistry/.get"];
    let uri = "com.izaber.wamp.dashboard:staging-10270--add-to-zerp:purchasing.rescheduling.items.getX";
    assert_eq!(winner(&patterns, uri), Ok(0));
    assert_eq!(winner(&patterns, "com.izaber.wamp.dashboard:x:dashboardRegistry.get"), Ok(1));
}

#[test]
fn an_explicit_nothing_denies_below_a_broader_grant() {
    let set = RuleSet::new(parse_rules([("a.*", "c"), ("a.b.*", ""), ("a.b.c", "c")]).unwrap());
    let decide = |uri| set.decide(Action::Call, UriMatch::Exact(uri)).is_ok();
    assert!(decide("a.x"));
    assert!(!decide("a.b.x"));
    assert!(decide("a.b.c"));
}

#[test]
fn what_can_not_be_compiled_grants_nothing() {
    let stored = |uri, perms| Rule::parse_stored(uri, perms).unwrap();
    let set = RuleSet::of_key(vec![stored("*", "c"), stored("a./(/", "")]);
    assert_eq!(set.decide(Action::Call, UriMatch::Exact("b")), Err(Refusal::NoRule));
    assert!(RuleSet::of_key(vec![stored("/b/", "c")]).decide(Action::Call, UriMatch::Exact("b")).is_ok());
}

#[test]
fn both_marks_of_a_rule_hold_in_either_order() {
    for (letters, elevated, documented) in
        [("c", false, false), ("c+", true, false), ("c!", false, true), ("c!+", true, true), ("c+!", true, true)]
    {
        let set = RuleSet::of_role(vec![Rule::parse("a.*", letters).unwrap()]);
        let right = Right { elevated, documented };
        for uri in [UriMatch::Exact("a.b"), UriMatch::Prefix("a."), UriMatch::Wildcard("a.")] {
            assert_eq!(set.decide(Action::Call, uri), Ok(right), "{letters} {uri:?}");
        }
    }
}

#[test]
fn an_empty_element_matches_no_shorter_rule() {
    assert_eq!(winner(&["a.b"], "a.b."), Err(Refusal::NoRule));
    assert_eq!(winner(&["a.b"], "a.b..anything"), Err(Refusal::NoRule));
}

#[test]
fn the_same_pattern_twice_grants_only_what_both_grant() {
    let rule = |perms| Rule::parse("a.*", perms).unwrap();
    let set = RuleSet::new(vec![rule("cs"), rule("c")]);
    assert!(set.decide(Action::Call, UriMatch::Exact("a.b")).is_ok());
    assert!(set.decide(Action::Subscribe, UriMatch::Exact("a.b")).is_err());
}

#[test]
fn a_pattern_needs_a_rule_that_covers_all_of_it() {
    use UriMatch::{Prefix, Wildcard};
    let decide = |patterns: &[(&str, &str)], uri| {
        RuleSet::new(parse_rules(patterns.iter().copied()).unwrap()).decide(Action::Subscribe, uri).is_ok()
    };
    // An exact rule covers no prefix (the reference let it: `one.exact` heard `one.exactly.secret`).
    assert!(!decide(&[("one.exact", "s")], Prefix("one.exact")));
    assert!(!decide(&[("one.exact.*", "s")], Prefix("one.exact")));
    assert!(decide(&[("one.exact.*", "s")], Prefix("one.exact.")));
    assert!(decide(&[("one.*", "s")], Prefix("one.exact")));
    assert!(!decide(&[("one.*", "s"), ("one.exactly.secret", "")], Prefix("one.exact")));
    assert!(decide(&[("one.*", "s"), ("one.other", "")], Prefix("one.exact")));
    assert!(decide(&[("*", "s")], Prefix("")));
    assert!(!decide(&[("*", "s"), ("a.b", "c")], Prefix("")));
    assert!(decide(&[("a.*", "s")], Wildcard("a..c")));
    assert!(!decide(&[("a.b.c", "s")], Wildcard("a..c")));
    assert!(!decide(&[("a.*", "s"), ("a.x.c", "")], Wildcard("a..c")));
    assert!(!decide(&[("a.*", "s"), ("a./x/.c", "")], Wildcard("a..c")));
    assert!(decide(&[("a.*", "s"), ("a.x.d", "")], Wildcard("a..c")));
    assert!(!decide(&[("a.b.*", "s")], Wildcard("a..c")));
    assert!(decide(&[("a.*", "s"), ("a./s/", "s")], Wildcard("a.")));
}

#[test]
fn a_pattern_carries_the_marks_of_every_rule_it_touches() {
    let set = RuleSet::new(parse_rules([("a.*", "s"), ("a.b", "s+")]).unwrap());
    assert!(set.decide(Action::Subscribe, UriMatch::Prefix("a.")).unwrap().elevated);
    assert!(!set.decide(Action::Subscribe, UriMatch::Prefix("a.c")).unwrap().elevated);
}
