//! The Rust client's peer of the conformance scenarios: it reads commands from standard input and writes answers and
//! events to standard output, one line of JSON each. The commands are listed in `conformance/interop/peer.py`.

mod line;
mod peer;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{BufRead, Write, stdin, stdout};
use std::sync::{Arc, mpsc};

use serde_json::{Value as Json, json};
use tokio::runtime::{Builder, Runtime};

use crate::line::{Output, number, text};
use crate::peer::{Peer, Trouble};

/// Answers one command.
async fn obey(peer: Arc<Peer>, command: Json, output: Output) {
    let id = number(&command, "id");
    output.send(match peer.act(text(&command, "do"), &command).await {
        Ok(ok) => json!({ "id": id, "ok": ok }),
        Err(Trouble::Refused(refused)) => json!({ "id": id, "refused": refused }),
        Err(Trouble::Failed(failed)) => json!({ "id": id, "failed": failed }),
    });
}

/// A session and what it runs on. Without the latter its connection breaks, as if its process had ended.
struct Place {
    peer: Arc<Peer>,
    runtime: Runtime,
}

impl Place {
    fn new(session: u64, output: Output) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { peer: Arc::new(Peer::new(session, output)), runtime })
    }
}

fn main() -> std::io::Result<()> {
    let (sender, lines) = mpsc::channel::<Json>();
    let output = Output(sender);
    std::thread::spawn(move || {
        let mut out = stdout().lock();
        for message in lines {
            if writeln!(out, "{message}").and_then(|()| out.flush()).is_err() {
                break;
            }
        }
    });
    let mut places: HashMap<u64, Place> = HashMap::new();
    for text in stdin().lock().lines() {
        let command: Json = serde_json::from_str(&text?)?;
        let session = number(&command, "session");
        if line::text(&command, "do") == "abort" {
            if let Some(place) = places.remove(&session) {
                place.runtime.shutdown_background();
            }
            output.send(json!({ "id": number(&command, "id"), "ok": null }));
            continue;
        }
        let place = match places.entry(session) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(free) => free.insert(Place::new(session, output.clone())?),
        };
        if place.peer.hand_over(&command) {
            output.send(json!({ "id": number(&command, "id"), "ok": null }));
            continue;
        }
        place.runtime.spawn(obey(Arc::clone(&place.peer), command, output.clone()));
    }
    for place in places.into_values() {
        place.runtime.shutdown_background();
    }
    Ok(())
}
