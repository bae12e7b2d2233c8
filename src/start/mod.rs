//! What happens once, between the command line and the first turn of the loop.

pub mod ask_reload;
pub mod options;
pub mod precheck;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Pid, Uid};

use crate::admin::link::Service;
use crate::admin::metrics::EndpointId;
use crate::config::LogDestination;
use crate::config::{Bind, BindAddress, Config, FrontendId, Global, PeersId, ProxyOptions};
use crate::net::address::Address;
use crate::net::localtime;
use crate::net::own_file;
use crate::net::reserve;
use crate::net::socket::ListenError;
use crate::net::tcp::{Probes, TcpOptions};
use crate::process::reload::Origin;
use crate::proxy::frontend::listener::Listener;
use crate::reload::control;
use crate::reload::control::path::MeetingPlaces;
use crate::reload::incoming::stop_others::Herald;
use crate::reload::inherit::adopt::Opener;
use crate::reload::inherit::label::{SocketOrigin, name_of};
use crate::reload::inherit::{FIRST_FD, Inherited};
use crate::reload::supervisor::worker_link::WorkerLink;
use options::Options;

/// Descriptors for everything but clients and scrapers: listeners, peers, Runtime API, logs.
const RESERVED_FDS: u64 = 128;
/// Each connection needs two sockets.
const FDS_PER_CONNECTION: u64 = 2;
/// Fewer connections than this are hardly meant.
const FEW_CONNECTIONS: u32 = 100;
/// The most descriptors that are counted on where the system sets no limit.
const FDS_MAX: u64 = 1_048_576;

