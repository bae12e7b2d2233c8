//! `clear counters [all]`: the maxima, or all that `show stat` counts. What `show info` counts of
//! the whole process stays, but for its maxima.

use super::words::Words;
use crate::admin::{Answer, Client, World};
use crate::config::Level;
use crate::proxy::backend::Backend;
use crate::proxy::counters::Clear;

/// `clear counters [all]`.
pub(crate) fn clear_counters(words: &Words, client: &mut Client, world: &mut World<'_>) -> Answer {
    let is_all = words.get(2).is_some_and(|word| word == b"all");
    if is_all && client.level < Level::Admin {
        return Answer::denied();
    }
    let what = if is_all { Clear::All } else { Clear::Maxima };
    for frontend in &mut world.shared.frontends {
        frontend.counters.clear(what);
    }
    for endpoint in &mut *world.endpoints {
        endpoint.clear_counters(what);
    }
    for backend in &mut world.shared.backends {
        clear_backend(backend, what);
    }
    let totals = &mut world.shared.totals;
    totals.rate.clear_max();
    totals.accept_rate.clear_max();
    Answer::text("")
}

/// How long something was down stays, as in HAProxy; how often is cleared.
fn clear_backend(backend: &mut Backend, what: Clear) {
    backend.counters.clear(what);
    backend.queues.clear_max();
    for server in &mut backend.servers {
        server.counters.clear(what);
        if what == Clear::All {
            server.outage.count = 0;
            for checked in [&mut server.checked, &mut server.agent].into_iter().flatten() {
                (checked.failed, checked.observed) = (0, 0);
            }
        }
    }
    if what == Clear::All {
        backend.outage.count = 0;
    }
}
