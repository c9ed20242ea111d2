//! TLS: a given certificate, or one made for development; and whose certificates clients may show.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;
use crate::data_dir::{DataDir, read_private, write_private};

/// Names that a certificate made for development is good for.
const DEVELOPMENT_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why there is no TLS. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or the key can't be read.
    #[error("can't read {path}: {problem}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The certificate and the key don't fit together or can't be used.
    #[error("the certificate can't be used")]
    Unusable(#[from] rustls::Error),
    /// A certificate for development can't be made.
    #[error("can't make a certificate for development")]
    Development(#[from] rcgen::Error),
    /// It can't be stored.
    #[error("can't store the certificate for development")]
    Io(#[from] io::Error),
}

/// TLS as configured; without a certificate with a self-signed one, kept in the data directory.
///
/// # Errors
///
/// [`TlsError`], which names the file.
pub fn acceptor(config: &TlsConfig, data: &DataDir) -> Result<TlsAcceptor, TlsError> {
    let (certificate, key) = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => development(data)?,
    };
    let chain = certificates(&certificate)?;
    let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| pem(&key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = client_verifier(config, &provider)?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    // A ticket arrives after the handshake and changes the client's TLS state while it may be
    // writing; clients that read and write one connection from two threads (swampyer's do) then
    // lose data now and then. Connections here live long, so resumption is worth little.
    server.send_tls13_tickets = 0;
    // Nor by a session's id before TLS 1.3: a client's certificate is verified each time.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn pem(path: &Path, problem: &dyn std::fmt::Display) -> TlsError {
    TlsError::Pem { path: path.to_owned(), problem: problem.to_string() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| pem(path, &error))
}

/// Who decides about clients' certificates: nobody is asked for one unless authorities are
/// configured. One that doesn't verify ends the handshake.
fn client_verifier(
    config: &TlsConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(path) = &config.client_ca else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| pem(path, &error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if config.client_required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| pem(path, &error))
}

fn development(data: &DataDir) -> Result<(PathBuf, PathBuf), TlsError> {
    let (certificate, key) = data.development_certificate();
    if read_private(&certificate)?.is_none() || read_private(&key)?.is_none() {
        let names: Vec<String> = DEVELOPMENT_NAMES.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names)?;
        write_private(&key, made.signing_key.serialize_pem().as_bytes())?;
        write_private(&certificate, made.cert.pem().as_bytes())?;
        tracing::warn!(
            certificate = %certificate.display(),
            "made a self-signed certificate for development; clients have to be told to trust it"
        );
    }
    Ok((certificate, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_certificate_once_and_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        acceptor(&TlsConfig::default(), &data).unwrap();
        let first = std::fs::read(data.development_certificate().0).unwrap();
        acceptor(&TlsConfig::default(), &data).unwrap();
        assert_eq!(std::fs::read(data.development_certificate().0).unwrap(), first);
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let path = dir.path().join("x.pem");
        std::fs::write(&path, "junk").unwrap();
        let own = TlsConfig { certificate: Some(path.clone()), key: Some(path.clone()), ..TlsConfig::default() };
        let clients = TlsConfig { client_ca: Some(path), ..TlsConfig::default() };
        for config in [own, clients] {
            assert!(acceptor(&config, &data).err().unwrap().to_string().contains("x.pem"));
        }
    }
}
