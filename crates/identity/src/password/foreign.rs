//! Password hashes that another system has made: checked as they are, until the first login replaces them by our own.
//!
//! PBKDF2 in passlib's form (`$pbkdf2-sha512$ROUNDS$SALT$CHECKSUM`), bcrypt (`$2b$COST$…`), and Argon2 with whatever
//! parameters. Each says how much work its check is; the limits here say how much anybody is worth.
//!
//! Source: contract of the sign-on API, section 5.5; passlib's modular crypt format; bcrypt; RFC 9106.
//!
//! **Invariant:** a hash that is not within the limits fits no password, and its check is not begun.

use argon2::Params;
use argon2::password_hash::phc;
use data_encoding::{BASE64_NOPAD, Specification};
use pbkdf2::pbkdf2_hmac;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;

/// Longest hash that is looked at, in bytes.
pub const HASH_BYTES_MAX: usize = 1_024;
/// Most rounds of PBKDF2: about a second. Zato's default is 120,000.
pub const PBKDF2_ROUNDS_MAX: u32 = 1_000_000;
/// Highest cost of bcrypt: 2 to the power of it are its rounds, about a second.
pub const BCRYPT_COST_MAX: u32 = 14;
/// Most memory of Argon2, in KiB.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 128 * 1024;
/// Most memory that the passes of Argon2 go over, all of them together, in KiB: about a second.
pub const ARGON2_WORK_KIB_MAX: u32 = 1024 * 1024;

/// Bytes of a password that bcrypt looks at, its terminating NUL included.
const BCRYPT_BYTES: usize = 72;
/// Length of a bcrypt checksum, in bytes: it drops the last of 24.
const BCRYPT_CHECKSUM_BYTES: usize = 23;

/// The text is no password hash that can be checked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignHashError {
    /// No kind of hash that is known, or a broken one.
    #[error("the password hash is of no kind that is known here, or broken")]
    Unreadable,
    /// Its check would take too long, or too much memory.
    #[error("checking the password hash would take too long, or too much memory")]
    TooCostly,
}

/// A hash, read and found within the limits.
pub enum ForeignHash {
    /// PBKDF2 with HMAC.
    Pbkdf2 {
        /// Over which hash.
        prf: Prf,
        /// How often.
        rounds: u32,
        /// The salt.
        salt: Vec<u8>,
        /// What comes out for the right password.
        checksum: Vec<u8>,
    },
    /// bcrypt.
    Bcrypt {
        /// The binary logarithm of its rounds.
        cost: u32,
        /// The salt.
        salt: [u8; 16],
        /// What comes out for the right password.
        checksum: [u8; BCRYPT_CHECKSUM_BYTES],
    },
    /// Argon2, of any kind.
    Argon2(Box<phc::PasswordHash>),
}

/// What PBKDF2 is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prf {
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl ForeignHash {
    /// Reads a hash.
    ///
    /// # Errors
    ///
    /// [`ForeignHashError`].
    pub fn parse(text: &str) -> Result<Self, ForeignHashError> {
        if text.len() > HASH_BYTES_MAX {
            return Err(ForeignHashError::Unreadable);
        }
        let (kind, rest) = text.strip_prefix('$').and_then(|rest| rest.split_once('$')).ok_or(UNREADABLE)?;
        match kind {
            "pbkdf2-sha256" => parse_pbkdf2(Prf::Sha256, rest),
            "pbkdf2-sha512" => parse_pbkdf2(Prf::Sha512, rest),
            "2a" | "2b" | "2y" => parse_bcrypt(rest),
            "argon2id" | "argon2i" | "argon2d" => parse_argon2(text),
            _ => Err(UNREADABLE),
        }
    }

    /// Whether it is the hash of this password. Takes its time.
    pub fn verify(&self, password: &[u8], argon2: &argon2::Argon2<'_>) -> bool {
        use argon2::password_hash::PasswordVerifier as _;
        match self {
            Self::Pbkdf2 { prf: Prf::Sha256, rounds, salt, checksum } => {
                let mut found = [0; 32];
                pbkdf2_hmac::<Sha256>(password, salt, *rounds, &mut found);
                found.ct_eq(checksum).into()
            }
            Self::Pbkdf2 { prf: Prf::Sha512, rounds, salt, checksum } => {
                let mut found = [0; 64];
                pbkdf2_hmac::<Sha512>(password, salt, *rounds, &mut found);
                found.ct_eq(checksum).into()
            }
            Self::Bcrypt { cost, salt, checksum } => {
                // It ends the password with a NUL, and looks no further than it looks.
                let ended: Vec<u8> = password.iter().copied().chain([0]).take(BCRYPT_BYTES).collect();
                let ended = zeroize::Zeroizing::new(ended);
                let found = bcrypt::bcrypt(*cost, *salt, &ended);
                found.first_chunk::<BCRYPT_CHECKSUM_BYTES>().is_some_and(|found| found.ct_eq(checksum).into())
            }
            Self::Argon2(hash) => argon2.verify_password(password, hash.as_ref()).is_ok(),
        }
    }
}

