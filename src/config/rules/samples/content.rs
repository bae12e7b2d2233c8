//! Samples of what the client has sent.

use super::row::{SampleRow, row};
use crate::config::rules::expression::ValueType::{Binary, Bool, Integer, Text};
use crate::config::rules::expression::{ContentFetch, Fetch, Needs};

pub(super) const SAMPLES: &[SampleRow] = &[
    row(
        "req.len",
        "",
        Integer,
        |_| Ok(Fetch::Content(ContentFetch::RequestLen)),
        REQUEST_LEN,
        "acl has_sent req.len gt 0",
    )
    .needs(Needs::Payload),
    row(
        "req_len",
        "",
        Integer,
        |_| Ok(Fetch::Content(ContentFetch::RequestLen)),
        REQUEST_LEN,
        "acl has_sent req_len gt 0",
    )
    .needs(Needs::Payload),
    row(
        "req.payload",
        "<offset>,<length>",
        Binary,
        |arguments| arguments.payload(),
        PAYLOAD,
        "acl is_http req.payload(0,4) -m str GET POST",
    )
    .needs(Needs::Payload),
    row(
        "payload",
        "<offset>,<length>",
        Binary,
        |arguments| arguments.payload(),
        PAYLOAD,
        "acl is_http payload(0,4) -m bin 47455420",
    )
    .needs(Needs::Payload),
    row(
        "req.ssl_sni",
        "",
        Text,
        |_| Ok(Fetch::Content(ContentFetch::ServerName)),
        SERVER_NAME,
        "use_backend web if { req.ssl_sni -i www.example.org }",
    )
    .needs(Needs::Payload),
    row(
        "req_ssl_sni",
        "",
        Text,
        |_| Ok(Fetch::Content(ContentFetch::ServerName)),
        SERVER_NAME,
        "use_backend web if { req_ssl_sni -m end .example.org }",
    )
    .needs(Needs::Payload),
    row(
        "req.ssl_hello_type",
        "",
        Integer,
        |_| Ok(Fetch::Content(ContentFetch::HelloType)),
        HELLO_TYPE,
        "tcp-request content accept if { req.ssl_hello_type 1 }",
    )
    .needs(Needs::Payload),
    row(
        "req_ssl_hello_type",
        "",
        Integer,
        |_| Ok(Fetch::Content(ContentFetch::HelloType)),
        HELLO_TYPE,
        "tcp-request content accept if { req_ssl_hello_type 1 }",
    )
    .needs(Needs::Payload),
    row(
        "req.ssl_ver",
        "",
        Integer,
        |_| Ok(Fetch::Content(ContentFetch::HelloVersion)),
        HELLO_VERSION,
        "tcp-request content reject if { req.ssl_ver lt 3.1 }",
    )
    .needs(Needs::Payload),
    row(
        "req_ssl_ver",
        "",
        Integer,
        |_| Ok(Fetch::Content(ContentFetch::HelloVersion)),
        HELLO_VERSION,
        "tcp-request content reject if { req_ssl_ver lt 3.1 }",
    )
    .needs(Needs::Payload),
    row(
        "wait_end",
        "",
        Bool,
        |_| Ok(Fetch::Content(ContentFetch::WaitEnd)),
        "True when the rules wait for nothing more from the client.",
        "tcp-request content reject if { wait_end } { req.len 0 }",
    ),
];

const REQUEST_LEN: &str = "The number of bytes that the client has sent so far.";
const PAYLOAD: &str = "Bytes that the client has sent; all that follow the offset if the length is \
                       0.";
const SERVER_NAME: &str = "The server name that a TLS client asks for.";
const HELLO_TYPE: &str = "The type of the TLS hello: 1 is a client's.";
const HELLO_VERSION: &str = "The version that the hello of a TLS client names. It is compared as \
                             `3.1`, which is TLS 1.0.";
