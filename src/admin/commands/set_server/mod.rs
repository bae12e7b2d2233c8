//! The commands that change a server: its state, weight, health and address, and how it is checked.

mod membership;
mod name;
mod wait;

use std::net::IpAddr;

pub(super) use membership::{ADD_SERVER, DEL_SERVER};
pub(super) use wait::WAIT;

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::target;
use super::target::Target;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::config::{AgentCheck, ServerPort};
use crate::logging::Severity;
use crate::net::address::Address;
use crate::proxy::backend::server::{AdminState, Author, Health, Server};
use crate::proxy::health::check::CheckKind;

const USAGE: &str = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | \
                     agent-send | check-addr | check-port | fqdn | health | state | weight";
const NO_PORT_MAP: &str = ", can't change <port> to port map because it is incompatible with \
                           current health check port configuration (use 'port' statement from the \
                           'server' directive.";
const STATE_USAGE: &str = "'set server <srv> state' expects 'ready', 'drain' and 'maint'.";
const FQDN_USAGE: &str = "set server <b>/<s> fqdn requires a FQDN.";
const NO_ADDRESS: &str =
    "Update for the current server address family is only supported through configuration file";
/// TLS with a server is not switched while the process runs. HAProxy's words, with its two spaces.
const NO_SSL: &str = "'set server <srv> ssl' cannot be set.  \
                      default-server should define ssl settings";
const HEALTH_USAGE: &str = "'set server <srv> health' expects 'up', 'stopping', or 'down'.";

