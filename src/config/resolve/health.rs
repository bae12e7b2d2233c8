//! How the health of a server is learned: what follows from several words of its line.

use crate::config::drafts::{ProxyDraft, ServerDraft};
use crate::config::text::report::Report;
use crate::config::{
    AgentCheck, BindAddress, CheckProgram, Global, ScriptKind, SendProxy, ServerCheck,
    ServerHealth, ServerSettings,
};
use crate::net::address::Address;

/// What follows from a server's words about its health.
pub(super) fn resolve(server: &ServerDraft, report: &mut Report) -> ServerHealth {
    let is_checked = server.words.settings.health.check;
    ServerHealth {
        check: is_checked.then(|| check(&server.words.settings, &server.address)),
        agent: agent(server, report),
        track: None,
    }
}

fn check(settings: &ServerSettings, address: &Address) -> ServerCheck {
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

/// Where a check goes: `addr` replaces the host, `port` the port.
fn place(server: &Address, addr: Option<&Address>, port: Option<u16>) -> Address {
    let host = addr.unwrap_or(server);
    let Address::Ip(mut place) = host.clone() else { return host.clone() };
    let own_port = server.ip().map(|ip| ip.port()).unwrap_or_default();
    let named = Some(place.port()).filter(|port| addr.is_some() && *port != 0);
    place.set_port(port.or(named).unwrap_or(own_port));
    Address::Ip(place)
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
    let host = agent.addr.as_ref().or(health.addr.as_ref()).unwrap_or(&server.address);
    let mut address = host.clone();
    match &mut address {
        Address::Ip(ip) => ip.set_port(port),
        Address::Unix(_) | Address::Abstract(_) => {
            let message = "'agent-check' of a server at a socket file wants an 'agent-addr'";
            report.error(server.name.place, message);
        }
    }
    Some(AgentCheck { address, script: AgentCheck::script(agent.send.as_bytes()) })
}
