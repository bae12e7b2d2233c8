//! From files to the configuration.
//!
//! `reader` reads the files line by line and finds the row of each keyword; `sections` keeps the
//! draft, and the section that is open; then `resolve` gives the draft its meaning.

mod reader;
mod request;
mod sections;

use super::text::address;
use super::text::address::Hosts;
use super::text::diagnostic::Diagnostic;
use reader::Reader;

pub use request::{Loaded, Request};

/// Reads a configuration from its files.
///
/// # Errors
/// The configuration has a mistake. The list has every mistake and every warning, in the order of
/// the files.
pub fn load(request: &Request) -> Result<Loaded, Vec<Diagnostic>> {
    let mut reader = Reader::new(request, address::system_hosts);
    if request.sources.is_empty() {
        reader.report_no_file();
    }
    for source in &request.sources {
        for path in reader.files_of(source) {
            reader.read_file(&path);
        }
    }
    for socket in &request.master_sockets {
        reader.read_master_socket(socket);
    }
    reader.finish(request)
}

/// Reads a configuration from a text. Messages use `name` as the name of the file.
///
/// # Errors
/// As [`load`].
pub fn load_text(name: &str, text: &str, request: &Request) -> Result<Loaded, Vec<Diagnostic>> {
    load_text_with(name, text, request, address::system_hosts)
}

/// The same, with `hosts` instead of the resolver of the system.
///
/// # Errors
/// As [`load`].
pub fn load_text_with(
    name: &str,
    text: &str,
    request: &Request,
    hosts: Hosts,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut reader = Reader::new(request, hosts);
    reader.read_text(name, text.as_bytes());
    reader.finish(request)
}
