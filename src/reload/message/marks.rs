//! The yes-or-no properties of a server that go with its state, one word for each. A version skips
//! the words that it does not know, so later versions may add some.

use super::names::{ProxyIndexes, ServerName};
use crate::proxy::Shared;
use crate::proxy::backend::server::{ByAgent, Server};

/// The marks of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMarks {
    /// Its name.
    pub name: ServerName,
    /// The marks that it has.
    pub marks: Vec<Mark>,
}

/// One property of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// An operator has stopped its checks.
    ChecksStopped,
    /// An operator has stopped asking its agent.
    AgentStopped,
    /// Its agent has set its weight.
    WeightByAgent,
    /// Its agent has set its administrative state.
    AdminByAgent,
    /// It has come up a moment ago, and gets its weight step by step (`slowstart`).
    Warming,
}

impl Mark {
    const ALL: [Self; 5] = [
        Self::ChecksStopped,
        Self::AgentStopped,
        Self::WeightByAgent,
        Self::AdminByAgent,
        Self::Warming,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::ChecksStopped => "checks-stopped",
            Self::AgentStopped => "agent-stopped",
            Self::WeightByAgent => "weight-by-agent",
            Self::AdminByAgent => "admin-by-agent",
            Self::Warming => "warming",
        }
    }

    fn holds(self, server: &Server) -> bool {
        match self {
            Self::ChecksStopped => {
                server.checked.as_ref().is_some_and(|checked| !checked.is_enabled)
            }
            Self::AgentStopped => server.agent.as_ref().is_some_and(|agent| !agent.is_enabled),
            Self::WeightByAgent => server.by_agent.weight,
            Self::AdminByAgent => server.by_agent.admin && !server.inherits_admin,
            Self::Warming => server.throttle().is_some(),
        }
    }
}

impl ServerMarks {
    /// The message as words.
    pub fn write(&self) -> String {
        let words: String = self.marks.iter().map(|mark| format!(" {}", mark.word())).collect();
        format!("marks {}{words}", self.name.write())
    }

    /// Reads the words that follow `marks`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let name = ServerName::read(words)?;
        let known = |word| Mark::ALL.into_iter().find(|mark| mark.word() == word);
        Some(Self { name, marks: words.filter_map(known).collect() })
    }

    /// Gives the server these marks. Marks for checks or for an agent that the new configuration
    /// does not have are dropped. What an agent has set is noted even if there is no agent any
    /// more, so that it can be taken back.
    pub fn adopt(&self, indexes: &ProxyIndexes, shared: &mut Shared) {
        let Some((id, index)) = indexes.server(&self.name, shared) else { return };
        let server = shared.backend_mut(id).server_mut(index);
        let has = |mark| self.marks.contains(&mark);
        if let Some(checked) = &mut server.checked {
            checked.is_enabled = !has(Mark::ChecksStopped);
        }
        if let Some(agent) = &mut server.agent {
            agent.is_enabled = !has(Mark::AgentStopped);
        }
        let admin = has(Mark::AdminByAgent);
        server.by_agent = ByAgent { weight: has(Mark::WeightByAgent), admin };
        // What the agent has set does not come from the server that this one tracks.
        server.inherits_admin &= !admin;
        if has(Mark::Warming) {
            shared.start_warming(id, index, 0);
        }
    }
}

/// The marks of every server that has any.
pub fn marks(shared: &Shared) -> impl Iterator<Item = ServerMarks> {
    let servers = shared
        .backends
        .iter()
        .flat_map(|backend| backend.servers.iter().map(move |server| (backend, server)));
    servers.filter_map(|(backend, server)| {
        let marks: Vec<Mark> = Mark::ALL.into_iter().filter(|mark| mark.holds(server)).collect();
        (!marks.is_empty()).then(|| ServerMarks { name: ServerName::of(backend, server), marks })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back_as_they_were_written_and_unknown_ones_are_skipped() {
        let marks = ServerMarks {
            name: ServerName {
                backend: "web".to_owned(),
                server: "s1".to_owned(),
                address: "127.0.0.1:80".to_owned(),
            },
            marks: Mark::ALL.to_vec(),
        };
        let text = marks.write();
        let read = |text: &str| ServerMarks::read(&mut text.split(' ').skip(1));
        assert_eq!(read(&text), Some(marks.clone()));
        assert_eq!(read(&text.replace(" agent", " on-fire agent")), Some(marks));
        assert_eq!(read("marks web s1"), None);
    }
}
