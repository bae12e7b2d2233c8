//! What a successor needs to know of the servers: their health, what an operator wants of them,
//! and their weights. It sends nothing to a server that its predecessor knew to be down.

pub mod marks;
pub mod turns;

use std::collections::HashMap;

use super::message::word::{decode, encode};
use crate::config::{BackendId, ServerIndex};
use crate::proxy::Shared;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Health, Outage, Server};

/// What is told of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNote {
    /// Its backend's name.
    pub backend: String,
    /// Its name.
    pub server: String,
    /// Where it was configured to be, elsewhere it is another server; and where it is now.
    pub address: (String, String),
    /// What was wanted of it in the configuration, and now. Another configuration goes before.
    pub admin: (AdminState, AdminState),
    /// Whether it works.
    pub health: Health,
    /// Where its checks stand between down and up.
    pub counter: Option<u32>,
    /// Its weight in the configuration, and now.
    pub weight: (u32, u32),
    /// How long ago its state changed, in milliseconds.
    pub age_ms: u64,
    /// What its agent has brought about, if it has one.
    pub agent: Option<AgentNote>,
}

/// What is told of a server's agent. Only its own word would bring the server up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentNote {
    /// It says that its server is up.
    pub is_up: bool,
    /// The most connections of its server, in the configuration and now.
    pub maxconn: (u32, u32),
}

impl ServerNote {
    /// The server that it is about, if there is one.
    fn place(&self, places: &Places, shared: &Shared) -> Option<(BackendId, ServerIndex)> {
        places.find((&self.backend, &self.server, &self.address.0), shared)
    }

    /// The words of a note.
    pub fn write(&self) -> String {
        let counter = self.counter.map_or_else(|| "-".to_owned(), |counter| counter.to_string());
        let agent = self.agent.map(AgentNote::write).unwrap_or_default();
        format!(
            "server {} {} {} {} {} {} {counter} {} {} {} {}{agent}",
            encode(&self.backend),
            encode(&self.server),
            encode(&self.address.0),
            admin_word(self.admin.0),
            admin_word(self.admin.1),
            health_word(self.health),
            self.weight.0,
            self.weight.1,
            self.age_ms,
            encode(&self.address.1),
        )
    }

    /// The note in the words after `server`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut note = Self {
            backend: decode(words.next()?)?,
            server: decode(words.next()?)?,
            address: (decode(words.next()?)?, String::new()),
            admin: (read_admin(words.next()?)?, read_admin(words.next()?)?),
            health: read_health(words.next()?)?,
            counter: match words.next()? {
                "-" => None,
                counter => Some(counter.parse().ok()?),
            },
            weight: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
            age_ms: words.next()?.parse().ok()?,
            agent: None,
        };
        note.address.1 = decode(words.next()?)?;
        if let Some(health) = words.next() {
            note.agent = Some(AgentNote::read(health, words)?);
        }
        Some(note)
    }
}

impl AgentNote {
    /// The words at the end of a server's note.
    fn write(self) -> String {
        let health = if self.is_up { Health::Up } else { Health::Down };
        format!(" {} {} {}", health_word(health), self.maxconn.0, self.maxconn.1)
    }

    fn read<'a>(health: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(Self {
            is_up: read_health(health)? != Health::Down,
            maxconn: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
        })
    }
}

fn admin_word(state: AdminState) -> &'static str {
    match state {
        AdminState::Ready => "ready",
        AdminState::Drain => "drain",
        AdminState::Maint => "maint",
    }
}

fn read_admin(word: &str) -> Option<AdminState> {
    [AdminState::Ready, AdminState::Drain, AdminState::Maint]
        .into_iter()
        .find(|state| admin_word(*state) == word)
}

fn health_word(health: Health) -> &'static str {
    match health {
        Health::Up => "up",
        Health::Stopping => "stopping",
        Health::Down => "down",
    }
}

fn read_health(word: &str) -> Option<Health> {
    [Health::Up, Health::Stopping, Health::Down]
        .into_iter()
        .find(|health| health_word(*health) == word)
}

/// A note of every server, except those that are as they were configured and are not checked.
pub fn notes(shared: &Shared, now_ms: u64) -> Vec<ServerNote> {
    let servers = shared.backends.iter().flat_map(|backend| {
        let configured = backend.config.servers.iter();
        configured.zip(&backend.servers).map(|(config, server)| (&backend.config, config, server))
    });
    let notes = servers.map(|(backend, config, server)| ServerNote {
        backend: backend.name.clone(),
        server: server.config.name.clone(),
        address: (config.address.to_string(), server.config.address.to_string()),
        admin: (server.configured_admin(), server.admin),
        health: server.health,
        counter: server.checked.as_ref().map(|checked| checked.counter.health()),
        weight: (server.config.weight, server.weight),
        age_ms: now_ms.saturating_sub(server.changed_ms),
        agent: server.agent.as_ref().map(|agent| AgentNote {
            is_up: agent.counter.is_up(),
            maxconn: (server.config.maxconn, server.maxconn),
        }),
    });
    notes
        .filter(|note| {
            note.counter.is_some()
                || note.agent.is_some()
                || note.health != Health::Up
                || note.address.0 != note.address.1
                || note.admin.0 != note.admin.1
                || note.weight.0 != note.weight.1
        })
        .collect()
}

