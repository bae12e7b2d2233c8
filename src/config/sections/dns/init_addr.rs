//! `init-addr`: the address with which a server starts when its line has the name of a host.

use std::net::Ipv4Addr;

use crate::config::drafts::InitAddr;
use crate::config::drafts::ServerWords;
use crate::config::text::address;
use crate::config::text::address::{AddressError, Hosts};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{NamedHost, ServerAddress, ServerPort};

/// Reads `<method>[,<method>...]`.
pub(in crate::config) fn read(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
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

/// The name in place of the address of a server.
pub(in crate::config) fn named_host(typed: &str) -> Option<NamedHost> {
    Some(NamedHost::new(address::server_host(typed)?.parse().ok()?))
}

/// The address with which a server starts whose name is looked up by `resolvers`. The server has
/// the unspecified address, and is in maintenance, until there is another one.
pub(in crate::config) fn choose_named(
    typed: &Placed<&str>,
    host: &NamedHost,
    hosts: Hosts,
    words: &ServerWords,
    report: &mut Report,
) -> Result<ServerAddress, AddressError> {
    let methods = match words.init_addr.as_slice() {
        [] => vec![InitAddr::Last, InitAddr::Libc],
        typed => typed.to_vec(),
    };
    let mut is_unknown = false;
    for way in methods {
        match (way, host) {
            (InitAddr::Ip(ip), _) => {
                return Ok(ServerAddress::from_ip(ip, address::server_port(typed.value)?));
            }
            (InitAddr::Libc, NamedHost::Host(_)) => match address::server(typed.value, hosts) {
                Err(AddressError::Unresolved(_)) => is_unknown = true,
                found => return found,
            },
            (InitAddr::None, _) => break,
            (InitAddr::Last, _) | (InitAddr::Libc, NamedHost::Service(_)) => {}
        }
    }
    if is_unknown {
        let message = "its name does not resolve: it begins in maintenance, until its \
                       nameservers know it";
        report.warning(typed.place, message);
    }
    let port = match host {
        NamedHost::Host(_) => address::server_port(typed.value)?,
        NamedHost::Service(_) => ServerPort::Fixed(0), // that of the record
    };
    Ok(ServerAddress::from_ip(Ipv4Addr::UNSPECIFIED.into(), port))
}

/// The address with which a server starts. When its line has the name of a host, the methods of
/// `init-addr` are tried in their order.
pub(in crate::config) fn choose(
    typed: &Placed<&str>,
    hosts: Hosts,
    server: &mut ServerWords,
    report: &mut Report,
) -> Result<ServerAddress, AddressError> {
    let host = match address::server(typed.value, |_| Vec::new()) {
        Err(AddressError::Unresolved(host)) if address::is_host_name(&host) => host,
        known => return known,
    };
    let methods = match server.init_addr.as_slice() {
        [] => vec![InitAddr::Last, InitAddr::Libc],
        typed => typed.to_vec(),
    };
    let mut is_unknown = false;
    for way in methods {
        let (ip, then) = match way {
            InitAddr::Last => continue,
            InitAddr::Libc => match address::server(typed.value, hosts) {
                Err(AddressError::Unresolved(_)) => {
                    is_unknown = true;
                    continue;
                }
                found => return found,
            },
            InitAddr::Ip(ip) => (ip, "it begins with the address that 'init-addr' gives"),
            InitAddr::None => {
                server.settings.disabled = true;
                let then =
                    "it begins in maintenance; 'set server' gives it an address and its state";
                (Ipv4Addr::UNSPECIFIED.into(), then)
            }
        };
        if is_unknown {
            report.warning(typed.place, format!("'{host}' does not resolve: {then}"));
        }
        return Ok(ServerAddress::from_ip(ip, address::server_port(typed.value)?));
    }
    Err(AddressError::Unresolved(host))
}
