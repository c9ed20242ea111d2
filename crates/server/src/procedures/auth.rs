//! `auth.*`

use countersign_wamp::{Dict, Value};
use futures_util::FutureExt as _;
use futures_util::future::ready;

use super::errors::Failure;
use super::errors::FailureKind::InvalidArgument;
use super::{Call, Procedure, Spellings};

/// Who the caller is.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["auth.whoami"],
        spellings: Spellings::Both,
        summary: "Who the caller is, in the realm's eyes.",
        arguments: "",
        result: "`authid`, `role`",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(whoami(call)).boxed(),
    },
    Procedure {
        names: &["auth.refresh_authorizer"],
        spellings: Spellings::Both,
        summary: "Reads the roles again. Changes act at once by themselves; this is for changes that another server made.",
        arguments: "",
        result: "null",
        errors: &[InvalidArgument],
        rule: "all that call at a time are served by one reading, at most ten a second",
        run: |call| refresh_authorizer(call).boxed(),
    },
];

/// `auth.whoami() → {authid, role}`
fn whoami(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("auth.whoami", [])?;
    let Call { caller, .. } = call;
    Ok(Dict::new().with("authid", &*caller.authid).with("role", &*caller.role).into())
}

/// `auth.refresh_authorizer() → null`
async fn refresh_authorizer(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("auth.refresh_authorizer", [])?;
    call.app.refresh_roles(&call.hub).await?;
    Ok(Value::Null)
}
