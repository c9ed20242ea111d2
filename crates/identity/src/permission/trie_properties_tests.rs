//! The trie against a matcher that tries every rule, written from the prose of the contract of
//! the bus, section 4.5; and what follows from a decision on a pattern.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::permission::{KeySessionDenials, Pattern, SessionRights};

/// Elements of patterns; a final `*` comes besides.
const ELEMENTS: [&str; 7] = ["a", "b", "c", "/a|b/", "/.*/", "/c/", "/ab?/"];
/// Elements of URIs: some fit an expression that is anchored at the start only, one fits only
/// without regard to case, one is empty.
const COMPONENTS: [&str; 6] = ["a", "b", "c", "ab", "C", ""];
const RIGHTS: [&str; 7] = ["", "c", "c", "cs", "s", "c+", "c!s"];

/// A rule, kept apart from what [`Pattern`] reads out of its text.
#[derive(Debug, Clone, PartialEq)]
struct Plain {
    elements: Vec<&'static str>,
    has_tail: bool,
    rights: &'static str,
}

impl Plain {
    fn pattern(&self) -> String {
        let tail = self.has_tail.then_some("*");
        self.elements.iter().copied().chain(tail).collect::<Vec<_>>().join(".")
    }

    fn rights(&self) -> Rights {
        Rights::parse(self.rights).unwrap()
    }

    fn matches(&self, uri: &str) -> bool {
        let components: Vec<_> = uri.split('.').collect();
        let (given, wanted) = (components.len(), self.elements.len());
        let length_fits = if self.has_tail { given > wanted } else { given == wanted };
        length_fits
            && self.elements.iter().zip(&components).all(|(element, component)| element_fits(element, component))
    }

    /// Whether it is a final `*` that doesn't count where `other` matches.
    fn gives_way_to(&self, other: &Self) -> bool {
        self.has_tail && other.elements.len() > self.elements.len() && other.elements.starts_with(&self.elements)
    }

    /// Most elements win, then most exact ones.
    fn fit(&self) -> (usize, usize) {
        (self.elements.len(), self.elements.iter().filter(|element| !element.starts_with('/')).count())
    }
}

fn element_fits(element: &str, component: &str) -> bool {
    let start = component.to_lowercase();
    match element {
        "/a|b/" => start.starts_with('a') || start.starts_with('b'),
        "/c/" => start.starts_with('c'),
        "/ab?/" => start.starts_with('a'),
        "/.*/" => true,
        exact => exact == component,
    }
}

fn rule_list() -> impl Strategy<Value = Vec<Plain>> {
    let elements = prop::collection::vec(prop::sample::select(&ELEMENTS[..]), 0..=4);
    let rule = (elements, any::<bool>(), prop::sample::select(&RIGHTS[..])).prop_map(|(elements, has_tail, rights)| {
        // No pattern is empty.
        Plain { has_tail: has_tail || elements.is_empty(), elements, rights }
    });
    prop::collection::vec(rule, 0..=5)
}

fn uri() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&COMPONENTS[..]), 1..=5).prop_map(|components| components.join("."))
}

/// What a client may subscribe to: `true` for a prefix, else a wildcard.
fn uri_pattern() -> impl Strategy<Value = (bool, String)> {
    let component = prop::sample::select(&["a", "b", "c", "", ""][..]);
    let text = prop::collection::vec(component, 1..=3).prop_map(|components| components.join("."));
    (any::<bool>(), text)
}

/// Compiled rules; expressions are compiled once for all cases.
fn rules(list: &[Plain]) -> Vec<Rule> {
    thread_local!(static KNOWN: RefCell<HashMap<String, Pattern>> = RefCell::default());
    let pattern = |text: String| {
        KNOWN
            .with_borrow_mut(|known| known.entry(text).or_insert_with_key(|text| Pattern::parse(text).unwrap()).clone())
    };
    list.iter().map(|plain| Rule { pattern: pattern(plain.pattern()), rights: plain.rights() }).collect()
}

/// The rules that count for `uri`: those that match, without each final `*` below whose node
/// something else matches.
fn that_count<'a>(list: &'a [Plain], uri: &str) -> Vec<&'a Plain> {
    let matching: Vec<_> = list.iter().filter(|plain| plain.matches(uri)).collect();
    let is_left = |plain: &&Plain| !matching.iter().any(|other| plain.gives_way_to(other));
    matching.iter().copied().filter(is_left).collect()
}

fn naive(list: &[Plain], action: Action, uri: &str) -> Result<Right, Refusal> {
    let counting = that_count(list, uri);
    let best = counting.iter().map(|plain| plain.fit()).max().ok_or(Refusal::NoRule)?;
    let winners: Vec<_> = counting.into_iter().filter(|plain| plain.fit() == best).collect();
    if winners.iter().any(|plain| plain.pattern() != winners[0].pattern()) {
        return Err(Refusal::Conflict);
    }
    // The same pattern more than once: what all of them grant.
    let all = winners.iter().map(|plain| plain.rights()).reduce(Rights::intersect).unwrap();
    all.get(action).ok_or(Refusal::NoRule)
}

