//! The chore `tidy`: rules about the shape of the code that no compiler checks.

use crate::command::{Failure, Outcome};
use crate::metadata::Workspace;
use crate::sources::Source;
use crate::{edges, sizes};

/// Checks the edges between the crates, the purity of the cores and the sizes of the files.
pub fn check() -> Outcome {
    let workspace = Workspace::load()?;
    let sources = Source::all(&workspace)?;
    let mut found = edges::violations(&workspace);
    found.extend(edges::word_violations(&workspace, &sources));
    found.extend(sizes::violations(&sources));
    if found.is_empty() {
        println!("{} crates and {} files are in order", workspace.members.len(), sources.len());
        return Ok(());
    }
    let next = "Move the code, or change the table in xtask/src/edges.rs together with section 2 of ARCHITECTURE.md.";
    Err(Failure::new(found.join("\n        "), next))
}
