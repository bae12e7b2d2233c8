//! Access lists, rules, and the samples in them.

mod content;
mod entry_samples;
mod lines;
pub mod samples;
mod variables;
