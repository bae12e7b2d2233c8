//! What an operator uses beside the Runtime API of a process.

mod master;
