//! The client's side: a request, and whether the answer opens the WebSocket (RFC 6455, section 4.1).

use data_encoding::BASE64;

use super::{NONCE_BYTES, VERSION, accept_key, has_token};
use crate::list::is_token;

/// Longest head of an answer, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024;
/// Most header fields of an answer.
const RESPONSE_FIELDS_MAX: usize = 64;

/// A handshake that a client has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHandshake {
    key: String,
    subprotocol: String,
}

/// An answer that opens the WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Length of its head, in bytes; frames follow.
    pub head_bytes: usize,
    /// The values of `Sec-WebSocket-Extensions`.
    pub extensions: Vec<String>,
}

/// Why the answer opens no WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The host, the target or a header field can't stand in a request. The caller's to mend.
    #[error("{0} can't stand in a request")]
    Request(&'static str),
    /// Not HTTP, or its head is too long. The server's fault.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// Another status than 101: the server refuses.
    #[error("the server answered with HTTP status {0}")]
    Status(u16),
    /// A header field of the handshake is missing or wrong. The server's fault.
    #[error("the answer's {0} is missing or wrong")]
    Field(&'static str),
}

impl ClientHandshake {
    /// Writes a request.
    ///
    /// - `nonce`: random, new for each handshake.
    /// - `host`: host and port, as in the URL.
    /// - `target`: path and query.
    /// - `fields`: further header fields, such as `Sec-WebSocket-Extensions` and `Cookie`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Request`]: something has a character that would break the request.
    pub fn begin(
        nonce: [u8; NONCE_BYTES],
        host: &str,
        target: &str,
        subprotocol: &str,
        fields: &[(&str, &str)],
    ) -> Result<(Self, Vec<u8>), HandshakeError> {
        let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || !is_visible(host) {
            return Err(HandshakeError::Request("the host"));
        }
        if !target.starts_with('/') || !is_visible(target) {
            return Err(HandshakeError::Request("the path"));
        }
        if !is_token(subprotocol) {
            return Err(HandshakeError::Request("the subprotocol"));
        }
        let is_value = |text: &str| text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        if !fields.iter().all(|(name, value)| is_token(name) && is_value(value)) {
            return Err(HandshakeError::Request("a header field"));
        }
        let key = BASE64.encode(&nonce);
        let mut request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: {VERSION}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n"
        );
        for (name, value) in fields {
            for part in [*name, ": ", *value, "\r\n"] {
                request.push_str(part);
            }
        }
        request.push_str("\r\n");
        Ok((Self { key, subprotocol: subprotocol.to_owned() }, request.into_bytes()))
    }

    /// Reads an answer from the beginning of `bytes`; `None` while its head isn't whole.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]: it opens no WebSocket.
    pub fn finish(&self, bytes: &[u8]) -> Result<Option<Response>, HandshakeError> {
        let mut fields = [httparse::EMPTY_HEADER; RESPONSE_FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let head_bytes = match response.parse(bytes).map_err(|_| HandshakeError::NotHttp)? {
            httparse::Status::Complete(head_bytes) if head_bytes <= RESPONSE_BYTES_MAX => head_bytes,
            httparse::Status::Partial if bytes.len() < RESPONSE_BYTES_MAX => return Ok(None),
            _ => return Err(HandshakeError::NotHttp),
        };
        match response.code {
            Some(101) => {}
            status => return Err(HandshakeError::Status(status.unwrap_or_default())),
        }
        let fields = &*response.headers;
        let values = |name: &'static str| {
            let named = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
            named.map(|field| std::str::from_utf8(field.value).unwrap_or_default())
        };
        let wrong = |name| Err(HandshakeError::Field(name));
        if !has_token(values("Upgrade"), "websocket") {
            return wrong("Upgrade");
        }
        if !has_token(values("Connection"), "upgrade") {
            return wrong("Connection");
        }
        if !values("Sec-WebSocket-Accept").eq([accept_key(&self.key)]) {
            return wrong("Sec-WebSocket-Accept");
        }
        if !values("Sec-WebSocket-Protocol").eq([&self.subprotocol]) {
            return wrong("Sec-WebSocket-Protocol");
        }
        let extensions = values("Sec-WebSocket-Extensions").map(str::to_owned).collect();
        Ok(Some(Response { head_bytes, extensions }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin() -> (ClientHandshake, Vec<u8>) {
        let nonce = *b"the sample nonce";
        let fields = [("Sec-WebSocket-Extensions", "permessage-deflate")];
        ClientHandshake::begin(nonce, "h:1", "/ws?a=b", "wamp.2.json", &fields).unwrap()
    }

    /// A good answer with one field replaced; without a value it is left out.
    fn answer(name: &str, value: Option<&str>) -> String {
        let fields = [
            ("Upgrade", "WebSocket"),
            ("Connection", "keep-alive, upgrade"),
            ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Sec-WebSocket-Protocol", "wamp.2.json"),
            ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ];
        let mut answer = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
        for (known, usual) in fields {
            if let Some(value) = if known == name { value } else { Some(usual) } {
                answer = format!("{answer}{}: {value}\r\n", known.to_lowercase());
            }
        }
        answer + "\r\n"
    }

    #[test]
    fn writes_a_request() {
        let (_, request) = begin();
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with("GET /ws?a=b HTTP/1.1\r\nHost: h:1\r\n"), "{request}");
        assert!(request.contains("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "{request}");
        assert!(request.ends_with("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), "{request}");
    }

    #[test]
    fn takes_an_answer_and_what_follows() {
        let (handshake, _) = begin();
        let mut bytes = answer("", None).into_bytes();
        let head_bytes = bytes.len();
        for cut in 0..head_bytes {
            assert_eq!(handshake.finish(&bytes[..cut]), Ok(None), "{cut}");
        }
        bytes.extend_from_slice(&[0x81, 0]);
        let extensions = vec!["permessage-deflate".to_owned()];
        assert_eq!(handshake.finish(&bytes), Ok(Some(Response { head_bytes, extensions })));
    }

    #[test]
    fn refuses_an_answer_that_opens_nothing() {
        let (handshake, _) = begin();
        for name in ["Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"] {
            for value in [None, Some("other")] {
                let got = handshake.finish(answer(name, value).as_bytes());
                assert_eq!(got, Err(HandshakeError::Field(name)));
            }
        }
        let check = |bytes: &[u8], want| assert_eq!(handshake.finish(bytes), Err(want));
        check(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", HandshakeError::Status(503));
        check(b"SSH-2.0-OpenSSH_9.6\r\n", HandshakeError::NotHttp);
        check(&[b"HTTP/1.1 101 ".as_slice(), &[b'x'; RESPONSE_BYTES_MAX]].concat(), HandshakeError::NotHttp);
    }

    #[test]
    fn refuses_to_write_what_would_break_the_request() {
        let check = |host, target, subprotocol, value, want| {
            let got = ClientHandshake::begin([0; 16], host, target, subprotocol, &[("X", value)]);
            assert_eq!(got.map(|_| ()), Err(HandshakeError::Request(want)));
        };
        check("h\r\nX: y", "/", "p", "", "the host");
        check("", "/", "p", "", "the host");
        check("h", "/a b", "p", "", "the path");
        check("h", "ws", "p", "", "the path");
        check("h", "/", "p, q", "", "the subprotocol");
        check("h", "/", "p", "1\r\nY: 2", "a header field");
    }
}
