//! What the process is in a reload: its role, and what it needs to find the next role.
//!
//! ```text
//!        +--> Learning ---------+
//!        |                      v
//! start -+-------------------> Serving <-----> HandingOver ----> Draining
//!        |                      ^
//!        +--> LearningLocally --+
//! ```

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use mio::event::Event;

use super::pid_file::PidFile;
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::proxy::Shared;
use crate::reactor::Reactor;
use crate::reload::child::{Child, Command};
use crate::reload::control::path::MeetingPlaces;
use crate::reload::control::{Asked, Control};
use crate::reload::elsewhere::Elsewhere;
use crate::reload::expendable::Expendable;
use crate::reload::incoming::Incoming;
use crate::reload::inherit::label::SocketOrigin;
use crate::reload::late_updates::{LateUpdateReceivers, LateUpdateSender};
use crate::reload::message::names::KeptIndexes;
use crate::reload::outgoing::Outgoing;
use crate::reload::socket::ReloadSocket;
use crate::reload::state;
use crate::reload::stop_others::StopOthers;
use crate::reload::systemd::Notifier;
use crate::table::Tables;

/// The warning that something went wrong with a process that asks to take over.
const ASKING: Topic = Topic::fault("successor asking");

/// The process that teaches this one its tables before this one serves.
#[derive(Debug)]
pub enum Teacher {
    /// No process: this one serves at once.
    Nobody,
    /// A stickd that hands over.
    Predecessor {
        /// The socket of the handover.
        socket: UnixStream,
        /// Older processes that drain: their generations and sockets.
        older: Vec<(u32, UnixStream)>,
    },
    /// A process that speaks the peers protocol teaches over the address of the local peer.
    LocalPeer,
}

/// What the process is in a reload.
#[derive(Debug)]
pub(super) enum Role {
    /// The process learns from a stickd, and does not accept clients before that has finished.
    Learning {
        incoming: Incoming,
        /// Older processes that drain: their generations and sockets. What they send waits until
        /// this process serves.
        older: Vec<(u32, UnixStream)>,
    },
    /// The process learns over the address of the local peer, and does not accept clients before
    /// that has finished.
    LearningLocally,
    /// The process serves.
    Serving,
    /// The process serves while a successor is started and taught.
    HandingOver {
        outgoing: Outgoing,
        /// A soft stop was asked for. If the handover fails, it follows.
        stops_afterwards: bool,
    },
    /// A successor serves. This process ends with its last connection.
    Draining {
        successor_pid: i32,
        /// Sends what the last connections change, as long as the successor reads it.
        late_updates: Option<LateUpdateSender>,
    },
}

/// What the process needs to change its role.
#[derive(Debug)]
pub struct Means {
    /// How this process was started, and how its successor is started.
    pub command: Command,
    /// The file that names the process when it serves.
    pub pid_file: Option<PidFile>,
    /// The service manager that watches this process.
    pub notifier: Notifier,
    /// Whether the process gives up privileges that a successor may need.
    pub gives_up_privileges: bool,
    /// That the kernel may end this process until it serves.
    pub expendable: Expendable,
}

/// The process between its predecessor and its successor.
#[derive(Debug)]
pub(super) struct Succession {
    pub(super) means: Means,
    /// What a successor is told of each listening socket, by the name of the socket.
    pub(super) origins: HashMap<String, SocketOrigin>,
    /// Counts the processes that have served one after the other, from 1.
    pub(super) generation: u32,
    pub(super) role: Role,
    /// The handover to this process, once this process serves: until the predecessor knows that, or
    /// is gone.
    pub(super) confirming: Option<Incoming>,
    /// Receives what older processes change that drain.
    pub(super) receivers: LateUpdateReceivers,
    /// The connections of older processes that drain.
    pub(super) elsewhere: Elsewhere,
    /// Finds what older processes name.
    pub(super) indexes: KeptIndexes,
    /// A reload was asked for and has to wait.
    pub(super) is_reload_pending: bool,
    /// Children that have to be waited for.
    pub(super) children: Vec<Child>,
    /// Processes of `-sf` and `-st` that are told to stop when this process serves.
    pub(super) others: StopOthers,
    control: Option<Control>,
    control_readable: bool,
}

