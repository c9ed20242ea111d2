//! Sign-ups: stored with their token, confirmed, removed when nobody confirmed them.
//!
//! **Invariant:** name and address are had by the writes that store them; a look before could be too early.

use countersign_identity::UserId;
use countersign_identity::audit::Reason;
use countersign_identity::sign_on::sign_up::operations::{
    ConfirmSignUp, ConfirmSignUpOutcome, ReapSignUps, SignUpUser, SignUpUserOutcome,
};
use countersign_identity::standing::SignUpStatus;
use uuid::Uuid;

use super::{audit, exists, first, profiles, proofs, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Execute, Tx};
use crate::value::Param;

impl Execute for SignUpUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<SignUpUserOutcome, TxError> {
        const TAKEN: &str = "SELECT 1 FROM users WHERE email_digest = $1";
        let email = self.profile.email.as_ref().map(|email| email.digest);
        if let Some(digest) = &email
            && exists(tx, TAKEN, &[Param::Bytes(digest.as_bytes())]).await?
        {
            return refuse(tx, self, SignUpUserOutcome::EmailTaken, Reason::Exists).await;
        }
        if !users::insert(tx, &self.user).await? {
            let role = [Param::Text(self.user.role.as_str())];
            let has_role = exists(tx, "SELECT 1 FROM roles WHERE name = $1", &role).await?;
            let (outcome, reason) = if has_role {
                (SignUpUserOutcome::LoginTaken, Reason::Exists)
            } else {
                (SignUpUserOutcome::NoSuchRole, Reason::BadRequest)
            };
            return refuse(tx, self, outcome, reason).await;
        }
        if !insert(tx, self).await? {
            // Another sign-up has the address, and came first.
            tx.execute("DELETE FROM users WHERE id = $1", &[self.user.id.uuid().into()]).await?;
            return refuse(tx, self, SignUpUserOutcome::EmailTaken, Reason::Exists).await;
        }
        profiles::store(tx, self.user.id, &self.profile).await?;
        proofs::replace(tx, self.user.id, &self.proofs).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(SignUpUserOutcome::Created)
    }
}

async fn refuse<T: Tx>(
    tx: &mut T,
    sign_up: &SignUpUser,
    outcome: SignUpUserOutcome,
    reason: Reason,
) -> Result<SignUpUserOutcome, TxError> {
    audit::refuse(tx, &sign_up.audit, reason).await?;
    Ok(outcome)
}

/// Stores the token; whether nobody else signs up with the address.
async fn insert<T: Tx>(tx: &mut T, sign_up: &SignUpUser) -> Result<bool, TxError> {
    const SQL: &str = "INSERT INTO sign_ups (owner, token_digest, email_digest, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (email_digest) DO NOTHING";
    let email = sign_up.profile.email.as_ref().map(|email| email.digest);
    let params = [
        sign_up.user.id.uuid().into(),
        Param::Bytes(sign_up.token.as_bytes()),
        email.as_ref().map_or(Param::Null, |digest| Param::Bytes(digest.as_bytes())),
        sign_up.audit.at.micros().into(),
        sign_up.expires.micros().into(),
    ];
    Ok(tx.execute(SQL, &params).await? == 1)
}

impl Execute for ConfirmSignUp {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ConfirmSignUpOutcome, TxError> {
        const OWNER: &str = "SELECT owner FROM sign_ups WHERE token_digest = $1";
        const SPEND: &str = "UPDATE sign_ups SET confirmed_at = $2 \
            WHERE token_digest = $1 AND confirmed_at IS NULL AND expires_at >= $2";
        const CONFIRM: &str = "UPDATE users SET sign_up_status = $2, confirmed_at = $3 WHERE id = $1";
        const WAS_SPENT: &str = "SELECT 1 FROM sign_ups WHERE token_digest = $1 AND confirmed_at IS NOT NULL";
        let token = || Param::Bytes(self.token.as_bytes());
        let user = match first(tx, OWNER, &[token()]).await? {
            None => None,
            Some(row) => {
                let owner = Record::new("sign_ups", row).key_uuid()?;
                users::hold_by_id(tx, UserId::from_uuid(owner)).await?
            }
        };
        let Some(mut user) = user else {
            audit::refuse(tx, &self.audit, Reason::WrongToken).await?;
            return Ok(ConfirmSignUpOutcome::NoSuchToken);
        };
        let audit = self.audit.clone().target(user.login.as_str());
        let is_final = user.standing.sign_up == SignUpStatus::Final;
        if is_final || exists(tx, WAS_SPENT, &[token()]).await? {
            audit::refuse(tx, &audit, Reason::TokenUsed).await?;
            return Ok(ConfirmSignUpOutcome::AlreadyConfirmed);
        }
        let now = audit.at.micros();
        if tx.execute(SPEND, &[token(), now.into()]).await? != 1 {
            audit::refuse(tx, &audit, Reason::TokenExpired).await?;
            return Ok(ConfirmSignUpOutcome::NoSuchToken);
        }
        tx.execute(CONFIRM, &[user.id.uuid().into(), SignUpStatus::Final.name().into(), now.into()]).await?;
        user.standing.sign_up = SignUpStatus::Final;
        audit::accept(tx, &audit).await?;
        Ok(ConfirmSignUpOutcome::Confirmed(user))
    }
}

impl Execute for ReapSignUps {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        const ENDED: &str = "SELECT owner, confirmed_at IS NULL AS open FROM sign_ups WHERE expires_at < $1 \
            ORDER BY owner LIMIT $2";
        let rows = tx.query(ENDED, &[self.before.micros().into(), i64::from(self.limit).into()]).await?;
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        for row in rows {
            let mut record = Record::new("sign_ups", row);
            let owner = record.key_uuid()?;
            reap(tx, self, owner, record.truth("open")?).await?;
        }
        Ok(count)
    }
}

/// The user goes with its token, unless somebody confirmed it or let it in otherwise.
async fn reap<T: Tx>(tx: &mut T, reaping: &ReapSignUps, owner: Uuid, is_open: bool) -> Result<(), TxError> {
    const DELETE: &str = "DELETE FROM users WHERE id = $1 AND sign_up_status = $2 \
        AND EXISTS (SELECT 1 FROM sign_ups WHERE owner = $1 AND confirmed_at IS NULL)";
    let held = users::hold_by_id(tx, UserId::from_uuid(owner)).await?;
    if let Some(user) = held.filter(|_| is_open) {
        let open = SignUpStatus::BeforeConfirmation.name();
        if tx.execute(DELETE, &[owner.into(), open.into()]).await? == 1 {
            return audit::accept(tx, &reaping.audit.clone().target(user.login.as_str())).await;
        }
    }
    tx.execute("DELETE FROM sign_ups WHERE owner = $1", &[owner.into()]).await.map(drop)
}
