//! The parent process of `-W`. It serves nothing, keeps its process id and its privileges, starts
//! the first worker and the workers that take over from it, and ends with the last worker.
//!
//! ```text
//! supervisor --starts--> worker 1 <--asks for sockets and tables (-sf)--+
//!     |                                                                 |
//!     +---- SIGUSR2, SIGHUP: starts --> worker 2 -----------------------+
//!     |                                    |
//!     +<------------ "serves" -------------+
//! ```
//!
//! Each worker has one end of a pair of sockets ([`worker_link`]) and says there when it serves. If
//! a new worker ends before that, the reload has failed: the worker that serves goes on, and is
//! told why. Two workers meet on another pair of sockets: the new worker is started with one end,
//! and the supervisor sends the other end to the worker that serves. After a reload the supervisor
//! becomes the program that its new worker runs ([`replace`]).
//!
//! A worker that serves gives the supervisor its listening sockets and the memory of its tables to
//! keep ([`keepsakes`]). If it crashes, they go to the next worker (`restart.rs`): clients wait in
//! the queues of the sockets meanwhile, and the entries are there again.
//!
//! With `-S` it takes commands ([`master`]), for itself and for its workers.

mod asked;
pub mod history;
pub mod keepsakes;
pub mod master;
pub mod replace;
mod restart;
pub mod worker_link;

use std::io;
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::child::{Child, Command};
use super::control::name_senders;
use super::failure::Failure;
use super::inherit::{Inherited, SUPERVISOR_NAME, TAKEOVER_NAME};
use super::systemd::Notifier;
use crate::reactor::clock;
use crate::reactor::signals::Signals;
use history::History;
use keepsakes::Keepsakes;
use master::{MasterListener, MasterSocket, Polled};
use replace::State;
use restart::{Crashes, Restart};
use worker_link::{MESSAGES_PER_TURN, STATE_VERSION, Worker, WorkerLink, WorkerMessage};

/// How long the next worker may take until it serves, in milliseconds. A worker gives up much
/// earlier by itself. This limit is for a worker that hangs.
const START_LIMIT_MS: u64 = 120_000;

/// The variables by which HAProxy tells a worker that there is a master, and where it listens.
const MWORKER: &str = "HAPROXY_MWORKER";
const MASTER_CLI: &str = "HAPROXY_MASTER_CLI";

/// The worker that is to take over.
#[derive(Clone, Copy, Debug)]
struct Starting {
    pid: i32,
    /// When it is ended unless it serves by then. The first worker has no limit.
    until_ms: Option<u64>,
}

/// A worker that has ended.
#[derive(Debug)]
struct Ended {
    pid: i32,
    status: u8,
    how: String,
    /// Why it did not come to serve, in its own words.
    failure: Option<Failure>,
    /// The messages of its start, if it did not come to serve.
    log: Vec<u8>,
    /// What it has given the supervisor to keep.
    keepsakes: Keepsakes,
}

/// The parent of all workers.
#[derive(Debug)]
pub struct Supervisor {
    command: Command,
    signals: Signals,
    notifier: Notifier,
    master: MasterSocket,
    history: History,
    workers: Vec<Worker>,
    /// The worker that serves.
    serving: Option<i32>,
    starting: Option<Starting>,
    /// Another reload was asked for during a reload.
    is_reload_pending: bool,
    crashes: Crashes,
    /// The worker that served has crashed, and no other one serves yet.
    restart: Option<Restart>,
    /// Nothing more is started.
    is_stopping: bool,
    status: u8,
}

impl Supervisor {
    /// A supervisor of processes started by `command`, which takes commands at `listeners`. To be
    /// called before anything can send a signal.
    ///
    /// # Errors
    /// What signalfd(2) or prctl(2) report.
    pub fn new(
        command: Command,
        notifier: Notifier,
        listeners: Vec<MasterListener>,
    ) -> io::Result<Self> {
        // The children of a worker become children of this process when the worker ends.
        nix::sys::prctl::set_child_subreaper(true)?;
        Ok(Self {
            command,
            signals: Signals::new()?,
            notifier,
            master: MasterSocket::new(listeners),
            history: History::new(clock::now_ms()),
            workers: Vec::new(),
            serving: None,
            starting: None,
            is_reload_pending: false,
            crashes: Crashes::default(),
            restart: None,
            is_stopping: false,
            status: 0,
        })
    }

