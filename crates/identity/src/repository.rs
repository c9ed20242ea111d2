//! What the rules ask of storage: each operation is a value, executed in one transaction.
//!
//! **Invariant:** an operation's outcome is returned only after it is durable. Security
//! decisions are conditional writes whose row count decides; there is no read that a later
//! write relies on. The audit row is written in the same transaction.

mod trail;

use std::future::Future;

pub use self::trail::{
    ReadChain, ReadCheckpoints, ReadHead, ReadStub, RecordAudit, SearchAudit, StoreCheckpoint, TrimAudit,
};
use crate::audit::{AuditEvent, AuditRow, Reason};
use crate::audit_chain::{Checkpoint, FoundRow, Position, Stub};
use crate::directory_sync::SyncUser;
use crate::import::{ImportUser, ImportUserOutcome};
use crate::metadata::MetadataEntry;
use crate::metadata::operations::{
    DeleteMetadata, DeleteMetadataOutcome, FindMetadata, ListMetadata, SetMetadata, SetMetadataOutcome,
};
use crate::password::{PasswordHash, PasswordSecrets};
use crate::permission::{Pattern, Rule};
use crate::profile::{Profile, UserRecord};
use crate::proof::Secrets;
use crate::proof::cryptosign::PublicKey;
use crate::proof::scram::{SALT_BYTES, Verifier};
use crate::proof::wampcra::SharedKey;
use crate::records::write::{CountRecords, LocateRecords, Located};
use crate::records::{Collection, FoundRecords, QueryRecords};
use crate::renewal::RenewHash;
use crate::role::{Role, RoleName};
use crate::role_admin::{PutRole, PutRoleOutcome, RemoveRole, RemoveRoleOutcome, RenameRole, RenameRoleOutcome};
use crate::roster::RosterEntry;
use crate::roster::operations::{
    ClearRosters, FindRoster, RegisterInRoster, RegisterInRosterOutcome, UnregisterFromRoster,
};
use crate::sign_on::attributes::operations::{
    ChangeAttributes, ChangeAttributesOutcome, FindAttributes, ListAttributeNames, ReapAttributes,
};
use crate::sign_on::attributes::{Attribute, AttributeName};
use crate::sign_on::linked::Link;
use crate::sign_on::linked::operations::{FindLinked, LinkAccount, LinkOutcome, ListLinks, UnlinkAccount};
use crate::sign_on::operations::{
    AcceptToken, AcceptTokenOutcome, AcceptedCode, EnableFactor, EnableFactorOutcome, EndSession, EndSessions,
    FindFactor, FindLiving, FindSession, LabelFactor, ListSessionChanges, ListSessions, OpenSession,
    OpenSessionOutcome, ReapSessions, RefuseCode, RenewSession, SetFactor, SetFactorOutcome, SetRecoveryCodes,
    SpendCode, SpendCodeOutcome,
};
use crate::sign_on::password_reset::operations::{
    AccessReset, FindReset, FinishReset, ReapResets, ResetOutcome, StartReset,
};
use crate::sign_on::sign_up::operations::{
    ConfirmSignUp, ConfirmSignUpOutcome, ReapSignUps, SignUpUser, SignUpUserOutcome,
};
use crate::sign_on::user_search::{FoundUsers, SearchUsers};
use crate::sign_on::{Factor, SessionChange, SignOnSession};
use crate::standing::{ApprovalStatus, SignUpStatus, Way};
use crate::user::{User, UserKey};
use crate::user_update::UserUpdate;
use crate::{Credential, CredentialId, CredentialKind, Digest, LinkId, LoginName, SessionId, Timestamp, UserId};

/// A storage fault: never the user's.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The database can't be reached or refuses to work. Trying again later may help.
    #[error("storage is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row holds what the rules can't have written.
    #[error("storage holds a corrupt record: {0}")]
    Corrupt(String),
}

/// Something that storage can execute.
pub trait Operation: Send + 'static {
    /// What comes out, once durable.
    type Outcome: Send + 'static;
}

