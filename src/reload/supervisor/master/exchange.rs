//! One command of a client of the master socket, at a worker. The worker is given one end of a
//! pair of sockets and serves it as a client of the Runtime API.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::crew::Crew;
use super::keep::{Keeper, Kept};
use crate::net::socket;
use crate::reactor::clock;
use crate::reload::inherit::Inherited;
use crate::reload::supervisor::worker_link::Rights;

/// How long a worker may take to read the command, in milliseconds. A worker that works reads it
/// within a turn of its loop.
pub(super) const HEAR_LIMIT_MS: u64 = 5_000;

/// How long a worker may be silent before the supervisor looks whether it still reads. An answer
/// may take its time, and a client may wait for what has not happened yet.
const SILENCE_MS: u64 = 60_000;

/// The most bytes that are taken of an answer at once.
const PART_MAX: usize = 16 * 1024;

/// A command that a worker answers.
#[derive(Debug)]
pub(super) struct Exchange {
    worker: i32,
    socket: OwnedFd,
    hearing: Hearing,
}

/// Whether the worker reads what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    /// It must read the command until then.
    Command { until_ms: u64 },
    /// It has read the command. When nothing has come until then, it is nudged.
    Answer { nudge_ms: u64 },
    /// It must read the nudge until then.
    Nudge { until_ms: u64 },
}

/// What became of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// A part of the answer has come. There may be more.
    Part,
    /// Nothing has come.
    Nothing,
    /// The answer is complete.
    Complete,
    /// The worker does not read what it is sent.
    Unheard,
}

