//! Texts of mails: a subject, an empty line, lines with placeholders such as `{username}`.
//!
//! A text is read once, when the server starts, and refused if it can't do its job. What stands in for a placeholder is
//! never read as a text again, so nobody gets a placeholder in by the name that he chose.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use countersign_identity::{Secret, printable};

/// Longest value that stands in for a placeholder, in characters.
const VALUE_CHARACTERS_MAX: usize = 1_024;
/// Longest text, in bytes.
const TEMPLATE_BYTES_MAX: u64 = 64 * 1024;
/// What the first line begins with.
const SUBJECT: &str = "Subject:";

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// Somebody asked to set a new password.
    PasswordReset,
    /// Somebody signed up and has to show that the address is theirs.
    SignUpConfirm,
    /// A sign-up is through.
    SignUpWelcome,
    /// The operator tries whether mails arrive.
    Test,
}

impl LetterKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::PasswordReset, Self::SignUpConfirm, Self::SignUpWelcome, Self::Test];

    /// The name of its text: that of the file, without its ending.
    pub fn name(self) -> &'static str {
        match self {
            Self::PasswordReset => "password-reset-link",
            Self::SignUpConfirm => "signup-confirm",
            Self::SignUpWelcome => "signup-welcome",
            Self::Test => "test",
        }
    }

    fn shipped(self) -> &'static str {
        match self {
            Self::PasswordReset => include_str!("templates/password-reset-link.txt"),
            Self::SignUpConfirm => include_str!("templates/signup-confirm.txt"),
            Self::SignUpWelcome => include_str!("templates/signup-welcome.txt"),
            Self::Test => include_str!("templates/test.txt"),
        }
    }

    /// The page to which its link leads, behind the public address; `None`: it brings no token.
    fn page(self) -> Option<&'static str> {
        match self {
            Self::PasswordReset => Some("/password/reset"),
            Self::SignUpConfirm => Some("/signup/confirm"),
            Self::SignUpWelcome | Self::Test => None,
        }
    }
}

/// What stands in for the placeholders.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// `{username}`
    pub username: &'a str,
    /// `{token}`, and the end of `{link}`.
    pub token: Option<&'a Secret>,
    /// `{expiration_time_hours}`: how long the token works.
    pub valid_for: Duration,
}

/// What the operator set, the same for all mails.
#[derive(Debug, Clone)]
pub struct Site {
    /// `{site_name}`
    pub name: String,
    /// The start of `{link}`. Never what a request says of the server's name.
    pub public_url: Option<String>,
}