/// Executes one kind of operation.
pub trait Run<O: Operation>: Send + Sync {
    /// Executes `operation` in one transaction.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]: nothing was changed, except that after a lost connection a commit
    /// may have gone through unheard.
    fn run(&self, operation: O) -> impl Future<Output = Result<O::Outcome, RepositoryError>> + Send;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $operation:ident => $outcome:ty;)+) => {
        $(impl Operation for $operation {
            type Outcome = $outcome;
        })+

        /// Executes every operation of the rules.
        pub trait Repository: $(Run<$operation> +)+ Send + Sync + 'static {}

        impl<T: $(Run<$operation> +)+ Send + Sync + 'static> Repository for T {}
    };
}

operations! {
    Bootstrap => BootstrapOutcome;
    CreateUser => CreateUserOutcome;
    ImportUser => ImportUserOutcome;
    FindUser => Option<User>;
    FindProfile => Option<UserRecord>;
    FindByEmail => Vec<User>;
    SearchUsers => FoundUsers;
    QueryRecords => FoundRecords;
    LocateRecords => Vec<Located>;
    CountRecords => Vec<(Collection, u64)>;
    ListUsers => Vec<User>;
    ChangeUser => ChangeUserOutcome;
    SyncUser => Option<User>;
    AcceptLogin => AcceptLoginOutcome;
    AcceptUser => AcceptLoginOutcome;
    AcceptToken => AcceptTokenOutcome;
    FindLiving => Vec<(SignOnSession, User)>;
    AcceptCookie => AcceptCredentialOutcome;
    EndCookies => u64;
    FindVerifier => Option<(User, Option<Verifier>)>;
    FindSharedKey => Option<(User, Option<SharedKey>)>;
    FindKeyOwner => Option<User>;
    AddUserKey => AddUserKeyOutcome;
    RemoveUserKey => RemoveUserKeyOutcome;
    ListUserKeys => Vec<UserKey>;
    ListRoles => Vec<Role>;
    SetRule => SetRuleOutcome;
    PutRole => PutRoleOutcome;
    RenameRole => RenameRoleOutcome;
    RemoveRole => RemoveRoleOutcome;
    MintCredential => MintOutcome;
    FindCredential => Option<Credential>;
    SpendCredential => SpendOutcome;
    AcceptKey => AcceptCredentialOutcome;
    FindLivingKeys => Vec<LivingKey>;
    HasImportedKeys => bool;
    ListCredentials => Vec<Credential>;
    DeleteCredential => DeleteCredentialOutcome;
    UpdateCredential => bool;
    ReapCredentials => u64;
    FindFactor => Option<(User, Option<Factor>)>;
    OpenSession => OpenSessionOutcome;
    FindSession => Option<(SignOnSession, User)>;
    RenewSession => Option<Timestamp>;
    EndSession => bool;
    ListSessions => Vec<SignOnSession>;
    ListSessionChanges => Vec<(SessionId, SessionChange)>;
    ReapSessions => u64;
    SetFactor => SetFactorOutcome;
    EnableFactor => EnableFactorOutcome;
    StartReset => ResetOutcome;
    AccessReset => ResetOutcome;
    FindReset => Option<User>;
    FinishReset => ResetOutcome;
    ReapResets => u64;
    ChangeAttributes => ChangeAttributesOutcome;
    FindAttributes => Vec<Attribute>;
    ListAttributeNames => Vec<AttributeName>;
    ReapAttributes => u64;
    SetMetadata => SetMetadataOutcome;
    FindMetadata => Option<MetadataEntry>;
    ListMetadata => Vec<MetadataEntry>;
    DeleteMetadata => DeleteMetadataOutcome;
    RegisterInRoster => RegisterInRosterOutcome;
    UnregisterFromRoster => bool;
    FindRoster => Vec<RosterEntry>;
    ClearRosters => u64;
    RefuseCode => ();
    SpendCode => SpendCodeOutcome;
    SetRecoveryCodes => bool;
    SignUpUser => SignUpUserOutcome;
    ConfirmSignUp => ConfirmSignUpOutcome;
    ReapSignUps => u64;
    LinkAccount => LinkOutcome;
    UnlinkAccount => Option<LinkId>;
    ListLinks => Vec<Link>;
    FindLinked => Option<User>;
    RenewHash => bool;
    LabelFactor => bool;
    RecordAudit => ();
    SearchAudit => Vec<AuditRow>;
    ReadChain => Vec<FoundRow>;
    ReadHead => Option<Position>;
    ReadStub => Option<Stub>;
    ReadCheckpoints => Vec<Checkpoint>;
    StoreCheckpoint => ();
    TrimAudit => bool;
}

