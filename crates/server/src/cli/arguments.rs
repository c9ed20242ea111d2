//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::bus;
use super::metadata::MetadataCommand;
use crate::admin::{AuditFilters, UriFields, UriName, UserFields};
use crate::data_dir::DataDir;

/// A WAMP router that knows who is speaking, and what they may.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, arg_required_else_help = true)]
#[command(
    after_help = "`call`, `publish` and `subscribe` are a client of any WAMP server. The other commands work on the running server \
                  of the data directory, or on the data itself when none runs."
)]
pub struct Cli {
    /// Data directory: database, keyring, certificate, sockets
    #[arg(long, global = true, value_name = "DIR", env = "COUNTERSIGN_DATA", default_value = DataDir::DEFAULT)]
    pub data: PathBuf,
    /// Configuration file (default: countersign.toml in the data directory, if there)
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: CliCommand,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Run the server
    Serve {
        /// Where to listen: http://H:P, https://H:P (WebSocket at /ws), tcp://H:P, unix:PATH; repeatable, port 0 takes a free one
        #[arg(long, value_name = "URL")]
        listen: Vec<String>,
        /// Add users to play with, print their passwords, and admit anonymous sessions
        #[arg(long)]
        demo: bool,
    },
    /// Manage users
    #[command(subcommand)]
    User(UserCommand),
    /// List and end sign-on sessions
    #[command(subcommand)]
    Session(SignOnCommand),
    /// Manage roles and their URI permissions
    #[command(subcommand)]
    Role(RoleCommand),
    /// See who registers what, document it, and set what is told when it is gone
    #[command(subcommand)]
    Uri(UriArguments),
    /// Make and list one-time passwords
    #[command(subcommand)]
    Otp(OtpCommand),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Read and verify the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Try whether mails are sent
    #[command(subcommand)]
    Mail(MailCommand),
    /// Call a procedure and print its result
    Call(bus::Call),
    /// Publish an event
    Publish(bus::Publish),
    /// Subscribe to a topic and print its events, one to a line, as JSON
    Subscribe(bus::Subscribe),
    /// Bring users over from another system
    #[command(subcommand)]
    Import(ImportCommand),
    /// Show what the server offers on the bus
    #[command(subcommand)]
    Procedure(ProcedureCommand),
    /// Print the description of the sign-on API: an `OpenAPI` document
    Openapi,
    /// Show the version
    Version,
}

/// `procedure …`
#[derive(Debug, Subcommand)]
pub enum ProcedureCommand {
    /// List the server's own procedures: arguments, result, errors, who may call them
    List {
        /// As the page of the manual
        #[arg(long)]
        markdown: bool,
    },
}

/// `import …`
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Users, password hashes, second factors, attributes and live sessions of Zato SSO. Shows what would be done, unless
    /// told to --apply it. The server must not run.
    Zato {
        /// Zato's database: a file of SQLite, or postgres://USER:PASSWORD@HOST:PORT/DATABASE
        #[arg(long, value_name = "URL", env = "COUNTERSIGN_IMPORT_DB", hide_env_values = true)]
        db: String,
        /// secrets.conf of Zato's server
        #[arg(long, value_name = "FILE")]
        secrets: PathBuf,
        /// Role of users who are no super-users; those get the role trust
        #[arg(long, default_value = "frontend")]
        role: String,
        /// Write what was found
        #[arg(long)]
        apply: bool,
    },
    /// Users, password hashes, API keys, one-time passwords, metadata and roles of a Nexus bus. Shows what would be done, unless
    /// told to --apply it. The server must not run.
    Nexus(NexusArguments),
}

impl ImportCommand {
    /// Whether what was found is written.
    pub fn applies(&self) -> bool {
        match self {
            Self::Zato { apply, .. } => *apply,
            Self::Nexus(arguments) => arguments.apply,
        }
    }
}

/// What `import nexus` takes.
#[derive(Debug, Args)]
pub struct NexusArguments {
    /// The data directory of Nexus, or the folder `db` in it
    #[arg(value_name = "FOLDER", required_unless_present = "nexus_data")]
    pub folder: Option<PathBuf>,
    /// The same by name; --data is our own data directory
    #[arg(long, value_name = "FOLDER", conflicts_with = "folder")]
    pub nexus_data: Option<PathBuf>,
    /// Write what was found
    #[arg(long)]
    pub apply: bool,
}

