//! Where the lines about connections go, at the end of a turn.

use super::Process;
use crate::config::PageFrontend;
use crate::reactor::clock;

impl Process {
    /// Sends what came into the rings to their servers, and to the clients of `show events`.
    pub(super) fn serve_rings(&mut self, now_ms: u64) {
        if self.logger.rings_mut().take_news() {
            self.admin.wake();
        }
        self.feeds.run(&self.reactor, self.logger.rings_mut(), now_ms);
    }

    /// Hands what came in and what ended in this turn to the traffic log.
    pub(super) fn write_log(&mut self) {
        if !self.shared.arrivals.is_empty() {
            self.logger.arrivals(&self.shared, clock::wall());
            self.shared.arrivals.clear();
        }
        if !self.shared.refusals.is_empty() {
            self.logger.refusals(&self.shared, clock::wall());
            self.shared.refusals.clear();
        }
        for endpoint in &mut self.endpoints {
            for refusal in std::mem::take(&mut endpoint.refusals) {
                let PageFrontend { name, log, options, .. } = &endpoint.config;
                let is_error = options.log_separate_errors;
                self.logger.refusal(&refusal, name, log, is_error, clock::wall());
            }
        }
        if !self.shared.records.is_empty() {
            self.logger.connections(&self.shared, clock::wall());
            self.shared.records.clear();
        }
        for notice in std::mem::take(&mut self.shared.notices) {
            self.note_notice(&notice);
        }
    }
}
