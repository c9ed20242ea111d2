//! The model's calls: from CALL to the one final answer.

use super::state::{Holding, Model, Pending, braces, home, if_pattern};
use super::steps::Step;
use super::*;
use crate::pattern_map::tests::rank;

impl Model {
    /// A request id for a CALL.
    pub fn next_call(&mut self, from: u64) -> u64 {
        self.last_call += 1;
        self.last_calls.insert(from, self.last_call);
        self.last_call
    }

    pub fn call(&mut self, from: u64, step: &Step, want: &mut Vec<String>) -> Message {
        let Step::Call { uri: index, timeout, receive_progress, in_parts, rkey } = *step else { unreachable!() };
        let procedure = uri(index);
        let call_id = self.next_call(from);
        let options = with("timeout", timeout).with("receive_progress", receive_progress).with("progress", in_parts);
        let options = options.with("rkey", Value::from(rkey));
        let message = call(call_id, options, URIS[index]);
        if in_parts && !has(from, Feature::ProgressiveCallsAsCaller) {
            self.close(from, &format!("CALL {call_id} is progressive, which was not announced"), want);
            return message;
        }
        let matching = self.registrations.iter().filter(|one| one.pattern.matches(&procedure));
        if let Some(best) = matching.max_by_key(|one| rank(&one.pattern)) {
            let pending = Pending {
                caller: from,
                call: call_id,
                callee: 0,
                invocation: 0,
                receive_progress,
                in_parts,
                interrupted: false,
                timeout,
                first_deadline: if timeout == 0 { u64::MAX } else { self.now + timeout },
                deadline: u64::MAX,
                procedure: index,
                registration: best.id,
                tried: Vec::new(),
                rkey,
                is_settled: false,
                details: Vec::new(),
            };
            self.invoke(pending, want);
        } else {
            want.push(format!("{from} < ERROR CALL {call_id} wamp.error.no_such_procedure"));
        }
        message
    }

    /// The callee of a call whose turn it is, among those that were not tried and can take it.
    fn whose_turn(&mut self, pending: &Pending) -> Option<&Holding> {
        let id = pending.registration;
        let of_registration: Vec<_> = self.registrations.iter().filter(|one| one.id == id).collect();
        let had_turn = self.turns.get(&id).cloned().unwrap_or_default();
        let may = |one: &&&Holding| {
            let can_take_parts =
                has(one.session, Feature::ProgressiveCallsAsCallee) && has(one.session, Feature::CallCanceling);
            !pending.tried.contains(&one.session) && (!pending.in_parts || can_take_parts)
        };
        let untried = || of_registration.iter().filter(may);
        let picked = match of_registration.first().map(|one| one.invoke) {
            Some("last") => untried().next_back(),
            Some("roundrobin") if pending.rkey.is_some() => return home(pending.rkey, untried().copied()),
            Some("roundrobin") => untried().find(|one| !had_turn.contains(&one.session)).or_else(|| untried().next()),
            _ => untried().next(),
        };
        let picked = *picked?;
        let until_picked = of_registration.iter().map(|one| one.session).take_while(|one| *one != picked.session);
        let had_turn: Vec<u64> = until_picked.chain([picked.session]).collect();
        self.turns.insert(id, had_turn);
        Some(picked)
    }

    /// Gives a call to the callee whose turn it is.
    fn invoke(&mut self, mut pending: Pending, want: &mut Vec<String>) {
        let Pending { caller, call, procedure, receive_progress, timeout, .. } = pending;
        let Some(picked) = self.whose_turn(&pending) else {
            let error = if pending.tried.is_empty() { "feature_not_supported" } else { "no_available_callee" };
            want.push(format!("{caller} < ERROR CALL {call} wamp.error.{error}"));
            return;
        };
        let callee = picked.session;
        let keeps_time = picked.forward_timeout && has(callee, Feature::CallTimeout);
        let if_true = |name: &str, holds: bool| holds.then(|| format!("{name}: true"));
        pending.details = vec![
            if_pattern(&picked.pattern, "procedure", &uri(procedure)),
            if_true("receive_progress", receive_progress && has(callee, Feature::ProgressiveCallResults)),
            (keeps_time && timeout > 0).then(|| format!("timeout: {timeout}")),
        ];
        pending.deadline = if keeps_time { u64::MAX } else { pending.first_deadline };
        let count = self.sessions.get_mut(&callee).unwrap();
        *count += 1;
        (pending.callee, pending.invocation) = (callee, *count);
        want.push(invocation(&pending));
        self.pending.push(pending);
    }

