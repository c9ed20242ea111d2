//! Users, and logins by password.

use countersign_identity::audit::Reason;
use countersign_identity::directory_sync::{DIRECTORY, SyncUser};
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::Stamp;
use countersign_identity::repository::{
    AcceptLogin, AcceptLoginOutcome, AcceptUser, ChangeUser, ChangeUserOutcome, CreateUser, CreateUserOutcome,
    FindUser, ListUsers, PasswordChange, UserChange,
};
use countersign_identity::role::RoleName;
use countersign_identity::sign_on::operations::EndSessions;
use countersign_identity::standing::{ApprovalStatus, SignUpStatus, Standing, Way};
use countersign_identity::user::User;
use countersign_identity::user_update::{Field, UserUpdate};
use countersign_identity::{CredentialKind, LoginName, Timestamp, UserId};

use super::{audit, cookies, exists, factors, first, password_resets, profiles, proofs, sessions};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

macro_rules! columns {
    () => {
        "users.id, login, users.enabled, role, password, users.created_at, sign_up_status, approval_status, \
         password_expires_at, password_must_change"
    };
}

/// True of a user in the table `users` whom [`Standing::admits`] by a key. For writes that find the user by another table's
/// row; all others hold the user's row and ask the rule.
macro_rules! admits_by_key {
    () => {
        "users.enabled AND users.sign_up_status = 'final' AND users.approval_status = 'approved'"
    };
}
pub(super) use admits_by_key;

