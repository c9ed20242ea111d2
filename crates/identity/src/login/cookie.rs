//! Login by a browser's cookie, which a login by password has left there.
//!
//! **Invariants:** a cookie is stored only under a value that this server has made, in the
//! transaction of a login by password; so it has the user's own rights, and nobody can plant one
//! that becomes another user's. It ends at a fixed time, and before that with a logout, a kill, a
//! lock, a new password, or its user.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use rand_core::CryptoRng;

use super::{Claim, LoggedIn, LoginError, attempt_row};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{
    AcceptCookie, AcceptCredentialOutcome, EndCookies, FindCredential, Repository, RepositoryError, WhichCookies,
};
use crate::{
    Actor, Credential, CredentialId, CredentialKind, Expires, Identity, LoginName, OffsetSeconds, Pepper,
    RequestContext, Secret, SessionKind, Timestamp, UserId,
};

/// Random bytes in a cookie: 192 bits.
const VALUE_BYTES: usize = 24;
/// Characters of a cookie's value.
const VALUE_CHARACTERS: usize = 32;

/// A cookie's value, which is a secret. Only what this server makes has this shape.
#[derive(Clone, PartialEq, Eq)]
pub struct CookieValue(Secret);

impl CookieValue {
    /// A fresh one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; VALUE_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(Secret::new(BASE64URL_NOPAD.encode(&bytes)))
    }

    /// What a browser sent, if it can be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = text.len() == VALUE_CHARACTERS && BASE64URL_NOPAD.decode(text.as_bytes()).is_ok();
        is_one.then(|| Self(Secret::new(text)))
    }

    /// The value itself, for the browser only.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for CookieValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieValue(redacted)")
    }
}

/// A cookie that the browser has been given, and that is stored if the login is by password.
#[derive(Debug, Clone)]
pub struct NewCookie {
    /// Its id.
    pub id: CredentialId,
    /// Its value.
    pub value: CookieValue,
    /// When it ends.
    pub expires: Timestamp,
}

impl NewCookie {
    pub(super) fn credential(
        &self,
        pepper: &Pepper,
        owner: UserId,
        login: &LoginName,
        audit: &AuditEvent,
    ) -> Credential {
        Credential {
            id: self.id,
            kind: CredentialKind::Cookie,
            owner,
            digest: pepper.cookie_digest(&self.value),
            permissions: Vec::new(),
            description: String::new(),
            origin: format!("{login}@{}", audit.address),
            expires: Expires { at: self.expires, offset: OffsetSeconds(0) },
            created: audit.at,
            spent: None,
            last_used: None,
            revision: 0,
            is_imported: false,
        }
    }
}

/// A login by cookie.
#[derive(Debug)]
#[must_use = "the session ends with the cookie"]
pub struct CookieLogin {
    /// Whose.
    pub login: LoggedIn,
    /// Which cookie.
    pub cookie: CredentialId,
    /// When the cookie ends, and with it the session.
    pub expires: Timestamp,
}

/// A cookie that is good at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownCookie {
    /// Its id.
    pub id: CredentialId,
    /// Whom it signs in.
    pub owner: UserId,
}

impl<R: Repository> Identity<R> {
    /// Whether a cookie can be used still. Opens nothing.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn known_cookie(
        &self,
        value: &CookieValue,
        now: Timestamp,
    ) -> Result<Option<KnownCookie>, RepositoryError> {
        let digest = self.settings.pepper.cookie_digest(value);
        let found = self.repository.run(FindCredential { digest }).await?;
        let live = found.filter(|found| found.kind == CredentialKind::Cookie && now <= found.expires.at);
        Ok(live.map(|cookie| KnownCookie { id: cookie.id, owner: cookie.owner }))
    }

    /// Signs in the user whose cookie this is. A name that the client gave has to be the same
    /// user's.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, and [`LoginError::Storage`].
    pub async fn login_by_cookie(
        &self,
        claim: &Claim<'_>,
        value: &CookieValue,
        now: Timestamp,
    ) -> Result<CookieLogin, LoginError> {
        let audit = attempt_row(claim, now).detail(&format!("cookie session={}", claim.session));
        let login = match claim.login {
            "" => None,
            given => match LoginName::parse(given) {
                Ok(login) => Some(login),
                Err(_) => return Err(self.refuse_login(audit, Reason::CookieMismatch).await),
            },
        };
        let digest = self.settings.pepper.cookie_digest(value);
        match self.repository.run(AcceptCookie { digest, login, now, audit }).await? {
            AcceptCredentialOutcome::Accepted { credential, user } => Ok(CookieLogin {
                cookie: credential.id,
                expires: credential.expires.at,
                login: LoggedIn::whole(user, SessionKind::Cookie(credential.id)),
            }),
            AcceptCredentialOutcome::Refused(reason) => Err(LoginError::Refused(reason)),
        }
    }

    /// Ends cookies, each for good. Answers how many; the trail has a row if there were any.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn end_cookies(
        &self,
        which: WhichCookies,
        why: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<u64, RepositoryError> {
        let audit = AuditEvent::new(now, context, actor, Operation::CookieEnd).detail(why);
        let audit = match &which {
            WhichCookies::One(id) => audit.target(&id.to_bus()),
            WhichCookies::Of(login) => audit.target(login.as_str()),
        };
        self.repository.run(EndCookies { which, audit }).await
    }
}

#[cfg(test)]
#[path = "cookie_tests.rs"]
mod tests;
