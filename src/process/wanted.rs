//! A reload that was asked for and has to wait: for the end of another, or of a lesson.

use super::{Process, Stop};

impl Process {
    /// Whether a lesson is under way that a reload would only begin anew; not for too long.
    pub(crate) fn is_taught(&self, now_ms: u64) -> bool {
        self.lesson_until_ms().is_some_and(|until_ms| now_ms < until_ms)
    }

    /// When a reload does not wait for lessons any longer.
    fn lesson_until_ms(&self) -> Option<u64> {
        let sections = self.peers.sections().iter();
        sections.filter_map(|section| section.resync().lesson_until_ms()).max()
    }

    /// When a reload that waits for a lesson is to be started at the latest.
    pub(super) fn wanted_reload_ms(&self) -> Option<u64> {
        let is_free = self.stop == Stop::No && !self.succession.is_busy();
        let waits = (self.succession.is_wanted || self.may_be_asked()) && is_free;
        self.lesson_until_ms().filter(|_| waits)
    }

    /// Starts the reload that had to wait, if it need not wait any longer.
    pub(super) fn start_wanted_reload(&mut self, now_ms: u64) {
        if self.succession.is_wanted
            && self.stop == Stop::No
            && !self.succession.is_busy()
            && !self.is_taught(now_ms)
        {
            self.succession.is_wanted = false;
            self.start_reload(now_ms);
        }
    }
}
