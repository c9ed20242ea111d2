//! The rates as a bar chart, in SVG.
//!
//! The axis is logarithmic: between a password login and an event there are five decades.

use std::fmt::Write as _;

use super::Row;
use crate::metric::{self, Metric};

const WIDTH: f64 = 1010.0;
/// Where bars begin.
const LEFT: f64 = 430.0;
/// Room behind the longest bar, for its figure.
const RIGHT: f64 = 150.0;
const TOP: f64 = 60.0;
const BAR: f64 = 14.0;
/// From one scenario to the next, beside its bars.
const GAP: f64 = 8.0;
/// From one operation a second to ten million.
const DECADES: u32 = 7;

/// The chart of all rows that have a rate.
pub fn svg(rows: &[Row]) -> String {
    let rows: Vec<(&Row, f64)> = rows.iter().filter_map(|row| Some((row, row.median(Metric::Rate)?))).collect();
    let mut body = String::new();
    let mut y = TOP;
    let mut before: Option<&str> = None;
    for (row, rate) in &rows {
        if before != Some(row.scenario.as_str()) {
            y += GAP;
            // The name beside its first bar.
            let scenario = escaped(&row.scenario);
            let _ = writeln!(
                body,
                r#"<text x="{}" y="{:.0}" text-anchor="end">{scenario}</text>"#,
                LEFT - 8.0,
                y + BAR - 3.0
            );
        }
        before = Some(&row.scenario);
        let (length, colour) = (x_of(*rate) - LEFT, colour(row.contender));
        let _ = writeln!(
            body,
            r#"<rect x="{LEFT}" y="{y:.0}" width="{length:.1}" height="{:.0}" fill="{colour}"><title>{}</title></rect>"#,
            BAR - 2.0,
            row.contender
        );
        let label = match row.median(Metric::ServerNs) {
            Some(cost) if row.contender == "countersign" => {
                format!("{}/s · {} µs", metric::text(*rate), metric::text(cost / 1e3))
            }
            _ => format!("{}/s", metric::text(*rate)),
        };
        let _ = writeln!(
            body,
            r#"<text x="{:.1}" y="{:.0}" class="figure">{label}</text>"#,
            LEFT + length + 5.0,
            y + BAR - 4.0
        );
        y += BAR;
    }
    let height = y + 20.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\">\n\
         <style>text {{ font: 12px sans-serif; fill: #222 }} .figure {{ font-size: 11px; fill: #444 }} \
         .axis {{ font-size: 11px; fill: #777 }}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}{}{body}</svg>\n",
        legend(&rows),
        grid(height)
    )
}

fn grid(height: f64) -> String {
    let mut text = String::new();
    for decade in 0..=DECADES {
        let rate = 10_f64.powi(i32::try_from(decade).unwrap_or(0));
        let x = x_of(rate);
        let _ = writeln!(text, r##"<path d="M{x:.1} {TOP}V{:.0}" stroke="#ddd"/>"##, height - 12.0);
        let label = if decade == 0 { "1/s".to_owned() } else { metric::text(rate) };
        let _ =
            writeln!(text, r#"<text x="{x:.1}" y="{:.0}" text-anchor="middle" class="axis">{label}</text>"#, TOP - 6.0);
    }
    text
}

/// Who has which colour, of those who are there.
fn legend(rows: &[(&Row, f64)]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (row, _) in rows {
        if !names.contains(&row.contender) {
            names.push(row.contender);
        }
    }
    let mut text = "<text x=\"16\" y=\"20\" font-weight=\"bold\">operations a second (logarithmic); for countersign its processor time \
                    per operation</text>\n"
        .to_owned();
    for (index, name) in names.into_iter().enumerate() {
        let x = 16.0 + 140.0 * f64::from(u32::try_from(index).unwrap_or(0));
        let colour = colour(name);
        let _ = writeln!(text, r#"<rect x="{x:.0}" y="28" width="10" height="10" fill="{colour}"/>"#);
        let _ = writeln!(text, r#"<text x="{:.0}" y="37">{name}</text>"#, x + 15.0);
    }
    text
}

fn x_of(rate: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * (rate.max(1.0).log10() / f64::from(DECADES)).min(1.0)
}

fn colour(contender: &str) -> &'static str {
    match contender {
        "countersign" => "#2a6fb0",
        "crossbar" => "#d9822b",
        "1 million rows" => "#174a7c",
        "100 thousand rows" => "#7fb0dc",
        _ => "#aaa",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Sample;

    #[test]
    fn a_bar_is_as_long_as_the_logarithm_of_its_rate() {
        let row = |contender, rate| Row {
            scenario: "a & b".to_owned(),
            contender,
            samples: vec![Sample::from([(Metric::Rate, rate), (Metric::ServerNs, 2_000.0)])],
        };
        let text = svg(&[row("relay", 1e7), row("countersign", 1.0)]);
        let whole = WIDTH - LEFT - RIGHT;
        assert!(text.contains(&format!("width=\"{whole:.1}\"")), "{text}");
        assert!(text.contains("width=\"0.0\""), "{text}");
        assert!(text.contains("a &amp; b") && text.contains("1.00/s · 2.00 µs"), "{text}");
    }
}
