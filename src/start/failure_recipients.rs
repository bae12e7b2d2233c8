//! The processes that wait for this one to serve, and that are told why it does not.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::logging::start_log;
use crate::reload::failure::Failure;
use crate::reload::inherit::Inherited;
use crate::reload::message::Message;
use crate::reload::supervisor::worker_link::{WorkerLink, WorkerMessage};

/// How long telling the predecessor may take.
const TELL_LIMIT: Duration = Duration::from_secs(1);

/// The predecessor and the supervisor of a process that does not serve yet. They are told of a
/// failure after it has been logged, and only then they see their sockets closed: a predecessor
/// ends its successor as soon as it sees that.
#[derive(Debug, Default)]
pub struct FailureRecipients {
    predecessor: Option<UnixStream>,
    supervisor: Option<WorkerLink>,
}

impl FailureRecipients {
    /// The processes that have started this one.
    ///
    /// # Errors
    /// What dup(2) reports.
    pub fn of(inherited: &Inherited) -> io::Result<Self> {
        let predecessor = inherited.handover.as_ref().map(UnixStream::try_clone).transpose()?;
        let supervisor = inherited.supervisor.as_ref().map(UnixStream::try_clone).transpose()?;
        Ok(Self { predecessor, supervisor: supervisor.map(WorkerLink::new) })
    }

    /// Adds the process that hands over on `socket`.
    ///
    /// # Errors
    /// What dup(2) reports.
    pub fn add(&mut self, socket: &UnixStream) -> io::Result<()> {
        self.predecessor = Some(socket.try_clone()?);
        Ok(())
    }

    /// Tells them the failure. Nothing else may have been sent to the predecessor before.
    pub fn tell(&self, failure: &Failure) {
        let mut told = Vec::new();
        if let Some(supervisor) = &self.supervisor {
            told.push(supervisor.send_log(&start_log::take()));
            told.push(supervisor.send(&WorkerMessage::Failed(failure.clone())));
        }
        if let Some(predecessor) = &self.predecessor {
            told.push(tell_predecessor(predecessor, failure));
        }
        for error in told.into_iter().filter_map(Result::err) {
            log::debug!("reload: say why there is no successor: {error}");
        }
    }
}

fn tell_predecessor(mut socket: &UnixStream, failure: &Failure) -> io::Result<()> {
    socket.set_nonblocking(false)?;
    socket.set_write_timeout(Some(TELL_LIMIT))?;
    socket.write_all(&Message::Failed(failure.clone()).write_framed())
}
