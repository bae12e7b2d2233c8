//! Samples of what a TLS hello says.

use super::row::{SampleRow, part, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::ValueType::{Bool, Integer, Text};
use crate::config::rules::expression::{ContentFetch, Fetch, HelloPart, Needs};

pub(super) const SAMPLES: &[SampleRow] = &[
    part!(
        "req.ssl_sni",
        Text,
        Hello(HelloPart::ServerName),
        SERVER_NAME,
        "use_backend web if { req.ssl_sni -i www.example.org }"
    ),
    part!(
        "req_ssl_sni",
        Text,
        Hello(HelloPart::ServerName),
        SERVER_NAME,
        "use_backend web if { req_ssl_sni -m end .example.org }"
    ),
    part!(
        "req.ssl_hello_type",
        Integer,
        Hello(HelloPart::Type),
        HELLO_TYPE,
        "tcp-request content accept if { req.ssl_hello_type 1 }"
    ),
    part!(
        "req_ssl_hello_type",
        Integer,
        Hello(HelloPart::Type),
        HELLO_TYPE,
        "tcp-request content accept if { req_ssl_hello_type 1 }"
    ),
    response_type("res.ssl_hello_type", "tcp-response content accept if { res.ssl_hello_type 2 }"),
    response_type("rep_ssl_hello_type", "tcp-response content accept if { rep_ssl_hello_type 2 }"),
    part!(
        "req.ssl_ver",
        Integer,
        Hello(HelloPart::Version),
        VERSION,
        "tcp-request content reject if { req.ssl_ver lt 3.1 }"
    ),
    part!(
        "req_ssl_ver",
        Integer,
        Hello(HelloPart::Version),
        VERSION,
        "tcp-request content reject if { req_ssl_ver lt 3.1 }"
    ),
    part!(
        "req.ssl_alpn",
        Text,
        Hello(HelloPart::Protocols),
        "The protocols that a TLS client offers (ALPN). Each of them is compared.",
        "use_backend web if { req.ssl_alpn h2 }"
    ),
    part!(
        "req.ssl_ec_ext",
        Bool,
        Hello(HelloPart::Curves),
        "True if a TLS client names the elliptic curves that it supports.",
        "use_backend web if { req.ssl_ec_ext 1 }"
    ),
    part!(
        "req.ssl_st_ext",
        Integer,
        Hello(HelloPart::Ticket),
        "What a TLS client says of session tickets: 0 nothing, 1 that it takes them, 2 that it has \
         one.",
        "use_backend web if { req.ssl_st_ext 2 }"
    ),
];

const RESPONSE_TYPE: &str = "The type of the TLS hello that the server sends: 2 is a server's.";
const SERVER_NAME: &str = "The server name that a TLS client asks for.";
const HELLO_TYPE: &str = "The type of the TLS hello: 1 is a client's.";
const VERSION: &str = "The version that the hello of a TLS client names. It is compared as `3.1`, \
                       which is TLS 1.0.";

const fn response_type(name: &'static str, example: &'static str) -> SampleRow {
    let read = |_: &mut Arguments<'_>| Ok(Fetch::Content(ContentFetch::Hello(HelloPart::Type)));
    row(name, "", Integer, read, RESPONSE_TYPE, example).needs(Needs::Response)
}
