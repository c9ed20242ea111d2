//! Every way to tamper with a trail.

use super::*;
use crate::audit::{Operation, Reason};
use crate::{PeerAddress, RequestContext, Timestamp};

const KEY: &[u8] = b"a key of the keyring";

type Trail = Vec<(AuditRow, Link)>;

fn event(number: u64) -> AuditEvent {
    let context = RequestContext::new(format!("cid{number}"), PeerAddress::Local, "tests", "wamp");
    let now = Timestamp::from_micros(i64::try_from(number).unwrap());
    let event = AuditEvent::by_name(now, &context, "jane", Operation::Login).target("jane");
    if number.is_multiple_of(3) { event.refused(Reason::WrongTicket) } else { event }
}

fn trail(rows: u64) -> Trail {
    let mut link = Link::START;
    let mut row = |sequence| {
        link = link.next(sequence, &event(sequence));
        (AuditRow { sequence, event: event(sequence) }, link)
    };
    (1..=rows).map(&mut row).collect()
}

fn verify(trail: &Trail, checkpoint: Option<Checkpoint>) -> Result<u64, BrokenChain> {
    let mut verifier = Verifier::new(0, Link::START, checkpoint, KEY)?;
    for (row, link) in trail {
        verifier.row(row, *link)?;
    }
    verifier.end()
}

fn checkpoint(trail: &Trail) -> Option<Checkpoint> {
    trail.last().map(|(row, link)| Checkpoint::sign(row.sequence, *link, KEY))
}

#[test]
fn an_untouched_trail_holds() {
    assert_eq!(verify(&Vec::new(), None), Ok(0));
    let trail = trail(10);
    assert_eq!(verify(&trail, None), Ok(10));
    assert_eq!(verify(&trail, checkpoint(&trail)), Ok(10));
    // Rows behind the checkpoint are as good.
    assert_eq!(verify(&trail, Some(Checkpoint::sign(4, trail[3].1, KEY))), Ok(10));
}

#[test]
fn an_edit_of_any_field_is_found() {
    let edits: [fn(&mut AuditEvent); 11] = [
        |event| event.at = Timestamp::from_micros(77),
        |event| event.cid.push('x'),
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
        edit(&mut trail[3].0.event);
        assert_eq!(verify(&trail, None), Err(BrokenChain::Row { sequence: 4 }), "edit {number}");
    }
}

#[test]
fn text_moved_from_one_field_to_the_next_is_found() {
    let mut trail = trail(2);
    let event = &mut trail[1].0.event;
    event.target = format!("{}{}", event.actor, event.target);
    event.actor.clear();
    assert_eq!(verify(&trail, None), Err(BrokenChain::Row { sequence: 2 }));
}

#[test]
fn a_deletion_in_the_middle_is_found() {
    let mut numbered_on = trail(5);
    numbered_on.remove(2);
    assert_eq!(verify(&numbered_on, None), Err(BrokenChain::Gap { sequence: 3 }));
    for (index, (row, _)) in numbered_on.iter_mut().enumerate() {
        row.sequence = u64::try_from(index).unwrap() + 1;
    }
    assert_eq!(verify(&numbered_on, None), Err(BrokenChain::Row { sequence: 3 }));
}

#[test]
fn an_insertion_and_a_swap_are_found() {
    let mut inserted = trail(5);
    inserted.insert(2, (AuditRow { sequence: 3, event: event(9) }, Link::START));
    assert_eq!(verify(&inserted, None), Err(BrokenChain::Row { sequence: 3 }));
    let mut doubled = trail(5);
    let copy = doubled[1].clone();
    doubled.insert(2, copy);
    assert_eq!(verify(&doubled, None), Err(BrokenChain::Row { sequence: 2 }));
    let mut swapped = trail(5);
    let (second, third) = (swapped[1].0.event.clone(), swapped[2].0.event.clone());
    (swapped[1].0.event, swapped[2].0.event) = (third, second);
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
    let mut link = Link::START;
    let anew: Trail = (1..=5)
        .map(|sequence| {
            let event = event(sequence + 1);
            link = link.next(sequence, &event);
            (AuditRow { sequence, event }, link)
        })
        .collect();
    assert_eq!(verify(&anew, None), Ok(5));
    assert_eq!(verify(&anew, checkpoint), Err(BrokenChain::Checkpoint { sequence: 5 }));
}

#[test]
fn a_checkpoint_can_not_be_made_without_the_key() {
    let trail = trail(5);
    let forged = Checkpoint::sign(5, trail[4].1, b"another key");
    assert_eq!(verify(&trail, Some(forged)), Err(BrokenChain::Signature { sequence: 5 }));
    let genuine = checkpoint(&trail).unwrap();
    let moved = Checkpoint::from_parts(3, trail[2].1, *genuine.signature());
    assert_eq!(verify(&trail, Some(moved)), Err(BrokenChain::Signature { sequence: 3 }));
}

#[test]
fn goes_on_behind_what_retention_cut_off() {
    let whole = trail(5);
    let mut verifier = Verifier::new(2, whole[1].1, checkpoint(&whole), KEY).unwrap();
    for (row, link) in whole.iter().skip(2) {
        verifier.row(row, *link).unwrap();
    }
    assert_eq!(verifier.end(), Ok(5));
}
