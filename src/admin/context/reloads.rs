//! The reloads that commands ask for, and their results.

use crate::logging::history::PastReloads;

/// The reloads that commands ask the process for, and their results.
#[derive(Debug, Default)]
pub struct Reloads {
    /// A command asks for a reload that has not begun.
    is_wanted: bool,
    /// How many reloads have ended.
    finished: u64,
    /// How many of them failed.
    failed: u64,
    /// The result of the last reload that ended.
    last: Option<Result<Reloaded, String>>,
    /// The last reloads, those of older processes included.
    pub past: PastReloads,
}

/// The result of a reload that succeeded.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The number of reloads that led to the new process.
    pub generation: u32,
    /// The process id of the new process.
    pub pid: i32,
    /// The stick-table entries that were handed over.
    pub entries: u64,
    /// How long the reload took, in milliseconds.
    pub took_ms: u64,
}

impl Reloads {
    /// Whether a reload is asked for. The question is answered once: the caller begins the reload.
    pub fn take_wanted(&mut self) -> bool {
        std::mem::take(&mut self.is_wanted)
    }

    /// How many reloads of this process failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Notes the end of a reload: its result, or the reason why the new process does not serve.
    pub fn finish(&mut self, result: Result<Reloaded, String>) {
        self.finished += 1;
        self.failed += u64::from(result.is_err());
        self.last = Some(result);
    }

    /// Asks the process for a reload.
    pub(in crate::admin) fn request(&mut self) -> ReloadTicket {
        self.is_wanted = true;
        ReloadTicket { finished_before: self.finished }
    }

    /// Whether a reload is asked for that has not begun.
    pub(in crate::admin) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// The result of the reload that was asked for with `ticket`, once there is one.
    pub(in crate::admin) fn result(
        &self,
        ticket: ReloadTicket,
    ) -> Option<&Result<Reloaded, String>> {
        self.last.as_ref().filter(|_| self.finished > ticket.finished_before)
    }
}

/// Names a reload that was asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct ReloadTicket {
    /// How many reloads had ended when this one was asked for.
    finished_before: u64,
}
