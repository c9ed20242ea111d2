//! Settings of the WebSocket, and of the echo that tests it.

use serde::Deserialize;

use super::{ConfigError, SECONDS_MAX};

/// `[websocket]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebSocketConfig {
    /// Whether permessage-deflate is agreed to where a client offers it.
    pub compression: bool,
    /// Shortest message that is compressed.
    pub compression_bytes_min: usize,
    /// How long nothing may come before the peer is pinged, and again before it is given up.
    pub ping_seconds: u64,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self { compression: true, compression_bytes_min: 1024, ping_seconds: 30 }
    }
}

/// `[test]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestConfig {
    /// Where to echo whatever comes over a WebSocket.
    pub echo_path: Option<String>,
}

impl WebSocketConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if (1..=SECONDS_MAX).contains(&self.ping_seconds) {
            return Ok(());
        }
        let problem = format!("has to be from 1 to {SECONDS_MAX}");
        Err(ConfigError::Value { name: "websocket.ping_seconds", problem })
    }
}

impl TestConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Some(name) = self.echo_path.as_ref().map(|path| path.strip_prefix('/')) else { return Ok(()) };
        // One component that no other path begins with.
        let is_free = |name: &str| name.starts_with("echo") && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if name.is_some_and(is_free) {
            return Ok(());
        }
        let problem = "has to begin with /echo and go on with letters and digits only".into();
        Err(ConfigError::Value { name: "test.echo_path", problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_can_only_be_where_nothing_else_is() {
        let check = |path: Option<&str>, want| {
            let config = TestConfig { echo_path: path.map(Into::into) };
            assert_eq!(config.check().is_ok(), want, "{path:?}");
        };
        check(None, true);
        check(Some("/echo"), true);
        check(Some("/echo2"), true);
        for path in ["", "/", "/ws", "/healthz", "echo", "/echo/{x}", "/echo/", "//echo"] {
            check(Some(path), false);
        }
    }

    #[test]
    fn a_ping_interval_is_at_least_a_second() {
        let check = |ping_seconds| WebSocketConfig { ping_seconds, ..WebSocketConfig::default() }.check().is_ok();
        assert!(!check(0) && check(1) && check(SECONDS_MAX) && !check(SECONDS_MAX + 1));
    }
}
