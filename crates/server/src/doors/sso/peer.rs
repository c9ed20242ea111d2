//! For whom a request of the sign-on API is made: the peer of the connection, unless a host that is trusted speaks for
//! somebody else.
//!
//! Source: contract of the sign-on API, sections 0.4 and 11.

use std::net::IpAddr;

use countersign_identity::{PeerAddress, RequestContext};

use super::fields::{BadField, Fields};
use crate::doors::Doors;
use crate::doors::request::Sender;

/// What a request is called.
pub struct Ids<'a> {
    /// By its caller, or by the server.
    pub cid: &'a str,
    /// By the server.
    pub request: &'a str,
}

/// The context of a request.
///
/// `remote_addr` and `user_agent` count only from a host among `proxies.trusted` that asks for itself: what a proxy
/// passes on is the word of the proxy's client. From others they are kept as claimed.
///
/// # Errors
///
/// [`BadField`] where one that counts is no address.
pub fn context(
    doors: &Doors,
    sender: &Sender,
    fields: &Fields,
    ids: &Ids<'_>,
    application: &str,
) -> Result<RequestContext, BadField> {
    let (address, agent) = (given(fields, "remote_addr")?, given(fields, "user_agent")?);
    let peer = &sender.peer;
    let context =
        |address, agent: &str| RequestContext::new(ids.cid, address, agent, application).with_request(ids.request);
    if !doors.is_trusted_proxy(peer.address) {
        return Ok(context(peer.address, &peer.user_agent).claiming(&address, &agent));
    }
    let address = match address.as_str() {
        "" => peer.address,
        list => first_of(list).ok_or(BadField::Wrong("remote_addr"))?,
    };
    Ok(context(address, if agent.is_empty() { &peer.user_agent } else { &agent }))
}

fn given(fields: &Fields, name: &'static str) -> Result<String, BadField> {
    Ok(fields.optional(name)?.unwrap_or_default())
}

/// The first of several addresses, each of which has to be one: a client, and the proxies that it came through.
fn first_of(list: &str) -> Option<PeerAddress> {
    let addresses: Option<Vec<IpAddr>> = list.split(',').map(|one| one.trim().parse().ok()).collect();
    addresses?.first().map(|address| PeerAddress::Ip(address.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_of_several_addresses_if_all_are_some() {
        let check = |list: &str, want: Option<&str>| {
            let want = want.map(|address| PeerAddress::Ip(address.parse().unwrap()));
            assert_eq!(first_of(list), want, "{list}");
        };
        check("203.0.113.7", Some("203.0.113.7"));
        check("2001:db8::7, 10.0.0.1", Some("2001:db8::7"));
        check("::ffff:203.0.113.7", Some("203.0.113.7"));
        for nonsense in ["", "localhost", "203.0.113.7,", "203.0.113.7, x", "203.0.113.7:80"] {
            check(nonsense, None);
        }
    }
}