/// Stores a user, unless the name is taken or the role isn't there; whether it did.
pub async fn insert<T: Tx>(tx: &mut T, user: &User) -> Result<bool, TxError> {
    const SQL: &str = "INSERT INTO users (id, login, enabled, role, password, created_at, sign_up_status, approval_status, \
        password_expires_at, password_must_change) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 \
        WHERE EXISTS (SELECT 1 FROM roles WHERE name = $4) ON CONFLICT (login) DO NOTHING";
    let standing = &user.standing;
    let params = [
        user.id.uuid().into(),
        Param::Text(user.login.as_str()),
        Param::Bool(standing.enabled),
        Param::Text(user.role.as_str()),
        Param::optional(user.password.as_ref().map(PasswordHash::as_stored)),
        Param::Int(user.created.micros()),
        Param::Text(standing.sign_up.name()),
        Param::Text(standing.approval.name()),
        Param::optional(standing.password_expires.map(Timestamp::micros)),
        Param::Bool(standing.must_change),
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

/// The same, of whomever a change is about.
async fn hold_any<T: Tx>(tx: &mut T, who: &FindUser) -> Result<Option<User>, TxError> {
    match who {
        FindUser::ById(id) => hold_by_id(tx, *id).await,
        FindUser::ByLogin(login) => hold(tx, login).await,
    }
}

/// Columns of a user in a row that [`user`] reads, as many as [`COLUMNS_COUNT`]; also in statements that read other tables
/// as well.
pub const COLUMNS: &str = columns!();
/// How many they are.
pub const COLUMNS_COUNT: usize = 10;

pub fn user(row: Row) -> Result<User, TxError> {
    let mut record = Record::new("users", row);
    let id = UserId::from_uuid(record.key_uuid()?);
    let login = record.parsed("login", LoginName::parse)?;
    let enabled = record.truth("enabled")?;
    let role = record.parsed("role", RoleName::parse)?;
    let password = record.optional_text("password")?.map(PasswordHash::from_stored);
    let created = record.time("created_at")?;
    Ok(User {
        standing: Standing {
            enabled,
            sign_up: record.named("sign_up_status", SignUpStatus::from_name)?,
            approval: record.named("approval_status", ApprovalStatus::from_name)?,
            password_expires: record.optional_int("password_expires_at")?.map(Timestamp::from_micros),
            must_change: record.truth("password_must_change")?,
        },
        id,
        login,
        role,
        password,
        created,
    })
}

/// Whether there is such a role.
pub async fn role_exists<T: Tx>(tx: &mut T, role: &RoleName) -> Result<bool, TxError> {
    exists(tx, "SELECT 1 FROM roles WHERE name = $1", &[role.as_str().into()]).await
}

impl Execute for CreateUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<CreateUserOutcome, TxError> {
        if insert(tx, &self.user).await? {
            profiles::store(tx, self.user.id, &self.profile).await?;
            if let Some(factor) = &self.factor {
                factors::insert(tx, self.user.id, factor).await?;
            }
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
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<User>, TxError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM users WHERE login = $1");
        match self {
            Self::ById(id) => by_id(tx, *id).await,
            Self::ByLogin(login) => first(tx, SQL, &[login.as_str().into()]).await?.map(user).transpose(),
        }
    }
}

impl Execute for ListUsers {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<User>, TxError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM users WHERE login > $1 ORDER BY login LIMIT $2");
        // No login name is empty, so all come after the empty one.
        let after = self.after.as_ref().map_or("", LoginName::as_str);
        tx.query(SQL, &[after.into(), i64::from(self.limit).into()]).await?.into_iter().map(user).collect()
    }
}

impl Execute for ChangeUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ChangeUserOutcome, TxError> {
        let done = match hold_any(tx, &self.who).await? {
            Some(held) => apply(tx, self, held).await?,
            None => Err(ChangeUserOutcome::NoSuchUser),
        };
        let (reason, outcome) = match done {
            Ok(user) => {
                // What belongs to a user that is deleted goes with its row.
                let ended = self.change.ends_sessions();
                if ended != EndSessions::None && self.change != UserChange::Delete {
                    cookies::delete_of(tx, user.id).await?;
                    sessions::end(tx, user.id, ended).await?;
                }
                audit::accept(tx, &self.audit).await?;
                return Ok(ChangeUserOutcome::Changed(user));
            }
            Err(outcome @ ChangeUserOutcome::NoSuchUser) => (Reason::NotFound, outcome),
            Err(outcome @ ChangeUserOutcome::LoginTaken) => (Reason::Exists, outcome),
            Err(outcome) => (Reason::BadRequest, outcome),
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}

impl Execute for SyncUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<User>, TxError> {
        let Some(held) = hold_by_id(tx, self.user).await? else { return Ok(None) };
        let profile = profiles::held(tx, held.id).await?;
        let Some(change) = self.change(&held, &profile) else { return Ok(None) };
        let who = FindUser::ById(held.id);
        match (ChangeUser { who, change, by: DIRECTORY.to_owned(), audit: self.audit.clone() }).execute(tx).await? {
            ChangeUserOutcome::Changed(user) => Ok(Some(user)),
            _ => Ok(None),
        }
    }
}

/// Writes the change of a user whose row is held; answers the user as it is then, or why nothing was written.
async fn apply<T: Tx>(tx: &mut T, change: &ChangeUser, held: User) -> Result<Result<User, ChangeUserOutcome>, TxError> {
    let id = held.id.uuid().into();
    let row = match &change.change {
        UserChange::Role(role) => {
            const SQL: &str = concat!(
                "UPDATE users SET role = $2 WHERE id = $1",
                " AND EXISTS (SELECT 1 FROM roles WHERE name = $2) RETURNING ",
                columns!()
            );
            first(tx, SQL, &[id, role.as_str().into()]).await?
        }
        UserChange::Password(password) => return set_password(tx, held.id, password, change.audit.at).await.map(Ok),
        UserChange::Delete => {
            const SQL: &str = concat!("DELETE FROM users WHERE id = $1 RETURNING ", columns!());
            first(tx, SQL, &[id]).await?
        }
        other => {
            let update = other.as_update().unwrap_or_default();
            return apply_update(tx, change, &update, held).await;
        }
    };
    Ok(row.map(user).transpose()?.ok_or(ChangeUserOutcome::NoSuchRole))
}

async fn apply_update<T: Tx>(
    tx: &mut T,
    change: &ChangeUser,
    update: &UserUpdate,
    held: User,
) -> Result<Result<User, ChangeUserOutcome>, TxError> {
    const STANDING: &str = "UPDATE users SET enabled = $2, sign_up_status = $3, approval_status = $4, \
        password_expires_at = $5, password_must_change = $6 WHERE id = $1";
    let (mut user, mut profile) = (held.clone(), profiles::held(tx, held.id).await?);
    let stamp = Stamp { at: change.audit.at, by: change.by.clone() };
    update.apply(&mut user, &mut profile, &stamp);
    if user.login != held.login && !rename(tx, &user).await? {
        return Ok(Err(ChangeUserOutcome::LoginTaken));
    }
    let Standing { enabled, sign_up, approval, password_expires, must_change } = user.standing;
    let params = [
        user.id.uuid().into(),
        enabled.into(),
        sign_up.name().into(),
        approval.name().into(),
        Param::optional(password_expires.map(Timestamp::micros)),
        must_change.into(),
    ];
    tx.execute(STANDING, &params).await?;
    if update.email == Field::Keep {
        profiles::store_rest(tx, user.id, &profile).await?;
    } else {
        profiles::store(tx, user.id, &profile).await?;
    }
    Ok(Ok(user))
}

/// Gives a user whose row is held its new name, unless somebody has it; whether it did. One-time passwords and API keys are
/// bound to the name, so they go.
async fn rename<T: Tx>(tx: &mut T, user: &User) -> Result<bool, TxError> {
    const SQL: &str = "UPDATE users SET login = $2 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE login = $2)";
    const KEYS: &str = "DELETE FROM credentials WHERE owner = $1 AND kind IN ($2, $3)";
    if tx.execute(SQL, &[user.id.uuid().into(), user.login.as_str().into()]).await? == 0 {
        return Ok(false);
    }
    let [otp, key] = [CredentialKind::Otp, CredentialKind::ApiKey].map(|kind| kind.name().into());
    tx.execute(KEYS, &[user.id.uuid().into(), otp, key]).await?;
    Ok(true)
}

/// Sets the password of a user whose row is held.
pub async fn set_password<T: Tx>(
    tx: &mut T,
    id: UserId,
    password: &PasswordChange,
    now: Timestamp,
) -> Result<User, TxError> {
    const SQL: &str = concat!(
        "UPDATE users SET password = $2, password_set_at = $3, password_expires_at = $4, password_must_change = $5",
        " WHERE id = $1 RETURNING ",
        columns!()
    );
    let params = [
        id.uuid().into(),
        password.secrets.hash.as_stored().into(),
        now.micros().into(),
        Param::optional(password.expires.map(Timestamp::micros)),
        password.must_change.into(),
    ];
    let row = first(tx, SQL, &params).await?;
    proofs::replace(tx, id, &password.secrets.proofs).await?;
    // Whoever may have got hold of a token must not undo this.
    password_resets::end(tx, id).await?;
    user(row.ok_or_else(|| TxError::Corrupt(format!("users {}: is gone while it is held", id.uuid())))?)
}

impl Execute for AcceptLogin {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<AcceptLoginOutcome, TxError> {
        // The row is held until the login is in the trail: who locks the user, sets the password or takes a key comes
        // before or after, never between. All of them hold the row first.
        let held = hold_by_id(tx, self.user).await?.ok_or(Reason::UnknownUser);
        let accepted = match held {
            Ok(user) => stands(tx, self, &user).await?.map(|()| user),
            Err(reason) => Err(reason),
        };
        match accepted {
            Ok(user) => {
                if let Some(cookie) = &self.cookie {
                    cookies::insert(tx, cookie).await?;
                }
                audit::accept(tx, &self.audit).await?;
                Ok(AcceptLoginOutcome::Accepted(user))
            }
            Err(reason) => {
                audit::refuse(tx, &self.audit, reason).await?;
                Ok(AcceptLoginOutcome::Refused(reason))
            }
        }
    }
}

/// Whether what was found right is still so. The caller holds the user's row: these statements see what was committed while
/// it was waited for.
async fn stands<T: Tx>(tx: &mut T, login: &AcceptLogin, user: &User) -> Result<Result<(), Reason>, TxError> {
    let way = login.by.way();
    if let Err(reason) = user.standing.admits(way, login.audit.at) {
        return Ok(Err(reason));
    }
    if !proofs::has(tx, user, &login.by).await? {
        return Ok(Err(login.by.missing()));
    }
    if way == Way::Password {
        factors::accept(tx, user.id, login.code.as_ref(), login.audit.at).await
    } else {
        Ok(Ok(()))
    }
}

impl Execute for AcceptUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<AcceptLoginOutcome, TxError> {
        // Holds the row, as above.
        let refused = match hold(tx, &self.login).await? {
            None => Reason::UnknownUser,
            Some(user) => match user.standing.admits(Way::Key, self.audit.at) {
                Ok(()) => {
                    audit::accept(tx, &self.audit).await?;
                    return Ok(AcceptLoginOutcome::Accepted(user));
                }
                Err(reason) => reason,
            },
        };
        audit::refuse(tx, &self.audit, refused).await?;
        Ok(AcceptLoginOutcome::Refused(refused))
    }
}
