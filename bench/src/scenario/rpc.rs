//! Calls: callers that keep some calls in flight, and callees that answer at once.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Part, Speech};
use crate::measure::{self, Tally};
use crate::metric::Sample;
use crate::session::{Login, Session, Template, request_id};
use crate::target::Target;
use crate::wire::{Address, Wire, odd};

/// Who calls whom.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Callees, each with a procedure of its own.
    pub callees: usize,
    /// Callers of each callee.
    pub callers_each: usize,
    /// Calls that a caller has in flight.
    pub depth: u32,
}

/// Runs the load.
pub async fn run(target: &Target, speech: Speech, shape: Shape, window: Duration) -> io::Result<Sample> {
    let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
    let tally = Rc::new(Tally::default());
    let mut parts: Vec<Part> = Vec::new();
    for index in 0..shape.callees {
        let procedure = format!("bench.rpc.p{index}");
        let (callee, callers) = match target.realm {
            Some(realm) => routed(address, realm, speech, &procedure, shape.callers_each).await?,
            None => relayed(address, speech).await?,
        };
        let is_routed = target.realm.is_some();
        parts.push(Box::pin(answer(callee, is_routed, speech)));
        for (caller, call) in callers {
            parts.push(Box::pin(keep_calling(caller, call, shape.depth, Rc::clone(&tally))));
        }
    }
    measure::run(target, window, tally, parts).await
}

type Pair = (Session, Vec<(Session, Template)>);

async fn routed(address: &Address, realm: &str, speech: Speech, procedure: &str, callers: usize) -> io::Result<Pair> {
    let mut answering = Session::open(address, speech.passive, realm, &Login::Anonymous).await?;
    answering.register(procedure).await?;
    let call = Template::call(speech.active, procedure, speech.payload_bytes);
    let mut calling = Vec::new();
    for _ in 0..callers {
        calling.push((Session::open(address, speech.active, realm, &Login::Anonymous).await?, call.clone()));
    }
    Ok((answering, calling))
}

async fn relayed(address: &Address, speech: Speech) -> io::Result<Pair> {
    let answering = Session::plain(Wire::connect(address, speech.active).await?);
    let calling = Session::plain(Wire::connect(address, speech.active).await?);
    // The answer's frame comes back as it is, so the caller sends what it wants to get.
    Ok((answering, vec![(calling, Template::call(speech.active, "bench.rpc.p0", speech.payload_bytes))]))
}

async fn answer(mut callee: Session, is_routed: bool, speech: Speech) -> io::Result<()> {
    let answer = Template::yielding(speech.passive, speech.payload_bytes);
    loop {
        let mut next = Some(callee.wire.next().await?);
        while let Some(frame) = next {
            if is_routed {
                let request = request_id(speech.passive, &frame)?;
                callee.queue(&answer, request);
            } else {
                callee.wire.queue(&frame);
            }
            next = callee.wire.arrived()?;
        }
        callee.wire.flush().await?;
    }
}

async fn keep_calling(mut caller: Session, call: Template, depth: u32, tally: Rc<Tally>) -> io::Result<()> {
    let encoding = caller.wire.encoding;
    // When each call in flight began.
    let mut began = vec![Instant::now(); usize::try_from(depth).unwrap_or(1)];
    for id in 1..=depth {
        caller.queue(&call, id);
    }
    caller.wire.flush().await?;
    loop {
        let mut next = Some(caller.wire.next().await?);
        while let Some(frame) = next {
            let answered = request_id(encoding, &frame)?;
            let slot = usize::try_from(answered % depth).unwrap_or(0);
            let Some(began) = began.get_mut(slot) else { return Err(odd("an answer to no call")) };
            tally.done_since(*began);
            *began = Instant::now();
            // A slot belongs to the ids that are equal modulo the depth.
            caller.queue(&call, answered.wrapping_add(depth));
            next = caller.wire.arrived()?;
        }
        if tally.is_over() {
            return Ok(());
        }
        caller.wire.flush().await?;
    }
}
