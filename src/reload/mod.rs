//! A reload: a new process takes over the listening sockets and the tables from an old one. The old
//! process is the predecessor of the new one, and the new process is its successor.
//!
//! ```text
//! predecessor                                     successor
//! -----------                                     ---------
//! SIGUSR2: starts the successor (child), or
//!   -sf: the successor asks for the sockets
//!   (control, inherit::pass)
//! begins to send every table to the socket        reads its configuration,
//!   (outgoing, by the peers engine)               adopts the listening sockets (inherit)
//!                                        <------  "wants" for each offered table that it takes
//!                                                 over with its memory, and "ready"
//! goes on sending entries                ----->   learns (incoming)
//!   ... meanwhile accepts clients, learns
//!   from peers, and sends each change ...
//! has sent everything: stops accepting
//!   clients and reading peers, sends the
//!   last changes, its state (state), its
//!   sessions with peers, the memory of
//!   tables, and "finished"               ----->   adopts the state
//!                                        <------  "confirm"
//!                                                 writes to the memory of tables,
//!                                                 accepts clients
//! closes its listeners and peers, drains          goes on with the sessions,
//!                                                 calls the other peers
//! sends what its last connections
//!   change (late_updates)                ----->   takes it as its own change
//! ends                                            closes the socket
//! ```
//!
//! Clients that connect while neither process accepts wait in the queue of the listening socket,
//! which both processes share. If the successor goes away before it confirms, the predecessor goes
//! on as if nothing had happened; only sessions that the successor has used, or may still use,
//! begin anew.
//!
//! A large table passes with its memory (`table/lending`), so its entries are not sent. A
//! predecessor that can lend tables says so first (offers), and begins to send when it knows which
//! ones the successor wants. The "confirm" decides which process writes to lent memory. A
//! predecessor that gives up first shuts the socket for reading down, so that no "confirm" can come
//! any more, and then looks whether one has come. A successor writes only when its "confirm" is in
//! the socket.
//!
//! The last part may take days, and the successor may hand over itself meanwhile. Then it passes
//! its end of the socket on to the next process, with the listening sockets. It stops reading
//! before it says "finished", and the next process begins to read when it serves. What the draining
//! process sends in between waits in the socket. So a process never stays for the sake of an older
//! one.
//!
//! A draining process sends only what it changes itself. If the successor, or a peer through the
//! successor, has changed the same entry since the handover, that change is the later one and
//! stays. Only counters that grow with traffic take the greater of the two values.
//!
//! A process whose tables are saved has a small child for that, which ends with it (saver).
//!
//! With `-W` a supervisor starts the processes and stays the parent of all of them (supervisor). A
//! service manager is told of each step (systemd).

pub mod child;
pub mod control;
pub mod elsewhere;
pub mod expendable;
pub mod failure;
pub mod history;
pub mod incoming;
pub mod inherit;
pub mod late_counts;
pub mod late_updates;
pub mod message;
pub mod offers;
pub mod outgoing;
pub mod saver;
pub mod socket;
pub mod state;
pub mod stop_others;
pub mod supervisor;
pub mod systemd;
#[cfg(test)]
mod tests;
