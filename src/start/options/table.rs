//! The table of options. HAProxy's options have one dash and may have several letters. getopts
//! would take such options apart (`-dS` is not `-d` with `S`), so words are looked up here before.

use std::ffi::{OsStr, OsString};

use super::predecessors::Predecessors;
use super::usage_error::UsageError;

/// One option.
#[derive(Debug)]
pub(crate) struct OptionRow {
    /// The option with its dashes.
    pub(crate) word: &'static str,
    /// The value of the option as the help shows it: nothing, a word that follows, or, in brackets,
    /// letters that may follow the option without a blank.
    pub(crate) value: &'static str,
    effect: Effect,
    help: &'static str,
}

/// The effect of an option.
#[derive(Clone, Copy, Debug)]
enum Effect {
    /// The effect that the help of the option says.
    Help,
    /// No effect: stickd has nothing that the option could change.
    Nothing,
    /// No effect, and a warning says why, because a user may expect an effect.
    Warns,
    /// The program does not start.
    Refuses,
}

use Effect::{Help, Nothing, Refuses, Warns};

const fn row(
    word: &'static str,
    value: &'static str,
    effect: Effect,
    help: &'static str,
) -> OptionRow {
    OptionRow { word, value, effect, help }
}

/// Every option: those of HAProxy's that do something here, our own, then the rest of HAProxy's.
/// The help of a row that does nothing, warns or refuses says why.
pub(crate) const TABLE: &[OptionRow] = &[
    row("-f", "FILE", Help, "configuration file or directory (may be repeated)"),
    row("-L", "NAME", Help, "name of the local peer (default: the host name)"),
    row("-c", "", Help, "check the configuration and exit"),
    row("-cc", "CONDITION", Help, "evaluate the condition of an '.if' line: exit with 0, 1, or 2"),
    row("-sf", "PID...", Help, "take over from these processes, which finish their connections"),
    row("-st", "PID...", Help, "take over from these processes, which end their connections"),
    row("-D", "", Help, "detach and run in the background"),
    row("-W", "", Help, "put a supervising parent above, whose process id stays"),
    row("-Ws", "", Help, "the same in the foreground, for systemd"),
    row("-S", "BIND", Help, "with -W: where the supervisor takes commands: ADDRESS[,WORD,...]"),
    row("-db", "", Help, "stay in the foreground"),
    row("-p", "FILE", Help, "write the process id to this file"),
    row("-C", "DIR", Help, "change to this directory first"),
    row("-n", "MAXCONN", Help, "most client connections at a time"),
    row("-N", "MAXCONN", Help, "the same of each frontend that does not say it itself"),
    row("-q", "", Help, "say errors only"),
    row("-V", "", Help, "say all but what only -d says; with -c, also what was understood"),
    row("-d", "", Help, "stay in the foreground and say everything"),
    row("-dW", "", Help, "refuse a configuration that draws a warning ('zero-warning')"),
    row("-dL", "", Help, "list the loaded object files once the configuration is checked"),
    row("-dK", "[CLASS]", Help, "print the manual, as --manual"),
    row("-dS", "", Help, "move no bytes through pipes ('nosplice')"),
    row("-dR", "", Help, "let no other process listen on the same addresses ('noreuseport')"),
    row("-v", "", Help, "print the version"),
    row("-vv", "", Help, "print the version, features and limits"),
    row("--version", "", Help, "print the version"),
    row("-h", "", Help, "print this text"),
    row("--help", "", Help, "print this text"),
    row("--pin", "CPU", Help, "run on this CPU only"),
    row("--explain", "FILE", Help, "say what the configuration means, in plain words"),
    row(
        "--where",
        "FILE WORD...",
        Help,
        "say where a client would go and why: src=ADDRESS dst_port=N ...",
    ),
    row("--reload", "", Help, "have the running process reload, wait, and say how it went"),
    row("--manual", "WORD...", Help, "print the reference, or what it says about these words"),
    row("--keywords", "", Help, "print the manual, as --manual"),
    row("--completions", "SHELL", Help, "print what bash, fish or zsh needs to complete options"),
    row("-m", "MEGABYTES", Warns, "memory is bounded by 'maxconn' and the sizes of the tables"),
    row("-x", "SOCKET", Warns, "-sf alone takes the listening sockets over"),
    row("-dr", "", Warns, "write 'init-addr last,libc,none' where names may not resolve"),
    row("-de", "", Warns, "there is no other poller than epoll"),
    row("-dp", "", Nothing, "poll is not used"),
    row("-dG", "", Nothing, "names are looked up by the system in another process"),
    row("-dM", "[BYTE]", Nothing, "freed memory is not used again before it is written"),
    row("-dD", "", Nothing, "what is odd is warned of in any case"),
    row("-dV", "", Warns, "write 'ssl-server-verify none' in 'global'"),
    row("-dF", "", Nothing, "there is one way to forward"),
    row("-dI", "", Nothing, "processes are started for a reload and to look names up only"),
    row("-dZ", "", Nothing, "there is one way to forward"),
    row("-dC", "[KEY]", Refuses, "a configuration is not written out"),
    row("-dt", "[TRACE]", Refuses, "there are no traces; -d says everything"),
];

