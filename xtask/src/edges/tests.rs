//! The table against made-up workspaces and against the real one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::metadata::Member;

/// A workspace of `name: uses / tests_use / built_with`, plus all crates of the table without any edge.
fn workspace(name: &str, uses: &[&str], tests_use: &[&str], built_with: &[&str]) -> Workspace {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let without_edges = |name: &str| Member { directory: PathBuf::from("/w").join(name), ..Member::default() };
    let mut members: BTreeMap<_, _> = TABLE.iter().map(|row| (row.name.to_owned(), without_edges(row.name))).collect();
    let edges =
        Member { uses: names(uses), tests_use: names(tests_use), built_with: names(built_with), ..without_edges(name) };
    members.insert(name.to_owned(), edges);
    Workspace { members, ..Workspace::default() }
}

#[track_caller]
fn check(name: &str, uses: &[&str], tests_use: &[&str], built_with: &[&str], want: &[&str]) {
    assert_eq!(violations(&workspace(name, uses, tests_use, built_with)), want);
}

#[test]
fn allows_the_edges_of_the_table() {
    check("countersign-router", &["countersign-wamp", "smallvec"], &["proptest"], &["smallvec"], &[]);
    check("countersign-server", &["countersign-storage", "tokio"], &["countersign-testkit"], &["tokio"], &[]);
    check("countersign-storage", &["countersign-identity"], &[], &["tokio", "rusqlite"], &[]);
}

#[test]
fn refuses_an_edge_that_goes_up_or_sideways() {
    let want = &["countersign-wamp uses countersign-router, which the table doesn't allow"];
    check("countersign-wamp", &["countersign-router"], &[], &[], want);
    let want = &["countersign-router uses countersign-identity, which the table doesn't allow"];
    check("countersign-router", &["countersign-identity"], &[], &[], want);
    let want = &["the tests of countersign-router use countersign-server, which the table doesn't allow"];
    check("countersign-router", &[], &["countersign-server"], &[], want);
    let want = &["countersign-server uses countersign-testkit, which the table doesn't allow"];
    check("countersign-server", &["countersign-testkit"], &[], &[], want);
}

#[test]
fn refuses_a_crate_without_a_row() {
    let want = &["countersign-extra has no row in the table of xtask/src/edges.rs"];
    check("countersign-extra", &[], &[], &[], want);
}

#[test]
fn refuses_io_in_a_core_whoever_brings_it() {
    let want = &["countersign-identity is a core without I/O, but is built with tokio"];
    check("countersign-identity", &["regex"], &[], &["regex", "tokio"], want);
    check("countersign-client", &["tokio"], &[], &["tokio"], &[]);
}

#[test]
fn refuses_formats_and_randomness_that_a_core_names_itself() {
    check("countersign-identity", &["serde"], &[], &[], &["countersign-identity is a core and must not name serde"]);
    // Somebody else's serde is nobody's domain type; and tests may name it.
    check("countersign-wamp", &["jiff"], &["serde_json"], &["jiff", "serde"], &[]);
}

#[test]
fn refuses_a_clock_in_the_code_of_a_core_but_not_in_its_tests() {
    let workspace = workspace("countersign-router", &[], &[], &[]);
    let source = |crate_name: &str, text: &str| Source {
        path: PathBuf::from("/w").join(crate_name).join("src/lib.rs"),
        text: text.to_owned(),
    };
    let check = |source: Source, want: &[&str]| assert_eq!(word_violations(&workspace, &[source]), want);
    let code = "fn a() {\n    Instant::now();\n}\n";
    let want = &["/w/countersign-router/src/lib.rs:2: `Instant::now` in a core; take `now` as an argument"];
    check(source("countersign-router", code), want);
    check(source("countersign-router", &format!("#[cfg(test)]\nmod tests {{\n{code}}}\n")), &[]);
    check(source("countersign-router", "// Instant::now is for the crates above.\n"), &[]);
    check(source("countersign-server", code), &[]);
}

#[test]
fn the_workspace_keeps_to_the_table() {
    let workspace = Workspace::load().expect("cargo knows the workspace");
    assert_eq!(violations(&workspace), Vec::<String>::new());
    for row in TABLE {
        assert!(workspace.members.contains_key(row.name), "the table names {}, which isn't there", row.name);
    }
}
