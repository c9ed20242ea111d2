//! `ad.*` and `directory.*`.

use std::net::{Ipv4Addr, Ipv6Addr};

use countersign_client::{Dict, Encoding, Session, Value};
use countersign_testkit::{DirectoryServer, Door, Server};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::{DIRECTORY_PASSWORD, SUFFIX, directory, ldif, server_of, settings_at, settings_of, user};
use crate::support::{PASSWORD, PREFIX, call, passed, server_with, sign_in, sign_in_at, text};

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const UNAVAILABLE: &str = "com.izaber.wamp.error.unavailable";
const LISTINGS: [&str; 4] = ["ad.users", "ad.groups", "directory.users", "directory.groups"];

async fn session(server: &Server, role: &str) -> Session {
    server.add_user(role, role, PASSWORD).await;
    sign_in(server, role, PASSWORD).await.unwrap()
}

async fn list(session: &Session, name: &str) -> Result<Vec<Value>, (String, String)> {
    let listing = call(session, &format!("{PREFIX}.{name}"), vec![]).await?;
    Ok(listing.as_list().unwrap().to_vec())
}

fn dict<'a>(value: &'a Value, key: &str) -> &'a Dict {
    value.as_dict().unwrap().get(key).unwrap().as_dict().unwrap()
}

#[tokio::test]
async fn shows_users_and_groups_over_many_pages_with_all_but_their_passwords() {
    let slapd = directory(&ldif(100, 10)).start().await;
    let server = server_of(&slapd, "page_entries = 7").await;
    let session = session(&server, "frontend").await;
    let users = list(&session, "ad.users").await.unwrap();
    assert_eq!(users.len(), 100);
    let dn = format!("uid=user-042,ou=people,{SUFFIX}");
    let found = users.iter().find(|user| text(user.as_dict().unwrap(), "db") == dn).unwrap();
    assert_eq!(found.as_dict().unwrap().len(), 2);
    let attributes = dict(found, "attributes");
    for (name, value) in [
        ("dn", dn.as_str()),
        ("uid", "User-042"),
        ("displayName", "User Number 42"),
        ("mail", "User42@example.com"),
        ("userAccountControl", "512"),
    ] {
        assert_eq!(text(attributes, name), value, "{name}");
    }
    assert_eq!(attributes.get("objectClass"), Some(&Value::List(vec!["inetOrgPerson".into(), "user".into()])));
    assert!(!format!("{users:?}").contains(DIRECTORY_PASSWORD), "W10: no password is shown");

    let groups = list(&session, "ad.groups").await.unwrap();
    assert_eq!(groups.len(), 10);
    let group = groups[2].as_dict().unwrap();
    assert_eq!(text(group, "dn"), format!("cn=group-03,ou=groups,{SUFFIX}"));
    assert_eq!(text(group, "cn"), "group-03");
    let member = format!("uid=user-003,ou=people,{SUFFIX}");
    assert_eq!(group.get("member"), Some(&Value::List(vec![member.as_str().into()])));

    assert_eq!(list(&session, "directory.users").await.unwrap(), users);
    assert_eq!(list(&session, "directory.groups").await.unwrap(), groups);
}

#[tokio::test]
async fn who_may_ask_in_which_spelling() {
    let server = server_with("[auth]\nanonymous = true").start().await;
    for (role, may_short) in [("trust", true), ("backend", false), ("frontend", false)] {
        let session = session(&server, role).await;
        for name in LISTINGS {
            assert_eq!(list(&session, name).await, Ok(vec![]), "{role} {name}: there is no directory");
            let (error, _) = call(&session, &format!("{PREFIX}.{name}"), vec![Value::from(1_u32)]).await.unwrap_err();
            assert_eq!(error, "com.izaber.wamp.error.invalidargument", "{role} {name}");
            let short = call(&session, name, vec![]).await.map_err(|(error, _)| error);
            let want = match (may_short, name.starts_with("ad.")) {
                (true, true) => Ok(Value::List(vec![])),
                (true, false) => Err("wamp.error.no_such_procedure".to_owned()),
                (false, _) => Err(NOT_AUTHORIZED.to_owned()),
            };
            assert_eq!(short, want, "{role} {name}");
        }
        let otp = call(&session, &format!("{PREFIX}.my.otp.create"), vec![]).await.unwrap();
        let by_otp = sign_in(&server, role, &text(otp.as_dict().unwrap(), "plaintext_key")).await.unwrap();
        assert_eq!(list(&by_otp, "ad.users").await, Ok(vec![]), "{role} by one-time password");
    }
    let anonymous = countersign_client::ConnectOptions::new(server.wamp_url(Door::Http), crate::support::REALM);
    let anonymous = countersign_client::Client::connect(anonymous).await.unwrap();
    for name in LISTINGS {
        for uri in [format!("{PREFIX}.{name}"), name.to_owned()] {
            let (error, _) = call(&anonymous, &uri, vec![]).await.unwrap_err();
            assert_eq!(error, NOT_AUTHORIZED, "{uri}");
        }
    }
}

