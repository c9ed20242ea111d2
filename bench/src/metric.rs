//! What is measured of an operation, and the figures of one measurement.

use std::collections::BTreeMap;

/// One kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Operations a second.
    Rate,
    /// Processor time of the server per operation, in nanoseconds.
    ServerNs,
    /// Median latency in microseconds.
    P50Us,
    /// The latency in microseconds that one of a hundred exceeds.
    P99Us,
    /// Growth of the server's resident memory for each session, in KiB.
    EachKib,
    /// Resident memory of the server before the first session, in KiB.
    BeforeKib,
    /// From the start of the process until it answers that it is ready, in milliseconds.
    ReadyMs,
    /// Operations that wrote in the database, for each of its commits.
    WritesPerCommit,
    /// Flushes of the disk under the data directory for each commit, those of other processes among them.
    FlushesPerCommit,
    /// By how much the longest of several medians exceeds the shortest, in percent.
    SpreadPercent,
}

impl Metric {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 10] = [
        Self::Rate,
        Self::ServerNs,
        Self::P50Us,
        Self::P99Us,
        Self::EachKib,
        Self::BeforeKib,
        Self::ReadyMs,
        Self::WritesPerCommit,
        Self::FlushesPerCommit,
        Self::SpreadPercent,
    ];

    /// Its name in JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::Rate => "operations_per_second",
            Self::ServerNs => "server_ns_per_operation",
            Self::P50Us => "p50_us",
            Self::P99Us => "p99_us",
            Self::EachKib => "kib_per_session",
            Self::BeforeKib => "kib_before_sessions",
            Self::ReadyMs => "ready_ms",
            Self::WritesPerCommit => "writes_per_commit",
            Self::FlushesPerCommit => "flushes_per_commit",
            Self::SpreadPercent => "median_spread_percent",
        }
    }

    /// Its unit behind a figure.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Rate => "/s",
            Self::ServerNs => "ns of the server",
            Self::P50Us => "µs (p50)",
            Self::P99Us => "µs (p99)",
            Self::EachKib => "KiB each",
            Self::BeforeKib => "KiB before",
            Self::ReadyMs => "ms until ready",
            Self::WritesPerCommit => "writes per commit",
            Self::FlushesPerCommit => "flushes per commit",
            Self::SpreadPercent => "% between medians",
        }
    }
}

/// The figures of one measurement.
pub type Sample = BTreeMap<Metric, f64>;

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Three digits that mean something, and thousands apart.
pub fn text(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_figures_with_the_digits_that_count() {
        assert_eq!(text(1.234), "1.23");
        assert_eq!(text(12.34), "12.3");
        assert_eq!(text(857_000.4), "857,000");
        assert_eq!(text(1_234_567.0), "1,234,567");
    }

    #[test]
    fn names_each_kind_once() {
        let keys: std::collections::BTreeSet<_> = Metric::ALL.map(Metric::key).into();
        assert_eq!(keys.len(), Metric::ALL.len());
    }
}