/// Gives a fresh installation its roles, its first user and that user's first credential.
/// Of several nodes that start at once on one database, one succeeds.
#[derive(Debug)]
pub struct Bootstrap {
    /// The shipped roles.
    pub roles: Vec<Role>,
    /// The first user.
    pub user: User,
    /// A credential for it.
    pub credential: Credential,
    /// The row for the trail.
    pub audit: AuditEvent,
}

/// Outcome of [`Bootstrap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootstrapOutcome {
    /// The installation was fresh and now is not.
    Done,
    /// It had been done before; nothing changed.
    AlreadyDone,
}

/// Creates a user.
#[derive(Debug)]
pub struct CreateUser {
    /// The user.
    pub user: User,
    /// What else is known.
    pub profile: Profile,
    /// What is kept of the password, beside its hash.
    pub proofs: Secrets,
    /// The second factor, if it is to have one.
    pub factor: Option<Factor>,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`CreateUser`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateUserOutcome {
    /// Done.
    Created,
    /// The login name is taken.
    LoginTaken,
    /// There is no such role.
    NoSuchRole,
}

/// Reads one user; also says which one a change is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindUser {
    /// By login name.
    ByLogin(LoginName),
    /// By id.
    ById(UserId),
}

/// Reads all that is known of one user.
#[derive(Debug)]
pub struct FindProfile {
    /// Of whom.
    pub who: FindUser,
}

/// Reads the users who have an e-mail address, oldest first: an address may be shared.
#[derive(Debug)]
pub struct FindByEmail {
    /// See [`Pepper::digest_email`](crate::Pepper::digest_email).
    pub digest: Digest,
    /// At most so many.
    pub limit: u32,
}

/// Reads users in the order of their login names.
#[derive(Debug)]
pub struct ListUsers {
    /// Only names after this one; for the next page.
    pub after: Option<LoginName>,
    /// At most so many.
    pub limit: u32,
}

/// Changes or deletes one user.
#[derive(Debug)]
pub struct ChangeUser {
    /// Who.
    pub who: FindUser,
    /// What.
    pub change: UserChange,
    /// By whom, for [`Stamp`](crate::profile::Stamp)s; their time is the row's.
    pub by: String,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// What [`ChangeUser`] changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "exists once per change, and changes are rare")]
pub enum UserChange {
    /// Locks (`false`, which ends its sessions and removes its cookies) or unlocks the user.
    Enabled(bool),
    /// Decides about the user; one that isn't approved any more loses sessions and cookies.
    Approval(ApprovalStatus),
    /// How far the sign-up has come; one that isn't final any more costs sessions and cookies.
    SignUp(SignUpStatus),
    /// Changes several things at once.
    Update(Box<UserUpdate>),
    /// Gives another role.
    Role(RoleName),
    /// Sets the password, and with it what proofs are checked against; ends the sessions and removes
    /// the cookies that logins by the old one have left.
    Password(PasswordChange),
    /// Removes the user with its credentials.
    Delete,
}

impl UserChange {
    /// The same as an update, where it is no more than that.
    pub fn as_update(&self) -> Option<UserUpdate> {
        let none = UserUpdate::default();
        match self {
            Self::Enabled(enabled) => Some(UserUpdate { enabled: Some(*enabled), ..none }),
            Self::Approval(status) => Some(UserUpdate { approval: Some(*status), ..none }),
            Self::SignUp(status) => Some(UserUpdate { sign_up: Some(*status), ..none }),
            Self::Update(update) => Some(UserUpdate::clone(update)),
            Self::Role(_) | Self::Password(_) | Self::Delete => None,
        }
    }

