//! What a draining process counts after its handover. Once a second, and at its end, the process
//! tells its successor what has been added to each figure since it last told.

use super::message::counts::{Counts, visit};
use crate::proxy::Shared;
use crate::proxy::figures::Figure;

/// The time between two tellings, in milliseconds.
const INTERVAL_MS: u64 = 1000;

/// What the successor has been told.
#[derive(Debug)]
pub struct LateCounts {
    /// The sums of everything, in the order in which they are visited.
    told: Vec<u64>,
    next_ms: u64,
}

impl LateCounts {
    /// The successor gets everything that was counted so far in another way.
    pub fn new(shared: &Shared, now_ms: u64) -> Self {
        let mut told = Vec::new();
        visit(shared, |_, figures| told.extend(sums(&figures)));
        Self { told, next_ms: now_ms + INTERVAL_MS }
    }

    /// When there may be something to tell.
    pub fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// What to tell now, and then not again. A server that was added or deleted meanwhile moves the
    /// places of the others: then what was counted since the last telling is not told.
    pub fn poll(&mut self, shared: &Shared, now_ms: u64) -> Vec<Counts> {
        let before = std::mem::replace(self, Self::new(shared, now_ms));
        if before.told.len() != self.told.len() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut before = before.told.into_iter();
        visit(shared, |name, figures| {
            let sums = figures.iter().filter(|(_, figure)| figure.is_sum());
            let added = sums.zip(before.by_ref()).map(|((name, figure), before)| {
                // The counters may have been cleared.
                ((*name).into(), figure.value().saturating_sub(before))
            });
            let values: Vec<_> = added.filter(|(_, added)| *added > 0).collect();
            if !values.is_empty() {
                found.push(Counts { of: name(), values });
            }
        });
        found
    }
}

fn sums(figures: &[(&'static str, Figure<'_>)]) -> impl Iterator<Item = u64> {
    figures.iter().map(|(_, figure)| figure).filter(|figure| figure.is_sum()).map(Figure::value)
}
