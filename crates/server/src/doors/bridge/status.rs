//! Which HTTP status an error of the bus has: the one table.
//!
//! 5xx is said only where the request was right and could not be served. What a procedure itself
//! answers with an error URI of its own is 422.

use axum::http::StatusCode;
use countersign_wamp::uris::{close, error};

use crate::procedures::ErrorUris;

/// URIs of the protocol.
const KNOWN: [(&str, StatusCode); 19] = [
    (error::INVALID_URI, StatusCode::BAD_REQUEST),
    (error::INVALID_ARGUMENT, StatusCode::BAD_REQUEST),
    (error::OPTION_NOT_ALLOWED, StatusCode::BAD_REQUEST),
    (error::PROTOCOL_VIOLATION, StatusCode::BAD_REQUEST),
    (error::FEATURE_NOT_SUPPORTED, StatusCode::BAD_REQUEST),
    (error::NOT_AUTHORIZED, StatusCode::FORBIDDEN),
    (error::AUTHENTICATION_REQUIRED, StatusCode::FORBIDDEN),
    (close::KILLED, StatusCode::FORBIDDEN),
    (error::NO_SUCH_PROCEDURE, StatusCode::NOT_FOUND),
    (error::NO_SUCH_REGISTRATION, StatusCode::NOT_FOUND),
    (error::NO_SUCH_SUBSCRIPTION, StatusCode::NOT_FOUND),
    (error::NO_SUCH_SESSION, StatusCode::NOT_FOUND),
    (error::PAYLOAD_SIZE_EXCEEDED, StatusCode::PAYLOAD_TOO_LARGE),
    // The callee gave up, or went.
    (error::CANCELED, StatusCode::BAD_GATEWAY),
    (error::AUTHORIZATION_FAILED, StatusCode::SERVICE_UNAVAILABLE),
    (error::UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE),
    (error::NO_AVAILABLE_CALLEE, StatusCode::SERVICE_UNAVAILABLE),
    (close::SYSTEM_SHUTDOWN, StatusCode::SERVICE_UNAVAILABLE),
    (error::TIMEOUT, StatusCode::GATEWAY_TIMEOUT),
];

/// The status of an answer with this error URI.
pub fn status(uri: &str, own: &ErrorUris) -> StatusCode {
    let own = [
        (&own.invalid_argument, StatusCode::BAD_REQUEST),
        (&own.permission_denied, StatusCode::FORBIDDEN),
        (&own.not_found, StatusCode::NOT_FOUND),
        (&own.limit_exceeded, StatusCode::CONFLICT),
        (&own.unavailable, StatusCode::SERVICE_UNAVAILABLE),
    ];
    let own = own.iter().find(|(known, _)| *known == uri).map(|(_, status)| *status);
    let known = || KNOWN.iter().find(|(known, _)| *known == uri).map(|(_, status)| *status);
    own.or_else(known).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_bus_have_a_status() {
        let own = ErrorUris::new("com.example");
        let check = |uri: &str, want: u16| assert_eq!(status(uri, &own).as_u16(), want, "{uri}");
        check("wamp.error.no_such_procedure", 404);
        check("wamp.error.not_authorized", 403);
        check("com.example.error.permissiondenied", 403);
        check("com.example.error.invalidargument", 400);
        check("com.example.error.unavailable", 503);
        check("wamp.error.timeout", 504);
        check("wamp.error.canceled", 502);
        check("com.other.error.permissiondenied", 422);
        check("com.shop.error.out_of_stock", 422);
        check("", 422);
    }

    #[test]
    fn no_error_that_a_client_can_cause_is_the_servers() {
        for (uri, status) in KNOWN {
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{uri}");
            assert_eq!(KNOWN.iter().filter(|(other, _)| *other == uri).count(), 1, "{uri}");
        }
    }
}
