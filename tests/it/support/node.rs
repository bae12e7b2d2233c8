//! A running stickd (or HAProxy) with a configuration, its log, and its Runtime API.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{Api, Place, SOON, eventually, is_alive, send, until};

/// The program that a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// The program under test.
    Stickd,
    /// HAProxy: in one mesh with stickd, or in the place of stickd (`STICKD_BIN=haproxy`).
    Haproxy,
}

/// The program under test: `STICKD_BIN`, or the binary that cargo has built.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("STICKD_BIN") {
        return path.into();
    }
    if let Some(path) = option_env!("CARGO_BIN_EXE_stickd") {
        return path.into();
    }
    // This is an example, in the folder `examples/` beside the binary.
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("stickd")
}

/// A copy of the program under test that every user can run.
pub fn binary_for_all(place: &Place) -> PathBuf {
    let path = place.path("stickd");
    if !path.exists() {
        copy(&binary(), &path);
    }
    path
}

/// Copies a program. A program that this process wrote itself could not be executed while a child
/// of another test has its descriptor.
pub fn copy(program: &Path, to: &Path) {
    assert!(Command::new("cp").arg(program).arg(to).status().unwrap().success());
}

/// Copies a program in another process. A child that another test starts at this moment would hold
/// a file that this process writes, and a file that is written cannot be run.
pub fn copy_program(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().unwrap().success());
}

/// The installed HAProxy, if any.
pub fn haproxy() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places: Vec<_> = std::env::split_paths(&path).collect();
    places.push("/usr/sbin".into());
    places.into_iter().map(|dir| dir.join("haproxy")).find(|path| path.is_file())
}

fn flavour_of(binary: &Path) -> Flavour {
    let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.contains("haproxy") { Flavour::Haproxy } else { Flavour::Stickd }
}

/// Runs the program under test until it ends, at most [`SOON`].
pub fn run_to_end(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = pid_of(&child);
    let watchdog = std::thread::spawn(move || {
        let hung = !eventually(SOON, || !is_alive(pid));
        if hung {
            send(pid, Signal::SIGKILL);
        }
        hung
    });
    let output = child.wait_with_output().unwrap();
    assert!(!watchdog.join().unwrap(), "{arguments:?} did not end");
    output
}

/// What confines the program under test.
const HARDENING: &str = "hardening on";

/// How to start a node.
#[derive(Clone, Debug)]
pub struct Spec {
    name: String,
    binary: PathBuf,
    flavour: Flavour,
    dir: PathBuf,
    config: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    descriptors: Option<u32>,
    reloadable: bool,
    user: Option<(u32, u32)>,
    /// The command that starts the program, if not the program itself.
    wrapper: Vec<String>,
}

impl Spec {
    /// A node with the peer name `name`. Its configuration has `body` after `global` and
    /// `defaults`.
    pub fn new(place: &Place, name: &str, body: &str) -> Self {
        Self::with_global(place, name, "", body)
    }

    /// A node with further lines in its `global` section.
    pub fn with_global(place: &Place, name: &str, global: &str, body: &str) -> Self {
        let binary = binary();
        let spec = Self {
            name: name.to_owned(),
            flavour: flavour_of(&binary),
            binary,
            dir: place.dir().to_owned(),
            config: place.path(&format!("{name}.cfg")),
            arguments: Vec::new(),
            variables: Vec::new(),
            descriptors: None,
            reloadable: false,
            user: None,
            wrapper: Vec::new(),
        };
        spec.configure(global, body);
        spec
    }

    /// Writes the node's configuration. The next start or reload reads it.
    pub fn configure(&self, global: &str, body: &str) {
        let admin = self.path("admin");
        let hardening = self.hardening(global);
        let global = format!(
            "global\n    stats socket {} mode 600 level admin\n{}{hardening}\n",
            admin.display(),
            global.lines().map(|line| format!("    {}\n", line.trim())).collect::<String>()
        );
        let defaults = "defaults\n    mode tcp\n    timeout connect 2s\n    \
                        timeout client 30s\n    \
                        timeout server 30s\n\n";
        fs::write(&self.config, format!("{global}{defaults}{body}\n")).unwrap();
    }

