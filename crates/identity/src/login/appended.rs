//! Tickets that may have a code of the second factor behind the password, for clients that can send nothing else.
//!
//! **Invariant:** how many passwords a ticket costs that is refused follows from its look and from whether a code came in
//! another way, never from the user: a stranger can't tell by the time who exists, or who has the second factor on.

use super::{Attempt, PasswordPool, PoolBusy};
use crate::password::PasswordHash;
use crate::sign_on::Factor;
use crate::totp::Digits;
use crate::{Secret, Timestamp};

/// A ticket whose password was right.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    given: Option<&'a Secret>,
    appended: Option<Secret>,
}

impl Shown<'_> {
    /// The code that came with it, in whichever way.
    pub fn code(&self) -> Option<&Secret> {
        self.given.or(self.appended.as_ref())
    }

    /// Whether the ticket is the password, with nothing behind it.
    pub fn is_whole(&self) -> bool {
        self.appended.is_none()
    }
}

/// Whether the ticket has the password behind `hash`; `factor` only if it is on. A ticket that ends like a code is read
/// in both ways, unless the code came elsewhere: as a password, and as a password with a code behind it. Where a code
/// belongs behind it and is right at the moment, that is the first way, else the second.
pub(super) async fn check_ticket<'a>(
    attempt: &Attempt<'a>,
    hash: Option<PasswordHash>,
    factor: Option<&Factor>,
    pool: &impl PasswordPool,
    now: Timestamp,
) -> Result<Option<Shown<'a>>, PoolBusy> {
    let given = attempt.claim.code.filter(|code| !code.is_blank());
    if given.is_some() || !ends_like_a_code(attempt.ticket) {
        let is_right = pool.verify(hash, attempt.ticket.clone()).await?;
        return Ok(is_right.then_some(Shown { given, appended: None }));
    }
    let split = factor.and_then(|factor| split(attempt.ticket, factor.totp.digits));
    let is_present = |code: &Secret| factor.is_some_and(|factor| factor.totp.check(code, now).is_some());
    let comes_first = split.as_ref().is_some_and(|(_, code)| is_present(code));
    let whole = (hash.clone(), attempt.ticket.clone(), None);
    let apart = match split {
        Some((password, code)) => (hash, password, Some(code)),
        // For the sake of the time.
        None => (None, attempt.ticket.clone(), None),
    };
    for (hash, password, appended) in if comes_first { [apart, whole] } else { [whole, apart] } {
        if pool.verify(hash, password).await? {
            return Ok(Some(Shown { given: None, appended }));
        }
    }
    Ok(None)
}

/// Whether somebody who has a second factor could have appended a code.
fn ends_like_a_code(ticket: &Secret) -> bool {
    split(ticket, Digits::Six).is_some()
}

/// Password and code.
fn split(ticket: &Secret, digits: Digits) -> Option<(Secret, Secret)> {
    let text = ticket.expose();
    let at = text.len().checked_sub(digits.count().into()).filter(|at| *at > 0)?;
    let (password, code) = text.split_at_checked(at)?;
    let is_code = code.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| (Secret::new(password), Secret::new(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_digits_behind_a_password() {
        let check = |ticket: &str, digits, want: Option<(&str, &str)>| {
            let found = split(&Secret::new(ticket), digits);
            let found = found.as_ref().map(|(password, code)| (password.expose(), code.expose()));
            assert_eq!(found, want, "{ticket}");
        };
        check("secret123456", Digits::Six, Some(("secret", "123456")));
        check("secret12345678", Digits::Eight, Some(("secret", "12345678")));
        check("secret12345678", Digits::Six, Some(("secret12", "345678")));
        check("1123456", Digits::Six, Some(("1", "123456")));
        check("päss123456", Digits::Six, Some(("päss", "123456")));
        for none in
            ["", "123456", "secret", "secret12345", "secret12345x", "secret 12345 6", "secret１２３４５６", "é23456"]
        {
            check(none, Digits::Six, None);
        }
        check("secret1234567", Digits::Eight, None);
    }
}
