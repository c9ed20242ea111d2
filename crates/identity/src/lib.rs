//! Who is speaking, and may they: the rules, without any I/O.
//!
//! Users, roles and URI permissions, credentials, login, throttling and the audit trail. Time
//! and randomness are arguments; what must be remembered is described as an operation (see
//! [`repository`]) that a storage backend executes in one transaction. Doors (WAMP, REST, the
//! command line) call these functions and contain no rule of their own.
//!
//! **Invariant:** a secret is never stored, printed or compared in variable time; it exists as
//! [`Secret`] and, at rest, as a keyed digest or a password hash.

pub mod admin;
pub mod allowance;
pub mod audit;
pub mod audit_chain;
pub mod audit_trail;
pub mod bootstrap;
pub mod challenge;
pub mod code_throttle;
mod credential;
pub mod directory_sync;
mod expires;
mod identity;
mod ids;
pub mod import;
pub mod key_update;
pub mod keys;
pub mod login;
mod login_name;
pub mod metadata;
pub mod old_digest;
pub mod password;
pub mod password_policy;
pub mod permission;
pub mod profile;
pub mod proof;
pub mod records;
pub mod recovery;
pub mod renewal;
pub mod repository;
mod request;
pub mod role;
pub mod role_admin;
pub mod roster;
mod secret;
pub mod sign_on;
pub mod source;
pub mod standing;
#[cfg(test)]
mod testing;
pub mod throttle;
mod time;
mod token;
pub mod totp;
pub mod uris;
pub mod user;
mod user_keys;
pub mod user_update;

pub use credential::{Credential, CredentialKind, Digest, LastUse, Pepper};
pub use expires::{Expires, ExpiresError, ExpiresInput, Lifetimes, OffsetSeconds};
pub use identity::{Identity, IdentitySettings};
pub use ids::{CredentialId, IdError, LinkId, MetadataId, RoleId, RosterEntryId, SessionId, UserId};
pub use login_name::{LoginName, LoginNameError};
pub use request::{Actor, PeerAddress, RequestContext, SessionKind, printable};
pub use secret::Secret;
pub use time::Timestamp;
pub use token::TokenKind;
