//! A directory server (OpenLDAP's slapd) of its own for one test.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::wait::eventually;

/// Where the packages of systems put the server, besides `PATH`.
const SERVER_DIRECTORIES: [&str; 3] = ["/usr/sbin", "/usr/libexec", "/usr/lib/openldap"];
/// Where they put its database's module. Some have it built in.
const MODULE_DIRECTORIES: [&str; 2] = ["/usr/lib/ldap", "/usr/lib64/openldap"];
/// Where they put the schemas.
const SCHEMA_DIRECTORIES: [&str; 2] = ["/etc/ldap/schema", "/etc/openldap/schema"];
/// Longest time for a start.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Ports that were free a moment ago may be taken: how often others are tried.
const STARTS_MAX: u32 = 5;
/// Attributes that Active Directory has, and a class for entries with them.
const SCHEMA: &str = "\
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch \
SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch \
SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch \
SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP top AUXILIARY \
MAY ( sAMAccountName $ userPrincipalName $ userAccountControl $ objectGUID ) )
";

/// What to start.
#[derive(Debug, Clone)]
pub struct DirectoryBuilder {
    suffix: String,
    ldif: String,
    settings: String,
    tls: Option<(String, String)>,
}

impl DirectoryBuilder {
    /// Further lines of its configuration, before its database's.
    #[must_use]
    pub fn settings(mut self, lines: &str) -> Self {
        self.settings.push_str(lines);
        self.settings.push('\n');
        self
    }

    /// The certificate and its key, PEM; without them there is no TLS.
    #[must_use]
    pub fn tls(mut self, certificate: &str, key: &str) -> Self {
        self.tls = Some((certificate.to_owned(), key.to_owned()));
        self
    }

    /// Starts the server with its data and waits until it takes connections.
    ///
    /// # Panics
    ///
    /// When slapd isn't there, refuses the data or doesn't start in time.
    pub async fn start(self) -> DirectoryServer {
        let home = TempDir::with_prefix("countersign-slapd-")
            .unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let mut server = DirectoryServer { home, ports: [0; 2], child: None, has_tls: self.tls.is_some() };
        server.write("slapd.conf", &self.configuration(server.home.path()));
        server.write("data.ldif", &self.ldif);
        if let Some((certificate, key)) = &self.tls {
            server.write("cert.pem", certificate);
            server.write("key.pem", key);
        }
        server.load().await;
        for _ in 0..STARTS_MAX {
            server.ports = [free_port(), free_port()];
            if server.open().await {
                return server;
            }
        }
        panic!("slapd ended at once {STARTS_MAX} times\n{}", server.log());
    }

    fn configuration(&self, home: &Path) -> String {
        let schemas = directory_of(&SCHEMA_DIRECTORIES, "core.schema");
        let include = |name: &str| format!("include {}/{name}.schema\n", schemas.display());
        let modules = MODULE_DIRECTORIES.iter().find(|path| Path::new(path).join("back_mdb.la").is_file());
        let modules = modules.map_or_else(String::new, |path| format!("modulepath {path}\nmoduleload back_mdb\n"));
        let home = home.display();
        let tls = match self.tls {
            None => String::new(),
            Some(_) => format!("TLSCertificateFile {home}/cert.pem\nTLSCertificateKeyFile {home}/key.pem\n"),
        };
        let Self { suffix, settings, .. } = self;
        let schema: String = ["core", "cosine", "inetorgperson"].map(include).concat() + SCHEMA;
        format!(
            "{schema}{modules}{tls}{settings}database mdb\nmaxsize 67108864\ndbnosync\nsuffix {suffix}\n\
             directory {home}/db\nindex objectClass,uid,sAMAccountName eq\n"
        )
    }
}

/// A running directory server. Dropping it kills the process.
#[derive(Debug)]
pub struct DirectoryServer {
    child: Option<Child>,
    ports: [u16; 2],
    has_tls: bool,
    // Last: the process ends before its directory goes.
    home: TempDir,
}

impl DirectoryServer {
    /// Describes a server that has what is below `suffix`, which `ldif` tells.
    pub fn builder(suffix: &str, ldif: &str) -> DirectoryBuilder {
        DirectoryBuilder { suffix: suffix.to_owned(), ldif: ldif.to_owned(), settings: String::new(), tls: None }
    }

