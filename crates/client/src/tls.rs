//! TLS for `wss` and `tcps`: whom to believe, and who we are.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::auth::Channel;
use crate::error::ConnectError;
use crate::options::{ClientCertificate, ConnectOptions, Trust};

/// RFC 9266, section 2.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// Speaks TLS on `stream` with the server that calls itself `host`.
pub(crate) async fn connect(
    stream: TcpStream,
    host: &str,
    options: &ConnectOptions,
) -> Result<(TlsStream<TcpStream>, Channel), ConnectError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Url("the host is not a name"))?;
    let connector = TlsConnector::from(Arc::new(config(options)?));
    let stream = connector.connect(name, stream).await.map_err(ConnectError::Transport)?;
    let channel = channel(stream.get_ref().1);
    Ok((stream, channel))
}

/// What both ends know of the connection and nobody else. Before TLS 1.3 it is not sure to be
/// this connection's alone (RFC 9266, section 3).
fn channel(connection: &ClientConnection) -> Channel {
    let is_tls13 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    let export = || connection.export_keying_material([0; 32], EXPORTER_LABEL, Some(&[])).ok();
    Channel { tls_exporter: if is_tls13 { export() } else { None } }
}

fn config(options: &ConnectOptions) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Transport(io::Error::other(error)))?;
    let builder = match &options.trust {
        Trust::System => builder.with_root_certificates(system_roots()?),
        Trust::Certificates(pem) => builder.with_root_certificates(given_roots(pem)?),
        Trust::DangerAcceptAnyCertificate => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate::new(&provider)))
        }
    };
    let Some(ClientCertificate { chain, key }) = &options.client_certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let unusable = |error: &dyn std::fmt::Display| ConnectError::ClientCertificate(error.to_string());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|error| unusable(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable(&error))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| unusable(&error))
}

fn system_roots() -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 { Err(ConnectError::Trust("the system has none".into())) } else { Ok(roots) }
}

fn given_roots(pem: &[u8]) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| ConnectError::Trust(error.to_string()))?;
        roots.add(certificate).map_err(|error| ConnectError::Trust(error.to_string()))?;
    }
    if roots.is_empty() { Err(ConnectError::Trust("the text holds none".into())) } else { Ok(roots) }
}

/// Believes every certificate; still checks that the server holds its key.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl AnyCertificate {
    fn new(provider: &CryptoProvider) -> Self {
        Self(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
