//! The Rust files of the workspace, and which of their lines are code of the product.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome};
use crate::metadata::Workspace;

/// One Rust file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

impl Source {
    /// Reads every Rust file of the workspace's crates, in a fixed order.
    pub fn all(workspace: &Workspace) -> Outcome<Vec<Self>> {
        let mut paths = Vec::new();
        for member in workspace.members.values() {
            for part in ["src", "tests", "benches", "examples"] {
                collect(&member.directory.join(part), &mut paths)?;
            }
        }
        paths.sort();
        paths.into_iter().map(|path| Ok(Self { text: read(&path)?, path })).collect()
    }

    /// Whether the whole file is test code: `tests.rs`, `*_tests.rs`, `testing.rs`, or anything below `tests/`.
    fn is_test(&self) -> bool {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        stem == "tests" || stem == "testing" || stem.ends_with("_tests") || self.path.iter().any(|part| part == "tests")
    }

    /// Lines that count towards the size of a file: all but those of tests.
    pub fn size_lines(&self) -> usize {
        self.lines_outside_tests().count()
    }

    /// Numbered lines of code: neither tests nor comments.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines_outside_tests().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn lines_outside_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let whole_file = self.is_test();
        let mut attribute_before = false;
        let mut in_tests = false;
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(move |(_, line)| {
            // Formatted code: a module that opens at the margin closes at the margin.
            if in_tests {
                in_tests = *line != "}";
                return false;
            }
            in_tests = attribute_before && line.starts_with("mod ") && line.ends_with('{');
            attribute_before = line.starts_with("#[cfg(test)]") || (attribute_before && line.starts_with("#["));
            !whole_file && !in_tests
        })
    }
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) -> Outcome {
    if !directory.is_dir() {
        return Ok(());
    }
    let unreadable =
        |error| Failure::new(format!("can't list {}: {error}", directory.display()), "Check its permissions.");
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("can't read {}: {error}", path.display()), "Check the file."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, want: &[usize]) {
        let source = Source { path: path.into(), text: text.to_owned() };
        assert_eq!(source.code_lines().map(|(number, _)| number).collect::<Vec<_>>(), want);
    }

    #[test]
    fn leaves_out_a_test_module_but_not_what_follows_it() {
        let text = "fn a() {\n}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
        check("src/lib.rs", text, &[1, 2, 3, 4, 9]);
    }

    #[test]
    fn keeps_a_declaration_of_a_test_module_in_another_file() {
        check("src/lib.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n", &[1, 2, 3]);
    }

    #[test]
    fn leaves_out_comments() {
        check("src/lib.rs", "//! x\n/// y\nfn a() {} // z\n    // w\n", &[3]);
    }

    #[test]
    fn leaves_out_whole_files_of_tests() {
        for path in ["src/a/tests.rs", "src/a/trie_tests.rs", "tests/races.rs", "src/testing.rs"] {
            check(path, "fn a() {}\n", &[]);
        }
        check("src/latest.rs", "fn a() {}\n", &[1]);
    }
}
