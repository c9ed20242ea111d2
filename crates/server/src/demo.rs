//! What a newcomer sees: the first start's way in, and `--demo`.

use std::fmt::Write as _;

use countersign_identity::admin::AdminError;
use countersign_identity::audit::{Operation, Outcome};
use countersign_identity::keys::MintedKey;
use countersign_identity::login::PasswordPool as _;
use countersign_identity::password::NewPassword;
use countersign_identity::repository::{Run as _, SearchAudit, UserChange};
use countersign_identity::{Actor, PeerAddress, RequestContext, Secret};
use data_encoding::BASE32_NOPAD;
use rand_core::Rng as _;

use crate::app::App;
use crate::cid;
use crate::clock::{now, random};
use crate::config::RealmConfig;
use crate::doors::ListenUrl;

/// The users of the demonstration and their roles.
const USERS: [(&str, &str); 3] = [("kristen98", "frontend"), ("jsmith1234", "frontend"), ("zoe", "trust")];
/// How the demonstration names itself in the trail.
const APPLICATION: &str = "demo";
/// Random bytes of a demonstration password: 16 characters.
const PASSWORD_BYTES: usize = 10;

/// A user of the demonstration.
#[derive(Debug)]
pub struct DemoUser {
    login: &'static str,
    role: &'static str,
    /// None where the user was there before and keeps the password it has.
    password: Option<Secret>,
}

/// Makes the users, or gives those that exist a new password.
///
/// # Errors
///
/// What to tell the operator.
pub async fn prepare(app: &App) -> Result<Vec<DemoUser>, String> {
    let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", APPLICATION);
    let mut users = Vec::new();
    for (login, role) in USERS {
        let mut bytes = [0; PASSWORD_BYTES];
        random().fill_bytes(&mut bytes);
        let password = Secret::new(BASE32_NOPAD.encode(&bytes).to_lowercase());
        let new = NewPassword::check(password.clone(), &[login], &app.config.password.policy())
            .map_err(|error| error.to_string())?;
        let secrets = app.passwords.derive(new).await.map_err(|error| error.to_string())?;
        let identity = &app.identity;
        let operator = &Actor::Operator;
        let created =
            identity.create_user(login, role, Some(secrets.clone()), operator, &context, now(), &mut random()).await;
        let password = match created {
            Ok(_) => Some(password),
            // A user of an earlier demonstration; one that somebody else made keeps its password.
            Err(AdminError::LoginTaken(_)) if is_of_demo(app, login).await? => {
                let change = UserChange::Password(secrets.into());
                identity
                    .change_user(login, change, operator, &context, now())
                    .await
                    .map_err(|error| error.to_string())?;
                Some(password)
            }
            Err(AdminError::LoginTaken(_)) => None,
            Err(error) => return Err(error.to_string()),
        };
        users.push(DemoUser { login, role, password });
    }
    Ok(users)
}

/// Whether the user was made by an earlier demonstration: the trail knows.
async fn is_of_demo(app: &App, login: &str) -> Result<bool, String> {
    let search = SearchAudit {
        target: Some(login.to_owned()),
        operation: Some(Operation::UserCreate),
        outcome: Some(Outcome::Accepted),
        limit: 1,
        ..SearchAudit::default()
    };
    let rows = app.identity.repository().run(search).await.map_err(|error| error.to_string())?;
    Ok(rows.first().is_some_and(|row| row.event.application == APPLICATION))
}

impl DemoUser {
    fn shown(&self) -> &str {
        self.password.as_ref().map_or("(was there before; has its own password)", Secret::expose)
    }
}

/// The way in after the first start.
pub fn first_start(first: &MintedKey) -> String {
    format!(
        "\nFirst start. The user {} (role trust) can log in once, until {}, with the one-time password\n  {}\n\
         Later: `countersign otp create {}` makes another one, `countersign user passwd {}` sets a password.\n",
        first.login,
        first.credential.expires.to_iso8601(),
        first.plaintext_key.expose(),
        first.login,
        first.login,
    )
}

/// The users with their passwords, and lines that work as they stand.
pub fn what_to_try(users: &[DemoUser], bound: &[ListenUrl], realm: &RealmConfig) -> String {
    let mut text =
        String::from("\nDemonstration. Anonymous sessions are admitted. Users (role) and their passwords:\n");
    for user in users {
        let _ = writeln!(text, "  {:<11} {:<11} {}", user.login, format!("({})", user.role), user.shown());
    }
    let websocket = bound.iter().find_map(|url| match url {
        ListenUrl::Http(at) => Some(format!("ws://{at}/ws")),
        ListenUrl::Https(at) => Some(format!("wss://{at}/ws")),
        ListenUrl::Tcp(_) | ListenUrl::Unix(_) => None,
    });
    if let (Some(url), Some(user)) = (websocket, users.first()) {
        let prefix = &realm.uri_prefix;
        let _ = write!(
            text,
            "\nTry (after `pip install swampyer`), in Python:\n\
             \x20 import swampyer\n\
             \x20 def client(login, ticket):\n\
             \x20     return swampyer.WAMPClientTicket(url=\"{url}\", realm=\"{}\",\n\
             \x20                                      username=login, password=ticket).start()\n\
             \x20 otp = client(\"{}\", \"{}\").call(\"{prefix}.my.otp.create\")\n\
             \x20 print(client(otp[\"login\"], otp[\"plaintext_key\"]).call(\"{prefix}.auth.whoami\"))\n\
             The same password a second time is refused. `countersign audit search` shows all of it.\n",
            realm.name,
            user.login,
            user.shown(),
        );
    }
    text
}
