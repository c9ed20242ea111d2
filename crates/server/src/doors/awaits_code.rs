//! A login that waits for a code of the second factor, in a second round of CHALLENGE and AUTHENTICATE.
//!
//! **Invariant:** it ends in the trail, however it ends: with the answer, or as refused when it is dropped without one.

use std::sync::Arc;

use countersign_identity::audit::Reason;
use countersign_identity::login::{CodeNeeded, LoginError, NewCookie};
use countersign_wamp::Dict;

use super::Doors;
use super::login::Try;
use super::methods::AuthMethod;
use crate::clock::now;

/// What goes on with the answer.
pub struct Awaited {
    /// The attempt.
    pub attempted: Try,
    /// Whom the client claims to be.
    pub login: String,
    /// What the method adds to WELCOME's `authextra`.
    pub own: Dict,
    /// The cookie that the login leaves.
    pub cookie: Option<NewCookie>,
    /// What was found right.
    pub needed: CodeNeeded,
}

/// A login that waits.
pub struct AwaitsCode {
    doors: Arc<Doors>,
    method: AuthMethod,
    awaited: Option<Awaited>,
}

impl AwaitsCode {
    /// It waits from now on.
    pub fn new(doors: &Arc<Doors>, method: AuthMethod, awaited: Awaited) -> Self {
        Self { doors: Arc::clone(doors), method, awaited: Some(awaited) }
    }

    /// An answer has come.
    pub fn answered(mut self) -> Option<Awaited> {
        self.awaited.take()
    }
}

impl Drop for AwaitsCode {
    fn drop(&mut self) {
        let Some(Awaited { attempted, login, needed, .. }) = self.awaited.take() else { return };
        let app = Arc::clone(&self.doors.app);
        app.metrics.login(self.method.name(), Reason::CodeMissing.name());
        self.doors.tasks.spawn(async move {
            let claim = attempted.claim(&login, None);
            if let LoginError::Storage(fault) = app.identity.give_up_code(&needed, &claim, now()).await {
                tracing::error!(cid = attempted.context.cid, error = ?fault, "a refused login is missing in the trail");
            }
        });
    }
}
