//! The built binary, driven over its real doors.

mod autobahn;
mod bad_input;
mod batched;
mod bridge;
mod certificates;
mod cli;
mod client;
mod cookies;
mod crash;
mod doors;
mod history;
mod http_client;
mod live;
mod longpoll;
mod meta;
mod metrics;
mod otp;
mod peers;
mod proofs;
mod proxies;
mod race;
mod sso;
mod support;
mod throttle;
mod websocket;