/// `user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a user
    Add {
        /// Login name
        login: String,
        /// Role, as shown by `role list`
        #[arg(long)]
        role: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
        /// What else is known
        #[command(flatten)]
        fields: Box<UserFields>,
    },
    /// Change what is known of a user
    Set {
        /// Login name
        login: String,
        /// What to change
        #[command(flatten)]
        fields: Box<UserFields>,
    },
    /// Let a user in who signed up or was rejected
    Approve {
        /// Login name
        login: String,
    },
    /// Keep a user out who signed up, also of live sessions
    Reject {
        /// Login name
        login: String,
    },
    /// List users
    List,
    /// Bring the users of the directory (LDAP) over
    Sync {
        /// Write nothing, and tell what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Show one user
    Show {
        /// Login name
        login: String,
    },
    /// Lock a user out, also of live sessions
    Lock {
        /// Login name
        login: String,
    },
    /// Let a locked user in again
    Unlock {
        /// Login name
        login: String,
    },
    /// Delete a user with all credentials
    Delete {
        /// Login name
        login: String,
    },
    /// Set a user's password
    Passwd {
        /// Login name
        login: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user another role
    Role {
        /// Login name
        login: String,
        /// Role
        role: String,
    },
    /// Manage the public keys by which a user logs in (cryptosign)
    #[command(subcommand)]
    Pubkey(PubkeyCommand),
    /// Manage the second factor of a user
    #[command(subcommand)]
    Totp(TotpCommand),
    /// Read and change what programs note of a user
    #[command(subcommand)]
    Metadata(MetadataCommand),
}

/// `user totp …`
#[derive(Debug, Subcommand)]
pub enum TotpCommand {
    /// Give a user another TOTP key, and end the user's sign-on sessions
    Reset {
        /// Login name
        login: String,
        /// The key in base32 (default: a fresh one, which is printed)
        #[arg(long, value_name = "K")]
        key: Option<String>,
        /// What to call it
        #[arg(long, value_name = "L")]
        label: Option<String>,
        /// Print a fresh key as a QR code as well, for terminals with a dark background
        #[arg(long, conflicts_with = "key")]
        qr: bool,
    },
    /// Give a user ten fresh recovery codes; the old ones end
    Recovery {
        /// Login name
        login: String,
    },
    /// Demand a code of a user's key at logins
    Enable {
        /// Login name
        login: String,
    },
    /// Let a user in without a code; the key stays
    Disable {
        /// Login name
        login: String,
    },
}

/// `user pubkey …`
#[derive(Debug, Subcommand)]
pub enum PubkeyCommand {
    /// Give a user a public key
    Add {
        /// Login name
        login: String,
        /// The Ed25519 public key, 64 hexadecimal digits
        #[arg(value_name = "HEX")]
        key: String,
        /// What to call it
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
    },
    /// List a user's public keys
    List {
        /// Login name
        login: String,
    },
    /// Take a public key from a user, and end the user's sessions
    Remove {
        /// Login name
        login: String,
        /// The key, 64 hexadecimal digits
        #[arg(value_name = "HEX")]
        key: String,
    },
}

/// `session …`
#[derive(Debug, Subcommand)]
pub enum SignOnCommand {
    /// List a user's live sessions
    List {
        /// Login name
        login: String,
    },
    /// End a session, and what was opened by its token
    Revoke {
        /// Id, as shown by `session list`
        id: String,
    },
}

/// `role …`
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// List roles
    List,
    /// Show the rules of a role
    Show {
        /// Role
        role: String,
    },
    /// Create a role without rules
    Add {
        /// Role
        role: String,
    },
    /// Grant permissions on a URI pattern, as `com.example.*` or `com.example./order:.*/.get`
    Allow {
        /// Role
        role: String,
        /// URI pattern
        uri: String,
        /// Letters: c call, r register, s subscribe, p publish, o operate and q query rosters
        perms: String,
    },
    /// Deny a URI pattern, whatever broader rules grant
    Deny {
        /// Role
        role: String,
        /// URI pattern
        uri: String,
    },
    /// Remove the rule of a URI pattern, so that broader rules count again
    Unset {
        /// Role
        role: String,
        /// URI pattern
        uri: String,
    },
    /// Create a role with the rules of another
    Copy {
        /// Role whose rules are taken
        from: String,
        /// Role to create
        to: String,
    },
    /// Give a role another name; its users keep it, and their live sessions end
    Rename {
        /// Role
        role: String,
        /// Other name
        to: String,
    },
    /// Remove a role that no user has
    Remove {
        /// Role
        role: String,
    },
}

