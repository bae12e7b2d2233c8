//! Samples of the HTTP request of a client of a page.

use super::row::{SampleRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::HttpFetch;
use crate::config::rules::expression::ValueType::{Bool, Text};
use crate::config::rules::expression::{Fetch, Needs, ValueType};

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
