//! Access lists, rules, and the samples in them.

mod content;
mod converters;
mod defaults;
mod entry_samples;
mod lines;
mod maps;
pub mod samples;
mod variables;
