//! The operations as SQL that both engines understand.

mod api_keys;
mod attributes;
pub mod audit;
mod audit_chain;
mod bootstrap;
mod cookies;
mod credentials;
mod factors;
mod history;
mod import;
mod linked;
mod metadata;
mod password_resets;
mod places;
mod profiles;
mod proofs;
pub mod records;
mod recovery_codes;
mod registrations;
mod roles;
mod rosters;
mod seals;
mod session_changes;
mod sessions;
mod sign_ups;
mod tokens;
mod uris;
mod user_keys;
mod user_search;
mod users;

pub use audit_chain::{append_linked, link_all};
pub use seals::SealKeys;

use crate::error::TxError;
use crate::tx::Tx;
use crate::value::{Param, Row};

/// The first row, if there is any.
async fn first<T: Tx>(tx: &mut T, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, TxError> {
    Ok(tx.query(sql, params).await?.into_iter().next())
}

/// Whether there is a row.
async fn exists<T: Tx>(tx: &mut T, sql: &str, params: &[Param<'_>]) -> Result<bool, TxError> {
    Ok(first(tx, sql, params).await?.is_some())
}
