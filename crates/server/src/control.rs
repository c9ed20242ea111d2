//! The control socket: commands of the operator to a running server.
//!
//! A Unix socket of mode 0600 in the data directory: who may read the database may give
//! commands. One line of JSON asks, one line answers.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeroize::Zeroize as _;

use crate::admin::{Command, Refused, RefusedKind, execute};
use crate::app::App;
use crate::doors::{ACCEPT_PAUSE, BoundSocket, peer_uid, reachable};
use crate::hub::Hub;

/// The user who may do everything anyhow.
const ROOT: u32 = 0;
/// Mode of the socket.
pub const MODE: u32 = 0o600;
/// Longest request in bytes: a long value, and what its JSON text grows by.
const REQUEST_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Longest time for one request to arrive.
const REQUEST_SECONDS_MAX: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Value),
    Refused(Refused),
}

/// Serves the commands of `owner` until `stop`.
pub async fn serve(
    bound: BoundSocket,
    owner: u32,
    app: Arc<App>,
    hub: Arc<Hub>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    while let Some(accepted) = stop.run_until_cancelled(bound.listener.accept()).await {
        match accepted {
            // The file's mode says the same; this also holds where somebody loosens that.
            Ok((stream, _)) if !peer_uid(&stream).is_ok_and(|uid| uid == owner || uid == ROOT) => {
                tracing::warn!("somebody else than the owner of the data directory tried to give a command");
            }
            Ok((stream, _)) => {
                let (app, hub, stop) = (Arc::clone(&app), Arc::clone(&hub), stop.clone());
                tasks.spawn(async move {
                    if let Some(Err(error)) = stop.run_until_cancelled(Box::pin(answer(stream, &app, &hub))).await {
                        tracing::debug!(%error, "control connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "can't accept a control connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, app: &Arc<App>, hub: &Arc<Hub>) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(REQUEST_BYTES_MAX));
    tokio::time::timeout(REQUEST_SECONDS_MAX, reader.read_line(&mut line)).await??;
    let command = serde_json::from_str::<Command>(&line);
    line.zeroize();
    let result = match command {
        Ok(command) => {
            let done = execute(app, Some(hub), command).await;
            hub.bonds_changed();
            done
        }
        Err(error) => {
            let message = format!("the server doesn't understand the command ({error}); is it of another version?");
            Err(Refused { kind: RefusedKind::Request, message })
        }
    };
    let mut text = serde_json::to_vec(&match result {
        Ok(value) => Answer::Done(value),
        Err(refused) => Answer::Refused(refused),
    })?;
    text.push(b'\n');
    writer.write_all(&text).await
}

/// Gives a command to the server behind `socket`; `None` if no server is there.
///
/// # Errors
///
/// [`Refused`] of the server, or where the connection breaks.
pub async fn ask(socket: &Path, command: &Command) -> Option<Result<Value, Refused>> {
    let stream = UnixStream::connect(reachable(socket).ok()?.path()).await.ok()?;
    Some(exchange(stream, command).await.unwrap_or_else(|error| {
        let message = format!("the connection to the server broke: {error}; see `countersign audit search`");
        Err(Refused { kind: RefusedKind::Server, message })
    }))
}

async fn exchange(mut stream: UnixStream, command: &Command) -> io::Result<Result<Value, Refused>> {
    let mut text = serde_json::to_vec(command)?;
    text.push(b'\n');
    let sent = stream.write_all(&text).await;
    text.zeroize();
    sent?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    Ok(match serde_json::from_str(&answer)? {
        Answer::Done(value) => Ok(value),
        Answer::Refused(refused) => Err(refused),
    })
}
