//! Which inherited socket a `bind` line goes on with, or that it opens a new one. An inherited
//! socket is made what the line says now; where that is not possible, or the file of a unix socket
//! is gone, a new one is opened beside it.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use super::label::{SocketOrigin, name_of};
use super::{Inherited, InheritedListener, Key};
use crate::config::{Bind, BindAddress};
use crate::net::address::Address;
use crate::net::adopt;
use crate::net::socket;
use crate::net::socket::{ListenError, ListenOptions};
use crate::net::tcp::TcpOptions;
use crate::net::unix_file::{FileId, Permissions};

/// A listening socket of a `bind` line.
#[derive(Debug)]
pub struct Opened {
    /// The socket.
    pub fd: OwnedFd,
    /// Where it listens.
    pub address: Address,
    /// What a successor is told of it.
    pub origin: SocketOrigin,
}

/// Opens the sockets of a configuration.
#[derive(Debug)]
pub struct Opener<'a> {
    inherited: &'a mut Inherited,
    /// The descriptors that `fd@N` lines name: no other line takes these.
    numbers: BTreeSet<RawFd>,
    is_exclusive: bool,
    /// What is to be done once all is open: until then the predecessor may have to go on.
    permissions: Vec<(PathBuf, FileId, Permissions)>,
}

impl<'a> Opener<'a> {
    /// Takes what it can from `inherited`. `numbers` are those of all `fd@N` lines; an exclusive
    /// socket shares its address with no other process.
    pub fn new(
        inherited: &'a mut Inherited,
        numbers: impl Iterator<Item = RawFd>,
        is_exclusive: bool,
    ) -> Self {
        Self { inherited, numbers: numbers.collect(), is_exclusive, permissions: Vec::new() }
    }

    /// The listening socket that `bind` describes; `backlog` is how many may wait, where the
    /// configuration says it.
    ///
    /// # Errors
    /// What could not be done, and why.
    pub fn open(
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

    /// Gives the files of inherited sockets the owners and modes of the configuration.
    ///
    /// # Errors
    /// What the system reports of each.
    pub fn finish(self) -> Vec<(PathBuf, io::Error)> {
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
        // A service manager listens for both families where IPv4 is meant here.
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
    /// Makes an inherited socket what its line says.
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

/// What the words of `bind` ask for.
fn listen_options(
    bind: &Bind,
    backlog: Option<u32>,
    tcp: TcpOptions,
    is_exclusive: bool,
) -> ListenOptions {
    ListenOptions {
        backlog: backlog.unwrap_or(socket::BACKLOG),
        v4v6: bind.v4v6,
        interface: bind.interface.clone(),
        tcp,
        mss: bind.tcp.mss,
        defer_accept: bind.tcp.defer_accept,
        fast_open: bind.tcp.fast_open,
        transparent: bind.tcp.transparent,
        is_exclusive,
        file: Permissions { mode: bind.mode, uid: bind.uid, gid: bind.gid },
        ..ListenOptions::default()
    }
}
