//! What the cases share.

use std::fmt::Debug;
use std::sync::Arc;

use countersign_identity::audit::{AuditEvent, AuditRow, Operation as Audited, Outcome};
use countersign_identity::password::{PasswordHash, PasswordSecrets};
use countersign_identity::permission::Rule;
use countersign_identity::profile::Profile;
use countersign_identity::proof::cryptosign::PublicKey;
use countersign_identity::proof::scram::{Kdf, Keys, SALT_BYTES, Verifier};
use countersign_identity::proof::wampcra::SharedKey;
use countersign_identity::proof::{Key, Secrets};
use countersign_identity::repository::{
    CreateUser, CreateUserOutcome, MintCredential, MintOutcome, Operation, Repository, Run, SearchAudit,
};
use countersign_identity::role::{Role, RoleName};
use countersign_identity::role_admin::{Put, PutRole, PutRoleOutcome};
use countersign_identity::standing::Standing;
use countersign_identity::user::{User, UserKey};
use countersign_identity::{
    Credential, CredentialId, CredentialKind, Digest, Expires, LoginName, OffsetSeconds, Secret, Timestamp, UserId,
};
use tokio::task::JoinSet;
use uuid::Uuid;

/// 2023-10-17T10:07:30.805300-07:00.
pub const NOW: Timestamp = Timestamp::from_micros(1_697_562_450_805_300);
/// Ten minutes later: the end of [`otp`].
pub const END: Timestamp = at(600_000_000);

/// So many microseconds after [`NOW`].
pub const fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(NOW.micros() + micros)
}

pub fn login(text: &str) -> LoginName {
    LoginName::parse(text).unwrap()
}

pub fn role(text: &str) -> RoleName {
    RoleName::parse(text).unwrap()
}

pub fn rule(uri: &str, perms: &str) -> Rule {
    Rule::parse(uri, perms).unwrap()
}

/// The id that the user of this name has in these tests.
pub fn user_id(name: &str) -> UserId {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(slot, byte)| *slot = byte);
    UserId::from_uuid(Uuid::from_bytes(bytes))
}

/// An enabled user with the role `frontend` and no password.
pub fn user(name: &str) -> User {
    User {
        id: user_id(name),
        login: login(name),
        standing: Standing::GOOD,
        role: role("frontend"),
        password: None,
        created: NOW,
    }
}

pub fn digest(number: u32) -> Digest {
    let mut bytes = [7; Digest::BYTES];
    bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    Digest::from_bytes(bytes)
}

pub fn credential_id(number: u32) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(number.into()))
}

/// A one-time password of the user of this name, which works from [`NOW`] to [`END`].
pub fn otp(number: u32, owner: &str) -> Credential {
    Credential {
        id: credential_id(number),
        kind: CredentialKind::Otp,
        owner: user_id(owner),
        digest: digest(number),
        permissions: Vec::new(),
        description: String::new(),
        origin: "alice@192.0.2.7".to_owned(),
        expires: Expires { at: END, offset: OffsetSeconds(-25_200) },
        created: NOW,
        spent: None,
        last_used: None,
        revision: 0,
        is_imported: false,
    }
}

/// An API key of the user of this name, which works from [`NOW`] to [`END`].
pub fn api_key(number: u32, owner: &str) -> Credential {
    Credential { kind: CredentialKind::ApiKey, description: "for a test".to_owned(), ..otp(number, owner) }
}

pub fn event(operation: Audited) -> AuditEvent {
    AuditEvent {
        at: NOW,
        cid: "cid-1".to_owned(),
        request: "request-1".to_owned(),
        actor: "alice".to_owned(),
        target: "bob".to_owned(),
        operation,
        application: "wamp".to_owned(),
        address: "192.0.2.7".to_owned(),
        agent: "conformance".to_owned(),
        claimed_address: String::new(),
        claimed_agent: String::new(),
        outcome: Outcome::Accepted,
        reason: None,
        detail: String::new(),
    }
}

pub fn mint(credential: Credential) -> MintCredential {
    MintCredential { credential, live_max: 100, now: NOW, audit: event(Audited::OtpMint) }
}

