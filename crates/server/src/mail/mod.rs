//! Mails to users: texts, a bounded queue, a mail server or a folder.
//!
//! Whoever has a mail to send posts it and goes on: a mail waits for its turn, is tried again with growing pauses while
//! the server says "later", and is given up at last. What waits is lost when the server ends; whoever asked asks again.
//!
//! **Invariant:** posting never waits, and costs the same whatever becomes of the mail.
//! **Invariant:** what stands in headers and commands is an address that was checked or a text of the operator's, so
//! no stranger's text can add a header or a recipient.
//!
//! Source: RFC 5321, RFC 5322, RFC 3834 (mails that a program sends of itself).

mod address;
mod outbox;
mod smtp;
mod template;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::address::MailAddress;
use self::outbox::Outbox;
use self::smtp::Smtp;
use self::template::Templates;
pub use self::template::{LetterKind, Site, Values};
use crate::clock::now;
use crate::config::{Config, ConfigError, MailConfig, mailbox};
use crate::metrics::{Metrics, ServerLimit};

/// Mails that are being sent at the same time.
const SENDING_MAX: usize = 4;
/// Pause after the first failure; each further one is twice as long.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest pause between two tries.
const RETRY_LONGEST: Duration = Duration::from_mins(5);
/// Longest line of a mail, in bytes, without its end (RFC 5322, section 2.1.1).
const LINE_BYTES_MAX: usize = 998;
/// How long sending may go on when the server stops.
const FINISH_SECONDS_MAX: Duration = Duration::from_secs(5);

/// A mail, ready to go.
pub struct Written {
    /// From whom, to whom.
    envelope: Envelope,
    /// Headers and text (RFC 5322).
    bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Written {
    /// Without the text, which can hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").finish_non_exhaustive()
    }
}

/// Why a mail is not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It may go better later.
    #[error("{0}")]
    Later(String),
    /// It won't.
    #[error("{0}")]
    Never(String),
}

/// A way to get mails out.
trait Deliver: fmt::Debug + Send + Sync {
    /// How the operator knows it.
    fn name(&self) -> &'static str;
    /// Finds out what can be wrong without sending anything.
    fn prepare(&self) -> Result<(), Undelivered>;
    /// Tries once.
    fn deliver<'a>(&'a self, mail: &'a Written) -> BoxFuture<'a, Result<(), Undelivered>>;
}

/// A mail could not be sent at the operator's wish.
#[derive(Debug, thiserror::Error)]
pub enum TestFailed {
    /// There is no way to send any.
    #[error("no mail can be sent: neither mail.smtp nor mail.outbox_dir is set")]
    NotConfigured,
    /// The text is no address.
    #[error("that is no address for a mail")]
    Address,
    /// It was tried.
    #[error("the mail was not taken: {0}")]
    Undelivered(#[from] Undelivered),
}

/// Where mails are posted.
#[derive(Debug)]
pub struct Mailer {
    post: Option<Arc<Post>>,
    from: Mailbox,
    /// The sender of tokens for forgotten passwords.
    reset_from: Mailbox,
    templates: Templates,
    queue_messages_max: usize,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    metrics: Arc<Metrics>,
}

/// What the tasks share that send.
#[derive(Debug)]
struct Post {
    way: Box<dyn Deliver>,
    attempts_max: u32,
    sending: Semaphore,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
}

impl Mailer {
    /// As configured.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a sender or a text that can't be used.
    pub fn new(config: &Config, metrics: Arc<Metrics>) -> Result<Self, ConfigError> {
        let way: Option<Box<dyn Deliver>> = match (&config.mail.smtp, &config.mail.outbox_dir) {
            (Some(smtp), _) => Some(Box::new(Smtp::new(smtp.clone()))),
            (None, Some(folder)) => Some(Box::new(Outbox::new(folder))),
            (None, None) => None,
        };
        let mut mailer = Self::with_way(&config.mail, config.main.site_name(), way, metrics)?;
        let reset = &config.password_reset;
        if let Some(title) = &reset.email_title {
            mailer.templates.retitle(LetterKind::PasswordReset, title).map_err(|error| ConfigError::Value {
                name: "password_reset.email_title_en_GB",
                problem: error.to_string(),
            })?;
        }
        if let Some(from) = &reset.email_from {
            mailer.reset_from = mailbox("password_reset.email_from", from)?;
        }
        Ok(mailer)
    }

