//! The process's part in a reload: what `Process` does when it hands over, and when it takes over.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::draining::Draining;
use super::{Process, Stop};
use crate::admin::Reloaded;
use crate::config::{Bind, Global};
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::peers::resync;
use crate::reactor::token::{Slot, Source};
use crate::reactor::{Reactor, clock};
use crate::reload::child::{Command, Successor};
use crate::reload::control::{Asked, Control};
use crate::reload::incoming::afterwards::FROM_DRAINING;
use crate::reload::incoming::stop_others::Herald;
use crate::reload::incoming::{Heir, Outcome, closing_notes};
use crate::reload::inherit::label::{Label, SocketOrigin, name_of};
use crate::reload::inherit::log_name;
use crate::reload::outgoing::Predecessor;
use crate::reload::plan::{Action, Reason};
use crate::reload::systemd::Notifier;
use crate::start::{PidFile, Predecessors, gives_up_privileges};
use crate::table::Tables;

/// The slots of [`Source::Handover`].
pub const TO_SUCCESSOR: u32 = 0;
/// The socket to the predecessor.
pub const FROM_PREDECESSOR: u32 = 1;
/// The socket where other processes ask to be the successor.
pub const CONTROL: u32 = 2;
/// The socket on which the supervisor brings the next worker.
pub const SUPERVISOR: u32 = 3;

/// The most processes that are answered, or turned away, in one turn.
const ANSWERS_PER_TURN: usize = 8;

/// What goes wrong with processes that ask to take over.
const ASKING: Topic = Topic::fault("successor asking");

/// Where the process stands between its predecessor and its successor.
#[derive(Debug)]
pub struct Succession {
    /// How this process was started.
    command: Command,
    /// Counts the processes that have served one after the other, from 1.
    generation: u32,
    pid_file: Option<PidFile>,
    notifier: Notifier,
    serving: Serving,
    /// What this process learns from.
    pub(super) heir: Option<Heir>,
    /// What this process hands over to.
    predecessor: Option<Predecessor>,
    /// What is left to say and to hear behind a handover.
    pub draining: Draining,
    /// A reload was asked for that has to wait.
    pub(crate) is_wanted: bool,
    /// A soft stop was asked for while a process took over that makes this one stop anyway.
    is_stop_wanted: bool,
    /// Who serves now, once this process does not.
    successor_pid: Option<i32>,
    /// Children that have to be waited for.
    children: Vec<Successor>,
    /// What is to be told of each listening socket, by its name.
    origins: HashMap<String, SocketOrigin>,
    control: Option<Control>,
    control_readable: bool,
    /// Processes of another kind that are to stop once this one serves, and with which signal.
    others: Vec<(i32, Signal)>,
    /// The process that hands over because `-sf` or `-st` named it, and how it is told to stop if
    /// it does not come to the end of that.
    teacher: Option<(i32, Signal)>,
    /// Who tells them.
    herald: Herald,
}

/// Whether clients are accepted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serving {
    /// Not before everything has been learned on the handover socket.
    AfterHandover,
    /// Not before the predecessor has taught over the local peer's address.
    AfterLocal,
    /// They are, or were until a successor took over.
    Yes,
}

/// How the process comes by its tables and sockets.
#[derive(Debug)]
pub enum Origin {
    /// There was none before.
    Alone,
    /// A stickd hands over on this socket.
    Handover(UnixStream),
    /// A process that speaks the peers protocol teaches over the local peer's address.
    Local,
}

