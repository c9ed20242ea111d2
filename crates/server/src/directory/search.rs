//! Binding and searching, on one connection.

use std::sync::Arc;

use countersign_identity::Secret;
use futures_util::FutureExt as _;
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::{Ldap, LdapResult, Scope, SearchEntry};

use super::DirectoryError;
use super::entry::Entry;
use super::pool::{Trouble, Work};
use crate::metrics::ServerLimit;

/// Result codes of RFC 4511, appendix A, with which a server says that it doesn't let somebody in: no such entry, no such
/// name, no password set, wrong password, not allowed, unwilling (a policy), and a value that breaks a rule.
const LETS_NOT_IN: [u32; 7] = [19, 32, 34, 48, 49, 50, 53];

/// Who binds, with the password.
pub type Login = (String, Secret);

/// What is searched for.
#[derive(Debug)]
pub struct Query {
    /// As whom; `None`: as nobody.
    pub by: Option<Login>,
    /// Below which entry.
    pub base: String,
    /// Which entries.
    pub filter: String,
    /// Which of their attributes.
    pub attributes: Vec<String>,
    /// Entries that are asked for at once.
    pub page_entries: i32,
    /// Entries that there may be.
    pub entries_max: usize,
    /// Their bytes, and the limit that this is.
    pub bytes_max: (usize, ServerLimit),
}

/// Whether the directory lets somebody in.
pub fn bind((name, password): &Login, mut ldap: Ldap) -> Work<bool> {
    let (name, password) = (name.clone(), password.clone());
    async move {
        // Without a password this would be no login at all, which succeeds (RFC 4513, section 5.1.2). Some servers read a
        // password up to a NUL only.
        if name.is_empty() || password.expose().is_empty() || password.expose().contains('\0') {
            return Ok(false);
        }
        verdict(&ldap.simple_bind(&name, password.expose()).await?)
    }
    .boxed()
}

fn verdict(result: &LdapResult) -> Result<bool, Trouble> {
    match result.rc {
        0 => Ok(true),
        code if LETS_NOT_IN.contains(&code) => Ok(false),
        _ => Err(Trouble::of(result)),
    }
}

/// Binds as `by`, also as nobody: somebody else may have used the connection.
async fn bind_for_search(by: Option<&Login>, ldap: &mut Ldap) -> Result<(), Trouble> {
    let (name, password) = by.map_or(("", ""), |(name, password)| (name.as_str(), password.expose()));
    let result = ldap.simple_bind(name, password).await?;
    if verdict(&result)? { Ok(()) } else { Err(Trouble::Final(DirectoryError::ServiceLogin(result.to_string()))) }
}

/// The entries that fit, by pages (RFC 2696).
pub fn search(query: &Arc<Query>, mut ldap: Ldap) -> Work<Vec<Entry>> {
    let query = Arc::clone(query);
    async move {
        bind_for_search(query.by.as_ref(), &mut ldap).await?;
        let adapters: Vec<Box<dyn Adapter<'_, String, Vec<String>>>> =
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(query.page_entries))];
        let Query { base, filter, attributes, .. } = &*query;
        let stream = ldap.streaming_search_with(adapters, base, Scope::Subtree, filter, attributes.clone()).await;
        let mut stream = stream?;
        let (mut entries, mut bytes) = (Vec::new(), 0_usize);
        let (bytes_max, bytes_limit) = query.bytes_max;
        while let Some(found) = stream.next().await? {
            let entry = Entry::new(SearchEntry::construct(found));
            bytes = bytes.saturating_add(entry.bytes());
            if bytes > bytes_max {
                return Err(Trouble::Final(DirectoryError::TooMuch(bytes_limit)));
            }
            if entries.len() >= query.entries_max {
                return Err(Trouble::Final(DirectoryError::TooMuch(ServerLimit::DirectoryEntries)));
            }
            entries.push(entry);
        }
        match stream.finish().await {
            result if result.rc == 0 => Ok(entries),
            result => Err(Trouble::of(&result)),
        }
    }
    .boxed()
}
