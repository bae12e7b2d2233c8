//! The parent of `-W`: it serves nothing, keeps its process id and its privileges, starts the
//! worker and its successors, and ends with the last one.
//!
//! ```text
//! supervisor ----starts----> worker 1 <--asks for sockets and tables (-sf)-- worker 2 <--+
//!     |  <------"serves"------------------------------------------------------|          |
//!     +-- SIGUSR2, SIGHUP: starts the next worker ------------------------------------------+
//! ```
//!
//! Each worker has one end of a socket pair and says on it when it serves. A worker that ends
//! before that is a reload that failed; the one that serves goes on. Two workers meet on a pair of
//! sockets as well: the next one begins with one end, the one that serves is sent the other.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::control::name_senders;
use super::inherit::{Inherited, SUPERVISOR_NAME, TAKEOVER_NAME};
use super::notify::Notifier;
use super::pass::send_socket;
use super::successor::{Command, Successor};
use crate::reactor::clock;
use crate::reactor::signals::Signals;

/// A process that serves clients, did, or will.
#[derive(Debug)]
struct Worker {
    process: Successor,
    link: Option<UnixStream>,
}

/// The parent of all workers.
#[derive(Debug)]
pub struct Supervisor {
    command: Command,
    signals: Signals,
    notifier: Notifier,
    workers: Vec<Worker>,
    /// The worker that serves.
    serving: Option<i32>,
    /// The worker that is to take over.
    starting: Option<i32>,
    /// A reload was asked for while one was under way.
    is_wanted: bool,
    /// Nothing more is started.
    is_stopping: bool,
    status: u8,
}

impl Supervisor {
    /// A supervisor of processes started by `command`. To be called before anything can send a
    /// signal.
    ///
    /// # Errors
    /// What signalfd(2) or prctl(2) report.
    pub fn new(command: Command, notifier: Notifier) -> io::Result<Self> {
        // A worker's own children, if it has any, are not lost when it ends.
        nix::sys::prctl::set_child_subreaper(true)?;
        Ok(Self {
            command,
            signals: Signals::new()?,
            notifier,
            workers: Vec::new(),
            serving: None,
            starting: None,
            is_wanted: false,
            is_stopping: false,
            status: 0,
        })
    }

    /// Starts the first worker, with the sockets that a service manager has left to this process,
    /// and stays until the last one has ended; returns what that one ended with.
    ///
    /// # Errors
    /// When no first worker can be started, or waiting fails.
    pub fn run(mut self, inherited: Inherited, predecessors: &[String]) -> io::Result<u8> {
        let sockets: Vec<(String, RawFd)> =
            inherited.listeners.iter().map(|l| (l.name.clone(), l.fd.as_raw_fd())).collect();
        self.start_worker(&sockets, predecessors, None)?;
        drop(inherited); // they are the workers' from here on
        while !self.workers.is_empty() {
            self.wait()?;
            self.read_links(); // before the ends: a worker serves before its predecessor goes
            while let Some(signal) = self.signals.take() {
                self.handle_signal(signal);
            }
            self.reap();
        }
        Ok(self.status)
    }

