//! The command line.
//!
//! Commands act on the running server of the data directory through its control socket, or on
//! the data itself when none runs; those of `bus` are a client of any server. Answers go to standard output, errors and notes to standard
//! error. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

mod arguments;
mod bus;
mod import;
mod metadata;
mod print;
mod trail;

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use countersign_identity::Secret;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::admin::{
    ApiKeyCommand, AuditPage, ClearText, Command, SessionCommand, TotpEdit, UriCommand, UserEdit, execute,
};
use crate::app::App;
use crate::control;
use crate::data_dir::{DataDir, DataLock};
use crate::doors::openapi_document;
use crate::open::{Installation, load_config, lock, open, open_data};
use crate::output::say;
use crate::procedures;
use crate::qr;
use crate::role_changes::RoleEdit;
use crate::serve::{ServeOptions, serve};
use arguments::{
    AuditCommand, Cli, CliCommand, KeyCommand, MailCommand, OtpCommand, ProcedureCommand, PubkeyCommand, RoleCommand,
    SignOnCommand, TotpCommand, UriArguments, UserCommand,
};

/// What is logged unless `RUST_LOG` says otherwise.
const LOG_DEFAULT: &str = "warn,countersign_server=info";
/// Libraries that log the bytes which they carry, tickets and passwords among them, at their
/// finest levels. They stay quiet whatever `RUST_LOG` says.
const LOG_CAPPED: [&str; 8] =
    ["tungstenite", "tokio_tungstenite", "hyper", "rustls", "tokio_rustls", "tokio_postgres", "ldap3", "lber"];
/// Longest password line that is read, in bytes.
const PASSWORD_LINE_BYTES_MAX: u64 = 4096;

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let filter = log_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT)));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("can't start: {error}")),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn log_filter(wanted: EnvFilter) -> EnvFilter {
    LOG_CAPPED.into_iter().filter_map(|name| format!("{name}=warn").parse().ok()).fold(wanted, EnvFilter::add_directive)
}

fn fail(message: &str) -> ExitCode {
    eprintln!("countersign: {message}");
    ExitCode::FAILURE
}

async fn dispatch(cli: Cli) -> Result<(), String> {
    let json = cli.json;
    let mut way = Way { data: &cli.data, config: cli.config.as_deref(), here: None };
    let wants_picture =
        matches!(&cli.command, CliCommand::User(UserCommand::Totp(TotpCommand::Reset { qr: true, .. })));
    let command = match cli.command {
        CliCommand::Version => return say(&print::version(json)).map_err(|error| explain(&error)),
        CliCommand::Serve { listen, demo } => {
            let options = ServeOptions { data: &cli.data, config: cli.config.as_deref(), listen: &listen, demo };
            return Box::pin(serve(&options)).await.map_err(|error| explain(&error));
        }
        CliCommand::Call(command) => return bus::call(command, json).await,
        CliCommand::Publish(command) => return bus::publish(command, json).await,
        CliCommand::Subscribe(command) => return bus::subscribe(command).await,
        CliCommand::Openapi => {
            return say(&format!("{:#}\n", openapi_document())).map_err(|error| explain(&error));
        }
        CliCommand::Procedure(ProcedureCommand::List { markdown }) => {
            let config = load_config(cli.config.as_deref(), &cli.data).map_err(|error| explain(&error))?;
            let prefix = &config.realm.uri_prefix;
            let text = if markdown {
                procedures::markdown(prefix)
            } else {
                print::procedures(&procedures::described(prefix), json)
            };
            return say(&text).map_err(|error| explain(&error));
        }
        CliCommand::Import(command) => return import::run(&cli.data, cli.config.as_deref(), &command, json).await,
        CliCommand::User(command) => user(command)?,
        CliCommand::Session(command) => session(command),
        CliCommand::Role(command) => role(command),
        CliCommand::Uri(command) => uri(command),
        CliCommand::Otp(command) => otp(command),
        CliCommand::Key(command) => key(command),
        CliCommand::Audit(AuditCommand::Search { filters, limit }) => {
            Command::AuditSearch(AuditPage { filters, after: None, limit })
        }
        CliCommand::Audit(AuditCommand::Export { filters, output }) => {
            return trail::export(&mut way, filters, output).await;
        }
        CliCommand::Audit(AuditCommand::Verify { checkpoint }) => {
            return trail::verify(&mut way, checkpoint, json).await;
        }
        CliCommand::Mail(MailCommand::Test { address }) => Command::MailTest { to: address },
    };
    let kind = print::Kind::of(&command);
    let value = way.carry_out(command).await?;
    way.end().await;
    say(&print::answer(kind, &value, json)).map_err(|error| explain(&error))?;
    if let Some(uri) = value.get("totp_uri").and_then(Value::as_str).filter(|_| wants_picture && !json) {
        let picture = qr::in_characters(&Secret::new(uri)).unwrap_or_default();
        say(&format!("{picture}\n")).map_err(|error| explain(&error))?;
    }
    if let Some(note) = print::note(kind, &value).filter(|_| !json) {
        eprintln!("{note}");
    }
    Ok(())
}

