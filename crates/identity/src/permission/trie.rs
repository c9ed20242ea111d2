//! Rules compiled for look-up: one walk from the first element of a URI to its last.
//!
//! Of several rules that match, the one with most elements wins (a final `*` is no element),
//! then the one with most exact elements; a tie is a conflict and refuses. At each node the
//! final `*` counts only where nothing below it matches.
//!
//! A walk visits a node at most once, so its cost is bounded by the number of rules whatever
//! the URI; regular expressions are matched in linear time.

use std::collections::HashMap;

use super::expressions::Expressions;
use super::known::{Found, Known};
use super::pattern::Element;
use super::{Action, Right, Rights, Rule};

/// URIs of one generation whose answers a role remembers.
const ROLE_URIS_KNOWN: usize = 2_048;
/// The same of a key, which has a set of its own in every session.
const KEY_URIS_KNOWN: usize = 32;

/// Which URIs a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriMatch<'a> {
    /// This one.
    Exact(&'a str),
    /// All that start with this text.
    Prefix(&'a str),
    /// All with this many components, equal where one is not empty.
    Wildcard(&'a str),
}

/// Why something is not permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No rule grants it.
    NoRule,
    /// Two rules match equally well; none counts.
    Conflict,
    /// The credential with which the session was opened doesn't reach so far.
    Restricted,
}

/// The rules of a role or of a credential, ready for questions.
#[derive(Debug, Default)]
pub struct RuleSet {
    root: Node,
    rules: Vec<Rule>,
    known: Known,
}

#[derive(Debug, Default)]
struct Node {
    exact: HashMap<String, Node>,
    /// Boxed: nearly no node has any.
    regex: Option<Box<Expressions<Node>>>,
    rule: Option<Rights>,
    tail: Option<Rights>,
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.key(), f)
    }
}

/// How well a rule matches: more elements first, then more exact ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    elements: usize,
    exact: usize,
}

#[derive(Debug, Clone, Copy)]
struct Hit {
    fit: Fit,
    rights: Rights,
    tied: bool,
}

impl RuleSet {
    /// Compiles `rules`. Where two have the same pattern, only what both grant is granted. Where an expression can't be
    /// compiled, which nobody can have given, nothing at all is.
    pub fn new(rules: Vec<Rule>) -> Self {
        if !rules.iter().all(|rule| rule.pattern.compile()) {
            return Self::default();
        }
        let mut root = Node::default();
        for rule in &rules {
            root.insert(rule);
        }
        Self { root, rules, known: Known::default() }
    }

    /// The same for a role: remembers what it has found.
    pub fn of_role(rules: Vec<Rule>) -> Self {
        Self { known: Known::new(ROLE_URIS_KNOWN), ..Self::new(rules) }
    }

    /// The same for a key: remembers a little.
    pub fn of_key(rules: Vec<Rule>) -> Self {
        Self { known: Known::new(KEY_URIS_KNOWN), ..Self::new(rules) }
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether `action` is granted on everything that `uri` stands for, and under which marks.
    ///
    /// A pattern is granted only where one rule covers all of it and no rule that reaches into
    /// it refuses, so that a subscription can't hear more than single ones could.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoRule`] and [`Refusal::Conflict`].
    pub fn decide(&self, action: Action, uri: UriMatch<'_>) -> Result<Right, Refusal> {
        match uri {
            UriMatch::Exact(uri) => self.decide_exact(action, uri),
            UriMatch::Prefix(text) => self.decide_pattern(action, &Shape::prefix(text)),
            UriMatch::Wildcard(text) => self.decide_pattern(action, &Shape::wildcard(text)),
        }
    }

    /// Whether some rule matches something that `uri` stands for, whatever it grants.
    pub fn touches(&self, uri: UriMatch<'_>) -> bool {
        let touched = |shape: Shape<'_>| self.rules.iter().any(|rule| shape.touches(rule));
        match uri {
            UriMatch::Exact(uri) => self.found(uri) != Found::Nothing,
            UriMatch::Prefix(text) => touched(Shape::prefix(text)),
            UriMatch::Wildcard(text) => touched(Shape::wildcard(text)),
        }
    }

    /// Whether a rule is for exactly this one URI.
    pub fn names(&self, uri: UriMatch<'_>) -> bool {
        let UriMatch::Exact(uri) = uri else { return false };
        self.rules.iter().any(|rule| rule.pattern.as_str() == uri && rule.pattern.is_exact())
    }

    fn decide_exact(&self, action: Action, uri: &str) -> Result<Right, Refusal> {
        match self.found(uri) {
            Found::Nothing => Err(Refusal::NoRule),
            Found::Tie => Err(Refusal::Conflict),
            Found::Rights(rights) => rights.get(action).ok_or(Refusal::NoRule),
        }
    }

    fn found(&self, uri: &str) -> Found {
        self.known.get_or(uri, || match self.root.find(Some(uri), Fit { elements: 0, exact: 0 }) {
            None => Found::Nothing,
            Some(Hit { tied: true, .. }) => Found::Tie,
            Some(Hit { rights, .. }) => Found::Rights(rights),
        })
    }

    fn decide_pattern(&self, action: Action, shape: &Shape<'_>) -> Result<Right, Refusal> {
        let mut covered = false;
        let mut marks = Right::default();
        for rule in self.rules.iter().filter(|rule| shape.touches(rule)) {
            let right = rule.rights.get(action).ok_or(Refusal::NoRule)?;
            marks.elevated |= right.elevated;
            marks.documented |= right.documented;
            covered |= shape.is_covered_by(rule);
        }
        if covered { Ok(marks) } else { Err(Refusal::NoRule) }
    }
}

impl Node {
    fn insert(&mut self, rule: &Rule) {
        let mut node = self;
        for element in rule.pattern.elements() {
            node = match element {
                Element::Exact(text) => node.exact.entry(text.clone()).or_default(),
                Element::Regex(_) => node.regex.get_or_insert_default().below(element),
            };
        }
        let slot = if rule.pattern.has_tail() { &mut node.tail } else { &mut node.rule };
        *slot = Some(slot.map_or(rule.rights, |known| known.intersect(rule.rights)));
    }

