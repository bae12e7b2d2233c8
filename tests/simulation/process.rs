//! One stickd: its tables, its peers section and its sessions, driven as `src/peers/link` drives
//! them.

use std::iter::repeat;
use std::os::fd::BorrowedFd;

use stickd::config::data_type::DataType;
use stickd::config::{Config, PeersId, TableId};
use stickd::peers::{
    Closed, Options, PeerId, Section, SectionEvent, Session, SessionError, SessionEvent, Start,
};
use stickd::table::{
    Cell, KeptTables, LentMemory, Loan, Memory, NameId, RowId, StickTable, Tables, UpdateId,
};

use crate::network::{Network, Received, WireId};
use crate::random::Random;
use crate::story::Story;

/// The one table.
pub const T: TableId = TableId(0);
/// The receives and the sends of a session in one turn.
const CALLS_PER_TURN: usize = 4;
/// A resync may write so many times the updates of a turn.
const RESYNC_ROUNDS: u64 = 4;

/// A node's end of a connection.
#[derive(Debug)]
pub struct End {
    pub wire: WireId,
    pub side: usize,
    pub session: Session,
    is_connected: bool,
}

/// Where the values are in a row.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    id: Cell,
    key: Cell,
    stamp: Cell,
    visits: Cell,
    rate: Cell,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub stamp: u32,
    pub server: u32,
    pub name: u32,
    pub visits: u32,
    pub rate: u32,
    pub left_ms: Option<u32>,
    pub update_id: Option<UpdateId>,
}

/// One process.
#[derive(Debug)]
pub struct Process {
    pub config: Config,
    pub memory: Memory,
    pub section: Section,
    pub tables: Tables,
    pub ends: Vec<End>,
    pub places: Places,
    pub generation: u32,
    /// When the tables of the process began to fill: its own start, or that of its predecessors.
    pub since_ms: u64,
    /// What each peer had acknowledged when the checks looked last.
    pub acked: Vec<UpdateId>,
    /// The bytes of the table at the start.
    pub bytes: usize,
    first_in_turn: usize,
}

/// What a process works with in its turn.
pub struct Turn<'a> {
    pub node: usize,
    pub now_ms: u64,
    pub network: &'a mut Network,
    pub random: &'a mut Random,
    pub story: &'a mut Story,
    /// The most bytes that a session reads at once.
    pub read_max: usize,
    /// The most updates that one call handles.
    pub updates_max: u32,
    /// The peers that are asked to teach.
    pub asked: &'a mut Vec<PeerId>,
    /// What the sections have said.
    pub events: &'a mut Vec<SectionEvent>,
    /// What is against the rules.
    pub wrong: &'a mut Option<String>,
}

impl Process {
    pub fn new(config: Config, memory: Memory, start: Start, seed: u64, now_ms: u64) -> Self {
        Self::after(KeptTables::default(), config, memory, start, seed, now_ms)
    }

    /// The same for a process whose predecessor offers tables.
    pub fn after(
        offers: KeptTables,
        config: Config,
        memory: Memory,
        start: Start,
        seed: u64,
        now_ms: u64,
    ) -> Self {
        let tables = Tables::with_memory(&config.tables, offers, repeat(memory)).unwrap();
        let options = Options {
            pid: 4242,
            seed,
            updates_max: config.global.peers_max_updates_at_once,
            start,
        };
        let section = Section::new(&config.peers[PeersId(0).index()], &tables, options, now_ms);
        let table = tables.get(T);
        let place = |data_type| table.cell(data_type).unwrap();
        let places = Places {
            id: place(DataType::ServerId),
            key: place(DataType::ServerKey),
            stamp: place(DataType::SessCnt),
            visits: place(DataType::ConnCnt),
            rate: place(DataType::ConnRate),
        };
        let acked = vec![UpdateId(0); section.peers().count()];
        let ends = Vec::new();
        let bytes = table.allocated_bytes();
        Self {
            config,
            memory,
            section,
            tables,
            ends,
            places,
            generation: 0,
            since_ms: now_ms,
            acked,
            bytes,
            first_in_turn: 0,
        }
    }

