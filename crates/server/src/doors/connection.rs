//! One connection: frames in, messages to its session; messages out, frames to the peer.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use countersign_wamp::{
    DecodeError, Dict, Encoding, Id, Message, MessageType, Payload, Subprotocol, Value, decode, encode, uris,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::Doors;
use super::batched::batched;
use super::gate::Pass;
use super::peer::Peer;
use super::session::{CurrentSession, Session};
use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use crate::metrics::{ServerLimit, Traffic, Via};
use crate::outbox::{CutBy, Ending, Outbox, Outgoing, frame};

/// Most messages that are handed to the realm under one lock.
const BATCH_MESSAGES_MAX: usize = 64;
/// Longest message that is copied into what is written, in bytes of [`Message::len_hint`].
const SHORT_BYTES_MAX: usize = 1024;
/// Longest time that the last words may take.
const CLOSE_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Longest time for the peer to close its side after we have closed ours.
const LINGER_SECONDS_MAX: Duration = Duration::from_secs(1);

thread_local! {
    /// Where short messages are encoded, for all connections of one thread.
    static SHORT: RefCell<BytesMut> = RefCell::default();
}

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
pub fn run_as(
    subprotocol: Subprotocol,
    doors: Arc<Doors>,
    source: impl Source + 'static,
    sink: impl Sink + 'static,
    visitor: Visitor,
) -> BoxFuture<'static, ()> {
    let Subprotocol { encoding, is_batched } = subprotocol;
    if is_batched {
        let (source, sink) = batched(source, sink, encoding);
        run(doors, source, sink, encoding, visitor)
    } else {
        run(doors, source, sink, encoding, visitor)
    }
}

/// Carries one connection to its end.
///
/// Boxed, and no `async fn`: what waits for a connection to be ready for this, and the arguments of a function that waits,
/// would each keep a second room for all of it as long as the connection lasts. What can be made before is made before.
pub fn run<S: Sink + 'static>(
    doors: Arc<Doors>,
    mut source: impl Source + 'static,
    mut sink: S,
    encoding: Encoding,
    visitor: Visitor,
) -> BoxFuture<'static, ()> {
    let outbox = Arc::new(Outbox::new(doors.outbox_limits()));
    let Visitor { peer, pass, current } = visitor;
    let via = Via { transport: S::TRANSPORT, encoding };
    let mut session = Session::new(Arc::clone(&doors), peer, Arc::clone(&outbox), pass, current, via);
    let connection = async move {
        let ended = carry(&doors, &mut source, &mut sink, encoding, &mut session, &outbox).await;
        drop(session);
        doors.app.metrics.ended(ended.how);
        if ended.may_still_send {
            linger(&doors, source.discard()).await;
        }
    };
    connection.boxed()
}

/// How a connection has ended.
struct Ended {
    /// Its name among the metrics.
    how: &'static str,
    /// Whether the peer may have sent something that nobody has read.
    may_still_send: bool,
}

