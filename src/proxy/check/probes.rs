//! Every server's checks on sockets: when the next one begins, and what moves it on.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use mio::event::Event;

use super::attempt::{Attempt, Target, Timeouts, Todo};
use super::verdict::Verdict;
use crate::config::{BackendId, Script, SendProxy, ServerCheck, ServerIndex};
use crate::net::proxy_protocol::{self, Ends, Version};
use crate::net::socket::{self, ConnectOptions};
use crate::proxy::backend::Backend;
use crate::proxy::server::AdminState;
use crate::proxy::shared::Shared;
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};
use crate::reactor::wheel::{TimerId, Wheel};

/// What is read of an answer at a time.
const READ_LEN: usize = 4096;

/// The checks of all servers.
#[derive(Debug)]
pub struct Probes {
    probes: Vec<Probe>,
    wheel: Wheel<u32>,
    queue: Vec<u32>,
    is_running: bool,
}

/// The checks of one server.
#[derive(Debug)]
struct Probe {
    backend: BackendId,
    server: ServerIndex,
    own: Target,
    /// Tells the events of one socket from those of the next.
    generation: u32,
    attempt: Option<Attempt>,
    fd: Option<OwnedFd>,
    /// The PROXY header that the connection begins with, and where it leads.
    target: Option<Target>,
    readable: bool,
    writable: bool,
    timer: Option<TimerId>,
    queued: bool,
}

impl Probes {
    /// The checks that the configuration asks for. None is made before [`Probes::start`].
    pub fn new(shared: &Shared, now_ms: u64) -> Self {
        let mut probes = Vec::new();
        for (backend, section) in (0..).map(BackendId).zip(&shared.backends) {
            for (server, runtime) in (0..).map(ServerIndex).zip(&section.servers) {
                let Some(check) = &runtime.config.health.check else { continue };
                if !section.config.disabled {
                    probes.push(Probe::new(backend, server, check));
                }
            }
        }
        let wheel = Wheel::new(probes.len(), now_ms);
        Self { queue: Vec::with_capacity(probes.len()), probes, wheel, is_running: false }
    }

    /// Begins to check. The first checks are spread over the shortest interval.
    pub fn start(&mut self, shared: &Shared, now_ms: u64) {
        if self.is_running || self.probes.is_empty() {
            return;
        }
        self.is_running = true;
        let inter_ms = |probe: &Probe| probe.check(shared).map(|check| u64::from(check.inter_ms));
        let shortest_ms = self.probes.iter().filter_map(inter_ms).min().unwrap_or_default();
        let count = self.probes.len() as u64;
        for (index, probe) in (0..).zip(&mut self.probes) {
            let delay_ms = u64::from(index) * shortest_ms / count;
            probe.timer = Some(self.wheel.insert(index, now_ms + delay_ms));
        }
    }

    /// Checks no more: somebody else does.
    pub fn stop(&mut self) {
        self.is_running = false;
        self.queue.clear();
        for probe in &mut self.probes {
            probe.attempt = None;
            probe.fd = None;
            probe.queued = false;
            if let Some(timer) = probe.timer.take() {
                self.wheel.remove(timer);
            }
        }
    }

    /// Notes what happened to a check's socket.
    pub fn note(&mut self, slot: Slot, event: &Event) {
        let Some(probe) = self.probes.get_mut(slot.index as usize) else { return };
        if probe.generation != slot.generation || probe.attempt.is_none() {
            return;
        }
        probe.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        probe.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        if !probe.queued {
            probe.queued = true;
            self.queue.push(slot.index);
        }
    }

    /// Queues whose time has come.
    pub fn expire(&mut self, now_ms: u64) {
        while let Some(index) = self.wheel.pop_due(now_ms) {
            let Some(probe) = self.probes.get_mut(index as usize) else { continue };
            probe.timer = None;
            if !probe.queued {
                probe.queued = true;
                self.queue.push(index);
            }
        }
    }

    /// When [`Probes::expire`] may have something to do.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.wheel.next_ms()
    }

    /// Moves on whoever is queued.
    pub fn run(&mut self, reactor: &Reactor, shared: &mut Shared, now_ms: u64) {
        for at in 0..self.queue.len() {
            let index = self.queue[at];
            let Some(probe) = self.probes.get_mut(index as usize) else { continue };
            probe.queued = false;
            let next_ms = probe.run(index, reactor, shared, now_ms);
            match probe.timer {
                Some(timer) if self.wheel.at_ms(timer) == next_ms => {}
                Some(timer) => self.wheel.rearm(timer, next_ms),
                None => probe.timer = Some(self.wheel.insert(index, next_ms)),
            }
        }
        self.queue.clear();
    }
}

impl Probe {
    fn new(backend: BackendId, server: ServerIndex, check: &ServerCheck) -> Self {
        Self {
            backend,
            server,
            own: Target { address: check.address.clone(), send_proxy: check.send_proxy },
            generation: 0,
            attempt: None,
            fd: None,
            target: None,
            readable: false,
            writable: false,
            timer: None,
            queued: false,
        }
    }

