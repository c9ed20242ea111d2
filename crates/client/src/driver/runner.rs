//! One invocation from its handler's start to its answer.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_wamp::{Id, Message, MessageType, Payload, uris};
use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;

use crate::error::HandlerError;
use crate::registrations::{Procedure, Reply};
use crate::request_options::OnInterrupt;
use crate::serving::{Interrupt, Invocation, InvocationEnd, Part, WayBack};
use crate::session::after;
use crate::shared::{Outgoing, Shared};

/// What a caller gets when a procedure panics; other clients' libraries say the same.
const RUNTIME_ERROR: &str = "wamp.error.runtime_error";

/// What it takes to answer an invocation.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) outgoing: mpsc::Sender<Outgoing>,
    pub(super) procedure: Arc<Procedure>,
    /// Given back at the end.
    pub(super) places: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

impl Job {
    pub(super) async fn run(self, request: Id, registration: Id, Part { details, payload }: Part, end: InvocationEnd) {
        let Self { shared, outgoing, procedure, places } = self;
        let way_back = WayBack {
            shared: Arc::clone(&shared),
            outgoing: outgoing.clone(),
            last_progress: Arc::new(Mutex::new(Instant::now())),
        };
        let interrupt = end.interrupt.clone();
        let invocation = Invocation { details, payload, request, registration, end, way_back: way_back.clone() };
        let answer = answer(request, &procedure, invocation, interrupt, &way_back).await;
        shared.state().finish_invocation(request);
        let frame = shared.encode(&answer).or_else(|_| {
            let why = Payload::of("the answer is too long");
            shared.encode(&failed(request, uris::error::PAYLOAD_SIZE_EXCEEDED, why))
        });
        if let Ok(frame) = frame {
            // Fails only if the session is over.
            let _ = outgoing.send(frame).await;
        }
        drop(places);
    }
}

/// Runs the handler as long as its answer is wanted; a panic in it is an error for the caller,
/// not silence.
async fn answer(
    request: Id,
    procedure: &Procedure,
    invocation: Invocation,
    mut interrupt: watch::Receiver<Option<Interrupt>>,
    way_back: &WayBack,
) -> Message {
    let timeout = invocation.timeout();
    let work = AssertUnwindSafe(async { (procedure.handler)(invocation).await }).catch_unwind();
    let is_told = procedure.on_interrupt == OnInterrupt::Tell;
    let stopped = async {
        let counts = |interrupt: &Option<Interrupt>| interrupt.as_ref().is_some_and(|it| it.is_final || !is_told);
        let reason = interrupt.wait_for(counts).await.map(|it| it.as_ref().and_then(|it| it.reason.clone()));
        match reason {
            Ok(reason) => reason,
            // The session is over. Nobody hears the answer, but who wants to be told goes on.
            Err(_) if is_told => std::future::pending().await,
            Err(_) => None,
        }
    };
    let late = async {
        match timeout {
            Some(timeout) => quiet_for(timeout, way_back).await,
            None => std::future::pending().await,
        }
        if is_told {
            if let Some(running) = way_back.shared.state().invocations.get(&request) {
                let reason = Some(uris::error::TIMEOUT.to_owned());
                running.interrupt(Interrupt { mode: None, reason, is_final: false });
            }
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        answer = work => match answer {
            Ok(answer) => yielded(request, answer),
            Err(_) => failed(request, RUNTIME_ERROR, Payload::of("the procedure failed")),
        },
        reason = stopped => {
            // Timeouts of the server's own come as interrupts with their reason.
            let reason = reason.filter(|reason| reason == uris::error::TIMEOUT);
            failed(request, reason.as_deref().unwrap_or(uris::error::CANCELED), Payload::of("the call was canceled"))
        }
        () = late => failed(request, uris::error::TIMEOUT, Payload::of("the call timed out")),
    }
}

/// Waits until no result was sent for as long as `timeout`.
async fn quiet_for(timeout: Duration, way_back: &WayBack) {
    let mut last = way_back.last_progress();
    loop {
        tokio::time::sleep_until(last.checked_add(timeout).unwrap_or_else(|| after(timeout))).await;
        let newest = way_back.last_progress();
        if newest == last {
            return;
        }
        last = newest;
    }
}

fn yielded(request: Id, answer: Result<Reply, HandlerError>) -> Message {
    match answer {
        Ok(Reply { payload, options }) => Message::Yield { request, options, payload },
        Err(HandlerError { error, payload }) => failed(request, &error, payload),
    }
}

pub(super) fn failed(request: Id, error: &str, payload: Payload) -> Message {
    Message::error(MessageType::Invocation, request, error, payload)
}
