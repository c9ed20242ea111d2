//! Figures as a table and as JSON.

use serde_json::{Value, json};

use crate::measure::Figures;
use crate::scenario::idle::Memory;

/// The outcome of one measurement.
#[derive(Debug, Clone, Copy)]
pub enum Sample {
    /// Of a load that runs for some time.
    Figures(Figures),
    /// Of idle sessions.
    Memory(Memory),
}

impl From<Figures> for Sample {
    fn from(figures: Figures) -> Self {
        Self::Figures(figures)
    }
}

impl From<Memory> for Sample {
    fn from(memory: Memory) -> Self {
        Self::Memory(memory)
    }
}

/// All rounds of one scenario with one target.
#[derive(Debug, Clone)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// The target.
    pub target: &'static str,
    /// One for each round.
    pub samples: Vec<Sample>,
}

impl Row {
    /// The median over the rounds of what `read` takes from a sample.
    fn median(&self, read: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self.samples.iter().filter_map(read).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn columns(&self) -> [(&'static str, Option<f64>); 6] {
        let of = |read: fn(&Figures) -> Option<f64>| {
            self.median(|sample| match sample {
                Sample::Figures(figures) => read(figures),
                Sample::Memory(_) => None,
            })
        };
        let memory = |read: fn(&Memory) -> f64| {
            self.median(|sample| match sample {
                Sample::Memory(memory) => Some(read(memory) / 1024.0),
                Sample::Figures(_) => None,
            })
        };
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let before = memory(|memory| memory.before_bytes as f64);
        [
            ("operations/s", of(|figures| Some(figures.rate))),
            ("server ns/operation", of(|figures| Some(figures.server_ns))),
            ("p50 us", of(|figures| figures.p50_us)),
            ("p99 us", of(|figures| figures.p99_us)),
            ("KiB/session", memory(|memory| memory.each_bytes)),
            ("KiB before", before),
        ]
    }

    /// As JSON, with every round.
    pub fn json(&self) -> Value {
        let medians: serde_json::Map<String, Value> =
            self.columns().into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect();
        json!({ "scenario": self.scenario, "target": self.target, "rounds": self.samples.len(), "median": medians })
    }
}

/// The table, in Markdown; each row of a scenario beside the relay's has its share of that.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        "| scenario | target | operations/s | of the relay | server ns/operation | p50 µs | p99 µs | KiB/session | KiB before |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for row in rows {
        let floor = rows.iter().find(|other| other.scenario == row.scenario && other.target == "relay");
        let rate = |row: &Row| row.columns().first().and_then(|(_, value)| *value);
        let share = match (floor.and_then(rate), rate(row)) {
            (Some(floor), Some(rate)) => format!("{:.2}", rate / floor),
            _ => String::new(),
        };
        let mut cells = row.columns().map(|(_, value)| value.map_or_else(String::new, figure)).to_vec();
        cells.insert(1, share);
        lines.push(format!("| {} | {} | {} |", row.scenario, row.target, cells.join(" | ")));
    }
    lines.join("\n")
}

/// Three digits that mean something, and thousands apart.
fn figure(value: f64) -> String {
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
        assert_eq!(figure(1.234), "1.23");
        assert_eq!(figure(12.34), "12.3");
        assert_eq!(figure(857_000.4), "857,000");
        assert_eq!(figure(1_234_567.0), "1,234,567");
    }
}
