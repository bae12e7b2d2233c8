//! stickd and a real HAProxy in one mesh, and each as the successor of the other.
//!
//! Without an installed HAProxy these tests say so and pass. `scripts/test` installs HAProxy.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests may stop, and use threads and the real clock"
)]

mod aggregate;
mod api;
mod data;
mod limits;
mod mesh;
mod secured;
mod successor;
#[expect(dead_code, unused_imports, reason = "shared with programs that use other parts")]
#[path = "../it/support/mod.rs"]
mod support;

/// The installed HAProxy, or a loud message that the test is not run.
fn haproxy_or_skip() -> Option<std::path::PathBuf> {
    let found = support::haproxy();
    if found.is_none() {
        support::skip("haproxy is not installed, so nothing is known about working with it");
    }
    found
}
