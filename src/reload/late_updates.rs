//! The sockets of late updates: the changes that follow a handover. A process that has handed over
//! still decides something for its last clients: a client that waited for rules or for a server
//! when the successor took over gets its server later, and the end of a connection is counted in
//! the entries that it tracks. The draining process sends these changes ([`LateUpdateSender`])
//! until its last connection ends. The process that serves takes them over as changes of its own
//! ([`LateUpdateReceivers`]), so they reach its peers and its successor. The bytes of the packets
//! are the subject of [`peers::late_updates`](crate::peers::late_updates).
//!
//! The sender keeps nothing for this but the rows that have changed, and the process does not stay
//! longer than one second for a successor that does not read.
//!
//! In the other direction go questions: what somebody at the serving process wants to know about
//! the connections of the draining one. The answers come between the packets, so that neither
//! process waits for the other ([`elders`](crate::proxy::elders)).
//!
//! The receiver reads whole packets only: it looks at the bytes before it takes them. So it can
//! give the socket to its own successor at any time, and that one finds there what was not read.
//! These sockets go with the listening sockets, under the generation of the process at their other
//! end.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use mio::event::Event as Readiness;

use super::late_counts::LateCounts;
use super::message::Message;
use super::socket::ReloadSocket;
use crate::net::socket;
use crate::peers::wire::message::{Message as Framed, read_frame};
use crate::peers::{Section, late_updates};
use crate::proxy::Shared;
use crate::proxy::elders::{Asked, Question, Ticket, Told};
use crate::reactor::Reactor;
use crate::table::{Tables, UpdateId};

/// How long a process that has nothing else to do waits for a successor that does not read, in
/// milliseconds.
const STALL_LIMIT_MS: u64 = 1000;

/// The most calls of send(2) in one turn.
const SENDS_PER_TURN: usize = 4;

/// The most reads of one socket in one turn: as much as the sender sends in a turn, and the look
/// that finds nothing more.
const READS_PER_TURN: usize = SENDS_PER_TURN + 1;

/// How long the counts of an older process are not taken that does not say that it has forgotten
/// them, in milliseconds.
const FORGET_LIMIT_MS: u64 = 5000;

/// The most questions that wait for their answers in the process that drains.
const QUESTIONS_MAX: usize = 64;

/// The most bytes of questions that are read at a time.
const QUESTIONS_READ_MAX: usize = 4096;

/// The sending end, in the process that drains.
#[derive(Debug)]
pub struct LateUpdateSender {
    fd: OwnedFd,
    section: Section,
    buffer: Box<[u8]>,
    /// What is told of the counters; none if that goes to nobody.
    counts: Option<LateCounts>,
    /// Messages that were not written into the buffer yet.
    notes: VecDeque<Vec<u8>>,
    /// What has come of a question that has not come whole.
    inbox: Vec<u8>,
    questions: VecDeque<(Ticket, Question)>,
    /// The part of the buffer that was not sent: `unsent.start <= unsent.end <= buffer.len()`.
    unsent: std::ops::Range<usize>,
    readable: bool,
    writable: bool,
    /// The time since which the socket takes nothing.
    stalled_ms: Option<u64>,
    is_given_up: bool,
}

impl LateUpdateSender {
    /// Continues on the socket of the handover. The tables have noted what changed since the end of
    /// the handover, and `counts` knows what was counted by then.
    pub fn new(fd: OwnedFd, section: Section, counts: Option<LateCounts>) -> Self {
        let buffer = vec![0; late_updates::READ_MAX].into_boxed_slice();
        Self {
            fd,
            section,
            buffer,
            counts,
            notes: VecDeque::new(),
            inbox: Vec::new(),
            questions: VecDeque::new(),
            unsent: 0..0,
            readable: true,
            writable: true,
            stalled_ms: None,
            is_given_up: false,
        }
    }

    /// Notes what an event says of the socket.
    pub fn note(&mut self, event: &Readiness) {
        let is_over = event.is_error() || event.is_read_closed() || event.is_write_closed();
        self.readable |= event.is_readable() || is_over;
        self.writable |= event.is_writable() || is_over;
    }

