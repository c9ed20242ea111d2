//! Login by TLS client certificate.
//!
//! The transport has verified the certificate and the possession of its key. Here counts only
//! whom it names.

use super::{Claim, LoggedIn, LoginError, attempt_row};
use crate::audit::Reason;
use crate::repository::{AcceptLoginOutcome, AcceptUser, Repository};
use crate::{Identity, LoginName, SessionKind, Timestamp};

/// What a verified certificate says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHolder {
    /// The one common name of the subject; `None` if there is none, or more than one.
    pub name: Option<String>,
    /// The serial number, for the trail.
    pub serial: String,
}

impl<R: Repository> Identity<R> {
    /// Signs in the user whom a verified certificate names. A name that the client gave has to be
    /// of the same user.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, and [`LoginError::Storage`].
    pub async fn login_by_certificate(
        &self,
        claim: &Claim<'_>,
        holder: &CertificateHolder,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let audit =
            attempt_row(claim, now).detail(&format!("certificate session={} serial={}", claim.session, holder.serial));
        let Some(name) = &holder.name else {
            return Err(self.refuse_login(audit, Reason::CertificateUnusable).await);
        };
        let Ok(login) = LoginName::parse(name) else {
            return Err(self.refuse_login(audit, Reason::UnknownUser).await);
        };
        if LoginName::parse(claim.login).as_ref() != Ok(&login) {
            return Err(self.refuse_login(audit, Reason::CertificateMismatch).await);
        }
        match self.repository.run(AcceptUser { login, audit }).await? {
            AcceptLoginOutcome::Accepted(user) => Ok(LoggedIn::whole(user, SessionKind::Certificate)),
            AcceptLoginOutcome::Refused(reason) => Err(LoginError::Refused(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::Purpose;
    use crate::testing::{Fixture, KRISTEN, LOCKED, NOW, ZOE, context, ready};

    /// A login of `login` with a certificate of this name: the reason of a refusal, and that the
    /// trail has the same.
    #[track_caller]
    fn check(login: &str, name: Option<&str>, want: Option<Reason>) {
        let (fixture, context) = (Fixture::new(), context());
        let claim = Claim { login, context: &context, session: "4711", code: None, purpose: Purpose::Session };
        let holder = CertificateHolder { name: name.map(str::to_owned), serial: "01:02".into() };
        let refused = match ready(fixture.identity.login_by_certificate(&claim, &holder, NOW)) {
            Ok(session) => {
                assert_eq!(session.user(), &fixture.user(KRISTEN));
                assert_eq!(session.kind(), SessionKind::Certificate);
                assert!(session.restriction().is_none() && !session.has_restrictions());
                None
            }
            Err(LoginError::Refused(reason)) => Some(reason),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(refused, want, "{login:?} {name:?}");
        let rows = fixture.memory().trail();
        let reasons: Vec<Option<Reason>> = rows.iter().map(|row| row.reason).collect();
        assert_eq!(reasons, [want], "{login:?} {name:?}");
        assert_eq!(rows[0].detail, "certificate session=4711 serial=01:02");
    }

    #[test]
    fn the_certificates_name_is_the_login_whatever_its_case() {
        check(KRISTEN, Some(KRISTEN), None);
        check("KRISTEN98", Some("Kristen98"), None);
    }

    #[test]
    fn refuses_a_certificate_without_one_name() {
        check(KRISTEN, None, Some(Reason::CertificateUnusable));
        check("", None, Some(Reason::CertificateUnusable));
    }

    #[test]
    fn refuses_a_certificate_of_somebody_else() {
        check(ZOE, Some(KRISTEN), Some(Reason::CertificateMismatch));
        check("", Some(KRISTEN), Some(Reason::CertificateMismatch));
        check("%operator", Some(KRISTEN), Some(Reason::CertificateMismatch));
    }

    #[test]
    fn refuses_whom_nobody_knows_or_who_is_locked() {
        check("nobody", Some("nobody"), Some(Reason::UnknownUser));
        check("Kristen Smith", Some("Kristen Smith"), Some(Reason::UnknownUser));
        check("", Some(""), Some(Reason::UnknownUser));
        check(LOCKED, Some(LOCKED), Some(Reason::UserDisabled));
    }
}
