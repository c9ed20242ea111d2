//! A small installation to try the rules on.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{Memory, TestRng, ready};
use crate::audit::{AuditEvent, Outcome, Reason};
use crate::keys::{KeyError, KeyKind, KeyRequest, MintedKey};
use crate::login::{Attempt, Claim, LoggedIn, LoginError, PasswordPool, PoolBusy, Purpose};
use crate::metadata::MetadataLimits;
use crate::old_digest::OldDigest;
use crate::password::{NewPassword, PasswordHash, PasswordRules, PasswordSecrets};
use crate::permission::{KeySessionDenials, parse_rules};
use crate::proof::scram::{Kdf, Verifier};
use crate::proof::wampcra::{self, SharedKey};
use crate::proof::{SecretSettings, Secrets};
use crate::repository::{FindUser, Run as _, UserChange};
use crate::role::RoleName;
use crate::roster::{NodeId, RosterLimits};
use crate::sign_on::SignOnSettings;
use crate::user::User;
use crate::{
    Actor, CredentialId, Identity, IdentitySettings, Lifetimes, LoginName, PeerAddress, Pepper, RequestContext, Secret,
    SessionKind, Timestamp,
};

/// 2023-10-17T17:07:30.805300Z, ten minutes before the seed's example.
pub const NOW: Timestamp = Timestamp::from_micros(1_697_562_450_805_300);

/// A user of role `frontend`.
pub const KRISTEN: &str = "kristen98";
/// A user of role `backend`.
pub const ZOE: &str = "zoe";
/// A user of role `trust`.
pub const TRUST: &str = "boss";
/// A user of role `frontend` that is not enabled.
pub const LOCKED: &str = "locked";

/// The password of a user of the fixture.
pub fn password_of(login: &str) -> String {
    format!("password of {login}")
}

/// What is kept of a password here: all there is, as cheaply as it can be derived.
pub const SECRETS: SecretSettings =
    SecretSettings { scram: Some(Kdf::CHEAPEST), wampcra_iterations: Some(wampcra::ITERATIONS_MIN) };

/// What is stored of a password; [`FakePool`] takes the text for the hash, with [`CURRENT`] in front or not.
pub fn secrets(password: &str, rng: &mut TestRng) -> PasswordSecrets {
    let proofs = Secrets {
        scram: SECRETS.scram.map(|kdf| Verifier::derive(&Secret::new(password), kdf, rng)),
        wampcra: SECRETS.wampcra_iterations.map(|rounds| SharedKey::derive(&Secret::new(password), rounds, rng)),
    };
    PasswordSecrets { hash: PasswordHash::from_stored(format!("{CURRENT}{password}")), proofs }
}

/// What a hash begins with that isn't to be renewed.
pub const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// A request through the WAMP door from 127.0.0.1.
pub fn context() -> RequestContext {
    RequestContext::new("cid-1", PeerAddress::Ip(IpAddr::from([127, 0, 0, 1])), "swampyer-1.0", "wamp")
}

/// Identity over [`Memory`], with four users and the shipped roles.
pub struct Fixture {
    pub identity: Identity<Memory>,
    pub pool: FakePool,
    seed: AtomicU64,
}

impl Fixture {
    /// One-time passwords that a user may have here.
    pub const OTPS_LIVE_MAX: u32 = 3;
    /// API keys that a user may have here.
    pub const API_KEYS_LIVE_MAX: u32 = 2;
    /// What may be in rosters here.
    pub const ROSTERS: RosterLimits =
        RosterLimits { data_bytes_max: 20, session_entries_max: 2, entries_max: 3, bytes_max: 40 };
    /// This server.
    pub const NODE: NodeId = NodeId(Uuid::from_u128(1));
    /// Metadata that a user may have here.
    pub const METADATA: MetadataLimits =
        MetadataLimits { key_bytes_max: 8, value_bytes_max: 20, entries_max: 3, bytes_max: 40 };

    pub fn new() -> Self {
        Self::with_sign_on(SignOnSettings::default())
    }

