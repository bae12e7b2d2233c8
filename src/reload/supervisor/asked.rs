//! What the master socket asks of the supervisor.

use std::io;
use std::os::unix::net::UnixStream;

use super::Supervisor;
use super::master::crew::Crew;
use super::master::show_proc::{Processes, Row};
use super::worker_link::{Rights, Worker, WorkerLink, WorkerMessage};
use crate::config::COMPATIBLE_VERSION;
use crate::reactor::clock;

impl Supervisor {
    fn link(&self, pid: i32) -> io::Result<&WorkerLink> {
        let link = self.worker(pid).and_then(|worker| worker.link.as_ref());
        link.ok_or_else(|| io::Error::other("it is ending"))
    }
}

impl Crew for Supervisor {
    fn serving(&self) -> Option<i32> {
        self.serving
    }

    fn is_between(&self) -> bool {
        self.serving.is_none() && self.starting.is_some()
    }

    fn has(&self, pid: i32) -> bool {
        self.worker(pid).is_some()
    }

    fn give(&self, pid: i32, socket: UnixStream, rights: Rights) -> io::Result<()> {
        self.link(pid)?.send(&WorkerMessage::Client(socket, rights))
    }

    fn nudge(&self, pid: i32) -> io::Result<()> {
        self.link(pid)?.send(&WorkerMessage::Nudge)
    }

    fn has_heard(&self, pid: i32) -> bool {
        self.link(pid).is_ok_and(WorkerLink::is_read)
    }

    fn ask_reload(&mut self) -> Result<u64, &'static str> {
        if self.is_stopping {
            return Err("the service is stopping");
        }
        self.is_reload_pending = true;
        Ok(self.history.begun + 1)
    }

    fn processes(&self) -> Processes {
        let now_ms = clock::now_ms();
        let row = |worker: &Worker| Row {
            pid: worker.process.pid(),
            reloads: worker.facts.reloads,
            age_ms: now_ms.saturating_sub(worker.facts.started_ms),
            version: worker.facts.version.clone(),
        };
        let starting = self.starting.map(|starting| starting.pid);
        let is_old = |worker: &&Worker| {
            let pid = Some(worker.process.pid());
            pid != self.serving && pid != starting
        };
        Processes {
            master: Row {
                pid: std::process::id().cast_signed(),
                reloads: u32::try_from(self.history.begun).unwrap_or(u32::MAX),
                age_ms: now_ms.saturating_sub(self.history.started_ms),
                version: COMPATIBLE_VERSION.to_owned(),
            },
            failed: self.history.failed,
            serving: self.serving.and_then(|pid| self.worker(pid)).map(row),
            old: self.workers.iter().rev().filter(is_old).map(row).collect(),
        }
    }

    fn start_log(&self) -> String {
        self.history.log.clone()
    }
}
