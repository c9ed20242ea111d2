//! The realm against a model that is naive enough to be seen right: lists, scanned from end to
//! end. Beside it, what must hold whatever the model says: one final answer per call, nothing to
//! sessions that are gone, no event before SUBSCRIBED.

use std::collections::{BTreeMap, BTreeSet};

use countersign_wamp::{MatchPolicy, Uri, UriPattern, UriRules};
use proptest::prelude::*;

use super::*;
use crate::pattern_map::tests::rank;

/// Sessions `1..=SESSIONS`; the last one announces no features.
const SESSIONS: u64 = 4;
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

#[derive(Debug, Clone)]
enum Step {
    Join,
    Leave,
    Subscribe { pattern: usize },
    Unsubscribe { nth: usize },
    Publish { uri: usize, exclude_me: bool, acknowledge: bool },
    Register { pattern: usize, invoke: &'static str, force: bool },
    Unregister { nth: usize },
    Call { uri: usize, timeout: u64, progress: bool },
    RepeatCall { nth: usize },
    Yield { nth: usize, progress: bool },
    Fail { nth: usize },
    Unavailable { nth: usize },
    StrayYield,
    Cancel { nth: usize, mode: &'static str },
    Pass { milliseconds: u64 },
    Kill { session: u64 },
    Ask,
}

fn step() -> impl Strategy<Value = Step> {
    let nth = 0_usize..8;
    let uri = 0..URIS.len();
    let pattern = 0..PATTERNS.len();
    let invoke = prop::sample::select(vec!["single", "first", "last", "roundrobin", "roundrobin"]);
    let mode = prop::sample::select(vec!["skip", "kill", "killnowait"]);
    prop_oneof![
        3 => Just(Step::Join),
        1 => Just(Step::Leave),
        3 => pattern.clone().prop_map(|pattern| Step::Subscribe { pattern }),
        1 => nth.clone().prop_map(|nth| Step::Unsubscribe { nth }),
        4 => (uri.clone(), any::<bool>(), any::<bool>()).prop_map(
            |(uri, exclude_me, acknowledge)| Step::Publish { uri, exclude_me, acknowledge }
        ),
        6 => (pattern, invoke, prop::bool::weighted(0.3))
            .prop_map(|(pattern, invoke, force)| Step::Register { pattern, invoke, force }),
        1 => nth.clone().prop_map(|nth| Step::Unregister { nth }),
        8 => (uri, prop::sample::select(vec![0, 0, 20, 50]), any::<bool>())
            .prop_map(|(uri, timeout, progress)| Step::Call { uri, timeout, progress }),
        1 => nth.clone().prop_map(|nth| Step::RepeatCall { nth }),
        6 => (nth.clone(), any::<bool>()).prop_map(|(nth, progress)| Step::Yield { nth, progress }),
        2 => nth.clone().prop_map(|nth| Step::Fail { nth }),
        2 => nth.clone().prop_map(|nth| Step::Unavailable { nth }),
        1 => Just(Step::StrayYield),
        4 => (nth, mode).prop_map(|(nth, mode)| Step::Cancel { nth, mode }),
        3 => (1_u64..40).prop_map(|milliseconds| Step::Pass { milliseconds }),
        1 => (1..=SESSIONS).prop_map(|session| Step::Kill { session }),
        1 => Just(Step::Ask),
    ]
}

/// A subscriber of a subscription, or a callee of a registration.
struct Holding {
    id: u64,
    pattern: UriPattern,
    session: u64,
    invoke: &'static str,
}

struct Pending {
    caller: u64,
    call: u64,
    callee: u64,
    invocation: u64,
    progress: bool,
    interrupted: bool,
    timeout: u64,
    deadline: u64,
    /// The URI's index and the registration.
    procedure: usize,
    registration: u64,
    tried: Vec<u64>,
    has_results: bool,
}

#[derive(Default)]
struct Model {
    /// With the number of invocations that each got so far.
    sessions: BTreeMap<u64, u64>,
    subscribers: Vec<Holding>,
    /// In the order in which they registered.
    registrations: Vec<Holding>,
    /// Of each registration the callee whose turn it was last, and the callees that registered
    /// before it.
    turns: BTreeMap<u64, Vec<u64>>,
    pending: Vec<Pending>,
    last_subscription: u64,
    last_registration: u64,
    last_call: u64,
    publications: u64,
    now: u64,
}

fn has_features(session: u64) -> bool {
    session != SESSIONS
}

fn parse(index: usize) -> UriPattern {
    let (policy, text) = PATTERNS[index];
    let policy = MatchPolicy::from_name(policy).unwrap();
    UriPattern::parse(text, policy, UriRules::default()).unwrap()
}

fn uri(index: usize) -> Uri {
    Uri::parse(URIS[index], UriRules::default()).unwrap()
}

/// The nth of those that `session` has, counted round and round.
fn pick<T>(items: &[T], is_of: impl Fn(&T) -> bool, nth: usize) -> Option<usize> {
    let own: Vec<_> = (0..items.len()).filter(|&index| is_of(&items[index])).collect();
    own.get(nth.checked_rem(own.len())?).copied()
}

fn if_pattern(pattern: &UriPattern, name: &str, uri: &Uri) -> Option<String> {
    (pattern.policy() != MatchPolicy::Exact).then(|| format!("{name}: {uri}"))
}

fn braces(entries: impl IntoIterator<Item = Option<String>>) -> String {
    let entries: Vec<_> = entries.into_iter().flatten().collect();
    if entries.is_empty() { String::new() } else { format!(" {{{}}}", entries.join(", ")) }
}

impl Model {
    /// The message for a step, and the lines that must come of it in any order. `None`: the step
    /// makes no sense now.
    fn step(&mut self, from: u64, step: &Step) -> Option<(Message, Vec<String>)> {
        let mut want = Vec::new();
        let message = match *step {
            Step::Subscribe { pattern } => self.subscribe(from, pattern, &mut want),
            Step::Unsubscribe { nth } => {
                let index = pick(&self.subscribers, |one| one.session == from, nth)?;
                want.push(format!("{from} < UNSUBSCRIBED 5"));
                unsubscribe(5, self.subscribers.remove(index).id)
            }
            Step::Publish { uri, exclude_me, acknowledge } => {
                self.publish(from, uri, exclude_me, acknowledge, &mut want)
            }
            Step::Register { pattern, invoke, force } => self.register(from, pattern, invoke, force, &mut want),
            Step::Unregister { nth } => {
                let index = pick(&self.registrations, |one| one.session == from, nth)?;
                want.push(format!("{from} < UNREGISTERED 5"));
                let Holding { id, session, .. } = self.registrations.remove(index);
                self.turns.entry(id).or_default().retain(|one| *one != session);
                unregister(5, id)
            }
            Step::Call { uri, timeout, progress } => self.call(from, uri, timeout, progress, &mut want),
            Step::RepeatCall { nth } => {
                let index = pick(&self.pending, |one| one.caller == from, nth)?;
                let request = self.pending[index].call;
                let text = format!("CALL {request} still waits for its answer");
                self.close(from, &text, &mut want);
                call(request, none(), "a.b")
            }
            Step::Yield { nth, progress } => {
                let invocation = 1 + (nth as u64).checked_rem(self.sessions[&from])?;
                self.answer(from, invocation, progress, "RESULT", &mut want);
                yields(invocation, with("progress", progress))
            }
            Step::Fail { nth } => {
                let invocation = 1 + (nth as u64).checked_rem(self.sessions[&from])?;
                self.answer(from, invocation, false, "ERROR CALL", &mut want);
                fails(invocation)
            }
            Step::Unavailable { nth } => {
                let invocation = 1 + (nth as u64).checked_rem(self.sessions[&from])?;
                self.unavailable(from, invocation, &mut want);
                unavailable(invocation)
            }
            Step::Kill { session } => {
                if session != from && self.sessions.contains_key(&session) {
                    want.push(format!("{session} killed wamp.close.killed"));
                    self.leave(session, &mut want);
                    want.push(format!("{from} < RESULT 77"));
                } else {
                    want.push(format!("{from} < ERROR CALL 77 wamp.error.no_such_session"));
                }
                let payload = Payload::of(session);
                Message::Call { request: id(77), options: none(), procedure: "wamp.session.kill".into(), payload }
            }
            Step::StrayYield => {
                let invocation = self.sessions[&from] + 1;
                let text = format!("YIELD for invocation {invocation}, which was never made");
                self.close(from, &text, &mut want);
                yields(invocation, none())
            }
            Step::Cancel { nth, mode } => {
                let index = pick(&self.pending, |one| one.caller == from, nth)?;
                let call = self.pending[index].call;
                self.cancel(index, mode, &mut want);
                cancel(call, mode)
            }
            Step::Join | Step::Leave | Step::Pass { .. } | Step::Ask => unreachable!("these send nothing"),
        };
        Some((message, want))
    }

    fn subscribe(&mut self, from: u64, index: usize, want: &mut Vec<String>) -> Message {
        let pattern = parse(index);
        let known = self.subscribers.iter().find(|one| one.pattern == pattern).map(|one| one.id);
        let id = known.unwrap_or_else(|| {
            self.last_subscription += 1;
            self.last_subscription
        });
        if !self.subscribers.iter().any(|one| one.id == id && one.session == from) {
            self.subscribers.push(Holding { id, pattern, session: from, invoke: "" });
        }
        want.push(format!("{from} < SUBSCRIBED 5 {id}"));
        subscribe(5, with("match", PATTERNS[index].0), PATTERNS[index].1)
    }

    fn publish(
        &mut self,
        from: u64,
        index: usize,
        exclude_me: bool,
        acknowledge: bool,
        want: &mut Vec<String>,
    ) -> Message {
        let topic = uri(index);
        let number = self.publications;
        for Holding { id, pattern, session, .. } in &self.subscribers {
            if pattern.matches(&topic) && (*session != from || !exclude_me) {
                let details = braces([if_pattern(pattern, "topic", &topic)]);
                want.push(format!("{session} < EVENT {id} P{number}{details}"));
            }
        }
        if acknowledge {
            want.push(format!("{from} < PUBLISHED 5 P{number}"));
        }
        self.publications += u64::from(!want.is_empty());
        let options = with("exclude_me", exclude_me).with("acknowledge", acknowledge);
        publish(5, options, URIS[index])
    }

    fn register(
        &mut self,
        from: u64,
        index: usize,
        invoke: &'static str,
        force: bool,
        want: &mut Vec<String>,
    ) -> Message {
        let pattern = parse(index);
        if force {
            for Holding { id, session, .. } in self.registrations.extract_if(.., |one| one.pattern == pattern) {
                if has_features(session) {
                    let reason = "reason: countersign.revoked.replaced";
                    want.push(format!("{session} < UNREGISTERED 0 {{registration: {id}, {reason}}}"));
                }
            }
        }
        let holders: Vec<_> = self.registrations.iter().filter(|one| one.pattern == pattern).collect();
        let may_share = invoke != "single" && holders.iter().all(|one| one.invoke == invoke && one.session != from);
        if holders.is_empty() || may_share {
            let id = holders.first().map_or(self.last_registration + 1, |one| one.id);
            self.last_registration = self.last_registration.max(id);
            self.registrations.push(Holding { id, pattern, session: from, invoke });
            want.push(format!("{from} < REGISTERED 5 {id}"));
        } else {
            let error = "wamp.error.procedure_already_exists";
            want.push(format!("{from} < ERROR REGISTER 5 {error}"));
        }
        let options = with("match", PATTERNS[index].0).with("force_reregister", force).with("invoke", invoke);
        register(5, options, PATTERNS[index].1)
    }

    fn call(&mut self, from: u64, index: usize, timeout: u64, progress: bool, want: &mut Vec<String>) -> Message {
        let procedure = uri(index);
        self.last_call += 1;
        let call_id = self.last_call;
        let matching = self.registrations.iter().filter(|one| one.pattern.matches(&procedure));
        if let Some(best) = matching.max_by_key(|one| rank(&one.pattern)) {
            let pending = Pending {
                caller: from,
                call: call_id,
                callee: 0,
                invocation: 0,
                progress,
                interrupted: false,
                timeout,
                deadline: if timeout == 0 { u64::MAX } else { self.now + timeout },
                procedure: index,
                registration: best.id,
                tried: Vec::new(),
                has_results: false,
            };
            self.invoke(pending, want);
        } else {
            want.push(format!("{from} < ERROR CALL {call_id} wamp.error.no_such_procedure"));
        }
        let options = with("timeout", timeout).with("receive_progress", progress);
        call(call_id, options, URIS[index])
    }

    /// Gives a call to the callee whose turn it is.
    fn invoke(&mut self, mut pending: Pending, want: &mut Vec<String>) {
        let id = pending.registration;
        let of_registration: Vec<_> = self.registrations.iter().filter(|one| one.id == id).collect();
        let had_turn = self.turns.get(&id).cloned().unwrap_or_default();
        let is_untried = |one: &&&Holding| !pending.tried.contains(&one.session);
        let untried = || of_registration.iter().filter(is_untried);
        let picked = match of_registration.first().map(|one| one.invoke) {
            Some("last") => untried().next_back(),
            Some("roundrobin") => untried().find(|one| !had_turn.contains(&one.session)).or_else(|| untried().next()),
            _ => untried().next(),
        };
        let Some(picked) = picked else {
            let Pending { caller, call, .. } = pending;
            want.push(format!("{caller} < ERROR CALL {call} wamp.error.no_available_callee"));
            return;
        };
        let callee = picked.session;
        let until_picked = of_registration.iter().map(|one| one.session).take_while(|session| *session != callee);
        let had_turn: Vec<u64> = until_picked.chain([callee]).collect();
        let procedure = if_pattern(&picked.pattern, "procedure", &uri(pending.procedure));
        self.turns.insert(id, had_turn);
        let count = self.sessions.get_mut(&callee).unwrap();
        *count += 1;
        (pending.callee, pending.invocation) = (callee, *count);
        let details = braces([
            procedure,
            (pending.progress && has_features(callee)).then(|| "receive_progress: true".to_owned()),
        ]);
        want.push(format!("{callee} < INVOCATION {} {id}{details}", pending.invocation));
        self.pending.push(pending);
    }

    fn unavailable(&mut self, from: u64, invocation: u64, want: &mut Vec<String>) {
        let is_it = |one: &Pending| one.callee == from && one.invocation == invocation;
        let Some(index) = self.pending.iter().position(is_it) else { return };
        let mut pending = self.pending.remove(index);
        let Pending { caller, call, .. } = pending;
        if pending.interrupted || pending.has_results {
            want.push(format!("{caller} < ERROR CALL {call} wamp.error.no_available_callee"));
        } else {
            pending.tried.push(from);
            self.invoke(pending, want);
        }
    }

    fn answer(&mut self, from: u64, invocation: u64, progress: bool, kind: &str, want: &mut Vec<String>) {
        let now = self.now;
        let is_it = |one: &Pending| one.callee == from && one.invocation == invocation;
        let Some(index) = self.pending.iter().position(is_it) else { return };
        let one = &mut self.pending[index];
        let (caller, call) = (one.caller, one.call);
        if progress {
            if one.progress {
                one.has_results = true;
                one.deadline = if one.timeout > 0 { now + one.timeout } else { u64::MAX };
                want.push(format!("{caller} < RESULT {call} {{progress: true}}"));
            }
        } else {
            self.pending.remove(index);
            let error = if kind == "RESULT" { "" } else { " app.error" };
            want.push(format!("{caller} < {kind} {call}{error}"));
        }
    }

    fn cancel(&mut self, index: usize, mode: &str, want: &mut Vec<String>) {
        let one = &mut self.pending[index];
        let (callee, invocation) = (one.callee, one.invocation);
        let mode = if has_features(callee) { mode } else { "skip" };
        if mode == "kill" && !one.interrupted {
            one.interrupted = true;
            let options = "{mode: kill, reason: wamp.error.canceled}";
            want.push(format!("{callee} < INTERRUPT {invocation} {options}"));
        } else if mode == "killnowait" || !one.interrupted {
            self.end(index, "canceled", mode == "killnowait", want);
        }
    }

    /// Ends a call with an error of the router.
    fn end(&mut self, index: usize, error: &str, interrupt: bool, want: &mut Vec<String>) {
        let one = self.pending.remove(index);
        let Pending { caller, call, callee, invocation, .. } = one;
        let is_there = |session| self.sessions.contains_key(&session);
        if interrupt && has_features(callee) && !one.interrupted && is_there(callee) {
            let options = format!("{{mode: killnowait, reason: wamp.error.{error}}}");
            want.push(format!("{callee} < INTERRUPT {invocation} {options}"));
        }
        if is_there(caller) {
            want.push(format!("{caller} < ERROR CALL {call} wamp.error.{error}"));
        }
    }

    fn leave(&mut self, session: u64, want: &mut Vec<String>) {
        self.sessions.remove(&session);
        self.subscribers.retain(|one| one.session != session);
        self.registrations.retain(|one| one.session != session);
        self.turns.values_mut().for_each(|had_turn| had_turn.retain(|one| *one != session));
        let is_its = |one: &Pending| one.caller == session || one.callee == session;
        while let Some(index) = self.pending.iter().position(is_its) {
            self.end(index, "canceled", true, want);
        }
    }

    fn close(&mut self, session: u64, text: &str, want: &mut Vec<String>) {
        want.push(format!("{session} closed wamp.error.protocol_violation: {text}"));
        self.leave(session, want);
    }

    fn pass(&mut self, milliseconds: u64) -> Vec<String> {
        self.now += milliseconds;
        let mut want = Vec::new();
        while let Some(index) = self.pending.iter().position(|one| one.deadline <= self.now) {
            self.end(index, "timeout", true, &mut want);
        }
        want
    }
}

/// Compares what the meta API says with the model.
fn ask(world: &mut World, model: &Model, from: u64) {
    let list = |ids: BTreeSet<u64>| {
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        format!("[{}]", ids.join(", "))
    };
    let sessions: BTreeSet<u64> = model.sessions.keys().copied().collect();
    assert_eq!(world.asked(from, "wamp.session.count", vec![]), sessions.len().to_string());
    assert_eq!(world.asked(from, "wamp.session.list", vec![]), list(sessions));
    for (kind, members, holdings) in
        [("registration", "callees", &model.registrations), ("subscription", "subscribers", &model.subscribers)]
    {
        let of = |policy: &str| {
            let ids = holdings.iter().filter(|one| one.pattern.policy().name() == policy).map(|one| one.id);
            format!("{policy}: {}", list(ids.collect()))
        };
        let want = format!("{{{}, {}, {}}}", of("exact"), of("prefix"), of("wildcard"));
        assert_eq!(world.asked(from, &format!("wamp.{kind}.list"), vec![]), want);
        for Holding { id, .. } in holdings {
            let sessions: BTreeSet<u64> = holdings.iter().filter(|one| one.id == *id).map(|one| one.session).collect();
            let mut ask =
                |what: &str| world.asked(from, &format!("wamp.{kind}.{what}_{members}"), args([(*id).into()]));
            assert_eq!(ask("count"), sessions.len().to_string());
            assert_eq!(ask("list"), list(sessions));
        }
    }
}

/// What must hold whatever the model says, read from the lines alone.
#[derive(Default)]
struct Ledger {
    present: BTreeSet<u64>,
    /// Caller and request of calls without a final answer.
    open: BTreeSet<(u64, u64)>,
    /// Session and id of its subscriptions.
    subscribed: BTreeSet<(u64, u64)>,
    /// The last publication that each subscriber got.
    last_event: BTreeMap<(u64, u64), u64>,
}

impl Ledger {
    fn read(&mut self, line: &str) {
        let Some((to, text)) = line.split_once(" < ") else {
            self.gone(line.split(' ').next().unwrap().parse().unwrap());
            return;
        };
        let to: u64 = to.parse().unwrap();
        assert!(self.present.contains(&to), "to a session that is gone: {line}");
        let words: Vec<_> = text.split(' ').collect();
        let number = |index: usize| words[index].trim_start_matches('P').parse().unwrap();
        match words[0] {
            "SUBSCRIBED" => {
                self.subscribed.insert((to, number(2)));
            }
            "EVENT" => {
                let key = (to, number(1));
                assert!(self.subscribed.contains(&key), "event without subscription: {line}");
                let before = self.last_event.insert(key, number(2));
                assert!(before < Some(number(2)), "out of order, or twice: {line}");
            }
            "RESULT" if !text.contains("progress") => self.answered(to, number(1), line),
            "ERROR" if words[1] == "CALL" => self.answered(to, number(2), line),
            _ => {}
        }
    }

    fn answered(&mut self, caller: u64, call: u64, line: &str) {
        assert!(self.open.remove(&(caller, call)), "a second final answer: {line}");
    }

    fn gone(&mut self, session: u64) {
        self.present.remove(&session);
        self.open.retain(|(caller, _)| *caller != session);
        self.subscribed.retain(|(subscriber, _)| *subscriber != session);
        self.last_event.retain(|(subscriber, _), _| *subscriber != session);
    }
}

/// One line per receiver.
fn expand(lines: Vec<String>) -> Vec<String> {
    let each = |line: String| match line.split_once(" < ") {
        Some((to, text)) => to.split('+').map(|to| format!("{to} < {text}")).collect(),
        None => vec![line],
    };
    lines.into_iter().flat_map(each).collect()
}

fn run(steps: Vec<(u64, Step)>) {
    let mut world = World::new();
    let mut model = Model::default();
    let mut ledger = Ledger::default();
    let join_all = (1..=SESSIONS).map(|session| (session, Step::Join));
    for (session, step) in join_all.chain(steps) {
        let is_present = model.sessions.contains_key(&session);
        let (lines, mut want) = match &step {
            Step::Pass { milliseconds } => (world.pass(*milliseconds), model.pass(*milliseconds)),
            Step::Join if !is_present => {
                let features = if has_features(session) { all_features() } else { ClientFeatures::default() };
                model.sessions.insert(session, 0);
                ledger.present.insert(session);
                (world.join(session, features), Vec::new())
            }
            Step::Leave if is_present => {
                let mut want = Vec::new();
                model.leave(session, &mut want);
                ledger.gone(session);
                (world.leave(session), want)
            }
            Step::Join | Step::Leave => continue,
            _ if !is_present => continue,
            Step::Ask => {
                ask(&mut world, &model, session);
                continue;
            }
            step => {
                let Some((message, want)) = model.step(session, step) else { continue };
                match &message {
                    Message::Call { request, .. } => {
                        ledger.open.insert((session, request.get()));
                    }
                    Message::Unsubscribe { subscription, .. } => {
                        ledger.subscribed.remove(&(session, subscription.get()));
                    }
                    _ => {}
                }
                (world.say(session, message), want)
            }
        };
        let mut lines = expand(lines);
        for line in &lines {
            ledger.read(line);
        }
        lines.sort_unstable();
        want.sort_unstable();
        assert_eq!(lines, want, "{session}: {step:?}");
        assert_eq!(ledger.open.len(), model.pending.len());
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn does_what_the_model_does(steps in prop::collection::vec((1..=SESSIONS, step()), 1..=60)) {
        run(steps);
    }
}
