//! URI permissions: who may call, register, subscribe and publish what.
//!
//! Source: contract of the bus, sections 4.4 and 4.5, with the decisions of its section 9.

mod expressions;
mod known;
mod pattern;
mod restriction;
mod rights;
mod rules;
mod trie;

pub use pattern::{Pattern, PatternError};
pub use restriction::{ACT_FOR, KeySessionDenials, Named, Restriction, SessionRights, Withheld};
pub use rights::{Action, Right, Rights, RightsError};
pub use rules::{PermissionsError, Rule, parse_role_rules, parse_rules};
pub use trie::{Refusal, RuleSet, UriMatch};
