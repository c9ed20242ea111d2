//! The rules with everything they run on: storage, password pool, throttle, settings.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use countersign_identity::audit::Reason;
use countersign_identity::login::{
    Attempt, CertificateHolder, Claim, CodeNeeded, CookieLogin, CookieValue, ElevationError, LoggedIn, LoginError,
    PasswordPool as _, Purpose,
};
use countersign_identity::repository::RepositoryError;
use countersign_identity::sign_on::{SignIn, SignedIn};
use countersign_identity::throttle::{Admission, Throttle};
use countersign_identity::{Actor, Identity, LoginName, PeerAddress, Secret, UserId};
use countersign_storage::Store;
use rand_core::CryptoRng;

use crate::afterwards::Afterwards;
use crate::allowances::{Allowances, Spent};
use crate::clock::now;
use crate::coalesced::Coalesced;
use crate::config::{Config, ConfigError};
use crate::directory::Directory;
use crate::fernet::FernetKey;
use crate::hub::Hub;
use crate::import;
use crate::mail::Mailer;
use crate::metrics::Metrics;
use crate::password_pool::HashingPool;
use crate::trail::Trail;
use crate::uris::{AlertBell, DocumentedUris};
use crate::vacuum::Vacuum;

/// What every door and command works on.
#[derive(Debug)]
pub struct App {
    /// The rules.
    pub identity: Identity<Store>,
    /// Where passwords are hashed.
    pub passwords: HashingPool,
    /// Where mails are posted.
    pub mailer: Mailer,
    /// The directory with further users, if there is one.
    pub directory: Option<Arc<Directory>>,
    /// Checkpoints of the audit trail, beside the database.
    pub trail: Trail,
    /// What goes on after its request was answered.
    pub afterwards: Afterwards,
    allowances: Allowances,
    /// The settings.
    pub config: Config,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Keys under which clients of Zato SSO hold tokens of sessions that were imported.
    zato_keys: Vec<FernetKey>,
    /// Held while a role is edited.
    pub role_edits: tokio::sync::Mutex<()>,
    /// Readings of the roles that sessions ask for.
    pub role_refreshes: Coalesced,
    /// Which URIs are documented.
    pub documents: Arc<DocumentedUris>,
    /// Wakes the job that tells what became of URIs.
    pub alerts: AlertBell,
    /// Asks for what has come to its end to be removed.
    pub vacuum: Vacuum,
    throttle: Mutex<Throttle>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for texts of mails that can't be used.
    pub fn new(
        identity: Identity<Store>,
        config: Config,
        trail: Trail,
        zato_keys: Vec<FernetKey>,
    ) -> Result<Self, ConfigError> {
        let metrics = Arc::new(Metrics::default());
        let directory = config.ldap.clone().map(|ldap| Directory::new(ldap, Arc::clone(&metrics))).transpose()?;
        let directory = directory.map(Arc::new);
        let passwords = HashingPool::new(&config.password, identity.settings().secrets, Arc::clone(&metrics));
        Ok(Self {
            passwords: passwords.with_directory(directory.clone()),
            directory,
            mailer: Mailer::new(&config, Arc::clone(&metrics))?,
            afterwards: Afterwards::new(Arc::clone(&metrics)),
            allowances: Allowances::new(&config.mail),
            identity,
            trail,
            zato_keys,
            metrics,
            role_edits: tokio::sync::Mutex::default(),
            role_refreshes: Coalesced::default(),
            documents: Arc::new(DocumentedUris::new(&config.realm.uri_prefix)),
            alerts: AlertBell::default(),
            vacuum: Vacuum::default(),
            throttle: Mutex::new(Throttle::new(config.throttle())),
            config,
        })
    }

    /// The session token that a client means: what a client of Zato SSO holds stands for one of ours.
    pub fn session_token(&self, given: Secret) -> Secret {
        self.imported_token(&given).unwrap_or(given)
    }

    fn imported_token(&self, given: &Secret) -> Option<Secret> {
        self.zato_keys.iter().find_map(|key| import::zato::token(given, key))
    }

