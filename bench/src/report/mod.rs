//! Figures as a table, as JSON and as a chart.

pub mod chart;
pub mod machine;

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::bounds;
use crate::metric::{self, Metric, Sample};
use machine::Machine;

/// What stands before and behind the figures in a document.
const MARKS: [&str; 2] = ["<!-- figures: written by the bench -->\n", "<!-- end of figures -->\n"];

/// All rounds of one scenario with one contender.
#[derive(Debug, Clone)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// Who was measured.
    pub contender: &'static str,
    /// One for each round.
    pub samples: Vec<Sample>,
}

impl Row {
    /// The median over the rounds.
    pub fn median(&self, metric: Metric) -> Option<f64> {
        let mut values: Vec<f64> = self.samples.iter().filter_map(|sample| sample.get(&metric).copied()).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn json(&self, rows: &[Self]) -> Value {
        let all = |sample: &Sample| -> Value {
            sample.iter().map(|(metric, value)| (metric.key().to_owned(), json!(value))).collect()
        };
        let medians: serde_json::Map<String, Value> = Metric::ALL
            .iter()
            .filter_map(|metric| Some((metric.key().to_owned(), json!(self.median(*metric)?))))
            .collect();
        let targets = bounds::verdicts(rows, self);
        let targets = targets.iter().map(|verdict| json!({ "met": verdict.is_met(), "text": verdict.to_string() }));
        json!({
            "scenario": self.scenario,
            "target": self.contender,
            "median": medians,
            "rounds": self.samples.iter().map(all).collect::<Vec<_>>(),
            "targets": targets.collect::<Vec<_>>(),
        })
    }
}

/// Everything, with every round.
pub fn json(machine: &Machine, rows: &[Row]) -> Value {
    json!({ "machine": machine.json(), "rows": rows.iter().map(|row| row.json(rows)).collect::<Vec<_>>() })
}

/// Whether every target that was measured is met.
pub fn is_all_met(rows: &[Row]) -> bool {
    rows.iter().all(|row| bounds::verdicts(rows, row).iter().all(bounds::Verdict::is_met))
}

/// The table, in Markdown. A row beside another's has its share of the first one's rate.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        "| scenario | who | operations/s | of the first | server ns/operation | p50 µs | p99 µs | else | target |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    let text = |value: Option<f64>| value.map_or_else(String::new, metric::text);
    for row in rows {
        let first = rows.iter().find(|other| other.scenario == row.scenario);
        let first = first.filter(|first| first.contender != row.contender).and_then(|first| first.median(Metric::Rate));
        let share = first.zip(row.median(Metric::Rate)).map(|(first, own)| own / first);
        let [rate, server_ns, p50, p99, others @ ..] = Metric::ALL;
        let others = others
            .iter()
            .filter_map(|metric| Some(format!("{} {}", metric::text(row.median(*metric)?), metric.unit())));
        let others = others.collect::<Vec<_>>().join(", ");
        let targets = bounds::verdicts(rows, row);
        let targets = targets.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let figures = [row.median(rate), share, row.median(server_ns), row.median(p50), row.median(p99)].map(text);
        let Row { scenario, contender, .. } = row;
        lines.push(format!("| {scenario} | {contender} | {} | {others} | {targets} |", figures.join(" | ")));
    }
    lines.join("\n") + "\n"
}

/// Writes machine, table and the way to the chart into a file: between the marks of one that has them, else all of it.
pub fn write_markdown(path: &Path, machine: &Machine, rows: &[Row], chart: Option<&Path>) -> io::Result<()> {
    // Documents and their pictures stand side by side.
    let chart =
        chart.and_then(Path::file_name).map(|name| format!("\n![Operations a second]({})\n", name.to_string_lossy()));
    let figures = format!("{}\n{}{}", machine.markdown(), table(rows), chart.unwrap_or_default());
    let document = std::fs::read_to_string(path).unwrap_or_default();
    std::fs::write(path, between_marks(&document, &figures))
}

fn between_marks(document: &str, figures: &str) -> String {
    let [begin, end] = MARKS;
    match document.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1))) {
        Some((before, behind)) => format!("{before}{begin}{figures}{end}{behind}"),
        None => format!("{begin}{figures}{end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_between_the_marks_and_nowhere_else() {
        let [begin, end] = MARKS;
        let check = |document: &str, want: &str| assert_eq!(between_marks(document, "new\n"), want);
        check(&format!("a\n{begin}old\n{end}b\n"), &format!("a\n{begin}new\n{end}b\n"));
        check("", &format!("{begin}new\n{end}"));
    }

    #[test]
    fn a_median_is_the_middle_round() {
        let sample = |rate| Sample::from([(Metric::Rate, rate)]);
        let row = Row { scenario: String::new(), contender: "", samples: vec![sample(9.0), sample(1.0), sample(2.0)] };
        assert_eq!(row.median(Metric::Rate).map(f64::round), Some(2.0));
        assert_eq!(row.median(Metric::ServerNs), None);
    }
}
