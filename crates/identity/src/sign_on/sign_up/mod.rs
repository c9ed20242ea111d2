//! Signing up: a user whom nobody made but itself, until a token and, as the settings say, a super-user let it in.
//!
//! Source: contract of the sign-on API, sections 1.3, 2.1, 5.2, 5.3 and 9 (11).
//!
//! **Invariants:** a user who signed up can't come in before its token was shown, which is stored as a digest and works once.
//! It gets the role that the settings have for new users, which is never `trust`. What wasn't confirmed in time goes again, so
//! nobody keeps a name or an address that isn't theirs.

pub mod operations;

use std::time::Duration;

use rand_core::CryptoRng;

use self::operations::{ConfirmSignUp, ConfirmSignUpOutcome, ReapSignUps, SignUpUser, SignUpUserOutcome};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::login::PoolBusy;
use crate::password::{NewPassword, PasswordSecrets};
use crate::password_policy::{PasswordPolicy, PasswordRefused};
use crate::profile::{Email, Profile, Stamp};
use crate::repository::{FindByEmail, FindUser, RecordAudit, Repository, RepositoryError};
use crate::role::RoleName;
use crate::standing::{ApprovalStatus, SignUpStatus, Standing};
use crate::user::User;
use crate::{Actor, Identity, LoginName, PeerAddress, RequestContext, Secret, Timestamp, TokenKind, UserId};

/// Most sign-ups that are removed in one transaction.
const REAPED_AT_ONCE_MAX: u32 = 100;

/// Who may sign up, and how. The operator's to set.
#[derive(Debug, Clone)]
pub struct SignUpSettings {
    /// Longest login name, in characters.
    pub username_characters_max: usize,
    /// Longest e-mail address, in characters.
    pub email_characters_max: usize,
    /// Whether there has to be an address.
    pub is_email_required: bool,
    /// In lower case; no login name may contain one of these.
    pub rejected_in_username: Vec<String>,
    /// In lower case; no address may contain one of these.
    pub rejected_in_email: Vec<String>,
    /// Whether a mail can go to this address.
    pub is_address: fn(&str) -> bool,
    /// How long a token works.
    pub token: Duration,
    /// Which passwords may be set.
    pub passwords: PasswordPolicy,
    /// The role of new users.
    pub role: RoleName,
    /// Whether a super-user has to approve of them first.
    pub needs_approval: bool,
    /// Whether e-mail addresses are sealed.
    pub seals_email: bool,
}

/// Somebody who wants to be a user.
#[derive(Debug)]
pub struct SignUp<'a> {
    /// The login name.
    pub username: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// The e-mail address; an empty one is none.
    pub email: Option<&'a str>,
    /// For which applications, for the trail.
    pub applications: &'a [String],
    /// From where, with which application.
    pub context: &'a RequestContext,
}

/// A user who signed up.
#[derive(Debug)]
#[must_use = "the token is not shown again"]
pub struct SignedUp {
    /// The user, who can't come in yet.
    pub user: User,
    /// The address, as it was given.
    pub email: Option<String>,
    /// The token that confirms it.
    pub token: Secret,
}

/// What is wrong with a name or an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is nothing, or it isn't one, or it contains what none may contain.
    Invalid,
    /// Somebody else has it.
    Exists,
    /// Too many characters.
    TooLong,
    /// It has white space.
    Whitespace,
}

