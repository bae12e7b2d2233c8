//! stickd seen from outside: real processes and real sockets.
//!
//! `STICKD_BIN` names another binary to test. Most tests also pass with HAProxy.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests may stop, and use threads and the real clock"
)]

mod clients;
mod cluster;
mod operation;
mod reload;
#[expect(dead_code, unused_imports, reason = "shared with programs that use other parts")]
mod support;