#[tokio::test]
async fn a_listing_is_kept_for_a_while() {
    let mut slapd = directory(&ldif(3, 1)).start().await;
    let kept = server_of(&slapd, "").await;
    let fresh = server_of(&slapd, "listing_seconds_max = 0\nretry_seconds = 1").await;
    let (kept, fresh) = (session(&kept, "frontend").await, session(&fresh, "frontend").await);
    for session in [&kept, &fresh] {
        assert_eq!(list(session, "ad.users").await.unwrap().len(), 3);
    }
    slapd.stop().await;
    assert_eq!(list(&kept, "ad.users").await.unwrap().len(), 3);
    let (error, said) = list(&fresh, "ad.users").await.unwrap_err();
    assert_eq!((error.as_str(), said.as_str()), (UNAVAILABLE, "the directory gives no answer at the moment"));
    slapd.replace(&ldif(4, 1)).await;
    slapd.restart().await;
    // The server was left alone until then.
    let back = countersign_testkit::eventually("the directory to be asked again", crate::support::SOON, async || {
        list(&fresh, "ad.users").await.ok()
    });
    assert_eq!(back.await.len(), 4);
}

#[tokio::test]
async fn the_next_server_answers_for_one_that_is_down() {
    let slapd = directory(&ldif(3, 1)).start().await;
    let mut dead = directory(&ldif(2, 1)).start().await;
    dead.stop().await;
    let server = server_with(&settings_at(&[dead.port(), slapd.port()], "listing_seconds_max = 0")).start().await;
    let session = session(&server, "frontend").await;
    for _ in 0..4 {
        assert_eq!(list(&session, "ad.users").await.unwrap().len(), 3);
    }
    let told = server.output().matches("a directory server is left alone").count();
    assert_eq!(told, 1, "it was asked once");
}

#[tokio::test]
async fn big_entries_pass_up_to_the_limit() {
    let photo = data_encoding::BASE64.encode(&vec![0xff; 300_000]);
    let entries = ldif(2, 0) + &user(3, 512, &format!("jpegPhoto:: {photo}\n"));
    let slapd = directory(&entries).start().await;
    let server = server_of(&slapd, "").await;
    server.add_user("frontend", "frontend", PASSWORD).await;
    for encoding in [Encoding::Cbor, Encoding::MsgPack, Encoding::Json] {
        let session = sign_in_at(&server, Door::Tcp, encoding, "frontend", PASSWORD).await.unwrap();
        let users = list(&session, "ad.users").await.unwrap();
        let photo = users.iter().find_map(|user| dict(user, "attributes").get("jpegPhoto")).unwrap();
        assert!(*photo == Value::Bytes(vec![0xff; 300_000]), "{encoding:?}");
    }
    for (line, limit) in
        [("listing_bytes_max = 200000", "ldap.listing_bytes_max"), ("entries_max = 2", "ldap.entries_max")]
    {
        let server = server_of(&slapd, line).await;
        let session = session(&server, "frontend").await;
        let (error, said) = list(&session, "ad.users").await.unwrap_err();
        assert_eq!(error, "com.izaber.wamp.error.limitexceeded");
        assert!(said.contains(limit), "{said}");
        assert_eq!(passed(&server, limit).await, 1);
    }
    let server = server_of(&slapd, "listing_bytes_max = 200000\nlisting_attributes = ['cn', 'mail']").await;
    let session = session(&server, "frontend").await;
    let users = list(&session, "ad.users").await.unwrap();
    let names: Vec<&str> = dict(&users[0], "attributes").iter().map(|(name, _)| name).collect();
    assert_eq!((users.len(), names), (3, vec!["cn", "mail", "dn"]));
}

/// A certificate for 127.0.0.1, its key, and the authority's certificate.
fn certificates() -> [String; 3] {
    certificates_for(&["127.0.0.1", "localhost"])
}

fn certificates_for(names: &[&str]) -> [String; 3] {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    [params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem(), authority]
}

/// A port of the loopback of IPv6 behind which is one of 127.0.0.1.
async fn behind_ipv6(port: u16) -> u16 {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
                // Either may go first.
                let _ = copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    own
}

