//! Who goes on with a lent table when a handover ends in the middle: one process, whatever comes
//! first.

use std::iter::repeat;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mio::Events;

use super::control::name_senders;
use super::incoming::{self, Incoming};
use super::inherit::pass::receive_listeners;
use super::late_counts::LateCounts;
use super::message::Message;
use super::offers;
use super::outgoing::{self, Outgoing};
use super::socket::ReloadSocket;
use crate::config;
use crate::config::{Config, TableId};
use crate::proxy::Shared;
use crate::reactor::token::Source;
use crate::reactor::{Reactor, clock};
use crate::table::{KeptTables, LentMemory, Memory, Tables};

const TABLE: TableId = TableId(0);
const KEY: [u8; 4] = [127, 0, 0, 1];

/// A handover that has come to the moment when the table is lent, or a step further.
struct Handover {
    reactor: Reactor,
    old: Shared,
    new: Tables,
    outgoing: Outgoing,
    incoming: Incoming,
}

fn config() -> Config {
    let text = "listen web\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server \
                1s\n bind 127.0.0.1:1\n stick-table type ip size 1k expire 1m\n stick on src\n \
                server s 127.0.0.1:1\n";
    let loaded = config::load_text("lent", text, &config::Request::default());
    loaded.unwrap_or_else(|errors| panic!("{errors:?}")).config
}

impl Handover {
    fn begin() -> Self {
        let (config, now_ms) = (config(), clock::now_ms());
        let lendable =
            |offers| Tables::with_memory(&config.tables, offers, repeat(Memory::Lendable)).unwrap();
        let tables = lendable(KeptTables::default());
        let mut old = Shared::with_tables(&mut config.clone(), tables, 10, now_ms);
        let table = old.tables.get_mut(TABLE);
        let (row, _) = table.find_or_insert(&KEY, now_ms).unwrap();
        table.touch_local(row, now_ms);
        let reactor = Reactor::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        name_senders(theirs.as_fd()).unwrap();
        let outgoing = Outgoing::answer(ours, 1, &[], &mut old.tables, &reactor, now_ms).unwrap();
        let limit = Duration::from_secs(5);
        receive_listeners(&theirs, std::process::id(), limit).unwrap();
        let new = lendable(offers::receive(Some(&theirs)).unwrap());
        let incoming = Incoming::new(theirs, &new, &reactor, now_ms).unwrap();
        Self { reactor, old, new, outgoing, incoming }
    }

    /// Both have a turn. Returns what each is to do.
    fn turn(&mut self) -> (outgoing::Action, incoming::Action) {
        let mut events = Events::with_capacity(8);
        self.reactor.wait(&mut events, Some(1)).unwrap();
        for event in &events {
            let Some(Source::Handover(slot)) = Source::from_token(event.token()) else { panic!() };
            match ReloadSocket::of_slot(slot) {
                Some(ReloadSocket::Successor) => self.outgoing.note(event),
                Some(ReloadSocket::Predecessor) => self.incoming.note(event),
                other => panic!("{other:?}"),
            }
        }
        let now_ms = clock::now_ms();
        let old = self.outgoing.run(&mut self.old.tables, now_ms);
        (old, self.incoming.run(&mut self.new, now_ms))
    }

    /// Lends the table, and lets the successor take it over.
    fn lent() -> Self {
        let mut this = Self::begin();
        let deadline_ms = clock::now_ms() + 5_000;
        while this.turn().0 != outgoing::Action::PauseAndFinish {
            assert!(clock::now_ms() < deadline_ms);
        }
        assert_eq!(this.outgoing.wanted(), [TABLE]);
        let (loan, lent) = this.old.tables.lend(&[TABLE]).unwrap();
        this.outgoing.lend(loan);
        let message = Message::Lent { table: "web".to_owned(), is_growing: false };
        let files = lent.into_iter().flat_map(LentMemory::into_files).collect();
        let counts = LateCounts::new(1, &this.old, clock::now_ms());
        this.outgoing.finish([message].into_iter(), files, counts);
        while this.turn().1 != incoming::Action::Serve {
            assert!(clock::now_ms() < deadline_ms);
        }
        let mut files = this.incoming.take_descriptors().into_iter();
        let memory = LentMemory::from_files(&mut files, false).unwrap();
        let (_, failed) = this.new.take_over(vec![(TABLE, memory)]);
        assert!(failed.is_empty(), "{failed:?}");
        assert!(this.new.restore_awaited(clock::now_ms()).is_empty() && this.new.has_taken());
        this
    }

    fn has(tables: &Tables) -> bool {
        tables.get(TABLE).find(&KEY, clock::now_ms()).is_some()
    }
}

#[test]
fn a_successor_of_an_older_version_is_taught() {
    let mut this = Handover::begin();
    // It knows neither the offers nor the descriptors beside them.
    this.new = Tables::new(&config().tables).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    name_senders(theirs.as_fd()).unwrap();
    let (tables, now_ms) = (&mut this.old.tables, clock::now_ms());
    this.reactor = Reactor::new().unwrap();
    this.outgoing = Outgoing::answer(ours, 1, &[], tables, &this.reactor, now_ms).unwrap();
    receive_listeners(&theirs, std::process::id(), Duration::from_secs(5)).unwrap();
    this.incoming = Incoming::new(theirs, &this.new, &this.reactor, now_ms).unwrap();
    while !Handover::has(&this.new) {
        this.turn();
        assert!(clock::now_ms() < now_ms + 5_000);
    }
    assert!(this.outgoing.wanted().is_empty());
}

#[test]
fn a_successor_that_confirms_first_has_the_table() {
    let mut this = Handover::lent();
    assert!(this.incoming.confirm(&mut this.new, clock::now_ms()));
    assert!(!this.outgoing.withdraw(&mut this.old.tables, clock::now_ms()), "it serves");
    assert!(Handover::has(&this.new));
}

#[test]
fn a_predecessor_that_withdraws_first_has_the_table() {
    let mut this = Handover::lent();
    let now_ms = clock::now_ms();
    assert!(this.outgoing.withdraw(&mut this.old.tables, now_ms));
    assert!(!this.incoming.confirm(&mut this.new, now_ms), "nobody hears it");
    let loan = this.outgoing.take_loan().unwrap();
    this.old.tables.reclaim(loan, now_ms);
    assert!(Handover::has(&this.old.tables));
    // The successor goes on with a copy: neither changes what the other has.
    this.new.leave_taken();
    assert_eq!(this.new.restore_awaited(now_ms).len(), 1);
    let row = this.new.get(TABLE).find(&KEY, now_ms).unwrap();
    this.new.get_mut(TABLE).remove(row);
    assert!(Handover::has(&this.old.tables) && !Handover::has(&this.new));
}

#[test]
fn a_predecessor_whose_successor_ends_before_it_confirms_has_the_table() {
    let mut this = Handover::lent();
    let (now_ms, empty) = (clock::now_ms(), Tables::new(&[]).unwrap());
    drop((std::mem::replace(&mut this.new, empty), this.incoming));
    assert!(this.outgoing.withdraw(&mut this.old.tables, now_ms));
    let loan = this.outgoing.take_loan().unwrap();
    this.old.tables.reclaim(loan, now_ms);
    assert!(Handover::has(&this.old.tables));
}
