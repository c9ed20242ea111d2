//! Queries: who may make which, and their pages.

use std::cmp::Reverse;

use super::entry::{CookieEntry, Entry, KeyEntry, MetadataRecord, RoleEntry, UserEntry};
use super::fields::{Collection, Field, Kind};
use super::filter::{Condition, Filter, Held, Node, Scalar, Test};
use super::input::Input;
use super::parse::{OPERATORS, Reader, field_of};
use crate::repository::{FindUser, Repository, RepositoryError};
use crate::roster::RosterEntry;
use crate::uris::FoundUri;
use crate::{Actor, Identity, Timestamp, UserId};
use uuid::Uuid;

/// How much a query may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordsLimit {
    /// Filters within filters.
    FilterDepth,
    /// Conditions of a filter.
    FilterConditions,
    /// Values of a filter, in all its lists together.
    FilterValues,
    /// Bytes of a text in a filter.
    FilterTextBytes,
    /// Fields by which is sorted.
    SortFields,
    /// Records in an answer.
    Records,
    /// Records that belong to users of an answer, and connections of its URIs.
    Embedded,
    /// Bytes of what is noted of users, and of what sessions tell, in an answer.
    Bytes,
}

impl RecordsLimit {
    /// The most that is taken.
    pub const fn max(self) -> usize {
        match self {
            Self::FilterDepth => 16,
            Self::FilterConditions => 100,
            Self::FilterValues | Self::Records => 1_000,
            Self::FilterTextBytes => 1_024,
            Self::SortFields => 8,
            Self::Embedded => 10_000,
            Self::Bytes => 8 << 20,
        }
    }

    pub(super) fn check(self, found: usize) -> Result<(), QueryError> {
        if found > self.max() { Err(QueryError::TooMuch(self)) } else { Ok(()) }
    }

    fn what(self) -> &'static str {
        match self {
            Self::FilterDepth => "filters within filters",
            Self::FilterConditions => "conditions in a filter",
            Self::FilterValues => "values in a filter",
            Self::FilterTextBytes => "bytes in a text of a filter",
            Self::SortFields => "fields to sort by",
            Self::Records => "records in an answer; ask for pages with limit and page_index",
            Self::Bytes => "bytes of values in an answer; ask for smaller pages",
            Self::Embedded => "records of its users, or connections of its URIs, in an answer; ask for smaller pages",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The caller has no login.
    #[error("records are for signed-in users")]
    Anonymous,
    /// These records are not for the caller's role.
    #[error("{} are for users with the role trust", .0.name())]
    NotTrusted(Collection),
    /// There is no such collection.
    #[error("{0} not a valid collection. Available Collections {names}", names = Collection::names())]
    Collection(String),
    /// The collection has no such field.
    #[error("{name} is not a field of {collection}; its fields are {fields}")]
    Field {
        /// What was asked for.
        name: String,
        /// Of which collection.
        collection: &'static str,
        /// What there is.
        fields: String,
    },
    /// The filter is neither a condition nor a combination.
    #[error("Filter definition {shown} cannot be grokked: {why}")]
    Filter {
        /// Its beginning.
        shown: String,
        /// What is wrong.
        why: String,
    },
    /// There is no such combiner.
    #[error("there is no combiner {0}; give AND, OR, NOT or NOR")]
    Combiner(String),
    /// There is no such operator.
    #[error("there is no operator {0}; give {OPERATORS}")]
    Operator(String),
    /// The field can't be tested so.
    #[error("{field} can't be tested with {operator}")]
    Unsuitable {
        /// The field.
        field: &'static str,
        /// The operator.
        operator: String,
    },
    /// The value makes no sense with the operator.
    #[error("{field} {operator}: the value has to be {what}")]
    Value {
        /// The field.
        field: &'static str,
        /// The operator.
        operator: String,
        /// What it has to be.
        what: &'static str,
    },
    /// A text holds what none can hold.
    #[error("a text of a filter can't hold U+0000")]
    Nul,
    /// `sort` makes no sense.
    #[error("sort is a list of [field, 'asc' or 'desc'], not {0}")]
    Sort(String),
    /// Nothing can be sorted by this field.
    #[error("records can't be sorted by {0}")]
    Unsortable(&'static str),
    /// `limit` makes no sense.
    #[error("limit has to be a number that is not negative")]
    Limit,
    /// `page_index` makes no sense.
    #[error("page_index has to be a number that is not negative")]
    PageIndex,
    /// More than is taken.
    #[error("there are more than {} {}", .0.max(), .0.what())]
    TooMuch(RecordsLimit),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

/// A query as its caller gave it.
#[derive(Debug)]
pub struct QueryRequest {
    /// The name of the collection.
    pub collection: String,
    /// Which records.
    pub conditions: Input,
    /// In which order.
    pub sort: Input,
    /// How many on a page.
    pub limit: Input,
    /// Which page.
    pub page_index: Input,
}

/// Upwards or downwards. What is missing is less than everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// One key of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub field: Field,
    /// Which way.
    pub direction: Direction,
}

/// A query that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Of what.
    pub collection: Collection,
    /// Which.
    pub filter: Filter,
    /// In which order; what stands the same by all of it is in the order of its key.
    pub sort: Vec<Sort>,
    /// So many on a page; `None`: all are on one.
    pub limit: Option<u32>,
    /// Which page, from 0.
    pub page_index: u32,
}

/// Among which records a query searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// All.
    All,
    /// The user itself, and what belongs to it.
    Own(UserId),
}

