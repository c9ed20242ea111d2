//! Every way to tamper with a trail.

use super::*;
use crate::audit::{Operation, Reason};
use crate::{PeerAddress, Pepper, RequestContext, Timestamp};

type Trail = Vec<AuditRow>;

fn key(byte: u8) -> AuditKey {
    AuditKey::of(&Pepper::new([byte; Pepper::BYTES]))
}

fn event(number: u64) -> AuditEvent {
    let context = RequestContext::new(format!("cid{number}"), PeerAddress::Local, "tests", "wamp");
    let now = Timestamp::from_micros(i64::try_from(number).unwrap());
    let event = AuditEvent::by_name(now, &context, "jane", Operation::Login).target("jane");
    if number.is_multiple_of(3) { event.refused(Reason::WrongTicket) } else { event }
}

fn trail_of(events: impl IntoIterator<Item = AuditEvent>) -> Trail {
    let mut link = Link::START;
    let mut row = |(sequence, event)| {
        link = link.next(sequence, &event);
        AuditRow { sequence, event, link }
    };
    (1..).zip(events).map(&mut row).collect()
}

fn trail(rows: u64) -> Trail {
    trail_of((1..=rows).map(event))
}

fn position(row: &AuditRow) -> Position {
    Position { sequence: row.sequence, link: row.link }
}

fn found(row: &AuditRow) -> FoundRow {
    FoundRow { sequence: row.sequence, row: Some(row.clone()) }
}

fn verify(trail: &Trail, checkpoints: impl IntoIterator<Item = Checkpoint>) -> Result<u64, BrokenChain> {
    let mut verifier = Verifier::new(Position::START, checkpoints, &key(1))?;
    for row in trail {
        verifier.row(&found(row))?;
    }
    verifier.end().map(|last| last.sequence)
}

fn signed(row: &AuditRow) -> Checkpoint {
    Checkpoint::sign(position(row), Timestamp::from_micros(99), &key(1))
}

fn checkpoint(trail: &Trail) -> Option<Checkpoint> {
    trail.last().map(signed)
}

#[test]
fn an_untouched_trail_holds() {
    assert_eq!(verify(&Vec::new(), None), Ok(0));
    let trail = trail(10);
    assert_eq!(verify(&trail, None), Ok(10));
    assert_eq!(verify(&trail, checkpoint(&trail)), Ok(10));
    // Rows behind the checkpoint are as good.
    assert_eq!(verify(&trail, [signed(&trail[3]), signed(&trail[9])]), Ok(10));
}

#[test]
fn an_edit_of_any_field_is_found() {
    let edits: [fn(&mut AuditEvent); 14] = [
        |event| event.at = Timestamp::from_micros(77),
        |event| event.cid.push('x'),
        |event| event.request.push('x'),
        |event| event.claimed_address.push('x'),
        |event| event.claimed_agent.push('x'),
        |event| event.actor = "joe".into(),
        |event| event.target.clear(),
        |event| event.operation = Operation::OtpMint,
        |event| event.application.push('x'),
        |event| event.address.push('x'),
        |event| event.agent.push('x'),
        |event| event.outcome = crate::audit::Outcome::Refused,
        |event| event.reason = Some(Reason::NotFound),
        |event| event.detail.push('x'),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let mut trail = trail(5);
        edit(&mut trail[3].event);
        assert_eq!(verify(&trail, None), Err(BrokenChain::Row { sequence: 4 }), "edit {number}");
    }
}

#[test]
fn text_moved_from_one_field_to_the_next_is_found() {
    let mut trail = trail(2);
    let event = &mut trail[1].event;
    event.target = format!("{}{}", event.actor, event.target);
    event.actor.clear();
    assert_eq!(verify(&trail, None), Err(BrokenChain::Row { sequence: 2 }));
}

#[test]
fn a_deletion_in_the_middle_is_found() {
    let mut numbered_on = trail(5);
    numbered_on.remove(2);
    assert_eq!(verify(&numbered_on, None), Err(BrokenChain::Gap { sequence: 3 }));
    for (index, row) in numbered_on.iter_mut().enumerate() {
        row.sequence = u64::try_from(index).unwrap() + 1;
    }
    assert_eq!(verify(&numbered_on, None), Err(BrokenChain::Row { sequence: 3 }));
}

#[test]
fn an_insertion_and_a_swap_are_found() {
    let mut inserted = trail(5);
    inserted.insert(2, AuditRow { sequence: 3, event: event(9), link: Link::START });
    assert_eq!(verify(&inserted, None), Err(BrokenChain::Row { sequence: 3 }));
    let mut doubled = trail(5);
    let copy = doubled[1].clone();
    doubled.insert(2, copy);
    assert_eq!(verify(&doubled, None), Err(BrokenChain::Row { sequence: 2 }));
    let mut swapped = trail(5);
    let (second, third) = (swapped[1].event.clone(), swapped[2].event.clone());
    (swapped[1].event, swapped[2].event) = (third, second);
    assert_eq!(verify(&swapped, None), Err(BrokenChain::Row { sequence: 2 }));
}