    pub fn part(&mut self, index: usize, is_last: bool, want: &mut Vec<String>) -> Message {
        let one = &mut self.pending[index];
        (one.is_settled, one.in_parts) = (true, !is_last);
        if !one.interrupted {
            want.push(invocation(one));
        }
        call(one.call, with("progress", !is_last), URIS[one.procedure])
    }

    pub fn unavailable(&mut self, from: u64, invocation: u64, want: &mut Vec<String>) {
        let is_it = |one: &Pending| one.callee == from && one.invocation == invocation;
        let Some(index) = self.pending.iter().position(is_it) else { return };
        let mut pending = self.pending.remove(index);
        let Pending { caller, call, .. } = pending;
        if pending.interrupted || pending.is_settled {
            want.push(format!("{caller} < ERROR CALL {call} wamp.error.no_available_callee"));
        } else {
            pending.tried.push(from);
            self.invoke(pending, want);
        }
    }

    pub fn answer(&mut self, from: u64, invocation: u64, progress: bool, kind: &str, want: &mut Vec<String>) {
        let now = self.now;
        let is_it = |one: &Pending| one.callee == from && one.invocation == invocation;
        let Some(index) = self.pending.iter().position(is_it) else { return };
        let one = &mut self.pending[index];
        let (caller, call) = (one.caller, one.call);
        if progress {
            if one.receive_progress {
                one.is_settled = true;
                if one.deadline < u64::MAX {
                    one.deadline = now + one.timeout;
                }
                want.push(format!("{caller} < RESULT {call} {{progress: true}}"));
            }
        } else {
            self.pending.remove(index);
            let error = if kind == "RESULT" { "" } else { " app.error" };
            want.push(format!("{caller} < {kind} {call}{error}"));
        }
    }

    pub fn cancel(&mut self, index: usize, mode: &str, want: &mut Vec<String>) {
        let one = &mut self.pending[index];
        let (callee, invocation) = (one.callee, one.invocation);
        let mode = if has(callee, Feature::CallCanceling) { mode } else { "skip" };
        if mode == "kill" && !one.interrupted {
            one.interrupted = true;
            let options = "{mode: kill, reason: wamp.error.canceled}";
            want.push(format!("{callee} < INTERRUPT {invocation} {options}"));
        } else if mode == "killnowait" || !one.interrupted {
            self.end(index, "canceled", mode == "killnowait", want);
        }
    }

    /// Ends a call with an error of the router.
    pub fn end(&mut self, index: usize, error: &str, interrupt: bool, want: &mut Vec<String>) {
        let one = self.pending.remove(index);
        let Pending { caller, call, callee, invocation, .. } = one;
        let is_there = |session| self.sessions.contains_key(&session);
        if interrupt && has(callee, Feature::CallCanceling) && !one.interrupted && is_there(callee) {
            let options = format!("{{mode: killnowait, reason: wamp.error.{error}}}");
            want.push(format!("{callee} < INTERRUPT {invocation} {options}"));
        }
        if is_there(caller) {
            want.push(format!("{caller} < ERROR CALL {call} wamp.error.{error}"));
        }
    }
}

fn invocation(one: &Pending) -> String {
    let progress = one.in_parts.then(|| "progress: true".to_owned());
    let details = braces(one.details.iter().cloned().chain([progress]));
    format!("{} < INVOCATION {} {}{details}", one.callee, one.invocation, one.registration)
}
