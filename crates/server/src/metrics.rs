//! What the server counts of itself, for `GET /metrics`.
//!
//! A registry of its own rather than a library's: every family and nearly every label is known
//! when the program is built, so a counter is a field, and counting a message is an addition
//! without a look-up, an allocation or a lock. A facade would look each one up in a map, or need
//! the same fields again for its handles, and is one per process, while tests run several servers
//! in one.
//!
//! **Invariant:** label values are texts of the program or settings, never a peer's: the number of
//! series is bounded, and nothing in them says who did something.
//!
//! Source: Prometheus text exposition format, version 0.0.4.

mod limit;
mod tally;
mod text;
mod traffic;

pub use limit::ServerLimit;
pub use text::{Kind, Text};
pub use traffic::Traffic;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_router::Limit;
use countersign_wamp::Encoding;

use crate::clock::now;
use limit::{LimitCounts, name_of};
use tally::Tally;
use traffic::Shards;

/// By what a session comes: transport and serializer.
#[derive(Debug, Clone, Copy)]
pub struct Via {
    /// `websocket`, `rawsocket` and so on.
    pub transport: &'static str,
    /// The serializer.
    pub encoding: Encoding,
}

/// All counters of one server.
#[derive(Debug)]
pub struct Metrics {
    started_micros: i64,
    traffic: Shards,
    limits: LimitCounts,
    sessions_open: Tally<3>,
    sessions_opened: Tally<3>,
    logins: Tally<2>,
    logins_delayed: AtomicU64,
    connections: Tally<1>,
    refused: Tally<1>,
    ended: Tally<1>,
    history_stored: AtomicU64,
    history_lost: AtomicU64,
    mails: Tally<2>,
    registrations: Tally<1>,
    registrations_compared: AtomicU64,
    registration_alerts: Tally<1>,
    vacuum_runs: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started_micros: now().micros(),
            traffic: Shards::default(),
            limits: LimitCounts::default(),
            sessions_open: Tally::default(),
            sessions_opened: Tally::default(),
            logins: Tally::default(),
            logins_delayed: AtomicU64::new(0),
            connections: Tally::default(),
            refused: Tally::default(),
            ended: Tally::default(),
            history_stored: AtomicU64::new(0),
            history_lost: AtomicU64::new(0),
            mails: Tally::default(),
            registrations: Tally::default(),
            registrations_compared: AtomicU64::new(0),
            registration_alerts: Tally::default(),
            vacuum_runs: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// Counters for the messages of one connection.
    pub fn traffic(self: &Arc<Self>) -> Traffic {
        Traffic::new(Arc::clone(self))
    }

    /// Somebody went beyond a limit.
    pub fn limit_reached(&self, limit: ServerLimit) {
        self.limits.add(limit);
    }

    /// A session was opened. It counts as open until the answer is dropped.
    #[must_use]
    pub fn session_opened(self: &Arc<Self>, via: Via, authmethod: &'static str) -> OpenSession {
        let labels = [via.transport, serializer(via.encoding), authmethod];
        self.sessions_opened.add(labels);
        self.sessions_open.add(labels);
        OpenSession { metrics: Arc::clone(self), labels }
    }

    /// A login ended: `accepted`, or why not.
    pub fn login(&self, method: &'static str, outcome: &'static str) {
        self.logins.add([method, outcome]);
    }

    /// A login has to wait because of failures before it.
    pub fn login_delayed(&self) {
        self.logins_delayed.fetch_add(1, Ordering::Relaxed);
    }

    /// A listener of this kind accepted a connection.
    pub fn connection(&self, listener: &'static str) {
        self.connections.add([listener]);
    }

    /// A connection was turned away, or ended before it could carry a session.
    pub fn refused(&self, reason: &'static str) {
        self.refused.add([reason]);
    }

    /// A connection that could carry a session ended.
    pub fn ended(&self, how: &'static str) {
        self.ended.add([how]);
    }