#[test]
fn a_cut_tail_is_found_by_the_checkpoint() {
    let whole = trail(5);
    let checkpoint = checkpoint(&whole);
    let cut: Trail = whole.iter().take(3).cloned().collect();
    assert_eq!(verify(&cut, None), Ok(3));
    assert_eq!(verify(&cut, checkpoint), Err(BrokenChain::Checkpoint { sequence: 5 }));
    assert_eq!(verify(&Vec::new(), checkpoint), Err(BrokenChain::Checkpoint { sequence: 5 }));
}

#[test]
fn a_trail_that_was_made_anew_is_found_by_the_checkpoint() {
    let checkpoint = checkpoint(&trail(5));
    let anew = trail_of((2..=6).map(event));
    assert_eq!(verify(&anew, None), Ok(5));
    assert_eq!(verify(&anew, checkpoint), Err(BrokenChain::Checkpoint { sequence: 5 }));
}

#[test]
fn a_checkpoint_can_not_be_made_without_the_key() {
    let trail = trail(5);
    let at = Timestamp::from_micros(99);
    let forged = Checkpoint::sign(position(&trail[4]), at, &key(2));
    assert_eq!(verify(&trail, [forged]), Err(BrokenChain::Signature { sequence: 5 }));
    let genuine = signed(&trail[4]);
    let moved = Checkpoint::from_parts(position(&trail[2]), at, *genuine.signature());
    assert_eq!(verify(&trail, [moved]), Err(BrokenChain::Signature { sequence: 3 }));
    let later = Checkpoint::from_parts(genuine.row, Timestamp::from_micros(100), *genuine.signature());
    assert_eq!(verify(&trail, [later]), Err(BrokenChain::Signature { sequence: 5 }));
}

#[test]
fn checkpoints_that_contradict_each_other_are_found() {
    let (one, other) = (trail(5), trail_of((2..=6).map(event)));
    for trail in [&one, &other] {
        let both = [signed(&one[2]), signed(&other[2])];
        assert_eq!(verify(trail, both), Err(BrokenChain::Checkpoint { sequence: 3 }));
    }
}

#[test]
fn what_can_not_be_read_is_found() {
    let trail = trail(3);
    let mut verifier = Verifier::new(Position::START, None, &key(1)).unwrap();
    verifier.row(&found(&trail[0])).unwrap();
    let unreadable = FoundRow { sequence: 2, row: None };
    assert_eq!(verifier.row(&unreadable), Err(BrokenChain::Row { sequence: 2 }));
}

#[test]
fn goes_on_behind_what_retention_cut_off() {
    let whole = trail(5);
    // Checkpoints of rows that are gone do no harm.
    let checkpoints = [signed(&whole[0]), signed(&whole[1]), signed(&whole[4])];
    let mut verifier = Verifier::new(position(&whole[1]), checkpoints, &key(1)).unwrap();
    for row in whole.iter().skip(2) {
        verifier.row(&found(row)).unwrap();
    }
    assert_eq!(verifier.end().map(|last| last.sequence), Ok(5));
    let other = Position { sequence: 2, link: whole[2].link };
    let began = Verifier::new(other, checkpoints, &key(1)).map(|_| ());
    assert_eq!(began, Err(BrokenChain::Checkpoint { sequence: 2 }));
}

#[test]
fn a_stub_can_not_be_made_without_the_key() {
    let (row, at) = (position(&trail(2)[1]), Timestamp::from_micros(99));
    let stub = Stub::sign(row, at, &key(1));
    assert!(stub.is_genuine(&key(1)) && !stub.is_genuine(&key(2)));
    let changed = [
        Stub { row: Position { sequence: 3, ..row }, ..stub },
        Stub { row: Position { link: Link::START, ..row }, ..stub },
        Stub { at: Timestamp::from_micros(98), ..stub },
    ];
    assert!(changed.iter().all(|stub| !stub.is_genuine(&key(1))));
}

#[test]
fn a_checkpoint_is_read_back_from_its_text() {
    let checkpoint = signed(&trail(5)[4]);
    let text = checkpoint.to_string();
    assert_eq!(text.parse(), Ok(checkpoint));
    let mangled = [String::new(), "5".into(), text.replace('.', " "), format!("{text}.x"), format!("x{text}")];
    for text in mangled.into_iter().chain([text[..text.len() - 1].to_owned(), text.to_uppercase()]) {
        assert_eq!(text.parse::<Checkpoint>(), Err(NoCheckpoint), "{text}");
    }
}
