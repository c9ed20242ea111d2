//! Records as storage reads them for a query, and what they hold in their fields.

use super::fields::{
    ApiKeyField, CookieField, Field, Kind, MetadataField, OtpField, RoleField, RosterField, UriField, UserField,
};
use super::filter::{Held, Scalar};
use crate::metadata::MetadataEntry;
use crate::permission::Rule;
use crate::profile::UserRecord;
use crate::role::{Role, RoleName};
use crate::roster::RosterEntry;
use crate::uris::FoundUri;
use crate::{Credential, LoginName, RoleId, Timestamp, UserId};

/// A record of some collection.
pub trait Entry {
    /// What it holds in a field; [`Held::Missing`] for fields of other collections.
    fn held(&self, field: Field) -> Held;
}

/// A user with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct UserEntry {
    /// The user.
    pub record: UserRecord,
    /// Its one-time passwords that can still be used, oldest first.
    pub otps: Vec<Credential>,
    /// Its API keys that can still be used, oldest first.
    pub api_keys: Vec<Credential>,
    /// What is noted of it, in the order of the keys.
    pub metadata: Vec<MetadataEntry>,
}

/// A role.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleEntry {
    /// The id; stays when the name changes.
    pub id: RoleId,
    /// The role.
    pub role: Role,
}

/// A cookie of a browser.
#[derive(Debug, Clone, PartialEq)]
pub struct CookieEntry {
    /// What is kept of it.
    pub credential: Credential,
    /// Whom it signs in.
    pub login: LoginName,
    /// Its user's role.
    pub role: RoleName,
}

/// A one-time password, or an API key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyEntry {
    /// What is kept of it.
    pub credential: Credential,
    /// Whom it signs in.
    pub login: LoginName,
}

/// What is noted of a user under a key.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRecord {
    /// Key and value.
    pub entry: MetadataEntry,
    /// Of whom.
    pub owner: UserId,
    /// The user's login name.
    pub login: LoginName,
}

fn text(text: &str) -> Held {
    Held::One(Scalar::Text(text.to_owned()))
}

fn optional(found: Option<&str>) -> Held {
    found.map_or(Held::Missing, text)
}

fn rules(rules: &[Rule]) -> Held {
    Held::Rules(rules.to_vec())
}

impl Entry for UserEntry {
    fn held(&self, field: Field) -> Held {
        let Field::Users(field) = field else { return Held::Missing };
        let (user, profile) = (&self.record.user, &self.record.profile);
        let name = profile.names.display.as_deref();
        match field {
            UserField::Login => text(user.login.as_str()),
            UserField::Enabled => Held::One(Scalar::Truth(user.standing.enabled)),
            UserField::Role => text(user.role.as_str()),
            UserField::Email => {
                optional(profile.email.as_ref().filter(|email| !email.is_sealed).map(|email| email.text.as_str()))
            }
            UserField::EmailDigest => profile
                .email
                .as_ref()
                .map_or(Held::Missing, |email| Held::One(Scalar::Digest(*email.digest.as_bytes()))),
            UserField::Upn => optional(profile.upn.as_deref()),
            UserField::Name => optional(name),
            UserField::NameFolded => optional(name.map(str::to_lowercase).as_deref()),
            UserField::Uuid => Held::One(Scalar::Id(user.id.uuid())),
            UserField::Source => text(user.source().name()),
            UserField::Owner => constant(Field::Users(field)),
        }
    }
}

impl Entry for RoleEntry {
    fn held(&self, field: Field) -> Held {
        let Field::Roles(field) = field else { return Held::Missing };
        match field {
            RoleField::Role => text(self.role.name.as_str()),
            RoleField::Permissions => rules(&self.role.rules),
            RoleField::Uuid => Held::One(Scalar::Id(self.id.uuid())),
            RoleField::Owner => constant(Field::Roles(field)),
        }
    }
}

impl Entry for CookieEntry {
    fn held(&self, field: Field) -> Held {
        let Field::Cookies(field) = field else { return Held::Missing };
        match field {
            CookieField::Uuid => Held::One(Scalar::Id(self.credential.id.uuid())),
            CookieField::Authid => text(self.login.as_str()),
            CookieField::Authrole => text(self.role.as_str()),
            CookieField::Created => Held::One(Scalar::Int(self.credential.created.micros())),
            CookieField::Expires => Held::One(Scalar::Int(self.credential.expires.at.micros())),
            CookieField::Origin => text(&self.credential.origin),
            CookieField::Owner => constant(Field::Cookies(field)),
        }
    }
}

