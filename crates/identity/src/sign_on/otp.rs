//! One-time passwords of the bus, asked for in a sign-on session. The rules are those of [`crate::otp`].

use rand_core::CryptoRng;

use super::Caller;
use crate::audit::{AuditEvent, Operation};
use crate::otp::{MintedOtp, OtpError, OtpRequest};
use crate::repository::{FindUser, Repository};
use crate::{Actor, Credential, CredentialId, Identity, LoginName, RequestContext, SessionKind, Timestamp, UserId};

impl<R: Repository> Identity<R> {
    /// Makes a one-time password for the caller, or as a super-user for the user with this id.
    ///
    /// # Errors
    ///
    /// [`OtpError`], which the trail holds by then; nothing was made.
    pub async fn mint_otp_signed_on(
        &self,
        caller: &Caller,
        user_id: Option<&str>,
        request: &OtpRequest,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MintedOtp, OtpError> {
        let actor = caller.actor();
        match self.otp_owner(caller, user_id).await {
            Ok(login) => self.mint_otp_for(login.as_str(), request, &actor, context, now, rng).await,
            Err(error) => {
                let audit = AuditEvent::new(now, context, &actor, Operation::OtpMint);
                Err(self.refuse_otp(error, audit.target(user_id.unwrap_or_default())).await)
            }
        }
    }

    /// The live one-time passwords of the caller, or as a super-user those of the user with this id.
    ///
    /// # Errors
    ///
    /// [`OtpError`].
    pub async fn list_otps_signed_on(
        &self,
        caller: &Caller,
        user_id: Option<&str>,
        now: Timestamp,
    ) -> Result<(LoginName, Vec<Credential>), OtpError> {
        let login = self.otp_owner(caller, user_id).await?;
        self.list_otps_of(login.as_str(), &caller.actor(), now).await
    }

    /// Withdraws a one-time password of the caller's, or as a super-user anybody's. One that is not there counts as
    /// withdrawn.
    ///
    /// # Errors
    ///
    /// [`OtpError`], which the trail holds by then.
    pub async fn delete_otp_signed_on(
        &self,
        caller: &Caller,
        id: CredentialId,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), OtpError> {
        let actor = caller.actor();
        if caller.is_super_user() {
            self.delete_otp(id, &actor, context, now).await
        } else {
            self.delete_own_otp(id, &actor, context, now).await
        }
    }

    async fn otp_owner(&self, caller: &Caller, user_id: Option<&str>) -> Result<LoginName, OtpError> {
        let own = caller.user();
        let Some(text) = user_id.filter(|text| !text.is_empty()) else { return Ok(own.login.clone()) };
        let named = UserId::parse_sign_on(text);
        if named == Ok(own.id) {
            return Ok(own.login.clone());
        }
        // Before it is looked up whether there is such a user.
        if !caller.is_super_user() {
            return Err(OtpError::NotTrusted);
        }
        let unknown = || OtpError::NoSuchUser(text.chars().take(LoginName::BYTES_MAX).collect());
        let id = named.map_err(|_| unknown())?;
        Ok(self.repository.run(FindUser::ById(id)).await?.ok_or_else(unknown)?.login)
    }
}

impl Caller {
    /// The caller as an actor: somebody who has shown the password.
    pub fn actor(&self) -> Actor {
        Actor::of(&self.user, SessionKind::Password)
    }
}