    /// Events of the history were stored.
    pub fn history_stored(&self, events: usize) {
        self.history_stored.fetch_add(u64::try_from(events).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Events of the history will not be stored.
    pub fn history_lost(&self, events: usize) {
        self.history_lost.fetch_add(u64::try_from(events).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What became of a mail, or of a try.
    pub fn mail(&self, mail: &'static str, outcome: &'static str) {
        self.mails.add([mail, outcome]);
    }

    /// What became of so many changes of registrations on their way into the database.
    pub fn registrations_tracked(&self, outcome: &'static str, changes: usize) {
        self.registrations.add_many([outcome], u64::try_from(changes).unwrap_or(u64::MAX));
    }

    /// What is registered was compared with the database.
    pub fn registrations_compared(&self) {
        self.registrations_compared.fetch_add(1, Ordering::Relaxed);
    }

    /// It was told what became of a URI.
    pub fn registration_alert(&self, kind: &'static str) {
        self.registration_alerts.add([kind]);
    }

    /// What has come to its end was looked through.
    pub fn vacuum_ran(&self) {
        self.vacuum_runs.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub fn times_reached(&self, limit: ServerLimit) -> u64 {
        self.limits.get(limit)
    }

    /// Writes what is counted here.
    pub fn write(&self, text: &mut Text) {
        text.family("countersign_build_info", "The version that runs.", Kind::Gauge);
        text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64);
        text.family("process_start_time_seconds", "When the server started, in seconds since 1970.", Kind::Gauge);
        text.seconds(self.started_micros);
        let names = ["transport", "serializer", "authmethod"];
        self.sessions_open.write(text, "countersign_sessions_open", "Sessions in the realm.", Kind::Gauge, names);
        let help = "Sessions that were opened.";
        self.sessions_opened.write(text, "countersign_sessions_opened_total", help, Kind::Counter, names);
        let (help, names) = ("Logins by method and outcome.", ["method", "outcome"]);
        self.logins.write(text, "countersign_logins_total", help, Kind::Counter, names);
        text.family("countersign_logins_delayed_total", "Logins that waited for failures before them.", Kind::Counter);
        text.sample(&[], self.logins_delayed.load(Ordering::Relaxed));
        let help = "Connections that were accepted.";
        self.connections.write(text, "countersign_connections_total", help, Kind::Counter, ["listener"]);
        let help = "Connections that ended before they could carry a session.";
        self.refused.write(text, "countersign_connections_refused_total", help, Kind::Counter, ["reason"]);
        let help = "Connections that could carry a session and ended.";
        self.ended.write(text, "countersign_connections_ended_total", help, Kind::Counter, ["how"]);
        let stored = self.history_stored.load(Ordering::Relaxed);
        text.single("countersign_history_events_stored_total", "Past events that were stored.", Kind::Counter, stored);
        let (lost, help) = (self.history_lost.load(Ordering::Relaxed), "Past events that could not be stored.");
        text.single("countersign_history_events_lost_total", help, Kind::Counter, lost);
        let (help, names) = ("Mails by what they are for, and what became of them.", ["mail", "outcome"]);
        self.mails.write(text, "countersign_mails_total", help, Kind::Counter, names);
        let help = "Changes of registrations by what became of them on their way into the database.";
        self.registrations.write(text, "countersign_registration_changes_total", help, Kind::Counter, ["outcome"]);
        let (compared, help) = (
            self.registrations_compared.load(Ordering::Relaxed),
            "Comparisons of what is registered with the database.",
        );
        text.single("countersign_registration_comparisons_total", help, Kind::Counter, compared);
        let help = "What was told of URIs that are gone, or come and go.";
        self.registration_alerts.write(text, "countersign_registration_alerts_total", help, Kind::Counter, ["type"]);
        let (runs, help) = (self.vacuum_runs.load(Ordering::Relaxed), "Runs that removed what had come to its end.");
        text.single("countersign_vacuum_runs_total", help, Kind::Counter, runs);
        self.traffic.write(text);
    }

    /// Writes how often each limit was passed: those of the server, and those of the realm.
    pub fn write_limits(&self, text: &mut Text, realm: &[(Limit, u64)]) {
        let help = "How often somebody went beyond a limit.";
        text.family("countersign_limit_reached_total", help, Kind::Counter);
        for (limit, count) in self.limits.all().chain(realm.iter().map(|(limit, count)| (name_of(*limit), *count))) {
            text.sample(&[("limit", limit)], count);
        }
    }
}

fn serializer(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "json",
        Encoding::MsgPack => "msgpack",
        Encoding::Cbor => "cbor",
        Encoding::Ubjson => "ubjson",
    }
}

/// One session, as long as it is open.
#[derive(Debug)]
pub struct OpenSession {
    metrics: Arc<Metrics>,
    labels: [&'static str; 3],
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.metrics.sessions_open.subtract(self.labels);
    }
}

#[cfg(test)]
mod tests {
    use countersign_wamp::MessageType;

    use super::*;

    fn written(metrics: &Metrics) -> String {
        let mut text = Text::default();
        metrics.write(&mut text);
        metrics.write_limits(&mut text, &[(Limit::PendingCalls, 7)]);
        text.finish()
    }

    #[track_caller]
    fn check(metrics: &Metrics, line: &str) {
        let text = written(metrics);
        assert!(text.lines().any(|one| one == line), "{line}\n---\n{text}");
    }

    #[test]
    fn a_session_counts_as_open_until_it_is_dropped() {
        let metrics = Arc::new(Metrics::default());
        let labels = "{transport=\"websocket\",serializer=\"cbor\",authmethod=\"ticket\"}";
        let via = Via { transport: "websocket", encoding: Encoding::Cbor };
        let first = metrics.session_opened(via, "ticket");
        let second = metrics.session_opened(via, "ticket");
        check(&metrics, &format!("countersign_sessions_open{labels} 2"));
        drop(first);
        check(&metrics, &format!("countersign_sessions_open{labels} 1"));
        drop(second);
        check(&metrics, &format!("countersign_sessions_open{labels} 0"));
        check(&metrics, &format!("countersign_sessions_opened_total{labels} 2"));
    }

    #[test]
    fn the_messages_of_all_connections_are_summed() {
        let metrics = Arc::new(Metrics::default());
        for _ in 0..40 {
            let traffic = metrics.traffic();
            traffic.received(MessageType::Publish, 10);
            traffic.sent(MessageType::Event, 20);
            traffic.sent(MessageType::Event, 1);
        }
        check(&metrics, "countersign_messages_received_total{type=\"PUBLISH\"} 40");
        check(&metrics, "countersign_messages_sent_total{type=\"EVENT\"} 80");
        check(&metrics, "countersign_messages_sent_total{type=\"RESULT\"} 0");
        check(&metrics, "countersign_received_bytes_total 400");
        check(&metrics, "countersign_sent_bytes_total 840");
    }

    #[test]
    fn every_limit_has_a_line_from_the_start() {
        let metrics = Metrics::default();
        metrics.limit_reached(ServerLimit::MessageDepth);
        check(&metrics, "countersign_limit_reached_total{limit=\"limits.message_depth_max\"} 1");
        check(&metrics, "countersign_limit_reached_total{limit=\"limits.message_bytes_max\"} 0");
        check(&metrics, "countersign_limit_reached_total{limit=\"limits.pending_calls_max\"} 7");
    }

    #[test]
    fn each_family_is_described_once_before_its_lines() {
        let metrics = Metrics::default();
        metrics.login("ticket", "accepted");
        metrics.login("ticket", "wrong_ticket");
        let text = written(&metrics);
        for family in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
            assert_eq!(text.matches(&format!("# TYPE {family} ")).count(), 1, "{family}");
            assert_eq!(text.matches(&format!("# HELP {family} ")).count(), 1, "{family}");
        }
        check(&metrics, "countersign_logins_total{method=\"ticket\",outcome=\"wrong_ticket\"} 1");
        check(&metrics, &format!("countersign_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    }
}
