//! `Process` owns everything; one turn of the loop is one function.

mod elders;
mod handed;
mod history;
mod lending;
mod lines;
mod names;
mod reload;
mod saving;
mod signals;
mod succession;
mod supervised;
mod tables;

pub mod pid_file;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::PathBuf;

use mio::Events;
use mio::event::Event;
use nix::sys::signal::Signal;

use crate::admin::context::endpoint::Endpoint;
use crate::admin::context::reloads::Reloads;
use crate::admin::context::{AcceptPauses, Context, ProcessInfo};
use crate::admin::link::{AdminSockets, ListenerKind};
use crate::config::{Bind, Config, PeersId, ProcessConfig, ServerLines};
use crate::logging;
use crate::logging::feed::Feeds;
use crate::logging::history::PastEvents;
use crate::logging::{Logger, limited};
use crate::net::confine::calls;
use crate::peers::Start;
use crate::peers::link::{Peers, PeersOptions};
use crate::proxy::frontend::listener::Listener;
use crate::proxy::health::check::Checks;
use crate::proxy::{Clients, Shared};
use crate::reactor::signals::Signals;
use crate::reactor::token::Source;
use crate::reactor::turns::Turns;
use crate::reactor::{Reactor, clock};
use crate::reload::child::Command;
use crate::reload::control::path::MeetingPlaces;
use crate::reload::expendable::Expendable;
use crate::reload::inherit::label::SocketOrigin;
use crate::reload::saver::Saver;
use crate::reload::socket::ReloadSocket;
use crate::reload::supervisor::worker_link::WorkerLink;
use crate::table::TableError;
use names::Names;
use saving::Saving;
use succession::Succession;
pub use succession::{Means, Teacher};
use supervised::Supervision;
pub use tables::Beginning;
use tables::make_shared;

/// How many events one turn takes from the kernel.
const EVENTS_PER_TURN: usize = 1024;
/// How often expired entries are removed, and how many of a table in one turn.
const TABLE_SWEEP_MS: u64 = 1000;
const ROWS_PER_SWEEP: usize = 1000;

/// The running program.
#[derive(Debug)]
pub struct Process {
    /// The part of the configuration that belongs to the process as a whole.
    config: ProcessConfig,
    /// What servers that commands add are read with.
    server_lines: ServerLines,
    /// Where descriptors are registered.
    reactor: Reactor,
    /// What all connections share: frontends, backends, tables.
    shared: Shared,
    /// The listeners and the connections.
    clients: Clients,
    /// The health checks.
    checks: Checks,
    /// The names of servers and peers.
    names: Names,
    /// The peers sections with their sessions.
    peers: Peers,
    /// The Runtime API's listeners and clients.
    admin: AdminSockets,
    /// Where metrics are served.
    endpoints: Vec<Endpoint>,
    /// The reloads that the Runtime API's clients ask for.
    reloads: Reloads,
    /// Where the lines about connections go.
    logger: Logger,
    /// The last events.
    events: PastEvents,
    /// When the reload began that is under way, in milliseconds since 1970.
    reload_began_ms: Option<u64>,
    /// The TCP log servers.
    feeds: Feeds,
    /// What the process is between its predecessor and its successor.
    succession: Succession,
    /// Writes the tables to files.
    saving: Saving,
    /// The supervisor, if this is a worker.
    supervision: Supervision,
    /// What the Runtime API tells of the process.
    info: ProcessInfo,
    /// Signals that have arrived.
    signals: Signals,
    /// Whether the process is to end.
    stop: Stop,
    /// The signal that stopped the process at once, if one did.
    stopped_by: Option<Signal>,
    /// How long turns take.
    turns: Turns,
    table_sweep_ms: u64,
}

/// What a process is made with, besides its configuration and its listening sockets.
#[derive(Debug)]
pub struct Setup {
    /// The most client connections.
    pub maxconn: u32,
    /// The limit of descriptors.
    pub descriptors_max: u32,
    /// The host's name.
    pub hostname: String,
    /// What the process needs to change its role in a reload.
    pub means: Means,
    /// The process that teaches this one before it serves.
    pub teacher: Teacher,
    /// Where another process may ask to take over.
    pub places: MeetingPlaces,
    /// What servers that commands add are read with.
    pub server_lines: ServerLines,
    /// The warnings with which the process began, as lines of its log.
    pub startup_log: String,
    /// What the tables begin with.
    pub tables: Beginning,
    /// What writes tables to files.
    pub saver: Option<Saver>,
}

