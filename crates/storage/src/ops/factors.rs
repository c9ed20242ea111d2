//! Second factors: sealed keys, and the newest step that was accepted of each.
//!
//! **Invariant:** whoever changes a factor, or accepts a code of it, holds the user's row first. A step is accepted by the
//! write that stores it.

use countersign_identity::audit::Reason;
use countersign_identity::sign_on::Factor;
use countersign_identity::sign_on::operations::{
    AcceptedCode, AcceptedStep, EnableFactor, EnableFactorOutcome, EndSessions, FindFactor, LabelFactor, RefuseCode,
    SetFactor, SetFactorOutcome, SpendCode, SpendCodeOutcome,
};
use countersign_identity::totp::{Algorithm, Digits, Step, Totp, TotpKey};
use countersign_identity::user::User;
use countersign_identity::{Timestamp, UserId};
use uuid::Uuid;

use super::{audit, cookies, first, recovery_codes, seals, sessions, users};
use crate::error::TxError;
use crate::record::Record;
use crate::seal::{Keyring, Place};
use crate::tx::{Access, Execute, Tx};
use crate::value::{Column, Param, Row};

const FACTORS: &str = "totp_factors";

macro_rules! columns {
    () => {
        "owner, totp_key, algorithm, digits, label, totp_factors.enabled, last_step, failures"
    };
}

fn place(owner: Uuid) -> Place {
    Place { table: FACTORS, column: "totp_key", row: owner }
}

fn factor(row: Row, keyring: &Keyring) -> Result<Factor, TxError> {
    let mut record = Record::new(FACTORS, row);
    let owner = record.key_uuid()?;
    let sealed = record.blob("totp_key")?;
    let opened = keyring.open(place(owner), &sealed).map_err(|error| record.corrupt("totp_key", error))?;
    let key = TotpKey::from_bytes(opened.to_vec()).map_err(|error| record.corrupt("totp_key", error))?;
    let algorithm = record.named("algorithm", Algorithm::from_name)?;
    let digits = u8::try_from(record.int("digits")?).ok().and_then(Digits::from_count);
    let digits = digits.ok_or_else(|| record.corrupt("digits", "is no supported length"))?;
    let label = record.optional_text("label")?;
    let is_enabled = record.truth("enabled")?;
    let last_step = record.optional_int("last_step")?.map(u64::try_from).transpose();
    let last_step = last_step.map_err(|error| record.corrupt("last_step", error))?.map(Step::from_number);
    let failures = record.count("failures")?;
    Ok(Factor { totp: Totp { key, algorithm, digits }, label, is_enabled, last_step, failures })
}

async fn of<T: Tx>(tx: &mut T, owner: UserId) -> Result<Option<Factor>, TxError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM totp_factors WHERE owner = $1");
    let row = first(tx, SQL, &[owner.uuid().into()]).await?;
    row.map(|row| factor(row, tx.keyring())).transpose()
}

/// Stores the factor of a user who was just stored.
pub async fn insert<T: Tx>(tx: &mut T, owner: UserId, factor: &Factor) -> Result<(), TxError> {
    const SQL: &str = "INSERT INTO totp_factors (owner, totp_key, algorithm, digits, label, enabled, last_step) \
        VALUES ($1, $2, $3, $4, $5, $6, NULL)";
    let sealed = seals::seal(tx, place(owner.uuid()), factor.totp.key.expose()).await?;
    let params = [
        owner.uuid().into(),
        Param::Bytes(&sealed),
        factor.totp.algorithm.name().into(),
        i64::from(factor.totp.digits.count()).into(),
        Param::optional(factor.label.as_deref()),
        factor.is_enabled.into(),
    ];
    tx.execute(SQL, &params).await.map(drop)
}

