//! The commands that change a server: its state, weight, health and address.

use std::net::{IpAddr, SocketAddr};

use super::set_check;
use super::target;
use super::target::Target;
use super::words::{Words, text};
use crate::admin::{Answer, Client, Tone, World};
use crate::net::address::Address;
use crate::proxy::backend::by_agent::Author;
use crate::proxy::backend::server::{AdminState, Health};
use crate::proxy::health::check::CheckKind;

const USAGE: &str = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | \
                     agent-send | check-addr | check-port | health | state | weight";
const STATE_USAGE: &str = "'set server <srv> state' expects 'ready', 'drain' and 'maint'.";
const HEALTH_USAGE: &str = "'set server <srv> health' expects 'up', 'stopping', or 'down'.";

/// `set server <b>/<s> state|weight|health|agent|addr …`.
pub(crate) fn set_server(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let target = match target::server(words, 2, world) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    let value = words.get(4).map(|word| text(word)).unwrap_or_default();
    match words.get(3).map(Vec::as_slice) {
        Some(b"state") => match &*value {
            "ready" => set_state(target, AdminState::Ready, world),
            "drain" => set_state(target, AdminState::Drain, world),
            "maint" => set_state(target, AdminState::Maint, world),
            _ => Answer::error(STATE_USAGE),
        },
        Some(b"weight") => change_weight(words, 4, target, world),
        Some(b"health") => {
            if target::get(target, world).config.health.track.is_some() {
                return Answer::error("cannot change health on a tracking server.");
            }
            match &*value {
                "up" => set_health(target, Health::Up, world),
                "stopping" => set_health(target, Health::Stopping, world),
                "down" => set_health(target, Health::Down, world),
                _ => Answer::error(HEALTH_USAGE),
            }
        }
        Some(b"agent") => set_check::set_agent(&value, target, world),
        Some(b"agent-addr") => set_check::change_address(CheckKind::Agent, words, target, world),
        Some(b"agent-port") => set_check::change_port(CheckKind::Agent, words, target, world),
        Some(b"agent-send") => set_check::change_text(words, target, world),
        Some(b"check-addr") => set_check::change_address(CheckKind::Health, words, target, world),
        Some(b"check-port") => set_check::change_port(CheckKind::Health, words, target, world),
        Some(b"addr") => change_address(words, target, world),
        Some(word @ (b"fqdn" | b"ssl")) => {
            Answer::error(format!("'set server <srv> {}' is not supported.", text(word)))
        }
        _ => Answer::error(USAGE),
    }
}

fn set_state((backend, server): Target, state: AdminState, world: &mut World<'_>) -> Answer {
    world.shared.set_admin_state(backend, server, state, Author::Operator, world.now_ms);
    Answer::text("")
}

fn set_health((backend, server): Target, health: Health, world: &mut World<'_>) -> Answer {
    world.shared.set_health(backend, server, health, world.now_ms);
    Answer::text("")
}

/// `enable server <b>/<s>`.
pub(crate) fn enable_server(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => set_state(target, AdminState::Ready, world),
        Err(answer) => answer,
    }
}

/// `disable server <b>/<s>`.
pub(crate) fn disable_server(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => set_state(target, AdminState::Maint, world),
        Err(answer) => answer,
    }
}

/// `get weight <b>/<s>`.
pub(crate) fn get_weight(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => {
            let server = target::get(target, world);
            Answer::text(format!("{} (initial {})", server.weight, server.config.weight))
        }
        Err(answer) => answer,
    }
}

/// `set weight <b>/<s> <weight>[%]`.
pub(crate) fn set_weight(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => change_weight(words, 3, target, world),
        Err(answer) => answer,
    }
}

fn change_weight(
    words: &Words,
    position: usize,
    (id, index): Target,
    world: &mut World<'_>,
) -> Answer {
    let Some(word) = words.get(position) else {
        return Answer::error("Require <weight> or <weight%>.");
    };
    match world.shared.adjust_weight(id, index, &text(word), Author::Operator, world.now_ms) {
        Ok(()) => Answer::text(""),
        Err(message) => Answer::error(message),
    }
}

/// `set server <b>/<s> addr <ip> [port <port>]`.
fn change_address(words: &Words, (id, index): Target, world: &mut World<'_>) -> Answer {
    let Some(wanted) = words.get(4).map(|word| text(word)) else {
        return Answer::error("set server <b>/<s> addr requires an address and optionally a port.");
    };
    let said = |what: String| Answer::message(Tone::Warning, what + " by 'stats socket command'");
    let Ok(ip) = wanted.parse::<IpAddr>() else {
        return said(format!("Invalid addr '{wanted}'"));
    };
    let port = match words.get(5..).unwrap_or_default() {
        [word, port, ..] if word == b"port" => Some(text(port)),
        [word] if word == b"port" => Some("".into()),
        _ => None,
    };
    let server = world.shared.backend_mut(id).server_mut(index);
    let Address::Ip(old) = server.config.address else {
        return said("can't change an address that is not of IP".to_owned());
    };
    let mut new = SocketAddr::new(ip, old.port());
    let mut what = if ip == old.ip() {
        "no need to change the addr".to_owned()
    } else {
        format!("IP changed from '{}' to '{ip}'", old.ip())
    };
    if let Some(port) = port {
        match port.parse() {
            // Without a sign: ports relative to the client's are not supported.
            Ok(number) if !port.starts_with('+') => new.set_port(number),
            _ => return said(format!("{what}, problem converting port '{port}' to an int")),
        }
        if new.port() == old.port() {
            what += ", no need to change the port";
        } else {
            what += &format!(", port changed from '{}' to '{}'", old.port(), new.port());
        }
    }
    server.move_to(new);
    said(what)
}