/// Where the servers are that notes name.
#[derive(Debug)]
pub struct Places(HashMap<String, (BackendId, HashMap<String, ServerIndex>)>);

impl Places {
    /// The places of all servers.
    pub fn new(shared: &Shared) -> Self {
        let backends = (0..).map(BackendId).zip(&shared.backends);
        Self(
            backends
                .map(|(id, backend)| (backend.config.name.clone(), (id, names(backend))))
                .collect(),
        )
    }

    /// The server of this name, if it is configured to be at this address: elsewhere it is
    /// another one.
    pub fn find(
        &self,
        (backend, server, address): (&str, &str, &str),
        shared: &Shared,
    ) -> Option<(BackendId, ServerIndex)> {
        let (id, servers) = self.0.get(backend)?;
        let index = *servers.get(server)?;
        let configured = &shared.backend(*id).config.servers.get(index.index())?.address;
        (configured.to_string() == address).then_some((*id, index))
    }
}

fn names(backend: &Backend) -> HashMap<String, ServerIndex> {
    let names = backend.servers.iter().map(|server| server.config.name.clone());
    names.zip((0..).map(ServerIndex)).collect()
}

/// Takes a predecessor's word for a server's state, silently: it has been told already. The
/// balance algorithm is told by the caller, once for all servers.
pub fn adopt(note: &ServerNote, places: &Places, shared: &mut Shared, now_ms: u64) {
    let Some((id, index)) = note.place(places, shared) else { return };
    let server = shared.backend_mut(id).server_mut(index);
    if let Ok(address) = note.address.1.parse() {
        server.move_to(address);
    }
    if note.admin.0 == server.configured_admin() {
        server.admin = note.admin.1;
        server.inherits_admin =
            server.admin != note.admin.0 && server.config.health.track.is_some();
    }
    if note.weight.0 == server.config.weight {
        server.weight = note.weight.1;
    }
    if let (Some(checked), Some(counter)) = (&mut server.checked, note.counter) {
        checked.counter.adopt(counter);
        let is_by_agent = note.agent.is_some_and(|agent| !agent.is_up);
        if !is_by_agent && checked.counter.is_up() != (note.health != Health::Down) {
            checked.counter.set(note.health != Health::Down);
        }
        server.health = note.health;
    } else if server.checked.is_none() && note.counter.is_none() {
        // It is tracked, or an operator or its agent said so.
        server.health = note.health;
    }
    let maxconn = note.agent.and_then(|agent| adopt_agent(agent, note.health, server));
    server.changed_ms = now_ms.saturating_sub(note.age_ms);
    server.outage = Outage::new(server.changed_ms);
    if let Some(maxconn) = maxconn {
        shared.set_server_maxconn(id, index, maxconn);
    }
}

/// Takes over what a server's agent has said, if it has one still; gives the limit that it has
/// set.
fn adopt_agent(note: AgentNote, health: Health, server: &mut Server) -> Option<u32> {
    let agent = server.agent.as_mut()?;
    agent.counter.set(note.is_up);
    // That one is not asked any more may be all that keeps the server up.
    if !note.is_up && health == Health::Down {
        server.health = Health::Down;
    }
    let (configured, now) = note.maxconn;
    (configured == server.config.maxconn && configured != now).then_some(now)
}

/// Takes back what the server's agent has brought about if there is none any more. Comes after
/// every note, as servers that track this one follow.
pub fn forget_agent(note: &ServerNote, places: &Places, shared: &mut Shared, now_ms: u64) {
    let Some(agent) = note.agent else { return };
    let Some((id, index)) = note.place(places, shared) else { return };
    if shared.backend(id).server(index).agent.is_none() {
        shared.forget_agent(id, index, !agent.is_up, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_as_it_was_written() {
        let note = ServerNote {
            backend: "web".to_owned(),
            server: "s1".to_owned(),
            address: ("127.0.0.1:80".to_owned(), "127.0.0.2:81".to_owned()),
            admin: (AdminState::Ready, AdminState::Drain),
            health: Health::Down,
            counter: Some(1),
            weight: (10, 20),
            age_ms: 1234,
            agent: None,
        };
        let agent = Some(AgentNote { is_up: false, maxconn: (10, 7) });
        for note in [
            ServerNote { counter: None, ..note.clone() },
            ServerNote { agent, ..note.clone() },
            note,
        ] {
            let text = note.write();
            let mut words = text.split(' ').skip(1);
            assert_eq!(ServerNote::read(&mut words), Some(note));
            assert_eq!(words.next(), None);
        }
    }
}
