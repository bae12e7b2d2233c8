//! What was understood of a configuration, one line for each section (`-c -V`).

use super::words::{bytes, count, number, time};
use crate::config::{Bind, BindAddress, Config, StickTable};
use crate::table;

/// One line for each frontend, backend, table, peers and resolvers section.
pub fn summary(config: &Config) -> String {
    let mut text = String::new();
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for frontend in &config.frontends {
        say(format!("frontend {}: {}", frontend.name, binds(&frontend.binds)));
    }
    for page in &config.pages {
        say(format!("frontend {} (pages): {}", page.name, binds(&page.binds)));
    }
    for backend in config.backends.iter().filter(|backend| backend.pages.is_none()) {
        let servers = backend.servers.iter();
        let servers: Vec<_> = servers.map(|s| format!("{} {}", s.name, s.place())).collect();
        let names = if servers.is_empty() { "no server".to_owned() } else { servers.join(", ") };
        say(format!("backend {} ({}): {names}", backend.name, backend.balance.name()));
    }
    for table in &config.tables {
        say(format!("table {}: {}", table.name, size(table)));
    }
    for peers in &config.peers {
        let names = peers.peers.iter().map(|peer| peer.name.as_str()).filter(|n| !n.is_empty());
        let local = peers.local.and_then(|at| peers.peers.get(at));
        let local = local.map_or("none", |peer| peer.name.as_str());
        let names: Vec<_> = names.collect();
        let places: usize = peers.templates.iter().map(|template| template.places.len()).sum();
        let more = if places == 0 { String::new() } else { format!(", {places} by name") };
        say(format!("peers {}: {}{more} (local: {local})", peers.name, names.join(", ")));
    }
    for resolvers in &config.resolvers {
        let nameservers = count(resolvers.nameservers.len(), "nameserver");
        say(format!("resolvers {}: {nameservers}", resolvers.name));
    }
    text
}

/// The addresses that are listened on.
pub(super) fn binds(binds: &[Bind]) -> String {
    let addresses: Vec<String> = binds.iter().map(bind).collect();
    if addresses.is_empty() { "no address".to_owned() } else { addresses.join(", ") }
}

/// One address that is listened on, and what clients have to speak there.
pub(super) fn bind(bind: &Bind) -> String {
    let mut text = match &bind.address {
        BindAddress::Address(address) => address.to_string(),
        BindAddress::Fd(fd) => format!("fd@{fd}"),
    };
    if bind.settings.tls.is_some() {
        text.push_str(" with TLS");
    }
    if bind.settings.accept_proxy {
        text.push_str(" behind a PROXY header");
    }
    text
}

/// What a table holds, for how long, and what it takes.
pub(super) fn size(table: &StickTable) -> String {
    let life = match table.expire_ms {
        Some(ms) => format!("{} after their last use", time(ms)),
        None => "until room is needed".to_owned(),
    };
    let memory = table::StickTable::new(table).map(|table| table.allocated_bytes() as u64);
    let memory = memory.map_or_else(|_| "more memory than there is".to_owned(), bytes);
    let kind = table.key_type.name();
    format!("up to {} entries by {kind}, kept {life}, {memory}", number(table.size))
}
