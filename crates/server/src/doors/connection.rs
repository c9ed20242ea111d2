//! One connection: frames in, messages to its session; messages out, frames to the peer.

use std::sync::Arc;
use std::time::Duration;

use countersign_wamp::{Encoding, Message, MessageType, Payload, Subprotocol, Value, decode, uris};
use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until};

use super::Doors;
use super::batched::batched;
use super::gate::Pass;
use super::peer::Peer;
use super::session::{CurrentSession, Session};
use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use crate::outbox::{Batch, Ending, Outbox, Outgoing, frame};

/// Most messages that are handed to the realm under one lock.
const BATCH_MESSAGES_MAX: usize = 64;
/// Longest time that writing one batch may take; a peer that stops reading is dropped then.
const WRITE_SECONDS_MAX: Duration = Duration::from_mins(2);
/// Longest time that the last words may take.
const CLOSE_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Longest time for the peer to close its side after we have closed ours.
const LINGER_SECONDS_MAX: Duration = Duration::from_secs(1);

/// Who comes over a new connection.
pub struct Visitor {
    /// The peer.
    pub peer: Peer,
    /// The place among those that are not signed in.
    pub pass: Pass,
    /// The session, once there is one; the transport reads by it how much it may take.
    pub current: CurrentSession,
}

impl Visitor {
    /// A visitor without a session.
    pub fn new(peer: Peer, pass: Pass) -> Self {
        Self { peer, pass, current: CurrentSession::default() }
    }
}

/// Carries a connection to its end whose frames are messages or batches of them.
pub async fn run_as(
    subprotocol: Subprotocol,
    doors: Arc<Doors>,
    source: impl Source,
    sink: impl Sink,
    visitor: Visitor,
) {
    let Subprotocol { encoding, is_batched } = subprotocol;
    if is_batched {
        let (source, sink) = batched(source, sink, encoding);
        run(doors, source, sink, encoding, visitor).await;
    } else {
        run(doors, source, sink, encoding, visitor).await;
    }
}

/// Carries one connection to its end.
pub async fn run(
    doors: Arc<Doors>,
    mut source: impl Source,
    mut sink: impl Sink,
    encoding: Encoding,
    visitor: Visitor,
) {
    let outbox = Arc::new(Outbox::new(doors.outbox_limits()));
    let Visitor { peer, pass, current } = visitor;
    let mut session = Session::new(Arc::clone(&doors), peer, Arc::clone(&outbox), pass, current.clone());
    let reading = read(&doors, &mut source, encoding, &mut session, &outbox);
    let writing = write(&mut sink, encoding, &outbox, |unsendable| {
        if let (Some(id), Some(answer)) = (current.get(), answer_for(unsendable)) {
            doors.procedures.start(&doors.hub, doors.hub.handle(id, [answer]));
        }
    });
    let may_still_send = {
        tokio::pin!(reading, writing);
        tokio::select! {
            // The peer went or broke the framing: say what is left to say, then go.
            read = &mut reading => {
                let _ = tokio::time::timeout(CLOSE_SECONDS_MAX, &mut writing).await;
                read != Err(ReadError::Closed)
            }
            () = &mut writing => true,
            () = outbox.cut() => {
                tracing::info!("session cut off: its peer reads too slowly");
                false
            }
        }
    };
    drop(session);
    if may_still_send {
        linger(&doors, source.discard()).await;
    }
}

/// Waits a while for the peer to close its side.
pub async fn linger(doors: &Doors, discarding: impl Future<Output = ()>) {
    doors.stop.run_until_cancelled(tokio::time::timeout(LINGER_SECONDS_MAX, discarding)).await;
}

