//! The targets over their corpus, and that programs and corpora are complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::TARGETS;

/// Longest input, in bytes: a corpus is small, and what is found is cut down before it is kept.
const INPUT_BYTES_MAX: u64 = 8192;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(directory: &Path) -> BTreeSet<String> {
    let stem = |entry: fs::DirEntry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
    fs::read_dir(directory).unwrap().map(|entry| stem(entry.unwrap())).collect()
}

#[test]
fn every_target_holds_over_its_corpus() {
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(root().join("corpus").join(name)).unwrap() {
            let path = entry.unwrap().path();
            let input = fs::read(&path).unwrap();
            assert!(input.len() as u64 <= INPUT_BYTES_MAX, "{}", path.display());
            // Captured unless the test fails; then the last line names the input.
            println!("{}", path.display());
            target(&input);
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no input");
    }
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&root().join("corpus")), targets);
    assert_eq!(names(&root().join("libfuzzer/targets")), targets);
    let manifest = fs::read_to_string(root().join("libfuzzer/Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
    }
}
