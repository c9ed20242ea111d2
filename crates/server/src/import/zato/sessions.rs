//! Live sessions of Zato, and the tokens that its clients hold.
//!
//! Zato keeps the token itself and gives it out encrypted; only that form is taken here. Inside, such a session is one like
//! any other: its token is made of Zato's own by a keyed hash, so that the database holds no more than a digest and Zato's
//! raw token opens nothing.

use countersign_identity::sign_on::SignOnSession;
use countersign_identity::{Secret, SessionId, TokenKind, UserId};
use countersign_storage::ForeignRow;
use rand_core::CryptoRng;
use std::time::Duration;

use super::text::time;
use super::user::Conversion;
use crate::fernet::{FernetKey, TOKEN_PREFIX};

/// What a raw token of Zato begins with.
const RAW_PREFIX: &str = "zust";
/// How long an imported session lives at most, however often it is renewed.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// The token of ours for what a client of Zato holds; `None` if it is nothing of the kind.
pub fn token(given: &Secret, key: &FernetKey) -> Option<Secret> {
    let text = given.expose();
    if !text.starts_with(TOKEN_PREFIX) {
        return None;
    }
    let raw = key.open(text).ok()?;
    raw.expose().starts_with(RAW_PREFIX).then(|| TokenKind::Session.of_bytes(&key.derive(raw.expose())))
}

impl Conversion<'_> {
    /// The sessions that still live.
    pub fn sessions(&self, rows: &[ForeignRow], owner: UserId, rng: &mut impl CryptoRng) -> Vec<SignOnSession> {
        rows.iter().filter_map(|row| self.session(row, owner, rng)).collect()
    }

    fn session(&self, row: &ForeignRow, owner: UserId, rng: &mut impl CryptoRng) -> Option<SignOnSession> {
        let raw = row.get("ust").filter(|ust| ust.starts_with(RAW_PREFIX))?;
        let expires = time(row.get("expiration_time")?).filter(|end| *end >= self.now)?;
        let token = TokenKind::Session.of_bytes(&self.key.derive(raw));
        let created = row.get("creation_time").and_then(time).unwrap_or(self.now);
        let text = |column| row.get(column).unwrap_or_default().to_owned();
        Some(SignOnSession {
            id: SessionId::generate(self.now, rng),
            owner,
            digest: self.pepper.digest_token(&token),
            application: String::new(),
            created,
            expires,
            ends: self.now.saturating_add(LONGEST).max(expires),
            checked: created,
            address: text("remote_addr"),
            agent: text("user_agent"),
        })
    }
}
