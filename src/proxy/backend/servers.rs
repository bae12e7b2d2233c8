//! The servers of a backend. Commands add servers and delete them, and whoever keeps the index of a
//! deleted server finds one that takes no clients and that nothing lists.

use std::collections::VecDeque;

use super::server::Server;
use crate::config;
use crate::config::{BackendId, ServerIndex};

/// How many servers commands may add to those of the configuration, at a time.
const ADDED_MAX: usize = 4096;

/// The servers of a backend, in the order of the file, then in the order in which they were added.
#[derive(Debug)]
pub struct Servers {
    slots: Vec<Slot>,
    /// The slots in use, in the order of the servers' numbers.
    order: Vec<Listed>,
    /// The indexes for servers to come, the one that is free for the longest time first.
    free: VecDeque<ServerIndex>,
    /// How many servers there may be.
    max: usize,
    /// The number of the next server. Numbers are never used again.
    next: u64,
    /// What the index of a deleted server leads to.
    gone: Box<Server>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are in use, and each connection looks")]
enum Slot {
    InUse(ServerIndex, Server),
    Free,
}

/// A server in the list.
#[derive(Clone, Copy, Debug)]
struct Listed {
    number: u64,
    index: ServerIndex,
}

/// A server that has come or gone, for the parts that keep something for each server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerChange {
    /// It was added.
    Added(BackendId, ServerIndex),
    /// It was deleted.
    Deleted(BackendId, ServerIndex),
}

/// How far a list of servers is written. Servers may come and go before it goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListCursor(u64);

impl Servers {
    /// The servers of the configuration.
    pub fn new(configs: &[config::Server], now_ms: u64) -> Self {
        let mut servers = Self {
            slots: Vec::with_capacity(configs.len()),
            order: Vec::with_capacity(configs.len()),
            free: VecDeque::new(),
            max: configs.len() + ADDED_MAX,
            next: 0,
            gone: Box::new(Server::gone(now_ms)),
        };
        for config in configs {
            servers.add(Server::new(config, now_ms));
        }
        servers
    }

    /// Adds a server. Returns its index, or none if there are too many servers already.
    pub fn add(&mut self, server: Server) -> Option<ServerIndex> {
        if self.order.len() >= self.max {
            return None;
        }
        let index = match self.free.pop_front() {
            Some(index) => index,
            None => {
                let place = u16::try_from(self.slots.len()).ok();
                let index = ServerIndex::configured(place.filter(|place| *place < u16::MAX)?);
                self.slots.push(Slot::Free);
                index
            }
        };
        *self.slots.get_mut(index.index())? = Slot::InUse(index, server);
        self.order.push(Listed { number: self.next, index });
        self.next += 1;
        Some(index)
    }

    /// Takes a server out.
    pub fn remove(&mut self, index: ServerIndex) -> Option<Server> {
        let slot = self.slots.get_mut(index.index())?;
        if !matches!(slot, Slot::InUse(own, _) if *own == index) {
            return None;
        }
        let Slot::InUse(_, server) = std::mem::replace(slot, Slot::Free) else { return None };
        self.order.retain(|listed| listed.index != index);
        self.free.extend(index.successor());
        Some(server)
    }

    /// The server with this index, unless it was deleted.
    #[inline]
    pub fn get(&self, index: ServerIndex) -> Option<&Server> {
        match self.slots.get(index.index()) {
            Some(Slot::InUse(own, server)) if *own == index => Some(server),
            Some(Slot::InUse(..) | Slot::Free) | None => None,
        }
    }

    /// The server with this index, unless it was deleted.
    #[inline]
    pub fn get_mut(&mut self, index: ServerIndex) -> Option<&mut Server> {
        match self.slots.get_mut(index.index()) {
            Some(Slot::InUse(own, server)) if *own == index => Some(server),
            Some(Slot::InUse(..) | Slot::Free) | None => None,
        }
    }

    /// What stands for a deleted server.
    pub(super) fn gone(&self) -> &Server {
        &self.gone
    }

    /// The server with this index, or what stands for a deleted one.
    pub(super) fn get_or_gone_mut(&mut self, index: ServerIndex) -> &mut Server {
        match self.slots.get_mut(index.index()) {
            Some(Slot::InUse(own, server)) if *own == index => server,
            Some(Slot::InUse(..) | Slot::Free) | None => &mut self.gone,
        }
    }