    /// What another process finds when this one has crashed.
    pub fn kept(&self) -> KeptTables {
        let (rows, names) = self.tables.files();
        let clone = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().unwrap();
        let tables = rows.map(|(name, fd)| (name.to_owned(), clone(fd))).collect();
        KeptTables { names: names.map(clone), tables }
    }

    /// What a successor is offered.
    pub fn offers(&self) -> KeptTables {
        if self.memory == Memory::Lendable { self.kept() } else { KeptTables::default() }
    }

    /// Lends the table to a successor.
    pub fn lend(&mut self) -> (Loan, Vec<(TableId, LentMemory)>) {
        let (loan, lent) = self.tables.lend(&[T]).unwrap();
        (loan, lent.into_iter().map(|memory| (T, memory)).collect())
    }

    /// Takes the entries of a process that has crashed.
    pub fn restore(&mut self, kept: KeptTables, now_ms: u64) {
        for (_, restored) in self.tables.restore(kept, now_ms) {
            assert_eq!(restored.unwrap().dropped, 0);
        }
    }

    /// The ids of updates begin here, as if there had been so many before, all acknowledged.
    pub fn begin_updates_at(&mut self, id: u32) {
        self.tables.get_mut(T).adopt_last_update(UpdateId(id));
        let names: Vec<String> =
            self.section.peers().map(|(_, peer)| peer.name().to_owned()).collect();
        names.iter().for_each(|name| self.section.adopt_position(name, T, UpdateId(id)));
    }

    /// An entry is a change of this process from now on.
    pub fn touch(&mut self, key: u32, now_ms: u64) {
        let table = self.tables.at_key(T, &key.to_be_bytes(), now_ms);
        if let Some(row) = table.find(&key.to_be_bytes(), now_ms) {
            table.touch_local(row, now_ms);
        }
    }

    /// Removes an entry, as a command of the Runtime API does.
    pub fn remove(&mut self, key: u32, now_ms: u64) -> bool {
        let table = self.tables.at_key(T, &key.to_be_bytes(), now_ms);
        table.find(&key.to_be_bytes(), now_ms).is_some_and(|row| table.remove(row))
    }

    pub fn table(&self) -> &StickTable {
        self.tables.get(T)
    }

    /// The live entry of a key.
    pub fn row(&self, key: u32, now_ms: u64) -> Option<Row> {
        let row = self.table().find(&key.to_be_bytes(), now_ms)?;
        Some(self.read(row, now_ms))
    }

    /// The same, also where the successor has it.
    pub fn known_row(&mut self, key: u32, now_ms: u64) -> Option<Row> {
        self.tables.at_key(T, &key.to_be_bytes(), now_ms);
        self.row(key, now_ms)
    }

    pub fn read(&self, row: RowId, now_ms: u64) -> Row {
        let (table, places) = (self.table(), &self.places);
        let name = self.tables.names().name(NameId(table.get_u32(row, places.key, 0)));
        let name = name.and_then(|name| std::str::from_utf8(name).ok()?.strip_prefix('s'));
        Row {
            stamp: table.get_u32(row, places.stamp, 0),
            server: table.get_u32(row, places.id, 0),
            name: name.and_then(|number| number.parse().ok()).unwrap_or(u32::MAX),
            visits: table.get_u32(row, places.visits, 0),
            rate: table.rate(row, places.rate, 0, now_ms),
            left_ms: table.expires_in_ms(row, now_ms),
            update_id: table.update_id(row),
        }
    }

