//! What the clients have done, by which the nodes are judged. Each visit of a client writes a
//! number of its own into the entry, so that an entry tells which visit it comes from.

use std::collections::BTreeMap;

use crate::scenario::Scenario;

/// One visit.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    pub key: u32,
    pub server: u32,
    /// The visits that the entry counts with this one.
    pub count: u32,
    pub node: usize,
    pub at_ms: u64,
}

/// A client between the end of a handover and the old process's decision about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub node: usize,
    /// The process that decides, and when.
    pub generation: u32,
    pub decides_ms: u64,
    /// When the checks stop waiting.
    pub until_ms: u64,
    /// What the successor must come to know: a visit, or that there is no entry.
    pub decision: Option<Decision>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Visit(u32),
    Removal,
}

/// What is known of one client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client {
    /// The number of its last visit.
    pub latest: Option<u32>,
    pub visits: u32,
    /// The node where it goes.
    pub owner: Option<usize>,
    /// Visits before this time may undo each other: a node that knew them best has crashed.
    pub unsure_until_ms: u64,
    /// A node has crashed that alone knew the last visit, perhaps.
    pub may_be_lost: bool,
    /// When the client came the time before.
    pub before_ms: u64,
    /// The client comes to any node at any time.
    pub roams: bool,
    /// The nodes that the client has been to, one bit each.
    pub nodes: u64,
    /// The entry was removed on a node since the last visit.
    pub is_removed: bool,
    /// The last visit that was forgotten by a removal.
    pub removed_number: u32,
    pub waiting: Option<Waiting>,
}

#[derive(Debug)]
pub struct Truth {
    visits: Vec<Visit>,
    pub clients: Vec<Client>,
    /// The servers of each client's visits since all nodes agreed on one, and that one.
    chosen: Vec<Vec<u32>>,
    pub is_up: Vec<bool>,
    pub expire_ms: Option<u32>,
    /// When a node crashed last.
    pub crashed_ms: u64,
    /// A node and a client, whose visits up to this number the node need not know: nobody could
    /// teach them when the node started.
    excused: BTreeMap<(usize, u32), u32>,
}

impl Truth {
    pub fn new(scenario: &Scenario) -> Self {
        let client = |key| Client { roams: scenario.roams(key), ..Client::default() };
        Self {
            visits: Vec::new(),
            clients: (0..scenario.keys).map(client).collect(),
            chosen: vec![Vec::new(); scenario.keys as usize],
            is_up: vec![true; scenario.servers as usize],
            expire_ms: scenario.expire_ms,
            crashed_ms: 0,
            excused: BTreeMap::new(),
        }
    }

    pub fn client(&self, key: u32) -> &Client {
        &self.clients[key as usize]
    }

    pub fn client_mut(&mut self, key: u32) -> &mut Client {
        &mut self.clients[key as usize]
    }

    pub fn keys(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.clients.len()).unwrap()
    }

    /// The number of the next visit.
    pub fn next_number(&self) -> u32 {
        u32::try_from(self.visits.len()).unwrap() + 1
    }

    /// Adds a visit, which has the next number.
    pub fn add(&mut self, visit: Visit) {
        let before_ms = self.last(visit.key).map_or(0, |(_, before)| before.at_ms);
        let chosen = &mut self.chosen[visit.key as usize];
        if !chosen.contains(&visit.server) {
            chosen.push(visit.server);
        }
        self.visits.push(visit);
        let number = u32::try_from(self.visits.len()).unwrap();
        let client = self.client_mut(visit.key);
        client.latest = Some(number);
        client.visits += 1;
        client.before_ms = before_ms;
        client.nodes |= 1 << (visit.node % 64);
        client.is_removed = false;
    }

    /// The entry of a client is removed on a node.
    pub fn remove(&mut self, key: u32) {
        let client = self.client_mut(key);
        client.is_removed = true;
        client.removed_number = client.latest.unwrap_or_default();
    }

    pub fn visit(&self, number: u32) -> Option<&Visit> {
        self.visits.get((number as usize).checked_sub(1)?)
    }

    /// The last visit of a client.
    pub fn last(&self, key: u32) -> Option<(u32, &Visit)> {
        let number = self.client(key).latest?;
        Some((number, self.visit(number)?))
    }

    /// The last visit of a client, if all nodes are to know it.
    pub fn sure(&self, key: u32) -> Option<(u32, &Visit)> {
        let client = self.client(key);
        let is_sure = !client.is_removed && client.waiting.is_none() && !client.roams;
        self.last(key).filter(|(_, visit)| is_sure && visit.at_ms >= client.unsure_until_ms)
    }

    /// The servers that the client may be sent to.
    pub fn chosen(&self, key: u32) -> &[u32] {
        &self.chosen[key as usize]
    }

    /// A node reads in its file that the client was sent to this server.
    pub fn bring_back(&mut self, key: u32, server: u32) {
        let chosen = &mut self.chosen[key as usize];
        if !chosen.contains(&server) {
            chosen.push(server);
        }
    }

    /// All nodes have the same entry of the client, and nothing else is on its way.
    pub fn settle(&mut self, key: u32, server: u32) {
        self.chosen[key as usize] = vec![server];
        self.client_mut(key).may_be_lost = false;
    }

    /// Whether an entry of this visit must still be alive.
    pub fn is_alive(&self, visit: &Visit, now_ms: u64) -> bool {
        self.expire_ms.is_none_or(|expire_ms| visit.at_ms + u64::from(expire_ms) > now_ms)
    }

    pub fn excuse(&mut self, node: usize, key: u32, number: u32) {
        self.excused.insert((node, key), number);
    }

    pub fn is_excused(&self, node: usize, key: u32, number: u32) -> bool {
        self.excused.get(&(node, key)).is_some_and(|upto| *upto >= number)
    }

    pub fn forgive(&mut self, node: usize) {
        self.excused.retain(|(of, _), _| *of != node);
    }
}