    /// Which of the user's sessions end with it; cookies do where any session does. A user that is deleted loses all.
    pub fn ends_sessions(&self) -> EndSessions {
        match self {
            Self::Password(password) => password.kept.map_or(EndSessions::All, EndSessions::AllBut),
            Self::Delete => EndSessions::All,
            Self::Role(_) => EndSessions::None,
            _ if self.as_update().is_some_and(|update| update.ends_sessions()) => EndSessions::All,
            _ => EndSessions::None,
        }
    }

    /// Why live sessions of the bus end with it: they go by what the user was when they were opened.
    pub fn ends_live(&self) -> Option<&'static str> {
        match self {
            Self::Role(_) => Some("the user got another role"),
            Self::Password(_) => Some("the user got another password"),
            Self::Delete => Some("the user was deleted"),
            _ => self.as_update().and_then(|update| match update {
                UserUpdate { enabled: Some(false), .. } => Some("the user was locked"),
                UserUpdate { login: Some(_), .. } => Some("the user got another name"),
                update if update.ends_sessions() => Some("the user is not approved any more"),
                _ => None,
            }),
        }
    }
}

/// Another password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordChange {
    /// What is stored of it.
    pub secrets: PasswordSecrets,
    /// Until when it is good; `None`: for ever. [`Identity::change_user`](crate::Identity::change_user) puts
    /// there what the settings say.
    pub expires: Option<Timestamp>,
    /// Whether it is only good for setting another one.
    pub must_change: bool,
    /// The one session that stays: of who changes the own password.
    pub kept: Option<SessionId>,
}

impl<S: Into<PasswordSecrets>> From<S> for PasswordChange {
    fn from(secrets: S) -> Self {
        Self { secrets: secrets.into(), expires: None, must_change: false, kept: None }
    }
}

/// Outcome of [`ChangeUser`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeUserOutcome {
    /// Done; the user as it was stored last.
    Changed(User),
    /// There is no such user.
    NoSuchUser,
    /// There is no such role.
    NoSuchRole,
    /// The login name is somebody else's.
    LoginTaken,
}

/// Cookies that one user can have; a new one takes the place of the oldest.
pub const COOKIES_PER_USER_MAX: u32 = 100;

/// Opens a session by what was found right: checks once more, in the transaction of the audit row,
/// that the user may come in and still has the secret that it was checked against.
/// that the user may come in and still has the secret that it was checked against; and, as
/// [`OpenSession`] does, that no code is needed, or that the step of this one was not accepted yet.
#[derive(Debug)]
pub struct AcceptLogin {
    /// The user.
    pub user: UserId,
    /// What was found right.
    pub by: Evidence,
    /// The code that was found right. One is needed where the way in is [`Way::Password`] and the second factor is on.
    pub code: Option<AcceptedCode>,
    /// A cookie that the login leaves.
    pub cookie: Option<Credential>,
    /// The login's row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// What a login was checked against, so far as to know it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// This hash of a password.
    Password(PasswordHash),
    /// The SCRAM verifier with this salt.
    Verifier([u8; SALT_BYTES]),
    /// The WAMP-CRA key with this salt.
    SharedKey(String),
    /// This public key.
    PublicKey(PublicKey),
}

impl Evidence {
    /// Why a login is refused whose user doesn't have it any more.
    pub fn missing(&self) -> Reason {
        match self {
            Self::Password(_) => Reason::WrongTicket,
            Self::Verifier(_) | Self::SharedKey(_) => Reason::WrongProof,
            Self::PublicKey(_) => Reason::UnknownKey,
        }
    }

    /// By what a user comes in who shows it.
    pub fn way(&self) -> Way {
        match self {
            Self::Password(_) | Self::Verifier(_) | Self::SharedKey(_) => Way::Password,
            Self::PublicKey(_) => Way::Key,
        }
    }
}

/// Opens a session of a user who was recognised by something that is not stored here: checks, in
/// the transaction of the audit row, that there is such a user and that it may come in.
#[derive(Debug)]
pub struct AcceptUser {
    /// The user.
    pub login: LoginName,
    /// The login's row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`AcceptLogin`] and [`AcceptUser`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptLoginOutcome {
    /// Accepted.
    Accepted(User),
    /// Not, for this reason.
    Refused(Reason),
}