    /// Looks what is to be told of the counters. `is_end` says that the process ends.
    pub fn count(&mut self, shared: &Shared, is_end: bool, now_ms: u64) {
        // A successor that does not read is told later, in one sum.
        if let Some(counts) = self.counts.as_mut().filter(|_| self.notes.is_empty()) {
            let messages = counts.poll(shared, is_end, now_ms).into_iter();
            self.notes.extend(messages.map(|message| message.write()));
        }
    }

    /// Does the work of one turn. Returns false when there is nobody to tell any more.
    pub fn run(&mut self, tables: &mut Tables, now_ms: u64) -> bool {
        let result = self.hear().and_then(|()| self.send(tables, now_ms));
        if let Err(error) = &result {
            log::info!("reload: the new process is told nothing any more: {error}");
        }
        result.is_ok()
    }

    /// Reads the questions that have come, up to the end of the other side.
    fn hear(&mut self) -> io::Result<()> {
        let mut space = [0; QUESTIONS_READ_MAX];
        for _ in 0..READS_PER_TURN {
            if !std::mem::take(&mut self.readable) {
                break;
            }
            match socket::receive(self.fd.as_fd(), &mut space) {
                Ok(0) => return Err(io::Error::other("it is gone")),
                Ok(len) => {
                    self.readable = true;
                    self.inbox.extend_from_slice(space.get(..len).unwrap_or_default());
                    self.read_questions()?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_questions(&mut self) -> io::Result<()> {
        let mut taken = 0;
        let broken = |error| io::Error::new(io::ErrorKind::InvalidData, format!("{error}"));
        while let Some((frame, len)) =
            read_frame(self.inbox.get(taken..).unwrap_or_default()).map_err(broken)?
        {
            // Who asks does not wait for long, so a question too many is as good as forgotten.
            if let Ok(Framed::Note(note)) = Framed::read(frame)
                && let Some(Message::Ask(ticket, question)) = Message::read(note)
                && self.questions.len() < QUESTIONS_MAX
            {
                self.questions.push_back((ticket, question));
            }
            taken += len;
        }
        self.inbox.drain(..taken);
        Ok(())
    }

    /// The next question that is to be answered. None while an answer waits for a successor that
    /// does not read.
    pub fn next_question(&mut self) -> Option<(Ticket, Question)> {
        if self.notes.is_empty() { self.questions.pop_front() } else { None }
    }

    /// Answers a question.
    pub fn answer(&mut self, ticket: Ticket, told: Told) {
        self.notes.push_back(Message::Told(ticket, told).write());
    }

    /// Tells nothing any more of what was counted until now. `shared` has the counters.
    pub fn forget_counts(&mut self, shared: &Shared, now_ms: u64) {
        if let Some(counts) = &mut self.counts {
            counts.forget(shared, now_ms);
        }
    }

    fn send(&mut self, tables: &mut Tables, now_ms: u64) -> io::Result<()> {
        for _ in 0..SENDS_PER_TURN {
            if self.unsent.is_empty() {
                let mut len = late_updates::write_notes(&mut self.notes, &mut self.buffer);
                if len == 0 {
                    let buffer = &mut self.buffer;
                    len = late_updates::write(&self.section, tables, buffer, now_ms)
                        .map_err(|_| io::Error::other("it does not read"))?;
                }
                self.unsent = 0..len;
            }
            let bytes = self.buffer.get(self.unsent.clone()).unwrap_or_default();
            if bytes.is_empty() || !self.writable {
                break;
            }
            match socket::send(self.fd.as_fd(), bytes) {
                Ok(sent) => {
                    self.unsent.start += sent;
                    (self.stalled_ms, self.is_given_up) = (None, false);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) => return Err(error),
            }
        }
        if self.unsent.is_empty() || self.writable {
            self.stalled_ms = None;
        } else {
            let since_ms = *self.stalled_ms.get_or_insert(now_ms);
            self.is_given_up = now_ms >= since_ms + STALL_LIMIT_MS;
        }
        Ok(())
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self, tables: &Tables) -> bool {
        let has_questions = !self.questions.is_empty() && self.notes.is_empty();
        self.readable || has_questions || self.writable && self.has_unsent(tables)
    }

    /// When a turn is wanted even without an event.
    pub fn deadline_ms(&self) -> Option<u64> {
        let stalled_ms = self.stalled_ms.filter(|_| !self.is_given_up);
        let given_up_ms = stalled_ms.map(|since_ms| since_ms + STALL_LIMIT_MS);
        let counted_ms = self.counts.as_ref().map(LateCounts::deadline_ms);
        given_up_ms.into_iter().chain(counted_ms).min()
    }

    /// Whether the process has to stay for changes that it has not sent yet.
    pub fn keeps_process(&self, tables: &Tables) -> bool {
        self.has_unsent(tables) && !self.is_given_up
    }

    fn has_unsent(&self, tables: &Tables) -> bool {
        let has_changes = || tables.ids().any(|id| tables.get(id).has_handover_changes());
        !self.unsent.is_empty() || !self.notes.is_empty() || has_changes()
    }

    /// Stops sending. The tables do not note changes any more.
    pub fn end(&self, tables: &mut Tables) {
        for id in tables.ids() {
            tables.get_mut(id).stop_handover_log();
        }
    }
}

/// The socket of an older process that drains, with what is needed to receive its changes.
#[derive(Debug)]
pub struct Older {
    /// The socket. Nothing was read that came after the end of the handover.
    pub fd: OwnedFd,
    /// The process's generation.
    pub generation: u32,
    /// By table, the last id in the update log when the process handed over.
    pub last_updates: Vec<UpdateId>,
}

/// The receiving end of one older process that drains.
#[derive(Debug)]
pub struct LateUpdateReceiver {
    fd: OwnedFd,
    /// The generation of that process.
    generation: u32,
    section: Section,
    /// By table, the last id in the update log when that process handed over.
    last_updates: Vec<UpdateId>,
    readable: bool,
    /// The other end is closed: nothing follows the bytes that can be read now.
    is_closed: bool,
    forgetting: Option<Forgetting>,
}

/// The counters were cleared here: what the older process has counted before it knows that is not
/// taken.
#[derive(Clone, Copy, Debug)]
struct Forgetting {
    ticket: Ticket,
    /// An older version does not answer. It tells within a second what it has counted.
    until_ms: u64,
}

/// The receiving ends of all older processes that drain.
#[derive(Debug, Default)]
pub struct LateUpdateReceivers {
    members: Vec<LateUpdateReceiver>,
    buffer: Vec<u8>,
    /// Messages that have arrived and were not taken.
    notes: Vec<Message>,
    /// A predecessor that has not finished its handover may come back.
    awaits: bool,
}

impl LateUpdateReceivers {
    /// Whether no older process is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Receives from one more process from now on. Its socket is registered here.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn add(&mut self, older: Older, tables: &mut Tables, reactor: &Reactor) -> io::Result<()> {
        let Older { fd, generation, last_updates } = older;
        let socket = ReloadSocket::Draining { generation };
        reactor.register_readable(fd.as_fd(), socket.source())?;
        self.begin(tables);
        self.awaits = false;
        self.buffer.resize(late_updates::READ_MAX, 0);
        // Only the tables of the section are needed.
        let section = Section::for_handover(tables, 1);
        self.members.push(LateUpdateReceiver {
            fd,
            generation,
            section,
            last_updates,
            readable: true,
            is_closed: false,
            forgetting: None,
        });
        Ok(())
    }

    /// Asks an older process. Returns false if it cannot be asked. A question goes whole or not at
    /// all.
    pub fn ask(&mut self, asked: &Asked, now_ms: u64) -> bool {
        let Asked { generation, ticket, question } = asked;
        let found = self.members.iter_mut().find(|member| member.generation == *generation);
        let Some(member) = found else { return false };
        let bytes = Message::Ask(*ticket, question.clone()).write_framed();
        if *question == Question::ForgetCounts {
            let until_ms = now_ms.saturating_add(FORGET_LIMIT_MS);
            member.forgetting = Some(Forgetting { ticket: *ticket, until_ms });
        }
        match socket::send(member.fd.as_fd(), &bytes) {
            Ok(sent) => sent == bytes.len(),
            Err(error) => {
                log::debug!("reload: generation {generation} is not asked: {error}");
                false
            }
        }
    }

    /// The generations of the older processes.
    pub fn generations(&self) -> impl Iterator<Item = u32> {
        self.members.iter().map(|member| member.generation)
    }

    /// Notes what an event says of a socket.
    pub fn note(&mut self, generation: u32, event: &Readiness) {
        for member in self.members.iter_mut().filter(|member| member.generation == generation) {
            member.is_closed |= event.is_read_closed() || event.is_error();
            member.readable |= event.is_readable() || member.is_closed;
        }
    }

    /// Has the next turn look at every socket, whether or not an event has announced something.
    pub fn look(&mut self) {
        self.members.iter_mut().for_each(|member| member.readable = true);
    }

    /// Does the work of one turn.
    pub fn run(&mut self, tables: &mut Tables, now_ms: u64) {
        let Self { members, buffer, notes, .. } = self;
        if members.is_empty() {
            return;
        }
        members.retain_mut(|member| member.run(buffer, tables, notes, now_ms));
        if members.is_empty() {
            self.end(tables);
        }
    }

    /// Takes the messages that have arrived.
    pub fn take_notes(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.notes)
    }

    /// This process serves although a predecessor has not finished. What that process may still
    /// send must not undo what changes here from now on.
    pub fn begin_to_await(&mut self, tables: &mut Tables) {
        self.begin(tables);
        self.awaits = true;
    }

    /// That predecessor is gone.
    pub fn end_to_await(&mut self, tables: &mut Tables) {
        if std::mem::take(&mut self.awaits) && self.members.is_empty() {
            self.end(tables);
        }
    }

    fn begin(&self, tables: &mut Tables) {
        if self.members.is_empty() && !self.awaits {
            tables.ids().for_each(|id| tables.get_mut(id).begin_late_updates());
        }
    }

    fn end(&mut self, tables: &mut Tables) {
        self.buffer = Vec::new();
        if self.awaits {
            return;
        }
        tables.ids().for_each(|id| tables.get_mut(id).end_late_updates());
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self) -> bool {
        self.members.iter().any(|member| member.readable)
    }

    /// Whether the process of this generation is heard.
    pub fn hears(&self, generation: u32) -> bool {
        self.members.iter().any(|member| member.generation == generation)
    }

    /// The sockets by generation, for a successor.
    pub fn sockets(&self) -> impl Iterator<Item = (u32, RawFd)> {
        self.members.iter().map(|member| (member.generation, member.fd.as_raw_fd()))
    }

    /// By generation and table, the last id in the update log when that process handed over.
    pub fn last_updates(&self) -> impl Iterator<Item = (u32, &[UpdateId])> {
        self.members.iter().map(|member| (member.generation, member.last_updates.as_slice()))
    }

    /// Leaves all of the sockets to the successor.
    pub fn give_up(&mut self, tables: &mut Tables, reactor: &Reactor) {
        for member in self.members.drain(..) {
            // The successor shares the socket, so the registration would outlive our descriptor.
            if let Err(error) = reactor.deregister(member.fd.as_fd()) {
                log::warn!("reload: leave generation {} alone: {error}", member.generation);
            }
        }
        self.end(tables);
    }
}

impl LateUpdateReceiver {
    /// Takes the late updates that have arrived, within a bound. Returns false when no more can
    /// arrive.
    fn run(
        &mut self,
        buffer: &mut [u8],
        tables: &mut Tables,
        notes: &mut Vec<Message>,
        now_ms: u64,
    ) -> bool {
        for _ in 0..READS_PER_TURN {
            if !self.readable {
                break;
            }
            match self.take(buffer, tables, notes, now_ms) {
                Ok(true) => {}
                Ok(false) => {
                    log::info!("reload: generation {} has ended", self.generation);
                    return false;
                }
                Err(error) => {
                    let generation = self.generation;
                    log::warn!("reload: generation {generation} is not heard any more: {error}");
                    return false;
                }
            }
        }
        true
    }

    fn take(
        &mut self,
        buffer: &mut [u8],
        tables: &mut Tables,
        notes: &mut Vec<Message>,
        now_ms: u64,
    ) -> io::Result<bool> {
        let len = match socket::peek(self.fd.as_fd(), buffer) {
            Ok(0) => return Ok(false),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        let (origins, mut arrived) = (&self.last_updates, Vec::new());
        let taken = late_updates::read(bytes, &self.section, tables, origins, &mut arrived, now_ms)
            .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault.to_string()))?;
        let messages = arrived.iter().filter_map(|bytes| Message::read(bytes));
        notes.extend(
            messages.filter(|message| Forgetting::lets_in(&mut self.forgetting, message, now_ms)),
        );
        if taken == 0 {
            // Another event announces the rest of the packet.
            self.readable = false;
            return Ok(!self.is_closed);
        }
        let bytes = buffer.get_mut(..taken).unwrap_or_default();
        let removed = socket::receive(self.fd.as_fd(), bytes)?;
        if removed == taken {
            Ok(true)
        } else {
            Err(io::Error::other("somebody else reads it, too"))
        }
    }
}

impl Forgetting {
    /// Whether a message is taken. The answer ends the forgetting.
    fn lets_in(of: &mut Option<Self>, message: &Message, now_ms: u64) -> bool {
        let Some(Self { ticket, until_ms }) = *of else { return true };
        match message {
            Message::Counts(_) => now_ms >= until_ms,
            Message::Told(answered, _) => {
                if *answered == ticket {
                    *of = None;
                }
                true
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::config::data_type::{DataType, StoredData};
    use crate::config::{KeyType, ServerKey, StickTable, TableId};

    fn tables(entries: u32) -> Tables {
        let data_type = DataType::ServerId;
        let declaration = StickTable {
            name: "web".to_owned(),
            wire_name: "web".to_owned(),
            key_type: KeyType::Ipv4,
            key_len: 4,
            wire_key_len: 4,
            size: entries,
            data: vec![StoredData { data_type, elements: 1, period_ms: 0 }],
            expire_ms: None,
            nopurge: false,
            recv_only: false,
            counts: crate::config::Counts::Shared,
            origins: false,
            save: None,
            server_key: ServerKey::Name,
            peers: None,
        };
        let mut tables = Tables::new(&[declaration]).unwrap();
        let table = tables.get_mut(TableId(0));
        table.start_handover_log();
        for client in 0..entries {
            let (row, _) = table.find_or_insert(&client.to_be_bytes(), 0).unwrap();
            table.touch_local(row, 0);
        }
        tables
    }

    #[test]
    fn a_successor_that_reads_again_is_told_the_rest() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut tables = tables(200_000);
        let section = Section::for_handover(&tables, 1);
        let mut sender = LateUpdateSender::new(ours.into(), section, None);
        while sender.writable {
            assert!(sender.run(&mut tables, 0));
        }
        assert_eq!(sender.deadline_ms(), Some(STALL_LIMIT_MS));
        assert!(sender.keeps_process(&tables));
        assert!(sender.run(&mut tables, STALL_LIMIT_MS));
        assert!(!sender.keeps_process(&tables), "it does not read");
        // Some is read: what is left counts again.
        let _ = theirs.read_to_end(&mut Vec::new());
        sender.writable = true;
        assert!(sender.run(&mut tables, 2 * STALL_LIMIT_MS));
        assert!(sender.has_unsent(&tables), "the test has too few entries");
        assert!(sender.keeps_process(&tables));
    }
}
