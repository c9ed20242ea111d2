//! `X-Forwarded-For`: for whom an HTTP proxy asks.
//!
//! Each proxy adds at the right the address from which it was asked, so what a trusted one added
//! can be believed, and what stands left of a stranger's address is that stranger's own claim.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use crate::networks::Networks;

/// The header.
const NAME: &str = "x-forwarded-for";

/// The address for which a trusted proxy asks: from the right the first that is not trusted. If
/// all are, it is the leftmost. `None`: there is no header, or what counts of it is malformed.
pub fn client(headers: &HeaderMap, trusted: &Networks) -> Option<IpAddr> {
    let mut client = None;
    for value in headers.get_all(NAME).iter().rev() {
        for entry in value.to_str().ok()?.rsplit(',') {
            let address = parse(entry.trim())?;
            client = Some(address);
            if !trusted.contains(address) {
                return client;
            }
        }
    }
    client
}

/// An address; some proxies write its port behind it, or brackets around it.
fn parse(entry: &str) -> Option<IpAddr> {
    let bare = || entry.parse().ok();
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || entry.parse().ok().map(|address: SocketAddr| address.ip());
    bare().or_else(bracketed).or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::networks::tests::networks;

    #[track_caller]
    fn check(values: &[&[u8]], want: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(NAME, HeaderValue::from_bytes(value).unwrap());
        }
        let trusted = networks(&["10.0.0.0/8", "::1"]).unwrap();
        assert_eq!(client(&headers, &trusted), want.map(|text| text.parse().unwrap()), "{values:?}");
    }

    #[test]
    fn takes_from_the_right_the_first_that_is_not_trusted() {
        check(&[b"203.0.113.7"], Some("203.0.113.7"));
        check(&[b"203.0.113.7, 10.0.0.9,10.1.2.3"], Some("203.0.113.7"));
        check(&[b"127.0.0.1, 198.51.100.1, 203.0.113.7, 10.0.0.9"], Some("203.0.113.7"));
        check(&[b"junk, 203.0.113.7"], Some("203.0.113.7"));
        check(&[b"\xff", b"203.0.113.7"], Some("203.0.113.7"));
        check(&[b"198.51.100.1", b"203.0.113.7", b"10.0.0.9, ::1"], Some("203.0.113.7"));
    }

    #[test]
    fn takes_the_leftmost_if_all_are_trusted() {
        check(&[b"10.0.0.1"], Some("10.0.0.1"));
        check(&[b"10.0.0.1, 10.0.0.2", b"::1"], Some("10.0.0.1"));
    }

    #[test]
    fn reads_the_forms_that_proxies_write() {
        check(&[b"2001:db8::7"], Some("2001:db8::7"));
        check(&[b"[2001:db8::7]"], Some("2001:db8::7"));
        check(&[b"[2001:db8::7]:40000"], Some("2001:db8::7"));
        check(&[b"203.0.113.7:40000"], Some("203.0.113.7"));
        check(&[b"::ffff:203.0.113.7, ::ffff:10.0.0.1"], Some("203.0.113.7"));
    }

    #[test]
    fn names_nobody_where_it_is_missing_or_malformed() {
        check(&[], None);
        for value in
            ["", ",", "unknown", "203.0.113.7, junk", "203.0.113.7,", "junk, 10.0.0.1", "203.0.113.7:x", "[::1"]
        {
            check(&[value.as_bytes()], None);
        }
        check(&[b"203.0.113.7", b"\xff"], None);
        check(&[b"203.0.113.7", b""], None);
    }
}
