//! Servers whose stick entries are given up at a rate, so that their clients move to other servers
//! little by little. The tables are looked through piece by piece.

use super::Backend;
use crate::config::{BackendId, ServerIndex};
use crate::table::{RowId, RowStep, Tables};

/// The most entries that a server may lose in a second.
pub const RATE_MAX: u32 = 100_000;
/// The time between two pieces of work.
const STEP_MS: u64 = 20;
/// The same when a whole pass has found no entry that could go.
const PAUSE_MS: u64 = 1000;
/// The most entries given up, and rows looked at, in one turn for all servers: 0.3 ms at most.
const ENTRIES_PER_TURN: u32 = 256;
const ROWS_PER_TURN: u32 = 4096;

/// The servers whose entries are given up.
#[derive(Debug, Default)]
pub struct Drains {
    drains: Vec<Drain>,
}

/// A server whose entries are given up.
#[derive(Clone, Debug)]
pub struct Drain {
    /// Its backend.
    pub backend: BackendId,
    /// The server.
    pub server: ServerIndex,
    /// How many entries it loses in a second.
    pub per_second: u32,
    /// How many it has lost.
    pub given_up: u64,
    /// When the next piece of work is due.
    next_ms: u64,
    /// When entries were last allowed to go.
    allowed_ms: u64,
    /// Thousandths of entries that may go now.
    allowed: u64,
    /// The table that is looked through, among those of the backend's rules.
    table: usize,
    /// The last row that was looked at.
    cursor: Option<RowId>,
    /// Whether the present pass has found an entry.
    has_found: bool,
}

/// The end of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Goes,
    Paused,
    Done,
}

impl Drains {
    /// The servers whose entries are given up.
    pub fn iter(&self) -> impl Iterator<Item = &Drain> {
        self.drains.iter()
    }

    /// The drain of a server, if there is one.
    pub fn of(&self, backend: BackendId, server: ServerIndex) -> Option<&Drain> {
        self.drains.iter().find(|drain| (drain.backend, drain.server) == (backend, server))
    }

    /// Gives up the entries of a server from now on, so many in a second; 0 stops that.
    pub fn set(&mut self, backend: BackendId, server: ServerIndex, per_second: u32, now_ms: u64) {
        let is_it = |drain: &Drain| (drain.backend, drain.server) == (backend, server);
        if per_second == 0 {
            self.drains.retain(|drain| !is_it(drain));
        } else if let Some(drain) = self.drains.iter_mut().find(|drain| is_it(drain)) {
            drain.per_second = per_second.min(RATE_MAX);
        } else {
            self.drains.push(Drain {
                backend,
                server,
                per_second: per_second.min(RATE_MAX),
                given_up: 0,
                next_ms: now_ms,
                allowed_ms: now_ms,
                allowed: 1000,
                table: 0,
                cursor: None,
                has_found: false,
            });
        }
    }

    /// When [`Drains::run`] is due.
    pub fn next_ms(&self) -> Option<u64> {
        self.drains.iter().map(|drain| drain.next_ms).min()
    }

    /// Gives up the entries whose time has come, a bounded number in a call. Returns the servers
    /// that have none any more.
    pub fn run(&mut self, backends: &[Backend], tables: &mut Tables, now_ms: u64) -> Vec<Drain> {
        let mut done = Vec::new();
        if self.next_ms().is_none_or(|next_ms| now_ms < next_ms) {
            return done;
        }
        let (mut entries, mut rows) = (ENTRIES_PER_TURN, ROWS_PER_TURN);
        // Each is the first once, so that none of them keeps the others from their turn.
        let count = self.drains.len();
        self.drains.rotate_left(1 % count.max(1));
        self.drains.retain_mut(|drain| {
            let backend = backends.get(drain.backend.index());
            let (Some(backend), true) =
                (backend, now_ms >= drain.next_ms && entries > 0 && rows > 0)
            else {
                return backend.is_some();
            };
            let progress = drain.run(backend, tables, &mut entries, &mut rows, now_ms);
            drain.next_ms = now_ms + if progress == Progress::Paused { PAUSE_MS } else { STEP_MS };
            if progress == Progress::Done {
                done.push(drain.clone());
            }
            progress != Progress::Done
        });
        done
    }
}

impl Drain {
    fn run(
        &mut self,
        backend: &Backend,
        tables: &mut Tables,
        entries: &mut u32,
        rows: &mut u32,
        now_ms: u64,
    ) -> Progress {
        let stick = &backend.stick;
        if stick.entries_left(self.server, tables) == 0 {
            return Progress::Done;
        }
        self.allow(now_ms);
        while self.allowed >= 1000 && *entries > 0 && *rows > 0 {
            let Some(table) = stick.tables().nth(self.table) else {
                // All tables were looked through. Held and changed entries may be left.
                (self.table, self.cursor) = (0, None);
                match std::mem::take(&mut self.has_found) {
                    _ if stick.entries_left(self.server, tables) == 0 => return Progress::Done,
                    true => continue,
                    false => return Progress::Paused,
                }
            };
            *rows -= 1;
            match tables.get(table).next_row_within(self.cursor, 64) {
                RowStep::Row(row) => {
                    self.cursor = Some(row);
                    if tables.get(table).is_live(row, now_ms)
                        && stick.give_up(row, self.server, table, tables, now_ms)
                    {
                        self.has_found = true;
                        self.allowed -= 1000;
                        self.given_up += 1;
                        *entries -= 1;
                    }
                }
                RowStep::Pause(row) => self.cursor = Some(row),
                RowStep::End => (self.table, self.cursor) = (self.table + 1, None),
            }
        }
        Progress::Goes
    }

    /// More entries may go as time passes: those of a second at most.
    fn allow(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.allowed_ms).min(1000);
        self.allowed_ms = now_ms;
        let most = u64::from(self.per_second) * 1000;
        self.allowed = (self.allowed + passed_ms * u64::from(self.per_second)).min(most.max(1000));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_is_begun_changed_and_stopped() {
        let (backend, server) = (BackendId(1), ServerIndex::configured(2));
        let mut drains = Drains::default();
        drains.set(backend, server, 0, 5);
        assert_eq!(drains.next_ms(), None);
        drains.set(backend, server, 10, 5);
        drains.set(backend, server, u32::MAX, 6);
        assert_eq!(drains.of(backend, server).unwrap().per_second, RATE_MAX);
        assert_eq!((drains.iter().count(), drains.next_ms()), (1, Some(5)));
        assert!(drains.of(backend, ServerIndex::configured(3)).is_none());
        drains.set(backend, server, 0, 7);
        assert_eq!(drains.next_ms(), None);
    }

    #[test]
    fn as_many_entries_may_go_as_the_time_allows() {
        let mut drains = Drains::default();
        drains.set(BackendId(0), ServerIndex::configured(0), 10, 0);
        let drain = drains.drains.first_mut().unwrap();
        assert_eq!(drain.allowed, 1000, "the first goes at once");
        drain.allow(50);
        assert_eq!(drain.allowed, 1500);
        drain.allow(1_000_000);
        assert_eq!(drain.allowed, 10_000, "those of a second at most");
    }
}
