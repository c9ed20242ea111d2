//! How many connections an address may have that are not signed in yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_identity::PeerAddress;

use crate::metrics::{Metrics, ServerLimit};

/// Counts the connections of each address that have no session yet.
#[derive(Debug, Clone)]
pub struct Gate {
    counts: Arc<Mutex<HashMap<PeerAddress, usize>>>,
    max: usize,
    metrics: Arc<Metrics>,
}

/// One connection's place at the gate; given back on drop, or once it has a session.
#[derive(Debug)]
pub struct Pass {
    gate: Gate,
    address: PeerAddress,
}

impl Gate {
    /// A gate that lets `max` connections of an address wait for their login.
    pub fn new(max: usize, metrics: Arc<Metrics>) -> Self {
        Self { counts: Arc::default(), max, metrics }
    }

    /// Lets a connection in; `None` if its address has too many that are not signed in.
    pub fn enter(&self, address: PeerAddress) -> Option<Pass> {
        let address = address.sender();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.max {
            self.metrics.limit_reached(ServerLimit::UnauthenticatedConnections);
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Pass { gate: self.clone(), address })
    }
}

impl Pass {
    /// Counts the connection for another address, once it is known whose it is. `false`, and
    /// nothing changes, if that address has too many.
    #[must_use]
    pub fn move_to(&mut self, address: PeerAddress) -> bool {
        if address.sender() == self.address {
            return true;
        }
        match self.gate.enter(address) {
            Some(pass) => {
                *self = pass;
                true
            }
            None => false,
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut counts = self.gate.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_one_past_the_limit_per_address_only() {
        let gate = Gate::new(2, Arc::default());
        let address = |last| PeerAddress::Ip([127, 0, 0, last].into());
        let first = gate.enter(address(1));
        let second = gate.enter(address(1));
        assert!(first.is_some() && second.is_some());
        assert!(gate.enter(address(1)).is_none());
        assert!(gate.enter(address(2)).is_some());
        drop(first);
        assert!(gate.enter(address(1)).is_some());
        drop(second);
        assert!(gate.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn a_place_that_moves_counts_for_its_new_address_only() {
        let gate = Gate::new(1, Arc::default());
        let address = |last| PeerAddress::Ip([127, 0, 0, last].into());
        let mut first = gate.enter(address(1)).unwrap();
        assert!(first.move_to(address(1)));
        assert!(first.move_to(address(2)));
        let mut second = gate.enter(address(1)).unwrap();
        assert!(!second.move_to(address(2)));
        assert!(gate.enter(address(1)).is_none());
        drop(first);
        assert!(second.move_to(address(2)));
        drop(second);
        assert!(gate.counts.lock().unwrap().is_empty());
    }
}
