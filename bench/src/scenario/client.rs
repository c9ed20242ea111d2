//! Calls through the Rust client, as a program makes them: callers and callees are its sessions.
//!
//! Beside the lean load of `rpc` this says what the client costs; the lean one says what the server can do, because it takes
//! less of the machine that both share.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use countersign_client::{
    CallOptions, Client, ConnectOptions, Encoding, HandlerError, Payload, RegisterOptions, Session,
};

use super::rpc::Shape;
use super::{Part, Speech};
use crate::measure::{self, Tally};
use crate::metric::Sample;
use crate::target::Target;
use crate::wire::odd;

/// Runs the load.
pub async fn run(target: &Target, speech: Speech, shape: Shape, window: Duration) -> io::Result<Sample> {
    let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
    let realm = target.realm.ok_or_else(|| odd("the client needs a router"))?;
    let open = async |encoding: Encoding| {
        let options = ConnectOptions::new(address.url(), realm).encoding(encoding);
        Client::connect(options).await.map_err(io::Error::other)
    };
    let tally = Rc::new(Tally::default());
    let mut parts: Vec<Part> = Vec::new();
    for index in 0..shape.callees {
        let procedure: Rc<str> = format!("bench.client.p{index}").into();
        let offering = open(speech.passive).await?;
        offer(&offering, &procedure, speech).await?;
        parts.push(Box::pin(stay(offering)));
        for _ in 0..shape.callers_each {
            let caller = open(speech.active).await?;
            for _ in 0..shape.depth {
                parts.push(Box::pin(keep_calling(caller.clone(), Rc::clone(&procedure), speech, Rc::clone(&tally))));
            }
        }
    }
    measure::run(target, window, tally, parts).await
}

/// One argument, encoded once, as a program does that keeps its message.
fn argument(encoding: Encoding, bytes: usize) -> Payload {
    let payload = Payload::of("x".repeat(bytes));
    payload.encoded(encoding).unwrap_or(payload)
}

async fn offer(callee: &Session, procedure: &str, speech: Speech) -> io::Result<()> {
    let answer = argument(speech.passive, speech.payload_bytes);
    let give = move |_| std::future::ready(Ok::<_, HandlerError>(answer.clone()));
    callee.register(procedure, RegisterOptions::new(), give).await.map(drop).map_err(io::Error::other)
}

/// Keeps the session; its end is a failure of the load.
async fn stay(callee: Session) -> io::Result<()> {
    Err(odd(&callee.ended().await.to_string()))
}

async fn keep_calling(caller: Session, procedure: Rc<str>, speech: Speech, tally: Rc<Tally>) -> io::Result<()> {
    let argument = argument(speech.active, speech.payload_bytes);
    while !tally.is_over() {
        let began = Instant::now();
        let result = caller.call_with(&procedure, CallOptions::new(), argument.clone()).await;
        result.map_err(io::Error::other)?;
        tally.done_since(began);
    }
    Ok(())
}
