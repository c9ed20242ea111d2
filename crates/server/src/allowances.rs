//! How many mails and tries there are in an hour, for users and for addresses.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_identity::allowance::Allowance;
use countersign_identity::{PeerAddress, UserId};

use crate::config::MailConfig;
use crate::metrics::ServerLimit;

/// There is none left.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Of what.
    pub limit: ServerLimit,
    /// How long until there is one.
    pub wait: Duration,
}

/// All of them.
#[derive(Debug)]
pub struct Allowances {
    mails: Mutex<Allowance<UserId>>,
    requests: Mutex<Allowance<PeerAddress>>,
    wrong_tokens: Mutex<Allowance<PeerAddress>>,
}

impl Allowances {
    /// As configured.
    pub fn new(config: &MailConfig) -> Self {
        Self {
            mails: Mutex::new(Allowance::new(config.user_mails_per_hour_max)),
            requests: Mutex::new(Allowance::new(config.address_requests_per_hour_max)),
            wrong_tokens: Mutex::new(Allowance::new(config.address_wrong_tokens_per_hour_max)),
        }
    }

    /// Takes one of the mails that a user gets.
    ///
    /// # Errors
    ///
    /// [`Spent`].
    pub fn mail(&self, user: UserId) -> Result<(), Spent> {
        take(&self.mails, user).map_err(|wait| Spent { limit: ServerLimit::UserMails, wait })
    }

    /// Takes one of the requests for mails that an address has.
    ///
    /// # Errors
    ///
    /// [`Spent`].
    pub fn request(&self, address: PeerAddress) -> Result<(), Spent> {
        take(&self.requests, address.sender()).map_err(|wait| Spent { limit: ServerLimit::AddressRequests, wait })
    }

    /// Whether an address may try one more token.
    ///
    /// # Errors
    ///
    /// [`Spent`].
    pub fn may_try_token(&self, address: PeerAddress) -> Result<(), Spent> {
        let allowance = self.wrong_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let left = allowance.left(Instant::now(), &address.sender());
        left.map_err(|wait| Spent { limit: ServerLimit::AddressWrongTokens, wait })
    }

    /// A token was wrong.
    pub fn wrong_token(&self, address: PeerAddress) {
        // Where none is left, the next try is refused unseen.
        let _ = take(&self.wrong_tokens, address.sender());
    }
}

fn take<K: Eq + Hash + Clone>(allowance: &Mutex<Allowance<K>>, key: K) -> Result<(), Duration> {
    allowance.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now(), key)
}