/// Why a step of the start failed.
#[derive(Debug)]
pub enum StartUpError {
    /// Something was asked of the system, and it refused.
    System {
        /// What was being done.
        action: &'static str,
        /// To what.
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

fn system<E: Into<io::Error>>(
    action: &'static str,
    subject: impl fmt::Display,
) -> impl FnOnce(E) -> StartUpError {
    move |error| StartUpError::System { action, subject: subject.to_string(), source: error.into() }
}

/// Changes to the directory of `-C`.
pub fn enter_directory(directory: &Path) -> Result<(), StartUpError> {
    std::env::set_current_dir(directory).map_err(system("change to", directory.display()))
}

/// What is to be done about the processes of `-sf` and `-st`.
#[derive(Debug)]
pub struct Predecessors {
    /// Who is to be told to stop once this process serves.
    pub stop_later: Vec<i32>,
    /// How they are told.
    pub signal: Signal,
    /// The stickd that hands over.
    pub teacher: Option<i32>,
    /// Who teaches over the local peer's address when told to stop.
    teachers: Vec<i32>,
}

impl Predecessors {
    /// Whether there is none that has to be told anything.
    pub fn is_empty(&self) -> bool {
        self.stop_later.is_empty() && self.teachers.is_empty() && self.teacher.is_none()
    }

    /// Tells processes of another kind to stop and teach. This process has to listen by then, and
    /// nothing may be left that could keep it from serving.
    pub fn ask_to_teach(&self, herald: &mut Herald) {
        for pid in &self.teachers {
            herald.send(*pid, self.signal);
        }
    }
}

/// Says how this process comes by its tables, and what is to become of the processes of `-sf` and
/// `-st`: finds the first stickd among them that serves and takes its listening sockets into
/// `inherited`.
/// Others are told to stop with a signal, as HAProxy is; with a peers section in common they teach
/// their tables before they go.
///
/// # Errors
/// When none but a stickd was found that does not hand its sockets over.
pub fn meet_predecessors(
    options: &Options,
    config: &Config,
    places: &MeetingPlaces,
    inherited: &mut Inherited,
) -> Result<(Origin, Predecessors), StartUpError> {
    let mut origin = inherited.handover.take().map_or(Origin::Alone, Origin::Handover);
    let mut met = Predecessors {
        stop_later: Vec::new(),
        signal: Signal::SIGUSR1,
        teacher: None,
        teachers: Vec::new(),
    };
    let Some(predecessors) = &options.predecessors else { return Ok((origin, met)) };
    if !predecessors.may_finish {
        met.signal = Signal::SIGTERM;
    }
    let mut refusals = Vec::new();
    for pid in predecessors.pids.iter().copied() {
        if !matches!(origin, Origin::Alone) {
            met.stop_later.push(pid);
            continue;
        }
        let Some(stream) = ask(pid, places, inherited) else {
            met.teachers.push(pid);
            continue;
        };
        match control::take_listeners(&stream, pid.unsigned_abs()) {
            Ok(listeners) => {
                listeners.into_iter().for_each(|listener| inherited.add(listener));
                origin = Origin::Handover(stream);
                met.teacher = Some(pid);
                if !predecessors.may_finish {
                    met.stop_later.push(pid);
                }
            }
            Err(error) => refusals.push((pid, error)),
        }
    }
    let has_local_peer = config.peers.iter().any(|peers| peers.local.is_some() && !peers.disabled);
    if matches!(origin, Origin::Handover(_)) {
        // One that serves was among them; the others are on their way out.
        met.stop_later.extend(refusals.iter().map(|(pid, _)| *pid));
    } else if let Some((pid, error)) = refusals.pop() {
        return Err(system("take over from process", pid)(error));
    }
    if matches!(origin, Origin::Alone) && has_local_peer && predecessors.may_finish {
        met.stop_later.extend(met.teachers.iter().skip(1));
        met.teachers.truncate(1);
        if !met.teachers.is_empty() {
            origin = Origin::Local;
        }
    } else {
        met.stop_later.append(&mut met.teachers);
    }
    Ok((origin, met))
}

/// The socket on which process `pid` hands over, unless that is a process of another kind: a
/// worker is given one by its supervisor, others ask for it.
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

/// Where this process is asked to hand over, and where it asks others.
pub fn meeting_places(options: &Options, config: &Config) -> MeetingPlaces {
    let pid_file = options.pid_file.as_deref().or(config.global.pidfile.as_deref());
    let sockets = config.global.stats_sockets.iter();
    let sockets = sockets.filter_map(|stats| match &stats.bind.address {
        BindAddress::Address(Address::Unix(path)) => Some(path.as_path()),
        _ => None,
    });
    MeetingPlaces::new(pid_file.into_iter().chain(sockets))
}

/// The limit of open files.
pub fn descriptors_max() -> u32 {
    getrlimit(Resource::RLIMIT_NOFILE)
        .map_or(0, |(soft, _)| u32::try_from(soft).unwrap_or(u32::MAX))
}

/// Every listening socket of the process.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Those of frontends.
    pub clients: Vec<Listener>,
    /// Those of peers sections that have a local peer.
    pub peers: Vec<(PeersId, Bind, OwnedFd)>,
    /// Those of the Runtime API and of the exporter.
    pub admin: Vec<(Service, Bind, OwnedFd)>,
    /// What lines of `log fd@N` go to, by N.
    pub logs: Vec<(RawFd, OwnedFd)>,
    /// What a successor is told of each listening socket, by the name that it goes by.
    pub origins: HashMap<String, SocketOrigin>,
}

/// Opens every listening socket that the configuration names, or takes it from `inherited`. All
/// failures are reported at once.
///
/// # Errors
/// What could not be bound, and why.
pub fn open_listeners(
    config: &Config,
    inherited: &mut Inherited,
) -> Result<Listeners, StartUpError> {
    let mut listeners = Listeners::default();
    // One that is not there is reported where its lines are lost.
    let logs = log_descriptors_of(config).filter_map(|n| Some((n, inherited.take_log(n).ok()?)));
    listeners.logs = logs.collect();
    let mut errors = Vec::new();
    let mut opener = Opener::new(inherited, descriptors_of(config), config.global.listens_alone);
    let mut open = |bind: &Bind, backlog: Option<u32>, tcp: TcpOptions| {
        let opened = opener.open(bind, backlog, tcp);
        let opened = opened.map_err(|error| errors.push((bind.place.clone(), error))).ok()?;
        listeners.origins.insert(name_of(bind), opened.origin);
        Some((opened.fd, opened.address))
    };
    for (id, frontend) in (0..u16::MAX).map(FrontendId).zip(&config.frontends) {
        for bind in frontend.binds.iter().filter(|_| !frontend.disabled) {
            let backlog = frontend.backlog(bind);
            let tcp = client_options(frontend.options, frontend.probes, bind, &config.global);
            if let Some((fd, address)) = open(bind, backlog, tcp) {
                listeners.clients.push(Listener::new(fd, id, bind.clone(), address));
            }
        }
    }
    for (id, section) in (0..u16::MAX).map(PeersId).zip(&config.peers) {
        for bind in section.binds.iter().filter(|_| !section.disabled && section.local.is_some()) {
            if let Some((fd, _)) = open(bind, bind.backlog, TcpOptions::default()) {
                listeners.peers.push((id, bind.clone(), fd));
            }
        }
    }
    for stats in &config.global.stats_sockets {
        if let Some((fd, _)) = open(&stats.bind, stats.bind.backlog, TcpOptions::default()) {
            listeners.admin.push((Service::Commands(stats.level), stats.bind.clone(), fd));
        }
    }
    for (id, endpoint) in (0..u16::MAX).map(EndpointId).zip(&config.metrics) {
        for bind in endpoint.binds.iter().filter(|_| !endpoint.disabled) {
            let tcp = client_options(endpoint.options, endpoint.probes, bind, &config.global);
            if let Some((fd, _)) = open(bind, endpoint.backlog(bind), tcp) {
                listeners.admin.push((Service::Metrics(id), bind.clone(), fd));
            }
        }
    }
    if !errors.is_empty() {
        return Err(StartUpError::Listen(errors));
    }
    if let Some((path, error)) = opener.finish().into_iter().next() {
        return Err(system("set mode and owner of", path.display())(error));
    }
    Ok(listeners)
}

/// The numbers of all `fd@N`.
pub fn descriptors_of(config: &Config) -> impl Iterator<Item = i32> {
    let frontends = config.frontends.iter().flat_map(|frontend| &frontend.binds);
    let peers = config.peers.iter().flat_map(|section| &section.binds);
    let admin = config.global.stats_sockets.iter().map(|stats| &stats.bind);
    let metrics = config.metrics.iter().flat_map(|endpoint| &endpoint.binds);
    frontends.chain(peers).chain(admin).chain(metrics).filter_map(|bind| match bind.address {
        BindAddress::Fd(number) => Some(number),
        BindAddress::Address(_) => None,
    })
}

/// The descriptors that `log` lines of `config` name by number, but for the standard streams.
pub fn log_descriptors_of(config: &Config) -> impl Iterator<Item = i32> {
    let numbers = config.log_targets().filter_map(|target| match target.destination {
        LogDestination::Fd(number) if number >= FIRST_FD => Some(number),
        _ => None,
    });
    numbers.collect::<BTreeSet<_>>().into_iter()
}

/// What the sockets of clients are given.
fn client_options(
    options: ProxyOptions,
    probes: Probes,
    bind: &Bind,
    global: &Global,
) -> TcpOptions {
    TcpOptions {
        keepalive: options.client_keepalive,
        probes,
        user_timeout_ms: bind.tcp.user_timeout_ms,
        lazy_ack: options.tcp_smart_accept,
        buffers: global.kernel_buffers.client,
    }
}

/// Raises the limit of descriptors as far as needed and allowed, and returns how many client
/// connections fit: what was asked for, or else as many as the limit gives.
pub fn settle_maxconn(options: &Options, config: &Config) -> Result<u32, StartUpError> {
    let about = || "the limit of open files";
    let global = &config.global;
    let endpoints = config.metrics.iter().filter(|endpoint| !endpoint.disabled);
    let scrapers: u64 = endpoints.map(|endpoint| u64::from(endpoint.maxconn)).sum();
    let reserved = RESERVED_FDS + scrapers;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(system("read", about()))?;
    let wanted = options.maxconn.or(global.maxconn);
    let needed = wanted.map_or_else(
        || hard.min(FDS_MAX),
        |wanted| u64::from(wanted) * FDS_PER_CONNECTION + reserved,
    );
    let mut limit = soft;
    if needed > soft {
        let raised = [(needed, needed.max(hard)), (needed.min(hard), hard)];
        limit = raised
            .into_iter()
            .find(|(soft, hard)| setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard).is_ok())
            .map_or(soft, |(soft, _)| soft);
    }
    let fits = limit.min(FDS_MAX.max(needed)).saturating_sub(reserved) / FDS_PER_CONNECTION;
    let fits = u32::try_from(fits).unwrap_or(u32::MAX).max(1);
    if options.verbose {
        let maxconn = wanted.unwrap_or(fits).min(fits);
        log::info!("maxconn {maxconn}: {limit} open files are allowed; polling with epoll");
    }
    match wanted {
        Some(wanted) if wanted > fits && global.limits.are_strict => {
            let about = format!("{wanted} connections ('strict-limits')");
            let error = format!("{needed} open files are needed, {limit} are allowed");
            Err(system("serve", about)(io::Error::other(error)))
        }
        Some(wanted) if wanted > fits => {
            log::warn!(
                "maxconn {wanted} needs {needed} open files, the limit is {limit}: only {fits} \
                 connections are accepted at a time"
            );
            Ok(fits)
        }
        Some(wanted) => Ok(wanted),
        None => {
            if fits < FEW_CONNECTIONS {
                log::warn!("{limit} open files are allowed: only {fits} connections fit");
            }
            Ok(fits)
        }
    }
}