/// Reads a page of records, and counts all that the query means.
#[derive(Debug)]
pub struct QueryRecords {
    /// The query.
    pub query: Query,
    /// Among which records.
    pub gate: Gate,
    /// The time at which is judged what can still be used.
    pub now: Timestamp,
}

/// Outcome of [`QueryRecords`].
#[derive(Debug, Clone, PartialEq)]
pub enum FoundRecords {
    /// A page.
    Page {
        /// How many the query means, on all pages.
        hits: u64,
        /// Those of the page.
        records: Records,
    },
    /// The page would have more than this allows.
    TooMuch(RecordsLimit),
}

/// Records of one collection.
#[derive(Debug, Clone, PartialEq)]
pub enum Records {
    /// Users.
    Users(Vec<UserEntry>),
    /// Roles.
    Roles(Vec<RoleEntry>),
    /// Cookies.
    Cookies(Vec<CookieEntry>),
    /// One-time passwords.
    Otps(Vec<KeyEntry>),
    /// API keys.
    ApiKeys(Vec<KeyEntry>),
    /// What is noted of users.
    Metadata(Vec<MetadataRecord>),
    /// What is known of URIs, with what is remembered of their connections.
    Uris(Vec<FoundUri>),
    /// Entries of rosters.
    Rosters(Vec<RosterEntry>),
}

impl Records {
    /// How many bytes their values take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Users(users) => users.iter().flat_map(|user| &user.metadata).map(|entry| entry.value.bytes()).sum(),
            Self::Metadata(entries) => entries.iter().map(|record| record.entry.value.bytes()).sum(),
            Self::Rosters(entries) => entries.iter().map(RosterEntry::bytes).sum(),
            Self::Roles(_) | Self::Cookies(_) | Self::Otps(_) | Self::ApiKeys(_) | Self::Uris(_) => 0,
        }
    }
}

/// The answer to a query.
#[derive(Debug)]
pub struct Page {
    /// How many the query means, on all pages.
    pub hits: u64,
    /// On how many pages they are; 0 where all are on one because the query has no limit.
    pub pages: u64,
    /// Which page it is, from 0.
    pub page_index: u32,
    /// The records on it.
    pub records: Records,
}

impl<R: Repository> Identity<R> {
    /// Answers a query: `system.db.query`.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn query_records(
        &self,
        request: &QueryRequest,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Page, QueryError> {
        let collection = collection_of(&request.collection)?;
        let gate = self.records_gate(collection, actor).await?;
        let query = Query {
            collection,
            filter: Reader::new(collection, &self.settings.pepper).filter(&request.conditions)?,
            sort: sort(collection, &request.sort)?,
            limit: number(&request.limit).map_err(|_| QueryError::Limit)?.filter(|limit| *limit > 0),
            page_index: number(&request.page_index).map_err(|_| QueryError::PageIndex)?.unwrap_or_default(),
        };
        let (limit, page_index) = (query.limit, query.page_index);
        match self.repository.run(QueryRecords { query, gate, now }).await? {
            FoundRecords::Page { hits, records } => {
                let pages = limit.map_or(0, |limit| hits.div_ceil(limit.into()));
                Ok(Page { hits, pages, page_index, records })
            }
            FoundRecords::TooMuch(limit) => Err(QueryError::TooMuch(limit)),
        }
    }

    /// One record, whoever asks: for those who have just made it.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn record(
        &self,
        collection: Collection,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Option<Records>, RepositoryError> {
        let Some(field) = collection.field("uuid") else { return Ok(None) };
        self.first_record(field, Scalar::Id(id), now).await
    }

