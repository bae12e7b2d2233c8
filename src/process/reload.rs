//! What the process does in a reload: it starts a successor or answers one that asks, hands over,
//! and drains; or it learns from its predecessor, and begins to serve.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::succession::{Role, warn_of_asking, warn_of_stopping};
use super::supervised::FromSupervisor;
use super::{Process, Stop};
use super::{handed, lending};
use crate::admin::context::reloads::Reloaded;
use crate::config::Bind;
use crate::logging::history::RELOAD;
use crate::net::descriptors::FDS_PER_MESSAGE;
use crate::reactor::clock;
use crate::reload::child::Child;
use crate::reload::elsewhere::Elsewhere;
use crate::reload::history;
use crate::reload::history::Past;
use crate::reload::incoming;
use crate::reload::inherit::label::{Label, name_of};
use crate::reload::inherit::{OLDER_NAME, SERVER_NAMES_NAME, log_name, rows_name};
use crate::reload::late_counts::LateCounts;
use crate::reload::late_updates::Older;
use crate::reload::message::names::KeptIndexes;
use crate::reload::outgoing::{self, Outgoing, Reason};
use crate::reload::state;
use crate::reload::stop_others::StopOthers;
use crate::reload::supervisor::worker_link::Rights;
use crate::table::LentMemory;

/// The most processes that are answered, or turned away, in one turn.
const ANSWERS_PER_TURN: usize = 8;

impl Process {
    /// One turn of everything that concerns other processes.
    pub(super) fn run_succession(&mut self, now_ms: u64) {
        self.run_supervision(now_ms);
        self.answer_asking(now_ms);
        self.run_incoming(now_ms);
        if matches!(self.succession.role, Role::LearningLocally) && !self.is_taught_locally() {
            self.begin_to_serve(now_ms);
        }
        self.start_pending_reload(now_ms);
        self.run_outgoing(now_ms);
        self.ask_elders(now_ms);
        self.answer_successor(now_ms);
        self.succession.send_late_updates(&mut self.shared.tables, now_ms);
    }

    /// Acts on what the supervisor sends. This process ends when the supervisor is gone: nothing
    /// could reload it any more, and for the system the service has ended.
    fn run_supervision(&mut self, now_ms: u64) {
        while let Some(event) = self.supervision.poll(now_ms) {
            match event {
                FromSupervisor::ReloadFailed(failure) => {
                    self.end_reload(Err(failure.as_str().to_owned()));
                }
                FromSupervisor::Client(socket, rights) => {
                    let Rights { level, is_experimental } = rights;
                    let socket = socket.into();
                    self.admin.add_given(socket, level, is_experimental, &self.reactor, now_ms);
                }
                FromSupervisor::AskToKeep if self.succession.is_serving() => self.give_keepsakes(),
                FromSupervisor::AskToKeep => {}
                FromSupervisor::Gone(error) => {
                    log::error!("the supervisor is gone ({error}): stopping");
                    self.stop_successor(now_ms);
                    self.stop = Stop::Now;
                }
            }
        }
    }

    // Beginning a reload.

