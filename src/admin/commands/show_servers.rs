//! `show servers state`, `show servers conn` and `show backend`: HAProxy's lists of servers and
//! backends.

use std::io::Write;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::target;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::net::address::Address;
use crate::net::dns::Name;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Health, Server};
use crate::proxy::backend::servers::ListCursor;

const STATE_HEADER: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state \
    srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status \
    srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id \
    srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr \
    srv_agent_addr srv_agent_port\n";

const CONN_HEADER: &str = "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max \
    need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[1]\n";

/// `show servers state [<backend>]`.
pub(super) fn show_state(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    list(line, context, STATE_HEADER, write_state)
}

/// `show servers conn [<backend>]`.
pub(super) fn show_conn(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    list(line, context, CONN_HEADER, |out, backend, server, _| {
        let (address, port) = address(server);
        let counters = &server.counters;
        // HAProxy keeps no idle connections to servers that were added.
        let (delay_ms, idle) = if server.is_added() { (0, "0 0") } else { (5000, "-1 0 0") };
        // Writing to a vector cannot fail, here and below.
        let _ = writeln!(
            out,
            "{}/{} {}/{} {address} {port} - {delay_ms} {} {} {} 0 0 {idle}",
            backend.config.name,
            server.config.name,
            backend.config.proxy_id,
            server.config.id,
            counters.current,
            counters.max,
            counters.max,
        );
    })
}

/// `show backend`.
pub(super) fn show_backend(
    _: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let mut text = "# name\n".to_owned();
    for backend in &context.shared.backends {
        text.push_str(&backend.config.name);
        text.push('\n');
    }
    Answer::Text(text)
}

/// Writes the line about a server; the last argument is the time in milliseconds.
type WriteLine = fn(&mut Vec<u8>, &Backend, &Server, u64);

/// Lists the servers of the backend that the command names, or of all backends.
fn list(
    line: &CommandLine,
    context: &Context<'_>,
    header: &'static str,
    write_line: WriteLine,
) -> Answer {
    let (next, end) = match line.word(3) {
        Some(name) => match target::backend_named(&text(name), context) {
            Some(id) => (id.index(), id.index() + 1),
            None => return Answer::error("Can't find backend."),
        },
        None => (0, context.shared.backends.len()),
    };
    Answer::job(ServerList {
        header: Some(header),
        write_line,
        next,
        end,
        server: ListCursor::default(),
    })
}

/// The servers that are still to be listed.
#[derive(Debug)]
struct ServerList {
    /// The header, until it is written.
    header: Option<&'static str>,
    write_line: WriteLine,
    /// The position of the next backend.
    next: usize,
    /// The position after the last backend that is wanted.
    end: usize,
    /// Where the list of the servers of the backend `next` goes on.
    server: ListCursor,
}

impl Job for ServerList {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        out.extend_from_slice(self.header.take().unwrap_or_default().as_bytes());
        let backends = context.shared.backends.get(..self.end).unwrap_or_default();
        while let Some(backend) = backends.get(self.next) {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            match backend.servers.next_of(self.server) {
                Some((index, next)) => {
                    (self.write_line)(out, backend, backend.server(index), context.now_ms);
                    self.server = next;
                }
                None => {
                    self.next += 1;
                    self.server = ListCursor::default();
                }
            }
        }
        JobState::Finished
    }
}

fn write_state(out: &mut Vec<u8>, backend: &Backend, server: &Server, now_ms: u64) {
    let config = &server.config;
    let (address, port) = address(server);
    let _ = write!(
        out,
        "{} {} {} {} {address} {} {} {} {} {}",
        backend.config.proxy_id,
        backend.config.name,
        config.id,
        config.name,
        operational_state(server),
        admin_bits(server),
        server.weight,
        config.settings.weight,
        now_ms.saturating_sub(server.changed_ms) / 1000,
    );
    let (status, result, health, state) = check_numbers(server);
    let agent = agent_state(server);
    let (check_port, check_address) = check_target(server);
    let (agent_address, agent_port) = agent_target(server);
    let naming = server.naming.as_ref();
    let service = naming.and_then(|naming| naming.service_name());
    let has_host = service.is_none() || !server.is_missing();
    let host = naming.filter(|_| has_host).and_then(|naming| naming.host_name());
    let (host, service) = (host.map_or("-", Name::as_str), service.map_or("-", Name::as_str));
    let _ = writeln!(
        out,
        " {status} {result} {health} {state} {agent} 0 0 {host} {port} {service} 0 {check_port} \
         {check_address} {agent_address} {agent_port}"
    );
}

/// HAProxy's number for the state of a server: 0 stopped, 1 starting, 2 running, 3 stopping.
fn operational_state(server: &Server) -> u32 {
    match (server.admin, server.health) {
        _ if server.is_missing() => 0,
        (AdminState::Maint, _) | (_, Health::Down) => 0,
        (_, Health::Stopping) => 3,
        (_, Health::Up) if server.throttle().is_some() => 1,
        (_, Health::Up) => 2,
    }
}

