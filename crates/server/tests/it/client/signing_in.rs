//! Logins by proof: the client's part and the server's, which share no code.

use countersign_client::{Auth, Client, PrivateKey};
use countersign_testkit::Door;

use crate::support::{PASSWORD, aborted, reach, server_with, text};

#[tokio::test]
async fn each_proof_opens_a_session_and_a_wrong_one_does_not() {
    let server = server_with("[auth]\nwampcra = true").start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    let (key, other_key) = (PrivateKey::from_bytes(&[1; 32]), PrivateKey::from_bytes(&[2; 32]));
    server.cli(&["user", "pubkey", "add", "bob", &key.public_key()], "").await.ok();
    let bob = || Some("bob".to_owned());
    for (door, method, right, wrong) in [
        (Door::Http, "wampcra", Auth::wampcra("bob", PASSWORD), Auth::wampcra("bob", "wrong")),
        (Door::Tcp, "wamp-scram", Auth::scram("bob", PASSWORD, false), Auth::scram("bob", "wrong", false)),
        (Door::Https, "wamp-scram", Auth::scram("bob", PASSWORD, true), Auth::scram("bob", "wrong", true)),
        (Door::Tcp, "scram", Auth::scram_of_crossbar("bob", PASSWORD), Auth::scram_of_crossbar("bob", "wrong")),
        (
            Door::Unix,
            "cryptosign",
            Auth::cryptosign(bob(), key.clone(), false),
            Auth::cryptosign(bob(), other_key.clone(), false),
        ),
        (Door::Https, "cryptosign", Auth::cryptosign(bob(), key, true), Auth::cryptosign(bob(), other_key, true)),
    ] {
        let session = Client::connect(reach(&server, door).auth(right)).await.unwrap();
        assert_eq!(text(session.welcome_details(), "authmethod"), method);
        aborted(Client::connect(reach(&server, door).auth(wrong)).await);
    }
}
