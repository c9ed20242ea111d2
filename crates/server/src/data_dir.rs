//! The data directory: database, keyring, certificate, sockets, and the lock that says whose it
//! is at the moment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use countersign_identity::roster::NodeId;
use rand_core::Rng;
use uuid::Uuid;

/// An existing data directory.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// The right to open the database of a data directory. Given up on drop.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataDir {
    /// Where data lies, unless told otherwise.
    pub const DEFAULT: &'static str = "countersign-data";

    /// Opens the directory, making it (mode 0700) where there is none.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        }
        Ok(Self(path.canonicalize()?))
    }

    /// The directory of this name, be it there or not.
    pub fn named(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The user to whom it belongs.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn owner(&self) -> io::Result<u32> {
        Ok(fs::metadata(&self.0)?.uid())
    }

    /// The embedded database.
    pub fn database(&self) -> PathBuf {
        self.0.join("countersign.db")
    }

    /// The keyring.
    pub fn keyring(&self) -> PathBuf {
        self.0.join("keyring.json")
    }

    /// The checkpoints of the audit trail, beside those in the database.
    pub fn audit_checkpoints(&self) -> PathBuf {
        self.0.join("audit-checkpoints.txt")
    }

    /// The Unix socket for WAMP clients.
    pub fn wamp_socket(&self) -> PathBuf {
        self.0.join("countersign.sock")
    }

    /// The Unix socket for the operator's commands, mode 0600.
    pub fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// The certificate made for development, and its key.
    pub fn development_certificate(&self) -> (PathBuf, PathBuf) {
        (self.0.join("tls-cert.pem"), self.0.join("tls-key.pem"))
    }

    /// Which of the servers on one database has this directory; made up where it isn't known yet. The caller holds the lock.
    ///
    /// # Errors
    ///
    /// Those of the file system; a file that holds no such id is one of them.
    pub fn node_id(&self, rng: &mut impl Rng) -> io::Result<NodeId> {
        let path = self.0.join("node-id");
        if let Some(bytes) = read_private(&path)? {
            let text = String::from_utf8_lossy(&bytes);
            let id = Uuid::parse_str(text.trim()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            return Ok(NodeId(id));
        }
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        write_private(&path, format!("{id}\n").as_bytes())?;
        Ok(NodeId(id))
    }

    /// Whether there is a lock, so that another process may hold it.
    pub fn has_lock(&self) -> bool {
        self.lock().exists()
    }

    fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Takes the lock; `None` while another process holds it.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn try_lock(&self) -> io::Result<Option<DataLock>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(self.lock())?;
        match file.try_lock() {
            Ok(()) => Ok(Some(DataLock { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Reads a small file that only its owner may see; `None` where there is none.
///
/// # Errors
///
/// Those of the file system.
pub fn read_private(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match File::open(path) {
        Ok(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file of mode 0600, durably and whole: after a crash there is either all of it or
/// nothing under its name.
///
/// # Errors
///
/// Those of the file system.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_process_at_a_time_has_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("new")).unwrap();
        let lock = data.try_lock().unwrap();
        assert!(lock.is_some());
        assert!(data.try_lock().unwrap().is_none());
        drop(lock);
        assert!(data.try_lock().unwrap().is_some());
    }

    #[test]
    fn a_directory_keeps_its_id() {
        let dir = tempfile::tempdir().unwrap();
        let data = |name: &str| DataDir::open(&dir.path().join(name)).unwrap();
        let id = |name| data(name).node_id(&mut crate::clock::random()).unwrap();
        let first = id("one");
        assert_eq!(id("one"), first);
        assert_ne!(id("two"), first);
        write_private(&data("one").path().join("node-id"), b"no id").unwrap();
        let error = data("one").node_id(&mut crate::clock::random()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn directory_and_files_are_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("new")).unwrap();
        write_private(&data.keyring(), b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(data.path()), 0o700);
        assert_eq!(mode(&data.keyring()), 0o600);
        assert_eq!(read_private(&data.keyring()).unwrap().as_deref(), Some(&b"x"[..]));
        assert!(read_private(&data.database()).unwrap().is_none());
    }
}
