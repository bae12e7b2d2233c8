//! The queues of a backend: one in which connections wait for any server, and one for each server.
//! The connection that came first is served first. Every operation takes the same short time,
//! however long the queues are.

use slab::Slab;

use crate::config::ServerIndex;
use crate::reactor::token::Slot;

/// A connection's position in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(usize);

/// What became of a connection that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// It still waits.
    Wait,
    /// It was given a slot at this server.
    Go(ServerIndex),
    /// The server of its queue is gone, and it has to choose another server.
    ChooseAgain,
}

/// A connection that has left a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The server at which a slot was kept for the connection, if it was called.
    pub server: Option<ServerIndex>,
    /// How many connections its queue had called by then, from when this one joined, this one
    /// included.
    pub called: u32,
}

/// All queues of a backend.
#[derive(Clone, Debug)]
pub struct Queues {
    waiting: Slab<Waiting>,
    /// The queue for any server, then one queue for each server.
    queues: Vec<Queue>,
    /// How many connections have joined any of the queues.
    joined: u64,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    slot: Slot,
    queue: usize,
    before: Option<usize>,
    after: Option<usize>,
    /// How many connections had joined before, in all queues.
    order: u64,
    /// How many connections its queue had called before this one joined. When this one is called,
    /// it becomes how many the queue has called since then.
    called_before: u64,
    call: Call,
}

#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    first: Option<usize>,
    last: Option<usize>,
    len: u32,
    max: u32,
    called: u64,
}

impl Queues {
    /// Empty queues for so many servers.
    pub fn new(servers: usize) -> Self {
        let queues = vec![Queue::default(); servers + 1];
        Self { waiting: Slab::new(), queues, joined: 0 }
    }

    /// Whether no connection waits or was called.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many connections wait for this server, or without a server for any.
    pub fn len(&self, server: Option<ServerIndex>) -> u32 {
        self.queues.get(position(server)).map_or(0, |queue| queue.len)
    }

    /// The most connections that have waited for this server, or without a server for any.
    pub fn max_len(&self, server: Option<ServerIndex>) -> u32 {
        self.queues.get(position(server)).map_or(0, |queue| queue.max)
    }

    /// Forgets the most that have waited.
    pub fn clear_max(&mut self) {
        self.queues.iter_mut().for_each(|queue| queue.max = 0);
    }

    /// How many connections wait in all queues together.
    pub fn total(&self) -> u32 {
        self.queues.iter().map(|queue| queue.len).sum()
    }

    /// Puts a connection at the end of the queue of a server, or without a server of the backend's.
    pub fn join(&mut self, server: Option<ServerIndex>, slot: Slot) -> Ticket {
        let index = position(server);
        let queue = &mut self.queues[index];
        let key = self.waiting.insert(Waiting {
            slot,
            queue: index,
            before: queue.last,
            after: None,
            order: self.joined,
            called_before: queue.called,
            call: Call::Wait,
        });
        self.joined += 1;
        match queue.last.replace(key) {
            Some(last) => self.waiting[last].after = Some(key),
            None => queue.first = Some(key),
        }
        queue.len += 1;
        queue.max = queue.max.max(queue.len);
        Ticket(key)
    }

    /// What became of the connection that holds a ticket.
    pub fn call_of(&self, ticket: Ticket) -> Call {
        self.waiting[ticket.0].call
    }

    /// Takes the connection that holds a ticket out of its queue. The ticket is used up.
    pub fn leave(&mut self, ticket: Ticket) -> Left {
        if self.waiting[ticket.0].call == Call::Wait {
            self.take_out(ticket.0);
        }
        let waiting = self.waiting.remove(ticket.0);
        let (server, called) = match waiting.call {
            Call::Go(server) => (Some(server), waiting.called_before),
            Call::Wait | Call::ChooseAgain => {
                (None, self.queues[waiting.queue].called - waiting.called_before + 1)
            }
        };
        Left { server, called: u32::try_from(called).unwrap_or(u32::MAX) }
    }

