//! The keywords of the `global` section.

use std::path::PathBuf;

use super::bind;
use super::{log, threads, unix_bind};
use crate::config::drafts::BindDraft;
use crate::config::drafts::keyword_names;
use crate::config::drafts::{Draft, GlobalDraft};
use crate::config::keywords::{Action, Arity, Keyword, Scope, at_least, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line;
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{Level, StatsSocket};

const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, Scope::GLOBAL, arity, arguments, help, Action::Global(read))
}

/// A row of a keyword that changes how later lines are read.
const fn of_draft(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut Draft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let action = Action::Draft(read);
    Keyword::new(name, Scope::GLOBAL, arity, arguments, help, action)
}

pub(crate) const KEYWORDS: &[Keyword] = &[
    row("daemon", exactly(0), "", "detach from the terminal", |draft, _, _| {
        draft.global.daemon = true;
        Ok(())
    }),
    row("master-worker", Arity { min: 0, max: 1 }, "", "the same as `-W`", |draft, line, _| {
        if let Some(word) = line.get(0) {
            let message = format!("'master-worker {}' is refused: not supported yet", word.value);
            return Err(Mistake::new(word.place, message));
        }
        draft.global.master_worker = true;
        Ok(())
    }),
    row("pidfile", exactly(1), "<path>", "where to write the process id", |draft, line, report| {
        set_once(&mut draft.global.pidfile, PathBuf::from(line.argument(0)?.value), line, report);
        Ok(())
    }),
    row("maxconn", exactly(1), "<count>", "most client connections at a time", |draft, line, _| {
        let count = line.number(0, 0..=i32::MAX.unsigned_abs())?;
        draft.global.maxconn = Some(count).filter(|count| *count > 0);
        Ok(())
    }),
    of_draft(
        keyword_names::LOCALPEER,
        exactly(1),
        "<name>",
        "this node's name among its peers",
        read_localpeer,
    ),
    row("node", exactly(1), "<name>", "this node's name in statistics", read_node),
    row("description", at_least(1), "<text>", "shown in statistics", |draft, line, _| {
        draft.global.description = Some(line::joined(line.arguments));
        Ok(())
    }),
    row(
        "stats socket",
        at_least(1),
        "<address> [words]",
        "serve the Runtime API",
        read_stats_socket,
    ),
    row(
        "stats timeout",
        exactly(1),
        "<time>",
        "longest silence of its clients",
        |draft, line, _| {
            draft.global.stats_timeout_ms = positive(line, line.time_ms(0)?)?;
            Ok(())
        },
    ),
    row("stats maxconn", exactly(1), "<count>", "most of its clients", |draft, line, _| {
        draft.global.stats_maxconn = line.number(0, 1..=65_535)?;
        Ok(())
    }),
    row(
        "log",
        at_least(1),
        "<target> [len <n>] [format <f>] <facility> [<level> [<level>]]",
        "what `log global` means",
        read_log,
    )
    .can_be_negated(),
    row("log-tag", exactly(1), "<text>", "tag of syslog lines", |draft, line, _| {
        draft.global.log_tag = Some(line.argument(0)?.value.to_owned());
        Ok(())
    }),
    row(
        "log-send-hostname",
        Arity { min: 0, max: 1 },
        "[<name>]",
        "put the host name into syslog lines",
        |draft, line, _| {
            let name =
                line.get(0).map_or_else(|| draft.hostname.clone(), |name| name.value.to_owned());
            draft.global.log_send_hostname = Some(name);
            Ok(())
        },
    ),
    row("pin", exactly(1), "<cpu>", "the CPU to run on", threads::read_pin),
    row(
        "cpu-map",
        at_least(2),
        "[auto:]1[/1] <cpu>",
        "the CPU to run on; nothing for other threads",
        threads::read_cpu_map,
    ),
    row(
        "nbthread",
        exactly(1),
        "<count>",
        "one thread serves all the same",
        threads::read_nbthread,
    )
    .differs("HAProxy starts this many threads"),
    row("nbproc", exactly(1), "1", "the only number there is", threads::read_nbproc),
    row("busy-polling", exactly(0), "", "never sleep while waiting", |draft, line, _| {
        draft.global.busy_polling = !line.negated;
        Ok(())
    })
    .can_be_negated(),
    row("hard-stop-after", exactly(1), "<time>", "the longest soft stop", |draft, line, _| {
        draft.global.hard_stop_after_ms = Some(positive(line, line.time_ms(0)?)?);
        Ok(())
    }),
    row("spread-checks", exactly(1), "<0-50>", "percent that checks stray", |draft, line, _| {
        draft.global.spread_checks = line.number(0, 0..=50)?;
        Ok(())
    }),
    row(
        "max-spread-checks",
        exactly(1),
        "<time>",
        "first checks within this time",
        |d, line, _| {
            d.global.max_spread_checks_ms = Some(line.time_ms(0)?).filter(|time_ms| *time_ms > 0);
            Ok(())
        },
    ),
    of_draft("setenv", exactly(2), "<name> <value>", "set a variable", |draft, line, _| {
        draft.environment.set(line.argument(0)?.value, line.argument(1)?.value);
        Ok(())
    }),
    of_draft(
        "presetenv",
        exactly(2),
        "<name> <value>",
        "set it unless it is set",
        |draft, line, _| {
            draft.environment.preset(line.argument(0)?.value, line.argument(1)?.value);
            Ok(())
        },
    ),
    of_draft("unsetenv", at_least(1), "<name>...", "forget variables", |draft, line, _| {
        line.arguments.iter().for_each(|name| draft.environment.unset(&name.text));
        Ok(())
    }),
    of_draft("resetenv", at_least(0), "[<name>...]", "forget all but these", |draft, line, _| {
        let names: Vec<&str> = line.arguments.iter().map(|name| name.text.as_str()).collect();
        draft.environment.keep_only(&names);
        Ok(())
    }),
    row(
        "tune.bufsize",
        exactly(1),
        "<bytes>",
        "buffer of a waiting direction",
        |draft, line, _| {
            draft.global.bufsize = line.size(0, 1024..=16 << 20)?;
            Ok(())
        },
    ),
    row(
        "tune.maxaccept",
        exactly(1),
        "<count>",
        "connections accepted in one go (-1: no limit)",
        read_maxaccept,
    ),
    row(
        "tune.peers.max-updates-at-once",
        exactly(1),
        "<count>",
        "peer updates handled in one go",
        |draft, line, _| {
            draft.global.peers_max_updates_at_once = line.number(0, 1..=i32::MAX.unsigned_abs())?;
            Ok(())
        },
    ),
    row(
        "unix-bind",
        at_least(2),
        "[prefix <path>] [mode <octal>] [user|uid <user>] [group|gid <group>]",
        "what unix sockets of `bind` lines are given",
        unix_bind::read,
    ),
    row("quiet", exactly(0), "", "the same as `-q`", |draft, _, _| {
        draft.global.is_quiet = true;
        Ok(())
    }),
    row("zero-warning", exactly(0), "", "warnings are errors", |draft, _, _| {
        draft.global.zero_warning = true;
        Ok(())
    }),
    row("set-dumpable", exactly(0), "", "leave a core file after a crash", |draft, line, _| {
        draft.global.is_dumpable = !line.negated;
        Ok(())
    })
    .can_be_negated(),
    row(
        "noreuseport",
        exactly(0),
        "",
        "listen on no address with another process",
        |draft, _, _| {
            draft.global.listens_alone = true;
            Ok(())
        },
    ),
    row("user", exactly(1), "<name>", "user to become", |draft, line, report| {
        set_once(&mut draft.global.uid, bind::user(line)?, line, report);
        Ok(())
    }),
    row("uid", exactly(1), "<number>", "user to become", |draft, line, report| {
        set_once(&mut draft.global.uid, line.number(0, 0..=u32::MAX - 1)?, line, report);
        Ok(())
    }),
    row("group", exactly(1), "<name>", "group to become", |draft, line, report| {
        set_once(&mut draft.global.gid, bind::group(line)?, line, report);
        Ok(())
    }),
    row("gid", exactly(1), "<number>", "group to become", |draft, line, report| {
        set_once(&mut draft.global.gid, line.number(0, 0..=u32::MAX - 1)?, line, report);
        Ok(())
    }),
    row(
        "chroot",
        exactly(1),
        "<directory>",
        "directory to lock the process into",
        |draft, line, report| {
            set_once(
                &mut draft.global.chroot,
                PathBuf::from(line.argument(0)?.value),
                line,
                report,
            );
            Ok(())
        },
    ),
];

