//! How a server is chosen for a client without a usable entry: one file per algorithm, and the
//! choice of the servers that take part at all.

mod bounds;
mod candidate;
pub mod first;
pub mod hash;
pub mod least_conn;
pub mod map;
pub mod random;
pub mod ring;
pub mod round_robin;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use super::server::Server;
use super::servers::Servers;
use crate::config;
use crate::config::{Balance, HashFunction, HashKey, HashType, ServerIndex, ServerPort};
use bounds::Bounds;
pub use candidate::{Candidate, RoundPosition};
use first::First;
use least_conn::LeastConn;
use map::Map;
use random::Random;
use ring::Ring;
use round_robin::RoundRobin;

/// Chooses servers by a backend's algorithm.
#[derive(Debug)]
pub struct Balancer {
    algorithm: Algorithm,
    all_backups: bool,
    bounds: Option<Bounds>,
    candidates: Vec<Candidate>,
}

#[derive(Debug)]
enum Algorithm {
    RoundRobin(RoundRobin),
    StaticRoundRobin(Map),
    LeastConn(LeastConn),
    First(First),
    HashMap(Map, KeyHash),
    HashRing(Ring, KeyHash),
    Random(Ring, Random),
}

/// How what is known of a client becomes a hash.
#[derive(Clone, Copy, Debug)]
struct KeyHash {
    key: HashedKey,
    hash_type: HashType,
}

/// What is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HashedKey {
    /// The client's address, taken as a number (`balance source`).
    AddressNumber,
    /// The client's address, through the function (`balance hash src`).
    Address,
    /// The client's cookie (`balance rdp-cookie`).
    Cookie,
}

impl Balancer {
    /// The algorithm of `config` over `servers`.
    pub fn new(config: &config::Backend, servers: &Servers, seed: u64) -> Self {
        let hash_type = config.hash_type;
        let keyed = |key| {
            let key = KeyHash { key, hash_type };
            if hash_type.consistent {
                Algorithm::HashRing(Ring::new(), key)
            } else {
                Algorithm::HashMap(Map::new(weights(config)), key)
            }
        };
        let algorithm = match config.balance {
            Balance::RoundRobin => Algorithm::RoundRobin(RoundRobin::new()),
            Balance::StaticRr => Algorithm::StaticRoundRobin(Map::new(weights(config))),
            Balance::LeastConn => Algorithm::LeastConn(LeastConn::new()),
            Balance::First => Algorithm::First(First::new()),
            Balance::Source => keyed(HashedKey::AddressNumber),
            Balance::HashSource => keyed(HashedKey::Address),
            Balance::RdpCookie => keyed(HashedKey::Cookie),
            Balance::Random(draws) => Algorithm::Random(Ring::new(), Random::new(draws, seed)),
        };
        let all_backups = config.options.all_backups;
        let bounds = config.hash_balance_factor.map(Bounds::new);
        let mut balancer = Self { algorithm, all_backups, bounds, candidates: Vec::new() };
        balancer.update(servers);
        balancer
    }

    /// Takes over the states and weights of all servers after one of them has changed.
    pub fn update(&mut self, servers: &Servers) {
        let candidates = &mut self.candidates;
        candidates.clear();
        let usable = |backup| servers.indexed().filter(move |c| is_in(c.1, backup)).map(candidate);
        candidates.extend(usable(false));
        if candidates.is_empty() {
            let backups_max = if self.all_backups { usize::MAX } else { 1 };
            candidates.extend(usable(true).take(backups_max));
        }
        if let Some(bounds) = &mut self.bounds {
            bounds.update(candidates);
        }
        match &mut self.algorithm {
            Algorithm::RoundRobin(rotation) => rotation.update(candidates),
            Algorithm::StaticRoundRobin(map) | Algorithm::HashMap(map, _) => map.update(candidates),
            Algorithm::LeastConn(order) => order.update(candidates),
            Algorithm::First(order) => order.update(candidates),
            Algorithm::HashRing(ring, _) | Algorithm::Random(ring, _) => ring.update(candidates),
        }
    }

    /// Forgets a server that was deleted.
    pub fn forget(&mut self, server: ServerIndex, servers: &Servers) {
        match &mut self.algorithm {
            Algorithm::HashRing(ring, _) | Algorithm::Random(ring, _) => ring.forget(server),
            Algorithm::RoundRobin(_)
            | Algorithm::StaticRoundRobin(_)
            | Algorithm::LeastConn(_)
            | Algorithm::First(_)
            | Algorithm::HashMap(..) => {}
        }
        self.update(servers);
    }

    /// Notes how many connections a server has now, those that wait for it included.
    pub fn note_load(&mut self, server: ServerIndex, load: u32) {
        match &mut self.algorithm {
            Algorithm::LeastConn(order) => order.note_load(server, load),
            Algorithm::RoundRobin(_)
            | Algorithm::StaticRoundRobin(_)
            | Algorithm::First(_)
            | Algorithm::HashMap(..)
            | Algorithm::HashRing(..)
            | Algorithm::Random(..) => {}
        }
    }