/// Why a text can't be used. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The folder or a file can't be read.
    #[error("can't be read: {0}")]
    Io(#[from] std::io::Error),
    /// A file that is no text of a mail.
    #[error("{0:?} is not the name of a text; these are {known}", known = known_files())]
    UnknownFile(String),
    /// The text is too long.
    #[error("{0}.txt has more than {TEMPLATE_BYTES_MAX} bytes")]
    TooLong(&'static str),
    /// The first two lines are not as they have to be.
    #[error("{0}.txt has to begin with a line \"Subject: …\" and an empty line")]
    Head(&'static str),
    /// There is no such placeholder.
    #[error("{0}.txt has an unknown placeholder {{{1}}}")]
    Placeholder(&'static str, String),
    /// A token would be in the subject, where everybody sees it.
    #[error("{0}.txt has a token in its subject")]
    TokenInSubject(&'static str),
    /// A mail without a token, whose reader could do nothing.
    #[error("{0}.txt needs {{token}}, or {{link}} together with mail.public_url")]
    NoToken(&'static str),
}

fn known_files() -> String {
    LetterKind::ALL.map(|kind| format!("{}.txt", kind.name())).join(", ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Username,
    SiteName,
    Token,
    Link,
    ExpirationTimeHours,
}

impl Placeholder {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "username" => Self::Username,
            "site_name" => Self::SiteName,
            "token" => Self::Token,
            "link" => Self::Link,
            "expiration_time_hours" => Self::ExpirationTimeHours,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

#[derive(Debug)]
struct Template {
    kind: LetterKind,
    subject: Vec<Piece>,
    lines: Vec<Vec<Piece>>,
}

/// The texts of all mails.
#[derive(Debug)]
pub struct Templates {
    templates: Vec<Template>,
    site: Site,
}

impl Templates {
    /// Those that are there, and in their place those of a folder.
    ///
    /// # Errors
    ///
    /// [`TemplateError`], which names the file.
    pub fn load(folder: Option<&Path>, site: Site) -> Result<Self, TemplateError> {
        if let Some(folder) = folder {
            check_names(folder)?;
        }
        let mut templates = Vec::new();
        for kind in LetterKind::ALL {
            let given = folder.map(|folder| folder.join(format!("{}.txt", kind.name()))).filter(|path| path.exists());
            let text = match given {
                None => kind.shipped().to_owned(),
                Some(path) if std::fs::metadata(&path)?.len() > TEMPLATE_BYTES_MAX => {
                    return Err(TemplateError::TooLong(kind.name()));
                }
                Some(path) => std::fs::read_to_string(&path)?,
            };
            templates.push(Template::parse(kind, &text, site.public_url.is_some())?);
        }
        Ok(Self { templates, site })
    }

    /// Gives mails another subject.
    ///
    /// # Errors
    ///
    /// [`TemplateError`].
    pub fn retitle(&mut self, kind: LetterKind, subject: &str) -> Result<(), TemplateError> {
        let subject = Template::subject(kind.name(), subject)?;
        for template in self.templates.iter_mut().filter(|template| template.kind == kind) {
            template.subject.clone_from(&subject);
        }
        Ok(())
    }

    /// Subject and text of a mail.
    pub fn write(&self, kind: LetterKind, values: Values<'_>) -> (String, String) {
        let Some(template) = self.templates.iter().find(|template| template.kind == kind) else {
            unreachable!("there is a text for every kind")
        };
        let value = |placeholder| self.value(kind, values, placeholder);
        let subject = line(&template.subject, &value).unwrap_or_default();
        let lines: Vec<String> = template.lines.iter().filter_map(|pieces| line(pieces, &value)).collect();
        (subject, format!("{}\n", lines.join("\n").trim_end()))
    }

    fn value(&self, kind: LetterKind, values: Values<'_>, placeholder: Placeholder) -> Option<String> {
        let text = match placeholder {
            Placeholder::Username => values.username.to_owned(),
            Placeholder::SiteName => self.site.name.clone(),
            Placeholder::Token => values.token?.expose().to_owned(),
            Placeholder::Link => {
                format!("{}{}?token={}", self.site.public_url.as_deref()?, kind.page()?, values.token?.expose())
            }
            Placeholder::ExpirationTimeHours => hours(values.valid_for),
        };
        Some(printable(&text, VALUE_CHARACTERS_MAX))
    }
}

/// Any other file is a slip: its author believes that it counts.
fn check_names(folder: &Path) -> Result<(), TemplateError> {
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let stem = name.strip_suffix(".txt");
        if stem.is_some_and(|stem| LetterKind::ALL.iter().all(|kind| kind.name() != stem)) {
            return Err(TemplateError::UnknownFile(name));
        }
    }
    Ok(())
}

impl Template {
    fn parse(kind: LetterKind, text: &str, has_links: bool) -> Result<Self, TemplateError> {
        let name = kind.name();
        let mut lines = text.lines();
        let subject = lines.next().and_then(|line| line.strip_prefix(SUBJECT)).map(str::trim);
        let subject = subject.filter(|subject| !subject.is_empty()).ok_or(TemplateError::Head(name))?;
        if lines.next().is_none_or(|line| !line.trim().is_empty()) {
            return Err(TemplateError::Head(name));
        }
        let read = |line| pieces(line).map_err(|unknown| TemplateError::Placeholder(name, unknown));
        let subject = Self::subject(name, subject)?;
        let lines = lines.map(read).collect::<Result<Vec<_>, _>>()?;
        let brings = |piece: &Piece| match piece {
            Piece::Value(Placeholder::Token) => true,
            Piece::Value(Placeholder::Link) => has_links,
            _ => false,
        };
        if kind.page().is_some() && !lines.iter().flatten().any(brings) {
            return Err(TemplateError::NoToken(name));
        }
        Ok(Self { kind, subject, lines })
    }

    fn subject(name: &'static str, text: &str) -> Result<Vec<Piece>, TemplateError> {
        let subject = pieces(&printable(text, VALUE_CHARACTERS_MAX));
        let subject = subject.map_err(|unknown| TemplateError::Placeholder(name, unknown))?;
        let is_token = |piece: &Piece| matches!(piece, Piece::Value(Placeholder::Token | Placeholder::Link));
        if subject.iter().any(is_token) { Err(TemplateError::TokenInSubject(name)) } else { Ok(subject) }
    }
}

/// Takes a line apart; what stands in braces but can't be a name is text. An unknown name is the error.
fn pieces(line: &str) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut rest) = (Vec::new(), line);
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let mut text = String::new();
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(before);
        match behind.split_once('}') {
            Some((name, after)) if is_name(name) => {
                let placeholder = Placeholder::parse(name).ok_or(name)?;
                pieces.extend([Piece::Text(std::mem::take(&mut text)), Piece::Value(placeholder)]);
                rest = after;
            }
            _ => {
                text.push('{');
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// A line; `None` if it has a placeholder for which there is nothing.
fn line(pieces: &[Piece], value: &impl Fn(Placeholder) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Value(placeholder) => text.push_str(&value(*placeholder)?),
        }
    }
    Some(text)
}

/// Hours, with a tenth where there is one; never more than there are.
fn hours(duration: Duration) -> String {
    let tenths = duration.as_secs() / 360;
    let mut text = (tenths / 10).to_string();
    if !tenths.is_multiple_of(10) {
        // Writing to a string can't fail.
        let _ = write!(text, ".{}", tenths % 10);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(public_url: Option<&str>) -> Site {
        Site { name: "Example".into(), public_url: public_url.map(str::to_owned) }
    }

    fn parse(kind: LetterKind, text: &str) -> Result<Template, String> {
        Template::parse(kind, text, false).map_err(|error| error.to_string())
    }

    fn written(templates: &Templates, username: &str) -> (String, String) {
        let token = Secret::new("csprt_x");
        let values = Values { username, token: Some(&token), valid_for: Duration::from_hours(24) };
        templates.write(LetterKind::PasswordReset, values)
    }

    #[test]
    fn the_shipped_texts_bring_link_and_token() {
        let templates = Templates::load(None, site(Some("https://app.example.com"))).unwrap();
        let (subject, text) = written(&templates, "kristen98");
        assert_eq!(subject, "Set a new password for Example");
        assert!(text.contains("Hello kristen98,\n") && text.contains("\n\ncsprt_x\n\n"), "{text}");
        assert!(text.contains(" https://app.example.com/password/reset?token=csprt_x\n"), "{text}");
        assert!(text.contains("within 24 hours"), "{text}");
    }

    #[test]
    fn a_line_with_nothing_to_stand_in_is_left_out() {
        let templates = Templates::load(None, site(None)).unwrap();
        let (_, text) = written(&templates, "kristen98");
        assert!(!text.contains("here:") && text.contains("csprt_x"), "{text}");
    }

    #[test]
    fn a_name_brings_neither_lines_nor_placeholders() {
        let templates = Templates::load(None, site(None)).unwrap();
        let (_, text) = written(&templates, "x\r\nBcc: y{token}");
        assert!(text.contains("Hello x\u{fffd}\u{fffd}Bcc: y{token},\n"), "{text}");
    }

    #[test]
    fn refuses_a_text_that_can_not_do_its_job() {
        let check = |text: &str, says: &str| {
            let error = parse(LetterKind::PasswordReset, text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        };
        check("", "Subject");
        check("password-reset-link.txt", "Subject");
        check("Subject:\n\n{token}", "Subject");
        check("Subject: x\n{token}", "empty line");
        check("Subject: x\n\n{user}", "unknown placeholder {user}");
        check("Subject: {token}\n\n{token}", "in its subject");
        check("Subject: x\n\nHello {username}", "needs {token}");
        // Without a public address a link is nothing.
        check("Subject: x\n\n{link}", "needs {token}");
        assert!(parse(LetterKind::PasswordReset, "Subject: x\n\n{token}").is_ok());
        assert!(parse(LetterKind::SignUpWelcome, "Subject: x\n\nWelcome").is_ok());
    }

    #[test]
    fn braces_around_anything_else_are_text() {
        let check = |text: &str, want: &[Piece]| assert_eq!(pieces(text).unwrap(), want, "{text}");
        let text = |text: &str| Piece::Text(text.into());
        check("{ a } {A} {", &[text("{ a } {A} {")]);
        check("{{token}}", &[text("{"), Piece::Value(Placeholder::Token), text("}")]);
    }

    #[test]
    fn a_folder_replaces_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password-reset-link.txt"), "Subject: S\n\nT {token}\n").unwrap();
        let templates = Templates::load(Some(folder.path()), site(None)).unwrap();
        assert_eq!(written(&templates, "x"), ("S".into(), "T csprt_x\n".into()));
        std::fs::write(folder.path().join("password-reset.txt"), "x").unwrap();
        let error = Templates::load(Some(folder.path()), site(None)).unwrap_err().to_string();
        assert!(error.contains("password-reset.txt") && error.contains("signup-welcome.txt"), "{error}");
    }

    #[test]
    fn hours_are_written_with_a_tenth_where_there_is_one() {
        let check = |minutes: u64, want: &str| assert_eq!(hours(Duration::from_mins(minutes)), want);
        check(1_440, "24");
        check(90, "1.5");
        check(30, "0.5");
        check(59, "0.9");
    }
}
