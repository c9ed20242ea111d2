//! Public keys of users: for the operator and for users with the role `trust`.

use crate::admin::AdminError;
use crate::audit::{AuditEvent, Operation};
use crate::proof::cryptosign::PublicKey;
use crate::repository::{AddUserKey, AddUserKeyOutcome, ListUserKeys, RemoveUserKey, RemoveUserKeyOutcome, Repository};
use crate::user::{User, UserKey};
use crate::{Actor, Identity, LoginName, RequestContext, Timestamp, printable};

impl<R: Repository> Identity<R> {
    /// Gives a user a public key, in hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn add_user_key(
        &self,
        login: &str,
        hex: &str,
        label: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<UserKey, AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::UserKeyAdd);
        let audit = audit.target(&login.to_lowercase()).detail(hex);
        let wish = wish(login, hex).and_then(|wish| {
            let fits = label.chars().count() <= UserKey::LABEL_CHARACTERS_MAX;
            if fits { Ok(wish) } else { Err(AdminError::Label) }
        });
        let ((name, key), audit) = self.admit(actor, wish, audit).await?;
        let key = UserKey { key, label: printable(label, UserKey::LABEL_CHARACTERS_MAX), created: now };
        let add = AddUserKey { login: name, key: key.clone(), keys_max: UserKey::COUNT_MAX, audit };
        match self.repository.run(add).await? {
            AddUserKeyOutcome::Added(_) => Ok(key),
            AddUserKeyOutcome::NoSuchUser => Err(AdminError::NoSuchUser(login.to_owned())),
            AddUserKeyOutcome::Taken => Err(AdminError::KeyTaken),
            AddUserKeyOutcome::TooMany => Err(AdminError::TooManyKeys),
        }
    }

    /// Takes a public key from a user. Answers the user, whose sessions the caller ends.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn remove_user_key(
        &self,
        login: &str,
        hex: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::UserKeyRemove);
        let audit = audit.target(&login.to_lowercase()).detail(hex);
        let ((name, key), audit) = self.admit(actor, wish(login, hex), audit).await?;
        match self.repository.run(RemoveUserKey { login: name, key, audit }).await? {
            RemoveUserKeyOutcome::Removed(user) => Ok(user),
            RemoveUserKeyOutcome::NoSuchUser => Err(AdminError::NoSuchUser(login.to_owned())),
            RemoveUserKeyOutcome::NotFound => Err(AdminError::NoSuchKey(login.to_owned())),
        }
    }

    /// The public keys of a user, oldest first.
    ///
    /// # Errors
    ///
    /// [`AdminError::NoSuchUser`] and [`AdminError::Storage`].
    pub async fn user_keys(&self, login: &str) -> Result<Vec<UserKey>, AdminError> {
        let user = self.user(login).await?;
        Ok(self.repository.run(ListUserKeys { owner: user.id }).await?)
    }
}

fn wish(login: &str, hex: &str) -> Result<(LoginName, PublicKey), AdminError> {
    let name = LoginName::parse(login).map_err(|_| AdminError::NoSuchUser(login.to_owned()))?;
    Ok((name, PublicKey::parse(hex)?))
}

#[cfg(test)]
#[path = "user_keys_tests.rs"]
mod tests;