    /// Where the servers stand, for algorithms that take turns.
    pub fn turns(&self) -> Vec<(ServerIndex, RoundPosition)> {
        match &self.algorithm {
            Algorithm::RoundRobin(rotation) => rotation.turns(),
            Algorithm::StaticRoundRobin(map) => map.turns(),
            Algorithm::LeastConn(order) => order.turns(),
            Algorithm::First(_)
            | Algorithm::HashMap(..)
            | Algorithm::HashRing(..)
            | Algorithm::Random(..) => Vec::new(),
        }
    }

    /// Goes on where a predecessor was.
    pub fn adopt_turns(&mut self, told: &[(ServerIndex, RoundPosition)]) {
        match &mut self.algorithm {
            Algorithm::RoundRobin(rotation) => rotation.adopt_turns(told),
            Algorithm::StaticRoundRobin(map) => map.adopt_turns(told),
            Algorithm::LeastConn(order) => order.adopt_turns(told),
            Algorithm::First(_)
            | Algorithm::HashMap(..)
            | Algorithm::HashRing(..)
            | Algorithm::Random(..) => {}
        }
    }

    /// Whether a server may be chosen at all.
    pub fn is_candidate(&self, server: ServerIndex) -> bool {
        self.candidates.iter().any(|candidate| candidate.server == server)
    }

    /// Whether no server may be chosen at all.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The server for a client. `avoid` has just failed and is chosen only where there is no
    /// other; `is_open` says whether a server takes one more connection at once. A hash does not
    /// ask whether its server is open: the client waits for it. `cookie` is the hash of the
    /// client's cookie.
    pub fn choose(
        &mut self,
        client: Option<IpAddr>,
        cookie: Option<u32>,
        avoid: Option<ServerIndex>,
        servers: &Servers,
        is_open: impl Fn(ServerIndex) -> bool,
    ) -> Option<ServerIndex> {
        let may = |server| Some(server) != avoid && is_open(server);
        let bounds = self.bounds.as_ref().map(|bounds| bounds.now(servers));
        let is_in_bound = |server| bounds.is_none_or(|bounds| bounds.admit(server, servers));
        let may_hash = |server| Some(server) != avoid && is_in_bound(server);
        let chosen = match &mut self.algorithm {
            Algorithm::RoundRobin(rotation) => rotation.choose(may),
            Algorithm::StaticRoundRobin(map) => map.next(may),
            Algorithm::LeastConn(order) => order.choose(may),
            Algorithm::First(order) => order.choose(may),
            Algorithm::HashMap(map, key) => match key.of(client, cookie) {
                Some(hash) => return map.at(hash),
                None => map.next(may),
            },
            Algorithm::HashRing(ring, key) => match key.of(client, cookie) {
                Some(hash) => ring.nearest(hash, may_hash),
                None => ring.next(may),
            },
            Algorithm::Random(ring, random) => {
                random.choose(ring, may_hash, servers).filter(|s| may(*s))
            }
        };
        chosen.or_else(|| avoid.filter(|server| self.is_candidate(*server) && is_open(*server)))
    }
}

impl KeyHash {
    fn of(self, client: Option<IpAddr>, cookie: Option<u32>) -> Option<u32> {
        let HashType { function, avalanche, .. } = self.hash_type;
        let hash = match self.key {
            HashedKey::AddressNumber => of_address(client?, hash::fold),
            HashedKey::Address => of_address(client?, |octets| hash::hash(function, octets)),
            HashedKey::Cookie => cookie?,
        };
        Some(if avalanche { hash::avalanche(hash) } else { hash })
    }
}

fn of_address(client: IpAddr, hash: impl Fn(&[u8]) -> u32) -> u32 {
    match client {
        IpAddr::V4(ip) => hash(&ip.octets()),
        IpAddr::V6(ip) => hash(&ip.octets()),
    }
}

fn is_in(server: &Server, backup: bool) -> bool {
    server.config.settings.backup == backup && server.is_usable()
}

fn candidate((index, server): (ServerIndex, &Server)) -> Candidate {
    Candidate {
        server: index,
        id: server.config.id,
        first_place: first_place(&server.config),
        share: server.share(),
        load: server.counters.load(),
    }
}

/// The number of the first place of a server on the ring. Numbers that follow from addresses are
/// spread, so that the places of neighbours do not overlap.
fn first_place(server: &config::Server) -> u32 {
    let spread = |bytes: &[u8]| hash::avalanche(hash::hash(HashFunction::Crc32, bytes));
    match (server.settings.hash_key, server.address.ip()) {
        (HashKey::Id, _) | (_, None) => ring::first_place(server.id),
        (HashKey::Address, Some((ip, _))) => spread(&octets(ip)),
        (HashKey::AddressAndPort, Some((ip, ServerPort::Fixed(port)))) => {
            spread(&[&octets(ip)[..], &port.to_be_bytes()].concat())
        }
        (HashKey::AddressAndPort, Some((ip, ServerPort::OfClient(offset)))) => {
            spread(&[&octets(ip)[..], &offset.to_be_bytes()].concat())
        }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn weights(config: &config::Backend) -> impl Iterator<Item = u32> {
    config.servers.iter().map(|server| server.settings.weight)
}
