//! What is known of a user beyond what logins need: names, e-mail, who decided what when.
//!
//! **Invariant:** an address stands in clear or sealed, never both; its digest stands beside it.

use countersign_identity::profile::{Email, FactorState, Names, Profile, RateLimit, Stamp, UserRecord};
use countersign_identity::repository::{FindByEmail, FindProfile, FindUser};
use countersign_identity::user::User;
use countersign_identity::{Digest, Timestamp, UserId};
use uuid::Uuid;

use super::{first, password_resets, seals, users};
use crate::error::TxError;
use crate::record::Record;
use crate::seal::{Keyring, Place};
use crate::tx::{Access, Execute, Tx};
use crate::value::{Column, Param, Row};

/// The columns of [`profile`] after the user's id.
pub const COLUMNS: &str = "users.id, display_name, first_name, middle_name, last_name, email, email_sealed, email_digest, \
    locked_at, locked_by, approval_at, approval_by, password_set_at, confirmed_at, rate_limit_active, rate_limit_def, login_given, upn";

fn place(owner: Uuid) -> Place {
    Place { table: "users", column: "email_sealed", row: owner }
}

/// A name as searches compare it.
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn stamp(record: &mut Record, at: &str, by: &str) -> Result<Option<Stamp>, TxError> {
    let (at, by) = (record.optional_int(at)?.map(Timestamp::from_micros), record.optional_text(by)?);
    Ok(at.zip(by).map(|(at, by)| Stamp { at, by }))
}

/// A row of [`COLUMNS`].
pub fn profile(row: Row, keyring: &Keyring) -> Result<Profile, TxError> {
    let mut record = Record::new("users", row);
    let owner = record.key_uuid()?;
    let names = Names {
        display: record.optional_text("display_name")?,
        first: record.optional_text("first_name")?,
        middle: record.optional_text("middle_name")?,
        last: record.optional_text("last_name")?,
    };
    let (clear, sealed) = (record.optional_text("email")?, record.optional_blob("email_sealed")?);
    let digest = record.optional_bytes("email_digest")?.map(Digest::from_bytes);
    let is_sealed = sealed.is_some();
    let text = match sealed {
        None => clear,
        Some(sealed) => {
            let opened = keyring.open(place(owner), &sealed).map_err(|error| record.corrupt("email_sealed", error))?;
            let text = std::str::from_utf8(&opened).map_err(|error| record.corrupt("email_sealed", error))?;
            Some(text.to_owned())
        }
    };
    let email = text.zip(digest).map(|(text, digest)| Email { text, digest, is_sealed });
    let locked = stamp(&mut record, "locked_at", "locked_by")?;
    let approval = stamp(&mut record, "approval_at", "approval_by")?;
    let password_set = record.optional_int("password_set_at")?.map(Timestamp::from_micros);
    let confirmed = record.optional_int("confirmed_at")?.map(Timestamp::from_micros);
    let rate_limit = RateLimit {
        is_active: record.truth("rate_limit_active")?,
        definition: record.optional_text("rate_limit_def")?,
    };
    let spelling = record.optional_text("login_given")?;
    let upn = record.optional_text("upn")?;
    Ok(Profile { spelling, names, email, upn, locked, approval, password_set, confirmed, rate_limit })
}

async fn set_names<T: Tx>(tx: &mut T, owner: UserId, names: &Names) -> Result<(), TxError> {
    const SQL: &str = "UPDATE users SET display_name = $2, first_name = $3, middle_name = $4, last_name = $5, \
        display_name_folded = $6, first_name_folded = $7, middle_name_folded = $8, last_name_folded = $9 WHERE id = $1";
    let fold = |name: Option<&String>| name.map(|name| folded(name)).unwrap_or_default();
    let (display, first) = (fold(names.display.as_ref()), fold(names.first.as_ref()));
    let (middle, last) = (fold(names.middle.as_ref()), fold(names.last.as_ref()));
    let params = [
        owner.uuid().into(),
        Param::optional(names.display.as_deref()),
        Param::optional(names.first.as_deref()),
        Param::optional(names.middle.as_deref()),
        Param::optional(names.last.as_deref()),
        Param::Text(&display),
        Param::Text(&first),
        Param::Text(&middle),
        Param::Text(&last),
    ];
    tx.execute(SQL, &params).await.map(drop)
}

