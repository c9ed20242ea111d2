//! Filters, read and checked: what a database executes, and what it means.
//!
//! A record about which some condition can't be answered, because a field that it compares is missing or holds something of
//! another kind, is left out whole: under `NOT` and beside another branch of `OR` too, as on the bus that this replaces.

use std::cmp::Ordering;

use super::fields::Field;
use super::json::{Json, JsonTest};
use crate::Digest;
use crate::permission::Rule;
use uuid::Uuid;

/// One value of a field, or to compare it with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    /// A truth value; `false` comes first.
    Truth(bool),
    /// A number; a time is one, in microseconds since the Unix epoch.
    Int(i64),
    /// Text, in the order of its code points.
    Text(String),
    /// An id, in the order of its bytes.
    Id(Uuid),
    /// A digest, in the order of its bytes.
    Digest([u8; Digest::BYTES]),
}

/// What a record holds in a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    /// Nothing.
    Missing,
    /// A value.
    One(Scalar),
    /// Rules.
    Rules(Vec<Rule>),
    /// A value that programs have noted, read by storage.
    Json(Json),
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Order {
    pub(super) fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Less => found == Ordering::Less,
            Self::LessEqual => found != Ordering::Greater,
            Self::Greater => found == Ordering::Greater,
            Self::GreaterEqual => found != Ordering::Less,
        }
    }
}

/// What a condition asks of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Whether it is one of these.
    OneOf {
        /// The values, all of the field's kind.
        values: Vec<Scalar>,
        /// Whether to hold nothing counts as well.
        or_missing: bool,
    },
    /// How it compares; something has to be there.
    Compare(Order, Scalar),
    /// Whether this is a part of it; something has to be there.
    Contains {
        /// The part; in lower case where the case of ASCII letters doesn't count.
        part: String,
        /// Whether it doesn't.
        is_ascii_folded: bool,
    },
    /// Whether this rule is among those that it holds.
    HasRule(Rule),
    /// Something of what is within it.
    Json(JsonTest),
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Which.
    pub field: Field,
    /// What is asked.
    pub test: Test,
}

impl Condition {
    /// Whether it can't be answered for a record without the field.
    pub fn needs_presence(&self) -> bool {
        matches!(self.test, Test::Compare(..) | Test::Contains { .. })
    }

    /// The answer; `None`: there is none.
    pub fn answer(&self, held: &Held) -> Option<bool> {
        match (&self.test, held) {
            (Test::OneOf { or_missing, .. }, Held::Missing) => Some(*or_missing),
            (Test::OneOf { values, .. }, Held::One(value)) => Some(values.contains(value)),
            (Test::Compare(order, with), Held::One(value)) => Some(order.holds(value.cmp(with))),
            (Test::Contains { part, is_ascii_folded: false }, Held::One(Scalar::Text(text))) => {
                Some(text.contains(part))
            }
            (Test::Contains { part, is_ascii_folded: true }, Held::One(Scalar::Text(text))) => {
                Some(text.to_ascii_lowercase().contains(part))
            }
            (Test::Json(test), Held::Json(json)) => test.answer(json),
            (Test::Json(test), Held::Missing) => test.answer(&Json::Missing),
            (Test::HasRule(rule), Held::Rules(rules)) => Some(rules.contains(rule)),
            _ => None,
        }
    }
}

/// Conditions, joined.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// All of them hold. Of none all do.
    All(Vec<Node>),
    /// One of them holds. Of none no one does.
    Any(Vec<Node>),
    /// It doesn't hold.
    Not(Box<Node>),
    /// This holds.
    Test(Condition),
    /// The answer doesn't depend on the record.
    Constant(bool),
}

impl Node {
    /// Every condition in it.
    pub fn conditions(&self) -> Vec<&Condition> {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().flat_map(Self::conditions).collect(),
            Self::Not(node) => node.conditions(),
            Self::Test(condition) => vec![condition],
            Self::Constant(_) => Vec::new(),
        }
    }

    fn holds(&self, answer: &impl Fn(&Condition) -> bool) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(answer)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(answer)),
            Self::Not(node) => !node.holds(answer),
            Self::Test(condition) => answer(condition),
            Self::Constant(truth) => *truth,
        }
    }
}

/// Which records are meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// What has to hold.
    pub root: Node,
    /// Whether some condition can't be answered for any record, so that none is left.
    pub is_unanswerable: bool,
}

impl Default for Filter {
    /// All of them.
    fn default() -> Self {
        Self { root: Node::All(Vec::new()), is_unanswerable: false }
    }
}

impl Filter {
    /// Whether it means a record that holds this in its fields.
    pub fn admits(&self, held: impl Fn(Field) -> Held) -> bool {
        let answer = |condition: &Condition| condition.answer(&held(condition.field));
        !self.is_unanswerable
            && self.root.conditions().into_iter().all(|condition| answer(condition).is_some())
            && self.root.holds(&|condition| answer(condition) == Some(true))
    }
}
