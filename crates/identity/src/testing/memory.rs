//! A repository in memory: what [`crate::repository`] documents, in the plainest way, so that
//! the rules can be tested without a database.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audit::{AuditEvent, AuditRow, Reason};
use crate::audit_chain::{Checkpoint, Stub};
use crate::directory_sync::{DIRECTORY, SyncUser};
use crate::metadata::{MetadataEntry, MetadataKey};
use crate::permission::Rule;
use crate::profile::{Profile, Stamp, UserRecord};
use crate::proof::Secrets;
use crate::proof::scram::Verifier;
use crate::proof::wampcra::SharedKey;
use crate::repository::{
    AcceptCookie, AcceptCredentialOutcome, AcceptKey, AcceptLogin, AcceptLoginOutcome, AcceptUser, AddUserKey,
    AddUserKeyOutcome, Bootstrap, BootstrapOutcome, ChangeUser, ChangeUserOutcome, CreateUser, CreateUserOutcome,
    DeleteCredential, DeleteCredentialOutcome, EndCookies, Evidence, FindByEmail, FindCredential, FindKeyOwner,
    FindLivingKeys, FindProfile, FindSharedKey, FindUser, FindVerifier, HasImportedKeys, ListCredentials, ListRoles,
    ListUserKeys, ListUsers, LivingKey, MintCredential, MintOutcome, Operation, PasswordChange, ReapCredentials,
    RemoveUserKey, RemoveUserKeyOutcome, RepositoryError, RuleChange, Run, SetRule, SetRuleOutcome, SpendCredential,
    SpendOutcome, UpdateCredential, UserChange, WhichCookies,
};
use crate::role::{Role, RoleName};
use crate::role_admin::{Put, PutRole, PutRoleOutcome, RemoveRole, RemoveRoleOutcome, RenameRole, RenameRoleOutcome};
use crate::roster::RosterEntry;
use crate::sign_on::attributes::{Attribute, AttributeName, AttributeOwner};
use crate::sign_on::linked::Link;
use crate::sign_on::operations::EndSessions;
use crate::sign_on::{Factor, SessionChange, SignOnSession};
use crate::standing::Way;
use crate::user::{User, UserKey};
use crate::{Credential, CredentialKind, Digest, LastUse, LoginName, SessionId, Timestamp, UserId};

#[path = "memory_attributes.rs"]
mod attributes;
#[path = "memory_audit.rs"]
mod audit;
#[path = "memory_linked.rs"]
mod linked;
#[path = "memory_metadata.rs"]
mod metadata;
#[path = "memory_password_reset.rs"]
mod password_reset;
#[path = "memory_records.rs"]
mod records;
#[path = "memory_roster.rs"]
mod roster;
#[path = "memory_sign_on.rs"]
mod sign_on;
#[path = "memory_sign_up.rs"]
mod sign_up;
#[path = "memory_user_search.rs"]
mod user_search;

/// Everything in one place. Futures are ready at once.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

/// When an operation fails, and how.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Which operation fails, counted from 0 since [`Memory::fail`].
    pub at: usize,
    /// Whether it was executed all the same: the answer got lost, not the question.
    pub commits: bool,
}

#[derive(Debug, Default)]
struct State {
    is_bootstrapped: bool,
    users: BTreeMap<LoginName, User>,
    profiles: BTreeMap<UserId, Profile>,
    roles: BTreeMap<RoleName, Vec<Rule>>,
    secrets: BTreeMap<UserId, Secrets>,
    keys: Vec<(UserId, UserKey)>,
    credentials: Vec<Credential>,
    factors: BTreeMap<UserId, Factor>,
    resets: BTreeMap<UserId, password_reset::Reset>,
    recovery_codes: BTreeMap<UserId, Vec<(Digest, bool)>>,
    sign_ups: Vec<sign_up::Pending>,
    sessions: Vec<SignOnSession>,
    session_changes: Vec<(SessionId, SessionChange)>,
    links: Vec<Link>,
    attributes: BTreeMap<(AttributeOwner, AttributeName), Attribute>,
    metadata: BTreeMap<(UserId, MetadataKey), MetadataEntry>,
    rosters: Vec<RosterEntry>,
    trail: Vec<AuditRow>,
    stub: Option<Stub>,
    checkpoints: Vec<Checkpoint>,
    executed: Vec<&'static str>,
    fault: Option<Fault>,
}