    /// A client's entry names this server from now on, as a stick rule writes it. Returns the
    /// visits that it counts; none if there is no room.
    pub fn store(&mut self, key: u32, server: u32, stamp: u32, now_ms: u64) -> Option<u32> {
        let name = self.tables.names_mut().intern(format!("s{server}").as_bytes()).unwrap();
        let places = self.places;
        let table = self.tables.at_key(T, &key.to_be_bytes(), now_ms);
        let (row, _) = table.find_or_insert(&key.to_be_bytes(), now_ms)?;
        table.set_u32(row, places.id, 0, server);
        table.set_u32(row, places.key, 0, name.0);
        table.set_u32(row, places.stamp, 0, stamp);
        let visits = table.get_u32(row, places.visits, 0) + 1;
        table.set_u32(row, places.visits, 0, visits);
        table.count_rate(row, places.rate, 0, 1, now_ms);
        table.touch_local(row, now_ms);
        Some(visits)
    }

    /// Accepts a caller.
    pub fn accept(&mut self, wire: WireId, now_ms: u64) {
        let session = Session::accept(now_ms);
        self.ends.push(End { wire, side: 1, session, is_connected: true });
    }

    /// One turn of the loop.
    pub fn turn(&mut self, turn: &mut Turn<'_>) {
        self.tables.get_mut(T).expire(turn.now_ms, 50);
        while let Some(peer) = self.section.poll_call(turn.now_ms) {
            let wire = turn.network.open(turn.node, peer.index(), turn.now_ms);
            let session = Session::connect(&mut self.section, peer, turn.now_ms);
            self.ends.push(End { wire, side: 0, session, is_connected: false });
        }
        let count = self.ends.len();
        let wires: Vec<WireId> =
            (0..count).map(|nth| self.ends[(nth + self.first_in_turn) % count].wire).collect();
        for wire in wires {
            if let Some(at) = self.ends.iter().position(|end| end.wire == wire) {
                self.advance(at, turn);
            }
        }
        self.first_in_turn = self.first_in_turn.wrapping_add(1);
        self.section.handle_timeout(turn.now_ms);
        while let Some(event) = self.section.poll_event() {
            turn.story.tell(turn.now_ms, Some(turn.node), None, || format!("{event:?}"));
            turn.events.push(event);
        }
    }

    fn advance(&mut self, at: usize, turn: &mut Turn<'_>) {
        let now_ms = turn.now_ms;
        let Self { ends, section, tables, .. } = self;
        let end = &mut ends[at];
        let result = end.advance(section, tables, turn);
        let mut accepted = None;
        while let Some(event) = end.session.poll_event() {
            if let SessionEvent::HelloAccepted { peer } = event {
                accepted = Some(peer);
            }
            let peer = end.session.peer();
            turn.asked.extend(peer.filter(|_| event == SessionEvent::ResyncRequested));
            turn.story.tell(now_ms, Some(turn.node), None, || format!("{peer:?}: {event:?}"));
        }
        let wire = end.wire;
        if let Some(peer) = accepted {
            let is_other = |end: &End| end.wire != wire && end.session.peer() == Some(peer);
            while let Some(other) = self.ends.iter().position(is_other) {
                self.close(other, Closed::ByUs, turn);
            }
        }
        if let Err(closed) = result
            && let Some(at) = self.ends.iter().position(|end| end.wire == wire)
        {
            self.close(at, closed, turn);
        }
    }

    fn close(&mut self, at: usize, closed: Closed, turn: &mut Turn<'_>) {
        let mut end = self.ends.remove(at);
        let peer = end.session.peer();
        turn.story.tell(turn.now_ms, Some(turn.node), None, || format!("{peer:?}: {closed:?}"));
        end.session.handle_closed(closed, &mut self.section, &mut self.tables, turn.now_ms);
        turn.network.close(end.wire, end.side, turn.now_ms);
    }

    /// Closes all sessions: the successor has them from now on.
    pub fn retire(&mut self, turn: &mut Turn<'_>) {
        self.section.set_calling(false, turn.now_ms);
        while !self.ends.is_empty() {
            self.close(0, Closed::ByUs, turn);
        }
    }

    /// The process is gone without a word.
    pub fn vanish(&mut self, network: &mut Network, with_host: bool, now_ms: u64) {
        for end in self.ends.drain(..) {
            network.vanish(end.wire, end.side, with_host, now_ms);
        }
    }
}

