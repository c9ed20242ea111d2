//! The chore `instructions`: counts what the path of a routed message costs, and holds the count against the one that is
//! kept.
//!
//! Instructions are the same on a busy machine and on a quiet one, which times are not; so a change by a few parts in a
//! hundred is seen.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::command::{Failure, Outcome, cargo, command, output_of, run};
use crate::metadata::Workspace;
use crate::tools;

/// The file with the count.
const KEPT: &str = "bench/instructions.json";
/// The program that routes the trace, and what of it is counted.
const PROGRAM: &str = "countersign-trace";
const COUNTED: &str = "--toggle-collect=countersign_trace::trace::route_all";
/// By how many parts in a hundred the count may differ.
const PERCENT_MAX: f64 = 3.0;
const BY_HAND: &str = "Find out what costs more (or less: then keep it): valgrind --tool=callgrind --dump-instr=yes, then \
                       callgrind_annotate. If it is worth it, write the new count and the reason into";

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    instructions: u64,
    /// Another compiler or processor makes other code.
    rust: String,
    arch: String,
}

/// Counts and compares.
pub fn check() -> Outcome {
    tools::valgrind()?;
    let workspace = Workspace::load()?;
    let kept = read(&workspace.root.join(KEPT))?;
    let build = ["build", "--release", "--package", PROGRAM];
    run(&mut cargo(&build), "Fix the first compiler error above.")?;
    let counted = count(&workspace.target.join("release").join(PROGRAM))?;
    let rust = output_of(&mut command("rustc", ["--version"]), "Look after rustc.")?;
    let rust = rust.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let here = Kept { instructions: counted, rust, arch: std::env::consts::ARCH.to_owned() };
    let (text, is_within) = compare(&kept, &here);
    println!("{text}");
    if is_within { Ok(()) } else { Err(Failure::new(text, format!("{BY_HAND} {KEPT}."))) }
}

/// What there is to say, and whether it is well.
fn compare(kept: &Kept, here: &Kept) -> (String, bool) {
    let percent = difference(kept.instructions, here.instructions);
    let text = format!(
        "{} instructions for the trace, {percent:+.2} % of the {} that are kept; {PERCENT_MAX} % are allowed",
        here.instructions, kept.instructions
    );
    if (&kept.rust, &kept.arch) != (&here.rust, &here.arch) {
        let Kept { rust, arch, .. } = kept;
        let with = format!(
            "{text}. Not judged: the count is of Rust {rust} on {arch}, this is {} on {}",
            here.rust, here.arch
        );
        return (with, true);
    }
    (text, percent.abs() <= PERCENT_MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn difference(kept: u64, here: u64) -> f64 {
    (here as f64 - kept as f64) * 100.0 / (kept as f64).max(1.0)
}

fn count(program: &Path) -> Outcome<u64> {
    let log = tempfile::NamedTempFile::new();
    let log = log.map_err(|error| Failure::new(format!("no temporary file: {error}"), "Make room for one."))?;
    let mut callgrind = command("valgrind", ["--tool=callgrind", "--callgrind-out-file=/dev/null", COUNTED]);
    callgrind.arg(format!("--log-file={}", log.path().display())).arg(program).stdin(Stdio::null());
    run(&mut callgrind, "Read its message above.")?;
    let text = std::fs::read_to_string(log.path()).unwrap_or_default();
    collected(&text).ok_or_else(|| Failure::new(format!("callgrind has counted nothing:\n{text}"), "Read its message."))
}

/// The count in what callgrind says at its end.
fn collected(log: &str) -> Option<u64> {
    let count = log.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    count.filter(|count| *count > 0)
}

fn read(path: &Path) -> Outcome<Kept> {
    let odd = |what: String| Failure::new(format!("{}: {what}", path.display()), "Check out the file again.");
    let text = std::fs::read_to_string(path).map_err(|error| odd(error.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| odd(error.to_string()))?;
    let word = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let kept = value.get("instructions").and_then(Value::as_u64).zip(word("rust")).zip(word("arch"));
    let kept = kept.filter(|_| word("reason").is_some_and(|reason| !reason.trim().is_empty()));
    let kept = kept.map(|((instructions, rust), arch)| Kept { instructions, rust, arch });
    kept.ok_or_else(|| odd("it has to have `instructions`, `rust`, `arch` and a `reason`".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(instructions: u64, rust: &str) -> Kept {
        Kept { instructions, rust: rust.to_owned(), arch: "x86_64".to_owned() }
    }

    #[test]
    fn allows_three_percent_either_way_and_no_more() {
        let check = |here, want| assert_eq!(compare(&kept(100_000, "1"), &kept(here, "1")).1, want, "{here}");
        check(103_000, true);
        check(103_001, false);
        check(97_000, true);
        check(96_999, false);
    }

    #[test]
    fn another_compiler_is_not_judged_and_said_so() {
        let (text, is_within) = compare(&kept(100, "1"), &kept(200, "2"));
        assert!(is_within && text.contains("Not judged: the count is of Rust 1"), "{text}");
    }

    #[test]
    fn reads_what_callgrind_counted() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 12345\n==7==\n"), Some(12_345));
        assert_eq!(collected("==7== Collected : 0\n"), None);
        assert_eq!(collected("nothing"), None);
    }

    #[test]
    fn a_count_needs_a_reason() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("instructions.json");
        let check = |text: &str, want: bool| {
            std::fs::write(&path, text).expect("a file");
            assert_eq!(read(&path).is_ok(), want, "{text}");
        };
        check(r#"{"instructions": 1, "rust": "1", "arch": "x", "reason": "the first"}"#, true);
        check(r#"{"instructions": 1, "rust": "1", "arch": "x", "reason": " "}"#, false);
        check(r#"{"instructions": 1, "rust": "1", "arch": "x"}"#, false);
        check("{", false);
    }
}
