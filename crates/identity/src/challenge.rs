//! Login by proof: the client answers a challenge and keeps its secret to itself.
//!
//! Source: WAMP specification, advanced profile "Authentication Methods"; the cryptography is in [`crate::proof`].
//!
//! **Invariants:** a challenge is answered once; it is gone with the answer. A stranger can't tell by the challenge who
//! exists or who has a secret: what is missing has a stand-in that is always the same for a name. Whoever has no right
//! proof gets the same answer, after the same work; the trail has the cause. What was found right is checked again in
//! the transaction of the login's row.

use rand_core::CryptoRng;

use crate::audit::Reason;
use crate::login::{Claim, FirstFactor, LoggedIn, LoginError, attempt_row};
use crate::proof::ChannelId;
use crate::proof::cryptosign::{self, PublicKey};
use crate::proof::scram::{ClientFinal, ClientFirst, Exchange, ScramError, Verifier};
use crate::proof::wampcra::{self, SharedKey};
use crate::repository::{Evidence, FindKeyOwner, FindSharedKey, FindVerifier, Repository, RepositoryError};
use crate::standing::Way;
use crate::user::User;
use crate::{Identity, LoginName, Timestamp};

/// What was found of somebody who wants to log in.
#[derive(Debug)]
enum Found {
    /// Nobody; for this reason.
    Nobody(Reason),
    /// A user without a secret for the method.
    Without(User),
    /// A user with one.
    With(User),
}

/// A challenge of WAMP-CRA. The text that is to be signed is the caller's to write.
#[derive(Debug)]
#[must_use = "it has to be sent, and answered"]
pub struct WampcraChallenge {
    found: Found,
    key: SharedKey,
}

impl WampcraChallenge {
    /// `salt` of CHALLENGE.
    pub fn salt(&self) -> &str {
        &self.key.salt
    }

    /// `iterations` of CHALLENGE.
    pub fn iterations(&self) -> u32 {
        self.key.iterations
    }
}

/// A challenge of SCRAM.
#[derive(Debug)]
#[must_use = "it has to be sent, and answered"]
pub struct ScramChallenge {
    found: Found,
    exchange: Exchange,
    verifier: Verifier,
}

impl ScramChallenge {
    /// The exchange, with the nonce.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Salt and costs.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

/// A challenge of WAMP-Cryptosign.
#[derive(Debug)]
#[must_use = "it has to be sent, and answered"]
pub struct CryptosignChallenge {
    found: Found,
    login: String,
    key: PublicKey,
    channel: Option<ChannelId>,
    challenge: cryptosign::Challenge,
}

impl CryptosignChallenge {
    /// Whom the client claims to be; without a name of its own, whose key it is.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// `challenge` of CHALLENGE.
    pub fn to_hex(&self) -> String {
        self.challenge.to_hex()
    }
}

impl<R: Repository> Identity<R> {
    /// Begins a login by WAMP-CRA.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]. Whether there is such a user is no error.
    pub async fn challenge_wampcra(&self, login: &str) -> Result<WampcraChallenge, RepositoryError> {
        let (name, seed) = self.stand_in("wampcra", login);
        let iterations = self.settings.secrets.wampcra_iterations.unwrap_or(wampcra::ITERATIONS_DEFAULT);
        let stand_in = SharedKey::stand_in(&seed, iterations);
        let found = match name {
            Some(login) => self.repository.run(FindSharedKey { login }).await?,
            None => None,
        };
        let (found, key) = found_or(found, stand_in);
        Ok(WampcraChallenge { found, key })
    }

    /// Ends a login by WAMP-CRA; `text` is what was to be signed.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, [`LoginError::CodeNeeded`], and [`LoginError::Storage`].
    pub async fn login_by_wampcra(
        &self,
        challenge: WampcraChallenge,
        text: &str,
        signature: &str,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let WampcraChallenge { found, key } = challenge;
        let proof =
            if key.verify(text, signature) { Ok(Evidence::SharedKey(key.salt)) } else { Err(Reason::WrongProof) };
        self.decide(found, proof, "wampcra", claim, now).await
    }

