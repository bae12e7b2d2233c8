//! Samples of the head of an HTTP request, as far as TCP rules tell protocols apart by them.

use super::row::{SampleRow, part};
use crate::config::rules::expression::HttpPart;
use crate::config::rules::expression::ValueType::{Address, Bool, Integer, Text};
use crate::config::rules::expression::{ContentFetch, Fetch, Needs};

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
    part!(
        "pathq",
        Text,
        Http(HttpPart::PathAndQuery),
        "The path and the query of the HTTP request that the client has sent first.",
        "use_backend web if { pathq /haproxy?stats }"
    ),
    part!(
        "query",
        Text,
        Http(HttpPart::Query),
        "The query of the HTTP request that the client has sent first, without the question mark.",
        "use_backend web if { query -m found }"
    ),
    part!(
        "base",
        Text,
        Http(HttpPart::Base),
        "The header `Host` and the path of the HTTP request that the client has sent first.",
        "use_backend web if { base -m beg example.com/static/ }"
    ),
    part!(
        "baseq",
        Text,
        Http(HttpPart::BaseAndQuery),
        "The header `Host`, the path and the query of the HTTP request that the client has sent \
         first.",
        "use_backend web if { baseq -m end ?stats }"
    ),
    part!(
        "url_ip",
        Address,
        Http(HttpPart::UrlAddress),
        "The address in the target of the HTTP request, as clients name one to a forward proxy.",
        "use_backend web if { url_ip 10.0.0.0/8 }"
    ),
    part!(
        "url_port",
        Integer,
        Http(HttpPart::UrlPort),
        "The port in the target of the HTTP request, as clients name one to a forward proxy; 80 \
         if there is an address without a port.",
        "use_backend web if { url_port 8080 }"
    ),
];

const EXISTS: &str = "True once the client has sent the whole head of an HTTP request.";
const VERSION: &str = "The version of the HTTP request that the client has sent first: `1.1`.";
