//! Programs that the tests need, installed by name where they are missing.

use std::env;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome, cargo, command, output_of, run, succeeds};

/// Where Debian keeps PostgreSQL's server programs: one directory per version.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";
/// What a cluster is made and run with.
const POSTGRES_PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];
/// Where systems keep the directory server, besides PATH; the tests look there too (crates/testkit/src/directory.rs).
const SLAPD_DIRECTORIES: [&str; 3] = ["/usr/sbin", "/usr/libexec", "/usr/lib/openldap"];
/// What Debian's package is told: no configuration, so no service.
const SLAPD_ANSWER: &str = "slapd slapd/no_configuration boolean true";
/// The oldest Python that the pinned packages support, with what makes an environment.
const PYTHON_SUFFICES: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

/// The oldest Node that the pinned packages run on.
const NODE_SUFFICES: &str = "process.exit(Number(process.versions.node.split('.')[0]) < 18 ? 1 : 0)";

/// Directory of PostgreSQL's server programs; installs them when there is none.
pub fn postgres() -> Outcome<PathBuf> {
    if let Some(directory) = find_postgres() {
        return Ok(directory);
    }
    install(&["postgresql"])?;
    find_postgres().ok_or_else(|| {
        Failure::new(
            format!("the package postgresql is installed, but {} aren't there", POSTGRES_PROGRAMS.join(", ")),
            "Put the directory with PostgreSQL's server programs into PATH.",
        )
    })
}

/// Makes sure that there is a directory server, slapd, for tests to start.
pub fn directory() -> Outcome {
    if find_slapd() {
        return Ok(());
    }
    if succeeds(&mut command("apt-get", ["--version"])) {
        // Without an answer the package sets up a directory of the system's, and a service that runs from then on.
        let answer = format!("echo '{SLAPD_ANSWER}' | debconf-set-selections");
        let words = ["sh", "-c", answer.as_str()];
        let by_hand = "Install slapd with the system's package manager, then run the chore again.";
        run(&mut if is_root() { command("env", words) } else { command("sudo", words) }, by_hand)?;
    }
    install(&["slapd"])?;
    if find_slapd() {
        return Ok(());
    }
    let what = "the package slapd is installed, but its program isn't there";
    Err(Failure::new(what, "Put the directory of slapd into PATH."))
}

fn find_slapd() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(SLAPD_DIRECTORIES.map(PathBuf::from));
    places.into_iter().any(|directory| directory.join("slapd").is_file())
}

/// Makes sure that there is a Python for the conformance scenarios, and that `python3 -m venv` works.
pub fn python() -> Outcome {
    let works = || {
        // `ensurepip` is what Debian splits off; without it an environment is made, but has no pip.
        succeeds(&mut command("python3", ["-c", PYTHON_SUFFICES]))
    };
    if works() {
        return Ok(());
    }
    install(&["python3", "python3-venv"])?;
    if works() {
        return Ok(());
    }
    let what = "python3 is older than 3.11 or can't make virtual environments";
    Err(Failure::new(what, "Put a newer python3 into PATH, or make its `-m venv` work."))
}

/// Makes sure that there is a Node for the conformance scenarios, and an npm to install its packages.
pub fn node() -> Outcome {
    let has_node = || succeeds(&mut command("node", ["-e", NODE_SUFFICES]));
    let has_npm = || succeeds(&mut command("npm", ["--version"]));
    // One by one: a Node from elsewhere may bring its npm along, and exclude the system's.
    if !has_node() {
        install(&["nodejs"])?;
    }
    if !has_npm() {
        install(&["npm"])?;
    }
    if has_node() && has_npm() {
        return Ok(());
    }
    Err(Failure::new("node is older than 18, or there is no npm", "Put a newer node and its npm into PATH."))
}

/// Makes sure that there is a valgrind.
pub fn valgrind() -> Outcome {
    let works = || succeeds(&mut command("valgrind", ["--version"]));
    if !works() {
        install(&["valgrind"])?;
    }
    if works() { Ok(()) } else { Err(Failure::new("valgrind doesn't run", "Put a valgrind that runs into PATH.")) }
}

/// Makes sure that cargo can format and lint.
pub fn cargo_components() -> Outcome {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !succeeds(&mut cargo(&[subcommand, "--version"])) {
            let next = format!("Install {component} for this toolchain.");
            run(&mut command("rustup", ["component", "add", component]), &next)?;
        }
    }
    Ok(())
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    output_of(&mut command("id", ["-u"]), "").is_ok_and(|id| id.trim() == "0")
}

fn find_postgres() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir(DEBIAN_POSTGRES)
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort_by_key(|directory| version_of(directory));
    env::split_paths(&path).chain(versions.into_iter().rev()).find(|directory| has_postgres(directory))
}

fn has_postgres(directory: &Path) -> bool {
    POSTGRES_PROGRAMS.iter().all(|program| directory.join(program).is_file())
}

/// The number in `/usr/lib/postgresql/17/bin`.
fn version_of(directory: &Path) -> Option<u32> {
    directory.parent()?.file_name()?.to_str()?.parse().ok()
}

/// Installs packages of the system by name.
fn install(packages: &[&str]) -> Outcome {
    let names = packages.join(" ");
    let by_hand = format!("Install {names} with the system's package manager, then run the chore again.");
    if !succeeds(&mut command("apt-get", ["--version"])) {
        return Err(Failure::new(format!("{names} is missing, and there is no apt-get here"), by_hand));
    }
    let root = is_root();
    let apt = |arguments: &[&str]| {
        let mut words = vec!["apt-get"];
        words.extend(arguments);
        let mut apt = if root { command("env", words) } else { command("sudo", words) };
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    run(&mut apt(&["update"]), &by_hand)?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    run(&mut apt(&arguments), &by_hand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_versions_by_number() {
        let check = |path: &str, want| assert_eq!(version_of(Path::new(path)), want, "{path}");
        check("/usr/lib/postgresql/9/bin", Some(9));
        check("/usr/lib/postgresql/17/bin", Some(17));
        check("/usr/lib/postgresql/common/bin", None);
    }

    #[test]
    fn wants_every_program_of_a_cluster() {
        let directory = tempfile::tempdir().expect("a directory");
        for program in POSTGRES_PROGRAMS {
            assert!(!has_postgres(directory.path()));
            std::fs::write(directory.path().join(program), "").expect("a file");
        }
        assert!(has_postgres(directory.path()));
    }
}
