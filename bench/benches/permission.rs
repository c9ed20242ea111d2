//! One permission decision: among 1,000 rules, the first time for a URI and again.
//!
//! `cargo bench -p countersign-bench --bench permission`

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "what the macros of criterion make has none; a benchmark may panic"
)]

use std::hint::black_box;
use std::sync::Arc;

use countersign_identity::permission::{Action, KeySessionDenials, Rule, RuleSet, SessionRights, UriMatch};
use criterion::{Criterion, criterion_group, criterion_main};

const PREFIX: &str = "com.izaber.wamp";
/// URIs that are asked in turn.
const QUESTIONS: usize = 256;

fn rule(pattern: &str) -> Rule {
    Rule::parse(pattern, "crsp").unwrap()
}

/// As a large role may be: procedures by name, services by prefix, and expressions of many families.
fn mixed() -> Vec<Rule> {
    let exact = (0..600).map(|n| rule(&format!("{PREFIX}.service{}.procedure{n}.get", n % 40)));
    let prefix = (0..200).map(|n| rule(&format!("{PREFIX}.area{n}.*")));
    let regex = (0..200).map(|n| rule(&format!("{PREFIX}.family{}./item{n}:.*/.*", n % 20)));
    exact.chain(prefix).chain(regex).collect()
}

/// The worst there is: expressions alone, all at the same place.
fn expressions() -> Vec<Rule> {
    (0..1_000).map(|n| rule(&format!("{PREFIX}./dashboard{n}:.*/.*"))).collect()
}

/// URIs that rules grant, of every kind, and some that none does.
fn questions(of_expressions: bool) -> Vec<String> {
    let question = |n: usize| match n % 4 {
        _ if of_expressions => format!("{PREFIX}.dashboard{}:purchasing.items.get{n}", n * 7 % 1_000),
        0 => format!("{PREFIX}.service{}.procedure{n}.get", n % 40),
        1 => format!("{PREFIX}.area{}.orders.list", n % 200),
        2 => format!("{PREFIX}.family{}.item{}:east.get", n % 20, n % 200),
        _ => format!("{PREFIX}.nothing{n}.here.get"),
    };
    (0..QUESTIONS).map(question).collect()
}

fn ask(criterion: &mut Criterion, name: &str, rights: &SessionRights, questions: &[String]) {
    let mut next = 0;
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            next = (next + 1) % questions.len();
            let uri = questions.get(next).map_or("", String::as_str);
            rights.decide(Action::Call, UriMatch::Exact(black_box(uri)))
        });
    });
}

fn decisions(criterion: &mut Criterion) {
    for (name, rules, of_expressions) in
        [("1,000 mixed rules", mixed(), false), ("1,000 expressions", expressions(), true)]
    {
        let questions = questions(of_expressions);
        let uncached = Arc::new(RuleSet::new(rules.clone()));
        ask(criterion, &format!("{name}, first time"), &SessionRights::new(uncached, None), &questions);
        let role = Arc::new(RuleSet::of_role(rules));
        ask(criterion, &format!("{name}, again"), &SessionRights::new(Arc::clone(&role), None), &questions);
        let restriction = KeySessionDenials::new(PREFIX).restriction(&[]);
        let restricted = SessionRights::new(role, Some(restriction));
        ask(criterion, &format!("{name}, again, session of a one-time password"), &restricted, &questions);
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
