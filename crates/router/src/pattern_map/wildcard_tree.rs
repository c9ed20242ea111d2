//! A tree over URI components, where an empty component of a pattern stands for any one.

use std::collections::HashMap;
use std::str::Split;

use countersign_wamp::Id;

use crate::hash::FastHash;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct WildcardTree {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    id: Option<Id>,
    any: Option<Box<Node>>,
    named: HashMap<Box<str>, Node, FastHash>,
}

type Components<'t> = Split<'t, char>;

impl WildcardTree {
    /// The id of this very pattern.
    pub fn get(&self, pattern: &str) -> Option<Id> {
        pattern.split('.').try_fold(&self.root, |node, component| node.child(component))?.id
    }

    /// Of the patterns that match, the one with the longest portion of components before its
    /// first wildcard, then before its second, and so on.
    ///
    /// Where two matching patterns first differ, one names a component and the other has a
    /// wildcard: the one that names it has the longer portion there. So the named child goes first.
    pub fn best(&self, uri: &str) -> Option<Id> {
        if self.root.is_bare() {
            return None;
        }
        self.root.best(uri.split('.'))
    }

    /// All patterns that match.
    pub fn each(&self, uri: &str, mut found: impl FnMut(Id)) {
        if self.root.is_bare() {
            return;
        }
        self.root.each(uri.split('.'), &mut found);
    }

    pub fn insert(&mut self, pattern: &str, id: Id) {
        let mut node = &mut self.root;
        for component in pattern.split('.') {
            node = if component.is_empty() {
                node.any.get_or_insert_default()
            } else {
                node.named.entry(component.into()).or_default()
            };
        }
        node.id = Some(id);
    }

    pub fn remove(&mut self, pattern: &str) {
        self.root.remove(pattern.split('.'));
    }
}

impl Node {
    fn child(&self, component: &str) -> Option<&Self> {
        if component.is_empty() { self.any.as_deref() } else { self.named.get(component) }
    }

    fn best(&self, mut uri: Components<'_>) -> Option<Id> {
        super::visit();
        let Some(component) = uri.next() else { return self.id };
        let named = self.named.get(component).and_then(|node| node.best(uri.clone()));
        named.or_else(|| self.any.as_ref()?.best(uri))
    }

    fn each(&self, mut uri: Components<'_>, found: &mut impl FnMut(Id)) {
        super::visit();
        let Some(component) = uri.next() else {
            self.id.into_iter().for_each(found);
            return;
        };
        if let Some(node) = self.named.get(component) {
            node.each(uri.clone(), found);
        }
        if let Some(node) = &self.any {
            node.each(uri, found);
        }
    }

    fn remove(&mut self, mut pattern: Components<'_>) {
        let Some(component) = pattern.next() else {
            self.id = None;
            return;
        };
        if component.is_empty() {
            let Some(node) = &mut self.any else { return };
            node.remove(pattern);
            if node.is_bare() {
                self.any = None;
            }
        } else {
            let Some(node) = self.named.get_mut(component) else { return };
            node.remove(pattern);
            if node.is_bare() {
                self.named.remove(component);
            }
        }
    }

    fn is_bare(&self) -> bool {
        self.id.is_none() && self.any.is_none() && self.named.is_empty()
    }
}
