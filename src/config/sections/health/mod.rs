//! Health checks as configured: the words of a `server` line and the lines of its backend.

pub(crate) mod agent;
pub(crate) mod check_script;
pub(crate) mod http_check;
pub(crate) mod observe;
pub(crate) mod services;

use super::server;
use super::server::row;
use crate::config::SendProxy;
use crate::config::drafts::HealthDraft;
use crate::config::drafts::ServerDraft;
use crate::config::keywords::{Keyword, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{InitState, ServerCheck, ServerHealth};
use crate::net::address::Address;

pub(super) const INTER_MS: u32 = 2000;
const RISE: u32 = 2;
const FALL: u32 = 3;

impl HealthDraft {
    /// The meaning of the words for this server.
    pub(crate) fn resolve(&self, server: &ServerDraft, report: &mut Report) -> ServerHealth {
        let header = server.settings.send_proxy();
        ServerHealth {
            check: self.check.then(|| self.check(&server.address, header)),
            agent: self.agent.resolve(server, report),
            rise: self.rise.unwrap_or(RISE),
            track: None,
            observe: self.observe.resolve(),
            slow_start_ms: self.slow_start_ms,
            shutdown_when_down: self.shutdown_when_down,
            shutdown_backups_when_up: self.shutdown_backups_when_up,
        }
    }

    fn check(&self, server: &Address, header: Option<SendProxy>) -> ServerCheck {
        // A check of the very place that clients go to begins as they do.
        let is_same_place = self.addr.is_none() && self.port.is_none();
        let implied = header.filter(|_| is_same_place);
        let asked = self.send_proxy.then(|| header.unwrap_or(SendProxy::V1));
        let inter_ms = self.inter_ms.unwrap_or(INTER_MS);
        ServerCheck {
            address: place(server, self.addr.as_ref(), self.port),
            inter_ms,
            fast_inter_ms: self.fast_inter_ms.unwrap_or(inter_ms),
            down_inter_ms: self.down_inter_ms.unwrap_or(inter_ms),
            rise: self.rise.unwrap_or(RISE),
            fall: self.fall.unwrap_or(FALL),
            init_state: self.init_state,
            send_proxy: asked.or(implied),
            step_header: header.unwrap_or(SendProxy::V1),
            script: None,
        }
    }
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

/// A row for a time between checks, given by the field it sets.
macro_rules! interval {
    ($name:literal, $help:literal, $field:ident) => {
        row($name, exactly(1), "<time>", $help, |server, line, _| {
            server.health.$field = Some(interval(line)?);
            Ok(())
        })
    };
}

pub(crate) const SERVER_KEYWORDS: &[Keyword] = &[
    row("check", exactly(0), "", "check its health", |server, _, _| {
        server.health.check = true;
        Ok(())
    }),
    row("no-check", exactly(0), "", "takes `check` back", |server, _, _| {
        server.health.check = false;
        Ok(())
    }),
    interval!("inter", "time between two checks (2s)", inter_ms),
    interval!("fastinter", "the same while its state is changing", fast_inter_ms),
    interval!("downinter", "the same while it is down", down_inter_ms),
    row("rise", exactly(1), "<count>", "checks until it is up (2)", |server, line, _| {
        server.health.rise = Some(line.number(0, 1..=COUNT_MAX)?);
        Ok(())
    }),
    row("fall", exactly(1), "<count>", "checks until it is down (3)", |server, line, _| {
        server.health.fall = Some(line.number(0, 1..=COUNT_MAX)?);
        Ok(())
    }),
    row("port", exactly(1), "<port>", "the port that is checked", |server, line, _| {
        let port = line.number(0, 1..=u32::from(u16::MAX))?;
        server.health.port = u16::try_from(port).ok();
        Ok(())
    }),
    row("addr", exactly(1), "<address>", "the address that is checked", |server, line, _| {
        server.health.addr = Some(server::read_source(line)?);
        Ok(())
    }),
    row(
        "init-state",
        exactly(1),
        "fully-up | up | down | fully-down",
        "what it is taken for before the first check (up)",
        |server, line, _| {
            server.health.init_state = read_init_state(line)?;
            Ok(())
        },
    ),
    row("check-send-proxy", exactly(0), "", "checks begin with a PROXY header", |server, _, _| {
        server.health.send_proxy = true;
        Ok(())
    }),
    row("no-check-send-proxy", exactly(0), "", "takes `check-send-proxy` back", |server, _, _| {
        server.health.send_proxy = false;
        Ok(())
    }),
    row(
        "track",
        exactly(1),
        "[<backend>/]<server>",
        "its health is that of another server",
        |server, line, _| {
            let word = line.argument(0)?;
            let value = word.value.to_owned();
            server.health.track = Some(Placed { value, place: word.place });
            Ok(())
        },
    ),
    row("slowstart", exactly(1), "<time>", "how long it warms up", |server, line, _| {
        server.health.slow_start_ms = Some(line.time_ms(0)?).filter(|ms| *ms > 0);
        Ok(())
    }),
    row(
        "on-marked-down",
        exactly(1),
        "shutdown-sessions",
        "its connections end when it goes down",
        |server, line, _| {
            only(line, "shutdown-sessions")?;
            server.health.shutdown_when_down = true;
            Ok(())
        },
    ),
    row(
        "on-marked-up",
        exactly(1),
        "shutdown-backup-sessions",
        "the connections of backup servers end when it comes up",
        |server, line, _| {
            only(line, "shutdown-backup-sessions")?;
            server.health.shutdown_backups_when_up = true;
            Ok(())
        },
    ),
];

/// The one word that may stand here.
fn only(line: &Line<'_>, wanted: &str) -> Parsed {
    let word = line.argument(0)?;
    if word.value == wanted {
        return Ok(());
    }
    let message = format!("'{}' knows only '{wanted}'", line.keyword);
    Err(Mistake::new(word.place, message))
}

const COUNT_MAX: u32 = 1 << 30;

/// A time between checks is at least a millisecond.
pub(crate) fn interval(line: &Line<'_>) -> Parsed<u32> {
    let word = line.argument(0)?;
    match line.time_ms(0)? {
        0 => Err(Mistake::new(word.place, format!("'{}' cannot be 0", line.keyword))),
        time_ms => Ok(time_ms),
    }
}

fn read_init_state(line: &Line<'_>) -> Parsed<InitState> {
    let word: Placed<&str> = line.argument(0)?;
    match word.value {
        "fully-up" => Ok(InitState::FullyUp),
        "up" => Ok(InitState::Up),
        "down" => Ok(InitState::Down),
        "fully-down" => Ok(InitState::FullyDown),
        other => {
            let message =
                format!("'{other}' is no initial state: fully-up, up, down or fully-down");
            Err(Mistake::new(word.place, message))
        }
    }
}
