//! `user totp …`: second factors in the operator's hands.

use countersign_identity::{Actor, RequestContext, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::command::{ClearText, Refused};
use crate::app::App;
use crate::clock::{now, random};

/// What `user totp …` does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "totp", rename_all = "snake_case")]
pub enum TotpEdit {
    /// `user totp reset`
    Reset {
        /// The key in base32; `None`: a fresh one.
        key: Option<ClearText>,
        /// What to call it.
        label: Option<String>,
    },
    /// `user totp enable`
    Enable,
    /// `user totp disable`
    Disable,
    /// `user totp recovery`
    Recovery,
}

/// Carries one of them out.
///
/// # Errors
///
/// [`Refused`]; nothing was changed then.
pub(super) async fn edit(app: &App, context: &RequestContext, login: &str, edit: TotpEdit) -> Result<Value, Refused> {
    let (identity, operator) = (&app.identity, &Actor::Operator);
    match edit {
        TotpEdit::Reset { key, label } => {
            let key = key.map(|key| Secret::new(key.expose()));
            let reset = identity
                .reset_totp_key_of(login, key.as_ref(), label.as_deref(), operator, context, now(), &mut random())
                .await?;
            let mut answer = json!({ "login": reset.user.login.as_str() });
            // What the operator gave is not repeated.
            if let (Some(key), Some(fields)) = (reset.generated, answer.as_object_mut()) {
                fields.insert("totp_key".to_owned(), key.expose().into());
                let uri = reset.totp.uri(&app.config.totp.issuer, reset.user.login.as_str());
                fields.insert("totp_uri".to_owned(), uri.expose().into());
            }
            Ok(answer)
        }
        TotpEdit::Recovery => {
            let codes = identity.reset_recovery_codes_of(login, operator, context, now(), &mut random()).await?;
            let codes: Vec<&str> = codes.iter().map(Secret::expose).collect();
            Ok(json!({ "login": login.to_lowercase(), "recovery_codes": codes }))
        }
        TotpEdit::Enable | TotpEdit::Disable => {
            let enabled = matches!(edit, TotpEdit::Enable);
            let user = identity.turn_totp_of(login, enabled, operator, context, now()).await?;
            Ok(json!({ "login": user.login.as_str(), "is_totp_enabled": enabled }))
        }
    }
}
