//! The chain that makes the audit trail tamper-evident.
//!
//! Each row carries a hash over all its fields and the hash of the row before it, so that an edit, an insertion, a
//! deletion in the middle or a swap breaks the chain from there on. Beside the rows stands the chain's head, which every
//! append moves on. A trail that was cut or made anew together with its head breaks nothing; against that stand
//! checkpoints: position and hash of the last row of their time, signed under a key that is not in the database. What
//! retention removes is replaced by a [`Stub`], signed under the same key, behind which the chain goes on.
//!
//! **Invariant:** fields are written with their lengths, so no two rows have the same bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::audit::{AuditEvent, AuditRow};
use crate::proof::hmac_sha256;
use crate::{Pepper, Timestamp};

/// Length of a link, and of a signature, in bytes.
pub const LINK_BYTES: usize = 32;
/// What a link's hash begins with; then come the link before it, the position (8 bytes, big-endian) and the digest of
/// the row.
pub const LINK_PREFIX: &[u8] = b"countersign audit link v1\0";

/// What ties a row to all rows before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link([u8; LINK_BYTES]);

impl Link {
    /// What stands before the first row.
    pub const START: Self = Self([0; LINK_BYTES]);

    /// The link that storage kept.
    pub const fn from_bytes(bytes: [u8; LINK_BYTES]) -> Self {
        Self(bytes)
    }

    /// The link as storage keeps it.
    pub const fn as_bytes(&self) -> &[u8; LINK_BYTES] {
        &self.0
    }

    /// The link in hexadecimal digits.
    pub fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The link that these hexadecimal digits spell.
    pub fn from_hex(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().map(Self).ok()
    }

    /// The link of the row that follows the one with this link.
    #[must_use]
    pub fn next(self, sequence: u64, event: &AuditEvent) -> Self {
        let mut hash = Sha256::new_with_prefix(LINK_PREFIX);
        hash.update(self.0);
        hash.update(sequence.to_be_bytes());
        hash.update(digest(event));
        Self(hash.finalize().into())
    }
}

/// The digest of a row's fields, without its position.
pub fn digest(event: &AuditEvent) -> [u8; LINK_BYTES] {
    let AuditEvent { at, cid, request, actor, target, operation, application, address, agent, .. } = event;
    let AuditEvent { claimed_address, claimed_agent, outcome, reason, detail, .. } = event;
    let mut hash = Sha256::new_with_prefix(b"countersign audit row v1\0");
    hash.update(at.micros().to_be_bytes());
    let (operation, outcome, reason) = (operation.name(), outcome.name(), reason.map_or("", |reason| reason.name()));
    let early = [cid, request, actor, target, operation, application, address, agent];
    for text in early.into_iter().chain([claimed_address, claimed_agent, outcome, reason, detail]) {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// The key that signs checkpoints and stubs. Wiped on drop, never printed.
#[derive(Clone)]
pub struct AuditKey(Zeroizing<[u8; LINK_BYTES]>);

impl AuditKey {
    /// The key that belongs to a pepper: as secret as the keyring, and good for nothing else.
    pub fn of(pepper: &Pepper) -> Self {
        Self(Zeroizing::new(*pepper.digest_of(b"countersign audit key v1\0", &[]).as_bytes()))
    }

    fn sign(&self, parts: &[&[u8]]) -> [u8; LINK_BYTES] {
        hmac_sha256(self.0.as_slice(), parts)
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(redacted)")
    }
}

/// Where a chain is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// A row was changed, put in, or moved; or rows before it are gone.
    #[error("row {sequence} was changed, put in or moved: it does not follow from the row before it")]
    Row {
        /// Its position.
        sequence: u64,
    },
    /// A position is missing.
    #[error("row {sequence} is missing")]
    Gap {
        /// The position.
        sequence: u64,
    },
    /// The trail's own note of its last row doesn't fit that row.
    #[error("the trail's head, at row {sequence}, is not what was appended last")]
    Head {
        /// Its position.
        sequence: u64,
    },
    /// The trail ends before a checkpoint, or is another one there.
    #[error("the trail doesn't hold the checkpoint at row {sequence}")]
    Checkpoint {
        /// Its position.
        sequence: u64,
    },
    /// The checkpoint was not signed here.
    #[error("the checkpoint at row {sequence} was not signed with this keyring")]
    Signature {
        /// Its position.
        sequence: u64,
    },
    /// The note about removed rows was not signed here.
    #[error("the note that rows up to {sequence} were removed was not signed with this keyring")]
    Stub {
        /// Position of the last removed row.
        sequence: u64,
    },
}

impl BrokenChain {
    /// Where it is.
    pub fn sequence(&self) -> u64 {
        match *self {
            Self::Row { sequence }
            | Self::Gap { sequence }
            | Self::Head { sequence }
            | Self::Checkpoint { sequence }
            | Self::Signature { sequence }
            | Self::Stub { sequence } => sequence,
        }
    }

    /// What it is, as a word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Row { .. } => "row",
            Self::Gap { .. } => "gap",
            Self::Head { .. } => "head",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Signature { .. } => "signature",
            Self::Stub { .. } => "stub",
        }
    }
}