    /// Its port on 127.0.0.1: in the clear, and StartTLS. It stays.
    pub fn port(&self) -> u16 {
        let [port, _] = self.ports;
        port
    }

    /// Its port with TLS from the first byte. It stays.
    pub fn tls_port(&self) -> u16 {
        let [_, port] = self.ports;
        port
    }

    /// Kills it and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it can't be killed.
    pub async fn stop(&mut self) {
        if let Some(mut child) = self.child.take()
            && let Err(error) = child.kill().await
        {
            panic!("can't kill slapd: {error}");
        }
    }

    /// Starts it again, on the same ports with the same data.
    ///
    /// # Panics
    ///
    /// When it doesn't start.
    pub async fn restart(&mut self) {
        assert!(self.open().await, "slapd ended at once\n{}", self.log());
    }

    /// Takes other data, while it is stopped.
    ///
    /// # Panics
    ///
    /// When slapd refuses them.
    pub async fn replace(&mut self, ldif: &str) {
        assert!(self.child.is_none(), "it has to be stopped first");
        self.write("data.ldif", ldif);
        self.load().await;
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("can't write {}: {error}", path.display()));
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Makes the database of the data.
    async fn load(&self) {
        let (home, database) = (self.home.path(), self.home.path().join("db"));
        let _ = std::fs::remove_dir_all(&database);
        std::fs::create_dir(&database).unwrap_or_else(|error| panic!("can't make {}: {error}", database.display()));
        // slapd is slapadd when it is told so.
        let loading = command(&["-T", "add", "-q", "-f"])
            .arg(home.join("slapd.conf"))
            .arg("-l")
            .arg(home.join("data.ldif"))
            .output()
            .await;
        match loading {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("slapd refuses its data:\n{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("can't run slapd: {error}"),
        }
    }

    /// Starts it; whether it lives.
    async fn open(&mut self) -> bool {
        let log = std::fs::File::create(self.home.path().join("log")).unwrap_or_else(|error| panic!("no log: {error}"));
        let [port, tls_port] = self.ports;
        let tls = if self.has_tls { format!(" ldaps://127.0.0.1:{tls_port}/") } else { String::new() };
        // With -d it stays in the foreground.
        let started = command(&["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}/{tls}"), "-f"])
            .arg(self.home.path().join("slapd.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut child = started.unwrap_or_else(|error| panic!("can't run slapd: {error}"));
        let lives = eventually("slapd to take connections", START_DEADLINE, async || {
            if !matches!(child.try_wait(), Ok(None)) {
                return Some(false);
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok().map(|_| true)
        })
        .await;
        self.child = lives.then_some(child);
        lives
    }
}

/// slapd with these arguments and few files: it makes room for as many as it may open.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n 1024; exec \"$0\" \"$@\""]).arg(program()).args(arguments);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(SERVER_DIRECTORIES.map(PathBuf::from));
    let mut programs = places.map(|place| place.join("slapd"));
    let Some(program) = programs.find(|program| program.is_file()) else {
        panic!("there is no slapd, so there is no directory to test on: run `cargo xtask test`, which installs it");
    };
    program
}

fn directory_of(places: &[&str], file: &str) -> PathBuf {
    let found = places.iter().map(PathBuf::from).find(|place| place.join(file).is_file());
    found.unwrap_or_else(|| panic!("{file} is in none of {places:?}; it comes with slapd"))
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    port.unwrap_or_else(|error| panic!("no free port on 127.0.0.1: {error}")).port()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LDIF: &str = "dn: dc=example,dc=com\nobjectClass: domain\ndc: example\n";

    #[tokio::test]
    async fn a_server_stops_and_comes_back_at_its_port() {
        let mut server = DirectoryServer::builder("dc=example,dc=com", LDIF).start().await;
        let reach = async |server: &DirectoryServer| TcpStream::connect(("127.0.0.1", server.port())).await.is_ok();
        assert!(reach(&server).await);
        server.stop().await;
        assert!(!reach(&server).await);
        server.replace(&format!("{LDIF}description: other\n")).await;
        server.restart().await;
        assert!(reach(&server).await);
    }
}
