//! The command line: what it asks for. `table.rs` has the options, `about.rs` the texts,
//! `completions.rs` what shells need to complete options.

pub mod about;
mod completions;
mod predecessors;
pub mod table;
mod usage_error;

use std::ffi::OsString;
use std::path::PathBuf;

pub use about::{loaded_objects, version};
pub use predecessors::Predecessors;
pub use usage_error::UsageError;

use crate::config::{Environment, Request};
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
    /// Say what the configuration means (`--explain`).
    pub explain: bool,
    /// The words of a question where a client goes (`--where`).
    pub question: Option<Vec<String>>,
    /// Have the running process reload, and wait for what comes of it (`--reload`).
    pub reload: bool,
    /// Detach from the terminal (`-D`).
    pub daemon: bool,
    /// Put a supervising parent above (`-W`, `-Ws`).
    pub supervised: bool,
    /// Where the supervisor can be asked (`-S`): an address, and words behind commas.
    pub master_sockets: Vec<String>,
    /// Stay in the foreground whatever the configuration says (`-db`, `-Ws`).
    pub foreground: bool,
    /// Where to write the process id (`-p`).
    pub pid_file: Option<PathBuf>,
    /// The directory to change to before anything is read (`-C`).
    pub directory: Option<PathBuf>,
    /// The most connections (`-n`).
    pub maxconn: Option<u32>,
    /// The most connections of each frontend that does not say it (`-N`).
    pub frontend_maxconn: Option<u32>,
    /// Warnings of the configuration are mistakes (`-dW`).
    pub zero_warning: bool,
    /// No byte moves through a pipe (`-dS`).
    pub never_splices: bool,
    /// No other process may listen on our addresses too (`-dR`).
    pub listens_alone: bool,
    /// List the loaded object files (`-dL`).
    pub lists_objects: bool,
    /// Say errors only (`-q`).
    pub quiet: bool,
    /// Say more, whatever else says not to (`-V`).
    pub verbose: bool,
    /// Stay in the foreground and say everything (`-d`).
    pub debug: bool,
    /// The processes to take over from, and what becomes of their connections.
    pub predecessors: Option<Predecessors>,
    /// The CPU to run on (`--pin`).
    pub pin: Option<u16>,
    /// What on the command line has no effect, with the reason.
    pub warnings: Vec<String>,
}

impl Options {
    /// What to load, on the host of this name.
    pub fn request(&self, hostname: &str) -> Request {
        Request {
            sources: self.files.clone(),
            local_peer: self.local_peer.clone(),
            hostname: hostname.to_owned(),
            maxconn: self.maxconn,
            frontend_maxconn: self.frontend_maxconn,
            zero_warning: self.zero_warning,
            never_splices: self.never_splices,
            listens_alone: self.listens_alone,
            master_sockets: self.master_sockets.clone(),
            environment: Environment::of_process(),
        }
    }

    /// Whether only errors are said, where the configuration says `quiet` or does not.
    pub fn is_quiet(&self, is_configured: bool) -> bool {
        (self.quiet || is_configured) && !(self.verbose || self.debug)
    }

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

/// What to do, as the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run.
    Run(Box<Options>),
    /// Print this text and exit.
    Print(String),
    /// Print what the manual says about this name and exit; an empty name stands for all of it.
    Manual(String),
    /// Evaluate this condition and exit: 0 if it holds, 1 if not, 2 if it cannot be read.
    Evaluate(String),
    /// Look this host and port up, print the address and exit: what the program asks of itself.
    Resolve(String),
}

