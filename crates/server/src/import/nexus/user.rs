//! A user's record, and what lies below it, as a user of ours.

use countersign_identity::import::ImportedUser;
use countersign_identity::keys::{KeyKind, KeyRequest};
use countersign_identity::metadata::{MetadataEntry, MetadataKey, MetadataLimits, MetadataValue};
use countersign_identity::old_digest::OldDigest;
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::{Email, Names, Profile};
use countersign_identity::role::RoleName;
use countersign_identity::source::Source;
use countersign_identity::standing::Standing;
use countersign_identity::user::User;
use countersign_identity::{
    Credential, CredentialId, Expires, IdentitySettings, LoginName, MetadataId, Secret, Timestamp, UserId,
};
use rand_core::CryptoRng;

use super::record::Record;
use super::tree::{self, Entry, Tree, TreeError};
use crate::yaml;

/// Keys, and entries of metadata, of one user that are looked at.
const RECORDS_PER_USER_MAX: usize = 10_000;
/// What stands as the origin of a key that says none.
const ORIGIN: &str = "nexus";

/// What conversions need to know.
#[derive(Debug)]
pub struct Conversion<'a> {
    /// The files.
    pub tree: &'a Tree,
    /// The pepper, and the limits that hold here.
    pub settings: &'a IdentitySettings,
    /// Whether addresses are to be sealed.
    pub seals_email: bool,
    /// The time of the import.
    pub now: Timestamp,
}

