//! The command line: the table of options, help and version texts, and `Options`.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::config;
use crate::net::lookup;

/// What the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Configuration files and directories, in order (`-f`).
    pub files: Vec<PathBuf>,
    /// The local peer's name (`-L`).
    pub local_peer: Option<String>,
    /// Only check the configuration (`-c`).
    pub check: bool,
    /// Detach from the terminal (`-D`).
    pub daemon: bool,
    /// Put a supervising parent above (`-W`, `-Ws`).
    pub supervised: bool,
    /// Stay in the foreground whatever the configuration says (`-db`, `-Ws`).
    pub foreground: bool,
    /// Where to write the process id (`-p`).
    pub pid_file: Option<PathBuf>,
    /// The directory to change to before anything is read (`-C`).
    pub directory: Option<PathBuf>,
    /// The most connections (`-n`).
    pub maxconn: Option<u32>,
    /// Say errors only (`-q`).
    pub quiet: bool,
    /// Say more (`-V`).
    pub verbose: bool,
    /// Stay in the foreground and say everything (`-d`).
    pub debug: bool,
    /// The processes to take over from, and what becomes of their connections.
    pub predecessors: Option<Predecessors>,
    /// The CPU to run on (`--pin`).
    pub pin: Option<u16>,
}

impl Options {
    /// Whether to detach from the terminal, where the configuration says `daemon` or does not. As
    /// with HAProxy, `-D` decides over all, and `-db`, `-d` and `-Ws` (but not `-W`) over the
    /// configuration: whoever starts the process with these waits for it.
    pub fn detaches(&self, is_configured: bool) -> bool {
        self.daemon || (is_configured && !(self.foreground || self.debug))
    }

    /// The words of the command line that name the processes to take over from.
    pub fn predecessor_words(&self) -> Vec<String> {
        let Some(Predecessors { pids, may_finish }) = &self.predecessors else {
            return Vec::new();
        };
        let option = if *may_finish { "-sf" } else { "-st" };
        let pids = pids.iter().map(i32::to_string);
        [option.to_owned()].into_iter().chain(pids).collect()
    }
}

/// The processes to take over from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predecessors {
    /// Their process ids.
    pub pids: Vec<i32>,
    /// Whether they may finish their connections (`-sf`) or not (`-st`).
    pub may_finish: bool,
}

/// What to do, as the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run.
    Run(Options),
    /// Print this text and exit.
    Print(String),
    /// Look this host and port up, print the address and exit: what the program asks of itself.
    Resolve(String),
}

/// What is wrong with the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageError {
    /// An option that does not exist, lacks its value or was given twice.
    Option(String),
    /// A value that its option does not take.
    Value {
        /// The option.
        option: &'static str,
        /// What it was given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// No configuration file was named.
    NoFile,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(message) => write!(f, "{message}"),
            Self::Value { option, value, expected } => {
                write!(f, "{option} takes {expected}, not '{value}'")
            }
            Self::NoFile => write!(f, "no configuration file: name one with -f"),
        }
    }
}

impl std::error::Error for UsageError {}

/// Understands the words that follow the program's name.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, UsageError> {
    let words: Vec<OsString> = words.into_iter().collect();
    let waits_for_manager = words.iter().take_while(|word| *word != "--").any(|word| word == "-Ws");
    let (words, predecessors) = rewrite(words)?;
    if let [option, host] = words.as_slice()
        && option == lookup::OPTION
    {
        return Ok(Invocation::Resolve(host.to_string_lossy().into_owned()));
    }
    let table = table();
    let matches = table.parse(words).map_err(|fail| UsageError::Option(fail.to_string()))?;
    if matches.opt_present("h") {
        return Ok(Invocation::Print(table.usage(&usage())));
    }
    match matches.opt_count("v") {
        0 => {}
        1 => return Ok(Invocation::Print(version())),
        _ => return Ok(Invocation::Print(version_and_features())),
    }
    if matches.opt_present("keywords") {
        return Ok(Invocation::Print(config::reference()));
    }
    let mut files: Vec<PathBuf> = matches.opt_strs("f").into_iter().map(PathBuf::from).collect();
    files.extend(matches.free.iter().map(PathBuf::from));
    if files.is_empty() {
        return Err(UsageError::NoFile);
    }
    Ok(Invocation::Run(Options {
        files,
        local_peer: matches.opt_str("L"),
        check: matches.opt_present("c"),
        daemon: matches.opt_present("D"),
        supervised: matches.opt_present("W"),
        foreground: matches.opt_present("db") || waits_for_manager,
        pid_file: matches.opt_str("p").map(PathBuf::from),
        directory: matches.opt_str("C").map(PathBuf::from),
        maxconn: number(&matches, "n", "-n", "a number of connections")?,
        quiet: matches.opt_present("q"),
        verbose: matches.opt_present("V"),
        debug: matches.opt_present("d"),
        predecessors,
        pin: number(&matches, "pin", "--pin", "the number of a CPU")?,
    }))
}

