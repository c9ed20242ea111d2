//! The targets: what the figures have to be, as data.
//!
//! Most are ratios within one run on one machine, because rates alone change with the machine.

use std::fmt;

use crate::metric::{self, Metric};
use crate::report::Row;

/// One target.
#[derive(Debug)]
pub struct Bound {
    /// The scenario.
    pub scenario: &'static str,
    /// In whose row it stands.
    pub contender: &'static str,
    /// What is looked at.
    pub metric: Metric,
    /// Divided by the same of these rows, by their mean if they are several; a scenario `""` is the same one.
    pub over: &'static [(&'static str, &'static str)],
    /// What it has to be.
    pub limit: Limit,
}

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

const OURS: &str = "countersign";
const RELAY: &[(&str, &str)] = &[("", "relay")];
const CROSSBAR: &[(&str, &str)] = &[("", "crossbar")];
const CROSSBAR_TICKET: &[(&str, &str)] = &[("session by API key, 64 clients", "crossbar")];
const TENTH: &[(&str, &str)] = &[("", "100 thousand rows")];

const EIGHT_PAIRS: &str = "rpc 8 pairs, depth 16, 16 B";
const MSGPACK: &str = "rpc 8 pairs, depth 16, MessagePack to MessagePack";
const CBOR: &str = "rpc 8 pairs, depth 16, CBOR to CBOR";

/// Equal ends, both of them, whose cost the mixed ones are held against.
const JSON_AND_MSGPACK: &[(&str, &str)] = &[(EIGHT_PAIRS, OURS), (MSGPACK, OURS)];
const JSON_AND_CBOR: &[(&str, &str)] = &[(EIGHT_PAIRS, OURS), (CBOR, OURS)];
const MSGPACK_AND_CBOR: &[(&str, &str)] = &[(MSGPACK, OURS), (CBOR, OURS)];

const fn at_least(
    scenario: &'static str,
    metric: Metric,
    over: &'static [(&'static str, &'static str)],
    least: f64,
) -> Bound {
    Bound { scenario, contender: OURS, metric, over, limit: Limit::AtLeast(least) }
}

const fn at_most(
    scenario: &'static str,
    metric: Metric,
    over: &'static [(&'static str, &'static str)],
    most: f64,
) -> Bound {
    Bound { scenario, contender: OURS, metric, over, limit: Limit::AtMost(most) }
}

const FULL: &str = "1 million rows";

/// What an operation costs the processor with a million rows, over what it costs with a hundred thousand.
const fn full(scenario: &'static str) -> Bound {
    Bound { scenario, contender: FULL, metric: Metric::ServerNs, over: TENTH, limit: Limit::AtMost(1.5) }
}

/// The same of the time that it takes, in which the disk counts.
const fn full_rate(scenario: &'static str) -> Bound {
    Bound { scenario, contender: FULL, metric: Metric::Rate, over: TENTH, limit: Limit::AtLeast(1.0 / 1.5) }
}

/// All targets. Those that are not about the load are in docs/performance.md.
pub const BOUNDS: &[Bound] = &[
    at_least("rpc 1 pair, depth 1, one core", Metric::Rate, RELAY, 0.85),
    at_most(EIGHT_PAIRS, Metric::ServerNs, &[], 4_000.0),
    at_least(EIGHT_PAIRS, Metric::Rate, RELAY, 0.2),
    at_least(EIGHT_PAIRS, Metric::Rate, CROSSBAR, 40.0),
    at_most("publish 1 to 100, 16 B", Metric::ServerNs, &[], 1_000.0),
    at_least("publish 1 to 100, 16 B", Metric::Rate, CROSSBAR, 12.0),
    at_most("rpc 8 pairs, depth 16, JSON to MessagePack", Metric::ServerNs, JSON_AND_MSGPACK, 3.0),
    at_most("rpc 8 pairs, depth 16, MessagePack to JSON", Metric::ServerNs, JSON_AND_MSGPACK, 3.0),
    at_most("rpc 8 pairs, depth 16, JSON to CBOR", Metric::ServerNs, JSON_AND_CBOR, 3.0),
    at_most("rpc 8 pairs, depth 16, CBOR to JSON", Metric::ServerNs, JSON_AND_CBOR, 3.0),
    at_most("rpc 8 pairs, depth 16, MessagePack to CBOR", Metric::ServerNs, MSGPACK_AND_CBOR, 3.0),
    at_most("rpc 8 pairs, depth 16, CBOR to MessagePack", Metric::ServerNs, MSGPACK_AND_CBOR, 3.0),
    at_most("session by API key, 64 clients", Metric::ServerNs, &[], 120_000.0),
    at_least("session by API key, 64 clients", Metric::Rate, CROSSBAR, 6.0),
    at_most("session by one-time password, 64 clients", Metric::ServerNs, &[], 120_000.0),
    at_least("session by one-time password, 64 clients", Metric::Rate, CROSSBAR_TICKET, 6.0),
    at_least("otp mint and login, 64 clients", Metric::Rate, &[], 1_500.0),
    at_most("otp mint and login, 64 clients", Metric::FlushesPerCommit, &[], 1.2),
    at_most("otp mint and login, 64 clients", Metric::P99Us, &[], 25_000.0),
    at_least("session validation by REST, 16 connections", Metric::Rate, &[], 20_000.0),
    at_most("session validation by REST, 16 connections", Metric::P99Us, &[], 2_000.0),
    at_least("session by password, 16 clients", Metric::Rate, &[("", "bare hash")], 0.9),
    at_most("refused logins by REST, each reason in turn", Metric::SpreadPercent, &[], 5.0),
    at_most("refused logins over WebSocket, each reason in turn", Metric::SpreadPercent, &[], 5.0),
    at_most("10,000 idle sessions, WebSocket", Metric::EachKib, &[], 8.0),
    at_most("10,000 idle sessions, WebSocket", Metric::BeforeKib, &[], 15.0 * 1024.0),
    at_most("10,000 idle sessions, RawSocket", Metric::EachKib, &[], 8.0),
    full("full storage, otp mint"),
    full_rate("full storage, otp mint"),
    full("full storage, otp mint and login"),
    full_rate("full storage, otp mint and login"),
    full("full storage, audit append"),
    full_rate("full storage, audit append"),
    full("full storage, session validation by REST"),
    full_rate("full storage, session validation by REST"),
    Bound {
        scenario: "full storage, start",
        contender: FULL,
        metric: Metric::ReadyMs,
        over: &[],
        limit: Limit::AtMost(1_000.0),
    },
];

