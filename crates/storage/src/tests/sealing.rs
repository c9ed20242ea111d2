//! Keyrings and databases that belong together, and such that don't.

use countersign_identity::Secret;
use countersign_identity::audit::Operation as Audited;
use countersign_identity::profile::Profile;
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{CreateUser, FindSharedKey, RepositoryError, Run as _};
use countersign_identity::sign_on::attributes::operations::{AttributeWrite, ChangeAttributes, FindAttributes};
use countersign_identity::sign_on::attributes::{AttributeName, AttributeOwner, AttributeVerb};
use countersign_identity::sign_on::operations::{EndSessions, FindFactor};

use super::database::{Kind, Sql, with_database};
use crate::conformance::fixture::{NOW, event, login, people, secrets, user, user_id};
use crate::conformance::sign_on::set;
use crate::{Keyring, KeyringError, SealKey, Store};

fn ring(keys: &[u8]) -> Keyring {
    Keyring::new(keys.iter().map(|byte| SealKey::new([*byte; SealKey::BYTES])).collect())
}

async fn add(store: &Store, name: &str) -> Result<(), RepositoryError> {
    let create = CreateUser {
        user: user(name),
        profile: Profile::default(),
        proofs: secrets(1).proofs,
        factor: None,
        audit: event(Audited::UserCreate),
    };
    store.run(create).await.map(drop)
}

async fn is_opened(store: &Store, name: &str) -> bool {
    let found = store.run(FindSharedKey { login: login(name) }).await;
    found.is_ok_and(|found| found.unwrap().1 == secrets(1).proofs.wampcra)
}

#[tokio::test]
async fn a_database_opens_with_its_keyring_and_with_one_that_has_more_keys() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        with_database(kind, async |database| {
            let first = database.open().await.unwrap();
            assert!(!first.has_seal_keys().await.unwrap());
            first.unlock(ring(&[1])).await.unwrap();
            people(&first, &[]).await;
            assert!(!first.has_seal_keys().await.unwrap(), "nothing is sealed yet");
            add(&first, "alice").await.unwrap();
            drop(first);
            let second = database.open().await.unwrap();
            assert!(second.has_seal_keys().await.unwrap());
            second.unlock(ring(&[2, 1])).await.unwrap();
            add(&second, "bob").await.unwrap();
            assert!(is_opened(&second, "alice").await && is_opened(&second, "bob").await);
        })
        .await;
    }
}

#[tokio::test]
async fn a_keyring_that_lacks_a_key_of_the_database_is_refused() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        with_database(kind, async |database| {
            for (keys, name) in [(&[1][..], "alice"), (&[2, 1], "bob")] {
                let store = database.open().await.unwrap();
                store.unlock(ring(keys)).await.unwrap();
                if name == "alice" {
                    people(&store, &[]).await;
                }
                add(&store, name).await.unwrap();
            }
            for keys in [&[][..], &[1], &[2], &[3]] {
                let refused = database.open().await.unwrap().unlock(ring(keys)).await;
                assert!(matches!(refused, Err(KeyringError::Missing(_))), "{keys:?}: {refused:?}");
            }
            database.open().await.unwrap().unlock(ring(&[1, 2])).await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_stored_in_the_clear_or_without_a_key() {
    with_database(Kind::Sqlite, async |database| {
        let store = database.open().await.unwrap();
        people(&store, &[]).await;
        assert!(matches!(add(&store, "alice").await, Err(RepositoryError::Corrupt(_))));
        let plain = CreateUser {
            user: user("carol"),
            profile: Profile::default(),
            proofs: Secrets::default(),
            factor: None,
            audit: event(Audited::UserCreate),
        };
        store.run(plain).await.unwrap();
        store.unlock(ring(&[1])).await.unwrap();
        add(&store, "alice").await.unwrap();
        add(&store, "bob").await.unwrap();
        assert_eq!(store.run(Sql(&["SELECT 1 FROM shared_keys"])).await.unwrap(), 2);
        let clear = Sql(&["SELECT 1 FROM shared_keys WHERE instr(shared_key, CAST('key1' AS BLOB)) > 0"]);
        assert_eq!(store.run(clear).await.unwrap(), 0);
    })
    .await;
}

/// Gives everybody the same sealed bytes.
const SWAP: &str = "UPDATE shared_keys SET shared_key = (SELECT min(shared_key) FROM shared_keys) RETURNING 1";

#[tokio::test]
async fn a_sealed_secret_can_not_be_moved_to_another_user() {
    with_database(Kind::Sqlite, async |database| {
        let store = database.open().await.unwrap();
        store.unlock(ring(&[1])).await.unwrap();
        people(&store, &[]).await;
        add(&store, "alice").await.unwrap();
        add(&store, "bob").await.unwrap();
        assert!(is_opened(&store, "bob").await);
        store.run(Sql(&[SWAP])).await.unwrap();
        assert!(is_opened(&store, "alice").await != is_opened(&store, "bob").await);
    })
    .await;
}

/// Gives bob what is alice's, and renames it.
const MOVES: [&[&str]; 2] = [
    &["UPDATE user_attributes SET owner = (SELECT id FROM users WHERE login = 'bob') RETURNING 1"],
    &["UPDATE user_attributes SET name = 'b' RETURNING 1"],
];

#[tokio::test]
async fn a_sealed_attribute_can_be_moved_neither_to_another_user_nor_to_another_name() {
    let owner = |name| AttributeOwner::User(user_id(name));
    for (moving, of, text) in [(MOVES[0], "bob", "a"), (MOVES[1], "alice", "b")] {
        with_database(Kind::Sqlite, async move |database| {
            let store = database.open().await.unwrap();
            store.unlock(ring(&[1])).await.unwrap();
            people(&store, &["alice", "bob"]).await;
            let name = AttributeName::parse("a").unwrap();
            let write = AttributeWrite { name, value: Some(Secret::new("1")), seals: true, expires: None };
            let change = ChangeAttributes {
                owner: owner("alice"),
                verb: AttributeVerb::Create,
                writes: vec![write],
                attributes_max: 1,
                now: NOW,
                audit: event(Audited::AttributeCreate),
            };
            store.run(change).await.unwrap();
            let find = |of, text| {
                let names = vec![AttributeName::parse(text).unwrap()];
                store.run(FindAttributes { owner: owner(of), names, opens: true, now: NOW })
            };
            assert_eq!(find("alice", "a").await.unwrap().len(), 1);
            store.run(Sql(moving)).await.unwrap();
            let moved = find(of, text).await;
            assert!(matches!(moved, Err(RepositoryError::Corrupt(_))), "{moved:?}");
        })
        .await;
    }
}

/// Gives everybody the same sealed TOTP key.
const SWAP_TOTP: &str =
    "UPDATE totp_factors SET totp_key = (SELECT totp_key FROM totp_factors ORDER BY owner LIMIT 1) RETURNING 1";

#[tokio::test]
async fn a_sealed_totp_key_can_not_be_moved_to_another_user() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        with_database(kind, async |database| {
            let store = database.open().await.unwrap();
            store.unlock(ring(&[1])).await.unwrap();
            people(&store, &["alice", "bob"]).await;
            for name in ["alice", "bob"] {
                store.run(set(name, 1, EndSessions::None)).await.unwrap();
            }
            let is_opened = async |name| store.run(FindFactor { login: login(name) }).await.is_ok();
            assert!(is_opened("alice").await && is_opened("bob").await);
            store.run(Sql(&[SWAP_TOTP])).await.unwrap();
            assert!(is_opened("alice").await != is_opened("bob").await);
        })
        .await;
    }
}
