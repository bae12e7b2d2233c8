//! Predecessors that have handed over and still end what they have begun: what they decide for
//! their clients is taken over as this process's own change, for its peers and its successor.
//!
//! The socket is read by whole packets only (it is looked at before anything is taken), so it can
//! be given to a successor at any time: what is not read is there for that one. Each of these
//! sockets goes with the listening sockets, under the generation of the process at its other end.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use mio::event::Event as Readiness;

use crate::net::socket;
use crate::peers::{Section, told};
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};
use crate::table::{Tables, UpdateId};

/// The slot of [`Source::Handover`] that stands for all of them, told apart by their generations.
pub const FROM_DRAINING: u32 = 4;

/// One predecessor that still tells something.
#[derive(Debug)]
pub struct Hearing {
    fd: OwnedFd,
    /// Which generation it is.
    generation: u32,
    section: Section,
    /// By table, where the update log ended when it handed over.
    origins: Vec<UpdateId>,
    readable: bool,
    /// The other end is closed: what is there is all that comes.
    is_closed: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Hearings {
    members: Vec<Hearing>,
    buffer: Vec<u8>,
}

impl Hearings {
    /// Whether nobody is heard.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Listens to one more from now on. Its socket is registered here.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn add(
        &mut self,
        fd: OwnedFd,
        generation: u32,
        origins: Vec<UpdateId>,
        tables: &mut Tables,
        reactor: &Reactor,
    ) -> io::Result<()> {
        let slot = Slot { index: FROM_DRAINING, generation };
        reactor.register_readable(fd.as_fd(), Source::Handover(slot))?;
        if self.members.is_empty() {
            tables.ids().for_each(|id| tables.get_mut(id).begin_hearing());
            self.buffer = vec![0; told::READ_MAX];
        }
        // Nothing else is needed of the section but the tables.
        let section = Section::for_handover(tables, 1);
        self.members.push(Hearing {
            fd,
            generation,
            section,
            origins,
            readable: true,
            is_closed: false,
        });
        Ok(())
    }

    /// Notes what an event says of a socket.
    pub fn note(&mut self, generation: u32, event: &Readiness) {
        for member in self.members.iter_mut().filter(|member| member.generation == generation) {
            member.is_closed |= event.is_read_closed() || event.is_error();
            member.readable |= event.is_readable() || member.is_closed;
        }
    }

    /// One turn.
    pub fn run(&mut self, tables: &mut Tables, now_ms: u64) {
        let Self { members, buffer } = self;
        if members.is_empty() {
            return;
        }
        members.retain_mut(|member| member.run(buffer, tables, now_ms));
        if members.is_empty() {
            self.end(tables);
        }
    }

    fn end(&mut self, tables: &mut Tables) {
        self.buffer = Vec::new();
        tables.ids().for_each(|id| tables.get_mut(id).end_hearing());
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self) -> bool {
        self.members.iter().any(|member| member.readable)
    }

    /// The sockets by generation, for a successor.
    pub fn sockets(&self) -> impl Iterator<Item = (u32, RawFd)> {
        self.members.iter().map(|member| (member.generation, member.fd.as_raw_fd()))
    }

    /// By generation and table, where the update log ended when that one handed over.
    pub fn origins(&self) -> impl Iterator<Item = (u32, &[UpdateId])> {
        self.members.iter().map(|member| (member.generation, member.origins.as_slice()))
    }

    /// Leaves all of them to the successor.
    pub fn give_up(&mut self, tables: &mut Tables, reactor: &Reactor) {
        for member in self.members.drain(..) {
            // A registration outlives our descriptor, as the successor shares the socket.
            if let Err(error) = reactor.deregister(member.fd.as_fd()) {
                log::warn!("reload: leave generation {} alone: {error}", member.generation);
            }
        }
        self.end(tables);
    }
}

impl Hearing {
    /// Takes what is there, once. False when there will be nothing any more.
    fn run(&mut self, buffer: &mut [u8], tables: &mut Tables, now_ms: u64) -> bool {
        if !self.readable {
            return true;
        }
        match self.take(buffer, tables, now_ms) {
            Ok(true) => true,
            Ok(false) => {
                log::info!("reload: generation {} has ended", self.generation);
                false
            }
            Err(error) => {
                let generation = self.generation;
                log::warn!("reload: generation {generation} is not heard any more: {error}");
                false
            }
        }
    }

    fn take(&mut self, buffer: &mut [u8], tables: &mut Tables, now_ms: u64) -> io::Result<bool> {
        let len = match socket::peek(self.fd.as_fd(), buffer) {
            Ok(0) => return Ok(false),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        let taken = told::read(bytes, &self.section, tables, &self.origins, now_ms)
            .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault.to_string()))?;
        if taken == 0 {
            // The rest of a packet is announced by another event.
            self.readable = false;
            return Ok(!self.is_closed);
        }
        let bytes = buffer.get_mut(..taken).unwrap_or_default();
        let removed = socket::receive(self.fd.as_fd(), bytes)?;
        if removed == taken {
            Ok(true)
        } else {
            Err(io::Error::other("somebody else reads it, too"))
        }
    }
}