fn table() -> getopts::Options {
    let mut table = getopts::Options::new();
    table
        .optmulti("f", "", "configuration file or directory (may be repeated)", "FILE")
        .optopt("L", "", "name of the local peer (default: the host name)", "NAME")
        .optflag("c", "", "check the configuration and exit")
        .optflag("D", "", "detach and run in the background")
        .optflag("W", "", "put a supervising parent above, whose process id stays (also -Ws)")
        .optflag("", "db", "stay in the foreground (also -db)")
        .optopt("p", "", "write the process id to this file", "FILE")
        .optopt("C", "", "change to this directory first", "DIR")
        .optopt("n", "", "most client connections at a time", "MAXCONN")
        .optflag("q", "", "say errors only")
        .optflag("V", "", "say more")
        .optflag("d", "", "stay in the foreground and say everything")
        .optflagmulti("v", "", "print the version; -vv: with features and limits")
        .optopt("", "pin", "run on this CPU only", "CPU")
        .optflag("", "keywords", "list what a configuration may say, and what is refused and why")
        .optflag("h", "help", "print this text");
    table
}

fn number<N: std::str::FromStr>(
    matches: &getopts::Matches,
    name: &str,
    option: &'static str,
    expected: &'static str,
) -> Result<Option<N>, UsageError> {
    let Some(value) = matches.opt_str(name) else { return Ok(None) };
    match value.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(UsageError::Value { option, value, expected }),
    }
}

/// Turns HAProxy's words that getopts would read as several options into ones that it knows, and
/// takes out the process ids, of which there may be any number.
fn rewrite(
    words: impl IntoIterator<Item = OsString>,
) -> Result<(Vec<OsString>, Option<Predecessors>), UsageError> {
    let mut kept = Vec::new();
    let mut predecessors = None;
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let may_finish = match word.to_str() {
            Some("-db") => {
                kept.push("--db".into());
                continue;
            }
            Some("-Ws") => {
                kept.push("-W".into());
                continue;
            }
            Some("-sf") => true,
            Some("-st") => false,
            Some("--") => {
                kept.push(word);
                kept.extend(words);
                break;
            }
            Some(_) | None => {
                kept.push(word);
                continue;
            }
        };
        let mut pids = Vec::new();
        while let Some(value) =
            words.next_if(|next| !next.to_string_lossy().starts_with('-') && !next.is_empty())
        {
            pids.push(process_id(&value, may_finish)?);
        }
        predecessors = Some(Predecessors { pids, may_finish });
    }
    // As with HAProxy, an empty list is none: scripts write `-sf $(cat pidfile)`.
    Ok((kept, predecessors.filter(|predecessors| !predecessors.pids.is_empty())))
}

fn process_id(value: &OsString, may_finish: bool) -> Result<i32, UsageError> {
    let text = value.to_string_lossy();
    text.parse().ok().filter(|pid| *pid > 0).ok_or_else(|| UsageError::Value {
        option: if may_finish { "-sf" } else { "-st" },
        value: text.into_owned(),
        expected: "process ids",
    })
}

