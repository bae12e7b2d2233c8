//! How the saves of a table went.

use super::write::Written;

/// One save that has succeeded, or has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveReport {
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What was written, or why nothing was.
    pub result: Result<Written, String>,
}

/// The saves of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastSave {
    /// When the last one ended that has succeeded, in milliseconds since 1970.
    pub at_ms: Option<u64>,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
    /// What it wrote.
    pub written: Written,
    /// How many have succeeded.
    pub count: u64,
    /// How many have failed.
    pub failures: u64,
    /// Why the last one has failed, unless it has succeeded.
    pub error: Option<String>,
}

impl LastSave {
    /// Notes a save that has ended at `wall_ms`.
    pub(in crate::table) fn note(&mut self, report: SaveReport, wall_ms: u64) {
        match report.result {
            Ok(written) => {
                self.count += 1;
                let (count, failures) = (self.count, self.failures);
                let (at_ms, took_ms) = (Some(wall_ms), report.took_ms);
                *self = Self { at_ms, took_ms, written, count, failures, error: None };
            }
            Err(error) => {
                self.failures += 1;
                self.error = Some(error);
            }
        }
    }
}
