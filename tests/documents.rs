//! The documents: every command in them is run, or stands in a list with the reason why it cannot
//! be; every configuration is taken; every link leads somewhere.
//!
//! A block of commands is marked `sh`, a configuration `cfg` with the name of its file, everything
//! else `text`. Commands run in their order in a directory of their own. Addresses and folders of
//! the system stand for free ones of the test's place.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests may stop, and use the real clock"
)]

#[expect(dead_code, unused_imports, reason = "shared with programs that use other parts")]
#[path = "it/support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Place, SOON, binary, until};

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "src/README.md",
    "scripts/README.md",
    "scripts/examples/README.md",
    "bench/README.md",
    "tests/README.md",
];

/// The largest front page, in bytes.
const FRONT_PAGE_MAX: usize = 8_000;

/// The beginnings of commands that are not run, and the reasons.
const NOT_RUN: &[(&str, &str)] = &[
    ("scripts/test", "this test is a part of it"),
    ("scripts/fuzz", "builds and runs for minutes"),
    ("scripts/demo", "builds the release binary"),
    ("scripts/soak", "builds the release binary, and runs for minutes"),
    (
        "scripts/compat-report",
        "builds the release binary; tests/scripts.rs runs it with another one",
    ),
    ("scripts/man", "builds the release binary; tests/scripts.rs runs it with another one"),
    ("scripts/package", "builds the release binary; tests/packages runs it with another one"),
    ("dpkg", "needs root; tests/packages installs the package"),
    ("useradd", "needs root"),
    ("promtool", "tests/packages runs it"),
    ("echo 'show table web'", "needs three machines; tests/packages has them"),
    ("scripts/peer-ca", "tests/scripts.rs runs it"),
    ("cargo", "builds, perhaps what is running now"),
    ("SEED=7 cargo", "builds, perhaps what is running now"),
    ("SECONDS=600 cargo", "builds, perhaps what is running now"),
    ("STICKD_BIN=$PWD/target/release/stickd cargo", "builds, perhaps what is running now"),
    ("bench/compare", "measures for minutes"),
    ("bench/reload", "measures for minutes"),
    ("install", "writes into folders of the system"),
    ("systemctl", "needs systemd and root"),
    ("journalctl", "needs systemd and root"),
    ("docker", "needs docker and an image"),
    ("stickd -D -f /etc/haproxy", "needs a running HAProxy; tests/haproxy/successor.rs has one"),
];

/// Processes that run while the commands of a document do: the document, the configuration, and
/// the pid file.
const RUNNING: &[(&str, &str, &str)] = &[
    ("scripts/README.md", "stickd.cfg", "stickd.pid"),
    ("scripts/README.md", "haproxy.cfg", "haproxy.pid"),
];

