//! Sections 1 to 5: frames and how they follow each other.

use super::*;

const HELLO: &[u8] = b"Hello, world!";
const NOT_UTF8: &[u8] = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
const BROKEN: End = End::Fails(&[PROTOCOL_ERROR]);
const LENGTHS: [usize; 8] = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536];

pub fn cases() -> Vec<Case> {
    [lengths(), pings(), reserved_bits(), opcodes(), broken_fragments(), good_fragments()]
        .into_iter()
        .flatten()
        .collect()
}

/// Section 1.
fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, opcode, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        for (at, length) in LENGTHS.into_iter().enumerate() {
            let payload = vec![byte; length];
            let portion = if at == 7 { 997 } else { usize::MAX };
            let case = Case::new(format!("1.{kind}.{}", at + 1), End::WeClose);
            cases.push(case.send_in(FINAL | opcode, &payload, portion).hear(opcode, &payload));
        }
    }
    cases
}

/// Section 2.
fn pings() -> Vec<Case> {
    let case = |number: &str| Case::new(number, End::WeClose);
    let ping = |number: &str, content: &[u8]| case(number).send(FINAL | PING, content).hear(PONG, content);
    let ten = |number: &str, portion| {
        (0..10).fold(case(number), |case, n| {
            let content = format!("payload-{n}");
            case.send_in(FINAL | PING, &content, portion).hear(PONG, &content)
        })
    };
    vec![
        ping("2.1", b""),
        ping("2.2", HELLO),
        ping("2.3", NOT_UTF8),
        ping("2.4", &[0xfe; 125]),
        Case::new("2.5", BROKEN).send(FINAL | PING, [0xfe; 126]),
        case("2.6").send_in(FINAL | PING, [0xfe; 125], 1).hear(PONG, [0xfe; 125]),
        case("2.7").send(FINAL | PONG, b""),
        case("2.8").send(FINAL | PONG, b"unsolicited"),
        case("2.9").send(FINAL | PONG, b"unsolicited").send(FINAL | PING, b"ping").hear(PONG, b"ping"),
        ten("2.10", usize::MAX),
        ten("2.11", 1),
    ]
}

/// A good message, a bad frame, and a ping that nobody answers.
fn broken_after_hello(number: &str, bad: u8, content: &[u8], portion: usize) -> Case {
    let case = Case::new(number, BROKEN).send_in(FINAL | TEXT, HELLO, portion).hear(TEXT, HELLO);
    case.send_in(bad, content, portion).send_in(FINAL | PING, b"", portion)
}

/// Section 3. The reserved bits stand above the opcode.
fn reserved_bits() -> Vec<Case> {
    vec![
        Case::new("3.1", BROKEN).send(FINAL | 0x10 | TEXT, HELLO),
        broken_after_hello("3.2", FINAL | 0x20 | TEXT, HELLO, usize::MAX),
        broken_after_hello("3.3", FINAL | 0x30 | TEXT, HELLO, usize::MAX),
        broken_after_hello("3.4", FINAL | 0x40 | TEXT, HELLO, 1),
        Case::new("3.5", BROKEN).send(FINAL | 0x50 | BINARY, NOT_UTF8),
        Case::new("3.6", BROKEN).send(FINAL | 0x60 | PING, HELLO),
        Case::new("3.7", BROKEN).send(FINAL | 0x70 | CLOSE, b""),
    ]
}

/// Section 4.
fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, first) in [(1, 3), (2, 11)] {
        let number = |case| format!("4.{kind}.{case}");
        cases.push(Case::new(number(1), BROKEN).send(FINAL | first, b""));
        cases.push(Case::new(number(2), BROKEN).send(FINAL | (first + 1), b"reserved"));
        cases.push(broken_after_hello(&number(3), FINAL | (first + 2), b"", usize::MAX));
        cases.push(broken_after_hello(&number(4), FINAL | (first + 3), HELLO, usize::MAX));
        cases.push(broken_after_hello(&number(5), FINAL | (first + 4), HELLO, 1));
    }
    cases
}

/// Section 5, what is refused.
fn broken_fragments() -> Vec<Case> {
    let case = |number: &str| Case::new(number, BROKEN);
    let lonely = |number, first, portion| {
        case(number).send_in(first, b"continues nothing", portion).send_in(FINAL | TEXT, HELLO, portion)
    };
    let twice = |number, first| {
        (0..2).fold(case(number), |case, _| {
            case.send(first, b"one").send(TEXT, b"two").send(FINAL | CONTINUATION, b"three")
        })
    };
    // What is sent as one write there is so here.
    let joined = |number, first| {
        case(number).send_raw([frame(first, b"continues nothing"), frame(FINAL | TEXT, HELLO)].concat())
    };
    vec![
        case("5.1").send(PING, b"one").send(FINAL | CONTINUATION, b"two"),
        case("5.2").send(PONG, b"one").send(FINAL | CONTINUATION, b"two"),
        joined("5.9", FINAL | CONTINUATION),
        lonely("5.10", FINAL | CONTINUATION, usize::MAX),
        lonely("5.11", FINAL | CONTINUATION, 1),
        joined("5.12", CONTINUATION),
        lonely("5.13", CONTINUATION, usize::MAX),
        lonely("5.14", CONTINUATION, 1),
        case("5.15")
            .send(TEXT, b"one")
            .send(FINAL | CONTINUATION, b"two")
            .hear(TEXT, b"onetwo")
            .send(CONTINUATION, b"three")
            .send(FINAL | TEXT, b"four"),
        twice("5.16", CONTINUATION),
        twice("5.17", FINAL | CONTINUATION),
        case("5.18").send(TEXT, b"one").send(FINAL | TEXT, b"two"),
    ]
}

/// Section 5, what is taken.
fn good_fragments() -> Vec<Case> {
    let case = |number: &str| Case::new(number, End::WeClose);
    let two = |number, portion| {
        let case = case(number).send_in(TEXT, b"one", portion).send_in(FINAL | CONTINUATION, b"two", portion);
        case.hear(TEXT, b"onetwo")
    };
    let with_ping = |number, portion| {
        let case = case(number).send_in(TEXT, b"one", portion).send_in(FINAL | PING, b"ping", portion);
        case.send_in(FINAL | CONTINUATION, b"two", portion).hear(PONG, b"ping").hear(TEXT, b"onetwo")
    };
    let joined = [frame(TEXT, b"one"), frame(FINAL | CONTINUATION, b"two")].concat();
    let joined_with_ping =
        [frame(TEXT, b"one"), frame(FINAL | PING, b"ping"), frame(FINAL | CONTINUATION, b"two")].concat();
    // The first ping is answered before the message is whole.
    let five = |number| {
        case(number)
            .send(TEXT, b"1")
            .send(CONTINUATION, b"2")
            .send(FINAL | PING, b"first")
            .hear(PONG, b"first")
            .wait()
            .send(CONTINUATION, b"3")
            .send(CONTINUATION, b"4")
            .send(FINAL | PING, b"second")
            .send(FINAL | CONTINUATION, b"5")
            .hear(PONG, b"second")
            .hear(TEXT, b"12345")
    };
    vec![
        case("5.3").send_raw(joined).hear(TEXT, b"onetwo"),
        two("5.4", usize::MAX),
        two("5.5", 1),
        case("5.6").send_raw(joined_with_ping).hear(PONG, b"ping").hear(TEXT, b"onetwo"),
        with_ping("5.7", usize::MAX),
        with_ping("5.8", 1),
        five("5.19"),
        five("5.20"),
    ]
}
