//! The state of the servers: their health, their administrative state and their weights. A
//! successor sends no client to a server that its predecessor knew to be down.

use super::encoding::{decode, encode};
use super::names::{ProxyIndexes, ServerName};
use crate::config::ServerAddress;
use crate::proxy::Shared;
use crate::proxy::backend::server::{AdminState, Health, Outage, Server};

/// The state of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// Its name.
    pub name: ServerName,
    /// Its address now.
    pub address: String,
    /// Its administrative state.
    pub admin: Setting<AdminState>,
    /// Its health.
    pub health: Health,
    /// The health counter of its checks, if it is checked.
    pub counter: Option<u32>,
    /// Its weight.
    pub weight: Setting<u32>,
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
    /// The maxconn of its server.
    pub maxconn: Setting<u32>,
}

/// A value that may differ from the configuration, because a command or an agent has changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value in the configuration.
    pub configured: T,
    /// The value now.
    pub now: T,
}

impl<T: Copy + PartialEq> Setting<T> {
    fn is_changed(self) -> bool {
        self.configured != self.now
    }

    /// The value that goes on in a process with another configuration. If that configuration says
    /// something new, the new word counts, and this is `None`.
    fn kept(self, configured: T) -> Option<T> {
        (self.configured == configured).then_some(self.now)
    }
}

impl ServerState {
    /// Whether it is elsewhere than in the configuration, as far as that says an address.
    fn is_moved(&self) -> bool {
        self.address != self.name.address
    }

    /// The message as words.
    pub fn write(&self) -> String {
        let counter = self.counter.map_or_else(|| "-".to_owned(), |counter| counter.to_string());
        let agent = self.agent.map(AgentState::write).unwrap_or_default();
        format!(
            "server {} {} {} {} {counter} {} {} {} {}{agent}",
            self.name.write(),
            admin_word(self.admin.configured),
            admin_word(self.admin.now),
            health_word(self.health),
            self.weight.configured,
            self.weight.now,
            self.age_ms,
            encode(&self.address),
        )
    }

    /// Reads the words that follow `server`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut state = Self {
            name: ServerName::read(words)?,
            address: String::new(),
            admin: Setting {
                configured: read_admin(words.next()?)?,
                now: read_admin(words.next()?)?,
            },
            health: read_health(words.next()?)?,
            counter: match words.next()? {
                "-" => None,
                counter => Some(counter.parse().ok()?),
            },
            weight: read_setting(words)?,
            age_ms: words.next()?.parse().ok()?,
            agent: None,
        };
        state.address = decode(words.next()?)?;
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
        format!(" {} {} {}", health_word(health), self.maxconn.configured, self.maxconn.now)
    }

    fn read<'a>(health: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(Self { is_up: read_health(health)? != Health::Down, maxconn: read_setting(words)? })
    }
}

fn read_setting<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Setting<u32>> {
    let mut next = || words.next()?.parse().ok();
    Some(Setting { configured: next()?, now: next()? })
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
        .flat_map(|backend| backend.servers.iter().map(move |server| (backend, server)));
    let states = servers.map(|(backend, server)| ServerState {
        name: ServerName::of(backend, server),
        address: server.address.to_string(),
        admin: Setting { configured: server.configured_admin(), now: server.admin },
        health: server.health,
        counter: server.checked.as_ref().map(|checked| checked.counter.health()),
        weight: Setting { configured: server.config.settings.weight, now: server.weight },
        age_ms: now_ms.saturating_sub(server.changed_ms),
        agent: server.agent.as_ref().map(|agent| AgentState {
            is_up: agent.counter.is_up(),
            maxconn: Setting { configured: server.config.settings.maxconn, now: server.maxconn },
        }),
    });
    states
        .filter(|state| {
            state.counter.is_some()
                || state.agent.is_some()
                || state.health != Health::Up
                || state.is_moved()
                || state.admin.is_changed()
                || state.weight.is_changed()
        })
        .collect()
}

/// Gives a server the state that it had in the predecessor. Nothing is logged: the predecessor has
/// logged the state. The caller tells the balance algorithm, once for all servers.
pub fn adopt(state: &ServerState, indexes: &ProxyIndexes, shared: &mut Shared, now_ms: u64) {
    let Some((id, index)) = indexes.server(&state.name, shared) else { return };
    let server = shared.backend_mut(id).server_mut(index);
    if server.naming.is_none()
        && let Some((ip, port)) = state.address.parse().ok().as_ref().and_then(ServerAddress::ip)
    {
        server.move_to(ip, port);
    }
    if let Some(admin) = state.admin.kept(server.configured_admin()) {
        server.admin = admin;
        server.inherits_admin = state.admin.is_changed() && server.config.health.track.is_some();
    }
    if let Some(weight) = state.weight.kept(server.config.settings.weight) {
        server.weight = weight;
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
    state.maxconn.kept(server.config.settings.maxconn).filter(|_| state.maxconn.is_changed())
}

/// Takes back what the server's agent has set if the server has no agent any more. To be called
/// after all states were adopted: servers that track this one follow.
pub fn forget_agent(state: &ServerState, indexes: &ProxyIndexes, shared: &mut Shared, now_ms: u64) {
    let Some(agent) = state.agent else { return };
    let Some((id, index)) = indexes.server(&state.name, shared) else { return };
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
            name: ServerName {
                backend: "web".to_owned(),
                server: "s1".to_owned(),
                address: "127.0.0.1:80".to_owned(),
            },
            address: "127.0.0.2:81".to_owned(),
            admin: Setting { configured: AdminState::Ready, now: AdminState::Drain },
            health: Health::Down,
            counter: Some(1),
            weight: Setting { configured: 10, now: 20 },
            age_ms: 1234,
            agent: None,
        };
        let agent = Some(AgentState { is_up: false, maxconn: Setting { configured: 10, now: 7 } });
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
