//! An echo for tests of the WebSocket itself: what comes goes back in its kind, by the code that
//! carries WAMP otherwise. Only a setting for tests opens it.

use std::sync::Arc;
use std::time::Duration;

use countersign_websocket::deflate::Agreement;
use countersign_websocket::{Event, Limits};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Reader, Writer, close_code, halves};
use crate::doors::Doors;
use crate::doors::connection::{ending_for, linger};
use crate::doors::gate::Pass;
use crate::doors::transport::{ReadError, WriteError};
use crate::outbox::Ending;

/// Longest time that the last words may take.
const CLOSE_SECONDS_MAX: Duration = Duration::from_secs(5);

/// Carries one connection to its end, which counts as one without a session.
pub async fn serve(doors: Arc<Doors>, upgraded: Upgraded, agreement: Option<Agreement>, _pass: Pass) {
    let (mut reader, mut writer) = halves(&doors, TokioIo::new(upgraded), agreement);
    reader.set_limits(Limits::message_bytes(doors.app.config.limits.message_bytes_max));
    let ending = match doors.stop.run_until_cancelled(repeat(&mut reader, &mut writer)).await {
        Some(Ok(error)) => ending_for(error),
        Some(Err(WriteError)) => return,
        None => Ending::GoingAway,
    };
    let _ = tokio::time::timeout(CLOSE_SECONDS_MAX, writer.close(close_code(ending))).await;
    linger(&doors, reader.discard()).await;
}

/// Repeats what comes, to the end of the connection; gives why nothing more comes.
async fn repeat<R, W>(reader: &mut Reader<R>, writer: &mut Writer<W>) -> Result<ReadError, WriteError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut next = reader.next().await;
    loop {
        match next {
            Ok(Some(Event::Message { kind, payload })) => writer.message(kind, payload, true).await?,
            Ok(Some(Event::Ping(content))) => writer.pong(content).await?,
            Ok(Some(Event::Pong(_))) => {}
            Ok(Some(Event::Close(_))) => return Ok(ReadError::Closed),
            Ok(None) => writer.ping().await?,
            Err(error) => return Ok(error),
        }
        next = if let Some(next) = reader.buffered() {
            next.map(Some)
        } else {
            writer.flush().await?;
            reader.next().await
        };
    }
}
