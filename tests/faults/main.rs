//! What goes wrong around real processes: networks that part, processes that are killed or stopped
//! at the worst moment, successors that lie, full disks, too few descriptors, too little memory.
//! Nothing may be lost, misrouted or refused that need not be.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests may stop, and use threads and the real clock"
)]

mod disk;
mod killed;
mod memory;
mod partition;
mod service;
mod shortage;
mod stopped;
mod storm;
mod successors;
#[expect(dead_code, unused_imports, reason = "shared with programs that use other parts")]
#[path = "../it/support/mod.rs"]
mod support;
