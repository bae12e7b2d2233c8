//! The table of samples: what a rule can ask of a connection, of a proxy or of a table. The samples
//! about the entries of stick tables follow from the data types (`entry_samples.rs`).

use std::net::IpAddr;

use super::arguments::Arguments;
use super::expression::ValueType::{Address, Binary, Bool, Integer, Text};
use super::expression::{
    BackendFact, Constant, Fetch, FrontendFact, Needs, NumberFetch, ServerFact, ValueType,
};

/// One row of the table.
pub(super) struct SampleRow {
    pub(super) name: &'static str,
    pub(super) arguments: &'static str,
    pub(super) help: &'static str,
    pub(super) example: &'static str,
    /// The type of its value.
    pub(super) value_type: ValueType,
    /// What has to be known before it can be told.
    pub(super) needs: Needs,
    /// Reads its arguments.
    pub(super) read: fn(&mut Arguments<'_>) -> Result<Fetch, String>,
}

const fn row(
    name: &'static str,
    arguments: &'static str,
    value_type: ValueType,
    read: fn(&mut Arguments<'_>) -> Result<Fetch, String>,
    help: &'static str,
    example: &'static str,
) -> SampleRow {
    SampleRow { name, arguments, help, example, value_type, needs: Needs::Nothing, read }
}

impl SampleRow {
    const fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
}

/// Every sample but those about the entries of stick tables.
pub(super) const SAMPLES: &[SampleRow] = &[
    row(
        "always_true",
        "",
        Bool,
        |_| Ok(Fetch::Constant(Constant::Bool(true))),
        "True.",
        "use_backend web if { always_true }",
    ),
    row(
        "always_false",
        "",
        Bool,
        |_| Ok(Fetch::Constant(Constant::Bool(false))),
        "False.",
        "use_backend web if { always_false }",
    ),
    row(
        "bool",
        "<value>",
        Bool,
        |arguments| arguments.boolean().map(Constant::Bool).map(Fetch::Constant),
        "A constant: `true` or `1`, `false` or `0`.",
        "use_backend web if { bool(true) }",
    ),
    row(
        "int",
        "<number>",
        Integer,
        |arguments| arguments.number().map(Constant::Integer).map(Fetch::Constant),
        "A constant number.",
        "tcp-request connection sc-set-gpt0(0) int(7)",
    ),
    row(
        "str",
        "[<text>]",
        Text,
        |arguments| {
            let text = arguments.next().unwrap_or_default();
            Ok(Fetch::Constant(Constant::Text(text.as_bytes().to_vec())))
        },
        "A constant text.",
        "tcp-request connection track-sc0 str(all) table names",
    ),
    row(
        "ipv4",
        "<address>",
        Address,
        |arguments| arguments.address(IpAddr::is_ipv4).map(Constant::Address).map(Fetch::Constant),
        "A constant IPv4 address.",
        "tcp-request connection track-sc0 ipv4(192.0.2.1) table clients",
    ),
    row(
        "ipv6",
        "<address>",
        Address,
        |arguments| arguments.address(IpAddr::is_ipv6).map(Constant::Address).map(Fetch::Constant),
        "A constant IPv6 address.",
        "use_backend web if { ipv6(2001:db8::1) 2001:db8::/32 }",
    ),
    row(
        "src",
        "",
        Address,
        |_| Ok(Fetch::Source),
        "The address of the client.",
        "acl is_inside src 10.0.0.0/8 192.168.0.0/16",
    ),
    row(
        "src_port",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::SourcePort)),
        "The port of the client.",
        "acl is_privileged src_port lt 1024",
    ),
    row(
        "src_is_local",
        "",
        Bool,
        |_| Ok(Fetch::Number(NumberFetch::SourceIsLocal)),
        "Whether the address of the client belongs to this machine.",
        "tcp-request connection accept if { src_is_local }",
    ),
    row(
        "dst",
        "",
        Address,
        |_| Ok(Fetch::Destination),
        "The address that the client connected to.",
        "use_backend web if { dst 192.0.2.10 }",
    )
    .needs(Needs::Destination),
    row(
        "dst_port",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::DestinationPort)),
        "The port that the client connected to.",
        "use_backend web if { dst_port 443 }",
    )
    .needs(Needs::Destination),
    row(
        "dst_is_local",
        "",
        Bool,
        |_| Ok(Fetch::Number(NumberFetch::DestinationIsLocal)),
        "Whether the address that the client connected to belongs to this machine.",
        "tcp-request connection reject unless { dst_is_local }",
    )
    .needs(Needs::Destination),
    row(
        "rand",
        "[<range>]",
        Integer,
        |arguments| Ok(Fetch::Number(NumberFetch::Random(arguments.range()?))),
        "A random number from 0 to below the range. The range is 4294967295 if none is given.",
        "use_backend web if { rand(100) lt 5 }",
    ),
    row(
        "fe_name",
        "",
        Text,
        |_| Ok(Fetch::FrontendName),
        "The name of the frontend.",
        "use_backend web if { fe_name in }",
    ),
    row(
        "be_name",
        "",
        Text,
        |_| Ok(Fetch::BackendName),
        "The name of the backend. Only the rules of a backend know it.",
        "use-server s1 if { be_name web }",
    )
    .needs(Needs::Backend),
    row(
        "fe_id",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::FrontendNumber)),
        "The number of the frontend, as `id` gives it.",
        "use_backend web if { fe_id 2 }",
    ),
    row(
        "be_id",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::BackendNumber)),
        "The number of the backend, as `id` gives it. Only the rules of a backend know it.",
        "use-server s1 if { be_id 3 }",
    )
    .needs(Needs::Backend),
    row(
        "fe_conn",
        "[<frontend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Frontend(
                arguments.frontend()?,
                FrontendFact::Connections,
            )))
        },
        "The connections that are open at the frontend.",
        "tcp-request connection reject if { fe_conn gt 1000 }",
    ),
    row(
        "fe_sess_rate",
        "[<frontend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Frontend(arguments.frontend()?, FrontendFact::Rate)))
        },
        "The new connections of the frontend in the last second.",
        "tcp-request connection reject if { fe_sess_rate(in) gt 500 }",
    ),
    row(
        "be_conn",
        "[<backend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Backend(arguments.backend()?, BackendFact::Connections)))
        },
        "The connections that are open at the backend.",
        "use_backend web if { be_conn(web) lt 100 }",
    ),
    row(
        "be_sess_rate",
        "[<backend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Backend(arguments.backend()?, BackendFact::Rate)))
        },
        "The new connections of the backend in the last second.",
        "use_backend web if { be_sess_rate(web) lt 50 }",
    ),
    row(
        "nbsrv",
        "[<backend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Backend(arguments.backend()?, BackendFact::Usable)))
        },
        "The servers of the backend that can take connections.",
        "use_backend web if { nbsrv(web) gt 0 }",
    ),
    row(
        "queue",
        "[<backend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Backend(arguments.backend()?, BackendFact::Queue)))
        },
        "The connections that wait for any server of the backend.",
        "use_backend web if { queue(web) lt 10 }",
    ),
    row(
        "avg_queue",
        "[<backend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Backend(arguments.backend()?, BackendFact::AverageQueue)))
        },
        "The connections that wait for any server of the backend, divided by the servers that can \
         take connections.",
        "use_backend web if { avg_queue(web) lt 3 }",
    ),
    row(
        "be_conn_free",
        "[<backend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Backend(arguments.backend()?, BackendFact::Free)))
        },
        "The connections that the servers of the backend still take; -1 if a server has no \
         `maxconn`. Backup servers count only while no other server is usable.",
        "use_backend web if { be_conn_free(web) gt 0 }",
    ),
    row(
        "connslots",
        "[<backend>]",
        Integer,
        |arguments| {
            Ok(Fetch::Number(NumberFetch::Backend(arguments.backend()?, BackendFact::Slots)))
        },
        "The connections that the servers of the backend and their queues still have room for; -1 \
         if a server has no `maxconn` or no `maxqueue`.",
        "use_backend web if { connslots(web) gt 0 }",
    ),
    row(
        "srv_is_up",
        "[<backend>/]<server>",
        Bool,
        |arguments| {
            let (backend, server) = arguments.server()?;
            Ok(Fetch::Number(NumberFetch::Server(backend, server, ServerFact::IsUp)))
        },
        "Whether the server is up.",
        "use_backend web if { srv_is_up(web/s1) }",
    ),
    row(
        "srv_conn",
        "[<backend>/]<server>",
        Integer,
        |arguments| {
            let (backend, server) = arguments.server()?;
            Ok(Fetch::Number(NumberFetch::Server(backend, server, ServerFact::Connections)))
        },
        "The connections that are open at the server.",
        "use_backend web if { srv_conn(web/s1) lt 10 }",
    ),
    row(
        "srv_conn_free",
        "[<backend>/]<server>",
        Integer,
        |arguments| {
            let (backend, server) = arguments.server()?;
            Ok(Fetch::Number(NumberFetch::Server(backend, server, ServerFact::Free)))
        },
        "The connections that the server still takes; -1 if it has no `maxconn`.",
        "use_backend web if { srv_conn_free(web/s1) gt 0 }",
    ),
    row(
        "srv_queue",
        "[<backend>/]<server>",
        Integer,
        |arguments| {
            let (backend, server) = arguments.server()?;
            Ok(Fetch::Number(NumberFetch::Server(backend, server, ServerFact::Queue)))
        },
        "The connections that wait for the server.",
        "use_backend web if { srv_queue(web/s1) 0 }",
    ),
    row(
        "srv_sess_rate",
        "[<backend>/]<server>",
        Integer,
        |arguments| {
            let (backend, server) = arguments.server()?;
            Ok(Fetch::Number(NumberFetch::Server(backend, server, ServerFact::Rate)))
        },
        "The new connections of the server in the last second.",
        "use_backend web if { srv_sess_rate(web/s1) lt 20 }",
    ),
    row(
        "table_cnt",
        "[<table>]",
        Integer,
        |arguments| Ok(Fetch::Number(NumberFetch::TableUsed(arguments.table()?))),
        "The entries in the table.",
        "acl is_used table_cnt(clients) gt 1000",
    ),
    row(
        "table_avl",
        "[<table>]",
        Integer,
        |arguments| Ok(Fetch::Number(NumberFetch::TableFree(arguments.table()?))),
        "The entries that the table still has room for.",
        "acl is_full table_avl(clients) 0",
    ),
    row(
        "req.len",
        "",
        Integer,
        |_| Ok(Fetch::RequestLen),
        REQUEST_LEN,
        "acl has_sent req.len gt 0",
    )
    .needs(Needs::Payload),
    row(
        "req_len",
        "",
        Integer,
        |_| Ok(Fetch::RequestLen),
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
        |_| Ok(Fetch::ServerName),
        SERVER_NAME,
        "use_backend web if { req.ssl_sni -i www.example.org }",
    )
    .needs(Needs::Payload),
    row(
        "req_ssl_sni",
        "",
        Text,
        |_| Ok(Fetch::ServerName),
        SERVER_NAME,
        "use_backend web if { req_ssl_sni -m end .example.org }",
    )
    .needs(Needs::Payload),
    row(
        "req.ssl_hello_type",
        "",
        Integer,
        |_| Ok(Fetch::HelloType),
        HELLO_TYPE,
        "tcp-request content accept if { req.ssl_hello_type 1 }",
    )
    .needs(Needs::Payload),
    row(
        "req_ssl_hello_type",
        "",
        Integer,
        |_| Ok(Fetch::HelloType),
        HELLO_TYPE,
        "tcp-request content accept if { req_ssl_hello_type 1 }",
    )
    .needs(Needs::Payload),
    row(
        "req.ssl_ver",
        "",
        Integer,
        |_| Ok(Fetch::HelloVersion),
        HELLO_VERSION,
        "tcp-request content reject if { req.ssl_ver lt 3.1 }",
    )
    .needs(Needs::Payload),
    row(
        "req_ssl_ver",
        "",
        Integer,
        |_| Ok(Fetch::HelloVersion),
        HELLO_VERSION,
        "tcp-request content reject if { req_ssl_ver lt 3.1 }",
    )
    .needs(Needs::Payload),
    row(
        "wait_end",
        "",
        Bool,
        |_| Ok(Fetch::WaitEnd),
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