    /// The line that confines the program under test, where the variable `HARDENING` is set and the
    /// test does not say what it wants.
    fn hardening(&self, global: &str) -> &'static str {
        let is_said = global.contains("hardening") || global.contains("insecure-setuid-wanted");
        let is_wanted = std::env::var_os("HARDENING").is_some();
        if is_wanted && !is_said && self.flavour == Flavour::Stickd { HARDENING } else { "" }
    }

    /// Runs the installed HAProxy instead of the program under test.
    #[must_use]
    pub fn on_haproxy(mut self, binary: PathBuf) -> Self {
        self.binary = binary;
        self.flavour = Flavour::Haproxy;
        let text = fs::read_to_string(&self.config).unwrap().replace(HARDENING, "");
        fs::write(&self.config, text).unwrap();
        self
    }

    /// Runs this file instead of the program under test.
    #[must_use]
    pub fn on(mut self, binary: PathBuf) -> Self {
        self.binary = binary;
        self
    }

    /// Starts the program through this command. The program and its arguments are the command's
    /// last arguments.
    #[must_use]
    pub fn inside(mut self, wrapper: &[&str]) -> Self {
        self.wrapper.extend(wrapper.iter().map(|&word| word.to_owned()));
        self
    }

    /// Runs the program as this user and group.
    #[must_use]
    pub fn user(mut self, user: (u32, u32)) -> Self {
        self.user = Some(user);
        self
    }

    /// The node's peer name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file of the configuration.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The directory of the node's files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds command-line arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Limits how many descriptors the process may have open.
    #[must_use]
    pub fn descriptors(mut self, limit: u32) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// Announces that the test will send SIGUSR2. HAProxy must be started in another mode for that.
    #[must_use]
    pub fn reloadable(mut self) -> Self {
        self.reloadable = true;
        self
    }

    /// Starts the node and waits until it serves clients.
    #[track_caller]
    pub fn start(self) -> Node {
        let mut node = self.start_unready();
        let mut ended = None;
        let is_over = eventually(SOON, || {
            ended = node.child.try_wait().unwrap();
            node.is_ready() || ended.is_some()
        });
        assert!(is_over && node.is_ready(), "no start ({ended:?}): {}", node.log());
        node
    }

    /// Starts the node without waiting for it.
    pub fn start_unready(self) -> Node {
        let pid_file = self.path("pid");
        fs::remove_file(&pid_file).ok();
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut arguments = self.wrapper.clone();
        if let Some(limit) = self.descriptors {
            arguments.extend(["sh", "-c"].map(str::to_owned));
            arguments.push(format!("ulimit -n {limit}; exec \"$0\" \"$@\""));
        }
        arguments.push(self.binary.display().to_string());
        if self.flavour == Flavour::Haproxy {
            arguments.push(if self.reloadable { "-W" } else { "-db" }.to_owned());
        }
        let config = self.config.display().to_string();
        arguments.extend(["-f", &config, "-L", &self.name].map(str::to_owned));
        arguments.extend(["-p".to_owned(), pid_file.display().to_string()]);
        arguments.extend(self.arguments.iter().cloned());
        let mut command = Command::new(&arguments[0]);
        command.args(&arguments[1..]).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        let child = command.spawn().unwrap();
        Node { child, spec: self }
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", self.name))
    }
}

/// A running node. The node and all its successors are killed when this value is dropped.
#[derive(Debug)]
pub struct Node {
    child: Child,
    spec: Spec,
}

impl Node {
    /// Starts a node with the peer name `name` and waits until it serves clients.
    #[track_caller]
    pub fn start(place: &Place, name: &str, body: &str) -> Self {
        Spec::new(place, name, body).start()
    }

    /// The Runtime API.
    pub fn api(&self) -> Api {
        Api::new(&self.spec.path("admin"))
    }

    /// The description from which the node was started.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The kind of program that the node runs.
    pub fn flavour(&self) -> Flavour {
        self.spec.flavour
    }

    /// The process that the pid file names, or else the process that was started.
    pub fn pid(&self) -> i32 {
        self.pid_in_file().unwrap_or_else(|| pid_of(&self.child))
    }

    /// The process that was started first.
    pub fn first_pid(&self) -> i32 {
        pid_of(&self.child)
    }

    /// The process that the pid file names.
    pub fn pid_in_file(&self) -> Option<i32> {
        fs::read_to_string(self.spec.path("pid")).ok()?.trim().parse().ok()
    }

    /// The text that the node has written to standard output and standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.spec.path("log")).unwrap_or_default()
    }

    /// Sends a signal to the process that serves clients.
    pub fn signal(&self, number: Signal) {
        send(self.pid(), number);
    }

    /// Asks for a reload without waiting for it.
    pub fn ask_reload(&self) {
        self.signal(Signal::SIGUSR2);
    }

    /// Reloads and waits until the successor serves clients.
    #[track_caller]
    pub fn reload(&self) {
        if self.flavour() == Flavour::Haproxy {
            let before = self.api().info("Pid");
            self.ask_reload();
            until("a new worker", SOON, || {
                self.api().try_command("show info").is_ok_and(|info| {
                    info.contains("Pid: ") && !info.contains(&format!("Pid: {before}\n"))
                })
            });
            return;
        }
        let before = self.pid();
        self.ask_reload();
        until("the pid file names a successor", SOON, || {
            self.pid_in_file().is_some_and(|pid| pid != before && is_alive(pid))
        });
    }

    /// Kills the process and waits until it is gone.
    pub fn crash(&mut self) {
        killpg(Pid::from_raw(pid_of(&self.child)), Signal::SIGKILL).ok();
        self.child.wait().unwrap();
    }

    /// Starts the node again after it has ended.
    #[track_caller]
    pub fn start_again(self) -> Self {
        let spec = self.spec.clone();
        drop(self);
        spec.start()
    }

    /// Waits until the first process has ended and returns its status.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        eventually(limit, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap_or_else(|| panic!("still running after {limit:?}: {}", self.log()))
    }

    /// Whether the first process is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn is_ready(&self) -> bool {
        match self.flavour() {
            Flavour::Stickd => self.pid_in_file().is_some(),
            Flavour::Haproxy => self.api().try_command("show info").is_ok(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of {} ---\n{}", self.spec.name, self.log());
        }
        // Successors stay in the process group of the first process.
        killpg(Pid::from_raw(pid_of(&self.child)), Signal::SIGKILL).ok();
        self.child.wait().ok();
    }
}

fn pid_of(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}