async fn set_email<T: Tx>(tx: &mut T, owner: UserId, email: Option<&Email>) -> Result<(), TxError> {
    const SQL: &str = "UPDATE users SET email = $2, email_sealed = $3, email_digest = $4 WHERE id = $1";
    let sealed = match email.filter(|email| email.is_sealed) {
        Some(email) => Some(seals::seal(tx, place(owner.uuid()), email.text.as_bytes()).await?),
        None => None,
    };
    let params = [
        owner.uuid().into(),
        Param::optional(email.filter(|email| !email.is_sealed).map(|email| email.text.as_str())),
        sealed.as_deref().map_or(Param::Null, Param::Bytes),
        email.map_or(Param::Null, |email| Param::Bytes(email.digest.as_bytes())),
    ];
    tx.execute(SQL, &params).await?;
    // A token that went to another address is no good any more.
    password_resets::end(tx, owner).await
}

/// The profile of a user whose row is held.
pub async fn held<T: Tx>(tx: &mut T, owner: UserId) -> Result<Profile, TxError> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE id = $1");
    let row = first(tx, &sql, &[owner.uuid().into()]).await?;
    profile(row.unwrap_or_default(), tx.keyring())
}

/// Stores the profile of a user whose row is held.
pub async fn store<T: Tx>(tx: &mut T, owner: UserId, profile: &Profile) -> Result<(), TxError> {
    store_rest(tx, owner, profile).await?;
    set_email(tx, owner, profile.email.as_ref()).await
}

/// The same but for the address, which stays.
pub async fn store_rest<T: Tx>(tx: &mut T, owner: UserId, profile: &Profile) -> Result<(), TxError> {
    const SQL: &str = "UPDATE users SET locked_at = $2, locked_by = $3, approval_at = $4, approval_by = $5, \
        password_set_at = $6, confirmed_at = $7, rate_limit_active = $8, rate_limit_def = $9, login_given = $10, upn = $11 \
        WHERE id = $1";
    let (locked, approval) = (profile.locked.as_ref(), profile.approval.as_ref());
    let params = [
        owner.uuid().into(),
        Param::optional(locked.map(|stamp| stamp.at.micros())),
        Param::optional(locked.map(|stamp| stamp.by.as_str())),
        Param::optional(approval.map(|stamp| stamp.at.micros())),
        Param::optional(approval.map(|stamp| stamp.by.as_str())),
        Param::optional(profile.password_set.map(Timestamp::micros)),
        Param::optional(profile.confirmed.map(Timestamp::micros)),
        profile.rate_limit.is_active.into(),
        Param::optional(profile.rate_limit.definition.as_deref()),
        Param::optional(profile.spelling.as_deref()),
        Param::optional(profile.upn.as_deref()),
    ];
    tx.execute(SQL, &params).await?;
    set_names(tx, owner, &profile.names).await
}

/// A statement that reads rows of [`record`].
pub fn with_factor(rest: &str) -> String {
    let user = users::COLUMNS;
    format!(
        "SELECT {user}, totp_factors.owner, totp_factors.enabled, totp_factors.label, {COLUMNS} \
         FROM users LEFT JOIN totp_factors ON totp_factors.owner = users.id {rest}"
    )
}

/// A row of [`with_factor`].
pub fn record(mut row: Row, keyring: &Keyring) -> Result<UserRecord, TxError> {
    const FACTOR_COLUMNS: usize = 3;
    let mut factor = row.split_off(users::COLUMNS_COUNT.min(row.len()));
    let rest = factor.split_off(FACTOR_COLUMNS.min(factor.len()));
    let factor = (factor.first() != Some(&Column::Null)).then_some(factor).map(|row| {
        let mut record = Record::new("totp_factors", row);
        Ok::<_, TxError>(FactorState { is_enabled: record.truth("enabled")?, label: record.optional_text("label")? })
    });
    Ok(UserRecord { user: users::user(row)?, factor: factor.transpose()?, profile: profile(rest, keyring)? })
}

impl Execute for FindProfile {
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<UserRecord>, TxError> {
        let (column, key) = match &self.who {
            FindUser::ById(id) => ("users.id", Param::Id(id.uuid())),
            FindUser::ByLogin(login) => ("users.login", Param::Text(login.as_str())),
        };
        let sql = with_factor(&format!("WHERE {column} = $1"));
        first(tx, &sql, &[key]).await?.map(|row| record(row, tx.keyring())).transpose()
    }
}

impl Execute for FindByEmail {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<User>, TxError> {
        let user = users::COLUMNS;
        let sql = format!("SELECT {user} FROM users WHERE email_digest = $1 ORDER BY created_at, id LIMIT $2");
        let params = [Param::Bytes(self.digest.as_bytes()), i64::from(self.limit).into()];
        tx.query(&sql, &params).await?.into_iter().map(users::user).collect()
    }
}