impl Succession {
    /// A process that was started by `command`.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn new(
        command: Command,
        pid_file: Option<PidFile>,
        origin: Origin,
        control: io::Result<Control>,
        tables: &Tables,
        reactor: &Reactor,
        now_ms: u64,
    ) -> io::Result<Self> {
        let (serving, heir) = match origin {
            Origin::Alone => (Serving::Yes, None),
            Origin::Local => (Serving::AfterLocal, None),
            Origin::Handover(stream) => {
                (Serving::AfterHandover, Some(Heir::new(stream, tables, reactor, now_ms)?))
            }
        };
        let control = registered(control, reactor);
        Ok(Self {
            command,
            generation: 1,
            pid_file,
            notifier: Notifier::default(),
            serving,
            heir,
            predecessor: None,
            draining: Draining::default(),
            is_wanted: false,
            successor_pid: None,
            children: Vec::new(),
            origins: HashMap::new(),
            control_readable: control.is_some(),
            control,
            is_stop_wanted: false,
            others: Vec::new(),
            teacher: None,
            herald: Herald::default(),
        })
    }

    /// The service manager that watches this process.
    pub fn set_notifier(&mut self, notifier: Notifier) {
        self.notifier = notifier;
    }

    /// What a successor is to be told of the listening sockets.
    pub fn set_origins(&mut self, origins: HashMap<String, SocketOrigin>) {
        self.origins = origins;
    }

    /// Tells the service manager that the service ends.
    pub fn note_stopping(&self) {
        self.notifier.stopping();
    }

    fn write_pid_file(&mut self) {
        if let Some(pid_file) = &mut self.pid_file
            && let Err(error) = pid_file.write()
        {
            log::error!("{error}");
        }
    }

    /// Counts the processes that have served one after the other, from 1.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether clients and remote peers are held back at the moment.
    pub fn is_finishing(&self) -> bool {
        self.predecessor.as_ref().is_some_and(Predecessor::is_finishing)
    }

    /// Whether a handover is under way, to this process or from it.
    pub fn is_reloading(&self) -> bool {
        !self.is_serving() || self.predecessor.is_some()
    }

    /// Whether a successor serves in this process's place.
    pub fn has_handed_over(&self) -> bool {
        self.successor_pid.is_some()
    }

    /// Whether a successor has to wait: a handover is not over, to this process or from it.
    pub(crate) fn is_busy(&self) -> bool {
        let owes = self.heir.as_ref().is_some_and(Heir::owes_confirmation);
        !self.is_serving() || owes || self.predecessor.is_some()
    }

    /// Whether clients are accepted here.
    pub fn is_serving(&self) -> bool {
        self.serving == Serving::Yes
    }

    /// Sends the signal to these processes once this one serves. To be called while this process
    /// has all its privileges.
    ///
    /// # Errors
    /// What fork(2) reports.
    pub fn stop_when_serving(
        &mut self,
        predecessors: &Predecessors,
        global: &Global,
    ) -> io::Result<()> {
        if gives_up_privileges(global) && !predecessors.is_empty() {
            let (herald, child) = Herald::start()?;
            self.herald = herald;
            self.children.push(child);
        }
        let signal = predecessors.signal;
        self.others.extend(predecessors.stop_later.iter().map(|pid| (*pid, signal)));
        self.teacher = predecessors.teacher.map(|pid| (pid, signal));
        Ok(())
    }

    /// Tells processes of another kind to stop and teach.
    pub fn ask_to_teach(&mut self, predecessors: &Predecessors) {
        predecessors.ask_to_teach(&mut self.herald);
    }

    /// Notes that something moved on a handover socket.
    pub fn note(&mut self, slot: Slot, event: &mio::event::Event) {
        match slot.index {
            TO_SUCCESSOR => {
                if let Some(predecessor) = &mut self.predecessor {
                    predecessor.note(event);
                } else {
                    self.draining.note_telling(event);
                }
            }
            FROM_PREDECESSOR => {
                if let Some(heir) = &mut self.heir {
                    heir.note(event);
                }
            }
            FROM_DRAINING => self.draining.note_hearing(slot.generation, event),
            _ => self.control_readable = true,
        }
    }

    /// Whether no other process has part in what this one does: most turns of its life.
    #[inline]
    pub(super) fn is_alone(&self) -> bool {
        self.is_serving()
            && self.predecessor.is_none()
            && self.heir.is_none()
            && !self.is_wanted
            && !self.control_readable
            && self.draining.is_over()
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self, tables: &Tables) -> bool {
        self.predecessor.as_ref().is_some_and(|predecessor| predecessor.has_work(tables))
            || self.heir.as_ref().is_some_and(Heir::has_work)
            || self.draining.has_work(!self.is_finishing(), tables)
    }

    /// When a turn is wanted even without an event.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let predecessor = self.predecessor.as_ref().map(Predecessor::deadline_ms);
        let heir = self.heir.as_ref().and_then(Heir::deadline_ms);
        predecessor.into_iter().chain(heir).chain(self.draining.deadline_ms()).min()
    }

    /// The socket of the next process that may take over, if one look finds it.
    fn next_asking(&mut self, now_ms: u64) -> Option<UnixStream> {
        match self.control.as_ref()?.accept(now_ms) {
            Ok(Asked::Successor(stream)) => return Some(stream),
            Ok(Asked::Refused) => {}
            Ok(Asked::Nobody) => self.control_readable = false,
            Err(error) => {
                self.control_readable = false;
                note_failed_asking("accept a new process", &error, now_ms);
            }
        }
        None
    }

    /// Children that have ended are let go.
    pub fn reap_children(&mut self) {
        self.children.retain_mut(|child| child.poll_exit().is_none());
    }
}

