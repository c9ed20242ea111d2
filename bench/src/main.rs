//! Measures Countersign beside a bare relay on the same machine.
//!
//! Purpose: figures that anybody can get again. What is measured is the release build with default settings; load and
//! server share the machine, so the server's own processor time per operation says more than operations a second, and
//! a share of the relay's rate more than the rate.
//!
//! Absent on purpose: any mode of the server for benchmarks.

mod measure;
mod plan;
mod relay;
mod report;
mod scenario;
mod session;
mod target;
mod usage;
mod wire;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;

use plan::Scenario;
use report::Row;
use target::Target;

/// Measures Countersign beside a bare relay.
#[derive(Debug, Parser)]
#[command(name = "countersign-bench")]
struct Arguments {
    /// The program to measure; the one beside this program unless given.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Only scenarios whose names hold this; may be given more than once.
    #[arg(long)]
    only: Vec<String>,
    /// Rounds; tables show medians over them.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds that each load is measured.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Writes the figures as JSON into this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Names the scenarios and ends.
    #[arg(long)]
    list: bool,
    /// `relay`: runs the relay only, which is for the bench itself.
    #[arg(hide = true)]
    part: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.part.as_deref() {
        Some("relay") => serve_relay(),
        Some(other) => Err(io::Error::other(format!("there is no part {other:?}"))),
        None => bench(&arguments).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("countersign-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// On all cores, as the server.
fn serve_relay() -> io::Result<()> {
    std::thread::spawn(|| tokio::runtime::Runtime::new()?.block_on(relay::run()))
        .join()
        .map_err(|_| io::Error::other("the relay failed"))?
}

async fn bench(arguments: &Arguments) -> io::Result<()> {
    let is_wanted = |scenario: &Scenario| {
        arguments.only.is_empty() || arguments.only.iter().any(|part| scenario.name.contains(part.as_str()))
    };
    let scenarios: Vec<Scenario> = plan::all().into_iter().filter(is_wanted).collect();
    if arguments.list {
        for scenario in &scenarios {
            println!("{}", scenario.name);
        }
        return Ok(());
    }
    let binary = match &arguments.server {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("countersign"),
    };
    let window = Duration::from_secs(arguments.seconds);
    let mut rows = Vec::new();
    for scenario in &scenarios {
        let mut ours = scenario.row();
        let mut floor = scenario.row();
        for round in 1..=arguments.rounds {
            eprintln!("{} (round {round} of {})", scenario.name, arguments.rounds);
            // Targets alternate, each fresh, so that what ails the machine for a while ails both.
            if scenario.has_floor() {
                let (mut relay, target) = target::relay().await?;
                add(&mut floor, scenario, &target, window).await?;
                relay.kill().await?;
            }
            let (_server, target) = target::countersign(&binary).await?;
            add(&mut ours, scenario, &target, window).await?;
        }
        rows.extend([floor, ours].into_iter().filter(|row| !row.samples.is_empty()));
    }
    println!("{}", report::table(&rows));
    if let Some(path) = &arguments.json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        std::fs::write(path, format!("{:#}\n", json!({ "rows": rows })))?;
    }
    Ok(())
}

async fn add(row: &mut Row, scenario: &Scenario, target: &Target, window: Duration) -> io::Result<()> {
    row.target = target.name;
    let sample = scenario.measure(target, window).await;
    row.samples.push(sample.map_err(|error| io::Error::other(format!("{}, {}: {error}", scenario.name, target.name)))?);
    Ok(())
}
