//! Which files the process may open from now on (Landlock), and whom it may send signals.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, Scope,
};

/// Where the resolver of the system and a process that looks at itself read.
const READ: [&str; 12] = [
    "/proc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
];

/// Lets this process open files only where system libraries read, and write nowhere. It may still
/// remove its own socket from `sockets`, and use what is open. Signals reach only itself. Returns
/// false where the kernel has no Landlock.
///
/// # Errors
/// What landlock_restrict_self(2) and its kin report.
pub fn close(sockets: Option<&Path>) -> io::Result<bool> {
    let mut rules = closed()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for path in READ.iter().map(Path::new) {
        rules = allow(rules, path, if path.is_dir() { read } else { AccessFs::ReadFile.into() })?;
    }
    if let Some(directory) = sockets {
        rules = allow(rules, directory, AccessFs::RemoveFile.into())?;
    }
    restrict(rules)
}

/// Lets this process make, read, replace and remove files in these directories, and open no others.
/// Signals reach only itself. Returns false where the kernel has no Landlock.
///
/// # Errors
/// What landlock_restrict_self(2) and its kin report.
pub fn close_all_but(directories: &[BorrowedFd<'_>]) -> io::Result<bool> {
    let access = AccessFs::ReadFile
        | AccessFs::WriteFile
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        | AccessFs::Truncate;
    let mut rules = closed()?;
    for directory in directories {
        rules = rules.add_rule(PathBeneath::new(directory, access)).map_err(error)?;
    }
    restrict(rules)
}

/// Rules that let nothing be opened, and no other process be sent a signal.
fn closed() -> io::Result<RulesetCreated> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|rules| rules.scope(Scope::Signal))
        .and_then(Ruleset::create)
        .map_err(error)
}

fn restrict(rules: RulesetCreated) -> io::Result<bool> {
    let status = rules.restrict_self().map_err(error)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Adds a rule for a file or a directory with all below it. What does not exist needs none.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    match PathFd::new(path) {
        Ok(fd) => rules.add_rule(PathBeneath::new(fd, access)).map_err(error),
        Err(_) => Ok(rules),
    }
}

fn error(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}
