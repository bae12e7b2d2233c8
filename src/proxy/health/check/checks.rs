//! The checks of all servers: when each check begins, and the sockets that move it on.

use std::io;
use std::os::fd::AsFd;

use mio::event::Event;
use slab::Slab;

use super::attempt::{Attempt, ForSteps, Target, Timeouts, Todo};
use super::known::Facts;
use super::program::Run;
use super::result::CheckResult;
use super::server_state;
use super::{CheckKind, Checked, connection, program};
use crate::config::{BackendId, CheckProgram, CheckTls, Global, Script, SendProxy, ServerIndex};
use crate::net::program::Program;
use crate::net::socket;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{Health, Server};
use crate::proxy::relay::side::{Read, Side};
use crate::proxy::shared::Shared;
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};
use crate::reactor::wheel::{TimerId, Wheel};

/// The most bytes of one read: as many as are kept of an answer. So an answer that has arrived
/// whole is judged whole. `$` in an expression would match at the end of a part of the answer.
const READ_LEN: usize = 16_384;

/// The checks of all servers and the questions to their agents.
#[derive(Debug)]
pub struct Checks {
    pub(super) checks: Slab<Check>,
    pub(super) wheel: Wheel<u32>,
    pub(super) queue: Vec<u32>,
    pub(super) is_running: bool,
    /// The generation that the next check begins with: none before has used it.
    pub(super) generation: u32,
    /// A check may begin earlier or later by this many percent of its interval.
    spread: u32,
    /// The longest time that the first checks are spread over.
    first_ms: u64,
    /// The name of this node, which servers are told.
    node: String,
    /// Programs that were killed and have not ended yet.
    pub(super) ending: Vec<Program>,
}

/// The checks of one server, or the questions to its agent.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) kind: CheckKind,
    pub(super) backend: BackendId,
    pub(super) server: ServerIndex,
    /// The generation of the socket: events of an older socket are ignored.
    pub(super) generation: u32,
    attempt: Option<Attempt>,
    side: Option<Side>,
    /// The program that runs instead of a connection.
    pub(super) program: Option<Run>,
    /// Where the connection goes, and how it begins.
    target: Option<Target>,
    pub(super) timer: Option<TimerId>,
    queued: bool,
}

impl Checks {
    /// The checks that the configuration asks for. The first check begins after
    /// [`Checks::start`].
    pub fn new(shared: &Shared, global: &Global, hostname: &str, now_ms: u64) -> Self {
        let mut checks = Slab::new();
        for (backend, section) in (0..).map(BackendId).zip(&shared.backends) {
            for (server, runtime) in section.servers.indexed() {
                if section.config.disabled {
                    continue;
                }
                let health = &runtime.config.health;
                if health.check.is_some() {
                    checks.insert(Check::new(CheckKind::Health, backend, server, 0));
                }
                if health.agent.is_some() {
                    checks.insert(Check::new(CheckKind::Agent, backend, server, 0));
                }
            }
        }
        Self {
            queue: Vec::with_capacity(checks.len()),
            wheel: Wheel::new(checks.len(), now_ms),
            checks,
            is_running: false,
            generation: 0,
            spread: global.spread_checks,
            first_ms: global.max_spread_checks_ms.map_or(u64::MAX, u64::from),
            ending: Vec::new(),
            node: global.node.clone().unwrap_or_else(|| hostname.to_owned()),
        }
    }

    /// Begins to check. The first checks are spread over the shortest interval.
    pub fn start(&mut self, shared: &Shared, now_ms: u64) {
        if std::mem::replace(&mut self.is_running, true) {
            return;
        }
        let inter_ms = |(_, check): (usize, &Check)| check.configured_inter_ms(shared);
        let shortest_ms = self.checks.iter().map(inter_ms).min().unwrap_or_default();
        let shortest_ms = u64::from(shortest_ms).min(self.first_ms);
        let count = self.checks.len() as u64;
        for (index, (_, check)) in (0..).zip(&mut self.checks) {
            let delay_ms = u64::from(index) * shortest_ms / count;
            check.timer = Some(self.wheel.insert(index, now_ms + delay_ms));
        }
    }

