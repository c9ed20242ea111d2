//! Changes of roles, which live sessions feel at once.
//!
//! **Invariant:** changes are made one after the other, so that what live sessions get last is what is stored last.

use std::time::Duration;

use countersign_identity::admin::AdminError;
use countersign_identity::repository::RepositoryError;

use crate::app::App;
use crate::hub::Hub;

/// Shortest time between two readings of the roles that sessions ask for.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

impl App {
    /// Makes a change of roles; `hub` is the realm of a running server, whose sessions feel it. Not to be given up halfway.
    ///
    /// # Errors
    ///
    /// That of the change, or [`AdminError::Storage`] where the roles can't be read again.
    pub async fn change_roles<T>(
        &self,
        hub: Option<&Hub>,
        change: impl Future<Output = Result<T, AdminError>>,
    ) -> Result<T, AdminError> {
        let _turn = self.role_edits.lock().await;
        let changed = change.await;
        // The change may have been stored although its answer was lost.
        if let (Some(hub), Ok(_) | Err(AdminError::Storage(_))) = (hub, &changed) {
            self.load_roles(hub.roles()).await?;
            hub.apply_roles();
        }
        changed
    }

    /// Reads the roles again, because a session asks for it: all that ask at a time are served by one reading.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn refresh_roles(&self, hub: &Hub) -> Result<(), RepositoryError> {
        let read = async {
            let _turn = self.role_edits.lock().await;
            if self.load_roles(hub.roles()).await? {
                hub.apply_roles();
            }
            Ok(())
        };
        self.role_refreshes.run(REFRESH_PAUSE, read).await
    }
}
