//! What is asked of the system once for the whole process: its directory, its CPU, its memory, its
//! terminal and the end that its supervisor brings. Also the error of every step of the start.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;

use crate::net::socket::ListenError;
use crate::net::{program, reserve};
use crate::reload::supervisor::worker_link::WorkerLink;

/// The exit status of a program that SIGINT has ended, as shells count it.
const INTERRUPTED: u8 = 128 + 2;

/// Why a step of the start failed.
#[derive(Debug)]
pub(super) enum StartUpError {
    /// The system refused something.
    System {
        /// What was being done.
        action: &'static str,
        /// What it was done to.
        subject: String,
        /// What the system said.
        source: io::Error,
    },
    /// These addresses cannot be listened on.
    Listen(Vec<(String, ListenError)>),
}

impl fmt::Display for StartUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { action, subject, source } => write!(f, "{action} {subject}: {source}"),
            Self::Listen(errors) => {
                for (number, (place, error)) in errors.iter().enumerate() {
                    let separator = if number == 0 { "" } else { "\n" };
                    write!(f, "{separator}{place}: {error}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for StartUpError {}

/// Makes an error of the system the error of a step.
pub(super) fn system<E: Into<io::Error>>(
    action: &'static str,
    subject: impl fmt::Display,
) -> impl FnOnce(E) -> StartUpError {
    move |error| StartUpError::System { action, subject: subject.to_string(), source: error.into() }
}

/// Changes to the directory of `-C`.
///
/// # Errors
/// What chdir(2) reports.
pub(super) fn enter_directory(directory: &Path) -> Result<(), StartUpError> {
    std::env::set_current_dir(directory).map_err(system("change to", directory.display()))
}

/// The limit of open files.
pub(super) fn descriptors_max() -> u32 {
    getrlimit(Resource::RLIMIT_NOFILE)
        .map_or(0, |(soft, _)| u32::try_from(soft).unwrap_or(u32::MAX))
}

/// The CPUs that this process may run on.
pub(super) fn cpus() -> Option<CpuSet> {
    sched_getaffinity(Pid::from_raw(0)).ok()
}

/// Runs on these CPUs again.
pub(super) fn run_on(cpus: Option<CpuSet>) {
    if let Some(cpus) = cpus
        && let Err(errno) = sched_setaffinity(Pid::from_raw(0), &cpus)
    {
        log::debug!("run on other CPUs: {errno}");
    }
}

/// Runs on one CPU only.
///
/// # Errors
/// What sched_setaffinity(2) reports.
pub(super) fn pin(cpu: u16) -> Result<(), StartUpError> {
    let mut set = CpuSet::new();
    set.set(usize::from(cpu)).map_err(system("pin to CPU", cpu))?;
    sched_setaffinity(Pid::from_raw(0), &set).map_err(system("pin to CPU", cpu))
}

/// Puts memory aside. The process survives with it when the system has none left.
pub(super) fn keep_memory_in_reserve() {
    if !reserve::keep() {
        log::warn!("no memory can be put aside: an allocation that fails ends the process");
    }
}

/// Detaches from the terminal. Everything after this runs in a new process.
///
/// # Errors
/// What daemon(3) reports.
pub(super) fn detach() -> Result<(), StartUpError> {
    nix::unistd::daemon(true, false).map_err(system("detach from", "the terminal"))
}

/// Ends this process by the signal that stopped it, as HAProxy ends. Who waits for the process sees
/// that it was stopped from outside. A worker returns a status instead, which its supervisor takes
/// over: an interrupted program fails, a stopped one succeeds. So does the first process of a
/// container, which the system lets no signal end.
pub(super) fn end_by(signal: Signal, is_worker: bool) -> ExitCode {
    if !is_worker && SigSet::from(signal).thread_unblock().is_ok() {
        program::end_this_by(signal);
    }
    if signal == Signal::SIGINT { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS }
}

/// Asks the system to send SIGTERM to this process when its parent ends, which is the supervisor at
/// the other end of `link`. To be called early, and again when privileges were given up: that
/// undoes it.
///
/// # Errors
/// What prctl(2) or getsockopt(2) report, or that the supervisor is gone already.
pub(super) fn end_with_supervisor(link: &WorkerLink) -> Result<(), StartUpError> {
    let about = || "the supervisor";
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(system("watch", about()))?;
    // The system does not report an end that came before.
    let supervisor = link.maker().map_err(system("watch", about()))?;
    if nix::unistd::getppid().as_raw() != supervisor || link.is_closed() {
        return Err(system("watch", about())(io::Error::other("it is gone")));
    }
    Ok(())
}
