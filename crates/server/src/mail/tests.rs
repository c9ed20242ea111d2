//! The queue, with a way to deliver that does as it is told.

use std::collections::VecDeque;
use std::sync::Mutex;

use countersign_identity::Secret;
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::*;

/// Answers as it was told, then that all is well; notes when it was asked.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<(), Undelivered>>>,
    asked: Mutex<Vec<Instant>>,
    texts: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Way(Arc<Scripted>);

impl Deliver for Way {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn prepare(&self) -> Result<(), Undelivered> {
        Ok(())
    }

    fn deliver<'a>(&'a self, mail: &'a Written) -> BoxFuture<'a, Result<(), Undelivered>> {
        self.0.asked.lock().unwrap().push(Instant::now());
        self.0.texts.lock().unwrap().push(String::from_utf8(mail.bytes.to_vec()).unwrap());
        let answer = self.0.answers.lock().unwrap().pop_front().unwrap_or(Ok(()));
        async move { answer }.boxed()
    }
}

fn mailer(toml: &str, answers: &[Result<(), Undelivered>]) -> (Mailer, Arc<Scripted>) {
    let script = Arc::new(Scripted { answers: Mutex::new(answers.iter().cloned().collect()), ..Scripted::default() });
    let config: MailConfig = toml::from_str(toml).unwrap();
    let way: Box<dyn Deliver> = Box::new(Way(Arc::clone(&script)));
    (Mailer::with_way(&config, "Example", Some(way), Arc::default()).unwrap(), script)
}

fn later() -> Result<(), Undelivered> {
    Err(Undelivered::Later("450 later".into()))
}

fn post(mailer: &Mailer, username: &str) {
    let token = Secret::new("csprt_secret");
    let values = Values { username, token: Some(&token), valid_for: Duration::from_hours(24) };
    mailer.post(LetterKind::PasswordReset, &MailAddress::parse("kristen@example.com").unwrap(), values);
}