    fn start_worker(
        &mut self,
        sockets: &[(String, RawFd)],
        words: &[String],
        takeover: Option<&UnixStream>,
    ) -> io::Result<()> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = self.command.clone();
        command.arguments.extend(words.iter().map(Into::into));
        let mut links = vec![(SUPERVISOR_NAME, &theirs)];
        links.extend(takeover.map(|socket| (TAKEOVER_NAME, socket)));
        let process = Successor::start_with(&command, sockets, &links)?;
        log::info!("supervisor: started worker {}", process.pid());
        self.starting = Some(process.pid());
        self.workers.push(Worker { process, link: Some(ours) });
        Ok(())
    }

    fn wait(&self) -> io::Result<()> {
        let links = self.workers.iter().filter_map(|worker| worker.link.as_ref());
        let mut polled: Vec<PollFd<'_>> = [self.signals.as_fd()]
            .into_iter()
            .chain(links.map(AsFd::as_fd))
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Hears who serves.
    fn read_links(&mut self) {
        let mut serves = None;
        for worker in &mut self.workers {
            let Some(link) = &mut worker.link else { continue };
            match link.read(&mut [0]) {
                Ok(1..) => serves = Some(worker.process.pid()),
                Ok(0) => worker.link = None,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => worker.link = None,
            }
        }
        if let Some(pid) = serves {
            log::info!("supervisor: worker {pid} serves");
            self.serving = Some(pid);
            self.starting = None;
            self.notifier.ready(&format!("worker {pid} serves"));
            self.reload_if_wanted();
        }
    }

    fn handle_signal(&mut self, signal: Signal) {
        match signal {
            Signal::SIGUSR2 | Signal::SIGHUP => {
                self.is_wanted = true;
                self.reload_if_wanted();
            }
            Signal::SIGUSR1 => self.stop(Signal::SIGUSR1),
            Signal::SIGTERM | Signal::SIGINT => self.stop(Signal::SIGTERM),
            _ => {} // ends of workers are looked for after every wait
        }
    }

    /// One reload at a time; those that are asked for meanwhile become one that follows.
    fn reload_if_wanted(&mut self) {
        let Some(serving) = self.serving else { return };
        if !self.is_wanted || self.is_stopping || self.starting.is_some() {
            return;
        }
        self.is_wanted = false;
        self.notifier.reloading(clock::now_ns());
        if let Err(error) = self.start_next(serving) {
            log::error!("reload: start a new worker: {error}");
            self.notifier.ready("the reload failed");
        }
    }

    /// Starts the worker that takes over from worker `serving`. One that cannot be told hangs up,
    /// and the new worker ends by itself.
    fn start_next(&mut self, serving: i32) -> io::Result<()> {
        let (asking, answering) = UnixStream::pair()?;
        name_senders(asking.as_fd())?;
        let words = ["-sf".to_owned(), serving.to_string()];
        self.start_worker(&[], &words, Some(&asking))?;
        let mut workers = self.workers.iter().filter(|worker| worker.process.pid() == serving);
        if let Some(link) = workers.find_map(|worker| worker.link.as_ref())
            && let Err(error) = send_socket(link, answering.as_fd())
        {
            log::error!("reload: tell worker {serving}: {error}");
        }
        Ok(())
    }

    fn stop(&mut self, signal: Signal) {
        if !std::mem::replace(&mut self.is_stopping, true) {
            self.notifier.stopping();
        }
        for worker in &self.workers {
            worker.process.signal(signal);
        }
    }

    /// Lets go of workers that have ended, and draws the conclusions.
    fn reap(&mut self) {
        let mut ended = Vec::new();
        self.workers.retain_mut(|worker| match worker.process.poll_exit() {
            Some(how) => {
                ended.push((worker.process.pid(), worker.process.status(), how));
                false
            }
            None => true,
        });
        for (pid, status, how) in ended {
            if self.serving == Some(pid) {
                log::info!("supervisor: worker {pid}, which served: {how}");
                self.serving = None;
                self.status = status;
                // Whoever is left drains after a stop; after a crash there is no service left.
                if !self.is_stopping {
                    log::error!("supervisor: nobody serves any more; stopping");
                    self.stop(Signal::SIGTERM);
                }
            } else if self.starting == Some(pid) {
                self.starting = None;
                self.note_failed_start(pid, status, &how);
            } else {
                log::info!("supervisor: worker {pid}, which had drained: {how}");
            }
        }
    }

    fn note_failed_start(&mut self, pid: i32, status: u8, how: &str) {
        if let Some(serving) = self.serving {
            log::error!("reload: failed, worker {serving} goes on serving: {pid}: {how}");
            self.notifier.ready(&format!("the reload failed, worker {serving} serves"));
            self.reload_if_wanted();
        } else {
            log::error!("supervisor: worker {pid}: {how}");
            self.status = status;
        }
    }
}