const UNREADABLE: ForeignHashError = ForeignHashError::Unreadable;

fn parse_pbkdf2(prf: Prf, text: &str) -> Result<ForeignHash, ForeignHashError> {
    let mut parts = text.split('$');
    let (Some(rounds), Some(salt), Some(checksum), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(UNREADABLE);
    };
    let rounds = number(rounds)?;
    // passlib writes a point for a plus.
    let decode = |text: &str| BASE64_NOPAD.decode(text.replace('.', "+").as_bytes()).map_err(|_| UNREADABLE);
    let (salt, checksum) = (decode(salt)?, decode(checksum)?);
    let bytes = match prf {
        Prf::Sha256 => 32,
        Prf::Sha512 => 64,
    };
    match rounds {
        0 => Err(UNREADABLE),
        _ if checksum.len() != bytes => Err(UNREADABLE),
        1..=PBKDF2_ROUNDS_MAX => Ok(ForeignHash::Pbkdf2 { prf, rounds, salt, checksum }),
        _ => Err(ForeignHashError::TooCostly),
    }
}

fn parse_bcrypt(text: &str) -> Result<ForeignHash, ForeignHashError> {
    const SALT_CHARACTERS: usize = 22;
    let (cost, rest) = text.split_once('$').ok_or(UNREADABLE)?;
    let cost = number(cost)?;
    let (salt, checksum) = rest.split_at_checked(SALT_CHARACTERS).ok_or(UNREADABLE)?;
    let mut alphabet = Specification::new();
    alphabet.symbols.push_str("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    // Other programs leave bits in the last character of the salt.
    alphabet.check_trailing_bits = false;
    let alphabet = alphabet.encoding().map_err(|_| UNREADABLE)?;
    let decode = |text: &str| alphabet.decode(text.as_bytes()).map_err(|_| UNREADABLE);
    let salt = decode(salt)?.try_into().map_err(|_| UNREADABLE)?;
    let checksum = decode(checksum)?.try_into().map_err(|_| UNREADABLE)?;
    match cost {
        4..=BCRYPT_COST_MAX => Ok(ForeignHash::Bcrypt { cost, salt, checksum }),
        _ if cost > BCRYPT_COST_MAX => Err(ForeignHashError::TooCostly),
        _ => Err(UNREADABLE),
    }
}

fn parse_argon2(text: &str) -> Result<ForeignHash, ForeignHashError> {
    let hash = phc::PasswordHash::new(text).map_err(|_| UNREADABLE)?;
    let params = Params::try_from(&hash).map_err(|_| UNREADABLE)?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > ARGON2_MEMORY_KIB_MAX || work > u64::from(ARGON2_WORK_KIB_MAX) {
        return Err(ForeignHashError::TooCostly);
    }
    Ok(ForeignHash::Argon2(Box::new(hash)))
}

/// Digits alone: no sign, and no more than a number has.
fn number(text: &str) -> Result<u32, ForeignHashError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UNREADABLE);
    }
    text.parse().map_err(|_| ForeignHashError::TooCostly)
}

#[cfg(test)]
mod tests;
