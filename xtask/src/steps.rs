//! A run as numbered steps, each with a headline and its duration.

use std::time::{Duration, Instant};

use crate::command::Outcome;

/// Prints the headlines and adds up the time.
pub struct Steps {
    started: Instant,
    total: usize,
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// A run of `total` steps.
    pub fn new(total: usize) -> Self {
        Self { started: Instant::now(), total, done: Vec::new() }
    }

    /// Runs one step under its headline.
    pub fn run<T>(&mut self, headline: &'static str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        println!("\n=== [{}/{}] {headline}", self.done.len() + 1, self.total);
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        let verdict = if outcome.is_ok() { "done" } else { "stopped" };
        println!("=== [{}/{}] {headline}: {verdict} after {}", self.done.len() + 1, self.total, seconds(took));
        self.done.push((headline, took));
        outcome
    }

    /// Prints where the time went.
    pub fn summary(&self) {
        println!("\nAll {} steps passed in {}:", self.done.len(), seconds(self.started.elapsed()));
        for (headline, took) in &self.done {
            println!("  {:>9}  {headline}", seconds(*took));
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