impl Conversion<'_> {
    /// Converts a user. Notes say what came over changed, or didn't.
    ///
    /// # Errors
    ///
    /// Why the user can't come over, for the report; the outer one: the tree can't be read.
    pub fn user(
        &self,
        entry: &Entry,
        notes: &mut Vec<String>,
        rng: &mut impl CryptoRng,
    ) -> Result<Result<ImportedUser, String>, TreeError> {
        let read = LoginName::parse(&entry.key)
            .map_err(|error| format!("the login can't be used: {error}"))
            .and_then(|login| Ok((login, Record::read(&entry.file)?)));
        let (login, record) = match read {
            Ok(read) => read,
            Err(why) => return Ok(Err(why)),
        };
        let user = match self.own(entry, login, &record, notes, rng) {
            Ok(user) => user,
            Err(why) => return Ok(Err(why)),
        };
        let mut credentials = Vec::new();
        for (kind, collection) in [(KeyKind::Otp, "otps"), (KeyKind::ApiKey, "apikeys")] {
            for record in self.below(entry, collection, notes)? {
                match self.key(kind, &record, entry, &user, notes, rng) {
                    Ok(key) => credentials.push(key),
                    Err(why) => notes.push(format!("{kind} {} is left out: {why}", record.key)),
                }
            }
        }
        let mut metadata = Vec::new();
        let limits = &self.settings.metadata;
        let mut bytes = 0_u64;
        for record in self.below(entry, "metadata", notes)? {
            let converted = self.metadata(&record, limits, rng).and_then(|entry| {
                bytes += u64::try_from(entry.value.bytes()).unwrap_or(u64::MAX);
                let fits = bytes <= limits.bytes_max && metadata.len() < limits.entries_max as usize;
                if fits { Ok(entry) } else { Err("the user has too much of it".to_owned()) }
            });
            match converted {
                Ok(entry) => metadata.push(entry),
                Err(why) => notes.push(format!("metadata {:?} is left out: {why}", record.key)),
            }
        }
        let profile = self.profile(entry, &record, &user, notes);
        let (factor, sessions, attributes) = (None, Vec::new(), Vec::new());
        Ok(Ok(ImportedUser { user, profile, factor, sessions, attributes, credentials, metadata }))
    }

    fn below(&self, user: &Entry, collection: &str, notes: &mut Vec<String>) -> Result<Vec<Entry>, TreeError> {
        let mut records = self.tree.records_of(user, collection)?;
        if records.len() > RECORDS_PER_USER_MAX {
            notes.push(format!("of {} {collection} the first {RECORDS_PER_USER_MAX} were looked at", records.len()));
            records.truncate(RECORDS_PER_USER_MAX);
        }
        Ok(records)
    }

    fn own(
        &self,
        entry: &Entry,
        login: LoginName,
        record: &Record,
        notes: &mut Vec<String>,
        rng: &mut impl CryptoRng,
    ) -> Result<User, String> {
        let id = record.text("uuid").and_then(|uuid| UserId::parse_bus(uuid).ok()).unwrap_or_else(|| {
            notes.push("there is no usable uuid; there is a new one".to_owned());
            UserId::generate(self.now, rng)
        });
        let role = record.text("role").map_or(Ok(RoleName::frontend()), RoleName::parse);
        let role = role.map_err(|error| format!("the role can't be used: {error}"))?;
        let password = password(&login, record, notes);
        if login.as_str() != entry.key {
            notes.push(format!("is {login} here: names have no upper case"));
        }
        let standing = Standing { enabled: record.truth("enabled", true), ..Standing::GOOD };
        Ok(User { id, login, standing, role, password, created: self.now })
    }

    fn profile(&self, entry: &Entry, record: &Record, user: &User, notes: &mut Vec<String>) -> Profile {
        let display = record.text("name").map(|name| name.chars().take(Names::CHARACTERS_MAX).collect());
        let email = record.text("email").and_then(|text| {
            if text.chars().count() > Email::CHARACTERS_MAX {
                notes.push("the e-mail address is too long and did not come over".to_owned());
                return None;
            }
            let digest = self.settings.pepper.digest_email(text);
            Some(Email { text: text.to_owned(), digest, is_sealed: self.seals_email })
        });
        Profile {
            names: Names { display, ..Names::default() },
            email,
            spelling: (entry.key != user.login.as_str()).then(|| entry.key.clone()),
            ..Profile::default()
        }
    }

    /// A key. Where its plaintext lies in the record, and is the one that the record's name was made of, it gets a digest of
    /// our own at once.
    fn key(
        &self,
        kind: KeyKind,
        entry: &Entry,
        owner: &Entry,
        user: &User,
        notes: &mut Vec<String>,
        rng: &mut impl CryptoRng,
    ) -> Result<Credential, String> {
        let record = Record::read(&entry.file)?;
        let old = OldDigest::parse(&entry.key).ok_or("its name is no digest")?;
        let mut expires = record.expires(self.now, notes)?;
        if kind == KeyKind::Otp {
            let longest = self.now.saturating_add(self.settings.otp_lifetimes.longest);
            if expires.at > longest {
                expires = Expires { at: longest, ..expires };
                notes.push(format!("one-time password {} ends sooner: as late as one may here", entry.key));
            }
        }
        let (permissions, more) = record.rules()?;
        notes.extend(more);
        let pepper = &self.settings.pepper;
        let plaintext = record.text("plaintext_key").map(Secret::new);
        let known = plaintext.filter(|key| OldDigest::fits(key) && OldDigest::of(&owner.key, key) == old);
        let digest = match &known {
            Some(key) => pepper.digest(&user.login, key),
            None if owner.key == user.login.as_str() => pepper.digest_imported(&old),
            None => return Err("its digest is bound to a login with upper case, by which nobody logs in".to_owned()),
        };
        let description = record.text("description").unwrap_or_default();
        let id = record.text("uuid").and_then(|uuid| CredentialId::parse_bus(uuid).ok());
        Ok(Credential {
            id: id.unwrap_or_else(|| CredentialId::generate(self.now, rng)),
            kind: kind.credential(),
            owner: user.id,
            digest,
            permissions,
            description: description.chars().take(KeyRequest::DESCRIPTION_CHARACTERS_MAX).collect(),
            origin: record.text("origin").unwrap_or(ORIGIN).chars().take(ORIGIN_CHARACTERS_MAX).collect(),
            expires,
            created: self.now,
            spent: None,
            last_used: None,
            revision: 0,
            is_imported: known.is_none(),
        })
    }

    fn metadata(
        &self,
        entry: &Entry,
        limits: &MetadataLimits,
        rng: &mut impl CryptoRng,
    ) -> Result<MetadataEntry, String> {
        let bytes_max = u64::try_from(limits.value_bytes_max).unwrap_or(u64::MAX).saturating_add(HEAD_BYTES_MAX);
        let text = tree::read(&entry.file, bytes_max)?;
        let record = Record::parse(&text, bytes_max)?;
        let json = record.get("value").map_or_else(|| "null".to_owned(), ToString::to_string);
        let yaml =
            own_text(&text).filter(|own| yaml::to_json(own, limits.value_bytes_max).is_ok_and(|parsed| parsed == json));
        let key = MetadataKey::parse(&entry.key).map_err(|error| error.to_string())?;
        let value = MetadataValue { json: Secret::new(json), yaml: yaml.map(Secret::new) };
        if key.as_str().len() > limits.key_bytes_max || value.bytes() > limits.value_bytes_max.saturating_mul(2) {
            return Err("key or value is longer than allowed".to_owned());
        }
        let id = record.text("uuid").and_then(|uuid| MetadataId::parse_bus(uuid).ok());
        let id = id.unwrap_or_else(|| MetadataId::generate(self.now, rng));
        Ok(MetadataEntry { id, key, value, created: self.now, modified: self.now })
    }
}

