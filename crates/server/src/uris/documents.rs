//! Which URIs are documented, for rights that ask for it (`!`).
//!
//! Kept in memory: the question is asked under the realm's lock. Read again when a number in the database says that it may
//! have changed, here or by another server.

use std::collections::HashMap;

use arc_swap::ArcSwap;
use countersign_identity::Identity;
use countersign_identity::repository::{RepositoryError, Run as _};
use countersign_identity::uris::UriPolicy;
use countersign_identity::uris::operations::{DocumentsVersion, ListDocumented};
use countersign_storage::Store;

/// See the module.
#[derive(Debug)]
pub struct DocumentedUris {
    error: String,
    known: ArcSwap<Known>,
}

#[derive(Debug, Default)]
struct Known {
    version: Option<i64>,
    by_uri: HashMap<String, Vec<UriPolicy>>,
}

impl Known {
    fn contains(&self, policy: UriPolicy, uri: &str) -> bool {
        self.by_uri.get(uri).is_some_and(|policies| policies.contains(&policy))
    }
}

impl DocumentedUris {
    /// None is known yet. `prefix`: what the server's own URIs start with.
    pub fn new(prefix: &str) -> Self {
        Self { error: format!("{prefix}.error.requiredocumentation"), known: ArcSwap::default() }
    }

    /// Whether a URI or pattern is documented with this very policy.
    pub fn contains(&self, policy: UriPolicy, uri: &str) -> bool {
        self.known.load().contains(policy, uri)
    }

    /// What somebody hears who may not do this (`register`, as `registering procedure`) before the URI is documented.
    /// Clients look for the URI of the error within the text.
    pub fn refusal(&self, verb: &str, doing: &str, uri: &str) -> String {
        let error = &self.error;
        format!(
            "failed to authorize session for {doing} '{uri}': ApplicationError(error=<{error}>, \
             args=['{verb}://{uri} requires documentation in the database before {verb} may be called'])"
        )
    }

    /// Reads them again if they may have changed. Answers whether one is documented no more.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]; what was known stays.
    pub async fn refresh(&self, identity: &Identity<Store>) -> Result<bool, RepositoryError> {
        // Before the rest: what changes in between is read once more.
        let version = Some(identity.repository().run(DocumentsVersion).await?);
        if self.known.load().version == version {
            return Ok(false);
        }
        let mut by_uri: HashMap<String, Vec<UriPolicy>> = HashMap::new();
        for key in identity.repository().run(ListDocumented).await? {
            by_uri.entry(key.uri().to_owned()).or_default().push(key.policy());
        }
        let now = Known { version, by_uri };
        let before = self.known.load_full();
        let has_lost = before.by_uri.iter().any(|(uri, policies)| policies.iter().any(|one| !now.contains(*one, uri)));
        self.known.store(now.into());
        Ok(has_lost)
    }
}