impl Exchange {
    /// Gives `command` to the worker.
    ///
    /// # Errors
    /// What the system reports, `WouldBlock` if the worker does not read what it is sent.
    pub(super) fn begin(
        worker: i32,
        command: &[u8],
        rights: Rights,
        crew: &impl Crew,
        now_ms: u64,
    ) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        socket::refuse_descriptors(ours.as_fd());
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        // The kernel takes far more than the longest command.
        if socket::send(ours.as_fd(), command)? < command.len() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        socket::shutdown_write(ours.as_fd())?;
        crew.give(worker, theirs, rights)?;
        let hearing = Hearing::Command { until_ms: now_ms + HEAR_LIMIT_MS };
        Ok(Self { worker, socket: ours.into(), hearing })
    }

    /// The worker.
    pub(super) fn worker(&self) -> i32 {
        self.worker
    }

    /// The socket, for poll(2).
    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// When to look again even without an event.
    pub(super) fn wake_ms(&self) -> u64 {
        match self.hearing {
            Hearing::Command { until_ms: at_ms }
            | Hearing::Nudge { until_ms: at_ms }
            | Hearing::Answer { nudge_ms: at_ms } => at_ms,
        }
    }

    /// Takes a part of the answer.
    pub(super) fn receive(&mut self, out: &mut Vec<u8>, crew: &impl Crew, now_ms: u64) -> Progress {
        let mut part = [0; PART_MAX];
        match socket::receive(self.socket.as_fd(), &mut part) {
            Ok(0) => Progress::Complete,
            Ok(count) => {
                self.hearing = Hearing::Answer { nudge_ms: now_ms + SILENCE_MS };
                out.extend_from_slice(part.get(..count).unwrap_or_default());
                Progress::Part
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.listen(crew, now_ms),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Progress::Nothing,
            // The worker has closed its end without having read the command.
            Err(_) => Progress::Unheard,
        }
    }

    /// Nothing has come: looks whether the worker still reads what it is sent.
    fn listen(&mut self, crew: &impl Crew, now_ms: u64) -> Progress {
        if now_ms < self.wake_ms() {
            return Progress::Nothing;
        }
        let has_heard = match self.hearing {
            Hearing::Command { .. } => {
                socket::unread(self.socket.as_fd()).is_ok_and(|count| count == 0)
            }
            Hearing::Answer { .. } => match crew.nudge(self.worker) {
                Ok(()) => {
                    self.hearing = Hearing::Nudge { until_ms: now_ms + HEAR_LIMIT_MS };
                    return Progress::Nothing;
                }
                // The link is full if it would block. Else the worker is ending, and closes all.
                Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            },
            Hearing::Nudge { .. } => crew.has_heard(self.worker),
        };
        if !has_heard {
            return Progress::Unheard;
        }
        self.hearing = Hearing::Answer { nudge_ms: now_ms + SILENCE_MS };
        Progress::Nothing
    }

    /// Writes what the program that follows has to know.
    pub(super) fn keep<'a>(&'a self, keeper: &mut Keeper<'a>) {
        keeper.number(i64::from(self.worker));
        keeper.descriptor(&self.socket);
        keeper.moment(match self.hearing {
            Hearing::Command { until_ms } => Some(until_ms),
            Hearing::Answer { .. } | Hearing::Nudge { .. } => None,
        });
    }

    /// Reads what [`Exchange::keep`] has written.
    pub(super) fn of_kept(kept: &mut Kept<'_>, inherited: &mut Inherited) -> io::Result<Self> {
        Ok(Self {
            worker: kept.number()?,
            socket: kept.descriptor(inherited)?,
            hearing: match kept.moment()? {
                Some(until_ms) => Hearing::Command { until_ms },
                None => Hearing::Answer { nudge_ms: clock::now_ms() + SILENCE_MS },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{Read, Write};

    use super::*;
    use crate::config::Level;
    use crate::reload::supervisor::master::show_proc::Processes;

    /// A worker that can be made to hang.
    #[derive(Default)]
    struct Fake {
        given: Cell<Option<UnixStream>>,
        nudges: Cell<u32>,
        hangs: bool,
    }

    impl Crew for Fake {
        fn serving(&self) -> Option<i32> {
            None
        }
        fn is_between(&self) -> bool {
            false
        }
        fn has(&self, _: i32) -> bool {
            true
        }
        fn give(&self, _: i32, socket: UnixStream, _: Rights) -> io::Result<()> {
            self.given.set(Some(socket));
            Ok(())
        }
        fn nudge(&self, _: i32) -> io::Result<()> {
            self.nudges.set(self.nudges.get() + 1);
            Ok(())
        }
        fn has_heard(&self, _: i32) -> bool {
            !self.hangs
        }
        fn ask_reload(&mut self) -> Result<u64, &'static str> {
            Ok(0)
        }
        fn processes(&self) -> Processes {
            Processes::default()
        }
        fn start_log(&self) -> String {
            String::new()
        }
    }

    /// An exchange whose worker has read the command, and the worker's end.
    fn begun(crew: &Fake) -> (Exchange, UnixStream) {
        let rights = Rights { level: Level::User, is_experimental: false };
        let exchange = Exchange::begin(7, b"show info\n", rights, crew, 0).unwrap();
        let mut worker = crew.given.take().unwrap();
        assert_eq!(worker.read(&mut [0; 64]).unwrap(), 10);
        (exchange, worker)
    }

    #[test]
    fn a_worker_that_hangs_over_its_answer_is_given_up() {
        let crew = Fake { hangs: true, ..Fake::default() };
        let (mut exchange, _worker) = begun(&crew);
        let mut now_ms = 0;
        for _ in 0..2 {
            now_ms = exchange.wake_ms();
            assert_eq!(exchange.receive(&mut Vec::new(), &crew, now_ms), Progress::Nothing);
        }
        assert_eq!((now_ms, crew.nudges.get()), (HEAR_LIMIT_MS + SILENCE_MS, 1));
        let end_ms = exchange.wake_ms();
        assert_eq!(end_ms, now_ms + HEAR_LIMIT_MS);
        assert_eq!(exchange.receive(&mut Vec::new(), &crew, end_ms), Progress::Unheard);
    }

    #[test]
    fn a_worker_that_reads_may_be_silent_as_long_as_it_likes() {
        let crew = Fake::default();
        let (mut exchange, mut worker) = begun(&crew);
        for _ in 0..100 {
            let now_ms = exchange.wake_ms();
            assert_eq!(exchange.receive(&mut Vec::new(), &crew, now_ms), Progress::Nothing);
        }
        assert_eq!(crew.nudges.get(), 50);
        worker.write_all(b"late").unwrap();
        let (mut answer, now_ms) = (Vec::new(), exchange.wake_ms());
        assert_eq!(exchange.receive(&mut answer, &crew, now_ms), Progress::Part);
        assert_eq!((answer, exchange.wake_ms()), (b"late".to_vec(), now_ms + SILENCE_MS));
    }
}
