//! The places of the servers in the rounds of their backends. A successor continues each round.
//! If it began anew, the first servers of the file would get more new clients with every reload.

use super::names::{ProxyIndexes, ServerName};
use crate::proxy::Shared;
use crate::proxy::backend::balance::RoundPosition;

/// The place of one server in its backend's round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTurn {
    /// Its name.
    pub name: ServerName,
    /// The place, as the balance algorithm understands it.
    pub turn: RoundPosition,
}

impl ServerTurn {
    /// The message as words.
    pub fn write(&self) -> String {
        let Self { name, turn } = self;
        format!("turn {} {} {}", name.write(), turn.ahead, turn.round)
    }

    /// Reads the words that follow `turn`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let name = ServerName::read(words)?;
        let turn = RoundPosition {
            ahead: words.next()?.parse().ok()?,
            round: words.next()?.parse().ok()?,
        };
        Some(Self { name, turn })
    }
}

/// The places of all servers in backends that have rounds.
pub fn turns(shared: &Shared) -> impl Iterator<Item = ServerTurn> {
    shared.backends.iter().flat_map(|backend| {
        backend.turns().into_iter().map(|(index, turn)| {
            let name = ServerName::of(backend, backend.server(index));
            ServerTurn { name, turn }
        })
    })
}

/// Continues the rounds at these places. To be called when the states of the servers are known.
pub fn adopt<'a>(
    told: impl Iterator<Item = &'a ServerTurn>,
    indexes: &ProxyIndexes,
    shared: &mut Shared,
) {
    let mut turns = vec![Vec::new(); shared.backends.len()];
    for told in told {
        if let Some((id, index)) = indexes.server(&told.name, shared)
            && let Some(turns) = turns.get_mut(id.index())
        {
            turns.push((index, told.turn));
        }
    }
    for (backend, turns) in shared.backends.iter_mut().zip(&turns) {
        backend.adopt_turns(turns);
    }
}
