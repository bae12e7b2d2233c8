//! Samples of the server that a client was sent to, and of the connection with it.

use super::row::{SampleRow, row};
use crate::config::rules::expression::ValueType::{Address, Integer, Text};
use crate::config::rules::expression::{Fetch, NumberFetch};

pub(super) const SAMPLES: &[SampleRow] = &[
    row(
        "srv_id",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::ServerNumber)),
        "The number of the server that the client was sent to. It is known in the rules of \
         `tcp-response` and in the log.",
        "tcp-response content reject if { srv_id 3 }",
    ),
    row(
        "srv_name",
        "",
        Text,
        |_| Ok(Fetch::ServerName),
        "The name of the server that the client was sent to. It is known in the rules of \
         `tcp-response` and in the log.",
        "tcp-response content reject if { srv_name s3 }",
    ),
    row(
        "bc_src",
        "",
        Address,
        |_| Ok(Fetch::ServerSource),
        "The address from which the server was connected to. It is known in the rules of \
         `tcp-response` and in the log.",
        "log-format \"%ci %[bc_src]:%[bc_src_port]\"",
    ),
    row(
        "bc_src_port",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::ServerSourcePort)),
        "The port from which the server was connected to, like `bc_src`.",
        "log-format \"%ci %[bc_src]:%[bc_src_port]\"",
    ),
    row(
        "bc_dst",
        "",
        Address,
        |_| Ok(Fetch::ServerAddress),
        "The address at which the server was connected to. It is known in the rules of \
         `tcp-response` and in the log.",
        "log-format \"%ci %[bc_dst]:%[bc_dst_port]\"",
    ),
    row(
        "bc_dst_port",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::ServerPort)),
        "The port at which the server was connected to, like `bc_dst`.",
        "log-format \"%ci %[bc_dst]:%[bc_dst_port]\"",
    ),
];
