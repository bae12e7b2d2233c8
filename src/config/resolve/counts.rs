//! The lengths of lists: every position must fit an id.

use crate::config::drafts::{PeersDraft, ProxyDraft};
use crate::config::text::diagnostic::Section;
use crate::config::text::report::Report;

/// Reports lists that are too long: ids have 16 bits, and the highest id stays free.
pub(super) fn check_counts(proxies: &[ProxyDraft], peers: &[PeersDraft], report: &mut Report) {
    const MOST: usize = u16::MAX as usize - 1;
    if let Some(proxy) = proxies.get(MOST) {
        report.error(proxy.place, format!("more than {MOST} sections"));
    }
    if let Some(section) = peers.get(MOST) {
        report.error(section.place, format!("more than {MOST} peers sections"));
    }
    for section in peers {
        if let Some(peer) = section.peers.get(MOST) {
            report
                .enter(Some(Section { kind: PeersDraft::WORD, name: Some(section.name.clone()) }));
            report.error(peer.name.place, format!("more than {MOST} peers"));
        }
    }
    report.enter(None);
    for proxy in proxies {
        if let Some(server) = proxy.servers.get(MOST) {
            report.error(server.name.place, format!("more than {MOST} servers"));
        }
    }
    let tables = peers.iter().flat_map(|section| &section.tables);
    if let Some(table) = tables.chain(proxies.iter().filter_map(|p| p.table.as_ref())).nth(MOST) {
        report.error(table.place, format!("more than {MOST} stick tables"));
    }
}

/// A position as an id. [`check_counts`] has reported a position that does not fit.
pub(super) fn id(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
