//! What a successor gets to know of the past, for people to look at: it changes nothing of what the
//! successor does.

use super::message::Message;
use super::message::history::Predecessor;
use crate::logging::history::{Event, PastEvents, PastReload, PastReloads};
use crate::table::Tables;

/// What this process knows of the past.
#[derive(Debug)]
pub struct Past<'a> {
    /// The last events.
    pub events: &'a PastEvents,
    /// The last reloads.
    pub reloads: &'a PastReloads,
    /// When the present reload began, in milliseconds since 1970.
    pub began_ms: Option<u64>,
}

/// What a predecessor knew of the past.
#[derive(Debug, Default)]
pub struct Before {
    /// Its last events, oldest first.
    pub events: Vec<Event>,
    /// Its last reloads, oldest first.
    pub reloads: Vec<PastReload>,
    /// What it said of itself.
    pub predecessor: Option<Predecessor>,
}

/// The messages that tell a successor of the past.
pub fn collect(past: &Past<'_>, tables: &Tables) -> Vec<Message> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let own = Message::Predecessor(Predecessor { version, began_ms: past.began_ms });
    let events = past.events.iter().cloned().map(Message::Event);
    let reloads = past.reloads.iter().cloned().map(Message::Reload);
    let fills = tables.ids().map(|id| {
        let table = tables.get(id);
        let name = table.declaration().name.clone();
        Message::Fill { table: name, last_hour: table.last_hour().collect() }
    });
    [own].into_iter().chain(events).chain(reloads).chain(fills).collect()
}

/// What these messages tell of the past. How full the tables were is told to the tables.
pub fn adopt(messages: &[Message], tables: &mut Tables, now_ms: u64) -> Before {
    let mut before = Before::default();
    for message in messages {
        match message {
            Message::Predecessor(predecessor) => before.predecessor = Some(predecessor.clone()),
            Message::Event(event) => before.events.push(event.clone()),
            Message::Reload(reload) => before.reloads.push(reload.clone()),
            Message::Fill { table, last_hour } => {
                if let Some(id) = tables.by_name(table) {
                    tables.get_mut(id).adopt_fill(last_hour, now_ms);
                }
            }
            _ => {}
        }
    }
    before
}
