//! What requests share that are answered, not upgraded: for whom they count at the gate, and how
//! their bodies are read.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::TryStreamExt as _;

use super::Doors;
use super::http::{PassSlot, asked_for, text};
use super::peer::Peer;

/// Who sent a request, counted at the gate.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Address and agent.
    pub peer: Peer,
    slot: PassSlot,
}

/// Why a request is refused before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Its address has too many connections that are not signed in.
    TooMany,
    /// It came over no connection. A fault of the program.
    NoConnection,
}

impl Sender {
    /// Counts the connection for whom the request is from.
    ///
    /// # Errors
    ///
    /// [`NotAdmitted`].
    pub fn admit(doors: &Doors, request: &Parts) -> Result<Self, NotAdmitted> {
        let extensions = &request.extensions;
        let (Some(connected), Some(slot)) = (extensions.get::<Peer>(), extensions.get::<PassSlot>()) else {
            return Err(NotAdmitted::NoConnection);
        };
        let address = asked_for(doors, &request.headers, connected.address);
        // No TLS: the next request may come over another connection.
        let mut peer = Peer::new(address, None);
        text(&request.headers, &header::USER_AGENT).clone_into(&mut peer.user_agent);
        let sender = Self { peer, slot: slot.clone() };
        if sender.count(doors) { Ok(sender) } else { Err(NotAdmitted::TooMany) }
    }

    /// Takes the connection out of the count while its request is that of somebody who is signed
    /// in; it counts again when the guard is dropped.
    #[must_use]
    pub fn signed_in<'a>(&self, doors: &'a Doors) -> SignedIn<'a> {
        drop(self.slot.take());
        SignedIn { sender: self.clone(), doors }
    }

    fn count(&self, doors: &Doors) -> bool {
        let address = self.peer.address;
        match self.slot.take() {
            Some(mut pass) => {
                let is_counted = pass.move_to(address);
                self.slot.put(pass);
                is_counted
            }
            None => match doors.gate.enter(address) {
                Some(pass) => {
                    self.slot.put(pass);
                    true
                }
                None => false,
            },
        }
    }
}

/// As long as it lives, the connection doesn't count among those that are not signed in.
pub struct SignedIn<'a> {
    sender: Sender,
    doors: &'a Doors,
}

impl Drop for SignedIn<'_> {
    fn drop(&mut self) {
        // Where there is no room, the connection's next request is refused.
        self.sender.count(self.doors);
    }
}

impl IntoResponse for NotAdmitted {
    fn into_response(self) -> Response {
        let status = match self {
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoConnection => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, [(header::CONNECTION, "close")]).into_response()
    }
}

/// Why a body can't be had. The client's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than allowed.
    #[error("the body is longer than the {bytes_max} bytes that are taken")]
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// It didn't come in time.
    #[error("the body did not come in time")]
    TooSlow,
    /// The connection broke, or the transfer encoding is malformed.
    #[error("the body can't be read")]
    Broken,
}

impl BodyError {
    /// The status that says it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a body. A length that is only claimed allocates nothing.
///
/// # Errors
///
/// [`BodyError`].
pub async fn read_body(head: &Parts, body: Body, bytes_max: usize, seconds_max: Duration) -> Result<Bytes, BodyError> {
    let claimed = text(&head.headers, &header::CONTENT_LENGTH).parse::<u64>().unwrap_or_default();
    let too_long = BodyError::TooLong { bytes_max };
    if usize::try_from(claimed).map_or(true, |claimed| claimed > bytes_max) {
        return Err(too_long);
    }
    let reading = async {
        let mut chunks = body.into_data_stream();
        let mut whole = BytesMut::new();
        while let Some(chunk) = chunks.try_next().await.map_err(|_| BodyError::Broken)? {
            if chunk.len() > bytes_max - whole.len() {
                return Err(too_long);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(seconds_max, reading).await.map_err(|_| BodyError::TooSlow)?
}

/// An answer that no cache keeps and no browser takes for anything else.
pub fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
