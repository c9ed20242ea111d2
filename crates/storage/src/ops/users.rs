//! Users, and logins by password.

use countersign_identity::audit::Reason;
use countersign_identity::password::PasswordHash;
use countersign_identity::repository::{
    AcceptLogin, AcceptLoginOutcome, AcceptUser, ChangeUser, ChangeUserOutcome, CreateUser, CreateUserOutcome,
    FindUser, ListUsers, UserChange,
};
use countersign_identity::role::RoleName;
use countersign_identity::sign_on::operations::EndSessions;
use countersign_identity::user::User;
use countersign_identity::{LoginName, UserId};

use super::{audit, cookies, exists, first, proofs, sessions};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Execute, Tx};
use crate::value::{Param, Row};

macro_rules! columns {
    () => {
        "id, login, enabled, role, password, created_at"
    };
}

/// Stores a user, unless the name is taken or the role isn't there; whether it did.
pub async fn insert<T: Tx>(tx: &mut T, user: &User) -> Result<bool, TxError> {
    const SQL: &str = concat!(
        "INSERT INTO users (",
        columns!(),
        ") SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT 1 FROM roles WHERE name = $4)",
        " ON CONFLICT (login) DO NOTHING"
    );
    let params = [
        user.id.uuid().into(),
        Param::Text(user.login.as_str()),
        Param::Bool(user.enabled),
        Param::Text(user.role.as_str()),
        Param::optional(user.password.as_ref().map(PasswordHash::as_stored)),
        Param::Int(user.created.micros()),
    ];
    Ok(tx.execute(SQL, &params).await? == 1)
}

/// The user with this id.
pub async fn by_id<T: Tx>(tx: &mut T, id: UserId) -> Result<Option<User>, TxError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
    first(tx, SQL, &[id.uuid().into()]).await?.map(user).transpose()
}

/// Holds the row of a user until the end of the transaction, and reads it.
pub async fn hold<T: Tx>(tx: &mut T, login: &LoginName) -> Result<Option<User>, TxError> {
    const SQL: &str = concat!("UPDATE users SET enabled = enabled WHERE login = $1 RETURNING ", columns!());
    first(tx, SQL, &[login.as_str().into()]).await?.map(user).transpose()
}

/// The same of the user with this id.
pub async fn hold_by_id<T: Tx>(tx: &mut T, id: UserId) -> Result<Option<User>, TxError> {
    const SQL: &str = concat!("UPDATE users SET enabled = enabled WHERE id = $1 RETURNING ", columns!());
    first(tx, SQL, &[id.uuid().into()]).await?.map(user).transpose()
}

/// Columns of a user in a row that [`user`] reads, as many as [`COLUMNS_COUNT`].
pub const COLUMNS: &str = columns!();
/// The same for statements that read other tables as well.
pub const QUALIFIED_COLUMNS: &str =
    "users.id, users.login, users.enabled, users.role, users.password, users.created_at";
/// How many they are.
pub const COLUMNS_COUNT: usize = 6;

pub fn user(row: Row) -> Result<User, TxError> {
    let mut record = Record::new("users", row);
    Ok(User {
        id: UserId::from_uuid(record.key_uuid()?),
        login: record.parsed("login", LoginName::parse)?,
        enabled: record.truth("enabled")?,
        role: record.parsed("role", RoleName::parse)?,
        password: record.optional_text("password")?.map(PasswordHash::from_stored),
        created: record.time("created_at")?,
    })
}

async fn role_exists<T: Tx>(tx: &mut T, role: &RoleName) -> Result<bool, TxError> {
    exists(tx, "SELECT 1 FROM roles WHERE name = $1", &[role.as_str().into()]).await
}

impl Execute for CreateUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<CreateUserOutcome, TxError> {
        if insert(tx, &self.user).await? {
            proofs::replace(tx, self.user.id, &self.proofs).await?;
            audit::accept(tx, &self.audit).await?;
            return Ok(CreateUserOutcome::Created);
        }
        let (outcome, reason) = if role_exists(tx, &self.user.role).await? {
            (CreateUserOutcome::LoginTaken, Reason::Exists)
        } else {
            (CreateUserOutcome::NoSuchRole, Reason::BadRequest)
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}

impl Execute for FindUser {
    const READS: bool = true;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<User>, TxError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM users WHERE login = $1");
        match self {
            Self::ById(id) => by_id(tx, *id).await,
            Self::ByLogin(login) => first(tx, SQL, &[login.as_str().into()]).await?.map(user).transpose(),
        }
    }
}

