//! Searches for users in memory.

use super::{Execute, State};
use crate::profile::{Names, UserRecord};
use crate::repository::{FindProfile, FindUser};
use crate::sign_on::user_search::{FoundUsers, SearchUsers, UserCriteria, UserFilter};

fn folded(name: Option<&String>) -> String {
    name.map(|name| name.to_lowercase()).unwrap_or_default()
}

fn fits(criteria: &UserCriteria, record: &UserRecord) -> bool {
    let (standing, profile) = (&record.user.standing, &record.profile);
    let all = |names: &Names| [names.display.clone(), names.first.clone(), names.middle.clone(), names.last.clone()];
    let has = |wanted: &str, found: &str| if criteria.is_name_exact { found == wanted } else { found.contains(wanted) };
    let pairs = all(&criteria.names).into_iter().zip(all(&profile.names));
    let mut named = pairs.filter(|(wanted, _)| wanted.is_some());
    let test =
        |(wanted, found): (Option<String>, Option<String>)| has(&folded(wanted.as_ref()), &folded(found.as_ref()));
    let has_names =
        criteria.names == Names::default() || if criteria.is_any_name { named.any(test) } else { named.all(test) };
    has_names
        && criteria.email.is_none_or(|digest| profile.email.as_ref().is_some_and(|email| email.digest == digest))
        && criteria.sign_up.is_none_or(|status| standing.sign_up == status)
        && criteria.approval.is_none_or(|status| standing.approval == status)
}

impl Execute for SearchUsers {
    fn execute(self, state: &mut State) -> FoundUsers {
        let ids: Vec<_> = state.users.values().map(|user| user.id).collect();
        let records = ids.into_iter().filter_map(|id| FindProfile { who: FindUser::ById(id) }.execute(state));
        let mut found: Vec<_> = records
            .filter(|record| match &self.filter {
                UserFilter::Is(FindUser::ById(id)) => record.user.id == *id,
                UserFilter::Is(FindUser::ByLogin(login)) => record.user.login == *login,
                UserFilter::Fits(criteria) => fits(criteria, record),
            })
            .collect();
        found.sort_by_key(|record| {
            let user = &record.user;
            (folded(record.profile.names.display.as_ref()), user.login.clone(), user.created, user.id)
        });
        state.record(self.audit, None);
        let total = u64::try_from(found.len()).unwrap();
        let page = found.into_iter().skip(usize::try_from(self.skip).unwrap()).take(self.limit as usize).collect();
        FoundUsers { total, page }
    }
}
