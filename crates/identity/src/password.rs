//! Password hashes.
//!
//! Argon2id (RFC 9106) with the parameters of the OWASP Password Storage Cheat Sheet, kept as
//! PHC strings, so that a hash says by itself how to check it. The functions here burn CPU and
//! memory on purpose: the caller runs them in a bounded pool.

pub mod foreign;

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

pub use argon2::Block;
use argon2::password_hash::{PasswordHasher as _, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;

use self::foreign::{ForeignHash, ForeignHashError};
use crate::password_policy::{PasswordPolicy, PasswordRefused};
use crate::proof::scram::Verifier;
use crate::proof::wampcra::SharedKey;
use crate::proof::{SecretSettings, Secrets};
use crate::{Secret, Timestamp};

/// Memory per hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Length of a salt, in bytes.
const SALT_BYTES: usize = 16;

/// Longest password, in bytes. Long enough for any phrase, short enough to be no burden.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// What is checked where there is no hash.
static STAND_IN: LazyLock<PasswordHash> = LazyLock::new(|| hash_with_salt(&Secret::new("stand-in"), &[0; SALT_BYTES]));

/// How a hash begins that is made as they are now.
static OWN: LazyLock<String> = LazyLock::new(|| format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"));

/// How many [`Block`]s of memory a check takes: 19 MiB. Getting them from the system, emptied, takes time as well, so whoever
/// has several to do keeps them from one to the next.
pub const BLOCKS: usize = MEMORY_KIB as usize;

/// A password hash as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash that storage kept.
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// The hash that another system kept.
    ///
    /// # Errors
    ///
    /// [`ForeignHashError`] for one that can't be checked here.
    pub fn from_foreign(text: String) -> Result<Self, ForeignHashError> {
        ForeignHash::parse(&text).map(|_| Self(text))
    }

    /// The PHC string, for storage only.
    pub fn as_stored(&self) -> &str {
        &self.0
    }

    /// Whether it was made here, as hashes are made now, or is no hash. Any other is replaced at its owner's next login.
    pub fn is_current(&self) -> bool {
        self.is_own() || self.directory_login().is_some()
    }

    fn is_own(&self) -> bool {
        self.0.starts_with(&*OWN)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(redacted)")
    }
}

/// All that is stored of a password. Set and replaced together, so that no way in outlives the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordSecrets {
    /// What tickets are checked against.
    pub hash: PasswordHash,
    /// What proofs are checked against.
    pub proofs: Secrets,
}

impl From<PasswordHash> for PasswordSecrets {
    /// For logins by ticket alone.
    fn from(hash: PasswordHash) -> Self {
        Self { hash, proofs: Secrets::default() }
    }
}

/// What passwords have to be, and how long they are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordRules {
    /// Which may be set.
    pub policy: PasswordPolicy,
    /// How long one is good after it was set; `None`: for ever.
    pub lifetime: Option<Duration>,
    /// How long before its end its user is told, at each login.
    pub warning: Duration,
    /// Whether logins are let in during that time.
    pub admits_when_warned: bool,
}

impl PasswordRules {
    /// [`Self::lifetime`], unless set otherwise (contract of the sign-on API, section 6.1).
    pub const LIFETIME: Duration = Duration::from_hours(24 * 730);
    /// [`Self::warning`], unless set otherwise.
    pub const WARNING: Duration = Duration::from_hours(24 * 30);

    /// Until when a password is good that is set at `now`.
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        self.lifetime.map(|lifetime| now.saturating_add(lifetime))
    }

    /// Whether a password that is good until then is about to expire.
    pub fn warns(&self, expires: Option<Timestamp>, now: Timestamp) -> bool {
        expires.is_some_and(|end| end <= now.saturating_add(self.warning))
    }
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self {
            policy: PasswordPolicy::default(),
            lifetime: Some(Self::LIFETIME),
            warning: Self::WARNING,
            admits_when_warned: true,
        }
    }
}

/// A password that may be set: it was judged by [`NewPassword::check`], or is in use already.
#[derive(Debug, Clone)]
pub struct NewPassword(Secret);

impl NewPassword {
    /// Checks a password that somebody wants to have; `names` are what is known of the user and therefore guessed first.
    ///
    /// # Errors
    ///
    /// [`PasswordRefused`], which says what to change.
    pub fn check(password: Secret, names: &[&str], policy: &PasswordPolicy) -> Result<Self, PasswordRefused> {
        policy.check(&password, names)?;
        Ok(Self(password))
    }

    /// Takes the password that somebody has: it was found right, and isn't judged again.
    #[must_use]
    pub fn in_use(password: Secret) -> Self {
        Self(password)
    }

    /// One that nobody knows, made by chance: no policy has anything against it.
    pub(crate) fn unknown(made: &Secret) -> Self {
        Self(made.clone())
    }

    /// The password itself, for a pool of tests.
    #[cfg(test)]
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Derives all that is stored of it, each part with a salt of its own. Costs some 20 ms and 19 MiB, and
    /// what the settings say on top.
    pub fn derive(&self, settings: SecretSettings, rng: &mut impl CryptoRng) -> PasswordSecrets {
        let proofs = Secrets {
            scram: settings.scram.map(|kdf| Verifier::derive(&self.0, kdf, rng)),
            wampcra: settings.wampcra_iterations.map(|iterations| SharedKey::derive(&self.0, iterations, rng)),
        };
        PasswordSecrets { hash: self.hash(rng), proofs }
    }

    /// Hashes it with a fresh salt. Costs some 20 ms and 19 MiB.
    fn hash(&self, rng: &mut impl CryptoRng) -> PasswordHash {
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        hash_with_salt(&self.0, &salt)
    }
}