    fn with_way(
        config: &MailConfig,
        site_name: &str,
        way: Option<Box<dyn Deliver>>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ConfigError> {
        let site = Site { name: site_name.to_owned(), public_url: config.public_url().map(str::to_owned) };
        let templates = Templates::load(config.templates_dir.as_deref(), site)
            .map_err(|error| ConfigError::Value { name: "mail.templates_dir", problem: error.to_string() })?;
        let post = |way| Post {
            way,
            attempts_max: config.attempts_max,
            sending: Semaphore::new(SENDING_MAX),
            stop: CancellationToken::new(),
            metrics: Arc::clone(&metrics),
        };
        Ok(Self {
            post: way.map(post).map(Arc::new),
            from: config.sender()?,
            reset_from: config.sender()?,
            templates,
            queue_messages_max: config.queue_messages_max,
            places: Arc::new(Semaphore::new(config.queue_messages_max.min(Semaphore::MAX_PERMITS))),
            tasks: TaskTracker::new(),
            metrics,
        })
    }

    /// Whether mails go anywhere.
    pub fn is_configured(&self) -> bool {
        self.post.is_some()
    }

    /// Finds out what can be wrong without sending anything: a password or a certificate that isn't there.
    ///
    /// # Errors
    ///
    /// [`Undelivered`], for the operator.
    pub fn prepare(&self) -> Result<(), Undelivered> {
        self.post.as_ref().map_or(Ok(()), |post| post.way.prepare())
    }

    /// Mails that wait or are being sent.
    pub fn waiting(&self) -> usize {
        self.queue_messages_max.saturating_sub(self.places.available_permits())
    }

    /// Posts a mail, and doesn't wait for it. Without a way to send it, or with a full queue, it is dropped and counted.
    pub fn post(&self, kind: LetterKind, to: &MailAddress, values: Values<'_>) {
        let Some(post) = &self.post else { return self.metrics.mail(kind.name(), "not_configured") };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.metrics.limit_reached(ServerLimit::MailQueue);
            self.metrics.mail(kind.name(), "dropped");
            return tracing::error!(mail = kind.name(), "a mail is dropped: too many wait already");
        };
        let mail = self.write(kind, to, values);
        self.tasks.spawn(Arc::clone(post).run(kind, mail, place));
    }

    /// Counts a mail that can't be written: what stands in the place of an address is none.
    pub fn unaddressable(&self, kind: LetterKind) {
        self.metrics.mail(kind.name(), "no_address");
        tracing::warn!(mail = kind.name(), "a mail can't be sent: the user's e-mail address is none");
    }

    /// Sends one now, and says what came of it.
    ///
    /// # Errors
    ///
    /// [`TestFailed`], for the operator.
    pub async fn test(&self, to: &str) -> Result<&'static str, TestFailed> {
        let post = self.post.as_ref().ok_or(TestFailed::NotConfigured)?;
        let to = MailAddress::parse(to).ok_or(TestFailed::Address)?;
        let mail = self.write(LetterKind::Test, &to, Values::default());
        let result = post.way.deliver(&mail).await;
        self.metrics.mail(LetterKind::Test.name(), if result.is_ok() { "sent" } else { "failed" });
        result?;
        Ok(post.way.name())
    }

    /// Lets go what is on its way; what has to wait for another try is lost.
    pub async fn finish(&self) {
        let Some(post) = &self.post else { return };
        post.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(FINISH_SECONDS_MAX, self.tasks.wait()).await.is_err() {
            tracing::error!(mails = self.waiting(), "mails were not sent in time");
        }
    }

    fn write(&self, kind: LetterKind, to: &MailAddress, values: Values<'_>) -> Written {
        let (subject, text) = self.templates.write(kind, values);
        let to = Mailbox::new(None, to.address().clone());
        let from = if kind == LetterKind::PasswordReset { &self.reset_from } else { &self.from };
        let message_id = format!("<{}@{}>", Uuid::new_v4().simple(), from.email.domain());
        let auto = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into());
        let message = lettre::Message::builder()
            .from(from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(message_id))
            .date(std::time::UNIX_EPOCH + Duration::from_micros(u64::try_from(now().micros()).unwrap_or_default()))
            .raw_header(auto)
            .header(ContentType::TEXT_PLAIN)
            .body(body(text));
        match message {
            Ok(message) => Written { envelope: message.envelope().clone(), bytes: Zeroizing::new(message.formatted()) },
            Err(error) => unreachable!("a mail with sender and receiver can be written: {error}"),
        }
    }
}

/// As it stands where that can be: a link is no longer one when it is broken into lines.
fn body(text: String) -> Body {
    let is_short = |line: &str| line.len() <= LINE_BYTES_MAX;
    if text.is_ascii() && !text.contains('\0') && text.lines().all(is_short) {
        let lines: String = text.lines().flat_map(|line| [line, "\r\n"]).collect();
        return Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::SevenBit);
    }
    Body::new(text)
}

impl Post {
    async fn run(self: Arc<Self>, kind: LetterKind, mail: Written, _place: OwnedSemaphorePermit) {
        let outcome = match self.send(kind, &mail).await {
            Ok(()) => "sent",
            Err(Undelivered::Never(why)) => {
                tracing::error!(mail = kind.name(), why, "a mail is given up");
                "failed"
            }
            Err(Undelivered::Later(why)) => {
                tracing::error!(mail = kind.name(), why, "a mail is lost: the server stops before its next try");
                "lost"
            }
        };
        self.metrics.mail(kind.name(), outcome);
    }

    /// Tries until it is sent or given up; what is left for later is so because the server stops.
    async fn send(&self, kind: LetterKind, mail: &Written) -> Result<(), Undelivered> {
        let mut pause = RETRY_FIRST;
        for attempt in 1..=self.attempts_max {
            let why = {
                // Nobody closes it, and if so, more at a time do no harm.
                let _turn = self.sending.acquire().await;
                match self.way.deliver(mail).await {
                    Err(Undelivered::Later(why)) => why,
                    done => return done,
                }
            };
            if attempt == self.attempts_max {
                return Err(Undelivered::Never(why));
            }
            tracing::warn!(mail = kind.name(), why, attempt, "a mail has to wait for another try");
            self.metrics.mail(kind.name(), "put_off");
            if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(Undelivered::Later(why));
            }
            pause = (pause * 2).min(RETRY_LONGEST);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
