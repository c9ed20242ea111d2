//! The text that Prometheus reads.

use std::fmt::Write as _;

/// What a family's numbers do.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// They only grow, until the server starts again.
    Counter,
    /// They go up and down.
    Gauge,
}

/// The text, as it is written: a family's head, then its samples.
#[derive(Debug, Default)]
pub struct Text {
    family: &'static str,
    out: String,
}

impl Text {
    /// Media type of the text.
    pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Begins a family. `help` is one line.
    pub fn family(&mut self, name: &'static str, help: &str, kind: Kind) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.family = name;
        // Writing to a string can't fail.
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A number of the family that was begun last. Label values are the program's own words and
    /// need no escaping.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: u64) {
        self.name(labels);
        let _ = writeln!(self.out, " {value}");
    }

    /// A family of one number without labels.
    pub fn single(&mut self, name: &'static str, help: &str, kind: Kind, value: u64) {
        self.family(name, help, kind);
        self.sample(&[], value);
    }

    /// A time in microseconds, as seconds.
    pub fn seconds(&mut self, micros: i64) {
        self.name(&[]);
        let _ = writeln!(self.out, " {}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    }

    fn name(&mut self, labels: &[(&str, &str)]) {
        self.out.push_str(self.family);
        for (index, (name, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.out, "{before}{name}=\"{value}\"");
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.out
    }
}
