//! Records as the bus's database procedures see them: collections, their fields, filters, and who may see what.
//!
//! **Invariant:** what a caller may not see is not among what is searched, so that neither the records nor their number
//! tell anything of it. Hashes and secrets are no fields.
//!
//! Source: contract of the bus, section 5; weaknesses W3 and W10 of it.

pub mod entry;
mod fields;
mod filter;
mod input;
pub mod json;
mod parse;
mod query;
pub mod uri;
pub mod write;

pub use fields::{
    ApiKeyField, Collection, CookieField, Field, Kind, MetadataField, OtpField, RoleField, RosterField, UriField,
    UserField,
};
pub use filter::{Condition, Filter, Held, Node, Order, Scalar, Test};
pub use input::Input;
pub use query::{
    Direction, FoundRecords, Gate, Page, Query, QueryError, QueryRecords, QueryRequest, Records, RecordsLimit, Sort,
    collection_of, page_of,
};

#[cfg(test)]
mod tests;
