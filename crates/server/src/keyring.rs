//! The keyring: the secrets of an installation, in one file of mode 0600 beside the database.
//!
//! It holds the pepper under which the digests of keys are made, and the keys under which secrets are sealed. Nodes
//! that share a database share the file. Without it every one-time password and key in the database is void, and what
//! is sealed there is lost.

use std::io;
use std::path::{Path, PathBuf};

use countersign_identity::Pepper;
use countersign_storage::SealKey;
use data_encoding::BASE64;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::data_dir::{DataDir, read_private, write_private};
use crate::fernet::FernetKey;

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
    /// The newest first. Keyrings of earlier versions have none.
    #[serde(default)]
    seal_keys: Vec<String>,
    /// Keys of Zato SSO from where sessions were imported, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    zato_keys: Vec<String>,
}

/// What a keyring holds.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "each says which keys")]
pub struct Keys {
    /// For digests.
    pub pepper: Pepper,
    /// For sealing, the newest first; none in a keyring that an earlier version made.
    pub seal_keys: Vec<SealKey>,
    /// For reading session tokens of Zato SSO; none unless sessions were imported.
    pub zato_keys: Vec<FernetKey>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.pepper.zeroize();
        self.seal_keys.zeroize();
        self.zato_keys.zeroize();
    }
}

const VERSION: u32 = 1;

/// Reads the keyring; makes it where there is none. The caller holds the directory's
/// lock.
///
/// # Errors
///
/// [`KeyringError`], which says what to do.
pub fn load_or_create(data: &DataDir, rng: &mut impl CryptoRng) -> Result<Keys, KeyringError> {
    let path = data.keyring();
    if let Some(stored) = read(&path)? {
        return stored.keys().ok_or(KeyringError::Corrupt(path));
    }
    if data.database().exists() {
        return Err(KeyringError::Lost(path));
    }
    let stored = Stored {
        version: VERSION,
        pepper: generate::<{ Pepper::BYTES }>(rng),
        seal_keys: vec![generate::<{ SealKey::BYTES }>(rng)],
        zato_keys: Vec::new(),
    };
    write(&path, &stored)?;
    stored.keys().ok_or(KeyringError::Corrupt(path))
}

/// Puts a fresh key for sealing in front of the others; answers all of them. The caller holds the directory's lock.
///
/// # Errors
///
/// [`KeyringError`]; the file is as it was.
pub fn add_seal_key(data: &DataDir, rng: &mut impl CryptoRng) -> Result<Vec<SealKey>, KeyringError> {
    let path = data.keyring();
    let Some(mut stored) = read(&path)? else { return Err(KeyringError::Lost(path)) };
    stored.seal_keys.insert(0, generate::<{ SealKey::BYTES }>(rng));
    let Some(keys) = stored.keys() else { return Err(KeyringError::Corrupt(path)) };
    write(&path, &stored)?;
    Ok(keys.seal_keys)
}

/// Adds a key of Zato SSO, unless it is there. The caller holds the directory's lock.
///
/// # Errors
///
/// [`KeyringError`]; the file is as it was.
pub fn add_zato_key(data: &DataDir, key: &FernetKey) -> Result<(), KeyringError> {
    let path = data.keyring();
    let Some(mut stored) = read(&path)? else { return Err(KeyringError::Lost(path)) };
    let text = key.to_text();
    if stored.zato_keys.iter().any(|known| known == text.expose()) {
        return Ok(());
    }
    stored.zato_keys.insert(0, text.expose().to_owned());
    write(&path, &stored)
}

impl Stored {
    fn keys(&self) -> Option<Keys> {
        let pepper = Pepper::new(decoded(&self.pepper)?);
        let seal_keys = self.seal_keys.iter().map(|key| decoded(key).map(SealKey::new)).collect::<Option<_>>()?;
        let zato_keys = self.zato_keys.iter().map(|key| FernetKey::parse(key).ok()).collect::<Option<_>>()?;
        Some(Keys { pepper, seal_keys, zato_keys })
    }
}

fn read(path: &Path) -> Result<Option<Stored>, KeyringError> {
    let bytes = read_private(path).map_err(|source| KeyringError::Io { path: path.to_owned(), source })?;
    let Some(mut bytes) = bytes else { return Ok(None) };
    let parsed: Option<Stored> = serde_json::from_slice(&bytes).ok();
    bytes.zeroize();
    let known = parsed.filter(|stored| stored.version == VERSION);
    known.map(Some).ok_or_else(|| KeyringError::Corrupt(path.to_owned()))
}

fn write(path: &Path, stored: &Stored) -> Result<(), KeyringError> {
    let io_error = |source| KeyringError::Io { path: path.to_owned(), source };
    let mut text = serde_json::to_vec_pretty(stored).map_err(|error| io_error(error.into()))?;
    let written = write_private(path, &text);
    text.zeroize();
    written.map_err(io_error)
}

fn generate<const N: usize>(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    let text = BASE64.encode(&bytes);
    bytes.zeroize();
    text
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = BASE64.decode(text.as_bytes()).ok()?;
    let exact = <[u8; N]>::try_from(bytes.as_slice()).ok();
    bytes.zeroize();
    exact
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
        let digest = |keys: Keys| {
            (keys.pepper.digest(&login, &Secret::new("x")), keys.seal_keys.iter().map(|key| *key.expose()).collect())
        };
        let first: (_, Vec<_>) = digest(load_or_create(&data, &mut random()).unwrap());
        assert_eq!(digest(load_or_create(&data, &mut random()).unwrap()), first);
    }

    #[test]
    fn a_keyring_of_an_earlier_version_gets_a_key_for_sealing_and_keeps_its_pepper() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        assert!(matches!(add_seal_key(&data, &mut random()), Err(KeyringError::Lost(_))));
        let pepper = BASE64.encode(&[7; Pepper::BYTES]);
        write_private(&data.keyring(), format!("{{\"version\":1,\"pepper\":\"{pepper}\"}}").as_bytes()).unwrap();
        assert!(load_or_create(&data, &mut random()).unwrap().seal_keys.is_empty());
        let expose = |keys: Vec<SealKey>| keys.iter().map(|key| *key.expose()).collect::<Vec<_>>();
        let one = expose(add_seal_key(&data, &mut random()).unwrap());
        assert_eq!(expose(load_or_create(&data, &mut random()).unwrap().seal_keys), one);
        let two = expose(add_seal_key(&data, &mut random()).unwrap());
        assert_eq!((two.len(), &two[1..]), (2, &one[..]));
        let text = String::from_utf8(std::fs::read(data.keyring()).unwrap()).unwrap();
        assert!(text.contains(&pepper));
    }

    #[test]
    fn keeps_each_key_of_zato_once() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        load_or_create(&data, &mut random()).unwrap();
        let key = FernetKey::parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").unwrap();
        for _ in 0..2 {
            add_zato_key(&data, &key).unwrap();
        }
        let kept = &load_or_create(&data, &mut random()).unwrap().zato_keys;
        assert_eq!(kept.iter().map(FernetKey::to_text).collect::<Vec<_>>(), [key.to_text()]);
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
