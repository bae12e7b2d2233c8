//! Listening sockets: whether clients may come in, and what to do when the system has no
//! descriptor left for them.

pub mod listeners;
pub mod listening;
pub mod shortage;