/// `set server <b>/<s> state|weight|health|agent|addr …`.
pub(super) fn set_server(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let target = match target::server(line, 2, context) {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    let value = line.text(4).unwrap_or_default();
    match line.word(3) {
        Some(b"state") => match &*value {
            "ready" => set_state(target, AdminState::Ready, context),
            "drain" => set_state(target, AdminState::Drain, context),
            "maint" => set_state(target, AdminState::Maint, context),
            _ => Answer::error(STATE_USAGE),
        },
        Some(b"weight") => change_weight(line, 4, target, context),
        Some(b"health") => {
            if target::get(target, context).config.health.track.is_some() {
                return Answer::error("cannot change health on a tracking server.");
            }
            match &*value {
                "up" => set_health(target, Health::Up, context),
                "stopping" => set_health(target, Health::Stopping, context),
                "down" => set_health(target, Health::Down, context),
                _ => Answer::error(HEALTH_USAGE),
            }
        }
        Some(b"agent") => set_agent(&value, target, context),
        Some(b"agent-addr") => change_check_address(CheckKind::Agent, line, target, context),
        Some(b"agent-port") => change_check_port(CheckKind::Agent, line, target, context),
        Some(b"agent-send") => change_agent_text(line, target, context),
        Some(b"check-addr") => change_check_address(CheckKind::Health, line, target, context),
        Some(b"check-port") => change_check_port(CheckKind::Health, line, target, context),
        Some(b"addr") => change_address(line, target, context),
        Some(b"fqdn") if value.is_empty() => Answer::error(FQDN_USAGE),
        Some(b"fqdn") => name::change(&value, target, context),
        Some(b"ssl") => Answer::error(NO_SSL),
        _ => Answer::error(USAGE),
    }
}

/// Whether a line of `set server` changes where or with what text the server is checked. A reload
/// does not hand this over.
pub(super) fn changes_check_target(line: &CommandLine) -> bool {
    matches!(
        line.word(3),
        Some(b"agent-addr" | b"agent-port" | b"agent-send" | b"check-addr" | b"check-port")
    )
}

fn set_state(
    Target { backend, server }: Target,
    state: AdminState,
    context: &mut Context<'_>,
) -> Answer {
    context.shared.set_admin_state(backend, server, state, Author::Operator, context.now_ms);
    Answer::text("")
}

fn set_health(
    Target { backend, server }: Target,
    health: Health,
    context: &mut Context<'_>,
) -> Answer {
    context.shared.set_health(backend, server, health, context.now_ms);
    Answer::text("")
}

/// `enable server <b>/<s>`.
pub(super) fn enable_server(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    match target::server(line, 2, context) {
        Ok(target) => set_state(target, AdminState::Ready, context),
        Err(answer) => answer,
    }
}

/// `disable server <b>/<s>`.
pub(super) fn disable_server(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    match target::server(line, 2, context) {
        Ok(target) => set_state(target, AdminState::Maint, context),
        Err(answer) => answer,
    }
}

/// `get weight <b>/<s>`.
pub(super) fn get_weight(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    match target::server(line, 2, context) {
        Ok(target) => {
            let server = target::get(target, context);
            Answer::line(format!("{} (initial {})", server.weight, server.config.settings.weight))
        }
        Err(answer) => answer,
    }
}

/// `set weight <b>/<s> <weight>[%]`.
pub(super) fn set_weight(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    match target::server(line, 2, context) {
        Ok(target) => change_weight(line, 3, target, context),
        Err(answer) => answer,
    }
}

fn change_weight(
    line: &CommandLine,
    position: usize,
    Target { backend, server }: Target,
    context: &mut Context<'_>,
) -> Answer {
    let Some(word) = line.word(position) else {
        return Answer::error("Require <weight> or <weight%>.");
    };
    match context.shared.set_server_weight(
        backend,
        server,
        &text(word),
        Author::Operator,
        context.now_ms,
    ) {
        Ok(()) => Answer::text(""),
        Err(message) => Answer::error(message),
    }
}

/// `set server <b>/<s> addr <ip> [port <port>]`.
fn change_address(
    line: &CommandLine,
    Target { backend, server }: Target,
    context: &mut Context<'_>,
) -> Answer {
    let Some(wanted) = line.text(4) else {
        return Answer::error("set server <b>/<s> addr requires an address and optionally a port.");
    };
    let said =
        |what: String| Answer::message(Severity::Warning, what + " by 'stats socket command'");
    let Ok(ip) = wanted.parse::<IpAddr>() else {
        return said(format!("Invalid addr '{wanted}'"));
    };
    let port = match line.from(5) {
        [word, port, ..] if word == b"port" => Some(text(port)),
        [word] if word == b"port" => Some("".into()),
        _ => None,
    };
    let index = server;
    let server = context.shared.backend_mut(backend).server_mut(index);
    let Some((old_ip, old_port)) = server.address.ip() else {
        return said("can't change an address that is not of IP".to_owned());
    };
    if server.is_missing() {
        return said(NO_ADDRESS.to_owned());
    }
    let mut what = if ip == old_ip {
        "no need to change the addr".to_owned()
    } else {
        format!("IP changed from '{old_ip}' to '{ip}'")
    };
    let (new_port, change) = match port {
        Some(port) => change_port(&port, server, old_port),
        None => (old_port, String::new()),
    };
    what += &change;
    server.move_to(ip, new_port);
    context.shared.note_moved(backend, index);
    said(what)
}

/// The port that `word` asks for, if it can be had, and what the operator is told.
fn change_port(word: &str, server: &Server, old: ServerPort) -> (ServerPort, String) {
    let Ok(new) = word.parse::<ServerPort>() else {
        return (old, format!(", problem converting port '{word}' to an int"));
    };
    let is_relative = |port| matches!(port, ServerPort::OfClient(_));
    if is_relative(new) && !is_relative(old) && server.config.settings.health.port.is_none() {
        return (old, NO_PORT_MAP.to_owned());
    }
    if new == old {
        return (old, ", no need to change the port".to_owned());
    }
    // HAProxy shows what is subtracted with its sign only where the offset is new.
    let before = match old {
        ServerPort::Fixed(port) => port.to_string(),
        ServerPort::OfClient(offset) => format!("+{}", offset.cast_unsigned() & 0xffff),
    };
    (new, format!(", port changed from '{before}' to '{new}'"))
}

const NO_AGENT: &str = "agent checks are not enabled on this server.";
const AGENT_USAGE: &str = "'set server <srv> agent' expects 'up' or 'down'.";

/// `enable health <b>/<s>`.
pub(super) fn enable_health(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    enable_checks(CheckKind::Health, line, context)
}

/// `disable health <b>/<s>`.
pub(super) fn disable_health(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    disable_checks(CheckKind::Health, line, context)
}

/// `enable agent <b>/<s>`.
pub(super) fn enable_agent(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    enable_checks(CheckKind::Agent, line, context)
}

/// `disable agent <b>/<s>`.
pub(super) fn disable_agent(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    disable_checks(CheckKind::Agent, line, context)
}

fn enable_checks(kind: CheckKind, line: &CommandLine, context: &mut Context<'_>) -> Answer {
    match target::server(line, 2, context) {
        Ok(target) if switch_checks(kind, target, true, context) => Answer::text(""),
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

fn disable_checks(kind: CheckKind, line: &CommandLine, context: &mut Context<'_>) -> Answer {
    match target::server(line, 2, context) {
        Ok(target) => {
            switch_checks(kind, target, false, context);
            Answer::text("")
        }
        Err(answer) => answer,
    }
}

/// Switches the checks on or off. Returns whether the server has checks of this kind.
pub(in crate::admin) fn switch_checks(
    kind: CheckKind,
    Target { backend, server }: Target,
    enabled: bool,
    context: &mut Context<'_>,
) -> bool {
    let server = context.shared.backend_mut(backend).server_mut(server);
    server.checked_mut(kind).map(|checked| checked.is_enabled = enabled).is_some()
}

/// `set server <b>/<s> agent up|down`.
fn set_agent(word: &str, target: Target, context: &mut Context<'_>) -> Answer {
    let agent = target::get(target, context).agent.as_ref();
    if agent.is_none_or(|agent| !agent.is_enabled) {
        return Answer::error(NO_AGENT);
    }
    let health = match word {
        "up" => Health::Up,
        "down" => Health::Down,
        _ => return Answer::error(AGENT_USAGE),
    };
    context.shared.set_agent_health(target.backend, target.server, health, context.now_ms);
    Answer::text("")
}

/// `set server <b>/<s> agent-send <text>`.
fn change_agent_text(
    line: &CommandLine,
    Target { backend, server }: Target,
    context: &mut Context<'_>,
) -> Answer {
    let server = context.shared.backend_mut(backend).server_mut(server);
    let Some(agent) = &mut server.agent else { return Answer::error(NO_AGENT) };
    agent.own_script = Some(AgentCheck::script(line.word(4).unwrap_or_default()));
    Answer::text("")
}

/// `set server <b>/<s> check-addr|agent-addr <address> [port <port>]`.
fn change_check_address(
    kind: CheckKind,
    line: &CommandLine,
    target: Target,
    context: &mut Context<'_>,
) -> Answer {
    let Some(wanted) = line.text(4) else {
        return Answer::error(format!(
            "set server <b>/<s> {}-addr requires an address and optionally a port.",
            word(kind)
        ));
    };
    let port = match line.from(5) {
        [word, rest @ ..] if word == b"port" => {
            Some(rest.first().map(|word| text(word)).unwrap_or_default())
        }
        _ => None,
    };
    let Ok(ip) = wanted.parse::<IpAddr>() else {
        return Answer::line(format!("invalid addr '{wanted}'"));
    };
    change_check_place(kind, target, Some(ip), port.as_deref(), context)
}

/// `set server <b>/<s> check-port|agent-port <port>`.
fn change_check_port(
    kind: CheckKind,
    line: &CommandLine,
    target: Target,
    context: &mut Context<'_>,
) -> Answer {
    match line.text(4) {
        Some(port) => change_check_place(kind, target, None, Some(&port), context),
        None => Answer::error(format!("set server <b>/<s> {}-port requires a port.", word(kind))),
    }
}

fn change_check_place(
    kind: CheckKind,
    Target { backend, server }: Target,
    ip: Option<IpAddr>,
    port: Option<&str>,
    context: &mut Context<'_>,
) -> Answer {
    let server = context.shared.backend_mut(backend).server_mut(server);
    let Some(checked) = server.checked_mut(kind) else {
        let what = if kind == CheckKind::Health { "health" } else { "agent" };
        return Answer::line(format!("{what} checks are not enabled on this server"));
    };
    let Address::Ip(address) = &mut checked.address else {
        return Answer::line("can't change an address that is not of IP".to_owned());
    };
    let port = match port.map(str::parse::<i64>) {
        None => address.port(),
        Some(Err(_)) => return Answer::line("provided port is not an integer".to_owned()),
        Some(Ok(port)) => match u16::try_from(port) {
            Ok(port) if port > 0 => port,
            Ok(_) | Err(_) => return Answer::line("provided port is invalid".to_owned()),
        },
    };
    address.set_port(port);
    if let Some(ip) = ip {
        address.set_ip(ip);
    }
    Answer::text("")
}

/// The word that the names of the settings begin with.
fn word(kind: CheckKind) -> &'static str {
    match kind {
        CheckKind::Health => "check",
        CheckKind::Agent => "agent",
    }
}

#[cfg(test)]
mod tests {
    use super::name::NO_RESOLUTION;
    use super::{FQDN_USAGE, NO_SSL};
    use crate::admin::fixture::{Fixture, NOW_MS};

    /// The line of `show servers state` about a server, without the names and the time.
    fn state_of(fixture: &mut Fixture, server: &str) -> String {
        let answer = fixture.ask("show servers state web");
        let line = answer.lines().find(|line| line.contains(&format!(" {server} "))).unwrap();
        let words: Vec<&str> = line.split(' ').skip(4).collect();
        words.join(" ")
    }

    #[test]
    fn an_operator_changes_what_is_wanted_of_a_server() {
        let mut fixture = Fixture::new();
        let state = |fixture: &mut Fixture| state_of(fixture, "s1");
        assert_eq!(state(&mut fixture), "127.0.0.1 2 0 1 1 2 1 0 2 0 0 0 0 - 21091 - 0 0 - - 0");
        fixture.converse(&[("set server web/s1 state drain", "")]);
        assert_eq!(state(&mut fixture), "127.0.0.1 2 8 1 1 0 1 0 2 0 0 0 0 - 21091 - 0 0 - - 0");
        fixture.converse(&[("disable server web/s1", "")]);
        assert_eq!(state(&mut fixture), "127.0.0.1 0 1 1 1 0 1 0 0 0 0 0 0 - 21091 - 0 0 - - 0");
        fixture.converse(&[("enable server web/s1", "")]);
        assert_eq!(state(&mut fixture), "127.0.0.1 2 0 1 1 0 1 0 2 0 0 0 0 - 21091 - 0 0 - - 0");
        fixture.converse(&[("set server web/s1 health stopping", "")]);
        assert!(state(&mut fixture).starts_with("127.0.0.1 3 0 "));
        fixture.converse(&[("set server web/s1 health down", "")]);
        assert!(state(&mut fixture).starts_with("127.0.0.1 0 0 "));
        assert_eq!(fixture.shared.backends[0].active(), 0);
        fixture.converse(&[("set server web/s1 health up", "")]);
        assert_eq!(fixture.shared.backends[0].active(), 1);
        assert!(state_of(&mut fixture, "s3").starts_with("127.0.0.1 0 5 "), "disabled in the file");
        fixture.converse(&[("set server web/s3 state ready", "")]);
        assert!(state_of(&mut fixture, "s3").starts_with("127.0.0.1 2 4 "));
        assert_eq!(fixture.shared.backends[0].active(), 2);
    }

    #[test]
    fn weights_change_and_are_told() {
        let mut fixture = Fixture::new();
        fixture.converse(&[
            ("get weight web/s2", "5 (initial 5)"),
            ("set weight web/s2 200%", ""),
            ("get weight web/s2", "10 (initial 5)"),
            ("set server web/s2 weight 0", ""),
            ("get weight web/s2", "0 (initial 5)"),
            ("set weight web/s2 300", "Absolute weight can only be between 0 and 256 inclusive."),
            ("set weight web/s2", "Require <weight> or <weight%>."),
            ("set server web/s2 weight", "Require <weight> or <weight%>."),
            ("set weight web/s2 1a", "Trailing garbage in weight string"),
        ]);
        fixture.config.backends[0].balance = crate::config::Balance::StaticRr;
        fixture.shared = crate::proxy::Shared::new(&mut fixture.config, 2000, NOW_MS).unwrap();
        let refusal =
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";
        fixture.converse(&[
            ("set weight web/s2 3", refusal),
            ("set weight web/s2 0%", ""),
            ("set weight web/s2 100%", ""),
        ]);
    }

    #[test]
    fn addresses_change_and_the_change_is_told() {
        let mut fixture = Fixture::new();
        fixture.converse(&[
            (
                "set server web/s1 addr 127.0.0.1",
                "no need to change the addr by 'stats socket command'",
            ),
            (
                "set server web/s1 addr 127.0.0.2",
                "IP changed from '127.0.0.1' to '127.0.0.2' by 'stats socket command'",
            ),
            (
                "set server web/s1 addr ::1 port 44",
                "IP changed from '127.0.0.2' to '::1', port changed from '21091' to '44' by \
                     'stats socket command'",
            ),
            ("set server web/s1 addr foo", "Invalid addr 'foo' by 'stats socket command'"),
            (
                "set server web/s1 addr ::2 port",
                "IP changed from '::1' to '::2', problem converting port '' to an int by 'stats \
                     socket command'",
            ),
            (
                "set server web/s1 addr",
                "set server <b>/<s> addr requires an address and optionally a port.",
            ),
        ]);
        assert!(state_of(&mut fixture, "s1").contains(" - 44 - "));
        assert!(fixture.ask("show stat web 4 1").contains(",[::2]:44,"));
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.converse(&[
            ("set server", "Require 'backend/server'."),
            ("set server web state ready", "Require 'backend/server'."),
            ("get weight web/x", "No such server."),
            ("enable server nope/x", "No such backend."),
            ("disable server", "Require 'backend/server'."),
            (
                "set server web/s1 state foo",
                "'set server <srv> state' expects 'ready', 'drain' and 'maint'.",
            ),
            (
                "set server web/s1 health",
                "'set server <srv> health' expects 'up', 'stopping', or 'down'.",
            ),
            ("set server web/s1 agent up", "agent checks are not enabled on this server."),
            ("set server web/s1 fqdn", FQDN_USAGE),
            ("set server web/s1 fqdn x", NO_RESOLUTION),
            ("set server web/s1 ssl on", NO_SSL),
            (
                "enable health web/s1",
                "Health check was not configured on this server, cannot enable.",
            ),
            ("disable health web/s1", ""),
        ]);
    }
}
