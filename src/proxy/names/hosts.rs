//! Gives the addresses of a host to the servers of that name.

use std::collections::HashSet;
use std::net::IpAddr;

use super::lines;
use crate::config::{BackendId, ServerIndex, ServerPort};
use crate::proxy::backend::server::Server;
use crate::proxy::shared::Shared;

/// The places that servers have taken.
type Taken = HashSet<(IpAddr, Option<ServerPort>)>;

/// Gives each server an address of `found`. Servers keep theirs, if it is still there. Returns
/// whether a server has moved.
pub(super) fn assign(
    shared: &mut Shared,
    backend: BackendId,
    servers: &[ServerIndex],
    found: &[IpAddr],
    source: &str,
    now_ms: u64,
) -> bool {
    let known: HashSet<IpAddr> = found.iter().copied().collect();
    let mut taken = Taken::new();
    let mut homeless = Vec::new();
    for index in servers {
        let server = shared.backend(backend).server(*index);
        match own(server, &known, &taken) {
            Some(ip) => {
                taken.insert(place(server, ip));
                if is_missing(server) {
                    homeless.push((*index, Some(ip)));
                }
            }
            None => homeless.push((*index, None)),
        }
    }
    let mut source = source;
    for (index, own) in homeless.iter().copied() {
        let server = shared.backend(backend).server(index);
        match own.or_else(|| choose(server, found, &taken)) {
            Some(ip) => {
                taken.insert(place(server, ip));
                shared.find_address(backend, index, ip, source, now_ms);
                source = lines::FROM_CACHE;
            }
            None => shared.lose_address(backend, index, lines::NO_ADDRESS_LEFT, now_ms),
        }
    }
    source == lines::FROM_CACHE
}

fn is_missing(server: &Server) -> bool {
    server.naming.as_ref().is_some_and(|naming| naming.is_missing)
}

fn allows_same_ip(server: &Server) -> bool {
    server.naming.as_ref().is_some_and(|naming| naming.choice.allows_same_ip)
}

fn place(server: &Server, ip: IpAddr) -> (IpAddr, Option<ServerPort>) {
    (ip, server.address.ip().map(|(_, port)| port))
}

/// The address that a server has had last, if it may have it again. One that it has from the start
/// counts too.
fn own(server: &Server, known: &HashSet<IpAddr>, taken: &Taken) -> Option<IpAddr> {
    let naming = server.naming.as_ref()?;
    let ip = naming.ip.or_else(|| server.address.ip().map(|(ip, _)| ip))?;
    let is_free = naming.choice.allows_same_ip || !taken.contains(&place(server, ip));
    (known.contains(&ip) && is_free).then_some(ip)
}

/// The best address that no other server of the name has.
fn choose(server: &Server, found: &[IpAddr], taken: &Taken) -> Option<IpAddr> {
    let choice = &server.naming.as_ref()?.choice;
    let is_free = |ip: &IpAddr| allows_same_ip(server) || !taken.contains(&place(server, *ip));
    found.iter().copied().filter(is_free).min_by_key(|ip| choice.rank(*ip))
}