fn usage() -> String {
    format!(
        "{}Usage: stickd [options] [-sf PID... | -st PID...] -f FILE...\n\n    \
         -sf PID...          take over from these processes, which finish their connections\n    \
         -st PID...          take over from these processes, which end their connections",
        version()
    )
}

/// The version, for people and for tools that look for `version X.Y.Z`.
pub fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let day = config::RELEASE_DATE;
    format!("stickd version {version} {day} - sticky TCP load balancer\n")
}

fn version_and_features() -> String {
    format!(
        "{}\
         Configuration: HAProxy's language, mode tcp\n\
         Peers protocol: 2.1 (2.0 on request)\n\
         Features: stick tables, peers, reload without loss, splice, SO_REUSEPORT, epoll\n\
         Threads: 1\n\
         Limits: {} connections, 65535 proxies, 16384 server names in tables\n\
         Licence: {}\n",
        version(),
        crate::reactor::token::Slot::INDEX_LIMIT,
        env!("CARGO_PKG_LICENSE"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> impl Iterator<Item = OsString> {
        line.split_whitespace().map(OsString::from)
    }

    fn run(line: &str) -> Options {
        match parse(words(line)).unwrap() {
            Invocation::Run(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_is_understood() {
        let options =
            run("-f a.cfg -f b -L node1 -c -D -p /run/pid -C /etc -n 77 -q -V -d --pin 3");
        assert_eq!(options.files, [PathBuf::from("a.cfg"), PathBuf::from("b")]);
        assert_eq!(options.local_peer.as_deref(), Some("node1"));
        assert_eq!((options.maxconn, options.pin), (Some(77), Some(3)));
        assert!(options.check && options.daemon && options.quiet && options.debug);
        assert!(!options.foreground);
    }

    #[test]
    fn db_is_one_word_and_not_d_with_b() {
        let options = run("-db -f a.cfg");
        assert!(options.foreground && !options.debug);
        assert!(run("-d -f a.cfg").debug);
    }

    #[test]
    fn what_is_waited_for_does_not_detach() {
        for (line, by_itself, when_configured) in [
            ("-f a.cfg", false, true),
            ("-W -f a.cfg", false, true),
            ("-Ws -f a.cfg", false, false),
            ("-db -f a.cfg", false, false),
            ("-W -db -f a.cfg", false, false),
            ("-d -f a.cfg", false, false),
            ("-D -f a.cfg", true, true),
            ("-D -Ws -f a.cfg", true, true),
            ("-D -db -f a.cfg", true, true),
        ] {
            let options = run(line);
            let found = (options.detaches(false), options.detaches(true));
            assert_eq!(found, (by_itself, when_configured), "{line}");
        }
    }

    #[test]
    fn predecessors_are_any_number_of_process_ids() {
        let options = run("-f a.cfg -sf 12 34 -p x");
        let expected = Predecessors { pids: vec![12, 34], may_finish: true };
        assert_eq!(options.predecessors, Some(expected));
        assert_eq!(options.pid_file, Some(PathBuf::from("x")));
        assert!(!run("-f a.cfg -st 1").predecessors.unwrap().may_finish);
        assert_eq!(run("-f a.cfg -sf").predecessors, None);
        assert!(parse(words("-f a.cfg -sf x")).is_err());
    }

    #[test]
    fn files_may_follow_two_dashes() {
        assert_eq!(run("-q -- a.cfg -db").files, [PathBuf::from("a.cfg"), PathBuf::from("-db")]);
    }

    #[test]
    fn the_version_is_what_tools_look_for() {
        let Invocation::Print(text) = parse(words("-v")).unwrap() else { panic!() };
        let version = text.split_once("version ").unwrap().1.split(' ').next().unwrap();
        assert_eq!(version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3);
        let Invocation::Print(more) = parse(words("-vv")).unwrap() else { panic!() };
        assert!(more.starts_with(&text) && more.contains("Limits"));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse(words("")), Err(UsageError::NoFile));
        let error = parse(words("-f a -n many")).unwrap_err();
        assert_eq!(error.to_string(), "-n takes a number of connections, not 'many'");
        assert!(parse(words("-f a -Z")).is_err());
    }
}
