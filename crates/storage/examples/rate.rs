use countersign_identity::audit::*;
use countersign_identity::repository::*;
use countersign_identity::role::RoleName;
use countersign_identity::user::User;
use countersign_identity::*;
use countersign_storage::*;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;
fn event(operation: Operation) -> AuditEvent {
    AuditEvent {
        at: Timestamp::from_micros(1),
        cid: Uuid::new_v4().to_string(),
        actor: "alice".into(),
        target: "bob".into(),
        operation,
        application: "wamp".into(),
        address: "192.0.2.7".into(),
        agent: "x".into(),
        outcome: Outcome::Accepted,
        reason: None,
        detail: String::new(),
    }
}
fn digest(n: u64) -> Digest {
    let mut b = [0; 32];
    b[..16].copy_from_slice(
        Uuid::from_u128(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).as_bytes(),
    );
    b[24..].copy_from_slice(&n.to_be_bytes());
    Digest::from_bytes(b)
}
async fn drive<F: Fn(u64) -> Fut + Clone + Send + 'static, Fut: Future<Output = ()> + Send>(
    callers: u64,
    total: u64,
    f: F,
) -> f64 {
    let t = Instant::now();
    let mut set = tokio::task::JoinSet::new();
    for c in 0..callers {
        let f = f.clone();
        set.spawn(async move {
            let mut n = c;
            while n < total {
                f(n).await;
                n += callers;
            }
        });
    }
    set.join_all().await;
    f64::from(u32::try_from(total).unwrap()) / t.elapsed().as_secs_f64()
}
#[tokio::main]
async fn main() {
    let arg = std::env::args().nth(1).unwrap();
    let store = if arg.starts_with("postgres") {
        Store::connect_postgres(&PostgresSettings::new(arg)).await.unwrap()
    } else {
        Store::open_sqlite(&SqliteSettings::new(arg)).unwrap()
    };
    let store = Arc::new(store);
    let id = UserId::from_uuid(Uuid::new_v4());
    store.run(CreateRole { role: RoleName::trust(), audit: event(Operation::RoleCreate) }).await.unwrap();
    let login = LoginName::parse(&format!("u{}", Uuid::new_v4().simple())).unwrap();
    store
        .run(CreateUser {
            user: User {
                id,
                login,
                enabled: true,
                role: RoleName::trust(),
                password: None,
                created: Timestamp::from_micros(0),
            },
            audit: event(Operation::UserCreate),
        })
        .await
        .unwrap();
    let total = 1000 + 20000;
    let base = std::process::id() as u64 * 1_000_000;
    let s = store.clone();
    let now = Timestamp::from_micros(10);
    let mints = drive(64, total, move |n| {
        let s = s.clone();
        async move {
            let c = Credential {
                id: CredentialId::from_uuid(Uuid::now_v7()),
                kind: CredentialKind::Otp,
                owner: id,
                digest: digest(base + n),
                permissions: vec![],
                origin: "a@b".into(),
                expires: Expires { at: Timestamp::from_micros(1_000_000), offset: OffsetSeconds(0) },
                created: now,
                spent: None,
            };
            let now = Timestamp::from_micros(2_000_000); // counts none as live
            assert_eq!(
                s.run(MintCredential { credential: c, live_max: 10, now, audit: event(Operation::OtpMint) })
                    .await
                    .unwrap(),
                MintOutcome::Minted
            );
        }
    })
    .await;
    println!("mint 64 callers {mints:.0}/s");
    for (callers, from, count) in [(1u64, 0u64, 1000u64), (64, 1000, 10000), (256, 11000, 10000)] {
        let s = store.clone();
        let r = drive(callers, count, move |n| {
            let s = s.clone();
            async move {
                let o = s
                    .run(SpendCredential {
                        digest: digest(base + from + n),
                        now,
                        login: event(Operation::Login),
                        spend: event(Operation::OtpSpend),
                    })
                    .await
                    .unwrap();
                assert!(matches!(o, SpendOutcome::Spent { .. }), "{o:?}");
            }
        })
        .await;
        println!("spend {callers} callers {r:.0}/s");
    }
    let s = store.clone();
    let r = drive(64, 10000, move |n| {
        let s = s.clone();
        async move {
            s.run(FindCredential { digest: digest(base + n) }).await.unwrap().unwrap();
        }
    })
    .await;
    println!("find 64 callers {r:.0}/s");
}