impl OptionRow {
    /// Whether a word follows it.
    fn takes_word(&self) -> bool {
        !self.value.is_empty() && !self.value.starts_with('[')
    }

    /// Whether the command line's word is this option.
    fn is_meant_by(&self, word: &str) -> bool {
        word == self.word || self.value.starts_with('[') && word.starts_with(self.word)
    }

    /// The option with what it takes.
    pub(crate) fn syntax(&self) -> String {
        let gap = if self.takes_word() { " " } else { "" };
        format!("{}{gap}{}", self.word, self.value)
    }

    /// What the option effect, or why it does nothing.
    pub(crate) fn help(&self) -> &'static str {
        self.help
    }

    /// Whether the option changes anything.
    pub(crate) fn has_effect(&self) -> bool {
        matches!(self.effect, Help)
    }

    /// Whether the program does not start with the option.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.effect, Refuses)
    }

    /// The name for getopts.
    pub(crate) fn name(&self) -> &'static str {
        self.word.trim_start_matches('-')
    }
}

/// The options in the words that getopts understands. Those with several letters have two dashes
/// there.
pub(super) fn getopts() -> getopts::Options {
    let mut options = getopts::Options::new();
    for row in TABLE.iter().filter(|row| matches!(row.effect, Help)) {
        let (short, long) = if row.name().len() == 1 { (row.name(), "") } else { ("", row.name()) };
        if row.takes_word() {
            options.optmulti(short, long, "", row.value);
        } else {
            options.optflagmulti(short, long, "");
        }
    }
    options
}

/// What is left of the command line.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// Words for getopts.
    pub(crate) words: Vec<OsString>,
    /// What follows `-sf` and `-st`.
    pub(crate) predecessors: Option<Predecessors>,
    /// What follows `--manual`, or nothing where another option asks for all of it.
    pub(crate) manual: Option<String>,
    /// What follows `--where`, without the file.
    pub(crate) question: Option<Vec<String>>,
    /// What has no effect, with the reason.
    pub(crate) warnings: Vec<String>,
}

