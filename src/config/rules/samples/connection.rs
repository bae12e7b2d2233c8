//! Samples of the connection itself: both ends, and the proxies that it goes through.

use super::row::{SampleRow, row};
use crate::config::rules::expression::ValueType::{Address, Bool, Integer, Text};
use crate::config::rules::expression::{Fetch, Needs, NumberFetch};

pub(super) const SAMPLES: &[SampleRow] = &[
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
];