/// Opens a session by a cookie: one conditional write that finds it live and its owner able to come in.
#[derive(Debug)]
pub struct AcceptCookie {
    /// Under which it is stored.
    pub digest: Digest,
    /// Only if it is this user's.
    pub login: Option<LoginName>,
    /// The time of the attempt.
    pub now: Timestamp,
    /// The login's row for the trail; stored with the owner's name where it is accepted, as refused
    /// where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`AcceptCookie`] and [`AcceptKey`].
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "exists once per login, and the large one is the usual one")]
pub enum AcceptCredentialOutcome {
    /// Accepted.
    Accepted {
        /// What was shown.
        credential: Credential,
        /// Its owner.
        user: User,
    },
    /// Not, for this reason.
    Refused(Reason),
}

/// Removes cookies. Answers how many there were.
#[derive(Debug)]
pub struct EndCookies {
    /// Which.
    pub which: WhichCookies,
    /// The row for the trail; stored only where there were any.
    pub audit: AuditEvent,
}

/// What [`EndCookies`] removes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WhichCookies {
    /// This one.
    One(CredentialId),
    /// All of a user.
    Of(LoginName),
}

/// Reads a user with the SCRAM verifier, if there is one.
#[derive(Debug)]
pub struct FindVerifier {
    /// Whose.
    pub login: LoginName,
}

/// Reads a user with the WAMP-CRA key, if there is one.
#[derive(Debug)]
pub struct FindSharedKey {
    /// Whose.
    pub login: LoginName,
}

/// Reads the user to whom a public key belongs.
#[derive(Debug)]
pub struct FindKeyOwner {
    /// The key.
    pub key: PublicKey,
}

/// Gives a user a public key.
#[derive(Debug)]
pub struct AddUserKey {
    /// Whom.
    pub login: LoginName,
    /// The key.
    pub key: UserKey,
    /// The user may have at most so many, this one included.
    pub keys_max: u32,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`AddUserKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddUserKeyOutcome {
    /// Done; to this user.
    Added(User),
    /// There is no such user.
    NoSuchUser,
    /// The key is somebody's already, perhaps this user's.
    Taken,
    /// The user has [`AddUserKey::keys_max`] already.
    TooMany,
}

/// Takes a public key from a user.
#[derive(Debug)]
pub struct RemoveUserKey {
    /// From whom.
    pub login: LoginName,
    /// Which.
    pub key: PublicKey,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`RemoveUserKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoveUserKeyOutcome {
    /// Gone; from this user.
    Removed(User),
    /// There is no such user.
    NoSuchUser,
    /// The user has no such key.
    NotFound,
}

/// Reads the public keys of a user, oldest first.
#[derive(Debug)]
pub struct ListUserKeys {
    /// Whose.
    pub owner: UserId,
}

/// Reads all roles with their rules.
#[derive(Debug)]
pub struct ListRoles;

/// Sets, replaces or removes the rule of one pattern in a role.
#[derive(Debug)]
pub struct SetRule {
    /// Which role.
    pub role: RoleName,
    /// What to do.
    pub change: RuleChange,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// What [`SetRule`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChange {
    /// Sets this rule; one with the same pattern is replaced.
    Set(Rule),
    /// Removes the rule with this pattern.
    Remove(Pattern),
}

/// Outcome of [`SetRule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetRuleOutcome {
    /// Done.
    Done,
    /// There is no such role.
    NoSuchRole,
    /// There is no such rule to remove.
    NoSuchRule,
}

