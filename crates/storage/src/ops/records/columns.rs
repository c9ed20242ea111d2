//! Where the fields of records are.

use countersign_identity::records::{
    ApiKeyField, CookieField, Direction, Field, MetadataField, OtpField, RoleField, RosterField, Sort, UriField,
    UserField,
};

/// A field as SQL.
pub struct Column {
    /// The expression.
    pub sql: &'static str,
    /// Whether it can be null.
    pub is_nullable: bool,
}

const fn always(sql: &'static str) -> Column {
    Column { sql, is_nullable: false }
}

const fn nullable(sql: &'static str) -> Column {
    Column { sql, is_nullable: true }
}

const OWNER_LOGIN: &str = "(SELECT users.login FROM users WHERE users.id = credentials.owner)";
const OWNER_ROLE: &str = "(SELECT users.role FROM users WHERE users.id = credentials.owner)";

/// The column of a field; `None` for rules, and for what is the same in every record.
pub fn column(field: Field) -> Option<Column> {
    let column = match field {
        Field::Users(field) => match field {
            UserField::Login => always("users.login"),
            UserField::Enabled => always("users.enabled"),
            UserField::Role => always("users.role"),
            UserField::Email => nullable("users.email"),
            UserField::EmailDigest => nullable("users.email_digest"),
            UserField::Upn => nullable("users.upn"),
            UserField::Name => nullable("users.display_name"),
            // Without a name it is empty rather than null.
            UserField::NameFolded => {
                nullable("(CASE WHEN users.display_name IS NULL THEN NULL ELSE users.display_name_folded END)")
            }
            UserField::Uuid => always("users.id"),
            // See `countersign_identity::source`.
            UserField::Source => always(
                "(CASE WHEN substr(users.password, 1, 11) = '$directory$' THEN CAST('ldap' AS text) \
                 ELSE CAST('local' AS text) END)",
            ),
            UserField::Owner => return None,
        },
        Field::Roles(field) => match field {
            RoleField::Role => always("roles.name"),
            RoleField::Uuid => always("roles.id"),
            RoleField::Permissions | RoleField::Owner => return None,
        },
        Field::Cookies(field) => match field {
            CookieField::Uuid => always("credentials.id"),
            CookieField::Authid => always(OWNER_LOGIN),
            CookieField::Authrole => always(OWNER_ROLE),
            CookieField::Created => always("credentials.created_at"),
            CookieField::Expires => always("credentials.expires_at"),
            CookieField::Origin => always("credentials.origin"),
            CookieField::Owner => return None,
        },
        Field::Otps(field) => match field {
            OtpField::Uuid => always("credentials.id"),
            OtpField::Origin => always("credentials.origin"),
            OtpField::Expires => always("credentials.expires_at"),
            OtpField::Key => always("credentials.digest"),
            OtpField::Owner | OtpField::OwnerUuid => always("credentials.owner"),
            OtpField::Login | OtpField::OwnerLogin => always(OWNER_LOGIN),
            OtpField::Permissions => return None,
        },
        Field::ApiKeys(field) => match field {
            ApiKeyField::Uuid => always("credentials.id"),
            ApiKeyField::Description => always("credentials.description"),
            ApiKeyField::Expires => always("credentials.expires_at"),
            ApiKeyField::Key => always("credentials.digest"),
            ApiKeyField::Owner | ApiKeyField::OwnerUuid => always("credentials.owner"),
            ApiKeyField::OwnerLogin => always(OWNER_LOGIN),
            ApiKeyField::Permissions => return None,
        },
        Field::Metadata(field) => match field {
            MetadataField::Key => always("metadata.key"),
            MetadataField::Value => always("metadata.value"),
            MetadataField::Uuid => always("metadata.id"),
            MetadataField::Owner | MetadataField::OwnerUuid => always("metadata.owner"),
            MetadataField::OwnerLogin => always("(SELECT users.login FROM users WHERE users.id = metadata.owner)"),
        },
        Field::Uris(field) => match field {
            UriField::Key => always("(uris.uri || '_' || uris.policy || '_register')"),
            UriField::Uuid => always("uris.id"),
            UriField::Uri => always("uris.uri"),
            UriField::Active => always("uris.active"),
            UriField::System => always("uris.is_system"),
            UriField::Match => always("uris.policy"),
            UriField::Invoke => nullable("uris.invoke"),
            UriField::Description => always("uris.description"),
            UriField::Contact => always("uris.contact"),
            UriField::Create => always("uris.created_at"),
            UriField::Peer => nullable("uris.peer"),
            UriField::Authid => nullable("uris.authid"),
            UriField::SessionId => nullable("uris.session"),
            UriField::WarnAfter => nullable("uris.warn_after"),
            UriField::WarnReminderAfter => nullable("uris.warn_reminder_after"),
            UriField::WarnLast => nullable("uris.warned_at"),
            UriField::Disconnect => nullable("uris.disconnected_at"),
            UriField::CountWarnAfter => nullable("uris.count_warn_after"),
            UriField::CountWarnReminderAfter => nullable("uris.count_warn_reminder_after"),
            UriField::CountWarnLast => nullable("uris.count_warned_at"),
            UriField::Schedule => always("uris.schedule"),
            UriField::Action | UriField::Owner => return None,
        },
        Field::Rosters(field) => match field {
            RosterField::Name => always("rosters.name"),
            RosterField::Data => always("rosters.data"),
            RosterField::SessionId => always("rosters.session_id"),
            RosterField::Key => always("rosters.key"),
            RosterField::Created => always("rosters.created_at"),
            RosterField::Uuid => always("rosters.id"),
            RosterField::Owner => return None,
        },
    };
    Some(column)
}

/// `ORDER BY`: what is missing comes before everything else. The key makes it one order only.
pub fn order(sort: &[Sort], key: &str) -> String {
    let by = |sort: &Sort| {
        let Column { sql, is_nullable } = column(sort.field)?;
        let direction = match (sort.direction, is_nullable) {
            (Direction::Ascending, false) => "ASC",
            (Direction::Ascending, true) => "ASC NULLS FIRST",
            (Direction::Descending, false) => "DESC",
            (Direction::Descending, true) => "DESC NULLS LAST",
        };
        Some(format!("{sql} {direction}"))
    };
    let keys: Vec<String> = sort.iter().filter_map(by).chain([key.to_owned()]).collect();
    format!("ORDER BY {}", keys.join(", "))
}
