//! Bringing the directory's users over: now, at the start, and each hour.
//!
//! **Invariants:** one run at a time; whoever asks while it goes on gets what comes of it. A search that doesn't come to its end
//! changes nothing, and one that finds nobody locks nobody: rather that than everybody locked out by a wrong filter.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_identity::audit::Reason;
use countersign_identity::directory_sync::{DirectoryUser, SyncError, SyncRules, Synced};
use countersign_identity::repository::RepositoryError;
use countersign_identity::{Actor, LoginName, PeerAddress, RequestContext, Timestamp, printable};
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Directory, DirectoryError, Entry};
use crate::app::App;
use crate::cid;
use crate::clock::{now, random};
use crate::config::LdapConfig;
use crate::hub::Hub;

/// Attributes of a user that are read: the name to show, the address, the principal's name, and what says whether the user may come
/// in.
const NAME: &str = "displayName";
const EMAIL: &str = "mail";
const UPN: &str = "userPrincipalName";
const ACCOUNT_CONTROL: &str = "userAccountControl";
/// The bit of `userAccountControl` that means that the account is disabled (`ADS_UF_ACCOUNTDISABLE`).
const ACCOUNT_DISABLED: i64 = 2;
/// Longest name in a report, in characters.
const REPORTED_CHARACTERS_MAX: usize = 256;
/// Users that are read at once.
const USERS_PER_PAGE: u32 = 500;
/// Users that are stored at a time: a database of several connections has some left for everybody else.
const USERS_AT_A_TIME: usize = 4;
/// Seconds of an hour.
const HOUR_SECONDS: u64 = 3_600;

/// What became of the directory's users.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Whether nothing was written.
    dry_run: bool,
    /// Entries that were found.
    found: usize,
    /// Users that were made.
    created: usize,
    /// Users that were changed.
    changed: usize,
    /// Users that were locked.
    locked: usize,
    /// Users that stayed as they were.
    unchanged: usize,
    /// Users whose password is known here, and who therefore stay as they are.
    local: Vec<String>,
    /// Users whom somebody here has locked, though the directory would let them in.
    kept_locked: Vec<String>,
    /// Users who came from the directory and are not in it any more.
    missing: Vec<String>,
    /// Entries without a login name that can be used, or with one that another entry has.
    unusable: Vec<String>,
}

/// Why users were not brought over, or not all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyncFailed {
    /// The directory gives no answer.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// They can't be stored.
    #[error("{0}")]
    Users(String),
}

impl From<SyncError> for SyncFailed {
    fn from(error: SyncError) -> Self {
        Self::Users(error.to_string())
    }
}

impl From<RepositoryError> for SyncFailed {
    fn from(error: RepositoryError) -> Self {
        Self::Users(error.to_string())
    }
}

/// A user as an entry tells; the entry's name where it is none.
fn user_of(entry: &Entry, login_attribute: &str) -> Result<DirectoryUser, String> {
    let given = entry.text(login_attribute).unwrap_or_default();
    let login = LoginName::parse(given).map_err(|_| printable(&entry.dn, REPORTED_CHARACTERS_MAX))?;
    let text = |attribute| entry.text(attribute).map(str::to_owned);
    let enabled = match entry.text(ACCOUNT_CONTROL) {
        None => true,
        // What can't be read lets nobody in.
        Some(text) => text.trim().parse::<i64>().is_ok_and(|bits| bits & ACCOUNT_DISABLED == 0),
    };
    Ok(DirectoryUser {
        login,
        spelling: given.to_owned(),
        name: text(NAME),
        email: text(EMAIL),
        upn: text(UPN),
        enabled,
    })
}

impl Directory {
    /// The entries of users, with what is brought over.
    async fn people(&self) -> Result<Vec<Entry>, DirectoryError> {
        let attributes = [self.config.login_attribute.as_str(), NAME, EMAIL, UPN, ACCOUNT_CONTROL].map(str::to_owned);
        let query = super::Query {
            attributes: attributes.to_vec(),
            ..self.query(self.config.user_base(), &self.config.user_filter)?
        };
        self.search(query, self.config.search_seconds_max).await
    }
}

/// One run.
struct Run<'a> {
    app: &'a App,
    config: &'a LdapConfig,
    hub: Option<&'a Hub>,
    context: &'a RequestContext,
    rules: SyncRules<'a>,
    report: SyncReport,
}

