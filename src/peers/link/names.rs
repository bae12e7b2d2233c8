//! Peers whose addresses nameservers know, and the nodes of services.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::peers::Peers;
use crate::config::{PeerAddress, PeersId, PeersSection};
use crate::net::dns::{Known, Name, Service, Subject};
use crate::peers::PeerId;
use crate::resolve::{Asked, Nameservers};

/// What the peers sections want to know of nameservers.
#[derive(Debug, Default)]
pub struct PeerNames {
    /// The services, with the places for their nodes.
    services: Vec<Template>,
    /// The hosts that are asked for.
    hosts: HashMap<(PeersId, PeerId), Host>,
}

#[derive(Debug)]
struct Template {
    asked: Asked,
    section: PeersId,
    places: Range<u16>,
    prefers_ipv4: bool,
}

/// The host of one peer.
#[derive(Debug)]
struct Host {
    asked: Asked,
    name: Name,
    port: u16,
}

impl PeerNames {
    /// Asks for the names of all peers.
    pub fn start(&mut self, sections: &[PeersSection], nameservers: &mut Nameservers, now_ms: u64) {
        for (section, config) in (0..).map(PeersId).zip(sections) {
            if config.disabled || config.local.is_none() {
                continue;
            }
            for (peer, config) in (0..).map(PeerId).zip(&config.peers) {
                let PeerAddress::Named(named) = &config.address else { continue };
                let (name, prefers_ipv4) = (named.host.clone(), named.prefers_ipv4);
                let subject = Subject::Addresses { name: name.clone(), prefers_ipv4 };
                let asked = nameservers.ask(named.resolvers, subject, false, now_ms);
                if let Some(asked) = asked {
                    let host = Host { asked, name, port: named.port };
                    self.hosts.insert((section, peer), host);
                }
            }
            for template in &config.templates {
                let subject = Subject::Services(template.service.clone());
                let asked = nameservers.ask(template.resolvers, subject, false, now_ms);
                let (places, prefers_ipv4) = (template.places.clone(), template.prefers_ipv4);
                self.services.extend(asked.map(|asked| Template {
                    asked,
                    section,
                    places,
                    prefers_ipv4,
                }));
            }
        }
    }

    /// Does what follows from the news of a name.
    pub fn follow(
        &mut self,
        asked: Asked,
        peers: &mut Peers,
        nameservers: &mut Nameservers,
        now_ms: u64,
    ) {
        match nameservers.known(asked) {
            // When a name is lost, peers are called where they were.
            Known::Unchanged | Known::Lost(_) => {}
            Known::Addresses(found) => {
                let Some(ip) = found.first().copied() else { return };
                let named = self.hosts.iter().filter(|(_, host)| host.asked == asked);
                for ((section, peer), host) in named {
                    let address = SocketAddr::new(ip, host.port);
                    peers.set_address(*section, *peer, address, now_ms);
                }
            }
            Known::Services(found) => {
                let found: Vec<Service> = found.into_iter().cloned().collect();
                for at in 0..self.services.len() {
                    if self.services.get(at).is_some_and(|template| template.asked == asked) {
                        self.follow_service(at, &found, peers, nameservers, now_ms);
                    }
                }
            }
        }
    }

    fn follow_service(
        &mut self,
        at: usize,
        found: &[Service],
        peers: &mut Peers,
        nameservers: &mut Nameservers,
        now_ms: u64,
    ) {
        let Some(Template { asked, section, places, prefers_ipv4 }) = self.services.get(at) else {
            return;
        };
        let (asked, id, prefers_ipv4) = (*asked, *section, *prefers_ipv4);
        let names: Vec<&str> = found.iter().map(node_name).collect();
        let places = places.clone();
        let Some(section) = peers.sections_mut().get_mut(id.index()) else { return };
        section.set_nodes(places, &names, now_ms);
        for service in found {
            let section = peers.sections().get(id.index());
            let place = section.and_then(|section| section.place_of(node_name(service)));
            let Some(peer) = place else { continue };
            let wanted = |ip: &&IpAddr| ip.is_ipv4() == prefers_ipv4;
            let beside =
                service.addresses.iter().find(wanted).or_else(|| service.addresses.first());
            if let Some(ip) = beside {
                peers.set_address(id, peer, SocketAddr::new(*ip, service.port), now_ms);
                continue;
            }
            let is_asked = self
                .hosts
                .get(&(id, peer))
                .is_some_and(|host| host.name == service.target && host.port == service.port);
            if is_asked {
                continue;
            }
            let name = service.target.clone();
            let subject = Subject::Addresses { name: name.clone(), prefers_ipv4 };
            let Some(asked) = nameservers.ask(asked.resolvers, subject, false, now_ms) else {
                continue;
            };
            let host = Host { asked, name, port: service.port };
            if let Some(before) = self.hosts.insert((id, peer), host) {
                nameservers.forget(before.asked);
            }
        }
    }
}

/// The name of a node: the first label of its host.
fn node_name(service: &Service) -> &str {
    let host = service.target.as_str();
    host.split_once('.').map_or(host, |(first, _)| first)
}
