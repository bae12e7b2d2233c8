//! The commands that the supervisor answers itself, and the prefix that says whom a command is for.

use crate::admin::commands::CommandLine;
use crate::admin::commands::typed::help::HelpRow;
use crate::config::Level;

/// Whom a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The supervisor.
    Master,
    /// The worker that serves.
    Serving,
    /// The worker with this process id.
    Worker(i32),
}

/// A command that the supervisor answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// No command: these rows are for `help` only.
    Prefix,
    Operator,
    Reload,
    ShowCliLevel,
    ShowCliSockets,
    ShowProc,
    ShowStartupLogs,
    ShowVersion,
    User,
    Help,
    Prompt,
    Quit,
}

/// A row of the table.
struct Row {
    row: HelpRow,
    level: Level,
    own: Own,
    manual: &'static str,
    example: &'static str,
}

/// Every command, in the order of `help`.
const COMMANDS: &[Row] = &[
    row("@!<pid>", "", "send a command to the <pid> process", Own::Prefix).manual(
        "Sends the command behind it to the worker with this process id: the one that serves, or \
         one that still drains. Without a command, all that follow go there.",
        "@!4711 show sess",
    ),
    row("@<relative pid>", "", "send a command to the <relative pid> process", Own::Prefix).manual(
        "Sends the command behind it to the worker that serves, which is process 1; 0 is the \
         supervisor. Without a command, all that follow go there.",
        "@1 show info",
    ),
    row("@master", "", "send a command to the master process", Own::Prefix).manual(
        "Gives the command behind it to the supervisor, which all commands are for unless another \
         prefix came before. Without a command, all that follow are for the supervisor.",
        "@master show proc",
    ),
    row("operator", "", "lower the level of the current CLI session to operator", Own::Operator)
        .manual("Lowers the level of this client to operator, here and at workers.", "operator"),
    row("reload", "", "start a new worker that takes over, and wait until it serves", Own::Reload)
        .at_least(Level::Operator)
        .manual(
            "Starts a new worker with the configuration files as they are now, and answers when it \
             serves, or when it is clear that it will not: `Success=1` or `Success=0`, a line with \
             two dashes, and what the worker has logged. The connection ends with the answer.",
            "reload",
        ),
    row("show cli level", "", "display the level of the current CLI session", Own::ShowCliLevel)
        .manual("Prints the level of this client.", "show cli level"),
    row("show cli sockets", "", "dump list of cli sockets", Own::ShowCliSockets)
        .manual("Lists the master sockets and their levels.", "show cli sockets"),
    row("show proc", "", "show processes status", Own::ShowProc).manual(
        "Lists the supervisor, the worker that serves and those that drain, with the number of \
         reloads that each has seen, its age and its version.",
        "show proc",
    ),
    row("show startup-logs", "", "report logs of the last start of a worker", Own::ShowStartupLogs)
        .manual(
            "Prints what the worker that was started last has logged until it served, or failed.",
            "show startup-logs",
        ),
    row("show version", "", "show version of the current process", Own::ShowVersion)
        .manual("Prints the version of HAProxy whose formats stickd prints.", "show version"),
    row("user", "", "lower the level of the current CLI session to user", Own::User)
        .manual("Lowers the level of this client to user, here and at workers.", "user"),
    row("help", "[<command>]", "list matching or all commands", Own::Help).everywhere().manual(
        "Lists all commands, or the commands that begin with the given words.",
        "help show",
    ),
    row("prompt", "", "toggle interactive mode with prompt", Own::Prompt).everywhere().manual(
        "Prints a prompt after every answer, which tells whom commands are for. A second `prompt` \
         ends this.",
        "prompt",
    ),
    row("quit", "", "disconnect", Own::Quit).everywhere().manual("Closes the connection.", "quit"),
];

/// The commands of HAProxy's master that are refused, with the reasons.
const REFUSED: &[(&str, &str)] = &[
    ("expert-mode", "there are no commands that need it"),
    ("mcli-debug-mode", "write '@master' or '@1' before a command to say whom it is for"),
];

const fn row(words: &'static str, arguments: &'static str, help: &'static str, own: Own) -> Row {
    let row = HelpRow::new(words, arguments, help);
    Row { row, level: Level::User, own, manual: "", example: "" }
}