/// A target beside what was measured.
#[derive(Debug)]
pub struct Verdict {
    /// The target.
    pub bound: &'static Bound,
    /// What it is.
    pub value: f64,
}

impl Verdict {
    /// Whether the target is met.
    pub fn is_met(&self) -> bool {
        match self.bound.limit {
            Limit::AtLeast(least) => self.value >= least,
            Limit::AtMost(most) => self.value <= most,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bound { metric, over, limit, .. } = self.bound;
        let unit = match over {
            [] => metric.unit().to_owned(),
            [("", contender)] => format!("× {contender}{}", kind(*metric)),
            [(scenario, contender)] => format!("× {contender}, {scenario}{}", kind(*metric)),
            _ => format!("× equal ends{}", kind(*metric)),
        };
        let (sign, wanted) = match limit {
            Limit::AtLeast(least) => ('≥', least),
            Limit::AtMost(most) => ('≤', most),
        };
        let verdict = if self.is_met() { "met" } else { "**missed**" };
        write!(f, "{verdict}: {} ({sign} {} {unit})", metric::text(self.value), metric::text(*wanted))
    }
}

/// What of the other row it is, where that isn't the rate.
fn kind(metric: Metric) -> &'static str {
    if metric == Metric::ServerNs { ", processor time" } else { "" }
}

/// The targets of this row that can be judged by what was measured.
pub fn verdicts(rows: &[Row], row: &Row) -> Vec<Verdict> {
    let bounds = BOUNDS.iter().filter(|bound| bound.scenario == row.scenario && bound.contender == row.contender);
    bounds.filter_map(|bound| Some(Verdict { bound, value: value(rows, row, bound)? })).collect()
}

fn value(rows: &[Row], row: &Row, bound: &Bound) -> Option<f64> {
    let own = row.median(bound.metric)?;
    let mut others = Vec::new();
    for (scenario, contender) in bound.over {
        let scenario = if scenario.is_empty() { row.scenario.as_str() } else { scenario };
        let other = rows.iter().find(|other| other.scenario == scenario && other.contender == *contender)?;
        others.push(other.median(bound.metric)?);
    }
    if others.is_empty() {
        return Some(own);
    }
    let count = metric::float(u64::try_from(others.len()).unwrap_or(1));
    Some(own / (others.iter().sum::<f64>() / count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Sample;
    use crate::plan;

    #[test]
    fn every_target_is_about_a_scenario_and_who_is_measured_with_it() {
        let scenarios = plan::all();
        let check = |name: &str, contender: &str| {
            let scenario = scenarios.iter().find(|scenario| scenario.name == name);
            let names = scenario.map(plan::Scenario::contenders);
            let is_there = names.is_some_and(|names| names.iter().any(|one| one.name() == contender));
            assert!(is_there, "{contender} isn't measured with {name:?}");
        };
        for bound in BOUNDS {
            check(bound.scenario, bound.contender);
            for (scenario, contender) in bound.over {
                check(if scenario.is_empty() { bound.scenario } else { scenario }, contender);
            }
        }
    }

    #[test]
    fn judges_a_ratio_at_its_limit() {
        let row = |contender, rate| Row {
            scenario: "rpc 1 pair, depth 1, one core".to_owned(),
            contender,
            samples: vec![Sample::from([(Metric::Rate, rate)])],
        };
        let check = |ours, want: &str| {
            let rows = [row("relay", 100.0), row("countersign", ours)];
            let [_, ours] = &rows;
            let texts: Vec<_> = verdicts(&rows, ours).iter().map(ToString::to_string).collect();
            assert_eq!(texts, [want]);
        };
        check(85.0, "met: 0.85 (≥ 0.85 × relay)");
        check(84.0, "**missed**: 0.84 (≥ 0.85 × relay)");
    }

    #[test]
    fn says_nothing_where_the_other_was_not_measured() {
        let row = Row {
            scenario: "rpc 1 pair, depth 1, one core".to_owned(),
            contender: OURS,
            samples: vec![Sample::from([(Metric::Rate, 1.0)])],
        };
        assert!(verdicts(std::slice::from_ref(&row), &row).is_empty());
    }
}