    /// The record that holds this in a field, whoever asks.
    pub(super) async fn first_record(
        &self,
        field: Field,
        value: Scalar,
        now: Timestamp,
    ) -> Result<Option<Records>, RepositoryError> {
        let collection = field.collection();
        let test = Test::OneOf { values: vec![value], or_missing: false };
        let root = Node::Test(Condition { field, test });
        let filter = Filter { root, is_unanswerable: false };
        let query = Query { collection, filter, sort: Vec::new(), limit: Some(1), page_index: 0 };
        match self.repository.run(QueryRecords { query, gate: Gate::All, now }).await? {
            FoundRecords::Page { hits: 1.., records } => Ok(Some(records)),
            FoundRecords::Page { .. } | FoundRecords::TooMuch(_) => Ok(None),
        }
    }

    /// Among which records somebody may search: by the role that the user has now.
    pub(super) async fn records_gate(&self, collection: Collection, actor: &Actor) -> Result<Gate, QueryError> {
        let id = match actor {
            Actor::Operator => return Ok(Gate::All),
            Actor::Anonymous => return Err(QueryError::Anonymous),
            Actor::User { id, .. } => *id,
        };
        let user = self.repository.run(FindUser::ById(id)).await?.ok_or(QueryError::Anonymous)?;
        if user.role.is_trust() {
            Ok(Gate::All)
        } else if collection == Collection::Users || collection.has_owners() {
            Ok(Gate::Own(id))
        } else {
            Err(QueryError::NotTrusted(collection))
        }
    }
}

/// The collection of this name.
///
/// # Errors
///
/// [`QueryError::Collection`].
pub fn collection_of(name: &str) -> Result<Collection, QueryError> {
    Collection::from_name(name).ok_or_else(|| QueryError::Collection(Input::Text(name.to_owned()).shown()))
}

/// What was given is no such number.
struct NoNumber;

/// A number that needn't be given.
fn number(input: &Input) -> Result<Option<u32>, NoNumber> {
    match input {
        Input::Null => Ok(None),
        Input::Int(number) => u32::try_from(*number).map(Some).map_err(|_| NoNumber),
        _ => Err(NoNumber),
    }
}

fn sort(collection: Collection, input: &Input) -> Result<Vec<Sort>, QueryError> {
    let wrong = |input: &Input| QueryError::Sort(input.shown());
    let items = match input {
        Input::Null => return Ok(Vec::new()),
        Input::List(items) => items,
        _ => return Err(wrong(input)),
    };
    RecordsLimit::SortFields.check(items.len())?;
    let key = |item: &Input| {
        let Input::List(pair) = item else { return Err(wrong(item)) };
        let [field, direction] = pair.as_slice() else { return Err(wrong(item)) };
        let (Some(field), Some(direction)) = (field.as_text(), direction.as_text()) else { return Err(wrong(item)) };
        let direction = match direction.to_ascii_lowercase().as_str() {
            "asc" => Direction::Ascending,
            "desc" => Direction::Descending,
            _ => return Err(wrong(item)),
        };
        let field = field_of(collection, field)?;
        if matches!(field.kind(), Kind::Rules | Kind::Json) {
            Err(QueryError::Unsortable(field.name()))
        } else {
            Ok(Sort { field, direction })
        }
    };
    items.iter().map(key).collect()
}

/// The page of a query on records that are in memory, in the order of their key; and how many the query means. What the
/// databases do by statements, in the plainest way.
pub fn page_of<E: Entry + Clone>(entries: &[E], query: &Query) -> (u64, Vec<E>) {
    let mut found: Vec<&E> = entries.iter().filter(|entry| query.filter.admits(|field| entry.held(field))).collect();
    // The first key counts most, so it is sorted by last; the sort is stable.
    for Sort { field, direction } in query.sort.iter().rev() {
        let key = |entry: &E| match entry.held(*field) {
            Held::One(scalar) => Some(scalar),
            Held::Missing | Held::Rules(_) | Held::Json(_) => None,
        };
        match direction {
            Direction::Ascending => found.sort_by_key(|entry| key(entry)),
            Direction::Descending => found.sort_by_key(|entry| Reverse(key(entry))),
        }
    }
    let hits = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let limit = query.limit.map_or(usize::MAX, count);
    let skipped = query.limit.map_or(0, |limit| count(query.page_index).saturating_mul(count(limit)));
    (hits, found.into_iter().skip(skipped).take(limit).cloned().collect())
}
