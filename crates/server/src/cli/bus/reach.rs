//! From what is typed to a session: where, as whom, by which secret.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use countersign_client::{Auth, Client, ConnectOptions, Encoding, Session, Trust};

use super::explain;
use crate::cli::read_password;

/// The WebSocket of a server without configuration.
const URL_DEFAULT: &str = "ws://127.0.0.1:8282/ws";
/// The variable that may hold the ticket.
const TICKET_VARIABLE: &str = "COUNTERSIGN_TICKET";

/// Where the server is, and who comes.
#[derive(Debug, Args)]
pub struct Reach {
    /// Server: ws://H:P/ws, wss://H:P/ws, tcp://H:P, tcps://H:P or unix:PATH; also a listener's http://H:P and https://H:P
    #[arg(long, value_name = "URL", env = "COUNTERSIGN_URL", default_value = URL_DEFAULT)]
    url: String,
    /// Realm
    #[arg(long, value_name = "NAME", env = "COUNTERSIGN_REALM", default_value = "izaber")]
    realm: String,
    /// Login name. Its ticket, a password or a one-time password, comes from `COUNTERSIGN_TICKET`, from a prompt, or
    /// from the first line of standard input (default: no login)
    #[arg(long, value_name = "LOGIN", env = "COUNTERSIGN_USER")]
    user: Option<String>,
    /// Serializer
    #[arg(long, value_enum, default_value_t = Serializer::Cbor)]
    serializer: Serializer,
    /// Certificates to believe over TLS, a file in PEM (default: the system's)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Serializer {
    Json,
    Msgpack,
    Cbor,
    Ubjson,
}

impl From<Serializer> for Encoding {
    fn from(serializer: Serializer) -> Self {
        match serializer {
            Serializer::Json => Self::Json,
            Serializer::Msgpack => Self::MsgPack,
            Serializer::Cbor => Self::Cbor,
            Serializer::Ubjson => Self::Ubjson,
        }
    }
}

impl Reach {
    /// Opens a session; `patience` is the longest wait for the answer to a request.
    ///
    /// # Errors
    ///
    /// For the person in front of the terminal.
    pub async fn connect(&self, patience: Duration) -> Result<Session, String> {
        let mut options = ConnectOptions::new(url(&self.url), self.realm.as_str())
            .encoding(self.serializer.into())
            .agent(concat!("countersign-cli/", env!("CARGO_PKG_VERSION")).to_owned())
            .request_timeout(patience);
        if let Some(file) = &self.ca {
            let pem = std::fs::read(file).map_err(|error| format!("can't read {}: {error}", file.display()))?;
            options = options.trust(Trust::Certificates(pem));
        }
        if let Some(user) = &self.user {
            options = options.auth(Auth::ticket(user.as_str(), ticket(user)?));
        }
        Client::connect(options).await.map_err(|error| explain::connect(&error, &self.url))
    }
}

/// The ticket of `user`. One that is in the environment is not asked for.
fn ticket(user: &str) -> Result<String, String> {
    if let Ok(ticket) = std::env::var(TICKET_VARIABLE) {
        return Ok(ticket);
    }
    let from_stdin = !io::stdin().is_terminal();
    let typed = read_password(from_stdin, &format!("Ticket of {user}"));
    let missing = || format!("no ticket: set {TICKET_VARIABLE}, or give it in the first line of standard input");
    typed.ok().flatten().map(|ticket| ticket.expose().to_owned()).ok_or_else(missing)
}

/// The address as the client has it. `serve` prints `http://` and `https://`, where WAMP is below `/ws`.
fn url(typed: &str) -> String {
    let web = |scheme: &str, rest: &str| match rest.split_once('/') {
        None | Some((_, "")) => format!("{scheme}://{}/ws", rest.trim_end_matches('/')),
        Some(_) => format!("{scheme}://{rest}"),
    };
    if let Some(rest) = typed.strip_prefix("http://") {
        web("ws", rest)
    } else if let Some(rest) = typed.strip_prefix("https://") {
        web("wss", rest)
    } else {
        typed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_serve_prints_are_understood() {
        let check = |typed, want: &str| assert_eq!(url(typed), want);
        check("http://127.0.0.1:8282", "ws://127.0.0.1:8282/ws");
        check("https://h:8443/", "wss://h:8443/ws");
        check("http://h/other", "ws://h/other");
        check("ws://h:1/ws", "ws://h:1/ws");
        check("tcp://127.0.0.1:18081", "tcp://127.0.0.1:18081");
        check("unix:/a/b", "unix:/a/b");
    }
}
