//! The commands that change a server: its state, weight, health, checks and address.

use std::net::{IpAddr, SocketAddr};

use super::target::{self, Target};
use super::words::{Words, text};
use super::{Answer, Client, Tone, World};
use crate::net::address::Address;
use crate::proxy::server::{AdminState, Health};

const WEIGHT_MAX: u32 = 256;
const USAGE: &str = "usage: set server <backend>/<server> addr | agent | health | state | weight";
const STATE_USAGE: &str = "'set server <srv> state' expects 'ready', 'drain' and 'maint'.";
const HEALTH_USAGE: &str = "'set server <srv> health' expects 'up', 'stopping', or 'down'.";
const STATIC_WEIGHTS: &str =
    "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";

/// `set server <b>/<s> state|weight|health|agent|addr …`.
pub(super) fn set_server(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
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
        Some(b"agent") => Answer::error("agent checks are not enabled on this server."),
        Some(b"addr") => change_address(words, target, world),
        Some(
            word @ (b"agent-addr" | b"agent-port" | b"agent-send" | b"check-addr" | b"check-port"
            | b"fqdn" | b"ssl"),
        ) => Answer::error(format!("'set server <srv> {}' is not supported.", text(word))),
        _ => Answer::error(USAGE),
    }
}

fn set_state((backend, server): Target, state: AdminState, world: &mut World<'_>) -> Answer {
    world.shared.set_admin_state(backend, server, state, world.now_ms);
    Answer::text("")
}

fn set_health((backend, server): Target, health: Health, world: &mut World<'_>) -> Answer {
    world.shared.set_health(backend, server, health, world.now_ms);
    Answer::text("")
}

/// `enable server <b>/<s>`.
pub(super) fn enable_server(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => set_state(target, AdminState::Ready, world),
        Err(answer) => answer,
    }
}

/// `disable server <b>/<s>`.
pub(super) fn disable_server(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => set_state(target, AdminState::Maint, world),
        Err(answer) => answer,
    }
}

/// `enable health <b>/<s>`.
pub(super) fn enable_health(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) if !set_checks(target, true, world) => {
            Answer::error("Health check was not configured on this server, cannot enable.")
        }
        Ok(_) => Answer::text(""),
        Err(answer) => answer,
    }
}

/// `disable health <b>/<s>`.
pub(super) fn disable_health(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => {
            set_checks(target, false, world);
            Answer::text("")
        }
        Err(answer) => answer,
    }
}

/// Whether the server is checked at all.
fn set_checks((backend, server): Target, enabled: bool, world: &mut World<'_>) -> bool {
    let server = world.shared.backend_mut(backend).server_mut(server);
    server.checked.as_mut().map(|checked| checked.is_enabled = enabled).is_some()
}

/// `get weight <b>/<s>`.
pub(super) fn get_weight(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    match target::server(words, 2, world) {
        Ok(target) => {
            let server = target::get(target, world);
            Answer::text(format!("{} (initial {})", server.weight, server.config.weight))
        }
        Err(answer) => answer,
    }
}

/// `set weight <b>/<s> <weight>[%]`.
pub(super) fn set_weight(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
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
    let initial = target::get((id, index), world).config.weight;
    let weight = match parse_weight(&text(word), initial) {
        Ok(weight) => weight,
        Err(message) => return Answer::error(message),
    };
    let backend = world.shared.backend_mut(id);
    let had_servers = backend.has_servers();
    if backend.set_weight(index, weight).is_err() {
        return Answer::error(STATIC_WEIGHTS);
    }
    world.shared.note_backend(id, had_servers, world.now_ms);
    Answer::text("")
}

/// A weight, or a percentage of the configured one.
fn parse_weight(word: &str, initial: u32) -> Result<u32, &'static str> {
    let signs = usize::from(word.starts_with(['-', '+']));
    let digits = word.bytes().skip(signs).take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err("Empty weight string empty or preceded by garbage");
    }
    let (number, rest) = word.split_at(signs + digits);
    let number: i64 = number.parse().unwrap_or(i64::MAX);
    match (rest, u64::try_from(number)) {
        ("%", Err(_)) => Err("Relative weight must be positive."),
        ("%", Ok(percent)) => {
            let weight = u64::from(initial).saturating_mul(percent) / 100;
            Ok(u32::try_from(weight).unwrap_or(WEIGHT_MAX).min(WEIGHT_MAX))
        }
        (_, number) => match number.ok().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if number <= WEIGHT_MAX && rest.is_empty() => Ok(number),
            Some(number) if number <= WEIGHT_MAX => Err("Trailing garbage in weight string"),
            _ => Err("Absolute weight can only be between 0 and 256 inclusive."),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_absolute_or_relative() {
        assert_eq!(parse_weight("0", 10), Ok(0));
        assert_eq!(parse_weight("256", 10), Ok(256));
        assert_eq!(parse_weight("50%", 10), Ok(5));
        assert_eq!(parse_weight("100000%", 10), Ok(256));
        assert_eq!(parse_weight("99999999999999999999%", 10), Ok(256));
        for (word, why) in [
            ("", "Empty weight string empty or preceded by garbage"),
            ("%", "Empty weight string empty or preceded by garbage"),
            ("foo", "Empty weight string empty or preceded by garbage"),
            ("300", "Absolute weight can only be between 0 and 256 inclusive."),
            ("-1", "Absolute weight can only be between 0 and 256 inclusive."),
            ("-1%", "Relative weight must be positive."),
            ("1a", "Trailing garbage in weight string"),
        ] {
            assert_eq!(parse_weight(word, 10), Err(why), "{word}");
        }
    }
}
