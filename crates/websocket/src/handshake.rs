//! The opening handshake (RFC 6455, section 4), as far as it is the same for every server and client.

mod client;

use data_encoding::BASE64;
use sha1::{Digest as _, Sha1};

pub use self::client::{ClientHandshake, HandshakeError, RESPONSE_BYTES_MAX, Response};

/// The only WebSocket version there is (RFC 6455, section 4.1).
pub const VERSION: &str = "13";
/// What is hashed behind the key (RFC 6455, section 1.3).
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Length of a client's random number, in bytes.
pub const NONCE_BYTES: usize = 16;

/// The value of `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`.
pub fn accept_key(key: &str) -> String {
    BASE64.encode(&Sha1::new().chain_update(key).chain_update(SUFFIX).finalize())
}

/// Whether this can be a `Sec-WebSocket-Key`: 16 bytes in Base64 (RFC 6455, section 4.2.1).
pub fn is_key(key: &str) -> bool {
    BASE64.decode(key.as_bytes()).is_ok_and(|nonce| nonce.len() == NONCE_BYTES)
}

/// Whether a list in header fields has a word, such as `upgrade` in `Connection`. Case doesn't matter.
///
/// - `values`: the values of all fields of that name.
pub fn has_token<'a>(mut values: impl Iterator<Item = &'a str>, token: &str) -> bool {
    values.any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}

/// The first subprotocol in the client's order that is known, as what `known` makes of its name.
///
/// - `offers`: the values of the client's `Sec-WebSocket-Protocol`, in order.
pub fn first_known<'a, T>(
    offers: impl Iterator<Item = &'a str>,
    mut known: impl FnMut(&'a str) -> Option<T>,
) -> Option<T> {
    offers.flat_map(|value| value.split(',')).find_map(|name| known(name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_the_key_of_the_specification() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_has_sixteen_bytes() {
        let check = |key, want| assert_eq!(is_key(key), want, "{key}");
        check("dGhlIHNhbXBsZSBub25jZQ==", true);
        check("", false);
        check("dGhlIHNhbXBsZSBub25jZQ", false);
        check("dGhlIHNhbXBsZSBub25j", false);
        check("dGhlIHNhbXBsZSBub25jZWFi", false);
        check("not base 64 at all =====", false);
    }

    #[test]
    fn finds_words_in_lists() {
        assert!(has_token(["keep-alive, Upgrade"].into_iter(), "upgrade"));
        assert!(has_token(["keep-alive", "UPGRADE"].into_iter(), "upgrade"));
        assert!(!has_token(["upgraded", "up grade"].into_iter(), "upgrade"));
        assert!(!has_token(std::iter::empty(), "upgrade"));
    }

    #[test]
    fn takes_the_first_subprotocol_of_the_client_that_is_known() {
        let known = |name: &str| ["a", "b"].iter().position(|known| *known == name);
        let check = |offers: &[&str], want| assert_eq!(first_known(offers.iter().copied(), known), want, "{offers:?}");
        check(&[], None);
        check(&["", "x,y"], None);
        check(&["x, b ,a"], Some(1));
        check(&["x", "a", "b"], Some(0));
        check(&["A"], None);
    }
}
