//! What watches the server: `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Extension;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use countersign_identity::PeerAddress;
use countersign_identity::repository::Run as _;
use countersign_storage::Ping;
use tokio::sync::Mutex;

use super::{Doors, http};
use crate::metrics::{Kind, Text};

/// How long the database may take to answer.
const STORAGE_SECONDS_MAX: Duration = Duration::from_secs(2);
/// How long its answer counts: whoever asks often costs no more.
const ANSWER_KEPT: Duration = Duration::from_secs(1);
/// Headers that a proxy adds to a request which it passes on.
const PROXIED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// Who is at the other end of a connection, whatever a proxy says of whom it speaks for.
#[derive(Debug, Clone, Copy)]
pub struct TransportPeer {
    /// The peer of the transport itself.
    pub address: PeerAddress,
    /// Whether it has said that it connects for somebody else.
    pub is_proxying: bool,
}

/// Whether the database answers, as far as it is known.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<(Instant, bool)>>);

/// The routes.
pub fn routes() -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

async fn readyz(Extension(doors): Extension<Arc<Doors>>) -> Response {
    if doors.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if !doors.readiness.ask(&doors).await {
        return (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response();
    }
    "ready\n".into_response()
}

impl Readiness {
    /// Asks the database, unless it was asked just now. Those who come meanwhile wait for the
    /// same answer.
    async fn ask(&self, doors: &Doors) -> bool {
        let mut known = self.0.lock().await;
        if let Some((at, is_ready)) = *known
            && at.elapsed() < ANSWER_KEPT
        {
            return is_ready;
        }
        let asking = tokio::time::timeout(STORAGE_SECONDS_MAX, doors.app.identity.repository().run(Ping)).await;
        let is_ready = matches!(asking, Ok(Ok(())));
        if !is_ready {
            tracing::warn!(?asking, "not ready: the database does not answer");
        }
        *known = Some((Instant::now(), is_ready));
        is_ready
    }
}

/// To those who may not read it, it does not exist.
async fn metrics(
    Extension(doors): Extension<Arc<Doors>>,
    Extension(peer): Extension<TransportPeer>,
    headers: HeaderMap,
) -> Response {
    let is_proxied = peer.is_proxying || PROXIED.iter().any(|name| headers.contains_key(*name));
    let is_allowed = match peer.address {
        PeerAddress::Ip(address) => doors.app.config.metrics.allow.contains(address),
        PeerAddress::Unix { .. } | PeerAddress::Local => false,
    };
    if is_proxied || !is_allowed {
        return http::NOTHING_HERE.into_response();
    }
    ([(header::CONTENT_TYPE, Text::MEDIA_TYPE)], exposition(&doors)).into_response()
}

/// Everything that is counted.
fn exposition(doors: &Doors) -> String {
    let app = &doors.app;
    let realm = doors.hub.counts();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let mut text = Text::default();
    app.metrics.write(&mut text);
    app.metrics.write_limits(&mut text, &realm.limits);
    let gauges = [
        ("countersign_calls_pending", "Calls that are not answered yet.", count(realm.pending_calls)),
        ("countersign_subscriptions", "Topics and patterns with subscribers or history.", count(realm.subscriptions)),
        ("countersign_registrations", "Procedures and patterns that are registered.", count(realm.registrations)),
        ("countersign_retained_events", "Retained events.", count(realm.retained_events)),
        ("countersign_history_events_queued", "Past events that wait to be stored.", count(realm.history_queued)),
        (
            "countersign_registration_changes_queued",
            "Changes of registrations that wait to be stored.",
            count(realm.registrations_queued),
        ),
        ("countersign_password_checks_queued", "Password checks that run or wait.", count(app.passwords.queued())),
        ("countersign_mails_waiting", "Mails that wait or are being sent.", count(app.mailer.waiting())),
    ];
    for (name, help, value) in gauges {
        text.single(name, help, Kind::Gauge, value);
    }
    let storage = app.identity.repository().stats();
    let counters = [
        ("countersign_storage_commits_total", "Commits; in SQLite many operations share one.", storage.commits),
        ("countersign_storage_operations_total", "Operations that wrote, or could have.", storage.operations),
        ("countersign_storage_failures_total", "Operations and commits that failed.", storage.failures),
        ("countersign_audit_rows_total", "Rows that were added to the audit trail.", storage.audit_rows),
    ];
    for (name, help, value) in counters {
        text.single(name, help, Kind::Counter, value);
    }
    text.finish()
}
