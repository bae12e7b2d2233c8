//! A file that each run of a target writes anew.

use std::fs;
use std::path::PathBuf;

/// The place of the file, which is removed when this value is dropped. Each thread has its own.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    /// A place for files of this name.
    pub(super) fn new(name: &str) -> Self {
        let (process, thread) = (std::process::id(), std::thread::current().id());
        let name = format!("stickd-{name}-{process}-{thread:?}");
        Self(std::env::temp_dir().join(name.replace(['(', ')'], "")))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}
