//! Why a process could not come to serve, in words, for whoever asked for it.

use std::fmt;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::inherit::Inherited;
use super::message::Note;
use super::supervisor::worker_link::{Message, WorkerLink};
use crate::peers::wire::{MESSAGE_MAX, Writer, message};

/// How long telling them may take.
const TELL_LIMIT: Duration = Duration::from_secs(1);

/// The longest reason that is passed on, in bytes. All of it is in the log.
const LEN_MAX: usize = 1024;

/// The last error of a process that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWords(String);

impl LastWords {
    /// `text` as far as it is passed on.
    pub fn new(text: &str) -> Self {
        let text = text.trim_end();
        if text.len() <= LEN_MAX {
            return Self(text.to_owned());
        }
        let end = (0..=LEN_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let begin = text.get(..end).unwrap_or_default();
        // Whole lines only, if there is one.
        let begin = begin.rsplit_once('\n').map_or(begin, |(lines, _)| lines);
        Self(format!("{begin}\n(more in the log)"))
    }

    /// What another process has sent.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self::new(&String::from_utf8_lossy(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who wants to know why this process does not come to serve. They are told, and see their sockets
/// closed, only after the reason has been logged: a predecessor ends a successor at once then.
#[derive(Debug, Default)]
pub struct Audience {
    predecessor: Option<UnixStream>,
    supervisor: Option<WorkerLink>,
}

impl Audience {
    /// Those that have started this process.
    ///
    /// # Errors
    /// What dup(2) reports.
    pub fn of(inherited: &Inherited) -> io::Result<Self> {
        let predecessor = inherited.handover.as_ref().map(UnixStream::try_clone).transpose()?;
        let supervisor = inherited.supervisor.as_ref().map(WorkerLink::try_clone).transpose()?;
        Ok(Self { predecessor, supervisor })
    }

    /// Adds the process that hands over on `socket`.
    ///
    /// # Errors
    /// What dup(2) reports.
    pub fn add(&mut self, socket: &UnixStream) -> io::Result<()> {
        self.predecessor = Some(socket.try_clone()?);
        Ok(())
    }

    /// Tells them. Nothing else may have been sent to the predecessor.
    pub fn tell(&self, words: &LastWords) {
        let mut told = Vec::new();
        if let Some(supervisor) = &self.supervisor {
            told.push(supervisor.send(&Message::Failed(words.clone())));
        }
        if let Some(predecessor) = &self.predecessor {
            told.push(tell_predecessor(predecessor, words));
        }
        for error in told.into_iter().filter_map(Result::err) {
            log::debug!("reload: say why there is no successor: {error}");
        }
    }
}

fn tell_predecessor(mut socket: &UnixStream, words: &LastWords) -> io::Result<()> {
    let mut space = [0; MESSAGE_MAX];
    let mut out = Writer::new(&mut space);
    message::write_note(&mut out, &Note::Failed(words.clone()).write());
    let len = out.len();
    socket.set_nonblocking(false)?;
    socket.set_write_timeout(Some(TELL_LIMIT))?;
    socket.write_all(space.get(..len).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_lines() {
        assert_eq!(LastWords::new("no such file\n").as_str(), "no such file");
        let long = format!("first line\n{}", "ä".repeat(1000));
        assert_eq!(LastWords::new(&long).as_str(), "first line\n(more in the log)");
        let one = "ä".repeat(1000);
        assert!(LastWords::new(&one).as_str().starts_with("ää"));
        assert!(LastWords::new(&one).as_str().len() < LEN_MAX + 20);
    }
}