    /// The supervisor that this process was before it became this program, if it was a supervisor.
    ///
    /// # Errors
    /// As for [`Supervisor::new`], or when the state of the supervisor cannot be read.
    pub fn resumed(
        command: &Command,
        inherited: &mut Inherited,
        notifier: impl Fn() -> Notifier,
    ) -> io::Result<Option<Self>> {
        let Some(state) = State::of_process(inherited)? else { return Ok(None) };
        let mut supervisor = Self::new(command.clone(), notifier(), Vec::new())?;
        supervisor.master = state.master;
        supervisor.history = state.history;
        supervisor.workers = state.workers;
        supervisor.serving = state.serving;
        supervisor.is_reload_pending = state.is_reload_pending;
        if let Some(serving) = state.serving {
            // What it had given was closed when this process became another program.
            supervisor.ask_for_keepsakes(serving);
        }
        log::debug!("supervisor: goes on as {}", command.program.display());
        Ok(Some(supervisor))
    }

    /// Starts the first worker, with the sockets that a service manager has opened for this
    /// process, and stays until the last worker has ended. Returns the exit status of that worker.
    ///
    /// # Errors
    /// When no first worker can be started, or waiting fails.
    pub fn run(mut self, inherited: Inherited, predecessors: &[String]) -> io::Result<u8> {
        self.start_worker(&inherited.named(), predecessors, None)?;
        drop(inherited); // the workers own the sockets from here on
        self.run_on()
    }

    /// Stays until the last worker has ended. Returns the exit status of that worker.
    ///
    /// # Errors
    /// When waiting fails.
    pub fn run_on(mut self) -> io::Result<u8> {
        self.reload_if_pending();
        self.reap();
        while !self.workers.is_empty() || self.restart.is_some() {
            let ready = self.wait()?;
            self.read_links(); // first: a worker says that it serves before the old one ends
            while let Some(signal) = self.signals.take() {
                self.handle_signal(signal);
            }
            self.reap();
            self.end_late_worker();
            self.restart_if_due();
            self.serve_master(&ready);
        }
        Ok(self.status)
    }

    fn start_worker(
        &mut self,
        sockets: &[(String, RawFd)],
        options: &[String],
        takeover: Option<&UnixStream>,
    ) -> io::Result<()> {
        let (ours, theirs) = WorkerLink::pair()?;
        let mut command = self.command.clone();
        command.arguments.extend(options.iter().map(Into::into));
        self.tell_of_supervisor(&mut command);
        let mut links = vec![(SUPERVISOR_NAME, &theirs)];
        links.extend(takeover.map(|socket| (TAKEOVER_NAME, socket)));
        let tell = |socket: &UnixStream, failure: &Failure| {
            WorkerLink::new(socket.try_clone()?).send(&WorkerMessage::Failed(failure.clone()))
        };
        let process = Child::start_with(&command, sockets, &links, tell)?;
        log::info!("supervisor: started worker {}", process.pid());
        let is_first = self.serving.is_none() && self.restart.is_none();
        let until_ms = (!is_first).then(|| clock::now_ms() + START_LIMIT_MS);
        self.starting = Some(Starting { pid: process.pid(), until_ms });
        self.workers.push(Worker::new(process, Some(ours)));
        Ok(())
    }

    /// Sets the variables by which HAProxy tells its workers of the master.
    fn tell_of_supervisor(&self, command: &mut Command) {
        let listeners = self.master.listeners().iter().rev();
        let addresses: Vec<&str> = listeners.map(|listener| listener.address.as_str()).collect();
        command.environment.retain(|(name, _)| name != MASTER_CLI && name != MWORKER);
        command.environment.push((MWORKER.into(), "1".into()));
        if !addresses.is_empty() {
            command.environment.push((MASTER_CLI.into(), addresses.join(";").into()));
        }
    }

