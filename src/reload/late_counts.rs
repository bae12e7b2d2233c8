//! What a draining process tells of its counters: once a second, and at its end, what has been
//! added to each figure since it last told; and soon after connections have ended, how many it has.

use super::message::Message;
use super::message::counts::{self, Counts};
use super::message::open;
use super::message::open::Open;
use crate::proxy::Shared;
use crate::proxy::figures::Figure;

/// The time between two tellings of figures, in milliseconds.
const FIGURES_INTERVAL_MS: u64 = 1000;

/// The time between two tellings of open connections, in milliseconds.
const OPEN_INTERVAL_MS: u64 = 50;

/// What the successor has been told of the counters.
#[derive(Debug)]
pub struct LateCounts {
    generation: u32,
    figures: Told<u64>,
    open: Told<u32>,
    /// The clients at the last telling of open connections.
    clients: u32,
    /// Clients have left since then.
    has_lost_clients: bool,
}

/// The values of everything, in the order in which everything is visited.
#[derive(Debug)]
struct Told<T> {
    values: Vec<T>,
    at_ms: u64,
}

impl LateCounts {
    /// The successor gets what was counted so far in another way. `generation` is that of this
    /// process.
    pub fn new(generation: u32, shared: &Shared, now_ms: u64) -> Self {
        Self {
            generation,
            figures: figures(shared, now_ms),
            open: open(shared, now_ms),
            clients: shared.totals.current,
            has_lost_clients: false,
        }
    }

    /// Tells nothing any more of what was counted until now.
    pub fn forget(&mut self, shared: &Shared, now_ms: u64) {
        self.figures = figures(shared, now_ms);
    }

    /// When there may be something to tell.
    pub fn deadline_ms(&self) -> u64 {
        let figures_ms = self.figures.at_ms + FIGURES_INTERVAL_MS;
        let open_ms = self.open.at_ms + OPEN_INTERVAL_MS;
        if self.has_lost_clients { open_ms.min(figures_ms) } else { figures_ms }
    }

    /// What to tell now, and then not again. `is_end` says that the process ends.
    pub fn poll(&mut self, shared: &Shared, is_end: bool, now_ms: u64) -> Vec<Message> {
        let mut messages = Vec::new();
        self.has_lost_clients |= shared.totals.current != self.clients;
        let is_due = now_ms >= self.open.at_ms + OPEN_INTERVAL_MS;
        if self.has_lost_clients && (is_due || is_end) {
            self.tell_open(shared, &mut messages, now_ms);
        }
        if is_end || now_ms >= self.figures.at_ms + FIGURES_INTERVAL_MS {
            self.tell_figures(shared, &mut messages, now_ms);
        }
        messages
    }

    fn tell_open(&mut self, shared: &Shared, messages: &mut Vec<Message>, now_ms: u64) {
        let before = std::mem::replace(&mut self.open, open(shared, now_ms));
        (self.clients, self.has_lost_clients) = (shared.totals.current, false);
        // A server that was added or deleted moves the places of the others: all are told then.
        let is_moved = before.values.len() != self.open.values.len();
        let mut before = before.values.into_iter();
        open::visit(shared, |name, count| {
            if before.next() != Some(count) || is_moved {
                let open = Open { generation: self.generation, of: name(), count };
                messages.push(Message::Open(open));
            }
        });
    }

    /// When a server was added or deleted meanwhile, what was counted since the last telling is not
    /// told.
    fn tell_figures(&mut self, shared: &Shared, messages: &mut Vec<Message>, now_ms: u64) {
        let before = std::mem::take(&mut self.figures.values);
        let begin = messages.len();
        counts::visit(shared, |name, figures| {
            let mut values = Vec::new();
            for (figure_name, figure) in figures.iter().filter(|(_, figure)| figure.is_sum()) {
                let now = figure.value();
                let before = before.get(self.figures.values.len()).copied().unwrap_or(now);
                self.figures.values.push(now);
                // The counters may have been cleared.
                if now > before {
                    values.push(((*figure_name).into(), now - before));
                }
            }
            if !values.is_empty() {
                messages.push(Message::Counts(Counts { of: name(), values }));
            }
        });
        self.figures.at_ms = now_ms;
        if self.figures.values.len() != before.len() {
            messages.truncate(begin);
        }
    }
}

/// The figures that add up.
fn figures(shared: &Shared, now_ms: u64) -> Told<u64> {
    let mut values = Vec::new();
    counts::visit(shared, |_, figures| {
        let sums = figures.iter().map(|(_, figure)| figure).filter(|figure| figure.is_sum());
        values.extend(sums.map(Figure::value));
    });
    Told { values, at_ms: now_ms }
}

fn open(shared: &Shared, now_ms: u64) -> Told<u32> {
    let mut values = Vec::new();
    open::visit(shared, |_, count| values.push(count));
    Told { values, at_ms: now_ms }
}