/// Why nobody was signed up. Theirs to mend, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The login name.
    #[error("the login name can't be used: {0:?}")]
    Username(Fault),
    /// The e-mail address.
    #[error("the e-mail address can't be used: {0:?}")]
    Email(Fault),
    /// There has to be an e-mail address.
    #[error("an e-mail address is missing")]
    EmailMissing,
    /// The password.
    #[error(transparent)]
    Password(#[from] PasswordRefused),
    /// Too many passwords are being derived.
    #[error(transparent)]
    Busy(#[from] PoolBusy),
    /// The operator's: the role of new users isn't there.
    #[error("there is no role {0:?}, which new users are to get")]
    NoSuchRole(String),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl SignUpError {
    fn reason(&self) -> Reason {
        match self {
            Self::Username(Fault::Exists) | Self::Email(Fault::Exists) => Reason::Exists,
            Self::Password(_) => Reason::PasswordRefused,
            Self::Busy(_) => Reason::Busy,
            _ => Reason::BadRequest,
        }
    }
}

/// Why nothing was confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// Nobody has this token, or it came to its end.
    #[error("there is no such token")]
    NoSuchToken,
    /// It was done before.
    #[error("the sign-up is confirmed already")]
    AlreadyConfirmed,
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl<R: Repository> Identity<R> {
    /// Signs somebody up. `derive` makes what is stored of the password, in the caller's bounded pool.
    ///
    /// # Errors
    ///
    /// [`SignUpError`], which the trail holds by then; there is no new user.
    pub async fn sign_up<D: Future<Output = Result<PasswordSecrets, PoolBusy>> + Send>(
        &self,
        given: &SignUp<'_>,
        settings: &SignUpSettings,
        derive: impl FnOnce(NewPassword) -> D + Send,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<SignedUp, SignUpError> {
        let audit = AuditEvent::new(now, given.context, &Actor::Anonymous, Operation::SignUp);
        let audit = audit.target(&given.username.to_lowercase()).detail(&given.applications.join(" "));
        let (login, email) = match self.admit_sign_up(given, settings).await {
            Ok(admitted) => admitted,
            Err(error) => return Err(self.refuse_sign_up(error, audit).await),
        };
        let names: Vec<&str> = std::iter::once(login.as_str()).chain(given.email).collect();
        let derived = match NewPassword::check(given.password.clone(), &names, &settings.passwords) {
            Ok(password) => derive(password).await.map_err(SignUpError::from),
            Err(refused) => Err(refused.into()),
        };
        let secrets = match derived {
            Ok(secrets) => secrets,
            Err(error) => return Err(self.refuse_sign_up(error, audit).await),
        };
        let standing = Standing {
            enabled: true,
            sign_up: SignUpStatus::BeforeConfirmation,
            approval: if settings.needs_approval { ApprovalStatus::BeforeDecision } else { ApprovalStatus::Approved },
            password_expires: self.settings.passwords.end(now),
            must_change: false,
        };
        let approval = Some(Stamp { at: now, by: Stamp::AUTO.to_owned() });
        let profile = Profile { email, approval, password_set: Some(now), ..Profile::default() };
        let (id, role) = (UserId::generate(now, rng), settings.role.clone());
        let user = User { id, login, standing, role, password: Some(secrets.hash), created: now };
        self.store_sign_up(user, profile, secrets.proofs, settings.token, audit, rng).await
    }

    async fn store_sign_up(
        &self,
        user: User,
        profile: Profile,
        proofs: crate::proof::Secrets,
        lifetime: Duration,
        audit: AuditEvent,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<SignedUp, SignUpError> {
        let token = TokenKind::SignUp.generate(rng);
        let email = profile.email.as_ref().map(|email| email.text.clone());
        let create = SignUpUser {
            user: user.clone(),
            profile,
            proofs,
            token: self.settings.pepper.digest_token(&token),
            expires: audit.at.saturating_add(lifetime),
            audit,
        };
        match self.repository.run(create).await? {
            SignUpUserOutcome::Created => Ok(SignedUp { user, email, token }),
            SignUpUserOutcome::LoginTaken => Err(SignUpError::Username(Fault::Exists)),
            SignUpUserOutcome::EmailTaken => Err(SignUpError::Email(Fault::Exists)),
            SignUpUserOutcome::NoSuchRole => Err(SignUpError::NoSuchRole(user.role.to_string())),
        }
    }

    /// Whether the name and the address may be had, as far as it can be told before the password is hashed.
    async fn admit_sign_up(
        &self,
        given: &SignUp<'_>,
        settings: &SignUpSettings,
    ) -> Result<(LoginName, Option<Email>), SignUpError> {
        let login = check_username(given.username, settings)?;
        let email = check_email(given.email, settings)?;
        if self.repository.run(FindUser::ByLogin(login.clone())).await?.is_some() {
            return Err(SignUpError::Username(Fault::Exists));
        }
        let Some(text) = email else { return Ok((login, None)) };
        let digest = self.settings.pepper.digest_email(text);
        if !self.repository.run(FindByEmail { digest, limit: 1 }).await?.is_empty() {
            return Err(SignUpError::Email(Fault::Exists));
        }
        let is_sealed = settings.seals_email;
        Ok((login, Some(Email { text: text.to_owned(), digest, is_sealed })))
    }

    /// Confirms a sign-up.
    ///
    /// # Errors
    ///
    /// [`ConfirmError`], which the trail holds by then.
    pub async fn confirm_sign_up(
        &self,
        token: &Secret,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, ConfirmError> {
        let audit = AuditEvent::new(now, context, &Actor::Anonymous, Operation::SignUpConfirm);
        // What can't be a token costs no look into storage but the row.
        if TokenKind::of(token) != Some(TokenKind::SignUp) {
            self.repository.run(RecordAudit { event: audit.refused(Reason::WrongToken) }).await?;
            return Err(ConfirmError::NoSuchToken);
        }
        let token = self.settings.pepper.digest_token(token);
        match self.repository.run(ConfirmSignUp { token, audit }).await? {
            ConfirmSignUpOutcome::Confirmed(user) => Ok(user),
            ConfirmSignUpOutcome::AlreadyConfirmed => Err(ConfirmError::AlreadyConfirmed),
            ConfirmSignUpOutcome::NoSuchToken => Err(ConfirmError::NoSuchToken),
        }
    }

    /// Notes a sign-up that was not looked at.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn refuse_sign_up_unseen(
        &self,
        username: &str,
        reason: Reason,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let audit = AuditEvent::new(now, context, &Actor::Anonymous, Operation::SignUp);
        self.repository.run(RecordAudit { event: audit.target(&username.to_lowercase()).refused(reason) }).await
    }

    /// Removes sign-ups that nobody confirmed in time, with their users, some at a time; answers how many tokens went.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn reap_sign_ups(&self, now: Timestamp, cid: &str) -> Result<u64, RepositoryError> {
        let context = RequestContext::new(cid, PeerAddress::Local, "", "server");
        let audit = AuditEvent::new(now, &context, &Actor::Operator, Operation::UserDelete);
        let audit = audit.detail("the sign-up was not confirmed in time");
        self.repository.run(ReapSignUps { before: now, limit: REAPED_AT_ONCE_MAX, audit }).await
    }

    async fn refuse_sign_up(&self, error: SignUpError, audit: AuditEvent) -> SignUpError {
        match (&error, self.repository.run(RecordAudit { event: audit.refused(error.reason()) }).await) {
            (_, Ok(())) => error,
            (_, Err(fault)) => fault.into(),
        }
    }
}

fn contains_any(text: &str, rejected: &[String]) -> bool {
    let text = text.to_lowercase();
    rejected.iter().any(|rejected| !rejected.is_empty() && text.contains(rejected.as_str()))
}

fn check_username(text: &str, settings: &SignUpSettings) -> Result<LoginName, SignUpError> {
    let fault = |fault| Err(SignUpError::Username(fault));
    if text.is_empty() {
        return fault(Fault::Invalid);
    }
    if text.chars().count() > settings.username_characters_max {
        return fault(Fault::TooLong);
    }
    if text.contains(char::is_whitespace) {
        return fault(Fault::Whitespace);
    }
    if contains_any(text, &settings.rejected_in_username) {
        return fault(Fault::Invalid);
    }
    match LoginName::parse(text) {
        Ok(login) => Ok(login),
        Err(crate::LoginNameError::TooLong) => fault(Fault::TooLong),
        Err(_) => fault(Fault::Invalid),
    }
}

fn check_email<'a>(text: Option<&'a str>, settings: &SignUpSettings) -> Result<Option<&'a str>, SignUpError> {
    let fault = |fault| Err(SignUpError::Email(fault));
    match text.filter(|text| !text.is_empty()) {
        None if settings.is_email_required => Err(SignUpError::EmailMissing),
        None => Ok(None),
        Some(text) if text.chars().count() > settings.email_characters_max.min(Email::CHARACTERS_MAX) => {
            fault(Fault::TooLong)
        }
        Some(text) if text.contains(char::is_whitespace) => fault(Fault::Whitespace),
        Some(text) if contains_any(text, &settings.rejected_in_email) || !(settings.is_address)(text) => {
            fault(Fault::Invalid)
        }
        Some(text) => Ok(Some(text)),
    }
}

#[cfg(test)]
mod tests;