    /// Waits for something to do. Returns what the master socket has to do.
    fn wait(&self) -> io::Result<Vec<(Polled, PollFlags)>> {
        let now_ms = clock::now_ms();
        let links = self.workers.iter().filter_map(|worker| worker.link.as_ref());
        let mut polled: Vec<PollFd<'_>> = [self.signals.as_fd()]
            .into_iter()
            .chain(links.map(AsFd::as_fd))
            .chain(self.workers.iter().filter_map(|worker| worker.keepsakes.socket()))
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        let own = polled.len();
        let mut of_master = Vec::new();
        for (what, fd, flags) in self.master.polled(now_ms) {
            of_master.push(what);
            polled.push(PollFd::new(fd, flags));
        }
        let is_between =
            self.serving.is_none() && (self.starting.is_some() || self.restart.is_some());
        let late_ms = self.starting.and_then(|starting| starting.until_ms);
        let restart_ms = self.restart.as_ref().filter(|_| self.starting.is_none());
        let restart_ms = restart_ms.map(|restart| restart.at_ms);
        let until_ms = [late_ms, restart_ms].into_iter().flatten().min().unwrap_or(u64::MAX);
        let until_ms = until_ms.min(self.master.wake_ms(is_between, now_ms));
        let limit = match until_ms {
            u64::MAX => PollTimeout::NONE,
            until_ms => {
                PollTimeout::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(PollTimeout::MAX)
            }
        };
        match poll(&mut polled, limit) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let found = polled.iter().skip(own).map(|polled| polled.revents());
        let found = of_master.into_iter().zip(found);
        let found = found.filter_map(|(what, found)| Some((what, found?)));
        Ok(found.filter(|(_, found)| !found.is_empty()).collect())
    }

    /// Gives the clients of the master socket their turn.
    fn serve_master(&mut self, ready: &[(Polled, PollFlags)]) {
        let now_ms = clock::now_ms();
        let mut master = std::mem::take(&mut self.master);
        master.run(ready, self, now_ms);
        self.master = master;
        self.reload_if_pending();
    }

    /// Answers the clients of the master socket that wait for the reload that was begun last.
    fn answer_reload(&mut self, answer: &str) {
        let mut master = std::mem::take(&mut self.master);
        master.note_reload(self.history.begun, answer, self);
        self.master = master;
    }