/// Understands the words that follow the program's name.
///
/// # Errors
/// When an option is unknown, lacks its value or has a wrong value, or when no file is named.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, UsageError> {
    let words: Vec<OsString> = words.into_iter().collect();
    if let [option, host] = words.as_slice()
        && option == lookup::OPTION
    {
        return Ok(Invocation::Resolve(host.to_string_lossy().into_owned()));
    }
    let rewritten = table::rewrite(words.into_iter())?;
    let matches = table::getopts()
        .parse(rewritten.words)
        .map_err(|fail| UsageError::Option(fail.to_string()))?;
    let is_given = |names: &[&str]| names.iter().any(|name| matches.opt_present(name));
    if is_given(&["h", "help"]) {
        return Ok(Invocation::Print(version() + &table::usage()));
    }
    if is_given(&["vv"]) || matches.opt_count("v") > 1 {
        return Ok(Invocation::Print(about::version_and_features()));
    }
    if is_given(&["v", "version"]) {
        return Ok(Invocation::Print(version()));
    }
    if let Some(name) = rewritten.manual {
        return Ok(Invocation::Manual(name));
    }
    if is_given(&["keywords", "dK"]) {
        return Ok(Invocation::Manual(String::new()));
    }
    if let Some(shell) = matches.opt_strs("completions").pop() {
        return completions::script(&shell).map(Invocation::Print);
    }
    // As with HAProxy, the last of several counts.
    let last = |name: &str| matches.opt_strs(name).pop();
    if let Some(condition) = last("cc") {
        return Ok(Invocation::Evaluate(condition));
    }
    let mut files: Vec<PathBuf> = matches.opt_strs("f").into_iter().map(PathBuf::from).collect();
    let explained = matches.opt_strs("explain");
    files.extend(explained.iter().map(PathBuf::from));
    files.extend(matches.free.iter().map(PathBuf::from));
    if files.is_empty() {
        return Err(UsageError::NoFile);
    }
    Ok(Invocation::Run(Box::new(Options {
        files,
        local_peer: last("L"),
        check: is_given(&["c"]),
        explain: !explained.is_empty(),
        question: rewritten.question,
        reload: is_given(&["reload"]),
        daemon: is_given(&["D"]),
        supervised: is_given(&["W", "Ws"]),
        master_sockets: matches.opt_strs("S"),
        foreground: is_given(&["db", "Ws"]),
        pid_file: last("p").map(PathBuf::from),
        directory: last("C").map(PathBuf::from),
        maxconn: number(last("n"), "-n", "a number of connections")?,
        frontend_maxconn: number(last("N"), "-N", "a number of connections")?,
        zero_warning: is_given(&["dW"]),
        never_splices: is_given(&["dS"]),
        listens_alone: is_given(&["dR"]),
        lists_objects: is_given(&["dL"]),
        quiet: is_given(&["q"]),
        verbose: is_given(&["V"]),
        debug: is_given(&["d"]),
        predecessors: rewritten.predecessors,
        pin: number(last("pin"), "--pin", "the number of a CPU")?,
        warnings: rewritten.warnings,
    })))
}

