//! Searching, signing, verifying and cutting the trail.

use std::time::Duration;

use super::*;
use crate::audit::AuditRow;
use crate::repository::{RecordAudit, Run as _};
use crate::testing::{Fixture, NOW, context, ready};

fn at(days: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_hours(24 * days))
}

/// A trail of so many rows, one each day, of users called `u0` and so on.
fn days(count: u64) -> Fixture {
    let fixture = Fixture::fresh();
    for day in 0..count {
        let event = AuditEvent::by_name(at(day), &context(), &format!("u{day}"), Operation::Login).target("door");
        ready(fixture.identity.repository().run(RecordAudit { event })).unwrap();
    }
    fixture
}

fn verified(fixture: &Fixture, kept: &[Checkpoint]) -> Verified {
    ready(fixture.identity.verify_audit(None, kept, u32::MAX)).unwrap()
}

fn intact(fixture: &Fixture) -> (u64, u64, Option<u64>) {
    match verified(fixture, &[]) {
        Verified::Intact(intact) => (intact.removed, intact.last.sequence, intact.checkpoint),
        other => panic!("{other:?}"),
    }
}

#[test]
fn signs_the_last_row_once() {
    let fixture = days(0);
    let sign = |day| ready(fixture.identity.checkpoint_audit(at(day))).unwrap();
    assert_eq!(sign(0), None);
    let record = |fixture: &Fixture| {
        let event = AuditEvent::by_name(NOW, &context(), "u", Operation::Login);
        ready(fixture.identity.repository().run(RecordAudit { event })).unwrap();
    };
    record(&fixture);
    let first = sign(1).unwrap();
    assert_eq!((first.row.sequence, first.at), (1, at(1)));
    assert_eq!(sign(2), Some(first));
    record(&fixture);
    assert_eq!(sign(3).map(|checkpoint| checkpoint.row.sequence), Some(2));
    assert_eq!(intact(&fixture), (0, 2, Some(2)));
}

#[test]
fn signs_and_removes_nothing_of_a_trail_that_was_changed() {
    let fixture = days(4);
    fixture.identity.repository().tamper(2, |event| event.actor.push('x'));
    let broken = BrokenChain::Row { sequence: 2 };
    let signed = ready(fixture.identity.checkpoint_audit(at(9)));
    assert!(matches!(signed, Err(CheckpointError::Broken(found)) if found == broken), "{signed:?}");
    let trimmed = ready(fixture.identity.trim_audit(at(9), &context(), at(9)));
    assert!(matches!(trimmed, Err(CheckpointError::Broken(found)) if found == broken), "{trimmed:?}");
    assert_eq!(verified(&fixture, &[]), Verified::Broken(broken));
    assert_eq!(fixture.identity.repository().trail().len(), 4);
}

#[test]
fn removes_what_is_older_and_leaves_a_signed_stub() {
    let fixture = days(5);
    let checkpoint = ready(fixture.identity.checkpoint_audit(at(5))).unwrap().unwrap();
    let trim = |before| ready(fixture.identity.trim_audit(before, &context(), at(5))).unwrap();
    assert_eq!(trim(at(0)), 0);
    assert_eq!(trim(at(2)), 2);
    assert_eq!(trim(at(2)), 0);
    assert_eq!(intact(&fixture), (2, 6, Some(5)));
    let row = fixture.identity.repository().trail().pop().unwrap();
    assert_eq!(
        (row.operation, row.actor.as_str(), row.detail.as_str()),
        (Operation::AuditTrim, "%operator", "rows 1 to 2")
    );
    // The row about it is of its time, and goes with that.
    assert_eq!(trim(at(6)), 4);
    assert_eq!(intact(&fixture), (6, 7, None));
    // A checkpoint that is kept elsewhere does no harm when its row is gone.
    assert!(matches!(verified(&fixture, &[checkpoint]), Verified::Intact(_)));
}

#[test]
fn removes_at_most_so_many_rows_at_once() {
    let most = u64::from(TRIM_ROWS);
    let fixture = days(most + 2);
    let trim = || ready(fixture.identity.trim_audit(at(most + 1), &context(), at(most + 1))).unwrap();
    assert_eq!((trim(), trim(), trim()), (most, 1, 0));
}

fn found(fixture: &Fixture, query: AuditQuery) -> Vec<String> {
    let rows: Vec<AuditRow> = ready(fixture.identity.search_audit(AuditQuery { limit: 9, ..query })).unwrap();
    rows.into_iter().map(|row| row.event.actor).collect()
}

#[test]
fn searches_by_texts() {
    let fixture = days(3);
    let any = AuditQuery::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(&fixture, any()), ["u2", "u1", "u0"]);
    assert_eq!(found(&fixture, AuditQuery { user: text("u1"), ..any() }), ["u1"]);
    assert_eq!(found(&fixture, AuditQuery { user: text("door"), before: Some(3), ..any() }), ["u1", "u0"]);
    assert_eq!(found(&fixture, AuditQuery { after: Some(1), ..any() }), ["u1", "u2"]);
    assert_eq!(found(&fixture, AuditQuery { operation: text("otp.mint"), ..any() }), [""; 0]);
    assert_eq!(
        found(&fixture, AuditQuery { outcome: text("accepted"), since: text(&at(1).to_rfc3339()), ..any() }),
        ["u2", "u1"]
    );
    let refused = |query| ready(fixture.identity.search_audit(query)).unwrap_err().to_string();
    assert!(refused(AuditQuery { operation: text("fly"), ..any() }).contains("login, otp.mint"));
    assert!(refused(AuditQuery { outcome: text("x"), ..any() }).contains("accepted or refused"));
    assert!(refused(AuditQuery { until: text("soon"), ..any() }).contains("\"soon\" is no time"));
}
