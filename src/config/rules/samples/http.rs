//! Samples of the head of an HTTP request, as far as TCP rules tell protocols apart by them.

use super::row::{SampleRow, part};
use crate::config::rules::expression::ValueType::{Bool, Text};
use crate::config::rules::expression::{ContentFetch, Fetch, HttpPart, Needs};

pub(super) const SAMPLES: &[SampleRow] = &[
    part!(
        "req.proto_http",
        Bool,
        Http(HttpPart::Exists),
        EXISTS,
        "tcp-request content accept if { req.proto_http }"
    ),
    part!(
        "req_proto_http",
        Bool,
        Http(HttpPart::Exists),
        EXISTS,
        "tcp-request content accept if { req_proto_http }"
    ),
    part!(
        "method",
        Text,
        Http(HttpPart::Method),
        "The method of the HTTP request that the client has sent first.",
        "use_backend web if { method POST PUT }"
    ),
    part!("req.ver", Text, Http(HttpPart::Version), VERSION, "use_backend web if { req.ver 1.0 }"),
    part!("req_ver", Text, Http(HttpPart::Version), VERSION, "use_backend web if { req_ver 1.0 }"),
    part!(
        "path",
        Text,
        Http(HttpPart::Path),
        "The path of the HTTP request that the client has sent first, without the query.",
        "use_backend web if { path -m beg /static/ }"
    ),
    part!(
        "url",
        Text,
        Http(HttpPart::Url),
        "The target of the HTTP request that the client has sent first, as it was sent.",
        "use_backend web if { url -m beg /static/ }"
    ),
];

const EXISTS: &str = "True once the client has sent the whole head of an HTTP request.";
const VERSION: &str = "The version of the HTTP request that the client has sent first: `1.1`.";
