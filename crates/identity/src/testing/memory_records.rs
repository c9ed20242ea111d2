//! Queries in memory: every record is looked at.

use super::{Execute, State};
use crate::metadata::MetadataEntry;
use crate::records::entry::{CookieEntry, Entry, KeyEntry, MetadataRecord, RoleEntry, UserEntry};
use crate::records::write::{CountRecords, LocateRecords, Located};
use crate::records::{Collection, FoundRecords, Gate, Query, QueryRecords, Records, RecordsLimit, page_of};
use crate::repository::{FindProfile, FindUser};
use crate::role::Role;
use crate::uris::FoundUri;
use crate::{Credential, CredentialKind, RoleId, Timestamp, UserId};
use uuid::Uuid;

impl State {
    fn live(&self, kind: CredentialKind, now: Timestamp) -> Vec<Credential> {
        let is_live = |one: &&Credential| one.kind == kind && one.spent.is_none() && one.expires.at >= now;
        let mut live: Vec<Credential> = self.credentials.iter().filter(is_live).cloned().collect();
        live.sort_by_key(|one| one.id);
        live
    }

    fn user_entries(&mut self, now: Timestamp) -> Vec<UserEntry> {
        let ids: Vec<UserId> = self.users.values().map(|user| user.id).collect();
        let otps = self.live(CredentialKind::Otp, now);
        let api_keys = self.live(CredentialKind::ApiKey, now);
        let entry = |id| {
            let record = FindProfile { who: FindUser::ById(id) }.execute(self)?;
            let metadata = self.metadata.iter().filter(|((of, _), _)| *of == id).map(|(_, entry)| entry.clone());
            let metadata = metadata.collect();
            let of = |all: &[Credential]| all.iter().filter(|one| one.owner == id).cloned().collect();
            Some(UserEntry { record, otps: of(&otps), api_keys: of(&api_keys), metadata })
        };
        ids.into_iter().filter_map(entry).collect()
    }

    /// Roles have no ids here; they get some by their place.
    fn role_entries(&self) -> Vec<RoleEntry> {
        let entry = |(at, (name, rules)): (u128, _)| RoleEntry {
            id: RoleId::from_uuid(Uuid::from_u128(at)),
            role: Role { name: Clone::clone(name), rules: Clone::clone(rules) },
        };
        (1..).zip(self.roles.iter()).map(entry).collect()
    }
}

/// Those within the gate and the filter, sorted, and cut to a page.
fn found<E: Entry + Clone>(
    entries: Vec<E>,
    query: &Query,
    is_within: impl Fn(&E) -> bool,
    records: impl Fn(Vec<E>) -> Records,
) -> FoundRecords {
    let within: Vec<E> = entries.into_iter().filter(is_within).collect();
    let (hits, page) = page_of(&within, query);
    if page.len() > RecordsLimit::Records.max() {
        return FoundRecords::TooMuch(RecordsLimit::Records);
    }
    FoundRecords::Page { hits, records: records(page) }
}

impl Execute for QueryRecords {
    fn execute(self, state: &mut State) -> FoundRecords {
        let is_own = |id: UserId| self.gate == Gate::All || self.gate == Gate::Own(id);
        let is_all = self.gate == Gate::All;
        let query = &self.query;
        let owner =
            |state: &State, one: &Credential| state.users.values().find(|user| user.id == one.owner).cloned().unwrap();
        match query.collection {
            Collection::Users => {
                let users = state.user_entries(self.now);
                found(users, query, |user| is_own(user.record.user.id), Records::Users)
            }
            Collection::Roles => found(state.role_entries(), query, |_| is_all, Records::Roles),
            Collection::Cookies => {
                let entry = |credential: Credential| {
                    let user = owner(state, &credential);
                    CookieEntry { credential, login: user.login, role: user.role }
                };
                let cookies = state.live(CredentialKind::Cookie, self.now).into_iter().map(entry).collect();
                found(cookies, query, |_| is_all, Records::Cookies)
            }
            Collection::Metadata => {
                let entry = |((owner, _), entry): (&(UserId, _), &MetadataEntry)| {
                    let user = state.users.values().find(|user| user.id == *owner)?;
                    Some(MetadataRecord { entry: entry.clone(), owner: *owner, login: user.login.clone() })
                };
                let entries = state.metadata.iter().filter_map(entry).collect();
                found(entries, query, |entry| is_own(entry.owner), Records::Metadata)
            }
            // Nothing in memory tracks registrations.
            Collection::Uris => found(Vec::<FoundUri>::new(), query, |_| is_all, Records::Uris),
            Collection::Rosters => found(state.rosters.clone(), query, |_| is_all, Records::Rosters),
            Collection::Otps => {
                let entry = |credential: Credential| KeyEntry { login: owner(state, &credential).login, credential };
                let otps = state.live(CredentialKind::Otp, self.now).into_iter().map(entry).collect();
                found(otps, query, |otp| is_own(otp.credential.owner), Records::Otps)
            }
            Collection::ApiKeys => {
                let entry = |credential: Credential| KeyEntry { login: owner(state, &credential).login, credential };
                let otps = state.live(CredentialKind::ApiKey, self.now).into_iter().map(entry).collect();
                found(otps, query, |otp| is_own(otp.credential.owner), Records::ApiKeys)
            }
        }
    }
}

impl Execute for LocateRecords {
    fn execute(self, state: &mut State) -> Vec<Located> {
        let users = state.users.values().map(|user| Located {
            id: user.id.uuid(),
            collection: Collection::Users,
            owner: Some(user.id),
            key: user.login.to_string(),
        });
        let roles = state.role_entries().into_iter().map(|entry| Located {
            id: entry.id.uuid(),
            collection: Collection::Roles,
            owner: None,
            key: entry.role.name.to_string(),
        });
        let credentials = state.credentials.iter().map(|one| Located {
            id: one.id.uuid(),
            collection: match one.kind {
                CredentialKind::Otp => Collection::Otps,
                CredentialKind::ApiKey => Collection::ApiKeys,
                CredentialKind::Cookie => Collection::Cookies,
            },
            owner: (one.kind != CredentialKind::Cookie).then_some(one.owner),
            key: String::new(),
        });
        let metadata = state.metadata.iter().map(|((owner, key), entry)| Located {
            id: entry.id.uuid(),
            collection: Collection::Metadata,
            owner: Some(*owner),
            key: key.as_str().to_owned(),
        });
        let rosters = state.rosters.iter().map(|entry| Located {
            id: entry.id.uuid(),
            collection: Collection::Rosters,
            owner: None,
            key: entry.key(),
        });
        users
            .chain(roles)
            .chain(credentials)
            .chain(metadata)
            .chain(rosters)
            .filter(|record| self.ids.contains(&record.id))
            .collect()
    }
}

impl Execute for CountRecords {
    fn execute(self, state: &mut State) -> Vec<(Collection, u64)> {
        let count = |collection| match collection {
            Collection::Users => state.users.len(),
            Collection::Roles => state.roles.len(),
            Collection::Cookies => state.live(CredentialKind::Cookie, self.now).len(),
            Collection::Otps => state.live(CredentialKind::Otp, self.now).len(),
            Collection::ApiKeys => state.live(CredentialKind::ApiKey, self.now).len(),
            Collection::Metadata => state.metadata.len(),
            Collection::Uris => 0,
            Collection::Rosters => state.rosters.len(),
        };
        Collection::ALL.iter().map(|collection| (*collection, count(*collection) as u64)).collect()
    }
}
