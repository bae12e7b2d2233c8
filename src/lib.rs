//! stickd: a sticky TCP load balancer for Linux.
//!
//! Dependencies point downwards only; a folder may use what stands below it:
//!
//! ```text
//! main.rs          start-up order, nothing else
//! process.rs       owns everything; one turn of the loop in one function (with dispatch.rs)
//! succession.rs    its part in a reload; draining.rs: what is left behind that,
//!                  wanted.rs: what waits for it; supervised.rs: what a worker does
//! startup.rs       what happens once; what is looked at before (precheck.rs)
//! ask_reload.rs    the other side of a reload: `--reload`
//! options.rs       command line
//! reload/          starting the successor, inheriting sockets, handing over
//! admin/           Runtime API and metrics: reads and changes what is below through their public
//!                  functions
//! proxy/           listeners, the connection state machine, servers, balancing
//! peers/           the sans-IO engine (codec, session, resync) and the thin part that drives it
//! table/           rows, index, expiry, counters, update log
//! config/          text to typed configuration, with positions for errors
//! reactor/         poll loop, tokens, timers, signals
//! net/             addresses, socket options, pipes
//! ```

pub mod admin;
pub mod ask_reload;
pub mod config;
mod dispatch;
pub mod draining;
pub mod logging;
pub mod net;
pub mod options;
pub mod peers;
pub mod precheck;
pub mod process;
pub mod proxy;
pub mod reactor;
pub mod reload;
pub mod startup;
pub mod succession;
pub mod supervised;
pub mod table;
mod wanted;
