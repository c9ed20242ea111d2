//! What sessions do: one step each, chosen at random.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{PATTERNS, SESSIONS, URIS};

/// Options of PUBLISH by their place here, each with the sessions, users or roles that it names: bit `n` stands for
/// session `n` and its user; of roles, bit 0 for `odd` and bit 1 for `even`.
pub type Lists = BTreeMap<usize, u8>;

pub const LISTS: [&str; 6] =
    ["exclude", "eligible", "exclude_authid", "eligible_authid", "exclude_authrole", "eligible_authrole"];

#[derive(Debug, Clone)]
pub enum Step {
    Join,
    Leave,
    Subscribe {
        pattern: usize,
        nkey: Option<&'static str>,
    },
    Unsubscribe {
        nth: usize,
    },
    Publish {
        uri: usize,
        exclude_me: bool,
        acknowledge: bool,
        lists: Lists,
        rkey: Option<&'static str>,
    },
    Register {
        pattern: usize,
        invoke: &'static str,
        force: bool,
        forward_timeout: bool,
        nkey: Option<&'static str>,
    },
    Unregister {
        nth: usize,
    },
    /// `in_parts`: further CALLs follow.
    Call {
        uri: usize,
        timeout: u64,
        receive_progress: bool,
        in_parts: bool,
        rkey: Option<&'static str>,
    },
    Part {
        nth: usize,
        is_last: bool,
    },
    /// A part of a call that is over.
    LatePart,
    RepeatCall {
        nth: usize,
    },
    Yield {
        nth: usize,
        progress: bool,
    },
    Fail {
        nth: usize,
    },
    Unavailable {
        nth: usize,
    },
    StrayYield,
    Cancel {
        nth: usize,
        mode: &'static str,
    },
    Pass {
        milliseconds: u64,
    },
    Kill(Kill),
    Ask,
}

#[derive(Debug, Clone, Copy)]
pub enum Kill {
    Session(u64),
    User(u64),
    Role(&'static str),
    All,
}

impl Kill {
    /// Whether it ends this session, if that is not the caller.
    pub fn hits(self, session: u64) -> bool {
        match self {
            Self::Session(one) | Self::User(one) => one == session,
            Self::Role(role) => role == super::role(session),
            Self::All => true,
        }
    }
}

fn kill() -> impl Strategy<Value = Kill> {
    prop_oneof![
        4 => (1..=SESSIONS).prop_map(Kill::Session),
        2 => (1..=SESSIONS).prop_map(Kill::User),
        1 => prop::sample::select(vec!["even", "odd"]).prop_map(Kill::Role),
        1 => Just(Kill::All),
    ]
}

/// One of few names, or none.
fn key(names: [&'static str; 3]) -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![1 => Just(None), 1 => prop::sample::select(names.to_vec()).prop_map(Some)]
}

fn nkey() -> impl Strategy<Value = Option<&'static str>> {
    key(["node1", "node2", "node3"])
}

fn rkey() -> impl Strategy<Value = Option<&'static str>> {
    key(["sn1", "sn2", "sn3"])
}

fn publishing() -> impl Strategy<Value = Step> {
    let lists = prop_oneof![
        2 => Just(Lists::new()),
        1 => prop::collection::btree_map(0..LISTS.len(), 0_u8..64, 1..=2),
    ];
    (0..URIS.len(), any::<bool>(), any::<bool>(), lists, rkey()).prop_map(
        |(uri, exclude_me, acknowledge, lists, rkey)| Step::Publish { uri, exclude_me, acknowledge, lists, rkey },
    )
}

fn registering() -> impl Strategy<Value = Step> {
    let policies = ["single", "first", "last", "roundrobin"];
    // Mostly the same for a pattern, so that registrations are shared.
    let invoke = prop_oneof![1 => (0..policies.len()).prop_map(Some), 4 => Just(None)];
    (0..PATTERNS.len(), invoke, prop::bool::weighted(0.2), prop::bool::weighted(0.3), nkey()).prop_map(
        move |(pattern, invoke, force, forward_timeout, nkey)| {
            let invoke = policies[invoke.unwrap_or(pattern % policies.len())];
            Step::Register { pattern, invoke, force, forward_timeout, nkey }
        },
    )
}

fn calling() -> impl Strategy<Value = Step> {
    let timeout = prop::sample::select(vec![0, 0, 20, 50]);
    (0..URIS.len(), timeout, any::<bool>(), prop::bool::weighted(0.3), rkey()).prop_map(
        |(uri, timeout, receive_progress, in_parts, rkey)| Step::Call {
            uri,
            timeout,
            receive_progress,
            in_parts,
            rkey,
        },
    )
}

pub fn step() -> impl Strategy<Value = Step> {
    let nth = || 0_usize..8;
    let mode = prop::sample::select(vec!["skip", "kill", "killnowait"]);
    prop_oneof![
        4 => Just(Step::Join),
        1 => Just(Step::Leave),
        3 => (0..PATTERNS.len(), nkey()).prop_map(|(pattern, nkey)| Step::Subscribe { pattern, nkey }),
        1 => nth().prop_map(|nth| Step::Unsubscribe { nth }),
        4 => publishing(),
        8 => registering(),
        1 => nth().prop_map(|nth| Step::Unregister { nth }),
        8 => calling(),
        6 => (nth(), any::<bool>()).prop_map(|(nth, is_last)| Step::Part { nth, is_last }),
        1 => Just(Step::LatePart),
        1 => nth().prop_map(|nth| Step::RepeatCall { nth }),
        6 => (nth(), any::<bool>()).prop_map(|(nth, progress)| Step::Yield { nth, progress }),
        2 => nth().prop_map(|nth| Step::Fail { nth }),
        4 => nth().prop_map(|nth| Step::Unavailable { nth }),
        1 => Just(Step::StrayYield),
        4 => (nth(), mode).prop_map(|(nth, mode)| Step::Cancel { nth, mode }),
        3 => (1_u64..40).prop_map(|milliseconds| Step::Pass { milliseconds }),
        1 => kill().prop_map(Step::Kill),
        1 => Just(Step::Ask),
    ]
}
