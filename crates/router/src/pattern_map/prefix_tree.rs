//! A radix tree over bytes: all stored texts that a text starts with, in one walk down.
//!
//! **Invariant:** below the root no node is without an id and with fewer than two children, so
//! the tree has fewer than twice as many nodes as texts, and a walk never costs more than the
//! text is long.

use std::collections::BTreeMap;

use countersign_wamp::Id;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct PrefixTree {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    id: Option<Id>,
    /// By the first byte of their labels.
    edges: BTreeMap<u8, Edge>,
}

#[derive(Debug)]
struct Edge {
    /// Never empty.
    label: Box<[u8]>,
    node: Node,
}

impl PrefixTree {
    /// The id of this very text.
    pub fn get(&self, text: &str) -> Option<Id> {
        let mut found = None;
        self.root.walk(text.as_bytes(), |id, rest| {
            if rest.is_empty() {
                found = Some(id);
            }
        });
        found
    }

    /// The id of the longest stored text that `text` starts with.
    pub fn longest(&self, text: &str) -> Option<Id> {
        let mut found = None;
        self.root.walk(text.as_bytes(), |id, _| found = Some(id));
        found
    }

    /// The ids of all stored texts that `text` starts with, from the shortest.
    pub fn each(&self, text: &str, mut found: impl FnMut(Id)) {
        self.root.walk(text.as_bytes(), |id, _| found(id));
    }

    pub fn insert(&mut self, text: &str, id: Id) {
        let mut node = &mut self.root;
        let mut rest = text.as_bytes();
        while let Some(&first) = rest.first() {
            let edge = node.edges.entry(first).or_insert_with(|| Edge { label: rest.into(), node: Node::default() });
            let common = edge.label.iter().zip(rest).take_while(|(a, b)| a == b).count();
            edge.split(common);
            node = &mut edge.node;
            rest = rest.split_at(common).1;
        }
        node.id = Some(id);
    }

    pub fn remove(&mut self, text: &str) {
        self.root.remove(text.as_bytes());
    }
}

impl Node {
    /// Calls `found` with each id on the way down along `text` and with what is left of `text`.
    fn walk<'t>(&self, text: &'t [u8], mut found: impl FnMut(Id, &'t [u8])) {
        let mut node = self;
        let mut rest = text;
        loop {
            super::visit();
            if let Some(id) = node.id {
                found(id, rest);
            }
            let edge = rest.first().and_then(|first| node.edges.get(first));
            let Some((edge, below)) = edge.and_then(|edge| Some((edge, rest.strip_prefix(&*edge.label)?))) else {
                return;
            };
            node = &edge.node;
            rest = below;
        }
    }

    fn remove(&mut self, text: &[u8]) {
        let Some(&first) = text.first() else {
            self.id = None;
            return;
        };
        let Some(edge) = self.edges.get_mut(&first) else { return };
        let Some(rest) = text.strip_prefix(&*edge.label) else { return };
        edge.node.remove(rest);
        if edge.node.id.is_none() {
            match edge.node.edges.len() {
                0 => {
                    self.edges.remove(&first);
                }
                1 => edge.join(),
                _ => {}
            }
        }
    }
}

impl Edge {
    /// Puts a node after the first `at` bytes of the label, unless one is there.
    fn split(&mut self, at: usize) {
        let (head, tail) = self.label.split_at(at);
        let Some(&first) = tail.first() else { return };
        let lower = Edge { label: tail.into(), node: std::mem::take(&mut self.node) };
        self.label = head.into();
        self.node.edges.insert(first, lower);
    }

    /// Takes out a node that has one child and no id.
    fn join(&mut self) {
        if let Some((_, lower)) = self.node.edges.pop_first() {
            self.label = [&*self.label, &*lower.label].concat().into();
            self.node = lower.node;
        }
    }
}
