//! Who is at the other end of a connection, as far as the transport knows.
//!
//! **Invariant:** nothing in here is what a client says of itself in a HELLO.

use std::io;

use countersign_identity::PeerAddress;
use rustls::{ProtocolVersion, ServerConnection};

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address.
    pub address: PeerAddress,
    /// What its TLS connection is known by; `None` without TLS.
    pub tls: Option<Tls>,
    /// `User-Agent` of the HTTP request, if there was one.
    pub user_agent: String,
}

impl Peer {
    /// A peer of which no more is known than where it is.
    pub fn new(address: PeerAddress, tls: Option<Tls>) -> Self {
        Self { address, tls, user_agent: String::new() }
    }
}

/// What a TLS connection is known by.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The channel binding `tls-exporter` (RFC 9266); `None` before TLS 1.3, where it is only
    /// good under an extension that can't be seen from here.
    pub exporter: Option<[u8; Tls::EXPORTER_BYTES]>,
}

impl Tls {
    /// Length of the exported value, in bytes (RFC 9266, section 2).
    pub const EXPORTER_BYTES: usize = 32;
    const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

    /// What a connection is known by whose handshake is done.
    ///
    /// # Errors
    ///
    /// The library's, if the handshake is not done.
    pub fn of(connection: &ServerConnection) -> io::Result<Self> {
        let exporter = if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            let exported =
                connection.export_keying_material([0; Self::EXPORTER_BYTES], Self::EXPORTER_LABEL, Some(&[]));
            Some(exported.map_err(io::Error::other)?)
        } else {
            None
        };
        Ok(Self { exporter })
    }
}
