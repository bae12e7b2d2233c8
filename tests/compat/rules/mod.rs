//! Access lists, rules, and the samples in them.

mod captures;
mod content;
mod converters;
mod defaults;
mod entry_samples;
mod formats;
mod http;
mod lines;
mod maps;
mod protocols;
mod rdp;
mod responses;
pub mod samples;
mod tls;
mod variables;

pub use lines::client_hello;
