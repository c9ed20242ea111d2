//! The mail that tells users who signed up that they can come in now.
//!
//! Source: contract of the sign-on API, sections 1.3 and 5.3.

use std::sync::Arc;

use countersign_identity::repository::{FindProfile, FindUser, Run as _};
use countersign_identity::standing::Way;
use countersign_identity::user::User;

use crate::app::App;
use crate::clock::now;
use crate::mail::{LetterKind, MailAddress, Values};

/// Tells a user who signed up that it can come in now, if it can.
pub fn welcome(app: &Arc<App>, user: User) {
    if user.standing.admits(Way::Key, now()).is_err() {
        return;
    }
    let works_on = Arc::clone(app);
    app.afterwards.spawn(async move {
        let record = match works_on.identity.repository().run(FindProfile { who: FindUser::ById(user.id) }).await {
            Ok(record) => record,
            Err(error) => return tracing::warn!(?error, "a user who signed up can't be welcomed"),
        };
        let profile = record.map(|record| record.profile).filter(|profile| profile.confirmed.is_some());
        let address = profile.and_then(|profile| MailAddress::parse(&profile.email?.text));
        if let Some(address) = address.filter(|_| works_on.mail_to(user.id).is_ok()) {
            let values = Values { username: user.login.as_str(), ..Values::default() };
            works_on.mailer.post(LetterKind::SignUpWelcome, &address, values);
        }
    });
}
