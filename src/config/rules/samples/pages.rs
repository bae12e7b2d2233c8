//! Samples of the HTTP request of a client of a page.

use super::row::{SampleRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::ValueType::{Bool, Text};
use crate::config::rules::expression::{Fetch, HttpFetch, Needs, ValueType};

/// A row of a sample that needs the request.
const fn of_request(
    name: &'static str,
    arguments: &'static str,
    value_type: ValueType,
    read: fn(&mut Arguments<'_>) -> Result<Fetch, String>,
    help: &'static str,
    example: &'static str,
) -> SampleRow {
    row(name, arguments, value_type, read, help, example).needs(Needs::Page)
}

pub(super) const SAMPLES: &[SampleRow] = &[
    of_request(
        "pathq",
        "",
        Text,
        |_| Ok(Fetch::Http(HttpFetch::PathAndQuery)),
        "The path and the query of the request for a page, in `mode http`. Conditions also know \
         `path_beg`, `path_end`, `path_sub`, `path_reg`, and the same of `url` and `hdr`.",
        "acl is_stats pathq /haproxy?stats",
    ),
    of_request(
        "query",
        "",
        Text,
        |_| Ok(Fetch::Http(HttpFetch::Query)),
        "The query of the request for a page, in `mode http`.",
        "acl is_stats query stats",
    ),
    of_request(
        "hdr",
        "<name>",
        Text,
        header,
        "A header of the request for a page, in `mode http`. A condition holds if it holds for \
         one of the values that commas separate.",
        "acl is_host hdr(host) -i stats.example.com",
    ),
    of_request("req.hdr", "<name>", Text, header, "The same as `hdr`.", "acl has req.hdr(a) b"),
    of_request(
        "http_auth",
        "<userlist>",
        Bool,
        |arguments| arguments.userlist().map(HttpFetch::Auth).map(Fetch::Http),
        "Whether the client of a page, in `mode http`, has named a user of this list with the \
         right password.",
        "acl is_user http_auth(admins)",
    ),
    of_request(
        "http_auth_group",
        "<userlist>",
        Text,
        |arguments| arguments.userlist().map(HttpFetch::AuthGroups).map(Fetch::Http),
        "The groups of the user of this list that the client of a page, in `mode http`, has named \
         with the right password.",
        "acl is_operator http_auth_group(admins) operators",
    ),
];

fn header(arguments: &mut Arguments<'_>) -> Result<Fetch, String> {
    let name = arguments.required("name of a header")?.to_ascii_lowercase();
    Ok(Fetch::Http(HttpFetch::Header(name)))
}
