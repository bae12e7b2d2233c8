//! What passes to a successor beside the state that connections share: what is counted at listening
//! sockets and at pages, and the sessions with peers.

use std::os::fd::OwnedFd;

use crate::admin::context::endpoint::Endpoint;
use crate::peers::link::Peers;
use crate::peers::link::carry::SessionOffer;
use crate::peers::wire::NOTE_MAX;
use crate::proxy::Clients;
use crate::reactor::Reactor;
use crate::reload::message::Message;
use crate::reload::message::counts;
use crate::reload::message::counts::{Counted, Counts};
use crate::reload::state;
use crate::table::Tables;

/// The messages that tell a successor what is counted at listening sockets and at pages.
pub(super) fn counts_of_sockets(
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
pub(super) fn adopt_counts(
    messages: &[Message],
    clients: &mut Clients,
    endpoints: &mut [Endpoint],
) {
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

/// The sessions that a successor can go on with, and their sockets. Behind these comes a lifeline,
/// if it could be made. There are `most` descriptors in all.
pub(super) fn offer_sessions(
    peers: &mut Peers,
    tables: &mut Tables,
    most: usize,
    now_ms: u64,
) -> (Vec<Message>, Vec<OwnedFd>) {
    let offers = peers.offer_sessions(tables, most, now_ms).into_iter();
    let messages = offers.map(|(offer, fd)| (Message::Session(Box::new(offer)), fd));
    let messages = messages.filter(|(message, _)| message.write().len() <= NOTE_MAX);
    let (messages, mut descriptors): (Vec<_>, Vec<_>) = messages.unzip();
    if !descriptors.is_empty() {
        descriptors.extend(peers.lifeline());
    }
    (messages, descriptors)
}

/// Goes on with the sessions of the predecessor that `messages` offer. The other peers are called.
pub(super) fn carry_sessions_on(
    messages: &[Message],
    mut descriptors: Vec<OwnedFd>,
    peers: &mut Peers,
    tables: &mut Tables,
    reactor: &Reactor,
    now_ms: u64,
) {
    let offers = messages.iter().filter_map(|message| match message {
        Message::Session(offer) => Some(&**offer),
        _ => None,
    });
    let offers: Vec<&SessionOffer> = offers.collect();
    if descriptors.len() == offers.len() + 1
        && let Some(lifeline) = descriptors.pop()
    {
        peers.keep_lifeline(lifeline);
    }
    if offers.len() != descriptors.len() {
        log::warn!("reload: the sockets of peers have not all come: the peers are called anew");
        return;
    }
    let changed = state::changed_tables(messages, tables);
    for (offer, fd) in offers.into_iter().zip(descriptors) {
        let SessionOffer { section, peer, .. } = offer;
        let is_changed = |id| changed.contains(&id);
        match peers.carry_on(offer, fd, is_changed, reactor, tables, now_ms) {
            Ok(()) => log::info!("peer {section}/{peer}: the session goes on"),
            Err(why) => log::info!("peer {section}/{peer}: the session ends: {why}"),
        }
    }
}
