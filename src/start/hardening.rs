//! `hardening`: the last step of the start. From then on the process can do what serving takes, and
//! little else, even if somebody else gets to decide what it does.
//!
//! A program that is executed inherits the confinement, which nothing can undo. So there are two
//! kinds:
//!
//! - A process that starts no program: a worker, whose supervisor (`-W`) stays outside and starts
//!   the next one, or a process locked in by `chroot`, which could not find its program. It may
//!   make the calls of the loop alone, read what the libraries of the system read, write no file,
//!   and send signals to nobody.
//! - A process that starts programs: its own successor (`SIGUSR2` without `-W`), external checks,
//!   or a child that looks up the name of a peer. Those may be a later version or anybody's, and
//!   their configuration may name other files, so they keep all files and calls but the dangerous
//!   ones. A successor finds the filter there already, and adds none: the kernel bounds their
//!   number.

use std::io;
use std::os::fd::BorrowedFd;

use super::privileges;
use super::system::{StartUpError, system};
use crate::config::{Config, Global, Hardening, PeerAddress};
use crate::net::confine::calls::{self, Refusal};
use crate::net::confine::files;
use crate::reload::child::Command;

/// The variable of the environment by which a successor knows the filter that it runs under: the
/// number of calls that it refuses.
const INHERITED: &str = "STICKD_HARDENING";

/// What `hardening` does to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confinement {
    /// Nothing.
    None,
    /// The process starts programs.
    WithPrograms(Refusal),
    /// The process starts none.
    Alone(Refusal),
}

impl Confinement {
    pub(super) fn of(config: &Config, has_supervisor: bool) -> Self {
        let global = &config.global;
        let refusal = match global.hardening {
            Hardening::Off => return Self::None,
            Hardening::Log => Refusal::IsLogged,
            Hardening::On => Refusal::Fails,
        };
        let is_looked_up =
            |address: &PeerAddress| matches!(address, PeerAddress::Unresolved { .. });
        let mut peers = config.peers.iter().flat_map(|section| &section.peers);
        let starts_programs = !(has_supervisor || privileges::is_locked_in(global))
            || global.external_check
            || peers.any(|peer| is_looked_up(&peer.address));
        if starts_programs { Self::WithPrograms(refusal) } else { Self::Alone(refusal) }
    }

    /// Whether no file can be written any more.
    pub(super) fn closes_files(self) -> bool {
        self == Self::Alone(Refusal::Fails)
    }

    /// Confines this process. Its successors are started by `command`. Returns what is in force, in
    /// words, if anything is.
    ///
    /// # Errors
    /// What the system reports; never that it has no Landlock.
    pub(super) fn apply(
        self,
        global: &Global,
        sockets: Option<&std::path::Path>,
        command: &mut Command,
    ) -> Result<Option<String>, StartUpError> {
        let seccomp = || system("apply", "the filter of 'hardening' (seccomp)");
        let log = |refusal| if refusal == Refusal::IsLogged { "logs" } else { "refuses" };
        let words = match self {
            Self::None => return Ok(None),
            Self::WithPrograms(refusal) => {
                let inherited = inherited(command);
                let count = match inherited {
                    Some(count) => count,
                    None => calls::deny_dangerous(refusal).map_err(seccomp())?,
                };
                if refusal == Refusal::Fails && inherited.is_none() {
                    command.environment.retain(|(name, _)| name != INHERITED);
                    command.environment.push((INHERITED.into(), count.to_string().into()));
                }
                let why = if global.external_check { "checks" } else { "successors" };
                format!("seccomp {} {count} calls; files stay open for {why}", log(refusal))
            }
            Self::Alone(refusal) => {
                let files = match refusal {
                    Refusal::Fails => files::close(sockets)
                        .map_err(system("apply", "the rules of 'hardening' (Landlock)"))?,
                    Refusal::IsLogged => false,
                };
                let count = calls::allow_serving(refusal).map_err(seccomp())?;
                let files = match (files, refusal) {
                    (true, _) => "Landlock closes the file system",
                    (false, Refusal::Fails) => "no Landlock in this kernel",
                    (false, Refusal::IsLogged) => "files stay open",
                };
                format!("seccomp {} all but {count} calls; {files}", log(refusal))
            }
        };
        log::info!("hardening: {words}");
        Ok(Some(words))
    }
}

impl Confinement {
    /// Confines the saver, which starts no programs whatever its owner does, to files in these
    /// directories.
    ///
    /// # Errors
    /// What the system reports; never that it has no Landlock.
    pub(super) fn apply_to_saver(self, directories: &[BorrowedFd<'_>]) -> io::Result<()> {
        let (Self::WithPrograms(refusal) | Self::Alone(refusal)) = self else { return Ok(()) };
        if refusal == Refusal::Fails {
            files::close_all_but(directories)?;
        }
        calls::allow_saving(refusal).map(drop)
    }
}

/// How many calls the filter refuses that this process was started under, if it is the same one.
fn inherited(command: &Command) -> Option<usize> {
    let (_, count) = command.environment.iter().find(|(name, _)| name == INHERITED)?;
    let count = count.to_str()?.parse().ok()?;
    (calls::is_filtered() && count == calls::denied_count()).then_some(count)
}