    /// How many servers there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no server.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The servers in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Server> {
        self.indexed().map(|(_, server)| server)
    }

    /// The servers with their indexes, in their order.
    pub fn indexed(&self) -> impl Iterator<Item = (ServerIndex, &Server)> {
        self.order.iter().filter_map(|listed| Some((listed.index, self.get(listed.index)?)))
    }

    /// The servers, in any order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Server> {
        self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::InUse(_, server) => Some(server),
            Slot::Free => None,
        })
    }

    /// The index of the server at a position in the order.
    pub fn index_at(&self, position: usize) -> Option<ServerIndex> {
        self.order.get(position).map(|listed| listed.index)
    }

    /// The index of the server with this name.
    pub fn named(&self, name: &str) -> Option<ServerIndex> {
        let mut servers = self.indexed();
        servers.find(|(_, server)| server.config.name == name).map(|(index, _)| index)
    }

    /// The next server of a list, and where the list goes on behind it.
    pub fn next_of(&self, cursor: ListCursor) -> Option<(ServerIndex, ListCursor)> {
        let place = self.order.partition_point(|listed| listed.number < cursor.0);
        let listed = self.order.get(place)?;
        Some((listed.index, ListCursor(listed.number + 1)))
    }
}

impl<'a> IntoIterator for &'a Servers {
    type Item = &'a Server;
    type IntoIter = Box<dyn Iterator<Item = &'a Server> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// For tests, which know that the server is there.
#[cfg(test)]
impl std::ops::Index<usize> for Servers {
    type Output = Server;

    fn index(&self, position: usize) -> &Server {
        self.index_at(position).and_then(|index| self.get(index)).expect("a test names a server")
    }
}

#[cfg(test)]
impl Servers {
    /// Adds copies of a server until there are so many.
    pub fn fill(&mut self, count: usize, server: &Server) {
        while self.len() < count && self.add(server.clone()).is_some() {}
    }
}

#[cfg(test)]
impl std::ops::IndexMut<usize> for Servers {
    fn index_mut(&mut self, position: usize) -> &mut Server {
        let index = self.index_at(position).expect("a test names a server");
        self.get_mut(index).expect("a listed server is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str) -> Server {
        let mut server = Server::gone(0);
        server.config.name = name.to_owned();
        server
    }

    fn names(servers: &Servers) -> Vec<&str> {
        servers.iter().map(|server| server.config.name.as_str()).collect()
    }

    #[test]
    fn the_index_of_a_deleted_server_never_means_another_one() {
        let mut servers = Servers::new(&[], 0);
        let [a, b] = ["a", "b"].map(|name| servers.add(server(name)).unwrap());
        assert!(servers.remove(a).is_some());
        assert!(servers.remove(a).is_none());
        let c = servers.add(server("c")).unwrap();
        assert_eq!((c.index(), c == a), (a.index(), false), "it has the place of the deleted one");
        assert!(servers.get(a).is_none() && servers.remove(a).is_none());
        assert_eq!(names(&servers), ["b", "c"], "a new server is the last");
        assert_eq!((servers.named("c"), servers.named("a"), servers.len()), (Some(c), None, 2));
        assert!(servers.get(b).is_some());
    }

    #[test]
    fn a_list_goes_on_where_it_was_whoever_comes_and_goes() {
        let mut servers = Servers::new(&[], 0);
        let ids = ["a", "b", "c", "d"].map(|name| servers.add(server(name)).unwrap());
        let (first, cursor) = servers.next_of(ListCursor::default()).unwrap();
        let (second, cursor) = servers.next_of(cursor).unwrap();
        assert_eq!([first, second], [ids[0], ids[1]]);
        servers.remove(ids[0]);
        servers.remove(ids[2]);
        let e = servers.add(server("e")).unwrap();
        let (third, cursor) = servers.next_of(cursor).unwrap();
        let (fourth, cursor) = servers.next_of(cursor).unwrap();
        assert_eq!([third, fourth], [ids[3], e]);
        assert!(servers.next_of(cursor).is_none());
    }

    #[test]
    fn servers_that_are_added_have_a_limit() {
        let mut servers = Servers::new(&[], 0);
        let added: Vec<_> = (0..ADDED_MAX).filter_map(|_| servers.add(server("s"))).collect();
        assert_eq!((added.len(), servers.add(server("s"))), (ADDED_MAX, None));
        servers.remove(added[7]);
        assert!(servers.add(server("s")).is_some());
    }
}
