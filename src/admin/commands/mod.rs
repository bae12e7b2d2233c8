//! The commands of the Runtime API. A command is one row of the table below and one function in
//! the file of its family.
//!
//! ```text
//!   mod.rs            the table of commands; runs a command
//!   command.rs        the form of a row
//!   typed/            what a client types: lines, payloads, words; the rows of `help` they mean
//!   answer.rs         the answer: a text, or a job that writes it in slices
//!   client_settings.rs  what one client may do, and the commands that change that
//!   certificates.rs   certificates that replace those of the files
//!   target.rs         the servers and frontends that commands name
//!   filter.rs         the table entries that commands select
//!   patterns/         maps and acls
//!   facts/            what HAProxy does not show
//!   absent.rs         HAProxy's commands that stickd does not have, and why
//!   the others        one family of commands each
//! ```

mod absent;
mod activity;
mod answer;
mod certificates;
mod client_settings;
mod command;
mod facts;
mod filter;
mod frontend;
mod limits;
mod named_entries;
mod patterns;
mod program;
mod reload;
pub mod sessions;
mod set_server;
mod set_table;
mod show_events;
mod show_info;
mod show_peers;
mod show_resolvers;
mod show_servers;
mod show_table;
mod statistics;
mod target;
pub mod typed;
mod variables;

pub(in crate::admin) use set_server::switch_checks;
pub(in crate::admin) use target::Target;

pub use command::Command;

pub(super) use answer::{Answer, Job, JobState};
pub(super) use client_settings::ClientSettings;
pub use typed::command_line::CommandLine;

use super::context::Context;
use crate::config::Level::{Admin, Operator, User};
use crate::logging::Severity;
use command::Change::{HandedOver, Lost, LostIf};
use command::command;

