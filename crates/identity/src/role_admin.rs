//! Whole roles: made or replaced with all their rules, given another name, removed.
//!
//! Single rules are in [`crate::admin`]. Who may do this is said there.
//!
//! **Invariant:** there is always a role `trust`: the rules know it by its name, and without it nobody could manage others.

use crate::admin::AdminError;
use crate::audit::{AuditEvent, Operation};
use crate::permission::{PermissionsError, Rule, parse_role_rules};
use crate::repository::{Repository, RepositoryError};
use crate::role::{Role, RoleName};
use crate::{Actor, Identity, RequestContext, Timestamp};

/// Stores a role with all its rules.
#[derive(Debug)]
pub struct PutRole {
    /// The role.
    pub role: Role,
    /// Whether it is there before.
    pub put: Put,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Whether a role is there before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It must not be.
    New,
    /// It has to be; its rules are replaced.
    Existing,
}

/// Outcome of [`PutRole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutRoleOutcome {
    /// Done.
    Done,
    /// There is such a role already.
    Exists,
    /// There is no such role.
    NoSuchRole,
}

/// Gives a role another name, also at its users.
#[derive(Debug)]
pub struct RenameRole {
    /// Which role.
    pub role: RoleName,
    /// The other name.
    pub to: RoleName,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`RenameRole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenameRoleOutcome {
    /// Done.
    Done,
    /// There is no such role.
    NoSuchRole,
    /// The other name is taken.
    Exists,
}

/// Removes a role that no user has.
#[derive(Debug)]
pub struct RemoveRole {
    /// Which role.
    pub role: RoleName,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`RemoveRole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoveRoleOutcome {
    /// Done.
    Done,
    /// There is no such role.
    NoSuchRole,
    /// A user has it.
    InUse,
}

impl<R: Repository> Identity<R> {
    /// All roles, or the one of this name, for whoever may manage them. Only refusals are in the trail.
    ///
    /// # Errors
    ///
    /// [`AdminError`].
    pub async fn read_roles(
        &self,
        name: Option<&str>,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Vec<Role>, AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::RoleRead).target(name.unwrap_or_default());
        self.admit(actor, Ok(()), audit).await?;
        match name {
            Some(name) => Ok(vec![self.role(name).await?]),
            None => Ok(self.roles().await?),
        }
    }

    /// Creates a role with rules: pairs of pattern and letters.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was created then.
    pub async fn create_role(
        &self,
        name: &str,
        rules: &[(String, String)],
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Role, AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::RoleCreate).target(name);
        let wish = RoleName::parse(name).map_err(AdminError::from).and_then(|name| read(name, rules));
        self.put_role(actor, wish, Put::New, audit.detail(&count(rules.len()))).await
    }

    /// Creates a role with the rules of another.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was created then.
    pub async fn copy_role(
        &self,
        from: &str,
        to: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Role, AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::RoleCreate).target(to);
        let audit = audit.detail(&format!("copy of {from}"));
        let wish = match (RoleName::parse(to), self.role(from).await) {
            (_, Err(AdminError::Storage(fault))) => return Err(fault.into()),
            (Ok(name), Ok(Role { rules, .. })) => Ok(Role { name, rules }),
            (Err(error), _) => Err(error.into()),
            (_, Err(error)) => Err(error),
        };
        self.put_role(actor, wish, Put::New, audit).await
    }

    /// Replaces all rules of a role.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn replace_rules(
        &self,
        name: &str,
        rules: &[(String, String)],
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Role, AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::RoleReplace).target(name);
        let wish = existing(name).and_then(|name| read(name, rules));
        self.put_role(actor, wish, Put::Existing, audit.detail(&count(rules.len()))).await
    }

    async fn put_role(
        &self,
        actor: &Actor,
        wish: Result<Role, AdminError>,
        put: Put,
        audit: AuditEvent,
    ) -> Result<Role, AdminError> {
        let (role, audit) = self.admit(actor, wish, audit).await?;
        let name = role.name.to_string();
        match self.repository.run(PutRole { role: role.clone(), put, audit }).await? {
            PutRoleOutcome::Done => Ok(role),
            PutRoleOutcome::Exists => Err(AdminError::RoleTaken(name)),
            PutRoleOutcome::NoSuchRole => Err(AdminError::NoSuchRole(name)),
        }
    }

    /// Gives a role another name; its users keep it. Their live sessions go by the old one: whoever holds these ends them.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn rename_role(
        &self,
        name: &str,
        to: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::RoleRename).target(name).detail(to);
        let wish = existing(name).and_then(movable).and_then(|name| Ok((name, RoleName::parse(to)?)));
        let ((role, to), audit) = self.admit(actor, wish, audit).await?;
        let taken = to.to_string();
        match self.repository.run(RenameRole { role, to, audit }).await? {
            RenameRoleOutcome::Done => Ok(()),
            RenameRoleOutcome::NoSuchRole => Err(AdminError::NoSuchRole(name.to_owned())),
            RenameRoleOutcome::Exists => Err(AdminError::RoleTaken(taken)),
        }
    }

    /// Removes a role that no user has.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn remove_role(
        &self,
        name: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::RoleRemove).target(name);
        let (role, audit) = self.admit(actor, existing(name).and_then(movable), audit).await?;
        let removed: Result<_, RepositoryError> = self.repository.run(RemoveRole { role, audit }).await;
        match removed? {
            RemoveRoleOutcome::Done => Ok(()),
            RemoveRoleOutcome::NoSuchRole => Err(AdminError::NoSuchRole(name.to_owned())),
            RemoveRoleOutcome::InUse => Err(AdminError::RoleInUse(name.to_owned())),
        }
    }
}

fn existing(name: &str) -> Result<RoleName, AdminError> {
    RoleName::parse(name).map_err(|_| AdminError::NoSuchRole(name.to_owned()))
}

fn movable(name: RoleName) -> Result<RoleName, AdminError> {
    if name.is_trust() { Err(AdminError::RoleProtected(name.to_string())) } else { Ok(name) }
}

/// With the rules in the order in which storage gives them.
fn read(name: RoleName, rules: &[(String, String)]) -> Result<Role, AdminError> {
    let parsed: Result<Vec<Rule>, PermissionsError> =
        parse_role_rules(rules.iter().map(|(uri, perms)| (uri.as_str(), perms.as_str())));
    let mut rules = parsed?;
    rules.sort_by(|one, two| one.pattern.as_str().cmp(two.pattern.as_str()));
    Ok(Role { name, rules })
}

fn count(rules: usize) -> String {
    format!("{rules} {}", if rules == 1 { "rule" } else { "rules" })
}

#[cfg(test)]
#[path = "role_admin_tests.rs"]
mod tests;
