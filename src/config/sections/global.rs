//! The keywords of the `global` section.

use std::path::PathBuf;

use super::bind;
use super::{default_path, log_targets, stick, threads, unix_bind};
use crate::config::drafts::BindDraft;
use crate::config::drafts::keyword_names;
use crate::config::drafts::{Draft, GlobalDraft, VariableLine};
use crate::config::keywords::{Arity, Handling, Keyword, Scope, at_least, exactly, rows_of};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line;
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{Bind, Level, StatsSocket};

rows_of!(Scope::GLOBAL, Global(GlobalDraft));

/// A row of a keyword that changes how later lines are read.
const fn of_draft(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut Draft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    let handling = Handling::Draft(read);
    Keyword::new(name, Scope::GLOBAL, arity, arguments, help, handling)
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "daemon",
        exactly(0),
        "",
        "Detaches the process from the terminal and runs it in the background.",
        |draft, _, _| {
            draft.global.daemon = true;
            Ok(())
        },
    )
    .by_default("the process stays in the foreground")
    .example("daemon"),
    row(
        "master-worker",
        Arity { min: 0, max: 1 },
        "",
        "Puts a supervising process above the process that serves, as the option `-W` does.",
        |draft, line, _| {
            if let Some(word) = line.get(0) {
                let message =
                    format!("'master-worker {}' is refused: not supported yet", word.value);
                return Err(Mistake::new(word.place, message));
            }
            draft.global.master_worker = true;
            Ok(())
        },
    )
    .example("master-worker")
    .differs(
        "HAProxy also takes the argument `no-exit-on-failure`. When a worker crashes, HAProxy \
         ends; stickd starts another worker, with all entries.",
    ),
    row(
        "pidfile",
        exactly(1),
        "<path>",
        "Writes the process id to this file.",
        |draft, line, report| {
            set_once(
                &mut draft.global.pidfile,
                PathBuf::from(line.argument(0)?.value),
                line,
                report,
            );
            Ok(())
        },
    )
    .example("pidfile /run/stickd.pid"),
    row(
        "tables-dir",
        Arity { min: 1, max: 3 },
        "<directory> [every <time>]",
        "Saves every stick table to a file in this directory, named after the table, as `save` of \
         a `stick-table` line does.",
        stick::read_tables_dir,
    )
    .by_default("a table is saved if its line has `save`; `every` is 1m")
    .example("tables-dir /var/lib/stickd every 30s")
    .differs("HAProxy does not know this keyword."),
    row(
        "default-path",
        Arity { min: 1, max: 2 },
        "current|config|parent|origin <directory>",
        "Says where relative names of the files of acls and maps begin, in the lines that follow: \
         in the directory of the process, in that of the configuration file, in the one above it, \
         or in another one.",
        default_path::read,
    )
    .by_default("current")
    .example("default-path config"),
    row(
        "maxconn",
        exactly(1),
        "<count>",
        "Limits the connections of clients at a time; 0 is as if the line were missing.",
        |draft, line, _| {
            let count = line.number(0, 0..=i32::MAX.unsigned_abs())?;
            draft.global.maxconn = Some(count).filter(|count| *count > 0);
            Ok(())
        },
    )
    .by_default("as many as the limit of open files allows")
    .example("maxconn 20000")
    .differs(
        "HAProxy refuses a limit that needs too many open files; here the limit is lowered with a \
         warning, unless `strict-limits` is written.",
    ),
    of_draft(
        keyword_names::LOCALPEER,
        exactly(1),
        "<name>",
        "Names this node among its peers. The line stands before the first `peers` section.",
        read_localpeer,
    )
    .by_default("the host name; the option `-L` goes before the line")
    .example("localpeer lb1"),
    row(
        "set-var",
        at_least(2),
        "<variable> <sample>",
        "Sets a variable of the process when it starts. The variable's name begins with `proc.`.",
        |draft, line, _| keep_variable(draft, line, false),
    )
    .example("set-var proc.limit int(100)"),
    row(
        "set-var-fmt",
        exactly(2),
        "<variable> <format>",
        "Sets a variable of the process to a text that is made of samples when the process starts.",
        |draft, line, _| keep_variable(draft, line, true),
    )
    .example("set-var-fmt proc.name node-%[var(proc.limit)]"),
    row("node", exactly(1), "<name>", "Names this node in statistics.", read_node)
        .by_default("the host name")
        .example("node lb1"),
    row(
        "description",
        at_least(1),
        "<text>",
        "Describes this node in statistics.",
        |draft, line, _| {
            draft.global.description = Some(line::joined(line.arguments));
            Ok(())
        },
    )
    .example("description load balancer of the office"),
    row(
        "stats socket",
        at_least(1),
        "<address> [words]",
        "Serves the Runtime API at this address. Words of `bind` and a `level` may follow the \
         address.",
        read_stats_socket,
    )
    .by_default("there is no Runtime API")
    .example("stats socket /run/stickd.sock mode 600 level admin"),
    row(
        "stats timeout",
        exactly(1),
        "<time>",
        "Ends a connection to the Runtime API that is silent for this time.",
        |draft, line, _| {
            draft.global.stats_timeout_ms = positive(line, line.time_ms(0)?)?;
            Ok(())
        },
    )
    .by_default("10s")
    .example("stats timeout 30s"),
    row(
        "stats maxconn",
        exactly(1),
        "<count>",
        "Limits the connections to the Runtime API at a time, 1 to 65535.",
        |draft, line, _| {
            draft.global.stats_maxconn = line.number(0, 1..=65_535)?;
            Ok(())
        },
    )
    .by_default("10")
    .example("stats maxconn 20"),
    row("log", at_least(1), log_targets::TARGET, log_targets::HELP_OF_GLOBAL, read_log)
        .can_be_negated()
        .example("log 127.0.0.1:514 local0 info"),
    row(
        "log-tag",
        exactly(1),
        "<text>",
        "Sets the tag of the lines that are sent to syslog.",
        |draft, line, _| {
            draft.global.log_tag = Some(line.argument(0)?.value.to_owned());
            Ok(())
        },
    )
    .by_default("the name of the program")
    .example("log-tag stickd"),
    row(
        "log-send-hostname",
        Arity { min: 0, max: 1 },
        "[<name>]",
        "Puts the host name, or the given name, into the header of the lines that are sent to \
         syslog.",
        |draft, line, _| {
            let name =
                line.get(0).map_or_else(|| draft.hostname.clone(), |name| name.value.to_owned());
            draft.global.log_send_hostname = Some(name);
            Ok(())
        },
    )
    .by_default("the header has no host name")
    .example("log-send-hostname lb1"),
    row(
        "pin",
        exactly(1),
        "<cpu>",
        "Runs the process on this CPU only, 0 to 1023.",
        threads::read_pin,
    )
    .by_default("the kernel chooses the CPU")
    .example("pin 0")
    .differs("HAProxy does not know this word: its own is `cpu-map`."),
    row(
        "cpu-map",
        at_least(2),
        "[auto:]<process>[/<thread>] <cpu>[-<cpu>]...",
        "Runs the process on the CPU that the line gives to the first thread of the first process.",
        threads::read_cpu_map,
    )
    .by_default("the kernel chooses the CPU")
    .example("cpu-map 1 0")
    .differs("HAProxy also places its other threads, and gives one thread several CPUs."),
    row(
        "nbthread",
        exactly(1),
        "<count>",
        "Is accepted for HAProxy's sake: one thread serves, and a number above 1 draws a warning.",
        threads::read_nbthread,
    )
    .by_default("1")
    .example("nbthread 1")
    .differs("HAProxy starts so many threads."),
    row(
        "nbproc",
        exactly(1),
        "1",
        "Is accepted for the sake of old configurations, with the number 1 alone.",
        threads::read_nbproc,
    )
    .by_default("1")
    .example("nbproc 1")
    .differs("HAProxy refuses the word since version 2.5."),
    row(
        "busy-polling",
        exactly(0),
        "",
        "Never sleeps while there is nothing to do: the process uses a whole CPU and answers some \
         microseconds earlier.",
        |draft, line, _| {
            draft.global.busy_polling = !line.negated;
            Ok(())
        },
    )
    .can_be_negated()
    .by_default("the process sleeps until something happens")
    .example("busy-polling"),
    row(
        "hard-stop-after",
        exactly(1),
        "<time>",
        "Ends the connections that are left when a soft stop has lasted for this time.",
        |draft, line, _| {
            draft.global.hard_stop_after_ms = Some(positive(line, line.time_ms(0)?)?);
            Ok(())
        },
    )
    .by_default("a soft stop waits for the last connection")
    .example("hard-stop-after 1h"),
    row(
        "spread-checks",
        exactly(1),
        "<0-50>",
        "Moves each health check by a random part of its interval, up to this many percent.",
        |draft, line, _| {
            draft.global.spread_checks = line.number(0, 0..=50)?;
            Ok(())
        },
    )
    .by_default("0")
    .example("spread-checks 5"),
    row(
        "max-spread-checks",
        exactly(1),
        "<time>",
        "Spreads the first checks of all servers over this time at most.",
        |d, line, _| {
            d.global.max_spread_checks_ms = Some(line.time_ms(0)?).filter(|time_ms| *time_ms > 0);
            Ok(())
        },
    )
    .by_default("the shortest interval between two checks")
    .example("max-spread-checks 5s"),
    of_draft(
        "setenv",
        exactly(2),
        "<name> <value>",
        "Sets a variable, which the lines after it may use.",
        |draft, line, _| {
            draft.environment.set(line.argument(0)?.value, line.argument(1)?.value);
            Ok(())
        },
    )
    .example("setenv SITE paris"),
    of_draft(
        "presetenv",
        exactly(2),
        "<name> <value>",
        "Sets a variable, unless it is set already.",
        |draft, line, _| {
            draft.environment.preset(line.argument(0)?.value, line.argument(1)?.value);
            Ok(())
        },
    )
    .example("presetenv SITE paris"),
    of_draft("unsetenv", at_least(1), "<name>...", "Forgets these variables.", |draft, line, _| {
        line.arguments.iter().for_each(|name| draft.environment.unset(&name.text));
        Ok(())
    })
    .example("unsetenv SITE"),
    of_draft(
        "resetenv",
        at_least(0),
        "[<name>...]",
        "Forgets all variables but these.",
        |draft, line, _| {
            let names: Vec<&str> = line.arguments.iter().map(|name| name.text.as_str()).collect();
            draft.environment.keep_only(&names);
            Ok(())
        },
    )
    .example("resetenv PATH HOME"),
    row(
        "tune.bufsize",
        exactly(1),
        "<bytes>",
        "Limits the bytes that one direction of a connection keeps while they cannot be passed on, \
         1024 to 16777216.",
        |draft, line, _| {
            draft.global.bufsize = line.size(0, 1024..=16 << 20)?;
            Ok(())
        },
    )
    .by_default("16384")
    .example("tune.bufsize 32k")
    .differs(
        "HAProxy gives every connection two such buffers; here a direction has one only while it \
         waits.",
    ),
    row(
        "tune.maxaccept",
        exactly(1),
        "<count>",
        "Limits the connections that are accepted from one listener in one turn of the loop; -1 \
         means no limit.",
        read_maxaccept,
    )
    .by_default("64")
    .example("tune.maxaccept 100"),
    row(
        "tune.peers.max-updates-at-once",
        exactly(1),
        "<count>",
        "Limits the updates of peers that are handled in one turn of the loop.",
        |draft, line, _| {
            draft.global.peers_max_updates_at_once = line.number(0, 1..=i32::MAX.unsigned_abs())?;
            Ok(())
        },
    )
    .by_default("200")
    .example("tune.peers.max-updates-at-once 500"),
    row(
        "unix-bind",
        at_least(2),
        "[prefix <path>] [mode <octal>] [user|uid <user>] [group|gid <group>]",
        "Gives the unix sockets of all `bind` lines a beginning of their path, a file mode, an \
         owner and a group.",
        unix_bind::read,
    )
    .example("unix-bind prefix /run/stickd mode 660"),
    row("quiet", exactly(0), "", "Prints errors only, as the option `-q` does.", |draft, _, _| {
        draft.global.is_quiet = true;
        Ok(())
    })
    .example("quiet"),
    row(
        "zero-warning",
        exactly(0),
        "",
        "Refuses a configuration that draws a warning, as the option `-dW` does.",
        |draft, _, _| {
            draft.global.zero_warning = true;
            Ok(())
        },
    )
    .example("zero-warning"),
    row(
        "noreuseport",
        exactly(0),
        "",
        "Lets no other process listen on the same addresses.",
        |draft, _, _| {
            draft.global.listens_alone = true;
            Ok(())
        },
    )
    .example("noreuseport"),
];