impl Execute for ListUsers {
    const READS: bool = true;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<User>, TxError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM users WHERE login > $1 ORDER BY login LIMIT $2");
        // No login name is empty, so all come after the empty one.
        let after = self.after.as_ref().map_or("", LoginName::as_str);
        tx.query(SQL, &[after.into(), i64::from(self.limit).into()]).await?.into_iter().map(user).collect()
    }
}

impl Execute for ChangeUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ChangeUserOutcome, TxError> {
        let login = Param::Text(self.login.as_str());
        let changed = match &self.change {
            UserChange::Enabled(enabled) => {
                const SQL: &str = concat!("UPDATE users SET enabled = $2 WHERE login = $1 RETURNING ", columns!());
                first(tx, SQL, &[login, (*enabled).into()]).await?
            }
            UserChange::Role(role) => {
                const SQL: &str = concat!(
                    "UPDATE users SET role = $2 WHERE login = $1",
                    " AND EXISTS (SELECT 1 FROM roles WHERE name = $2) RETURNING ",
                    columns!()
                );
                first(tx, SQL, &[login, role.as_str().into()]).await?
            }
            UserChange::Password(secrets) => {
                const SQL: &str = concat!("UPDATE users SET password = $2 WHERE login = $1 RETURNING ", columns!());
                first(tx, SQL, &[login, secrets.hash.as_stored().into()]).await?
            }
            UserChange::Delete => {
                const SQL: &str = concat!("DELETE FROM users WHERE login = $1 RETURNING ", columns!());
                first(tx, SQL, &[login]).await?
            }
        };
        if let Some(row) = changed {
            let user = user(row)?;
            if let UserChange::Password(secrets) = &self.change {
                proofs::replace(tx, user.id, &secrets.proofs).await?;
            }
            // What belongs to a user that is deleted goes with its row.
            if matches!(self.change, UserChange::Enabled(false) | UserChange::Password(_)) {
                cookies::delete_of(tx, user.id).await?;
                sessions::end(tx, user.id, EndSessions::All).await?;
            }
            audit::accept(tx, &self.audit).await?;
            return Ok(ChangeUserOutcome::Changed(user));
        }
        let (outcome, reason) = if exists(tx, "SELECT 1 FROM users WHERE login = $1", &[login]).await? {
            (ChangeUserOutcome::NoSuchRole, Reason::BadRequest)
        } else {
            (ChangeUserOutcome::NoSuchUser, Reason::NotFound)
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}

impl Execute for AcceptLogin {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<AcceptLoginOutcome, TxError> {
        // Changes nothing, but holds the row until the login is in the trail: who locks the user, sets the password or
        // takes a key comes before or after, never between. All of them hold the row first.
        const SQL: &str =
            concat!("UPDATE users SET enabled = enabled WHERE id = $1 AND enabled RETURNING ", columns!());
        let held = first(tx, SQL, &[self.user.uuid().into()]).await?.map(user).transpose()?;
        let refused = match held {
            // A statement of its own, which sees what was committed while the row was waited for.
            Some(user) if proofs::has(tx, &user, &self.by).await? => {
                if let Some(cookie) = &self.cookie {
                    cookies::insert(tx, cookie).await?;
                }
                audit::accept(tx, &self.audit).await?;
                return Ok(AcceptLoginOutcome::Accepted(user));
            }
            Some(_) => self.by.missing(),
            None if by_id(tx, self.user).await?.is_some() => Reason::UserDisabled,
            None => Reason::UnknownUser,
        };
        audit::refuse(tx, &self.audit, refused).await?;
        Ok(AcceptLoginOutcome::Refused(refused))
    }
}

impl Execute for AcceptUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<AcceptLoginOutcome, TxError> {
        // Holds the row, as above.
        const SQL: &str =
            concat!("UPDATE users SET enabled = enabled WHERE login = $1 AND enabled RETURNING ", columns!());
        let login = [Param::Text(self.login.as_str())];
        if let Some(row) = first(tx, SQL, &login).await? {
            audit::accept(tx, &self.audit).await?;
            return user(row).map(AcceptLoginOutcome::Accepted);
        }
        let is_known = exists(tx, "SELECT 1 FROM users WHERE login = $1", &login).await?;
        let reason = if is_known { Reason::UserDisabled } else { Reason::UnknownUser };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(AcceptLoginOutcome::Refused(reason))
    }
}
