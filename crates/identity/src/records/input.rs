//! What a caller gave, whatever serializer it came through.

use crate::{Timestamp, printable};

/// A value of a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Nothing.
    Null,
    /// A truth value.
    Truth(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
    /// A time.
    Time(Timestamp),
    /// A list.
    List(Vec<Input>),
    /// A dictionary.
    Dict(Vec<(String, Input)>),
    /// Something that no field holds, such as bytes.
    Other,
}

/// Longest part of a filter that an error repeats, in characters.
const SHOWN_CHARACTERS_MAX: usize = 100;

impl Input {
    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// For an error: its beginning, without anything that could forge a line of a log.
    pub(super) fn shown(&self) -> String {
        let mut text = String::new();
        self.show(&mut text);
        printable(&text, SHOWN_CHARACTERS_MAX)
    }

    /// Writes until there is enough.
    fn show(&self, out: &mut String) {
        if out.len() > SHOWN_CHARACTERS_MAX {
            return;
        }
        match self {
            Self::Null => out.push_str("null"),
            Self::Truth(truth) => out.push_str(&truth.to_string()),
            Self::Int(number) => out.push_str(&number.to_string()),
            Self::Float(number) => out.push_str(&number.to_string()),
            Self::Text(text) => {
                out.push('\'');
                out.extend(text.chars().take(SHOWN_CHARACTERS_MAX));
                out.push('\'');
            }
            Self::Time(time) => out.push_str(&time.to_rfc3339()),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push_str(", ");
                    }
                    item.show(out);
                    if out.len() > SHOWN_CHARACTERS_MAX {
                        break;
                    }
                }
                out.push(']');
            }
            Self::Dict(_) => out.push_str("{…}"),
            Self::Other => out.push_str("bytes"),
        }
    }
}
