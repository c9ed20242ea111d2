//! The client against a peer that says what each test has it say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod calls;
mod compression;
mod connecting;
mod ending;
mod lasting;
mod peer;
mod raw;
mod requests;
mod serving;
mod signing_in;
mod subscriptions;
