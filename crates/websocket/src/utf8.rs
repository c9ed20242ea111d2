//! UTF-8 that comes in portions, refused at the first byte that can't belong to it (RFC 6455, section 8.1).

/// How far a growing text has been checked.
#[derive(Debug, Default, Clone, Copy)]
pub struct Utf8Check {
    valid_bytes: usize,
}

impl Utf8Check {
    /// Checks what was appended to `text` since the last time. Before the end, a code point that is cut is no fault.
    ///
    /// Gives whether all of it is UTF-8 so far. Each byte is looked at once, but for the (at most three) of a cut one.
    pub fn goes_on(&mut self, text: &[u8], is_end: bool) -> bool {
        let Some(fresh) = text.get(self.valid_bytes..) else { return false };
        if simdutf8::basic::from_utf8(fresh).is_ok() {
            self.valid_bytes = text.len();
            return true;
        }
        if is_end {
            return false;
        }
        match simdutf8::compat::from_utf8(fresh) {
            Err(cut) if cut.error_len().is_none() => {
                self.valid_bytes += cut.valid_up_to();
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds byte by byte; gives at which byte the text is refused, or its length if it never is.
    fn refused_at(text: &[u8]) -> usize {
        let mut check = Utf8Check::default();
        (1..=text.len()).find(|end| !check.goes_on(&text[..*end], false)).unwrap_or_else(|| {
            assert_eq!(check.goes_on(text, true), std::str::from_utf8(text).is_ok());
            text.len() + 1
        })
    }

    #[test]
    fn takes_code_points_cut_anywhere() {
        for text in ["", "a", "κόσμε", "\u{10ffff}", "\u{fffd}\u{d7ff}\u{e000}", "a\u{800}b\u{10000}c"] {
            assert_eq!(refused_at(text.as_bytes()), text.len() + 1, "{text}");
        }
    }

    #[test]
    fn refuses_at_the_first_impossible_byte() {
        let check = |text: &[u8], at| assert_eq!(refused_at(text), at, "{text:x?}");
        check(b"\x80", 1);
        check(b"ab\xff", 3);
        check(b"\xc0\x80", 1);
        check(b"\xe0\x80\x80", 2);
        check(b"\xed\xa0\x80", 2);
        check(b"\xf4\x90\x80\x80", 2);
        check(b"\xf5", 1);
        check(b"\xe2\x82a", 3);
    }

    #[test]
    fn a_code_point_that_is_cut_at_the_end_is_refused_there() {
        for text in [&b"\xce"[..], b"a\xe2\x82", b"\xf0\x90\x80"] {
            let mut check = Utf8Check::default();
            assert!(check.goes_on(text, false), "{text:x?}");
            assert!(!check.goes_on(text, true), "{text:x?}");
        }
    }
}