/// A row's place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Its number, from 1; 0 before the first row.
    pub sequence: u64,
    /// Its link.
    pub link: Link,
}

impl Position {
    /// Before the first row.
    pub const START: Self = Self { sequence: 0, link: Link::START };
}

/// The last row of some time, signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The row.
    pub row: Position,
    /// When it was signed.
    pub at: Timestamp,
    signature: [u8; LINK_BYTES],
}

impl Checkpoint {
    /// Signs a row.
    pub fn sign(row: Position, at: Timestamp, key: &AuditKey) -> Self {
        Self { row, at, signature: Self::signature_of(row, at, key) }
    }

    /// The checkpoint that storage kept.
    pub const fn from_parts(row: Position, at: Timestamp, signature: [u8; LINK_BYTES]) -> Self {
        Self { row, at, signature }
    }

    /// The signature, for storage.
    pub const fn signature(&self) -> &[u8; LINK_BYTES] {
        &self.signature
    }

    /// Whether it was signed under `key`.
    fn is_genuine(&self, key: &AuditKey) -> bool {
        Self::signature_of(self.row, self.at, key).ct_eq(&self.signature).into()
    }

    fn signature_of(row: Position, at: Timestamp, key: &AuditKey) -> [u8; LINK_BYTES] {
        let domain = b"countersign audit checkpoint v1\0";
        key.sign(&[domain, &row.sequence.to_be_bytes(), row.link.as_bytes(), &at.micros().to_be_bytes()])
    }
}

/// One word: position, time in microseconds, link and signature, with dots between them.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (link, signature) = (self.row.link.to_hex(), HEXLOWER.encode(&self.signature));
        write!(f, "{}.{}.{link}.{signature}", self.row.sequence, self.at.micros())
    }
}

/// The text is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no checkpoint; one is a word as 120.1697562450805300.LINK.SIGNATURE")]
pub struct NoCheckpoint;

impl FromStr for Checkpoint {
    type Err = NoCheckpoint;

    fn from_str(text: &str) -> Result<Self, NoCheckpoint> {
        let parts: Vec<&str> = text.split('.').collect();
        let &[sequence, at, link, signature] = parts.as_slice() else { return Err(NoCheckpoint) };
        let sequence = sequence.parse().map_err(|_| NoCheckpoint)?;
        let at = Timestamp::from_micros(at.parse().map_err(|_| NoCheckpoint)?);
        let link = Link::from_hex(link).ok_or(NoCheckpoint)?;
        let Link(signature) = Link::from_hex(signature).ok_or(NoCheckpoint)?;
        Ok(Self { row: Position { sequence, link }, at, signature })
    }
}

/// What stands for rows that retention removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stub {
    /// The last row that was removed. As positions have no gaps, it tells how many were removed in all.
    pub row: Position,
    /// When.
    pub at: Timestamp,
    signature: [u8; LINK_BYTES],
}