impl End {
    /// Receives and sends as far as it can within a turn's budget.
    fn advance(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        turn: &mut Turn<'_>,
    ) -> Result<(), Closed> {
        if !self.is_connected {
            match turn.network.is_made(self.wire, turn.now_ms) {
                Some(true) => self.is_connected = true,
                Some(false) => return Err(Closed::ConnectFailed),
                None => return self.check_time(section, turn),
            }
        }
        let result = self
            .receive(section, tables, turn)
            .and_then(|()| self.check_time(section, turn))
            .and_then(|()| self.transmit(section, tables, turn));
        if result == Err(Closed::ByError)
            && let Some(bytes) = self.session.poll_transmit(section, tables, turn.now_ms)
        {
            turn.network.send(self.wire, self.side, bytes, turn.now_ms);
        }
        result
    }

    fn receive(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        turn: &mut Turn<'_>,
    ) -> Result<(), Closed> {
        let now_ms = turn.now_ms;
        for _ in 0..CALLS_PER_TURN {
            let mut len = 0;
            if !self.session.has_input() {
                let space = self.session.receive_space();
                let most = space.len().min(1 + turn.random.index(turn.read_max));
                match turn.network.receive(self.wire, self.side, &mut space[..most], now_ms) {
                    Received::Nothing => return Ok(()),
                    Received::End => return Err(Closed::ByPeer),
                    Received::Bytes(_)
                        if self.session.awaits_hello()
                            && turn.network.is_closed_by_peer(self.wire, self.side, now_ms) =>
                    {
                        return Err(Closed::ByPeer);
                    }
                    Received::Bytes(received) => len = received,
                }
            }
            let before = self.received(section);
            let result = self.session.handle_received(len, section, tables, now_ms);
            let most = u64::from(turn.updates_max);
            let handled = before.zip(self.received(section)).map(|(from, to)| to - from);
            if let Some(handled) = handled.filter(|handled| *handled > most) {
                turn.wrong.get_or_insert(format!("{handled} updates handled at once, not {most}"));
            }
            result.map_err(|error| self.note_error(&error, turn))?;
        }
        Ok(())
    }

    /// The updates received in all sessions with the peer, once it is known.
    fn received(&self, section: &Section) -> Option<u64> {
        let peer = self.session.peer().map(|peer| section.peer(peer))?;
        Some(peer.counters().updates_received)
    }

    fn sent(&self, section: &Section) -> u64 {
        let peer = self.session.peer().map(|peer| section.peer(peer));
        peer.map_or(0, |peer| peer.counters().updates_sent)
    }

    fn note_error(&self, error: &SessionError, turn: &mut Turn<'_>) -> Closed {
        let peer = self.session.peer();
        let (now_ms, node) = (turn.now_ms, Some(turn.node));
        turn.story.tell(now_ms, node, None, || format!("{peer:?}: error: {error}"));
        Closed::ByError
    }

    fn check_time(&mut self, section: &mut Section, turn: &mut Turn<'_>) -> Result<(), Closed> {
        if self.session.poll_timeout().is_some_and(|at_ms| at_ms <= turn.now_ms) {
            let result = self.session.handle_timeout(section, turn.now_ms);
            result.map_err(|error| self.note_error(&error, turn))?;
        }
        Ok(())
    }

    fn transmit(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        turn: &mut Turn<'_>,
    ) -> Result<(), Closed> {
        for _ in 0..CALLS_PER_TURN {
            let before = self.sent(section);
            let Some(bytes) = self.session.poll_transmit(section, tables, turn.now_ms) else {
                return Ok(());
            };
            let sent = turn.network.send(self.wire, self.side, bytes, turn.now_ms);
            self.session.handle_sent(sent, turn.now_ms);
            let written = self.sent(section).saturating_sub(before);
            let most = RESYNC_ROUNDS * u64::from(turn.updates_max);
            if written > most {
                turn.wrong.get_or_insert(format!("{written} updates written at once, not {most}"));
            }
            if sent == 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}
