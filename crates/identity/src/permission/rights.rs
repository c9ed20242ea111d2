//! The letters of a rule: `c r s p o q`, each with the marks `+` and `!`.

use std::fmt;

/// What a rule can grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `c`: call a procedure.
    Call,
    /// `r`: register a procedure.
    Register,
    /// `s`: subscribe to a topic.
    Subscribe,
    /// `p`: publish to a topic.
    Publish,
    /// `o`: put entries into a roster.
    RosterOperate,
    /// `q`: read a roster.
    RosterQuery,
}

impl Action {
    /// All actions, in the order in which rights are written.
    pub const ALL: [Self; 6] =
        [Self::Call, Self::Register, Self::Subscribe, Self::Publish, Self::RosterOperate, Self::RosterQuery];

    /// The letter in a rule.
    pub fn letter(self) -> char {
        match self {
            Self::Call => 'c',
            Self::Register => 'r',
            Self::Subscribe => 's',
            Self::Publish => 'p',
            Self::RosterOperate => 'o',
            Self::RosterQuery => 'q',
        }
    }

    /// What it does, as a verb.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Register => "register",
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::RosterOperate => "operate the roster",
            Self::RosterQuery => "query the roster",
        }
    }

    fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.letter() == letter)
    }

    /// The action's place in [`Action::ALL`].
    pub(super) fn index(self) -> usize {
        match self {
            Self::Call => 0,
            Self::Register => 1,
            Self::Subscribe => 2,
            Self::Publish => 3,
            Self::RosterOperate => 4,
            Self::RosterQuery => 5,
        }
    }
}

/// One granted action and what it asks for besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Right {
    /// `+`: the session must have shown a credential a short while ago.
    pub elevated: bool,
    /// `!`: the URI must be documented.
    pub documented: bool,
}

/// The actions that a rule grants; empty: it grants nothing, which is a denial of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rights([Option<Right>; 6]);

/// A character that is no right and no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("permissions are made of c, r, s, p, o, q, each with + or ! behind it; {0:?} is none of these")]
pub struct RightsError(char);

impl Rights {
    /// Nothing.
    pub const NONE: Self = Self([None; 6]);
    /// Every action, without marks.
    pub const ALL: Self = Self([Some(Right { elevated: false, documented: false }); 6]);

    /// Reads a text like `c+rs!`. A `-` counts as nothing, as on the bus that this replaces.
    ///
    /// # Errors
    ///
    /// [`RightsError`] with the first character that is neither.
    pub fn parse(text: &str) -> Result<Self, RightsError> {
        let mut rights = Self::NONE;
        let mut current: Option<&mut Right> = None;
        for letter in text.chars() {
            match (letter, current.as_deref_mut()) {
                ('+', Some(right)) => right.elevated = true,
                ('!', Some(right)) => right.documented = true,
                ('-', _) => current = None,
                _ => {
                    let action = Action::from_letter(letter).ok_or(RightsError(letter))?;
                    let slot = rights.0.get_mut(action.index()).ok_or(RightsError(letter))?;
                    current = Some(slot.get_or_insert_default());
                }
            }
        }
        Ok(rights)
    }

    /// What is granted for `action`.
    pub fn get(self, action: Action) -> Option<Right> {
        self.0.get(action.index()).copied().flatten()
    }

    /// What both grant; a mark of either one holds.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        let mut both = Self::NONE;
        for (slot, action) in both.0.iter_mut().zip(Action::ALL) {
            if let (Some(one), Some(two)) = (self.get(action), other.get(action)) {
                *slot = Some(Right {
                    elevated: one.elevated || two.elevated,
                    documented: one.documented || two.documented,
                });
            }
        }
        both
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in Action::ALL {
            if let Some(right) = self.get(action) {
                write!(f, "{}", action.letter())?;
                f.write_str(if right.documented { "!" } else { "" })?;
                f.write_str(if right.elevated { "+" } else { "" })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_letters_and_marks() {
        let check = |text: &str, want: &str| assert_eq!(Rights::parse(text).unwrap().to_string(), want, "{text:?}");
        check("", "");
        check("crspoq", "crspoq");
        check("psrc", "crsp");
        check("c+r+", "c+r+");
        check("r!+", "r!+");
        check("r+!", "r!+");
        check("c-s", "cs");
    }

    #[test]
    fn refuses_other_characters_and_marks_without_a_letter() {
        for (text, found) in [("x", 'x'), ("cx", 'x'), ("+c", '+'), ("C", 'C')] {
            assert_eq!(Rights::parse(text), Err(RightsError(found)), "{text:?}");
        }
    }

    #[test]
    fn intersection_never_grants_more_than_either() {
        let both = |a: &str, b: &str| Rights::parse(a).unwrap().intersect(Rights::parse(b).unwrap()).to_string();
        assert_eq!(both("crs", "sp"), "s");
        assert_eq!(both("c", "c+"), "c+");
        assert_eq!(both("crspoq", ""), "");
    }
}
