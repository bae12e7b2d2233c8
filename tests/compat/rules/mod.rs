//! Access lists, rules, and the samples in them.

mod content;
mod defaults;
mod entry_samples;
mod lines;
pub mod samples;
mod variables;
