//! The words of a `server` line about its health. The files of this folder hold the words about
//! agents and observation, and the lines of a backend about its checks.

pub(in crate::config) mod agent;
pub(in crate::config) mod check_script;
mod expect;
pub(in crate::config) mod external_check;
pub(in crate::config) mod http_check;
pub(in crate::config) mod observe;
mod sample;
pub(in crate::config) mod services;
mod steps;

use super::server::row;
use super::source;
use crate::config::InitState;
use crate::config::keywords::{Keyword, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;

/// A row for a time between checks, from the field that the row sets.
macro_rules! interval {
    ($name:literal, $help:literal, $field:ident) => {
        row($name, exactly(1), "<time>", $help, |server, line, _| {
            server.settings.health.$field = Some(interval(line)?);
            Ok(())
        })
    };
}

pub(in crate::config) const SERVER_KEYWORDS: &[Keyword] = &[
    row(
        "check",
        exactly(0),
        "",
        "Checks the server's health: by a connection, or by what `option tcp-check` and its like \
         say.",
        |server, _, _| {
            server.settings.health.check = true;
            Ok(())
        },
    )
    .by_default("the server counts as up")
    .example("server s1 192.0.2.1:80 check"),
    row("no-check", exactly(0), "", "Undoes a `check` that the line inherits.", |server, _, _| {
        server.settings.health.check = false;
        Ok(())
    })
    .example("server s1 192.0.2.1:80 no-check"),
    row("inter", exactly(1), "<time>", "Sets the time between two checks.", |server, line, _| {
        server.settings.health.inter_ms = interval(line)?;
        Ok(())
    })
    .by_default("2s")
    .example("server s1 192.0.2.1:80 check inter 5s"),
    interval!(
        "fastinter",
        "Sets the time between two checks while the server is changing between up and down.",
        fast_inter_ms
    )
    .by_default("the time of `inter`")
    .example("server s1 192.0.2.1:80 check fastinter 1s"),
    interval!(
        "downinter",
        "Sets the time between two checks while the server is down.",
        down_inter_ms
    )
    .by_default("the time of `inter`")
    .example("server s1 192.0.2.1:80 check downinter 10s"),
    row(
        "rise",
        exactly(1),
        "<count>",
        "Brings the server up after so many successful checks in a row.",
        |server, line, _| {
            server.settings.health.rise = line.number(0, 1..=COUNT_MAX)?;
            Ok(())
        },
    )
    .by_default("2")
    .example("server s1 192.0.2.1:80 check rise 3"),
    row(
        "fall",
        exactly(1),
        "<count>",
        "Takes the server down after so many failed checks in a row.",
        |server, line, _| {
            server.settings.health.fall = line.number(0, 1..=COUNT_MAX)?;
            Ok(())
        },
    )
    .by_default("3")
    .example("server s1 192.0.2.1:80 check fall 2"),
    row(
        "port",
        exactly(1),
        "<port>",
        "Checks this port instead of the server's.",
        |server, line, _| {
            let port = line.number(0, 1..=u32::from(u16::MAX))?;
            server.settings.health.port = u16::try_from(port).ok();
            Ok(())
        },
    )
    .by_default("the server's port")
    .example("server s1 192.0.2.1:80 check port 8080"),
    row(
        "addr",
        exactly(1),
        "<address>",
        "Checks this address instead of the server's.",
        |server, line, _| {
            server.settings.health.addr = Some(source::address(&line.argument(0)?, line)?);
            Ok(())
        },
    )
    .by_default("the server's address")
    .example("server s1 192.0.2.1:80 check addr 192.0.2.9"),
    row(
        "init-state",
        exactly(1),
        "fully-up | up | down | fully-down",
        "Says what the server counts as before its first check. Of `up` and `down` one check \
         decides, of the `fully-` states `fall` or `rise` checks.",
        |server, line, _| {
            server.settings.health.init_state = read_init_state(line)?;
            Ok(())
        },
    )
    .by_default("up")
    .example("server s1 192.0.2.1:80 check init-state down")
    .differs("HAProxy 2.6 does not know this word; later versions do."),
    row(
        "check-send-proxy",
        exactly(0),
        "",
        "Begins every check with a PROXY header. Without the word a check of the server's own \
         address and port does as its connections do.",
        |server, _, _| {
            server.settings.health.send_proxy = true;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 check check-send-proxy"),
    row(
        "no-check-send-proxy",
        exactly(0),
        "",
        "Undoes a `check-send-proxy` that the line inherits.",
        |server, _, _| {
            server.settings.health.send_proxy = false;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 no-check-send-proxy"),
    row(
        "track",
        exactly(1),
        "[<backend>/]<server>",
        "Gives the server the health of another server, which is checked.",
        |server, line, _| {
            let word = line.argument(0)?;
            let value = word.value.to_owned();
            server.track = Some(Placed { value, place: word.place });
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 track main/m1"),
    row(
        "slowstart",
        exactly(1),
        "<time>",
        "Raises the server's share of clients slowly during this time after it came up; 0 gives \
         it the whole share at once.",
        |server, line, _| {
            server.settings.health.slow_start_ms = Some(line.time_ms(0)?).filter(|ms| *ms > 0);
            Ok(())
        },
    )
    .by_default("0")
    .example("server s1 192.0.2.1:80 check slowstart 30s"),
    row(
        "on-marked-down",
        exactly(1),
        "shutdown-sessions",
        "Ends the connections of the server when it goes down.",
        |server, line, _| {
            only(line, "shutdown-sessions")?;
            server.settings.health.shutdown_when_down = true;
            Ok(())
        },
    )
    .by_default("the connections go on")
    .example("server s1 192.0.2.1:80 check on-marked-down shutdown-sessions"),
    row(
        "on-marked-up",
        exactly(1),
        "shutdown-backup-sessions",
        "Ends the connections of the backup servers when this server comes up.",
        |server, line, _| {
            only(line, "shutdown-backup-sessions")?;
            server.settings.health.shutdown_backups_when_up = true;
            Ok(())
        },
    )
    .by_default("the connections go on")
    .example("server s1 192.0.2.1:80 check on-marked-up shutdown-backup-sessions"),
];

/// Accepts one word only.
fn only(line: &Line<'_>, wanted: &str) -> Parsed {
    let word = line.argument(0)?;
    if word.value == wanted {
        return Ok(());
    }
    let message = format!("'{}' knows only '{wanted}'", line.keyword);
    Err(Mistake::new(word.place, message))
}

const COUNT_MAX: u32 = 1 << 30;

/// Reads a time between two checks, which is at least a millisecond.
pub(in crate::config) fn interval(line: &Line<'_>) -> Parsed<u32> {
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