    fn worker(&self, pid: i32) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.process.pid() == pid)
    }

    /// Reads the messages of the workers. What a worker says counts only where it is its turn to
    /// say so: workers have no privileges, and strangers talk to them.
    fn read_links(&mut self) {
        let starting = self.starting.map(|starting| starting.pid);
        let mut serves = None;
        for worker in &mut self.workers {
            let pid = worker.process.pid();
            let is_starting = starting == Some(pid);
            worker.keepsakes.receive(pid);
            for _ in 0..MESSAGES_PER_TURN {
                let Some(link) = &worker.link else { break };
                match link.receive() {
                    Ok(Some(WorkerMessage::Serves(serving))) if is_starting => {
                        worker.facts.version.clone_from(&serving.version);
                        let log = std::mem::take(&mut worker.log);
                        serves = Some((pid, serving.state_version, log));
                    }
                    Ok(Some(WorkerMessage::Log(part))) if is_starting => worker.note_log(&part),
                    Ok(Some(WorkerMessage::Reload)) => self.is_reload_pending = true,
                    Ok(Some(WorkerMessage::Failed(failure))) if is_starting => {
                        worker.failure = Some(failure);
                    }
                    Ok(_) => log::debug!("supervisor: worker {pid} makes no sense"),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => worker.link = None,
                }
            }
        }
        if let Some((pid, version, log)) = serves {
            log::info!("supervisor: worker {pid} serves");
            self.serving = Some(pid);
            self.restart = None;
            self.crashes.note_serving(clock::now_ms());
            // The sockets of the worker before are to be closed where the new one does not listen.
            let others = self.workers.iter_mut().filter(|worker| worker.process.pid() != pid);
            others.for_each(|worker| worker.keepsakes = Keepsakes::default());
            self.ask_for_keepsakes(pid);
            let is_reload = self.starting.take().is_some_and(|s| s.until_ms.is_some());
            self.notifier.ready(&format!("worker {pid} serves"));
            let answer = self.history.note_success(&log);
            self.answer_reload(&answer);
            if is_reload && version == STATE_VERSION && !self.is_stopping {
                self.become_new_program();
            }
        }
        self.reload_if_pending();
    }

    /// Becomes the program that the new worker runs. The worker has shown that the program can be
    /// started and understands this state. If anything goes wrong, this program goes on.
    fn become_new_program(&mut self) {
        let state = State {
            workers: std::mem::take(&mut self.workers),
            serving: self.serving,
            is_reload_pending: self.is_reload_pending,
            master: std::mem::take(&mut self.master),
            history: std::mem::replace(&mut self.history, History::new(0)),
        };
        let (state, error) = replace::become_program(&self.command, state);
        log::error!("supervisor: become {}: {error}", self.command.program.display());
        self.workers = state.workers;
        self.master = state.master;
        self.history = state.history;
    }

    fn handle_signal(&mut self, signal: Signal) {
        match signal {
            Signal::SIGUSR2 | Signal::SIGHUP => {
                self.is_reload_pending = true;
                self.reload_if_pending();
            }
            Signal::SIGUSR1 | Signal::SIGTERM | Signal::SIGINT => self.stop(signal),
            _ => {} // the ends of workers are looked for after every wait
        }
    }

    /// Starts the reload that was asked for, unless one is under way. All reloads that are asked
    /// for during a reload become one reload that follows.
    fn reload_if_pending(&mut self) {
        let Some(serving) = self.serving else { return };
        if !self.is_reload_pending || self.is_stopping || self.starting.is_some() {
            return;
        }
        self.is_reload_pending = false;
        self.history.begun += 1;
        self.workers.iter_mut().for_each(|worker| worker.facts.reloads += 1);
        self.notifier.reloading(clock::now_ns());
        if let Err(error) = self.start_next(serving) {
            let failure = Failure::new(&format!("start a new worker: {error}"));
            self.note_failed_reload(serving, &[], &failure);
        }
    }

    /// Starts the worker that takes over from worker `serving`. If that one cannot be told, the new
    /// worker sees its socket closed and ends by itself.
    fn start_next(&mut self, serving: i32) -> io::Result<()> {
        let (asking, answering) = UnixStream::pair()?;
        name_senders(asking.as_fd())?;
        let options = ["-sf".to_owned(), serving.to_string()];
        self.start_worker(&[], &options, Some(&asking))?;
        self.tell(serving, &WorkerMessage::Next(answering));
        Ok(())
    }

    /// Asks worker `pid`, which serves, for what its successor needs if it crashes.
    fn ask_for_keepsakes(&mut self, pid: i32) {
        if self.is_stopping {
            return;
        }
        match Keepsakes::ask() {
            Ok((keepsakes, theirs)) => {
                self.tell(pid, &WorkerMessage::Keep(theirs));
                let mut workers = self.workers.iter_mut();
                if let Some(worker) = workers.find(|worker| worker.process.pid() == pid) {
                    worker.keepsakes = keepsakes;
                }
            }
            Err(error) => log::warn!("supervisor: after a crash of worker {pid} all ends: {error}"),
        }
    }

    /// Sends a message to worker `pid`.
    fn tell(&self, pid: i32, message: &WorkerMessage) {
        if let Some(link) = self.worker(pid).and_then(|worker| worker.link.as_ref())
            && let Err(error) = link.send(message)
        {
            log::error!("reload: tell worker {pid}: {error}");
        }
    }

    fn stop(&mut self, signal: Signal) {
        if !std::mem::replace(&mut self.is_stopping, true) {
            self.notifier.stopping();
            if self.is_reload_pending {
                self.history.begun += 1;
                self.answer_reload("Success=0\n--\nthe service is stopping");
            }
        }
        self.restart = None;
        for worker in &mut self.workers {
            worker.keepsakes = Keepsakes::default(); // or else clients would go on to connect
            worker.process.signal(signal);
        }
    }

    /// Forgets the workers that have ended, and decides what follows from their ends.
    fn reap(&mut self) {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG))
            && status != WaitStatus::StillAlive
        {
            let Some(pid) = status.pid() else { continue };
            let mut workers = self.workers.iter_mut();
            match workers.find(|worker| worker.process.pid() == pid.as_raw()) {
                Some(worker) => worker.process.note_exit(status),
                None => log::debug!("supervisor: process {pid}, a worker's child, has ended"),
            }
        }
        let mut ended = Vec::new();
        self.workers.retain_mut(|worker| match worker.process.poll_exit() {
            Some(how) => {
                worker.hear_last_words();
                let failure = worker.failure.take();
                let log = std::mem::take(&mut worker.log);
                let keepsakes = std::mem::take(&mut worker.keepsakes);
                let (pid, status) = (worker.process.pid(), worker.process.status());
                ended.push(Ended { pid, status, how, failure, log, keepsakes });
                false
            }
            None => true,
        });
        for ended in ended {
            let Ended { pid, ref how, .. } = ended;
            if self.serving == Some(pid) {
                self.note_end_of_serving(ended);
            } else if self.starting.is_some_and(|starting| starting.pid == pid) {
                self.starting = None;
                self.note_failed_start(&ended);
            } else {
                log::info!("supervisor: worker {pid}, which had drained: {how}");
            }
        }
    }

    /// The worker that served has ended: because it was told to, or it has crashed.
    fn note_end_of_serving(&mut self, ended: Ended) {
        let Ended { pid, status, how, keepsakes, .. } = ended;
        self.serving = None;
        self.status = status;
        if keepsakes.is_empty() || self.is_stopping {
            log::info!("supervisor: worker {pid}, which served: {how}");
            // A new worker that is starting goes on: with what this one has handed over, or else
            // with sockets that it opens itself.
            if self.starting.is_none() {
                self.end_service();
            }
            return;
        }
        log::error!("supervisor: worker {pid}, which served, has crashed: {how}; another follows");
        self.notifier.status(&format!("worker {pid} has crashed, another follows"));
        self.restart = Some(self.crashes.note_crash(keepsakes, clock::now_ms()));
        // What a new worker has been handed over is not all there is.
        if let Some(starting) = self.starting
            && let Some(worker) = self.worker(starting.pid)
        {
            worker.process.kill();
        }
    }

    /// Starts a worker with what the one that has crashed has left, when it is time.
    fn restart_if_due(&mut self) {
        let now_ms = clock::now_ms();
        let restart = self.restart.as_ref().filter(|_| self.starting.is_none());
        let Some(restart) = restart.filter(|restart| now_ms >= restart.at_ms) else { return };
        let named = restart.keepsakes.named();
        if let Err(error) = self.start_worker(&named, &[], None) {
            log::error!("supervisor: start a worker: {error}");
            self.note_failed_restart();
        }
    }

    /// A worker that was to follow one that has crashed does not come to serve.
    fn note_failed_restart(&mut self) {
        let Some(restart) = &mut self.restart else { return };
        if !restart.note_failure(clock::now_ms()) {
            self.restart = None;
            self.end_service();
        }
    }

    fn note_failed_start(&mut self, ended: &Ended) {
        let Ended { pid, status, how, failure, log, .. } = ended;
        let failure = failure.clone();
        let failure =
            failure.unwrap_or_else(|| Failure::new(&format!("the new worker {pid}: {how}")));
        if let Some(serving) = self.serving {
            self.note_failed_reload(serving, log, &failure);
            self.reload_if_pending();
        } else {
            log::error!("supervisor: worker {pid}: {how}");
            let answer = self.history.note_failure(log, &failure);
            self.answer_reload(&answer);
            self.status = *status;
            if self.restart.is_some() {
                self.note_failed_restart();
            } else {
                self.end_service();
            }
        }
    }

    /// No worker serves. After a stop the workers that are left drain. After a crash they are
    /// stopped as well, as the service has ended.
    fn end_service(&mut self) {
        if !self.is_stopping && !self.workers.is_empty() {
            log::error!("supervisor: nobody serves any more; stopping");
            self.stop(Signal::SIGTERM);
        }
    }

    /// Says in the log, to the service manager and to worker `serving` that this worker goes on
    /// serving, and why.
    fn note_failed_reload(&mut self, serving: i32, log: &[u8], failure: &Failure) {
        log::error!("reload: failed, worker {serving} goes on serving: {failure}");
        self.notifier.ready(&format!("the reload failed, worker {serving} serves"));
        self.tell(serving, &WorkerMessage::ReloadFailed(failure.clone()));
        let answer = self.history.note_failure(log, failure);
        self.answer_reload(&answer);
    }

    /// Kills a worker that should serve by now. Its end is handled like the end of any worker.
    fn end_late_worker(&mut self) {
        let is_late = |starting: &Starting| {
            starting.until_ms.is_some_and(|until_ms| clock::now_ms() >= until_ms)
        };
        let Some(starting) = self.starting.filter(is_late) else { return };
        let mut workers = self.workers.iter_mut();
        if let Some(worker) = workers.find(|worker| worker.process.pid() == starting.pid) {
            let limit_s = START_LIMIT_MS / 1000;
            let failure =
                format!("the new worker {} did not serve within {limit_s} s", starting.pid);
            worker.failure = Some(Failure::new(&failure));
            worker.process.kill();
            let until_ms = Some(clock::now_ms() + START_LIMIT_MS);
            self.starting = Some(Starting { until_ms, ..starting });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use worker_link::Serving;

    /// A supervisor of worker 7, which serves, and worker 8, which starts, with their ends.
    fn supervisor() -> (Supervisor, [WorkerLink; 2]) {
        let [(seven, of_seven), (eight, of_eight)] = [(); 2].map(|()| WorkerLink::pair().unwrap());
        let worker = |pid, link| Worker::new(Child::of_child(pid), Some(link));
        let supervisor = Supervisor {
            command: Command::of_process().unwrap(),
            signals: Signals::new().unwrap(),
            notifier: Notifier::default(),
            master: MasterSocket::default(),
            history: History::new(0),
            workers: vec![worker(7, seven), worker(8, eight)],
            serving: Some(7),
            starting: Some(Starting { pid: 8, until_ms: Some(u64::MAX) }),
            is_reload_pending: false,
            crashes: Crashes::default(),
            restart: None,
            is_stopping: true,
            status: 0,
        };
        (supervisor, [of_seven, of_eight].map(WorkerLink::new))
    }

    #[test]
    fn only_the_worker_that_starts_comes_to_serve() {
        let (mut supervisor, [seven, eight]) = supervisor();
        let serves =
            || WorkerMessage::Serves(Serving { state_version: 0, version: "9".to_owned() });
        seven.send(&serves()).unwrap();
        supervisor.read_links();
        assert_eq!((supervisor.serving, supervisor.starting.is_some()), (Some(7), true));
        eight.send(&serves()).unwrap();
        supervisor.read_links();
        assert_eq!((supervisor.serving, supervisor.starting.is_some()), (Some(8), false));
        seven.send(&serves()).unwrap();
        supervisor.read_links();
        assert_eq!(supervisor.serving, Some(8), "that one had its time");
    }

    #[test]
    fn a_worker_that_never_stops_talking_keeps_the_supervisor_from_nothing() {
        let (mut supervisor, [seven, _]) = supervisor();
        for _ in 0..=MESSAGES_PER_TURN {
            seven.send(&WorkerMessage::Nudge).unwrap();
        }
        supervisor.read_links();
        assert!(!seven.is_read());
        supervisor.read_links();
        assert!(seven.is_read());
    }
}
