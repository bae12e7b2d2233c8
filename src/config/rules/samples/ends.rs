//! Samples of where a connection came in: the client's own connection, its PROXY header, the
//! listener, and what the proxies on its way are configured to do.

use super::row::{SampleRow, row};
use crate::config::rules::expression::ValueType::{Address, Bool, Integer, Text};
use crate::config::rules::expression::{Fetch, Needs, NumberFetch};

pub(super) const SAMPLES: &[SampleRow] = &[
    row(
        "fc_src",
        "",
        Address,
        |_| Ok(Fetch::OwnSource),
        "The address of the client's connection, like `src`, whatever later rules set.",
        "use_backend web if { fc_src 10.0.0.0/8 }",
    ),
    row(
        "fc_src_port",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::OwnSourcePort)),
        "The port of the client's connection, like `src_port`, whatever later rules set.",
        "use_backend web if { fc_src_port lt 1024 }",
    ),
    row(
        "fc_src_is_local",
        "",
        Bool,
        |_| Ok(Fetch::Number(NumberFetch::OwnSourceIsLocal)),
        "Whether the address of the client belongs to this machine, like `src_is_local`.",
        "tcp-request connection accept if { fc_src_is_local }",
    ),
    row(
        "fc_dst",
        "",
        Address,
        |_| Ok(Fetch::OwnDestination),
        "The address that the connection came to, like `dst`, whatever later rules set.",
        "use_backend web if { fc_dst 192.0.2.10 }",
    )
    .needs(Needs::Destination),
    row(
        "fc_dst_port",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::OwnDestinationPort)),
        "The port that the connection came to, like `dst_port`, whatever later rules set.",
        "use_backend web if { fc_dst_port 443 }",
    )
    .needs(Needs::Destination),
    row(
        "fc_dst_is_local",
        "",
        Bool,
        |_| Ok(Fetch::Number(NumberFetch::OwnDestinationIsLocal)),
        "Whether the address that the client connected to belongs to this machine, like \
         `dst_is_local`.",
        "tcp-request connection reject unless { fc_dst_is_local }",
    )
    .needs(Needs::Destination),
    row(
        "fc_rcvd_proxy",
        "",
        Bool,
        |_| Ok(Fetch::Number(NumberFetch::HasHeader)),
        "Whether the client has sent a PROXY header.",
        "tcp-request content accept if { fc_rcvd_proxy }",
    ),
    row(
        "fc_pp_authority",
        "",
        Text,
        |_| Ok(Fetch::HeaderAuthority),
        "The name of the host in the PROXY header of the client.",
        "use_backend web if { fc_pp_authority www.example.org }",
    ),
    row(
        "fc_pp_unique_id",
        "",
        Text,
        |_| Ok(Fetch::HeaderUniqueId),
        "The id of the connection in the PROXY header of the client.",
        "use_backend web if { fc_pp_unique_id -m beg a }",
    ),
    row(
        "unique-id",
        "",
        Text,
        |_| Ok(Fetch::UniqueId),
        "The id that `unique-id-format` of the frontend gives to the connection.",
        "tcp-request content set-var(sess.id) unique-id",
    )
    .needs(Needs::LogLine),
    row(
        "prio_class",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::PriorityClass)),
        "The class of the connection in queues, as `set-priority-class` has set it.",
        "use_backend web if { prio_class lt 0 }",
    ),
    row(
        "prio_offset",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::PriorityOffset)),
        "The milliseconds of the connection in queues, as `set-priority-offset` has set them.",
        "use_backend web if { prio_offset lt 0 }",
    ),
    row(
        "so_id",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::SocketNumber)),
        "The number of the listener in its frontend, as `id` gives it.",
        "use_backend web if { so_id 1 }",
    ),
    row(
        "so_name",
        "",
        Text,
        |_| Ok(Fetch::SocketName),
        "The name of the listener, as `name` gives it.",
        "use_backend web if { so_name public }",
    ),
];
