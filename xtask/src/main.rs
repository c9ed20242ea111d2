//! Chores of the workspace: `cargo xtask <chore>`.
//!
//! Purpose: one command that a newcomer and the build machine run alike. It installs what it needs by name, starts what
//! it needs for the time of the run, and stops at the first failure with what to do next.
//!
//! Absent on purpose: every dependency beyond a JSON reader and temporary files. A chore must build in seconds.

mod cluster;
mod command;
mod edges;
mod instructions;
mod metadata;
mod node;
mod python;
mod sizes;
mod sources;
mod steps;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use command::Failure;

const USAGE: &str = "\
Usage: cargo xtask <chore>

  test                    run every check and every test; installs what they need
  ci                      the same, by the name that build machines use
  tidy                    check the edges between the crates and the sizes of the files
  conformance [ARG...]    build the server and run the foreign clients against it; ARGs go to pytest
  bench [ARG...]          measure the release build beside a bare relay; --list names the scenarios, --with-crossbar
                          installs Crossbar and measures it too
  instructions            count the instructions of a routed message, and compare with the count that is kept
  with-postgres CMD...    run a command with a throw-away PostgreSQL in COUNTERSIGN_TEST_POSTGRES";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = match arguments.split_first() {
        Some((chore, rest)) => (chore.as_str(), rest),
        None => ("", Default::default()),
    };
    let outcome = match (chore, rest) {
        ("test" | "ci", []) => test::everything(),
        ("tidy", []) => tidy::check(),
        ("conformance", arguments) => test::conformance_alone(arguments),
        ("instructions", []) => instructions::check(),
        ("bench", arguments) => test::bench(arguments),
        ("with-postgres", [program, arguments @ ..]) => test::with_postgres(program, arguments),
        ("" | "help" | "--help" | "-h", _) => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::new(format!("there is no chore {:?}", arguments.join(" ")), USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}
