//! What a door does with a stranger's bytes before anybody has signed in, for the fuzz targets. Nothing else uses it.

use std::net::IpAddr;

use countersign_identity::PeerAddress;
use countersign_wamp::Dict;

use crate::config::Config;
use crate::doors::hello::Hello;
use crate::doors::methods::Offer;
use crate::doors::peer::Peer;
use crate::doors::proxy_protocol::{self, Progress};

/// What a HELLO of this realm says, as far as it is kept: the login name and the agent. `None`: it is refused.
pub fn hello(realm: &str, details: &Dict, user_agent: &str) -> Option<(String, String)> {
    let config = Config::default();
    let peer = Peer { user_agent: user_agent.to_owned(), ..Peer::new(PeerAddress::Local, None) };
    let hello = Hello::read(realm, details, &peer, &config, &Offer::new(&config)).ok()?;
    Some((hello.authid, hello.agent))
}

/// The realm for which [`hello`] looks.
pub fn realm() -> String {
    Config::default().realm.name
}

/// How far the start of a connection is a PROXY protocol header. `Ok(Err(n))`: `n` bytes are missing, or more.
///
/// # Errors
///
/// It is none, with the reason.
pub fn proxy_header(bytes: &[u8]) -> Result<Result<Option<IpAddr>, usize>, String> {
    match proxy_protocol::progress(bytes) {
        Ok(Progress::Source(source)) => Ok(Ok(source)),
        Ok(Progress::Missing(bytes)) => Ok(Err(bytes)),
        Err(error) => Err(error.to_string()),
    }
}
