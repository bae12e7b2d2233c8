//! A reload whose successor waits for its configuration.

use std::fs;
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{Node, SOON, until};

/// A reload in which the successor waits for its configuration until the test lets it go on. Then
/// the old process has already sent as much as fits into the socket.
#[derive(Debug)]
pub struct HeldBack {
    path: PathBuf,
    text: String,
    successor: i32,
}

impl HeldBack {
    /// Asks for a reload. The configuration is a pipe from now on.
    #[track_caller]
    pub fn start(node: &Node) -> Self {
        let path = node.spec().config().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let before = node.log().len();
        node.ask_reload();
        let started = || {
            let log = node.log();
            // With a supervisor it is a worker that is started.
            let words = ["started process ", "started worker "];
            let mut found = words.iter().filter_map(|words| log[before..].split_once(words));
            found.next()?.1.lines().next()?.trim().parse().ok()
        };
        until("a successor is started", SOON, || started().is_some());
        Self { path, text, successor: started().unwrap() }
    }

    /// The process id of the successor.
    pub fn successor(&self) -> i32 {
        self.successor
    }

    /// The successor gets its configuration.
    pub fn let_go(self) {
        fs::write(&self.path, &self.text).unwrap();
        fs::remove_file(&self.path).unwrap();
        fs::write(&self.path, &self.text).unwrap();
    }

    /// The successor is gone, and the next one finds a file again.
    pub fn put_back(self) {
        fs::remove_file(&self.path).unwrap();
        fs::write(&self.path, &self.text).unwrap();
    }

    /// Lets the successor go on and waits until it serves.
    #[track_caller]
    pub fn go_on(self, node: &Node) {
        let before = node.pid();
        self.let_go();
        until("the successor serves", SOON, || node.pid() != before);
    }
}
