//! For whom a request of the sign-on API is made: the peer of the connection, unless somebody speaks for another who may: a
//! host that is trusted, or the holder of an API key with the right [`ACT_FOR`](countersign_identity::permission::ACT_FOR).
//!
//! **Invariant:** a request with credentials in its header is carried out only if they are such a key. Who sends a wrong one
//! must not go on under the wrong address.
//!
//! Source: contract of the sign-on API, sections 0.4 and 11; RFC 9110, section 11.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use countersign_identity::login::{Claim, Purpose};
use countersign_identity::role::RoleName;
use countersign_identity::{PeerAddress, RequestContext};

use super::codes::{Refusal, login_refused};
use super::fields::{BadField, Fields};
use crate::clock::now;
use crate::doors::Doors;
use crate::doors::credentials::Credentials;
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
/// `remote_addr` and `user_agent` count only with a key that has the right, or from a host among `proxies.trusted` that asks
/// for itself: what a proxy passes on is the word of the proxy's client. From others they are kept as claimed.
///
/// # Errors
///
/// [`Refusal`] where one that counts is no address, and for credentials that don't give the right.
pub async fn context(
    doors: &Doors,
    (sender, headers): (&Sender, &HeaderMap),
    fields: &Fields,
    ids: &Ids<'_>,
    application: &str,
) -> Result<RequestContext, Refusal> {
    let (address, agent) = (given(fields, "remote_addr")?, given(fields, "user_agent")?);
    let peer = &sender.peer;
    let context =
        |address, agent: &str| RequestContext::new(ids.cid, address, agent, application).with_request(ids.request);
    let claiming = context(peer.address, &peer.user_agent).claiming(&address, &agent);
    let is_believed = may_act_for(doors, headers, &claiming).await? || doors.is_trusted_proxy(peer.address);
    if !is_believed {
        return Ok(claiming);
    }
    let address = match address.as_str() {
        "" => peer.address,
        list => first_of(list).ok_or(BadField::Wrong("remote_addr"))?,
    };
    Ok(context(address, if agent.is_empty() { &peer.user_agent } else { &agent }))
}

/// Whether the header has a key with the right; `false` if it has no credentials.
async fn may_act_for(doors: &Doors, headers: &HeaderMap, context: &RequestContext) -> Result<bool, Refusal> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(false);
    }
    let Credentials { login, ticket, .. } = Credentials::read(headers).ok_or(BadField::Wrong("Authorization"))?;
    let claim = Claim { login: &login, context, session: "", code: None, purpose: Purpose::ActFor };
    let app = &doors.app;
    let rules = |role: &RoleName| doors.hub.roles().rules(role.as_str());
    let decided = Box::pin(async { app.identity.may_act_for(&claim, &ticket, rules, now()).await });
    app.throttled(&claim, decided).await.map_err(|error| login_refused(error, &app.config))?;
    Ok(true)
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
