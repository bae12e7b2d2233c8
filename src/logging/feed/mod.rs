//! Sends the messages of rings to their TCP log servers, without ever waiting for a server. A
//! server that is absent or slow finds what the ring still holds; what the ring had to give up
//! before is lost, counted and told.

mod server;

use std::os::fd::AsFd;

use mio::event::Event;

use super::limited;
use super::limited::Topic;
use super::rings::Rings;
use crate::config::{Ring, RingId};
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};
use server::{LogServer, Outcome};

const LOST: Topic = Topic::fault("a ring had to drop messages for its server");
const TROUBLE: Topic = Topic::fault("a log server cannot be used");

/// The log servers of all rings.
#[derive(Debug, Default)]
pub struct Feeds {
    servers: Vec<LogServer>,
}

impl Feeds {
    /// The servers of these rings, not connected yet.
    pub fn new(rings: &[Ring]) -> Self {
        let ids = (0..u16::MAX).map(RingId);
        let servers = ids.zip(rings).flat_map(|(id, ring)| {
            ring.servers.iter().map(move |config| LogServer::new(id, ring, config))
        });
        Self { servers: servers.collect() }
    }

    /// Notes what a socket is ready for.
    pub fn note(&mut self, slot: Slot, event: &Event) {
        let server = usize::try_from(slot.index).ok().and_then(|index| self.servers.get_mut(index));
        if let Some(server) = server.filter(|server| server.generation() == slot.generation) {
            server.note(
                event.is_readable() || event.is_read_closed() || event.is_error(),
                event.is_writable() || event.is_write_closed() || event.is_error(),
            );
        }
    }

    /// Whether a server can be sent messages, or be read, at once.
    pub fn has_work(&self, rings: &Rings) -> bool {
        self.servers.iter().any(|server| server.has_work(rings))
    }

    /// When a server is connected to again, or is given up.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.servers.iter().filter_map(LogServer::deadline_ms).min()
    }

    /// Gives every server its share of a turn.
    pub fn run(&mut self, reactor: &Reactor, rings: &mut Rings, now_ms: u64) {
        for (index, server) in (0..).zip(&mut self.servers) {
            if !server.has_work(rings) && server.deadline_ms().is_none_or(|at_ms| at_ms > now_ms) {
                continue;
            }
            let register = |fd: &std::os::fd::OwnedFd, generation| {
                let slot = Slot { index, generation };
                reactor.register(fd.as_fd(), Source::LogServer(slot))
            };
            match server.advance(rings, register, now_ms) {
                Outcome::Fine => {}
                Outcome::Lost(count) => {
                    let text = format_args!(
                        "{}: {count} messages are lost: the ring is full",
                        server.label
                    );
                    limited::warn(now_ms, LOST, &server.label, text);
                }
                Outcome::Failed(why) => {
                    let text = format_args!("{}: {why}; tried again later", server.label);
                    limited::warn(now_ms, TROUBLE, &server.label, text);
                }
            }
        }
    }
}
