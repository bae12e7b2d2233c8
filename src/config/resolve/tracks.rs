//! Servers that go up and down with another server (`track`).

use std::collections::HashMap;

use crate::config::drafts::ProxyDraft;
use crate::config::drafts::names::Index;
use crate::config::text::report::Report;
use crate::config::{BackendId, Config, ServerIndex};

/// A server of a backend.
type Server = (BackendId, ServerIndex);

/// Finds the server that each server with `track` follows. The last server of such a chain must be
/// checked.
pub(in crate::config) fn resolve(
    proxies: &[ProxyDraft],
    names: &Index<'_>,
    config: &mut Config,
    report: &mut Report,
) {
    let backends = proxies.iter().filter(|proxy| proxy.kind.is_backend());
    let mut tracks = Vec::new();
    for (id, proxy) in (0..=u16::MAX).map(BackendId).zip(backends) {
        report.enter(proxy.label());
        for (index, server) in (0..=u16::MAX).map(ServerIndex::configured).zip(&proxy.servers) {
            let Some(track) = &server.words.track else { continue };
            let (backend, name) =
                track.value.split_once('/').unwrap_or((&proxy.name, &track.value));
            let target = names.backend(backend);
            let target = target.and_then(|id| Some((id, names.server(id, name)?)));
            match target {
                Some(_) if server.words.settings.health.check => {
                    report.error(track.place, "'track' and 'check' cannot stand together");
                }
                Some(target) => tracks.push(((id, index), target, (track.place, proxy))),
                None if names.may_miss_server(backend, name) => {}
                None => {
                    report.error(track.place, format!("there is no server '{backend}/{name}'"));
                }
            }
        }
    }
    let next_of: HashMap<_, _> = tracks.iter().map(|(from, to, _)| (*from, *to)).collect();
    let mut ends = HashMap::new();
    for ((backend, index), target, (place, proxy)) in &tracks {
        let end = end(*target, &next_of, &mut ends);
        let checked = end.and_then(|(backend, server)| {
            config.backends.get(backend.index())?.servers.get(server.index())
        });
        if checked.is_none_or(|server| !server.health.is_checked()) {
            report.enter(proxy.label());
            report.error(*place, "'track' leads to no server that is checked");
        }
        let server = config.backends.get_mut(backend.index());
        if let Some(server) = server.and_then(|b| b.servers.get_mut(index.index())) {
            server.health.track = Some(*target);
        }
    }
}

/// The last server of a chain of servers that track each other; `None` if the chain is a ring.
/// Each server is visited once.
fn end(
    first: Server,
    next_of: &HashMap<Server, Server>,
    ends: &mut HashMap<Server, Option<Server>>,
) -> Option<Server> {
    let mut way = Vec::new();
    let mut at = first;
    let end = loop {
        if let Some(known) = ends.get(&at) {
            break *known;
        }
        // A second visit means that the chain is a ring.
        ends.insert(at, None);
        way.push(at);
        match next_of.get(&at) {
            Some(next) => at = *next,
            None => break Some(at),
        }
    };
    ends.extend(way.into_iter().map(|server| (server, end)));
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_ends_and_a_ring_does_not() {
        let server = |number: u16| (BackendId(0), ServerIndex::configured(number));
        let next_of: HashMap<_, _> = [(0, 1), (1, 2), (3, 4), (4, 5), (5, 4)]
            .map(|(from, to)| (server(from), server(to)))
            .into();
        let mut ends = HashMap::new();
        let found = [0, 1, 2, 3, 4, 5].map(|number| end(server(number), &next_of, &mut ends));
        let expected = [Some(2), Some(2), Some(2), None, None, None];
        assert_eq!(found, expected.map(|number| number.map(server)));
    }
}
