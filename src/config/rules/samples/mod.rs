//! The table of samples: what a rule can ask of a connection, of a proxy or of a table, one file
//! for each subject. The samples about the entries of stick tables follow from the data types
//! (`entry_samples.rs`).

mod connection;
mod constants;
mod content;
mod hello;
mod http;
mod process;
mod proxies;
mod rdp;
mod row;
mod variables;

use row::SampleRow;

/// Every sample but those about the entries of stick tables.
pub(super) fn all() -> impl Iterator<Item = &'static SampleRow> {
    let connection = [constants::SAMPLES, connection::SAMPLES, process::SAMPLES];
    let others = [proxies::SAMPLES, variables::SAMPLES];
    let content = [content::SAMPLES, hello::SAMPLES, http::SAMPLES, rdp::SAMPLES];
    connection.into_iter().chain(others).chain(content).flatten()
}

/// The sample with this name.
pub(super) fn find(name: &str) -> Option<&'static SampleRow> {
    all().find(|row| row.name == name)
}
