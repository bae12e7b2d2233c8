//! How the health of a server is learned: what follows from several words of its line.

use std::net::SocketAddr;

use crate::config::drafts::{ProxyDraft, ServerDraft, ServerWords};
use crate::config::text::report::Report;
use crate::config::{
    AgentCheck, BindAddress, CheckProgram, CheckStep, CheckTls, Global, NamedHost, Script,
    ScriptKind, SendProxy, Server, ServerAddress, ServerCheck, ServerHealth,
};
use crate::net::address::Address;

/// What follows from a server's words about its health.
pub(super) fn resolve(server: &ServerDraft, report: &mut Report) -> ServerHealth {
    let is_checked = server.words.settings.health.check;
    ServerHealth {
        check: is_checked.then(|| check(&server.words, &server.address)),
        agent: agent(server, report),
        track: None,
    }
}

fn check(words: &ServerWords, address: &ServerAddress) -> ServerCheck {
    let ServerWords { settings, tls, .. } = words;
    let health = &settings.health;
    let header = settings.proxy_header();
    // A check of the very place that clients go to begins as their connections do.
    let is_same_place = health.addr.is_none() && health.port.is_none();
    let implied = header.filter(|_| is_same_place);
    let asked = health.send_proxy.then(|| header.unwrap_or(SendProxy::V1));
    ServerCheck {
        address: place(address, health.addr.as_ref(), health.port),
        send_proxy: asked.or(implied),
        step_header: header.unwrap_or(SendProxy::V1),
        tls: tls.check.connector.as_ref().map(|connector| CheckTls {
            connector: connector.clone(),
            is_implied: match tls.check.on {
                Some(asked) => asked.is_some(),
                None => tls.on.is_some() && is_same_place,
            },
            has_fixed_name: tls.verify_host.is_some(),
        }),
        offer: tls.check.offer.clone(),
    }
}

/// The program that checks the servers of a section, if one does.
pub(super) fn program(
    proxy: &ProxyDraft,
    global: &Global,
    report: &mut Report,
) -> Option<CheckProgram> {
    let script = &proxy.settings.script;
    if script.kind != ScriptKind::Program {
        return None;
    }
    if !global.external_check {
        let message = "'option external-check' wants 'external-check' in the 'global' section";
        report.error(proxy.place, message);
    }
    if !global.fork_wanted {
        let message = "HAProxy wants 'insecure-fork-wanted' in the 'global' section for 'option \
                       external-check'; here the line only spares this warning";
        report.warning(proxy.place, message);
    }
    let Some(command) = script.program.command.clone() else {
        let message = "'option external-check' wants an 'external-check command'";
        report.error(proxy.place, message);
        return None;
    };
    let first = proxy.binds.iter().flat_map(|bind| &bind.addresses).next();
    let (proxy_address, proxy_port) = match first {
        Some(BindAddress::Address(Address::Ip(ip))) => (Some(ip.ip().to_string()), Some(ip.port())),
        Some(BindAddress::Address(Address::Unix(path))) => (Some(path.display().to_string()), None),
        Some(BindAddress::Address(Address::Abstract(name))) => (Some(name.clone()), None),
        Some(BindAddress::Fd(_)) | None => (None, None),
    };
    let path = script.program.path.clone().unwrap_or_default();
    Some(CheckProgram { command, path, proxy_address, proxy_port })
}

/// Where a check goes: `addr` replaces the host, `port` the port. The port is 0 where nothing gives
/// one, see [`require_ports`].
fn place(server: &ServerAddress, addr: Option<&Address>, port: Option<u16>) -> Address {
    let mut place = addr.cloned().unwrap_or_else(|| host(server));
    if let Address::Ip(ip) = &mut place {
        let named = Some(ip.port()).filter(|port| addr.is_some() && *port != 0);
        ip.set_port(port.or(named).or_else(|| server.fixed_port()).unwrap_or(0));
    }
    place
}

/// The address of a server without its port. There is no client whose port could be used.
fn host(server: &ServerAddress) -> Address {
    match server {
        ServerAddress::Fixed(address) => address.clone(),
        ServerAddress::OfClient(relative) => Address::Ip(SocketAddr::new(relative.ip(), 0)),
    }
}

/// Refuses checks of servers without a port if nothing else says which port to check.
pub(super) fn require_ports(
    drafts: &[ServerDraft],
    servers: &[Server],
    script: &Script,
    report: &mut Report,
) {
    let is_portless = |server: &Server| {
        let check = server.health.check.as_ref();
        check.and_then(|check| check.address.ip()).is_some_and(|ip| ip.port() == 0)
    };
    if script.kind == ScriptKind::Program || names_ports(script) {
        return;
    }
    for (draft, server) in drafts.iter().zip(servers) {
        // The record of a service has a port.
        if matches!(draft.host, Some(NamedHost::Service(_))) || !is_portless(server) {
            continue;
        }
        let message = format!(
            "server '{}' has the port of the client, so its check wants a 'port'",
            draft.name.value
        );
        report.error(draft.name.place, message);
    }
}

/// Whether every connection of a script has a port of its own.
fn names_ports(script: &Script) -> bool {
    let mut steps = script.steps.iter().filter(|step| !step.is_offline());
    let has_port = |step: &CheckStep| match step {
        CheckStep::Connect(connect) => {
            connect.port.is_some()
                || connect.addr.as_ref().and_then(Address::ip).is_some_and(|ip| ip.port() != 0)
        }
        _ => true,
    };
    matches!(steps.clone().next(), Some(CheckStep::Connect(_))) && steps.all(has_port)
}

/// How the agent of a server is asked, if it is.
fn agent(server: &ServerDraft, report: &mut Report) -> Option<AgentCheck> {
    let health = &server.words.settings.health;
    let agent = &health.agent;
    if !agent.check {
        return None;
    }
    let Some(port) = agent.port else {
        let message = "'agent-check' wants an 'agent-port'";
        report.error(server.name.place, message);
        return None;
    };
    let own = || host(&server.address);
    let mut address = agent.addr.clone().or_else(|| health.addr.clone()).unwrap_or_else(own);
    match &mut address {
        Address::Ip(ip) => ip.set_port(port),
        Address::Unix(_) | Address::Abstract(_) => {
            let message = "'agent-check' of a server at a socket file wants an 'agent-addr'";
            report.error(server.name.place, message);
        }
    }
    Some(AgentCheck { address, script: AgentCheck::script(agent.send.as_bytes()) })
}