/// Stores a credential.
#[derive(Debug)]
pub struct MintCredential {
    /// The credential, unspent.
    pub credential: Credential,
    /// The owner may have at most so many live ones of this kind, this one included.
    pub live_max: u32,
    /// The time at which liveness is judged.
    pub now: Timestamp,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`MintCredential`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MintOutcome {
    /// Stored.
    Minted,
    /// The owner is gone.
    NoSuchUser,
    /// The owner may not come in.
    UserDisabled,
    /// The owner has [`MintCredential::live_max`] live ones already.
    TooMany,
}

/// Reads a credential by its digest, spent and expired ones included. Decides nothing.
#[derive(Debug)]
pub struct FindCredential {
    /// Under which it is stored.
    pub digest: Digest,
}

/// Uses up a single-use credential: one conditional write.
#[derive(Debug)]
pub struct SpendCredential {
    /// Under which it is stored.
    pub digest: Digest,
    /// The time of the attempt.
    pub now: Timestamp,
    /// The login's row for the trail; stored as refused where the outcome is a refusal.
    pub login: AuditEvent,
    /// The spending's row for the trail; stored only where it was spent.
    pub spend: AuditEvent,
}

/// Outcome of [`SpendCredential`].
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "exists once per login, and the large one is the usual one")]
pub enum SpendOutcome {
    /// Spent, by this very operation.
    Spent {
        /// The credential as it was.
        credential: Credential,
        /// Its owner.
        user: User,
    },
    /// Not, for this reason; the credential is as it was.
    Refused(Reason),
}

/// Opens a session by an API key: one conditional write that finds it live and its owner able to come in, and notes when
/// and from where (the row's address) it was used.
#[derive(Debug)]
pub struct AcceptKey {
    /// Under which it is stored.
    pub digest: Digest,
    /// Under which it is stored from now on, where it was found by another system's digest.
    pub becomes: Option<Digest>,
    /// The time of the attempt.
    pub now: Timestamp,
    /// The login's row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Whether the user with this name has unspent keys of which only another system's digest is known.
#[derive(Debug)]
pub struct HasImportedKeys {
    /// The name.
    pub login: LoginName,
}

/// Reads which of these API keys open sessions still, and until when.
#[derive(Debug)]
pub struct FindLivingKeys {
    /// Which; at most [`FindLivingKeys::IDS_MAX`].
    pub ids: Vec<CredentialId>,
    /// The time at which liveness is judged.
    pub now: Timestamp,
}

/// An API key that opens sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LivingKey {
    /// Which.
    pub id: CredentialId,
    /// Until when.
    pub expires: Timestamp,
    /// See [`Credential::revision`].
    pub revision: u32,
}

impl FindLivingKeys {
    /// Ids that one operation may ask for.
    pub const IDS_MAX: usize = FindLiving::IDS_MAX;
}

/// Reads the live credentials of a user, oldest first.
#[derive(Debug)]
pub struct ListCredentials {
    /// Whose.
    pub owner: UserId,
    /// Of which kind.
    pub kind: CredentialKind,
    /// The time at which liveness is judged.
    pub now: Timestamp,
}

/// Changes a credential that can still be used and is as it was read. Answers whether it was so.
#[derive(Debug)]
pub struct UpdateCredential {
    /// As it was read.
    pub seen: Credential,
    /// What it is for, if that changes.
    pub description: Option<String>,
    /// When it stops to work, if that changes.
    pub expires: Option<crate::Expires>,
    /// Its restrictions, if they change; then its sessions are bound to what is no more.
    pub permissions: Option<Vec<Rule>>,
    /// The time at which is judged whether it can still be used.
    pub now: Timestamp,
    /// The row for the trail; stored as refused where it was not so.
    pub audit: AuditEvent,
}

/// Withdraws a credential.
#[derive(Debug)]
pub struct DeleteCredential {
    /// Which.
    pub id: CredentialId,
    /// Of which kind.
    pub kind: CredentialKind,
    /// Only if it belongs to this user.
    pub owner: Option<UserId>,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`DeleteCredential`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteCredentialOutcome {
    /// Gone.
    Deleted,
    /// There was none.
    NotFound,
    /// It belongs to somebody else and is still there.
    Foreign,
}

/// Removes credentials that can't be used any more. Answers how many it removed.
#[derive(Debug)]
pub struct ReapCredentials {
    /// Those that were spent or expired before this time.
    pub before: Timestamp,
    /// At most so many, so that no transaction is long.
    pub limit: u32,
}
