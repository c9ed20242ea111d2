//! The pattern of a rule: exact elements, `/regex/` elements, and a final `*`.

use std::fmt;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1024;
/// Longest regular expression within a pattern, in bytes.
const REGEX_BYTES_MAX: usize = 256;
/// Largest compiled regular expression, in bytes.
const REGEX_COMPILED_BYTES_MAX: usize = 64 * 1024;

/// The pattern of a rule, as `com.example./order:.*/.*`.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    elements: Vec<Element>,
    has_tail: bool,
}

/// One element of a pattern.
#[derive(Clone)]
pub(super) enum Element {
    /// This text.
    Exact(String),
    /// A text that the expression matches at its start, without regard to case.
    Regex(Expression),
}

/// A regular expression. Compiled when it is first needed, and at the latest with the rules that it belongs to.
#[derive(Clone)]
pub(super) struct Expression {
    text: Box<str>,
    /// The text in lower case with which every match begins; empty if nothing is known of it.
    start: Box<str>,
    /// `None` for what can't be compiled.
    compiled: OnceLock<Option<Regex>>,
}

impl Expression {
    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| compile(&self.text).ok()).as_ref()
    }
}

impl Element {
    /// Whether one element of a URI fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Regex(expression) => expression.regex().is_some_and(|regex| regex.is_match(text)),
        }
    }

    /// The text in lower case with which whatever fits begins, if it is of ASCII.
    pub(super) fn start(&self) -> &str {
        match self {
            Self::Exact(exact) => exact,
            Self::Regex(expression) => &expression.start,
        }
    }

    /// How it stands in the pattern; two elements are the same if this is.
    pub(super) fn key(&self) -> (bool, &str) {
        match self {
            Self::Exact(exact) => (false, exact),
            Self::Regex(expression) => (true, &expression.text),
        }
    }
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing is there, or nothing between two dots.
    #[error("a pattern has no empty elements")]
    EmptyElement,
    /// A control character, which no URI has and no table shows.
    #[error("a pattern has no control characters")]
    ControlCharacter,
    /// More than the longest pattern.
    #[error("a pattern has at most {PATTERN_BYTES_MAX} bytes, an expression in it {REGEX_BYTES_MAX}")]
    TooLong,
    /// A `/` without its partner, or something between it and the next dot.
    #[error("a regular expression stands between two slashes and fills its element")]
    Unterminated,
    /// The expression can't be compiled, or only to something too large.
    #[error("the regular expression /{0}/ can't be used")]
    Regex(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError`], by the first thing found wrong.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let pattern = Self::parse_stored(text)?;
        for expression in pattern.expressions() {
            // Kept, so that it isn't compiled again.
            let _ = expression.compiled.set(Some(compile(&expression.text)?));
        }
        Ok(pattern)
    }

    /// Reads a pattern that was read by [`Self::parse`] before it was stored: its expressions are not compiled yet, which
    /// would cost more than reading all the rest.
    ///
    /// # Errors
    ///
    /// [`PatternError`], but for expressions that can't be compiled.
    pub fn parse_stored(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(PatternError::ControlCharacter);
        }
        let mut elements = Vec::new();
        let mut has_tail = false;
        let mut rest = Some(text);
        while let Some(current) = rest {
            let (element, after) = next_element(current)?;
            rest = after;
            if rest.is_none() && current == "*" {
                has_tail = true;
            } else {
                elements.push(element);
            }
        }
        Ok(Self { text: text.to_owned(), elements, has_tail })
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it stands for one URI only.
    pub(super) fn is_exact(&self) -> bool {
        !self.has_tail && self.elements.iter().all(|element| matches!(element, Element::Exact(_)))
    }

    /// Compiles its expressions; whether all of them can be.
    pub(super) fn compile(&self) -> bool {
        self.expressions().all(|expression| expression.regex().is_some())
    }

    /// Its expressions.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.elements.iter().filter_map(|element| match element {
            Element::Exact(_) => None,
            Element::Regex(expression) => Some(expression),
        })
    }

    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// Whether a final `*` takes one or more further elements.
    pub(super) fn has_tail(&self) -> bool {
        self.has_tail
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The element at the start of `text`, and what follows the dot behind it.
fn next_element(text: &str) -> Result<(Element, Option<&str>), PatternError> {
    if let Some(inner) = text.strip_prefix('/') {
        let (expression, behind) = inner.split_once('/').ok_or(PatternError::Unterminated)?;
        let rest = match behind.strip_prefix('.') {
            Some(rest) => Some(rest),
            None if behind.is_empty() => None,
            None => return Err(PatternError::Unterminated),
        };
        if expression.len() > REGEX_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        let (text, start) = (expression.into(), literal_start(expression).into());
        return Ok((Element::Regex(Expression { text, start, compiled: OnceLock::new() }), rest));
    }
    let (element, rest) = match text.split_once('.') {
        Some((element, rest)) => (element, Some(rest)),
        None => (text, None),
    };
    if element.is_empty() {
        return Err(PatternError::EmptyElement);
    }
    Ok((Element::Exact(element.to_owned()), rest))
}

/// The plain text with which every match of an expression begins, in lower case. Rather less than there is.
fn literal_start(expression: &str) -> String {
    if expression.contains('|') {
        return String::new();
    }
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':');
    let mut start: String = expression.chars().take_while(is_plain).collect();
    // A quantifier that allows none takes the character before it away.
    if expression.get(start.len()..).is_some_and(|rest| rest.starts_with(['?', '*', '{'])) {
        start.pop();
    }
    start.make_ascii_lowercase();
    start
}

/// Compiles with the engine's linear-time guarantee: whatever a user writes into a key's rule
/// can't hold up the bus.
fn compile(expression: &str) -> Result<Regex, PatternError> {
    let build = |text: &str| {
        RegexBuilder::new(text)
            .case_insensitive(true)
            .size_limit(REGEX_COMPILED_BYTES_MAX)
            .dfa_size_limit(REGEX_COMPILED_BYTES_MAX)
            .build()
            .map_err(|_| PatternError::Regex(expression.to_owned()))
    };
    // By itself first: `a)|(b` is none, but would close the group below and slip the anchor.
    build(expression)?;
    build(&format!("^(?:{expression})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Result<(usize, bool), PatternError> {
        Pattern::parse(text).map(|pattern| (pattern.elements.len(), pattern.has_tail))
    }

    #[test]
    fn splits_into_elements() {
        assert_eq!(shape("a.b.c"), Ok((3, false)));
        assert_eq!(shape("a.b.*"), Ok((2, true)));
        assert_eq!(shape("*"), Ok((0, true)));
        assert_eq!(shape("*.*"), Ok((1, true)));
        assert_eq!(shape("a.b*"), Ok((2, false)));
        assert_eq!(shape("a./x.*y/.b"), Ok((3, false)));
        assert_eq!(shape("/zerp.*/.*"), Ok((1, true)));
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        assert_eq!(shape(""), Err(PatternError::EmptyElement));
        assert_eq!(shape("a..b"), Err(PatternError::EmptyElement));
        assert_eq!(shape("a."), Err(PatternError::EmptyElement));
        assert_eq!(shape("a\0.b"), Err(PatternError::ControlCharacter));
        assert_eq!(shape("a./b\n/"), Err(PatternError::ControlCharacter));
        assert_eq!(shape("a./b"), Err(PatternError::Unterminated));
        assert_eq!(shape("a./b/c"), Err(PatternError::Unterminated));
        assert_eq!(shape("/(/"), Err(PatternError::Regex("(".into())));
        // Parentheses that would close our own group, and so leave the anchor behind.
        assert_eq!(shape("/a)|(b/"), Err(PatternError::Regex("a)|(b".into())));
    }

    #[test]
    fn bounds_length_and_size() {
        assert!(shape(&"a".repeat(PATTERN_BYTES_MAX)).is_ok());
        assert_eq!(shape(&"a".repeat(PATTERN_BYTES_MAX + 1)), Err(PatternError::TooLong));
        assert_eq!(shape(&format!("/{}/", "a".repeat(REGEX_BYTES_MAX + 1))), Err(PatternError::TooLong));
        assert!(matches!(shape("/(((a{1,99}){1,99}){1,99})/"), Err(PatternError::Regex(_))));
    }

    #[test]
    fn what_is_stored_is_compiled_when_it_is_needed() {
        let stored = Pattern::parse_stored("a./b.*/").unwrap();
        assert!(stored.expressions().all(|expression| expression.compiled.get().is_none()));
        assert!(stored.compile() && stored.elements[1].fits("bc"));
        assert!(Pattern::parse("a./b.*/").unwrap().expressions().all(|expression| expression.compiled.get().is_some()));
        let broken = Pattern::parse_stored("a./(/").unwrap();
        assert!(!broken.compile() && !broken.elements[1].fits("("));
        assert_eq!(Pattern::parse_stored("a..b"), Err(PatternError::EmptyElement));
    }

    #[test]
    fn knows_with_which_text_a_match_begins() {
        let check = |expression: &str, want: &str| assert_eq!(literal_start(expression), want, "{expression}");
        check("dashboard:.*", "dashboard:");
        check("Dash_1-x:y", "dash_1-x:y");
        check("", "");
        check(".*", "");
        check("^a", "");
        check("(ab)", "");
        check("(?-i)ab", "");
        check("[ab]c", "");
        check("ab?", "a");
        check("ab*c", "a");
        check("ab{0,2}", "a");
        check("a?", "");
        check("ab+c", "ab");
        check("a b", "a");
        check("ab$", "ab");
        check("ab\\.c", "ab");
        check("a|b", "");
        check("ab(c|d)", "");
        check("\u{e4}b", "");
    }

    #[test]
    fn an_explosive_expression_is_matched_in_linear_time() {
        let pattern = Pattern::parse("/(a+)+$/").unwrap();
        let element = pattern.elements.first().unwrap();
        assert!(!element.fits(&format!("{}b", "a".repeat(10_000))));
    }
}
