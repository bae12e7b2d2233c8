//! The values of samples about the sockets of a connection and about its server.

use std::net::SocketAddr;

use crate::config::rules::{Measurement, TimeUnit};
use crate::net::connection::TcpInfo;
use crate::net::{connection, socket};
use crate::proxy::backend::server::Server;
use crate::proxy::rules::context::Context;

impl<'a> Context<'a, '_> {
    /// The server that the client was sent to.
    pub(super) fn server(&self) -> Option<&'a Server> {
        let backend = self.backends.get(self.facts.backend?.index())?;
        backend.servers.get(self.facts.sockets.chosen?)
    }

    /// The address from which the server was connected to.
    pub(super) fn server_source(&self) -> Option<SocketAddr> {
        socket::local_address(self.facts.sockets.server?).ok()?.ip()
    }

    /// The address at which the server was connected to.
    pub(super) fn server_address(&self) -> Option<SocketAddr> {
        socket::peer(self.facts.sockets.server?)
    }

    /// What the kernel has measured of the client's connection.
    pub(super) fn measured(&self, of: Measurement) -> Option<i64> {
        let info = connection::measured(self.facts.sockets.client?).ok()?;
        Some(i64::from(figure(info, of)))
    }
}

fn figure(info: TcpInfo, of: Measurement) -> u32 {
    let in_unit = |time_us: u32, unit| match unit {
        TimeUnit::Seconds => time_us / 1_000_000,
        TimeUnit::Milliseconds => time_us / 1000,
        TimeUnit::Microseconds => time_us,
    };
    match of {
        Measurement::RoundTrip(unit) => in_unit(info.rtt_us, unit),
        Measurement::RoundTripVariance(unit) => in_unit(info.rtt_variance_us, unit),
        Measurement::Unacked => info.unacked,
        Measurement::Sacked => info.sacked,
        Measurement::Lost => info.lost,
        Measurement::Retransmitted => info.retransmitted,
        Measurement::ForwardAcked => info.forward_acked,
        Measurement::Reordering => info.reordering,
    }
}
