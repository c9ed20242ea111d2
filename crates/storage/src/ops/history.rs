//! Past events of topics.

use crate::error::TxError;
use crate::history::{AppendHistory, HistoryEvent, ReadHistory, TrimHistory};
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

macro_rules! columns {
    () => {
        "at, publication, publisher, topic, bytes, restrictions, details, content_encoding, args, kwargs"
    };
}

impl Execute for AppendHistory {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        const SQL: &str = concat!(
            "INSERT INTO history_events (history, ",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (history, publication) DO NOTHING"
        );
        for (history, event) in &*self.events {
            let params = [
                Param::Bytes(history.as_bytes()),
                event.at.micros().into(),
                event.publication.into(),
                event.publisher.into(),
                Param::Bytes(&event.topic),
                event.bytes.into(),
                Param::Bytes(&event.restrictions),
                Param::Bytes(&event.details),
                Param::optional(event.content_encoding.as_deref()),
                Param::Bytes(&event.args),
                Param::Bytes(&event.kwargs),
            ];
            tx.execute(SQL, &params).await?;
        }
        Ok(())
    }
}

impl Execute for ReadHistory {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<(i64, HistoryEvent)>, TxError> {
        const SQL: &str = concat!(
            "SELECT sequence, ",
            columns!(),
            " FROM history_events WHERE history = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3"
        );
        let params = [
            Param::Bytes(self.history.as_bytes()),
            self.before.unwrap_or(i64::MAX).into(),
            i64::from(self.limit).into(),
        ];
        tx.query(SQL, &params).await?.into_iter().map(event).collect()
    }
}

impl Execute for TrimHistory {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        const SQL: &str = "DELETE FROM history_events WHERE sequence IN (SELECT sequence FROM \
            (SELECT sequence, row_number() OVER newest_first AS place, \
            CAST(sum(bytes) OVER newest_first AS bigint) AS total FROM history_events WHERE history = $1 \
            WINDOW newest_first AS (ORDER BY sequence DESC)) AS ranked \
            WHERE place > $2 OR total > $3 ORDER BY sequence LIMIT $4)";
        let most = |max: u64| Param::Int(i64::try_from(max).unwrap_or(i64::MAX));
        let params = [
            Param::Bytes(self.history.as_bytes()),
            most(self.events_max),
            most(self.bytes_max),
            i64::from(self.limit).into(),
        ];
        tx.execute(SQL, &params).await
    }
}

fn event(row: Row) -> Result<(i64, HistoryEvent), TxError> {
    let mut record = Record::new("history_events", row);
    let sequence = record.key_int()?;
    let event = HistoryEvent {
        at: record.time("at")?,
        publication: record.int("publication")?,
        publisher: record.int("publisher")?,
        topic: record.blob("topic")?,
        bytes: record.int("bytes")?,
        restrictions: record.blob("restrictions")?,
        details: record.blob("details")?,
        content_encoding: record.optional_text("content_encoding")?,
        args: record.blob("args")?,
        kwargs: record.blob("kwargs")?,
    };
    Ok((sequence, event))
}
