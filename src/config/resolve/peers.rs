//! The peers sections.

use super::listeners::Listeners;
use super::rings::Targets;
use crate::config::drafts::{PeersDraft, keyword_names};
use crate::config::text::diagnostic::Section;
use crate::config::text::report::Report;
use crate::config::{
    Bind, BindAddress, Config, LogTarget, Peer, PeerAddress, PeersId, PeersSection, TableId,
};

pub(super) fn section(
    draft: &PeersDraft,
    global_log: &[LogTarget],
    targets: &mut Targets,
    listeners: &mut Listeners,
    report: &mut Report,
) -> PeersSection {
    report.enter(Some(Section { kind: PeersDraft::WORD, name: Some(draft.name.clone()) }));
    for bind in &draft.binds {
        listeners.add_draft(bind, report);
    }
    let mut binds: Vec<Bind> = draft.binds.iter().flat_map(|bind| bind.binds(report)).collect();
    let mut local = draft.peers.iter().position(|peer| peer.name.value == draft.local_name);
    // The nodes of a template know themselves by their names.
    let is_implied = local.is_none() && !draft.templates.is_empty() && !draft.disabled;
    if is_implied && binds.is_empty() && draft.gaps.is_empty() {
        let message = "'peer-template' wants a 'bind' line: where this node listens for peers";
        report.error(draft.place, message);
    } else if is_implied {
        local = Some(draft.peers.len());
    } else if local.is_none() && draft.gaps.is_empty() {
        let name = &draft.local_name;
        report.warning(
            draft.place,
            format!(
                "the section is not started: it has no peer '{name}', which is this node's name \
                 (from -L, 'localpeer', or the host name)"
            ),
        );
    }
    if draft.disabled || local.is_none() {
        binds.clear();
        local = local.filter(|_| !draft.disabled);
    }
    let has_descriptor = binds.iter().any(|bind| matches!(bind.address, BindAddress::Fd(_)));
    let peers = draft.peers.iter().filter_map(|peer| {
        let own = own_address(&binds);
        let name = peer.name.value.clone();
        let descriptor = has_descriptor.then_some(PeerAddress::Descriptor);
        match peer.address.clone().or(own).or(descriptor) {
            Some(address) => Some(Peer {
                tls: peer.prepared.clone(),
                verify_host: peer.tls.verify_host.clone(),
                ..Peer::new(name, address)
            }),
            None if draft.disabled || draft.gaps.may_say(keyword_names::BIND) => None,
            None => {
                let message = format!("the local peer '{name}' has no address: add a 'bind' line");
                report.error(peer.name.place, message);
                None
            }
        }
    });
    let mut peers: Vec<Peer> = peers.collect();
    if is_implied && local.is_some() {
        let address = own_address(&binds).unwrap_or(PeerAddress::Descriptor);
        let tls = draft.templates.first().and_then(|template| template.prepared.clone());
        peers.push(Peer { tls, ..Peer::new(draft.local_name.clone(), address) });
    }
    if local.is_some() && draft.allowed.is_empty() {
        warn_of_strangers(draft, &binds, report);
    }
    PeersSection {
        templates: Vec::new(),
        allowed: draft.allowed.clone(),
        name: draft.name.clone(),
        disabled: draft.disabled,
        peers,
        local,
        binds,
        tables: Vec::new(),
        log: targets.of_section(&draft.log, global_log, None, report),
    }
}

/// Adds a table to its peers section. If the section is not started, the table stays local.
pub(super) fn attach(table_id: TableId, peers: Option<PeersId>, config: &mut Config) {
    let Some(peers) = peers else { return };
    let Some(section) = config.peers.get_mut(peers.index()) else { return };
    if section.disabled || section.local.is_none() {
        return;
    }
    section.tables.push(table_id);
    if let Some(table) = config.tables.get_mut(table_id.index()) {
        table.peers = Some(peers);
    }
}

/// The first address at which this node listens.
fn own_address(binds: &[Bind]) -> Option<PeerAddress> {
    binds.iter().find_map(|bind| match &bind.address {
        BindAddress::Address(address) => Some(PeerAddress::Known(address.clone())),
        BindAddress::Fd(_) => None,
    })
}

/// Warns of a port where strangers can speak as a peer: they would read and write the tables.
fn warn_of_strangers(draft: &PeersDraft, binds: &[Bind], report: &mut Report) {
    let is_open = |bind: &&Bind| bind.settings.tls.as_ref().is_none_or(|tls| !tls.asks_for_all());
    let reachable = |bind: &Bind| match &bind.address {
        BindAddress::Address(address) => {
            address.ip().filter(|address| !address.ip().to_canonical().is_loopback())
        }
        BindAddress::Fd(_) => None,
    };
    let Some(address) = binds.iter().filter(is_open).find_map(reachable) else { return };
    let message = format!(
        "whoever reaches {address} and knows the name of a peer reads and writes the tables: \
         write 'ssl crt <file> ca-file <file> verify required' behind 'default-bind' and \
         'default-server', or name the networks of the peers with 'allow'"
    );
    report.warning(draft.place, message);
}
