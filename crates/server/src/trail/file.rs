//! The file of checkpoints: one a line, oldest first.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use countersign_identity::audit_chain::Checkpoint;

/// Checkpoints of a file that are looked at, the newest ones.
const CHECKPOINTS_MAX: usize = 100_000;
/// Longest line, in bytes.
const LINE_BYTES_MAX: u64 = 1024;

/// Why a file of checkpoints can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointFileError {
    /// The file can't be read.
    #[error("can't read checkpoints from {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of it is something else.
    #[error("{path}, line {line}, is no checkpoint")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// A fault of the program.
    #[error(transparent)]
    Task(#[from] io::Error),
}

impl CheckpointFileError {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a file; empty lines don't count, and neither does a last line without its end: a crash has cut it.
///
/// # Errors
///
/// [`CheckpointFileError`].
pub fn read(path: &Path) -> Result<Vec<Checkpoint>, CheckpointFileError> {
    let failed = |source| CheckpointFileError::Io { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut kept = VecDeque::new();
    for line in 1.. {
        let mut bytes = Vec::new();
        reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).map_err(failed)?;
        let is_whole = bytes.ends_with(b"\n");
        if bytes.is_empty() || (!is_whole && u64::try_from(bytes.len()).is_ok_and(|bytes| bytes < LINE_BYTES_MAX)) {
            break;
        }
        let text = std::str::from_utf8(&bytes).unwrap_or("?").trim();
        if text.is_empty() {
            continue;
        }
        let no_checkpoint = |_| CheckpointFileError::Line { path: path.to_owned(), line };
        kept.push_back(text.parse().map_err(no_checkpoint)?);
        if kept.len() > CHECKPOINTS_MAX {
            kept.pop_front();
        }
    }
    Ok(kept.into())
}

/// Writes a line to the end of a file, and to the disk. A last line that a crash has cut is removed.
///
/// # Errors
///
/// Those of the file system.
pub fn append(path: &Path, checkpoint: Checkpoint) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        let bytes = std::fs::read(path)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(u64::try_from(whole).map_err(io::Error::other)?)?;
    }
    file.write_all(format!("{checkpoint}\n").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use countersign_identity::audit_chain::{AuditKey, Link, Position};
    use countersign_identity::{Pepper, Timestamp};

    use super::*;

    fn checkpoint(sequence: u64) -> Checkpoint {
        let row = Position { sequence, link: Link::START };
        Checkpoint::sign(row, Timestamp::from_micros(1), &AuditKey::of(&Pepper::new([1; Pepper::BYTES])))
    }

    #[test]
    fn what_was_appended_is_read_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoints");
        assert!(read(&path).unwrap_err().is_missing());
        for sequence in 1..=3 {
            append(&path, checkpoint(sequence)).unwrap();
        }
        assert_eq!(read(&path).unwrap(), [checkpoint(1), checkpoint(2), checkpoint(3)]);
    }

    #[test]
    fn a_last_line_that_a_crash_has_cut_does_not_count_and_other_nonsense_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoints");
        let one = checkpoint(1);
        std::fs::write(&path, format!("\n{one}\n{}", &checkpoint(2).to_string()[..20])).unwrap();
        assert_eq!(read(&path).unwrap(), [one]);
        append(&path, checkpoint(3)).unwrap();
        assert_eq!(read(&path).unwrap(), [one, checkpoint(3)]);
        for nonsense in ["x\n".to_owned(), format!("{}\n", "1".repeat(5_000)), "\u{ff}\n".to_owned()] {
            std::fs::write(&path, format!("{one}\n{nonsense}")).unwrap();
            assert!(matches!(read(&path), Err(CheckpointFileError::Line { line: 2, .. })), "{nonsense}");
        }
    }
}