/// Looks the words up and takes out what getopts need not see.
pub(super) fn rewrite(words: impl Iterator<Item = OsString>) -> Result<Rewritten, UsageError> {
    let mut rewritten = Rewritten::default();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            rewritten.words.push(word);
            rewritten.words.extend(words);
            break;
        }
        let text = word.to_string_lossy().into_owned();
        let (text, glued) = match text.split_once('=').filter(|_| text.starts_with("--")) {
            Some((option, value)) => (option.to_owned(), Some(OsString::from(value))),
            None => (text, None),
        };
        let Some(row) = TABLE.iter().find(|row| row.is_meant_by(&text)) else {
            return Err(unknown(text));
        };
        if row.name() == "manual" {
            let first = glued.into_iter();
            let asked: Vec<String> =
                first.chain(words).map(|word| word.to_string_lossy().into_owned()).collect();
            rewritten.manual = Some(asked.join(" "));
            break;
        }
        if row.name() == "where" {
            let is_word = |next: &OsString| !is_option(next);
            let mut asked: Vec<OsString> = glued.into_iter().collect();
            asked.extend(std::iter::from_fn(|| words.next_if(is_word)));
            rewritten.ask(asked);
            continue;
        }
        if row.name() == "sf" || row.name() == "st" {
            let is_pid = |next: &OsString| !next.is_empty() && !is_option(next);
            let pids = std::iter::from_fn(|| words.next_if(is_pid));
            rewritten.predecessors = predecessors(row, pids)?;
            continue;
        }
        let value = match (row.takes_word(), glued) {
            (true, None) => Some(words.next().ok_or_else(|| lacks_value(row))?),
            (true, glued) => glued,
            (false, None) => None,
            (false, Some(_)) => return Err(unknown(word.to_string_lossy().into_owned())),
        };
        rewritten.take(row, value)?;
    }
    Ok(rewritten)
}

impl Rewritten {
    /// Takes what follows `--where`: a file, unless `-f` names it, and the words of a question.
    fn ask(&mut self, words: Vec<OsString>) {
        let is_file = |word: &OsString| !word.to_string_lossy().contains('=');
        let (files, words): (Vec<_>, Vec<_>) = match words.split_first() {
            Some((first, rest)) if is_file(first) => (vec![first.clone()], rest.to_vec()),
            _ => (Vec::new(), words),
        };
        self.words.extend(files.into_iter().flat_map(|file| ["-f".into(), file]));
        let words = words.iter().map(|word| word.to_string_lossy().into_owned());
        self.question.get_or_insert_default().extend(words);
    }

    fn take(&mut self, row: &OptionRow, value: Option<OsString>) -> Result<(), UsageError> {
        let why = format!("{} has no effect: {}", row.word, row.help);
        match row.effect {
            Help if row.name().len() == 1 => self.words.push(row.word.into()),
            Help => self.words.push(format!("--{}", row.name()).into()),
            Nothing => return Ok(()),
            Warns => {
                self.warnings.push(why);
                return Ok(());
            }
            Refuses => {
                let message = format!("{} is not supported: {}", row.word, row.help);
                return Err(UsageError::Option(message));
            }
        }
        self.words.extend(value);
        Ok(())
    }
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

fn unknown(word: String) -> UsageError {
    UsageError::Option(if word.starts_with('-') {
        format!("unknown option '{word}'")
    } else {
        format!("'{word}' belongs to no option: files are named with -f, or after '--'")
    })
}

fn lacks_value(row: &OptionRow) -> UsageError {
    UsageError::Option(format!("{} lacks its {}", row.word, row.value))
}

/// As with HAProxy, an empty list is none: scripts write `-sf $(cat pidfile)`.
fn predecessors(
    row: &OptionRow,
    words: impl Iterator<Item = OsString>,
) -> Result<Option<Predecessors>, UsageError> {
    let pids = words.map(|value| {
        let text = value.to_string_lossy();
        text.parse().ok().filter(|pid| *pid > 0).ok_or_else(|| UsageError::Value {
            option: row.word,
            value: text.into_owned(),
            expected: "process ids",
        })
    });
    let pids: Vec<i32> = pids.collect::<Result<_, _>>()?;
    Ok((!pids.is_empty()).then(|| Predecessors { pids, may_finish: row.name() == "sf" }))
}

/// The help text: a line for each option.
pub(crate) fn usage() -> String {
    let line = |row: &OptionRow| format!("    {:<18} {}\n", row.syntax(), row.help);
    let mut text = "Usage: stickd [options] -f FILE...\n\n".to_owned();
    for (title, is_wanted) in [
        ("", (|effect| matches!(effect, Help)) as fn(Effect) -> bool),
        ("\nTaken, but without effect:\n", |effect| matches!(effect, Nothing | Warns)),
        ("\nRefused:\n", |effect| matches!(effect, Refuses)),
    ] {
        text.push_str(title);
        text.extend(TABLE.iter().filter(|row| is_wanted(row.effect)).map(line));
    }
    text
}
