//! The audit trail and its search.

use std::sync::Arc;

use countersign_identity::audit::{AuditEvent, Operation as Audited, Outcome, Reason};
use countersign_identity::repository::{RecordAudit, Repository, SearchAudit};

use super::fixture::{NOW, at, event, position, trail_after};

async fn record<R: Repository>(repository: &R, events: impl IntoIterator<Item = AuditEvent>) {
    for event in events {
        repository.run(RecordAudit { event }).await.unwrap();
    }
}

/// The details of what was found, which number the rows in these cases.
async fn found<R: Repository>(repository: &R, search: SearchAudit) -> Vec<String> {
    repository.run(search).await.unwrap().into_iter().map(|row| row.event.detail).collect()
}

/// The first row has position 1.
pub async fn refuses_nothing_and_keeps_every_field<R: Repository>(repository: Arc<R>) {
    let plain = event(Audited::Login);
    let full =
        AuditEvent { agent: "ä \"quoted\" 'text'".to_owned(), detail: "{}".to_owned(), ..event(Audited::OtpMint) };
    let claimed = ("192.0.2.9".to_owned(), "somebody else".to_owned());
    let full = AuditEvent { claimed_address: claimed.0, claimed_agent: claimed.1, ..full };
    let empty = AuditEvent { actor: String::new(), target: String::new(), at: at(-1), ..plain.clone() };
    let events = [plain, full.clone().refused(Reason::TooMany), empty];
    assert_eq!(position(&*repository).await, 0);
    record(&*repository, events.clone()).await;
    let rows = trail_after(&*repository, 0).await;
    assert_eq!(rows.first().map(|row| row.sequence), Some(1));
    assert!(rows.iter().map(|row| &row.event).eq(events.iter()), "{rows:?}");
}

/// Each filter alone, and together.
pub async fn finds_rows_by_each_filter<R: Repository>(repository: Arc<R>) {
    let numbered = |number: i64| AuditEvent { at: at(number), detail: number.to_string(), ..event(Audited::Login) };
    let events = [
        numbered(0),
        AuditEvent { cid: "cid-2".to_owned(), ..numbered(1) },
        AuditEvent { actor: "bob".to_owned(), ..numbered(2) },
        AuditEvent { target: "carol".to_owned(), ..numbered(3) },
        AuditEvent { operation: Audited::OtpSpend, ..numbered(4) },
        AuditEvent { operation: Audited::OtpSpend, actor: "bob".to_owned(), ..numbered(5) }.refused(Reason::Foreign),
    ];
    record(&*repository, events).await;
    let any = || SearchAudit { limit: 100, ..SearchAudit::default() };
    let text = |text: &str| Some(text.to_owned());
    let searches: [(SearchAudit, &[&str]); 16] = [
        (any(), &["5", "4", "3", "2", "1", "0"]),
        (SearchAudit { cid: text("cid-2"), ..any() }, &["1"]),
        (SearchAudit { cid: text("CID-2"), ..any() }, &[]),
        (SearchAudit { actor: text("bob"), ..any() }, &["5", "2"]),
        (SearchAudit { target: text("carol"), ..any() }, &["3"]),
        (SearchAudit { user: text("bob"), ..any() }, &["5", "4", "2", "1", "0"]),
        (SearchAudit { user: text("carol"), ..any() }, &["3"]),
        (SearchAudit { before: Some(3), ..any() }, &["1", "0"]),
        (SearchAudit { operation: Some(Audited::OtpSpend), ..any() }, &["5", "4"]),
        (SearchAudit { outcome: Some(Outcome::Refused), ..any() }, &["5"]),
        (SearchAudit { since: Some(at(4)), ..any() }, &["5", "4"]),
        (SearchAudit { until: Some(at(1)), ..any() }, &["0"]),
        (SearchAudit { since: Some(at(1)), until: Some(at(3)), ..any() }, &["2", "1"]),
        (SearchAudit { since: Some(NOW), until: Some(NOW), ..any() }, &[]),
        (SearchAudit { actor: text("bob"), operation: Some(Audited::OtpSpend), ..any() }, &["5"]),
        (
            SearchAudit {
                cid: text("cid-1"),
                actor: text("bob"),
                target: text("bob"),
                user: text("bob"),
                operation: Some(Audited::OtpSpend),
                outcome: Some(Outcome::Refused),
                since: Some(at(5)),
                until: Some(at(6)),
                after: Some(0),
                before: Some(u64::MAX),
                limit: 1,
            },
            &["5"],
        ),
    ];
    for (search, want) in searches {
        let shown = format!("{search:?}");
        assert_eq!(found(&*repository, search).await, want, "{shown}");
    }
}

/// Without a position the newest come first; with one, the trail goes on behind it.
pub async fn pages_forward_from_a_position_and_back_from_the_newest<R: Repository>(repository: Arc<R>) {
    let numbered = |number: i64| AuditEvent { detail: number.to_string(), ..event(Audited::Login) };
    record(&*repository, (0..5).map(numbered)).await;
    let page = |after, limit| SearchAudit { after, limit, ..SearchAudit::default() };
    assert_eq!(found(&*repository, page(None, 2)).await, ["4", "3"]);
    assert_eq!(found(&*repository, page(None, 0)).await, [""; 0]);
    let mut after = 0;
    let mut read = Vec::new();
    loop {
        let rows = repository.run(page(Some(after), 2)).await.unwrap();
        let Some(last) = rows.last() else { break };
        assert!(last.sequence > after);
        after = last.sequence;
        read.extend(rows.into_iter().map(|row| row.event.detail));
    }
    assert_eq!(read, ["0", "1", "2", "3", "4"]);
    assert_eq!(found(&*repository, page(Some(u64::MAX), 2)).await, [""; 0]);
}

/// Whatever length and characters: the row is stored, and found by the same text.
pub async fn cuts_a_strangers_text_and_finds_it_again<R: Repository>(repository: Arc<R>) {
    for text in ["x\0y".to_owned(), "\u{1f511}".repeat(5_000), "n".repeat(256)] {
        let before = position(&*repository).await;
        let strange = AuditEvent {
            cid: text.clone(),
            actor: text.clone(),
            target: text.clone(),
            agent: text.clone(),
            detail: text.clone(),
            ..event(Audited::Login)
        };
        record(&*repository, [strange]).await;
        let some = Some(text);
        let search =
            SearchAudit { cid: some.clone(), actor: some.clone(), target: some, limit: 2, ..SearchAudit::default() };
        let rows = repository.run(search).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert!(rows.iter().all(|row| row.sequence > before && row.event.cid.chars().count() <= 256));
    }
}
