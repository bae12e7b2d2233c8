//! What is told of a server beside its note, word by word: a version skips the words that it does
//! not know, so that there can be more.

use super::Places;
use crate::proxy::Shared;
use crate::proxy::backend::by_agent::ByAgent;
use crate::proxy::backend::server::Server;
use crate::reload::message::word::{decode, encode};

/// What is marked of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMarks {
    /// Its backend's name.
    pub backend: String,
    /// Its name.
    pub server: String,
    /// Where it was configured to be.
    pub address: String,
    /// What holds of it.
    pub marks: Vec<Mark>,
}

/// What may be remarkable about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// An operator has stopped its checks.
    ChecksStopped,
    /// An operator has stopped asking its agent.
    AgentStopped,
    /// Its weight is by its agent.
    WeightByAgent,
    /// Its administrative state is by its agent.
    AdminByAgent,
}

impl Mark {
    const ALL: [Self; 4] =
        [Self::ChecksStopped, Self::AgentStopped, Self::WeightByAgent, Self::AdminByAgent];

    const fn word(self) -> &'static str {
        match self {
            Self::ChecksStopped => "checks-stopped",
            Self::AgentStopped => "agent-stopped",
            Self::WeightByAgent => "weight-by-agent",
            Self::AdminByAgent => "admin-by-agent",
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
        }
    }
}

impl ServerMarks {
    /// The words of a note.
    pub fn write(&self) -> String {
        let words: String = self.marks.iter().map(|mark| format!(" {}", mark.word())).collect();
        let (backend, server) = (encode(&self.backend), encode(&self.server));
        format!("marks {backend} {server} {}{words}", encode(&self.address))
    }

    /// The note in the words after `marks`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut next = || decode(words.next()?);
        let (backend, server, address) = (next()?, next()?, next()?);
        let known = |word| Mark::ALL.into_iter().find(|mark| mark.word() == word);
        Some(Self { backend, server, address, marks: words.filter_map(known).collect() })
    }

    /// Takes a predecessor's word for them. What the new configuration has no checks or no agent
    /// for is dropped; of an agent that is gone it is noted what there is to be taken back.
    pub fn adopt(&self, places: &Places, shared: &mut Shared) {
        let name = (&*self.backend, &*self.server, &*self.address);
        let Some((id, index)) = places.find(name, shared) else { return };
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
        // Not by the server that it tracks, then.
        server.inherits_admin &= !admin;
    }
}

/// The marks of every server that has any.
pub fn marks(shared: &Shared) -> impl Iterator<Item = ServerMarks> {
    let servers = shared.backends.iter().flat_map(|backend| {
        let configured = backend.config.servers.iter();
        configured.zip(&backend.servers).map(|(config, server)| (&backend.config, config, server))
    });
    servers.filter_map(|(backend, config, server)| {
        let marks: Vec<Mark> = Mark::ALL.into_iter().filter(|mark| mark.holds(server)).collect();
        (!marks.is_empty()).then(|| ServerMarks {
            backend: backend.name.clone(),
            server: config.name.clone(),
            address: config.address.to_string(),
            marks,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back_as_they_were_written_and_unknown_ones_are_skipped() {
        let marks = ServerMarks {
            backend: "web".to_owned(),
            server: "s1".to_owned(),
            address: "127.0.0.1:80".to_owned(),
            marks: Mark::ALL.to_vec(),
        };
        let text = marks.write();
        let read = |text: &str| ServerMarks::read(&mut text.split(' ').skip(1));
        assert_eq!(read(&text), Some(marks.clone()));
        assert_eq!(read(&text.replace(" agent", " on-fire agent")), Some(marks));
        assert_eq!(read("marks web s1"), None);
    }
}