/// Sets what may be set once.
pub(super) fn set_once<T>(field: &mut Option<T>, value: T, line: &Line<'_>, report: &mut Report) {
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

/// Reads what follows `-S` on the command line: a `stats socket` of the supervisor.
pub(in crate::config) fn read_master_socket(
    draft: &mut GlobalDraft,
    line: &Line<'_>,
    report: &mut Report,
) -> Parsed {
    let draft_bind = bind::read(line, 0, Scope::STATS_SOCKET, &BindDraft::default(), report)?;
    let level = draft_bind.level.unwrap_or(Level::Admin);
    let binds = draft_bind.binds(report).map(|bind| Bind { place: "-S".to_owned(), ..bind });
    draft.global.master_sockets.extend(binds.map(|bind| StatsSocket { bind, level }));
    Ok(())
}

fn read_log(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    if line.negated {
        draft.log.clear();
        return Ok(());
    }
    draft.log.push(log_targets::read_target(line)?);
    Ok(())
}

fn read_maxaccept(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    draft.global.maxaccept = match line.argument(0)?.value {
        "-1" => u32::MAX,
        _ => line.number(0, 1..=i32::MAX.unsigned_abs())?,
    };
    Ok(())
}
/// Keeps a line about a variable of the process until every name is known.
fn keep_variable(draft: &mut GlobalDraft, line: &Line<'_>, is_format: bool) -> Parsed {
    let words = line.arguments.to_vec();
    let Line { keyword, place, .. } = *line;
    draft.variables.push(VariableLine { keyword, is_format, place, words });
    Ok(())
}
