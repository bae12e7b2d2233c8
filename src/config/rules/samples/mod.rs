//! The table of samples: what a rule can ask of a connection, of a proxy or of a table, one file
//! for each subject. The samples about the entries of stick tables follow from the data types
//! (`entry_samples.rs`).

mod certificates;
mod connection;
mod constants;
mod content;
mod ends;
mod hello;
mod http;
mod http_lists;
mod pages;
mod process;
mod proxies;
mod rdp;
mod row;
mod segments;
mod servers;
mod tls;
mod variables;

use super::expression::Needs;
use row::SampleRow;

/// Every sample but those about the entries of stick tables.
pub(super) fn all() -> impl Iterator<Item = &'static SampleRow> {
    let connection = [constants::SAMPLES, connection::SAMPLES, ends::SAMPLES, process::SAMPLES];
    let others = [proxies::SAMPLES, segments::SAMPLES, servers::SAMPLES, variables::SAMPLES];
    let content = [content::SAMPLES, hello::SAMPLES, rdp::SAMPLES, tls::SAMPLES];
    let of_http = [http::SAMPLES, http_lists::SAMPLES, pages::SAMPLES];
    let all = connection.into_iter().chain(others).chain(content).chain(of_http).flatten();
    all.chain(certificates::samples())
}

/// A sample and its method, of a name such as `path_beg`, which only `acl` lines and conditions
/// know.
pub(super) fn with_method(name: &str) -> Option<(&str, &str)> {
    let (base, method) = name.rsplit_once('_')?;
    let methods = if base == TLS_NAME { TLS_NAME_METHODS } else { METHODS };
    let has_methods = WITH_METHODS.contains(&base) || base == TLS_NAME;
    (has_methods && methods.contains(&method)).then_some((base, method))
}

/// Whether a sample with this name is known in sections with pages alone.
pub(super) fn needs_page(name: &str) -> bool {
    find(name).is_some_and(|row| row.needs == Needs::Page)
}

/// Whether a name is that of a sample, or of a predefined acl, about HTTP requests.
pub(in crate::config) fn asks_of_request(name: &str) -> bool {
    let [asked, lists, of_pages] = [http::SAMPLES, http_lists::SAMPLES, pages::SAMPLES];
    let mut rows = asked.iter().chain(lists).chain(of_pages);
    let with_method = with_method(name).is_some_and(|(base, _)| base != TLS_NAME);
    rows.any(|row| row.name == name) || with_method || name.starts_with("METH_")
}

/// The samples with every method that can end their names: `path` with `beg`.
pub(super) fn with_methods() -> impl Iterator<Item = (&'static SampleRow, &'static str)> {
    let rows = WITH_METHODS.into_iter().filter_map(find);
    let of_http = rows.flat_map(|row| METHODS.iter().map(move |method| (row, *method)));
    let tls_name = find(TLS_NAME).into_iter();
    of_http.chain(tls_name.flat_map(|row| TLS_NAME_METHODS.iter().map(move |end| (row, *end))))
}

/// The samples whose names can end so.
const WITH_METHODS: [&str; 6] = ["base", "cook", "hdr", "path", "url", "urlp"];

/// The ends of such names.
const METHODS: &[&str] = &["beg", "dir", "dom", "end", "len", "reg", "sub"];

/// The sample of the name that a TLS client asks for, and the ends of such names.
const TLS_NAME: &str = "ssl_fc_sni";
const TLS_NAME_METHODS: &[&str] = &["end", "reg"];

/// The sample with this name.
pub(super) fn find(name: &str) -> Option<&'static SampleRow> {
    all().find(|row| row.name == name)
}