    fn check<'a>(&self, shared: &'a Shared) -> Option<&'a ServerCheck> {
        shared.backend(self.backend).server(self.server).config.health.check.as_ref()
    }

    /// Goes as far as it can. Gives the time to look at it again even if nothing happens.
    fn run(&mut self, index: u32, reactor: &Reactor, shared: &mut Shared, now_ms: u64) -> u64 {
        let mut attempt = match self.attempt.take() {
            Some(attempt) => attempt,
            None => {
                let server = shared.backend(self.backend).server(self.server);
                let is_enabled = server.checked.as_ref().is_some_and(|c| c.is_enabled);
                if server.admin == AdminState::Maint || !is_enabled {
                    return now_ms + u64::from(self.inter_ms(shared));
                }
                if let Some(check) = self.check(shared)
                    && check.address != self.own.address
                {
                    self.own.address = check.address.clone();
                }
                self.begin(shared, now_ms)
            }
        };
        let backend = shared.backend(self.backend);
        attempt.handle_timeout(&backend.config.health.script, now_ms);
        let verdict = self.advance(&mut attempt, index, reactor, backend, now_ms);
        let Some(verdict) = verdict else {
            let until_ms = attempt.until_ms();
            self.attempt = Some(attempt);
            return until_ms;
        };
        self.close();
        shared.note_check(self.backend, self.server, verdict, now_ms);
        now_ms + u64::from(self.inter_ms(shared))
    }

    fn begin(&mut self, shared: &mut Shared, now_ms: u64) -> Attempt {
        let inter_ms = self.inter_ms(shared);
        let backend = shared.backend_mut(self.backend);
        if let Some(checked) = &mut backend.server_mut(self.server).checked {
            checked.is_running = true;
        }
        let config = &backend.config;
        let connect_ms = config.timeout_connect_ms.unwrap_or(inter_ms).min(inter_ms);
        let timeouts = match config.health.timeout_ms {
            Some(answer_ms) => {
                Timeouts { connect_ms, answer_ms: Some(answer_ms), whole_ms: inter_ms }
            }
            None => Timeouts { connect_ms: inter_ms, answer_ms: None, whole_ms: inter_ms },
        };
        Attempt::new(timeouts, now_ms)
    }

    /// The time from the end of this check to the next.
    fn inter_ms(&self, shared: &Shared) -> u32 {
        let server = shared.backend(self.backend).server(self.server);
        let (Some(check), Some(checked)) = (&server.config.health.check, &server.checked) else {
            return u32::MAX;
        };
        if checked.counter.is_changing() {
            check.fast_inter_ms
        } else if checked.counter.is_up() {
            check.inter_ms
        } else {
            check.down_inter_ms
        }
    }

    fn advance(
        &mut self,
        attempt: &mut Attempt,
        index: u32,
        reactor: &Reactor,
        backend: &Backend,
        now_ms: u64,
    ) -> Option<Verdict> {
        let script = &backend.config.health.script;
        loop {
            let mut buffer = [0; READ_LEN];
            match attempt.poll(script, &self.own, now_ms) {
                Todo::Finish(verdict) => return Some(verdict.clone()),
                Todo::Open(target) => {
                    let opened = self.open(&target, index, reactor, backend);
                    attempt.handle_opened(opened, script, now_ms);
                }
                Todo::AwaitConnection => {
                    if !std::mem::take(&mut self.writable) {
                        return None;
                    }
                    self.connected(attempt, script, now_ms);
                }
                Todo::Send(bytes) => {
                    let fd = self.fd.as_ref()?;
                    match socket::send(fd.as_fd(), bytes) {
                        Ok(len) => attempt.handle_sent(len),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                        Err(error) => attempt.handle_failure(&error, now_ms),
                    }
                }
                Todo::Receive => {
                    let fd = self.fd.as_ref().filter(|_| self.readable)?;
                    match socket::receive(fd.as_fd(), &mut buffer) {
                        Ok(0) => attempt.handle_end(),
                        Ok(len) => {
                            attempt.handle_received(buffer.get(..len).unwrap_or_default());
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            self.readable = false;
                            return None;
                        }
                        Err(error) => attempt.handle_failure(&error, now_ms),
                    }
                }
            }
        }
    }

    fn open(
        &mut self,
        target: &Target,
        index: u32,
        reactor: &Reactor,
        backend: &Backend,
    ) -> io::Result<()> {
        self.close();
        self.generation = self.generation.wrapping_add(1);
        let server = &backend.server(self.server).config;
        let source = server.source.as_ref().or(backend.config.source.as_ref());
        let options = ConnectOptions {
            source: source.map(|source| source.address.clone()),
            interface: source.and_then(|source| source.interface.clone()),
            ..ConnectOptions::default()
        };
        let fd = socket::connect(&target.address, &options)?;
        let slot = Slot { index, generation: self.generation };
        reactor.register(fd.as_fd(), Source::Check(slot))?;
        self.fd = Some(fd);
        self.target = Some(target.clone());
        Ok(())
    }

    fn connected(&mut self, attempt: &mut Attempt, script: &Script, now_ms: u64) {
        let Some(fd) = &self.fd else { return };
        let connected = socket::take_error(fd.as_fd());
        let header = match &self.target {
            Some(Target { address, send_proxy: Some(version) }) => {
                let local = socket::local_address(fd.as_fd()).ok();
                header(*version, local.and_then(|local| local.ip()), address.ip())
            }
            Some(Target { send_proxy: None, .. }) | None => Vec::new(),
        };
        attempt.handle_connected(connected, script, header, now_ms);
    }

    /// A check's connection is reset, not ended: servers are not left with a half-closed one.
    fn close(&mut self) {
        if let Some(fd) = self.fd.take() {
            // A socket that cannot be told to is closed all the same.
            let _ = socket::set_reset_on_close(fd.as_fd());
        }
        self.readable = false;
        self.writable = false;
    }
}

/// A check speaks for nobody: in text it names its own ends, in binary it says that it is local.
fn header(version: SendProxy, local: Option<SocketAddr>, remote: Option<SocketAddr>) -> Vec<u8> {
    let ends = local.zip(remote).map(|(source, destination)| Ends { source, destination });
    match version {
        SendProxy::V1 => proxy_protocol::write(Version::V1, ends),
        SendProxy::V2 => proxy_protocol::write(Version::V2, None),
    }
}