impl Row {
    /// The level that a client needs.
    const fn at_least(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// `help` lists the command at the end of every list.
    const fn everywhere(self) -> Self {
        Self { row: self.row.in_every_list(), ..self }
    }

    /// What the reference says of the command, and an example.
    const fn manual(self, manual: &'static str, example: &'static str) -> Self {
        Self { manual, example, ..self }
    }
}

/// A command, as the reference tells it.
#[derive(Clone, Copy, Debug)]
pub struct MasterCommand {
    /// The words that the command begins with.
    pub words: &'static str,
    /// The arguments that follow.
    pub arguments: &'static str,
    /// The level that a client needs.
    pub level: Level,
    /// The meaning, in one or more sentences.
    pub description: &'static str,
    /// A line that a client may send.
    pub example: &'static str,
}

/// Every command, as the reference tells it.
pub fn reference() -> impl Iterator<Item = MasterCommand> {
    COMMANDS.iter().map(|Row { row, level, manual, example, .. }| MasterCommand {
        words: row.words,
        arguments: row.arguments,
        level: *level,
        description: manual,
        example,
    })
}

/// The rows of `help`.
pub(super) fn rows() -> impl Iterator<Item = &'static HelpRow> {
    COMMANDS.iter().map(|Row { row, .. }| row)
}

/// The command that a line names, and the level that it needs.
pub(super) fn find(line: &CommandLine) -> Option<(Own, Level)> {
    let mut own = COMMANDS.iter().filter(|command| command.own != Own::Prefix);
    let found = own.find(|command| command.row.is_named_by(line));
    found.map(|command| (command.own, command.level))
}

/// Why the supervisor does not have the command, if the line names one that only HAProxy has.
pub(super) fn refusal(line: &CommandLine) -> Option<String> {
    let first = line.word(0)?;
    let (word, why) = REFUSED.iter().find(|(word, _)| word.as_bytes() == first)?;
    Some(format!("'{word}' is not supported: {why}."))
}

/// Takes the prefix off a command: whom it is for, if it says that, and the rest.
///
/// # Errors
/// The prefix, if nobody can be meant by it.
pub(super) fn addressed(command: &[u8]) -> Result<(Option<Target>, &[u8]), String> {
    let command = command.trim_ascii();
    if !command.starts_with(b"@") {
        return Ok((None, command));
    }
    let end = command.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let (prefix, rest) = command.split_at(end.unwrap_or(command.len()));
    let prefix = String::from_utf8_lossy(prefix);
    let target = match prefix.strip_prefix('@').unwrap_or_default() {
        "" | "0" | "master" => Some(Target::Master),
        "1" => Some(Target::Serving),
        name => name.strip_prefix('!').and_then(|pid| pid.parse().ok()).map(Target::Worker),
    };
    target.map(|target| (Some(target), rest.trim_ascii())).ok_or_else(|| prefix.into_owned())
}

impl Target {
    /// The prefix that means it.
    pub(super) fn prefix(self) -> String {
        match self {
            Self::Master => "@master".to_owned(),
            Self::Serving => "@1".to_owned(),
            Self::Worker(pid) => format!("@!{pid}"),
        }
    }

    /// As a number: 0, 1, or the negative process id.
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Master => 0,
            Self::Serving => 1,
            Self::Worker(pid) => -pid,
        }
    }

    /// The target of a number.
    pub(super) fn of_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Master),
            1 => Some(Self::Serving),
            number => number.checked_neg().filter(|pid| *pid > 1).map(Self::Worker),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_says_whom_a_command_is_for() {
        for (command, expected) in [
            ("show proc", Ok((None, "show proc"))),
            (" @1  show info ", Ok((Some(Target::Serving), "show info"))),
            ("@!45 show sess", Ok((Some(Target::Worker(45)), "show sess"))),
            ("@master", Ok((Some(Target::Master), ""))),
            ("@", Ok((Some(Target::Master), ""))),
            ("@0 x", Ok((Some(Target::Master), "x"))),
            ("@2 x", Err("@2")),
            ("@!x", Err("@!x")),
            ("@!", Err("@!")),
            ("", Ok((None, ""))),
        ] {
            let expected =
                expected.map(|(target, rest)| (target, rest.as_bytes())).map_err(str::to_owned);
            assert_eq!(addressed(command.as_bytes()), expected, "{command}");
        }
        for target in [Target::Master, Target::Serving, Target::Worker(77)] {
            assert_eq!(Target::of_number(target.number()), Some(target));
        }
        assert_eq!(Target::of_number(2), None);
        assert_eq!(Target::of_number(i32::MIN), None);
    }

    #[test]
    fn a_line_names_the_command_by_its_first_words() {
        let find = |line: &str| find(&CommandLine::parse(line.as_bytes()));
        assert_eq!(find("show proc debug"), Some((Own::ShowProc, Level::User)));
        assert_eq!(find("reload x"), Some((Own::Reload, Level::Operator)));
        assert_eq!(find("@master"), None);
        assert_eq!(find("show"), None);
        assert!(refusal(&CommandLine::parse(b"expert-mode on")).is_some());
    }
}
