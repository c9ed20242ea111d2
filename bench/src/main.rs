//! Measures Countersign beside a bare relay on the same machine.
//!
//! Purpose: figures that anybody can get again. What is measured is the release build with default settings; load and
//! server share the machine, so the server's own processor time per operation says more than operations a second, and
//! a share of the relay's rate more than the rate.
//!
//! Absent on purpose: any mode of the server for benchmarks.

mod bounds;
mod http;
mod measure;
mod metric;
mod plan;
mod relay;
mod report;
mod scenario;
mod session;
mod stage;
mod target;
mod usage;
mod wire;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use plan::Scenario;
use report::Row;
use report::machine::Machine;
use stage::Stage;

/// Measures Countersign beside a bare relay and other routers.
#[derive(Debug, Parser)]
#[command(name = "countersign-bench")]
struct Arguments {
    /// The program to measure; the one beside this program unless given.
    #[arg(long)]
    server: Option<PathBuf>,
    /// The program `crossbar`, to be measured too.
    #[arg(long)]
    crossbar: Option<PathBuf>,
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
    /// Writes machine and table as Markdown into this file, between its marks if it has them.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Writes a chart of the rates as SVG into this file.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Fails if a target is missed.
    #[arg(long)]
    check: bool,
    /// Names the scenarios and ends.
    #[arg(long)]
    list: bool,
    /// Rows in place of a million, for trying out.
    #[arg(long, hide = true, default_value_t = 1_000_000)]
    rows: u64,
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
    let server = match &arguments.server {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("countersign"),
    };
    let machine = Machine::look(&server, arguments.crossbar.as_deref(), arguments.rounds, arguments.seconds).await;
    let crossbar = arguments.crossbar.clone();
    let mut stage = Stage { binary: server, crossbar, rows: arguments.rows, filled: Vec::new() };
    let mut rows: Vec<Row> = Vec::new();
    let mut failures = Vec::new();
    for scenario in &scenarios {
        // The others are worth measuring all the same.
        if let Err(error) = measure(&mut stage, scenario, arguments, &mut rows).await {
            eprintln!("{error}");
            failures.push(error.to_string());
        }
        report(arguments, &machine, &rows)?;
    }
    println!("{}", report::table(&rows));
    if !failures.is_empty() {
        return Err(io::Error::other(failures.join("\n")));
    }
    if arguments.check && !report::is_all_met(&rows) {
        return Err(io::Error::other("a target is missed"));
    }
    Ok(())
}

async fn measure(stage: &mut Stage, scenario: &Scenario, arguments: &Arguments, rows: &mut Vec<Row>) -> io::Result<()> {
    let window = Duration::from_secs(arguments.seconds);
    let contenders: Vec<_> = scenario.contenders().into_iter().filter(|one| stage.has(*one)).collect();
    let mut own: Vec<Row> = contenders
        .iter()
        .map(|one| Row { scenario: scenario.name.clone(), contender: one.name(), samples: Vec::new() })
        .collect();
    for round in 1..=arguments.rounds {
        eprintln!("{} (round {round} of {})", scenario.name, arguments.rounds);
        // They alternate, so that what ails the machine for a while ails all.
        for (contender, row) in contenders.iter().zip(&mut own) {
            let sample = stage.measure(scenario, *contender, window).await;
            let named = |error| io::Error::other(format!("{}, {}: {error}", scenario.name, contender.name()));
            row.samples.push(sample.map_err(named)?);
        }
    }
    rows.extend(own);
    Ok(())
}

fn report(arguments: &Arguments, machine: &Machine, rows: &[Row]) -> io::Result<()> {
    if let Some(path) = &arguments.json {
        std::fs::write(path, format!("{:#}\n", report::json(machine, rows)))?;
    }
    if let Some(path) = &arguments.markdown {
        report::write_markdown(path, machine, rows, arguments.svg.as_deref())?;
    }
    if let Some(path) = &arguments.svg {
        std::fs::write(path, report::chart::svg(rows))?;
    }
    Ok(())
}
