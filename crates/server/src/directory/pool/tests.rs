use std::net::SocketAddr;

use futures_util::FutureExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::config::LdapServerConfig;

const WITHIN: Duration = Duration::from_secs(5);

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn config(addresses: &[SocketAddr]) -> LdapConfig {
    let server = |address: &SocketAddr| LdapServerConfig {
        host: address.ip().to_string(),
        port: Some(address.port()),
        use_ssl: false,
    };
    LdapConfig { server: addresses.iter().map(server).collect(), ..LdapConfig::default() }
}

/// Work that needs no answer of the server.
fn nothing(_: Ldap) -> Work<()> {
    async { Ok(()) }.boxed()
}

/// Work that waits for an answer.
fn anonymous(mut ldap: Ldap) -> Work<u32> {
    async move { Ok(ldap.simple_bind("", "").await?.rc) }.boxed()
}

/// The ports of the servers that the work got to, by turns.
async fn turns<const N: usize>(pool: &Pool) -> [usize; N] {
    let mut found = [0; N];
    for slot in &mut found {
        pool.run(WITHIN, nothing).await.unwrap();
        let used = |server: &Server| server.state().idle.len();
        *slot = pool.servers.iter().position(|server| used(server) > 0).unwrap();
        for server in &pool.servers {
            server.state().idle.clear();
        }
    }
    found
}

#[tokio::test]
async fn servers_take_turns() {
    let ((_one, first), (_two, second)) = (listener().await, listener().await);
    let pool = Pool::new(&config(&[first, second])).unwrap();
    assert_eq!(turns::<4>(&pool).await, [0, 1, 0, 1]);
}

#[tokio::test]
async fn a_dead_server_is_left_alone_for_a_while() {
    let ((one, dead), (_two, alive)) = (listener().await, listener().await);
    drop(one);
    let pool = Pool::new(&config(&[dead, alive])).unwrap();
    assert_eq!(turns::<3>(&pool).await, [1, 1, 1]);
    let until = pool.servers[0].state().rests_until.unwrap();
    let left = until.duration_since(Instant::now());
    assert!(left <= Duration::from_secs(10) && left > Duration::from_secs(5), "{left:?}");
    // The time is over, and it is back.
    let _back = TcpListener::bind(dead).await.unwrap();
    pool.servers[0].state().rests_until = Some(Instant::now());
    assert!(turns::<2>(&pool).await.contains(&0));
    assert_eq!(pool.servers[0].state().rests_until, None);
}

#[tokio::test]
async fn nobody_answers_where_all_are_dead() {
    let (one, dead) = listener().await;
    drop(one);
    let pool = Pool::new(&config(&[dead])).unwrap();
    assert_eq!(pool.run(WITHIN, nothing).await, Err(DirectoryError::Down));
    // At once: it isn't even asked.
    assert_eq!(pool.in_turn().count(), 0);
    assert_eq!(pool.run(WITHIN, nothing).await, Err(DirectoryError::Down));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let (_silent, address) = listener().await;
    let pool = Pool::new(&config(&[address])).unwrap();
    assert_eq!(pool.run(Duration::from_millis(50), anonymous).await, Err(DirectoryError::Down));
    assert!(pool.servers[0].state().idle.is_empty());
}

#[tokio::test]
async fn nonsense_ends_the_work_and_nothing_else() {
    for nonsense in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        &[0x30, 0x03, 0x02, 0x01, 0x01],
        &[0x30, 0x02, 0x61, 0x00],
        &[0x30, 0x00],
    ] {
        let (server, address) = listener().await;
        let pool = Pool::new(&config(&[address])).unwrap();
        let answering = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut request = [0; 64];
            let _ = stream.read(&mut request).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, nonsense).await.unwrap();
        };
        let (asked, ()) = tokio::join!(pool.run(WITHIN, anonymous), answering);
        assert_eq!(asked, Err(DirectoryError::Down), "{nonsense:?}");
    }
}

/// One message of a gibibyte, slowly: what came of it is let go when the time is over.
#[tokio::test]
async fn a_message_that_does_not_end_is_given_up_in_time() {
    let (server, address) = listener().await;
    let pool = Pool::new(&config(&[address])).unwrap();
    let answering = async {
        let (mut stream, _) = server.accept().await.unwrap();
        let mut request = [0; 64];
        let _ = stream.read(&mut request).await.unwrap();
        let head = [0x30, 0x84, 0x40, 0, 0, 0, 0x02, 0x01, 0x01, 0x04, 0x84, 0x3f, 0xff, 0xff, 0xf0];
        let mut sent = tokio::io::AsyncWriteExt::write_all(&mut stream, &head).await;
        let mut chunks = 0;
        while sent.is_ok() {
            sent = tokio::io::AsyncWriteExt::write_all(&mut stream, &[0; 1024]).await;
            chunks += 1;
            tokio::task::yield_now().await;
        }
        chunks
    };
    let within = Duration::from_millis(100);
    let began = Instant::now();
    let (asked, chunks) = tokio::join!(pool.run(within, anonymous), answering);
    assert_eq!(asked, Err(DirectoryError::Down));
    assert!(chunks > 0 && began.elapsed() < WITHIN, "{chunks} in {:?}", began.elapsed());
    assert!(pool.servers[0].state().idle.is_empty());
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_when_it_was_closed() {
    let (server, address) = listener().await;
    let pool = Pool::new(&config(&[address])).unwrap();
    pool.run(WITHIN, nothing).await.unwrap();
    let (first, _) = server.accept().await.unwrap();
    pool.run(WITHIN, nothing).await.unwrap();
    assert!(server.accept().now_or_never().is_none(), "the first connection was there");
    drop(first);
    let answering = async {
        let (mut stream, _) = server.accept().await.unwrap();
        let mut request = [0; 64];
        let _ = stream.read(&mut request).await.unwrap();
        // BindResponse: success.
        let answer = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
        tokio::io::AsyncWriteExt::write_all(&mut stream, &answer).await.unwrap();
        stream
    };
    let (asked, _stream) = tokio::join!(pool.run(WITHIN, anonymous), answering);
    assert_eq!(asked, Ok(0));
}

#[tokio::test]
async fn work_waits_for_its_turn_and_not_for_ever() {
    let (_server, address) = listener().await;
    let settings = LdapConfig { connections_max: 1, queue_max: 1, queue_seconds_max: 1, ..config(&[address]) };
    let pool = Pool::new(&settings).unwrap();
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let held = Mutex::new(Some(held));
    let busy = pool.run(WITHIN, |_| {
        let held = held.lock().unwrap().take().unwrap();
        async move { held.await.map_err(|_| Trouble::Slow) }.boxed()
    });
    let others = async {
        // One waits, and then another is one too many.
        let (waits, too_many) = tokio::join!(pool.run(WITHIN, nothing), pool.run(WITHIN, nothing));
        release.send(()).unwrap();
        (waits, too_many)
    };
    let (busy, others) = tokio::join!(busy, others);
    assert_eq!((busy, others), (Ok(()), (Err(DirectoryError::TooLongQueued), Err(DirectoryError::QueueFull))));
}

#[test]
fn an_authority_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    for text in ["", "junk"] {
        std::fs::write(&path, text).unwrap();
        let settings = LdapConfig { starttls: true, ca: Some(path.clone()), ..LdapConfig::default() };
        let error = Pool::new(&settings).err().unwrap().to_string();
        assert!(error.contains("ca.pem"), "{error}");
    }
}