    /// Stops checking, because another process does it now.
    pub fn stop(&mut self) {
        self.is_running = false;
        self.queue.clear();
        for (_, check) in &mut self.checks {
            check.attempt = None;
            check.side = None;
            self.ending.extend(check.program.take().and_then(Run::end));
            check.queued = false;
            if let Some(timer) = check.timer.take() {
                self.wheel.remove(timer);
            }
        }
    }

    /// Remembers what happened to a check's socket.
    pub fn note(&mut self, slot: Slot, event: &Event) {
        let Some(check) = self.checks.get_mut(slot.index as usize) else { return };
        if check.generation != slot.generation || check.attempt.is_none() {
            return;
        }
        if let Some(side) = &mut check.side {
            side.handle_event(event);
        }
        if !check.queued {
            check.queued = true;
            self.queue.push(slot.index);
        }
    }

    /// A child of the process has ended, perhaps the program of a check.
    pub fn note_end_of_child(&mut self) {
        self.ending.retain_mut(|program| program.poll().is_none());
        for (index, (_, check)) in (0..).zip(&mut self.checks) {
            if check.program.is_some() && !check.queued {
                check.queued = true;
                self.queue.push(index);
            }
        }
    }

    /// Queues the checks that are due.
    pub fn expire(&mut self, now_ms: u64) {
        while let Some(index) = self.wheel.pop_due(now_ms) {
            let Some(check) = self.checks.get_mut(index as usize) else { continue };
            check.timer = None;
            if !check.queued {
                check.queued = true;
                self.queue.push(index);
            }
        }
    }

    /// When [`Checks::expire`] may have something to do.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.wheel.next_ms()
    }

    /// Moves the queued checks on.
    pub fn run(&mut self, reactor: &Reactor, shared: &mut Shared, now_ms: u64) {
        while let Some((backend, server)) = shared.hurried.pop() {
            self.hurry(backend, server, shared, now_ms);
        }
        for at in 0..self.queue.len() {
            let index = self.queue[at];
            if self.must_wait(index, shared) {
                self.rearm(index, now_ms + program::WAIT_MS);
                continue;
            }
            let Some(check) = self.checks.get_mut(index as usize) else { continue };
            check.queued = false;
            let means = Means { reactor, node: &self.node, ending: &mut self.ending };
            let next_ms = match check.run(index, means, shared, now_ms) {
                Some(until_ms) => until_ms,
                None => check.next_ms(self.spread, shared, now_ms),
            };
            self.rearm(index, next_ms);
        }
        self.queue.clear();
    }

    /// Looks at a check again at this moment.
    fn rearm(&mut self, index: u32, next_ms: u64) {
        let Some(check) = self.checks.get_mut(index as usize) else { return };
        check.queued = false;
        match check.timer {
            Some(timer) if self.wheel.at_ms(timer) == next_ms => {}
            Some(timer) => self.wheel.rearm(timer, next_ms),
            None => check.timer = Some(self.wheel.insert(index, next_ms)),
        }
    }

    /// Whether a check would start a program too many.
    fn must_wait(&self, index: u32, shared: &Shared) -> bool {
        let Some(check) = self.checks.get(index as usize) else { return false };
        if check.program.is_some() || check.program_of(shared).is_none() {
            return false;
        }
        let running = self.checks.iter().filter(|(_, check)| check.program.is_some()).count();
        running + self.ending.len() >= program::PROGRAMS_MAX
    }
}

/// What a check works with.
struct Means<'a> {
    reactor: &'a Reactor,
    /// The name of this node.
    node: &'a str,
    /// Takes programs that were killed and have not ended yet.
    ending: &'a mut Vec<Program>,
}

impl Checks {
    /// Lets a server's next check begin after `fastinter` at the latest.
    fn hurry(&mut self, backend: BackendId, server: ServerIndex, shared: &Shared, now_ms: u64) {
        let is_it = |check: &Check| {
            (check.kind, check.backend, check.server) == (CheckKind::Health, backend, server)
        };
        let mut checks = self.checks.iter().map(|(_, check)| check);
        let Some(check) = checks.find(|check| is_it(check)) else { return };
        let (Some(timer), None) = (check.timer, &check.attempt) else { return };
        let health = &check.server(shared).config.settings.health;
        let soon_ms = now_ms + u64::from(health.fast_inter_ms());
        if soon_ms < self.wheel.at_ms(timer) {
            self.wheel.rearm(timer, soon_ms);
        }
    }
}

