//! Gives the records of a service to the servers of that name.

use std::collections::{HashMap, HashSet};

use super::lines;
use crate::config::{BackendId, ServerIndex};
use crate::net::dns::{Name, Service};
use crate::proxy::backend::naming::Record;
use crate::proxy::shared::Shared;

/// Gives each server a record of `found`. Servers keep theirs, if it is still there. Returns for
/// each server the host whose address has to be asked for, if the record came without.
pub(super) fn assign(
    shared: &mut Shared,
    backend: BackendId,
    servers: &[ServerIndex],
    found: &[Service],
    now_ms: u64,
) -> Vec<(ServerIndex, Option<Name>)> {
    let record_of =
        |service: &Service| Record { target: service.target.clone(), port: service.port };
    let mut free: HashMap<Record, &Service> =
        found.iter().map(|service| (record_of(service), service)).collect();
    let mut taken: HashMap<ServerIndex, &Service> = HashMap::new();
    for index in servers {
        let naming = shared.backend(backend).server(*index).naming.as_ref();
        let record = naming.and_then(|naming| naming.record.as_ref());
        if let Some(service) = record.and_then(|record| free.remove(record)) {
            taken.insert(*index, service);
        }
    }
    let mut fresh = found.iter().filter(|service| free.contains_key(&record_of(service)));
    let mut seen = HashSet::new();
    let mut targets = Vec::new();
    for index in servers {
        let own = taken.get(index).copied();
        let service = own.or_else(|| fresh.find(|service| seen.insert(record_of(service))));
        let target = match service {
            Some(service) => take(shared, backend, *index, service, now_ms),
            None => {
                shared.lose_address(backend, *index, lines::NO_RECORD, now_ms);
                None
            }
        };
        targets.push((*index, target));
    }
    targets
}

/// Gives a server a record. Returns the host whose address has to be asked for.
fn take(
    shared: &mut Shared,
    backend: BackendId,
    index: ServerIndex,
    service: &Service,
    now_ms: u64,
) -> Option<Name> {
    let record = Record { target: service.target.clone(), port: service.port };
    let server = shared.backend_mut(backend).server_mut(index);
    let naming = server.naming.as_mut()?;
    let is_new = naming.record.as_ref() != Some(&record);
    let (choice, is_missing, old) = (naming.choice.clone(), naming.is_missing, naming.ip);
    if is_new {
        naming.record = Some(record);
        naming.ip = None; // it is the address of another host
        server.set_port(service.port);
    }
    if !choice.ignores_weight {
        shared.take_record_weight(backend, index, service.weight, now_ms);
    }
    let best = service.addresses.iter().copied().min_by_key(|ip| choice.rank(*ip));
    let Some(best) = best else { return Some(service.target.clone()) };
    let has_own = old.is_some_and(|old| !is_new && service.addresses.contains(&old));
    let ip = old.filter(|_| has_own).unwrap_or(best);
    if is_missing || !has_own {
        shared.find_address(backend, index, ip, lines::FROM_RECORD, now_ms);
    }
    None
}