/// How commands are carried out: by the running server, or here if none runs.
struct Way<'a> {
    data: &'a Path,
    config: Option<&'a Path>,
    here: Option<(Arc<App>, DataLock)>,
}

impl Way<'_> {
    async fn carry_out(&mut self, command: Command) -> Result<Value, String> {
        if self.here.is_none() {
            if !self.data.is_dir() && !command.may_come_first() {
                return Err(format!(
                    "there is no data directory {}; name it with --data, or make one with `countersign serve` or \
                     `user add`",
                    self.data.display()
                ));
            }
            let data = open_data(self.data).map_err(|error| explain(&error))?;
            if let Some(answer) = control::ask(&data.control_socket(), &command).await {
                return answer.map_err(|refused| refused.message);
            }
            self.here = Some(open_here(&data, self.config).await?);
        }
        let Some((app, _)) = &self.here else { return Err("nobody is there to carry it out".into()) };
        execute(app, None, command).await.map_err(|refused| refused.message)
    }

    /// Lets mails go that were posted here, and signs what was done.
    async fn end(self) {
        let Some((app, _)) = self.here else { return };
        app.afterwards.finish().await;
        app.mailer.finish().await;
        if let Err(error) = app.checkpoint_audit().await {
            eprintln!("countersign: no checkpoint was made: {}; see `countersign audit verify`", explain(&error));
        }
    }
}

async fn open_here(data: &DataDir, config: Option<&Path>) -> Result<(Arc<App>, DataLock), String> {
    let config = load_config(config, data.path()).map_err(|error| explain(&error))?;
    let lock = lock(data).await.map_err(|error| explain(&error))?;
    let Installation { app, first } = open(data, config, &lock).await.map_err(|error| explain(&error))?;
    if let Some(first) = first {
        eprint!("{}", crate::demo::first_start(&first));
    }
    Ok((Arc::new(app), lock))
}

/// An error with its causes, as one line.
fn explain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn user(command: UserCommand) -> Result<Command, String> {
    let edit = |login, edit| Command::UserEdit { login, edit };
    Ok(match command {
        UserCommand::Add { login, role, password_stdin, fields } => {
            let password = read_password(password_stdin, "Password (empty: one-time passwords only)")?;
            Command::UserAdd { login, role, password, fields: *fields }
        }
        UserCommand::List => Command::UserList,
        UserCommand::Sync { dry_run } => Command::UserSync { dry_run },
        UserCommand::Show { login } => Command::UserShow { login },
        UserCommand::Lock { login } => edit(login, UserEdit::Lock),
        UserCommand::Unlock { login } => edit(login, UserEdit::Unlock),
        UserCommand::Set { login, fields } => edit(login, UserEdit::Set(fields)),
        UserCommand::Approve { login } => edit(login, UserEdit::Approve),
        UserCommand::Reject { login } => edit(login, UserEdit::Reject),
        UserCommand::Delete { login } => edit(login, UserEdit::Delete),
        UserCommand::Role { login, role } => edit(login, UserEdit::Role(role)),
        UserCommand::Pubkey(PubkeyCommand::Add { login, key, label }) => Command::UserKeyAdd { login, key, label },
        UserCommand::Pubkey(PubkeyCommand::List { login }) => Command::UserKeyList { login },
        UserCommand::Pubkey(PubkeyCommand::Remove { login, key }) => Command::UserKeyRemove { login, key },
        UserCommand::Totp(command) => totp(command),
        UserCommand::Metadata(command) => metadata::command(command)?,
        UserCommand::Passwd { login, password_stdin } => {
            // There is nothing else that could be meant by a pipe here.
            let from_stdin = password_stdin || !io::stdin().is_terminal();
            let password = read_password(from_stdin, "New password")?.ok_or("no password was typed")?;
            edit(login, UserEdit::Password(password))
        }
    })
}

