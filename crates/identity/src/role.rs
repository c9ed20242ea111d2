//! Roles: named lists of URI permissions. A user has one role.

use std::fmt;

use crate::permission::{Pattern, Rights, Rule};

/// The name of a role: lower-case letters, digits, `_`, `-` and `.`, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

/// The text given is no role name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role name has 1 to 64 characters of a-z, 0-9, '_', '-' and '.'")]
pub struct RoleNameError;

impl RoleName {
    /// Longest name in bytes.
    pub const BYTES_MAX: usize = 64;
    /// The role that may do everything.
    pub const TRUST: &'static str = "trust";
    /// The role of users who are given none.
    pub const FRONTEND: &'static str = "frontend";
    /// The role of sessions without a login.
    pub const PUBLIC: &'static str = "public";

    /// Checks the text.
    ///
    /// # Errors
    ///
    /// [`RoleNameError`] for other characters or lengths.
    pub fn parse(text: &str) -> Result<Self, RoleNameError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
        if text.is_empty() || text.len() > Self::BYTES_MAX || !text.bytes().all(allowed) {
            return Err(RoleNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The role `trust`.
    pub fn trust() -> Self {
        Self(Self::TRUST.to_owned())
    }

    /// The role `public`.
    pub fn public() -> Self {
        Self(Self::PUBLIC.to_owned())
    }

    /// The role `frontend`.
    pub fn frontend() -> Self {
        Self(Self::FRONTEND.to_owned())
    }

    /// Whether this is the role whose users may act for others.
    pub fn is_trust(&self) -> bool {
        self.0 == Self::TRUST
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A role as storage keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// The name.
    pub name: RoleName,
    /// What its users may do, in the order of the patterns.
    pub rules: Vec<Rule>,
}

/// The roles that a fresh installation gets (contract of the bus, section 4.6); all of them can
/// be edited afterwards.
///
/// `prefix` is the URI prefix of the bus, as `com.izaber.wamp`. A `~` in front of a pattern
/// below stands for it.
pub fn shipped(prefix: &str) -> Vec<Role> {
    SHIPPED
        .iter()
        .map(|(name, rules)| Role {
            name: RoleName((*name).to_owned()),
            rules: rules.iter().filter_map(|(pattern, rights)| rule(prefix, pattern, rights)).collect(),
        })
        .collect()
}

/// One line of a table like [`SHIPPED`]. `None` only for a prefix that is no URI, which the
/// settings have refused before.
pub(crate) fn rule(prefix: &str, pattern: &str, rights: &str) -> Option<Rule> {
    let pattern = match pattern.strip_prefix('~') {
        Some(rest) => format!("{prefix}{rest}"),
        None => pattern.to_owned(),
    };
    Some(Rule { pattern: Pattern::parse(&pattern).ok()?, rights: Rights::parse(rights).ok()? })
}

type Table = &'static [(&'static str, &'static str)];

const SHIPPED: &[(&str, Table)] = &[
    (RoleName::TRUST, &[("*", "crspoq")]),
    (
        "backend",
        &[
            ("~.*", "crsp"),
            ("roster.*", "oq"),
            // Acting for other users is for `trust` alone.
            ("~.system.otp.*", ""),
            ("~.system.otps.*", ""),
            ("~.system.apikeys.*", ""),
        ],
    ),
    (
        RoleName::FRONTEND,
        &[
            ("~.public.*", "crsp"),
            ("~.frontend.*", "crsp"),
            ("~.reauth", "c+r+"),
            ("~.auth.whoami", "c"),
            ("~.auth.authenticate", "c"),
            ("~.auth.reauthenticate", "c"),
            ("~.auth.reauthenticate_expire", "c"),
            ("~.auth.is_reauthenticated", "c"),
            ("~.auth.extend_reauthenticate", "c"),
            ("~.auth.refresh_authorizer", "c"),
            ("~.my.*", "c"),
            ("my.*", "c"),
            ("~.ad.users", "c"),
            ("~.ad.groups", "c"),
            ("~.system.db.query", "c"),
            ("~.system.db.create", "c"),
            ("~.system.db.update", "c"),
            ("~.system.db.upsert", "c"),
            ("~.system.db.delete", "c"),
            ("~.system.preference.get", "c"),
            ("~.system.preference.set", "c"),
            ("~.system.is_reauthenticated", "c"),
            ("~.system.extend_reauthenticate", "c"),
            ("~./zerp.*/.*", "cs"),
            ("~./dashboard:.*:dashboardRegistry/.get", "c"),
            ("~./dashboard:.*/.*", "cs"),
            ("~.directory.users", "c"),
            ("~.directory.groups", "c"),
            ("~.notification.router.registerDestination", "c"),
            ("~.system.roster.register", "c"),
            ("~.system.roster.unregister", "c"),
            ("~.system.roster.query", "c"),
            ("roster.*", "oq"),
            ("~.graphs.product_graph_consumption", "c"),
        ],
    ),
    (
        RoleName::PUBLIC,
        &[
            ("~.public", "crsp"),
            ("~.discovery.kncknc", "p"),
            ("~.discovery.whsthr", "s"),
            ("~./dashboard:.*:dashboardRegistry/.get", "c"),
            ("~.system.roster.query", "c"),
            ("roster.*", "q"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_shipped_table_is_a_rule() {
        let roles = shipped("com.izaber.wamp");
        assert_eq!(roles.len(), 4);
        for (role, (_, table)) in roles.iter().zip(SHIPPED) {
            assert_eq!(role.rules.len(), table.len(), "{}", role.name);
        }
    }

    #[test]
    fn refuses_other_role_names() {
        for text in ["", "Trust", "a b", "a/b", &"x".repeat(65)] {
            assert_eq!(RoleName::parse(text), Err(RoleNameError), "{text:?}");
        }
        assert!(RoleName::parse(&"x".repeat(64)).is_ok());
    }
}