    /// `rest` is what follows this node in the URI; `None` at its end.
    fn find(&self, rest: Option<&str>, fit: Fit) -> Option<Hit> {
        let Some(rest) = rest else {
            return self.rule.map(|rights| Hit { fit, rights, tied: false });
        };
        let (element, below) = match rest.split_once('.') {
            Some((element, below)) => (element, Some(below)),
            None => (rest, None),
        };
        let elements = fit.elements + 1;
        let mut best = None;
        if let Some(child) = self.exact.get(element) {
            best = better(best, child.find(below, Fit { elements, exact: fit.exact + 1 }));
        }
        if let Some(expressions) = &self.regex {
            let fit = Fit { elements, exact: fit.exact };
            expressions.visit(element, |child| best = better(best.take(), child.find(below, fit)));
        }
        best.or_else(|| self.tail.map(|rights| Hit { fit, rights, tied: false }))
    }
}

fn better(one: Option<Hit>, two: Option<Hit>) -> Option<Hit> {
    match (one, two) {
        (Some(one), Some(two)) => Some(match one.fit.cmp(&two.fit) {
            std::cmp::Ordering::Greater => one,
            std::cmp::Ordering::Less => two,
            std::cmp::Ordering::Equal => Hit { tied: true, ..one },
        }),
        (one, two) => one.or(two),
    }
}

/// The URIs of a pattern subscription or registration, component by component.
struct Shape<'a> {
    components: Vec<Component<'a>>,
    /// Whether more components may follow (a prefix).
    open: bool,
}

#[derive(Clone, Copy)]
enum Component<'a> {
    Exact(&'a str),
    StartsWith(&'a str),
    Any,
}

impl<'a> Shape<'a> {
    fn prefix(text: &'a str) -> Self {
        let mut components: Vec<_> = text.split('.').map(Component::Exact).collect();
        // The last component may go on: `com.myapp` is a prefix of `com.myapplication`.
        if let Some(Component::Exact(last)) = components.pop() {
            components.push(if last.is_empty() { Component::Any } else { Component::StartsWith(last) });
        }
        Self { components, open: true }
    }

    fn wildcard(text: &'a str) -> Self {
        let component = |part: &'a str| if part.is_empty() { Component::Any } else { Component::Exact(part) };
        Self { components: text.split('.').map(component).collect(), open: false }
    }

    /// Whether some URI of this shape can match `rule`.
    fn touches(&self, rule: &Rule) -> bool {
        let elements = rule.pattern.elements();
        let (shape, given) = (self.components.len(), elements.len());
        let lengths_meet = match (self.open, rule.pattern.has_tail()) {
            (true, true) => true,
            (true, false) => given >= shape,
            (false, true) => shape > given,
            (false, false) => shape == given,
        };
        lengths_meet
            && self.components.iter().zip(elements).all(|(component, element)| match (component, element) {
                (Component::Any, _) | (Component::StartsWith(_), Element::Regex(_)) => true,
                (Component::Exact(text), element) => element.fits(text),
                (Component::StartsWith(start), Element::Exact(exact)) => exact.starts_with(start),
            })
    }

    /// Whether every URI of this shape matches `rule`.
    fn is_covered_by(&self, rule: &Rule) -> bool {
        let elements = rule.pattern.elements();
        let length_covers = if rule.pattern.has_tail() {
            self.components.len() > elements.len()
        } else {
            !self.open && self.components.len() == elements.len()
        };
        length_covers
            && self.components.iter().zip(elements).all(|(component, element)| match component {
                Component::Exact(text) => element.fits(text),
                Component::StartsWith(_) | Component::Any => false,
            })
    }
}

#[cfg(test)]
#[path = "trie_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "trie_properties_tests.rs"]
mod properties;
