//! The chain that makes the audit trail tamper-evident.
//!
//! Each row carries a hash over all its fields and the hash of the row before it, so that an edit, an insertion, a
//! deletion in the middle or a swap breaks the chain from there on. A cut tail breaks nothing; against it stands a
//! checkpoint: position and hash of the last row of its time, signed under a key that is not in the database.
//!
//! **Invariant:** fields are written with their lengths, so no two rows have the same bytes.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::audit::{AuditEvent, AuditRow};
use crate::proof::hmac_sha256;

/// Length of a link, in bytes.
pub const LINK_BYTES: usize = 32;

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

    /// The link of the row that follows the one with this link.
    #[must_use]
    pub fn next(self, sequence: u64, event: &AuditEvent) -> Self {
        let AuditEvent { at, cid, actor, target, operation, application, address, agent, outcome, reason, detail } =
            event;
        let mut hash = Sha256::new_with_prefix(b"countersign audit v1\0");
        hash.update(self.0);
        hash.update(sequence.to_be_bytes());
        hash.update(at.micros().to_be_bytes());
        let reason = reason.map_or("", |reason| reason.name());
        for text in [cid, actor, target, operation.name(), application, address, agent, outcome.name(), reason, detail]
        {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text);
        }
        Self(hash.finalize().into())
    }
}

/// Where a chain is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// A row was changed, put in, or moved; or rows before it are gone.
    #[error("row {sequence} does not follow from the row before it")]
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
    /// The trail ends before a checkpoint, or is another one there.
    #[error("the trail doesn't hold the checkpoint at row {sequence}")]
    Checkpoint {
        /// Its position.
        sequence: u64,
    },
    /// The checkpoint was not signed here.
    #[error("the checkpoint at row {sequence} has a wrong signature")]
    Signature {
        /// Its position.
        sequence: u64,
    },
}

/// The last row of some time, signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Position of the row.
    pub sequence: u64,
    /// Its link.
    pub link: Link,
    signature: [u8; LINK_BYTES],
}

impl Checkpoint {
    /// Signs a row under a key of the keyring.
    pub fn sign(sequence: u64, link: Link, key: &[u8]) -> Self {
        Self { sequence, link, signature: signature(sequence, link, key) }
    }

    /// The checkpoint that storage kept.
    pub const fn from_parts(sequence: u64, link: Link, signature: [u8; LINK_BYTES]) -> Self {
        Self { sequence, link, signature }
    }

    /// The signature, for storage.
    pub const fn signature(&self) -> &[u8; LINK_BYTES] {
        &self.signature
    }

    /// Whether it was signed under `key`.
    fn is_genuine(&self, key: &[u8]) -> bool {
        signature(self.sequence, self.link, key).ct_eq(&self.signature).into()
    }
}

fn signature(sequence: u64, link: Link, key: &[u8]) -> [u8; LINK_BYTES] {
    hmac_sha256(key, &[b"countersign audit checkpoint v1\0", &sequence.to_be_bytes(), link.as_bytes()])
}

/// Walks a chain row by row.
#[derive(Debug, Clone)]
pub struct Verifier {
    last: u64,
    link: Link,
    checkpoint: Option<Checkpoint>,
}

impl Verifier {
    /// Begins behind the row `after`, whose link was `link`: behind nothing, or behind what retention cut off.
    ///
    /// # Errors
    ///
    /// [`BrokenChain::Signature`].
    pub fn new(after: u64, link: Link, checkpoint: Option<Checkpoint>, key: &[u8]) -> Result<Self, BrokenChain> {
        match checkpoint {
            Some(checkpoint) if !checkpoint.is_genuine(key) => {
                Err(BrokenChain::Signature { sequence: checkpoint.sequence })
            }
            _ => Ok(Self { last: after, link, checkpoint }),
        }
    }

    /// Checks the next row and the link that it carries.
    ///
    /// # Errors
    ///
    /// [`BrokenChain`]; the verifier has no further use then.
    pub fn row(&mut self, row: &AuditRow, link: Link) -> Result<(), BrokenChain> {
        let expected = self.last + 1;
        if row.sequence > expected {
            return Err(BrokenChain::Gap { sequence: expected });
        }
        let follows = row.sequence == expected && self.link.next(row.sequence, &row.event) == link;
        if !follows {
            return Err(BrokenChain::Row { sequence: row.sequence });
        }
        (self.last, self.link) = (row.sequence, link);
        match self.checkpoint {
            Some(checkpoint) if checkpoint.sequence == row.sequence && checkpoint.link != link => {
                Err(BrokenChain::Checkpoint { sequence: row.sequence })
            }
            _ => Ok(()),
        }
    }

    /// Ends: all rows up to the checkpoint have come. Answers the number of the last row.
    ///
    /// # Errors
    ///
    /// [`BrokenChain::Checkpoint`]: the tail was cut.
    pub fn end(self) -> Result<u64, BrokenChain> {
        match self.checkpoint {
            Some(checkpoint) if checkpoint.sequence > self.last => {
                Err(BrokenChain::Checkpoint { sequence: checkpoint.sequence })
            }
            _ => Ok(self.last),
        }
    }
}

#[cfg(test)]
#[path = "audit_chain_tests.rs"]
mod tests;