/// The users that a server lists which is told that the directory is at `host`.
async fn shown_over(slapd: &DirectoryServer, ca: &str, with_starttls: bool, host: &str) -> Result<usize, String> {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ca.pem");
    std::fs::write(&path, ca).unwrap();
    let (port, use_ssl) = if with_starttls { (slapd.port(), false) } else { (slapd.tls_port(), true) };
    let port = if host.contains(':') { behind_ipv6(port).await } else { port };
    let servers = format!("{{ host = '{host}', port = {port}, use_ssl = {use_ssl} }}");
    let settings = settings_of(&servers, &format!("starttls = {with_starttls}\nca = '{}'", path.display()));
    let server = server_with(&settings).start().await;
    let session = session(&server, "frontend").await;
    list(&session, "ad.users").await.map(|users| users.len()).map_err(|(error, _)| error)
}

#[tokio::test]
async fn a_server_with_an_address_for_a_name_has_a_certificate_for_this_address() {
    let unavailable = || Err(UNAVAILABLE.to_owned());
    for (names, host, expected) in [
        (&["::1"][..], "::1", Ok(3)),
        (&["::1"], "[::1]", Ok(3)),
        (&["::1", "127.0.0.1"], "127.0.0.1", Ok(3)),
        (&["127.0.0.1", "localhost", "address.invalid", "::2"], "::1", unavailable()),
        (&["::1", "localhost"], "127.0.0.1", unavailable()),
    ] {
        let [certificate, key, authority] = certificates_for(names);
        let [_, _, stranger] = certificates_for(names);
        let slapd = directory(&ldif(3, 1)).settings("security ssf=112").tls(&certificate, &key).start().await;
        for with_starttls in [false, true] {
            let shown = format!("{names:?} {host} {with_starttls}");
            assert_eq!(shown_over(&slapd, &authority, with_starttls, host).await, expected, "{shown}");
            assert_eq!(shown_over(&slapd, &stranger, with_starttls, host).await, unavailable(), "{shown}");
        }
    }
}

#[tokio::test]
async fn tls_and_starttls_believe_their_authority_alone() {
    let [certificate, key, authority] = certificates();
    let [_, _, stranger] = certificates();
    // Nothing is said in the clear.
    let slapd = directory(&ldif(3, 1)).settings("security ssf=112").tls(&certificate, &key).start().await;
    for with_starttls in [false, true] {
        assert_eq!(shown_over(&slapd, &authority, with_starttls, "localhost").await, Ok(3), "{with_starttls}");
        assert_eq!(
            shown_over(&slapd, &stranger, with_starttls, "localhost").await,
            Err(UNAVAILABLE.to_owned()),
            "{with_starttls}"
        );
    }
    let server = server_of(&slapd, "").await;
    let session = session(&server, "frontend").await;
    assert_eq!(list(&session, "ad.users").await.unwrap_err().0, UNAVAILABLE);
    // A server without TLS gets no password where StartTLS is asked for.
    let slapd = directory(&ldif(3, 1)).start().await;
    assert_eq!(shown_over(&slapd, &authority, true, "localhost").await, Err(UNAVAILABLE.to_owned()));
}

#[tokio::test]
async fn a_service_that_is_not_let_in_is_told_to_the_operator_alone() {
    let slapd = directory(&ldif(3, 1)).start().await;
    let settings = settings_at(&[slapd.port()], "").replace("service-secret", "not-the-secret");
    let server = server_with(&settings).start().await;
    let session = session(&server, "frontend").await;
    let (error, said) = list(&session, "ad.users").await.unwrap_err();
    assert_eq!(error, UNAVAILABLE);
    assert!(!said.contains("db_login"), "{said}");
    let log = server.output();
    assert!(log.contains("ldap.db_login") && !log.contains("not-the-secret"), "{log}");
}

#[tokio::test]
async fn a_file_can_hold_the_password() {
    let slapd = directory(&ldif(3, 1)).settings("disallow bind_anon").start().await;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("password");
    std::fs::write(&path, "service-secret\n").unwrap();
    let line = format!("db_password_file = '{}'", path.display());
    let settings = settings_at(&[slapd.port()], "").replace("db_password = 'service-secret'", &line);
    let server = server_with(&settings).start().await;
    assert_eq!(list(&session(&server, "frontend").await, "ad.users").await.unwrap().len(), 3);
    assert!(server_is_refused(&settings.replace("password'", "nothing'")).await.contains("db_password_file"));
}

/// What a server says that can't start with these settings.
async fn server_is_refused(settings: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("countersign.toml");
    std::fs::write(&config, settings).unwrap();
    let started = tokio::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["serve", "--listen", "http://127.0.0.1:0", "--data"])
        .arg(home.path().join("data"))
        .arg("--config")
        .arg(&config)
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(crate::support::ANSWER_DEADLINE, started).await.expect("it ends").unwrap();
    assert!(!ended.status.success());
    String::from_utf8_lossy(&ended.stderr).into_owned()
}
