//! HAProxy's words for what becomes of the servers of a name.

use std::net::IpAddr;

use crate::net::dns::Failure;

/// There are more servers than addresses. HAProxy's words, with its blank at the end.
pub(super) const NO_ADDRESS_LEFT: &str = "No IP for server ";
/// The record of the server is gone.
pub(super) const NO_RECORD: &str = "entry removed from SRV record";
/// The second and further servers that get an address of the same answer.
pub(super) const FROM_CACHE: &str = "DNS cache";
/// The address came beside the record of a service.
pub(super) const FROM_RECORD: &str = "DNS additional record";

/// Why a server has no address any more.
pub(super) fn lost(failure: Failure, is_record: bool) -> &'static str {
    match failure {
        _ if is_record => NO_RECORD,
        Failure::NoSuchName => "DNS NX status",
        Failure::Refused => "DNS refused status",
        Failure::Timeout => "DNS timeout status",
        Failure::Other => "unspecified DNS error",
    }
}

/// The line about a server that has moved.
pub(super) fn moved(place: &str, from: Option<IpAddr>, to: IpAddr, source: &str) -> String {
    let from = from.map_or_else(|| "(none)".to_owned(), |from| from.to_string());
    format!("{place} changed its IP from {from} to {to} by {source}.")
}
