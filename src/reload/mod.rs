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
//! tells what its remaining connections
//!   decide and change (telling.rs)        ----->  takes it as its own change (hearing.rs)
//! ends                                           closes the socket
//! ```
//!
//! The last part may take days, and the successor may hand over itself meanwhile. It gives the
//! reading end of every such socket to the next process, with the listening sockets; it stops to
//! read before it says "finished", the other begins when it serves, and what comes in between
//! waits in the socket. So a process never stays for the sake of an older one.
//!
//! Which word counts: a process tells only what it changes itself after it has handed over. Where
//! the successor (or a peer, through it) has changed the same entry since, the entry stays as it
//! is: its client has been there later. Only the counters that traffic makes grow take the greater
//! value then.
//!
//! Clients that connect between the two waits stay in the shared listen queue. If the successor
//! goes away before it confirms, the predecessor goes on as if nothing had happened (plan.rs).

pub mod child;
pub mod control;
pub mod failure;
pub mod incoming;
pub mod inherit;
pub mod message;
pub mod outgoing;
pub mod plan;
pub mod server_state;
pub mod supervisor;
pub mod systemd;
pub mod table_shape;