/// Every command, in alphabetical order.
pub const COMMANDS: &[Command] = &[
    certificates::ABORT,
    patterns::rows::ADD_ACL,
    patterns::rows::ADD_MAP,
    set_server::ADD_SERVER,
    patterns::rows::CLEAR_ACL,
    command("clear counters", "[all]", Operator, statistics::clear_counters)
        .changes(HandedOver)
        .help("clear max statistics counters (or all counters)")
        .manual(
            "Sets the maxima that `show stat` prints to zero. With `all`, which needs the level \
             admin, sets all its counters to zero.",
            "clear counters all",
        ),
    patterns::rows::CLEAR_MAP,
    command("clear table", "<table> [<filter>]*", Operator, set_table::clear_table)
        .syntax("<table> [key <key> | data.<type> <operator> <value> ...]")
        .changes(HandedOver)
        .help("remove an entry from a table (filter: data/key)")
        .manual(
            "Removes entries from a stick table: the entry with a key, the entries for which all \
             comparisons hold (eq, ne, le, ge, lt, gt), or all entries.",
            "clear table web key 192.0.2.7",
        ),
    patterns::rows::COMMIT_ACL,
    patterns::rows::COMMIT_MAP,
    certificates::COMMIT,
    patterns::rows::DEL_ACL,
    patterns::rows::DEL_MAP,
    set_server::DEL_SERVER,
    command("disable agent", "", Admin, set_server::disable_agent)
        .syntax("<backend>/<server>")
        .changes(HandedOver)
        .help("disable agent checks")
        .manual("Stops the agent checks of a server.", "disable agent web/s1"),
    command("disable frontend", "<frontend>", Admin, frontend::disable)
        .changes(Lost)
        .help("temporarily disable specific frontend")
        .manual(
            "Refuses new clients of a frontend until `enable frontend`. Open connections go on.",
            "disable frontend fe",
        ),
    command("disable health", "", Admin, set_server::disable_health)
        .syntax("<backend>/<server>")
        .changes(HandedOver)
        .help("disable health checks")
        .manual("Stops the health checks of a server.", "disable health web/s1"),
    command("disable server", " (DEPRECATED)", Admin, set_server::disable_server)
        .syntax("<backend>/<server>")
        .changes(HandedOver)
        .help("disable a server for maintenance (use 'set server' instead)")
        .manual(
            "Puts a server into maintenance, as `set server <backend>/<server> state maint` does.",
            "disable server web/s1",
        ),
    facts::rows::DRAIN_SERVER,
    command("enable agent", "", Admin, set_server::enable_agent)
        .syntax("<backend>/<server>")
        .changes(HandedOver)
        .help("enable agent checks")
        .manual("Starts the agent checks of a server again.", "enable agent web/s1"),
    command("enable frontend", "<frontend>", Admin, frontend::enable)
        .changes(Lost)
        .help("re-enable specific frontend")
        .manual("Accepts clients again after `disable frontend`.", "enable frontend fe"),
    command("enable health", "", Admin, set_server::enable_health)
        .syntax("<backend>/<server>")
        .changes(HandedOver)
        .help("enable health checks")
        .manual("Starts the health checks of a server again.", "enable health web/s1"),
    command("enable server", " (DEPRECATED)", Admin, set_server::enable_server)
        .syntax("<backend>/<server>")
        .changes(HandedOver)
        .help("enable a disabled server (use 'set server' instead)")
        .manual(
            "Ends the maintenance of a server, as `set server <backend>/<server> state ready` \
             does.",
            "enable server web/s1",
        ),
    command("experimental-mode", "[on|off]", Admin, variables::experimental_mode)
        .help("enable experimental mode")
        .manual("Lets the client use `set var`, or says whether it may.", "experimental-mode on"),
    patterns::rows::GET_ACL,
    patterns::rows::GET_MAP,
    command("get var", "<name>", Operator, variables::get)
        .help("retrieve contents of a process-wide variable")
        .manual("Prints the type and the value of a variable of the process.", "get var proc.x"),
    command("get weight", "<bk>/<srv>", User, set_server::get_weight)
        .syntax("<backend>/<server>")
        .help("report a server's current weight")
        .manual(
            "Prints the weight of a server, and the weight in the configuration.",
            "get weight web/s1",
        ),
    command("help", "[<command>]", User, list_commands)
        .help("list matching or all commands")
        .manual("Lists all commands, or the commands that begin with the given words.", "help set")
        .in_every_list(),
    command("operator", "", Operator, client_settings::lower_to_operator)
        .help("lower the level of the current CLI session to operator")
        .manual("Lowers the level of this client to operator.", "operator"),
    patterns::rows::PREPARE_ACL,
    patterns::rows::PREPARE_MAP,
    command("prompt", "", User, client_settings::set_prompt)
        .syntax("[n|i|p|timed]*")
        .help("toggle interactive mode with prompt")
        .manual(
            "Keeps the connection open after an answer and prints a prompt. A second `prompt` \
             ends this. As with HAProxy 3.2, `p` turns it on, `i` keeps the connection open \
             without a prompt, `n` ends both, and `timed` shows in the prompt how long the \
             process runs, or ends that.",
            "prompt",
        )
        .in_every_list(),
    command("quit", "", User, client_settings::quit)
        .help("disconnect")
        .manual("Closes the connection.", "quit")
        .in_every_list(),
    command("reload", "", Admin, reload::reload)
        .help("start a new process that takes over, and wait until it serves")
        .manual(
            "Starts a new process with the configuration files as they are now. The answer comes \
             when the new process serves, or when it is clear that it will not.",
            "reload",
        ),
    facts::rows::SAVE_TABLES,
    patterns::rows::SET_MAP,
    command("set maxconn frontend", "<frontend> <value>", Admin, limits::set_frontend_maxconn)
        .changes(Lost)
        .help("change a frontend's maxconn setting")
        .manual(
            "Sets how many connections a frontend has at most.",
            "set maxconn frontend fe 5000",
        ),
    command("set maxconn global", "<value>", Admin, limits::set_global_maxconn)
        .changes(Lost)
        .help("change the per-process maxconn setting")
        .manual(
            "Sets how many connections the process has at most. The value at the start is the \
             highest, and 0 stands for that value.",
            "set maxconn global 10000",
        ),
    command("set maxconn server", "<bk>/<srv>", Admin, limits::set_server_maxconn)
        .syntax("<backend>/<server> <value>")
        .changes(Lost)
        .help("change a server's maxconn setting")
        .manual(
            "Sets how many connections a server has at most; 0 stands for no limit.",
            "set maxconn server web/s1 200",
        ),
    command("set rate-limit", "<setting> <value>", Admin, limits::set_rate_limit)
        .syntax("connections|sessions global <value>")
        .changes(Lost)
        .help("change a rate limiting value")
        .manual(
            "Sets how many connections or sessions the process accepts in a second; 0 stands for \
             no limit.",
            "set rate-limit sessions global 500",
        ),
    command("set server", "<bk>/<srv> [opts]", Admin, set_server::set_server)
        .syntax(
            "<backend>/<server> addr <ip> [port <port>] | agent up|down | agent-addr <ip> [port \
             <port>] | agent-port <port> | agent-send <text> | check-addr <ip> [port <port>] | \
             check-port <port> | fqdn <name> | health up|stopping|down | state \
             ready|drain|maint | weight <weight>[%]",
        )
        .changes(LostIf(set_server::changes_check_target))
        .help("change a server's state, weight or address")
        .manual(
            "Changes a server: its administrative state, its health, its weight, its address or \
             the name that `resolvers` look up for it, and how it is checked.",
            "set server web/s1 state drain",
        ),
    command(
        "set severity-output",
        "[none|number|string]",
        User,
        client_settings::set_severity_output,
    )
    .help("set presence of severity level in feedback information")
    .manual(
        "Sets how this client sees the severity of messages: not at all, as a number or as a \
         word.",
        "set severity-output string",
    ),
    certificates::SET,
    command("set table", "<table> key <k> [data.* <v>]*", Operator, set_table::set_table)
        .syntax("<table> key <key> [data.<type> <value> ...]")
        .changes(HandedOver)
        .help("update or create a table entry's data")
        .manual(
            "Makes or changes an entry of a stick table. Nothing is changed unless all values can \
             be stored. Peers learn the change.",
            "set table web key 192.0.2.7 data.server_key s1",
        ),
    command("set timeout", "[cli] <delay>", User, client_settings::set_timeout)
        .syntax("cli <delay>")
        .help("change a timeout setting")
        .manual(
            "Sets how long this client may be silent. A number without a unit counts seconds.",
            "set timeout cli 5m",
        ),
    command("set var", "<name> [fmt|expr] {<fmt>|<expr>}", Admin, variables::set)
        .syntax("<name> [expr] <sample> | <name> fmt <format>")
        .changes(Lost)
        .help("set variable from an expression or a format")
        .manual(
            "Sets a variable of the process to the value of a sample, or to a text that is made of \
             samples. `experimental-mode on` has to come before.",
            "set var proc.x int(5)",
        ),
    command("set weight", "<bk>/<srv>  (DEPRECATED)", Admin, set_server::set_weight)
        .syntax("<backend>/<server> <weight>[%]")
        .changes(HandedOver)
        .help("change a server's weight (use 'set server' instead)")
        .manual(
            "Sets the weight of a server, from 0 to 256, or as a percentage of the weight in the \
             configuration.",
            "set weight web/s1 50%",
        ),
    patterns::rows::SHOW_ACL,
    command("show activity", "", User, activity::show_activity)
        .help("show per-thread activity stats (for support/developers)")
        .manual(
            "Prints what the event loop has done: its turns, how long they took, and how often \
             accepting failed.",
            "show activity",
        ),
    command("show backend", "", User, show_servers::show_backend)
        .help("list backends in the current running config")
        .manual("Lists the names of the backends.", "show backend"),
    command("show cli level", "", User, client_settings::show_level)
        .help("display the level of the current CLI session")
        .manual("Prints the level of this client.", "show cli level"),
    command("show cli sockets", "", User, client_settings::show_sockets)
        .help("dump list of cli sockets")
        .manual("Lists the sockets of the Runtime API and their levels.", "show cli sockets"),
    command("show env", "[var]", Operator, show_info::show_env)
        .syntax("[<variable>]")
        .help("dump environment variables known to the process")
        .manual(
            "Prints the environment variables that the process was started with, or one of them. \
             What `setenv` and similar keywords change is for the configuration only, and is not \
             printed.",
            "show env PATH",
        ),
    command("show errors", "[<px>] [request|response]", Operator, activity::show_errors)
        .syntax("[<proxy>] [request|response]")
        .help("report last request and/or response errors for each proxy")
        .manual(
            "Prints the number of captured protocol errors. The number is always 0, because no \
             protocol is parsed in `mode tcp`.",
            "show errors",
        ),
    command("show events", "[<sink>] [-w] [-n]", User, show_events::show_events)
        .help("show event sink state")
        .manual(
            "Lists the rings, or prints the messages in a ring. With `-n` only new messages are \
             printed. With `-w` the answer goes on as messages come, until the client sends \
             something or nothing has come for `stats timeout`. The ring `events` is always there, \
             unless the configuration has one of this name, and HAProxy does not have it: the last \
             hundred changes of servers and peers, reloads and errors, which a reload hands over; \
             with `json` each is an object.",
            "show events events -w -n",
        ),
    command("show info", "[desc|json|typed|float]*", User, show_info::show_info)
        .help("report information about the running process")
        .manual(
            "Prints figures of the process: limits, counters and rates. `typed` and `json` add \
             types, `desc` adds the meanings, and `float` prints times with fractions.",
            "show info typed desc",
        ),
    program::SHOW_LIBS,
    patterns::rows::SHOW_MAP,
    facts::rows::SHOW_MESH,
    command("show peers", "[dict|-] [section]", User, show_peers::show_peers)
        .syntax("[dict|-] [<section>]")
        .help("dump some information about all the peers or this peers section")
        .manual(
            "Prints the state of the peers: connections, resynchronisation and shared tables. \
             `dict` adds the server names that each session sends by number.",
            "show peers dict mypeers",
        ),
    facts::rows::SHOW_RELOADS,
    command("show resolvers", "[id]", User, show_resolvers::show_resolvers)
        .syntax("[<section>]")
        .help("dumps counters from all resolvers section and associated name servers")
        .manual(
            "Prints what was counted of the nameservers: questions, good answers and errors.",
            "show resolvers mydns",
        ),
    program::SHOW_SCHEMA,
    command("show servers conn", "[<backend>]", User, show_servers::show_conn)
        .help("dump server connections status (all or for a single backend)")
        .manual("Lists the servers with the number of their connections.", "show servers conn web"),
    command("show servers state", "[<backend>]", User, show_servers::show_state)
        .help("dump volatile server information (all or for a single backend)")
        .manual(
            "Lists the servers with their states, in the format of HAProxy's server-state files.",
            "show servers state web",
        ),
    command("show sess", "[id]", Operator, sessions::show_sess)
        .syntax("[<id>]")
        .help("report the list of current sessions or dump this exact session")
        .manual(
            "Prints one line for each client connection, or for the connection with an id. A \
             connection that an older process still has after a reload ends with `pid=` and the id \
             of that process.",
            "show sess",
        ),
    certificates::SHOW,
    program::SHOW_STARTUP_LOGS,
    command("show stat", "[desc|json|no-maint|typed|up]*", User, statistics::show_stat)
        .syntax("[<proxy> <type> <server>] [desc|json|no-maint|typed|up ...]")
        .help("report counters for each proxy and server")
        .manual(
            "Prints the statistics of frontends, backends and servers as comma-separated values. \
             `typed` and `json` print one figure after the other, `desc` adds the meanings, `up` \
             leaves out servers that are down, and `no-maint` servers in maintenance. The type is \
             the sum of 1 for frontends, 2 for backends and 4 for servers; -1 stands for all.",
            "show stat web 4 -1",
        ),
    facts::rows::SHOW_STICK,
    command("show table", "<table> [<filter>]*", User, show_table::show_table)
        .syntax("[<table> [key <key> | data.<type> <operator> <value> ...]]")
        .help("report table usage stats or dump this table's contents (filter: data/key)")
        .manual(
            "Lists the stick tables, or the entries of one table: the entry with a key, the \
             entries for which all comparisons hold (eq, ne, le, ge, lt, gt), or all entries. \
             Entries are shown from the level operator on.",
            "show table web data.conn_cur gt 0",
        ),
    facts::rows::SHOW_TABLES,
    command("show version", "", User, show_info::show_version)
        .help("show version of the current process")
        .manual("Prints the version of HAProxy whose formats stickd prints.", "show version"),
    command("shutdown frontend", "<frontend>", Admin, frontend::shutdown)
        .changes(Lost)
        .help("stop a specific frontend")
        .manual(
            "Closes the listening sockets of a frontend for good. Open connections go on.",
            "shutdown frontend fe",
        ),
    command("shutdown session", "[id]", Admin, sessions::shutdown_session)
        .syntax("<id>")
        .help("kill a specific session")
        .manual(
            "Ends the connection with an id; the id is the first word of a line of `show sess`.",
            "shutdown session 0x000100000003",
        ),
    command("shutdown sessions server", "<bk>/<srv>", Admin, sessions::shutdown_sessions)
        .syntax("<backend>/<server>")
        .help("kill sessions on a server")
        .manual("Ends all connections to a server.", "shutdown sessions server web/s1"),
    command("user", "", User, client_settings::lower_to_user)
        .help("lower the level of the current CLI session to user")
        .manual("Lowers the level of this client to user.", "user"),
    set_server::WAIT,
];

