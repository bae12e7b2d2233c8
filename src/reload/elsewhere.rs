//! The connections of older processes that drain, as the process that serves knows them. They count
//! against its limits, and in the load of its servers, until the older process ends.

use std::collections::HashMap;

use super::message::counts::Counted;
use super::message::names::{KeptIndexes, ProxyIndexes};
use super::message::open::Open;
use crate::proxy::Shared;

/// By generation, what each process still has.
#[derive(Debug, Default)]
pub struct Elsewhere(HashMap<u32, HashMap<Counted, u32>>);

impl Elsewhere {
    /// Whether no older process is known to have connections.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what an older process has of something now.
    pub fn note(&mut self, open: &Open, indexes: &ProxyIndexes, shared: &mut Shared) {
        let of_process = self.0.entry(open.generation).or_default();
        if open.count == 0 {
            of_process.remove(&open.of);
        } else {
            of_process.insert(open.of.clone(), open.count);
        }
        self.apply(&open.of, indexes, shared);
    }

    /// Forgets the processes whose generation `drains` does not know.
    pub fn retain(
        &mut self,
        drains: impl Fn(u32) -> bool,
        indexes: &mut KeptIndexes,
        shared: &mut Shared,
    ) {
        if self.0.keys().all(|generation| drains(*generation)) {
            return;
        }
        let indexes = indexes.get(shared);
        let (kept, gone) = std::mem::take(&mut self.0).into_iter().partition(|(of, _)| drains(*of));
        self.0 = kept;
        let gone: HashMap<u32, HashMap<Counted, u32>> = gone;
        for of in gone.values().flat_map(HashMap::keys) {
            self.apply(of, indexes, shared);
        }
    }

    /// Everything that is known, for a successor.
    pub fn iter(&self) -> impl Iterator<Item = Open> {
        self.0.iter().flat_map(|(generation, counts)| {
            counts.iter().map(|(of, count)| Open {
                generation: *generation,
                of: of.clone(),
                count: *count,
            })
        })
    }

    fn apply(&self, of: &Counted, indexes: &ProxyIndexes, shared: &mut Shared) {
        let counts = self.0.values().filter_map(|counts| counts.get(of));
        let sum = counts.fold(0_u32, |sum, count| sum.saturating_add(*count));
        match of {
            Counted::Process => shared.totals.elsewhere = sum,
            Counted::Frontend(name) => {
                if let Some(id) = indexes.frontend(name) {
                    shared.frontend_mut(id).counters.elsewhere = sum;
                }
            }
            Counted::Backend(name) => {
                if let Some(id) = indexes.backend(name) {
                    shared.backend_mut(id).counters.elsewhere = sum;
                }
            }
            Counted::Server(name) => {
                if let Some((id, index)) = indexes.server(name, shared) {
                    shared.backend_mut(id).set_elsewhere(index, sum);
                }
            }
            Counted::Listener(_) | Counted::Page(_) => {}
        }
    }
}
