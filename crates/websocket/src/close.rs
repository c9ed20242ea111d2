//! The closing frame (RFC 6455, sections 5.5.1 and 7.4).

use crate::frame::CONTROL_BYTES_MAX;
use crate::violation::Violation;

/// Longest reason of a closing frame, in bytes: a control frame's content without the code.
pub const CLOSE_REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

/// Why a connection is closed. Only codes that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The data doesn't fit its kind, such as a text that is no UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// A rule of the endpoint forbids to go on.
    pub const POLICY: Self = Self(1008);
    /// A message is too long.
    pub const TOO_LONG: Self = Self(1009);

    /// Takes a code that may stand in a closing frame: those of the protocol that are not only for reports (1004 to
    /// 1006 and 1015 are), those of libraries (3000 to 3999) and of applications (4000 to 4999).
    pub fn new(code: u16) -> Option<Self> {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(Self(code))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

/// What a closing frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why.
    pub code: CloseCode,
    /// In words, at most [`CLOSE_REASON_BYTES_MAX`] bytes; often empty.
    pub reason: String,
}

impl CloseFrame {
    /// Reads the content of a closing frame; `None` if it says nothing.
    pub(crate) fn parse(content: &[u8]) -> Result<Option<Self>, Violation> {
        let Some((code, reason)) = content.split_first_chunk() else {
            return if content.is_empty() { Ok(None) } else { Err(Violation::CloseTooShort) };
        };
        let code = u16::from_be_bytes(*code);
        let code = CloseCode::new(code).ok_or(Violation::CloseCode(code))?;
        let reason = simdutf8::basic::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
        Ok(Some(Self { code, reason: reason.to_owned() }))
    }
}

impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self { code, reason: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent_are_taken_and_no_others() {
        let good = [1000..=1003, 1007..=1014, 3000..=4999];
        for code in 0..=u16::MAX {
            assert_eq!(CloseCode::new(code).is_some(), good.iter().any(|range| range.contains(&code)), "{code}");
        }
    }

    #[test]
    fn reads_code_and_reason() {
        let check = |content: &[u8], want| {
            let got = CloseFrame::parse(content).map(|frame| frame.map(|frame| (frame.code.get(), frame.reason)));
            assert_eq!(got, want, "{content:x?}");
        };
        check(b"", Ok(None));
        check(b"\x03", Err(Violation::CloseTooShort));
        check(b"\x03\xe8", Ok(Some((1000, String::new()))));
        check(b"\x0f\xa0why \xe2\x82\xac", Ok(Some((4000, "why €".into()))));
        check(b"\x03\xe8\xe2\x82", Err(Violation::NotUtf8));
        check(b"\x03\xed", Err(Violation::CloseCode(1005)));
    }
}