impl Entry for KeyEntry {
    fn held(&self, field: Field) -> Held {
        let credential = &self.credential;
        let field = match field {
            Field::Otps(field) => field,
            Field::ApiKeys(field) => match field {
                ApiKeyField::Description => return text(&credential.description),
                ApiKeyField::Uuid => OtpField::Uuid,
                ApiKeyField::Expires => OtpField::Expires,
                ApiKeyField::Permissions => OtpField::Permissions,
                ApiKeyField::Key => OtpField::Key,
                ApiKeyField::Owner | ApiKeyField::OwnerUuid => OtpField::Owner,
                ApiKeyField::OwnerLogin => OtpField::OwnerLogin,
            },
            _ => return Held::Missing,
        };
        match field {
            OtpField::Uuid => Held::One(Scalar::Id(credential.id.uuid())),
            OtpField::Origin => text(&credential.origin),
            OtpField::Expires => Held::One(Scalar::Int(credential.expires.at.micros())),
            OtpField::Permissions => rules(&credential.permissions),
            OtpField::Key => Held::One(Scalar::Digest(*credential.digest.as_bytes())),
            OtpField::Owner | OtpField::OwnerUuid => Held::One(Scalar::Id(credential.owner.uuid())),
            OtpField::Login | OtpField::OwnerLogin => text(self.login.as_str()),
        }
    }
}

impl Entry for MetadataRecord {
    fn held(&self, field: Field) -> Held {
        let Field::Metadata(field) = field else { return Held::Missing };
        match field {
            MetadataField::Key => text(self.entry.key.as_str()),
            // What is in it is for storage to read.
            MetadataField::Value => Held::Missing,
            MetadataField::Uuid => Held::One(Scalar::Id(self.entry.id.uuid())),
            MetadataField::Owner | MetadataField::OwnerUuid => Held::One(Scalar::Id(self.owner.uuid())),
            MetadataField::OwnerLogin => text(self.login.as_str()),
        }
    }
}

impl Entry for RosterEntry {
    fn held(&self, field: Field) -> Held {
        let Field::Rosters(field) = field else { return Held::Missing };
        match field {
            RosterField::Name => text(self.name.as_str()),
            RosterField::Data => Held::Missing,
            RosterField::SessionId => Held::One(Scalar::Int(i64::try_from(self.session).unwrap_or(i64::MAX))),
            RosterField::Key => text(&self.key()),
            RosterField::Created => Held::One(Scalar::Int(self.created.micros())),
            RosterField::Uuid => Held::One(Scalar::Id(self.id.uuid())),
            RosterField::Owner => constant(Field::Rosters(field)),
        }
    }
}

impl Entry for FoundUri {
    fn held(&self, field: Field) -> Held {
        let Field::Uris(field) = field else { return Held::Missing };
        let record = &self.record;
        let number = |found: Option<i64>| found.map_or(Held::Missing, |number| Held::One(Scalar::Int(number)));
        let count = |found: Option<u32>| number(found.map(i64::from));
        let time = |found: Option<Timestamp>| number(found.map(Timestamp::micros));
        match field {
            UriField::Key => text(&record.key.to_string()),
            UriField::Uuid => Held::One(Scalar::Id(record.key.id())),
            UriField::Uri => text(record.key.uri()),
            UriField::Active => Held::One(Scalar::Truth(record.is_active)),
            UriField::System => Held::One(Scalar::Truth(record.is_system)),
            UriField::Match => text(record.key.policy().name()),
            UriField::Invoke => optional(record.invoke.as_deref()),
            UriField::Description => text(&record.description),
            UriField::Contact => text(&record.contact),
            UriField::Create => time(Some(record.created)),
            UriField::Peer => optional(record.last.peer.as_deref()),
            UriField::Authid => optional(record.last.authid.as_deref()),
            UriField::SessionId => number(record.last.session),
            UriField::WarnAfter => count(record.warn.after_seconds),
            UriField::WarnReminderAfter => count(record.warn.reminder_after_seconds),
            UriField::WarnLast => time(record.warned),
            UriField::Disconnect => time(record.disconnected),
            UriField::CountWarnAfter => count(record.warn.count_after),
            UriField::CountWarnReminderAfter => count(record.warn.count_reminder_after_seconds),
            UriField::CountWarnLast => time(record.count_warned),
            UriField::Schedule => text(record.schedule.as_str()),
            UriField::Action | UriField::Owner => constant(Field::Uris(field)),
        }
    }
}

fn constant(field: Field) -> Held {
    match field.kind() {
        Kind::Constant(found) => text(found),
        _ => Held::Missing,
    }
}
