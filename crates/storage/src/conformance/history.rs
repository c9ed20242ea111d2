//! Past events: appended, read page by page, trimmed.

use std::sync::Arc;

use countersign_identity::repository::Run as _;

use super::fixture::at;
use crate::Store;
use crate::history::{AppendHistory, HistoryEvent, HistoryKey, ReadHistory, TrimHistory};

fn key(pattern: &str) -> HistoryKey {
    HistoryKey::new("realm", "exact", pattern)
}

/// An event of ten bytes.
fn event(number: i64) -> HistoryEvent {
    HistoryEvent {
        at: at(number),
        publication: number,
        publisher: 7,
        topic: b"app.log".to_vec(),
        bytes: 10,
        restrictions: Vec::new(),
        details: vec![0xa0],
        content_encoding: Some("json".to_owned()),
        args: format!("[{number}]").into_bytes(),
        kwargs: Vec::new(),
    }
}

async fn append(store: &Store, pattern: &str, numbers: impl IntoIterator<Item = i64>) {
    let events = numbers.into_iter().map(|number| (key(pattern), event(number))).collect();
    store.run(AppendHistory { events }).await.unwrap();
}

/// All publications of a history, newest first, read in pages of `limit`.
async fn publications(store: &Store, pattern: &str, limit: u32) -> Vec<i64> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = store.run(ReadHistory { history: key(pattern), before, limit }).await.unwrap();
        assert!(page.len() <= usize::try_from(limit).unwrap());
        let Some((oldest, _)) = page.last() else { return all };
        before = Some(*oldest);
        all.extend(page.iter().map(|(_, event)| event.publication));
    }
}

async fn trim(store: &Store, pattern: &str, events_max: u64, bytes_max: u64, limit: u32) -> u64 {
    store.run(TrimHistory { history: key(pattern), events_max, bytes_max, limit }).await.unwrap()
}

/// Bytes of any kind, numbers at their ends.
pub async fn keeps_every_field_of_an_event(store: Arc<Store>) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let full = HistoryEvent {
        at: at(-1),
        publication: 1 << 53,
        publisher: 1 << 53,
        topic: b"a\0b".to_vec(),
        bytes: i64::MAX,
        restrictions: every_byte.clone(),
        details: every_byte.clone(),
        content_encoding: None,
        args: every_byte.clone(),
        kwargs: every_byte,
    };
    let want = [event(1), full];
    let events = want.iter().map(|event| (key("a"), event.clone())).collect();
    store.run(AppendHistory { events }).await.unwrap();
    let page = store.run(ReadHistory { history: key("a"), before: None, limit: 9 }).await.unwrap();
    let found: Vec<_> = page.into_iter().rev().map(|(_, event)| event).collect();
    assert_eq!(found, want);
}

/// The order of arrival counts, not ids or times; each history is one of its own.
pub async fn reads_each_history_newest_first_page_by_page(store: Arc<Store>) {
    append(&store, "a", [5, 3, 9, 1, 7]).await;
    append(&store, "b", [3]).await;
    append(&store, "a", [2]).await;
    for limit in [1, 2, 6, 100] {
        assert_eq!(publications(&store, "a", limit).await, [2, 7, 1, 9, 3, 5], "{limit}");
    }
    assert_eq!(publications(&store, "b", 10).await, [3]);
    assert_eq!(publications(&store, "c", 10).await, [0; 0]);
}

/// After a lost answer the same events come again.
pub async fn appends_an_event_once(store: Arc<Store>) {
    append(&store, "a", [1, 2]).await;
    append(&store, "a", [1, 2, 3]).await;
    append(&store, "b", [1]).await;
    append(&store, "a", []).await;
    assert_eq!(publications(&store, "a", 10).await, [3, 2, 1]);
    assert_eq!(publications(&store, "b", 10).await, [1]);
}

/// At each limit nothing goes, one past it the oldest.
pub async fn trims_the_oldest_beyond_either_limit(store: Arc<Store>) {
    append(&store, "a", 1..=6).await;
    append(&store, "b", 1..=6).await;
    assert_eq!(trim(&store, "a", 6, 60, 100).await, 0);
    assert_eq!(trim(&store, "a", 5, 60, 100).await, 1);
    assert_eq!(publications(&store, "a", 10).await, [6, 5, 4, 3, 2]);
    assert_eq!(trim(&store, "a", 100, 49, 100).await, 1);
    assert_eq!(publications(&store, "a", 10).await, [6, 5, 4, 3]);
    assert_eq!(trim(&store, "a", 0, u64::MAX, 100).await, 4);
    assert_eq!(publications(&store, "b", 10).await, [6, 5, 4, 3, 2, 1]);
}

/// The oldest first, so that there is never a gap.
pub async fn trims_in_chunks(store: Arc<Store>) {
    append(&store, "a", 1..=7).await;
    assert_eq!(trim(&store, "a", 2, 1_000, 3).await, 3);
    assert_eq!(publications(&store, "a", 10).await, [7, 6, 5, 4]);
    assert_eq!(trim(&store, "a", 2, 1_000, 3).await, 2);
    assert_eq!(trim(&store, "a", 2, 1_000, 3).await, 0);
    assert_eq!(publications(&store, "a", 10).await, [7, 6]);
}
