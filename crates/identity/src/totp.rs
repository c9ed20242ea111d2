//! Time-based one-time passwords: keys, codes and the step that a code belongs to.
//!
//! Source: RFC 6238 (the vectors of its appendix B are tests below), RFC 4226 (those of its appendix D as well), the key URI format of authenticator
//! programs; contract of the sign-on API, sections 3, 10 and 11.
//!
//! **Invariant:** a code that is right yields the [`Step`] it belongs to, and nothing else does. Whoever accepts the code
//! has to store that step by a conditional write that admits no step at or below the stored one: so one code opens one
//! session (RFC 6238, section 5.2).

use std::fmt;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use totp_rs::Builder;
use zeroize::Zeroizing;

use crate::{Secret, Timestamp};

/// Seconds of a step (RFC 6238, section 4.1).
const STEP_SECONDS: u64 = 30;
/// Steps before and after the present one whose codes are taken as well (RFC 6238, section 5.2).
const STEPS_OFF_MAX: u16 = 1;
/// Everything but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Base32 (RFC 4648), as lenient as other programs are: keys of 13 characters have a bit too many, which counts for
/// nothing.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    specification.translate.from.push_str("abcdefghijklmnopqrstuvwxyz");
    specification.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    specification.ignore.push_str(" -");
    specification.check_trailing_bits = false;
    match specification.encoding() {
        Ok(encoding) => encoding,
        Err(error) => unreachable!("the alphabet of RFC 4648 is one: {error}"),
    }
});

/// The secret that server and authenticator share. Wiped on drop, never printed, compared in constant time.
#[derive(Clone)]
pub struct TotpKey(Zeroizing<Vec<u8>>);

/// Why a text is no key. The user's to mend; the text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TotpKeyError {
    /// Characters that base32 doesn't have, or a length that can't be.
    #[error("a TOTP key is base32 text")]
    NotBase32,
    /// Too short to be worth anything.
    #[error("a TOTP key has at least {} bits", TotpKey::BYTES_MIN * 8)]
    TooShort,
    /// Longer than any authenticator takes.
    #[error("a TOTP key has at most {} bits", TotpKey::BYTES_MAX * 8)]
    TooLong,
}

impl TotpKey {
    /// Fewest bytes that are taken: 64 bits, as old keys have.
    pub const BYTES_MIN: usize = 8;
    /// Below so many bytes a key is weak: 128 bits (RFC 4226, section 4, R6).
    pub const BYTES_STRONG: usize = 16;
    /// Most bytes: as many as the longest hash works on.
    pub const BYTES_MAX: usize = 128;
    /// Bytes of a generated key: 160 bits (RFC 4226, section 4).
    pub const BYTES_GENERATED: usize = 20;
    /// Longest text that is looked at, in bytes; room for blanks between groups.
    const TEXT_BYTES_MAX: usize = 512;

    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new(vec![0; Self::BYTES_GENERATED]);
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads base32 in upper or lower case, with or without padding, blanks and dashes.
    ///
    /// # Errors
    ///
    /// [`TotpKeyError`].
    pub fn parse(text: &str) -> Result<Self, TotpKeyError> {
        if text.len() > Self::TEXT_BYTES_MAX {
            return Err(TotpKeyError::TooLong);
        }
        let text = text.trim_end_matches(['=', ' ', '-']);
        let bytes = BASE32.decode(text.as_bytes()).map_err(|_| TotpKeyError::NotBase32)?;
        Self::from_bytes(bytes)
    }

    /// The key that storage kept.
    ///
    /// # Errors
    ///
    /// [`TotpKeyError`], but never [`TotpKeyError::NotBase32`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, TotpKeyError> {
        let bytes = Zeroizing::new(bytes);
        match bytes.len() {
            ..Self::BYTES_MIN => Err(TotpKeyError::TooShort),
            Self::BYTES_MIN..=Self::BYTES_MAX => Ok(Self(bytes)),
            _ => Err(TotpKeyError::TooLong),
        }
    }

    /// The bytes, to be sealed.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Base32 without padding, for its owner at the moment of setting.
    pub fn to_base32(&self) -> Secret {
        Secret::new(BASE32.encode(&self.0))
    }

    /// Whether the key is shorter than RFC 4226 demands.
    pub fn is_weak(&self) -> bool {
        self.0.len() < Self::BYTES_STRONG
    }
}

