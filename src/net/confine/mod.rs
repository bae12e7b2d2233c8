//! What the process may not do any more: the capabilities that it has given up.

pub mod capabilities;
