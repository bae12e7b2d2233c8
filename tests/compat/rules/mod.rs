//! Access lists, rules, and the samples that they are about.

mod entry_samples;
mod lines;
pub mod samples;
