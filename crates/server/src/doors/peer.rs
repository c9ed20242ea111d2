//! Who is at the other end of a connection, as far as the transport knows.
//!
//! **Invariant:** nothing in here is what a client says of itself in a HELLO.

use std::io;
use std::sync::Arc;

use countersign_identity::PeerAddress;
use rustls::{ProtocolVersion, ServerConnection};

use super::certificate::ClientCertificate;
use super::cookie::Browser;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address.
    pub address: PeerAddress,
    /// What its TLS connection is known by; `None` without TLS.
    pub tls: Option<Tls>,
    /// The browser of a WebSocket connection; `None` elsewhere, and where cookies are not offered.
    pub browser: Option<Box<Browser>>,
    /// `User-Agent` of the HTTP request, if there was one.
    pub user_agent: String,
}

impl Peer {
    /// A peer of which no more is known than where it is.
    pub fn new(address: PeerAddress, tls: Option<Tls>) -> Self {
        Self { address, tls, browser: None, user_agent: String::new() }
    }
}

/// What a TLS connection is known by.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The channel binding `tls-exporter` (RFC 9266); `None` before TLS 1.3, where it is only
    /// good under an extension that can't be seen from here.
    pub exporter: Option<[u8; Tls::EXPORTER_BYTES]>,
    /// The certificate that the client has shown, verified by the handshake.
    pub certificate: Option<Arc<ClientCertificate>>,
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
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        let certificate = certificate.map(|certificate| Arc::new(ClientCertificate::read(certificate)));
        Ok(Self { exporter, certificate })
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// What each end of a handshake exports: ours, and the client's by the library itself.
    async fn exported(version: &'static SupportedProtocolVersion) -> (Option<[u8; 32]>, [u8; 32]) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[version]);
        let server = server.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let (theirs, ours) = tokio::io::duplex(64 * 1024);
        let connector = TlsConnector::from(Arc::new(client));
        let accepting = TlsAcceptor::from(Arc::new(server));
        let name = ServerName::try_from("localhost").unwrap();
        let (accepted, connected) = tokio::join!(accepting.accept(ours), connector.connect(name, theirs));
        let tls = Tls::of(accepted.unwrap().get_ref().1).unwrap();
        let label = b"EXPORTER-Channel-Binding";
        let theirs = connected.unwrap().get_ref().1.export_keying_material([0; 32], label, Some(b"")).unwrap();
        assert_eq!(tls.certificate, None);
        (tls.exporter, theirs)
    }

    #[tokio::test]
    async fn both_ends_export_the_same_value_once_per_connection() {
        let (ours, theirs) = exported(&version::TLS13).await;
        assert_eq!(ours, Some(theirs));
        assert_ne!(exported(&version::TLS13).await.0, ours);
        assert_eq!(exported(&version::TLS12).await.0, None);
    }
}