/// `uri …`
#[derive(Debug, Subcommand)]
pub enum UriArguments {
    /// List what is or was registered, or is documented
    List {
        /// The server's own procedures too
        #[arg(long)]
        all: bool,
    },
    /// Show all that is known of a URI, with the last connections
    Show(UriName),
    /// Set what is told when a URI is gone, and how long its record stays
    Set {
        #[command(flatten)]
        name: UriName,
        #[command(flatten)]
        fields: Box<UriFields>,
    },
    /// Say what a URI is for and who looks after it: rights marked ! ask for both
    Document {
        #[command(flatten)]
        name: UriName,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: String,
        /// Who looks after it
        #[arg(long, value_name = "TEXT")]
        contact: String,
    },
    /// Forget the connections that have ended
    ClearHistory(UriName),
    /// Remove the record of a URI that nobody has registered
    Delete(UriName),
}

/// `otp …`
#[derive(Debug, Subcommand)]
pub enum OtpCommand {
    /// Make a one-time password for a user
    Create {
        /// Login name
        login: String,
        /// End of life: 2026-10-17T10:17:30-07:00, or a Unix time (default: in ten minutes)
        #[arg(long, value_name = "T")]
        expires: Option<String>,
        /// Narrow what its session may do; repeatable
        #[arg(long, value_name = "URI=PERMS", value_parser = permission)]
        permission: Vec<(String, String)>,
    },
    /// List a user's live one-time passwords
    List {
        /// Login name
        login: String,
    },
}

/// `key …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make an API key for a user
    Create {
        /// Login name
        login: String,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        description: String,
        /// End of life: 2026-10-17T10:17:30-07:00, or a Unix time (default: never)
        #[arg(long, value_name = "T")]
        expires: Option<String>,
        /// Narrow what its sessions may do; repeatable
        #[arg(long, value_name = "URI=PERMS", value_parser = permission)]
        permission: Vec<(String, String)>,
    },
    /// List a user's live API keys
    List {
        /// Login name
        login: String,
    },
    /// Withdraw an API key, and end its sessions
    Revoke {
        /// Id, as shown by `key list`
        #[arg(allow_hyphen_values = true)]
        uuid: String,
    },
}

/// `audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show rows, newest first
    Search {
        /// Which
        #[command(flatten)]
        filters: AuditFilters,
        /// At most so many rows
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Write rows as JSON lines, oldest first
    Export {
        /// Which
        #[command(flatten)]
        filters: AuditFilters,
        /// Write to this file instead of standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check that no row was changed, added, moved or removed
    Verify {
        /// A checkpoint that was kept elsewhere, or a file of them; repeatable
        #[arg(long, value_name = "FILE|TEXT")]
        checkpoint: Vec<String>,
    },
}

/// `mail …`
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Send a mail that says nothing, and show what came of it
    Test {
        /// To whom
        address: String,
    },
}

fn permission(text: &str) -> Result<(String, String), String> {
    // A pattern may contain `=`, the letters may not.
    let (uri, perms) = text.rsplit_once('=').ok_or("give URI=PERMS, as com.example.*=cs")?;
    Ok((uri.to_owned(), perms.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_behind_the_command() {
        let before = Cli::try_parse_from(["countersign", "--data", "D", "user", "list", "--json"]).unwrap();
        assert!(before.json && before.data.ends_with("D"));
        let behind = Cli::try_parse_from(["countersign", "serve", "--data", "D", "--listen", "http://h:1"]).unwrap();
        assert!(behind.data.ends_with("D"));
    }

    #[test]
    fn a_permission_is_split_at_the_last_equals_sign() {
        assert_eq!(permission("a.b=cs"), Ok(("a.b".into(), "cs".into())));
        assert_eq!(permission("a./x=y/=c"), Ok(("a./x=y/".into(), "c".into())));
        assert!(permission("a.b").is_err());
    }
}
