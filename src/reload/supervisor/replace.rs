//! How a supervisor becomes another version of its program: it executes the program anew and keeps
//! its process id and its workers. A variable of the environment holds what the new program has to
//! know, and a file without a name the rest: the master socket and its clients. The descriptors
//! stay open across exec.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use log::LevelFilter;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::unistd::execve;

use super::history::History;
use super::master::MasterSocket;
use super::master::keep::{Keeper, Kept};
use super::worker_link::{Facts, STATE_VERSION, STATE_VERSION_BEFORE, Worker, WorkerLink};
use crate::net::memory::file_with;
use crate::reactor::clock;
use crate::reload::child::{Child, Command, SUPERVISOR_STATE};
use crate::reload::inherit::{FIRST_FD, Inherited, c_string};

/// The most workers that are accepted. Each of them is a generation with open connections.
const WORKERS_MAX: usize = 10_000;

/// The longest file with the rest of the state, in bytes.
const REST_MAX: u64 = 1 << 25;

/// The name of that file in /proc.
const REST_NAME: &str = "stickd-supervisor";

/// The state of a supervisor.
#[derive(Debug)]
pub(super) struct State {
    pub(super) workers: Vec<Worker>,
    /// The worker that serves.
    pub(super) serving: Option<i32>,
    /// Whether a reload is to follow.
    pub(super) is_reload_pending: bool,
    pub(super) master: MasterSocket,
    pub(super) history: History,
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
        let rest = words.rest.map(|fd| inherited.take_descriptor(fd)).transpose()?;
        let workers = words.workers.iter().map(|(pid, fd)| {
            let link = fd.map(|fd| take_link(inherited, fd)).transpose()?;
            Ok(Worker::new(Child::of_child(*pid), link))
        });
        let mut state = Self {
            workers: workers.collect::<io::Result<_>>()?,
            serving: words.serving,
            is_reload_pending: words.is_reload_pending,
            master: MasterSocket::default(),
            history: History::new(clock::now_ms()),
        };
        if let Some(rest) = rest {
            state.read_rest(rest, inherited)?;
        }
        Ok(Some(state))
    }

    /// Reads what [`State::rest`] has written.
    fn read_rest(&mut self, fd: OwnedFd, inherited: &mut Inherited) -> io::Result<()> {
        let mut file = File::from(fd);
        let mut bytes = Vec::new();
        file.rewind()?;
        file.take(REST_MAX).read_to_end(&mut bytes)?;
        let mut kept = Kept::new(&bytes);
        for worker in &mut self.workers {
            worker.facts = Facts {
                started_ms: kept.number()?,
                reloads: kept.number()?,
                version: kept.string()?,
            };
        }
        self.history = History::of_kept(&mut kept)?;
        self.master = MasterSocket::of_kept(&mut kept, inherited)?;
        Ok(())
    }

    /// A file with what the variable does not say, and the descriptors that it names.
    fn rest(&self) -> io::Result<(File, Vec<BorrowedFd<'_>>)> {
        let mut keeper = Keeper::default();
        for Worker { facts, .. } in &self.workers {
            keeper.count(facts.started_ms);
            keeper.number(facts.reloads);
            keeper.text(facts.version.as_bytes());
        }
        self.history.keep(&mut keeper);
        self.master.keep(&mut keeper);
        let (bytes, descriptors) = keeper.finish();
        if bytes.len() as u64 > REST_MAX {
            return Err(io::Error::other("the clients of the master socket wait for too much"));
        }
        Ok((File::from(file_with(REST_NAME, &bytes)?), descriptors))
    }

    fn words(&self, rest: &File) -> Words {
        let link_of = |worker: &Worker| worker.link.as_ref().map(|link| link.as_fd().as_raw_fd());
        Words {
            pid: std::process::id(),
            level: log::max_level(),
            serving: self.serving,
            is_reload_pending: self.is_reload_pending,
            workers: self.workers.iter().map(|w| (w.process.pid(), link_of(w))).collect(),
            rest: Some(rest.as_raw_fd()),
        }
    }

    /// The descriptors of the links that are open.
    fn links(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.workers.iter().filter_map(|worker| worker.link.as_ref()).map(AsFd::as_fd)
    }
}

/// Descriptors that are left open across exec. They are not, once this is dropped.
struct KeptOpen<'a>(Vec<BorrowedFd<'a>>);

