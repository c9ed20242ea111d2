//! Whom a client's certificate names.
//!
//! The rule: the login is the one common name (CN) of the certificate's subject. A subject without
//! one, or with several, names nobody. Alternative names don't count.
//!
//! Source: RFC 5280, section 4.1.2.6. The TLS library has verified the certificate before.

use countersign_identity::login::CertificateHolder;
use countersign_identity::{LoginName, Timestamp};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Longest serial number that is kept, in characters: 20 octets (RFC 5280, section 4.1.2.2), each
/// two digits and a colon.
const SERIAL_CHARACTERS_MAX: usize = 60;
/// Microseconds in a second.
const MICROS: i64 = 1_000_000;

/// A certificate that a client has shown to be its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whom it names.
    pub holder: CertificateHolder,
    /// Until when it is good; a session that it opened ends then.
    pub expires: Timestamp,
}

impl ClientCertificate {
    /// Reads a certificate. What can't be read names nobody.
    pub fn read(der: &[u8]) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            let holder = CertificateHolder { name: None, serial: String::new() };
            return Self { holder, expires: Timestamp::from_micros(0) };
        };
        let mut names = certificate.subject().iter_common_name();
        let name = match (names.next(), names.next()) {
            (Some(only), None) => only.as_str().ok(),
            _ => None,
        };
        let start = |text: &str, characters_max| text.chars().take(characters_max).collect();
        let holder = CertificateHolder {
            // One more than a name can have: what is too long stays so.
            name: name.map(|name| start(name, LoginName::BYTES_MAX + 1)),
            serial: start(&certificate.raw_serial_as_string(), SERIAL_CHARACTERS_MAX),
        };
        let seconds = certificate.validity().not_after.timestamp();
        Self { holder, expires: Timestamp::from_micros(seconds.saturating_mul(MICROS)) }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn read(names: &[(DnType, &str)]) -> ClientCertificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.not_after = date_time_ymd(2030, 1, 2);
        params.subject_alt_names = vec![SanType::Rfc822Name("zoe@example.com".try_into().unwrap())];
        let key = KeyPair::generate().unwrap();
        ClientCertificate::read(params.self_signed(&key).unwrap().der())
    }

    /// A second common name, as no library makes one: an organisation's name whose type is changed.
    fn read_with_two_names() -> ClientCertificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "kristen98");
        params.distinguished_name.push(DnType::OrganizationName, "zoe");
        let key = KeyPair::generate().unwrap();
        let mut der = params.self_signed(&key).unwrap().der().to_vec();
        let (organization, common) = ([0x55, 0x04, 0x0a], [0x55, 0x04, 0x03]);
        let at: Vec<usize> = (0..der.len() - 3).filter(|at| der[*at..at + 3] == organization).collect();
        for at in at {
            der[at..at + 3].copy_from_slice(&common);
        }
        ClientCertificate::read(&der)
    }

    #[track_caller]
    fn check(certificate: &ClientCertificate, want: Option<&str>) {
        assert_eq!(certificate.holder.name.as_deref(), want);
    }

    #[test]
    fn the_one_common_name_is_the_login() {
        let certificate = read(&[(DnType::OrganizationName, "Example"), (DnType::CommonName, "kristen98")]);
        check(&certificate, Some("kristen98"));
        assert!(!certificate.holder.serial.is_empty());
        assert_eq!(certificate.expires, Timestamp::from_micros(1_893_542_400_000_000));
    }

    #[test]
    fn a_subject_without_one_common_name_names_nobody() {
        check(&read(&[]), None);
        check(&read(&[(DnType::OrganizationName, "kristen98")]), None);
        check(&read_with_two_names(), None);
        check(&ClientCertificate::read(b"junk"), None);
    }

    #[test]
    fn a_name_that_is_too_long_stays_so() {
        for (characters, is_login) in [(LoginName::BYTES_MAX, true), (LoginName::BYTES_MAX + 1, false), (5_000, false)]
        {
            let certificate = read(&[(DnType::CommonName, &"x".repeat(characters))]);
            let name = certificate.holder.name.unwrap();
            assert_eq!(LoginName::parse(&name).is_ok(), is_login, "{characters}");
            assert!(name.len() <= LoginName::BYTES_MAX + 1);
        }
    }
}
