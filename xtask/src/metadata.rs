//! What cargo knows about the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::command::{Failure, Outcome, cargo, command, output_of};

const BROKEN: &str = "Run `cargo metadata` by hand and read its complaint.";

/// One crate of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Crates that it names for its own code and build script.
    pub uses: BTreeSet<String>,
    /// Crates that it names for its tests.
    pub tests_use: BTreeSet<String>,
    /// Every crate that ends up in its build, whoever names it. Tests don't count.
    pub built_with: BTreeSet<String>,
    /// Directory of its manifest.
    pub directory: PathBuf,
}

/// The workspace as cargo resolves it.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// Members by package name.
    pub members: BTreeMap<String, Member>,
    /// Where builds go.
    pub target: PathBuf,
    /// Root directory.
    pub root: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub fn load() -> Outcome<Self> {
        // Only for the system at hand: cargo would download the crates of every other one too.
        let rustc = output_of(&mut command("rustc", ["-vV"]), "Install the Rust toolchain.")?;
        let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        let arguments = ["metadata", "--format-version", "1", "--filter-platform", host];
        let text = output_of(&mut cargo(&arguments), BROKEN)?;
        let document = serde_json::from_str(&text).map_err(|error| Failure::new(error.to_string(), BROKEN))?;
        Self::read(&document).ok_or_else(|| Failure::new("`cargo metadata` has another form than expected", BROKEN))
    }

    fn read(document: &Value) -> Option<Self> {
        let members: BTreeSet<&str> = strings(document.get("workspace_members")?)?;
        let mut names = BTreeMap::new();
        let mut workspace = Self {
            members: BTreeMap::new(),
            target: document.get("target_directory")?.as_str()?.into(),
            root: document.get("workspace_root")?.as_str()?.into(),
        };
        for package in document.get("packages")?.as_array()? {
            let (id, name) = (package.get("id")?.as_str()?, package.get("name")?.as_str()?);
            names.insert(id, name);
            if members.contains(id) {
                workspace.members.insert(name.to_owned(), read_member(package)?);
            }
        }
        let graph = read_graph(document.get("resolve")?)?;
        for id in members {
            let built_with = reachable(id, &graph).into_iter().filter_map(|id| names.get(id));
            let built_with = built_with.map(|&name| name.to_owned()).collect();
            workspace.members.get_mut(*names.get(id)?)?.built_with = built_with;
        }
        Some(workspace)
    }
}

fn read_member(package: &Value) -> Option<Member> {
    let manifest = PathBuf::from(package.get("manifest_path")?.as_str()?);
    let mut member = Member { directory: manifest.parent()?.to_owned(), ..Member::default() };
    for dependency in package.get("dependencies")?.as_array()? {
        let name = dependency.get("name")?.as_str()?.to_owned();
        match dependency.get("kind")?.as_str() {
            Some("dev") => member.tests_use.insert(name),
            _ => member.uses.insert(name),
        };
    }
    Some(member)
}

/// Package id to the ids it is built with.
fn read_graph(resolve: &Value) -> Option<BTreeMap<&str, Vec<&str>>> {
    let mut graph = BTreeMap::new();
    for node in resolve.get("nodes")?.as_array()? {
        let mut built_with = Vec::new();
        for edge in node.get("deps")?.as_array()? {
            let kinds = edge.get("dep_kinds")?.as_array()?;
            if kinds.iter().any(|kind| kind.get("kind").is_none_or(Value::is_null)) {
                built_with.push(edge.get("pkg")?.as_str()?);
            }
        }
        graph.insert(node.get("id")?.as_str()?, built_with);
    }
    Some(graph)
}

/// Everything behind `start`, without itself.
fn reachable<'a>(start: &str, graph: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = graph.get(start).cloned().unwrap_or_default();
    while let Some(id) = open.pop() {
        if let Some((&id, next)) = graph.get_key_value(id)
            && found.insert(id)
        {
            open.extend(next);
        }
    }
    found
}

fn strings(value: &Value) -> Option<BTreeSet<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_own_edges_from_those_of_tests_and_follows_the_build() {
        let dependency = |name: &str, kind: Option<&str>| json!({"name": name, "kind": kind});
        let edge = |id: &str, kind: Option<&str>| json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
        let document = json!({
            "workspace_members": ["a 1"], "target_directory": "/w/target", "workspace_root": "/w",
            "packages": [
                {"id": "a 1", "name": "a", "manifest_path": "/w/a/Cargo.toml",
                 "dependencies": [dependency("b", None), dependency("c", Some("dev")), dependency("e", Some("build"))]},
                {"id": "b 1", "name": "b", "manifest_path": "/r/b/Cargo.toml", "dependencies": []},
                {"id": "d 1", "name": "d", "manifest_path": "/r/d/Cargo.toml", "dependencies": []},
                {"id": "c 1", "name": "c", "manifest_path": "/r/c/Cargo.toml", "dependencies": []},
            ],
            "resolve": {"nodes": [
                {"id": "a 1", "deps": [edge("b 1", None), edge("c 1", Some("dev"))]},
                {"id": "b 1", "deps": [edge("d 1", None)]},
                {"id": "c 1", "deps": []},
                {"id": "d 1", "deps": [edge("b 1", None)]},
            ]},
        });
        let workspace = Workspace::read(&document).expect("a document of cargo's form");
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let member = &workspace.members["a"];
        assert_eq!(member.uses, names(&["b", "e"]));
        assert_eq!(member.tests_use, names(&["c"]));
        assert_eq!(member.built_with, names(&["b", "d"]));
        assert_eq!(member.directory, PathBuf::from("/w/a"));
    }

    #[test]
    fn refuses_a_document_of_another_form() {
        assert!(Workspace::read(&json!({"packages": []})).is_none());
    }
}
