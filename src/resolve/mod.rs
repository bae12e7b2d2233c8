//! The nameservers of `resolvers` sections on sockets: drives the engines of `net/dns/`.
//!
//! ```text
//!   ask(section, subject) ──> net::dns::Resolver ──commands──> Exchange: a socket for one question
//!   poll_news() <──────────────────┘       ^                      │
//!                                          └────── messages ──────┘
//! ```
//!
//! Each question to a nameserver has a socket of its own, connected to that nameserver: the kernel
//! chooses the port at random and drops what others send. Nothing blocks. A socket lives no longer
//! than its question is tried, and there are at most `EXCHANGES_MAX` of them for each section, and
//! then one for each nameserver.

mod exchange;
mod section;

use std::collections::HashMap;

use mio::event::Event;
use slab::Slab;

use crate::config::{self, ResolversId};
use crate::net::dns::{Command, ExchangeId, Known, QuestionId, Subject};
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};
use exchange::{Exchange, Outcome};
use section::Section;
pub use section::SectionView;

/// The longest message, and one byte to see that a message is longer.
const BUFFER_LEN: usize = 65_536;
/// How many messages of a socket are read in one turn.
const MESSAGES_PER_TURN: usize = 8;

/// A question to the nameservers of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asked {
    /// The section.
    pub resolvers: ResolversId,
    /// The question.
    pub question: QuestionId,
}

/// All `resolvers` sections.
#[derive(Debug)]
pub struct Nameservers {
    sections: Vec<Section>,
    exchanges: Slab<Open>,
    by_id: HashMap<(ResolversId, ExchangeId), usize>,
    /// The generation of the last socket.
    generation: u32,
    /// Sockets that are ready.
    queue: Vec<usize>,
    buffer: Vec<u8>,
    is_paused: bool,
}

/// A socket, and the question that it is for.
#[derive(Debug)]
struct Open {
    resolvers: ResolversId,
    id: ExchangeId,
    generation: u32,
    exchange: Exchange,
    is_queued: bool,
}

impl Nameservers {
    /// The nameservers of these sections. Nothing is asked before [`Nameservers::resume`].
    pub fn new(sections: &[config::Resolvers]) -> Self {
        Self {
            sections: sections.iter().map(Section::new).collect(),
            exchanges: Slab::new(),
            by_id: HashMap::new(),
            generation: 0,
            queue: Vec::new(),
            buffer: Vec::new(),
            is_paused: true,
        }
    }

    /// Asks for a name from now on. `is_known` says that an address is known already.
    pub fn ask(
        &mut self,
        resolvers: ResolversId,
        subject: Subject,
        is_known: bool,
        now_ms: u64,
    ) -> Option<Asked> {
        let section = self.sections.get_mut(resolvers.index())?;
        Some(Asked { resolvers, question: section.resolver.ask(subject, is_known, now_ms) })
    }

    /// One fewer wants to know.
    pub fn forget(&mut self, asked: Asked) {
        if let Some(section) = self.sections.get_mut(asked.resolvers.index()) {
            section.resolver.forget(asked.question);
        }
    }

