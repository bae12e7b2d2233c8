//! The queues of a backend: one in which connections wait for any server, and one for each server.
//! The lowest class is served first, and within a class the connection that came first, by a time
//! that rules may move. What an operation takes grows with the logarithm of the queue's length.

use std::collections::BTreeSet;

use slab::Slab;

use crate::config::ServerIndex;
use crate::reactor::token::Slot;

/// A connection's position in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(usize);

/// What rules have said of a connection's place in queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Priority {
    /// The class: lower ones go first.
    pub class: i16,
    /// How many milliseconds later it is taken to have come.
    pub offset_ms: i32,
}

impl Priority {
    /// The greatest class, and without its sign the least one.
    const CLASS_MAX: i16 = 2047;
    /// The greatest offset, and without its sign the least one.
    const OFFSET_MAX: i32 = 524_287;

    /// The class that is nearest to this number.
    pub fn set_class(&mut self, class: i64) {
        let max = Self::CLASS_MAX;
        let class = class.clamp((-max).into(), max.into());
        self.class = i16::try_from(class).expect("the number was made to fit");
    }

    /// The offset that is nearest to this number.
    pub fn set_offset(&mut self, offset_ms: i64) {
        let max = Self::OFFSET_MAX;
        let offset_ms = offset_ms.clamp((-max).into(), max.into());
        self.offset_ms = i32::try_from(offset_ms).expect("the number was made to fit");
    }
}

/// A place among those that wait: the lowest is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    class: i16,
    came_ms: i64,
    /// How many connections had joined before, in all queues.
    order: u64,
}

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
    rank: Rank,
    /// How many connections its queue had called before this one joined. When this one is called,
    /// it becomes how many the queue has called since then.
    called_before: u64,
    call: Call,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    /// The keys of the connections that wait.
    line: BTreeSet<(Rank, usize)>,
    max: u32,
    called: u64,
}

impl Queue {
    fn len(&self) -> u32 {
        u32::try_from(self.line.len()).unwrap_or(u32::MAX)
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self { waiting: Slab::new(), queues: vec![Queue::default()], joined: 0 }
    }
}

impl Queues {
    /// Forgets how long the queue of a deleted server was.
    pub fn forget(&mut self, server: ServerIndex) {
        if let Some(queue) = self.queues.get_mut(position(Some(server))) {
            queue.max = 0;
        }
    }

    /// Whether no connection waits or was called.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many connections wait for this server, or without a server for any.
    pub fn len(&self, server: Option<ServerIndex>) -> u32 {
        self.queues.get(position(server)).map_or(0, Queue::len)
    }

    /// The most connections that have waited for this server, or without a server for any.
    pub fn max_len(&self, server: Option<ServerIndex>) -> u32 {
        self.queues.get(position(server)).map_or(0, |queue| queue.max)
    }

    /// The same, to take in what another process saw.
    pub fn max_len_mut(&mut self, server: Option<ServerIndex>) -> &mut u32 {
        &mut queue_at(&mut self.queues, position(server)).max
    }

    /// Forgets the most that have waited.
    pub fn clear_max(&mut self) {
        self.queues.iter_mut().for_each(|queue| queue.max = 0);
    }

    /// How many connections wait in all queues together.
    pub fn total(&self) -> u32 {
        self.queues.iter().map(Queue::len).sum()
    }

    /// Puts a connection into the queue of a server, or without a server into the backend's, behind
    /// all of its class that are taken to have come before.
    pub fn join(
        &mut self,
        server: Option<ServerIndex>,
        slot: Slot,
        priority: Priority,
        now_ms: u64,
    ) -> Ticket {
        let index = position(server);
        let queue = queue_at(&mut self.queues, index);
        let came_ms = now_ms.cast_signed().saturating_add(priority.offset_ms.into());
        let rank = Rank { class: priority.class, came_ms, order: self.joined };
        let key = self.waiting.insert(Waiting {
            slot,
            queue: index,
            rank,
            called_before: queue.called,
            call: Call::Wait,
        });
        self.joined += 1;
        queue.line.insert((rank, key));
        queue.max = queue.max.max(queue.len());
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
    /// where that one goes before it.
    pub fn call_next(&mut self, server: ServerIndex, takes_new: bool) -> Option<Slot> {
        let own = self.queues.get(position(Some(server))).and_then(|queue| queue.line.first());
        let common = if takes_new { self.queues[0].line.first() } else { None };
        let (_, key) = *own.into_iter().chain(common).min()?;
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
        let (_, key) = *self.queues.get(position(Some(server)))?.line.first()?;
        self.call(key, Call::ChooseAgain);
        Some(self.waiting[key].slot)
    }

    fn call(&mut self, key: usize, call: Call) {
        self.take_out(key);
        self.waiting[key].call = call;
    }

    fn take_out(&mut self, key: usize) {
        let Waiting { rank, queue, .. } = self.waiting[key];
        self.queues[queue].line.remove(&(rank, key));
    }
}

/// The position of a server's queue, or without a server of the backend's.
fn queue_at(queues: &mut Vec<Queue>, index: usize) -> &mut Queue {
    if queues.len() <= index {
        queues.resize(index + 1, Queue::default());
    }
    &mut queues[index]
}

fn position(server: Option<ServerIndex>) -> usize {
    server.map_or(0, |server| server.index() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S0: ServerIndex = ServerIndex::configured(0);
    const S1: ServerIndex = ServerIndex::configured(1);

    fn slot(index: u32) -> Slot {
        Slot { index, generation: 0 }
    }

    #[test]
    fn the_first_to_come_is_the_first_to_go_whichever_queue_it_is_in() {
        let mut queues = Queues::default();
        let a = queues.join(None, slot(1), Priority::default(), 0);
        let b = queues.join(Some(S0), slot(2), Priority::default(), 0);
        let c = queues.join(None, slot(3), Priority::default(), 0);
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
        let mut queues = Queues::default();
        let tickets: Vec<_> =
            (0..5).map(|n| queues.join(Some(S0), slot(n), Priority::default(), 0)).collect();
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
        let mut queues = Queues::default();
        let ticket = queues.join(Some(S0), slot(7), Priority::default(), 0);
        assert_eq!(queues.send_away(S0), Some(slot(7)));
        assert_eq!(queues.send_away(S0), None);
        assert_eq!(queues.call_of(ticket), Call::ChooseAgain);
        queues.leave(ticket);
        assert!(queues.is_empty());
    }

    #[test]
    fn the_lowest_class_goes_first_and_in_it_whoever_is_taken_to_have_come_first() {
        let mut queues = Queues::default();
        let mut join = |server, number, class: i64, offset_ms: i64, now_ms| {
            let mut priority = Priority::default();
            priority.set_class(class);
            priority.set_offset(offset_ms);
            queues.join(server, slot(number), priority, now_ms)
        };
        join(Some(S0), 1, 9000, 0, 0);
        join(None, 2, 2047, 0, 0);
        join(None, 3, 0, 600_000, 10);
        join(Some(S0), 4, 0, 524_287, 11);
        join(Some(S0), 5, 0, 0, 20);
        join(None, 6, 0, -1, 21);
        join(Some(S0), 7, 0, -2, 22);
        join(None, 8, -1, 0, 23);
        let order = std::iter::from_fn(|| queues.call_next(S0, true)).map(|slot| slot.index);
        assert_eq!(order.collect::<Vec<_>>(), [8, 5, 6, 7, 3, 4, 1, 2]);
    }
}
