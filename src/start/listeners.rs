//! Opening the listening sockets of a configuration, or taking them over from another process.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use super::system::{StartUpError, system};
use crate::admin::context::endpoint::EndpointId;
use crate::admin::link::ListenerKind;
use crate::config::{
    Bind, BindAddress, Config, FrontendId, Global, LogDestination, PeersId, ProxyOptions,
    StatsSocket,
};
use crate::net::address::Address;
use crate::net::adopt;
use crate::net::files::unix_file::{FileId, Permissions};
use crate::net::socket;
use crate::net::socket::{ListenError, ListenOptions};
use crate::net::tcp::{Probes, TcpOptions};
use crate::process::Listeners;
use crate::proxy::frontend::listener::Listener;
use crate::reload::inherit::label::{SocketOrigin, name_of};
use crate::reload::inherit::{FIRST_FD, Inherited, InheritedListener, Key};
use crate::reload::supervisor::master::MasterListener;

/// Opens every listening socket that the configuration names, or takes it from `inherited`.
///
/// # Errors
/// All sockets that could not be opened, and why.
pub(super) fn open_listeners(
    config: &Config,
    inherited: &mut Inherited,
) -> Result<Listeners, StartUpError> {
    let mut listeners = Listeners::default();
    // A missing descriptor is reported when a line for it is lost.
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
            if let Some((fd, _)) = open(bind, bind.settings.backlog, TcpOptions::default()) {
                listeners.peers.push((id, bind.clone(), fd));
            }
        }
    }
    for stats in &config.global.stats_sockets {
        if let Some((fd, _)) = open(&stats.bind, stats.bind.settings.backlog, TcpOptions::default())
        {
            listeners.admin.push((ListenerKind::RuntimeApi(stats.level), stats.bind.clone(), fd));
        }
    }
    for (id, endpoint) in (0..u16::MAX).map(EndpointId).zip(&config.pages) {
        for bind in endpoint.binds.iter().filter(|_| !endpoint.disabled) {
            let tcp = client_options(endpoint.options, endpoint.probes, bind, &config.global);
            if let Some((fd, _)) = open(bind, endpoint.backlog(bind), tcp) {
                listeners.admin.push((ListenerKind::Pages(id), bind.clone(), fd));
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

/// Opens the sockets of the supervisor (`-S`).
///
/// # Errors
/// All sockets that could not be opened, and why.
pub(super) fn open_master(
    config: &Config,
    inherited: &mut Inherited,
) -> Result<Vec<MasterListener>, StartUpError> {
    let mut opener = Opener::new(inherited, descriptors_of(config), config.global.listens_alone);
    let (mut opened, mut errors) = (Vec::new(), Vec::new());
    for StatsSocket { bind, level } in &config.global.master_sockets {
        match opener.open(bind, bind.settings.backlog, TcpOptions::default()) {
            Ok(Opened { fd, address, .. }) => {
                opened.push(MasterListener { fd, level: *level, address: address.to_string() });
            }
            Err(error) => errors.push((bind.place.clone(), error)),
        }
    }
    if errors.is_empty() { Ok(opened) } else { Err(StartUpError::Listen(errors)) }
}

/// The numbers of all `fd@N` in `bind` lines.
pub(super) fn descriptors_of(config: &Config) -> impl Iterator<Item = i32> {
    let frontends = config.frontends.iter().flat_map(|frontend| &frontend.binds);
    let peers = config.peers.iter().flat_map(|section| &section.binds);
    let admin = config.global.stats_sockets.iter().map(|stats| &stats.bind);
    let metrics = config.pages.iter().flat_map(|endpoint| &endpoint.binds);
    frontends.chain(peers).chain(admin).chain(metrics).filter_map(|bind| match bind.address {
        BindAddress::Fd(number) => Some(number),
        BindAddress::Address(_) => None,
    })
}

/// The numbers of all `fd@N` in `log` lines, except those of the standard streams.
pub(super) fn log_descriptors_of(config: &Config) -> impl Iterator<Item = i32> {
    let numbers = config.log_targets().filter_map(|target| match target.destination {
        LogDestination::Fd(number) if number >= FIRST_FD => Some(number),
        _ => None,
    });
    numbers.collect::<BTreeSet<_>>().into_iter()
}

/// The options of the sockets of clients.
fn client_options(
    options: ProxyOptions,
    probes: Probes,
    bind: &Bind,
    global: &Global,
) -> TcpOptions {
    TcpOptions {
        keepalive: options.client_keepalive,
        probes,
        user_timeout_ms: bind.settings.tcp.user_timeout_ms,
        lazy_ack: options.tcp_smart_accept,
        buffers: global.kernel_buffers.client,
    }
}

/// A listening socket of a `bind` line.
#[derive(Debug)]
struct Opened {
    /// The socket.
    fd: OwnedFd,
    /// The address where it listens.
    address: Address,
    /// What a successor is told of the socket.
    origin: SocketOrigin,
}

/// Opens the listening sockets of a configuration. It takes an inherited socket where one fits, and
/// gives it the options that its `bind` line asks for. Where that is not possible, or where the
/// file of a unix socket is gone, it opens a new socket.
#[derive(Debug)]
struct Opener<'a> {
    inherited: &'a mut Inherited,
    /// The numbers in `fd@N` lines. No other line takes these descriptors.
    numbers: BTreeSet<RawFd>,
    is_exclusive: bool,
    /// Owners and modes to set when all sockets are open. Until then this start may fail, and the
    /// predecessor goes on with the files.
    permissions: Vec<(PathBuf, FileId, Permissions)>,
}

impl<'a> Opener<'a> {
    /// Takes sockets from `inherited`. `numbers` are the numbers of all `fd@N` lines. If
    /// `is_exclusive`, the sockets share their addresses with no other process.
    fn new(
        inherited: &'a mut Inherited,
        numbers: impl Iterator<Item = RawFd>,
        is_exclusive: bool,
    ) -> Self {
        Self { inherited, numbers: numbers.collect(), is_exclusive, permissions: Vec::new() }
    }

    /// Opens the listening socket that `bind` describes. `backlog` is the length of its queue, if
    /// the configuration sets it.
    ///
    /// # Errors
    /// The step that failed, and why.
    fn open(
        &mut self,
        bind: &Bind,
        backlog: Option<u32>,
        tcp: TcpOptions,
    ) -> Result<Opened, ListenError> {
        let options = listen_options(bind, backlog, tcp, self.is_exclusive);
        if let Some(given) = self.inherited_for(bind, &options) {
            return self.go_on_with(given, bind, &options, backlog);
        }
        match &bind.address {
            BindAddress::Address(address) => open_new(address, &options),
            BindAddress::Fd(number) => {
                let taken = self.inherited.take_descriptor(*number);
                let fd = taken.map_err(|source| ListenError {
                    action: "use",
                    subject: format!("descriptor {number}"),
                    source,
                })?;
                let (fd, address) = adopt::adopt(fd)?;
                let origin = SocketOrigin { file: None, is_foreign: true };
                let opened = Opened { fd, address, origin };
                opened.update(&options, backlog)?;
                Ok(opened)
            }
        }
    }

    /// Gives the files of inherited sockets the owners and modes of the configuration. Returns the
    /// files for which that failed, and why.
    fn finish(self) -> Vec<(PathBuf, io::Error)> {
        let applied = self.permissions.into_iter().map(|(path, file, permissions)| {
            permissions.apply(&path, file).map_err(|error| (path, error))
        });
        applied.filter_map(Result::err).collect()
    }

    fn inherited_for(&mut self, bind: &Bind, options: &ListenOptions) -> Option<InheritedListener> {
        let mut keys = vec![Key::Name(name_of(bind))];
        let BindAddress::Address(address) = &bind.address else {
            return self.inherited.take(&keys, |_| true);
        };
        keys.push(Key::Address(address.clone()));
        // A service manager may have opened one socket for IPv4 and IPv6.
        let both = address
            .ip()
            .filter(|ip| ip.ip() == Ipv4Addr::UNSPECIFIED)
            .map(|ip| Address::Ip(SocketAddr::from((Ipv6Addr::UNSPECIFIED, ip.port()))));
        keys.extend(both.map(Key::Address));
        let numbers = &self.numbers;
        self.inherited.take(&keys, |given| {
            let is_named = given.number.is_some_and(|number| numbers.contains(&number));
            !is_named && fits(given, address, options)
        })
    }

    fn go_on_with(
        &mut self,
        given: InheritedListener,
        bind: &Bind,
        options: &ListenOptions,
        backlog: Option<u32>,
    ) -> Result<Opened, ListenError> {
        let origin = given.label.origin;
        let (fd, address) = adopt::adopt(given.fd)?;
        let opened = Opened { fd, address, origin };
        opened.update(options, backlog)?;
        if let BindAddress::Address(Address::Unix(path)) = &bind.address {
            let fail = |source| ListenError {
                action: "look at the file of",
                subject: format!("unix@{}", path.display()),
                source,
            };
            match FileId::of(path) {
                Ok(file) => {
                    let wanted = match origin.is_foreign {
                        true => options.file,
                        false => options.file.or_as_made_now(path).map_err(fail)?,
                    };
                    self.permissions.push((path.clone(), file, wanted));
                }
                Err(error) => log::warn!(
                    "{}: whether {} has the mode and owner of this line cannot be seen: {error}",
                    bind.place,
                    path.display()
                ),
            }
        }
        Ok(opened)
    }
}

impl Opened {
    /// Gives an inherited socket the options of its line.
    fn update(&self, options: &ListenOptions, backlog: Option<u32>) -> Result<(), ListenError> {
        let fd = self.fd.as_fd();
        let updated = match self.origin.is_foreign {
            true => adopt::ask_for(fd, &self.address, options, backlog),
            false => adopt::renew(fd, &self.address, options),
        };
        updated.map_err(|source| ListenError {
            action: "set options for",
            subject: self.address.to_string(),
            source,
        })
    }
}

fn open_new(address: &Address, options: &ListenOptions) -> Result<Opened, ListenError> {
    let fd = socket::listen(address, options)?;
    // With port 0 the system has chosen one.
    let bound = socket::local_address(fd.as_fd()).ok().filter(|bound| bound.ip().is_some());
    let file = match address {
        Address::Unix(path) => FileId::of(path).ok(),
        Address::Ip(_) | Address::Abstract(_) => None,
    };
    let origin = SocketOrigin { file, is_foreign: false };
    Ok(Opened { fd, address: bound.unwrap_or_else(|| address.clone()), origin })
}

/// Whether an inherited socket can serve where `address` is configured.
fn fits(given: &InheritedListener, address: &Address, options: &ListenOptions) -> bool {
    match (address, &given.address) {
        (Address::Ip(wanted), Some(Address::Ip(found))) => {
            let (fd, is_foreign) = (given.fd.as_fd(), given.label.origin.is_foreign);
            let is_same = wanted.ip() == found.ip();
            let is_both = is_foreign
                && wanted.ip() == Ipv4Addr::UNSPECIFIED
                && found.ip() == Ipv6Addr::UNSPECIFIED
                && adopt::takes_ipv4(fd);
            (is_same || is_both)
                && (wanted.port() == found.port() || wanted.port() == 0)
                && adopt::is_as_wanted(fd, found, options, is_foreign).unwrap_or(false)
        }
        (Address::Unix(path), Some(Address::Unix(_))) => is_at(given.label.origin.file, path),
        (Address::Abstract(_), Some(found)) => address == found,
        _ => false,
    }
}

/// Whether clients that connect to `path` still come to the socket whose file was `made`.
fn is_at(made: Option<FileId>, path: &Path) -> bool {
    match FileId::of(path) {
        Ok(found) => made.is_none_or(|made| made == found),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The options that the words of `bind` ask for.
fn listen_options(
    bind: &Bind,
    backlog: Option<u32>,
    tcp: TcpOptions,
    is_exclusive: bool,
) -> ListenOptions {
    ListenOptions {
        backlog: backlog.unwrap_or(socket::BACKLOG),
        v4v6: bind.settings.v4v6,
        interface: bind.settings.interface.clone(),
        tcp,
        mss: bind.settings.tcp.mss,
        defer_accept: bind.settings.tcp.defer_accept,
        fast_open: bind.settings.tcp.fast_open,
        transparent: bind.settings.tcp.transparent,
        is_exclusive,
        file: Permissions {
            mode: bind.settings.mode,
            uid: bind.settings.uid,
            gid: bind.settings.gid,
        },
        ..ListenOptions::default()
    }
}
