//! What both ends agree on for compression (RFC 7692, section 7.1).

use super::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use crate::list::{self, Extension};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What a client sends as `Sec-WebSocket-Extensions`: that neither end keeps a compressor for each connection.
pub const OFFER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// What was agreed on, as one end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// How far our compressor may look back, as a power of two.
    pub our_window_bits: u8,
    /// Whether the peer's compressor goes on from message to message, so that our inflater has to as well.
    pub peer_keeps_context: bool,
}

/// An offer or an answer that makes sense.
#[derive(Debug, Default, Clone, Copy)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// Whether it is there, with a value or without.
    client_max_window_bits: bool,
}

/// What a server answers to a client's offers: the value of its `Sec-WebSocket-Extensions`, and what is agreed on then.
/// `None` if there is no offer that it can take; then there is no compression and no such header.
///
/// - `offers`: the values of the client's `Sec-WebSocket-Extensions`, in order.
///
/// The first offer that can be taken is. An offer is declined that has an unknown or repeated parameter, one with a
/// wrong value, or a window of 2^8 for us, which our compressor can't be held to. The client is told not to keep its
/// context, whether it has offered that or not.
pub fn accept<'a>(offers: impl Iterator<Item = &'a str>) -> Option<(String, Agreement)> {
    let offers = list::extensions(offers).flatten().filter(|offer| offer.name == NAME);
    let offer = offers.filter_map(|offer| Parameters::read(&offer, true)).find(|offer| offer.can_be_taken())?;
    let mut answer = OFFER.to_owned();
    if let Some(bits) = offer.server_max_window_bits {
        answer = format!("{answer}; {SERVER_MAX_WINDOW_BITS}={bits}");
    }
    let our_window_bits = offer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
    Some((answer, Agreement { our_window_bits, peer_keeps_context: false }))
}

/// Why a server's answer to [`OFFER`] is none. The server's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server answers with extensions that were not offered")]
pub struct ResponseError;

/// What is agreed on when a server answers so to [`OFFER`].
///
/// # Errors
///
/// [`ResponseError`]: it names an extension or a parameter that was not offered; the connection has to be failed.
pub fn agreed<'a>(answers: impl Iterator<Item = &'a str>) -> Result<Option<Agreement>, ResponseError> {
    let mut answers = list::extensions(answers);
    let Some(answer) = answers.next() else { return Ok(None) };
    let answer = answer.filter(|answer| answer.name == NAME).ok_or(ResponseError)?;
    let answer = Parameters::read(&answer, false).ok_or(ResponseError)?;
    if answers.next().is_some() || answer.client_max_window_bits {
        return Err(ResponseError);
    }
    let peer_keeps_context = !answer.server_no_context_takeover;
    Ok(Some(Agreement { our_window_bits: WINDOW_BITS_MAX, peer_keeps_context }))
}

impl Parameters {
    fn read(extension: &Extension<'_>, is_offer: bool) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in &extension.parameters {
            let is_new = match (*name, value) {
                (SERVER_NO_CONTEXT_TAKEOVER, None) => !std::mem::replace(&mut read.server_no_context_takeover, true),
                (CLIENT_NO_CONTEXT_TAKEOVER, None) => !std::mem::replace(&mut read.client_no_context_takeover, true),
                (SERVER_MAX_WINDOW_BITS, Some(value)) => {
                    read.server_max_window_bits.replace(window_bits(value)?).is_none()
                }
                (CLIENT_MAX_WINDOW_BITS, None) if is_offer => {
                    !std::mem::replace(&mut read.client_max_window_bits, true)
                }
                (CLIENT_MAX_WINDOW_BITS, Some(value)) => {
                    window_bits(value)?;
                    !std::mem::replace(&mut read.client_max_window_bits, true)
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(read)
    }

    fn can_be_taken(self) -> bool {
        self.server_max_window_bits.is_none_or(|bits| bits >= WINDOW_BITS_MIN)
    }
}

/// A number from 8 to 15 without leading zeros.
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (8..=WINDOW_BITS_MAX).contains(bits))?;
    (value.len() == if bits < 10 { 1 } else { 2 }).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn offered(offers: &[&str], want: Option<(&str, u8)>) {
        let got = accept(offers.iter().copied());
        let got = got.as_ref().map(|(answer, agreement)| {
            assert!(!agreement.peer_keeps_context);
            (answer.strip_prefix(OFFER).unwrap(), agreement.our_window_bits)
        });
        assert_eq!(got, want, "{offers:?}");
    }

    #[test]
    fn takes_the_first_offer_that_it_can() {
        offered(&[], None);
        offered(&["permessage-deflate"], Some(("", 15)));
        offered(&["x-webkit-deflate-frame, permessage-deflate; client_max_window_bits"], Some(("", 15)));
        offered(&["permessage-deflate; client_max_window_bits=8"], Some(("", 15)));
        offered(&["permessage-deflate; server_max_window_bits=9"], Some(("; server_max_window_bits=9", 9)));
        offered(&["permessage-deflate; server_max_window_bits=\"15\""], Some(("; server_max_window_bits=15", 15)));
        offered(
            &["permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=10"],
            Some(("; server_max_window_bits=10", 10)),
        );
        offered(&["permessage-deflate; unknown, permessage-deflate; server_no_context_takeover"], Some(("", 15)));
    }

    #[test]
    fn declines_an_offer_that_is_invalid() {
        for parameters in [
            "unknown",
            "server_no_context_takeover=1",
            "client_no_context_takeover=",
            "server_no_context_takeover; server_no_context_takeover",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=+9",
            "server_max_window_bits=9; server_max_window_bits=10",
            "client_max_window_bits=x",
            "client_max_window_bits; client_max_window_bits=9",
        ] {
            offered(&[&format!("permessage-deflate; {parameters}")], None);
        }
        offered(&["permessage-bzip2"], None);
    }

    #[test]
    fn reads_a_server_s_answer() {
        let check = |answers: &[&str], want: Result<Option<bool>, ResponseError>| {
            let got = agreed(answers.iter().copied()).map(|agreed| agreed.map(|agreed| agreed.peer_keeps_context));
            assert_eq!(got, want, "{answers:?}");
        };
        check(&[], Ok(None));
        check(&[OFFER], Ok(Some(false)));
        check(&["permessage-deflate"], Ok(Some(true)));
        check(&["permessage-deflate; server_no_context_takeover; server_max_window_bits=8"], Ok(Some(false)));
        check(&["permessage-deflate; client_max_window_bits=9"], Err(ResponseError));
        check(&["permessage-deflate; server_max_window_bits"], Err(ResponseError));
        check(&["permessage-deflate, permessage-deflate"], Err(ResponseError));
        check(&["permessage-bzip2"], Err(ResponseError));
        check(&["permessage-deflate; unknown"], Err(ResponseError));
        check(&["permessage-deflate;"], Err(ResponseError));
    }
}