impl Stub {
    /// Signs that all rows up to this one were removed.
    pub fn sign(row: Position, at: Timestamp, key: &AuditKey) -> Self {
        Self { row, at, signature: Self::signature_of(row, at, key) }
    }

    /// The stub that storage kept.
    pub const fn from_parts(row: Position, at: Timestamp, signature: [u8; LINK_BYTES]) -> Self {
        Self { row, at, signature }
    }

    /// The signature, for storage.
    pub const fn signature(&self) -> &[u8; LINK_BYTES] {
        &self.signature
    }

    /// Whether it was signed under `key`.
    pub fn is_genuine(&self, key: &AuditKey) -> bool {
        Self::signature_of(self.row, self.at, key).ct_eq(&self.signature).into()
    }

    fn signature_of(row: Position, at: Timestamp, key: &AuditKey) -> [u8; LINK_BYTES] {
        let domain = b"countersign audit stub v1\0";
        key.sign(&[domain, &row.sequence.to_be_bytes(), row.link.as_bytes(), &at.micros().to_be_bytes()])
    }
}

/// A row of the trail as it stands, which need not be what was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// Its position.
    pub sequence: u64,
    /// The row; `None` if its fields are none that can have been stored.
    pub row: Option<AuditRow>,
}

/// Walks a chain row by row.
#[derive(Debug, Clone)]
pub struct Verifier {
    last: Position,
    checkpoints: BTreeMap<u64, Link>,
}

impl Verifier {
    /// Begins behind the row `after`: behind nothing, behind what retention removed, or where an earlier walk ended.
    /// Checkpoints at earlier rows say nothing about the rest, but must be signed as well.
    ///
    /// # Errors
    ///
    /// [`BrokenChain::Signature`], and [`BrokenChain::Checkpoint`] where two checkpoints contradict each other.
    pub fn new(
        after: Position,
        checkpoints: impl IntoIterator<Item = Checkpoint>,
        key: &AuditKey,
    ) -> Result<Self, BrokenChain> {
        let mut kept = BTreeMap::new();
        for checkpoint in checkpoints {
            let Position { sequence, link } = checkpoint.row;
            if !checkpoint.is_genuine(key) {
                return Err(BrokenChain::Signature { sequence });
            }
            if kept.insert(sequence, link).is_some_and(|other| other != link) {
                return Err(BrokenChain::Checkpoint { sequence });
            }
        }
        let verifier = Self { last: after, checkpoints: kept };
        verifier.checkpoint_here()?;
        Ok(verifier)
    }

    /// The last row that was checked.
    pub fn last(&self) -> Position {
        self.last
    }

    /// Checks the next row.
    ///
    /// # Errors
    ///
    /// [`BrokenChain`]; the verifier has no further use then.
    pub fn row(&mut self, found: &FoundRow) -> Result<(), BrokenChain> {
        let (sequence, expected) = (found.sequence, self.last.sequence.saturating_add(1));
        if sequence > expected {
            return Err(BrokenChain::Gap { sequence: expected });
        }
        let row = found.row.as_ref().filter(|_| sequence == expected).ok_or(BrokenChain::Row { sequence })?;
        if self.last.link.next(sequence, &row.event) != row.link {
            return Err(BrokenChain::Row { sequence });
        }
        self.last = Position { sequence, link: row.link };
        self.checkpoint_here()
    }

    /// Ends: all rows up to the last checkpoint have come. Answers the last row.
    ///
    /// # Errors
    ///
    /// [`BrokenChain::Checkpoint`]: the tail was cut.
    pub fn end(self) -> Result<Position, BrokenChain> {
        match self.checkpoints.range(self.last.sequence.saturating_add(1)..).next() {
            Some((&sequence, _)) => Err(BrokenChain::Checkpoint { sequence }),
            None => Ok(self.last),
        }
    }

    fn checkpoint_here(&self) -> Result<(), BrokenChain> {
        let Position { sequence, link } = self.last;
        match self.checkpoints.get(&sequence) {
            Some(other) if *other != link => Err(BrokenChain::Checkpoint { sequence }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "audit_chain_tests.rs"]
mod tests;
