//! The realm against a model that is naive enough to be seen right (`state`, `calls`), and against
//! what must hold whatever the model says (`ledger`).
//!
//! Some thousand random sequences in each run; `COUNTERSIGN_MODEL_CASES` asks for more.

mod calls;
mod ledger;
mod meta;
mod state;
mod steps;

use std::collections::BTreeSet;

use countersign_wamp::{MatchPolicy, Uri, UriPattern, UriRules};
use proptest::prelude::*;

use super::*;
use ledger::Ledger;
use state::Model;
use steps::Step;

/// Sessions `1..=SESSIONS`.
const SESSIONS: u64 = 5;
const CASES_VARIABLE: &str = "COUNTERSIGN_MODEL_CASES";
const CASES_DEFAULT: u32 = 2_000;
const URIS: [&str; 4] = ["a.b", "a.c", "a.b.c", "ab"];
const PATTERNS: [(&str, &str); 8] = [
    ("exact", "a.b"),
    ("exact", "a.c"),
    ("prefix", "a"),
    ("prefix", "a."),
    ("prefix", "a.b"),
    ("wildcard", "a."),
    ("wildcard", ".b"),
    ("wildcard", "a..c"),
];

/// What each session has announced: everything, less, and nothing.
fn features(session: u64) -> ClientFeatures {
    match session {
        1 | 2 => streaming(),
        3 => all_features().with(Feature::ProgressiveCallsAsCallee),
        4 => ClientFeatures::default().with(Feature::ProgressiveCallResults),
        _ => ClientFeatures::default(),
    }
}

fn has(session: u64, feature: Feature) -> bool {
    features(session).has(feature)
}

/// The role that [`World::join`] gives.
fn role(session: u64) -> &'static str {
    if session.is_multiple_of(2) { "even" } else { "odd" }
}

fn parse(index: usize) -> UriPattern {
    let (policy, text) = PATTERNS[index];
    let policy = MatchPolicy::from_name(policy).unwrap();
    UriPattern::parse(text, policy, UriRules::default()).unwrap()
}

fn uri(index: usize) -> Uri {
    Uri::parse(URIS[index], UriRules::default()).unwrap()
}

/// One line per receiver.
pub fn expand(lines: Vec<String>) -> Vec<String> {
    let each = |line: String| match line.split_once(" < ") {
        Some((to, text)) => to.split('+').map(|to| format!("{to} < {text}")).collect(),
        None => vec![line],
    };
    lines.into_iter().flat_map(each).collect()
}

/// What the realm does in a step, and what it should do. `None`: nothing to do.
fn act(
    world: &mut World,
    model: &mut Model,
    ledger: &mut Ledger,
    session: u64,
    step: &Step,
) -> Option<(Vec<Effect>, Vec<String>)> {
    let is_present = model.sessions.contains_key(&session);
    let mut out = Vec::new();
    match step {
        Step::Pass { milliseconds } => {
            world.now += Duration::from_millis(*milliseconds);
            if world.realm.poll_timeout().is_some_and(|due| due <= world.now) {
                world.realm.handle_timeout(world.now, &mut out);
            }
            Some((out, model.pass(*milliseconds)))
        }
        Step::Join if !is_present => {
            model.sessions.insert(session, 0);
            ledger.present.insert(session);
            assert!(world.join(session, features(session)).is_empty());
            None
        }
        Step::Leave if is_present => {
            let mut want = Vec::new();
            model.leave(session, &mut want);
            ledger.gone(session);
            world.realm.leave(world.now, id(session), &ByName, &mut out);
            Some((out, want))
        }
        Step::Ask if is_present => {
            meta::ask(world, model);
            None
        }
        _ if !is_present => None,
        Step::Join | Step::Leave | Step::Ask => None,
        step => {
            let (mut message, want) = model.step(session, step)?;
            ledger.sends(session, &mut message);
            if let (Step::LatePart, Message::Call { request, .. }) = (step, &message) {
                ledger.drops(session, request.get());
            }
            Some((world.effects(session, message), want))
        }
    }
}

fn run(steps: Vec<(u64, Step)>) {
    let mut world = World::new();
    let mut model = Model::default();
    let mut ledger = Ledger::default();
    let join_all = (1..=SESSIONS).map(|session| (session, Step::Join));
    for (session, step) in join_all.chain(steps) {
        let Some((effects, mut want)) = act(&mut world, &mut model, &mut ledger, session, &step) else { continue };
        ledger.reads(&effects);
        let mut lines = expand(world.lines(effects));
        lines.sort_unstable();
        want.sort_unstable();
        assert_eq!(lines, want, "{session}: {step:?}");
        let open: BTreeSet<_> = model.pending.iter().map(|one| (one.caller, one.call)).collect();
        assert_eq!(ledger.open, open);
        assert_eq!(world.realm.pending_call_count(), model.pending.len());
        let registrations: BTreeSet<u64> = model.registrations.iter().map(|one| one.id).collect();
        assert_eq!(world.realm.registration_count(), registrations.len());
    }
    for session in 1..=SESSIONS {
        world.leave(session);
    }
    let realm = &world.realm;
    let left = [realm.session_count(), realm.subscription_count(), realm.registration_count()];
    assert_eq!((left, realm.pending_call_count(), realm.poll_timeout()), ([0; 3], 0, None));
}

fn cases() -> u32 {
    std::env::var(CASES_VARIABLE).map_or(CASES_DEFAULT, |cases| cases.parse().expect("a number of cases"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn does_what_the_model_does(steps in prop::collection::vec((1..=SESSIONS, steps::step()), 1..=60)) {
        run(steps);
    }
}
