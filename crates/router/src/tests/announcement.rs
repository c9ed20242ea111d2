//! What is announced, what `docs/wamp.md` says of it, and the tests that the pages of `docs/` name.

use std::collections::BTreeSet;
use std::path::Path;

use crate::announced_roles;

const PAGE: &str = include_str!("../../../../docs/wamp.md");
const PRACTICE: &str = include_str!("../../../../docs/wamp-practice.md");
const ZATO: &str = include_str!("../../../../docs/zato.md");
const NEXUS: &str = include_str!("../../../../docs/nexus.md");

/// The cells of the rows of the page's first table.
fn announced_rows() -> impl Iterator<Item = [&'static str; 3]> {
    let (_, rest) = PAGE.split_once("## Announced in WELCOME").unwrap();
    let (table, _) = rest.split_once("\n## ").unwrap();
    table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        <[&str; 3]>::try_from(cells).ok().filter(|[role, ..]| *role != "role")
    })
}

/// All tests' names in a folder and below, of Rust and of Python.
fn tests_in(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, names);
            continue;
        }
        let keyword = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => "fn ",
            Some("py") => "def ",
            _ => continue,
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let functions = text.lines().filter_map(|line| line.split_once(keyword).map(|(_, rest)| rest));
        names.extend(functions.filter_map(|rest| rest.split_once(['(', '<']).map(|(name, _)| name.to_owned())));
    }
}

/// The tests that a page's tables name in their last cells.
fn named_by(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| line.starts_with("| ")).filter_map(|line| {
        let (_, last) = line.trim_end_matches(" |").rsplit_once(" | ").unwrap_or_default();
        last.strip_prefix('`').and_then(|name| name.strip_suffix('`')).filter(|name| name.contains('_'))
    })
}

#[test]
fn the_page_of_features_is_the_announcement() {
    let documented: BTreeSet<(String, String)> =
        announced_rows().map(|[role, feature, _]| (role.to_owned(), feature.to_owned())).collect();
    let mut announced = BTreeSet::new();
    for (role, details) in announced_roles() {
        let features = details.as_dict().unwrap().get("features").unwrap().as_dict().unwrap().clone();
        announced.extend(features.into_iter().map(|(feature, _)| (role.clone(), feature)));
    }
    assert_eq!(documented, announced);
}

#[test]
fn every_test_that_the_pages_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut known = BTreeSet::new();
    for folder in
        ["wamp/src", "router/src", "identity/src", "storage/src", "server/src", "server/tests", "../conformance"]
    {
        tests_in(&root.join(folder), &mut known);
    }
    for (page, tests_min) in [(PAGE, 25), (PRACTICE, 110), (ZATO, 6), (NEXUS, 45)] {
        let missing: Vec<_> = named_by(page).filter(|name| !known.contains(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(named_by(page).count() >= tests_min, "{}", named_by(page).count());
    }
}

#[test]
fn every_row_of_the_pages_of_practice_names_a_test() {
    let (rows, _) = PRACTICE.split_once("## Not shown here").unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| what goes wrong");
    assert_eq!(rows.lines().filter(is_row).count(), named_by(rows).count());
    for page in [ZATO, NEXUS] {
        let is_row = |line: &&str| {
            line.starts_with("| ") && !line.starts_with("| what a") && !line.starts_with("| what went wrong")
        };
        assert_eq!(page.lines().filter(is_row).count(), named_by(page).count());
    }
}

/// Of the procedures that the server offers, and of the weaknesses of the bus that it replaces.
#[test]
fn the_page_for_programs_of_the_old_bus_leaves_nothing_out() {
    for weakness in 1..=16 {
        let row = format!("| W{weakness}: ");
        assert!(NEXUS.lines().any(|line| line.starts_with(&row)), "W{weakness}");
    }
    let described = include_str!("../../../../docs/procedures.md");
    let name = |line: &'static str| line.strip_prefix("### `")?.split_once('(').map(|(name, _)| name);
    for name in described.lines().filter_map(name) {
        let (group, _) = name.rsplit_once('.').unwrap();
        let is_named = NEXUS.contains(&format!("`{name}`")) || NEXUS.contains(&format!("`{group}.*`"));
        assert!(is_named, "{name} is not in docs/nexus.md");
    }
}
