//! The browser's cookie at a WebSocket upgrade: read, judged by the page's origin, set.
//!
//! **Invariants:** a cookie counts only if the page that opens the connection is of the same
//! host, or of one that is configured. What is set is always fresh: a value that came from outside
//! is never taken over.
//!
//! Source: RFC 6265, sections 4 and 5.4; RFC 6455, section 10.2; contract of the bus, section 9.

use axum::http::{HeaderMap, HeaderValue, header};
use countersign_identity::login::{CookieValue, KnownCookie};

use super::Doors;
use super::http::text;
use super::peer::Peer;
use crate::clock::{now, random};
use crate::config::CookieConfig;

/// The header by which a proxy says how it was asked.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// What a browser brought to the upgrade, and what it got.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// The cookie that it sent.
    pub presented: Option<CookieValue>,
    /// Whether its page is of another site; the cookie doesn't count then, and none is set.
    pub is_foreign: bool,
    /// Whose the cookie is, if it can be used still.
    pub known: Option<KnownCookie>,
    /// The cookie that it was given, which nobody has yet.
    pub fresh: Option<CookieValue>,
}

impl Browser {
    /// The cookie that was given belongs to somebody now.
    pub fn bind(&mut self, known: KnownCookie) {
        *self = Self { presented: self.fresh.take(), known: Some(known), ..Self::default() };
    }

    /// The cookie is gone.
    pub fn forget(&mut self) {
        *self = Self { is_foreign: self.is_foreign, ..Self::default() };
    }
}

/// Receives the browser behind an upgrade. With the header that sets a cookie, if one is given.
pub async fn receive(
    doors: &Doors,
    headers: &HeaderMap,
    is_secure: bool,
) -> (Option<Box<Browser>>, Option<HeaderValue>) {
    let config = &doors.app.config.auth.cookie;
    if !config.enabled {
        return (None, None);
    }
    let mut browser = Browser {
        presented: find(headers, &config.name),
        is_foreign: !is_own_site(headers, is_secure, &config.origins),
        ..Browser::default()
    };
    if browser.is_foreign {
        return (Some(Box::new(browser)), None);
    }
    if let Some(value) = &browser.presented {
        match doors.app.identity.known_cookie(value, now()).await {
            Ok(known) => browser.known = known,
            // Rather no new cookie than one in the place of a good one.
            Err(fault) => {
                tracing::error!(error = ?fault, "a cookie can't be looked up");
                return (Some(Box::new(browser)), None);
            }
        }
    }
    if browser.known.is_some() {
        return (Some(Box::new(browser)), None);
    }
    let fresh = CookieValue::generate(&mut random());
    let set = set_cookie(config, &fresh, is_secure);
    browser.fresh = set.is_some().then_some(fresh);
    (Some(Box::new(browser)), set)
}

/// Whether the browser's connection is under TLS: that to this server, or to a trusted proxy that
/// says so. `peer` is who connected, before anybody was asked for whom.
pub fn is_secure(doors: &Doors, headers: &HeaderMap, peer: Option<&Peer>) -> bool {
    let Some(peer) = peer else { return false };
    let is_believed = !doors.app.config.proxies.proxy_protocol && doors.is_trusted_proxy(peer.address);
    // The nearest proxy's word stands last.
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back().and_then(|value| value.to_str().ok());
    let last = last.and_then(|value| value.rsplit(',').next()).unwrap_or_default();
    peer.tls.is_some() || is_believed && last.trim().eq_ignore_ascii_case("https")
}

/// The one cookie of this name. Several different ones are none: somebody has slipped one in.
fn find(headers: &HeaderMap, name: &str) -> Option<CookieValue> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let first = found.next()?;
    if found.any(|other| other != first) { None } else { CookieValue::parse(first) }
}

/// Whether the page is of the host that was asked, or of a configured origin. A client without a
/// page sends no `Origin`.
fn is_own_site(headers: &HeaderMap, is_secure: bool, origins: &[String]) -> bool {
    let mut given = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (given.next(), given.next()) else { return !headers.contains_key(header::ORIGIN) };
    let Some((scheme, authority)) = origin.to_str().ok().and_then(parse_origin) else { return false };
    let is_listed = |listed: &String| parse_origin(listed).is_some_and(|listed| listed == (scheme, authority.clone()));
    if origins.iter().any(is_listed) {
        return true;
    }
    // A page without TLS could be anybody's on the line.
    if is_secure && scheme != "https" {
        return false;
    }
    let host = without_default_port(scheme, text(headers, &header::HOST));
    !authority.is_empty() && host == authority
}