/// Reads until the session is over; the error is the transport's, if that ended it.
async fn read(
    doors: &Doors,
    source: &mut impl Source,
    encoding: Encoding,
    session: &mut Session,
    outbox: &Outbox,
) -> Result<(), ReadError> {
    let limits = doors.decode_limits();
    // Empty at first: most connections are idle most of the time.
    let mut messages = Vec::new();
    while !session.is_over() {
        let first = tokio::select! {
            first = source.next() => first,
            () = deadline(session.deadline()) => {
                session.time_is_up();
                continue;
            }
            () = doors.stop.cancelled() => {
                session.lost(Ending::GoingAway, "the server is going down");
                continue;
            }
        };
        let mut incoming = Some(first);
        let mut unreadable = None;
        let mut broken = Ok(());
        while let Some(next) = incoming.take() {
            match next {
                Ok(Incoming::Ping(payload)) => outbox.pong(payload),
                Ok(Incoming::Silence) => outbox.ping(),
                Ok(Incoming::Frame(frame)) => match decode(encoding, &frame, limits) {
                    Ok(message) => messages.push(message),
                    Err(error) => {
                        unreadable = Some(error);
                        break;
                    }
                },
                Err(error) => {
                    broken = Err(error);
                    break;
                }
            }
            if messages.len() < BATCH_MESSAGES_MAX && session.is_joined() {
                // What has arrived already goes under the same lock.
                incoming = source.next().now_or_never();
            }
        }
        session.handle(&mut messages).await;
        if let Some(error) = unreadable {
            session.lost(Ending::ProtocolError, &error.to_string());
        }
        if let Err(error) = broken {
            session.lost(ending_for(error), &error.to_string());
            return broken;
        }
    }
    Ok(())
}

async fn deadline(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What the peer hears when nothing more comes from it.
pub fn ending_for(error: ReadError) -> Ending {
    match error {
        ReadError::Closed => Ending::Normal,
        ReadError::TooLong => Ending::TooLong,
        ReadError::NotUtf8 => Ending::NotUtf8,
        ReadError::Malformed => Ending::ProtocolError,
        ReadError::Silent => {
            tracing::info!("connection closed: its peer doesn't answer pings");
            Ending::Policy
        }
    }
}

async fn write(sink: &mut impl Sink, encoding: Encoding, outbox: &Outbox, mut unsendable: impl FnMut(&Message)) {
    loop {
        let Batch { outgoing, ending } = outbox.take().await;
        let sending = async {
            for one in outgoing {
                send(sink, encoding, one, &mut unsendable).await?;
            }
            sink.flush().await
        };
        match tokio::time::timeout(WRITE_SECONDS_MAX, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(WriteError)) | Err(_) => return,
        }
        if let Some(ending) = ending {
            let _ = tokio::time::timeout(CLOSE_SECONDS_MAX, sink.close(ending)).await;
            return;
        }
    }
}

async fn send(
    sink: &mut impl Sink,
    encoding: Encoding,
    outgoing: Outgoing,
    unsendable: &mut impl FnMut(&Message),
) -> Result<(), WriteError> {
    let bytes_max = sink.frame_bytes_max();
    match outgoing {
        Outgoing::Pong(payload) => sink.feed_pong(payload).await,
        Outgoing::Ping => sink.feed_ping().await,
        Outgoing::Shared(shared) => {
            let frame = shared.frame(encoding);
            // An event that is too long for this subscriber is skipped for it.
            if frame.len() > bytes_max { Ok(()) } else { sink.feed(frame).await }
        }
        Outgoing::Message(message) => {
            let encoded = frame(&message, encoding);
            if encoded.len() <= bytes_max {
                return sink.feed(encoded).await;
            }
            unsendable(&message);
            match replacement(&message) {
                Some(error) => sink.feed(frame(&error, encoding)).await,
                None => Ok(()),
            }
        }
    }
}

/// What the receiver gets in the place of a message that is too long for it, so that it doesn't
/// wait: the end of a call, with the reason. Progress is skipped; the end is still to come.
fn replacement(message: &Message) -> Option<Message> {
    match message {
        Message::Result { details, .. } if details.get("progress").and_then(Value::as_bool) == Some(true) => None,
        Message::Result { request, .. } => Some(too_long(MessageType::Call, *request, "the result")),
        Message::Error { request_type, request, .. } => Some(too_long(*request_type, *request, "the error")),
        _ => None,
    }
}

/// What the realm is told of a message that was too long for its receiver: an INVOCATION is
/// answered in the callee's place, so that the caller doesn't wait.
fn answer_for(message: &Message) -> Option<Message> {
    match message {
        Message::Invocation { request, .. } => Some(too_long(MessageType::Invocation, *request, "the call")),
        _ => None,
    }
}

fn too_long(request_type: MessageType, request: countersign_wamp::Id, what: &str) -> Message {
    let payload = Payload::of(format!("{what} is longer than its receiver takes"));
    Message::error(request_type, request, uris::error::PAYLOAD_SIZE_EXCEEDED, payload)
}