    /// Calls the next connection for a server, and returns the connection's slot. It is the first
    /// of the server's queue; if the server takes new clients, the first of the backend's queue,
    /// where that one came earlier.
    pub fn call_next(&mut self, server: ServerIndex, takes_new: bool) -> Option<Slot> {
        let own = self.queues[position(Some(server))].first;
        let common = if takes_new { self.queues[0].first } else { None };
        let order = |key: usize| self.waiting[key].order;
        let key = match (own, common) {
            (Some(own), Some(common)) => {
                Some(if order(own) < order(common) { own } else { common })
            }
            (own, common) => own.or(common),
        }?;
        self.call(key, Call::Go(server));
        let waiting = &mut self.waiting[key];
        let queue = &mut self.queues[waiting.queue];
        queue.called += 1;
        waiting.called_before = queue.called - waiting.called_before;
        Some(waiting.slot)
    }

    /// Calls the first connection of a server's queue to choose another server, and returns the
    /// connection's slot.
    pub fn send_away(&mut self, server: ServerIndex) -> Option<Slot> {
        let key = self.queues[position(Some(server))].first?;
        self.call(key, Call::ChooseAgain);
        Some(self.waiting[key].slot)
    }

    fn call(&mut self, key: usize, call: Call) {
        self.take_out(key);
        self.waiting[key].call = call;
    }

    fn take_out(&mut self, key: usize) {
        let Waiting { before, after, queue, .. } = self.waiting[key];
        let queue = &mut self.queues[queue];
        queue.len -= 1;
        match before {
            Some(before) => self.waiting[before].after = after,
            None => queue.first = after,
        }
        match after {
            Some(after) => self.waiting[after].before = before,
            None => queue.last = before,
        }
    }
}

/// The position of a server's queue, or without a server of the backend's.
fn position(server: Option<ServerIndex>) -> usize {
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
    fn the_first_to_come_is_the_first_to_go_whichever_queue_it_is_in() {
        let mut queues = Queues::new(2);
        let a = queues.join(None, slot(1));
        let b = queues.join(Some(S0), slot(2));
        let c = queues.join(None, slot(3));
        assert_eq!((queues.len(None), queues.max_len(None)), (2, 2));
        assert_eq!((queues.len(Some(S0)), queues.max_len(Some(S0))), (1, 1));
        assert_eq!(queues.call_next(S0, true), Some(slot(1)));
        assert_eq!(queues.call_next(S0, true), Some(slot(2)));
        assert_eq!(queues.call_next(S1, false), None, "it takes no new clients");
        assert_eq!(queues.call_next(S1, true), Some(slot(3)));
        assert_eq!(queues.call_of(c), Call::Go(S1));
        assert_eq!(queues.leave(a), Left { server: Some(S0), called: 1 });
        assert_eq!(queues.leave(b), Left { server: Some(S0), called: 1 });
        let left = Left { server: Some(S1), called: 2 };
        assert_eq!(queues.leave(c), left, "one of its queue went before it");
        assert!(queues.is_empty());
    }

    #[test]
    fn whoever_gives_up_leaves_the_others_in_order() {
        let mut queues = Queues::new(1);
        let tickets: Vec<_> = (0..5).map(|n| queues.join(Some(S0), slot(n))).collect();
        for gone in [0, 2, 4] {
            assert_eq!(queues.leave(tickets[gone]), Left { server: None, called: 1 });
        }
        assert_eq!((queues.len(Some(S0)), queues.max_len(Some(S0))), (2, 5));
        assert_eq!(queues.call_next(S0, true), Some(slot(1)));
        assert_eq!(queues.call_next(S0, true), Some(slot(3)));
        assert_eq!(queues.call_next(S0, true), None);
        assert_eq!(queues.leave(tickets[3]), Left { server: Some(S0), called: 2 });
    }

    #[test]
    fn the_queue_of_a_lost_server_is_sent_away() {
        let mut queues = Queues::new(1);
        let ticket = queues.join(Some(S0), slot(7));
        assert_eq!(queues.send_away(S0), Some(slot(7)));
        assert_eq!(queues.send_away(S0), None);
        assert_eq!(queues.call_of(ticket), Call::ChooseAgain);
        queues.leave(ticket);
        assert!(queues.is_empty());
    }
}
