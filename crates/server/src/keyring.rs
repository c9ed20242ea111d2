//! The keyring: the secrets of an installation, in one file of mode 0600 beside the database.
//!
//! It holds the pepper under which the digests of keys are made. Nodes that share a database
//! share the file. Without it every one-time password and key in the database is void.

use std::io;
use std::path::PathBuf;

use countersign_identity::Pepper;
use data_encoding::BASE64;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::data_dir::{DataDir, read_private, write_private};

/// Why there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file can't be read or written.
    #[error("can't use the keyring {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a database, but no keyring for it.
    #[error(
        "{0} is missing, but there is a database; restore it from a backup: without it no key in the database works"
    )]
    Lost(PathBuf),
    /// The file is not a keyring.
    #[error("{0} is no keyring; restore it from a backup: without it no key in the database works")]
    Corrupt(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    pepper: String,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.pepper.zeroize();
    }
}

const VERSION: u32 = 1;

/// Reads the pepper; makes the keyring where there is none. The caller holds the directory's
/// lock.
///
/// # Errors
///
/// [`KeyringError`], which says what to do.
pub fn load_or_create(data: &DataDir, rng: &mut impl CryptoRng) -> Result<Pepper, KeyringError> {
    let path = data.keyring();
    let io_error = |source| KeyringError::Io { path: path.clone(), source };
    if let Some(mut bytes) = read_private(&path).map_err(io_error)? {
        let parsed = parse(&bytes);
        bytes.zeroize();
        return parsed.ok_or(KeyringError::Corrupt(path));
    }
    if data.database().exists() {
        return Err(KeyringError::Lost(path));
    }
    let mut pepper = [0; Pepper::BYTES];
    rng.fill_bytes(&mut pepper);
    let stored = Stored { version: VERSION, pepper: BASE64.encode(&pepper) };
    let mut text = serde_json::to_vec_pretty(&stored).map_err(|error| io_error(error.into()))?;
    let written = write_private(&path, &text);
    text.zeroize();
    written.map_err(io_error)?;
    let made = Pepper::new(pepper);
    pepper.zeroize();
    Ok(made)
}

fn parse(bytes: &[u8]) -> Option<Pepper> {
    let stored: Stored = serde_json::from_slice(bytes).ok()?;
    if stored.version != VERSION {
        return None;
    }
    let mut decoded = BASE64.decode(stored.pepper.as_bytes()).ok()?;
    let pepper = <[u8; Pepper::BYTES]>::try_from(decoded.as_slice()).ok().map(Pepper::new);
    decoded.zeroize();
    pepper
}

#[cfg(test)]
mod tests {
    use countersign_identity::{LoginName, Secret};

    use super::*;
    use crate::clock::random;

    #[test]
    fn the_second_start_reads_what_the_first_made() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let login = LoginName::parse("zoe").unwrap();
        let digest = |pepper: Pepper| pepper.digest(&login, &Secret::new("x"));
        let first = digest(load_or_create(&data, &mut random()).unwrap());
        assert_eq!(digest(load_or_create(&data, &mut random()).unwrap()), first);
    }

    #[test]
    fn is_not_made_anew_beside_a_database() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        std::fs::write(data.database(), b"").unwrap();
        assert!(matches!(load_or_create(&data, &mut random()), Err(KeyringError::Lost(_))));
        assert!(!data.keyring().exists());
    }

    #[test]
    fn a_damaged_file_is_an_error_and_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        write_private(&data.keyring(), b"{}").unwrap();
        assert!(matches!(load_or_create(&data, &mut random()), Err(KeyringError::Corrupt(_))));
        assert_eq!(std::fs::read(data.keyring()).unwrap(), b"{}");
    }
}
