//! A process that has handed over tells its successor what it still decides: the clients that
//! waited for rules, for a place or for a server when the successor took over, and what ends are
//! counted in the entries that connections track. Nothing is kept for this but the rows that have
//! changed, and the process does not stay for it longer than one second.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use mio::event::Event as Readiness;

use crate::net::socket;
use crate::peers::{Section, told};
use crate::table::Tables;

/// How long a process that has nothing else to do waits for a successor that does not read.
const STALL_LIMIT_MS: u64 = 1000;

/// How often it sends in one turn.
const SENDS_PER_TURN: usize = 4;

/// The telling end of the socket.
#[derive(Debug)]
pub struct Telling {
    fd: OwnedFd,
    section: Section,
    buffer: Box<[u8]>,
    /// What of the buffer is not sent: `unsent.start <= unsent.end <= buffer.len()`.
    unsent: std::ops::Range<usize>,
    readable: bool,
    writable: bool,
    /// Since when the socket takes nothing.
    stalled_ms: Option<u64>,
    is_given_up: bool,
}

impl Telling {
    /// Goes on with the socket of the handover. The tables have noted what changed since the end
    /// of it.
    pub fn new(fd: OwnedFd, section: Section) -> Self {
        let buffer = vec![0; told::READ_MAX].into_boxed_slice();
        Self {
            fd,
            section,
            buffer,
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

    /// One turn. False when there is nobody to tell any more.
    pub fn run(&mut self, tables: &mut Tables, now_ms: u64) -> bool {
        let result = self.look_for_end().and_then(|()| self.send(tables, now_ms));
        if let Err(error) = &result {
            log::info!("reload: the new process is told nothing any more: {error}");
        }
        result.is_ok()
    }

    /// Nothing is ever said from the other end.
    fn look_for_end(&mut self) -> io::Result<()> {
        while std::mem::take(&mut self.readable) {
            match socket::receive(self.fd.as_fd(), &mut [0; 64]) {
                Ok(0) => return Err(io::Error::other("it is gone")),
                Ok(_) => self.readable = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn send(&mut self, tables: &mut Tables, now_ms: u64) -> io::Result<()> {
        for _ in 0..SENDS_PER_TURN {
            if self.unsent.is_empty() {
                let written = told::write(&self.section, tables, &mut self.buffer, now_ms);
                let Ok(len) = written else { return Err(io::Error::other("it does not read")) };
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
        self.readable || self.writable && self.has_unsaid(tables)
    }

    /// When a turn is wanted even without an event: before that the process may not end.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.stalled_ms.filter(|_| !self.is_given_up).map(|since_ms| since_ms + STALL_LIMIT_MS)
    }

    /// Whether the process has to stay for what it has not said yet.
    pub fn keeps_process(&self, tables: &Tables) -> bool {
        self.has_unsaid(tables) && !self.is_given_up
    }

    fn has_unsaid(&self, tables: &Tables) -> bool {
        let has_changes = || tables.ids().any(|id| tables.get(id).has_handover_changes());
        !self.unsent.is_empty() || has_changes()
    }

    /// Tells nothing any more and notes nothing any more.
    pub fn end(self, tables: &mut Tables) {
        for id in tables.ids() {
            tables.get_mut(id).stop_handover_log();
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
        let mut telling = Telling::new(ours.into(), section);
        while telling.writable {
            assert!(telling.run(&mut tables, 0));
        }
        assert_eq!(telling.deadline_ms(), Some(STALL_LIMIT_MS));
        assert!(telling.keeps_process(&tables));
        assert!(telling.run(&mut tables, STALL_LIMIT_MS));
        assert!(!telling.keeps_process(&tables), "it does not read");
        // Some is read: what is left counts again.
        let _ = theirs.read_to_end(&mut Vec::new());
        telling.writable = true;
        assert!(telling.run(&mut tables, 2 * STALL_LIMIT_MS));
        assert!(telling.has_unsaid(&tables), "the test has too few entries");
        assert!(telling.keeps_process(&tables));
    }
}