    /// With other settings of sign-on.
    pub fn with_sign_on(sign_on: SignOnSettings) -> Self {
        let mut fixture = Self::fresh();
        fixture.identity.settings.sign_on = sign_on;
        let identity = &fixture.identity;
        ready(identity.bootstrap("com.izaber.wamp", &context(), NOW, &mut fixture.rng())).unwrap().unwrap();
        for (login, role) in [(KRISTEN, "frontend"), (ZOE, "backend"), (TRUST, RoleName::TRUST), (LOCKED, "frontend")] {
            let rng = &mut fixture.rng();
            let secrets = Some(secrets(&password_of(login), rng));
            ready(identity.create_user(login, role, secrets, &Actor::Operator, &context(), NOW, rng)).unwrap();
        }
        fixture.enable(LOCKED, false);
        identity.repository().forget();
        fixture
    }

    /// Before the first start.
    pub fn fresh() -> Self {
        let settings = IdentitySettings {
            pepper: Pepper::new([7; Pepper::BYTES]),
            otp_lifetimes: Lifetimes {
                default: Some(IdentitySettings::OTP_LIFETIME_DEFAULT),
                longest: IdentitySettings::OTP_LIFETIME_LONGEST,
                zone: TimeZone::get("America/Vancouver").unwrap(),
            },
            otps_live_max: Self::OTPS_LIVE_MAX,
            api_key_lifetimes: Lifetimes {
                default: None,
                longest: IdentitySettings::API_KEY_LIFETIME_LONGEST,
                zone: TimeZone::get("America/Vancouver").unwrap(),
            },
            api_keys_live_max: Self::API_KEYS_LIVE_MAX,
            spent_kept: IdentitySettings::SPENT_KEPT,
            passwords: PasswordRules { lifetime: None, ..PasswordRules::default() },
            secrets: SECRETS,
            sign_on: SignOnSettings::default(),
            denials: KeySessionDenials::new("com.izaber.wamp"),
            metadata: Self::METADATA,
            rosters: Self::ROSTERS,
            node: Self::NODE,
            uri_records_max: crate::uris::RECORDS_MAX,
        };
        let identity = Identity::new(Memory::default(), settings);
        Self { identity, pool: FakePool::default(), seed: AtomicU64::new(0) }
    }

    /// Another stream of "randomness" at each call.
    pub fn rng(&self) -> TestRng {
        TestRng(self.seed.fetch_add(1 << 32, Ordering::Relaxed))
    }

    pub fn memory(&self) -> &Memory {
        self.identity.repository()
    }

    pub fn user(&self, login: &str) -> User {
        ready(self.memory().run(FindUser::ByLogin(LoginName::parse(login).unwrap()))).unwrap().unwrap()
    }

    /// A session that was opened with the password.
    pub fn actor(&self, login: &str) -> Actor {
        Actor::of(&self.user(login), SessionKind::Password)
    }

    /// A session that was opened with a one-time password.
    pub fn otp_actor(&self, login: &str) -> Actor {
        Actor::of(&self.user(login), SessionKind::Otp(CredentialId::generate(NOW, &mut self.rng())))
    }

    pub fn enable(&self, login: &str, enabled: bool) {
        let change = UserChange::Enabled(enabled);
        ready(self.identity.change_user(login, change, &Actor::Operator, &context(), NOW)).unwrap();
    }

    /// A session that was opened with an API key of these rules.
    pub fn key_actor(&self, login: &str, rules: &[(&str, &str)]) -> Actor {
        let rules = parse_rules(rules.iter().copied()).unwrap();
        let named = self.identity.settings().denials.named(&rules);
        Actor::of(&self.user(login), SessionKind::ApiKey(CredentialId::generate(NOW, &mut self.rng()), named))
    }

    pub fn mint(&self, login: &str) -> MintedKey {
        self.mint_own(&self.actor(login)).unwrap()
    }

    pub fn mint_own(&self, actor: &Actor) -> Result<MintedKey, KeyError> {
        let (kind, request) = (KeyKind::Otp, KeyRequest::default());
        ready(self.identity.mint_own_key(kind, &request, actor, &context(), NOW, &mut self.rng()))
    }

