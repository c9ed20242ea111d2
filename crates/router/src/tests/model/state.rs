//! The model: what sessions have, in lists that are scanned from end to end, and what each step makes of it.

use std::collections::BTreeMap;

use countersign_wamp::{Uri, UriPattern};

use super::steps::{Kill, LISTS, Lists, Step};
use super::*;
use crate::shard::{Node, ResourceKey};

/// A subscriber of a subscription, or a callee of a registration.
pub struct Holding {
    pub id: u64,
    pub pattern: UriPattern,
    pub session: u64,
    pub invoke: &'static str,
    pub forward_timeout: bool,
    pub nkey: Option<&'static str>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Pending {
    pub caller: u64,
    pub call: u64,
    pub callee: u64,
    pub invocation: u64,
    pub receive_progress: bool,
    /// Whether further CALLs may come.
    pub in_parts: bool,
    pub interrupted: bool,
    pub timeout: u64,
    /// When the timeout is over that runs from the call on.
    pub first_deadline: u64,
    /// When the router ends the call.
    pub deadline: u64,
    /// The URI's index and the registration.
    pub procedure: usize,
    pub registration: u64,
    pub tried: Vec<u64>,
    pub rkey: Option<&'static str>,
    /// Whether somebody has seen so much of it that it can't begin anew elsewhere.
    pub is_settled: bool,
    /// What each INVOCATION says of it.
    pub details: Vec<Option<String>>,
}

#[derive(Default)]
pub struct Model {
    /// With the number of invocations that each got so far.
    pub sessions: BTreeMap<u64, u64>,
    pub subscribers: Vec<Holding>,
    /// In the order in which they registered.
    pub registrations: Vec<Holding>,
    /// Of each registration the callee whose turn it was last, and the callees that registered
    /// before it.
    pub turns: BTreeMap<u64, Vec<u64>>,
    pub pending: Vec<Pending>,
    /// The last request id of a CALL by each session.
    pub last_calls: BTreeMap<u64, u64>,
    last_subscription: u64,
    last_registration: u64,
    pub last_call: u64,
    publications: u64,
    pub now: u64,
}

/// The nth of those that fit, counted round and round.
fn pick<T>(items: &[T], fits: impl Fn(&T) -> bool, nth: usize) -> Option<usize> {
    let own: Vec<_> = (0..items.len()).filter(|&index| fits(&items[index])).collect();
    own.get(nth.checked_rem(own.len())?).copied()
}

pub fn if_pattern(pattern: &UriPattern, name: &str, uri: &Uri) -> Option<String> {
    (pattern.policy() != MatchPolicy::Exact).then(|| format!("{name}: {uri}"))
}

pub fn braces(entries: impl IntoIterator<Item = Option<String>>) -> String {
    let entries: Vec<_> = entries.into_iter().flatten().collect();
    if entries.is_empty() { String::new() } else { format!(" {{{}}}", entries.join(", ")) }
}

/// Whether these lists let a session get an event.
fn allow(lists: &Lists, session: u64) -> bool {
    lists.iter().all(|(&list, &named)| {
        let bit = if list < 4 { session } else { u64::from(role(session) == "even") };
        let is_named = named >> bit & 1 == 1;
        is_named == LISTS[list].starts_with("eligible")
    })
}

/// Of those that share keys the one that a key belongs to; the last one, if their nodes have the same name.
pub fn home<'a>(rkey: Option<&str>, sharing: impl Iterator<Item = &'a Holding>) -> Option<&'a Holding> {
    let key = ResourceKey::read(&with("rkey", Value::from(rkey))).unwrap()?;
    let node = |one: &Holding| {
        Node::read(&with("nkey", Value::from(one.nkey))).unwrap().unwrap_or_else(|| Node::of(id(one.session)))
    };
    sharing.max_by_key(|one| key.weight(node(one)))
}

fn list_option(list: usize, named: u8) -> Value {
    let bits = (0..8_u64).filter(|bit| named >> bit & 1 == 1);
    let entry = |bit: u64| -> Value {
        match list {
            0 | 1 => bit.into(),
            2 | 3 => format!("user{bit}").as_str().into(),
            _ => ["odd", "even"].get(usize::try_from(bit).unwrap()).copied().unwrap_or("none").into(),
        }
    };
    Value::List(bits.map(entry).collect())
}

