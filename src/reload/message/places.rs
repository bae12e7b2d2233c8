//! The places of servers whose addresses follow from names. A successor begins with them, so that
//! no server is lost where the nameservers do not answer during a reload.

use std::net::IpAddr;

use super::encoding::{decode, encode};
use super::names::{ProxyIndexes, ServerName};
use crate::config::NamedHost;
use crate::net::dns::Name;
use crate::proxy::Shared;
use crate::proxy::backend::naming::Record;

/// Where one server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlace {
    /// Its name in the configuration.
    pub name: ServerName,
    /// Its address; none if its name leads to none.
    pub ip: Option<IpAddr>,
    /// The name that a command has given it.
    pub renamed: Option<Name>,
    /// The record of the service that it has.
    pub record: Option<Record>,
}

/// The word for what there is not. No name and no address looks like this.
const NOTHING: &str = "-";

impl ServerPlace {
    /// The message as words.
    pub fn write(&self) -> String {
        let Self { name, ip, renamed, record } = self;
        let word = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
        format!(
            "place {} {} {} {} {}",
            name.write(),
            word(ip.map(|ip| ip.to_string())),
            encode(&word(renamed.as_ref().map(Name::to_string))),
            encode(&word(record.as_ref().map(|record| record.target.to_string()))),
            record.as_ref().map_or(0, |record| record.port),
        )
    }

    /// Reads the words that follow `place`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let name = ServerName::read(words)?;
        let ip = optional(words.next()?)?;
        let mut next_name = || optional::<Name>(&decode(words.next()?)?);
        let (renamed, target) = (next_name()?, next_name()?);
        let port = words.next()?.parse().ok()?;
        let record = target.map(|target| Record { target, port });
        Some(Self { name, ip, renamed, record })
    }
}

#[expect(clippy::option_option, reason = "nothing, or what cannot be read")]
fn optional<T: std::str::FromStr>(word: &str) -> Option<Option<T>> {
    if word == NOTHING { Some(None) } else { word.parse().ok().map(Some) }
}

/// The places of all servers with names.
pub fn places(shared: &Shared) -> Vec<ServerPlace> {
    let servers = shared
        .backends
        .iter()
        .flat_map(|backend| backend.servers.iter().map(move |server| (backend, server)));
    let places = servers.filter_map(|(backend, server)| {
        let naming = server.naming.as_ref()?;
        let renamed = naming.host.as_ref().filter(|_| naming.is_renamed).map(NamedHost::name);
        Some(ServerPlace {
            name: ServerName::of(backend, server),
            ip: server.address.ip().map(|(ip, _)| ip).filter(|_| !naming.is_missing),
            renamed: renamed.cloned(),
            record: naming.record.clone(),
        })
    });
    places.collect()
}

/// Puts a server where it was in the predecessor.
pub fn adopt(place: &ServerPlace, indexes: &ProxyIndexes, shared: &mut Shared) {
    let Some((id, index)) = indexes.server(&place.name, shared) else { return };
    let server = shared.backend_mut(id).server_mut(index);
    let Some(naming) = &mut server.naming else { return };
    if let Some(name) = &place.renamed {
        naming.host = Some(NamedHost::new(name.clone()));
        naming.is_renamed = true;
    }
    naming.record.clone_from(&place.record);
    if let Some(record) = &place.record {
        server.set_port(record.port);
    }
    match place.ip {
        Some(ip) => server.settle(ip),
        None => server.unsettle(),
    }
    shared.note_moved(id, index);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        let record = Record { target: "s1.test".parse().unwrap(), port: 8080 };
        let place = ServerPlace {
            name: ServerName {
                backend: "web".to_owned(),
                server: "s 1".to_owned(),
                address: "_http._tcp.test".to_owned(),
            },
            ip: "::1".parse().ok(),
            renamed: None,
            record: Some(record),
        };
        let renamed = "a.test".parse().ok();
        for place in
            [ServerPlace { ip: None, renamed, record: None, ..place.clone() }, place.clone()]
        {
            let text = place.write();
            let mut words = text.split(' ').skip(1);
            assert_eq!(ServerPlace::read(&mut words), Some(place));
            assert_eq!(words.next(), None);
        }
    }
}
