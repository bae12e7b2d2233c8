//! The processes that served before this one: the stickd that started this process, or the
//! processes of `-sf` and `-st`.

use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::options::Options;
use super::system::{StartUpError, system};
use crate::config::{BindAddress, Config};
use crate::net::address::Address;
use crate::process::Teacher;
use crate::reload::control;
use crate::reload::control::credentials;
use crate::reload::control::path::MeetingPlaces;
use crate::reload::inherit::Inherited;
use crate::reload::stop_others::StopOthers;

/// How long a process that hangs up may take to end, in milliseconds. The system closes its sockets
/// a little earlier than it shows that the process has ended.
const END_LIMIT_MS: u16 = 500;

/// Finds the process that teaches this one, and decides what the processes of `-sf` and `-st` are
/// told. The first stickd among them that serves hands over: its listening sockets are added to
/// `inherited`. The others are told to stop with a signal, as HAProxy is. Without a stickd that
/// hands over, the first of the others teaches over the address of the local peer, if there is one.
///
/// # Errors
/// When a stickd was asked to hand over, did not, and still runs, and no other stickd hands over.
pub(super) fn meet_predecessors(
    options: &Options,
    config: &Config,
    places: &MeetingPlaces,
    inherited: &mut Inherited,
) -> Result<(Teacher, StopOthers), StartUpError> {
    let mut handover = inherited.handover.take();
    let Some(predecessors) = &options.predecessors else {
        return Ok((teacher(handover, inherited), StopOthers::default()));
    };
    let may_finish = predecessors.may_finish;
    let signal = if may_finish { Signal::SIGUSR1 } else { Signal::SIGTERM };
    let mut handing_over = None;
    let mut stop_later = Vec::new();
    let mut others = Vec::new();
    let mut refusals = Vec::new();
    for pid in predecessors.pids.iter().copied() {
        if handover.is_some() {
            stop_later.push(pid);
            continue;
        }
        let Some(stream) = ask(pid, places, inherited) else {
            others.push(pid);
            continue;
        };
        match control::take_listeners(&stream, pid.unsigned_abs()) {
            Ok(listeners) => {
                listeners.into_iter().for_each(|listener| inherited.add(listener));
                handover = Some(stream);
                handing_over = Some(pid);
                if !may_finish {
                    stop_later.push(pid);
                }
            }
            Err(error) if has_ended(pid, &error) => {
                log::error!(
                    "reload: process {pid} has ended before it handed over: this process opens \
                     the sockets itself"
                );
            }
            Err(error) => refusals.push((pid, error)),
        }
    }
    if handover.is_some() {
        // The process that serves hands over, so the ones that refused are about to end.
        stop_later.extend(refusals.iter().map(|(pid, _)| *pid));
    } else if let Some((pid, error)) = refusals.pop() {
        return Err(system("take over from process", pid)(error));
    }
    let has_local_peer = config.peers.iter().any(|peers| peers.local.is_some() && !peers.disabled);
    let mut teachers = Vec::new();
    if handover.is_none() && has_local_peer && may_finish {
        let mut others = others.into_iter();
        teachers.extend(others.next());
        stop_later.extend(others);
    } else {
        if handover.is_none() {
            others.iter().for_each(|pid| warn_of_loss(*pid));
        }
        stop_later.append(&mut others);
    }
    let found = if teachers.is_empty() { teacher(handover, inherited) } else { Teacher::LocalPeer };
    Ok((found, StopOthers::new(signal, &stop_later, handing_over, &teachers)))
}

/// Warns that a process is told to stop that cannot be asked for its entries: it is another
/// program, or its control socket is gone.
fn warn_of_loss(pid: i32) {
    if kill(Pid::from_raw(pid), None).is_ok() {
        log::warn!(
            "reload: process {pid} has no control socket: it is told to stop, and its entries and \
             sockets are not taken over"
        );
    }
}

/// Whether process `pid` did not hand over because it has ended. Then no process has its listening
/// sockets any more.
fn has_ended(pid: i32, error: &io::Error) -> bool {
    let hangs_up =
        matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset);
    hangs_up && credentials::ends_within(pid, END_LIMIT_MS)
}

fn teacher(handover: Option<UnixStream>, inherited: &mut Inherited) -> Teacher {
    let older = inherited.take_older();
    handover.map_or(Teacher::Nobody, |socket| Teacher::Predecessor { socket, older })
}

/// The socket on which process `pid` hands over. `None` if that process is no stickd. The
/// supervisor gives the socket to a worker, another process asks for it.
fn ask(pid: i32, places: &MeetingPlaces, inherited: &mut Inherited) -> Option<UnixStream> {
    if let Some(stream) = inherited.takeover.take() {
        return Some(stream);
    }
    let asked = control::ask(pid.unsigned_abs(), places);
    let is_absent =
        |kind| matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
    if let Err(error) = &asked
        && !is_absent(error.kind())
    {
        log::warn!("reload: process {pid} is not asked for its sockets: {error}");
    }
    asked.ok()
}

/// The places where this process is asked to hand over, and where it asks others.
pub(super) fn meeting_places(options: &Options, config: &Config) -> MeetingPlaces {
    let pid_file = options.pid_file.as_deref().or(config.global.pidfile.as_deref());
    let sockets = config.global.stats_sockets.iter();
    let sockets = sockets.filter_map(|stats| match &stats.bind.address {
        BindAddress::Address(Address::Unix(path)) => Some(path.as_path()),
        _ => None,
    });
    MeetingPlaces::new(pid_file.into_iter().chain(sockets))
}
