//! `GET /user/search`, for super-users.
//!
//! Source: contract of the sign-on API, sections 1.2 and 5.6. Zato counted one user where nothing was searched for.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use countersign_identity::profile::{Names, UserRecord};
use countersign_identity::sign_on::user_search::{FoundUsers, UserQuery};
use serde_json::{Value, json};

use super::codes::{self, Refusal};
use super::fields::{BadField, Fields};
use super::{Call, Doors, handler, user};
use crate::clock::now;
use crate::config::SearchConfig;

/// The route. The verb says nothing, as in Zato.
pub fn routes() -> Router<Arc<Doors>> {
    Router::new().route("/user/search", any(handler(|call| Box::pin(search(call)))))
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Page {
    /// Its number, from 1.
    number: u32,
    /// Users on it, at most.
    size: u32,
}

impl Page {
    fn read(fields: &Fields, config: &SearchConfig) -> Result<Self, BadField> {
        // There is always a page, whatever is said here.
        fields.truth("paginate")?;
        let clamped = |number: i64| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        let size = fields.number("page_size")?.map_or(config.default_page_size, clamped).min(config.max_page_size);
        Ok(Self { number: fields.number("cur_page")?.map_or(1, clamped), size })
    }

    /// The users on the pages before.
    fn skip(self) -> u64 {
        u64::from(self.number - 1) * u64::from(self.size)
    }

    fn answer(self, found: &FoundUsers) -> Value {
        let pages = found.total.div_ceil(self.size.into());
        let number = u64::from(self.number);
        let has_next = number < pages;
        json!({
            "total": found.total,
            "num_pages": pages,
            "page_size": self.size,
            "cur_page": number,
            "has_next_page": has_next,
            "has_prev_page": number > 1,
            "next_page": has_next.then_some(number + 1),
            "prev_page": number - 1,
            "result": found.page.iter().map(view).collect::<Vec<_>>(),
        })
    }
}

async fn search(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await.map_err(codes::masked)?;
    let page = Page::read(&call.fields, &call.app.config.search)?;
    let query = query(&call.fields)?;
    let identity = &call.app.identity;
    let found = identity.search_users(&caller, query, (page.skip(), page.size), &call.context, now()).await?;
    Ok(page.answer(&found))
}

fn query(fields: &Fields) -> Result<UserQuery, BadField> {
    Ok(UserQuery {
        user_id: fields.optional("user_id")?,
        username: fields.optional("username")?,
        email: fields.optional("email")?,
        names: Names {
            display: fields.optional("display_name")?,
            first: fields.optional("first_name")?,
            middle: fields.optional("middle_name")?,
            last: fields.optional("last_name")?,
        },
        sign_up: fields.optional("sign_up_status")?,
        approval: fields.optional("approval_status")?,
        name_op: fields.optional("name_op")?,
        is_name_exact: fields.truth("is_name_exact")?.unwrap_or(false),
    })
}

/// What super-users see of a user, with the fields that only searches have.
fn view(record: &UserRecord) -> Value {
    let limit = &record.profile.rate_limit;
    let mut view = user::full_view(record);
    if let Value::Object(view) = &mut view {
        let fields = [
            ("is_approval_needed", Value::Null),
            ("is_rate_limit_active", json!(limit.is_active)),
            ("rate_limit_type", json!("EXACT")),
            ("rate_limit_def", json!(limit.definition)),
            ("rate_limit_check_parent_def", json!(false)),
            ("status", Value::Null),
            ("is_current_super_user", json!(false)),
            ("totp_key", Value::Null),
        ];
        view.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
    view
}
