//! The virtual environment of the conformance scenarios.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome, command, run};

/// Kept in a finished environment: the requirements it was made from.
const STAMP: &str = "countersign-requirements.txt";

/// Makes the environment below `target` from `requirements`, unless it is there already; gives its interpreter.
pub fn environment(target: &Path, requirements: &Path) -> Outcome<PathBuf> {
    let directory = target.join("conformance-venv");
    let python = directory.join("bin").join("python");
    let unreadable = |error| Failure::new(format!("{}: {error}", requirements.display()), "Check out the file again.");
    let wanted = fs::read_to_string(requirements).map_err(unreadable)?;
    let stamp = directory.join(STAMP);
    if is_current(&stamp, &wanted) && python.exists() {
        println!("{} is up to date", directory.display());
        return Ok(python);
    }
    let next = format!("Remove {} and check that the Python package index can be reached.", directory.display());
    run(command("python3", ["-m", "venv", "--clear"]).arg(&directory), &next)?;
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--requirement"];
    run(command(&python, pip).arg(requirements), &next)?;
    // Last: an environment that was interrupted has no stamp and is made anew.
    fs::write(&stamp, wanted).map_err(|error| Failure::new(format!("{}: {error}", stamp.display()), next))?;
    Ok(python)
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
