//! Reloads and stops: what is kept, what is handed over, and which processes may take part.

mod activation;
mod crash;
mod draining;
mod elders;
mod failures;
mod handover;
mod inherit;
mod kept;
mod lending;
mod limits;
mod master;
mod names;
mod sessions;
mod statistics;
mod stop;
mod supervisor;
mod takeover;
