//! The state of the servers: their health, their administrative state and their weights. A
//! successor sends no client to a server that its predecessor knew to be down.

use std::collections::HashMap;

use super::encoding::{decode, encode};
use crate::config::{BackendId, ServerIndex};
use crate::proxy::Shared;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Health, Outage, Server};

/// The state of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// The name of its backend.
    pub backend: String,
    /// Its name.
    pub server: String,
    /// Its address in the configuration and its address now. A server with another address in the
    /// configuration is another server.
    pub address: (String, String),
    /// Its administrative state in the configuration and now. If the new configuration says
    /// something else, the new configuration counts.
    pub admin: (AdminState, AdminState),
    /// Its health.
    pub health: Health,
    /// The health counter of its checks, if it is checked.
    pub counter: Option<u32>,
    /// Its weight in the configuration and now.
    pub weight: (u32, u32),
    /// How long ago its state changed, in milliseconds.
    pub age_ms: u64,
    /// What its agent has set, if it has an agent.
    pub agent: Option<AgentState>,
}

/// What a server's agent has set. When the agent has said "down", only the agent can bring the
/// server up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentState {
    /// Whether the agent says that its server is up.
    pub is_up: bool,
    /// The maxconn of its server in the configuration and now.
    pub maxconn: (u32, u32),
}

impl ServerState {
    /// The server that this state belongs to, if there is one.
    fn index(&self, indexes: &ServerIndexes, shared: &Shared) -> Option<(BackendId, ServerIndex)> {
        indexes.find((&self.backend, &self.server, &self.address.0), shared)
    }

    /// The message as words.
    pub fn write(&self) -> String {
        let counter = self.counter.map_or_else(|| "-".to_owned(), |counter| counter.to_string());
        let agent = self.agent.map(AgentState::write).unwrap_or_default();
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

    /// Reads the words that follow `server`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut state = Self {
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
        state.address.1 = decode(words.next()?)?;
        if let Some(health) = words.next() {
            state.agent = Some(AgentState::read(health, words)?);
        }
        Some(state)
    }
}

impl AgentState {
    /// The words at the end of a server's message.
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

/// The states of all servers, except servers that are as they were configured and are not checked.
pub fn states(shared: &Shared, now_ms: u64) -> Vec<ServerState> {
    let servers = shared
        .backends
        .iter()
        .flat_map(|backend| backend.servers.iter().map(|server| (&backend.config, server)));
    let states = servers.map(|(backend, server)| ServerState {
        backend: backend.name.clone(),
        server: server.config.name.clone(),
        address: (server.config.address.to_string(), server.address.to_string()),
        admin: (server.configured_admin(), server.admin),
        health: server.health,
        counter: server.checked.as_ref().map(|checked| checked.counter.health()),
        weight: (server.config.settings.weight, server.weight),
        age_ms: now_ms.saturating_sub(server.changed_ms),
        agent: server.agent.as_ref().map(|agent| AgentState {
            is_up: agent.counter.is_up(),
            maxconn: (server.config.settings.maxconn, server.maxconn),
        }),
    });
    states
        .filter(|state| {
            state.counter.is_some()
                || state.agent.is_some()
                || state.health != Health::Up
                || state.address.0 != state.address.1
                || state.admin.0 != state.admin.1
                || state.weight.0 != state.weight.1
        })
        .collect()
}

/// Finds servers by their names.
#[derive(Debug)]
pub struct ServerIndexes(HashMap<String, (BackendId, HashMap<String, ServerIndex>)>);

impl ServerIndexes {
    /// The indexes of all servers.
    pub fn new(shared: &Shared) -> Self {
        let backends = (0..).map(BackendId).zip(&shared.backends);
        Self(
            backends
                .map(|(id, backend)| (backend.config.name.clone(), (id, names(backend))))
                .collect(),
        )
    }

    /// The server of this name, if this is its address in the configuration. A server with another
    /// address is another server.
    pub fn find(
        &self,
        (backend, server, address): (&str, &str, &str),
        shared: &Shared,
    ) -> Option<(BackendId, ServerIndex)> {
        let (id, servers) = self.0.get(backend)?;
        let index = *servers.get(server)?;
        let configured = &shared.backend(*id).server(index).config.address;
        (configured.to_string() == address).then_some((*id, index))
    }
}

fn names(backend: &Backend) -> HashMap<String, ServerIndex> {
    let names = backend.servers.iter().map(|server| server.config.name.clone());
    names.zip((0..).map(ServerIndex)).collect()
}

/// Gives a server the state that it had in the predecessor. Nothing is logged: the predecessor has
/// logged the state. The caller tells the balance algorithm, once for all servers.
pub fn adopt(state: &ServerState, indexes: &ServerIndexes, shared: &mut Shared, now_ms: u64) {
    let Some((id, index)) = state.index(indexes, shared) else { return };
    let server = shared.backend_mut(id).server_mut(index);
    if let Ok(address) = state.address.1.parse() {
        server.move_to(address);
    }
    if state.admin.0 == server.configured_admin() {
        server.admin = state.admin.1;
        server.inherits_admin =
            server.admin != state.admin.0 && server.config.health.track.is_some();
    }
    if state.weight.0 == server.config.settings.weight {
        server.weight = state.weight.1;
    }
    if let (Some(checked), Some(counter)) = (&mut server.checked, state.counter) {
        checked.counter.adopt(counter);
        let is_by_agent = state.agent.is_some_and(|agent| !agent.is_up);
        if !is_by_agent && checked.counter.is_up() != (state.health != Health::Down) {
            checked.counter.set(state.health != Health::Down);
        }
        server.health = state.health;
    } else if server.checked.is_none() && state.counter.is_none() {
        // The server tracks another one, or an operator or its agent has set its health.
        server.health = state.health;
    }
    let maxconn = state.agent.and_then(|agent| adopt_agent(agent, state.health, server));
    server.changed_ms = now_ms.saturating_sub(state.age_ms);
    server.outage = Outage::new(server.changed_ms);
    if let Some(maxconn) = maxconn {
        shared.set_server_maxconn(id, index, maxconn);
    }
}

/// Takes over what a server's agent has set, if the server still has an agent. Returns the maxconn
/// that the agent has set.
fn adopt_agent(state: AgentState, health: Health, server: &mut Server) -> Option<u32> {
    let agent = server.agent.as_mut()?;
    agent.counter.set(state.is_up);
    // A stopped agent may be the only reason why the server counts as up.
    if !state.is_up && health == Health::Down {
        server.health = Health::Down;
    }
    let (configured, now) = state.maxconn;
    (configured == server.config.settings.maxconn && configured != now).then_some(now)
}

/// Takes back what the server's agent has set if the server has no agent any more. To be called
/// after all states were adopted: servers that track this one follow.
pub fn forget_agent(
    state: &ServerState,
    indexes: &ServerIndexes,
    shared: &mut Shared,
    now_ms: u64,
) {
    let Some(agent) = state.agent else { return };
    let Some((id, index)) = state.index(indexes, shared) else { return };
    if shared.backend(id).server(index).agent.is_none() {
        shared.forget_agent(id, index, !agent.is_up, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_as_it_was_written() {
        let state = ServerState {
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
        let agent = Some(AgentState { is_up: false, maxconn: (10, 7) });
        for state in [
            ServerState { counter: None, ..state.clone() },
            ServerState { agent, ..state.clone() },
            state,
        ] {
            let text = state.write();
            let mut words = text.split(' ').skip(1);
            assert_eq!(ServerState::read(&mut words), Some(state));
            assert_eq!(words.next(), None);
        }
    }
}
