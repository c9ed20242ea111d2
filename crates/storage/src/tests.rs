//! The suite on both engines, and what both must do beyond it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

pub mod database;
mod endurance;
mod records;
mod sealing;
mod tampering;

use std::sync::Arc;

use crate::{Keyring, SealKey};
use database::{Kind, TestDatabase, with_database};

macro_rules! on_both_engines {
    ($($module:ident::$case:ident;)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::suite(super::Kind::Sqlite, crate::conformance::$module::$case).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::suite(super::Kind::Postgres, crate::conformance::$module::$case).await;
            })+
        }
    };
}

crate::for_each_case!(on_both_engines);

/// Runs one case of the suite on an empty database.
async fn suite<F: Future<Output = ()> + Send + 'static>(kind: Kind, case: fn(Arc<crate::Store>) -> F) {
    with_database(kind, async move |database: Arc<TestDatabase>| {
        let store = database.open().await.unwrap();
        store.unlock(Keyring::new(vec![SealKey::new([7; SealKey::BYTES])])).await.unwrap();
        case(Arc::new(store)).await;
    })
    .await;
}
