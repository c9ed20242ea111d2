//! The cases that every [`Repository`](countersign_identity::repository::Repository) must pass.
//!
//! A case gets a repository that is empty, and panics where the repository is wrong.
//! [`for_each_case!`](crate::for_each_case) names them all, so that a backend's tests can't
//! forget one.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "these are tests"
)]

pub mod api_keys;
pub mod attributes;
pub mod audit;
pub mod audit_chain;
pub mod bootstrap;
pub mod cookies;
pub mod credentials;
pub mod directory;
pub mod factors;
pub(crate) mod fixture;
pub mod history;
pub mod linked;
pub mod metadata;
pub mod password_resets;
pub mod passwords;
pub mod profiles;
pub mod proofs;
pub mod records;
pub mod roles;
pub mod rosters;
pub mod session_changes;
pub mod sign_on;
pub mod sign_ups;
pub mod spending;
pub mod tokens;
pub mod uris;
pub mod user_keys;
pub mod user_search;
pub mod users;

/// Calls the macro `$apply` with the path of each case within this module.
#[macro_export]
macro_rules! for_each_case {
    ($apply:ident) => {
        $apply! {
            api_keys::keeps_every_field_and_no_end;
            api_keys::opens_sessions_until_its_end_and_notes_its_use;
            api_keys::refuses_a_locked_owner_another_kind_and_what_is_gone;
            api_keys::gives_an_imported_key_its_own_digest;
            api_keys::lets_all_of_many_in;
            api_keys::finds_keys_that_live;
            api_keys::have_a_limit_of_their_own;
            api_keys::go_with_a_new_name_and_with_their_user;
            attributes::keeps_every_field_of_an_attribute;
            attributes::changes_of_an_attribute_what_is_asked_for;
            attributes::writes_attributes_all_or_none;
            attributes::forgets_an_attribute_at_its_end;
            attributes::reaps_attributes_whose_time_is_over;
            attributes::removes_attributes_with_their_owner;
            attributes::lets_one_of_many_create_an_attribute;
            audit::refuses_nothing_and_keeps_every_field;
            audit::finds_rows_by_each_filter;
            audit::pages_forward_from_a_position_and_back_from_the_newest;
            audit::cuts_a_strangers_text_and_finds_it_again;
            audit_chain::links_every_row_to_the_one_before_it;
            audit_chain::has_no_gap_and_no_fork_where_many_append_at_once;
            audit_chain::leaves_no_position_for_an_operation_that_fails;
            audit_chain::keeps_checkpoints_newest_first;
            audit_chain::removes_the_oldest_rows_and_goes_on_behind_them;
            audit_chain::verifies_in_stretches;
            bootstrap::fills_a_fresh_installation_once;
            bootstrap::is_done_by_one_of_several_nodes;
            bootstrap::changes_nothing_if_it_fails;
            cookies::opens_sessions_until_its_end_and_not_after;
            cookies::refuses_another_name_a_locked_owner_and_an_unknown_value;
            cookies::ends_with_a_lock_a_new_password_and_its_user_but_not_with_a_new_role;
            cookies::ends_one_or_all_of_a_user;
            cookies::keeps_the_newest_of_a_user;
            cookies::is_left_by_an_accepted_login_only;
            credentials::keeps_every_field;
            credentials::refuses_to_mint_for_a_missing_or_locked_owner;
            credentials::mints_up_to_the_limit_and_not_one_more;
            credentials::counts_only_live_ones_of_the_owner;
            credentials::keeps_the_limit_under_concurrent_mints;
            credentials::lists_live_ones_oldest_first;
            credentials::deletes_once_and_only_for_the_owner;
            credentials::reaps_what_ended_before_the_time;
            credentials::reaps_at_most_the_limit;
            credentials::changes_what_is_as_it_was_read;
            directory::changes_a_user_of_the_directory;
            directory::leaves_users_alone_who_are_not_the_directorys;
            directory::does_not_unlock_whom_somebody_else_has_locked;
            factors::locks_a_factor_after_wrong_codes_in_a_row;
            factors::spends_each_recovery_code_once;
            factors::ends_recovery_codes_as_asked;
            factors::gives_recovery_codes_only_beside_a_key;
            factors::lets_one_of_many_in_with_a_recovery_code;
            factors::spends_a_code_apart_from_a_login;
            history::keeps_every_field_of_an_event;
            history::reads_each_history_newest_first_page_by_page;
            history::appends_an_event_once;
            history::trims_the_oldest_beyond_either_limit;
            history::trims_in_chunks;
            password_resets::sets_a_password_by_token_and_key_once;
            password_resets::keeps_one_token_for_each_user;
            password_resets::refuses_what_may_not_be_reset;
            password_resets::ends_with_a_password_that_is_set_otherwise;
            password_resets::lets_one_of_many_through_each_step;
            password_resets::reaps_what_ended;
            linked::links_an_account_and_finds_its_user;
            linked::refuses_a_link_that_can_not_be;
            linked::removes_one_link_and_all_with_their_user;
            linked::gives_an_account_to_one_of_many;
            metadata::keeps_every_field_of_an_entry;
            metadata::sets_again_what_is_there;
            metadata::keeps_to_the_limits;
            metadata::keeps_the_limit_where_many_set_at_once;
            metadata::removes_an_entry_once;
            metadata::goes_with_its_user;
            metadata::creates_an_entry_once;
            passwords::renews_a_hash_that_is_still_the_old_one;
            passwords::accepts_the_password_that_is_set;
            passwords::refuses_what_changed_since_the_check;
            passwords::accepts_a_recognised_user_that_is_enabled;
            proofs::keeps_every_field_and_replaces_all_with_the_password;
            proofs::finds_users_without_secrets;
            proofs::accepts_what_the_user_still_has;
            proofs::refuses_what_changed_since_the_proof;
            proofs::lets_no_old_secret_in_after_the_password_changed;
            records::finds_what_a_look_at_every_record_finds;
            records::finds_records_of_uris_with_their_history;
            records::gives_a_page_with_what_belongs_to_its_users;
            records::shows_what_can_still_be_used;
            records::leaves_others_out_of_what_is_counted;
            records::finds_records_by_their_ids_and_counts_them;
            records::refuses_answers_with_too_many_bytes;
            records::refuses_pages_that_are_too_long;
            roles::creates_a_role_once;
            roles::stores_a_role_with_all_its_rules;
            roles::renames_a_role_with_its_rules_and_users;
            roles::removes_a_role_that_nobody_has;
            roles::sets_replaces_and_removes_rules;
            roles::lists_rules_in_the_order_of_their_patterns;
            rosters::keeps_every_field_of_a_roster_entry;
            rosters::registers_again_what_is_there;
            rosters::keeps_to_the_limits_of_rosters;
            rosters::keeps_the_limit_where_many_register_at_once;
            rosters::unregisters_an_entry_once;
            rosters::clears_rosters_of_what_is_gone;
            session_changes::keeps_every_field_of_a_change;
            session_changes::keeps_the_newest_changes_of_a_session;
            session_changes::ends_a_session_of_the_owner_only;
            sign_on::opens_a_session_and_finds_it_until_its_end;
            sign_on::opens_none_for_what_changed_since_the_check;
            sign_on::renews_a_live_session_up_to_its_longest_life;
            sign_on::ends_one_session;
            sign_on::keeps_the_newest_sessions_of_a_user;
            sign_on::reaps_sessions_that_ended;
            sign_on::ends_the_sessions_of_a_user_that_changes;
            sign_on::sets_a_factor_and_finds_it;
            sign_on::ends_sessions_with_a_new_factor_as_asked;
            sign_on::accepts_each_step_of_a_factor_once;
            sign_on::lets_one_of_many_in_with_a_code;
            sign_on::accepts_a_login_by_password_with_a_code_only;
            sign_on::turns_on_only_what_is_there;
            sign_on::turns_on_with_a_code_that_is_used_up_by_it;
            sign_on::ends_sessions_with_a_turn_as_asked;
            sign_ups::stores_a_user_and_confirms_it_once;
            sign_ups::refuses_a_wrong_token;
            sign_ups::refuses_a_taken_name_and_a_taken_address;
            sign_ups::gives_an_address_to_one_of_many;
            sign_ups::is_confirmed_by_one_of_many;
            sign_ups::reaps_who_did_not_confirm_in_time;
            spending::spends_once_and_refuses_a_replay;
            spending::works_up_to_and_including_its_end;
            spending::refuses_an_unknown_key;
            spending::leaves_the_credential_of_a_locked_owner;
            spending::lets_exactly_one_of_many_spend;
            tokens::opens_sessions_until_its_sign_on_session_ends;
            tokens::refuses_another_name_an_unknown_token_and_what_ended;
            tokens::finds_those_that_live;
            uris::begins_a_record_that_has_to_be_new;
            uris::brings_a_record_over_once;
            uris::is_active_while_somebody_has_it_registered;
            uris::writes_a_change_down_once;
            uris::remembers_the_newest_connections;
            uris::begins_records_up_to_the_limit;
            uris::keeps_the_connections_of_servers_apart;
            uris::changes_what_is_said_of_a_uri;
            uris::forgets_connections_and_records;
            uris::lists_records_page_by_page;
            uris::knows_what_is_documented;
            uris::wakes_the_alerts_where_something_happens;
            uris::settles_what_is_still_as_it_was_read;
            uris::is_inactive_when_the_last_of_many_servers_ends;
            user_keys::adds_finds_lists_and_removes;
            user_keys::refuses_what_is_taken_missing_or_too_much;
            user_keys::gives_a_key_to_one_of_many;
            user_keys::keeps_the_limit_under_concurrent_additions;
            users::creates_a_user_and_finds_it;
            users::refuses_a_taken_name_and_an_unknown_role;
            users::gives_a_name_to_one_of_many;
            users::lists_by_name_page_by_page;
            users::changes_each_property;
            users::refuses_changes_of_what_is_not_there;
            users::deletes_a_user_with_its_credentials;
            profiles::keeps_every_field_of_a_profile;
            profiles::finds_users_by_an_address_in_clear_or_sealed;
            user_search::finds_users_by_what_they_are_like;
            user_search::counts_all_and_gives_a_page_in_order;
            user_search::finds_nobody_by_a_former_name;
            profiles::notes_who_decided_what_and_when;
            profiles::renames_a_user_to_a_free_name;
            profiles::keeps_the_session_in_which_the_password_was_changed;
            profiles::creates_a_user_with_a_second_factor;
            profiles::labels_a_factor_and_makes_one_where_there_is_none;
            profiles::lets_in_only_users_in_good_standing;
            profiles::ends_sessions_and_cookies_of_who_may_not_come_in;
            profiles::a_cookie_opens_nothing_once_the_password_expired;
        }
    };
}
