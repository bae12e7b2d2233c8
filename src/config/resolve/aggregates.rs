//! Tables that count for the whole cluster (`aggregate`): each node of a peers section has a part.

use std::collections::HashMap;

use super::counts::id;
use super::peers::attach;
use crate::config::data_type::{Role, StoredData};
use crate::config::drafts::{PeersDraft, TableDraft};
use crate::config::text::diagnostic::Place;
use crate::config::text::report::Report;
use crate::config::{Config, Counts, PeersId, StickTable, TableId};

/// What stands between the name of a table and that of a node. HAProxy takes it in the name of a
/// section.
const SEPARATOR: char = ':';

/// Reports what cannot stand beside `aggregate`. `peers` is the section of the table.
pub(super) fn check(
    draft: &TableDraft,
    peers: Option<PeersId>,
    sections: &[PeersDraft],
    report: &mut Report,
) {
    let Some(place) = draft.aggregate else { return };
    if peers.is_none() && draft.peers.is_none() {
        report
            .error(place, "'aggregate' wants 'peers <section>': the nodes whose counts are added");
    }
    if draft.expire_ms.is_none() {
        let message = "'aggregate' without 'expire': what a node that left has counted stays";
        report.warning(place, message);
    }
    if draft.recv_only {
        report.error(place, "'aggregate' and 'recv-only' exclude each other");
    }
    let has_template = |section: &PeersDraft| !section.templates.is_empty();
    if peers.and_then(|id| sections.get(id.index())).is_some_and(has_template) {
        let message =
            "'aggregate' wants all nodes by name: the peers section has a 'peer-template'";
        report.error(place, message);
    }
    for stored in draft.data.iter().filter(|stored| !is_summed(stored)) {
        let message = format!("'aggregate': '{}' cannot be added up", stored.data_type.name());
        report.error(place, message);
    }
}

fn is_summed(stored: &StoredData) -> bool {
    match stored.data_type.role() {
        Role::Server | Role::Tag => false,
        Role::Counter | Role::Traffic | Role::Bytes(_) | Role::Open | Role::Rate => true,
    }
}

/// Reports a stick rule that stores servers in such a table.
pub(super) fn refuse_stickiness(table: &StickTable, rule: Place, report: &mut Report) {
    if let Some(name) = table.sum_name() {
        let message = format!(
            "the stick table '{name}' has 'aggregate': it counts, and cannot say which server a \
             client has"
        );
        report.error(rule, message);
    }
}

/// Adds the parts of the other nodes behind all tables, and renames the table to this node's part.
/// The table of a section that is not started stays as it is.
pub(super) fn add_parts(
    table_id: TableId,
    place: Place,
    places: &mut HashMap<String, Place>,
    config: &mut Config,
    report: &mut Report,
) {
    let Some(own) = config.tables.get(table_id.index()).cloned() else { return };
    let Some(peers) = own.peers else { return };
    let Some(section) = config.peers.get(peers.index()) else { return };
    let nodes: Vec<String> = section.peers.iter().map(|peer| peer.name.clone()).collect();
    let local = section.local;
    let mut others = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let name = format!("{}{SEPARATOR}{node}", own.name);
        let wire_name = format!("{}{SEPARATOR}{node}", own.wire_name);
        if let Some(other) = places.insert(name.clone(), place) {
            let at = report.name(other);
            let message = format!(
                "there is a stick table '{name}' already, at {at}: 'aggregate' gives the part of \
                 the node '{node}' this name"
            );
            report.error(place, message);
        }
        if local == Some(at) {
            if let Some(table) = config.tables.get_mut(table_id.index()) {
                (table.name, table.wire_name) = (name, wire_name);
            }
            continue;
        }
        let part = TableId(id(config.tables.len()));
        config.tables.push(StickTable {
            name,
            wire_name,
            save: None,
            origins: false,
            counts: Counts::OfAnotherNode,
            ..own.clone()
        });
        attach(part, Some(peers), config);
        others.push(part);
    }
    if config.tables.len() > usize::from(u16::MAX) {
        report.error(place, "too many stick tables: 'aggregate' makes one for each node");
    }
    if let Some(table) = config.tables.get_mut(table_id.index()) {
        table.counts = Counts::OfThisNode { sum: own.name, others };
    }
}
