//! Samples of the head of an HTTP request, as far as TCP rules tell protocols apart by them.

use super::row::{SampleRow, row};
use crate::config::rules::expression::ValueType::{Bool, Text};
use crate::config::rules::expression::{ContentFetch, Fetch, HttpPart, Needs};

macro_rules! part {
    ($name:literal, $kind:ident, $part:ident, $help:expr, $example:literal) => {
        row(
            $name,
            "",
            $kind,
            |_| Ok(Fetch::Content(ContentFetch::Http(HttpPart::$part))),
            $help,
            $example,
        )
        .needs(Needs::Request)
    };
}

pub(super) const SAMPLES: &[SampleRow] = &[
    part!(
        "req.proto_http",
        Bool,
        Exists,
        EXISTS,
        "tcp-request content accept if { req.proto_http }"
    ),
    part!(
        "req_proto_http",
        Bool,
        Exists,
        EXISTS,
        "tcp-request content accept if { req_proto_http }"
    ),
    part!(
        "method",
        Text,
        Method,
        "The method of the HTTP request that the client has sent first.",
        "use_backend web if { method POST PUT }"
    ),
    part!("req.ver", Text, Version, VERSION, "use_backend web if { req.ver 1.0 }"),
    part!("req_ver", Text, Version, VERSION, "use_backend web if { req_ver 1.0 }"),
    part!(
        "path",
        Text,
        Path,
        "The path of the HTTP request that the client has sent first, without the query.",
        "use_backend web if { path -m beg /static/ }"
    ),
    part!(
        "url",
        Text,
        Url,
        "The target of the HTTP request that the client has sent first, as it was sent.",
        "use_backend web if { url -m beg /static/ }"
    ),
];

const EXISTS: &str = "True once the client has sent the whole head of an HTTP request.";
const VERSION: &str = "The version of the HTTP request that the client has sent first: `1.1`.";
