//! Binding Unix sockets.

use std::fs;
use std::io;
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
            Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
            }
            Ok(_) => fs::remove_file(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Bound under another name and renamed once its mode is right, so that there is no
        // moment at which others could connect.
        let private = path.with_extension(format!("{}.new", std::process::id()));
        let listener = UnixListener::bind(&private)?;
        fs::set_permissions(&private, fs::Permissions::from_mode(mode))?;
        fs::rename(&private, path)?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        // Nothing is lost if it is gone already: the next start replaces what is left.
        let _ = fs::remove_file(&self.path);
    }
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
    async fn leaves_other_files_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        fs::write(&path, "x").unwrap();
        assert_eq!(BoundSocket::bind(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