/// Scheme, and host with its port, if that isn't the scheme's own, in lower case.
pub fn parse_origin(origin: &str) -> Option<(&'static str, String)> {
    let (scheme, authority) = origin.split_once("://")?;
    let scheme = ["https", "http"].into_iter().find(|known| known.eq_ignore_ascii_case(scheme))?;
    let is_authority = !authority.is_empty() && !authority.contains(['/', '?', '#', '@', '*']);
    is_authority.then(|| (scheme, without_default_port(scheme, authority)))
}

fn without_default_port(scheme: &str, authority: &str) -> String {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase()
}

fn set_cookie(config: &CookieConfig, value: &CookieValue, is_secure: bool) -> Option<HeaderValue> {
    let CookieConfig { name, max_age_seconds, .. } = config;
    let secure = if is_secure { "; Secure" } else { "" };
    let text =
        format!("{name}={}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Strict{secure}", value.expose());
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn finds_the_one_cookie_of_its_name() {
        let (one, two) = (CookieValue::generate(&mut random()), CookieValue::generate(&mut random()));
        let (a, b) = (format!("c={}", one.expose()), format!("c={}", two.expose()));
        let check = |lines: &[&str], want: Option<&CookieValue>| {
            let pairs: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            assert_eq!(find(&headers(&pairs), "c").as_ref(), want, "{lines:?}");
        };
        check(&[&a], Some(&one));
        check(&[&format!("x=1; {b};y=2")], Some(&two));
        check(&["x=1", &a], Some(&one));
        check(&[&format!("{a}; {a}")], Some(&one));
        check(&[&format!("{a}; {b}")], None);
        check(&[&a, &b], None);
        check(&[&format!("c=x; {a}")], None);
        check(&[&format!("d{a}")], None);
        check(&["c", "c=", "c=short"], None);
        check(&[], None);
    }

    #[test]
    fn a_page_of_the_same_host_or_of_a_configured_one_is_own() {
        let check = |origin: &[&str], host: &str, is_secure, want| {
            let mut pairs: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
            pairs.push(("host", host));
            let listed = ["https://app.example.com".to_owned()];
            assert_eq!(is_own_site(&headers(&pairs), is_secure, &listed), want, "{origin:?} {host} {is_secure}");
        };
        check(&[], "example.com", true, true);
        check(&["https://example.com"], "example.com", true, true);
        check(&["https://EXAMPLE.com:443"], "example.COM", true, true);
        check(&["https://example.com"], "example.com:443", true, true);
        check(&["https://example.com:8443"], "example.com:8443", true, true);
        check(&["http://example.com"], "example.com:80", false, true);
        // TLS ended at a proxy that isn't known.
        check(&["https://example.com"], "example.com", false, true);
        check(&["https://app.example.com"], "example.com", true, true);
        check(&["https://app.example.com:443"], "example.com", true, true);

        check(&["http://example.com"], "example.com", true, false);
        check(&["http://app.example.com"], "example.com", true, false);
        check(&["https://example.com:8443"], "example.com", true, false);
        check(&["https://evil.example"], "example.com", true, false);
        check(&["https://example.com.evil.example"], "example.com", true, false);
        check(&["https://evil.example@example.com"], "example.com", true, false);
        check(&["null"], "example.com", true, false);
        check(&[""], "", true, false);
        check(&["https://"], "", true, false);
        check(&["file://"], "", false, false);
        check(&["https://example.com", "https://example.com"], "example.com", true, false);
    }

    #[test]
    fn a_cookie_is_kept_from_scripts_other_sites_and_plain_connections() {
        let config = CookieConfig { name: "c".into(), max_age_seconds: 60, ..CookieConfig::default() };
        let value = CookieValue::generate(&mut random());
        let check = |is_secure, rest: &str| {
            let header = set_cookie(&config, &value, is_secure).unwrap();
            let want = format!("c={}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict{rest}", value.expose());
            assert_eq!(header.to_str().unwrap(), want);
            assert!(header.is_sensitive());
        };
        check(true, "; Secure");
        check(false, "");
    }
}
