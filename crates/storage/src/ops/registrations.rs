//! What becomes of registrations, as the router saw it.
//!
//! **Invariant:** a record is active exactly while a connection of it is open.

use countersign_identity::uris::HISTORY_MAX;
use countersign_identity::uris::operations::{
    BeginTracking, ListOpen, NewCallee, OpenConnection, RegistrationChange, TrackRegistrations, Tracked,
};

use super::uris;
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::Param;

/// Whether the alerts could have something to tell of a record.
macro_rules! is_watched {
    () => {
        "(warn_after IS NOT NULL OR count_warn_after IS NOT NULL OR warned_at IS NOT NULL OR count_warned_at IS NOT NULL \
         OR zombie_lifespan IS NOT NULL OR schedule <> '')"
    };
}

/// Whether somebody has it registered.
macro_rules! is_open {
    () => {
        "EXISTS (SELECT 1 FROM uri_connections WHERE uri_connections.uri = uris.id \
         AND uri_connections.disconnected_at IS NULL)"
    };
}

impl Execute for TrackRegistrations {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Tracked, TxError> {
        let mut tracking = Tracking { of: self, room: None, without_record: 0 };
        for change in &*self.changes {
            match &change.callee {
                Some(callee) => tracking.began(tx, change, callee).await?,
                None => tracking.ceased(tx, change).await?,
            }
        }
        Ok(Tracked { without_record: tracking.without_record })
    }
}

struct Tracking<'a> {
    of: &'a TrackRegistrations,
    /// Records that may still be begun; not known before one has to be.
    room: Option<i64>,
    without_record: u64,
}

impl Tracking<'_> {
    async fn began<T: Tx>(
        &mut self,
        tx: &mut T,
        change: &RegistrationChange,
        callee: &NewCallee,
    ) -> Result<(), TxError> {
        const OPEN: &str = "INSERT INTO uri_connections (uri, node, session, connected_at, authid, peer) \
            SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT 1 FROM uri_connections \
            WHERE uri = $1 AND session = $3 AND node = $2 AND disconnected_at IS NULL)";
        const TRIM: &str = "DELETE FROM uri_connections WHERE uri = $1 AND disconnected_at IS NOT NULL AND sequence <= \
            (SELECT sequence FROM uri_connections WHERE uri = $1 ORDER BY sequence DESC LIMIT 1 OFFSET $2)";
        if !self.mark(tx, change, callee).await? {
            self.without_record += 1;
            return Ok(());
        }
        let id = Param::Id(change.key.id());
        let params = [
            id,
            Param::Text(&self.of.node),
            change.session.into(),
            change.at.micros().into(),
            Param::Text(&callee.authid),
            Param::Text(&callee.peer),
        ];
        tx.execute(OPEN, &params).await?;
        tx.execute(TRIM, &[id, i64::from(HISTORY_MAX).into()]).await.map(drop)
    }

    /// Notes the newest callee in the record, and begins one if there is room. Whether there is a record now.
    async fn mark<T: Tx>(
        &mut self,
        tx: &mut T,
        change: &RegistrationChange,
        callee: &NewCallee,
    ) -> Result<bool, TxError> {
        const NOTE: &str = concat!(
            "UPDATE uris SET is_system = $2, active = TRUE, invoke = $3, created_at = $4, authid = $5, peer = $6, \
             session = $7, disconnected_at = NULL, due_at = CASE WHEN ",
            is_watched!(),
            " THEN CAST($4 AS bigint) END WHERE id = $1"
        );
        const CREATE: &str = "INSERT INTO uris (id, uri, policy, is_system, active, description, contact, created_at, \
            schedule) VALUES ($1, $2, $3, $4, TRUE, '', '', $5, '') ON CONFLICT (id) DO NOTHING";
        let (id, at) = (Param::Id(change.key.id()), Param::Int(change.at.micros()));
        let note = [
            id,
            callee.is_system.into(),
            Param::Text(&callee.invoke),
            at,
            Param::Text(&callee.authid),
            Param::Text(&callee.peer),
            change.session.into(),
        ];
        if tx.execute(NOTE, &note).await? == 1 {
            return Ok(true);
        }
        let room = match self.room {
            Some(room) => room,
            None => i64::from(self.of.records_max) - uris::count(tx).await?,
        };
        self.room = Some(room - 1);
        if room <= 0 {
            return Ok(false);
        }
        let (uri, policy) = (change.key.uri().into(), change.key.policy().name().into());
        tx.execute(CREATE, &[id, uri, policy, callee.is_system.into(), at]).await?;
        Ok(tx.execute(NOTE, &note).await? == 1)
    }

    async fn ceased<T: Tx>(&mut self, tx: &mut T, change: &RegistrationChange) -> Result<(), TxError> {
        // Held, so that of two servers the second one sees what the first has ended.
        const HOLD: &str = "UPDATE uris SET active = active WHERE id = $1";
        const END: &str = "UPDATE uri_connections SET disconnected_at = $4 \
            WHERE uri = $1 AND session = $2 AND node = $3 AND disconnected_at IS NULL";
        const NOTE: &str = concat!(
            "UPDATE uris SET active = ",
            is_open!(),
            ", disconnected_at = CASE WHEN ",
            is_open!(),
            " THEN NULL ELSE CAST($2 AS bigint) END, due_at = CASE WHEN $3 OR ",
            is_watched!(),
            " THEN CAST($2 AS bigint) END WHERE id = $1"
        );
        let (id, at) = (Param::Id(change.key.id()), Param::Int(change.at.micros()));
        if tx.execute(HOLD, &[id]).await? == 0 {
            return Ok(());
        }
        let ended = tx.execute(END, &[id, change.session.into(), Param::Text(&self.of.node), at]).await?;
        if ended > 0 {
            tx.execute(NOTE, &[id, at, self.of.reaps_all.into()]).await?;
        }
        Ok(())
    }
}

impl Execute for ListOpen {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<OpenConnection>, TxError> {
        const SQL: &str = "SELECT uris.id, uris.uri, policy, uri_connections.sequence, uri_connections.session \
            FROM uri_connections JOIN uris ON uris.id = uri_connections.uri \
            WHERE node = $1 AND sequence > $2 AND uri_connections.disconnected_at IS NULL ORDER BY sequence LIMIT $3";
        let open = |row| {
            let mut record = Record::new("uris", row);
            let key = uris::key(&mut record)?;
            Ok(OpenConnection { key, place: record.int("sequence")?, session: record.int("session")? })
        };
        let params = [Param::Text(&self.node), self.after.into(), i64::from(self.limit).into()];
        tx.query(SQL, &params).await?.into_iter().map(open).collect()
    }
}

impl Execute for BeginTracking {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        const END: &str = "UPDATE uri_connections SET disconnected_at = $2 WHERE node = $1 AND disconnected_at IS NULL";
        const NOTE: &str =
            concat!("UPDATE uris SET active = FALSE, disconnected_at = $1 WHERE active AND NOT ", is_open!());
        const WAKE: &str = concat!("UPDATE uris SET due_at = $1 WHERE NOT active AND ($2 OR ", is_watched!(), ")");
        let now = Param::Int(self.now.micros());
        let mut ended = 0;
        if self.resets {
            ended = tx.execute(END, &[Param::Text(&self.node), now]).await?;
            tx.execute(NOTE, &[now]).await?;
        }
        tx.execute(WAKE, &[now, self.reaps_all.into()]).await?;
        Ok(ended)
    }
}
