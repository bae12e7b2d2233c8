//! stickd from outside: real processes, real sockets.
//!
//! `STICKD_BIN` names another binary to test; HAProxy can stand in for most of it.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests may stop, and use threads and the real clock"
)]

mod activation;
mod admin;
mod changes;
mod cli;
mod cores;
mod draining;
mod handover;
mod inherit;
mod limits;
mod log;
mod metrics;
mod odd_peers;
mod peers;
mod privileges;
mod queue;
mod relay;
mod reload;
mod reload_failures;
mod runtime;
mod stick;
mod stop;
mod strangers;
mod supervisor;
#[expect(dead_code, unused_imports, reason = "shared with programs that use other parts")]
mod support;
mod takeover;
mod timeouts;
