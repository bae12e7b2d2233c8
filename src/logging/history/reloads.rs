//! The last reloads, those that failed included.

use std::collections::VecDeque;

use super::events::cut;

/// How many reloads are kept.
pub const RELOADS_MAX: usize = 10;
/// The longest reason why a reload failed, in bytes. Longer ones are cut.
pub const REASON_MAX: usize = 500;

/// One reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastReload {
    /// When it ended, in milliseconds since 1970.
    pub at_ms: u64,
    /// The generation that served before: processes are counted from 1.
    pub generation: u32,
    /// The version of the program that served before, if it is known.
    pub version: Option<String>,
    /// How long it took from its beginning, in milliseconds.
    pub took_ms: u64,
    /// How it ended.
    pub end: ReloadEnd,
}

/// How a reload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadEnd {
    /// The next generation serves.
    Served {
        /// The version of the program that serves since.
        version: String,
        /// The process that serves since.
        pid: u32,
        /// The stick-table entries that it began with.
        entries: u64,
        /// The clients that waited in the listening sockets' queues at that moment.
        waited: u64,
        /// Whether the old process was gone or silent before it had handed over everything.
        is_incomplete: bool,
    },
    /// The old process went on.
    Failed {
        /// Why.
        reason: String,
    },
}

/// The last reloads, oldest first.
#[derive(Debug, Default)]
pub struct PastReloads(VecDeque<PastReload>);

impl PastReloads {
    /// Adds a reload. The oldest gives way.
    pub fn push(&mut self, mut reload: PastReload) {
        if let ReloadEnd::Failed { reason } = &mut reload.end {
            cut(reason, REASON_MAX);
        }
        if self.0.len() == RELOADS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(reload);
    }

    /// All that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &PastReload> + ExactSizeIterator {
        self.0.iter()
    }
}