    pub fn mint_for(&self, login: &str, request: &KeyRequest, actor: &Actor) -> Result<MintedKey, KeyError> {
        ready(self.identity.mint_key_for(KeyKind::Otp, login, request, actor, &context(), NOW, &mut self.rng()))
    }

    /// An API key of the user's own.
    pub fn mint_api_key(&self, actor: &Actor, request: &KeyRequest) -> Result<MintedKey, KeyError> {
        ready(self.identity.mint_own_key(KeyKind::ApiKey, request, actor, &context(), NOW, &mut self.rng()))
    }

    pub fn login(&self, login: &str, ticket: &str) -> Result<LoggedIn, LoginError> {
        self.login_at(login, ticket, NOW)
    }

    pub fn login_at(&self, login: &str, ticket: &str, now: Timestamp) -> Result<LoggedIn, LoginError> {
        let (ticket, context) = (Secret::new(ticket), context());
        let claim = Claim { login, context: &context, session: "4711", code: None, purpose: Purpose::Session };
        let attempt = Attempt { claim, ticket: &ticket, cookie: None };
        ready(self.identity.login(&attempt, &self.pool, now))
    }

    /// The reason for which a login is refused; `None` where it is not.
    #[track_caller]
    pub fn refusal(&self, login: &str, ticket: &str, now: Timestamp) -> Option<Reason> {
        match self.login_at(login, ticket, now) {
            Ok(_) => None,
            Err(LoginError::Refused(reason)) => Some(reason),
            Err(other) => panic!("{other}"),
        }
    }

    /// The trail since the last call.
    pub fn take_trail(&self) -> Vec<AuditEvent> {
        let trail = self.memory().trail();
        self.memory().forget();
        trail
    }

    /// The trail since the last call, short: operation, actor, target, reason of a refusal.
    pub fn take_rows(&self) -> Vec<(&'static str, String, String, Option<Reason>)> {
        let short = |event: AuditEvent| {
            assert_eq!(event.outcome == Outcome::Refused, event.reason.is_some(), "{event:?}");
            (event.operation.name(), event.actor, event.target, event.reason)
        };
        self.take_trail().into_iter().map(short).collect()
    }
}

/// Takes the text of a hash for the password, and counts.
#[derive(Debug, Default)]
pub struct FakePool {
    checks: AtomicUsize,
    old_digests: AtomicUsize,
    pub is_busy: bool,
}

impl FakePool {
    /// Passwords that were checked so far.
    pub fn checks(&self) -> usize {
        self.checks.load(Ordering::Relaxed)
    }

    /// Old digests that were computed so far.
    pub fn old_digests(&self) -> usize {
        self.old_digests.load(Ordering::Relaxed)
    }
}

impl PasswordPool for FakePool {
    async fn verify(&self, hash: Option<PasswordHash>, password: Secret) -> Result<bool, PoolBusy> {
        if self.is_busy {
            return Err(PoolBusy);
        }
        self.checks.fetch_add(1, Ordering::Relaxed);
        Ok(hash.is_some_and(|hash| hash.as_stored().trim_start_matches(CURRENT) == password.expose()))
    }

    async fn old_digest(&self, login: LoginName, key: Secret) -> Result<OldDigest, PoolBusy> {
        if self.is_busy {
            return Err(PoolBusy);
        }
        self.old_digests.fetch_add(1, Ordering::Relaxed);
        Ok(OldDigest::of(login.as_str(), &key))
    }

    async fn renew(&self, password: Secret) -> Result<PasswordSecrets, PoolBusy> {
        Ok(PasswordHash::from_stored(format!("{CURRENT}{}", password.expose())).into())
    }

    async fn derive(&self, password: NewPassword) -> Result<PasswordSecrets, PoolBusy> {
        if self.is_busy {
            return Err(PoolBusy);
        }
        Ok(PasswordHash::from_stored(password.expose().into()).into())
    }
}
