//! The index against a list.
#![allow(clippy::unwrap_used, clippy::string_slice, reason = "tests")]

use countersign_wamp::{Uri, UriRules};
use proptest::prelude::*;

use super::*;

fn id(number: usize) -> Id {
    Id::new(number as u64 + 1).unwrap()
}

fn pattern(policy: MatchPolicy, text: &str) -> Option<UriPattern> {
    UriPattern::parse(text, policy, UriRules::default()).ok()
}

/// The order in which the specification prefers patterns, as a key: larger is better.
pub(crate) fn rank(pattern: &UriPattern) -> (u8, usize, Vec<usize>) {
    let text = pattern.as_str();
    match pattern.policy() {
        MatchPolicy::Exact => (2, 0, Vec::new()),
        MatchPolicy::Prefix => (1, text.len(), Vec::new()),
        MatchPolicy::Wildcard => {
            let mut portions = vec![0];
            for component in text.split('.') {
                if component.is_empty() {
                    portions.push(0);
                } else if let Some(portion) = portions.last_mut() {
                    *portion += 1;
                }
            }
            (0, 0, portions)
        }
    }
}

/// Checks all look-ups against a list.
fn check(map: &PatternMap, list: &[(UriPattern, Id)], uri: &str) {
    let uri = Uri::parse(uri, UriRules::default()).unwrap();
    let matching: Vec<_> = list.iter().filter(|(pattern, _)| pattern.matches(&uri)).collect();
    let best = matching.iter().max_by_key(|(pattern, _)| rank(pattern)).map(|(_, id)| *id);
    assert_eq!(map.best(uri.as_str()), best, "best for {uri} of {list:?}");
    let mut found = map.all(uri.as_str()).into_vec();
    found.sort_unstable();
    let mut want: Vec<_> = matching.iter().map(|(_, id)| *id).collect();
    want.sort_unstable();
    assert_eq!(found, want, "all for {uri} of {list:?}");
    for (pattern, id) in list {
        assert_eq!(map.get(pattern), Some(*id), "{pattern:?}");
    }
}

#[test]
fn prefixes_are_texts_not_components() {
    let mut map = PatternMap::default();
    let mut list = Vec::new();
    for text in ["", "com.my", "com.myapp", "com.myapp.", "com.yours", "comé", "com.myapq"] {
        let pattern = pattern(MatchPolicy::Prefix, text).unwrap();
        let id = id(list.len());
        map.insert(&pattern, id);
        list.push((pattern, id));
    }
    for uri in ["com.myapplication", "com.myapp.x", "com.m", "comè", "comé", "com.yoursx", "x"] {
        check(&map, &list, uri);
    }
    while let Some((pattern, _)) = list.pop() {
        map.remove(&pattern);
        assert_eq!(map.get(&pattern), None);
        check(&map, &list, "com.myapp.x");
    }
}

#[test]
fn setting_a_pattern_again_replaces_its_id() {
    for policy in [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard] {
        let mut map = PatternMap::default();
        let pattern = pattern(policy, "a.b").unwrap();
        map.insert(&pattern, id(1));
        map.insert(&pattern, id(2));
        assert_eq!(map.get(&pattern), Some(id(2)));
        assert_eq!(map.all("a.b").as_slice(), [id(2)]);
        map.remove(&pattern);
        map.remove(&pattern);
        assert!(map.all("a.b").is_empty());
    }
}

#[test]
fn patterns_as_deep_as_they_can_be_are_no_harm() {
    let check = |policy, step: &str, steps: usize| {
        let mut map = PatternMap::default();
        let deepest = step.repeat(steps);
        for len in (step.len()..=deepest.len()).step_by(step.len()) {
            map.insert(&pattern(policy, &deepest[..len]).unwrap(), id(len));
        }
        assert!(map.best(&deepest).is_some());
        map.remove(&pattern(policy, &deepest).unwrap());
        assert_eq!(map.get(&pattern(policy, &deepest).unwrap()), None);
    };
    check(MatchPolicy::Prefix, "a", UriRules::BYTES_MAX_DEFAULT);
    // A dot at the end opens one more component.
    check(MatchPolicy::Wildcard, "a.", UriPattern::WILDCARD_COMPONENTS_MAX - 1);
    check(MatchPolicy::Wildcard, ".", UriPattern::WILDCARD_COMPONENTS_MAX - 1);
}

/// Each of these components with each other, three deep.
fn triples(components: &[&str]) -> Vec<String> {
    let longer = |texts: Vec<String>| -> Vec<String> {
        texts.iter().flat_map(|text| components.iter().map(move |next| format!("{text}.{next}"))).collect()
    };
    longer(longer(components.iter().map(|text| (*text).to_owned()).collect()))
}

#[test]
fn no_two_patterns_that_match_one_uri_rank_alike() {
    let policies = [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard];
    let texts = [triples(&["", "a", "b"]), vec!["a".into(), "a.b".into(), "a.".into(), ".b".into()]].concat();
    let patterns: Vec<_> =
        policies.iter().flat_map(|policy| texts.iter().filter_map(|text| pattern(*policy, text))).collect();
    for uri in triples(&["a", "b"]) {
        let uri = Uri::parse(&uri, UriRules::default()).unwrap();
        let mut ranks: Vec<_> =
            patterns.iter().filter(|pattern| pattern.matches(&uri)).map(|pattern| (rank(pattern), pattern)).collect();
        ranks.sort_unstable();
        assert!(ranks.len() > 8, "{uri}");
        for pair in ranks.windows(2) {
            assert_ne!(pair[0].0, pair[1].0, "{:?} and {:?} for {uri}", pair[0].1, pair[1].1);
        }
    }
}

#[test]
fn a_look_up_visits_as_many_nodes_among_many_patterns_as_among_few() {
    let visited = |patterns: usize| {
        let mut map = PatternMap::default();
        for number in 0..patterns {
            for (policy, text) in [
                (MatchPolicy::Exact, format!("app.x{number}.y")),
                (MatchPolicy::Prefix, format!("app.x{number}.")),
                (MatchPolicy::Wildcard, format!("app.x{number}.")),
                (MatchPolicy::Wildcard, format!(".x{number}.y")),
            ] {
                map.insert(&pattern(policy, &text).unwrap(), id(number));
            }
        }
        VISITED.set(0);
        assert_eq!(map.all("app.x1.y").len(), 4);
        assert!(map.best("app.x2.z").is_some());
        VISITED.get()
    };
    // A byte more of a prefix's text, at most, for each power of ten.
    assert!(visited(10_000) <= visited(10) + 8, "{} and {}", visited(10_000), visited(10));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn finds_what_a_list_finds(
        steps in prop::collection::vec((any::<bool>(), 0_u8..3, "[ab.]{0,5}"), 1..40),
        uris in prop::collection::vec("[ab]{1,2}(\\.[ab]{1,2}){0,3}", 1..6),
    ) {
        let mut map = PatternMap::default();
        let mut list: Vec<(UriPattern, Id)> = Vec::new();
        for (number, (is_insert, policy, text)) in steps.into_iter().enumerate() {
            let policy = match policy {
                0 => MatchPolicy::Exact,
                1 => MatchPolicy::Prefix,
                _ => MatchPolicy::Wildcard,
            };
            let Some(pattern) = pattern(policy, &text) else { continue };
            list.retain(|(known, _)| *known != pattern);
            if is_insert {
                map.insert(&pattern, id(number));
                list.push((pattern, id(number)));
            } else {
                map.remove(&pattern);
            }
            for uri in &uris {
                check(&map, &list, uri);
            }
        }
    }
}
