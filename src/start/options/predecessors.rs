//! The processes that the command line names for replacement: `-sf` and `-st`.

/// The processes to take over from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predecessors {
    /// Their process ids.
    pub pids: Vec<i32>,
    /// Whether they may finish their connections (`-sf`) or not (`-st`).
    pub may_finish: bool,
}
