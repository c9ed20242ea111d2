//! Searches for users.
//!
//! **Invariant:** what is searched for is a value, never a part of the statement, and none of its characters is a wildcard.

use countersign_identity::repository::FindUser;
use countersign_identity::sign_on::user_search::{FoundUsers, SearchUsers, UserCriteria, UserFilter};

use super::{audit, first, profiles};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Execute, Tx};
use crate::value::Param;

/// In the order of the contract; users without a display name come first in both engines.
const ORDER: &str = "ORDER BY users.display_name_folded, users.login, users.created_at, users.id";

/// The names that are searched for, as `LIKE` or `=` takes them, with their columns.
fn names(criteria: &UserCriteria) -> Vec<(&'static str, String)> {
    let names = &criteria.names;
    let columns = [
        ("users.display_name_folded", &names.display),
        ("users.first_name_folded", &names.first),
        ("users.middle_name_folded", &names.middle),
        ("users.last_name_folded", &names.last),
    ];
    let value = |name: &String| {
        let folded = profiles::folded(name);
        if criteria.is_name_exact { folded } else { part(&folded) }
    };
    columns.into_iter().filter_map(|(column, name)| Some((column, value(name.as_ref()?)))).collect()
}

/// The pattern for texts with this part.
fn part(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Conditions that all have to hold. Texts come from this file only; values are placeholders.
struct Conditions<'a> {
    all: Vec<String>,
    params: Vec<Param<'a>>,
}

impl<'a> Conditions<'a> {
    /// A condition, in which `$` stands for the value.
    fn with(&mut self, condition: &str, value: Param<'a>) -> String {
        self.params.push(value);
        condition.replace('$', &format!("${}", self.params.len()))
    }

    fn and(&mut self, condition: &str, value: Option<Param<'a>>) {
        if let Some(value) = value {
            let condition = self.with(condition, value);
            self.all.push(condition);
        }
    }

    fn of(filter: &'a UserFilter, names: &'a [(&'static str, String)]) -> Self {
        let mut conditions = Self { all: Vec::new(), params: Vec::new() };
        match filter {
            UserFilter::Is(FindUser::ById(id)) => conditions.and("users.id = $", Some(id.uuid().into())),
            UserFilter::Is(FindUser::ByLogin(login)) => {
                conditions.and("users.login = $", Some(Param::Text(login.as_str())));
            }
            UserFilter::Fits(criteria) => conditions.fit(criteria, names),
        }
        conditions
    }

    fn fit(&mut self, criteria: &'a UserCriteria, names: &'a [(&'static str, String)]) {
        self.and("users.email_digest = $", criteria.email.as_ref().map(|digest| Param::Bytes(digest.as_bytes())));
        self.and("users.sign_up_status = $", criteria.sign_up.map(|status| Param::Text(status.name())));
        self.and("users.approval_status = $", criteria.approval.map(|status| Param::Text(status.name())));
        let test = if criteria.is_name_exact { "= $" } else { "LIKE $ ESCAPE '!'" };
        let joined = if criteria.is_any_name { " OR " } else { " AND " };
        let tests: Vec<_> =
            names.iter().map(|(column, value)| self.with(&format!("{column} {test}"), Param::Text(value))).collect();
        if !tests.is_empty() {
            self.all.push(format!("({})", tests.join(joined)));
        }
    }

    fn sql(&self) -> String {
        if self.all.is_empty() { String::new() } else { format!("WHERE {}", self.all.join(" AND ")) }
    }
}

impl Execute for SearchUsers {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<FoundUsers, TxError> {
        let names = match &self.filter {
            UserFilter::Is(_) => Vec::new(),
            UserFilter::Fits(criteria) => names(criteria),
        };
        let conditions = Conditions::of(&self.filter, &names);
        let (conditions, mut params) = (conditions.sql(), conditions.params);
        let counted = first(tx, &format!("SELECT COUNT(*) FROM users {conditions}"), &params).await?;
        let record = Record::new("users", counted.unwrap_or_default());
        let total = u64::try_from(record.key_int()?).map_err(|error| record.corrupt("count", error))?;
        // Beyond the range there is nobody.
        let skip = i64::try_from(self.skip).unwrap_or(i64::MAX);
        params.extend([Param::Int(self.limit.into()), Param::Int(skip)]);
        let (limit, offset) = (params.len().saturating_sub(1), params.len());
        let sql = profiles::with_factor(&format!("{conditions} {ORDER} LIMIT ${limit} OFFSET ${offset}"));
        let rows = tx.query(&sql, &params).await?;
        let page = rows.into_iter().map(|row| profiles::record(row, tx.keyring())).collect::<Result<_, _>>()?;
        audit::accept(tx, &self.audit).await?;
        Ok(FoundUsers { total, page })
    }
}
