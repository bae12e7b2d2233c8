//! A reload whose successor waits for its configuration.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::fcntl::OFlag;
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
    /// Where the successor reads.
    pipe: File,
}

impl HeldBack {
    /// Asks for a reload, and waits until the successor reads its configuration, which is a pipe
    /// from now on.
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
        let mut open = OpenOptions::new();
        open.write(true).custom_flags(OFlag::O_NONBLOCK.bits()); // succeeds if somebody reads
        let mut pipe = None;
        until("the successor reads", SOON, || {
            pipe = open.open(&path).ok();
            pipe.is_some()
        });
        Self { path, text, successor: started().unwrap(), pipe: pipe.unwrap() }
    }

    /// The process id of the successor.
    pub fn successor(&self) -> i32 {
        self.successor
    }

    /// The successor gets its configuration.
    pub fn let_go(mut self) {
        // Nobody reads if the successor has ended meanwhile.
        let _ = self.pipe.write_all(self.text.as_bytes());
        drop(self.pipe);
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