/// The beginning of the Runtime API's answer to a command that it refuses.
const REFUSALS: [&str; 4] = ["Unknown", "Permission denied", "No such", "Invalid"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

/// A part of a document between two fences.
struct Block {
    /// The words after the first fence.
    mark: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for line in text.lines() {
        let code = line.trim_start();
        match (code.strip_prefix("```"), &mut open) {
            (Some(mark), None) => {
                let block = Block { mark: mark.trim().to_owned(), text: String::new() };
                open = Some((line.len() - code.len(), block));
            }
            (Some(_), Some(_)) => found.extend(open.take().map(|(_, block)| block)),
            (None, Some((indentation, block))) => {
                block.text.push_str(line.get(*indentation..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    found
}

/// The commands of a document, without their comments.
fn commands(text: &str) -> Vec<String> {
    let shell = blocks(text).into_iter().filter(|block| block.mark == "sh");
    let lines: Vec<String> =
        shell.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let command = |line: &String| line.split(" # ").next().unwrap().trim().to_owned();
    lines.iter().map(command).filter(|line| !line.is_empty()).collect()
}

/// The configurations of a document with their names.
fn configurations(text: &str) -> Vec<(String, String)> {
    let named = blocks(text).into_iter().filter_map(|block| {
        let name = block.mark.strip_prefix("cfg ")?.to_owned();
        Some((name, block.text))
    });
    named.collect()
}

fn why_not(command: &str) -> Option<&'static str> {
    NOT_RUN.iter().find(|(beginning, _)| command.starts_with(beginning)).map(|(_, why)| *why)
}

/// A directory that stands for the machine of the reader.
struct Machine {
    place: Place,
    addresses: HashMap<String, String>,
}

impl Machine {
    /// A directory with the configurations of a document.
    fn new(text: &str) -> Self {
        let place = Place::new();
        for folder in ["bin", "run/stickd", "run/haproxy", "run/stickd-0"] {
            fs::create_dir_all(place.path(folder)).unwrap();
        }
        symlink(binary(), place.path("bin/stickd")).unwrap();
        symlink(support::tls::certificates(), place.path("tls")).unwrap();
        let mut machine = Self { place, addresses: HashMap::new() };
        for (name, text) in configurations(text) {
            let text = machine.translated(&text);
            machine.place.write(&name, &text);
        }
        machine
    }

    /// The text with addresses and folders of this machine. Other users may not exist here.
    fn translated(&mut self, text: &str) -> String {
        let is_user = |line: &&str| {
            matches!(line.trim().split(' ').next(), Some("user" | "group" | "daemon" | "chroot"))
        };
        let mut translated = String::new();
        for line in text.lines().filter(|line| !is_user(line)) {
            let words: Vec<String> =
                line.split(' ').map(|word| self.translated_word(word)).collect();
            translated.push_str(&words.join(" "));
            translated.push('\n');
        }
        let dir = self.place.path("").display().to_string();
        translated
            .replace("target/release/stickd", "stickd")
            .replace("/run/", &format!("{dir}run/"))
            .replace("/etc/stickd/", &dir)
            .replace("/etc/haproxy/", &dir)
    }

    fn translated_word(&mut self, word: &str) -> String {
        self.address(word).unwrap_or_else(|| word.to_owned())
    }

    /// A free address for an address with a port.
    fn address(&mut self, word: &str) -> Option<String> {
        let (ip, port) = word.split_once(':')?;
        let is_ip = ip.is_empty() || ip.parse::<std::net::Ipv4Addr>().is_ok();
        if !is_ip || port.parse::<u16>().is_err() {
            return None;
        }
        let place = &self.place;
        let new = || place.address().to_string();
        Some(self.addresses.entry(word.to_owned()).or_insert_with(new).clone())
    }

    /// The status and the output of a command of a shell. The output goes to a file, which a
    /// process in the background may keep open.
    fn run(&mut self, command: &str) -> (bool, String) {
        let command = self.translated(command);
        let path =
            format!("{}:{}", self.place.path("bin").display(), std::env::var("PATH").unwrap());
        let output = self.place.path("output");
        let file = File::create(&output).unwrap();
        let status = Command::new("sh")
            .args(["-c", &command])
            .current_dir(self.place.path(""))
            .env("PATH", path)
            .env("CORE", "0")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap();
        (status.success(), fs::read_to_string(output).unwrap())
    }

    /// Starts what a document takes to be running.
    fn start(&self, configuration: &str, pid_file: &str) -> Child {
        let output = File::create(self.place.path(&format!("{configuration}.output"))).unwrap();
        let pid_file = self.pid_file(pid_file);
        let child = Command::new(binary())
            .arg("-f")
            .arg(self.place.path(configuration))
            .arg("-p")
            .arg(&pid_file)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        until(configuration, SOON, || pid_in(&pid_file).is_some());
        child
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.place.path("run").join(name)
    }

    /// Every process that has a path of this machine among its arguments: also one that a reload
    /// has just started.
    fn processes(&self) -> Vec<i32> {
        let dir = self.place.path("").display().to_string();
        let is_ours = |pid: &i32| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains(&dir)
        };
        let entries = fs::read_dir("/proc").unwrap();
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(is_ours).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Children stay in the list until they are waited for, but have no arguments any more.
        support::eventually(SOON, || {
            let processes = self.processes();
            for pid in &processes {
                kill(Pid::from_raw(*pid), Signal::SIGTERM).ok();
            }
            processes.is_empty()
        });
    }
}

fn pid_in(file: &Path) -> Option<i32> {
    if file.extension()? != "pid" {
        return None;
    }
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

#[test]
fn every_command_of_the_documents_works() {
    if !is_installed("socat") {
        return support::skip(
            "socat is not installed, so the commands of the documents do not run",
        );
    }
    let mut unused: Vec<&str> = NOT_RUN.iter().map(|(beginning, _)| *beginning).collect();
    let mut broken = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        let mut machine = Machine::new(&text);
        let running = RUNNING.iter().filter(|(of, ..)| *of == document);
        let mut children: Vec<Child> = running
            .map(|(_, configuration, pid_file)| machine.start(configuration, pid_file))
            .collect();
        for command in commands(&text) {
            if why_not(&command).is_some() {
                unused.retain(|beginning| !command.starts_with(beginning));
                continue;
            }
            let (is_good, output) = machine.run(&command);
            let is_beginning = |word: &&str| output.trim_start().starts_with(*word);
            let is_refused = command.contains("socat") && REFUSALS.iter().any(is_beginning);
            if !is_good || is_refused {
                broken.push(format!("{document}: {command}\n{output}"));
            }
        }
        drop(machine);
        for child in &mut children {
            child.wait().unwrap();
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(unused.is_empty(), "no document has these commands: {unused:?}");
}

#[test]
fn what_is_not_run_names_files_and_tests_that_exist() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        for command in commands(&read(document)) {
            let words: Vec<&str> = command.split_whitespace().collect();
            let folders = ["scripts/", "bench/", "src/", "tests/"];
            let named = words.iter().filter(|word| folders.iter().any(|f| word.starts_with(f)));
            let is_missing = |word: &&&str| !root().join(word).exists();
            missing.extend(named.filter(is_missing).map(|word| format!("{document}: {word}")));
            if words.contains(&"--test") || words.contains(&"--lib") {
                let tests = tests_of(&words);
                if !tests.iter().any(|path| path.exists()) {
                    missing.push(format!("{document}: {command}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// The files, one of which has the tests that the words of `cargo test` pick.
fn tests_of(words: &[&str]) -> Vec<PathBuf> {
    let mut folder = root().join("src");
    let mut modules = None;
    let mut words = words.iter().take_while(|word| **word != "--");
    while let Some(word) = words.next() {
        match *word {
            "--test" => folder = root().join("tests").join(words.next().unwrap()),
            word if word.contains("::") => modules = Some(word.trim_end_matches("::")),
            _ => {}
        }
    }
    match modules {
        None => vec![folder.join("main.rs"), folder.join("lib.rs"), folder.with_extension("rs")],
        Some(modules) => {
            let path = folder.join(modules.replace("::", "/"));
            vec![path.with_extension("rs"), path]
        }
    }
}

#[test]
fn every_configuration_of_the_documents_is_taken() {
    let mut broken = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        let mut machine = Machine::new(&text);
        for (name, _) in configurations(&text) {
            let (is_good, output) = machine.run(&format!("stickd -c -f {name}"));
            if !is_good {
                broken.push(format!("{document}: {name}\n{output}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_block_says_what_it_is() {
    for document in DOCUMENTS {
        for Block { mark, text } in blocks(&read(document)) {
            let kind = mark.split(' ').next().unwrap();
            let is_known = matches!(kind, "sh" | "text") || (kind == "cfg" && mark.len() > 4);
            assert!(is_known, "{document}: '{mark}' above {text}");
        }
    }
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        let folder = Path::new(document).parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { PathBuf::from(document) } else { folder.join(file) };
            let path = root().join(path);
            let has_anchor = || {
                let target = fs::read_to_string(&path).unwrap_or_default();
                anchor.is_empty() || target.lines().any(|line| anchor_of(line) == anchor)
            };
            if !path.exists() || !has_anchor() {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
}

/// The anchor that a heading has on a page.
fn anchor_of(line: &str) -> String {
    let Some(title) = line.strip_prefix('#') else { return String::new() };
    let title = title.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().replace(' ', "-")
}

/// Between backticks the map of the code names files and folders below `src`, and a few beside it.
#[test]
fn every_path_of_the_map_exists() {
    let text = read("src/README.md");
    let quoted = text.split('`').skip(1).step_by(2).filter(|word| !word.contains([' ', ':']));
    let quoted = quoted.filter(|word| *word != "mod.rs");
    let paths: Vec<&str> =
        quoted.filter(|word| word.contains('/') || word.ends_with(".rs")).collect();
    assert!(paths.len() > 50, "{paths:?}");
    let exists = |path: &str| root().join("src").join(path).exists() || root().join(path).exists();
    let missing: Vec<_> = paths.iter().filter(|path| !exists(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_example_stands_in_the_list_of_examples() {
    let list = read("scripts/examples/README.md");
    let files = fs::read_dir(root().join("scripts/examples")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_str().unwrap().to_owned());
    let is_missing = |name: &String| name != "README.md" && !list.contains(&format!("({name})"));
    let missing: Vec<String> = names.filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_front_page_is_short() {
    let bytes = read("README.md").len();
    assert!(bytes < FRONT_PAGE_MAX, "README.md has {bytes} bytes");
}
