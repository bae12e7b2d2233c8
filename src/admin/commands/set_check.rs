//! The commands that change how a server is checked and how its agent is asked.

use std::net::IpAddr;

use super::target;
use super::target::Target;
use super::words::{Words, text};
use crate::admin::{Answer, Client, World};
use crate::config::AgentCheck;
use crate::net::address::Address;
use crate::proxy::backend::server::Health;
use crate::proxy::health::check::CheckKind;

const NO_AGENT: &str = "agent checks are not enabled on this server.";
const AGENT_USAGE: &str = "'set server <srv> agent' expects 'up' or 'down'.";

/// `enable health <b>/<s>`.
pub(crate) fn enable_health(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    enable(CheckKind::Health, words, world)
}

/// `disable health <b>/<s>`.
pub(crate) fn disable_health(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    disable(CheckKind::Health, words, world)
}

/// `enable agent <b>/<s>`.
pub(crate) fn enable_agent(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    enable(CheckKind::Agent, words, world)
}

/// `disable agent <b>/<s>`.
pub(crate) fn disable_agent(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    disable(CheckKind::Agent, words, world)
}

fn enable(kind: CheckKind, words: &Words, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) if switch(kind, target, true, world) => Answer::text(""),
        Ok(_) => match kind {
            CheckKind::Health => {
                Answer::error("Health check was not configured on this server, cannot enable.")
            }
            CheckKind::Agent => {
                Answer::error("Agent was not configured on this server, cannot enable.")
            }
        },
        Err(answer) => answer,
    }
}

fn disable(kind: CheckKind, words: &Words, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => {
            switch(kind, target, false, world);
            Answer::text("")
        }
        Err(answer) => answer,
    }
}

/// Whether there are checks of this kind at all.
fn switch(
    kind: CheckKind,
    (backend, server): Target,
    enabled: bool,
    world: &mut World<'_>,
) -> bool {
    let server = world.shared.backend_mut(backend).server_mut(server);
    server.checked_mut(kind).map(|checked| checked.is_enabled = enabled).is_some()
}

/// `set server <b>/<s> agent up|down`.
pub(super) fn set_agent(word: &str, target: Target, world: &mut World<'_>) -> Answer {
    let agent = target::get(target, world).agent.as_ref();
    if agent.is_none_or(|agent| !agent.is_enabled) {
        return Answer::error(NO_AGENT);
    }
    let health = match word {
        "up" => Health::Up,
        "down" => Health::Down,
        _ => return Answer::error(AGENT_USAGE),
    };
    world.shared.set_agent_health(target.0, target.1, health, world.now_ms);
    Answer::text("")
}

/// `set server <b>/<s> agent-send <text>`.
pub(super) fn change_text(
    words: &Words,
    (backend, server): Target,
    world: &mut World<'_>,
) -> Answer {
    let health = &mut world.shared.backend_mut(backend).server_mut(server).config.health;
    let Some(agent) = &mut health.agent else { return Answer::error(NO_AGENT) };
    agent.script = AgentCheck::script(words.get(4).map_or(&[], Vec::as_slice));
    Answer::text("")
}

/// `set server <b>/<s> check-addr|agent-addr <address> [port <port>]`.
pub(super) fn change_address(
    kind: CheckKind,
    words: &Words,
    target: Target,
    world: &mut World<'_>,
) -> Answer {
    let Some(wanted) = words.get(4).map(|word| text(word)) else {
        return Answer::error(format!(
            "set server <b>/<s> {}-addr requires an address and optionally a port.",
            word(kind)
        ));
    };
    let port = match words.get(5..).unwrap_or_default() {
        [word, rest @ ..] if word == b"port" => {
            Some(rest.first().map(|word| text(word)).unwrap_or_default())
        }
        _ => None,
    };
    let Ok(ip) = wanted.parse::<IpAddr>() else {
        return Answer::text(format!("invalid addr '{wanted}'"));
    };
    change_place(kind, target, Some(ip), port.as_deref(), world)
}

/// `set server <b>/<s> check-port|agent-port <port>`.
pub(super) fn change_port(
    kind: CheckKind,
    words: &Words,
    target: Target,
    world: &mut World<'_>,
) -> Answer {
    match words.get(4).map(|word| text(word)) {
        Some(port) => change_place(kind, target, None, Some(&port), world),
        None => Answer::error(format!("set server <b>/<s> {}-port requires a port.", word(kind))),
    }
}

fn change_place(
    kind: CheckKind,
    (backend, server): Target,
    ip: Option<IpAddr>,
    port: Option<&str>,
    world: &mut World<'_>,
) -> Answer {
    let health = &mut world.shared.backend_mut(backend).server_mut(server).config.health;
    let place = match kind {
        CheckKind::Health => health.check.as_mut().map(|check| &mut check.address),
        CheckKind::Agent => health.agent.as_mut().map(|agent| &mut agent.address),
    };
    let Some(place) = place else {
        let what = if kind == CheckKind::Health { "health" } else { "agent" };
        return Answer::text(format!("{what} checks are not enabled on this server"));
    };
    let Address::Ip(address) = place else {
        return Answer::text("can't change an address that is not of IP".to_owned());
    };
    let port = match port.map(str::parse::<i64>) {
        None => address.port(),
        Some(Err(_)) => return Answer::text("provided port is not an integer".to_owned()),
        Some(Ok(port)) => match u16::try_from(port) {
            Ok(port) if port > 0 => port,
            Ok(_) | Err(_) => return Answer::text("provided port is invalid".to_owned()),
        },
    };
    address.set_port(port);
    if let Some(ip) = ip {
        address.set_ip(ip);
    }
    Answer::text("")
}

/// The word that commands begin with.
fn word(kind: CheckKind) -> &'static str {
    match kind {
        CheckKind::Health => "check",
        CheckKind::Agent => "agent",
    }
}
