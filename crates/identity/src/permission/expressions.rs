//! The expressions at one place of the trie, with what is below each.
//!
//! There may be very many at one place, and matching one costs as much as the rest of a decision. So those that begin with a
//! plain text are found by it, and only those that can match at all are tried.

use std::borrow::Cow;
use std::collections::HashMap;

use super::pattern::Element;

/// Expressions and what is below them.
#[derive(Debug)]
pub(super) struct Expressions<T> {
    all: Vec<(Element, T)>,
    /// Places in `all`, by the expression.
    by_text: HashMap<String, usize>,
    /// Places in `all`, by the text in lower case with which every match begins.
    by_start: HashMap<String, Vec<usize>>,
    /// The lengths of these texts, each once.
    lengths: Vec<usize>,
    /// Places in `all` of those without such a text.
    others: Vec<usize>,
}

impl<T> Default for Expressions<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            by_text: HashMap::new(),
            by_start: HashMap::new(),
            lengths: Vec::new(),
            others: Vec::new(),
        }
    }
}

impl<T: Default> Expressions<T> {
    /// What is below this expression, made where there is nothing yet.
    pub fn below(&mut self, element: &Element) -> &mut T {
        let (_, text) = element.key();
        let place = if let Some(place) = self.by_text.get(text) {
            *place
        } else {
            let place = self.all.len();
            self.by_text.insert(text.to_owned(), place);
            self.index(element.start(), place);
            self.all.push((element.clone(), T::default()));
            place
        };
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        let (_, below) = &mut self.all[place];
        below
    }

    fn index(&mut self, start: &str, place: usize) {
        if start.is_empty() {
            self.others.push(place);
            return;
        }
        if !self.lengths.contains(&start.len()) {
            self.lengths.push(start.len());
        }
        self.by_start.entry(start.to_owned()).or_default().push(place);
    }

    /// Visits what is below each expression that `component` fits.
    pub fn visit(&self, component: &str, mut visit: impl FnMut(&T)) {
        if self.all.is_empty() {
            return;
        }
        let mut try_one = |(element, below): &(Element, T)| {
            if element.fits(component) {
                visit(below);
            }
        };
        // Letters outside ASCII can equal letters in it without regard to case.
        if !component.is_ascii() {
            return self.all.iter().for_each(try_one);
        }
        let is_lower = !component.bytes().any(|byte| byte.is_ascii_uppercase());
        let lower = if is_lower { Cow::Borrowed(component) } else { Cow::Owned(component.to_ascii_lowercase()) };
        let of_start = |length: &usize| lower.get(..*length).and_then(|start| self.by_start.get(start));
        let places = self.lengths.iter().filter_map(of_start).flatten().chain(&self.others);
        places.filter_map(|place| self.all.get(*place)).for_each(&mut try_one);
    }
}
