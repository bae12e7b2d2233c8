//! What to load, and what comes of it.

use std::path::PathBuf;

use crate::config::Config;
use crate::config::text::diagnostic::Diagnostic;
use crate::config::text::environment::Environment;

/// What to load.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The files and directories to read, in this order; of a directory every `*.cfg` file in
    /// lexical order.
    pub sources: Vec<PathBuf>,
    /// The local peer's name as the command line gives it; goes before `localpeer`.
    pub local_peer: Option<String>,
    /// The host's name, which stands in for a local peer's name.
    pub hostname: String,
    /// The most client connections as the command line gives it; goes before `maxconn`.
    pub maxconn: Option<u32>,
    /// The most connections of a frontend that does not say it.
    pub frontend_maxconn: Option<u32>,
    /// As `zero-warning` in `global`.
    pub zero_warning: bool,
    /// As `nosplice` there.
    pub never_splices: bool,
    /// As `noreuseport` there.
    pub listens_alone: bool,
    /// The environment variables that the files can use.
    pub environment: Environment,
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What its author should know, in the order of the files.
    pub warnings: Vec<Diagnostic>,
}
