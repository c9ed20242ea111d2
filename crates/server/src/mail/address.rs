//! Addresses to which mails may go.

use std::fmt;

/// Longest address in bytes (RFC 5321, section 4.5.3.1.3, without its angle brackets).
const ADDRESS_BYTES_MAX: usize = 254;
/// What an address could do harm with in a header or a command, and nobody has in an address.
const SIGNS_REFUSED: &str = "\"<>()[],;:\\";

/// One address, of which nothing can get out of its place in a header or a command.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(lettre::Address);

impl MailAddress {
    /// Reads an address; `None` for anything else, also for a list, a name with an address, a quoted one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_refused = |c: char| c.is_whitespace() || c.is_control() || SIGNS_REFUSED.contains(c);
        if text.len() > ADDRESS_BYTES_MAX || text.contains(is_refused) {
            return None;
        }
        text.parse().ok().map(Self)
    }

    /// As the library has it.
    pub fn address(&self) -> &lettre::Address {
        &self.0
    }
}

impl fmt::Debug for MailAddress {
    /// Whose mails these are is nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses() {
        for text in ["kristen@example.com", "a.b+c@example.co.uk", "x@localhost", "jürgen@bücher.example"] {
            assert!(MailAddress::parse(text).is_some(), "{text}");
        }
        let longest = format!("{}@{}.example", "a".repeat(64), "b".repeat(60));
        assert!(MailAddress::parse(&longest).is_some());
    }

    #[test]
    fn refuses_what_could_be_more_than_one_address() {
        for text in [
            "",
            "kristen",
            "@example.com",
            "kristen@",
            "a@example.com, b@example.com",
            "a@example.com,b@example.com",
            "Kristen <kristen@example.com>",
            "\"a b\"@example.com",
            "\"a\"@example.com",
            "a@example.com\r\nBcc: b@example.com",
            "a@example.com\nRCPT TO:<b@example.com>",
            "a\u{0}@example.com",
            "a@[127.0.0.1]",
            "rand.20261017T10:17:30",
        ] {
            assert!(MailAddress::parse(text).is_none(), "{text:?}");
        }
        assert!(MailAddress::parse(&format!("a@{}example.com", "b.".repeat(200))).is_none());
    }
}