fn totp(command: TotpCommand) -> Command {
    match command {
        TotpCommand::Reset { login, key, label, qr: _ } => {
            Command::UserTotp { login, edit: TotpEdit::Reset { key: key.map(ClearText::new), label } }
        }
        TotpCommand::Recovery { login } => Command::UserTotp { login, edit: TotpEdit::Recovery },
        TotpCommand::Enable { login } => Command::UserTotp { login, edit: TotpEdit::Enable },
        TotpCommand::Disable { login } => Command::UserTotp { login, edit: TotpEdit::Disable },
    }
}

fn session(command: SignOnCommand) -> Command {
    Command::Session(match command {
        SignOnCommand::List { login } => SessionCommand::List { login },
        SignOnCommand::Revoke { id } => SessionCommand::Revoke { id },
    })
}

fn role(command: RoleCommand) -> Command {
    let edit = |role, edit| Command::RoleEdit { role, edit };
    match command {
        RoleCommand::List => Command::RoleList,
        RoleCommand::Show { role } => Command::RoleShow { role },
        RoleCommand::Add { role } => edit(role, RoleEdit::Create(Vec::new())),
        RoleCommand::Copy { from, to } => edit(to, RoleEdit::CopyOf(from)),
        RoleCommand::Allow { role, uri, perms } => edit(role, RoleEdit::Set { uri, perms }),
        RoleCommand::Deny { role, uri } => edit(role, RoleEdit::Set { uri, perms: String::new() }),
        RoleCommand::Unset { role, uri } => edit(role, RoleEdit::Unset(uri)),
        RoleCommand::Rename { role, to } => edit(role, RoleEdit::Rename(to)),
        RoleCommand::Remove { role } => edit(role, RoleEdit::Remove),
    }
}

fn uri(command: UriArguments) -> Command {
    Command::Uri(match command {
        UriArguments::List { all } => UriCommand::List { all },
        UriArguments::Show(name) => UriCommand::Show(name),
        UriArguments::Set { name, fields } => UriCommand::Set { name, fields },
        UriArguments::Document { name, description, contact } => UriCommand::Document { name, description, contact },
        UriArguments::ClearHistory(name) => UriCommand::ClearHistory(name),
        UriArguments::Delete(name) => UriCommand::Delete(name),
    })
}

fn otp(command: OtpCommand) -> Command {
    match command {
        OtpCommand::Create { login, expires, permission } => {
            Command::OtpCreate { login, expires, permissions: permission }
        }
        OtpCommand::List { login } => Command::OtpList { login },
    }
}

fn key(command: KeyCommand) -> Command {
    Command::Key(match command {
        KeyCommand::Create { login, description, expires, permission } => {
            ApiKeyCommand::Create { login, description, expires, permissions: permission }
        }
        KeyCommand::List { login } => ApiKeyCommand::List { login },
        KeyCommand::Revoke { uuid } => ApiKeyCommand::Revoke { uuid },
    })
}

/// The first line of standard input, or what is typed at a prompt without being shown; `None`
/// if that is empty or there is nobody to ask.
fn read_password(from_stdin: bool, prompt: &str) -> Result<Option<ClearText>, String> {
    let line = if from_stdin {
        let mut line = String::new();
        let mut limited = io::Read::take(io::stdin().lock(), PASSWORD_LINE_BYTES_MAX);
        limited.read_line(&mut line).map_err(|error| format!("can't read the password: {error}"))?;
        line
    } else if io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{prompt}: "))
            .map_err(|error| format!("can't read the password: {error}"))?
    } else {
        return Ok(None);
    };
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() && from_stdin {
        return Err("standard input holds no password".into());
    }
    Ok((!password.is_empty()).then(|| ClearText::new(password.to_owned())))
}