/// HAProxy's bits for the administrative state: 1 maintenance by an operator, 2 maintenance of the
/// tracked server, 4 maintenance by the configuration, 8 drain by an operator, 16 drain of the
/// tracked server, 32 maintenance without an address, 64 the name of a record.
fn admin_bits(server: &Server) -> u32 {
    let is_configured = server.config.settings.disabled && !server.is_added();
    let configured = if is_configured { 4 } else { 0 };
    let wanted = match (server.admin, server.inherits_admin) {
        (AdminState::Ready, _) => 0,
        (AdminState::Maint, false) => 1,
        (AdminState::Maint, true) => 2,
        (AdminState::Drain, false) => 8,
        (AdminState::Drain, true) => 16,
    };
    let naming = server.naming.as_ref();
    let missing = if server.is_missing() { 32 } else { 0 };
    let has_other_name = naming.is_some_and(|naming| naming.record.is_some());
    configured | wanted | missing | if has_other_name { 64 } else { 0 }
}

/// HAProxy's numbers for the last check: its status, its result, the counter between down and up,
/// and the bits of the checks' state (1 under way, 2 configured, 4 enabled, 8 paused).
fn check_numbers(server: &Server) -> (u32, u32, u32, u32) {
    const INITIAL: u32 = 1;
    let is_out = server.is_in_maintenance() || server.health == Health::Down;
    let Some(checked) = &server.checked else {
        let is_paused = server.config.settings.disabled && server.is_paused();
        // HAProxy keeps this counter of a server that goes down because its tracked server does.
        let follows = server.config.health.track.is_some() && server.admin != AdminState::Maint;
        let health = if is_out && !follows { 0 } else { server.config.settings.health.rise };
        return (INITIAL, 0, health, if is_paused { 8 } else { 0 });
    };
    let status = checked.last.status;
    let result = match status.number() {
        INITIAL => 0,
        _ if status.has_passed() => 3,
        _ => 2,
    };
    let mut state = 2 | u32::from(checked.is_running);
    if checked.is_enabled {
        state |= 4;
    }
    if server.is_paused() {
        state |= 8;
    }
    let health = if server.admin == AdminState::Maint { 0 } else { checked.counter.health() };
    (status.number(), result, health, state)
}

/// The bits of the agent checks' state: 1 under way, 2 configured, 4 enabled, 16 for an agent.
fn agent_state(server: &Server) -> u32 {
    server.agent.as_ref().map_or(0, |agent| {
        let enabled = if agent.is_enabled { 4 } else { 0 };
        16 | 2 | enabled | u32::from(agent.is_running)
    })
}

/// The address of the agent, or `-` if it is the server's address, and the port of the agent.
fn agent_target(server: &Server) -> (String, u16) {
    let agent = server.agent.as_ref().and_then(|agent| agent.address.ip());
    let Some(agent) = agent else { return ("-".to_owned(), 0) };
    let own = server.address.ip().map(|(ip, _)| ip);
    let address = if own == Some(agent.ip()) { "-".to_owned() } else { agent.ip().to_string() };
    (address, agent.port())
}

/// The port and the address of the checks; 0 and `-` stand for those of the server.
fn check_target(server: &Server) -> (u16, String) {
    let (Some(check), Some((own, _))) = (&server.checked, server.address.ip()) else {
        return (0, "-".to_owned());
    };
    let Address::Ip(checked) = &check.address else { return (0, "-".to_owned()) };
    let port = if server.address.fixed_port() == Some(checked.port()) { 0 } else { checked.port() };
    let address = match checked.ip() == own {
        true => "-".to_owned(),
        false => checked.ip().to_string(),
    };
    (port, address)
}

/// The host and the port. HAProxy shows a negative offset to the client's port without its sign.
fn address(server: &Server) -> (String, u32) {
    match server.address.ip() {
        Some((_, port)) if server.is_missing() => {
            let has_port = server.naming.as_ref().is_some_and(|n| n.service_name().is_none());
            ("-".to_owned(), if has_port { port.number().cast_unsigned() } else { 0 })
        }
        Some((ip, port)) => (ip.to_string(), port.number().cast_unsigned()),
        None => ("-".to_owned(), 0),
    }
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::{Fixture, NOW_MS};
    use crate::admin::link::command_session::CommandSession;
    use crate::admin::link::session::Session;
    use crate::config::Level;

    #[test]
    fn lists_of_many_servers_come_in_slices() {
        let mut fixture = Fixture::new();
        let server = fixture.shared.backends[0].servers[0].clone();
        fixture.shared.backends[0].servers.fill(3000, &server);
        for (command, lines) in [("show servers state", 3003), ("show servers conn", 3002)] {
            let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
            session.handle_received(format!("{command}\n").as_bytes(), NOW_MS);
            let first = session.poll_transmit(&mut fixture.context()).len();
            assert!((1..30_000).contains(&first), "{command}: {first}");
            let whole = fixture.drain(&mut session, usize::MAX);
            assert_eq!(whole.lines().count(), lines, "{command}");
        }
    }

    #[test]
    fn servers_and_backends_are_listed() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.ask("show backend"), "# name\nweb\n\n");
        let said = fixture.ask("show servers conn web");
        assert_eq!(said.lines().nth(1), Some("web/s1 4/1 127.0.0.1 21091 - 5000 0 0 0 0 0 -1 0 0"));
        assert_eq!(said.lines().count(), 5);
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.converse(&[("show servers state nope", "Can't find backend.")]);
    }
}