/// What a password brings, in as many values as this number can tell apart.
pub fn secrets(number: u8) -> PasswordSecrets {
    let keys =
        |offset: u8| Keys { stored: Key::new([number; 32]), server: Key::new([number.wrapping_add(offset); 32]) };
    let verifier = Verifier {
        kdf: Kdf::argon2id13(number.into(), 1_024).unwrap(),
        salt: [number; SALT_BYTES],
        keys: keys(100),
        text_keys: Some(keys(101)),
    };
    let shared =
        SharedKey { salt: format!("salt{number}"), iterations: 1_000, key: Secret::new(format!("key{number}")) };
    let proofs = Secrets { scram: Some(verifier), wampcra: Some(shared) };
    PasswordSecrets { hash: PasswordHash::from_stored(format!("hash{number}")), proofs }
}

/// A public key; some numbers give none, others the same.
pub fn user_key(number: u8) -> UserKey {
    let bytes = std::iter::repeat(number).map(|byte| [byte; 32]).zip(0_u8..).map(|(mut bytes, end)| {
        bytes[0] = end;
        bytes
    });
    let key = bytes.map(|bytes| PublicKey::from_bytes(&bytes)).find_map(Result::ok).unwrap();
    UserKey { key, label: format!("key {number}"), created: NOW }
}

/// Stores a role without rules.
pub fn new_role(name: &str) -> PutRole {
    PutRole { role: Role { name: role(name), rules: Vec::new() }, put: Put::New, audit: event(Audited::RoleCreate) }
}

/// The roles `frontend` and `backend`, and users of these names with the first role.
pub async fn people<R: Repository>(repository: &R, names: &[&str]) {
    for name in ["frontend", "backend"] {
        assert_eq!(repository.run(new_role(name)).await.unwrap(), PutRoleOutcome::Done);
    }
    for name in names {
        let create = CreateUser {
            user: user(name),
            profile: Profile::default(),
            proofs: Secrets::default(),
            factor: None,
            audit: event(Audited::UserCreate),
        };
        assert_eq!(repository.run(create).await.unwrap(), CreateUserOutcome::Created);
    }
}

/// Stores credentials that nobody counts.
pub async fn minted<R: Repository>(repository: &R, credentials: impl IntoIterator<Item = Credential>) {
    for credential in credentials {
        assert_eq!(repository.run(mint(credential)).await.unwrap(), MintOutcome::Minted);
    }
}

/// The newest position in the trail.
pub async fn position<R: Run<SearchAudit>>(repository: &R) -> u64 {
    let newest = repository.run(SearchAudit { limit: 1, ..SearchAudit::default() }).await.unwrap();
    newest.first().map_or(0, |row| row.sequence)
}

/// The rows after a position, in the order of the trail.
pub async fn trail_after<R: Run<SearchAudit>>(repository: &R, after: u64) -> Vec<AuditRow> {
    repository.run(SearchAudit { after: Some(after), limit: 1_000, ..SearchAudit::default() }).await.unwrap()
}

/// What the rows say, as `otp.mint refused too_many`.
pub fn summary(rows: &[AuditRow]) -> Vec<String> {
    let line = |row: &AuditRow| {
        let event = &row.event;
        let reason = event.reason.map_or(String::new(), |reason| format!(" {}", reason.name()));
        format!("{} {}{reason}", event.operation.name(), event.outcome.name())
    };
    rows.iter().map(line).collect()
}

/// Executes `operation`; it must have this outcome and add these lines to the trail.
#[track_caller]
pub fn check<'r, R, O>(
    repository: &'r R,
    operation: O,
    outcome: O::Outcome,
    trail: &'r [&'r str],
) -> impl Future<Output = ()> + Send + 'r
where
    R: Run<O> + Run<SearchAudit>,
    O: Operation<Outcome: PartialEq + Debug>,
{
    let caller = std::panic::Location::caller();
    async move {
        let before = position(repository).await;
        let found = repository.run(operation).await.unwrap();
        assert_eq!(found, outcome, "outcome at {caller}");
        assert_eq!(summary(&trail_after(repository, before).await), trail, "trail at {caller}");
    }
}

/// Executes one operation for each number, all at once; the outcomes in any order.
pub async fn race<R, O>(repository: &Arc<R>, count: u32, operation: impl Fn(u32) -> O) -> Vec<O::Outcome>
where
    R: Run<O> + 'static,
    O: Operation,
{
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (repository, operation) = (Arc::clone(repository), operation(number));
        tasks.spawn(async move { repository.run(operation).await.unwrap() });
    }
    tasks.join_all().await
}
