//! Who waits for a place at a server: one line per backend and one per server, first come, first
//! served. Every operation takes the same short time however long the lines are.

use slab::Slab;

use crate::config::ServerIndex;
use crate::reactor::token::Slot;

/// A place in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(usize);

/// What became of someone who waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Still waiting.
    Wait,
    /// The server has a place, which is taken already.
    Go(ServerIndex),
    /// The server is gone: another one is to be chosen.
    ChooseAgain,
}

/// All lines of a backend.
#[derive(Clone, Debug)]
pub struct Queues {
    waiting: Slab<Waiting>,
    /// The backend's own, then one per server.
    lines: Vec<Line>,
    joined: u64,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    slot: Slot,
    line: usize,
    before: Option<usize>,
    after: Option<usize>,
    /// How many had come before, in all lines.
    order: u64,
    /// How many its line had called before it came; once it is called itself, how many since.
    called_before: u64,
    call: Call,
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    first: Option<usize>,
    last: Option<usize>,
    len: u32,
    max: u32,
    called: u64,
}

impl Queues {
    /// Empty lines for so many servers.
    pub fn new(servers: usize) -> Self {
        let lines = vec![Line::default(); servers + 1];
        Self { waiting: Slab::new(), lines, joined: 0 }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait for this server, or for any without one, and the most that did.
    pub fn len(&self, server: Option<ServerIndex>) -> (u32, u32) {
        self.lines.get(line_of(server)).map_or((0, 0), |line| (line.len, line.max))
    }

    /// Forgets the most that waited.
    pub fn clear_max(&mut self) {
        self.lines.iter_mut().for_each(|line| line.max = 0);
    }

    /// How many wait, in all lines together.
    pub fn total(&self) -> u32 {
        self.lines.iter().map(|line| line.len).sum()
    }

    /// Goes to the end of the line for a server, or of the backend's.
    pub fn join(&mut self, server: Option<ServerIndex>, slot: Slot) -> Ticket {
        let index = line_of(server);
        let line = &mut self.lines[index];
        let key = self.waiting.insert(Waiting {
            slot,
            line: index,
            before: line.last,
            after: None,
            order: self.joined,
            called_before: line.called,
            call: Call::Wait,
        });
        self.joined += 1;
        match line.last.replace(key) {
            Some(last) => self.waiting[last].after = Some(key),
            None => line.first = Some(key),
        }
        line.len += 1;
        line.max = line.max.max(line.len);
        Ticket(key)
    }

    /// What became of a ticket.
    pub fn call_of(&self, ticket: Ticket) -> Call {
        self.waiting[ticket.0].call
    }

    /// Gives a ticket back. Returns the server whose place was kept for it, if any, and how many
    /// its line had called by then, itself included.
    pub fn leave(&mut self, ticket: Ticket) -> (Option<ServerIndex>, u32) {
        if self.waiting[ticket.0].call == Call::Wait {
            self.take_out(ticket.0);
        }
        let waiting = self.waiting.remove(ticket.0);
        let (server, called) = match waiting.call {
            Call::Go(server) => (Some(server), waiting.called_before),
            Call::Wait | Call::ChooseAgain => {
                (None, self.lines[waiting.line].called - waiting.called_before + 1)
            }
        };
        (server, u32::try_from(called).unwrap_or(u32::MAX))
    }

    /// Calls the next one for a server: the first of its own line, or, if it takes new clients,
    /// of the backend's line where that one came earlier.
    pub fn call_next(&mut self, server: ServerIndex, takes_new: bool) -> Option<Slot> {
        let own = self.lines[line_of(Some(server))].first;
        let common = if takes_new { self.lines[0].first } else { None };
        let order = |key: usize| self.waiting[key].order;
        let key = match (own, common) {
            (Some(own), Some(common)) => {
                Some(if order(own) < order(common) { own } else { common })
            }
            (own, common) => own.or(common),
        }?;
        self.call(key, Call::Go(server));
        let waiting = &mut self.waiting[key];
        let line = &mut self.lines[waiting.line];
        line.called += 1;
        waiting.called_before = line.called - waiting.called_before;
        Some(waiting.slot)
    }

    /// Sends the first in a server's line away to choose another server.
    pub fn send_away(&mut self, server: ServerIndex) -> Option<Slot> {
        let key = self.lines[line_of(Some(server))].first?;
        self.call(key, Call::ChooseAgain);
        Some(self.waiting[key].slot)
    }

    fn call(&mut self, key: usize, call: Call) {
        self.take_out(key);
        self.waiting[key].call = call;
    }

    fn take_out(&mut self, key: usize) {
        let Waiting { before, after, line, .. } = self.waiting[key];
        let line = &mut self.lines[line];
        line.len -= 1;
        match before {
            Some(before) => self.waiting[before].after = after,
            None => line.first = after,
        }
        match after {
            Some(after) => self.waiting[after].before = before,
            None => line.last = before,
        }
    }
}

fn line_of(server: Option<ServerIndex>) -> usize {
    server.map_or(0, |server| server.index() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S0: ServerIndex = ServerIndex(0);
    const S1: ServerIndex = ServerIndex(1);

    fn slot(index: u32) -> Slot {
        Slot { index, generation: 0 }
    }

    #[test]
    fn the_first_to_come_is_the_first_to_go_whichever_line_it_is_in() {
        let mut queues = Queues::new(2);
        let a = queues.join(None, slot(1));
        let b = queues.join(Some(S0), slot(2));
        let c = queues.join(None, slot(3));
        assert_eq!((queues.len(None), queues.len(Some(S0))), ((2, 2), (1, 1)));
        assert_eq!(queues.call_next(S0, true), Some(slot(1)));
        assert_eq!(queues.call_next(S0, true), Some(slot(2)));
        assert_eq!(queues.call_next(S1, false), None, "it takes no new clients");
        assert_eq!(queues.call_next(S1, true), Some(slot(3)));
        assert_eq!(queues.call_of(c), Call::Go(S1));
        assert_eq!(queues.leave(a), (Some(S0), 1));
        assert_eq!(queues.leave(b), (Some(S0), 1));
        assert_eq!(queues.leave(c), (Some(S1), 2), "one of its line went before it");
        assert!(queues.is_empty());
    }

    #[test]
    fn whoever_gives_up_leaves_the_others_in_order() {
        let mut queues = Queues::new(1);
        let tickets: Vec<_> = (0..5).map(|n| queues.join(Some(S0), slot(n))).collect();
        for gone in [0, 2, 4] {
            assert_eq!(queues.leave(tickets[gone]), (None, 1));
        }
        assert_eq!(queues.len(Some(S0)), (2, 5));
        assert_eq!(queues.call_next(S0, true), Some(slot(1)));
        assert_eq!(queues.call_next(S0, true), Some(slot(3)));
        assert_eq!(queues.call_next(S0, true), None);
        assert_eq!(queues.leave(tickets[3]), (Some(S0), 2));
    }

    #[test]
    fn the_line_of_a_lost_server_is_sent_away() {
        let mut queues = Queues::new(1);
        let ticket = queues.join(Some(S0), slot(7));
        assert_eq!(queues.send_away(S0), Some(slot(7)));
        assert_eq!(queues.send_away(S0), None);
        assert_eq!(queues.call_of(ticket), Call::ChooseAgain);
        queues.leave(ticket);
        assert!(queues.is_empty());
    }
}
