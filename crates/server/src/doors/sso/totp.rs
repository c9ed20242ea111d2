//! The second factor.

use countersign_identity::Secret;
use countersign_identity::sign_on::ResetTotp;
use serde_json::{Value, json};

use super::Call;
use super::codes::Refusal;
use crate::clock::{now, random};

/// `PATCH /user/totp`: `reset_totp_key`. The answer has the key only if it was made here, unless the settings say otherwise.
pub async fn reset(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let (user_id, label) = (call.fields.optional("user_id")?, call.fields.optional("totp_label")?);
    let key = call.fields.optional("totp_key")?.map(Secret::new);
    let wish = ResetTotp { user_id: user_id.as_deref(), key: key.as_ref(), label: label.as_deref() };
    let reset = call.app.identity.reset_totp_key(&caller, wish, &call.context, now(), &mut random()).await?;
    let echoed = key.filter(|_| call.app.config.compat.zato.echo_totp_key);
    Ok(match reset.generated.or(echoed) {
        Some(key) => json!({ "totp_key": key.expose() }),
        None => Value::Null,
    })
}
