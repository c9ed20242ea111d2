//! The files of a Nexus installation's database.
//!
//! **Invariant:** nothing outside of the tree is read: links are left out, whether to files or to folders, and so is what is
//! longer than it can be.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Entries of one folder that are looked at.
const ENTRIES_MAX: usize = 1_000_000;
/// How the files of records end.
const SUFFIX: &str = ".yaml";
/// Where the database can lie in what is named.
const PLACES: [&str; 3] = ["", "db", "data/db"];
/// Files in a user's folder that can be the user's own record.
const OWN_RECORDS: [&str; 3] = ["data.yaml", "record.yaml", "user.yaml"];

/// Collections at the top, beside the users.
const TOP: [&str; 2] = ["roles", "uris"];
/// Collections below a user.
const BELOW: [&str; 3] = ["otps", "apikeys", "metadata"];

/// Why the tree can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// There is none.
    #[error("there is no database of Nexus in {0}: no folder `users`, nor `db/users`")]
    NoTree(PathBuf),
    /// A folder can't be read.
    #[error("can't read {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder has too many entries.
    #[error("{0} has more than {ENTRIES_MAX} entries")]
    TooMany(PathBuf),
}

/// The database's folder.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
}

/// A record in the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its key: the name, unescaped.
    pub key: String,
    /// Its file.
    pub file: PathBuf,
}

impl Tree {
    /// The database in this folder, or in the `db` below it. Every folder in it can be read.
    ///
    /// # Errors
    ///
    /// [`TreeError`].
    pub fn open(folder: &Path) -> Result<Self, TreeError> {
        let roots = PLACES.iter().map(|place| folder.join(place));
        let root = roots.into_iter().find(|root| is_folder(&root.join("users")));
        let tree = root.map(|root| Self { root }).ok_or_else(|| TreeError::NoTree(folder.to_owned()))?;
        for collection in TOP {
            tree.records(collection)?;
        }
        for user in tree.users()? {
            for collection in BELOW {
                tree.records_of(&user, collection)?;
            }
        }
        Ok(tree)
    }

    /// The records of a collection at the top, in the order of their keys.
    ///
    /// # Errors
    ///
    /// [`TreeError`].
    pub fn records(&self, collection: &str) -> Result<Vec<Entry>, TreeError> {
        records_in(&self.root.join(collection))
    }

    /// The records of users: files of their own, or in a folder of the user's name.
    ///
    /// # Errors
    ///
    /// [`TreeError`].
    pub fn users(&self) -> Result<Vec<Entry>, TreeError> {
        let folder = self.root.join("users");
        let mut users = records_in(&folder)?;
        for name in names(&folder)? {
            let path = folder.join(&name);
            let key = unescaped(&name);
            if !is_folder(&path) || users.iter().any(|user| user.key == key) {
                continue;
            }
            let own = OWN_RECORDS.iter().map(|file| path.join(file)).find(|file| is_file(file));
            let named = path.join(format!("{name}{SUFFIX}"));
            if let Some(file) = own.or_else(|| is_file(&named).then_some(named)) {
                users.push(Entry { key, file });
            }
        }
        users.sort();
        Ok(users)
    }

    /// The records of a collection below a user.
    ///
    /// # Errors
    ///
    /// [`TreeError`].
    pub fn records_of(&self, user: &Entry, collection: &str) -> Result<Vec<Entry>, TreeError> {
        let beside = user.file.with_extension("");
        let within = user.file.parent().map(Path::to_path_buf).unwrap_or_default();
        let folder = if is_folder(&beside) { beside } else { within };
        // The folder of all users has no records of one.
        if folder == self.root.join("users") { Ok(Vec::new()) } else { records_in(&folder.join(collection)) }
    }
}

/// The text of a record.
///
/// # Errors
///
/// Why it can't be had, for the report.
pub fn read(file: &Path, bytes_max: u64) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("it can't be read: {error}");
    if !is_file(file) {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(file).map_err(unreadable)?.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(format!("it has more than {bytes_max} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

fn records_in(folder: &Path) -> Result<Vec<Entry>, TreeError> {
    if !is_folder(folder) {
        return Ok(Vec::new());
    }
    let records = names(folder)?.into_iter().filter_map(|name| {
        let key = unescaped(name.strip_suffix(SUFFIX)?);
        let file = folder.join(&name);
        is_file(&file).then_some(Entry { key, file })
    });
    let mut records: Vec<Entry> = records.collect();
    records.sort();
    Ok(records)
}

/// Names that are text and not hidden; others are none that Nexus has made.
fn names(folder: &Path) -> Result<Vec<String>, TreeError> {
    let failed = |source| TreeError::Folder { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        if names.len() == ENTRIES_MAX {
            return Err(TreeError::TooMany(folder.to_owned()));
        }
        let name = entry.map_err(failed)?.file_name().into_string();
        names.extend(name.ok().filter(|name| !name.starts_with('.')));
    }
    Ok(names)
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// A key as its file is named: `^` and two hexadecimal digits stand for a byte.
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind.first_chunk::<2>().filter(|_| *first == b'^');
        let byte = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| name.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn names_of_files_are_read_as_the_keys_that_they_stand_for() {
        for (name, key) in [
            ("dashboards^3aplain", "dashboards:plain"),
            ("two^20words", "two words"),
            ("^", "^"),
            ("a^zz", "a^zz"),
            ("a^2", "a^2"),
            ("^c3^a4", "ä"),
            ("^ff", "^ff"),
        ] {
            assert_eq!(unescaped(name), key);
        }
    }

    #[test]
    fn links_hidden_files_and_copies_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("db/users");
        fs::create_dir_all(users.join("ann/apikeys")).unwrap();
        fs::create_dir_all(users.join("bob")).unwrap();
        fs::write(folder.path().join("secret.yaml"), "secret: 1").unwrap();
        for name in ["ann.yaml", ".ann.yaml", "ann.yaml.bak", "bob/data.yaml", "ann/apikeys/k.yaml"] {
            fs::write(users.join(name), "a: 1").unwrap();
        }
        std::os::unix::fs::symlink(folder.path().join("secret.yaml"), users.join("eve.yaml")).unwrap();
        std::os::unix::fs::symlink(folder.path(), users.join("mal")).unwrap();
        let tree = Tree::open(folder.path()).unwrap();
        let found = tree.users().unwrap();
        assert_eq!(found.iter().map(|user| user.key.as_str()).collect::<Vec<_>>(), ["ann", "bob"]);
        let keys = |user: &Entry| tree.records_of(user, "apikeys").unwrap().len();
        assert_eq!(found.iter().map(keys).collect::<Vec<_>>(), [1, 0]);
        assert!(read(&users.join("eve.yaml"), 100).is_err());
        assert_eq!(read(&users.join("ann.yaml"), 4).unwrap(), "a: 1");
        assert!(read(&users.join("ann.yaml"), 3).is_err());
        assert!(Tree::open(&users.join("ann")).is_err());
    }
}