impl PartialEq for TotpKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TotpKey {}

impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpKey(redacted)")
    }
}

/// The hash behind the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// HMAC-SHA-1, the only one that every authenticator knows.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name in storage and in key URIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The algorithm with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// How many digits a code has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digits {
    /// Six.
    #[default]
    Six,
    /// Eight.
    Eight,
}

impl Digits {
    /// The number.
    pub fn count(self) -> u8 {
        match self {
            Self::Six => 6,
            Self::Eight => 8,
        }
    }

    /// The lengths that are supported.
    pub fn from_count(count: u8) -> Option<Self> {
        [Self::Six, Self::Eight].into_iter().find(|digits| digits.count() == count)
    }
}

/// The number of a time step since the Unix epoch: `T` of RFC 6238.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(u64);

impl Step {
    /// The step that storage kept.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The step of a point in time.
    pub fn at(time: Timestamp) -> Self {
        Self(seconds(time) / STEP_SECONDS)
    }
}

/// A second factor: a key and how codes are made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totp {
    /// The shared secret.
    pub key: TotpKey,
    /// The hash.
    pub algorithm: Algorithm,
    /// The length of a code.
    pub digits: Digits,
}

impl Totp {
    /// A factor as every authenticator understands it: SHA-1 and six digits.
    pub fn new(key: TotpKey) -> Self {
        Self { key, algorithm: Algorithm::default(), digits: Digits::default() }
    }

    /// The step to which `code` belongs, among the present one, the one before and the one after; `None` for a wrong code.
    pub fn check(&self, code: &Secret, now: Timestamp) -> Option<Step> {
        self.engine().check(code.expose(), seconds(now)).map(Step)
    }

    /// The code of a step; for authenticators and tests.
    pub fn code(&self, step: Step) -> Secret {
        Secret::new(self.engine().generate(step.0.saturating_mul(STEP_SECONDS)).to_string())
    }

