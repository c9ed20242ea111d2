//! `user add` and `user set`: what is known of a user beyond what logins need.

use clap::Args;
use countersign_identity::Timestamp;
use countersign_identity::sign_on::{UserError, checked_name};
use countersign_identity::standing::SignUpStatus;
use countersign_identity::user_update::{Field, UserUpdate};
use serde::{Deserialize, Serialize};

use super::command::{Refused, RefusedKind};
use crate::app::App;

/// What is to be set; what isn't named stays.
#[derive(Default, Args, Serialize, Deserialize)]
pub struct UserFields {
    /// E-mail address; empty: none
    #[arg(long)]
    email: Option<String>,
    /// Name as shown; empty: none
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// First name; empty: none
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// Middle name; empty: none
    #[arg(long, value_name = "NAME")]
    middle_name: Option<String>,
    /// Last name; empty: none
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// When the password's life ends: 2026-10-17T10:17:30Z; without an offset in UTC
    #[arg(long, value_name = "TIME")]
    password_expiry: Option<String>,
    /// Whether the password is only good for setting another one
    #[arg(long, value_name = "true|false")]
    must_change: Option<bool>,
    /// How far the sign-up has come, as `user show` says it
    #[arg(long, value_name = "S")]
    sign_up_status: Option<String>,
}

impl std::fmt::Debug for UserFields {
    /// Says nothing of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserFields(redacted)")
    }
}

impl UserFields {
    /// As the rules take it.
    ///
    /// # Errors
    ///
    /// [`Refused`] where a value makes no sense.
    pub(super) fn update(&self, app: &App) -> Result<UserUpdate, Refused> {
        Ok(UserUpdate {
            email: match self.email.as_deref().map(str::trim) {
                None => Field::Keep,
                Some("") => Field::Clear,
                Some(text) => Field::Set(app.identity.email(text)?),
            },
            display: name(self.display_name.as_deref())?,
            first: name(self.first_name.as_deref())?,
            middle: name(self.middle_name.as_deref())?,
            last: name(self.last_name.as_deref())?,
            sign_up: self.sign_up_status.as_deref().map(sign_up).transpose()?,
            password_expires: self.password_expiry.as_deref().map(time).transpose()?,
            must_change: self.must_change,
            ..UserUpdate::default()
        })
    }
}

fn name(given: Option<&str>) -> Result<Field<String>, Refused> {
    let Some(text) = given else { return Ok(Field::Keep) };
    Ok(Field::to(Some(checked_name(text)?).filter(|text| !text.is_empty())))
}

fn sign_up(name: &str) -> Result<SignUpStatus, Refused> {
    SignUpStatus::from_name(name)
        .ok_or_else(|| wrong(format!("there is no sign-up status {name:?}; give before_confirmation or final")))
}

fn time(text: &str) -> Result<Timestamp, Refused> {
    Timestamp::parse(text.trim()).ok_or_else(|| wrong(format!("{text:?} is no time; give 2026-10-17T10:17:30Z")))
}

fn wrong(message: String) -> Refused {
    Refused { kind: RefusedKind::Request, message }
}

impl From<UserError> for Refused {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Storage(error) => error.into(),
            other => wrong(other.to_string()),
        }
    }
}
