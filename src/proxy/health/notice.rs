//! The work for the process after a change of a server's health: lines for the log, and
//! connections to end.

use super::check::result::CheckResult;
use crate::config::Severity;
use crate::config::{BackendId, ServerIndex};
use crate::proxy::connection::log_record::Cause;

/// A line about a backend or one of its servers, for the backend's log targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The backend; its log targets get the line.
    pub backend: BackendId,
    /// The severity of the line.
    pub severity: Severity,
    /// The line.
    pub text: String,
}

/// Why a server's health changed.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) enum Why<'a> {
    /// A check's result. None if the log has the result already.
    Check(Option<&'a CheckResult>),
    /// An operator's command.
    Operator,
    /// The server of this name, which this server tracks, changed.
    Tracked(&'a str),
}

/// Connections that must end because of a server's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// The backend.
    pub backend: BackendId,
    /// The server; its connections end.
    pub server: ServerIndex,
    /// The end of these connections, as the log shows it.
    pub cause: Cause,
}