    /// The URI that authenticators read from a QR code. It holds the key.
    pub fn uri(&self, issuer: &str, account: &str) -> Secret {
        // A colon separates the two in the label, so neither may have one.
        let text = |text: &str| utf8_percent_encode(&text.replace(':', " "), RESERVED).to_string();
        let (issuer, account) = (text(issuer), text(account));
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm={}&digits={}&period={STEP_SECONDS}",
            self.key.to_base32().expose(),
            self.algorithm.name(),
            self.digits.count(),
        ))
    }

    fn engine(&self) -> totp_rs::Totp {
        let algorithm = match self.algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        // Not compliant in one point: old keys may have as few as 64 bits.
        Builder::new()
            .with_algorithm(algorithm)
            .with_digits(self.digits.count())
            .with_skew(STEPS_OFF_MAX)
            .with_step_duration(STEP_SECONDS)
            .with_secret(self.key.expose())
            .build_noncompliant()
    }
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.micros().div_euclid(1_000_000)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestRng;

    const RFC_KEY: &str = "12345678901234567890123456789012345678901234567890123456789012345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn rfc(algorithm: Algorithm, key_bytes: usize) -> Totp {
        let key = RFC_KEY.bytes().take(key_bytes).collect();
        Totp { key: TotpKey::from_bytes(key).unwrap(), algorithm, digits: Digits::Eight }
    }

    #[test]
    fn makes_the_codes_of_rfc_6238() {
        let factors = [rfc(Algorithm::Sha1, 20), rfc(Algorithm::Sha256, 32), rfc(Algorithm::Sha512, 64)];
        let rows = [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ];
        for (time, codes) in rows {
            for (factor, code) in factors.iter().zip(codes) {
                let step = Step::at(at(time));
                assert_eq!(factor.code(step).expose(), code, "{time} {:?}", factor.algorithm);
                assert_eq!(factor.check(&Secret::new(code), at(time)), Some(step));
            }
        }
    }

    #[test]
    fn makes_the_codes_of_rfc_4226() {
        let factor = Totp { digits: Digits::Six, ..rfc(Algorithm::Sha1, 20) };
        let codes =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(factor.code(Step::from_number(counter)).expose(), code, "{counter}");
        }
    }

    #[test]
    fn takes_the_step_before_and_the_step_after_and_no_other() {
        let factor = Totp::new(TotpKey::generate(&mut TestRng(1)));
        let now = at(1_000_000_020);
        let present = Step::at(now).number();
        for (off, is_taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let step = Step::from_number(present.checked_add_signed(off).unwrap());
            let found = factor.check(&factor.code(step), now);
            assert_eq!(found, is_taken.then_some(step), "{off}");
        }
    }

    #[test]
    fn refuses_what_is_no_code() {
        let factor = Totp::new(TotpKey::parse("JBSWY3DPEHPK3PXP").unwrap());
        let code = factor.code(Step::at(at(59)));
        let code = code.expose();
        for wrong in
            ["", "12345", &format!(" {code}"), &format!("{code} "), &format!("{code}0"), "+12345", "１２３４５６"]
        {
            assert_eq!(factor.check(&Secret::new(wrong), at(59)), None, "{wrong:?}");
        }
    }

    #[test]
    fn reads_keys_as_people_and_other_programs_write_them() {
        let check =
            |text: &str, bytes: usize| assert_eq!(TotpKey::parse(text).unwrap().expose().len(), bytes, "{text}");
        // The keys of the sign-on API's documentation and tests.
        check("G7WSZQ3JKCM6D", 8);
        check("KMCLCWN4YPMD2WO3", 10);
        check("kmcl cwn4-ypmd 2wo3", 10);
        check("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 20);
        check("JBSWY3DPEHPK3PXPJA======", 11);
        assert_eq!(TotpKey::parse("kmcl cwn4 ypmd 2wo3"), TotpKey::parse("KMCLCWN4YPMD2WO3"));
    }

    #[test]
    fn refuses_keys_that_are_none() {
        let check = |text: &str, error| assert_eq!(TotpKey::parse(text), Err(error), "{text}");
        check("not base32 !!", TotpKeyError::NotBase32);
        check("0189", TotpKeyError::NotBase32);
        check("A", TotpKeyError::NotBase32);
        check("", TotpKeyError::TooShort);
        check("G7WSZQ3JKC", TotpKeyError::TooShort);
        check(&"A".repeat(216), TotpKeyError::TooLong);
        check(&"A".repeat(100_000), TotpKeyError::TooLong);
        assert_eq!(TotpKey::parse(&"A".repeat(204)).unwrap().expose().len(), 127);
    }

    #[test]
    fn generates_160_bits_and_calls_less_than_128_weak() {
        let key = TotpKey::generate(&mut TestRng(2));
        assert_eq!(key.expose().len() * 8, 160);
        assert_eq!(TotpKey::parse(key.to_base32().expose()), Ok(key));
        assert!(TotpKey::parse("KMCLCWN4YPMD2WO3").unwrap().is_weak());
        assert!(!TotpKey::from_bytes(vec![1; 16]).unwrap().is_weak());
    }

    #[test]
    fn writes_the_uri_that_authenticators_read() {
        let factor = Totp::new(TotpKey::parse("JBSWY3DPEHPK3PXP").unwrap());
        assert_eq!(
            factor.uri("My: site", "jane@example.com").expose(),
            "otpauth://totp/My%20%20site:jane%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=My%20%20site\
             &algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = TotpKey::parse("JBSWY3DPEHPK3PXP").unwrap();
        assert!(!format!("{key:?} {:?}", Totp::new(key.clone())).contains("JBSW"));
    }
}
