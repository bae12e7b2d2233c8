//! What to load, and the result.

use std::path::PathBuf;

use crate::config::Config;
use crate::config::resolve::ServerLines;
use crate::config::text::diagnostic::Diagnostic;
use crate::config::text::environment::Environment;

/// What to load.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The files and directories to read, in this order. In a directory every `*.cfg` file is read,
    /// in lexical order.
    pub sources: Vec<PathBuf>,
    /// The name of the local peer from the command line, which goes before `localpeer`.
    pub local_peer: Option<String>,
    /// The name of the host, which is the default name of the local peer.
    pub hostname: String,
    /// The most client connections from the command line, which go before `maxconn`.
    pub maxconn: Option<u32>,
    /// The most connections of a frontend without `maxconn`.
    pub frontend_maxconn: Option<u32>,
    /// The same as `zero-warning` in `global`.
    pub zero_warning: bool,
    /// The same as `nosplice` in `global`.
    pub never_splices: bool,
    /// The same as `noreuseport` in `global`.
    pub listens_alone: bool,
    /// Where the master socket listens: for each an address, and words of a `stats socket` line
    /// behind commas.
    pub master_sockets: Vec<String>,
    /// The environment variables that the files can use.
    pub environment: Environment,
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What servers that commands add are read with.
    pub server_lines: ServerLines,
    /// The warnings in the order of the files.
    pub warnings: Vec<Diagnostic>,
}