impl Model {
    /// The message for a step, and the lines that must come of it in any order. `None`: the step
    /// makes no sense now.
    pub fn step(&mut self, from: u64, step: &Step) -> Option<(Message, Vec<String>)> {
        let mut want = Vec::new();
        let message = match *step {
            Step::Subscribe { pattern, nkey } => self.subscribe(from, pattern, nkey, &mut want),
            Step::Unsubscribe { nth } => {
                let index = pick(&self.subscribers, |one| one.session == from, nth)?;
                want.push(format!("{from} < UNSUBSCRIBED 5"));
                unsubscribe(5, self.subscribers.remove(index).id)
            }
            Step::Publish { .. } => self.publish(from, step, &mut want),
            Step::Register { .. } => self.register(from, step, &mut want),
            Step::Unregister { nth } => {
                let index = pick(&self.registrations, |one| one.session == from, nth)?;
                want.push(format!("{from} < UNREGISTERED 5"));
                let Holding { id, session, .. } = self.registrations.remove(index);
                self.turns.entry(id).or_default().retain(|one| *one != session);
                unregister(5, id)
            }
            Step::Call { .. } => self.call(from, step, &mut want),
            Step::Part { nth, is_last } => {
                let index = pick(&self.pending, |one| one.caller == from && one.in_parts, nth)?;
                self.part(index, is_last, &mut want)
            }
            Step::LatePart => {
                let call_id = *self.last_calls.get(&from).filter(|_| has(from, Feature::ProgressiveCallsAsCaller))?;
                let is_over = !self.pending.iter().any(|one| one.caller == from && one.call == call_id);
                is_over.then(|| call(call_id, none(), "a.b"))?
            }
            Step::RepeatCall { nth } => {
                let index = pick(&self.pending, |one| one.caller == from && !one.in_parts, nth)?;
                let request = self.pending[index].call;
                self.close(from, &format!("CALL {request} still waits for its answer"), &mut want);
                call(request, none(), "a.b")
            }
            Step::Yield { nth, progress } => {
                let invocation = self.invocation_of(from, nth)?;
                self.answer(from, invocation, progress, "RESULT", &mut want);
                yields(invocation, with("progress", progress))
            }
            Step::Fail { nth } => {
                let invocation = self.invocation_of(from, nth)?;
                self.answer(from, invocation, false, "ERROR CALL", &mut want);
                fails(invocation)
            }
            Step::Unavailable { nth } => {
                let invocation = self.invocation_of(from, nth)?;
                self.unavailable(from, invocation, &mut want);
                unavailable(invocation)
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
            Step::Kill(kill) => self.kill(from, kill, &mut want),
            Step::Join | Step::Leave | Step::Pass { .. } | Step::Ask => unreachable!("these send nothing"),
        };
        Some((message, want))
    }

    /// An invocation for a callee to answer: mostly one that waits, or else any that it ever got.
    fn invocation_of(&self, callee: u64, nth: usize) -> Option<u64> {
        let waiting = pick(&self.pending, |one| one.callee == callee, nth).filter(|_| nth > 0);
        waiting
            .map(|index| self.pending[index].invocation)
            .or_else(|| Some(1 + (nth as u64).checked_rem(self.sessions[&callee])?))
    }

    fn subscribe(&mut self, from: u64, index: usize, nkey: Option<&'static str>, want: &mut Vec<String>) -> Message {
        let pattern = parse(index);
        let known = self.subscribers.iter().find(|one| one.pattern == pattern).map(|one| one.id);
        let id = known.unwrap_or_else(|| {
            self.last_subscription += 1;
            self.last_subscription
        });
        self.subscribers.retain(|one| one.id != id || one.session != from);
        self.subscribers.push(Holding { id, pattern, session: from, invoke: "", forward_timeout: false, nkey });
        want.push(format!("{from} < SUBSCRIBED 5 {id}"));
        subscribe(5, with("match", PATTERNS[index].0).with("nkey", Value::from(nkey)), PATTERNS[index].1)
    }

    fn publish(&mut self, from: u64, step: &Step, want: &mut Vec<String>) -> Message {
        let Step::Publish { uri: index, exclude_me, acknowledge, ref lists, rkey } = *step else { unreachable!() };
        let topic = uri(index);
        let number = self.publications;
        let may = |one: &&Holding| {
            one.pattern.matches(&topic) && (one.session != from || !exclude_me) && allow(lists, one.session)
        };
        for one in self.subscribers.iter().filter(may) {
            let Holding { id, pattern, session, nkey, .. } = one;
            let others = self.subscribers.iter().filter(may).filter(|other| other.id == *id && other.nkey.is_some());
            if rkey.is_none() || nkey.is_none() || home(rkey, others).is_some_and(|home| home.session == *session) {
                let details = braces([if_pattern(pattern, "topic", &topic)]);
                want.push(format!("{session} < EVENT {id} P{number}{details}"));
            }
        }
        if acknowledge {
            want.push(format!("{from} < PUBLISHED 5 P{number}"));
        }
        self.publications += u64::from(!want.is_empty());
        let options = with("exclude_me", exclude_me).with("acknowledge", acknowledge).with("rkey", Value::from(rkey));
        let options =
            lists.iter().fold(options, |options, (&list, &named)| options.with(LISTS[list], list_option(list, named)));
        publish(5, options, URIS[index])
    }

    fn register(&mut self, from: u64, step: &Step, want: &mut Vec<String>) -> Message {
        let Step::Register { pattern: index, invoke, force, forward_timeout, nkey } = *step else { unreachable!() };
        let pattern = parse(index);
        if force {
            for Holding { id, session, .. } in self.registrations.extract_if(.., |one| one.pattern == pattern) {
                if has(session, Feature::RegistrationRevocation) {
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
            self.registrations.push(Holding { id, pattern, session: from, invoke, forward_timeout, nkey });
            want.push(format!("{from} < REGISTERED 5 {id}"));
        } else {
            let error = "wamp.error.procedure_already_exists";
            want.push(format!("{from} < ERROR REGISTER 5 {error}"));
        }
        let options = with("match", PATTERNS[index].0).with("force_reregister", force).with("invoke", invoke);
        let options = options.with("forward_timeout", forward_timeout).with("nkey", Value::from(nkey));
        register(5, options, PATTERNS[index].1)
    }

    fn kill(&mut self, from: u64, kill: Kill, want: &mut Vec<String>) -> Message {
        let request = self.next_call(from);
        let ended: Vec<u64> =
            self.sessions.keys().copied().filter(|session| *session != from && kill.hits(*session)).collect();
        for session in &ended {
            want.push(format!("{session} killed wamp.close.killed"));
            self.leave(*session, want);
        }
        want.push(match kill {
            Kill::Session(_) if ended.is_empty() => {
                format!("{from} < ERROR CALL {request} wamp.error.no_such_session")
            }
            _ => format!("{from} < RESULT {request}"),
        });
        let (procedure, payload) = match kill {
            Kill::Session(session) => ("wamp.session.kill", Payload::of(session)),
            Kill::User(session) => ("wamp.session.kill_by_authid", Payload::of(&*format!("user{session}"))),
            Kill::Role(role) => ("wamp.session.kill_by_authrole", Payload::of(role)),
            Kill::All => ("wamp.session.kill_all", Payload::absent()),
        };
        Message::Call { request: id(request), options: none(), procedure: procedure.into(), payload }
    }

    pub fn leave(&mut self, session: u64, want: &mut Vec<String>) {
        self.sessions.remove(&session);
        self.last_calls.remove(&session);
        self.subscribers.retain(|one| one.session != session);
        self.registrations.retain(|one| one.session != session);
        self.turns.values_mut().for_each(|had_turn| had_turn.retain(|one| *one != session));
        let is_its = |one: &Pending| one.caller == session || one.callee == session;
        while let Some(index) = self.pending.iter().position(is_its) {
            self.end(index, "canceled", true, want);
        }
    }

    pub fn close(&mut self, session: u64, text: &str, want: &mut Vec<String>) {
        want.push(format!("{session} closed wamp.error.protocol_violation: {text}"));
        self.leave(session, want);
    }

    pub fn pass(&mut self, milliseconds: u64) -> Vec<String> {
        self.now += milliseconds;
        let mut want = Vec::new();
        while let Some(index) = self.pending.iter().position(|one| one.deadline <= self.now) {
            self.end(index, "timeout", true, &mut want);
        }
        want
    }
}
