//! Sections 9 and 10: long messages, many fragments, many round trips.

use super::*;

const MEBIBYTE: usize = 1 << 20;
const LENGTHS: [usize; 6] = [64 << 10, 256 << 10, MEBIBYTE, 4 * MEBIBYTE, 8 * MEBIBYTE, 16 * MEBIBYTE];
const FRAGMENTS: [usize; 9] = [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, MEBIBYTE, 4 * MEBIBYTE];
const PORTIONS: [usize; 6] = [64, 128, 256, 512, 1024, 2048];
/// Lengths of the messages that go there and back.
pub const ROUND_TRIPS: [usize; 6] = [0, 16, 64, 256, 1024, 4096];
/// How often they do; 1000 times there.
const ROUNDS: usize = 100;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (section, opcode, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        let case = |section: usize, at: usize, sent: Vec<u8>, portion, length| {
            let mut case = Case::new(format!("9.{section}.{}", at + 1), End::WeClose).hear(opcode, vec![byte; length]);
            case.sends.push(Step::Send(sent, portion));
            case
        };
        for (at, length) in LENGTHS.into_iter().enumerate() {
            cases.push(case(section, at, frame(FINAL | opcode, &vec![byte; length]), usize::MAX, length));
        }
        for (at, bytes_max) in FRAGMENTS.into_iter().enumerate() {
            let sent = fragments(opcode, &vec![byte; 4 * MEBIBYTE], bytes_max);
            cases.push(case(section + 2, at, sent, usize::MAX, 4 * MEBIBYTE));
        }
        for (at, portion) in PORTIONS.into_iter().enumerate() {
            let sent = frame(FINAL | opcode, &vec![byte; MEBIBYTE]);
            cases.push(case(section + 4, at, sent, portion, MEBIBYTE));
        }
    }
    let payload = vec![b'*'; 65_536];
    let auto = Case::new("10.1.1", End::WeClose).send_raw(fragments(TEXT, &payload, 1300)).hear(TEXT, payload);
    cases.push(auto);
    cases
}

/// 9.7 and 9.8: each message is sent when the one before has come back.
pub async fn round_trips() {
    let server = echo_server().await;
    for (section, opcode, byte) in [(7, TEXT, b'*'), (8, BINARY, 0xfe)] {
        for (at, length) in ROUND_TRIPS.into_iter().enumerate() {
            let case = Case::new(format!("9.{section}.{}", at + 1), End::WeClose);
            let payload = vec![byte; length];
            let round = |case: Case, _| case.send(FINAL | opcode, &payload).hear(opcode, &payload).wait();
            (0..ROUNDS).fold(case, round).run(&server).await;
        }
    }
}
