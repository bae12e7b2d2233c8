//! What a configuration needs of this machine, looked at before anything is done. `-c` warns of
//! everything that is missing. A start ends if it is sure to fail.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::options::Options;
use crate::config::{Bind, BindAddress, Config};
use crate::net::address::Address;

/// Something that is missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// The directory of `chroot`.
    Root(PathBuf, &'static str),
    /// The directory of a file that the process makes. A service manager may make the directory at
    /// the start.
    Directory {
        /// The kind of file.
        of: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with its directory.
        why: &'static str,
    },
}

impl Lack {
    /// Whether a start is sure to fail.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Root(..))
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(root, why) => write!(f, "chroot {}: {why}", root.display()),
            Self::Directory { of, file, why } => {
                let directory = file.parent().unwrap_or(file);
                let (file, directory) = (file.display(), directory.display());
                write!(f, "{of} {file}: at the moment {directory} {why}")
            }
        }
    }
}

/// Everything that is missing.
pub fn lacks(options: &Options, config: &Config) -> Vec<Lack> {
    let root = config.global.chroot.iter();
    let root = root.filter_map(|root| Some(Lack::Root(root.clone(), fault(root)?)));
    let pid_file = options.pid_file.as_ref().or(config.global.pidfile.as_ref());
    let pid_file = pid_file.map(|path| ("pid file", path.clone()));
    let sockets = binds(config).filter_map(|bind| match &bind.address {
        BindAddress::Address(Address::Unix(path)) => Some(("unix socket", path.clone())),
        BindAddress::Address(_) | BindAddress::Fd(_) => None,
    });
    let saved = config.tables.iter().filter_map(|table| table.save.as_ref());
    let saved = saved.map(|saved| ("table file", saved.file.clone()));
    let files = pid_file.into_iter().chain(sockets).chain(saved).filter_map(|(of, file)| {
        let why = fault(file.parent().filter(|parent| *parent != Path::new(""))?)?;
        Some(Lack::Directory { of, file, why })
    });
    // Several lines may name one file.
    let found: BTreeSet<Lack> = root.chain(files).collect();
    found.into_iter().collect()
}

/// Every line that opens a listening socket.
fn binds(config: &Config) -> impl Iterator<Item = &Bind> {
    let clients = config.frontends.iter().filter(|f| !f.disabled).flat_map(|f| &f.binds);
    let stats = config.global.stats_sockets.iter().chain(&config.global.master_sockets);
    let stats = stats.map(|stats| &stats.bind);
    let metrics = config.pages.iter().filter(|m| !m.disabled).flat_map(|m| &m.binds);
    clients.chain(stats).chain(metrics)
}

/// What is wrong with a directory, as far as this user can see.
fn fault(directory: &Path) -> Option<&'static str> {
    match fs::metadata(directory) {
        Ok(found) if !found.is_dir() => Some("is not a directory"),
        Ok(_) => None,
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Some("does not exist"),
            ErrorKind::NotADirectory => Some("is below something that is not a directory"),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_root_is_told_and_ends_a_start() {
        let mut config = Config::default();
        config.global.chroot = Some("/nonexistent/root".into());
        config.global.pidfile = Some("/nonexistent/pid".into());
        let found = lacks(&Options::default(), &config);
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "chroot /nonexistent/root: does not exist",
                "pid file /nonexistent/pid: at the moment /nonexistent does not exist",
            ]
        );
        assert_eq!(found.iter().filter(|lack| lack.is_fatal()).count(), 1);
        config.global.chroot = Some("/etc/passwd".into());
        config.global.pidfile = Some("pid".into());
        let found = lacks(&Options::default(), &config);
        assert_eq!(found, [Lack::Root("/etc/passwd".into(), "is not a directory")]);
    }
}
