//! Connections that read, each used by one thread at a time.
//!
//! **Invariant:** what is executed on the caller's thread touches a few pages, and waits for no other connection: readers of
//! a write-ahead log wait for nobody.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_identity::repository::RepositoryError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{self, Mode, SqliteTx};
use crate::error::OpenError;
use crate::seal::SharedKeyring;
use crate::tx::Execute;

/// The connections, and as many permits.
#[derive(Debug)]
pub struct Readers {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
    keyring: SharedKeyring,
}

impl Readers {
    /// Opens `count` connections.
    pub fn open(path: &Path, count: usize, keyring: SharedKeyring) -> Result<Self, OpenError> {
        let connections = (0..count).map(|_| connection::open(path, Mode::Read)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { permits: Arc::new(Semaphore::new(count)), idle: Arc::new(Mutex::new(connections)), keyring })
    }

    /// Executes an operation that only reads, on a thread that may block.
    pub async fn run<O: Execute>(&self, operation: O) -> Result<O::Outcome, RepositoryError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(unavailable)?;
        let (idle, keyring) = (Arc::clone(&self.idle), self.keyring.clone());
        let reading = move || {
            // Moved in here, because the caller may be gone before this ends.
            let _permit = permit;
            read(&idle, &keyring, &operation)
        };
        tokio::task::spawn_blocking(reading).await.map_err(unavailable)?
    }

    /// Executes an operation that reads a few rows by their keys, on the caller's thread.
    pub async fn look<O: Execute>(&self, operation: &O) -> Result<O::Outcome, RepositoryError> {
        let _permit = self.permits.acquire().await.map_err(unavailable)?;
        read(&self.idle, &self.keyring, operation)
    }
}

/// Executes an operation on a connection that is idle. The caller has a permit, so there is one.
fn read<O: Execute>(
    idle: &Mutex<Vec<Connection>>,
    keyring: &SharedKeyring,
    operation: &O,
) -> Result<O::Outcome, RepositoryError> {
    let mut connection = lock(idle).pop().ok_or_else(|| unavailable("a reader is lost"))?;
    let outcome = super::execute(operation, &mut SqliteTx::reading(&mut connection, keyring.get()));
    lock(idle).push(connection);
    outcome.map_err(RepositoryError::from)
}

fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(cause: impl Into<crate::error::Cause>) -> RepositoryError {
    RepositoryError::Unavailable(cause.into())
}
