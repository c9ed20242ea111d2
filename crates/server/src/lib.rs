//! The server: doors, procedures, jobs and the operator's commands around the pure crates.
//!
//! What flows where is in `ARCHITECTURE.md`. Clock, randomness, files, environment and network
//! exist here and nowhere below.

mod admin;
mod afterwards;
mod allowances;
mod app;
mod cid;
pub mod cli;
mod clock;
mod coalesced;
mod config;
mod control;
mod cookies;
mod data_dir;
mod demo;
mod directory;
mod doors;
mod fernet;
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod hub;
mod import;
mod json_parts;
mod keyring;
mod mail;
mod metrics;
mod networks;
mod open;
mod outbox;
mod output;
mod password_pool;
mod procedures;
mod qr;
mod realm_settings;
mod records;
mod role_changes;
mod roles;
mod rosters;
mod serve;
mod trail;
mod uris;
mod user_changes;
mod vacuum;
mod waiting;
mod welcome;
mod yaml;