    /// Login by ticket, for every door.
    ///
    /// # Errors
    ///
    /// [`LoginError`], by then in the trail.
    pub async fn login(&self, attempt: &Attempt<'_>) -> Result<LoggedIn, LoginError> {
        let imported = self.imported_token(attempt.ticket);
        let attempt = Attempt { ticket: imported.as_ref().unwrap_or(attempt.ticket), ..*attempt };
        let rules = Box::pin(async { self.identity.login(&attempt, &self.passwords, now()).await });
        self.throttled(&attempt.claim, rules).await
    }

    /// Goes on with a login that waits for a code of the second factor.
    ///
    /// # Errors
    ///
    /// [`LoginError`], by then in the trail.
    pub async fn login_by_code(
        &self,
        needed: CodeNeeded,
        code: &Secret,
        claim: &Claim<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let rules = Box::pin(async { self.identity.login_by_code(needed, code, claim, now()).await });
        self.throttled(claim, rules).await
    }

    /// Login by a TLS client certificate that was verified, for every door.
    ///
    /// # Errors
    ///
    /// [`LoginError`], by then in the trail.
    pub async fn login_by_certificate(
        &self,
        claim: &Claim<'_>,
        holder: &CertificateHolder,
    ) -> Result<LoggedIn, LoginError> {
        let rules = Box::pin(async { self.identity.login_by_certificate(claim, holder, now()).await });
        self.throttled(claim, rules).await
    }

    /// Login by a cookie; `None` for one from a page of another site, which is refused unseen.
    ///
    /// # Errors
    ///
    /// [`LoginError`], by then in the trail.
    pub async fn login_by_cookie(
        &self,
        claim: &Claim<'_>,
        value: Option<&CookieValue>,
    ) -> Result<CookieLogin, LoginError> {
        let rules = Box::pin(async {
            let Some(value) = value else {
                self.identity.record_refused_login(claim, Reason::ForeignOrigin, now()).await?;
                return Err(LoginError::Refused(Reason::ForeignOrigin));
            };
            self.identity.login_by_cookie(claim, value, now()).await
        });
        self.throttled(claim, rules).await
    }

    /// Sign-on: a session of a user's own, for every door. The throttle is the one of every other login.
    ///
    /// # Errors
    ///
    /// [`LoginError`], by then in the trail.
    pub async fn sign_in(&self, given: &SignIn<'_>, rng: &mut (impl CryptoRng + Send)) -> Result<SignedIn, LoginError> {
        let claim =
            Claim { login: given.username, context: given.context, session: "", code: None, purpose: Purpose::Session };
        let rules = Box::pin(async { self.identity.sign_in(given, &self.passwords, now(), rng).await });
        self.throttled(&claim, rules).await
    }

    /// The throttle before a login by any method, for every door: `rules` runs when it may, and
    /// its refusals count.
    ///
    /// # Errors
    ///
    /// [`LoginError`], by then in the trail.
    pub async fn throttled<L>(
        &self,
        claim: &Claim<'_>,
        rules: impl Future<Output = Result<L, LoginError>> + Send,
    ) -> Result<L, LoginError> {
        let address = claim.context.address;
        if self.is_exempt(address) {
            return self.where_listed(claim, rules).await;
        }
        // What can't be a login name shares one bucket, so that long names can't fill memory.
        let login = LoginName::parse(claim.login).map_or_else(|_| String::new(), |name| name.as_str().to_owned());
        let admission = self.throttle().admit(Instant::now(), address, &login);
        match admission {
            Admission::Now => {}
            Admission::After(delay) => {
                self.metrics.login_delayed();
                let _turn = Waiting { app: self, address };
                tokio::time::sleep(delay).await;
            }
            Admission::Refused => {
                self.identity.record_refused_login(claim, Reason::Throttled, now()).await?;
                return Err(LoginError::Refused(Reason::Throttled));
            }
        }
        let result = self.where_listed(claim, rules).await;
        if let Err(LoginError::Refused(reason)) = &result {
            self.throttle().failed(Instant::now(), address, &login, *reason);
        }
        result
    }

