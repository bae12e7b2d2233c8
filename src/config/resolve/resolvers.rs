//! The sets of DNS servers, and the sets that servers name.

use crate::config::drafts::{Draft, ResolversDraft, ServerDraft};
use crate::config::sections::dns::resolvers;
use crate::config::text::diagnostic::Placed;
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{Config, Resolution, Resolvers, ResolversId};

/// Adds the `resolvers` sections, and the one that need not be written if a server names it. Then
/// gives servers what follows from their names.
pub(super) fn resolve(draft: &Draft, config: &mut Config, report: &mut Report) {
    for section in &draft.resolvers {
        report.enter(section.label());
        config.resolvers.push(resolvers::complete(section, report));
    }
    report.enter(None);
    add_default(draft, config, report);
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

/// Adds the section `default`, if a server names it and it is not written.
fn add_default(draft: &Draft, config: &mut Config, report: &mut Report) {
    let is_default = |name: &str| name == Resolvers::DEFAULT;
    let mut servers = draft.proxies.iter().flat_map(|proxy| &proxy.servers);
    let named = servers.find_map(|server| {
        server.words.resolvers.as_ref().filter(|section| is_default(&section.value))
    });
    let Some(named) = named else { return };
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
