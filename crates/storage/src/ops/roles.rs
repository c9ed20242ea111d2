//! Roles and their rules.

use countersign_identity::audit::Reason;
use countersign_identity::permission::{Pattern, Rights, Rule};
use countersign_identity::repository::{ListRoles, RuleChange, SetRule, SetRuleOutcome};
use countersign_identity::role::{Role, RoleName};
use countersign_identity::role_admin::{
    Put, PutRole, PutRoleOutcome, RemoveRole, RemoveRoleOutcome, RenameRole, RenameRoleOutcome,
};
use uuid::Uuid;

use super::{audit, exists, first};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::Param;

/// Stores an empty role, unless there is one of that name; whether it did.
pub async fn insert<T: Tx>(tx: &mut T, role: &RoleName) -> Result<bool, TxError> {
    const SQL: &str = "INSERT INTO roles (name, id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    Ok(tx.execute(SQL, &[role.as_str().into(), Uuid::new_v4().into()]).await? == 1)
}

/// Sets a rule, unless there is no such role; whether it did.
pub async fn set_rule<T: Tx>(tx: &mut T, name: &RoleName, rule: &Rule) -> Result<bool, TxError> {
    const SQL: &str = "INSERT INTO role_rules (role, pattern, rights) \
        SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM roles WHERE name = $1) \
        ON CONFLICT (role, pattern) DO UPDATE SET rights = excluded.rights";
    let rights = rule.rights.to_string();
    let params = [name.as_str().into(), rule.pattern.as_str().into(), Param::Text(&rights)];
    Ok(tx.execute(SQL, &params).await? == 1)
}

async fn remove_rule<T: Tx>(tx: &mut T, role: &RoleName, pattern: &Pattern) -> Result<bool, TxError> {
    const SQL: &str = "DELETE FROM role_rules WHERE role = $1 AND pattern = $2";
    Ok(tx.execute(SQL, &[role.as_str().into(), pattern.as_str().into()]).await? == 1)
}

/// The next two columns: pattern and rights.
pub fn rule(record: &mut Record) -> Result<Rule, TxError> {
    optional_rule(record)?.ok_or_else(|| record.corrupt("pattern", "is null"))
}

/// The same where both may be null.
fn optional_rule(record: &mut Record) -> Result<Option<Rule>, TxError> {
    let Some(pattern) = record.optional_text("pattern")? else { return Ok(None) };
    let pattern = Pattern::parse(&pattern).map_err(|error| record.corrupt("pattern", error))?;
    Ok(Some(Rule { pattern, rights: record.parsed("rights", Rights::parse)? }))
}

impl Execute for ListRoles {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<Role>, TxError> {
        // A role without rules is one row without a pattern.
        const SQL: &str = "SELECT roles.name, role_rules.pattern, role_rules.rights \
            FROM roles LEFT JOIN role_rules ON role_rules.role = roles.name \
            ORDER BY roles.name, role_rules.pattern";
        let mut roles: Vec<Role> = Vec::new();
        for row in tx.query(SQL, &[]).await? {
            let mut record = Record::new("roles", row);
            let name = RoleName::parse(record.key_text()?).map_err(|error| record.corrupt("name", error))?;
            let rule = optional_rule(&mut record)?;
            match roles.last_mut() {
                Some(last) if last.name == name => last.rules.extend(rule),
                _ => roles.push(Role { name, rules: rule.into_iter().collect() }),
            }
        }
        Ok(roles)
    }
}

impl Execute for SetRule {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<SetRuleOutcome, TxError> {
        let done = match &self.change {
            RuleChange::Set(rule) => set_rule(tx, &self.role, rule).await?,
            RuleChange::Remove(pattern) => remove_rule(tx, &self.role, pattern).await?,
        };
        if done {
            audit::accept(tx, &self.audit).await?;
            return Ok(SetRuleOutcome::Done);
        }
        audit::refuse(tx, &self.audit, Reason::NotFound).await?;
        Ok(if is_there(tx, &self.role).await? { SetRuleOutcome::NoSuchRule } else { SetRuleOutcome::NoSuchRole })
    }
}

async fn is_there<T: Tx>(tx: &mut T, role: &RoleName) -> Result<bool, TxError> {
    exists(tx, "SELECT 1 FROM roles WHERE name = $1", &[role.as_str().into()]).await
}

impl Execute for PutRole {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<PutRoleOutcome, TxError> {
        let Role { name, rules } = &self.role;
        match self.put {
            Put::New if !insert(tx, name).await? => {
                audit::refuse(tx, &self.audit, Reason::Exists).await?;
                return Ok(PutRoleOutcome::Exists);
            }
            Put::Existing if !is_there(tx, name).await? => {
                audit::refuse(tx, &self.audit, Reason::NotFound).await?;
                return Ok(PutRoleOutcome::NoSuchRole);
            }
            Put::New | Put::Existing => {}
        }
        tx.execute("DELETE FROM role_rules WHERE role = $1", &[name.as_str().into()]).await?;
        for rule in rules {
            set_rule(tx, name, rule).await?;
        }
        audit::accept(tx, &self.audit).await?;
        Ok(PutRoleOutcome::Done)
    }
}

impl Execute for RenameRole {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<RenameRoleOutcome, TxError> {
        const RULES: &str = "INSERT INTO role_rules (role, pattern, rights) \
            SELECT $2, pattern, rights FROM role_rules WHERE role = $1";
        if !is_there(tx, &self.role).await? {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(RenameRoleOutcome::NoSuchRole);
        }
        if !insert(tx, &self.to).await? {
            audit::refuse(tx, &self.audit, Reason::Exists).await?;
            return Ok(RenameRoleOutcome::Exists);
        }
        let (from, to) = (self.role.as_str(), self.to.as_str());
        tx.execute(RULES, &[from.into(), to.into()]).await?;
        tx.execute("UPDATE users SET role = $2 WHERE role = $1", &[from.into(), to.into()]).await?;
        // Who gets the old role at this very moment makes the whole fail: users refer to it.
        let removed = first(tx, "DELETE FROM roles WHERE name = $1 RETURNING name, id", &[from.into()]).await?;
        let id: [u8; 16] = Record::new("roles", removed.unwrap_or_default()).bytes("id")?;
        tx.execute("UPDATE roles SET id = $2 WHERE name = $1", &[to.into(), Param::Bytes(&id)]).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(RenameRoleOutcome::Done)
    }
}

impl Execute for RemoveRole {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<RemoveRoleOutcome, TxError> {
        // As above: the reference of a user who gets it at this very moment is a second guard.
        const SQL: &str =
            "DELETE FROM roles WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE users.role = $1)";
        if tx.execute(SQL, &[self.role.as_str().into()]).await? == 1 {
            audit::accept(tx, &self.audit).await?;
            return Ok(RemoveRoleOutcome::Done);
        }
        let (outcome, reason) = if is_there(tx, &self.role).await? {
            (RemoveRoleOutcome::InUse, Reason::InUse)
        } else {
            (RemoveRoleOutcome::NoSuchRole, Reason::NotFound)
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}
