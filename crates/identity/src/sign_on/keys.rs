//! Keys of the bus, asked for in a sign-on session. The rules are those of [`crate::keys`].

use rand_core::CryptoRng;

use super::Caller;
use crate::keys::{KeyError, KeyKind, KeyRequest, MintedKey};
use crate::repository::{FindUser, Repository};
use crate::{Actor, Credential, CredentialId, Identity, LoginName, RequestContext, SessionKind, Timestamp, UserId};

impl<R: Repository> Identity<R> {
    /// Makes a key for the caller, or as a super-user for the user with this id.
    ///
    /// # Errors
    ///
    /// [`KeyError`], which the trail holds by then; nothing was made.
    #[expect(clippy::too_many_arguments, reason = "what is made for whom, who asks, when and by what chance")]
    pub async fn mint_key_signed_on(
        &self,
        kind: KeyKind,
        caller: &Caller,
        user_id: Option<&str>,
        request: &KeyRequest,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MintedKey, KeyError> {
        let actor = caller.actor();
        match self.key_owner(caller, user_id).await {
            Ok(login) => self.mint_key_for(kind, login.as_str(), request, &actor, context, now, rng).await,
            Err(error) => {
                let target = user_id.unwrap_or_default();
                Err(self.refuse_key_request(kind, error, target, &actor, context, now).await)
            }
        }
    }

    /// The live keys of the caller, or as a super-user those of the user with this id.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub async fn list_keys_signed_on(
        &self,
        kind: KeyKind,
        caller: &Caller,
        user_id: Option<&str>,
        now: Timestamp,
    ) -> Result<(LoginName, Vec<Credential>), KeyError> {
        let login = self.key_owner(caller, user_id).await?;
        self.list_keys_of(kind, login.as_str(), &caller.actor(), now).await
    }

    /// Withdraws a key of the caller's, or as a super-user anybody's. One that is not there counts as withdrawn.
    ///
    /// # Errors
    ///
    /// [`KeyError`], which the trail holds by then.
    pub async fn delete_key_signed_on(
        &self,
        kind: KeyKind,
        caller: &Caller,
        id: CredentialId,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        let actor = caller.actor();
        if caller.is_super_user() {
            self.delete_key(kind, id, &actor, context, now).await
        } else {
            self.delete_own_key(kind, id, &actor, context, now).await
        }
    }

    async fn key_owner(&self, caller: &Caller, user_id: Option<&str>) -> Result<LoginName, KeyError> {
        let own = caller.user();
        let Some(text) = user_id.filter(|text| !text.is_empty()) else { return Ok(own.login.clone()) };
        let named = UserId::parse_sign_on(text);
        if named == Ok(own.id) {
            return Ok(own.login.clone());
        }
        // Before it is looked up whether there is such a user.
        if !caller.is_super_user() {
            return Err(KeyError::NotTrusted);
        }
        let unknown = || KeyError::NoSuchUser(text.chars().take(LoginName::BYTES_MAX).collect());
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
