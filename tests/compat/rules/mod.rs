//! Access lists, rules, and the samples in them.

mod captures;
mod content;
mod converters;
mod defaults;
mod entry_samples;
mod formats;
mod lines;
mod maps;
pub mod samples;
mod variables;