async fn carry(
    doors: &Doors,
    source: &mut impl Source,
    sink: &mut impl Sink,
    encoding: Encoding,
    session: &mut Session,
    outbox: &Outbox,
) -> Ended {
    let metrics = &doors.app.metrics;
    let traffic = metrics.traffic();
    let (address, current) = (session.address(), session.current());
    let reading = read(doors, source, encoding, session, outbox, &traffic);
    let patience = Duration::from_secs(doors.app.config.limits.write_seconds_max);
    let writing = write(sink, encoding, outbox, &traffic, patience, |unsendable| {
        if let (Some(id), Some(answer)) = (current.get(), answer_for(unsendable)) {
            doors.procedures.start(&doors.hub, doors.hub.handle(id, [answer]));
        }
    });
    tokio::pin!(reading, writing);
    tokio::select! {
        biased;
        // The peer went or broke the framing: say what is left to say, then go.
        read = &mut reading => {
            let written = tokio::time::timeout(CLOSE_SECONDS_MAX, &mut writing).await;
            let is_lost = read == Err(ReadError::Closed);
            let how = written.map_or("peer_closed", |written| if is_lost { "peer_closed" } else { written.name() });
            Ended { how, may_still_send: !is_lost }
        }
        written = &mut writing => {
            match written {
                Written::Closed(_) | Written::Lost => {}
                Written::TooSlow => {
                    metrics.limit_reached(ServerLimit::WriteSeconds);
                    tracing::info!(peer = %address, "session cut off: its peer takes nothing any more");
                }
                Written::CutOff(by) => {
                    let limit = ServerLimit::from(by);
                    metrics.limit_reached(limit);
                    let session = current.get().map(Id::get);
                    tracing::info!(peer = %address, session, limit = limit.name(), "session cut off: its peer reads too slowly");
                }
            }
            Ended { how: written.name(), may_still_send: !matches!(written, Written::CutOff(_)) }
        }
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
    traffic: &Traffic,
) -> Result<(), ReadError> {
    let (limits, metrics) = (doors.decode_limits(), &doors.app.metrics);
    // Empty at first: most connections are idle most of the time.
    let mut messages = Vec::new();
    let mut stopped = pin!(doors.stop.cancelled());
    while !session.is_over() {
        let is_joined = session.is_joined();
        let first = tokio::select! {
            biased;
            first = source.next() => first,
            () = deadline(session.deadline()) => {
                session.time_is_up();
                continue;
            }
            // Who is in the realm hears it there.
            () = &mut stopped, if !is_joined => {
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
                    Ok(message) => {
                        traffic.received(message.message_type(), frame.len());
                        messages.push(message);
                    }
                    Err(error) => {
                        match error {
                            DecodeError::TooDeep { .. } => metrics.limit_reached(ServerLimit::MessageDepth),
                            DecodeError::TooManyValues { .. } => metrics.limit_reached(ServerLimit::OptionValues),
                            _ => {}
                        }
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
                // What has been read already goes under the same lock.
                incoming = source.buffered();
            }
        }
        session.handle(&mut messages).await;
        // Who joins when the realm has said good-bye to all has to be told here.
        if session.is_joined() && !is_joined && doors.stop.is_cancelled() {
            session.lost(Ending::GoingAway, "the server is going down");
        }
        if let Some(error) = unreadable {
            session.lost(Ending::ProtocolError, &error.to_string());
        }
        if let Err(error) = broken {
            if error == ReadError::Silent {
                metrics.limit_reached(ServerLimit::PingSeconds);
            }
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

/// How writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// All was written, and the connection closed like this.
    Closed(Ending),
    /// The peer went.
    Lost,
    /// The peer took too long.
    TooSlow,
    /// Too much waited for the peer.
    CutOff(CutBy),
}

impl Written {
    fn name(self) -> &'static str {
        match self {
            Self::Closed(ending) => ending.name(),
            Self::Lost => "peer_closed",
            Self::TooSlow | Self::CutOff(_) => "cut_off",
        }
    }
}

async fn write(
    sink: &mut impl Sink,
    encoding: Encoding,
    outbox: &Outbox,
    traffic: &Traffic,
    patience: Duration,
    mut unsendable: impl FnMut(&Message),
) -> Written {
    loop {
        let batch = match outbox.take().await {
            Ok(batch) => batch,
            Err(by) => return Written::CutOff(by),
        };
        let sent = {
            let mut sending = pin!(async {
                let mut early = None;
                for one in &batch.outgoing {
                    if let ControlFlow::Break(ending) = send(sink, encoding, one, traffic, &mut unsendable).await? {
                        early = Some(ending);
                        break;
                    }
                }
                sink.flush().await?;
                Ok::<_, WriteError>(early)
            });
            // Nearly always it goes through at once, and nobody has to look at the clock.
            if let Some(sent) = sending.as_mut().now_or_never() {
                sent
            } else {
                tokio::select! {
                    by = outbox.cut() => return Written::CutOff(by),
                    sent = tokio::time::timeout(patience, sending) => match sent {
                        Ok(sent) => sent,
                        Err(_) => return Written::TooSlow,
                    },
                }
            }
        };
        let Ok(early) = sent else { return Written::Lost };
        if let Some(ending) = early.or(batch.ending) {
            let _ = tokio::time::timeout(CLOSE_SECONDS_MAX, sink.close(ending)).await;
            return Written::Closed(ending);
        }
    }
}

/// Sends one thing. `Break`: nothing may follow it, and the connection ends like this.
///
/// Takes what is sent by reference, and keeps no message while it waits: a connection that is idle keeps room for all of this.
async fn send(
    sink: &mut impl Sink,
    encoding: Encoding,
    outgoing: &Outgoing,
    traffic: &Traffic,
    unsendable: &mut impl FnMut(&Message),
) -> Result<ControlFlow<Ending>, WriteError> {
    let (frame, then) = match outgoing {
        Outgoing::Pong(payload) => {
            sink.feed_pong(payload.clone()).await?;
            return Ok(ControlFlow::Continue(()));
        }
        Outgoing::Ping => {
            sink.feed_ping().await?;
            return Ok(ControlFlow::Continue(()));
        }
        Outgoing::Shared(shared) => {
            let frame = shared.frame(encoding);
            // An event that is too long for this subscriber is skipped for it.
            if frame.len() > sink.frame_bytes_max() {
                return Ok(ControlFlow::Continue(()));
            }
            traffic.sent(shared.message_type(), frame.len());
            (frame, ControlFlow::Continue(()))
        }
        Outgoing::Message(message) => match copy(sink, encoding, message, traffic) {
            Copied::Sent => return Ok(ControlFlow::Continue(())),
            Copied::Left(frame) => (frame, ControlFlow::Continue(())),
            Copied::No => match encoded(message, encoding, sink.frame_bytes_max(), traffic, unsendable) {
                Some(encoded) => encoded,
                None => return Ok(ControlFlow::Continue(())),
            },
        },
    };
    sink.feed(frame).await?;
    Ok(then)
}

/// What became of a message that was to be copied.
enum Copied {
    /// The sink has it.
    Sent,
    /// It is encoded, and still to be fed: the sink wants to compress it, or has no room.
    Left(Bytes),
    /// It is too long for this, or for the peer.
    No,
}

/// Sends a short message, without an allocation of its own.
fn copy(sink: &mut impl Sink, encoding: Encoding, message: &Message, traffic: &Traffic) -> Copied {
    if message.len_hint() > SHORT_BYTES_MAX {
        return Copied::No;
    }
    SHORT.with_borrow_mut(|frame| {
        frame.clear();
        encode(encoding, message, frame);
        if frame.len() > sink.frame_bytes_max() {
            return Copied::No;
        }
        traffic.sent(message.message_type(), frame.len());
        if sink.copy(frame) { Copied::Sent } else { Copied::Left(Bytes::copy_from_slice(frame)) }
    })
}

/// A message, or what its receiver gets in its place if it is too long; and whether anything may follow.
fn encoded(
    message: &Message,
    encoding: Encoding,
    bytes_max: usize,
    traffic: &Traffic,
    unsendable: &mut impl FnMut(&Message),
) -> Option<(Bytes, ControlFlow<Ending>)> {
    let encoded = frame(message, encoding);
    if encoded.len() <= bytes_max {
        traffic.sent(message.message_type(), encoded.len());
        return Some((encoded, ControlFlow::Continue(())));
    }
    unsendable(message);
    let instead = replacement(message)?;
    let encoded = frame(&instead, encoding);
    traffic.sent(instead.message_type(), encoded.len());
    let is_last = matches!(message, Message::Challenge { .. } | Message::Welcome { .. });
    Some((encoded, if is_last { ControlFlow::Break(Ending::TooLong) } else { ControlFlow::Continue(()) }))
}

/// What the receiver gets in the place of a message that is too long for it, so that it doesn't
/// wait: the end of a call, or of a login, with the reason; last words without their text.
/// Progress is skipped; the end is still to come.
fn replacement(message: &Message) -> Option<Message> {
    match message {
        Message::Result { details, .. } if details.get("progress").and_then(Value::as_bool) == Some(true) => None,
        Message::Result { request, .. } => Some(too_long(MessageType::Call, *request, "the result")),
        Message::Error { request_type, request, .. } => Some(too_long(*request_type, *request, "the error")),
        Message::Challenge { .. } | Message::Welcome { .. } => {
            let text = format!("{} is longer than its receiver takes", message.message_type().name());
            let reason = uris::error::PAYLOAD_SIZE_EXCEEDED.into();
            Some(Message::Abort { details: Dict::new().with("message", text), reason })
        }
        Message::Abort { reason, .. } => Some(Message::Abort { details: Dict::new(), reason: reason.clone() }),
        Message::Goodbye { reason, .. } => Some(Message::Goodbye { details: Dict::new(), reason: reason.clone() }),
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

fn too_long(request_type: MessageType, request: Id, what: &str) -> Message {
    let payload = Payload::of(format!("{what} is longer than its receiver takes"));
    Message::error(request_type, request, uris::error::PAYLOAD_SIZE_EXCEEDED, payload)
}
