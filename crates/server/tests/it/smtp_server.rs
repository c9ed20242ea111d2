//! A small mail server on loopback: takes what it is sent, and answers as it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
    /// Whether it came by TLS.
    pub is_secure: bool,
    /// Name and password of who brought it.
    pub login: Option<(String, String)>,
}

#[derive(Debug, Default)]
struct State {
    taken: Mutex<Vec<Taken>>,
    /// Answers to the next recipients, instead of taking them.
    refusals: Mutex<VecDeque<String>>,
}

/// The server; it ends with this.
pub struct SmtpServer {
    pub port: u16,
    /// Its certificate, PEM.
    pub certificate: String,
    state: Arc<State>,
    task: AbortHandle,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SmtpServer {
    pub async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, tls.clone(), Arc::clone(&shared)));
            }
        });
        Self { port, certificate: made.cert.pem(), state, task: task.abort_handle() }
    }

    /// The next recipients are answered so.
    pub fn refuse(&self, answers: &[&str]) {
        self.state.refusals.lock().unwrap().extend(answers.iter().map(|&answer| answer.to_owned()));
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state.taken.lock().unwrap().clone()
    }
}

/// What a connection went on to be.
enum Next {
    Tls,
    End,
}

async fn converse(stream: TcpStream, tls: TlsAcceptor, state: Arc<State>) {
    let mut stream = BufStream::new(stream);
    if say(&mut stream, "220 localhost").await.is_some()
        && let Some(Next::Tls) = talk(&mut stream, false, &state).await
        && let Ok(secure) = tls.accept(stream.into_inner()).await
    {
        talk(&mut BufStream::new(secure), true, &state).await;
    }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), line: &str) -> Option<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn hear<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufStream<S>) -> Option<String> {
    let mut line = String::new();
    let count = stream.read_line(&mut line).await.ok()?;
    (count > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    is_secure: bool,
    state: &State,
) -> Option<Next> {
    let mut mail = Taken { from: String::new(), to: Vec::new(), text: String::new(), is_secure, login: None };
    loop {
        let line = hear(stream).await?;
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        let path = || rest.split_once('<').and_then(|(_, path)| path.split_once('>')).map(|(path, _)| path.to_owned());
        match verb.to_uppercase().as_str() {
            "EHLO" if is_secure => say(stream, "250-localhost\r\n250 AUTH PLAIN").await?,
            "EHLO" => say(stream, "250-localhost\r\n250 STARTTLS").await?,
            "STARTTLS" => {
                say(stream, "220 go on").await?;
                return Some(Next::Tls);
            }
            "AUTH" => {
                let given = BASE64.decode(rest.rsplit(' ').next()?.as_bytes()).ok()?;
                let given = String::from_utf8(given).ok()?;
                let mut parts = given.split('\0').skip(1).map(str::to_owned);
                mail.login = parts.next().zip(parts.next());
                say(stream, "235 welcome").await?;
            }
            "MAIL" => {
                mail.from = path()?;
                say(stream, "250 ok").await?;
            }
            "RCPT" => {
                let refusal = state.refusals.lock().unwrap().pop_front();
                if let Some(answer) = refusal {
                    say(stream, &answer).await?;
                } else {
                    mail.to.push(path()?);
                    say(stream, "250 ok").await?;
                }
            }
            "DATA" => {
                say(stream, "354 go on").await?;
                mail.text = data(stream).await?;
                state.taken.lock().unwrap().push(mail.clone());
                say(stream, "250 taken").await?;
            }
            "QUIT" => {
                say(stream, "221 bye").await?;
                return Some(Next::End);
            }
            _ => say(stream, "250 ok").await?,
        }
    }
}

async fn data<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufStream<S>) -> Option<String> {
    let mut text = String::new();
    loop {
        let line = hear(stream).await?;
        if line == "." {
            return Some(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push('\n');
    }
}