/// Every listening socket of the process.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Those of frontends.
    pub clients: Vec<Listener>,
    /// Those of peers sections that have a local peer.
    pub peers: Vec<(PeersId, Bind, OwnedFd)>,
    /// Those of the Runtime API and of the exporter.
    pub admin: Vec<(ListenerKind, Bind, OwnedFd)>,
    /// The descriptors of lines with `log fd@N`, by N.
    pub logs: Vec<(RawFd, OwnedFd)>,
    /// What a successor is told of each listening socket, by the name of the socket.
    pub origins: HashMap<String, SocketOrigin>,
}

/// Whether the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It is not to end.
    No,
    /// It ends when the open connections have ended, or at the given time (`hard-stop-after`).
    Soft {
        /// When to end whatever is left.
        until_ms: Option<u64>,
    },
    /// It ends at the end of this turn.
    Now,
}

/// Why the process could not start.
#[derive(Debug)]
pub enum StartError {
    /// The poll descriptor or the signals could not be set up.
    Reactor(io::Error),
    /// A stick table could not be made.
    Table(TableError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reactor(error) => write!(f, "set up the event loop: {error}"),
            Self::Table(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<TableError> for StartError {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl Process {
    /// Makes everything that `config` describes, with its listening sockets. Nothing is accepted
    /// before [`Process::begin`].
    ///
    /// # Errors
    /// When the system refuses what the loop needs, or the memory of a table.
    pub fn new(mut config: Config, listeners: Listeners, setup: Setup) -> Result<Self, StartError> {
        let now_ms = clock::now_ms();
        let (reactor, signals) = wait_for_signals().map_err(StartError::Reactor)?;
        let shared = make_shared(&mut config, setup.tables, setup.maxconn, now_ms)?;
        let saving = Saving::new(setup.saver, &reactor);
        let global = &config.global;
        let checks = Checks::new(&shared, &config.global, &setup.hostname, now_ms);
        let mut clients = Clients::new(setup.maxconn, global.maxaccept, now_ms);
        let options = PeersOptions {
            pid: std::process::id(),
            seed: clock::now_ns(),
            start: start_of(&setup.teacher),
        };
        let mut peers = Peers::new(&config, &shared.tables, options, now_ms);
        if let Teacher::Predecessor { .. } = setup.teacher {
            peers.pause(); // the predecessor has the sessions
        }
        let mut admin = AdminSockets::new(global.stats_maxconn, global.stats_timeout_ms);
        for listener in listeners.clients {
            clients.add_listener(listener, &reactor).map_err(StartError::Reactor)?;
        }
        clients.pause_listeners();
        for (section, bind, fd) in listeners.peers {
            peers.add_listener(fd, section, bind, &reactor).map_err(StartError::Reactor)?;
        }
        for (kind, bind, fd) in listeners.admin {
            admin.add_listener(fd, kind, bind, &reactor).map_err(StartError::Reactor)?;
        }
        let name = setup.means.command.name();
        let (origins, teacher) = (listeners.origins, setup.teacher);
        let (places, tables, hostname) = (&setup.places, &shared.tables, &setup.hostname);
        let succession =
            Succession::new(setup.means, origins, teacher, places, tables, &reactor, now_ms)
                .map_err(StartError::Reactor)?;
        let logger =
            Logger::of_process(&config, name.as_deref(), hostname, options.pid, listeners.logs);
        let (feeds, names) = (Feeds::new(&config.rings), Names::new(&config.resolvers));
        let info = ProcessInfo {
            pid: options.pid,
            started_ms: now_ms,
            started_at_ms: clock::unix_ms(),
            node: global.node.clone().unwrap_or(setup.hostname),
            descriptors_max: setup.descriptors_max,
            ..ProcessInfo::default()
        };
        Ok(Self {
            server_lines: setup.server_lines,
            endpoints: config.pages.iter().map(Endpoint::new).collect(),
            config: config.into(),
            reactor,
            shared,
            clients,
            checks,
            names,
            peers,
            admin,
            reloads: Reloads::default(),
            logger,
            events: PastEvents::default(),
            reload_began_ms: None,
            feeds,
            succession,
            saving,
            supervision: Supervision::default(),
            info: ProcessInfo { startup_log: setup.startup_log, ..info },
            signals,
            stop: Stop::No,
            stopped_by: None,
            turns: Turns::default(),
            table_sweep_ms: now_ms,
        })
    }

    /// How successors are started.
    pub fn command_mut(&mut self) -> &mut Command {
        &mut self.succession.means.command
    }

    /// That the kernel may end this process until it serves.
    pub fn expendable_mut(&mut self) -> &mut Expendable {
        &mut self.succession.means.expendable
    }

    /// The directory of the socket where other processes ask to take over.
    pub fn control_directory(&self) -> Option<PathBuf> {
        self.succession.control_directory()
    }

    /// Tells what confines the process from now on, in words.
    pub fn set_hardening(&mut self, words: Option<String>) {
        self.info.hardening = words;
    }

    /// Listens to the supervisor at the other end of `link`, if there is one.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn set_supervisor(&mut self, link: Option<WorkerLink>) -> io::Result<()> {
        self.supervision = Supervision::new(link, &self.reactor)?;
        Ok(())
    }

    /// Takes what writes the tables to files, when the process has ended its work.
    pub fn take_saving(&mut self) -> Saving {
        std::mem::take(&mut self.saving)
    }

    /// The signal that stopped the process at once, if one did.
    pub fn stopped_by(&self) -> Option<Signal> {
        self.stopped_by
    }

    /// Turns until it is told to stop.
    ///
    /// # Errors
    /// What epoll_wait(2) reports.
    pub fn run(&mut self) -> io::Result<()> {
        let events_per_turn = self.config.global.limits.poll_events;
        let events_per_turn = events_per_turn.map_or(EVENTS_PER_TURN, |count| count as usize);
        let mut events = Events::with_capacity(events_per_turn);
        let mut now_ms = clock::now_ms();
        while !self.is_finished(now_ms) {
            self.wait(&mut events, now_ms)?; // until an event, a deadline, or now if work is queued
            let began_ns = clock::now_ns();
            now_ms = began_ns / 1_000_000;
            for event in &events {
                self.dispatch(event, now_ms); // notes readiness; nothing is read or written here
            }
            self.expire(now_ms); // deadlines become queued work too
            self.names.run(&self.reactor, &mut self.shared, &mut self.peers, now_ms);
            self.run_checks(now_ms);
            self.accept(now_ms); // bounded, as all below
            self.clients.run(&self.reactor, &mut self.shared, now_ms);
            self.peers.run(&self.reactor, &mut self.shared.tables, now_ms);
            self.run_admin(now_ms);
            if !self.is_alone() {
                self.run_succession(now_ms);
            }
            self.saving.run(&mut self.shared.tables, &self.reactor, now_ms);
            self.clients.reap(&mut self.shared, now_ms); // slots may be reused from here on
            self.succession.count_late(&self.shared, self.clients.is_empty(), now_ms);
            self.logger.begin_turn(now_ms);
            self.write_log();
            self.note_events();
            note_refused_calls();
            self.serve_rings(now_ms);
            logging::run(now_ms);
            let now_ns = clock::now_ns();
            self.turns.record(now_ns, now_ns - began_ns, !events.is_empty());
        }
        limited::finish();
        Ok(())
    }

    /// Notes an event in the part that it belongs to. Only signals act at once.
    fn dispatch(&mut self, event: &Event, now_ms: u64) {
        let Some(source) = Source::from_token(event.token()) else { return };
        match source {
            Source::Signal => self.handle_signals(now_ms),
            Source::Listener(slot) => self.clients.handle_listener(slot),
            Source::Client(slot) => self.clients.handle_client(slot, event),
            Source::Server(slot) => self.clients.handle_server(slot, event),
            Source::PeersListener(slot) => self.peers.note_listener(slot),
            Source::Peer(slot) => self.peers.note_connection(slot, event),
            Source::AdminListener(slot) => self.admin.note_listener(slot),
            Source::Admin(slot) => self.admin.note_client(slot, event),
            Source::Handover(slot) => match ReloadSocket::of_slot(slot) {
                Some(ReloadSocket::Supervisor) => self.supervision.note_readable(),
                Some(ReloadSocket::Saver) => self.saving.note_readable(),
                Some(socket) => self.succession.note(socket, event),
                None => {}
            },
            Source::Check(slot) => self.checks.note(slot, event),
            Source::LogServer(slot) => self.feeds.note(slot, event),
            Source::Nameserver(slot) => self.names.nameservers.note(slot, event),
        }
    }

    /// Accepts clients, and then takes over what older processes have decided. A client that comes
    /// because an older process has answered it is so known before it is given a server.
    fn accept(&mut self, now_ms: u64) {
        self.hold_back_after_standstill();
        let has_accepted = self.clients.accept(&self.reactor, &mut self.shared, now_ms);
        if self.succession.hears_others() {
            self.succession.receive_late_updates(has_accepted, &mut self.shared, now_ms);
        }
    }

    /// Moves the health checks on, and ends the connections that a result ends.
    fn run_checks(&mut self, now_ms: u64) {
        self.checks.follow_servers(&mut self.shared, now_ms);
        self.checks.run(&self.reactor, &mut self.shared, now_ms);
        self.shared.warm_up(now_ms);
        self.run_drains(now_ms);
        for shutdown in std::mem::take(&mut self.shared.shutdowns) {
            self.clients.shut_down(shutdown, &mut self.shared);
        }
    }

    fn is_finished(&self, now_ms: u64) -> bool {
        match self.stop {
            Stop::No => false,
            Stop::Soft { .. } => {
                let is_owed = self.peers.is_teaching_locally()
                    || self.admin.is_waiting()
                    || self.admin.answers_until_ms().is_some_and(|until_ms| now_ms < until_ms);
                let has_to_tell = self.succession.keeps_process(&self.shared.tables);
                self.clients.is_empty() && !is_owed && !has_to_tell
            }
            Stop::Now => true,
        }
    }

    fn wait(&mut self, events: &mut Events, now_ms: u64) -> io::Result<()> {
        let is_alone = self.is_alone();
        let has_work = self.clients.has_work()
            || !self.shared.shutdowns.is_empty()
            || !self.shared.hurried.is_empty()
            || !self.shared.server_changes.is_empty()
            || self.names.nameservers.has_work()
            || self.peers.has_work(&self.shared.tables)
            || (self.admin.has_work() && self.answers_commands())
            || self.feeds.has_work(self.logger.rings())
            || (!is_alone
                && (self.succession.has_work(&self.shared.tables)
                    || self.may_answer_asking(now_ms)));
        if has_work || self.polls_busily() {
            return self.reactor.wait(events, Some(0));
        }
        let (stop_ms, answers_ms) = match self.stop {
            Stop::Soft { until_ms } => (until_ms, self.admin.answers_until_ms()),
            Stop::No | Stop::Now => (None, None),
        };
        let deadlines = [
            self.clients.next_deadline_ms(),
            self.checks.next_deadline_ms(),
            self.names.nameservers.next_deadline_ms(),
            self.shared.warming_step_ms,
            self.shared.drains.next_ms(),
            self.peers.next_deadline_ms(),
            self.admin.next_deadline_ms().filter(|_| self.answers_commands()),
            if is_alone { None } else { self.succession_deadline_ms() },
            self.next_sweep_ms(),
            logging::next_deadline_ms(),
            self.feeds.next_deadline_ms(),
            stop_ms,
            answers_ms,
        ];
        let next_ms = deadlines.iter().fold(u64::MAX, |next, at| next.min(at.unwrap_or(u64::MAX)));
        let timeout_ms = (next_ms != u64::MAX).then(|| next_ms.saturating_sub(now_ms));
        self.reactor.wait(events, timeout_ms)
    }

    /// Whether no other process has a part in what this process does. That is so in most turns of
    /// its life.
    #[inline]
    fn is_alone(&self) -> bool {
        self.succession.is_alone() && self.supervision.is_quiet()
    }

    /// Whether commands of the Runtime API are answered. They wait until this process serves, and
    /// at the end of a handover from this process, when the state has been sent and changes would
    /// be lost.
    fn answers_commands(&self) -> bool {
        self.succession.is_serving() && !self.succession.holds_back()
    }

    /// Whether the loop polls without waiting. Several generations may share a CPU, and only the
    /// process that serves may use it up.
    fn polls_busily(&self) -> bool {
        self.config.global.busy_polling && self.succession.is_serving() && self.stop == Stop::No
    }

    fn expire(&mut self, now_ms: u64) {
        self.clients.expire(&self.shared, now_ms);
        self.checks.expire(now_ms);
        if now_ms >= self.table_sweep_ms {
            self.sweep_tables(now_ms);
        }
        if let Stop::Soft { until_ms: Some(until_ms) } = self.stop
            && now_ms >= until_ms
        {
            log::warn!("hard stop: {} connections are ended", self.clients.len());
            self.clients.kill_all(&mut self.shared); // removed and logged in this turn
            self.stop = Stop::Now;
        }
    }

    /// Removes expired entries to make room. Nothing uses an expired entry.
    fn sweep_tables(&mut self, now_ms: u64) {
        let mut is_complete = true;
        for id in self.shared.tables.ids() {
            let table = self.shared.tables.get_mut(id);
            let removed = table.expire(now_ms, ROWS_PER_SWEEP);
            table.note_fill(now_ms);
            is_complete &= removed < ROWS_PER_SWEEP;
        }
        self.table_sweep_ms = if is_complete { now_ms + TABLE_SWEEP_MS } else { now_ms };
    }

    /// When expired entries are removed next. This is asked in every turn, so it only looks whether
    /// any entry can expire.
    fn next_sweep_ms(&self) -> Option<u64> {
        let mut tables = self.shared.tables.ids().map(|id| self.shared.tables.get(id));
        let can_expire = tables.any(|t| t.used() > 0 && t.declaration().expire_ms.is_some());
        can_expire.then_some(self.table_sweep_ms)
    }

    fn run_admin(&mut self, now_ms: u64) {
        let deadline_ms = self.admin.next_deadline_ms();
        let is_idle =
            !self.admin.has_work() && deadline_ms.is_none_or(|deadline_ms| deadline_ms > now_ms);
        if is_idle || !self.answers_commands() {
            return;
        }
        self.note_info();
        let mut context = Context {
            now_ms,
            wall: clock::wall(),
            process: &self.info,
            config: &self.config,
            server_lines: &self.server_lines,
            shared: &mut self.shared,
            clients: &mut self.clients,
            endpoints: &mut self.endpoints,
            reloads: &mut self.reloads,
            nameservers: &mut self.names.nameservers,
            names: &mut self.names.servers,
            rings: self.logger.rings(),
            events: &self.events,
            peers: &self.peers,
        };
        self.admin.run(&self.reactor, &mut context);
        self.admin.follow(&mut self.endpoints, &self.reactor);
        if self.clients.take_closed() {
            self.give_keepsakes(); // a socket that the supervisor keeps would stay open
        }
        if self.reloads.take_wanted() {
            self.start_reload(now_ms);
        }
    }

    fn note_info(&mut self) {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        self.info.generation = self.succession.generation();
        self.info.is_reloading = self.succession.is_reloading();
        self.info.stopping = self.stop != Stop::No;
        self.info.reloads_failed = self.reloads.failed();
        self.info.has_handed_over = self.succession.has_handed_over();
        self.info.listeners = count(self.clients.listeners().len());
        self.info.peers = self.peers.count();
        self.info.dropped_logs = self.logger.dropped() + logging::lost();
        self.info.turns = self.turns;
        self.info.accept_pauses =
            AcceptPauses { admin: self.admin.accept_pauses(), peers: self.peers.accept_pauses() };
    }
}

/// A poll loop that waits for signals.
fn wait_for_signals() -> io::Result<(Reactor, Signals)> {
    let (reactor, signals) = (Reactor::new()?, Signals::new()?);
    reactor.register_readable(signals.as_fd(), Source::Signal)?;
    Ok((reactor, signals))
}

/// What the peers sections begin with.
fn start_of(teacher: &Teacher) -> Start {
    match teacher {
        Teacher::Nobody => Start::Alone,
        Teacher::Predecessor { .. } => Start::AfterHandover,
        Teacher::LocalPeer => Start::AfterLocal,
    }
}

/// Logs each call that `hardening` has refused, once.
fn note_refused_calls() {
    for number in calls::take_refused() {
        log::error!("hardening: system call {number} was refused");
    }
}