    /// Starts the reload that was asked for (`SIGUSR2`), or notes that it has to wait.
    pub(super) fn start_reload(&mut self, now_ms: u64) {
        self.begin_reload();
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
            self.succession.is_reload_pending = true;
            return;
        }
        if self.is_being_taught(now_ms) {
            log::info!("reload: follows when a peer has taught this process");
            self.succession.is_reload_pending = true;
            return;
        }
        let started = Outgoing::start(
            &self.succession.means.command,
            self.succession.generation,
            &self.named_sockets(),
            &mut self.shared.tables,
            &self.reactor,
            now_ms,
        );
        match started {
            Ok(outgoing) => {
                log::info!(target: RELOAD, "reload: started process {}", outgoing.pid());
                self.succession.role = Role::HandingOver { outgoing, stops_afterwards: false };
                self.succession.means.notifier.reloading(clock::now_ns());
            }
            Err(error) => {
                log::error!(
                    target: RELOAD,
                    "reload: start a new process, this process goes on serving: {error}"
                );
                self.tell_of_privileges();
                self.end_reload(Err(format!("start a new process: {error}")));
            }
        }
    }

    /// Tells the clients of the Runtime API that wait for a reload how it has ended.
    pub(super) fn end_reload(&mut self, result: Result<Reloaded, String>) {
        if let Err(reason) = &result {
            self.record_failed_reload(reason.clone());
        }
        self.reloads.finish(result);
        self.admin.wake();
    }

    /// Sends the signal on to the process that serves now.
    fn pass_reload_on(&self) {
        if let Role::Draining { successor_pid: pid, .. } = self.succession.role
            && let Err(errno) = kill(Pid::from_raw(pid), Signal::SIGUSR2)
        {
            log::info!("reload: process {pid}, which serves now: {errno}");
        }
    }

    /// Starts the reload that had to wait, if it need not wait any longer.
    fn start_pending_reload(&mut self, now_ms: u64) {
        if self.succession.is_reload_pending
            && self.stop == Stop::No
            && !self.succession.is_busy()
            && !self.is_being_taught(now_ms)
        {
            self.succession.is_reload_pending = false;
            self.start_reload(now_ms);
        }
    }

    /// Whether a peer teaches this process. A reload would have to begin that resync anew, so it
    /// waits, but not for too long.
    fn is_being_taught(&self, now_ms: u64) -> bool {
        self.resync_until_ms().is_some_and(|until_ms| now_ms < until_ms)
    }

    /// When a reload does not wait for resyncs any longer.
    fn resync_until_ms(&self) -> Option<u64> {
        let sections = self.peers.sections().iter();
        sections.filter_map(|section| section.resync().resync_until_ms()).max()
    }

    /// When a turn is wanted for other processes even without an event.
    #[cold]
    pub(super) fn succession_deadline_ms(&self) -> Option<u64> {
        let is_free = self.stop == Stop::No && !self.succession.is_busy();
        let waits = (self.succession.is_reload_pending || self.may_be_asked()) && is_free;
        let resync_ms = self.resync_until_ms().filter(|_| waits);
        [self.succession.next_deadline_ms(), resync_ms].into_iter().flatten().min()
    }

    /// Whether a process may be waiting that asks to take over.
    fn may_be_asked(&self) -> bool {
        self.succession.may_be_asked() || self.supervision.has_next()
    }

    /// Whether a process that asks to take over can be answered now. It waits for the end of
    /// another reload, and for a peer that teaches this process.
    pub(super) fn may_answer_asking(&self, now_ms: u64) -> bool {
        let is_free = !self.succession.is_busy() && !self.is_being_taught(now_ms);
        self.may_be_asked() && (self.stop != Stop::No || is_free)
    }

    fn answer_asking(&mut self, now_ms: u64) {
        for _ in 0..ANSWERS_PER_TURN {
            if !self.may_answer_asking(now_ms) {
                return;
            }
            let next = self.supervision.take_next();
            let Some(stream) = next.or_else(|| self.succession.next_asking(now_ms)) else {
                continue;
            };
            if self.stop != Stop::No {
                warn_of_stopping(now_ms);
                continue;
            }
            let answered = Outgoing::answer(
                stream,
                self.succession.generation,
                &self.named_sockets(),
                &mut self.shared.tables,
                &self.reactor,
                now_ms,
            );
            match answered {
                Ok(outgoing) => {
                    self.begin_reload();
                    log::info!(target: RELOAD, "reload: another process takes over");
                    self.succession.role = Role::HandingOver { outgoing, stops_afterwards: false };
                }
                Err(error) => warn_of_asking("hand the sockets over", &error, now_ms),
            }
        }
    }

    /// Every socket and descriptor that a successor gets, with the name by which it is found.
    fn named_sockets(&self) -> Vec<(String, RawFd)> {
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
        let older = self.succession.receivers.sockets();
        let older = older.map(|(generation, fd)| (format!("{OLDER_NAME}{generation}"), fd));
        let logs = self.logger.descriptors().map(|(n, fd)| (log_name(n), fd.as_raw_fd()));
        clients.chain(peers).chain(admin).chain(older).chain(logs).collect()
    }

    /// Gives the supervisor, if there is one, what the worker that follows a crash needs.
    pub(super) fn give_keepsakes(&mut self) {
        if !self.supervision.has_keeper() {
            return;
        }
        // Older processes are in the middle of what they say, which nobody else can follow.
        let mut named = self.named_sockets();
        named.retain(|(name, _)| !name.starts_with(OLDER_NAME));
        let (rows, names) = self.shared.tables.files();
        named.extend(rows.map(|(table, fd)| (rows_name(table), fd.as_raw_fd())));
        named.extend(names.map(|fd| (SERVER_NAMES_NAME.to_owned(), fd.as_raw_fd())));
        self.supervision.keep(&named);
    }

    // Handing over.

    fn run_outgoing(&mut self, now_ms: u64) {
        let Role::HandingOver { outgoing, .. } = &mut self.succession.role else { return };
        let mut action = outgoing.run(&mut self.shared.tables, now_ms);
        if action == outgoing::Action::PauseAndFinish {
            self.clients.pause_listeners();
            self.peers.pause();
            let (peers, tables) = (&mut self.peers, &mut self.shared.tables);
            let most = FDS_PER_MESSAGE - outgoing.wanted().len() * LentMemory::FILES_MAX;
            let (sessions, mut descriptors) = handed::offer_sessions(peers, tables, most, now_ms);
            let (receivers, generation) = (&self.succession.receivers, self.succession.generation);
            let past = Past {
                events: &self.events,
                reloads: &self.reloads.past,
                began_ms: self.reload_began_ms,
            };
            let mut messages = history::collect(&past, &self.shared.tables);
            messages.extend(handed::counts_of_sockets(&self.clients, &mut self.endpoints));
            let elsewhere = &self.succession.elsewhere;
            messages.extend(state::collect(
                &self.shared,
                &self.peers,
                receivers,
                elsewhere,
                generation,
                now_ms,
            ));
            let counts = LateCounts::new(generation, &self.shared, now_ms);
            messages.extend(sessions);
            let (tables, clients) = (&mut self.shared.tables, &mut self.clients);
            let (lent, files) = lending::lend(outgoing, tables, clients, now_ms);
            messages.extend(lent);
            descriptors.extend(files);
            outgoing.finish(messages.into_iter(), descriptors, counts);
            action = outgoing.run(&mut self.shared.tables, now_ms);
        }
        match action {
            outgoing::Action::Wait | outgoing::Action::PauseAndFinish => {}
            outgoing::Action::Retire => self.retire(now_ms),
            outgoing::Action::Abandon(reason) => self.abandon_reload(reason, now_ms),
        }
    }

    /// Holds clients and remote peers back if this process stood still in a handover: its successor
    /// may serve meanwhile, and knows what this process does not. The clock is read once more, as
    /// the process may have stood still in this turn.
    pub(super) fn hold_back_after_standstill(&mut self) {
        if matches!(self.succession.role, Role::HandingOver { .. })
            && self.succession.finds_standstill(clock::now_ms())
        {
            log::warn!(
                target: RELOAD,
                "reload: this process stood still; its clients wait until the new process serves \
                 or is given up"
            );
            self.clients.pause_listeners();
            self.peers.pause();
        }
    }

    /// Ends the handover from this process, if there is one. The process serves until the caller
    /// gives it another role.
    fn take_outgoing(&mut self) -> Option<(Outgoing, bool)> {
        if !matches!(self.succession.role, Role::HandingOver { .. }) {
            return None;
        }
        match std::mem::replace(&mut self.succession.role, Role::Serving) {
            Role::HandingOver { outgoing, stops_afterwards } => Some((outgoing, stops_afterwards)),
            _ => None,
        }
    }

    /// The successor serves: closes what the successor has, and drains.
    fn retire(&mut self, now_ms: u64) {
        let Some((outgoing, _)) = self.take_outgoing() else { return };
        let pid = outgoing.pid();
        let generation = self.succession.generation + 1;
        let entries = outgoing.entries(&self.shared.tables);
        let took_ms = now_ms - outgoing.began_ms();
        log::info!(
            target: RELOAD,
            "reload: process {pid} serves as generation {generation}, {entries} entries handed \
             over in {took_ms} ms"
        );
        self.end_reload(Ok(Reloaded { generation, pid, entries, took_ms }));
        self.succession.means.notifier.main_pid(pid);
        let (sender, child) = outgoing.retire();
        self.succession.role = Role::Draining { successor_pid: pid, late_updates: Some(sender) };
        self.succession.children.extend(child);
        self.succession.receivers.give_up(&mut self.shared.tables, &self.reactor);
        self.saving.quit(&self.reactor);
        self.shared.elders.set_generations(std::iter::empty());
        self.stop_listening(now_ms);
        self.names.nameservers.stop(); // the successor asks
        if std::mem::take(&mut self.succession.is_reload_pending) {
            self.pass_reload_on();
        }
    }

    /// The successor does not come to serve: this process goes on as if nothing had happened.
    fn abandon_reload(&mut self, reason: Reason, now_ms: u64) {
        if let Role::HandingOver { outgoing, .. } = &mut self.succession.role
            && !outgoing.withdraw(&mut self.shared.tables, now_ms)
        {
            self.retire(now_ms); // it has just come to serve
            return;
        }
        let Some((mut outgoing, stops_afterwards)) = self.take_outgoing() else { return };
        let why = outgoing.failure(reason);
        log::error!(target: RELOAD, "reload: failed, this process goes on serving: {why}");
        // A supervisor itself tells how the reload has ended that it was asked for.
        if !self.supervision.is_there() {
            self.end_reload(Err(format!("failed, this process goes on serving: {why}")));
        }
        self.succession.means.notifier.ready("the reload failed, the old process serves");
        if outgoing.has_child() {
            self.tell_of_privileges();
        }
        self.end_outgoing(outgoing, now_ms);
        self.succession.write_pid_file(); // it may name the successor
        self.clients.resume_listeners();
        self.peers.take_sessions_back(&mut self.shared.tables, now_ms);
        self.peers.resume();
        if stops_afterwards {
            self.start_soft_stop(now_ms);
        } else if std::mem::take(&mut self.succession.is_reload_pending) {
            self.start_reload(now_ms);
        }
    }

    /// Says how a process is replaced that cannot start its successor itself.
    fn tell_of_privileges(&self) {
        if self.succession.means.gives_up_privileges {
            let pid = std::process::id();
            log::error!(
                "reload: this process gave up privileges (user, group, chroot) that a successor \
                 may need: start it as this one was started, with '-sf {pid}' added"
            );
        }
    }

    fn end_outgoing(&mut self, mut outgoing: Outgoing, now_ms: u64) {
        let tables = &mut self.shared.tables;
        // A successor that has come to serve meanwhile has its tables, and ends.
        if let Some(loan) = outgoing.take_loan()
            && outgoing.withdraw(tables, now_ms)
        {
            lending::take_back(loan, tables, &mut self.clients, now_ms);
        }
        outgoing.kill_child();
        let child = outgoing.end(&mut self.shared.tables, now_ms);
        self.succession.children.extend(child);
    }

    /// Prepares a soft stop. A successor that this process has started is ended. A successor that
    /// was started with `-sf` takes over first, as its start asks for that. Then this is true, and
    /// the handover ends with the soft stop.
    pub(super) fn has_to_hand_over(&mut self, now_ms: u64) -> bool {
        if let Role::HandingOver { outgoing, stops_afterwards } = &mut self.succession.role
            && !outgoing.has_child()
        {
            *stops_afterwards = true;
            return true;
        }
        self.stop_successor(now_ms);
        false
    }

    /// Ends a successor that has not taken over yet. A stop is meant for the whole service, so the
    /// successor must not survive it.
    pub(super) fn stop_successor(&mut self, now_ms: u64) {
        if let Some((outgoing, _)) = self.take_outgoing() {
            self.end_outgoing(outgoing, now_ms);
            self.end_reload(Err("this process is stopping".to_owned()));
        }
    }

    // Taking over.

    fn run_incoming(&mut self, now_ms: u64) {
        let Some(incoming) = self.succession.incoming_mut() else { return };
        match incoming.run(&mut self.shared.tables, now_ms) {
            incoming::Action::Wait => {}
            incoming::Action::Over => {
                self.succession.confirming = None;
                self.succession.indexes.clear();
                self.succession.receivers.end_to_await(&mut self.shared.tables);
            }
            incoming::Action::Confirmed => self.receive_from_predecessor(),
            incoming::Action::Serve => {
                let (shared, peers) = (&mut self.shared, &mut self.peers);
                let (mut indexes, mut elsewhere) = (KeptIndexes::default(), Elsewhere::default());
                let mut sockets = incoming.take_descriptors();
                let messages = incoming.messages();
                let of_tables = lending::count_of_files(messages);
                let files = sockets.split_off(sockets.len().saturating_sub(of_tables));
                lending::take_over(messages, files, shared, now_ms);
                let found = indexes.get(shared);
                state::adopt(messages, shared, peers, found, &mut elsewhere, now_ms);
                handed::adopt_counts(messages, &mut self.clients, &mut self.endpoints);
                let (tables, reactor) = (&mut shared.tables, &self.reactor);
                handed::carry_sessions_on(messages, sockets, peers, tables, reactor, now_ms);
                let before = history::adopt(incoming.messages(), &mut shared.tables, now_ms);
                let is_told = incoming.confirm(&mut shared.tables, now_ms);
                if !is_told && shared.tables.has_taken() {
                    shared.tables.leave_taken();
                    self.serve_without(now_ms);
                    return;
                }
                shared.tables.keep_taken();
                let entries = shared.tables.used();
                let took_ms = now_ms - incoming.began_ms();
                let generation = incoming.predecessor_generation() + 1;
                log::info!(target: RELOAD, "reload: {entries} entries taken over in {took_ms} ms");
                self.succession.generation = generation;
                (self.succession.indexes, self.succession.elsewhere) = (indexes, elsewhere);
                self.adopt_past(before, took_ms);
                self.begin_to_serve(now_ms);
            }
            incoming::Action::ServeWithout => self.serve_without(now_ms),
        }
    }

    /// Serves although the predecessor does not hear of it: it is gone, or silent.
    fn serve_without(&mut self, now_ms: u64) {
        let Some(incoming) = self.succession.incoming_mut() else { return };
        incoming.go_without(&self.shared.tables);
        let took_ms = now_ms - incoming.began_ms();
        let generation = incoming.predecessor_generation() + 1;
        lending::restore(&mut self.shared.tables, now_ms);
        log::error!(
            target: RELOAD,
            "reload: the old process is gone or silent; serving with the {} entries that have \
             arrived",
            self.shared.tables.used()
        );
        self.succession.generation = generation;
        self.succession.receivers.begin_to_await(&mut self.shared.tables);
        self.record_reload(None, took_ms, true);
        self.succession.others.handover_failed();
        for section in self.peers.sections_mut() {
            section.handle_handover_failed(now_ms);
        }
        self.begin_to_serve(now_ms);
    }

    /// Whether a process still teaches, or may teach, over the address of the local peer.
    fn is_taught_locally(&self) -> bool {
        let mut sections = self.peers.sections().iter();
        sections.any(|section| section.resync().awaits_predecessor())
    }

    /// Begins to serve. If another process teaches this one, that comes first. `others` are told to
    /// stop when this process serves. `children` have to be waited for when they end.
    pub fn begin(&mut self, others: StopOthers, children: impl IntoIterator<Item = Child>) {
        self.succession.others = others;
        self.succession.children.extend(children);
        if self.succession.is_serving() {
            self.begin_to_serve(clock::now_ms());
        }
    }

    /// Accepts clients from now on, and is the process that the pid file names.
    fn begin_to_serve(&mut self, now_ms: u64) {
        let before = std::mem::replace(&mut self.succession.role, Role::Serving);
        self.succession.means.expendable.end();
        self.clients.resume_listeners();
        self.checks.start(&self.shared, now_ms);
        self.names.start(&self.shared, &self.config.peers, now_ms);
        self.peers.resume();
        if let Role::Learning { incoming, older } = before {
            for (generation, stream) in older {
                let last_updates = incoming.last_updates_of(generation, &self.shared.tables);
                self.receive_from(Older { fd: stream.into(), generation, last_updates });
            }
            let is_told = incoming.is_told();
            self.succession.confirming = Some(incoming);
            if is_told {
                self.receive_from_predecessor();
            }
        }
        self.run_incoming(now_ms); // sends the confirmation, if it is still to be sent
        self.succession.write_pid_file();
        std::mem::take(&mut self.succession.others).stop();
        let generation = self.succession.generation;
        log::info!(target: RELOAD, "generation {generation} serves");
        self.succession.means.notifier.ready(&format!("generation {generation} serves"));
        self.supervision.note_serving();
        self.saving.begin(&self.shared.tables);
    }

    /// The predecessor drains: what it still changes is received.
    fn receive_from_predecessor(&mut self) {
        if let Some(incoming) = self.succession.confirming.take() {
            let older = incoming.into_older(&self.reactor);
            self.receive_from(older);
        }
    }

    fn receive_from(&mut self, older: Older) {
        let generation = older.generation;
        let (tables, reactor) = (&mut self.shared.tables, &self.reactor);
        if let Err(error) = self.succession.receivers.add(older, tables, reactor) {
            log::error!("reload: generation {generation} is not heard: {error}");
        }
    }
}
