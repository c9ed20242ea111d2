//! Sign-on sessions: opened, found, renewed, ended, reaped.
//!
//! A session works up to and including its `expires_at`.

use countersign_identity::audit::Reason;
use countersign_identity::sign_on::operations::{
    EndSession, EndSessions, FindSession, ListSessions, OpenSession, OpenSessionOutcome, ReapSessions, RenewSession,
};
use countersign_identity::sign_on::{ChangeSource, SignOnSession};
use countersign_identity::user::User;
use countersign_identity::{Digest, SessionId, Timestamp, UserId};
use uuid::Uuid;

use super::{audit, cookies, factors, first, session_changes, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

macro_rules! columns {
    () => {
        "sign_on_sessions.id, owner, digest, application, sign_on_sessions.created_at, expires_at, ends_at, checked_at, \
         address, agent"
    };
}

/// Ends sessions of a user. The caller holds the user's row.
pub async fn end<T: Tx>(tx: &mut T, owner: UserId, which: EndSessions) -> Result<(), TxError> {
    let owner = Param::Id(owner.uuid());
    match which {
        EndSessions::None => Ok(()),
        EndSessions::All => tx.execute("DELETE FROM sign_on_sessions WHERE owner = $1", &[owner]).await.map(drop),
        EndSessions::AllBut(kept) => {
            let sql = "DELETE FROM sign_on_sessions WHERE owner = $1 AND id <> $2";
            tx.execute(sql, &[owner, kept.uuid().into()]).await.map(drop)
        }
    }
}

/// Columns of a session in a row that [`session`] reads.
pub const COLUMNS: &str = columns!();

/// Reads sessions with their owners, in rows that [`with_owner`] reads.
pub fn with_owners(condition: &str) -> String {
    let user = users::COLUMNS;
    format!("SELECT {user}, {COLUMNS} FROM sign_on_sessions JOIN users ON users.id = owner WHERE {condition}")
}

pub fn with_owner(mut row: Row) -> Result<(SignOnSession, User), TxError> {
    let rest = row.split_off(users::COLUMNS_COUNT.min(row.len()));
    Ok((session(rest)?, users::user(row)?))
}

pub fn session(row: Row) -> Result<SignOnSession, TxError> {
    let mut record = Record::new("sign_on_sessions", row);
    Ok(SignOnSession {
        id: SessionId::from_uuid(record.key_uuid()?),
        owner: UserId::from_uuid(Uuid::from_bytes(record.bytes("owner")?)),
        digest: Digest::from_bytes(record.bytes("digest")?),
        application: record.text("application")?,
        created: record.time("created_at")?,
        expires: record.time("expires_at")?,
        ends: record.time("ends_at")?,
        checked: record.time("checked_at")?,
        address: record.text("address")?,
        agent: record.text("agent")?,
    })
}

/// Stores a session.
pub async fn insert<T: Tx>(tx: &mut T, session: &SignOnSession) -> Result<(), TxError> {
    const SQL: &str = "INSERT INTO sign_on_sessions (id, owner, digest, application, created_at, expires_at, ends_at, \
        checked_at, address, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let params = [
        session.id.uuid().into(),
        session.owner.uuid().into(),
        Param::Bytes(session.digest.as_bytes()),
        Param::Text(&session.application),
        session.created.micros().into(),
        session.expires.micros().into(),
        session.ends.micros().into(),
        session.checked.micros().into(),
        Param::Text(&session.address),
        Param::Text(&session.agent),
    ];
    tx.execute(SQL, &params).await.map(drop)
}

impl Execute for OpenSession {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<OpenSessionOutcome, TxError> {
        // Who locks the user, sets the password or the factor holds the row first, as this does.
        let refused = match users::hold_by_id(tx, self.session.owner).await? {
            None => Reason::UnknownUser,
            Some(user) if user.password.as_ref() != Some(&self.password) => Reason::WrongTicket,
            Some(user) => match user.standing.admits(self.way(), self.audit.at) {
                Err(reason) => reason,
                Ok(()) => match factors::accept(tx, user.id, self.code.as_ref(), self.audit.at).await? {
                    Ok(()) => return open(tx, self, user).await,
                    Err(reason) => reason,
                },
            },
        };
        audit::refuse(tx, &self.audit, refused).await?;
        Ok(OpenSessionOutcome::Refused(refused))
    }
}

async fn open<T: Tx>(tx: &mut T, open: &OpenSession, user: User) -> Result<OpenSessionOutcome, TxError> {
    const MAKE_ROOM: &str = "DELETE FROM sign_on_sessions WHERE owner = $1 AND id NOT IN \
        (SELECT id FROM sign_on_sessions WHERE owner = $1 ORDER BY created_at DESC, id DESC LIMIT $2)";
    let user = match &open.change {
        None => user,
        Some(change) => {
            cookies::delete_of(tx, user.id).await?;
            end(tx, user.id, EndSessions::All).await?;
            users::set_password(tx, user.id, change, open.audit.at).await?
        }
    };
    insert(tx, &open.session).await?;
    session_changes::note(tx, open.session.id, ChangeSource::Login, &open.audit).await?;
    tx.execute(MAKE_ROOM, &[user.id.uuid().into(), i64::from(open.sessions_max).into()]).await?;
    audit::accept(tx, &open.audit).await?;
    Ok(OpenSessionOutcome::Opened(user))
}

impl Execute for FindSession {
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<(SignOnSession, User)>, TxError> {
        let sql = with_owners("digest = $1 AND expires_at >= $2");
        let params = [Param::Bytes(self.digest.as_bytes()), self.now.micros().into()];
        first(tx, &sql, &params).await?.map(with_owner).transpose()
    }
}

impl Execute for RenewSession {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<Timestamp>, TxError> {
        const SQL: &str = "UPDATE sign_on_sessions SET expires_at = CASE WHEN ends_at < $3 THEN ends_at ELSE $3 END \
            WHERE id = $1 AND expires_at >= $2 RETURNING id, expires_at";
        let params = [self.id.uuid().into(), self.now.micros().into(), self.expires.micros().into()];
        let Some(row) = first(tx, SQL, &params).await? else {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(None);
        };
        session_changes::note(tx, self.id, ChangeSource::Renew, &self.audit).await?;
        audit::accept(tx, &self.audit).await?;
        Record::new("sign_on_sessions", row).time("expires_at").map(Some)
    }
}

impl Execute for EndSession {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const SQL: &str = "DELETE FROM sign_on_sessions WHERE id = $1 AND (owner = $2 OR $2 IS NULL)";
        let owner = self.owner.map_or(Param::Null, |owner| Param::Id(owner.uuid()));
        let gone = tx.execute(SQL, &[self.id.uuid().into(), owner]).await? == 1;
        if gone {
            audit::accept(tx, &self.audit).await?;
        } else {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
        }
        Ok(gone)
    }
}

impl Execute for ListSessions {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<SignOnSession>, TxError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM sign_on_sessions WHERE owner = $1 AND expires_at >= $2 ORDER BY created_at, id"
        );
        let params = [self.owner.uuid().into(), self.now.micros().into()];
        tx.query(SQL, &params).await?.into_iter().map(session).collect()
    }
}

impl Execute for ReapSessions {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        const SQL: &str = "DELETE FROM sign_on_sessions WHERE id IN \
            (SELECT id FROM sign_on_sessions WHERE expires_at < $1 LIMIT $2)";
        tx.execute(SQL, &[self.before.micros().into(), i64::from(self.limit).into()]).await
    }
}
