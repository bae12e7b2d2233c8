//! The configuration reader with samples: `data/config/valid` and `data/config/invalid`, with the
//! expected diagnostics beside each sample. `BLESS=1` replaces the expected diagnostics by the
//! found ones. `data/config/services` has configurations as people write them for their services;
//! both programs must take each of them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and a skipped one says so"
)]

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stickd::config;
use stickd::config::{Diagnostic, DiagnosticKind, Loaded, Request, Scope};

fn request() -> Request {
    let variables = [("PEER2", "127.0.0.2"), ("SERVERS", "127.0.0.1:81 weight 3"), ("EMPTY", "")];
    Request {
        hostname: "testhost".to_owned(),
        environment: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Request::default()
    }
}

fn samples(kind: &str) -> Vec<PathBuf> {
    configurations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config").join(kind))
}

/// The configurations in a folder.
fn configurations(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cfg"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn load(path: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    let name = path.file_name().unwrap().to_str().unwrap();
    config::load_text_with(name, &fs::read_to_string(path).unwrap(), &request(), |_| Vec::new())
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    let line = |diagnostic: &Diagnostic| {
        let severity = match diagnostic.kind {
            DiagnosticKind::Error => "error",
            DiagnosticKind::Warning => "warning",
        };
        format!("{severity} {diagnostic}\n")
    };
    diagnostics.iter().map(line).collect()
}

fn check(path: &Path, found: &[Diagnostic]) {
    let found = shown(found);
    let expected = path.with_extension("expected");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&expected, &found).unwrap();
    }
    let expected = fs::read_to_string(&expected).unwrap_or_default();
    assert_eq!(found, expected, "{}", path.display());
}

#[test]
fn every_valid_sample_loads_with_the_warnings_beside_it() {
    for path in samples("valid") {
        match load(&path) {
            Ok(loaded) => check(&path, &loaded.warnings),
            Err(diagnostics) => panic!("{}", shown(&diagnostics)),
        }
    }
}

/// The kinds of lines that have their own words, and the first words of such a line.
const WORD_LINES: [(Scope, &[&str]); 5] = [
    (Scope::BIND, &["bind", "default-bind"]),
    (Scope::STATS_SOCKET, &["stats socket"]),
    (Scope::SERVER, &["server", "default-server", "server-template"]),
    (Scope::STICK_TABLE, &["stick-table", "table"]),
    (Scope::RING_SERVER, &["server"]),
];

/// The lines of a configuration, each with its scope.
fn scoped_lines(text: &str) -> Vec<(Scope, &str)> {
    let mut scope = Scope::GLOBAL;
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim) {
        match line.split(' ').next().unwrap() {
            "global" => scope = Scope::GLOBAL,
            "defaults" => scope = Scope::DEFAULTS,
            "frontend" => scope = Scope::FRONTEND,
            "backend" => scope = Scope::BACKEND,
            "listen" => scope = Scope::FRONTEND.and(Scope::BACKEND),
            "peers" => scope = Scope::PEERS,
            "ring" => scope = Scope::RING,
            "resolvers" => scope = Scope::RESOLVERS,
            "userlist" => scope = Scope::USERLIST,
            _ => lines.push((scope, line.strip_prefix("no ").unwrap_or(line))),
        }
    }
    lines
}

