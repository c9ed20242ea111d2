//! The pattern of a rule: exact elements, `/regex/` elements, and a final `*`.

use std::fmt;

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
    Regex(Regex),
}

impl Element {
    /// Whether one element of a URI fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    /// How it stands in the pattern; two elements are the same if this is.
    pub(super) fn key(&self) -> (bool, &str) {
        match self {
            Self::Exact(exact) => (false, exact),
            Self::Regex(regex) => (true, regex.as_str()),
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
        return Ok((Element::Regex(compile(expression)?), rest));
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

/// Compiles with the engine's linear-time guarantee: whatever a user writes into a key's rule
/// can't hold up the bus.
fn compile(expression: &str) -> Result<Regex, PatternError> {
    if expression.len() > REGEX_BYTES_MAX {
        return Err(PatternError::TooLong);
    }
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
    fn an_explosive_expression_is_matched_in_linear_time() {
        let pattern = Pattern::parse("/(a+)+$/").unwrap();
        let element = pattern.elements.first().unwrap();
        assert!(!element.fits(&format!("{}b", "a".repeat(10_000))));
    }
}
