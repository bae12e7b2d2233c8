//! The table of samples: what a rule can ask of a connection, of a proxy or of a table, one file
//! for each subject. The samples about the entries of stick tables follow from the data types
//! (`entry_samples.rs`).

mod connection;
mod constants;
mod content;
mod ends;
mod hello;
mod http;
mod pages;
mod process;
mod proxies;
mod rdp;
mod row;
mod segments;
mod servers;
mod variables;

use super::expression::Needs;
use row::SampleRow;

/// Every sample but those about the entries of stick tables.
pub(super) fn all() -> impl Iterator<Item = &'static SampleRow> {
    let connection = [constants::SAMPLES, connection::SAMPLES, ends::SAMPLES, process::SAMPLES];
    let others = [proxies::SAMPLES, segments::SAMPLES, servers::SAMPLES, variables::SAMPLES];
    let content = [content::SAMPLES, hello::SAMPLES, http::SAMPLES, pages::SAMPLES, rdp::SAMPLES];
    connection.into_iter().chain(others).chain(content).flatten()
}

/// A sample that is about HTTP requests and its method, of a name such as `path_beg`, which only
/// `acl` lines and conditions know.
pub(super) fn with_method(name: &str) -> Option<(&str, &str)> {
    let (base, method) = name.rsplit_once('_')?;
    let is_of_http = ["path", "url"].contains(&base) || needs_page(base);
    (is_of_http && METHODS.contains(&method)).then_some((base, method))
}

/// Whether a sample with this name is known in sections with pages alone.
pub(super) fn needs_page(name: &str) -> bool {
    find(name).is_some_and(|row| row.needs == Needs::Page)
}

/// Whether a name is that of a sample, or of a predefined acl, about HTTP requests.
pub(in crate::config) fn asks_of_request(name: &str) -> bool {
    let is_of_http = ["method", "path", "url"].contains(&name) || needs_page(name);
    is_of_http || with_method(name).is_some() || name.starts_with("METH_")
}

/// The samples of requests with every method that can end their names: `path` with `beg`.
pub(super) fn with_methods() -> impl Iterator<Item = (&'static SampleRow, &'static str)> {
    let rows = ["path", "url", "hdr"].into_iter().filter_map(find);
    rows.flat_map(|row| METHODS.into_iter().map(move |method| (row, method)))
}

/// The ends of such names.
const METHODS: [&str; 7] = ["beg", "dir", "dom", "end", "len", "reg", "sub"];

/// The sample with this name.
pub(super) fn find(name: &str) -> Option<&'static SampleRow> {
    all().find(|row| row.name == name)
}
