//! The JavaScript packages of the conformance scenarios.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome, command, run};

/// What names the packages: what is wanted, and exactly which that is.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];
/// Kept in a finished directory: the manifests it was made from.
const STAMP: &str = "countersign-manifests.txt";

/// Installs the packages that the manifests in `sources` name into a directory below `target`, unless they are there
/// already; gives that directory.
pub fn packages(target: &Path, sources: &Path) -> Outcome<PathBuf> {
    let directory = target.join("conformance-node");
    let mut wanted = String::new();
    for manifest in MANIFESTS {
        let path = sources.join(manifest);
        let unreadable = |error| Failure::new(format!("{}: {error}", path.display()), "Check out the file again.");
        wanted.push_str(&fs::read_to_string(&path).map_err(unreadable)?);
    }
    let stamp = directory.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        println!("{} is up to date", directory.display());
        return Ok(directory);
    }
    let next = format!("Remove {} and check that the registry of npm can be reached.", directory.display());
    let unwritable = |error| Failure::new(format!("{}: {error}", directory.display()), next.as_str());
    fs::create_dir_all(&directory).map_err(unwritable)?;
    for manifest in MANIFESTS {
        fs::copy(sources.join(manifest), directory.join(manifest)).map_err(unwritable)?;
    }
    // Without the packages' own scripts: none of them is needed, and some want a compiler.
    let mut npm = command("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(npm.current_dir(&directory), &next)?;
    // Last: a directory that was interrupted has no stamp and is made anew.
    fs::write(&stamp, wanted).map_err(unwritable)?;
    Ok(directory)
}
