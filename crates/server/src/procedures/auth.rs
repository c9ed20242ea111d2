//! `auth.*`

use countersign_wamp::{Dict, Value};

use super::Call;
use super::errors::Failure;

/// `auth.whoami() → {authid, role}`: who the caller is, in the realm's eyes.
pub fn whoami(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("auth.whoami", [])?;
    let Call { caller, .. } = call;
    Ok(Dict::new().with("authid", &*caller.authid).with("role", &*caller.role).into())
}
