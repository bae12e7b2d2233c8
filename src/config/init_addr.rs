//! `init-addr`: which address a server begins with whose name does not resolve.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::address::AddressError;
use super::diagnostic::{Mistake, Parsed, Placed, Report};
use super::draft::ServerSettings;
use super::line::Line;
use crate::net::address::Address;

/// One way to come by an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InitAddr {
    /// The one it had before a restart, which nobody remembers here.
    Last,
    /// What the system's resolver says.
    Libc,
    /// None: the server begins in maintenance.
    None,
    /// This one.
    Ip(IpAddr),
}

/// Reads `<method>[,<method>...]`.
pub(super) fn read(server: &mut ServerSettings, line: &Line<'_>, _: &mut Report) -> Parsed {
    let word = line.argument(0)?;
    let methods: Result<Vec<InitAddr>, &str> = word.value.split(',').map(method).collect();
    server.init_addr = methods.map_err(|method| {
        let message =
            format!("'init-addr' is a list of 'last', 'libc', 'none' and addresses: '{method}'");
        Mistake::new(word.place, message)
    })?;
    Ok(())
}

fn method(text: &str) -> Result<InitAddr, &str> {
    match text {
        "last" => Ok(InitAddr::Last),
        "libc" => Ok(InitAddr::Libc),
        "none" => Ok(InitAddr::None),
        other => other.parse().map(InitAddr::Ip).map_err(|_| other),
    }
}

/// The address of a server whose name the resolver does not know, if `init-addr` gives one.
pub(super) fn stand_in(
    host: &Placed<String>,
    port: u16,
    server: &mut ServerSettings,
    report: &mut Report,
) -> Result<Address, AddressError> {
    let mut methods = server.init_addr.iter().copied();
    let found = methods.find(|way| matches!(way, InitAddr::None | InitAddr::Ip(_)));
    let (ip, then) = match found {
        Some(InitAddr::Ip(ip)) => (ip, "it begins with the address that 'init-addr' gives"),
        Some(InitAddr::None) => {
            server.disabled = true;
            let then = "it begins in maintenance; 'set server' gives it an address and its state";
            (Ipv4Addr::UNSPECIFIED.into(), then)
        }
        _ => return Err(AddressError::Unresolved(host.value.clone())),
    };
    report.warning(host.place, format!("'{}' does not resolve: {then}", host.value));
    Ok(Address::Ip(SocketAddr::new(ip, port)))
}
