//! The task behind a session: it writes what is queued, and reads what comes.

mod reader;
mod runner;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use countersign_wamp::{Dict, Message};
use tokio::sync::{Semaphore, mpsc};

use crate::calls::CancelMode;
use crate::error::{Closed, Ended};
use crate::options::ConnectOptions;
use crate::shared::{Outgoing, Shared};
use crate::transport::{FrameSender, Transport};
use reader::Reader;

/// Starts the task. It ends with the session, or when all senders are gone.
pub(crate) fn spawn(transport: Transport, shared: Arc<Shared>, options: &ConnectOptions) -> mpsc::Sender<Outgoing> {
    let (sender, receiver) = mpsc::channel(options.outbound_frames_max);
    let reader = Reader {
        shared,
        // Weak, so that the last handle's end is the session's end.
        outgoing: sender.downgrade(),
        invocations: Arc::new(Semaphore::new(options.invocations_max)),
        keep_alive: options.keep_alive,
    };
    tokio::spawn(run(transport, reader, receiver, options.leave_timeout));
    sender
}

async fn run(transport: Transport, reader: Reader, receiver: mpsc::Receiver<Outgoing>, grace: Duration) {
    let Transport { sender, receiver: mut frames } = transport;
    let shared = Arc::clone(&reader.shared);
    let write = write(sender, receiver, &shared);
    let read = reader.read(&mut frames);
    tokio::pin!(write, read);
    tokio::select! {
        ended = &mut read => {
            shared.end(ended);
            // What is queued, as the answer to a GOODBYE, still goes out.
            let _ = tokio::time::timeout(grace, write).await;
        }
        written = &mut write => {
            // Nothing can be asked any more; the server may still say its last word.
            let ended = tokio::time::timeout(grace, read).await;
            shared.end(ended.unwrap_or_else(|_| match written {
                Ok(()) => Ended::Left,
                Err(error) => Ended::Closed(Closed::Broken(error.to_string())),
            }));
        }
        _ = shared.wait_for_end() => {}
    }
}

/// Writes until told to close, until nobody can queue anything any more, or until the
/// transport breaks.
async fn write(mut sender: FrameSender, mut outgoing: mpsc::Receiver<Outgoing>, shared: &Shared) -> io::Result<()> {
    let written = write_all(&mut sender, &mut outgoing, shared).await;
    let closed = sender.close().await;
    written.and(closed)
}

async fn write_all(
    sender: &mut FrameSender,
    outgoing: &mut mpsc::Receiver<Outgoing>,
    shared: &Shared,
) -> io::Result<()> {
    loop {
        let mut next = tokio::select! {
            biased;
            item = outgoing.recv() => match item {
                Some(item) => Some(item),
                None => return Ok(()),
            },
            () = shared.call_dropped() => None,
        };
        // Their CALLs are among what is queued now, and go first.
        let dropped_calls = shared.take_dropped_calls();
        let mut queued = outgoing.len();
        loop {
            match next {
                Some(Outgoing::Frame(frame)) => sender.feed(frame).await?,
                Some(Outgoing::Pong(content)) => sender.feed_pong(&content).await?,
                Some(Outgoing::Ping) => sender.feed_ping().await?,
                Some(Outgoing::Close) => return Ok(()),
                None => {}
            }
            if queued == 0 {
                break;
            }
            queued -= 1;
            next = outgoing.try_recv().ok();
        }
        for request in dropped_calls {
            let options = Dict::new().with("mode", CancelMode::KillNoWait.name());
            if let Ok(Outgoing::Frame(frame)) = shared.encode(&Message::Cancel { request, options }) {
                sender.feed(frame).await?;
            }
        }
        if outgoing.is_empty() {
            sender.flush().await?;
        }
    }
}