impl<'a> KeptOpen<'a> {
    fn new(descriptors: Vec<BorrowedFd<'a>>) -> io::Result<Self> {
        let kept = Self(descriptors);
        kept.set(FdFlag::empty())?;
        Ok(kept)
    }

    fn set(&self, flags: FdFlag) -> io::Result<()> {
        for descriptor in &self.0 {
            fcntl(descriptor, FcntlArg::F_SETFD(flags))?;
        }
        Ok(())
    }
}

impl Drop for KeptOpen<'_> {
    fn drop(&mut self) {
        // It cannot fail: the same was done when the descriptors were made.
        let _ = self.set(FdFlag::FD_CLOEXEC);
    }
}

/// The state as it is written in the variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// The process that the state is meant for.
    pid: u32,
    /// The level of the log.
    level: LevelFilter,
    serving: Option<i32>,
    is_reload_pending: bool,
    /// The process ids, and the descriptors of the links that are open.
    workers: Vec<(i32, Option<RawFd>)>,
    /// The descriptor of the file with the rest. None in the version before.
    rest: Option<RawFd>,
}

impl Words {
    /// Writes it.
    pub fn write(&self) -> String {
        let Self { pid, level, serving, is_reload_pending, workers, rest } = self;
        let serving = serving.unwrap_or(0);
        let mut text =
            format!("{STATE_VERSION} {pid} {level} {serving} {}", u8::from(*is_reload_pending));
        text.push_str(&format!(" {}", rest.unwrap_or(-1)));
        for (pid, fd) in workers {
            text.push_str(&format!(" {pid}:{}", fd.unwrap_or(-1)));
        }
        text
    }

    /// Reads it. None if the text is no state.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let version: u8 = words.next()?.parse().ok()?;
        if version != STATE_VERSION && version != STATE_VERSION_BEFORE {
            return None;
        }
        let pid = words.next()?.parse().ok()?;
        let level = words.next()?.parse().ok()?;
        let serving = words.next()?.parse().ok().map(|pid: i32| (pid > 0).then_some(pid))?;
        let is_reload_pending = words.next()? == "1";
        let rest = match version {
            STATE_VERSION => Some(words.next()?.parse().ok()?).filter(|fd| *fd >= FIRST_FD),
            _ => None,
        };
        let worker = |word: &str| {
            let (pid, fd) = word.split_once(':')?;
            let (pid, fd): (i32, RawFd) = (pid.parse().ok()?, fd.parse().ok()?);
            (pid > 1).then_some((pid, (fd >= FIRST_FD).then_some(fd)))
        };
        let workers: Vec<_> = words.take(WORKERS_MAX).map(worker).collect::<Option<_>>()?;
        let mut fds: Vec<RawFd> = workers.iter().filter_map(|(_, fd)| *fd).chain(rest).collect();
        let count = fds.len();
        fds.sort_unstable();
        fds.dedup();
        (fds.len() == count).then_some(Self {
            pid,
            level,
            serving,
            is_reload_pending,
            workers,
            rest,
        })
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
    // It cannot fail: it was done before.
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
    let (rest, mut open) = state.rest()?;
    environment.push(c_string(format!("{SUPERVISOR_STATE}={}", state.words(&rest).write()))?);
    open.extend(state.links());
    open.push(rest.as_fd());
    let _open = KeptOpen::new(open)?;
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
            rest: Some(9),
        };
        assert_eq!(Words::parse(&words.write()), Some(words));
        let none = Words {
            pid: 1,
            level: LevelFilter::Info,
            serving: None,
            is_reload_pending: false,
            workers: Vec::new(),
            rest: None,
        };
        assert_eq!(Words::parse(&none.write()), Some(none));
        let before = Words::parse("1 12 INFO 34 0 34:5").unwrap();
        assert_eq!((before.workers, before.rest), (vec![(34, Some(5))], None));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for text in
            ["", "1", "9 12 INFO 34 0", "1 12 INFO 34 0 1:5", "1 12 INFO 34 0 35", "2 12 INFO 34 0"]
        {
            assert_eq!(Words::parse(text), None, "{text}");
        }
        for text in ["1 12 INFO 34 0 34:5 35:5", "2 12 INFO 34 0 5 34:5"] {
            assert_eq!(Words::parse(text), None, "two owners of one descriptor");
        }
    }
}
