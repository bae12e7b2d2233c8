//! What a successor has to know beside the entries of the tables: the state of the servers, where
//! the update logs end, what each remote peer has acknowledged of them, and how the tables are
//! declared. The predecessor collects it at the end of the handover, the successor adopts it before
//! it serves.

use std::collections::HashMap;
use std::fmt::Write;

use super::elsewhere::Elsewhere;
use super::late_updates::LateUpdateReceivers;
use super::message::names::ProxyIndexes;
use super::message::{Message, checks, counts, marks, open, places, servers, turns};
use crate::config::{StickTable, TableId};
use crate::peers::link::Peers;
use crate::proxy::Shared;
use crate::proxy::backend::Backend;
use crate::table::Tables;

/// The messages that tell the state of this process, whose generation this is, to its successor.
/// `elsewhere` has the connections of older processes.
pub fn collect(
    shared: &Shared,
    peers: &Peers,
    receivers: &LateUpdateReceivers,
    elsewhere: &Elsewhere,
    generation: u32,
    now_ms: u64,
) -> Vec<Message> {
    let tables = &shared.tables;
    let name_of = |id| tables.get(id).declaration().name.clone();
    let logs = tables.ids().map(|id| {
        let id_of_last = tables.get(id).last_update();
        Message::LastUpdate { table: name_of(id), id: id_of_last }
    });
    let mut messages: Vec<Message> = logs.collect();
    for (generation, last_updates) in receivers.last_updates() {
        messages.extend(tables.ids().zip(last_updates).map(|(id, last)| {
            Message::OlderLastUpdate { generation, table: name_of(id), id: *last }
        }));
    }
    messages.extend(servers::states(shared, now_ms).into_iter().map(Message::Server));
    messages.extend(places::places(shared).into_iter().map(Message::Place));
    messages.extend(marks::marks(shared).map(Message::Marks));
    messages.extend(checks::last(shared).map(Message::LastCheck));
    messages.extend(turns::turns(shared).map(Message::Turn));
    messages.extend(counts::counts(shared).into_iter().map(Message::Counts));
    messages.extend(open::open(generation, shared).into_iter().map(Message::Open));
    messages.extend(elsewhere.iter().map(Message::Open));
    messages.extend(tables.ids().map(|id| Message::Declaration {
        table: name_of(id),
        declaration: declaration_of(tables.get(id).declaration()),
    }));
    messages.extend(peers.nodes().map(|(section, peer, address)| Message::Node {
        section: section.to_owned(),
        peer: peer.to_owned(),
        address,
    }));
    for section in peers.sections() {
        let name = || section.name().to_owned();
        if !section.resync().is_up_to_date() {
            messages.push(Message::Unfinished(name()));
        }
        if let Some(left_ms) = section.resync().search_left_ms(now_ms) {
            messages.push(Message::Searching { section: name(), left_ms });
        }
        for (peer, table, acked) in section.positions() {
            let (peer, table) = (peer.to_owned(), name_of(table));
            messages.push(Message::Position { section: name(), peer, table, acked });
        }
    }
    messages
}

/// Takes in what draining processes tell of their counters, and their answers.
pub fn adopt_late(
    messages: &[Message],
    shared: &mut Shared,
    indexes: &ProxyIndexes,
    elsewhere: &mut Elsewhere,
) {
    for message in messages {
        match message {
            Message::Counts(counts) => counts.adopt(indexes, shared),
            Message::Open(open) => elsewhere.note(open, indexes, shared),
            Message::Told(ticket, told) => shared.elders.note(*ticket, told.clone()),
            _ => {}
        }
    }
}

