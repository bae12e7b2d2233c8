//! Opening a socket to one peer, whose host name may have to be looked up first.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use crate::config::{Peer, PeerAddress, PeerTls};
use crate::net::address::Address;
use crate::net::lookup::Lookup;
use crate::net::socket;
use crate::net::socket::ConnectOptions;

/// Opens sockets to one peer.
#[derive(Debug)]
pub(super) struct Dialer {
    address: PeerAddress,
    /// The address of the descriptor that the local peer listens at, or the one that nameservers
    /// know of the peer.
    bound_at: Option<Address>,
    tls: Option<PeerTls>,
    lookup: NameLookup,
}

/// The state of the peer's host name.
#[derive(Debug)]
enum NameLookup {
    /// The name is not being looked up.
    Idle,
    /// The name is being looked up.
    UnderWay(Lookup),
    /// The name has this address, for the next call.
    Found(SocketAddr),
}

impl Dialer {
    pub(super) fn new(peer: &Peer) -> Self {
        let Peer { address, tls, .. } = peer;
        Self {
            address: address.clone(),
            bound_at: None,
            tls: tls.clone(),
            lookup: NameLookup::Idle,
        }
    }

    /// Where the configuration says that the peer is, to be compared with what another process
    /// says.
    pub(super) fn place(&self) -> String {
        format!("{:?}", self.address)
    }

    /// TLS of the calls to the peer, if it is to be spoken.
    pub(super) fn tls(&self) -> Option<&PeerTls> {
        self.tls.as_ref()
    }

    /// The peer is here: nameservers say so, or the descriptor is bound here.
    pub(super) fn set_bound_at(&mut self, address: Address) {
        self.bound_at = Some(address);
    }

    /// Where the descriptor is bound that the peer listens at, or where nameservers say it is.
    pub(super) fn bound_at(&self) -> Option<&Address> {
        self.bound_at.as_ref()
    }

    /// Whether the peer listens at a descriptor that this process was given.
    pub(super) fn is_descriptor(&self) -> bool {
        self.address == PeerAddress::Descriptor
    }

    /// Whether nameservers say where the peer is.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.address, PeerAddress::Named(_) | PeerAddress::OfTemplate)
    }

    /// Whether the peer has this address, as far as is known without a look-up.
    pub(super) fn has_ip(&self, ip: IpAddr) -> bool {
        // A socket for both families shows IPv4 as IPv6.
        let is = |address: &SocketAddr| address.ip().to_canonical() == ip.to_canonical();
        match &self.address {
            PeerAddress::Known(Address::Ip(address)) => is(address),
            PeerAddress::Known(Address::Unix(_) | Address::Abstract(_)) => false,
            PeerAddress::Descriptor | PeerAddress::Named(_) | PeerAddress::OfTemplate => {
                matches!(&self.bound_at, Some(Address::Ip(address)) if is(address))
            }
            PeerAddress::Unresolved { .. } => false,
        }
    }

    /// Opens a socket that is being connected. None while the host name is looked up: a later call
    /// has the address.
    ///
    /// # Errors
    /// If the socket cannot be opened or connected, or the look-up cannot be started.
    pub(super) fn open(&mut self, now_ms: u64) -> io::Result<Option<OwnedFd>> {
        let address = match &self.address {
            PeerAddress::Known(address) => address.clone(),
            PeerAddress::Descriptor => {
                self.bound_at.clone().ok_or(io::ErrorKind::AddrNotAvailable)?
            }
            PeerAddress::Named(_) => {
                let unknown = || io::Error::other("the nameservers know no address of it");
                self.bound_at.clone().ok_or_else(unknown)?
            }
            PeerAddress::OfTemplate => match &self.bound_at {
                Some(address) => address.clone(),
                None => return Ok(None), // its host is being asked for
            },
            PeerAddress::Unresolved { host, port } => match self.lookup {
                NameLookup::Found(address) => {
                    self.lookup = NameLookup::Idle;
                    Address::Ip(address)
                }
                NameLookup::Idle => {
                    self.lookup = NameLookup::UnderWay(Lookup::start(host, *port, now_ms)?);
                    return Ok(None);
                }
                NameLookup::UnderWay(_) => return Ok(None),
            },
        };
        socket::connect(&address, &ConnectOptions::default()).map(Some)
    }

    /// Takes the answer of the look-up, if it has come.
    ///
    /// # Errors
    /// If the host name has no address.
    pub(super) fn poll_lookup(&mut self, now_ms: u64) -> io::Result<()> {
        let NameLookup::UnderWay(lookup) = &mut self.lookup else { return Ok(()) };
        let Some(answer) = lookup.poll(now_ms) else { return Ok(()) };
        self.lookup = NameLookup::Idle;
        self.lookup = NameLookup::Found(answer?);
        Ok(())
    }

    /// When to ask [`Dialer::poll_lookup`] again.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        match &self.lookup {
            NameLookup::UnderWay(lookup) => Some(lookup.deadline_ms()),
            NameLookup::Idle | NameLookup::Found(_) => None,
        }
    }
}
