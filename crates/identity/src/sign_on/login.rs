//! Signing in: name, password and, where the second factor is on, a code; out comes a session with its token.
//!
//! **Invariants:** a stranger can't tell an unknown user, a wrong password and a wrong code apart by the time that the
//! answer takes: each costs one look-up and one password check. Every attempt leaves one row in the trail.

use rand_core::CryptoRng;

use super::SignOnSession;
use super::operations::{AcceptedCode, FindFactor, OpenSession, OpenSessionOutcome};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::login::{LoginError, PasswordPool};
use crate::password::PASSWORD_BYTES_MAX;
use crate::repository::{PasswordChange, Repository};
use crate::standing::Way;
use crate::user::User;
use crate::{Actor, Identity, LoginName, RequestContext, Secret, SessionId, Timestamp, TokenKind};

/// What somebody signs in with.
#[derive(Debug)]
pub struct SignIn<'a> {
    /// The name that was given.
    pub username: &'a str,
    /// The password that was given.
    pub password: &'a Secret,
    /// The code that was given, if any: of an authenticator, or a recovery code.
    pub code: Option<&'a Secret>,
    /// Another password, for the case that this one has to be changed.
    pub new_password: Option<&'a Secret>,
    /// Whether users may log in with this application. Only whoever knows the password, and the code, hears that it isn't.
    pub is_allowed_application: bool,
    /// From where, with which application.
    pub context: &'a RequestContext,
}

/// A session that was just opened.
#[derive(Debug)]
#[must_use = "the token is not shown again"]
pub struct SignedIn {
    /// Its token.
    pub token: Secret,
    /// The session.
    pub session: SignOnSession,
    /// Whose it is.
    pub user: User,
    /// Whether the password is about to expire.
    pub is_expiring: bool,
    /// Whether the password was changed: what was opened with the old one ends.
    pub has_new_password: bool,
}

impl<R: Repository> Identity<R> {
    /// Opens a session.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, with [`Reason::CodeMissing`] where the password is right and a
    /// code is needed; [`LoginError::Storage`].
    pub async fn sign_in(
        &self,
        given: &SignIn<'_>,
        pool: &impl PasswordPool,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<SignedIn, LoginError> {
        let audit = row(given, now);
        if given.password.is_blank() || given.password.expose().len() > PASSWORD_BYTES_MAX {
            return Err(self.refuse_login(audit, Reason::WrongTicket).await);
        }
        let Ok(login) = LoginName::parse(given.username) else {
            return Err(self.refuse_login(audit, Reason::UnknownUser).await);
        };
        let found = self.repository.run(FindFactor { login }).await?;
        let hash = found.as_ref().and_then(|(user, _)| user.checkable_password(now));
        let Ok(is_right) = pool.verify(hash.clone(), given.password.clone()).await else {
            return Err(self.refuse_login(audit, Reason::Busy).await);
        };
        let (user, factor) = match found {
            Some((user, factor)) => match user.standing.admits(Way::Key, now) {
                Ok(()) if is_right => (user, factor),
                Ok(()) => return Err(self.refuse_login(audit, Reason::WrongTicket).await),
                Err(reason) if is_right => return Err(self.refuse_login(audit, reason).await),
                // The trail knows better than who shows a wrong password.
                Err(reason) => return Err(self.refuse_login(audit, reason).await.told(Reason::WrongTicket)),
            },
            None => return Err(self.refuse_login(audit, Reason::UnknownUser).await),
        };
        let Some(password) = hash else { return Err(self.refuse_login(audit, Reason::WrongTicket).await) };
        let code = match self.check_login_code(&user, factor.as_ref(), given.code, given.context, now) {
            Ok(code) => code,
            Err(reason) => {
                self.refuse_code(&user, audit, reason).await?;
                return Err(LoginError::Refused(reason));
            }
        };
        if !given.is_allowed_application {
            return Err(self.refuse_login(audit, Reason::ApplicationNotAllowed).await);
        }
        let change = match self.plan_password(&user, given.new_password, pool, now).await {
            Ok(change) => change,
            Err(reason) => return Err(self.refuse_login(audit, reason).await),
        };
        let (token, session) = self.plan_session(&user, given.context, now, rng);
        let how = match &code {
            None => "password",
            Some(AcceptedCode::Step(_)) => "password and code",
            Some(AcceptedCode::Recovery(_)) => "password and recovery code",
        };
        let audit = audit.detail(&format!("{how} session={}", session.id.to_bus()));
        let sessions_max = self.settings.sign_on.sessions_max;
        let row = audit.clone();
        let has_new_password = change.is_some();
        let (session_id, user_id, checked) = (session.clone(), user.id, code.clone());
        let open = OpenSession { session: session_id, password, code, change, sessions_max, audit };
        let (opened, refused) = match self.repository.run(open).await? {
            OpenSessionOutcome::Opened(user) => {
                let is_expiring = self.settings.passwords.warns(user.standing.password_expires, now);
                (Ok(SignedIn { token, session, user, is_expiring, has_new_password }), None)
            }
            OpenSessionOutcome::Refused(reason) => (Err(LoginError::Refused(reason)), Some(reason)),
        };
        self.code_was_judged(user_id, checked.as_ref(), given.context, refused);
        if let Ok(signed_in) = &opened
            && !has_new_password
        {
            self.renew_hash(&signed_in.user, given.password, pool, row).await;
        }
        opened
    }

    /// Whether the password, which is right, opens a session as it is, or which one takes its place.
    async fn plan_password(
        &self,
        user: &User,
        given: Option<&Secret>,
        pool: &impl PasswordPool,
        now: Timestamp,
    ) -> Result<Option<PasswordChange>, Reason> {
        let rules = &self.settings.passwords;
        let is_warned = !rules.admits_when_warned && rules.warns(user.standing.password_expires, now);
        let verdict = match user.standing.admits(Way::Password, now) {
            Ok(()) if is_warned => Err(Reason::PasswordAboutToExpire),
            verdict => verdict,
        };
        let Err(reason) = verdict else { return Ok(None) };
        let given = given.filter(|given| !given.is_blank()).ok_or(reason)?;
        let secrets = self.derive_password(given, user.login.as_str(), pool).await.map_err(|error| error.reason())?;
        Ok(Some(PasswordChange { secrets, expires: rules.end(now), must_change: false, kept: None }))
    }

    fn plan_session(
        &self,
        user: &User,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> (Secret, SignOnSession) {
        let token = TokenKind::Session.generate(rng);
        let settings = &self.settings.sign_on;
        let ends = now.saturating_add(settings.session_longest);
        let session = SignOnSession {
            id: SessionId::generate(now, rng),
            owner: user.id,
            digest: self.settings.pepper.digest_token(&token),
            application: context.application.clone(),
            created: now,
            expires: now.saturating_add(settings.session).min(ends),
            ends,
            checked: now,
            address: context.address.to_string(),
            agent: context.agent.clone(),
        };
        (token, session)
    }
}

/// A name that can't be a login stands as the target only, as at a login on the bus.
fn row(given: &SignIn<'_>, now: Timestamp) -> AuditEvent {
    let name = LoginName::parse(given.username);
    let actor = name.as_ref().map_or(Actor::Anonymous.name(), LoginName::as_str);
    let target = name.as_ref().map_or(given.username, LoginName::as_str);
    AuditEvent::by_name(now, given.context, actor, Operation::SessionOpen).target(target)
}
