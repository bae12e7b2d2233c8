//! The sets of DNS servers, and the sets that servers name.

use crate::config::drafts::{Draft, PeersDraft, ResolversDraft, ServerDraft};
use crate::config::sections::dns::resolvers;
use crate::config::text::diagnostic::{Placed, Section};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{
    Config, NamedPeer, Peer, PeerAddress, PeerTemplate, Resolution, Resolvers, ResolversId,
};

/// Adds the `resolvers` sections, and the one that need not be written if a line names it.
pub(super) fn add_sections(draft: &Draft, config: &mut Config, report: &mut Report) {
    for section in &draft.resolvers {
        report.enter(section.label());
        config.resolvers.push(resolvers::complete(section, report));
    }
    report.enter(None);
    add_default(draft, config, report);
}

/// Gives servers what follows from their names.
pub(super) fn of_servers(draft: &Draft, config: &mut Config, report: &mut Report) {
    let proxies = draft.proxies.iter().filter(|proxy| proxy.kind.is_backend());
    let mut backends = std::mem::take(&mut config.backends);
    for (proxy, backend) in proxies.zip(&mut backends) {
        report.enter(proxy.label());
        for (typed, server) in proxy.servers.iter().zip(&mut backend.servers) {
            server.resolution = resolution(typed, draft, config, report);
        }
    }
    config.backends = backends;
    report.enter(None);
}

/// Gives peers what follows from their names, and adds the places of templates.
pub(super) fn of_peers(draft: &Draft, config: &mut Config, report: &mut Report) {
    let mut sections = std::mem::take(&mut config.peers);
    for (typed, section) in draft.peers.iter().zip(&mut sections) {
        report.enter(Some(Section { kind: PeersDraft::WORD, name: Some(typed.name.clone()) }));
        for draft_peer in typed.peers.iter().filter(|peer| peer.name.value != typed.local_name) {
            let named = section.peers.iter_mut().find(|peer| peer.name == draft_peer.name.value);
            let Some(peer) = named else { continue };
            let (Some(resolvers), PeerAddress::Unresolved { host, port }) =
                (&draft_peer.resolvers, &peer.address)
            else {
                continue;
            };
            let resolvers = find(resolvers, draft, config, report);
            if let (Some(resolvers), Ok(host)) = (resolvers, host.parse()) {
                let (port, prefers_ipv4) = (*port, draft_peer.prefers_ipv4);
                let named = NamedPeer { resolvers, host, port, prefers_ipv4 };
                peer.address = PeerAddress::Named(Box::new(named));
            }
        }
        for template in &typed.templates {
            let Some(resolvers) = find(&template.resolvers, draft, config, report) else {
                continue;
            };
            let first = u16::try_from(section.peers.len()).unwrap_or(u16::MAX);
            let places = first..first.saturating_add(template.count);
            let place = Peer {
                tls: template.prepared.clone(),
                verify_host: template.tls.verify_host.clone(),
                ..Peer::new(String::new(), PeerAddress::OfTemplate)
            };
            section.peers.extend(places.clone().map(|_| place.clone()));
            let (service, prefers_ipv4) = (template.service.clone(), template.prefers_ipv4);
            section.templates.push(PeerTemplate { resolvers, service, prefers_ipv4, places });
        }
    }
    config.peers = sections;
    report.enter(None);
}

/// Adds the section `default`, if a line names it and it is not written.
fn add_default(draft: &Draft, config: &mut Config, report: &mut Report) {
    let is_default = |name: &str| name == Resolvers::DEFAULT;
    let servers = draft.proxies.iter().flat_map(|proxy| &proxy.servers);
    let of_servers = servers.filter_map(|server| server.words.resolvers.as_ref());
    let peers = draft.peers.iter().flat_map(|section| &section.peers);
    let of_peers = peers.filter_map(|peer| peer.resolvers.as_ref());
    let templates = draft.peers.iter().flat_map(|section| &section.templates);
    let of_templates = templates.map(|template| &template.resolvers);
    let mut all = of_servers.chain(of_peers).chain(of_templates);
    let Some(named) = all.find(|section| is_default(&section.value)) else { return };
    if config.resolvers.iter().any(|section| is_default(&section.name)) {
        return;
    }
    let mut section = Resolvers::new(Resolvers::DEFAULT);
    match resolvers::system_nameservers() {
        Ok(found) if !found.is_empty() => section.nameservers = found,
        Ok(_) => report.warning(named.place, "/etc/resolv.conf has no nameservers"),
        Err(error) => report.warning(named.place, format!("/etc/resolv.conf: {error}")),
    }
    config.resolvers.push(section);
}

/// How the address of a server follows from a name.
fn resolution(
    server: &ServerDraft,
    draft: &Draft,
    config: &Config,
    report: &mut Report,
) -> Option<Box<Resolution>> {
    let Some(section) = &server.words.resolvers else {
        if let Some(place) = server.words.choice_place {
            let message = "'resolve-prefer', 'resolve-net' and 'resolve-opts' have no effect \
                           without 'resolvers'";
            report.warning(place, message);
        }
        return None;
    };
    let resolvers = find(section, draft, config, report)?;
    let (host, choice) = (server.host.clone(), server.words.choice.clone());
    Some(Box::new(Resolution { resolvers, host, choice }))
}

fn find(
    section: &Placed<String>,
    draft: &Draft,
    config: &Config,
    report: &mut Report,
) -> Option<ResolversId> {
    let names = || config.resolvers.iter().map(|section| section.name.as_str());
    let found = names().position(|name| name == section.value);
    if found.is_none() && !draft.gaps.may_name(&[ResolversDraft::WORD], &section.value) {
        let hint = hint(&section.value, names());
        let message = format!("there is no resolvers section '{}'{hint}", section.value);
        report.error(section.place, message);
    }
    found.and_then(|at| u16::try_from(at).ok()).map(ResolversId)
}
