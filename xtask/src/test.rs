//! The chore `test`: every check and every test, in the order that fails soonest.

use std::path::PathBuf;

use crate::cluster::{Cluster, URL_VARIABLE};
use crate::command::{Outcome, cargo, command, run};
use crate::metadata::Workspace;
use crate::steps::Steps;
use crate::{instructions, node, python, tidy, tools};

/// The example of the client that runs the conformance scenarios.
const SCENARIO_PEER: &str = "scenario_peer";

/// The argument of `bench` that measures Crossbar too.
const WITH_CROSSBAR: &str = "--with-crossbar";

const FIX_FORMAT: &str = "Run `cargo fmt --all` and commit what it changed.";
const FIX_LINT: &str = "Fix the first complaint above; `cargo clippy --fix` can do some of them.";
const FIX_DOCS: &str = "Fix the first complaint above: a broken link or a missing documentation comment.";
const FIX_BUILD: &str = "Fix the first compiler error above.";
const FIX_TEST: &str = "Read the first failure above; `cargo xtask with-postgres cargo test NAME` runs it alone.";
const FIX_CONFORMANCE: &str = "Read the first failure above; `cargo xtask conformance -k NAME` runs it alone.";

/// Everything.
pub fn everything() -> Outcome {
    let mut steps = Steps::new(11);
    let postgres = steps.run("Tools", tools_installed)?;
    steps.run("Format and lint", lint)?;
    steps.run("Documentation", documentation)?;
    steps.run("Edges and sizes", tidy::check)?;
    steps.run("Build", build)?;
    let cluster = steps.run("PostgreSQL", || Cluster::start(&postgres))?;
    steps.run("Instructions", instructions::check)?;
    steps.run("Rust tests", || run(cargo(&["test", "--workspace"]).env(URL_VARIABLE, cluster.url()), FIX_TEST))?;
    let workspace = Workspace::load()?;
    let clients = Clients::installed(&workspace, &mut steps)?;
    steps.run("Conformance", || conformance(&workspace, &clients, &cluster, &[]))?;
    steps.summary();
    Ok(())
}

/// The foreign clients alone; `arguments` go to pytest.
pub fn conformance_alone(arguments: &[String]) -> Outcome {
    let mut steps = Steps::new(5);
    let postgres = steps.run("Tools", tools_installed)?;
    steps.run("Build", || {
        run(&mut cargo(&["build", "--package", "countersign-server"]), FIX_BUILD)?;
        run(&mut cargo(&["build", "--package", "countersign-client", "--example", SCENARIO_PEER]), FIX_BUILD)
    })?;
    let workspace = Workspace::load()?;
    let clients = Clients::installed(&workspace, &mut steps)?;
    steps.run("Conformance", || {
        let cluster = Cluster::start(&postgres)?;
        conformance(&workspace, &clients, &cluster, arguments)
    })?;
    steps.summary();
    Ok(())
}

/// The release build, measured; `arguments` go to the bench, but for the one that is ours.
pub fn bench(arguments: &[String]) -> Outcome {
    let (ours, others): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| *word == WITH_CROSSBAR);
    let packages = ["--package", "countersign-server", "--package", "countersign-bench"];
    run(cargo(&["build", "--release"]).args(packages), FIX_BUILD)?;
    let workspace = Workspace::load()?;
    let program = workspace.target.join("release").join("countersign-bench");
    let mut bench = command(program, others);
    if !ours.is_empty() {
        tools::python()?;
        bench.arg("--crossbar").arg(python::crossbar(&workspace.target)?);
    }
    run(&mut bench, "Read its message above.")
}

/// One command with a cluster of its own.
pub fn with_postgres(program: &str, arguments: &[String]) -> Outcome {
    let cluster = Cluster::start(&tools::postgres()?)?;
    run(command(program, arguments).env(URL_VARIABLE, cluster.url()), "Read its output above.")
}

fn tools_installed() -> Outcome<PathBuf> {
    tools::cargo_components()?;
    tools::python()?;
    tools::node()?;
    tools::directory()?;
    tools::valgrind()?;
    let postgres = tools::postgres()?;
    println!("PostgreSQL: {}", postgres.display());
    Ok(postgres)
}

fn lint() -> Outcome {
    run(&mut cargo(&["fmt", "--all", "--check"]), FIX_FORMAT)?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]), FIX_LINT)
}

fn documentation() -> Outcome {
    run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"), FIX_DOCS)
}

fn build() -> Outcome {
    run(&mut cargo(&["build", "--workspace", "--all-targets"]), FIX_BUILD)
}

/// Where the foreign clients are.
struct Clients {
    /// The interpreter of the environment with those in Python.
    python: PathBuf,
    /// The directory with those in JavaScript.
    node: PathBuf,
}

impl Clients {
    /// Two steps: both kinds of packages, pinned.
    fn installed(workspace: &Workspace, steps: &mut Steps) -> Outcome<Self> {
        let sources = workspace.root.join("conformance");
        let requirements = sources.join("requirements.txt");
        let python = steps.run("Python packages", || python::environment(&workspace.target, &requirements))?;
        let node = steps.run("Node packages", || node::packages(&workspace.target, &sources))?;
        Ok(Self { python, node })
    }
}

fn conformance(workspace: &Workspace, clients: &Clients, cluster: &Cluster, arguments: &[String]) -> Outcome {
    let mut pytest = command(&clients.python, ["-m", "pytest"]);
    pytest
        .args(arguments)
        .current_dir(workspace.root.join("conformance"))
        .env("COUNTERSIGN_SCENARIO_PEER", workspace.target.join("debug").join("examples").join(SCENARIO_PEER))
        .env("COUNTERSIGN_NODE_PACKAGES", &clients.node)
        .env("COUNTERSIGN_BIN", workspace.target.join("debug").join("countersign"))
        .env(URL_VARIABLE, cluster.url());
    run(&mut pytest, FIX_CONFORMANCE)
}