impl Memory {
    /// Makes one operation fail from here on; counts operations anew.
    pub fn fail(&self, fault: Option<Fault>) {
        let mut state = self.state();
        state.fault = fault;
        state.executed.clear();
    }

    /// The names of the operations since [`Memory::fail`], the failed one included.
    pub fn executed(&self) -> Vec<&'static str> {
        self.state().executed.clone()
    }

    /// All credentials, dead ones too.
    pub fn credentials(&self) -> Vec<Credential> {
        self.state().credentials.clone()
    }

    /// The trail, oldest first.
    pub fn trail(&self) -> Vec<AuditEvent> {
        self.state().trail.iter().map(|row| row.event.clone()).collect()
    }

    /// Forgets the trail and the names of the operations so far.
    pub fn forget(&self) {
        let mut state = self.state();
        state.trail.clear();
        state.executed.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An operation that [`State`] can execute.
trait Execute: Operation {
    fn execute(self, state: &mut State) -> Self::Outcome;
}

impl<O: Execute> Run<O> for Memory {
    async fn run(&self, operation: O) -> Result<O::Outcome, RepositoryError> {
        let mut state = self.state();
        let number = state.executed.len();
        let name = std::any::type_name::<O>();
        state.executed.push(name.rsplit("::").next().unwrap_or(name));
        let fault = state.fault.filter(|fault| fault.at == number);
        if fault.is_some_and(|fault| !fault.commits) {
            return Err(RepositoryError::Unavailable("refused to work".into()));
        }
        let outcome = operation.execute(&mut state);
        match fault {
            None => Ok(outcome),
            Some(_) => Err(RepositoryError::Unavailable("connection lost".into())),
        }
    }
}

impl State {
    /// Stores the row, as a refusal where there is a reason.
    fn record(&mut self, event: AuditEvent, refused: Option<Reason>) {
        let event = match refused {
            Some(reason) => event.refused(reason),
            None => event,
        };
        let head = self.head();
        let sequence = head.sequence + 1;
        let link = head.link.next(sequence, &event);
        self.trail.push(AuditRow { sequence, event, link });
    }

    /// Removes the cookies that `goes` takes; how many there were.
    fn end_cookies(&mut self, goes: impl Fn(&Credential) -> bool) -> u64 {
        let before = self.credentials.len();
        self.credentials.retain(|credential| credential.kind != CredentialKind::Cookie || !goes(credential));
        u64::try_from(before - self.credentials.len()).unwrap()
    }

    fn user(&self, id: UserId) -> Option<&User> {
        self.users.values().find(|user| user.id == id)
    }

    /// Sets the password, which ends what was there to set it without the old one.
    fn set_password(&mut self, id: UserId, password: PasswordChange, now: Timestamp) {
        let user = self.users.values_mut().find(|user| user.id == id).unwrap();
        user.password = Some(password.secrets.hash);
        user.standing.password_expires = password.expires;
        user.standing.must_change = password.must_change;
        self.profiles.entry(id).or_default().password_set = Some(now);
        self.secrets.insert(id, password.secrets.proofs);
        self.resets.remove(&id);
    }
}

fn is_live(credential: &Credential, now: Timestamp) -> bool {
    credential.spent.is_none() && now <= credential.expires.at
}

impl Execute for Bootstrap {
    fn execute(self, state: &mut State) -> BootstrapOutcome {
        if state.is_bootstrapped {
            return BootstrapOutcome::AlreadyDone;
        }
        state.is_bootstrapped = true;
        state.roles = self.roles.into_iter().map(|role| (role.name, role.rules)).collect();
        state.users.insert(self.user.login.clone(), self.user);
        state.credentials.push(self.credential);
        state.record(self.audit, None);
        BootstrapOutcome::Done
    }
}

impl Execute for CreateUser {
    fn execute(self, state: &mut State) -> CreateUserOutcome {
        let (outcome, refused) = if state.users.contains_key(&self.user.login) {
            (CreateUserOutcome::LoginTaken, Some(Reason::Exists))
        } else if !state.roles.contains_key(&self.user.role) {
            (CreateUserOutcome::NoSuchRole, Some(Reason::NotFound))
        } else {
            state.secrets.insert(self.user.id, self.proofs);
            state.profiles.insert(self.user.id, self.profile);
            state.factors.extend(self.factor.map(|factor| (self.user.id, factor)));
            state.users.insert(self.user.login.clone(), self.user);
            (CreateUserOutcome::Created, None)
        };
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for FindUser {
    fn execute(self, state: &mut State) -> Option<User> {
        match self {
            Self::ByLogin(login) => state.users.get(&login).cloned(),
            Self::ById(id) => state.user(id).cloned(),
        }
    }
}

impl Execute for FindProfile {
    fn execute(self, state: &mut State) -> Option<UserRecord> {
        let user = self.who.execute(state)?;
        let profile = state.profiles.get(&user.id).cloned().unwrap_or_default();
        let factor = state.factors.get(&user.id).map(Factor::state);
        Some(UserRecord { user, profile, factor })
    }
}

impl Execute for FindByEmail {
    fn execute(self, state: &mut State) -> Vec<User> {
        let has = |user: &&User| {
            let email = state.profiles.get(&user.id).and_then(|profile| profile.email.as_ref());
            email.is_some_and(|email| email.digest == self.digest)
        };
        let mut found: Vec<_> = state.users.values().filter(has).cloned().collect();
        found.sort_by_key(|user| (user.created, user.id));
        found.truncate(self.limit as usize);
        found
    }
}

impl Execute for ListUsers {
    fn execute(self, state: &mut State) -> Vec<User> {
        let after = |user: &&User| self.after.as_ref().is_none_or(|after| user.login > *after);
        state.users.values().filter(after).take(self.limit as usize).cloned().collect()
    }
}

impl Execute for ChangeUser {
    fn execute(self, state: &mut State) -> ChangeUserOutcome {
        let refused = match self.who.clone().execute(state) {
            None => (Reason::NotFound, ChangeUserOutcome::NoSuchUser),
            Some(user) => match self.apply(state, user) {
                Ok(user) => {
                    state.record(self.audit, None);
                    return ChangeUserOutcome::Changed(user);
                }
                Err(ChangeUserOutcome::LoginTaken) => (Reason::Exists, ChangeUserOutcome::LoginTaken),
                Err(outcome) => (Reason::NotFound, outcome),
            },
        };
        state.record(self.audit, Some(refused.0));
        refused.1
    }
}

impl Execute for SyncUser {
    fn execute(self, state: &mut State) -> Option<User> {
        let user = state.user(self.user)?.clone();
        let profile = state.profiles.get(&user.id).cloned().unwrap_or_default();
        let change = self.change(&user, &profile)?;
        let who = FindUser::ById(user.id);
        match (ChangeUser { who, change, by: DIRECTORY.to_owned(), audit: self.audit }).execute(state) {
            ChangeUserOutcome::Changed(user) => Some(user),
            _ => None,
        }
    }
}

impl ChangeUser {
    fn apply(&self, state: &mut State, mut user: User) -> Result<User, ChangeUserOutcome> {
        let (id, login) = (user.id, user.login.clone());
        let mut profile = state.profiles.get(&id).cloned().unwrap_or_default();
        let stamp = Stamp { at: self.audit.at, by: self.by.clone() };
        match &self.change {
            UserChange::Role(role) if !state.roles.contains_key(role) => return Err(ChangeUserOutcome::NoSuchRole),
            UserChange::Role(role) => user.role = role.clone(),
            UserChange::Password(password) => {
                state.set_password(id, password.clone(), self.audit.at);
                user = state.user(id).unwrap().clone();
                profile = state.profiles.get(&id).cloned().unwrap_or_default();
            }
            UserChange::Delete => {
                state.users.remove(&login);
                state.profiles.remove(&id);
                state.credentials.retain(|credential| credential.owner != id);
                state.keys.retain(|(owner, _)| *owner != id);
                state.secrets.remove(&id);
                state.factors.remove(&id);
                state.resets.remove(&id);
                state.end_sessions(id, EndSessions::All);
                return Ok(user);
            }
            change => change.as_update().unwrap().apply(&mut user, &mut profile, &stamp),
        }
        if user.login != login {
            if state.users.contains_key(&user.login) {
                return Err(ChangeUserOutcome::LoginTaken);
            }
            state.users.remove(&login);
            state.credentials.retain(|one| one.owner != id || one.kind == CredentialKind::Cookie);
        }
        state.users.insert(user.login.clone(), user.clone());
        state.profiles.insert(id, profile);
        let ended = self.change.ends_sessions();
        if ended != EndSessions::None {
            state.end_cookies(|cookie| cookie.owner == id);
            state.end_sessions(id, ended);
        }
        Ok(user)
    }
}

impl Execute for AcceptLogin {
    fn execute(self, state: &mut State) -> AcceptLoginOutcome {
        let secrets = state.secrets.get(&self.user);
        let refused = match state.user(self.user) {
            None => Err(Reason::UnknownUser),
            Some(user) => {
                let has = match &self.by {
                    Evidence::Password(hash) => user.password.as_ref() == Some(hash),
                    Evidence::Verifier(salt) => {
                        secrets.and_then(|secrets| secrets.scram.as_ref()).is_some_and(|scram| scram.salt == *salt)
                    }
                    Evidence::SharedKey(salt) => {
                        secrets.and_then(|secrets| secrets.wampcra.as_ref()).is_some_and(|key| key.salt == *salt)
                    }
                    Evidence::PublicKey(key) => {
                        state.keys.iter().any(|(owner, known)| *owner == self.user && known.key == *key)
                    }
                };
                let has = if has { Ok(user.clone()) } else { Err(self.by.missing()) };
                let way = self.by.way();
                let factor = state.factors.get(&self.user).filter(|one| one.is_enabled && way == Way::Password);
                let code = factor.and_then(|factor| state.code_refusal(self.user, factor, self.code.as_ref()));
                user.standing.admits(way, self.audit.at).and(has).and_then(|user| code.map_or(Ok(user), Err))
            }
        };
        if refused.is_ok() {
            state.use_code(self.user, self.code);
            state.credentials.extend(self.cookie);
        }
        state.record(self.audit, refused.as_ref().err().copied());
        refused.map_or_else(AcceptLoginOutcome::Refused, AcceptLoginOutcome::Accepted)
    }
}

impl Execute for FindVerifier {
    fn execute(self, state: &mut State) -> Option<(User, Option<Verifier>)> {
        let user = state.users.get(&self.login)?.clone();
        let scram = state.secrets.get(&user.id).and_then(|secrets| secrets.scram.clone());
        Some((user, scram))
    }
}

impl Execute for FindSharedKey {
    fn execute(self, state: &mut State) -> Option<(User, Option<SharedKey>)> {
        let user = state.users.get(&self.login)?.clone();
        let wampcra = state.secrets.get(&user.id).and_then(|secrets| secrets.wampcra.clone());
        Some((user, wampcra))
    }
}

impl Execute for FindKeyOwner {
    fn execute(self, state: &mut State) -> Option<User> {
        let (owner, _) = state.keys.iter().find(|(_, known)| known.key == self.key)?;
        state.user(*owner).cloned()
    }
}

impl Execute for AddUserKey {
    fn execute(self, state: &mut State) -> AddUserKeyOutcome {
        let user = state.users.get(&self.login).cloned();
        let count = |user: &User| state.keys.iter().filter(|(owner, _)| *owner == user.id).count();
        let (outcome, refused) = match user {
            None => (AddUserKeyOutcome::NoSuchUser, Some(Reason::NotFound)),
            Some(_) if state.keys.iter().any(|(_, known)| known.key == self.key.key) => {
                (AddUserKeyOutcome::Taken, Some(Reason::Exists))
            }
            Some(user) if count(&user) >= self.keys_max as usize => (AddUserKeyOutcome::TooMany, Some(Reason::TooMany)),
            Some(user) => {
                state.keys.push((user.id, self.key));
                (AddUserKeyOutcome::Added(user), None)
            }
        };
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for RemoveUserKey {
    fn execute(self, state: &mut State) -> RemoveUserKeyOutcome {
        let (outcome, refused) = match state.users.get(&self.login).cloned() {
            None => (RemoveUserKeyOutcome::NoSuchUser, Some(Reason::NotFound)),
            Some(user) => {
                let before = state.keys.len();
                state.keys.retain(|(owner, known)| *owner != user.id || known.key != self.key);
                if state.keys.len() < before {
                    (RemoveUserKeyOutcome::Removed(user), None)
                } else {
                    (RemoveUserKeyOutcome::NotFound, Some(Reason::NotFound))
                }
            }
        };
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for ListUserKeys {
    fn execute(self, state: &mut State) -> Vec<UserKey> {
        state.keys.iter().filter(|(owner, _)| *owner == self.owner).map(|(_, key)| key.clone()).collect()
    }
}

impl Execute for AcceptCookie {
    fn execute(self, state: &mut State) -> AcceptCredentialOutcome {
        let is_it = |one: &&Credential| one.digest == self.digest && one.kind == CredentialKind::Cookie;
        let found = state.credentials.iter().find(is_it).cloned();
        let owner = found.as_ref().and_then(|cookie| state.user(cookie.owner)).cloned();
        let (Some(credential), Some(user)) = (found, owner) else {
            state.record(self.audit, Some(Reason::WrongCookie));
            return AcceptCredentialOutcome::Refused(Reason::WrongCookie);
        };
        let refused = if credential.expires.at < self.now {
            Some(Reason::CookieExpired)
        } else if let Err(reason) = user.standing.admits(Way::Session, self.now) {
            Some(reason)
        } else if self.login.as_ref().is_some_and(|login| *login != user.login) {
            Some(Reason::CookieMismatch)
        } else {
            None
        };
        let audit = match refused {
            None => AuditEvent { actor: user.login.to_string(), ..self.audit }.target(user.login.as_str()),
            Some(_) => self.audit,
        };
        state.record(audit, refused);
        match refused {
            None => AcceptCredentialOutcome::Accepted { credential, user },
            Some(reason) => AcceptCredentialOutcome::Refused(reason),
        }
    }
}

impl Execute for AcceptKey {
    fn execute(self, state: &mut State) -> AcceptCredentialOutcome {
        let is_it = |one: &Credential| one.digest == self.digest && one.kind == CredentialKind::ApiKey;
        let found = state.credentials.iter().position(is_it);
        let owner = found.and_then(|at| state.user(state.credentials[at].owner)).cloned();
        let (Some(at), Some(user)) = (found, owner) else {
            state.record(self.audit, Some(Reason::WrongTicket));
            return AcceptCredentialOutcome::Refused(Reason::WrongTicket);
        };
        let refused = if state.credentials[at].expires.at < self.now {
            Some(Reason::ApiKeyExpired)
        } else {
            user.standing.admits(Way::Key, self.now).err()
        };
        if refused.is_none() {
            let address = self.audit.address.clone();
            let found = &mut state.credentials[at];
            found.last_used = Some(LastUse { at: self.now, address });
            if let Some(digest) = self.becomes {
                (found.digest, found.is_imported) = (digest, false);
            }
        }
        state.record(self.audit, refused);
        match refused {
            None => AcceptCredentialOutcome::Accepted { credential: state.credentials[at].clone(), user },
            Some(reason) => AcceptCredentialOutcome::Refused(reason),
        }
    }
}

impl Execute for HasImportedKeys {
    fn execute(self, state: &mut State) -> bool {
        let owner = state.users.get(&self.login).map(|user| user.id);
        state.credentials.iter().any(|one| one.is_imported && one.spent.is_none() && Some(one.owner) == owner)
    }
}

impl Execute for FindLivingKeys {
    fn execute(self, state: &mut State) -> Vec<LivingKey> {
        let is_one = |one: &&Credential| {
            let owner = state.user(one.owner).is_some_and(|user| user.standing.admits(Way::Key, self.now).is_ok());
            one.kind == CredentialKind::ApiKey && self.ids.contains(&one.id) && self.now <= one.expires.at && owner
        };
        let living = |key: &Credential| LivingKey { id: key.id, expires: key.expires.at, revision: key.revision };
        state.credentials.iter().filter(is_one).map(living).collect()
    }
}

impl Execute for EndCookies {
    fn execute(self, state: &mut State) -> u64 {
        let owner = match &self.which {
            WhichCookies::One(_) => None,
            WhichCookies::Of(login) => state.users.get(login).map(|user| user.id),
        };
        let ended = state.end_cookies(|cookie| match &self.which {
            WhichCookies::One(id) => cookie.id == *id,
            WhichCookies::Of(_) => Some(cookie.owner) == owner,
        });
        if ended > 0 {
            state.record(self.audit, None);
        }
        ended
    }
}

impl Execute for AcceptUser {
    fn execute(self, state: &mut State) -> AcceptLoginOutcome {
        let refused = match state.users.get(&self.login) {
            None => Err(Reason::UnknownUser),
            Some(user) => user.standing.admits(Way::Key, self.audit.at).map(|()| user.clone()),
        };
        state.record(self.audit, refused.as_ref().err().copied());
        refused.map_or_else(AcceptLoginOutcome::Refused, AcceptLoginOutcome::Accepted)
    }
}

impl Execute for ListRoles {
    fn execute(self, state: &mut State) -> Vec<Role> {
        state.roles.iter().map(|(name, rules)| Role { name: name.clone(), rules: rules.clone() }).collect()
    }
}

impl Execute for SetRule {
    fn execute(self, state: &mut State) -> SetRuleOutcome {
        let outcome = match (state.roles.get_mut(&self.role), self.change) {
            (None, _) => SetRuleOutcome::NoSuchRole,
            (Some(rules), RuleChange::Set(rule)) => {
                rules.retain(|known| known.pattern != rule.pattern);
                rules.push(rule);
                rules.sort_by(|one, two| one.pattern.as_str().cmp(two.pattern.as_str()));
                SetRuleOutcome::Done
            }
            (Some(rules), RuleChange::Remove(pattern)) => {
                let before = rules.len();
                rules.retain(|known| known.pattern != pattern);
                if rules.len() < before { SetRuleOutcome::Done } else { SetRuleOutcome::NoSuchRule }
            }
        };
        state.record(self.audit, (outcome != SetRuleOutcome::Done).then_some(Reason::NotFound));
        outcome
    }
}

impl Execute for PutRole {
    fn execute(self, state: &mut State) -> PutRoleOutcome {
        let Role { name, rules } = self.role;
        let (outcome, refused) = match (state.roles.contains_key(&name), self.put) {
            (true, Put::New) => (PutRoleOutcome::Exists, Some(Reason::Exists)),
            (false, Put::Existing) => (PutRoleOutcome::NoSuchRole, Some(Reason::NotFound)),
            (false, Put::New) | (true, Put::Existing) => {
                state.roles.insert(name, rules);
                (PutRoleOutcome::Done, None)
            }
        };
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for RenameRole {
    fn execute(self, state: &mut State) -> RenameRoleOutcome {
        let is_taken = state.roles.contains_key(&self.to);
        let (outcome, refused) = match state.roles.contains_key(&self.role) {
            false => (RenameRoleOutcome::NoSuchRole, Some(Reason::NotFound)),
            true if is_taken => (RenameRoleOutcome::Exists, Some(Reason::Exists)),
            true => {
                let rules = state.roles.remove(&self.role).unwrap_or_default();
                state.users.values_mut().filter(|user| user.role == self.role).for_each(|user| {
                    user.role = self.to.clone();
                });
                state.roles.insert(self.to, rules);
                (RenameRoleOutcome::Done, None)
            }
        };
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for RemoveRole {
    fn execute(self, state: &mut State) -> RemoveRoleOutcome {
        let is_in_use = state.users.values().any(|user| user.role == self.role);
        let (outcome, refused) = match state.roles.contains_key(&self.role) {
            false => (RemoveRoleOutcome::NoSuchRole, Some(Reason::NotFound)),
            true if is_in_use => (RemoveRoleOutcome::InUse, Some(Reason::InUse)),
            true => {
                state.roles.remove(&self.role);
                (RemoveRoleOutcome::Done, None)
            }
        };
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for MintCredential {
    fn execute(self, state: &mut State) -> MintOutcome {
        let Credential { owner, kind, .. } = self.credential;
        let of_owner = |other: &&Credential| other.owner == owner && other.kind == kind && is_live(other, self.now);
        let live = state.credentials.iter().filter(of_owner).count();
        let (outcome, refused) = match state.user(owner).map(|user| user.standing.admits(Way::Key, self.now)) {
            None => (MintOutcome::NoSuchUser, Some(Reason::NotFound)),
            Some(Err(reason)) => (MintOutcome::UserDisabled, Some(reason)),
            Some(Ok(())) if live >= self.live_max as usize => (MintOutcome::TooMany, Some(Reason::TooMany)),
            Some(Ok(())) => (MintOutcome::Minted, None),
        };
        if outcome == MintOutcome::Minted {
            state.credentials.push(self.credential);
        }
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for FindCredential {
    fn execute(self, state: &mut State) -> Option<Credential> {
        state.credentials.iter().find(|credential| credential.digest == self.digest).cloned()
    }
}

impl Execute for SpendCredential {
    fn execute(self, state: &mut State) -> SpendOutcome {
        let index = state.credentials.iter().position(|credential| credential.digest == self.digest);
        let found = index.map(|index| (index, state.credentials[index].clone()));
        let decided = match found {
            None => Err(Reason::WrongTicket),
            Some((_, credential)) if credential.spent.is_some() => Err(Reason::OtpSpent),
            Some((_, credential)) if !is_live(&credential, self.now) => Err(Reason::OtpExpired),
            Some((index, credential)) => match state.user(credential.owner).cloned() {
                None => Err(Reason::UnknownUser),
                Some(user) => user.standing.admits(Way::Key, self.now).map(|()| (index, credential, user)),
            },
        };
        match decided {
            Ok((index, credential, user)) => {
                state.credentials[index].spent = Some(self.now);
                state.record(self.login, None);
                state.record(self.spend, None);
                SpendOutcome::Spent { credential, user }
            }
            Err(reason) => {
                state.record(self.login, Some(reason));
                SpendOutcome::Refused(reason)
            }
        }
    }
}

impl Execute for ListCredentials {
    fn execute(self, state: &mut State) -> Vec<Credential> {
        let wanted = |credential: &&Credential| {
            credential.owner == self.owner && credential.kind == self.kind && is_live(credential, self.now)
        };
        let mut found: Vec<_> = state.credentials.iter().filter(wanted).cloned().collect();
        found.sort_by_key(|credential| (credential.created, credential.id));
        found
    }
}

impl Execute for UpdateCredential {
    fn execute(self, state: &mut State) -> bool {
        let Self { seen, description, expires, permissions, now, audit } = self;
        let found = state.credentials.iter_mut().find(|one| {
            (one.id, one.revision, one.expires) == (seen.id, seen.revision, seen.expires) && is_live(one, now)
        });
        let is_there = found.is_some();
        if let Some(found) = found {
            found.description = description.unwrap_or_else(|| found.description.clone());
            found.expires = expires.unwrap_or(found.expires);
            found.revision += u32::from(permissions.is_some());
            found.permissions = permissions.unwrap_or_else(|| found.permissions.clone());
        }
        state.record(audit, (!is_there).then_some(Reason::NotFound));
        is_there
    }
}

impl Execute for DeleteCredential {
    fn execute(self, state: &mut State) -> DeleteCredentialOutcome {
        let wanted = |credential: &Credential| credential.id == self.id && credential.kind == self.kind;
        let (outcome, refused) = match state.credentials.iter().position(wanted) {
            None => (DeleteCredentialOutcome::NotFound, Some(Reason::NotFound)),
            Some(index) if self.owner.is_some_and(|owner| owner != state.credentials[index].owner) => {
                (DeleteCredentialOutcome::Foreign, Some(Reason::Foreign))
            }
            Some(index) => {
                state.credentials.remove(index);
                (DeleteCredentialOutcome::Deleted, None)
            }
        };
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for ReapCredentials {
    fn execute(self, state: &mut State) -> u64 {
        let mut reaped = 0;
        state.credentials.retain(|credential| {
            let is_dead =
                credential.spent.is_some_and(|spent| spent < self.before) || credential.expires.at < self.before;
            let goes = is_dead && reaped < u64::from(self.limit);
            reaped += u64::from(goes);
            !goes
        });
        reaped
    }
}