    /// What is known of a name.
    pub fn known(&self, asked: Asked) -> Known<'_> {
        let section = self.sections.get(asked.resolvers.index());
        section.map_or(Known::Unchanged, |section| section.resolver.known(asked.question))
    }

    /// The section and the nameserver whose answer counted last, as messages name them.
    pub fn source_of(&self, asked: Asked) -> String {
        let section = self.sections.get(asked.resolvers.index());
        section.map(|section| section.source_of(asked.question)).unwrap_or_default()
    }

    /// An answer has changed the address of a server.
    pub fn note_update(&mut self, asked: Asked) {
        if let Some(section) = self.sections.get_mut(asked.resolvers.index()) {
            section.resolver.note_update(asked.question);
        }
    }

    /// The next question that has news.
    pub fn poll_news(&mut self) -> Option<Asked> {
        let sections = (0..u16::MAX).map(ResolversId).zip(&mut self.sections);
        let mut news = sections.filter_map(|(resolvers, section)| {
            section.resolver.poll_news().map(|question| Asked { resolvers, question })
        });
        news.next()
    }

    /// The sections for `show resolvers`.
    pub fn sections(&self) -> impl Iterator<Item = SectionView<'_>> {
        self.sections.iter().map(Section::view)
    }

    /// Sets all counters to zero.
    pub fn clear_counters(&mut self) {
        self.sections.iter_mut().for_each(Section::clear_counters);
    }

    /// Begins to ask.
    pub fn resume(&mut self) {
        self.is_paused = false;
    }

    /// Stops to ask, for ever: another process asks.
    pub fn stop(&mut self) {
        *self = Self::new(&[]);
    }

    /// Notes what a socket is ready for.
    pub fn note(&mut self, slot: Slot, event: &Event) {
        let at = slot.index as usize;
        let Some(open) = self.exchanges.get_mut(at) else { return };
        if open.generation != slot.generation {
            return;
        }
        open.exchange.note(
            event.is_readable() || event.is_read_closed() || event.is_error(),
            event.is_writable() || event.is_write_closed() || event.is_error(),
        );
        if !open.is_queued {
            open.is_queued = true;
            self.queue.push(at);
        }
    }

    /// Whether there is something to do at once.
    pub fn has_work(&self) -> bool {
        !self.is_paused
            && (!self.queue.is_empty() || self.sections.iter().any(|s| s.resolver.has_work()))
    }

    /// When a question is due, or a try is over.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let deadlines = self.sections.iter().filter_map(|s| s.resolver.next_deadline_ms());
        deadlines.min().filter(|_| !self.is_paused)
    }

    /// Moves all questions on.
    #[inline]
    pub fn run(&mut self, reactor: &Reactor, now_ms: u64) {
        if !self.is_paused && !self.sections.is_empty() {
            self.turn(reactor, now_ms);
        }
    }

    #[inline(never)]
    fn turn(&mut self, reactor: &Reactor, now_ms: u64) {
        for at in std::mem::take(&mut self.queue) {
            self.serve(at, now_ms);
        }
        for index in 0..self.sections.len() {
            self.sections[index].resolver.handle_time(now_ms);
            let Ok(resolvers) = u16::try_from(index).map(ResolversId) else { return };
            while let Some(command) = self.sections[index].resolver.poll_command() {
                self.follow(resolvers, command, reactor, now_ms);
            }
        }
    }

    /// Reads and writes as much as one socket may in a turn.
    fn serve(&mut self, at: usize, now_ms: u64) {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(open) = self.exchanges.get_mut(at) else { return };
            open.is_queued = false;
            let Some(section) = self.sections.get_mut(open.resolvers.index()) else { return };
            let Open { id, exchange, .. } = open;
            self.buffer.resize(BUFFER_LEN, 0);
            match exchange.advance(&mut self.buffer) {
                Outcome::Wait => return,
                Outcome::More => {}
                Outcome::Message(message) => {
                    section.resolver.handle_message(*id, message, now_ms);
                }
                Outcome::Failed { was_sent } => {
                    section.resolver.handle_failure(*id, was_sent, now_ms);
                    return;
                }
            }
        }
        if let Some(open) = self.exchanges.get_mut(at) {
            open.is_queued = true;
            self.queue.push(at);
        }
    }

    fn follow(&mut self, resolvers: ResolversId, command: Command, reactor: &Reactor, now_ms: u64) {
        match command {
            Command::Close(id) => {
                if let Some(at) = self.by_id.remove(&(resolvers, id)) {
                    self.exchanges.remove(at);
                    self.queue.retain(|queued| *queued != at);
                }
            }
            Command::Open { exchange: id, nameserver, transport, message } => {
                let section = &mut self.sections[resolvers.index()];
                let opened = section.address_of(nameserver).and_then(|address| {
                    let exchange = Exchange::open(address, transport, &message)?;
                    self.generation = self.generation.wrapping_add(1);
                    let generation = self.generation;
                    let entry = self.exchanges.vacant_entry();
                    let index = u32::try_from(entry.key()).unwrap_or(u32::MAX);
                    let slot = Slot { index, generation };
                    reactor.register(exchange.as_fd(), Source::Nameserver(slot))?;
                    self.by_id.insert((resolvers, id), entry.key());
                    entry.insert(Open { resolvers, id, generation, exchange, is_queued: false });
                    Ok(())
                });
                if opened.is_err() {
                    section.resolver.handle_failure(id, false, now_ms);
                }
            }
        }
    }
}
