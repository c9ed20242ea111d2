//! The job that tells what became of URIs.
//!
//! What is to be told is decided in identity, and written down before it is told: of several servers on one database one
//! tells it. A look costs a question of an index, and so much more as is due.

use std::sync::Arc;
use std::time::Duration;

use countersign_identity::audit::{AuditEvent, Operation};
use countersign_identity::repository::{RepositoryError, Run as _};
use countersign_identity::uris::alerts::{Alert, AlertRules, WINDOW, counts, decide};
use countersign_identity::uris::operations::{ListConnections, ListDueUris, SettleUris, Settled, Settlement};
use countersign_identity::uris::{Connection, FoundUri, UriRecord};
use countersign_identity::{Actor, PeerAddress, RequestContext, Timestamp};
use countersign_wamp::{Dict, Payload, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cid;
use crate::clock::now;
use crate::config::ConfigError;
use crate::hub::Hub;
use crate::records;

/// Longest wait for the next look.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Shortest time between two looks, however much is going on.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(50);
/// Records that are looked at at once.
const PAGE: u32 = 256;
/// The topic, in the short spelling.
const TOPIC: &str = "system.event.warning.registration";

/// Lets the job look before its time.
#[derive(Debug, Default)]
pub struct AlertBell(Notify);

impl AlertBell {
    /// Something may have become due. Many of these are one.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// The job.
#[derive(Debug)]
pub struct Alerts {
    app: Arc<App>,
    hub: Arc<Hub>,
    rules: AlertRules,
    topics: [String; 2],
}

impl Alerts {
    /// The job of a server that starts now.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown zone.
    pub fn new(app: Arc<App>, hub: Arc<Hub>) -> Result<Self, ConfigError> {
        let config = &app.config.uris;
        let grace = Duration::from_secs(config.notification_startup_grace_seconds);
        let rules = AlertRules {
            zone: app.config.zone()?,
            grace_ends: now().saturating_add(grace),
            zombie_lifespan: config.zombie_lifespan.into(),
        };
        let topics = [format!("{}.{TOPIC}", app.config.realm.uri_prefix), TOPIC.to_owned()];
        Ok(Self { app, hub, rules, topics })
    }

    /// Looks every second, and when it is woken, until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut is_failing = false;
        loop {
            let next = async {
                tokio::time::sleep(LOOK_INTERVAL_MIN).await;
                let _ = tokio::time::timeout(LOOK_INTERVAL, self.app.alerts.0.notified()).await;
            };
            if stop.run_until_cancelled(next).await.is_none() {
                return;
            }
            match self.look().await {
                Ok(()) => is_failing = false,
                Err(error) => {
                    if !is_failing {
                        tracing::warn!(?error, "can't look for URIs that are gone, or newly documented");
                    }
                    is_failing = true;
                }
            }
        }
    }

    async fn look(&self) -> Result<(), RepositoryError> {
        self.app.refresh_documents(Some(&self.hub)).await?;
        let now = now();
        loop {
            let due = self.app.identity.repository().run(ListDueUris { now, limit: PAGE }).await?;
            let is_last = due.len() < PAGE as usize;
            if self.settle(due, now).await? == 0 || is_last {
                return Ok(());
            }
        }
    }

    /// Decides about records, and tells it. Answers about how many it could.
    async fn settle(&self, due: Vec<UriRecord>, now: Timestamp) -> Result<usize, RepositoryError> {
        let (mut settlements, mut told) = (Vec::new(), Vec::new());
        for record in due {
            let Some(seen) = record.due else { continue };
            let mut history = None;
            if counts(&record) {
                history = Some(self.history(&record).await?);
            }
            let verdict = decide(now, &record, &ends(history.as_deref().unwrap_or_default(), now), &self.rules);
            if !verdict.alerts.is_empty() && history.is_none() {
                history = Some(self.history(&record).await?);
            }
            let (warned, count_warned, due) = (verdict.warned, verdict.count_warned, verdict.next);
            let becomes = if verdict.is_reaped {
                Settled::Goes(reaped(&record, now))
            } else {
                Settled::Stays { warned, count_warned, due }
            };
            settlements.push(Settlement { key: record.key.clone(), due: seen, becomes });
            let record = UriRecord { warned, count_warned, due, ..record };
            told.push((verdict.alerts, FoundUri { record, history: history.unwrap_or_default() }));
        }
        if settlements.is_empty() {
            return Ok(0);
        }
        let settled = self.app.identity.repository().run(SettleUris { settlements: settlements.into() }).await?;
        let count = settled.iter().filter(|is_settled| **is_settled).count();
        for ((alerts, found), _) in told.into_iter().zip(settled).filter(|(_, is_settled)| *is_settled) {
            for alert in alerts {
                self.tell(alert, &found);
            }
        }
        Ok(count)
    }

    async fn history(&self, record: &UriRecord) -> Result<Vec<Connection>, RepositoryError> {
        self.app.identity.repository().run(ListConnections { key: record.key.clone() }).await
    }

    fn tell(&self, alert: Alert, found: &FoundUri) {
        let kind = alert.kind.name();
        self.app.metrics.registration_alert(kind);
        tracing::warn!(kind, number = alert.number, uri = %found.record.key, "registration");
        let args: Vec<Value> = vec![kind.into(), Value::Int(alert.number), records::uri(found).into()];
        for topic in &self.topics {
            self.hub.publish(topic, Payload::new(args.clone(), Dict::new()));
        }
    }
}

/// The row for the trail of a record that goes.
fn reaped(record: &UriRecord, now: Timestamp) -> AuditEvent {
    let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", "server");
    AuditEvent::new(now, &context, &Actor::Operator, Operation::UriReap).target(&record.key.to_string())
}

fn ends(history: &[Connection], now: Timestamp) -> Vec<Timestamp> {
    let since = now.saturating_sub(WINDOW);
    history.iter().filter_map(|connection| connection.disconnected).filter(|end| *end >= since).collect()
}
