//! What an import did, or would do.

use countersign_identity::CredentialKind;
use countersign_identity::import::ImportedUser;
use countersign_identity::source::Source;
use serde::{Deserialize, Serialize};

/// Most notes that a report holds; what comes after is only counted.
const NOTES_MAX: usize = 10_000;

/// The report of an import.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing was written.
    pub is_dry_run: bool,
    /// Users in the other system.
    pub users_found: u64,
    /// Users that were brought over.
    pub users_imported: u64,
    /// Of them, those whose password came along.
    pub passwords: u64,
    /// Of them, those whose second factor came along.
    pub second_factors: u64,
    /// Attributes that were brought over.
    pub attributes: u64,
    /// Live sessions that were brought over.
    pub sessions: u64,
    /// API keys that were brought over.
    #[serde(default, skip_serializing_if = "is_none")]
    pub api_keys: u64,
    /// One-time passwords that were brought over.
    #[serde(default, skip_serializing_if = "is_none")]
    pub one_time_passwords: u64,
    /// Of both, those of which the key itself is not known: they work by the digest that the other system has made.
    #[serde(default, skip_serializing_if = "is_none")]
    pub old_digests: u64,
    /// Entries of metadata that were brought over.
    #[serde(default, skip_serializing_if = "is_none")]
    pub metadata: u64,
    /// Roles whose rules were brought over.
    #[serde(default, skip_serializing_if = "is_none")]
    pub roles: u64,
    /// Records of URIs that were brought over.
    #[serde(default, skip_serializing_if = "is_none")]
    pub uris: u64,
    /// Of them, those that say what the URI is for and who looks after it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub documented_uris: u64,
    /// What was left out, or came over changed.
    pub notes: Vec<Note>,
    /// Notes that found no room.
    pub notes_dropped: u64,
}

/// Something that the operator should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Whom it concerns: a name of the other system, and its row where that is no help.
    pub who: String,
    /// What happened, without any secret.
    pub what: String,
}

/// What a user has that comes over.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    has_password: bool,
    has_factor: bool,
    sessions: u64,
    attributes: u64,
    api_keys: u64,
    one_time_passwords: u64,
    old_digests: u64,
    metadata: u64,
}

/// Counts of what a system doesn't have are left out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Count {
    /// Counts what `imported` has.
    pub fn of(imported: &ImportedUser) -> Self {
        let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
        let keys = |of: CredentialKind| count(imported.credentials.iter().filter(|one| one.kind == of).count());
        Self {
            has_password: imported.user.password.is_some() && imported.user.source() == Source::Local,
            has_factor: imported.factor.is_some(),
            sessions: count(imported.sessions.len()),
            attributes: count(imported.attributes.len()),
            api_keys: keys(CredentialKind::ApiKey),
            one_time_passwords: keys(CredentialKind::Otp),
            old_digests: count(imported.credentials.iter().filter(|one| one.is_imported).count()),
            metadata: count(imported.metadata.len()),
        }
    }
}

impl Report {
    /// Counts a user who came over.
    pub fn count(&mut self, count: Count) {
        self.users_imported += 1;
        self.passwords += u64::from(count.has_password);
        self.second_factors += u64::from(count.has_factor);
        self.sessions += count.sessions;
        self.attributes += count.attributes;
        self.api_keys += count.api_keys;
        self.one_time_passwords += count.one_time_passwords;
        self.old_digests += count.old_digests;
        self.metadata += count.metadata;
    }

    /// Adds a note.
    pub fn note(&mut self, who: &str, what: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(Note { who: who.to_owned(), what: what.into() });
        } else {
            self.notes_dropped += 1;
        }
    }
}
