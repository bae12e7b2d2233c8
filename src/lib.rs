//! stickd: a sticky TCP load balancer for Linux.
//!
//! Dependencies point downwards only; a folder may use what stands below it:
//!
//! ```text
//! main.rs          from the command line to the exit code
//! start/           what happens once, in its order: options, listeners, limits, privileges; the
//!                  manual
//! explain/         what a configuration means and where a client goes, for people
//! process/         owns everything; one turn of the loop in one function, and what the process
//!                  does in a reload
//! reload/          the two sides of a reload, inherited sockets, the supervisor, systemd
//! admin/           the Runtime API and the metrics: read and change what is below through its
//!                  public functions
//! logging/         the program's own messages, and lines for syslog
//! proxy/           frontends, connections, relaying, backends with their servers, health checks,
//!                  rules
//! peers/           the peers protocol without sockets, and the part that drives it on sockets
//! resolve/         the nameservers of `resolvers` sections on sockets
//! table/           stick tables: rows, index, expiry, counters, update log
//! config/          text to typed configuration, with positions for errors
//! reactor/         poll loop, tokens, timers, signals, listening
//! net/             addresses, socket options, pipes, the PROXY protocol, memory
//! ```
//!
//! `src/README.md` follows a client, an update and a reload through these folders, and says where
//! each kind of thing is added.

pub mod admin;
pub mod config;
pub mod explain;
pub mod logging;
pub mod net;
pub mod peers;
pub mod process;
pub mod proxy;
pub mod reactor;
pub mod reload;
pub mod resolve;
pub mod start;
pub mod table;
