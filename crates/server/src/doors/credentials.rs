//! Whose request it is: the header `Authorization`, and `X-TOTP-Code` for who has a second factor.
//!
//! Both schemes carry a login and whatever the ticket login of a WAMP session takes. `Basic` has
//! them as RFC 7617 says. A `Bearer` token is `LOGIN:SECRET`; one without a colon is a key that
//! says itself whose it is, and goes to the rules without a login.
//!
//! Source: RFC 6750, RFC 7617, RFC 9110 section 11.

use axum::http::{HeaderMap, header};
use countersign_identity::Secret;
use data_encoding::BASE64;
use zeroize::Zeroizing;

/// The header with a code of the second factor.
const CODE_HEADER: &str = "x-totp-code";

/// What the login is tried with.
#[derive(Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The login name; empty where the ticket is enough.
    pub login: String,
    /// Password, one-time password or key.
    pub ticket: Secret,
    /// The code of the second factor.
    pub code: Option<Secret>,
}

impl Credentials {
    /// Reads them; `None` if there are none that could be tried.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get(CODE_HEADER).and_then(|value| value.to_str().ok()).map(Secret::new);
        Some(Self { code, ..Self::read_authorization(headers)? })
    }

    fn read_authorization(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            if rest.is_empty() || rest.contains(' ') {
                return None;
            }
            return Some(Self::split(rest).unwrap_or_else(|| Self {
                login: String::new(),
                ticket: Secret::new(rest),
                code: None,
            }));
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = Zeroizing::new(BASE64.decode(rest.as_bytes()).ok()?);
            return Self::split(std::str::from_utf8(&decoded).ok()?);
        }
        None
    }

    fn split(text: &str) -> Option<Self> {
        let (login, ticket) = text.split_once(':')?;
        Some(Self { login: login.to_owned(), ticket: Secret::new(ticket), code: None })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Option<(String, String)> {
        let entries = values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
        let headers = entries.fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        });
        Credentials::read(&headers).map(|found| (found.login, found.ticket.expose().to_owned()))
    }

    #[track_caller]
    fn check(value: &str, want: Option<(&str, &str)>) {
        assert_eq!(read(&[value]), want.map(|(login, ticket)| (login.to_owned(), ticket.to_owned())), "{value}");
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64.encode(text.as_bytes()))
    }

    #[test]
    fn basic_has_login_and_ticket() {
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some(("Aladdin", "open sesame")));
        check(&basic("zoe:päss:wörd"), Some(("zoe", "päss:wörd")));
        check(&basic("zoe:x").replace("Basic", "bAsIc "), Some(("zoe", "x")));
        check(&basic(":x"), Some(("", "x")));
        check(&basic("zoe:"), Some(("zoe", "")));
    }

    #[test]
    fn a_bearer_token_has_a_login_in_front_or_is_all_there_is() {
        check("Bearer zoe:i047jcfUWQQugakMVB8bzwuFjikDwZ-d", Some(("zoe", "i047jcfUWQQugakMVB8bzwuFjikDwZ-d")));
        check("bearer zoe:a:b", Some(("zoe", "a:b")));
        check("Bearer csk_abcDEF-123._~+/=", Some(("", "csk_abcDEF-123._~+/=")));
    }

    #[test]
    fn a_code_of_the_second_factor_stands_in_a_header_of_its_own() {
        let mut headers = HeaderMap::new();
        headers.append("x-totp-code", HeaderValue::from_static("123456"));
        assert!(Credentials::read(&headers).is_none());
        headers.append(header::AUTHORIZATION, HeaderValue::from_str(&basic("zoe:x")).unwrap());
        let found = Credentials::read(&headers).unwrap();
        assert_eq!((found.login.as_str(), found.code.unwrap().expose()), ("zoe", "123456"));
    }

    #[test]
    fn anything_else_is_none() {
        for value in
            ["", "Bearer", "Bearer ", "Bearer a b", "Digest zoe:x", "Basic", "Basic zoe:x", "Basic em9l", "zoe:x"]
        {
            check(value, None);
        }
        // Not UTF-8 behind the base64.
        check("Basic /zo=", None);
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["Bearer a:b", "Bearer a:b"]), None);
    }
}
