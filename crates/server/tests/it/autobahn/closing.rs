//! Section 7: closing.

use super::*;

const GOOD_CODES: [u16; 13] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const BAD_CODES: [u16; 9] = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
const UNDEFINED_CODES: [u16; 2] = [5000, 65_535];
const BROKEN: End = End::Fails(&[PROTOCOL_ERROR]);
const NORMALLY: End = End::Answered(Some(NORMAL));

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason].concat()
}

pub fn cases() -> Vec<Case> {
    let closed = |number: &str, end| Case::new(number, end).send(FINAL | CLOSE, close(NORMAL, b""));
    let mut cases = vec![
        Case::new("7.1.1", End::WeClose).send(FINAL | TEXT, b"Hello").hear(TEXT, b"Hello"),
        closed("7.1.2", NORMALLY).send(FINAL | CLOSE, b""),
        closed("7.1.3", NORMALLY).send(FINAL | PING, b""),
        closed("7.1.4", NORMALLY).send(FINAL | TEXT, b"Hello"),
        Case::new("7.1.5", NORMALLY)
            .send(TEXT, b"one")
            .send(FINAL | CLOSE, close(NORMAL, b""))
            .send(FINAL | CONTINUATION, b"two"),
        Case::new("7.1.6", End::Anyhow)
            .send(FINAL | TEXT, vec![b'*'; 256 * 1024])
            .send(FINAL | TEXT, b"Hello")
            .send(FINAL | CLOSE, close(NORMAL, b""))
            .send(FINAL | PING, b""),
        Case::new("7.3.1", End::Answered(None)).send(FINAL | CLOSE, b""),
        Case::new("7.3.2", BROKEN).send(FINAL | CLOSE, b"a"),
        closed("7.3.3", NORMALLY),
        Case::new("7.3.4", NORMALLY).send(FINAL | CLOSE, close(NORMAL, b"Hello")),
        Case::new("7.3.5", NORMALLY).send(FINAL | CLOSE, close(NORMAL, &[b'*'; 123])),
        Case::new("7.3.6", BROKEN).send(FINAL | CLOSE, close(NORMAL, &[b'*'; 124])),
        Case::new("7.5.1", End::Fails(&[INVALID_DATA])).send(FINAL | CLOSE, close(NORMAL, utf8::SURROGATE)),
    ];
    let numbered = |number: &str, codes: &[u16], end: fn(u16) -> End| {
        let case = |(at, code): (usize, &u16)| {
            Case::new(format!("{number}.{}", at + 1), end(*code)).send(FINAL | CLOSE, close(*code, b""))
        };
        codes.iter().enumerate().map(case).collect::<Vec<_>>()
    };
    cases.extend(numbered("7.7", &GOOD_CODES, |code| End::Answered(Some(code))));
    cases.extend(numbered("7.9", &BAD_CODES, |_| BROKEN));
    cases.extend(numbered("7.13", &UNDEFINED_CODES, |_| End::Anyhow));
    cases
}
