//! What bounds and tunes the process as a whole.

use super::variable::VariableSizes;

/// What bounds and tunes the process beside `maxconn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most connections accepted in a second (`maxconnrate`).
    pub connection_rate: Option<u32>,
    /// The most connections in a second that rules let in (`maxsessrate`).
    pub session_rate: Option<u32>,
    /// Whether splicing is off (`nosplice`).
    pub never_splices: bool,
    /// The most pipes (`maxpipes`).
    pub pipes: Option<u32>,
    /// The size of a pipe, in bytes (`tune.pipesize`).
    pub pipe_size: Option<u32>,
    /// The most events taken from the kernel at once (`tune.maxpollevents`).
    pub poll_events: Option<u32>,
    /// How much variables may hold (`tune.vars.*-max-size`).
    pub variables: VariableSizes,
    /// Whether a limit of the system that is too low is an error (`strict-limits`).
    pub are_strict: bool,
}