/// Continues with the state that the predecessor had.
pub fn adopt(
    messages: &[Message],
    shared: &mut Shared,
    peers: &mut Peers,
    indexes: &ProxyIndexes,
    elsewhere: &mut Elsewhere,
    now_ms: u64,
) {
    adopt_resync(messages, &shared.tables, peers, now_ms);
    for message in messages {
        match message {
            Message::Server(state) => servers::adopt(state, indexes, shared, now_ms),
            Message::Node { section, peer, address } => {
                peers.adopt_node(section, peer, *address, now_ms);
            }
            Message::Place(place) => places::adopt(place, indexes, shared),
            Message::Marks(marks) => marks.adopt(indexes, shared),
            Message::LastCheck(check) => check.adopt(indexes, shared),
            Message::Counts(counts) => counts.adopt(indexes, shared),
            Message::Open(open) => elsewhere.note(open, indexes, shared),
            Message::LastUpdate { table, id } => {
                let tables = &mut shared.tables;
                if let Some(table) = tables.by_name(table) {
                    tables.get_mut(table).adopt_last_update(*id);
                }
            }
            Message::Position { section, peer, table, acked } => {
                let Some(table) = shared.tables.by_name(table) else { continue };
                let mut sections = peers.sections_mut().iter_mut();
                if let Some(section) = sections.find(|own| own.name() == section) {
                    section.adopt_position(peer, table, *acked);
                }
            }
            Message::Ready(_)
            | Message::Failed(_)
            | Message::Offers(_)
            | Message::Wants(_)
            | Message::Lent { .. }
            | Message::Generation(_)
            | Message::OlderLastUpdate { .. }
            | Message::Searching { .. }
            | Message::Turn(_)
            | Message::Predecessor(_)
            | Message::Event(_)
            | Message::Session(_)
            | Message::Ask(..)
            | Message::Told(..)
            | Message::Reload(_)
            | Message::Fill { .. }
            | Message::Declaration { .. }
            | Message::Unfinished(_) => {}
        }
    }
    shared.warm_up(now_ms);
    // The rounds and the servers that track others follow the states of all servers.
    shared.backends.iter_mut().for_each(Backend::server_changed);
    let turns = messages.iter().filter_map(|message| match message {
        Message::Turn(turn) => Some(turn),
        _ => None,
    });
    turns::adopt(turns, indexes, shared);
    for message in messages {
        if let Message::Server(state) = message {
            servers::forget_agent(state, indexes, shared, now_ms);
        }
    }
}

/// Decides for each peers section whether remote peers have to teach it: if the predecessor had not
/// learned everything itself, or if a table has room for more than the predecessor could hand over.
fn adopt_resync(messages: &[Message], tables: &Tables, peers: &mut Peers, now_ms: u64) {
    let changed = changed_tables(messages, tables);
    for section in peers.sections_mut() {
        if messages.contains(&Message::Unfinished(section.name().to_owned())) {
            log::info!("reload: peers {}: the resync begins anew", section.name());
            section.handle_handover_incomplete(false, now_ms);
            for message in messages {
                if let Message::Searching { section: name, left_ms } = message
                    && name == section.name()
                {
                    section.shorten_search(*left_ms, now_ms);
                }
            }
        } else if let Some(id) = changed.iter().find(|id| section.has_table(**id)) {
            let table = &tables.get(*id).declaration().name;
            log::info!(
                "reload: peers {}: table '{table}' is declared otherwise than before: peers are \
                 asked for what it has room for now",
                section.name()
            );
            section.handle_handover_incomplete(true, now_ms);
        } else {
            section.handle_handover_finished();
        }
    }
}

/// The tables whose declaration has changed, and new tables. Empty if the predecessor did not say
/// how its tables are declared.
pub fn changed_tables(messages: &[Message], tables: &Tables) -> Vec<TableId> {
    let before = messages.iter().filter_map(|message| match message {
        Message::Declaration { table, declaration } => Some((table.as_str(), declaration.as_str())),
        _ => None,
    });
    let before: HashMap<&str, &str> = before.collect();
    let is_changed = |id: &TableId| {
        let declaration = tables.get(*id).declaration();
        before.get(&*declaration.name) != Some(&&*declaration_of(declaration))
    };
    tables.ids().filter(|id| !before.is_empty() && is_changed(id)).collect()
}

/// How a table is declared, in one word. Two tables are declared alike if their words are the same.
pub fn declaration_of(table: &StickTable) -> String {
    let expire_ms = table.expire_ms.map_or_else(|| "-".to_owned(), |expire| expire.to_string());
    let (key_type, key_len) = (table.key_type.name(), table.key_len);
    let mut word = format!("{key_type}/{key_len}/{}/{expire_ms}", table.size);
    for stored in &table.data {
        let (name, elements) = (stored.data_type.name(), stored.elements);
        // Writing to a string cannot fail.
        let _ = write!(word, ",{name}/{elements}/{}", stored.period_ms);
    }
    word
}
