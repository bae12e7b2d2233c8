//! stickd: a sticky TCP load balancer for Linux.
//!
//! Dependencies point downwards only; a folder may use what stands below it:
//!
//! ```text
//! main.rs          from the command line to the exit code
//! start/           what happens once, in its order: options, listeners, limits, privileges
//! process/         owns everything; one turn of the loop in one function, and what the process
//!                  does in a reload
//! reload/          the two sides of a reload, inherited sockets, the supervisor
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
pub mod config;
pub mod logging;
pub mod net;
pub mod peers;
pub mod process;
pub mod proxy;
pub mod reactor;
pub mod reload;
pub mod start;
pub mod table;