/// Runs a property and answers how often it answered `true`, so that none holds for want of
/// cases.
fn run<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> Result<bool, TestCaseError>) -> u32 {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let telling = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(strategy, |value| {
        telling.set(telling.get() + u32::from(property(value)?));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    telling.get()
}

/// Sets of rules that are tried: a million with `COUNTERSIGN_TRIE_CASES=1000000`.
fn cases() -> u32 {
    std::env::var("COUNTERSIGN_TRIE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

#[test]
fn decides_as_a_matcher_that_tries_every_rule() {
    let cases = cases();
    let telling = run(cases, &(rule_list(), uri(), uri()), |(list, one, two)| {
        let (set, remembering) = (RuleSet::new(rules(&list)), RuleSet::of_role(rules(&list)));
        let mut is_telling = false;
        for uri in [&one, &two] {
            for action in [Action::Call, Action::Subscribe] {
                let want = naive(&list, action, uri);
                prop_assert_eq!(set.decide(action, UriMatch::Exact(uri)), want, "{}", uri);
                prop_assert_eq!(remembering.decide(action, UriMatch::Exact(uri)), want, "{}", uri);
                is_telling |= want.is_ok() || want == Err(Refusal::Conflict);
            }
        }
        Ok(is_telling)
    });
    assert!(telling > cases / 10, "{telling} cases told something");
}

/// All URIs of up to four components.
fn universe() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut longest = vec![String::new()];
    for length in 0..4 {
        let join = |start: &String, component| if length == 0 { component } else { format!("{start}.{component}") };
        longest = longest
            .iter()
            .flat_map(|start| ["a", "b", "c", "ab", ""].map(|component| join(start, component.to_owned())))
            .collect();
        all.extend_from_slice(&longest);
    }
    all
}

fn is_in(uri: &str, (is_prefix, pattern): &(bool, String)) -> bool {
    let components = |text: &str| text.split('.').count();
    let fits = |(part, component): (&str, &str)| part.is_empty() || part == component;
    if *is_prefix {
        return uri.starts_with(pattern.as_str());
    }
    components(uri) == components(pattern) && pattern.split('.').zip(uri.split('.')).all(fits)
}

fn uri_match((is_prefix, pattern): &(bool, String)) -> UriMatch<'_> {
    if *is_prefix { UriMatch::Prefix(pattern) } else { UriMatch::Wildcard(pattern) }
}

#[test]
fn a_granted_pattern_hears_no_uri_that_is_not_granted_by_itself() {
    let universe = universe();
    // Rules that grant something broad, so that patterns are granted at all.
    let broad: &[&[&str]] = &[&[], &["a"], &["/.*/"], &["b"], &["a", "/.*/"], &["a", "b"]];
    let broad = prop::sample::select(broad);
    let strategy = (rule_list(), broad, uri_pattern());
    let granted = run(4_000, &strategy, |(mut list, broad, pattern)| {
        list.push(Plain { elements: broad.to_vec(), has_tail: true, rights: "cs+" });
        let set = RuleSet::new(rules(&list));
        let mut is_granted = false;
        for action in [Action::Call, Action::Subscribe] {
            let Ok(marks) = set.decide(action, uri_match(&pattern)) else { continue };
            is_granted = true;
            for uri in universe.iter().filter(|uri| is_in(uri, &pattern)) {
                match set.decide(action, UriMatch::Exact(uri)) {
                    Ok(right) => {
                        prop_assert!(marks.elevated || !right.elevated, "{} {:?}", uri, pattern);
                        prop_assert!(marks.documented || !right.documented, "{} {:?}", uri, pattern);
                    }
                    // A tie of rules that all grant it hides nothing.
                    Err(Refusal::Conflict) => {
                        let grants = |plain: &&Plain| plain.rights().get(action).is_some();
                        prop_assert!(that_count(&list, uri).iter().all(grants), "{} {:?}", uri, pattern);
                    }
                    Err(refusal) => prop_assert!(false, "{} {:?}: {:?}", uri, pattern, refusal),
                }
            }
        }
        Ok(is_granted)
    });
    assert!(granted > 400, "{granted} patterns were granted");
}

#[test]
fn a_restriction_never_widens() {
    let denials = KeySessionDenials::new("a");
    let questions = (uri(), uri_pattern());
    let granted = run(4_000, &(rule_list(), rule_list(), questions), |(role, own, (uri, pattern))| {
        let role = Arc::new(RuleSet::new(rules(&role)));
        let restriction = denials.restriction(&rules(&own));
        let alone = SessionRights::new(Arc::clone(&role), None);
        let both = SessionRights::new(role, Some(Arc::clone(&restriction)));
        let mut is_granted = false;
        for question in [UriMatch::Exact(&uri), uri_match(&pattern)] {
            for action in [Action::Call, Action::Subscribe] {
                let left = restriction.decide(action, question);
                match (both.decide(action, question), alone.decide(action, question)) {
                    (Ok(right), alone) => {
                        prop_assert!(alone == Ok(right) && left.is_ok(), "{:?}", question);
                        is_granted = true;
                    }
                    (Err(Refusal::Restricted), _) => prop_assert!(left.is_err(), "{:?}", question),
                    // Any other refusal is the role's own.
                    (refused, alone) => prop_assert_eq!(refused, alone, "{:?}", question),
                }
            }
        }
        Ok(is_granted)
    });
    assert!(granted > 100, "{granted} questions were granted");
}