/// The hash; of a user of a directory its mark, whatever hash the record has beside it.
fn password(login: &LoginName, record: &Record, notes: &mut Vec<String>) -> Option<PasswordHash> {
    match record.text("source").map(|source| Source::from_name(source).ok_or(source)) {
        None | Some(Ok(Source::Local)) => {}
        Some(Ok(Source::Ldap)) => return Some(PasswordHash::in_directory(login)),
        Some(Err(source)) => {
            notes.push(format!("has no password here: there is no source {source:?} of users"));
            return None;
        }
    }
    let read = record.text("password").map(|hash| PasswordHash::from_foreign(hash.to_owned()))?;
    read.inspect_err(|why| notes.push(format!("the password did not come over: {why}"))).ok()
}

/// Longest origin of a key that is kept, in characters.
const ORIGIN_CHARACTERS_MAX: usize = 256;
/// What a record of metadata has beside its value, in bytes.
const HEAD_BYTES_MAX: u64 = 4 * 1024;

/// The part of a record's text that is its value, with the comments in it.
fn own_text(record: &str) -> Option<String> {
    let mut lines = record.split_inclusive('\n').skip_while(|line| !line.starts_with("value:"));
    let first = lines.next()?.strip_prefix("value:")?.trim_start_matches(' ');
    let below: Vec<&str> = lines.take_while(|line| line.starts_with([' ', '\n', '\r', '#', '-'])).collect();
    if !first.trim().is_empty() {
        return Some(std::iter::once(first).chain(below).collect());
    }
    let indent = |line: &&&str| line.len() - line.trim_start_matches(' ').len();
    let is_content = |line: &&&str| !line.trim().is_empty() && !line.starts_with('#');
    let width = below.iter().filter(is_content).map(|line| indent(&line)).min()?;
    Some(below.iter().map(|line| line.get(width..).filter(|_| line.starts_with(' ')).unwrap_or(line)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_text_of_a_value_keeps_its_comments() {
        #[track_caller]
        fn check(record: &str, want: Option<&str>) {
            assert_eq!(own_text(record).as_deref(), want, "{record}");
        }
        check(
            "uuid: x\nvalue:\n  # first\n  a: 1 # one\n  b:\n    - 2\nversion: 1\n",
            Some("# first\na: 1 # one\nb:\n  - 2\n"),
        );
        check("value: 5 # five\n", Some("5 # five\n"));
        check("value:\n- 1\n- 2\nuuid: x\n", Some("- 1\n- 2\n"));
        check("value: {a: 1}\nuuid: x", Some("{a: 1}\n"));
        check("uuid: x\n", None);
        check("value:\n", None);
    }
}
