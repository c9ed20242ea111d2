//! How many mails and tries there are in an hour, for users and for addresses.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use countersign_identity::allowance::Allowance;
use countersign_identity::{PeerAddress, UserId};

use crate::config::MailConfig;
use crate::metrics::ServerLimit;

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
    /// The limit.
    pub fn mail(&self, user: UserId) -> Result<(), ServerLimit> {
        take(&self.mails, user).then_some(()).ok_or(ServerLimit::UserMails)
    }

    /// Takes one of the requests for mails that an address has.
    ///
    /// # Errors
    ///
    /// The limit.
    pub fn request(&self, address: PeerAddress) -> Result<(), ServerLimit> {
        take(&self.requests, address.sender()).then_some(()).ok_or(ServerLimit::AddressRequests)
    }

    /// Whether an address may try one more token.
    ///
    /// # Errors
    ///
    /// The limit.
    pub fn may_try_token(&self, address: PeerAddress) -> Result<(), ServerLimit> {
        let allowance = self.wrong_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let is_left = allowance.is_left(Instant::now(), &address.sender());
        is_left.then_some(()).ok_or(ServerLimit::AddressWrongTokens)
    }

    /// A token was wrong.
    pub fn wrong_token(&self, address: PeerAddress) {
        take(&self.wrong_tokens, address.sender());
    }
}

fn take<K: Eq + Hash + Clone>(allowance: &Mutex<Allowance<K>>, key: K) -> bool {
    allowance.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now(), key)
}
