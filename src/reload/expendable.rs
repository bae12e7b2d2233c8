//! Whom the kernel ends when memory runs out in a reload. It would choose the larger process, which
//! is the one that serves. The successor offers itself until it serves: it can be started again.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

/// Where the kernel is told how readily it may end this process: from -1000 to 1000.
const PATH: &str = "/proc/self/oom_score_adj";
/// This process goes first.
const FIRST: &str = "1000";

/// How readily the kernel may end this process (proc(5), `oom_score_adj`).
#[derive(Debug, Default)]
pub struct Expendable {
    /// The file, which stays open as privileges and files are given up later, and what it said.
    /// None where nothing has to be put back.
    kept: Option<(File, String)>,
}

impl Expendable {
    /// The process offers itself from now on.
    pub fn begin() -> Self {
        let offered = open().and_then(|(file, before)| {
            let mut this = Self { kept: Some((file, before)) };
            this.offer()?;
            Ok(this)
        });
        offered.unwrap_or_else(|error| {
            log::debug!("reload: {PATH}: {error}");
            Self::default()
        })
    }

    /// Runs what gives up privileges. A value that was raised with the privilege to do so could not
    /// be lowered without it.
    ///
    /// # Errors
    /// Those of `action`.
    pub fn around<E>(&mut self, action: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        self.put_back();
        action()?;
        if let Err(error) = self.offer() {
            log::debug!("reload: {PATH}: {error}");
        }
        Ok(())
    }

    /// The process serves: it is as it was.
    pub fn end(&mut self) {
        self.put_back();
        self.kept = None;
    }

    fn offer(&mut self) -> io::Result<()> {
        self.kept.as_mut().map_or(Ok(()), |(file, _)| write(file, FIRST))
    }

    fn put_back(&mut self) {
        if let Some((file, before)) = &mut self.kept
            && let Err(error) = write(file, before)
        {
            log::warn!("reload: {PATH} stays at {FIRST}: {error}");
        }
    }
}

fn open() -> io::Result<(File, String)> {
    let mut file = File::options().read(true).write(true).open(PATH)?;
    let mut before = String::new();
    file.read_to_string(&mut before)?;
    Ok((file, before))
}

fn write(file: &mut File, value: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(value.as_bytes())
}