fn note_failed_asking(action: &str, error: &io::Error, now_ms: u64) {
    limited::warn(now_ms, ASKING, action, format_args!("reload: {action}: {error}"));
}

fn registered(control: io::Result<Control>, reactor: &Reactor) -> Option<Control> {
    let slot = Slot { index: CONTROL, generation: 0 };
    let registered = control.and_then(|control| {
        reactor.register_readable(control.as_fd(), Source::Handover(slot)).map(|()| control)
    });
    let error = |error| log::warn!("reload: no other process can take over with -sf: {error}");
    registered.map_err(error).ok()
}

impl Process {
    /// Starts the successor that takes over (`SIGUSR2`).
    pub fn start_reload(&mut self, now_ms: u64) {
        if self.supervision.is_there() {
            log::info!("reload: left to the supervisor");
            if let Err(error) = self.supervision.ask_reload() {
                log::error!("reload: ask the supervisor: {error}");
                self.end_reload(Err(format!("ask the supervisor: {error}")));
            }
            return;
        }
        if self.stop != Stop::No {
            self.pass_reload_on();
            return;
        }
        if self.succession.is_busy() {
            log::info!("reload: one is under way; this one follows it");
            self.succession.is_wanted = true;
            return;
        }
        if self.is_taught(now_ms) {
            log::info!("reload: follows when a peer has taught this process");
            self.succession.is_wanted = true;
            return;
        }
        let listeners = self.named_listeners();
        let started = Predecessor::start(
            &self.succession.command,
            self.succession.generation,
            &listeners,
            &mut self.shared.tables,
            &self.reactor,
            now_ms,
        );
        match started {
            Ok(predecessor) => {
                log::info!("reload: started process {}", predecessor.pid());
                self.succession.predecessor = Some(predecessor);
                self.succession.notifier.reloading(clock::now_ns());
            }
            Err(error) => {
                log::error!("reload: start a new process: {error}");
                self.end_reload(Err(format!("start a new process: {error}")));
            }
        }
    }

    /// Tells whoever waits for a reload what came of it.
    pub(super) fn end_reload(&mut self, result: Result<Reloaded, String>) {
        self.reloads.finish(result);
        self.admin.wake();
    }

    /// The signal was meant for whoever serves now.
    fn pass_reload_on(&mut self) {
        if let Some(pid) = self.succession.successor_pid
            && let Err(errno) = kill(Pid::from_raw(pid), Signal::SIGUSR2)
        {
            log::info!("reload: process {pid}, which serves now: {errno}");
        }
    }

    /// One turn of whatever is under way.
    pub fn run_succession(&mut self, now_ms: u64) {
        self.run_supervision(now_ms);
        self.answer_control(now_ms);
        self.run_heir(now_ms);
        if self.succession.serving == Serving::AfterLocal && !self.waits_for_local() {
            self.begin_to_serve(now_ms);
        }
        self.start_wanted_reload(now_ms);
        self.run_predecessor(now_ms);
        let may_hear = !self.succession.is_finishing();
        self.succession.draining.run(may_hear, &mut self.shared.tables, now_ms);
    }

    fn waits_for_local(&self) -> bool {
        let mut sections = self.peers.sections().iter();
        sections.any(|section| matches!(section.resync().state(), resync::State::FromLocal { .. }))
    }

    /// Whether somebody may be there who asks to take over.
    pub(super) fn may_be_asked(&self) -> bool {
        self.succession.control_readable || self.supervision.has_next()
    }

