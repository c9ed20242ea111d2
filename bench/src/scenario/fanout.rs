//! Events: one publisher, many subscribers of one topic.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Part, Speech};
use crate::measure::{self, Figures, Tally};
use crate::session::{Login, Session, Template};
use crate::target::Target;
use crate::wire::odd;

const TOPIC: &str = "bench.fanout";
/// Publications that may be under way to subscribers at the same time.
const PUBLICATIONS_UNDER_WAY_MAX: u64 = 32;

/// Runs the load. An operation is one delivered event.
pub async fn run(target: &Target, speech: Speech, subscribers: usize, window: Duration) -> io::Result<Figures> {
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
    measure::run(target.pid, window, tally, parts).await
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
    let mut published = 0;
    while !tally.is_over() {
        let under_way = published - tally.operations() / subscribers.max(1);
        if under_way < PUBLICATIONS_UNDER_WAY_MAX {
            for _ in under_way..PUBLICATIONS_UNDER_WAY_MAX {
                session.wire.queue(&message);
                published += 1;
            }
            session.wire.flush().await?;
        }
        delivered.notified().await;
    }
    Ok(())
}
