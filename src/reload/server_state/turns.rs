//! Whose turn it is among the servers of a backend: a successor goes on where its predecessor was,
//! as otherwise the first servers of the file got more new clients with every reload.

use super::Places;
use crate::proxy::Shared;
use crate::proxy::backend::balance::Turn;
use crate::reload::message::word::{decode, encode};

/// Where one server stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTurn {
    /// Its backend's name.
    pub backend: String,
    /// Its name.
    pub server: String,
    /// Where it was configured to be.
    pub address: String,
    /// Its place, which the balance algorithm understands.
    pub turn: Turn,
}

impl ServerTurn {
    /// The words of a note.
    pub fn write(&self) -> String {
        let Self { backend, server, address, turn } = self;
        let (backend, server, address) = (encode(backend), encode(server), encode(address));
        format!("turn {backend} {server} {address} {} {}", turn.ahead, turn.round)
    }

    /// The note in the words after `turn`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut name = || decode(words.next()?);
        let (backend, server, address) = (name()?, name()?, name()?);
        let turn = Turn { ahead: words.next()?.parse().ok()?, round: words.next()?.parse().ok()? };
        Some(Self { backend, server, address, turn })
    }
}

/// Where every server stands whose backend takes turns.
pub fn turns(shared: &Shared) -> impl Iterator<Item = ServerTurn> {
    shared.backends.iter().flat_map(|backend| {
        backend.turns().into_iter().filter_map(|(index, turn)| {
            // As it was configured: elsewhere it is another server.
            let config = backend.config.servers.get(index.index())?;
            Some(ServerTurn {
                backend: backend.config.name.clone(),
                server: config.name.clone(),
                address: config.address.to_string(),
                turn,
            })
        })
    })
}

/// Goes on from there. To be called when the servers' states are known.
pub fn adopt<'a>(told: impl Iterator<Item = &'a ServerTurn>, places: &Places, shared: &mut Shared) {
    let mut turns = vec![Vec::new(); shared.backends.len()];
    for told in told {
        let name = (&*told.backend, &*told.server, &*told.address);
        if let Some((id, index)) = places.find(name, shared)
            && let Some(turns) = turns.get_mut(id.index())
        {
            turns.push((index, told.turn));
        }
    }
    for (backend, turns) in shared.backends.iter_mut().zip(&turns) {
        backend.adopt_turns(turns);
    }
}
