//! How a supervisor becomes another version of its program: it executes the program anew and keeps
//! its process id and its workers. A variable of the environment holds what the new program has to
//! know. The links to the workers stay open across exec.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use log::LevelFilter;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::unistd::execve;

use super::worker_link::{STATE_VERSION, Worker, WorkerLink};
use crate::reload::child::{Child, Command, SUPERVISOR_STATE};
use crate::reload::inherit::{FIRST_FD, Inherited, c_string};

/// The most workers that are accepted. Each of them is a generation with open connections.
const WORKERS_MAX: usize = 10_000;

/// The state of a supervisor.
#[derive(Debug)]
pub(super) struct State {
    pub(super) workers: Vec<Worker>,
    /// The worker that serves.
    pub(super) serving: Option<i32>,
    /// Whether a reload is to follow.
    pub(super) is_reload_pending: bool,
}

impl State {
    /// The state that this process had before it became this program, if it was a supervisor. The
    /// links are taken from `inherited`.
    ///
    /// # Errors
    /// When the variable is meant for this process and does not describe open links.
    pub(super) fn of_process(inherited: &mut Inherited) -> io::Result<Option<Self>> {
        let Some(text) = std::env::var_os(SUPERVISOR_STATE) else { return Ok(None) };
        let text = text.to_string_lossy();
        let Some(words) = Words::parse(&text) else {
            return Err(io::Error::other(format!(
                "{SUPERVISOR_STATE} is '{text}', which is no state"
            )));
        };
        if words.pid != std::process::id() {
            return Ok(None); // left in the environment of a child
        }
        log::set_max_level(words.level);
        let workers = words.workers.iter().map(|(pid, fd)| {
            let link = fd.map(|fd| take_link(inherited, fd)).transpose()?;
            Ok(Worker::new(Child::of_child(*pid), link))
        });
        let workers = workers.collect::<io::Result<_>>()?;
        Ok(Some(Self {
            workers,
            serving: words.serving,
            is_reload_pending: words.is_reload_pending,
        }))
    }

    fn words(&self) -> Words {
        let link_of = |worker: &Worker| worker.link.as_ref().map(|link| link.as_fd().as_raw_fd());
        Words {
            pid: std::process::id(),
            level: log::max_level(),
            serving: self.serving,
            is_reload_pending: self.is_reload_pending,
            workers: self.workers.iter().map(|w| (w.process.pid(), link_of(w))).collect(),
        }
    }

    /// Leaves the links open across exec, or not.
    fn keep_open(&self, is_kept: bool) -> io::Result<()> {
        let flags = if is_kept { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
        for link in self.workers.iter().filter_map(|worker| worker.link.as_ref()) {
            fcntl(link.as_fd(), FcntlArg::F_SETFD(flags))?;
        }
        Ok(())
    }
}

/// The state as it is written in the variable.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    /// The process that the state is meant for.
    pid: u32,
    /// The level of the log.
    level: LevelFilter,
    serving: Option<i32>,
    is_reload_pending: bool,
    /// The process ids, and the descriptors of the links that are open.
    workers: Vec<(i32, Option<RawFd>)>,
}

impl Words {
    fn write(&self) -> String {
        let Self { pid, level, serving, is_reload_pending, workers } = self;
        let serving = serving.unwrap_or(0);
        let mut text =
            format!("{STATE_VERSION} {pid} {level} {serving} {}", u8::from(*is_reload_pending));
        for (pid, fd) in workers {
            text.push_str(&format!(" {pid}:{}", fd.unwrap_or(-1)));
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next()?.parse() != Ok(STATE_VERSION) {
            return None;
        }
        let pid = words.next()?.parse().ok()?;
        let level = words.next()?.parse().ok()?;
        let serving = words.next()?.parse().ok().map(|pid: i32| (pid > 0).then_some(pid))?;
        let is_reload_pending = words.next()? == "1";
        let worker = |word: &str| {
            let (pid, fd) = word.split_once(':')?;
            let (pid, fd): (i32, RawFd) = (pid.parse().ok()?, fd.parse().ok()?);
            (pid > 1).then_some((pid, (fd >= FIRST_FD).then_some(fd)))
        };
        let workers: Vec<_> = words.take(WORKERS_MAX).map(worker).collect::<Option<_>>()?;
        let mut fds: Vec<RawFd> = workers.iter().filter_map(|(_, fd)| *fd).collect();
        let count = fds.len();
        fds.sort_unstable();
        fds.dedup();
        (fds.len() == count).then_some(Self { pid, level, serving, is_reload_pending, workers })
    }
}

/// Takes the link at descriptor `number`.
fn take_link(inherited: &mut Inherited, number: RawFd) -> io::Result<WorkerLink> {
    let fd = inherited.take_descriptor(number)?;
    if getsockopt(&fd, sockopt::SockType)? != SockType::SeqPacket {
        return Err(io::Error::other(format!("descriptor {number} is no link to a worker")));
    }
    Ok(WorkerLink::new(fd.into()))
}

/// Becomes `command`, with `state`. Returns only if that fails. Nothing has changed then.
pub(super) fn become_program(command: &Command, state: State) -> (State, io::Error) {
    let directory = std::env::current_dir();
    let error = match execute(command, &state) {
        Err(error) => error,
        Ok(never) => match never {},
    };
    // Neither can fail: both were done before.
    let _ = state.keep_open(false);
    let _ = directory.and_then(std::env::set_current_dir);
    (state, error)
}

fn execute(command: &Command, state: &State) -> io::Result<std::convert::Infallible> {
    let program = c_string(PathBuf::into_os_string(command.program.clone()).into_vec())?;
    let arguments: Vec<CString> = command
        .arguments
        .iter()
        .map(|a| c_string(a.clone().into_vec()))
        .collect::<Result<_, _>>()?;
    let mut environment = Vec::with_capacity(command.environment.len() + 1);
    for (name, value) in &command.environment {
        // The workers have the sockets that a service manager has opened.
        if !name.to_string_lossy().starts_with("LISTEN_") {
            let line = [name.clone(), value.clone()].join(&OsString::from("="));
            environment.push(c_string(line.into_vec())?);
        }
    }
    environment.push(c_string(format!("{SUPERVISOR_STATE}={}", state.words().write()))?);
    state.keep_open(true)?;
    if let Some(directory) = &command.directory {
        std::env::set_current_dir(directory)?;
    }
    Ok(execve(&program, &arguments, &environment)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_as_it_was_written() {
        let words = Words {
            pid: 12,
            level: LevelFilter::Error,
            serving: Some(34),
            is_reload_pending: true,
            workers: vec![(34, Some(5)), (33, Some(7)), (32, None)],
        };
        assert_eq!(Words::parse(&words.write()), Some(words));
        let none = Words {
            pid: 1,
            level: LevelFilter::Info,
            serving: None,
            is_reload_pending: false,
            workers: Vec::new(),
        };
        assert_eq!(Words::parse(&none.write()), Some(none));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for text in ["", "1", "9 12 INFO 34 0", "1 12 INFO 34 0 1:5", "1 12 INFO 34 0 35"] {
            assert_eq!(Words::parse(text), None, "{text}");
        }
        assert_eq!(Words::parse("1 12 INFO 34 0 34:5 35:5"), None, "two owners of one descriptor");
    }
}