    /// Whoever asks to take over waits while a reload is under way, or a lesson.
    pub(super) fn may_answer_control(&self, now_ms: u64) -> bool {
        let is_free = !self.succession.is_busy() && !self.is_taught(now_ms);
        self.may_be_asked() && (self.stop != Stop::No || is_free)
    }

    fn answer_control(&mut self, now_ms: u64) {
        for _ in 0..ANSWERS_PER_TURN {
            if !self.may_answer_control(now_ms) {
                return;
            }
            let next = self.supervision.take_next();
            let Some(stream) = next.or_else(|| self.succession.next_asking(now_ms)) else {
                continue;
            };
            if self.stop != Stop::No {
                let text = "reload: a new process is turned away: this one is stopping";
                limited::warn(now_ms, ASKING, "stopping", format_args!("{text}"));
                continue;
            }
            let listeners = self.named_listeners();
            let answered = Predecessor::answer(
                stream,
                self.succession.generation,
                &listeners,
                &mut self.shared.tables,
                &self.reactor,
                now_ms,
            );
            match answered {
                Ok(predecessor) => {
                    log::info!("reload: another process takes over");
                    self.succession.predecessor = Some(predecessor);
                }
                Err(error) => note_failed_asking("hand the sockets over", &error, now_ms),
            }
        }
    }

    fn run_predecessor(&mut self, now_ms: u64) {
        let Some(predecessor) = &mut self.succession.predecessor else { return };
        let mut action = predecessor.run(&mut self.shared.tables, now_ms);
        if action == Action::PauseAndFinish {
            self.clients.pause_listeners();
            self.peers.pause();
            let hearings = self.succession.draining.hearings();
            let notes = closing_notes(&self.shared, &self.peers, hearings, now_ms);
            predecessor.finish(notes.into_iter());
            action = predecessor.run(&mut self.shared.tables, now_ms);
        }
        match action {
            Action::Wait | Action::Teach | Action::PauseAndFinish => {}
            Action::Retire => self.retire(now_ms),
            Action::Abandon(reason) => self.abandon_reload(reason, now_ms),
        }
    }

    /// The successor serves: close what it has, finish what is open, exit.
    fn retire(&mut self, now_ms: u64) {
        let Some(predecessor) = self.succession.predecessor.take() else { return };
        let pid = predecessor.pid();
        let generation = self.succession.generation + 1;
        let (entries, took_ms) = (self.shared.tables.used(), now_ms - predecessor.began_ms());
        log::info!(
            "reload: process {pid} serves as generation {generation}, {entries} entries handed \
             over in {took_ms} ms"
        );
        self.end_reload(Ok(Reloaded { generation, pid, entries, took_ms }));
        self.succession.successor_pid = Some(pid);
        self.succession.notifier.main_pid(pid);
        let (tables, reactor) = (&mut self.shared.tables, &self.reactor);
        self.succession.children.extend(self.succession.draining.begin(
            predecessor,
            tables,
            reactor,
        ));
        self.stop_listening(now_ms);
        if std::mem::take(&mut self.succession.is_wanted) {
            self.pass_reload_on();
        }
    }

    fn abandon_reload(&mut self, reason: Reason, now_ms: u64) {
        let Some(mut predecessor) = self.succession.predecessor.take() else { return };
        let why = predecessor.failure(reason);
        log::error!("reload: failed, this process goes on serving: {why}");
        // A supervisor tells itself what became of the reload that it was asked for.
        if !self.supervision.is_there() {
            self.end_reload(Err(format!("failed, this process goes on serving: {why}")));
        }
        self.succession.notifier.ready("the reload failed, the old process serves");
        if predecessor.has_child() && gives_up_privileges(&self.config.global) {
            let pid = std::process::id();
            log::error!(
                "reload: this process gave up privileges (user, group, chroot) that a successor \
                 may need: start it as this one was started, with '-sf {pid}' added"
            );
        }
        predecessor.kill_child();
        self.succession.children.extend(predecessor.end(&mut self.shared.tables, now_ms));
        self.succession.write_pid_file(); // it may name the successor
        self.clients.resume_listeners();
        self.peers.resume();
        if self.succession.is_stop_wanted {
            self.start_soft_stop(now_ms);
        } else if std::mem::take(&mut self.succession.is_wanted) {
            self.start_reload(now_ms);
        }
    }

