//! `--listen` and `listen`: where a door is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where to listen. Each speaks HTTP, with WebSocket at `/ws`, and RawSocket; the names say what
/// clients are likely to use it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenUrl {
    /// `http://H:P`.
    Http(String),
    /// `https://H:P`: under TLS.
    Https(String),
    /// `tcp://H:P`.
    Tcp(String),
    /// `unix:PATH`: a Unix socket.
    Unix(PathBuf),
}

/// The text is no address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("can't listen on {0:?}: give http://HOST:PORT, https://HOST:PORT, tcp://HOST:PORT or unix:PATH")]
pub struct ListenUrlError(String);

impl ListenUrl {
    /// How it begins.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Https(_) => "https",
            Self::Tcp(_) => "tcp",
            Self::Unix(_) => "unix",
        }
    }
}

impl FromStr for ListenUrl {
    type Err = ListenUrlError;

    fn from_str(text: &str) -> Result<Self, ListenUrlError> {
        let wrong = || ListenUrlError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Unix(path.into())) };
        }
        let (scheme, authority) = text.split_once("://").ok_or_else(wrong)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
        if host.is_empty() || port.parse::<u16>().is_err() || authority.contains('/') {
            return Err(wrong());
        }
        match scheme {
            "http" | "ws" => Ok(Self::Http(authority.to_owned())),
            "https" | "wss" => Ok(Self::Https(authority.to_owned())),
            "tcp" => Ok(Self::Tcp(authority.to_owned())),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(authority) => write!(f, "http://{authority}"),
            Self::Https(authority) => write!(f, "https://{authority}"),
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_four_kinds() {
        let check = |text: &str, want: &str| assert_eq!(text.parse::<ListenUrl>().unwrap().to_string(), want);
        check("http://127.0.0.1:0", "http://127.0.0.1:0");
        check("https://[::1]:8443/", "https://[::1]:8443");
        check("tcp://localhost:18081", "tcp://localhost:18081");
        check("unix:/run/x.sock", "unix:/run/x.sock");
        check("unix:///run/x.sock", "unix:/run/x.sock");
        check("unix:x.sock", "unix:x.sock");
    }

    #[test]
    fn refuses_the_rest_and_says_what_to_give() {
        for text in
            ["", "127.0.0.1:80", "http://h", "http://h:99999", "ftp://h:1", "unix:", "http://:80", "http://h:80/ws"]
        {
            let error = text.parse::<ListenUrl>().unwrap_err().to_string();
            assert!(error.contains("tcp://HOST:PORT"), "{error}");
        }
    }
}
