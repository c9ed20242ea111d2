//! What a connection says before anybody has signed in.

use bytes::Bytes;
use countersign_server::fuzzing;
use countersign_wamp::{DecodeLimits, Encoding, Message, decode};

/// Longest login name or agent that is kept, in characters, with what the transport adds.
const TEXT_CHARACTERS_MAX: usize = 512;

/// A HELLO in JSON. Its realm does not matter, so that all of it is read.
pub fn hello(frame: &[u8]) {
    let frame = Bytes::copy_from_slice(frame);
    let Ok(Message::Hello { realm, details }) = decode(Encoding::Json, &frame, DecodeLimits::default()) else { return };
    assert!(realm.as_str() == fuzzing::realm() || fuzzing::hello(realm.as_str(), &details, "").is_none());
    if let Some((authid, agent)) = fuzzing::hello(&fuzzing::realm(), &details, "browser") {
        assert!(authid.chars().count() <= TEXT_CHARACTERS_MAX, "a long login name is kept");
        assert!(agent.chars().count() <= TEXT_CHARACTERS_MAX, "a long agent is kept");
    }
}

/// The start of a connection from a proxy.
pub fn proxy_header(bytes: &[u8]) {
    let whole = fuzzing::proxy_header(bytes);
    let mut taken = 0;
    // Takes what is asked for and no more, as a door does.
    let arrived = loop {
        let Some(start) = bytes.get(..taken) else { break fuzzing::proxy_header(bytes) };
        match fuzzing::proxy_header(start) {
            Ok(Err(missing)) => {
                assert!(missing > 0, "waits for nothing");
                taken += missing;
            }
            done => break done,
        }
    };
    match (&whole, &arrived) {
        (Ok(Ok(_)) | Err(_), _) => assert_eq!(arrived, whole, "depends on how it arrives"),
        (Ok(Err(_)), _) => assert!(matches!(arrived, Ok(Err(_))), "is whole before its end"),
    }
    if let Ok(Ok(_)) = whole {
        let header = bytes.get(..taken).unwrap_or_default();
        assert_eq!(fuzzing::proxy_header(header), whole, "depends on what stands behind it");
    }
}
