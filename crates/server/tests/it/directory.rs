//! A server with a directory: what it shows of it, who logs in by it, and what comes from it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod listing;
mod login;
mod sync;

use std::fmt::Write as _;

use countersign_testkit::{DirectoryBuilder, DirectoryServer, Server};

use super::support::server_with;

const SUFFIX: &str = "dc=example,dc=com";
/// The password of the user with this number.
const DIRECTORY_PASSWORD: &str = "sesame-";

/// A directory's entries: the service's login, and users and groups as many as that.
fn ldif(users: usize, groups: usize) -> String {
    let mut text = format!(
        "dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\n\
         dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n\n\
         dn: cn=service,{SUFFIX}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: service\n\
         userPassword: service-secret\n\n"
    );
    for number in 1..=users {
        text.push_str(&user(number, 512, ""));
    }
    for number in 1..=groups {
        let _ = write!(
            text,
            "dn: cn=group-{number:02},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: group-{number:02}\n\
             member: uid=user-{number:03},ou=people,{SUFFIX}\n\n"
        );
    }
    text
}

/// One user's entry; its login is spelled `User-001`.
fn user(number: usize, account_control: u32, more: &str) -> String {
    format!(
        "dn: uid=user-{number:03},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nobjectClass: user\n\
         uid: User-{number:03}\nsAMAccountName: User-{number:03}\ncn: User {number}\nsn: User\n\
         displayName: User Number {number}\nmail: User{number}@example.com\n\
         userPrincipalName: user-{number:03}@corp.example.com\nuserAccountControl: {account_control}\n\
         userPassword: {DIRECTORY_PASSWORD}{number}\n{more}\n"
    )
}

fn directory(ldif: &str) -> DirectoryBuilder {
    DirectoryServer::builder(SUFFIX, ldif)
}

/// `[ldap]` for a directory at these ports, with further lines.
fn settings_at(ports: &[u16], more: &str) -> String {
    let servers: Vec<String> = ports.iter().map(|port| format!("{{ host = '127.0.0.1', port = {port} }}")).collect();
    settings_of(&format!("[{}]", servers.join(", ")), more)
}

fn settings_of(servers: &str, more: &str) -> String {
    format!(
        "[ldap]\nserver = {servers}\nbasedn = '{SUFFIX}'\nlogin_template = 'uid={{}},ou=people,{SUFFIX}'\n\
         login_attribute = 'uid'\ndb_login = 'cn=service,{SUFFIX}'\ndb_password = 'service-secret'\n\
         user_filter = '(objectClass=inetOrgPerson)'\ngroup_filter = '(objectClass=groupOfNames)'\n{more}\n"
    )
}

/// A server that has this directory.
async fn server_of(directory: &DirectoryServer, more: &str) -> Server {
    server_with(&settings_at(&[directory.port()], more)).start().await
}

/// Brings the users over, and gives the report.
async fn sync(server: &Server) -> serde_json::Value {
    let report = server.cli(&["user", "sync", "--json"], "").await.ok();
    serde_json::from_str(&report).unwrap()
}
