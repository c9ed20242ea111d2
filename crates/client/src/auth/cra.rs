//! WAMP-CRA: a signature by a shared secret.
//!
//! Source: the WAMP specification, advanced profile "Challenge Response Authentication".

use countersign_wamp::{Dict, Signature};
use data_encoding::BASE64;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Answering, AuthError, Authenticator, Channel, Greeting, blocking, hmac_sha256, number, text};

/// Longest derived key, in bytes.
const KEY_BYTES_MAX: u32 = 1024;
/// Most rounds of PBKDF2 that a server may ask for.
const ITERATIONS_MAX: u32 = 10_000_000;

pub(super) struct Cra {
    authid: String,
    secret: Signature,
}

/// How a secret is derived from a password.
#[derive(Debug, PartialEq, Eq)]
struct Salting {
    salt: String,
    iterations: u32,
    key_bytes: u32,
}

impl Cra {
    pub(super) fn new(authid: String, secret: Signature) -> Self {
        Self { authid, secret }
    }
}

impl Authenticator for Cra {
    fn methods(&self) -> Vec<String> {
        vec!["wampcra".to_owned()]
    }

    fn greet(&mut self, _: &Channel) -> Result<Greeting, AuthError> {
        Ok(Greeting { authid: Some(self.authid.clone()), authextra: Dict::new() })
    }

    fn on_challenge<'a>(&'a mut self, _: &'a str, extra: &'a Dict) -> Answering<'a> {
        Box::pin(async {
            let challenge = text(extra, "challenge").ok_or(AuthError::Challenge("it has no challenge"))?.to_owned();
            let (salting, secret) = (Salting::read(extra)?, self.secret.clone());
            let signature = blocking(move || sign(&secret, salting.as_ref(), &challenge)).await?;
            Ok(signature.into())
        })
    }
}

impl Salting {
    fn read(extra: &Dict) -> Result<Option<Self>, AuthError> {
        let Some(salt) = text(extra, "salt") else { return Ok(None) };
        let (iterations, key_bytes) = (number(extra, "iterations"), number(extra, "keylen"));
        match (iterations, key_bytes) {
            (Some(iterations @ 1..=ITERATIONS_MAX), Some(key_bytes @ 1..=KEY_BYTES_MAX)) => {
                Ok(Some(Self { salt: salt.to_owned(), iterations, key_bytes }))
            }
            _ => Err(AuthError::Challenge("iterations or keylen are out of range")),
        }
    }

    /// The derived key is used as the base64 text that a server keeps.
    fn derive(&self, password: &Signature) -> Zeroizing<String> {
        let mut key = Zeroizing::new(vec![0; usize::try_from(self.key_bytes).unwrap_or(0)]);
        let password = password.expose().as_bytes();
        pbkdf2::pbkdf2_hmac::<Sha256>(password, self.salt.as_bytes(), self.iterations, &mut key);
        Zeroizing::new(BASE64.encode(&key))
    }
}

fn sign(secret: &Signature, salting: Option<&Salting>, challenge: &str) -> String {
    let derived = salting.map(|salting| salting.derive(secret));
    let key = derived.as_ref().map_or(secret.expose(), |key| key.as_str());
    BASE64.encode(&hmac_sha256(key.as_bytes(), challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The challenge of the chapter, as one line.
    const CHALLENGE: &str = "{ \"nonce\": \"LHRTC9zeOIrt_9U3\", \"authprovider\": \"userdb\", \"authid\": \"peter\", \
        \"timestamp\": \"2014-06-22T16:36:25.448Z\", \"authrole\": \"user\", \"authmethod\": \"wampcra\", \
        \"session\": 3251278072152162}";

    /// The chapter names no secret for its signature: these were computed by another implementation of
    /// HMAC-SHA-256 and PBKDF2 (Python's standard library).
    #[test]
    fn signs_with_the_secret_or_with_a_key_derived_from_it() {
        let check = |salting: Option<Salting>, want: &str| {
            assert_eq!(sign(&Signature::new("secret1"), salting.as_ref(), CHALLENGE), want);
        };
        check(None, "g3rbrS3LXjzaG0ZMGw5j6di+rkK5pbpkzm2R8O7LfxQ=");
        check(
            Some(Salting { salt: "salt123".into(), iterations: 1000, key_bytes: 32 }),
            "QOHdDPVpF0yfu50oO35WjoVN0CYN2Jwm+IY5YyRbKLk=",
        );
    }

    #[test]
    fn reads_how_a_secret_is_salted() {
        let extra = |iterations: u64, key_bytes: u64| {
            Dict::new().with("salt", "salt123").with("iterations", iterations).with("keylen", key_bytes)
        };
        let check = |extra: Dict, want: Option<Option<(u32, u32)>>| {
            let got = Salting::read(&extra).ok().map(|it| it.map(|it| (it.iterations, it.key_bytes)));
            assert_eq!(got, want, "{extra:?}");
        };
        check(Dict::new(), Some(None));
        check(extra(1000, 32), Some(Some((1000, 32))));
        check(extra(10_000_000, 1024), Some(Some((10_000_000, 1024))));
        check(extra(10_000_001, 32), None);
        check(extra(1000, 1025), None);
        check(extra(0, 32), None);
        check(extra(1000, 0), None);
        check(Dict::new().with("salt", "salt123"), None);
    }
}