impl Succession {
    /// The role of a process that `teacher` teaches. Other processes can ask to take over at one of
    /// `places`.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub(super) fn new(
        means: Means,
        origins: HashMap<String, SocketOrigin>,
        teacher: Teacher,
        places: &MeetingPlaces,
        tables: &Tables,
        reactor: &Reactor,
        now_ms: u64,
    ) -> io::Result<Self> {
        let control = listen_for_successors(places, reactor);
        let role = match teacher {
            Teacher::Nobody => Role::Serving,
            Teacher::LocalPeer => Role::LearningLocally,
            Teacher::Predecessor { socket, older } => {
                let incoming = Incoming::new(socket, tables, reactor, now_ms)?;
                Role::Learning { incoming, older }
            }
        };
        Ok(Self {
            means,
            origins,
            generation: 1,
            role,
            confirming: None,
            receivers: LateUpdateReceivers::default(),
            elsewhere: Elsewhere::default(),
            indexes: KeptIndexes::default(),
            is_reload_pending: false,
            children: Vec::new(),
            others: StopOthers::default(),
            control_readable: control.is_some(),
            control,
        })
    }

    /// The directory of the socket where other processes ask to take over.
    pub(super) fn control_directory(&self) -> Option<PathBuf> {
        self.control.as_ref()?.path().parent().map(Path::to_owned)
    }

    /// Tells the service manager that the service ends.
    pub(super) fn note_stopping(&self) {
        self.means.notifier.stopping();
    }

    pub(super) fn write_pid_file(&mut self) {
        if let Some(pid_file) = &mut self.means.pid_file
            && let Err(error) = pid_file.write()
        {
            log::error!("{error}");
        }
    }

    /// Counts the processes that have served one after the other, from 1.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether clients are accepted here, or were accepted until a successor took over.
    pub(super) fn is_serving(&self) -> bool {
        match self.role {
            Role::Learning { .. } | Role::LearningLocally => false,
            Role::Serving | Role::HandingOver { .. } | Role::Draining { .. } => true,
        }
    }

    /// Whether clients and remote peers are held back: at the end of a handover from this process,
    /// or after this process stood still in it.
    pub(super) fn holds_back(&self) -> bool {
        matches!(&self.role, Role::HandingOver { outgoing, .. } if outgoing.holds_back())
    }

    /// Whether it has just come to light that this process stood still in a handover.
    pub(super) fn finds_standstill(&mut self, now_ms: u64) -> bool {
        match &mut self.role {
            Role::HandingOver { outgoing, .. } => outgoing.finds_standstill(now_ms),
            _ => false,
        }
    }

    /// Whether a handover is under way, to this process or from it.
    pub(super) fn is_reloading(&self) -> bool {
        !self.is_serving() || matches!(self.role, Role::HandingOver { .. })
    }

    /// Whether a successor serves in this process's place.
    pub(super) fn has_handed_over(&self) -> bool {
        matches!(self.role, Role::Draining { .. })
    }

    /// Whether a successor has to wait: a handover is not over, to this process or from it.
    pub(super) fn is_busy(&self) -> bool {
        let owes = self.confirming.as_ref().is_some_and(Incoming::owes_confirmation);
        self.is_reloading() || owes
    }

    /// The handover to this process, until it is over.
    pub(super) fn incoming_mut(&mut self) -> Option<&mut Incoming> {
        match &mut self.role {
            Role::Learning { incoming, .. } => Some(incoming),
            _ => self.confirming.as_mut(),
        }
    }

    /// Notes that something has happened on a socket.
    pub(super) fn note(&mut self, socket: ReloadSocket, event: &Event) {
        match socket {
            ReloadSocket::Successor => match &mut self.role {
                Role::HandingOver { outgoing, .. } => outgoing.note(event),
                Role::Draining { late_updates: Some(sender), .. } => sender.note(event),
                _ => {}
            },
            ReloadSocket::Predecessor => {
                if let Some(incoming) = self.incoming_mut() {
                    incoming.note(event);
                }
            }
            ReloadSocket::Draining { generation } => self.receivers.note(generation, event),
            ReloadSocket::Control => self.control_readable = true,
            ReloadSocket::Supervisor | ReloadSocket::Saver => {}
        }
    }

    /// Whether no other process has a part in what this process does. That is so in most turns of
    /// its life.
    #[inline]
    pub(super) fn is_alone(&self) -> bool {
        matches!(self.role, Role::Serving | Role::Draining { late_updates: None, .. })
            && self.confirming.is_none()
            && !self.is_reload_pending
            && !self.control_readable
            && self.receivers.is_empty()
            && self.elsewhere.is_empty()
    }

    /// Whether something is known of older processes that drain.
    #[inline]
    pub(super) fn hears_others(&self) -> bool {
        !self.receivers.is_empty() || !self.elsewhere.is_empty()
    }

    /// Whether another turn is wanted at once.
    pub(super) fn has_work(&self, tables: &Tables) -> bool {
        let has_role_work = match &self.role {
            Role::Learning { incoming, .. } => incoming.has_work(),
            Role::HandingOver { outgoing, .. } => outgoing.has_work(tables),
            Role::Draining { late_updates: Some(sender), .. } => sender.has_work(tables),
            Role::LearningLocally | Role::Serving | Role::Draining { late_updates: None, .. } => {
                false
            }
        };
        has_role_work
            || self.confirming.as_ref().is_some_and(Incoming::has_work)
            || (!self.holds_back() && self.receivers.has_work())
    }

    /// When a turn is wanted even without an event.
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        match &self.role {
            Role::Learning { incoming, .. } => incoming.deadline_ms(),
            Role::HandingOver { outgoing, .. } => Some(outgoing.deadline_ms()),
            Role::Draining { late_updates, .. } => {
                late_updates.as_ref().and_then(LateUpdateSender::deadline_ms)
            }
            Role::LearningLocally | Role::Serving => None,
        }
    }

    /// Whether a draining process has to stay for what its successor does not know yet.
    pub(super) fn keeps_process(&self, tables: &Tables) -> bool {
        match &self.role {
            Role::Draining { late_updates: Some(sender), .. } => sender.keeps_process(tables),
            _ => false,
        }
    }

    /// Whether a process may be waiting that asks to take over.
    pub(super) fn may_be_asked(&self) -> bool {
        self.control_readable
    }

    /// Looks once for a process that asks to take over, and returns its socket.
    pub(super) fn next_asking(&mut self, now_ms: u64) -> Option<UnixStream> {
        match self.control.as_ref()?.accept(now_ms) {
            Ok(Asked::Successor(stream)) => return Some(stream),
            Ok(Asked::Refused) => {}
            Ok(Asked::Nobody) => self.control_readable = false,
            Err(error) => {
                self.control_readable = false;
                warn_of_asking("accept a new process", &error, now_ms);
            }
        }
        None
    }

    /// Forgets the children that have ended.
    pub(super) fn reap_children(&mut self) {
        self.children.retain_mut(|child| child.poll_exit().is_none());
    }

    /// Receives what older processes have changed after their handovers. With `looks`, also what no
    /// event has announced yet.
    pub(super) fn receive_late_updates(&mut self, looks: bool, shared: &mut Shared, now_ms: u64) {
        if self.holds_back() {
            return;
        }
        if looks {
            self.receivers.look();
        }
        self.receivers.run(&mut shared.tables, now_ms);
        shared.elders.set_generations(self.receivers.generations());
        let notes = self.receivers.take_notes();
        if !notes.is_empty() {
            let indexes = self.indexes.get(shared);
            state::adopt_late(&notes, shared, indexes, &mut self.elsewhere);
        }
        let (receivers, confirming) = (&self.receivers, &self.confirming);
        let drains = |generation| {
            let confirming = confirming.as_ref().map(Incoming::predecessor_generation);
            receivers.hears(generation) || confirming == Some(generation)
        };
        self.elsewhere.retain(drains, &mut self.indexes, shared);
        if self.receivers.is_empty() && self.confirming.is_none() {
            self.indexes.clear();
        }
    }

    /// Looks what a draining process has counted. `is_end` says that its last client is gone.
    pub(super) fn count_late(&mut self, shared: &Shared, is_end: bool, now_ms: u64) {
        if let Role::Draining { late_updates: Some(sender), .. } = &mut self.role {
            sender.count(shared, is_end, now_ms);
        }
    }

    /// Sends the successor what has changed after the handover.
    pub(super) fn send_late_updates(&mut self, tables: &mut Tables, now_ms: u64) {
        if let Role::Draining { late_updates, .. } = &mut self.role
            && let Some(sender) = late_updates
            && !sender.run(tables, now_ms)
        {
            sender.end(tables);
            *late_updates = None;
        }
    }
}

/// Says what went wrong with a process that asks to take over.
pub(super) fn warn_of_asking(action: &str, error: &io::Error, now_ms: u64) {
    limited::warn(now_ms, ASKING, action, format_args!("reload: {action}: {error}"));
}

/// Warns that a process that asks to take over is turned away, as this one is stopping.
pub(super) fn warn_of_stopping(now_ms: u64) {
    let text = "reload: a new process is turned away: this one is stopping";
    limited::warn(now_ms, ASKING, "stopping", format_args!("{text}"));
}

fn listen_for_successors(places: &MeetingPlaces, reactor: &Reactor) -> Option<Control> {
    let bound = Control::bind(std::process::id(), places);
    let registered = bound.and_then(|control| {
        let source = ReloadSocket::Control.source();
        reactor.register_readable(control.as_fd(), source).map(|()| control)
    });
    let warn = |error| log::warn!("reload: no other process can take over with -sf: {error}");
    registered.map_err(warn).ok()
}
