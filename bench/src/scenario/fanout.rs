//! Events: one publisher, many subscribers of one topic.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Part, Speech};
use crate::measure::{self, Tally};
use crate::metric::Sample;
use crate::session::{Login, Session, Template};
use crate::target::Target;
use crate::wire::odd;

const TOPIC: &str = "bench.fanout";
/// Publications that may be under way to subscribers at the same time.
const PUBLICATIONS_UNDER_WAY_MAX: u64 = 32;
/// Bytes that may be under way, as long as there are publications enough to keep all busy.
const BYTES_UNDER_WAY_MAX: u64 = 64 << 20;
/// Publications that may be under way whatever their size.
const PUBLICATIONS_UNDER_WAY_MIN: u64 = 2;

/// Runs the load. An operation is one delivered event.
pub async fn run(target: &Target, speech: Speech, subscribers: usize, window: Duration) -> io::Result<Sample> {
    let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
    let realm = target.realm.ok_or_else(|| odd("events need a router"))?;
    let tally = Rc::new(Tally::default());
    let delivered = Rc::new(Notify::new());
    let mut parts: Vec<Part> = Vec::new();
    for _ in 0..subscribers {
        let mut session = Session::open(address, speech.passive, realm, &Login::Anonymous).await?;
        session.subscribe(TOPIC).await?;
        parts.push(Box::pin(receive(session, Rc::clone(&tally), Rc::clone(&delivered))));
    }
    let publisher = Session::open(address, speech.active, realm, &Login::Anonymous).await?;
    let template = Template::publish(speech.active, TOPIC, speech.payload_bytes).whole(speech.active);
    parts.push(Box::pin(publish(publisher, template, subscribers as u64, Rc::clone(&tally), delivered)));
    measure::run(target, window, tally, parts).await
}

async fn receive(mut session: Session, tally: Rc<Tally>, delivered: Rc<Notify>) -> io::Result<()> {
    loop {
        session.wire.next().await?;
        tally.done();
        while session.wire.arrived()?.is_some() {
            tally.done();
        }
        delivered.notify_one();
    }
}

async fn publish(
    mut session: Session,
    message: Vec<u8>,
    subscribers: u64,
    tally: Rc<Tally>,
    delivered: Rc<Notify>,
) -> io::Result<()> {
    let bytes_each = subscribers * u64::try_from(message.len()).unwrap_or(u64::MAX);
    let most = BYTES_UNDER_WAY_MAX / bytes_each.max(1);
    let most = most.clamp(PUBLICATIONS_UNDER_WAY_MIN, PUBLICATIONS_UNDER_WAY_MAX);
    let mut published = 0;
    while !tally.is_over() {
        let under_way = published - tally.operations() / subscribers.max(1);
        if under_way < most {
            for _ in under_way..most {
                session.wire.queue(&message);
                published += 1;
            }
            session.wire.flush().await?;
        }
        delivered.notified().await;
    }
    Ok(())
}