impl Check {
    pub(super) fn new(
        kind: CheckKind,
        backend: BackendId,
        server: ServerIndex,
        generation: u32,
    ) -> Self {
        Self {
            kind,
            backend,
            server,
            generation,
            attempt: None,
            side: None,
            program: None,
            target: None,
            timer: None,
            queued: false,
        }
    }

    fn server<'a>(&self, shared: &'a Shared) -> &'a Server {
        shared.backend(self.backend).server(self.server)
    }

    /// The time between two checks of a server that stays up, in milliseconds.
    fn configured_inter_ms(&self, shared: &Shared) -> u32 {
        let health = &self.server(shared).config.settings.health;
        match self.kind {
            CheckKind::Health => health.inter_ms,
            CheckKind::Agent => health.agent.inter_ms,
        }
    }

    /// Moves the attempt on until it has to wait. Returns when to look at the attempt again even if
    /// nothing happens.
    fn run(
        &mut self,
        index: u32,
        means: Means<'_>,
        shared: &mut Shared,
        now_ms: u64,
    ) -> Option<u64> {
        if self.program_of(shared).is_some() {
            return self.run_program(means.ending, shared, now_ms);
        }
        let Means { reactor, node, .. } = means;
        let mut attempt = match self.attempt.take() {
            Some(attempt) => attempt,
            None => self.begin(shared, node, now_ms)?,
        };
        let backend = shared.backend(self.backend);
        let script = self.script(backend)?;
        // An answer that has come counts even if this turn is late: a process that was stopped, or
        // waited for its core, learns of the time before it learns of the answer.
        let is_late = now_ms >= attempt.until_ms();
        if let Some(side) = self.side.as_mut().filter(|_| is_late) {
            side.look();
        }
        let mut result = self.advance(&mut attempt, index, reactor, backend, now_ms);
        if result.is_none() {
            attempt.handle_timeout(script, now_ms);
            result = attempt.result().cloned();
        }
        let Some(result) = result else {
            let until_ms = attempt.until_ms();
            self.attempt = Some(attempt);
            return Some(until_ms);
        };
        self.close(&attempt, script);
        self.report(shared, result, attempt.input(), now_ms);
        None
    }

    /// Runs the program of the check on. Returns as [`Check::run`] does.
    fn run_program(
        &mut self,
        ending: &mut Vec<Program>,
        shared: &mut Shared,
        now_ms: u64,
    ) -> Option<u64> {
        let started = match self.program.take() {
            Some(run) => Ok(run),
            None => self.start_program(shared, now_ms)?,
        };
        let result = match started {
            Ok(mut run) => match run.poll(now_ms) {
                Some(result) => {
                    ending.extend(run.end());
                    result
                }
                None => {
                    let until_ms = run.until_ms();
                    self.program = Some(run);
                    return Some(until_ms);
                }
            },
            Err(result) => result,
        };
        self.report(shared, result, &[], now_ms);
        None
    }

    /// The program that makes the check, if one does.
    fn program_of<'a>(&self, shared: &'a Shared) -> Option<&'a CheckProgram> {
        let program = shared.backend(self.backend).config.health.program.as_ref();
        program.filter(|_| self.kind == CheckKind::Health)
    }

    /// Starts the program, unless the check is switched off or its server is in maintenance.
    fn start_program(&self, shared: &mut Shared, now_ms: u64) -> Option<Result<Run, CheckResult>> {
        let inter_ms = self.inter_ms(shared);
        let checked = self.wanted(shared)?;
        checked.is_running = true;
        let backend = shared.backend(self.backend);
        let until_ms = now_ms + u64::from(whole_ms(backend, inter_ms));
        let program = self.program_of(shared)?;
        Some(Run::start(program, backend, self.server, (now_ms, until_ms)))
    }

    /// Tells what the check has found.
    fn report(&self, shared: &mut Shared, result: CheckResult, input: &[u8], now_ms: u64) {
        let (id, server) = (self.backend, self.server);
        let checked = shared.backend_mut(id).server_mut(server).checked_mut(self.kind);
        // The result of a check that was switched off meanwhile does not count.
        let has_say = checked.is_some_and(|checked| {
            checked.is_running = false;
            checked.is_enabled
        });
        match self.kind {
            _ if !has_say => {}
            CheckKind::Health => shared.take_check_result(id, server, result, now_ms),
            CheckKind::Agent => {
                shared.take_agent_result(id, server, result, input, now_ms);
            }
        }
    }

    /// The state of the check, unless the check is switched off or its server is in maintenance.
    /// The agent of a server in maintenance is asked all the same, because it may end the
    /// maintenance.
    fn wanted<'a>(&self, shared: &'a mut Shared) -> Option<&'a mut Checked> {
        let server = shared.backend_mut(self.backend).server_mut(self.server);
        if self.kind == CheckKind::Health && server.is_paused() || server.is_missing() {
            return None;
        }
        server.checked_mut(self.kind).filter(|checked| checked.is_enabled)
    }

    /// A new attempt, if the check is wanted.
    fn begin(&mut self, shared: &mut Shared, node: &str, now_ms: u64) -> Option<Attempt> {
        let inter_ms = self.inter_ms(shared);
        let checked = self.wanted(shared)?;
        checked.is_running = true;
        let address = checked.address.clone();
        let backend = shared.backend(self.backend);
        let server = backend.server(self.server);
        let check = server.config.health.check.as_ref();
        let check = check.filter(|_| self.kind == CheckKind::Health);
        let mut own = Target::new(address, check.and_then(|check| check.send_proxy));
        let for_steps = ForSteps {
            header: check.map_or(SendProxy::V1, |check| check.step_header),
            offer: check.map(|check| check.offer.clone()).unwrap_or_default(),
        };
        let is_secured = tls_of(server).is_some_and(|tls| tls.is_implied) && check.is_some();
        own.tls = is_secured.then(|| for_steps.offer.clone());
        let timeouts = Timeouts {
            connect_ms: whole_ms(backend, inter_ms),
            answer_ms: backend.config.health.timeout_ms,
            whole_ms: inter_ms,
        };
        let facts = self.facts(shared, node);
        Some(Attempt::new(own, for_steps, timeouts, now_ms).with_facts(facts))
    }

    /// What the check knows of its server.
    fn facts(&self, shared: &Shared, node: &str) -> Facts {
        let backend = shared.backend(self.backend);
        let server = backend.server(self.server);
        Facts {
            backend: backend.config.name.clone(),
            backend_id: backend.config.proxy_id,
            server: server.config.name.clone(),
            server_id: server.config.id,
            is_up: server.health != Health::Down,
            state: backend
                .config
                .health
                .script
                .sends_state
                .then(|| server_state::text(backend, self.server, node)),
        }
    }

    /// The script of the check.
    fn script<'a>(&self, backend: &'a Backend) -> Option<&'a Script> {
        match self.kind {
            CheckKind::Health => Some(&backend.config.health.script),
            CheckKind::Agent => {
                let server = backend.server(self.server);
                let changed = server.agent.as_ref().and_then(|agent| agent.own_script.as_ref());
                changed.or_else(|| Some(&server.config.health.agent.as_ref()?.script))
            }
        }
    }

    /// When the next check begins.
    fn next_ms(&self, spread: u32, shared: &mut Shared, now_ms: u64) -> u64 {
        let inter_ms = u64::from(self.inter_ms(shared));
        let stray_ms = inter_ms * u64::from(spread) / 100;
        if stray_ms == 0 {
            return now_ms + inter_ms;
        }
        let range = u32::try_from(2 * stray_ms).unwrap_or(u32::MAX);
        now_ms + inter_ms - stray_ms + u64::from(shared.random.below(range))
    }

    /// The time from the end of this check to the beginning of the next check.
    fn inter_ms(&self, shared: &Shared) -> u32 {
        let server = self.server(shared);
        let health = &server.config.settings.health;
        match (self.kind, &server.checked) {
            (CheckKind::Health, Some(checked)) if checked.counter.is_changing() => {
                health.fast_inter_ms()
            }
            (CheckKind::Health, Some(checked)) if !checked.counter.is_up() => {
                health.down_inter_ms()
            }
            _ => self.configured_inter_ms(shared),
        }
    }

    fn advance(
        &mut self,
        attempt: &mut Attempt,
        index: u32,
        reactor: &Reactor,
        backend: &Backend,
        now_ms: u64,
    ) -> Option<CheckResult> {
        let script = self.script(backend)?;
        let tls = tls_of(backend.server(self.server));
        if let Some(side) = &mut self.side
            && let Err(error) = side.flush()
        {
            attempt.handle_failure(&error, script, now_ms);
        }
        loop {
            match attempt.poll(script, now_ms) {
                Todo::Finish(result) => return Some(result.clone()),
                Todo::Open(target) => {
                    self.close(attempt, script);
                    let opened = self.open(&target, index, reactor, backend, now_ms);
                    attempt.handle_opened(opened, script, now_ms);
                }
                Todo::AwaitConnection => {
                    let connected = self.side.as_ref()?.connected()?;
                    self.connected(connected, attempt, (script, tls), now_ms);
                }
                Todo::ShakeHands => {
                    let done = match self.side.as_mut()?.shake_hands() {
                        Ok(true) => Ok(()),
                        Ok(false) => return None,
                        Err(error) => Err(connection::handshake_cause(&error, tls)),
                    };
                    attempt.handle_handshake(done, script, now_ms);
                }
                Todo::Send(bytes) => match self.side.as_mut()?.write(bytes) {
                    Ok(0) => return None,
                    Ok(len) => attempt.handle_sent(len),
                    Err(error) => attempt.handle_failure(&error, script, now_ms),
                },
                Todo::Receive => {
                    let mut buffer = [0; READ_LEN];
                    match self.side.as_mut()?.read(&mut buffer) {
                        Ok(Read::Nothing) => return None,
                        Ok(Read::End) => attempt.handle_end(),
                        Ok(Read::Bytes(len)) => {
                            attempt.handle_received(buffer.get(..len).unwrap_or_default());
                        }
                        Err(error) => attempt.handle_failure(&error, script, now_ms),
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
        now_ms: u64,
    ) -> io::Result<()> {
        self.generation = self.generation.wrapping_add(1);
        let side = connection::open(target, backend, self.server, now_ms)?;
        let slot = Slot { index, generation: self.generation };
        reactor.register(side.as_fd(), Source::Check(slot))?;
        self.side = Some(side);
        self.target = Some(target.clone());
        Ok(())
    }

    fn connected(
        &mut self,
        connected: io::Result<()>,
        attempt: &mut Attempt,
        (script, tls): (&Script, Option<&CheckTls>),
        now_ms: u64,
    ) {
        let Some((side, target)) = self.side.as_mut().zip(self.target.as_ref()) else { return };
        // Without an event, the side does not know of a failure.
        let connected = connected.and_then(|()| socket::take_error(side.as_fd()));
        let begun = match connected.is_ok() {
            true => connection::begin(side, target, tls),
            false => Ok(Vec::new()),
        };
        let failed = begun.is_err().then_some(Err(connection::HANDSHAKE_FAILED));
        attempt.handle_connected(connected, script, begun.unwrap_or_default(), now_ms);
        if let Some(failed) = failed {
            attempt.handle_handshake(failed, script, now_ms);
        }
    }

    /// Closes the connection. It is reset, so that no half-closed connection is left, unless the
    /// script wants an ordinary close or the server has closed its half already.
    fn close(&mut self, attempt: &Attempt, script: &Script) {
        let Some(side) = self.side.take() else { return };
        let is_fresh = attempt.is_only_connection(script);
        let is_over = || attempt.has_ended() || !is_fresh && socket::has_peer_ended(side.as_fd());
        if !attempt.ends_gently(script) && !is_over() {
            // If the option cannot be set, the socket is closed in the ordinary way.
            let _ = socket::set_reset_on_close(side.as_fd());
        }
    }
}

/// TLS of a server's checks.
fn tls_of(server: &Server) -> Option<&CheckTls> {
    server.config.health.check.as_ref()?.tls.as_ref()
}

/// The time to connect, or for the whole work of a program. As in HAProxy, `timeout connect` counts
/// only beside `timeout check`.
fn whole_ms(backend: &Backend, inter_ms: u32) -> u32 {
    let config = &backend.config;
    let connect_ms = config.timeout_connect_ms.filter(|_| config.health.timeout_ms.is_some());
    connect_ms.map_or(inter_ms, |connect_ms| connect_ms.min(inter_ms))
}
