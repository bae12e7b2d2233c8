//! The stick tables of proxies and of peers sections.

use std::collections::HashMap;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::aggregates;
use super::counts::id;
use super::peers::attach;
use crate::config::drafts::{Draft, GlobalDraft, PeersDraft, TableDraft};
use crate::config::text::diagnostic::{Place, Placed, Section};
use crate::config::text::gaps::Gaps;
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{Config, Counts, PeersId, PeersSection, SavedTo, StickTable, TableId};

/// Adds the tables in the order of their lines, also to the peers sections that replicate them.
/// Returns the tables by name. If two have the same name, the first counts.
pub(super) fn resolve(
    draft: &Draft,
    config: &mut Config,
    report: &mut Report,
) -> HashMap<String, TableId> {
    let Draft { global, proxies, peers: peers_drafts, gaps, .. } = draft;
    let of_proxies = proxies.iter().filter_map(|proxy| {
        let label = Section { kind: proxy.kind.word(), name: Some(proxy.name.clone()) };
        Some((proxy.table.as_ref()?, proxy.name.clone(), proxy.name.clone(), label, None))
    });
    let of_peers = peers_drafts.iter().enumerate().flat_map(|(index, section)| {
        section.tables.iter().map(move |table| {
            let name = table.name.clone().unwrap_or_default();
            let label = Section { kind: PeersDraft::WORD, name: Some(section.name.clone()) };
            let api_name = format!("{}/{name}", section.name);
            (table, api_name, format!("/{name}"), label, Some(PeersId(id(index))))
        })
    });
    let mut drafts: Vec<_> = of_proxies.chain(of_peers).collect();
    drafts.sort_by_key(|(table, ..)| table.place);
    let mut places: HashMap<String, Place> = HashMap::new();
    let mut ids = HashMap::new();
    let mut files: HashMap<PathBuf, Place> = HashMap::new();
    let mut sums = Vec::new();
    for (draft, name, wire_name, label, section) in drafts {
        report.enter(Some(label.clone()));
        if let Some(other) = places.insert(name.clone(), draft.place) {
            let at = report.name(other);
            report.error(draft.place, format!("there is a stick table '{name}' already, at {at}"));
        }
        let peers =
            section.or_else(|| find_peers(draft.peers.as_ref(), &config.peers, gaps, report));
        let table_id = TableId(id(config.tables.len()));
        ids.entry(name.clone()).or_insert(table_id);
        let save = saved_to(draft, &name, global);
        if let Some(SavedTo { file, .. }) = &save
            && let Some(other) = files.insert(file.clone(), draft.place)
        {
            let place = draft.save.as_ref().map_or(draft.place, |(file, _)| file.place);
            let at = report.name(other);
            let file = file.display();
            report.error(place, format!("another table is saved to {file} already, at {at}"));
        }
        aggregates::check(draft, peers, peers_drafts, report);
        config.tables.push(table(draft, name, wire_name, save));
        attach(table_id, peers, config);
        if draft.aggregate.is_some() {
            sums.push((table_id, draft.place, label));
        }
    }
    for (table, place, label) in sums {
        report.enter(Some(label));
        aggregates::add_parts(table, place, &mut places, config, report);
    }
    ids
}

fn find_peers(
    name: Option<&Placed<String>>,
    sections: &[PeersSection],
    gaps: &Gaps,
    report: &mut Report,
) -> Option<PeersId> {
    let name = name?;
    let found = sections.iter().position(|section| section.name == name.value);
    if found.is_none() && !gaps.may_name(&[PeersDraft::WORD], &name.value) {
        let names = sections.iter().map(|section| section.name.as_str());
        let hint = hint(&name.value, names);
        report.error(name.place, format!("there is no peers section '{}'{hint}", name.value));
    }
    found.map(|index| PeersId(id(index)))
}

/// What may stand in the name of a file. The name of a table of a peers section has a slash.
const IN_FILES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b':').remove(b'_');

/// Where a table is saved: to the file of its line, or to one of `tables-dir`.
fn saved_to(draft: &TableDraft, name: &str, global: &GlobalDraft) -> Option<SavedTo> {
    if let Some((file, every_ms)) = &draft.save {
        return Some(SavedTo { file: file.value.clone().into(), every_ms: *every_ms });
    }
    let (directory, every_ms) = global.tables_dir.as_ref()?;
    let name = format!("{}.table", utf8_percent_encode(name, IN_FILES));
    Some(SavedTo { file: directory.join(name), every_ms: *every_ms })
}

fn table(draft: &TableDraft, name: String, wire_name: String, save: Option<SavedTo>) -> StickTable {
    StickTable {
        name,
        wire_name,
        key_type: draft.key_type,
        key_len: draft.key_len,
        wire_key_len: draft.wire_key_len,
        size: draft.size,
        expire_ms: draft.expire_ms,
        nopurge: draft.nopurge,
        recv_only: draft.recv_only,
        origins: draft.origins,
        save,
        server_key: draft.server_key,
        data: draft.data.clone(),
        peers: None,
        counts: Counts::Shared,
    }
}