#[test]
fn the_sample_with_everything_has_every_keyword_that_is_understood() {
    let text = include_str!("data/config/valid/everything.cfg");
    let lines = scoped_lines(text);
    let begins = |line: &str, name: &str| {
        line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    // These cannot stand beside 'uid' and 'gid', and stand in other samples.
    let is_other =
        |row: &config::Keyword| row.scope == Scope::GLOBAL && matches!(row.name, "user" | "group");
    let understood = config::keywords()
        .filter(|row| row.refusal().is_none() && !row.is_inert() && !is_other(row));
    let has = |row: &&config::Keyword| {
        let of_lines = WORD_LINES.iter().find(|(scope, _)| row.scope.meets(*scope));
        lines.iter().any(|(scope, line)| match of_lines {
            Some((_, heads)) => {
                let is_word = |word| word == row.name || word == format!("\"{}\"", row.name);
                heads.iter().any(|head| begins(line, head)) && line.split(' ').any(is_word)
            }
            None => row.scope.meets(*scope) && begins(line, row.name),
        })
    };
    let missing: Vec<&str> = understood.filter(|row| !has(row)).map(|row| row.name).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Samples with words that HAProxy 2.6 does not have, or understands in another way.
const OWN_WORDS: [&str; 2] = ["everything", "warnings"];

#[test]
fn every_ordinary_sample_is_one_that_haproxy_takes() {
    let is_own = |path: &PathBuf| OWN_WORDS.iter().any(|name| path.file_stem().unwrap() == *name);
    let paths = samples("valid").into_iter().filter(|path| !is_own(path));
    every_one_is_taken_by_haproxy(&paths.collect::<Vec<_>>());
}

/// Asks HAProxy for its opinion of each file, in the file's folder. 2 means that nothing is
/// listened on.
fn every_one_is_taken_by_haproxy(paths: &[PathBuf]) {
    let mut refused = Vec::new();
    for path in paths {
        let mut command = Command::new("haproxy");
        let path_variable = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path_variable}:/usr/sbin"));
        let Ok(output) = asked(&mut command, path) else {
            assert!(std::env::var_os("CI").is_none(), "CI is set, and haproxy is not installed");
            eprintln!("SKIPPED: haproxy is not installed, so the samples are not shown to it");
            return;
        };
        if !matches!(output.status.code(), Some(0 | 2)) {
            refused.push(said_of(path, &output));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// What a program says of a file when the program is asked in the folder of the file.
fn asked(program: &mut Command, path: &Path) -> io::Result<Output> {
    let name = path.file_name().unwrap();
    program.current_dir(path.parent().unwrap()).arg("-c").arg("-f").arg(name).output()
}

fn said_of(path: &Path, output: &Output) -> String {
    format!("{}: {}", path.display(), String::from_utf8_lossy(&output.stderr))
}

/// The configurations below `data/config/services`, in a folder for each kind of service.
fn services() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config/services");
    let kinds = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let kinds = kinds.map(|folder| format!("services/{}", folder.file_name().unwrap().display()));
    kinds.flat_map(|kind| samples(&kind)).collect()
}

#[test]
fn every_configuration_of_a_service_runs_as_it_is() {
    let mut refused = Vec::new();
    for path in services() {
        let output = asked(&mut Command::new(env!("CARGO_BIN_EXE_stickd")), &path).unwrap();
        if !output.status.success() {
            refused.push(said_of(&path, &output));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn every_configuration_of_a_service_is_one_that_haproxy_takes() {
    every_one_is_taken_by_haproxy(&services());
}

/// The configurations of `scripts/examples` in a folder of their own, which stands for
/// `/etc/stickd` in them.
fn examples() -> (PathBuf, Vec<PathBuf>) {
    let folder = std::env::temp_dir().join(format!("stickd-examples-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples");
    for entry in fs::read_dir(written).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("/etc/stickd", folder.to_str().unwrap());
        fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
    }
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    for entry in fs::read_dir(certificates).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "pem") {
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    let paths = configurations(&folder);
    (folder, paths)
}

#[test]
fn every_example_is_taken_without_a_word_by_stickd_and_by_haproxy() {
    let (folder, paths) = examples();
    for path in &paths {
        let mut program = Command::new(env!("CARGO_BIN_EXE_stickd"));
        let output = asked(program.args(["-L", "left"]), path).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // Peers with certificates need files that an example does not have.
        let is_quiet = said.lines().all(|line| line.contains("whoever reaches"));
        let is_taken = output.status.success() && is_quiet;
        assert!(is_taken, "{}", said_of(path, &output));
    }
    every_one_is_taken_by_haproxy(&paths);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn every_invalid_sample_is_refused_with_the_messages_beside_it() {
    for path in samples("invalid") {
        match load(&path) {
            Ok(_) => panic!("{} loads", path.display()),
            Err(diagnostics) => check(&path, &diagnostics),
        }
    }
}

#[test]
fn a_changed_sample_never_ends_the_process() {
    let texts: Vec<Vec<u8>> = samples("valid")
        .into_iter()
        .chain(samples("invalid"))
        .map(|path| fs::read(path).unwrap())
        .collect();
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => RandomState::new().build_hasher().finish(),
    };
    // Shown when the test fails.
    eprintln!("SEED={seed} makes the same changes again");
    let mut random = Random(seed | 1);
    for _ in 0..250 {
        let mut text = texts[random.below(texts.len())].clone();
        for _ in 0..=random.below(8) {
            mutate(&mut text, &texts, &mut random);
        }
        text.push(b'\n');
        let text = String::from_utf8_lossy(&text);
        drop(config::load_text_with("fuzz", &text, &request(), |_| Vec::new()));
    }
}

/// Bytes that have a meaning in a configuration.
const ODD: &[u8] = b" \t\"'\\$#{}[]()@,:-/\0\xff0129k";

fn mutate(text: &mut Vec<u8>, texts: &[Vec<u8>], random: &mut Random) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(12)).min(text.len());
    match random.below(5) {
        0 => drop(text.drain(at..end)),
        1 => text.insert(at, ODD[random.below(ODD.len())]),
        2 if at < text.len() => text[at] ^= 1 << random.below(8),
        3 => {
            let repeated = text[at..end].to_vec();
            text.splice(at..at, repeated);
        }
        _ => {
            let other = &texts[random.below(texts.len())];
            let lines: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
            let start = text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            text.splice(start..start, lines[random.below(lines.len())].iter().copied());
        }
    }
}

/// A small random number generator. The same seed gives the same numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// The diagnostics of a text, which must come within some seconds.
fn said(text: &str) -> String {
    match config::load_text_with("a", text, &request(), |_| Vec::new()) {
        Ok(loaded) => shown(&loaded.warnings),
        Err(diagnostics) => shown(&diagnostics),
    }
}

#[test]
fn what_grows_without_end_is_stopped_with_a_line() {
    let doubled = "global\n setenv A xxxx\n".to_owned() + &" setenv A \"$A$A\"\n".repeat(40);
    let peers: String =
        (0..65_600).map(|n| format!(" peer p{n} 127.0.0.1:{}\n", n % 9000 + 1)).collect();
    let ranges = |first: u32| format!("127.0.{first}.1:1-65535,").repeat(1);
    let ports: String = (0..5).map(ranges).collect();
    let templates = " server-template a 60000 127.0.0.1:1\n server-template b 60000 127.0.0.1:1\n";
    for (text, message) in [
        (doubled, "a:16:14: in 'global': the line is longer than 65536 bytes"),
        (format!("peers p\n{peers}"), "more than 65534 peers"),
        (format!("listen l\n bind {ports}\n"), "more than 262144 addresses"),
        (format!("backend b\n{templates}"), "more than 65534 servers"),
        (format!("#{}\n", "x".repeat(70_000)), "a:1:1: the line is longer than 65536 bytes"),
        (".if 1\n".repeat(1025), "a:1025:1: more than 1024 blocks inside each other"),
    ] {
        let found = said(&text);
        assert!(found.contains(message), "{message}: {}", &found[..found.len().min(500)]);
        // What follows from it is not told as well.
        assert!(found.lines().count() < 1100, "{message}: {} lines", found.lines().count());
    }
}

#[test]
fn a_long_chain_of_tracking_servers_is_read_at_once() {
    let servers: String =
        (1..20_000).map(|n| format!(" server s{n} 127.0.0.1:1 track s{}\n", n - 1)).collect();
    let found = said(&format!("backend b\n server s0 127.0.0.1:1 check\n{servers}"));
    assert!(!found.contains("error"), "{found}");
    let ring = format!("backend b\n server s0 127.0.0.1:1 track s19999\n{servers}");
    assert!(said(&ring).contains("'track' leads to no server that is checked (lines 2-20001)"));
}

#[test]
fn a_directory_is_read_in_lexical_order_and_a_section_ends_with_its_file() {
    let folder = std::env::temp_dir().join(format!("stickd-config-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("20-b.cfg"), "retries 4\nbackend late\n  retries 4\n").unwrap();
    fs::write(folder.join("10-a.cfg"), "defaults\n  retries 5\nbackend early\n").unwrap();
    fs::write(folder.join(".hidden.cfg"), "nonsense\n").unwrap();
    fs::write(folder.join("other.txt"), "nonsense\n").unwrap();
    let sources = vec![folder.clone(), folder.join("missing.cfg")];
    let found = config::load(&Request { sources, ..request() }).unwrap_err();
    fs::remove_dir_all(&folder).unwrap();
    let messages: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].ends_with("20-b.cfg:1:1: 'retries' stands before the first section"));
    assert!(messages[1].contains("missing.cfg: cannot read it: "), "{messages:?}");
}