    fn run_heir(&mut self, now_ms: u64) {
        let Some(heir) = &mut self.succession.heir else { return };
        match heir.run(&mut self.shared.tables, now_ms) {
            Outcome::Wait => {}
            Outcome::Over => self.succession.heir = None,
            Outcome::Confirmed => self.hear_predecessor(),
            Outcome::Serve => {
                self.succession.generation = heir.predecessor_generation() + 1;
                heir.adopt_notes(&mut self.shared, &mut self.peers, now_ms);
                heir.set_serving(true, &self.shared.tables);
                log::info!(
                    "reload: {} entries taken over in {} ms",
                    self.shared.tables.used(),
                    now_ms - heir.began_ms()
                );
                self.begin_to_serve(now_ms);
            }
            Outcome::ServeWithout => {
                log::error!(
                    "reload: the old process is gone or silent; serving with the {} entries that \
                     have arrived",
                    self.shared.tables.used()
                );
                self.succession.generation = heir.predecessor_generation() + 1;
                heir.set_serving(false, &self.shared.tables);
                self.succession.others.extend(self.succession.teacher.take());
                for section in self.peers.sections_mut() {
                    section.handle_handover_failed(now_ms);
                }
                self.begin_to_serve(now_ms);
            }
        }
    }

    /// Accepts clients from now on, and is the process that the pid file names.
    pub fn begin_to_serve(&mut self, now_ms: u64) {
        self.succession.serving = Serving::Yes;
        self.clients.resume_listeners();
        self.probes.start(&self.shared, now_ms);
        self.peers.resume();
        self.hear_older();
        self.run_heir(now_ms); // the confirmation leaves first: without it the old process serves
        self.succession.write_pid_file();
        let Succession { others, herald, .. } = &mut self.succession;
        others.drain(..).for_each(|(pid, signal)| herald.send(pid, signal));
        *herald = Herald::default(); // its child, if there is one, ends
        let generation = self.succession.generation;
        log::info!("generation {generation} serves");
        self.succession.notifier.ready(&format!("generation {generation} serves"));
        self.supervision.note_serving();
    }

    /// Makes way for a soft stop: ends a successor that this process has started. One that was
    /// started with `-sf` takes over first, which is what it was asked for; then this is true.
    pub(super) fn has_to_hand_over(&mut self, now_ms: u64) -> bool {
        let is_asked = |predecessor: &Predecessor| !predecessor.has_child();
        if self.succession.predecessor.as_ref().is_some_and(is_asked) {
            self.succession.is_stop_wanted = true;
            return true;
        }
        self.stop_successor(now_ms);
        false
    }

    /// Ends a successor that has not taken over yet: it must not survive a stop that was meant
    /// for the whole service.
    pub fn stop_successor(&mut self, now_ms: u64) {
        if let Some(mut predecessor) = self.succession.predecessor.take() {
            predecessor.kill_child();
            self.succession.children.extend(predecessor.end(&mut self.shared.tables, now_ms));
            self.end_reload(Err("this process is stopping".to_owned()));
        }
    }

    /// Every socket and descriptor for a successor, with the name that it is found by.
    fn named_listeners(&self) -> Vec<(String, RawFd)> {
        let named = |bind: &Bind, fd: BorrowedFd<'_>| {
            let name = name_of(bind);
            let origin = self.succession.origins.get(&name).copied().unwrap_or_default();
            (Label { name, origin }.write(), fd.as_raw_fd())
        };
        let clients = self.clients.listeners().iter();
        let clients = clients.filter_map(|l| Some(named(&l.bind, l.socket()?)));
        let peers = self.peers.listeners().iter();
        let peers = peers.filter_map(|l| Some(named(&l.purpose.bind, l.socket()?)));
        let admin = self.admin.listeners().iter();
        let admin = admin.filter_map(|l| Some(named(&l.purpose.bind, l.socket()?)));
        let older = self.succession.draining.named_sockets();
        let logs = self.logger.descriptors().map(|(n, fd)| (log_name(n), fd.as_raw_fd()));
        clients.chain(peers).chain(admin).chain(older).chain(logs).collect()
    }
}