/// Whether `password` is the one behind `hash`. Costs about as much as hashing, also where
/// there is no hash, so that the time doesn't tell whether a user exists. `room` is [`BLOCKS`] long, with anything in it.
pub fn verify(hash: Option<&PasswordHash>, password: &Secret, room: &mut impl AsMut<[Block]>) -> bool {
    // The work, not the result, is what counts where there is none; and it is the very same work.
    let checked = hash.unwrap_or(&STAND_IN);
    let fits = if checked.is_own() {
        verify_own(checked, password, room)
    } else {
        ForeignHash::parse(checked.as_stored())
            .ok()
            .map(|foreign| foreign.verify(password.expose().as_bytes(), &argon2()))
    };
    if fits.is_none() {
        let _ = verify_own(&STAND_IN, password, room);
    }
    hash.is_some() && fits == Some(true)
}

/// The same for a hash that is made as they are now; `None` for a broken one.
fn verify_own(hash: &PasswordHash, password: &Secret, room: &mut impl AsMut<[Block]>) -> Option<bool> {
    let parts = phc::PasswordHash::new(hash.as_stored()).ok()?;
    let (salt, stored) = (parts.salt?, parts.hash?);
    let mut found = [0; phc::Output::MAX_LENGTH];
    let found = found.get_mut(..stored.len())?;
    let argon2 = argon2();
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), &salt, found, room.as_mut()).ok()?;
    Some(found.ct_eq(stored.as_bytes()).into())
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_with_salt(password: &Secret, salt: &[u8; SALT_BYTES]) -> PasswordHash {
    match argon2().hash_password_with_salt(password.expose().as_bytes(), salt) {
        Ok(hash) => PasswordHash(hash.to_string()),
        Err(error) => unreachable!("parameters, salt and length are within Argon2's bounds: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::scram::Kdf;
    use crate::testing::{NOW, TestRng, room};

    fn fits(hash: Option<&PasswordHash>, password: &Secret) -> bool {
        verify(hash, password, &mut room())
    }

    fn new(text: &str) -> Result<NewPassword, PasswordRefused> {
        NewPassword::check(Secret::new(text), &[], &PasswordPolicy::default())
    }

    #[test]
    fn verifies_the_right_password_only() {
        let hash = new("correct horse").unwrap().hash(&mut TestRng(1));
        assert!(hash.as_stored().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(fits(Some(&hash), &Secret::new("correct horse")));
        assert!(!fits(Some(&hash), &Secret::new("correct horsf")));
        assert!(!fits(Some(&hash), &Secret::new("")));
    }

    #[test]
    fn a_password_is_good_for_its_life_and_warned_of_before_its_end() {
        let hours = |hours| NOW.saturating_add(Duration::from_hours(hours));
        let rules = PasswordRules::default();
        assert_eq!(rules.end(NOW), Some(hours(24 * 730)));
        assert!(rules.warns(Some(hours(24 * 30)), NOW) && rules.warns(Some(NOW), NOW));
        assert!(!rules.warns(Some(hours(24 * 30 + 1)), NOW) && !rules.warns(None, NOW));
        assert_eq!(PasswordRules { lifetime: None, ..rules }.end(NOW), None);
    }

    #[test]
    fn nobody_has_no_password() {
        assert!(!fits(None, &Secret::new("")));
        assert!(!fits(None, &Secret::new("stand-in")));
        assert!(!fits(Some(&PasswordHash::from_stored("junk".into())), &Secret::new("x")));
    }

    #[test]
    fn what_was_checked_before_in_the_same_room_changes_nothing() {
        let hashes = ["correct horse", "battery staple"].map(|password| new(password).unwrap().hash(&mut TestRng(1)));
        let mut room = room();
        for _ in 0..2 {
            let mut check = |hash: &PasswordHash, password: &str| verify(Some(hash), &Secret::new(password), &mut room);
            assert!(check(&hashes[0], "correct horse") && check(&hashes[1], "battery staple"));
            assert!(!check(&hashes[0], "battery staple") && !check(&hashes[1], "correct horse"));
            assert!(!verify(None, &Secret::new("battery staple"), &mut room));
        }
    }

    #[test]
    fn a_broken_hash_fits_nothing() {
        for broken in ["", "$", "$AAAA", "$AAECAwQFBgcICQoLDA0ODw$", "$AAECAwQFBgcICQoLDA0ODw$!"] {
            let hash = PasswordHash::from_stored(format!("$argon2id$v=19$m=19456,t=2,p=1{broken}"));
            assert!(!fits(Some(&hash), &Secret::new("")), "{broken}");
        }
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let password = new("correct horse").unwrap();
        let mut rng = TestRng(1);
        assert_ne!(password.hash(&mut rng), password.hash(&mut rng));
    }

    #[test]
    fn keeps_what_the_settings_say_and_nothing_else() {
        let password = new("correct horse").unwrap();
        let kept = |scram, wampcra_iterations| {
            let settings = SecretSettings { scram, wampcra_iterations };
            let secrets = password.derive(settings, &mut TestRng(1));
            assert!(fits(Some(&secrets.hash), &Secret::new("correct horse")));
            (secrets.proofs.scram.map(|kept| kept.kdf), secrets.proofs.wampcra.map(|kept| kept.iterations))
        };
        let kdf = Kdf::argon2id13(1, 8).unwrap();
        assert_eq!(kept(None, None), (None, None));
        assert_eq!(kept(Some(kdf), None), (Some(kdf), None));
        assert_eq!(kept(Some(kdf), Some(1_000)), (Some(kdf), Some(1_000)));
    }
}
