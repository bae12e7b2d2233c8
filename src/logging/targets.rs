//! Sends lines to `log` targets without ever waiting. A line that is not taken at once is lost; the
//! caller counts it.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};

use super::own;
use crate::config::LogDestination;
use crate::net::address::Address;
use crate::net::outlet::Outlet;

const STANDARD_OUTPUT: RawFd = 1;
const STANDARD_ERROR: RawFd = 2;

/// The sockets and descriptors of all targets. A socket is opened at the first line.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// The sockets are connected, because only a connected UDP socket learns that nobody listens.
    udp: HashMap<SocketAddr, UdpSocket>,
    /// One unconnected socket for all targets. So a syslog server that makes its socket again is
    /// found again.
    unix: Option<UnixDatagram>,
    /// The addresses of unix sockets in the form of the system, converted once.
    unix_addresses: HashMap<Address, UnixAddress>,
    /// The descriptors that this process was started with, by number. None if a descriptor is not
    /// open.
    descriptors: HashMap<RawFd, Option<Outlet>>,
}

/// The descriptor that a destination names.
fn descriptor(destination: &LogDestination) -> Option<RawFd> {
    match destination {
        LogDestination::Datagram(_) | LogDestination::Ring(_) => None,
        LogDestination::Stdout => Some(STANDARD_OUTPUT),
        LogDestination::Stderr => Some(STANDARD_ERROR),
        LogDestination::Fd(number) => Some(*number),
    }
}

impl Targets {
    /// Takes the descriptor that `log fd@{number}` lines go to.
    ///
    /// # Errors
    /// What fstat(2) or pipe(2) report.
    pub(super) fn adopt(&mut self, number: RawFd, fd: OwnedFd) -> io::Result<()> {
        self.descriptors.insert(number, Some(Outlet::new(fd)?));
        Ok(())
    }

    /// The adopted descriptors, for a successor. The successor has the standard streams anyway.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (RawFd, BorrowedFd<'_>)> {
        let outlets = self.descriptors.iter();
        let own = outlets.filter(|(number, _)| **number > STANDARD_ERROR);
        own.filter_map(|(number, outlet)| Some((*number, outlet.as_ref()?.as_fd())))
    }

    /// Opens the descriptor that a destination names, if any, unless it was adopted. This is done
    /// at the start, because /proc may be out of reach later.
    ///
    /// # Errors
    /// When the process has no such descriptor. Only the first call for a descriptor reports that.
    pub(super) fn open(&mut self, destination: &LogDestination) -> io::Result<()> {
        // The program's own messages use standard error too, so `own` writes to it.
        let number = descriptor(destination).filter(|number| *number != STANDARD_ERROR);
        let Some(number) = number.filter(|number| !self.descriptors.contains_key(number)) else {
            return Ok(());
        };
        let inherited = if number > STANDARD_ERROR {
            Err(io::Error::from_raw_os_error(libc::EBADF)) // an open descriptor was adopted
        } else {
            Outlet::inherited(number)
        };
        let (outlet, result) = match inherited {
            Ok(outlet) => (Some(outlet), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.descriptors.insert(number, outlet);
        result
    }

    /// Sends a line with its line end.
    ///
    /// # Errors
    /// Why the line is lost.
    pub(super) fn send(&mut self, destination: &LogDestination, line: &[u8]) -> io::Result<()> {
        match (destination, descriptor(destination)) {
            (LogDestination::Datagram(Address::Ip(address)), _) => self.send_udp(*address, line),
            (LogDestination::Datagram(address), _) => self.send_unix(address, line),
            (_, Some(STANDARD_ERROR)) => own::write_line(line),
            (_, number) => {
                let outlet = number.and_then(|number| self.descriptors.get_mut(&number));
                match outlet {
                    Some(Some(outlet)) => outlet.write_line(line),
                    Some(None) | None => Err(io::Error::from_raw_os_error(libc::EBADF)),
                }
            }
        }
    }

    fn send_udp(&mut self, address: SocketAddr, line: &[u8]) -> io::Result<()> {
        let socket = match self.udp.remove(&address) {
            Some(socket) => socket,
            None => connect_udp(address)?,
        };
        let sent = socket.send(line).map(drop);
        if sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            // The refusal is about the line before. This line is sent again; the next call reports
            // a refusal of this line.
            let _ = socket.send(line);
        }
        // After other errors the socket is opened again, because the route to the server may have
        // changed.
        let keeps = sent.as_ref().map_or_else(
            |e| matches!(e.kind(), ErrorKind::ConnectionRefused | ErrorKind::WouldBlock),
            |()| true,
        );
        if keeps {
            self.udp.insert(address, socket);
        }
        sent
    }

    fn send_unix(&mut self, address: &Address, line: &[u8]) -> io::Result<()> {
        if !self.unix_addresses.contains_key(address) {
            let converted = unix_address(address)?;
            self.unix_addresses.insert(address.clone(), converted);
        }
        let Some(converted) = self.unix_addresses.get(address) else {
            return Err(ErrorKind::AddrNotAvailable.into());
        };
        let socket = match &mut self.unix {
            Some(socket) => socket,
            slot @ None => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                slot.insert(socket)
            }
        };
        socket.send_to_addr(line, converted).map(drop)
    }
}

fn connect_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

fn unix_address(address: &Address) -> io::Result<UnixAddress> {
    use std::os::linux::net::SocketAddrExt;
    match address {
        Address::Unix(path) => UnixAddress::from_pathname(path),
        Address::Abstract(name) => UnixAddress::from_abstract_name(name.as_bytes()),
        Address::Ip(_) => Err(ErrorKind::InvalidInput.into()),
    }
}