impl Run<'_> {
    async fn users(&mut self, entries: &[Entry]) -> Result<(), SyncFailed> {
        let (mut seen, mut users) = (HashSet::new(), Vec::new());
        self.report.found = entries.len();
        for entry in entries {
            let user = match user_of(entry, &self.config.login_attribute) {
                Ok(user) => user,
                Err(name) => {
                    self.report.unusable.push(name);
                    continue;
                }
            };
            if !seen.insert(user.login.clone()) {
                self.report.unusable.push(printable(&entry.dn, REPORTED_CHARACTERS_MAX));
                continue;
            }
            users.push(user);
        }
        let (identity, rules, context) = (&self.app.identity, self.rules, self.context);
        let brought = users.into_iter().map(|user| async move {
            let synced = identity.sync_user(&user, rules, context, now(), &mut random()).await;
            (user.login, synced)
        });
        let mut brought = stream::iter(brought).buffered(USERS_AT_A_TIME);
        while let Some((login, synced)) = brought.next().await {
            self.note(&synced?, &login);
        }
        drop(brought);
        self.missing(&seen).await
    }

    /// Those who came from the directory and are not in it any more.
    async fn missing(&mut self, seen: &HashSet<LoginName>) -> Result<(), SyncFailed> {
        let mut after = None;
        loop {
            let (users, next) = self.app.identity.users_of_directory(after, USERS_PER_PAGE).await?;
            for user in users.iter().filter(|user| !seen.contains(&user.login)) {
                self.report.missing.push(user.login.to_string());
                if self.config.disable_missing && !seen.is_empty() {
                    let synced = self.app.identity.lock_missing(user, self.rules, self.context, now()).await?;
                    if let Synced::Locked(_) = synced {
                        self.note(&synced, &user.login);
                    }
                }
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Counts what became of a user, and lets live sessions feel it.
    fn note(&mut self, synced: &Synced, login: &LoginName) {
        let report = &mut self.report;
        match synced {
            Synced::Created => report.created += 1,
            Synced::Changed(_) => report.changed += 1,
            Synced::Locked(user) => {
                report.locked += 1;
                if let Some(hub) = self.hub.filter(|_| !self.rules.is_dry_run) {
                    hub.revoke_user(*user, "the user was locked");
                }
            }
            Synced::Same => report.unchanged += 1,
            Synced::KeptLocked => {
                report.unchanged += 1;
                report.kept_locked.push(login.to_string());
            }
            Synced::Local => report.local.push(login.to_string()),
        }
    }
}

impl App {
    /// Brings the directory's users over; nothing where there is none.
    ///
    /// # Errors
    ///
    /// [`SyncFailed`]. Who came before what went wrong was brought over.
    pub async fn sync_directory(
        &self,
        hub: Option<&Hub>,
        actor: &Actor,
        context: &RequestContext,
    ) -> Result<Option<Arc<SyncReport>>, SyncFailed> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let work = async {
            let done = self.run_sync(directory, hub, context, false).await;
            if let Some(hub) = hub {
                hub.bonds_changed();
            }
            let outcome = match &done {
                Ok(report) => Ok(counts(report)),
                Err(_) => Err(Reason::DirectoryDown),
            };
            let outcome = outcome.as_deref().map_err(|reason| *reason);
            self.identity.record_sync(actor, outcome, context, now()).await?;
            match &done {
                Ok(report) => tracing::info!(counts = counts(report), "brought the users of the directory over"),
                Err(error) => tracing::warn!(%error, "can't bring the users of the directory over"),
            }
            done
        };
        Box::pin(directory.syncing.get(work)).await.map(Some)
    }

    /// What [`Self::sync_directory`] would do.
    ///
    /// # Errors
    ///
    /// [`SyncFailed`].
    pub async fn would_sync_directory(&self, context: &RequestContext) -> Result<Option<SyncReport>, SyncFailed> {
        let Some(directory) = &self.directory else { return Ok(None) };
        self.run_sync(directory, None, context, true).await.map(Some)
    }

    async fn run_sync(
        &self,
        directory: &Directory,
        hub: Option<&Hub>,
        context: &RequestContext,
        is_dry_run: bool,
    ) -> Result<SyncReport, SyncFailed> {
        let config = &directory.config;
        let role = config.role().map_err(|error| SyncFailed::Users(error.to_string()))?;
        let entries = directory.people().await?;
        let rules = SyncRules { role: &role, is_dry_run };
        let report = SyncReport { dry_run: is_dry_run, ..SyncReport::default() };
        let mut run = Run { app: self, config, hub, context, rules, report };
        run.users(&entries).await?;
        Ok(run.report)
    }
}

fn counts(report: &SyncReport) -> String {
    let SyncReport { found, created, changed, locked, unchanged, local, kept_locked, missing, unusable, .. } = report;
    let [local, kept_locked, missing, unusable] = [local, kept_locked, missing, unusable].map(Vec::len);
    format!(
        "found={found} created={created} changed={changed} locked={locked} unchanged={unchanged} local={local} \
         kept_locked={kept_locked} missing={missing} unusable={unusable}"
    )
}

/// Brings users over at the times that are set, until `stop`.
pub async fn keep(app: Arc<App>, hub: Arc<Hub>, stop: CancellationToken) {
    let run = async || {
        let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", "job");
        // What goes wrong is in the log by then.
        let _ = app.sync_directory(Some(&hub), &Actor::Operator, &context).await;
    };
    let work = async {
        let config = app.config.ldap.as_ref();
        if config.is_some_and(|ldap| ldap.sync_at_start) {
            run().await;
        }
        let Some(minute) = config.and_then(|ldap| ldap.sync_minute) else { return std::future::pending().await };
        loop {
            tokio::time::sleep(until(minute, now())).await;
            run().await;
        }
    };
    stop.run_until_cancelled(work).await;
}

/// The time until this minute begins, in UTC.
fn until(minute: u8, now: Timestamp) -> Duration {
    let hour = Duration::from_secs(HOUR_SECONDS).as_micros();
    let micros = u128::try_from(now.micros().rem_euclid(i64::try_from(hour).unwrap_or(i64::MAX))).unwrap_or_default();
    let wanted = Duration::from_secs(u64::from(minute) * 60).as_micros();
    let left = (wanted + hour - micros) % hour;
    Duration::from_micros(u64::try_from(if left == 0 { hour } else { left }).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ldap3::SearchEntry;

    use super::*;

    fn entry(attributes: &[(&str, &str)]) -> Entry {
        let attrs: HashMap<String, Vec<String>> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect();
        Entry::new(SearchEntry { dn: "uid=x\ny".into(), attrs, bin_attrs: HashMap::new() })
    }

    #[test]
    fn reads_a_user_and_lower_cases_the_login() {
        let found =
            entry(&[("UID", "Ann"), ("displayName", "Ann Lee"), ("mail", "Ann@x"), ("userAccountControl", "512")]);
        let user = user_of(&found, "uid").unwrap();
        assert_eq!((user.login.as_str(), user.spelling.as_str(), user.enabled), ("ann", "Ann", true));
        assert_eq!((user.name.as_deref(), user.email.as_deref()), (Some("Ann Lee"), Some("Ann@x")));
    }

    #[test]
    fn the_bit_says_who_may_come_in_and_its_absence_everybody() {
        let check = |control: &[(&str, &str)], want| {
            let found = entry(&[&[("uid", "ann")], control].concat());
            assert_eq!(user_of(&found, "uid").unwrap().enabled, want, "{control:?}");
        };
        check(&[], true);
        for (control, want) in
            [("512", true), ("514", false), ("66050", false), ("2", false), ("0", true), ("x", false)]
        {
            check(&[(ACCOUNT_CONTROL, control)], want);
        }
    }

    #[test]
    fn an_entry_without_a_login_is_named_and_can_not_forge_a_line() {
        for attributes in [&[][..], &[("uid", "")], &[("uid", "a b")], &[("uid", "%operator")]] {
            assert_eq!(user_of(&entry(attributes), "uid"), Err("uid=x\u{fffd}y".to_owned()));
        }
    }

    #[test]
    fn waits_for_the_minute_to_begin() {
        let check = |minute, seconds: i64, want| {
            let now = Timestamp::from_micros(seconds * 1_000_000);
            assert_eq!(until(minute, now), Duration::from_secs(want), "{minute} {seconds}");
        };
        check(30, 0, 1_800);
        check(30, 1_799, 1);
        check(30, 1_800, 3_600);
        check(30, 1_801, 3_599);
        check(0, 3_600 * 5, 3_600);
        check(59, 3_600 * 5 + 60, 58 * 60);
        let now = Timestamp::from_micros(1_799_999_999);
        assert_eq!(until(30, now), Duration::from_micros(1));
    }
}
