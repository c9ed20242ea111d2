//! Methods without computing.

use std::future::Future;
use std::sync::Arc;

use countersign_wamp::{Dict, Signature};

use super::{Answering, AuthError, Authenticator, ChallengeAnswer, Channel, Greeting};

/// A method in which the server asks for nothing.
pub(super) struct Unchallenged {
    method: &'static str,
    authid: Option<String>,
}

impl Unchallenged {
    pub(super) fn new(method: &'static str, authid: Option<String>) -> Self {
        Self { method, authid }
    }
}

impl Authenticator for Unchallenged {
    fn methods(&self) -> Vec<String> {
        vec![self.method.to_owned()]
    }

    fn greet(&mut self, _: &Channel) -> Result<Greeting, AuthError> {
        Ok(Greeting { authid: self.authid.clone(), authextra: Dict::new() })
    }

    fn on_challenge<'a>(&'a mut self, _: &'a str, _: &'a Dict) -> Answering<'a> {
        Box::pin(async { Err(AuthError::Challenge("this method has none")) })
    }
}

/// A secret that is sent, once.
pub(super) struct Ticket {
    authid: String,
    secret: Option<Signature>,
    extra: Dict,
}

impl Ticket {
    pub(super) fn new(authid: String, ticket: Signature, extra: Dict) -> Self {
        Self { authid, secret: Some(ticket), extra }
    }
}

impl Authenticator for Ticket {
    fn methods(&self) -> Vec<String> {
        vec!["ticket".to_owned()]
    }

    fn greet(&mut self, _: &Channel) -> Result<Greeting, AuthError> {
        Ok(Greeting { authid: Some(self.authid.clone()), authextra: Dict::new() })
    }

    fn on_challenge<'a>(&'a mut self, _: &'a str, _: &'a Dict) -> Answering<'a> {
        Box::pin(async {
            let signature = self.secret.take().ok_or(AuthError::Challenge("the ticket was sent already"))?;
            Ok(ChallengeAnswer { signature, extra: self.extra.clone() })
        })
    }
}

/// A function.
pub(super) struct Asking<F> {
    method: String,
    answer: Arc<F>,
}

impl<F> Asking<F> {
    pub(super) fn new(method: String, answer: Arc<F>) -> Self {
        Self { method, answer }
    }
}

impl<F, Answer> Authenticator for Asking<F>
where
    F: Fn(Dict) -> Answer + Send + Sync,
    Answer: Future<Output = Result<ChallengeAnswer, AuthError>> + Send + 'static,
{
    fn methods(&self) -> Vec<String> {
        vec![self.method.clone()]
    }

    fn greet(&mut self, _: &Channel) -> Result<Greeting, AuthError> {
        Ok(Greeting::default())
    }

    fn on_challenge<'a>(&'a mut self, _: &'a str, extra: &'a Dict) -> Answering<'a> {
        Box::pin((self.answer)(extra.clone()))
    }
}
