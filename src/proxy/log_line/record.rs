//! A connection as its line in the log names it.

use std::fmt;
use std::net::SocketAddr;

use super::dates::WallClock;
use crate::proxy::backend::Backend;
use crate::proxy::connection::log_record::LogRecord;
use crate::proxy::frontend::Frontend;

/// The other end of a client's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peername {
    /// An address and port.
    Ip(SocketAddr),
    /// A unix socket. As in HAProxy, the number of the listener names it.
    Unix(u32),
}

impl fmt::Display for Peername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{}:{}", address.ip(), address.port()),
            Self::Unix(listener) => write!(f, "unix:{listener}"),
        }
    }
}

/// What the log was told of a connection, with the names from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionRecord<'a> {
    /// What the log was told.
    pub noted: &'a LogRecord,
    /// The frontend's name.
    pub frontend: &'a str,
    /// The backend's name, or the frontend's name if no backend was chosen.
    pub backend: &'a str,
    /// The server's name, if a server was chosen.
    pub server: Option<&'a str>,
}

impl<'a> ConnectionRecord<'a> {
    /// Finds the names in the frontends and backends of the process.
    pub fn new(noted: &'a LogRecord, frontends: &'a [Frontend], backends: &'a [Backend]) -> Self {
        let frontend = frontends[noted.frontend.index()].config.name.as_str();
        let backend = noted.backend.map(|id| &backends[id.index()]);
        let server = backend.zip(noted.server).map(|(backend, index)| backend.server(index));
        Self {
            noted,
            frontend,
            backend: backend.map_or(frontend, |backend| &backend.config.name),
            server: server.map(|server| server.config.name.as_str()),
        }
    }

    /// The frontend's name, with a mark where the client speaks TLS.
    pub fn frontend_transport(&self) -> String {
        let mark = if self.noted.tls.is_some() { "~" } else { "" };
        format!("{}{mark}", self.frontend)
    }

    /// The client.
    pub fn client(&self) -> Peername {
        self.noted.client.map_or(Peername::Unix(1), Peername::Ip)
    }

    /// When the client was accepted.
    pub fn accepted(&self) -> WallClock {
        WallClock::from(self.noted.accepted_at)
    }
}