/// Runs on one CPU only.
pub fn pin(cpu: u16) -> Result<(), StartUpError> {
    let mut set = CpuSet::new();
    set.set(usize::from(cpu)).map_err(system("pin to CPU", cpu))?;
    sched_setaffinity(Pid::from_raw(0), &set).map_err(system("pin to CPU", cpu))
}

/// Puts memory aside, with which the process survives when the system has none left.
pub fn keep_memory_in_reserve() {
    if !reserve::keep() {
        log::warn!("no memory can be put aside: an allocation that fails ends the process");
    }
}

/// Detaches from the terminal. What follows runs in a new process.
pub fn detach() -> Result<(), StartUpError> {
    nix::unistd::daemon(true, false).map_err(system("detach from", "the terminal"))
}

/// Has this process told to stop when its supervisor at the other end of `link`, its parent, is
/// gone. To be called early, and again after privileges were given up, which undoes it.
///
/// # Errors
/// When the supervisor is gone already.
pub fn end_with_supervisor(link: &WorkerLink) -> Result<(), StartUpError> {
    let about = || "the supervisor";
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(system("watch", about()))?;
    // What happened before is not reported.
    let supervisor = link.maker().map_err(system("watch", about()))?;
    if nix::unistd::getppid().as_raw() != supervisor || link.is_closed() {
        return Err(system("watch", about())(io::Error::other("it is gone")));
    }
    Ok(())
}

