//! Health checks as configured: the words of a `server` line and the lines of its backend.

pub(crate) mod agent;
pub(crate) mod check_script;
pub(crate) mod http_check;
pub(crate) mod observe;
pub(crate) mod services;

use super::server;
use super::server::row;
use crate::config::InitState;
use crate::config::keywords::{Keyword, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;

/// A row for a time between checks, given by the field it sets.
macro_rules! interval {
    ($name:literal, $help:literal, $field:ident) => {
        row($name, exactly(1), "<time>", $help, |server, line, _| {
            server.settings.health.$field = Some(interval(line)?);
            Ok(())
        })
    };
}

pub(crate) const SERVER_KEYWORDS: &[Keyword] = &[
    row("check", exactly(0), "", "check its health", |server, _, _| {
        server.settings.health.check = true;
        Ok(())
    }),
    row("no-check", exactly(0), "", "takes `check` back", |server, _, _| {
        server.settings.health.check = false;
        Ok(())
    }),
    row("inter", exactly(1), "<time>", "time between two checks (2s)", |server, line, _| {
        server.settings.health.inter_ms = interval(line)?;
        Ok(())
    }),
    interval!("fastinter", "the same while its state is changing", fast_inter_ms),
    interval!("downinter", "the same while it is down", down_inter_ms),
    row("rise", exactly(1), "<count>", "checks until it is up (2)", |server, line, _| {
        server.settings.health.rise = line.number(0, 1..=COUNT_MAX)?;
        Ok(())
    }),
    row("fall", exactly(1), "<count>", "checks until it is down (3)", |server, line, _| {
        server.settings.health.fall = line.number(0, 1..=COUNT_MAX)?;
        Ok(())
    }),
    row("port", exactly(1), "<port>", "the port that is checked", |server, line, _| {
        let port = line.number(0, 1..=u32::from(u16::MAX))?;
        server.settings.health.port = u16::try_from(port).ok();
        Ok(())
    }),
    row("addr", exactly(1), "<address>", "the address that is checked", |server, line, _| {
        server.settings.health.addr = Some(server::read_source(line)?);
        Ok(())
    }),
    row(
        "init-state",
        exactly(1),
        "fully-up | up | down | fully-down",
        "what it is taken for before the first check (up)",
        |server, line, _| {
            server.settings.health.init_state = read_init_state(line)?;
            Ok(())
        },
    ),
    row("check-send-proxy", exactly(0), "", "checks begin with a PROXY header", |server, _, _| {
        server.settings.health.send_proxy = true;
        Ok(())
    }),
    row("no-check-send-proxy", exactly(0), "", "takes `check-send-proxy` back", |server, _, _| {
        server.settings.health.send_proxy = false;
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
            server.track = Some(Placed { value, place: word.place });
            Ok(())
        },
    ),
    row("slowstart", exactly(1), "<time>", "how long it warms up", |server, line, _| {
        server.settings.health.slow_start_ms = Some(line.time_ms(0)?).filter(|ms| *ms > 0);
        Ok(())
    }),
    row(
        "on-marked-down",
        exactly(1),
        "shutdown-sessions",
        "its connections end when it goes down",
        |server, line, _| {
            only(line, "shutdown-sessions")?;
            server.settings.health.shutdown_when_down = true;
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
            server.settings.health.shutdown_backups_when_up = true;
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
