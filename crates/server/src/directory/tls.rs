//! TLS to the servers of a directory: which authorities count, and which name a certificate has to have.
//!
//! The library takes the name from its URL, where an IPv6 address stands in brackets, which make it no name at all. For a server
//! with such an address it gets a connection that is open, a name that means nothing, and a verifier that asks the certificate
//! for the address.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::DirectoryError;

/// What the library takes for the name of a server with an IPv6 address. It reaches nobody.
pub const UNNAMED: &str = "address.invalid";

/// Makes the settings for servers.
pub struct Tls {
    roots: Arc<RootCertStore>,
}

impl Tls {
    /// TLS that believes these authorities, or the system's.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Settings`].
    pub fn new(ca: Option<&Path>) -> Result<Self, DirectoryError> {
        let bad = |problem: String| DirectoryError::Settings(problem);
        let mut roots = RootCertStore::empty();
        if let Some(path) = ca {
            let unusable = |error: &dyn std::fmt::Display| bad(format!("ldap.ca {}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
                let certificate = certificate.map_err(|error| unusable(&error))?;
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
            if roots.is_empty() {
                return Err(unusable(&"holds no certificate"));
            }
        } else {
            let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if added == 0 {
                return Err(bad("the system has no certificates of authorities: set ldap.ca".into()));
            }
        }
        Ok(Self { roots: Arc::new(roots) })
    }

    /// The settings for a server that the library names, or for the one with this address.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Settings`].
    pub fn config(&self, address: Option<Ipv6Addr>) -> Result<ClientConfig, DirectoryError> {
        let bad = |error: &dyn std::fmt::Display| DirectoryError::Settings(error.to_string());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| bad(&error))?;
        let Some(address) = address else {
            return Ok(builder.with_root_certificates(Arc::clone(&self.roots)).with_no_client_auth());
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), provider).build();
        let verifier = AddressVerifier {
            address: ServerName::IpAddress(address.into()),
            verifier: verifier.map_err(|error| bad(&error))?,
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = builder.with_no_client_auth();
        config.enable_sni = false;
        Ok(config)
    }
}

/// The address of a server that is named by an IPv6 address.
pub fn address(host: &str, port: u16) -> Option<(Ipv6Addr, SocketAddr)> {
    let address: Ipv6Addr = host.trim_matches(['[', ']']).parse().ok()?;
    Some((address, (address, port).into()))
}

/// Demands that a certificate names this address, whatever name is asked for. Nothing else differs.
#[derive(Debug)]
struct AddressVerifier {
    address: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AddressVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier.verify_server_cert(end_entity, intermediates, &self.address, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