fn set_once<T>(field: &mut Option<T>, value: T, line: &Line<'_>, report: &mut Report) {
    if field.replace(value).is_some() {
        report.error(line.place, format!("'{}' was specified already", line.keyword));
    }
}

fn positive(line: &Line<'_>, value: u32) -> Parsed<u32> {
    if value > 0 {
        Ok(value)
    } else {
        Err(line.mistake(format!("'{}' must not be 0", line.keyword)))
    }
}

fn read_localpeer(draft: &mut Draft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let name = line.argument(0)?;
    super::server::check_name(&name, "peer")?;
    if draft.global.has_peers {
        report.warning(line.place, "'localpeer' after a 'peers' section: ignored");
        return Ok(());
    }
    draft.global.global.localpeer = Some(name.value.to_owned());
    // The name of the command line goes first.
    if draft.local_peer.is_none() {
        draft.environment.set("HAPROXY_LOCALPEER", name.value);
    }
    Ok(())
}

fn read_node(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let name = line.argument(0)?;
    super::server::check_name(&name, "node")?;
    draft.global.node = Some(name.value.to_owned());
    Ok(())
}

fn read_stats_socket(draft: &mut GlobalDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let draft_bind = bind::read(line, 0, Scope::STATS_SOCKET, &BindDraft::default(), report)?;
    let level = draft_bind.level.unwrap_or(Level::Operator);
    let binds: Vec<_> = draft_bind.binds(report).collect();
    draft.stats_places.extend(binds.iter().map(|_| draft_bind.place));
    draft.global.stats_sockets.extend(binds.into_iter().map(|bind| StatsSocket { bind, level }));
    Ok(())
}

fn read_log(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    if line.negated {
        draft.global.log.clear();
        return Ok(());
    }
    draft.global.log.push(log::read_target(line)?);
    Ok(())
}

fn read_maxaccept(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    draft.global.maxaccept = match line.argument(0)?.value {
        "-1" => u32::MAX,
        _ => line.number(0, 1..=i32::MAX.unsigned_abs())?,
    };
    Ok(())
}
