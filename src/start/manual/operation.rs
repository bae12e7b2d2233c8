//! The chapters of the manual that no table of the program has: signals, files and exit statuses.

use super::entry::{Chapter, Entry};

/// A chapter, a name, and what is said about it.
const ROWS: &[(Chapter, &str, &str)] = &[
    (
        Chapter::Signals,
        "SIGUSR2",
        "Reload: the process starts its own binary anew with the same arguments, hands its \
         listening sockets, tables and the states of servers over, finishes its connections and \
         ends. If the new process does not come to serve, the old one goes on.",
    ),
    (
        Chapter::Signals,
        "SIGUSR1",
        "Soft stop: the process accepts nobody any more, finishes its connections and ends. \
         'hard-stop-after' bounds how long that takes.",
    ),
    (
        Chapter::Signals,
        "SIGTERM",
        "Stop: the process ends its connections, and then by this signal (a shell counts 143). A \
         supervisor (-W) exits with status 0.",
    ),
    (
        Chapter::Signals,
        "SIGINT",
        "Stop, as SIGTERM: the process ends by this signal (a shell counts 130). A supervisor (-W) \
         exits with status 130.",
    ),
    (
        Chapter::Signals,
        "SIGHUP",
        "The process logs the state of every proxy. A supervisor (-W) reloads, as at SIGUSR2.",
    ),
    (
        Chapter::Files,
        "/run/stickd/stickd-<pid>.sock",
        "The socket at which a process started with -sf meets the process that runs (mode 600). \
         Other users than root have it in $XDG_RUNTIME_DIR/stickd; else it stands beside the pid \
         file or a stats socket, if only the owner may write there.",
    ),
    (
        Chapter::Files,
        "/var/lib/stickd/",
        "A place for tables that are saved ('save', 'tables-dir'); the systemd units make it. A \
         table is a file of mode 600, beside which a new one is written (.tmp).",
    ),
    (
        Chapter::Files,
        "/etc/stickd/stickd.cfg",
        "The configuration that the systemd units name. The program itself has no default: -f \
         names the files. A directory stands for its files that end in .cfg, in the order of \
         their names.",
    ),
    (
        Chapter::Files,
        "/etc/default/stickd",
        "Options for the systemd units, as EXTRAOPTS=\"-L lb1\".",
    ),
    (
        Chapter::ExitStatus,
        "0",
        "The process stopped as it was told, the configuration is valid (-c), the reload was done \
         (--reload), the condition holds (-cc), or the text was printed.",
    ),
    (
        Chapter::ExitStatus,
        "1",
        "The command line or the configuration is wrong, the start or the reload failed, the \
         condition does not hold (-cc), or the manual has no such entry (--manual).",
    ),
    (
        Chapter::ExitStatus,
        "2",
        "The configuration is valid and nothing is listened on (-c), or the condition cannot be \
         read (-cc).",
    ),
    (Chapter::ExitStatus, "130", "SIGINT stopped the supervisor (-W)."),
    (Chapter::Language, "global", "Begins the section about the whole process."),
    (
        Chapter::Language,
        "defaults",
        "Begins a section, with a name if you like, whose settings hold for the frontends, \
         backends and listen sections behind it.",
    ),
    (
        Chapter::Language,
        "frontend",
        "Begins a section with a name: where clients come in, and which backend they go to.",
    ),
    (
        Chapter::Language,
        "backend",
        "Begins a section with a name: servers, and how one of them is chosen.",
    ),
    (
        Chapter::Language,
        "listen",
        "Begins a section with a name that is a frontend and its backend in one.",
    ),
    (
        Chapter::Language,
        "peers",
        "Begins a section with a name: the nodes that share stick tables, this one included.",
    ),
    (
        Chapter::Language,
        "words",
        "Blanks separate words, and # begins a comment. A word with blanks stands in quotes or has \
         a backslash before each. Nothing is special between single quotes.",
    ),
    (
        Chapter::Language,
        "variables",
        "$NAME and ${NAME} stand for variables of the environment, outside quotes and between \
         double quotes.",
    ),
    (
        Chapter::Language,
        "times",
        "A number with us, ms, s, m, h or d. A number without a unit is in milliseconds, unless \
         the word that takes the number says otherwise.",
    ),
    (
        Chapter::Language,
        "sizes",
        "A number, which k, m or g multiplies by 1024 once, twice or three times.",
    ),
    (
        Chapter::Language,
        ".if",
        "Begins lines that count only if a condition holds; .elif, .else and .endif follow. \
         'stickd -cc CONDITION' evaluates a condition. .notice and .warning \
         print a message; .alert refuses the configuration with a message.",
    ),
];

/// An entry for each row.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    ROWS.iter().map(|(chapter, name, help)| Entry::new(*chapter, *name, help))
}
