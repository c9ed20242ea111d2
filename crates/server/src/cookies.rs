//! Cookies that are being ended: by a logout or a kill.
//!
//! **Invariant:** from the moment at which a cookie ends nobody joins by it, also while its row is
//! still being removed. What can't be removed at once is tried again until it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_identity::repository::WhichCookies;
use countersign_identity::{Actor, CredentialId, LoginName, RequestContext};

use crate::app::App;
use crate::clock::now;
use crate::hub::Hub;

/// How long an end is remembered once it is stored: longer than any login takes.
const ENDED_KEPT: Duration = Duration::from_mins(3);
/// Pause before what storage refused is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What has ended lately, or is ending.
#[derive(Debug, Default)]
pub struct EndedCookies(HashMap<WhichCookies, End>);

#[derive(Debug)]
struct End {
    at: Instant,
    /// Removals that are not stored yet.
    pending: usize,
}

impl EndedCookies {
    /// They end now; [`EndedCookies::stored`] is called once for it.
    pub fn begin(&mut self, which: WhichCookies, now: Instant) {
        self.0.retain(|_, end| end.pending > 0 || now.saturating_duration_since(end.at) < ENDED_KEPT);
        let end = self.0.entry(which).or_insert(End { at: now, pending: 0 });
        end.at = now;
        end.pending += 1;
    }

    /// Their end is durable.
    pub fn stored(&mut self, which: &WhichCookies, now: Instant) {
        if let Some(end) = self.0.get_mut(which) {
            end.at = now;
            end.pending = end.pending.saturating_sub(1);
        }
    }

    /// Whether a login by this cookie, which began at this time, comes too late.
    pub fn keep_out(&self, cookie: CredentialId, login: &LoginName, began: Instant) -> bool {
        let has_ended = |which: &WhichCookies| self.0.get(which).is_some_and(|end| end.pending > 0 || end.at >= began);
        has_ended(&WhichCookies::One(cookie)) || has_ended(&WhichCookies::Of(login.clone()))
    }
}

/// Why cookies end, and by whom.
#[derive(Debug)]
pub struct Ending {
    /// Which.
    pub which: WhichCookies,
    /// The cause, for the trail.
    pub why: &'static str,
    /// Who ends them.
    pub by: Actor,
    /// From where.
    pub context: RequestContext,
}

/// Removes cookies whose end has begun, however long it takes.
pub async fn remove(app: Arc<App>, hub: Arc<Hub>, ending: Ending) {
    let Ending { which, why, by, context } = ending;
    while let Err(fault) = app.identity.end_cookies(which.clone(), why, &by, &context, now()).await {
        tracing::error!(cid = context.cid, error = ?fault, "cookies can't be removed; trying again");
        tokio::time::sleep(RETRY_PAUSE).await;
    }
    hub.cookies_removed(&which);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keeps_out_what_began_before_the_end_was_stored_and_nothing_else() {
        let (mut ended, start) = (EndedCookies::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let cookie = |number| CredentialId::from_uuid(Uuid::from_u128(number));
        let login = |name| LoginName::parse(name).unwrap();
        let (one, all) = (WhichCookies::One(cookie(1)), WhichCookies::Of(login("zoe")));
        assert!(!ended.keep_out(cookie(1), &login("kristen98"), start));
        ended.begin(one.clone(), after(1));
        ended.begin(one.clone(), after(1));
        ended.begin(all.clone(), after(1));
        assert!(ended.keep_out(cookie(1), &login("kristen98"), after(9)), "while it is pending");
        assert!(ended.keep_out(cookie(7), &login("zoe"), after(9)));
        assert!(!ended.keep_out(cookie(2), &login("kristen98"), start), "others are not touched");
        ended.stored(&one, after(2));
        assert!(ended.keep_out(cookie(1), &login("kristen98"), after(9)), "one is still pending");
        ended.stored(&one, after(3));
        ended.stored(&all, after(3));
        assert!(ended.keep_out(cookie(1), &login("kristen98"), after(3)));
        assert!(!ended.keep_out(cookie(1), &login("kristen98"), after(4)));
        assert!(!ended.keep_out(cookie(7), &login("zoe"), after(4)));
        ended.begin(all, after(200));
        assert_eq!(ended.0.len(), 1, "old ends are forgotten");
    }
}
