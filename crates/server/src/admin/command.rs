//! Commands as values: what the command line sends over the control socket.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::keys::ApiKeyCommand;
use super::metadata::MetadataEdit;
use super::sessions::SessionCommand;
use super::totp::TotpEdit;
use super::trail::AuditPage;
use super::uris::UriCommand;
use super::users::UserFields;
use crate::role_changes::RoleEdit;

/// One command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// `user add`
    UserAdd {
        /// The login name.
        login: String,
        /// The role.
        role: String,
        /// The password; without one the user logs in by one-time passwords only.
        password: Option<ClearText>,
        /// What else is known.
        fields: UserFields,
    },
    /// `user list`
    UserList,
    /// `user sync`
    UserSync {
        /// Whether nothing is written.
        dry_run: bool,
    },
    /// `user show`
    UserShow {
        /// The login name.
        login: String,
    },
    /// `user lock|unlock|delete|passwd|role|set|approve|reject`
    UserEdit {
        /// The login name.
        login: String,
        /// What to change.
        edit: UserEdit,
    },
    /// `user pubkey add`
    UserKeyAdd {
        /// The login name.
        login: String,
        /// The key in hexadecimal digits.
        key: String,
        /// What to call it.
        label: String,
    },
    /// `user pubkey list`
    UserKeyList {
        /// The login name.
        login: String,
    },
    /// `user pubkey remove`
    UserKeyRemove {
        /// The login name.
        login: String,
        /// The key in hexadecimal digits.
        key: String,
    },
    /// `user totp …`
    UserTotp {
        /// The login name.
        login: String,
        /// What to do.
        #[serde(flatten)]
        edit: TotpEdit,
    },
    /// `user metadata …`
    UserMetadata {
        /// The login name.
        login: String,
        /// What to do.
        #[serde(flatten)]
        edit: MetadataEdit,
    },
    /// `session …`
    Session(SessionCommand),
    /// `role list`
    RoleList,
    /// `role show`
    RoleShow {
        /// The role.
        role: String,
    },
    /// `role add|copy|allow|deny|unset|rename|remove`
    RoleEdit {
        /// The role.
        role: String,
        /// What to change.
        edit: RoleEdit,
    },
    /// `otp create`
    OtpCreate {
        /// For whom.
        login: String,
        /// End of life: ISO 8601 text or a Unix time.
        expires: Option<String>,
        /// Pairs of pattern and letters.
        permissions: Vec<(String, String)>,
    },
    /// `otp list`
    OtpList {
        /// Whose.
        login: String,
    },
    /// `key …`
    Key(ApiKeyCommand),
    /// `audit search`
    AuditSearch(AuditPage),
    /// `audit export`: a page of it.
    AuditExport(AuditPage),
    /// `audit verify`: a stretch of it.
    AuditVerify {
        /// Where the last stretch ended.
        from: Option<AuditPosition>,
        /// Checkpoints that are kept elsewhere.
        kept: Vec<String>,
    },
    /// `uri …`
    Uri(UriCommand),
    /// `mail test`
    MailTest {
        /// The address.
        to: String,
    },
}

impl Command {
    /// Whether the command makes sense where nothing is yet.
    pub fn may_come_first(&self) -> bool {
        matches!(self, Self::UserAdd { .. } | Self::RoleEdit { edit: RoleEdit::Create(_), .. })
    }
}

/// What `user …` changes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "edit", content = "value", rename_all = "snake_case")]
pub enum UserEdit {
    /// `user lock`
    Lock,
    /// `user unlock`
    Unlock,
    /// `user delete`
    Delete,
    /// `user passwd`
    Password(ClearText),
    /// `user role`
    Role(String),
    /// `user set`
    Set(Box<UserFields>),
    /// `user approve`
    Approve,
    /// `user reject`
    Reject,
}

/// A row's place in the chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditPosition {
    /// Its position.
    pub sequence: u64,
    /// Its link, in hexadecimal digits.
    pub link: String,
}

/// Answer to [`Command::AuditVerify`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AuditVerified {
    /// Intact up to this row; to be continued.
    UpTo(AuditPosition),
    /// Intact to the end.
    Intact {
        /// The first row that is there, if any is.
        first: u64,
        /// The last row.
        last: u64,
        /// Its link.
        link: String,
        /// Rows that retention removed.
        removed: u64,
        /// The row of the newest checkpoint.
        checkpoint: Option<u64>,
    },
    /// Broken.
    Broken {
        /// What it is, as a word.
        kind: String,
        /// The first row where it is.
        sequence: u64,
        /// The same in words.
        message: String,
    },
}

/// A password on its way to the pool. Never printed; wiped on drop.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClearText(Zeroizing<String>);

impl ClearText {
    /// Wraps the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClearText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClearText(redacted)")
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Whose fault it is.
    pub kind: RefusedKind,
    /// What to tell the operator.
    pub message: String,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedKind {
    /// The command's: an argument is wrong, or it asks for what isn't there.
    Request,
    /// The server's.
    Server,
}
