//! Binding Unix sockets.

use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// A bound Unix socket; its file goes with it.
#[derive(Debug)]
pub struct BoundSocket {
    /// The listener.
    pub listener: UnixListener,
    path: PathBuf,
}

impl BoundSocket {
    /// Binds `path` with this file mode. A socket that a dead process left there is replaced;
    /// one that somebody answers on is not.
    ///
    /// # Errors
    ///
    /// `AddrInUse` where somebody answers or something else than a socket is there, and those
    /// of the file system.
    pub fn bind(path: &Path, mode: u32) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "there is a file of that name"));
            }
            Ok(_) if std::os::unix::net::UnixStream::connect(reachable(path)?.path()).is_ok() => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
            }
            Ok(_) => fs::remove_file(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(reachable(path)?.path())?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        // Nothing is lost if it is gone already: the next start replaces what is left.
        let _ = fs::remove_file(&self.path);
    }
}

/// Longest path that fits into a socket address, in bytes (`sun_path`, less its final NUL).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A path to the same place that fits into a socket address.
#[derive(Debug)]
pub struct Reachable {
    path: PathBuf,
    _directory: Option<fs::File>,
}

impl Reachable {
    /// The path, good as long as this lives.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A way to a socket whose path may be longer than an address takes: through an open
/// descriptor of its directory.
///
/// # Errors
///
/// Those of the file system.
pub fn reachable(path: &Path) -> io::Result<Reachable> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Reachable { path: path.to_owned(), _directory: None });
    };
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return Ok(Reachable { path: path.to_owned(), _directory: None });
    }
    let directory = fs::File::open(directory)?;
    let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok(Reachable { path: short, _directory: Some(directory) })
}

/// The user id of the process at the other end, as the kernel tells it.
pub fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(stream.peer_cred()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn replaces_what_a_dead_process_left_but_not_what_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sock");
        let first = BoundSocket::bind(&path, 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(BoundSocket::bind(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());
        // The standard library's listener leaves its file behind, as a killed process does.
        std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(BoundSocket::bind(&path, 0o600).is_ok());
    }

    #[tokio::test]
    async fn a_path_longer_than_an_address_works() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(100));
        fs::create_dir(&deep).unwrap();
        let path = deep.join("control.sock");
        let bound = BoundSocket::bind(&path, 0o600).unwrap();
        assert!(UnixStream::connect(reachable(&path).unwrap().path()).await.is_ok());
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn leaves_other_files_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        fs::write(&path, "x").unwrap();
        assert_eq!(BoundSocket::bind(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