    /// Begins a login by SCRAM.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]. Whether there is such a user is no error.
    pub async fn challenge_scram(
        &self,
        first: ClientFirst,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<ScramChallenge, RepositoryError> {
        let (name, seed) = self.stand_in("scram", &first.authid);
        let stand_in = Verifier::stand_in(&seed, self.settings.secrets.scram.unwrap_or_default());
        let found = match name {
            Some(login) => self.repository.run(FindVerifier { login }).await?,
            None => None,
        };
        let (found, verifier) = found_or(found, stand_in);
        Ok(ScramChallenge { found, exchange: Exchange::begin(first, rng), verifier })
    }

    /// Ends a login by SCRAM; answers the server's own proof, in base64, too, for whoever has given the client's.
    ///
    /// The login fails with [`LoginError::Refused`], which the trail holds by then, [`LoginError::CodeNeeded`], and
    /// [`LoginError::Storage`].
    pub async fn login_by_scram(
        &self,
        challenge: ScramChallenge,
        answer: &ClientFinal<'_>,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> (Result<LoggedIn, LoginError>, Option<String>) {
        let ScramChallenge { found, exchange, verifier } = challenge;
        let (proof, signature) = match exchange.verify(&verifier, answer) {
            Ok(signature) => (Ok(Evidence::Verifier(verifier.salt)), Some(signature)),
            Err(ScramError::Wrong) => (Err(Reason::WrongProof), None),
            Err(ScramError::Channel) => (Err(Reason::WrongChannel), None),
        };
        (self.decide(found, proof, "scram", claim, now).await, signature)
    }

    /// Begins a login by WAMP-Cryptosign. `login` may be empty: the key says whose it is.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]. Whether it is anybody's key is no error.
    pub async fn challenge_cryptosign(
        &self,
        login: &str,
        key: PublicKey,
        channel: Option<ChannelId>,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<CryptosignChallenge, RepositoryError> {
        let name = LoginName::parse(login);
        let (found, login) = match self.repository.run(FindKeyOwner { key }).await? {
            Some(user) if login.is_empty() => {
                let login = user.login.to_string();
                (Found::With(user), login)
            }
            Some(user) if name.as_ref() == Ok(&user.login) => (Found::With(user), login.to_owned()),
            Some(_) => (Found::Nobody(Reason::Foreign), login.to_owned()),
            // No login name begins so.
            None if login.is_empty() => (Found::Nobody(Reason::UnknownKey), format!("%{}", key.to_hex())),
            None => (Found::Nobody(Reason::UnknownKey), login.to_owned()),
        };
        Ok(CryptosignChallenge { found, login, key, channel, challenge: cryptosign::Challenge::generate(rng) })
    }

    /// Ends a login by WAMP-Cryptosign.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, and [`LoginError::Storage`].
    pub async fn login_by_cryptosign(
        &self,
        challenge: CryptosignChallenge,
        answer: &str,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let CryptosignChallenge { found, key, channel, challenge, .. } = challenge;
        let is_right = challenge.verify(key, channel.as_ref(), answer);
        let proof = if is_right { Ok(Evidence::PublicKey(key)) } else { Err(Reason::WrongProof) };
        self.decide(found, proof, "cryptosign", claim, now).await
    }

    /// The name, if it can be one, and the seed of what stands in for its secret.
    fn stand_in(&self, method: &str, login: &str) -> (Option<LoginName>, [u8; 32]) {
        let name = LoginName::parse(login).ok();
        let seed = self.settings.pepper.stand_in(method, name.as_ref().map_or(login, LoginName::as_str));
        (name, seed)
    }

    async fn decide(
        &self,
        found: Found,
        proof: Result<Evidence, Reason>,
        method: &'static str,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let audit = attempt_row(claim, now);
        let decided = match (found, proof) {
            (Found::Nobody(reason), _) => Err(reason),
            (Found::Without(user), _) => Err(user.standing.admits(Way::Key, now).err().unwrap_or(Reason::NoSecret)),
            (Found::With(user), proof) => {
                user.standing.admits(Way::Key, now).and(proof).map(|evidence| (user, evidence))
            }
        };
        let (user, evidence) = match decided {
            Ok(decided) => decided,
            Err(reason) => return Err(self.refuse_login(audit, reason).await),
        };
        let shown = FirstFactor { user, by: evidence, how: method, cookie: None };
        self.with_factor(shown, claim, now).await
    }
}

/// What was found, with its secret or the one that stands in for it.
fn found_or<S>(found: Option<(User, Option<S>)>, stand_in: S) -> (Found, S) {
    match found {
        None => (Found::Nobody(Reason::UnknownUser), stand_in),
        Some((user, None)) => (Found::Without(user), stand_in),
        Some((user, Some(secret))) => (Found::With(user), secret),
    }
}

#[cfg(test)]
#[path = "challenge_tests.rs"]
mod tests;
