//! The operator's commands: what `countersign user …`, `role …`, `otp …`, `key …` and `audit …` do,
//! whether inside a running server or on a data directory where none runs.

mod command;
mod execute;
mod json;
mod keys;
mod metadata;
mod sessions;
mod totp;
mod trail;
mod uris;
mod users;

pub use command::{AuditPosition, AuditVerified, ClearText, Command, Refused, RefusedKind, UserEdit};
pub use execute::execute;
pub use json::audit as audit_row;
pub use json::role as role_json;
pub use json::{key as key_json, listed_key as listed_key_json};
pub use keys::ApiKeyCommand;
pub use metadata::MetadataEdit;
pub use sessions::SessionCommand;
pub use totp::TotpEdit;
pub use trail::{AuditFilters, AuditPage};
pub use uris::{UriCommand, UriFields, UriName};
pub use users::UserFields;
