//! Giving everything to a successor, and taking it from a predecessor.
//!
//! ```text
//! predecessor                                     successor
//! -----------                                     ---------
//! SIGUSR2: fork and exec (successor.rs),          adopts the listening sockets (inherit.rs),
//!   or -sf: is asked (control.rs)                 reads its configuration
//!                                        <------  note "ready"
//! teaches every table (the peers engine)  ----->  learns
//! ... still accepts clients, learns from peers, sends each change after the rest ...
//! has sent all: stops accepting and
//!   reading peers, sends the last changes, notes,
//!   "finished"                            ----->  continues the update logs, accepts clients
//!                                        <------  "confirm"
//! closes listeners and peers, drains              calls the remote peers
//! ```
//!
//! Clients that connect between the two waits stay in the shared listen queue. If the successor
//! goes away before it confirms, the predecessor goes on as if nothing had happened (plan.rs).

pub mod control;
pub mod control_path;
pub mod heir;
pub mod inherit;
pub mod marks;
pub mod note;
pub mod notify;
pub mod pass;
pub mod plan;
pub mod predecessor;
pub mod servers;
pub mod successor;
pub mod supervisor;
pub mod who;
pub mod word;
