//! A sticky service under load, to which something happens.

use std::net::SocketAddr;

use crate::support::{Homes, Node, Place, Server, Spec, Visitors, ask, source, visit_all};

/// A sticky service, and clients that it knows.
pub struct Service {
    /// The node.
    pub node: Node,
    /// Where clients come.
    pub front: SocketAddr,
    /// The clients that it knows, with their servers.
    pub homes: Homes,
    _servers: Vec<Server>,
    /// Where its files are.
    pub place: Place,
}

impl Service {
    /// A service whose start is changed.
    pub fn start(change: impl FnOnce(Spec) -> Spec) -> Self {
        Self::start_in(Place::new(), change)
    }

    /// A service with its files in this place.
    pub fn start_in(place: Place, change: impl FnOnce(Spec) -> Spec) -> Self {
        let servers: Vec<_> =
            (1..=3).map(|n| Server::greeting_echo(place.address(), &format!("s{n}"))).collect();
        let front = place.address();
        let mut body = format!(
            "listen web\n    bind {front}\n    balance roundrobin\n    \
             stick-table type ip size 300k expire 10m\n    stick on src\n"
        );
        for (number, server) in (1..).zip(&servers) {
            body.push_str(&format!("    server s{number} {}\n", server.address()));
        }
        let node = change(Spec::new(&place, "a", &body)).start();
        let homes = (0..200).map(|n| (source(n), ask(source(n), front).unwrap())).collect();
        Self { place, _servers: servers, front, node, homes }
    }

    /// Clients that come all the time.
    pub fn visitors(&self) -> Visitors {
        Visitors::start(&[self.front, self.front], 1_000_000, &self.homes)
    }

    /// Nobody was disturbed, and everybody is known.
    #[track_caller]
    pub fn is_well(&self, what: &str, visitors: Visitors) {
        let visits = visitors.stop();
        assert!(visits.tally.is_clean(), "{what}: {:?}", visits.tally);
        let mut after = visit_all(&[self.front], &visits.homes);
        after.add(&visit_all(&[self.front], &self.homes));
        assert!(after.is_clean(), "{what}: {after:?}");
        eprintln!(
            "{what}: {} connections meanwhile, the slowest took {:?}; misrouted 0, refused 0, \
             lost 0",
            visits.tally.answered, visits.longest
        );
    }

    /// Reloads with success.
    #[track_caller]
    pub fn reloads(&self) {
        let said = self.node.api().command("reload");
        assert!(said.starts_with("Success=1\n"), "{said}");
    }
}