    /// Lets the rules decide about who may log in from there. Anybody else has to wait as long as somebody unknown.
    async fn where_listed<L>(
        &self,
        claim: &Claim<'_>,
        rules: impl Future<Output = Result<L, LoginError>> + Send,
    ) -> Result<L, LoginError> {
        let is_needed = self.config.login.reject_if_not_listed;
        if self.config.user_address_list.admits(claim.login, claim.context.address, is_needed) {
            return rules.await;
        }
        let _ = self.passwords.verify(None, Secret::new(claim.login)).await;
        self.identity.record_refused_login(claim, Reason::AddressNotListed, now()).await?;
        Err(LoginError::Refused(Reason::AddressNotListed))
    }

    /// Whether a credential is good, for a session that asks: what a login by ticket looks at, slowed as a login is.
    ///
    /// # Errors
    ///
    /// [`LoginError`], by then in the trail; never that a code is needed.
    pub async fn authenticate(&self, attempt: &Attempt<'_>) -> Result<(), LoginError> {
        let imported = self.imported_token(attempt.ticket);
        let attempt = Attempt { ticket: imported.as_ref().unwrap_or(attempt.ticket), ..*attempt };
        let rules = Box::pin(async { self.identity.authenticate(&attempt, &self.passwords, now()).await.map(drop) });
        self.throttled(&attempt.claim, rules).await
    }

    /// Whether a session's user has shown the password, slowed as a login is.
    ///
    /// # Errors
    ///
    /// [`ElevationError`], by then in the trail.
    pub async fn reauthenticate(&self, attempt: &Attempt<'_>, actor: &Actor) -> Result<(), ElevationError> {
        let rules = Box::pin(async {
            match self.identity.reauthenticate(attempt, actor, &self.passwords, now()).await {
                Err(ElevationError::Login(error)) => Err(error),
                other => Ok(other),
            }
        });
        self.throttled(&attempt.claim, rules).await?
    }

    /// Reads the roles as they are stored now; whether that makes a difference.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn load_roles(&self, table: &crate::roles::RoleTable) -> Result<bool, RepositoryError> {
        Ok(table.replace(self.identity.roles().await?))
    }

    /// Takes over what is documented now; takes from live sessions of a running server what they may not have without.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]; what was known stays.
    pub async fn refresh_documents(&self, hub: Option<&Hub>) -> Result<(), RepositoryError> {
        let has_lost = self.documents.refresh(&self.identity).await?;
        if let Some(hub) = hub.filter(|_| has_lost) {
            hub.recheck();
        }
        Ok(())
    }

    /// Takes one of the requests for mails that the peer has in an hour.
    ///
    /// # Errors
    ///
    /// There is none left; counted by then.
    pub fn request_for_mail(&self, address: PeerAddress) -> Result<(), Spent> {
        if self.is_exempt(address) { Ok(()) } else { self.counted(self.allowances.request(address)) }
    }

    /// Takes one of the mails that a user gets in an hour.
    ///
    /// # Errors
    ///
    /// There is none left; counted by then.
    pub fn mail_to(&self, user: UserId) -> Result<(), Spent> {
        self.counted(self.allowances.mail(user))
    }

    /// Whether the peer may try one more token of a mail.
    ///
    /// # Errors
    ///
    /// It had too many wrong ones; counted by then.
    pub fn may_try_token(&self, address: PeerAddress) -> Result<(), Spent> {
        if self.is_exempt(address) { Ok(()) } else { self.counted(self.allowances.may_try_token(address)) }
    }

    /// The peer had a wrong token.
    pub fn wrong_token(&self, address: PeerAddress) {
        self.allowances.wrong_token(address);
    }

    fn counted(&self, result: Result<(), Spent>) -> Result<(), Spent> {
        result.inspect_err(|spent| self.metrics.limit_reached(spent.limit))
    }

    fn is_exempt(&self, address: PeerAddress) -> bool {
        match address {
            PeerAddress::Local => true,
            PeerAddress::Unix { .. } => false,
            PeerAddress::Ip(address) => self.config.throttle.exempt.contains(address),
        }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those that wait, given back however the wait ends.
struct Waiting<'a> {
    app: &'a App,
    address: PeerAddress,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.app.throttle().waited(self.address);
    }
}