/// Waits, in virtual time, until nothing is on its way.
async fn quiet(mailer: &Mailer) {
    while mailer.waiting() > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn counted(mailer: &Mailer, outcome: &str) -> u64 {
    let mut text = crate::metrics::Text::default();
    mailer.metrics.write(&mut text);
    let name = format!("countersign_mails_total{{mail=\"password-reset-link\",outcome=\"{outcome}\"}} ");
    text.finish().lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn tries_again_with_growing_pauses_until_it_is_taken() {
    let (mailer, script) = mailer("", &[later(), later(), later()]);
    post(&mailer, "kristen98");
    assert_eq!(mailer.waiting(), 1);
    quiet(&mailer).await;
    let asked = script.asked.lock().unwrap().clone();
    let pauses: Vec<u64> = asked.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4]);
    assert_eq!((counted(&mailer, "put_off"), counted(&mailer, "sent")), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn gives_up_after_the_last_try_and_at_once_when_it_is_hopeless() {
    let (mailer, script) = mailer("attempts_max = 3", &[later(), later(), later()]);
    post(&mailer, "kristen98");
    quiet(&mailer).await;
    assert_eq!((script.asked.lock().unwrap().len(), counted(&mailer, "failed")), (3, 1));
    script.answers.lock().unwrap().push_back(Err(Undelivered::Never("550 no".into())));
    post(&mailer, "kristen98");
    quiet(&mailer).await;
    assert_eq!((script.asked.lock().unwrap().len(), counted(&mailer, "failed")), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_another_try_holds_up_no_other() {
    let (mailer, script) = mailer("", &[later()]);
    for _ in 0..3 {
        post(&mailer, "kristen98");
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((script.asked.lock().unwrap().len(), mailer.waiting()), (3, 1));
    quiet(&mailer).await;
    assert_eq!(counted(&mailer, "sent"), 3);
}

#[tokio::test(start_paused = true)]
async fn drops_what_does_not_fit_into_the_queue() {
    let (mailer, _) = mailer("queue_messages_max = 2", &[]);
    for _ in 0..3 {
        post(&mailer, "kristen98");
    }
    assert_eq!((mailer.waiting(), counted(&mailer, "dropped")), (2, 1));
    assert_eq!(mailer.metrics.times_reached(ServerLimit::MailQueue), 1);
    quiet(&mailer).await;
    post(&mailer, "kristen98");
    quiet(&mailer).await;
    assert_eq!(counted(&mailer, "sent"), 3);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_another_try_does_not_hold_up_the_end() {
    let (mailer, _) = mailer("", &[later()]);
    post(&mailer, "kristen98");
    tokio::time::sleep(Duration::from_millis(1)).await;
    let asked = Instant::now();
    mailer.finish().await;
    assert_eq!((asked.elapsed().as_secs(), counted(&mailer, "lost")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn without_a_way_mails_are_dropped() {
    let mailer = Mailer::new(&Config::default(), Arc::default()).unwrap();
    post(&mailer, "kristen98");
    assert_eq!((mailer.waiting(), counted(&mailer, "not_configured")), (0, 1));
}

#[test]
fn a_link_stays_whole_and_what_no_mail_can_carry_as_it_stands_is_encoded() {
    let link = format!("https://app.example.com/{}?token=csprt_x", "a".repeat(200));
    let plain = body(format!("one\n{link}\n"));
    assert_eq!(plain.as_ref(), format!("one\r\n{link}\r\n").as_bytes());
    for text in ["ä".to_owned(), "x".repeat(LINE_BYTES_MAX + 1)] {
        let encoded = body(text);
        assert_ne!(encoded.encoding(), ContentTransferEncoding::SevenBit);
        assert!(encoded.as_ref().split(|byte| *byte == b'\n').all(|line| line.len() <= LINE_BYTES_MAX));
    }
}

#[tokio::test(start_paused = true)]
async fn resets_have_a_sender_and_a_subject_of_their_own_where_set() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[main]\nsite_name = 'Example'\n[password_reset]\nemail_title_en_GB = 'New password at {site_name}'\nemail_from = 'reset@example.com'";
    let mut config: Config = toml::from_str(text).unwrap();
    config.mail.outbox_dir = Some(folder.path().to_owned());
    let mailer = Mailer::new(&config, Arc::default()).unwrap();
    let written = |kind| {
        let to = MailAddress::parse("kristen@example.com").unwrap();
        String::from_utf8(mailer.write(kind, &to, Values::default()).bytes.to_vec()).unwrap()
    };
    let reset = written(LetterKind::PasswordReset);
    assert!(reset.contains("From: reset@example.com\r\n"), "{reset}");
    assert!(reset.contains("Subject: New password at Example\r\n"), "{reset}");
    assert!(written(LetterKind::Test).contains("From: countersign@localhost\r\n"));
    for wrong in ["email_title_en_GB = '{token}'", "email_title_en_GB = '{x}'", "email_from = 'nobody'"] {
        let config: Config = toml::from_str(&format!("[password_reset]\n{wrong}")).unwrap();
        let error = Mailer::new(&config, Arc::default()).unwrap_err().to_string();
        assert!(error.contains("password_reset.email_"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mail_has_the_headers_that_it_should_and_no_other() {
    let (mailer, script) = mailer("from = 'Example <no-reply@example.com>'", &[]);
    post(&mailer, "Jürgen\r\nBcc: all@example.com\r\n\r\n.\r\nQUIT");
    quiet(&mailer).await;
    let text = script.texts.lock().unwrap().remove(0);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = head.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    let want =
        ["From", "To", "Subject", "Message-ID", "Date", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding"];
    assert!(want.iter().all(|name| names.contains(name)) && names.len() == want.len(), "{head}");
    assert!(head.contains("To: kristen@example.com\r\n") && head.contains("<no-reply@example.com>"), "{head}");
    assert!(!body.lines().any(|line| line.starts_with("Bcc:") || line == "."), "{body}");
    assert!(!format!("{mailer:?}").contains("kristen"));
}