/// Runs the command that a line names.
pub(super) fn run(
    line: &CommandLine,
    client: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Some(command) = COMMANDS.iter().find(|command| command.is_named_by(line)) else {
        return absent::reason(line).map_or_else(|| unknown(line), Answer::error);
    };
    if command.level() > client.level {
        return Answer::denied();
    }
    match reload::refusal(command.change(), line, context) {
        Some(refusal) => refusal,
        None => command.run(line, client, context),
    }
}

/// `help [<command>]`.
fn list_commands(line: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    Answer::Message(
        Severity::Info,
        typed::help::help(COMMANDS.iter().map(Command::row), line.from(1)),
    )
}

fn unknown(line: &CommandLine) -> Answer {
    Answer::Message(
        Severity::Info,
        typed::help::unknown(COMMANDS.iter().map(Command::row), line.from(0)),
    )
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, Command, CommandLine};
    use crate::admin::fixture::Fixture;
    use crate::config::Level;

    #[test]
    fn levels_are_enforced() {
        let mut fixture = Fixture::new();
        fixture.ask("set table web key 1.0.0.1");
        let denied = "Permission denied\n\n";
        for command in [
            "show sess",
            "set table web key 1.0.0.2",
            "clear table web",
            "show table web key 1.0.0.1",
        ] {
            assert_eq!(fixture.ask_as(Level::User, command), denied, "{command}");
        }
        assert_eq!(
            fixture.ask_as(Level::User, "show table web"),
            "# table: web, type: ip, size:20480, used:1\n\
             # contents not dumped due to insufficient privileges\n\n"
        );
        assert_eq!(fixture.ask_as(Level::User, "operator"), denied);
        assert_eq!(fixture.ask_as(Level::User, "show cli level"), "user\n\n");
        assert_eq!(fixture.ask_as(Level::Admin, "user;clear table web"), format!("\n{denied}"));
        assert_eq!(fixture.ask_as(Level::Operator, "clear table web"), "\n");
    }

    #[test]
    fn only_administrators_change_servers() {
        let mut fixture = Fixture::new();
        let denied = "Permission denied\n\n";
        for command in [
            "set server web/s1 state maint",
            "enable server web/s1",
            "disable server web/s1",
            "enable health web/s1",
            "set weight web/s1 3",
            "set maxconn global 3",
            "set maxconn frontend fe 3",
            "shutdown session 0x1",
            "shutdown sessions server web/s1",
        ] {
            assert_eq!(fixture.ask_as(Level::Operator, command), denied, "{command}");
        }
        for command in
            ["get weight web/s1", "show servers state", "show servers conn", "show backend"]
        {
            assert_ne!(fixture.ask_as(Level::User, command), denied, "{command}");
        }
    }

    #[test]
    fn every_command_has_a_description_and_an_example_that_names_it() {
        for command in COMMANDS {
            let line = CommandLine::parse(command.example().as_bytes());
            let named = COMMANDS.iter().find(|other| other.is_named_by(&line));
            assert_eq!(named.map(Command::words), Some(command.words()));
            assert!(command.description().ends_with('.'), "{}", command.words());
            let help = Fixture::new().ask(&format!("help {}", command.words()));
            assert!(help.contains(&format!("  {}", command.words())), "{help}");
        }
        assert!(COMMANDS.is_sorted_by_key(Command::words));
    }
}
