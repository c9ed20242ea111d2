//! How long ago a session's user has shown a credential, for rules with `+`.
//!
//! **Invariant:** it belongs to one live session: whoever shares a cookie or a login with it is not elevated by it.
//! It is looked at only where a rule asks for it; other requests cost no look at the clock.
//!
//! Source: contract of the bus, sections 2.5 and 9.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_identity::Actor;
use countersign_identity::login::Elevates;

/// Of one session, until when it is elevated.
#[derive(Debug)]
pub struct Elevation {
    elevates: Elevates,
    window: Duration,
    began: Instant,
    /// Microseconds from the beginning; it is elevated before that. 0: it is not.
    until: AtomicU64,
}

impl Elevation {
    /// Of a session that begins now.
    pub fn new(actor: &Actor, window: Duration, now: Instant) -> Self {
        let elevates = actor.elevates();
        let until = if elevates == Elevates::AtOnce { micros(window) } else { 0 };
        Self { elevates, window, began: now, until: AtomicU64::new(until) }
    }

    /// How long it lasts after a credential was shown.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// Whether the session is elevated, and for how long still.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let until = self.until.load(Ordering::Relaxed);
        until.checked_sub(self.since_start(now)).filter(|left| *left > 0).map(Duration::from_micros)
    }

    /// The user has just shown the password. Without effect on a session that is never elevated.
    pub fn shown(&self, now: Instant) {
        if self.elevates != Elevates::Never {
            self.until.store(self.from(now), Ordering::Relaxed);
        }
    }

    /// Begins the window anew, if it is not over. Whether it was not.
    pub fn extend(&self, now: Instant) -> bool {
        let elapsed = self.since_start(now);
        let renewed = |until: u64| (until > elapsed).then(|| self.from(now));
        self.until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, renewed).is_ok()
    }

    /// Ends it.
    pub fn expire(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// What its client can do about not being elevated.
    pub fn advice(&self) -> String {
        match self.elevates {
            Elevates::AtOnce | Elevates::ByPassword => format!(
                "it needs a session whose user has shown the password within the last {} seconds; reauthenticate \
                 (auth.reauthenticate) and try again",
                self.window.as_secs()
            ),
            Elevates::Never => "it needs an elevated session, which a session without a login, of a one-time password \
                or of a key can't become; log in with the password"
                .into(),
        }
    }

    fn since_start(&self, now: Instant) -> u64 {
        micros(now.saturating_duration_since(self.began))
    }

    fn from(&self, now: Instant) -> u64 {
        self.since_start(now).saturating_add(micros(self.window))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use countersign_identity::role::RoleName;
    use countersign_identity::{CredentialId, LoginName, SessionId, SessionKind, UserId};
    use uuid::Uuid;

    use super::*;

    const WINDOW: Duration = Duration::from_mins(2);

    fn actor(session: SessionKind) -> Actor {
        let login = LoginName::parse("kristen98").unwrap();
        Actor::User { id: UserId::from_uuid(Uuid::from_u128(1)), login, role: RoleName::frontend(), session }
    }

    fn seconds_left(elevation: &Elevation, now: Instant) -> Option<u64> {
        elevation.left(now).map(|left| left.as_secs())
    }

    #[test]
    fn a_fresh_login_is_elevated_for_the_window_and_no_longer() {
        let start = Instant::now();
        for kind in [SessionKind::Password, SessionKind::Certificate] {
            let elevation = Elevation::new(&actor(kind), WINDOW, start);
            assert_eq!(elevation.left(start), Some(WINDOW));
            assert_eq!(elevation.left(start + Duration::from_secs(119)), Some(Duration::from_secs(1)));
            assert_eq!(elevation.left(start + WINDOW), None);
            elevation.shown(start + WINDOW * 2);
            assert_eq!(elevation.left(start + WINDOW * 2), Some(WINDOW));
        }
    }

    #[test]
    fn what_was_opened_by_a_cookie_or_a_token_waits_for_the_password() {
        let start = Instant::now();
        let cookie = SessionKind::Cookie(CredentialId::from_uuid(Uuid::from_u128(2)));
        for kind in [cookie, SessionKind::SignOn(SessionId::from_uuid(Uuid::from_u128(3)))] {
            let elevation = Elevation::new(&actor(kind), WINDOW, start);
            assert_eq!(elevation.left(start), None);
            assert!(!elevation.extend(start));
            elevation.shown(start);
            assert_eq!(elevation.left(start), Some(WINDOW));
        }
    }

    #[test]
    fn w8_what_was_opened_by_a_key_or_nothing_is_never_elevated() {
        let start = Instant::now();
        let otp = actor(SessionKind::Otp(CredentialId::from_uuid(Uuid::from_u128(2))));
        for actor in [otp, Actor::Anonymous] {
            let elevation = Elevation::new(&actor, WINDOW, start);
            elevation.shown(start);
            assert!(!elevation.extend(start));
            assert_eq!(elevation.left(start), None, "{actor:?}");
        }
    }

    #[test]
    fn is_extended_while_it_lasts_and_ended_at_will() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let elevation = Elevation::new(&actor(SessionKind::Password), WINDOW, start);
        assert!(elevation.extend(after(119)));
        assert_eq!(seconds_left(&elevation, after(119)), Some(120));
        assert!(!elevation.extend(after(239)));
        assert_eq!(elevation.left(after(239)), None);
        elevation.shown(after(300));
        elevation.expire();
        assert_eq!(elevation.left(after(300)), None);
        assert!(!elevation.extend(after(300)));
    }
}
