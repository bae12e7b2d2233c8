//! Samples of frontends, backends, servers and tables as a whole.

use super::row::{SampleRow, row};
use crate::config::rules::expression::ValueType::{Bool, Integer, Text};
use crate::config::rules::expression::{
    BackendFact, Fetch, FrontendFact, Needs, NumberFetch, ServerFact,
};

pub(super) const SAMPLES: &[SampleRow] = &[
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
        "fe_client_timeout",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::ClientTimeout)),
        "The `timeout client` of the frontend in milliseconds; 0 if there is none.",
        "use_backend web if { fe_client_timeout gt 60000 }",
    ),
    row(
        "fe_defbe",
        "",
        Text,
        |_| Ok(Fetch::DefaultBackendName),
        "The name of the default backend of the frontend.",
        "use_backend web if { fe_defbe,nbsrv 0 }",
    ),
    row(
        "be_server_timeout",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::ServerTimeout)),
        "The `timeout server` of the backend in milliseconds; 0 if there is none. Only the rules \
         of a backend know it.",
        "use-server s1 if { be_server_timeout gt 60000 }",
    )
    .needs(Needs::Backend),
    row(
        "be_tunnel_timeout",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::TunnelTimeout)),
        "The `timeout tunnel` of the backend in milliseconds; 0 if there is none. Only the rules \
         of a backend know it.",
        "use-server s1 if { be_tunnel_timeout 0 }",
    )
    .needs(Needs::Backend),
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
        "srv_weight",
        "[<backend>/]<server>",
        Integer,
        |arguments| {
            let (backend, server) = arguments.server()?;
            Ok(Fetch::Number(NumberFetch::Server(backend, server, ServerFact::Weight)))
        },
        "The weight of the server in effect.",
        "use_backend web if { srv_weight(web/s1) gt 0 }",
    ),
    row(
        "srv_iweight",
        "[<backend>/]<server>",
        Integer,
        |arguments| {
            let (backend, server) = arguments.server()?;
            Ok(Fetch::Number(NumberFetch::Server(backend, server, ServerFact::InitialWeight)))
        },
        "The weight of the server in the configuration.",
        "use_backend web if { srv_iweight(web/s1) gt 0 }",
    ),
    row(
        "srv_uweight",
        "[<backend>/]<server>",
        Integer,
        |arguments| {
            let (backend, server) = arguments.server()?;
            Ok(Fetch::Number(NumberFetch::Server(backend, server, ServerFact::UserWeight)))
        },
        "The weight of the server as it was set.",
        "use_backend web if { srv_uweight(web/s1) gt 0 }",
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
];
