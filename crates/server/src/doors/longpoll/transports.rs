//! The long-poll transports that are open, by their ids.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_wamp::Subprotocol;
use data_encoding::BASE64URL_NOPAD;
use rand_core::Rng as _;
use tokio::sync::mpsc;

use super::pipe::{LongPollSink, LongPollSource, Mailbox, pipe};
use crate::clock::random;
use crate::doors::session::CurrentSession;

/// Random bytes of an id: 192 bits, 32 characters.
const ID_BYTES: usize = 24;

/// One of them, as requests see it.
#[derive(Debug)]
pub struct Transport {
    /// What was agreed on.
    pub subprotocol: Subprotocol,
    /// The session that it carries, if there is one.
    pub current: CurrentSession,
    /// Where messages go; locked by the request that sends one.
    pub inbox: tokio::sync::Mutex<mpsc::Sender<Bytes>>,
    /// From where they come.
    pub mailbox: Arc<Mailbox>,
}

/// All of them, a bounded number.
#[derive(Debug, Clone)]
pub struct Transports {
    open: Arc<Mutex<HashMap<String, Arc<Transport>>>>,
    max: usize,
}

/// A transport that was opened.
pub struct Opened {
    /// Its id.
    pub id: String,
    /// What the peer sends.
    pub source: LongPollSource,
    /// What it gets.
    pub sink: LongPollSink,
    /// Held as long as the transport lives.
    pub place: Place,
}

/// A transport's place among those that are open; given back on drop.
pub struct Place {
    transports: Transports,
    id: String,
}

impl Transports {
    /// Room for `max` transports.
    pub fn new(max: usize) -> Self {
        Self { open: Arc::default(), max }
    }

    /// Opens a transport, which is lost after `idle` without a request; `None` if there are too
    /// many.
    pub fn open(&self, subprotocol: Subprotocol, current: CurrentSession, idle: Duration) -> Option<Opened> {
        let mut open = self.lock();
        if open.len() >= self.max {
            return None;
        }
        let mut bytes = [0; ID_BYTES];
        random().fill_bytes(&mut bytes);
        let id = BASE64URL_NOPAD.encode(&bytes);
        let (inbox, mailbox, source, sink) = pipe(idle);
        let transport = Transport { subprotocol, current, inbox: tokio::sync::Mutex::new(inbox), mailbox };
        open.insert(id.clone(), Arc::new(transport));
        let place = Place { transports: self.clone(), id: id.clone() };
        Some(Opened { id, source, sink, place })
    }

    /// The transport with this id.
    pub fn find(&self, id: &str) -> Option<Arc<Transport>> {
        self.lock().get(id).cloned()
    }

    /// Lets requests find it no more.
    pub fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Transport>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.transports.forget(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use countersign_wamp::Encoding;

    use super::*;

    fn open(transports: &Transports) -> Option<Opened> {
        let subprotocol = Subprotocol { encoding: Encoding::Json, is_batched: false };
        transports.open(subprotocol, CurrentSession::default(), Duration::from_secs(1))
    }

    #[tokio::test]
    async fn there_is_room_for_the_most_and_not_for_one_more() {
        let transports = Transports::new(2);
        let (first, second) = (open(&transports).unwrap(), open(&transports).unwrap());
        assert!(open(&transports).is_none());
        assert_ne!(first.id, second.id);
        assert_eq!(first.id.len(), 32);
        assert!(transports.find(&first.id).is_some());
        let id = first.id.clone();
        drop(first);
        assert!(transports.find(&id).is_none());
        let third = open(&transports).unwrap();
        transports.forget(&third.id);
        assert!(transports.find(&third.id).is_none());
        assert!(open(&transports).is_some());
    }
}
