//! The engine against captured streams, against itself, and against garbage.

mod acks;
mod captures;
mod carry;
mod certificates;
mod conflicts;
mod decoding;
mod garbage;
mod handover;
mod late_updates;
mod lessons;
mod local_teaching;
mod mesh;
mod names;
mod one_session;
mod pair;
mod replay;
mod world;

use super::resync::Start;
use super::section::{Options, Section};
use crate::config::KeyType;
use crate::config::data_type::{DataType, StoredData};
use crate::config::{Peer, PeerAddress, PeersId, PeersSection, ServerKey, StickTable, TableId};
use crate::table::{NameId, RowId, Tables};

/// xorshift64*: a seed gives the same numbers everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

pub(super) fn stored(data_type: DataType) -> StoredData {
    StoredData { data_type, elements: 1, period_ms: 0 }
}

/// A table of `type ip` with what a stick rule adds.
pub(super) fn sticky_table(name: &str, size: u32) -> StickTable {
    StickTable {
        name: name.to_owned(),
        wire_name: name.to_owned(),
        key_type: KeyType::Ipv4,
        key_len: 4,
        wire_key_len: 4,
        size,
        expire_ms: Some(600_000),
        nopurge: false,
        recv_only: false,
        counts: crate::config::Counts::Shared,
        origins: false,
        save: None,
        server_key: ServerKey::Name,
        data: vec![stored(DataType::ServerId), stored(DataType::ServerKey)],
        peers: Some(PeersId(0)),
    }
}

/// A section of these peers, the one at `local` being this process.
pub(super) fn peers_section(names: &[&str], local: usize, tables: usize) -> PeersSection {
    let peer = |name: &&str| {
        let address = PeerAddress::Unresolved { host: (*name).to_owned(), port: 1024 };
        Peer::new((*name).to_owned(), address)
    };
    PeersSection {
        templates: Vec::new(),
        allowed: Vec::new(),
        name: "mypeers".to_owned(),
        disabled: false,
        peers: names.iter().map(peer).collect(),
        local: Some(local),
        binds: Vec::new(),
        tables: (0..u16::try_from(tables).unwrap()).map(TableId).collect(),
        log: Vec::new(),
    }
}

pub(super) fn section(
    names: &[&str],
    local: usize,
    tables: &Tables,
    start: Start,
    now_ms: u64,
) -> Section {
    let declaration = peers_section(names, local, tables.ids().count());
    let options = Options { pid: 4242, seed: 7 + local as u64, updates_max: 200, start };
    Section::new(&declaration, tables, options, now_ms)
}

/// A local change: the client with this number goes to this server.
pub(super) fn change(tables: &mut Tables, table: TableId, client: u32, server: u32, now_ms: u64) {
    let name = tables.names_mut().intern(format!("s{server}").as_bytes()).unwrap();
    let table = tables.get_mut(table);
    let (row, _) = table.find_or_insert(&client.to_be_bytes(), now_ms).unwrap();
    set_server(table, row, server, name);
    table.touch_local(row, now_ms);
}

pub(super) fn set_server(
    table: &mut crate::table::StickTable,
    row: RowId,
    server: u32,
    name: NameId,
) {
    let id = table.cell(DataType::ServerId).unwrap();
    let key = table.cell(DataType::ServerKey).unwrap();
    table.set_u32(row, id, 0, server);
    table.set_u32(row, key, 0, name.0);
}

/// Every entry of a sticky table: the client's number, the server's id and name.
pub(super) fn entries(tables: &Tables, table: TableId, now_ms: u64) -> Vec<(u32, u32, String)> {
    let names = tables.names();
    let table = tables.get(table);
    let id = table.cell(DataType::ServerId).unwrap();
    let key = table.cell(DataType::ServerKey).unwrap();
    let mut found = Vec::new();
    let mut cursor = None;
    while let Some(row) = table.next_row(cursor) {
        cursor = Some(row);
        if !table.is_live(row, now_ms) {
            continue;
        }
        let client = u32::from_be_bytes(table.key(row).try_into().unwrap());
        let name = names.name(NameId(table.get_u32(row, key, 0))).unwrap_or_default();
        let name = String::from_utf8(name.to_vec()).unwrap();
        found.push((client, table.get_u32(row, id, 0), name));
    }
    found.sort();
    found
}