/// Where the process id is written.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    /// The process id that it is to name.
    pid: u32,
    /// The file as it was opened with all privileges, for a process that gives them up first.
    opened: Option<File>,
}

impl PidFile {
    /// The file at `path`, absolute from here on, that is to name process `pid`.
    pub fn new(path: &Path, pid: u32) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, pid, opened: None }
    }

    /// Opens the file for a process that will not be allowed to replace it. What it says is kept.
    fn open(&mut self) -> Result<(), StartUpError> {
        let opened = own_file::open(&self.path);
        self.opened = Some(opened.map_err(system("open", self.path.display()))?);
        Ok(())
    }

    /// Makes sure that the file can be written later: it is opened for a process that gives up its
    /// privileges, and otherwise tried out.
    ///
    /// # Errors
    /// What the system reports.
    pub fn prepare(&mut self, global: &Global) -> Result<(), StartUpError> {
        if gives_up_privileges(global) {
            return self.open();
        }
        let temporary = temporary(&self.path, self.pid);
        let tried = own_file::create(&temporary).and_then(|_| fs::remove_file(&temporary));
        tried.map_err(system("write", self.path.display()))
    }

    /// Writes the process id. A reader finds either the old file or the whole new one, unless the
    /// file had to be opened beforehand.
    ///
    /// # Errors
    /// What the system reports.
    pub fn write(&mut self) -> Result<(), StartUpError> {
        let pid = self.pid;
        let written = match &mut self.opened {
            Some(file) => file
                .set_len(0)
                .and_then(|()| file.seek(SeekFrom::Start(0)))
                .and_then(|_| file.write_all(format!("{pid}\n").as_bytes())),
            None => replace_file(&self.path, pid),
        };
        written.map_err(system("write", self.path.display()))
    }
}

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

/// Locks the process into the directory of `chroot` and becomes the user and group of the
/// configuration. Everything that needs privileges was done before.
pub fn drop_privileges(global: &Global) -> Result<(), StartUpError> {
    localtime::read_local_zone();
    if let Some(root) = &global.chroot {
        nix::unistd::chroot(root).map_err(system("chroot to", root.display()))?;
        std::env::set_current_dir("/").map_err(system("change to", "the new root"))?;
    }
    if let Some(gid) = global.gid {
        if Uid::effective().is_root() {
            nix::unistd::setgroups(&[]).map_err(system("leave", "all groups"))?;
        }
        nix::unistd::setgid(Gid::from_raw(gid)).map_err(system("become group", gid))?;
    }
    if let Some(uid) = global.uid {
        if Uid::effective().is_root() && global.gid.is_none() {
            nix::unistd::setgroups(&[]).map_err(system("leave", "all groups"))?;
        }
        nix::unistd::setuid(Uid::from_raw(uid)).map_err(system("become user", uid))?;
    }
    if global.is_dumpable {
        allow_core_file()?;
    }
    Ok(())
}

/// Lets the system write a core file although privileges were given up.
fn allow_core_file() -> Result<(), StartUpError> {
    use nix::libc::RLIM_INFINITY;
    nix::sys::prctl::set_dumpable(true).map_err(system("allow", "core files"))?;
    if setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).is_err() {
        log::warn!("the limit of core files stays as it is: raising it is not allowed");
    }
    Ok(())
}

/// Whether a process with this configuration cannot start a successor that is equal to it.
pub fn gives_up_privileges(global: &Global) -> bool {
    global.chroot.is_some() || global.uid.is_some() || global.gid.is_some()
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

    #[test]
    fn a_maxconn_that_fits_is_kept() {
        let options = Options { maxconn: Some(10), ..Options::default() };
        assert_eq!(settle_maxconn(&options, &Config::default()).unwrap(), 10);
        assert!(settle_maxconn(&Options::default(), &Config::default()).unwrap() > 10);
    }
}
