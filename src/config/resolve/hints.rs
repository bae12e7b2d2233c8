//! Warnings about correct configurations that may not do what their author expects.

use crate::config::drafts::ProxyDraft;
use crate::config::drafts::names::Index;
use crate::config::text::report::Report;
use crate::config::{Backend, BackendId, BindAddress, Config, Frontend, KeyType, StickTable};
use crate::net::address::Address;

/// Reports such warnings for a configuration without errors.
pub(in crate::config) fn give(
    config: &Config,
    proxies: &[ProxyDraft],
    names: &Index<'_>,
    report: &mut Report,
) {
    for proxy in proxies {
        report.enter(proxy.label());
        if let Some(id) = names.frontend(&proxy.name).filter(|_| proxy.kind.is_frontend())
            && let Some(frontend) = config.frontends.get(id.index())
        {
            ipv6_clients(config, proxy, frontend, report);
        }
        if let Some(id) = names.backend(&proxy.name).filter(|_| proxy.kind.is_backend())
            && let Some(backend) = config.backends.get(id.index())
        {
            table_without_peers(config, proxy, backend, report);
            surprising_ids(config, proxy, backend, report);
        }
    }
    report.enter(None);
}

/// The tables of the stick rules of a backend.
fn tables<'a>(config: &'a Config, backend: &'a Backend) -> impl Iterator<Item = &'a StickTable> {
    backend.stick_rules.iter().filter_map(|rule| config.tables.get(rule.table.index()))
}

fn ipv6_clients(config: &Config, proxy: &ProxyDraft, frontend: &Frontend, report: &mut Report) {
    let target = frontend.default_backend.map(BackendId::index);
    let Some(backend) = target.and_then(|index| config.backends.get(index)) else { return };
    let mut ipv4 = tables(config, backend)
        .filter(|table| matches!(table.key_type, KeyType::Ipv4 | KeyType::Integer));
    let Some(table) = ipv4.next() else { return };
    for bind in &proxy.binds {
        let is_ipv6 = bind.addresses.iter().any(|address| {
            matches!(address, BindAddress::Address(Address::Ip(address)) if address.is_ipv6())
        });
        if is_ipv6 {
            let message = format!(
                "IPv6 clients come in here, but stick table '{}' has IPv4 keys: they do not \
                 stick; 'type ipv6' takes both",
                table.name
            );
            report.warning(bind.place, message);
        }
    }
}

fn table_without_peers(
    config: &Config,
    proxy: &ProxyDraft,
    backend: &Backend,
    report: &mut Report,
) {
    let Some(draft) = &proxy.table else { return };
    let is_used = tables(config, backend).any(|table| table.name == proxy.name);
    if let Some(section) = config.peers.first()
        && is_used
        && draft.peers.is_none()
    {
        let message = format!(
            "the table is not replicated: add 'peers {}' if the other nodes are to know its \
             entries",
            section.name
        );
        report.warning(draft.place, message);
    }
}

/// All nodes must give the servers the same ids. If some servers have an `id`, the automatic ids
/// of the others are hard to count, and change when a line is moved.
fn surprising_ids(config: &Config, proxy: &ProxyDraft, backend: &Backend, report: &mut Report) {
    if !tables(config, backend).any(|table| table.peers.is_some()) {
        return;
    }
    let has_forced = proxy.servers.iter().any(|server| server.words.id.is_some());
    let mut automatic = proxy
        .servers
        .iter()
        .zip(&backend.servers)
        .filter(|(draft, _)| has_forced && draft.words.id.is_none());
    if let Some((draft, server)) = automatic.next() {
        let message = format!(
            "server '{}' has the automatic id {} beside servers with a given one: give every \
             server an 'id', the same on every node",
            server.name, server.id
        );
        report.warning(draft.name.place, message);
    }
}

/// Reports the missing timeouts of a section in one message.
pub(super) fn warn_of_timeouts(proxy: &ProxyDraft, report: &mut Report) {
    let settings = &proxy.settings;
    let has_servers = proxy.kind.is_backend() && !proxy.servers.is_empty();
    let missing: Vec<&str> = [
        ("'timeout client'", proxy.kind.is_frontend(), settings.timeout_client_ms),
        ("'timeout connect'", has_servers, settings.timeout_connect_ms),
        ("'timeout server'", has_servers, settings.timeout_server_ms),
    ]
    .into_iter()
    .filter(|(_, is_needed, timeout)| *is_needed && timeout.is_none())
    .map(|(name, ..)| name)
    .collect();
    if !missing.is_empty() && !settings.disabled && proxy.is_whole() {
        let missing = missing.join(", ");
        let message = format!("missing {missing}: a silent connection is kept for ever");
        report.warning(proxy.place, message);
    }
}