/// Whether a login goes through with this code: none is needed, or it is the right one of a step that wasn't accepted
/// yet, or a recovery code that wasn't used. The caller holds the user's row.
pub async fn accept<T: Tx>(
    tx: &mut T,
    owner: UserId,
    code: Option<&AcceptedCode>,
    now: Timestamp,
) -> Result<Result<(), Reason>, TxError> {
    match of(tx, owner).await?.filter(|factor| factor.is_enabled) {
        Some(factor) => accept_of(tx, owner, &factor, code, now).await,
        None => Ok(Ok(())),
    }
}

/// The same for a factor that was read, be it turned on or not.
async fn accept_of<T: Tx>(
    tx: &mut T,
    owner: UserId,
    factor: &Factor,
    code: Option<&AcceptedCode>,
    now: Timestamp,
) -> Result<Result<(), Reason>, TxError> {
    match code {
        None => Ok(Err(Reason::CodeMissing)),
        Some(AcceptedCode::Step(code)) => accept_step(tx, owner, factor, code).await,
        Some(AcceptedCode::Recovery(digest)) => recovery_codes::spend(tx, owner, *digest, now).await,
    }
}

async fn accept_step<T: Tx>(
    tx: &mut T,
    owner: UserId,
    factor: &Factor,
    code: &AcceptedStep,
) -> Result<Result<(), Reason>, TxError> {
    const FRESH: &str = "UPDATE totp_factors SET last_step = $2, failures = 0 \
        WHERE owner = $1 AND (last_step IS NULL OR last_step < $2) AND failures < $3";
    const AGAIN: &str = "UPDATE totp_factors SET failures = 0 WHERE owner = $1 AND failures < $2";
    if factor.totp != code.totp {
        return Ok(Err(Reason::WrongCode));
    }
    let (owner, failures_max) = (Param::Id(owner.uuid()), Param::Int(code.failures_max.into()));
    let step = i64::try_from(code.step.number()).unwrap_or(i64::MAX);
    let is_accepted = tx.execute(FRESH, &[owner, step.into(), failures_max]).await? == 1
        || code.allows_reuse && tx.execute(AGAIN, &[owner, failures_max]).await? == 1;
    Ok(match is_accepted {
        true => Ok(()),
        // For the trail; the write has decided.
        false if factor.failures >= code.failures_max => Err(Reason::FactorLocked),
        false => Err(Reason::CodeReused),
    })
}

/// Counts a wrong code.
pub async fn count_failure<T: Tx>(tx: &mut T, owner: UserId) -> Result<(), TxError> {
    // Far beyond every limit it stays, so that it can always be read.
    const SQL: &str = "UPDATE totp_factors SET failures = failures + 1 WHERE owner = $1 AND failures < 1000000000";
    tx.execute(SQL, &[owner.uuid().into()]).await.map(drop)
}

/// Ends the sessions that a change of the factor ends; where it ends any, the cookies go as well, which let in without a code.
async fn end_logins<T: Tx>(tx: &mut T, owner: UserId, which: EndSessions) -> Result<(), TxError> {
    if which != EndSessions::None {
        cookies::delete_of(tx, owner).await?;
    }
    sessions::end(tx, owner, which).await.map(drop)
}

impl Execute for RefuseCode {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        count_failure(tx, self.owner).await?;
        audit::refuse(tx, &self.audit, Reason::WrongCode).await
    }
}

impl Execute for SpendCode {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<SpendCodeOutcome, TxError> {
        users::hold_by_id(tx, self.owner).await?;
        let accepted = match of(tx, self.owner).await? {
            Some(factor) => accept_of(tx, self.owner, &factor, Some(&self.code), self.audit.at).await?,
            None => Err(Reason::WrongCode),
        };
        match accepted {
            Ok(()) => audit::accept(tx, &self.audit).await.map(|()| SpendCodeOutcome::Spent),
            Err(reason) => {
                audit::refuse(tx, &self.audit, reason).await?;
                Ok(SpendCodeOutcome::Refused(reason))
            }
        }
    }
}

