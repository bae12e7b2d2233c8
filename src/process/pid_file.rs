//! The pid file, which names the process that serves.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::net::files::own_file;

/// The file that the process id is written to.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    /// The process id to write.
    pid: u32,
    /// The file, opened while the process still had all its privileges. Only for a process that
    /// gives them up before it serves.
    opened: Option<File>,
}

impl PidFile {
    /// The file at `path` that is to name process `pid`. A relative path is made absolute now.
    pub fn new(path: &Path, pid: u32) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, pid, opened: None }
    }

    /// Opens the file for a process that will not be allowed to replace it. Its text is kept for
    /// now.
    fn open(&mut self) -> Result<(), PidFileError> {
        let opened = own_file::open(&self.path);
        self.opened = Some(opened.map_err(|error| self.failed("open", error))?);
        Ok(())
    }

    /// Makes sure that the file can be written later. A process that gives up its privileges opens
    /// the file, another process tries to create a file in the same directory.
    ///
    /// # Errors
    /// What the system reports.
    pub fn prepare(&mut self, gives_up_privileges: bool) -> Result<(), PidFileError> {
        if gives_up_privileges {
            return self.open();
        }
        let temporary = temporary(&self.path, self.pid);
        let tried = own_file::create(&temporary).and_then(|_| fs::remove_file(&temporary));
        tried.map_err(|error| self.failed("write", error))
    }

    /// Writes the process id. A reader finds either the old file or the whole new file, unless the
    /// file had to be opened beforehand.
    ///
    /// # Errors
    /// What the system reports.
    pub fn write(&mut self) -> Result<(), PidFileError> {
        let pid = self.pid;
        let written = match &mut self.opened {
            Some(file) => file
                .set_len(0)
                .and_then(|()| file.seek(SeekFrom::Start(0)))
                .and_then(|_| file.write_all(format!("{pid}\n").as_bytes())),
            None => replace_file(&self.path, pid),
        };
        written.map_err(|error| self.failed("write", error))
    }

    fn failed(&self, action: &'static str, source: io::Error) -> PidFileError {
        PidFileError { action, path: self.path.clone(), source }
    }
}

/// What failed, with the file and the error of the system.
#[derive(Debug)]
pub struct PidFileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for PidFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action, self.path.display(), self.source)
    }
}

impl std::error::Error for PidFileError {}

fn temporary(path: &Path, pid: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{pid}.tmp"));
    PathBuf::from(name)
}

fn replace_file(path: &Path, pid: u32) -> io::Result<()> {
    let temporary = temporary(path, pid);
    let mut file = own_file::create(&temporary)?;
    let written = file.write_all(format!("{pid}\n").as_bytes());
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_is_replaced_whole() {
        let path = std::env::temp_dir().join(format!("stickd-pid-{}", std::process::id()));
        fs::write(&path, "something longer than a process id").unwrap();
        PidFile::new(&path, std::process::id()).write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        fs::remove_file(path).unwrap();
        let error =
            PidFile::new(Path::new("/nowhere/pid"), std::process::id()).write().unwrap_err();
        assert!(error.to_string().starts_with("write /nowhere/pid: "), "{error}");
    }

    #[test]
    fn a_pid_file_that_was_opened_before_keeps_its_text_until_it_is_written() {
        let path = std::env::temp_dir().join(format!("stickd-opened-{}", std::process::id()));
        fs::write(&path, "something longer than a process id").unwrap();
        let mut file = PidFile::new(&path, std::process::id());
        file.open().unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with("something"));
        file.write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_pid_file_follows_no_link() {
        let pid = std::process::id();
        let dir = std::env::temp_dir().join(format!("stickd-linked-{pid}"));
        fs::create_dir(&dir).unwrap();
        let (other, path) = (dir.join("other"), dir.join("pid"));
        fs::write(&other, "keep me").unwrap();
        std::os::unix::fs::symlink(&other, temporary(&path, pid)).unwrap();
        PidFile::new(&path, pid).write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{pid}\n"));
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(PidFile::new(&path, pid).open().is_err());
        assert_eq!(fs::read_to_string(&other).unwrap(), "keep me");
        fs::remove_dir_all(dir).unwrap();
    }
}