fn number<N: std::str::FromStr>(
    value: Option<String>,
    option: &'static str,
    expected: &'static str,
) -> Result<Option<N>, UsageError> {
    let Some(value) = value else { return Ok(None) };
    match value.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(UsageError::Value { option, value, expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> impl Iterator<Item = OsString> {
        line.split_whitespace().map(OsString::from)
    }

    fn run(line: &str) -> Options {
        match parse(words(line)).unwrap() {
            Invocation::Run(options) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_is_understood() {
        let options =
            run("-f a.cfg -f b -L node1 -c -D -p /run/pid -C /etc -n 77 -q -V -d --pin=3");
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
    fn a_question_has_a_file_and_words() {
        let options = run("--where a.cfg src=::1 dst_port=1 -L x");
        assert_eq!(options.files, [PathBuf::from("a.cfg")]);
        assert_eq!(options.question.unwrap(), ["src=::1", "dst_port=1"]);
        assert_eq!(options.local_peer.as_deref(), Some("x"));
        let options = run("-f a.cfg --where src=::1 b.cfg");
        assert_eq!(options.files, [PathBuf::from("a.cfg")]);
        assert_eq!(options.question.unwrap(), ["src=::1", "b.cfg"]);
        let options = run("--explain a.cfg -f b.cfg");
        assert!(options.explain && options.files.len() == 2);
        assert_eq!(parse(words("--where src=::1")), Err(UsageError::NoFile));
        assert!(parse(words("--explain")).is_err());
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
    fn what_follows_an_option_of_several_letters_is_not_its_value() {
        let options = run("-dL -f x");
        assert!(options.lists_objects && options.local_peer.is_none());
        assert_eq!(options.files, [PathBuf::from("x")]);
        assert_eq!(run("-dp -f x").pid_file, None);
        assert!(run("-dL -c -f x").check);
        let options = run("-dW -dS -dR -f x");
        assert!(options.zero_warning && options.never_splices && options.listens_alone);
        assert!(!options.supervised && !options.debug);
        let request = options.request("host");
        assert!(request.zero_warning && request.never_splices && request.listens_alone);
        assert_eq!(run("-N 7 -f x").request("host").frontend_maxconn, Some(7));
        assert_eq!(run("-L -c -f x").local_peer.as_deref(), Some("-c"), "as with HAProxy");
    }

    #[test]
    fn what_has_no_effect_is_said_where_it_could_be_missed() {
        let options = run("-de -dG -dM50 -dV -m 100 -S /run/master.sock -x /run/old.sock -f x");
        let said: Vec<_> =
            options.warnings.iter().filter_map(|line| line.split_once(" has no effect")).collect();
        let said: Vec<_> = said.into_iter().map(|(option, _)| option).collect();
        assert_eq!(said, ["-de", "-dV", "-m", "-x"]);
        assert_eq!(options.master_sockets, ["/run/master.sock"]);
    }

    #[test]
    fn what_is_asked_for_instead_of_running() {
        let asked = |line| parse(words(line)).unwrap();
        assert_eq!(asked("-cc 1"), Invocation::Evaluate("1".to_owned()));
        assert_eq!(asked("--version"), asked("-v"));
        assert_eq!(asked("-v -v"), asked("-vv"));
        assert_eq!(asked("-dKall"), asked("--keywords"));
        assert_eq!(asked("--keywords"), asked("--manual"));
        for line in ["--manual timeout client", "--manual=timeout client"] {
            assert_eq!(asked(line), Invocation::Manual("timeout client".to_owned()));
        }
        assert_eq!(asked("--manual -sf"), Invocation::Manual("-sf".to_owned()));
        assert_eq!(asked("--help"), asked("-h"));
    }

    #[test]
    fn verbose_and_debug_go_before_quiet() {
        let found = ["-f x", "-q -f x", "-V -q -f x", "-d -q -f x"]
            .map(|line| [false, true].map(|is_configured| run(line).is_quiet(is_configured)));
        assert_eq!(found, [[false, true], [true, true], [false, false], [false, false]]);
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
        for line in ["\n  TARGET  = linux-", "\nHAProxy version 2.6", "\nFeature list : -51DEGREES"]
        {
            assert!(more.contains(line), "{line}: {more}");
        }
        assert!(more.contains(" +SYSTEMD") && more.contains(" -LUA"), "{more}");
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse(words("")), Err(UsageError::NoFile));
        let error = parse(words("-f a -n many")).unwrap_err();
        assert_eq!(error.to_string(), "-n takes a number of connections, not 'many'");
        for (line, said) in [
            ("-f a -Z", "unknown option '-Z'"),
            ("-f a -cq", "unknown option '-cq'"),
            ("-f a b", "'b' belongs to no option: files are named with -f, or after '--'"),
            ("-c -f", "-f lacks its FILE"),
            ("-dC -f a", "-dC is not supported: a configuration is not written out"),
            ("--pin=x -f a", "--pin takes the number of a CPU, not 'x'"),
            ("--keywords=x", "unknown option '--keywords=x'"),
        ] {
            assert_eq!(parse(words(line)).unwrap_err().to_string(), said, "{line}");
        }
    }
}
