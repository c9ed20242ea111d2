//! Virtual environments: of the conformance scenarios, and of Crossbar for the bench.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome, command, run};

/// The package of Crossbar.
const CROSSBAR: &str = "crossbar";
/// Kept in a finished environment: the requirements it was made from.
const STAMP: &str = "countersign-requirements.txt";

/// Makes the environment of the conformance scenarios below `target` from `requirements`, unless it is there already;
/// gives its interpreter.
pub fn environment(target: &Path, requirements: &Path) -> Outcome<PathBuf> {
    let unreadable = |error| Failure::new(format!("{}: {error}", requirements.display()), "Check out the file again.");
    let wanted = fs::read_to_string(requirements).map_err(unreadable)?;
    let packages = ["--requirement".as_ref(), requirements.as_os_str()];
    Ok(made(&target.join("conformance-venv"), &wanted, &packages)?.join("python"))
}

/// Installs Crossbar below `target`, unless it is there already; gives the program. The newest one: it is what the server
/// is held against.
pub fn crossbar(target: &Path) -> Outcome<PathBuf> {
    Ok(made(&target.join("bench-venv"), CROSSBAR, &[CROSSBAR.as_ref()])?.join("crossbar"))
}

/// Makes an environment with these packages, unless it was made for `wanted` already; gives its directory of programs.
fn made(directory: &Path, wanted: &str, packages: &[&OsStr]) -> Outcome<PathBuf> {
    let programs = directory.join("bin");
    let python = programs.join("python");
    let stamp = directory.join(STAMP);
    if is_current(&stamp, wanted) && python.exists() {
        println!("{} is up to date", directory.display());
        return Ok(programs);
    }
    let next = format!("Remove {} and check that the Python package index can be reached.", directory.display());
    run(command("python3", ["-m", "venv", "--clear"]).arg(directory), &next)?;
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"];
    run(command(&python, pip).args(packages), &next)?;
    // Last: an environment that was interrupted has no stamp and is made anew.
    fs::write(&stamp, wanted).map_err(|error| Failure::new(format!("{}: {error}", stamp.display()), next))?;
    Ok(programs)
}

fn is_current(stamp: &Path, wanted: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|made_from| made_from == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_current_only_for_the_same_requirements() {
        let directory = tempfile::tempdir().expect("a directory");
        let stamp = directory.path().join(STAMP);
        assert!(!is_current(&stamp, "a==1\n"));
        fs::write(&stamp, "a==1\n").expect("a file");
        assert!(is_current(&stamp, "a==1\n"));
        assert!(!is_current(&stamp, "a==2\n"));
    }
}