impl Execute for FindFactor {
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<(User, Option<Factor>)>, TxError> {
        let user = users::COLUMNS;
        let sql = format!(
            "SELECT {user}, {} FROM users LEFT JOIN totp_factors ON owner = users.id WHERE login = $1",
            columns!()
        );
        let Some(mut row) = first(tx, &sql, &[self.login.as_str().into()]).await? else { return Ok(None) };
        let rest = row.split_off(users::COLUMNS_COUNT.min(row.len()));
        let found = (rest.first() != Some(&Column::Null)).then_some(rest);
        let found = found.map(|row| factor(row, tx.keyring())).transpose()?;
        Ok(Some((users::user(row)?, found)))
    }
}

impl Execute for SetFactor {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<SetFactorOutcome, TxError> {
        const SQL: &str = concat!(
            "INSERT INTO totp_factors (owner, totp_key, algorithm, digits, label, enabled, last_step) ",
            "VALUES ($1, $2, $3, $4, $5, $6, NULL) ON CONFLICT (owner) DO UPDATE SET totp_key = excluded.totp_key, ",
            "algorithm = excluded.algorithm, digits = excluded.digits, label = excluded.label, last_step = NULL, ",
            "failures = 0 RETURNING ",
            columns!()
        );
        let Some(user) = users::hold_by_id(tx, self.owner).await? else {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(SetFactorOutcome::NoSuchUser);
        };
        let sealed = seals::seal(tx, place(user.id.uuid()), self.totp.key.expose()).await?;
        let params = [
            user.id.uuid().into(),
            Param::Bytes(&sealed),
            self.totp.algorithm.name().into(),
            i64::from(self.totp.digits.count()).into(),
            Param::optional(self.label.as_deref()),
            false.into(),
        ];
        let row = first(tx, SQL, &params).await?;
        let row = row.ok_or_else(|| TxError::Corrupt(format!("{FACTORS} {}: was not stored", user.id.uuid())))?;
        let factor = factor(row, tx.keyring())?;
        if !self.keeps_recovery_codes {
            recovery_codes::delete_of(tx, user.id).await?;
        }
        end_logins(tx, user.id, self.end_sessions).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(SetFactorOutcome::Done { user, factor })
    }
}

impl Execute for LabelFactor {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const SQL: &str = "UPDATE totp_factors SET label = $2 WHERE owner = $1";
        let is_there = users::hold_by_id(tx, self.owner).await?.is_some();
        if is_there {
            let params = [self.owner.uuid().into(), Param::optional(self.label.as_deref())];
            if tx.execute(SQL, &params).await? == 0 {
                let (totp, label) = (self.fresh.clone(), self.label.clone());
                insert(tx, self.owner, &Factor { totp, label, is_enabled: false, last_step: None, failures: 0 })
                    .await?;
            }
            audit::accept(tx, &self.audit).await?;
        } else {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
        }
        Ok(is_there)
    }
}

impl Execute for EnableFactor {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<EnableFactorOutcome, TxError> {
        const SQL: &str = "UPDATE totp_factors SET enabled = $2 WHERE owner = $1 AND enabled <> $2";
        if users::hold_by_id(tx, self.owner).await?.is_none() {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(EnableFactorOutcome::NoFactor);
        }
        match of(tx, self.owner).await? {
            None if self.enabled => {
                audit::refuse(tx, &self.audit, Reason::NotFound).await?;
                return Ok(EnableFactorOutcome::NoFactor);
            }
            Some(factor) if self.enabled && !factor.is_enabled && self.needs_code => {
                if let Err(reason) = accept_of(tx, self.owner, &factor, self.code.as_ref(), self.audit.at).await? {
                    audit::refuse(tx, &self.audit, reason).await?;
                    return Ok(EnableFactorOutcome::Refused(reason));
                }
            }
            None | Some(_) => {}
        }
        if tx.execute(SQL, &[self.owner.uuid().into(), self.enabled.into()]).await? == 1 {
            end_logins(tx, self.owner, self.end_sessions).await?;
        }
        audit::accept(tx, &self.audit).await?;
        Ok(EnableFactorOutcome::Done)
    }
}
