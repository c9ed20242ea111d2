//! Tokens: random keys that say what they are, and find their record by themselves.
//!
//! `csust_` and the like name the kind, so that scanners of code and logs know a leaked one; a checksum at the end tells a
//! mistyped or made-up one without a look into storage. Between them are 160 random bits, so a keyed hash is enough to
//! store (see [`Pepper::digest_token`]).

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{Digest, Pepper, Secret};

/// Bytes of the checksum: 40 bits, a whole number of characters.
const CHECKSUM_BYTES: usize = 5;

/// Base32 (RFC 4648) in lower case: a double click selects it, and it reads the same aloud.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    match specification.encoding() {
        Ok(encoding) => encoding,
        Err(error) => unreachable!("the alphabet of RFC 4648 is one: {error}"),
    }
});

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A sign-on session: the UST of the sign-on API.
    Session,
    /// A link for setting a forgotten password.
    PasswordReset,
    /// The right to set the password, got by following such a link.
    ResetKey,
    /// A link that confirms a sign-up.
    SignUp,
}

impl TokenKind {
    /// Random bytes of a token: 160 bits, a whole number of characters.
    pub const RANDOM_BYTES: usize = 20;
    const ALL: [Self; 4] = [Self::Session, Self::PasswordReset, Self::ResetKey, Self::SignUp];

    /// What a token of this kind begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Session => "csust_",
            Self::PasswordReset => "csprt_",
            Self::ResetKey => "csprk_",
            Self::SignUp => "cssup_",
        }
    }

    /// A fresh token.
    pub fn generate(self, rng: &mut impl CryptoRng) -> Secret {
        let mut bytes = Zeroizing::new([0; Self::RANDOM_BYTES]);
        rng.fill_bytes(bytes.as_mut_slice());
        self.of_bytes(&bytes)
    }

    /// The token of these bytes, which nobody can guess.
    pub fn of_bytes(self, bytes: &[u8; Self::RANDOM_BYTES]) -> Secret {
        let body = Zeroizing::new(BASE32.encode(bytes));
        Secret::new(format!("{}{}{}", self.prefix(), *body, self.checksum(&body)))
    }

    /// The kind of a token; `None` for what can't be one.
    pub fn of(token: &Secret) -> Option<Self> {
        let text = token.expose();
        let kind = Self::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        let (body, checksum) = text.strip_prefix(kind.prefix())?.split_at_checked(Self::RANDOM_BYTES * 8 / 5)?;
        // No secret is compared here: who knows the text can compute its checksum.
        (kind.checksum(body) == checksum).then_some(kind)
    }

    fn checksum(self, body: &str) -> String {
        let digest = Sha256::new_with_prefix(self.prefix()).chain_update(body).finalize();
        BASE32.encode(digest.first_chunk::<CHECKSUM_BYTES>().map_or(&[], <[u8; CHECKSUM_BYTES]>::as_slice))
    }
}

impl Pepper {
    /// The digest under which what belongs to a token is stored and found.
    pub fn digest_token(&self, token: &Secret) -> Digest {
        self.digest_of(b"countersign token v1\0", &[token.expose().as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestRng;

    #[test]
    fn a_token_says_what_it_is() {
        for kind in TokenKind::ALL {
            let token = kind.generate(&mut TestRng(1));
            assert_eq!(TokenKind::of(&token), Some(kind));
            assert_eq!(token.expose().len(), 6 + 32 + 8);
        }
    }

    #[test]
    fn refuses_what_was_changed_or_made_up() {
        let token = TokenKind::Session.generate(&mut TestRng(2));
        let text = token.expose();
        let check = |text: &str| assert_eq!(TokenKind::of(&Secret::new(text)), None, "{text}");
        check("");
        check("csust_");
        check(&text.replace("csust_", "csprt_"));
        check(&format!("{text}a"));
        check(text.get(..text.len() - 1).unwrap());
        check(&text.to_uppercase());
        check("gAAAAABalFycY50Budi");
        check(&format!("csust_{}", "é".repeat(40)));
    }

    #[test]
    fn two_tokens_have_nothing_in_common() {
        let mut rng = TestRng(3);
        let (one, two) = (TokenKind::Session.generate(&mut rng), TokenKind::Session.generate(&mut rng));
        let pepper = Pepper::new([7; Pepper::BYTES]);
        assert_ne!(pepper.digest_token(&one), pepper.digest_token(&two));
        assert_eq!(pepper.digest_token(&one), pepper.digest_token(&one));
        assert_ne!(pepper.digest_token(&one), Pepper::new([8; Pepper::BYTES]).digest_token(&one));
    }
}
