//! What is counted outside of what the connections share, over a reload: at listening sockets and
//! at pages.

use crate::admin::context::endpoint::Endpoint;
use crate::proxy::Clients;
use crate::reload::message::Message;
use crate::reload::message::counts;
use crate::reload::message::counts::{Counted, Counts};

/// The messages that tell a successor what is counted there.
pub(super) fn of_sockets(
    clients: &Clients,
    endpoints: &mut [Endpoint],
) -> impl Iterator<Item = Message> {
    let pages = endpoints.iter_mut().filter_map(|endpoint| {
        let name = endpoint.config.name.clone();
        Counts::of(|| Counted::Page(name), endpoint.figures())
    });
    counts::of_listeners(clients.listeners()).chain(pages).map(Message::Counts)
}

/// Goes on from what the predecessor counted there.
pub(super) fn adopt(messages: &[Message], clients: &mut Clients, endpoints: &mut [Endpoint]) {
    let told = messages.iter().filter_map(|message| match message {
        Message::Counts(counts) => Some(counts),
        _ => None,
    });
    counts::adopt_of_listeners(told.clone(), clients);
    for counts in told {
        if let Counted::Page(name) = &counts.of
            && let Some(own) = endpoints.iter_mut().find(|own| own.config.name == *name)
        {
            counts.take_into(own.figures());
        }
    }
}
