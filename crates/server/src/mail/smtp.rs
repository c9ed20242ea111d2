//! Handing mails to a mail server (RFC 5321), by TLS unless the operator says otherwise.

use std::io::BufRead as _;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use zeroize::Zeroizing;

use super::{Deliver, Undelivered, Written};
use crate::config::{SmtpConfig, SmtpTls};

/// Longest wait for the server at each step.
const STEP_SECONDS_MAX: Duration = Duration::from_secs(30);
/// Longest time for one mail. What came through although the answer didn't is sent again.
const SEND_SECONDS_MAX: Duration = Duration::from_mins(2);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// The mail server. A connection is made for each mail: they are few, and an idle one would be closed.
#[derive(Debug)]
pub struct Smtp {
    config: SmtpConfig,
    transport: OnceLock<Transport>,
}

impl Smtp {
    /// As configured. Nothing is read or connected yet: commands need no mail server.
    pub fn new(config: SmtpConfig) -> Self {
        Self { config, transport: OnceLock::new() }
    }

    fn transport(&self) -> Result<&Transport, Undelivered> {
        if let Some(transport) = self.transport.get() {
            return Ok(transport);
        }
        let transport = self.build().map_err(Undelivered::Never)?;
        Ok(self.transport.get_or_init(|| transport))
    }

    fn build(&self) -> Result<Transport, String> {
        let config = &self.config;
        let tls = match config.tls {
            SmtpTls::Starttls => Tls::Required(self.tls()?),
            SmtpTls::Implicit => Tls::Wrapper(self.tls()?),
            SmtpTls::None => Tls::None,
        };
        let builder = Transport::builder_dangerous(&config.host).port(config.port()).tls(tls);
        let builder = builder.timeout(Some(STEP_SECONDS_MAX));
        Ok(match &config.user {
            None => builder.build(),
            Some(user) => builder.credentials(Credentials::new(user.clone(), self.password()?.to_string())).build(),
        })
    }

    fn tls(&self) -> Result<TlsParameters, String> {
        let builder = TlsParameters::builder(self.config.host.clone());
        let builder = match &self.config.ca {
            None => builder,
            Some(path) => {
                let pem = std::fs::read(path).map_err(|error| format!("mail.smtp.ca {}: {error}", path.display()))?;
                let certificate = Certificate::from_pem(&pem);
                let certificate = certificate.map_err(|error| format!("mail.smtp.ca {}: {error}", path.display()))?;
                builder.add_root_certificate(certificate)
            }
        };
        builder.build_rustls().map_err(|error| format!("mail.smtp: {error}"))
    }

    fn password(&self) -> Result<Zeroizing<String>, String> {
        let (variable, path) = (self.config.password_env.as_ref(), self.config.password_file.as_ref());
        if let Some(variable) = variable {
            let value = std::env::var(variable);
            return value.map(Zeroizing::new).map_err(|error| format!("mail.smtp.password_env {variable}: {error}"));
        }
        let Some(path) = path else { return Err("mail.smtp has no password".into()) };
        let mut line = Zeroizing::new(String::new());
        let read = std::fs::File::open(path).and_then(|file| std::io::BufReader::new(file).read_line(&mut line));
        read.map_err(|error| format!("mail.smtp.password_file {}: {error}", path.display()))?;
        Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

impl Deliver for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn prepare(&self) -> Result<(), Undelivered> {
        self.transport().map(|_| ())
    }

    fn deliver<'a>(&'a self, mail: &'a Written) -> BoxFuture<'a, Result<(), Undelivered>> {
        async move {
            let sending = self.transport()?.send_raw(&mail.envelope, &mail.bytes);
            match tokio::time::timeout(SEND_SECONDS_MAX, sending).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) if error.is_permanent() => Err(Undelivered::Never(explain(&error))),
                Ok(Err(error)) => Err(Undelivered::Later(explain(&error))),
                Err(_) => Err(Undelivered::Later("the mail server is too slow".into())),
            }
        }
        .boxed()
    }
}

/// An error with its causes, as one line.
fn explain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
