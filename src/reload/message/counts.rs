//! What was counted. A successor goes on from the figures of its predecessor, and adds what the
//! predecessor counts while it drains, so that no statistics jump back.

use std::borrow::Cow;
use std::collections::HashMap;

use super::encoding::{decode, encode};
use super::names::{ProxyIndexes, ServerName};
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::Server;
use crate::proxy::figures::{CheckParts, Figure, Figures, Parts};
use crate::proxy::frontend::listener::Listener;
use crate::proxy::health::check::Checked;
use crate::proxy::{Clients, Shared};
use crate::reload::inherit::label::name_of;

/// The figures of one object, without those that are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// What they are of.
    pub of: Counted,
    /// Each with its name.
    pub values: Vec<(Cow<'static, str>, u64)>,
}

/// What has figures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// The process.
    Process,
    /// A frontend.
    Frontend(String),
    /// A backend.
    Backend(String),
    /// A server.
    Server(ServerName),
    /// A listening socket, by the name that a successor finds it by.
    Listener(String),
    /// A section with pages.
    Page(String),
}

impl Counted {
    pub(super) fn write(&self) -> String {
        match self {
            Self::Process => "process".to_owned(),
            Self::Frontend(name) => format!("frontend {}", encode(name)),
            Self::Backend(name) => format!("backend {}", encode(name)),
            Self::Server(name) => format!("server {}", name.write()),
            Self::Listener(name) => format!("listener {}", encode(name)),
            Self::Page(name) => format!("page {}", encode(name)),
        }
    }

    pub(super) fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(match words.next()? {
            "process" => Self::Process,
            "frontend" => Self::Frontend(decode(words.next()?)?),
            "backend" => Self::Backend(decode(words.next()?)?),
            "server" => Self::Server(ServerName::read(words)?),
            "listener" => Self::Listener(decode(words.next()?)?),
            "page" => Self::Page(decode(words.next()?)?),
            _ => return None,
        })
    }
}

impl Counts {
    /// The message as words.
    pub fn write(&self) -> String {
        let values = self.values.iter().map(|(name, value)| format!(" {name}={value}"));
        format!("counts {}{}", self.of.write(), values.collect::<String>())
    }

    /// Reads the words that follow `counts`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let of = Counted::read(words)?;
        let value = |word: &str| {
            let (name, value) = word.split_once('=')?;
            Some((Cow::from(name.to_owned()), value.parse().ok()?))
        };
        Some(Self { of, values: words.map(value).collect::<Option<_>>()? })
    }

    /// The figures of something, without those that are zero. None if all are.
    pub fn of(of: impl FnOnce() -> Counted, figures: Figures<'_>) -> Option<Self> {
        let value = |(name, figure): (&'static str, Figure<'_>)| (name.into(), figure.value());
        let values: Vec<_> =
            figures.into_iter().map(value).filter(|(_, value)| *value > 0).collect();
        (!values.is_empty()).then(|| Self { of: of(), values })
    }

    /// Takes the figures into those of the same object, if this process has it.
    pub fn adopt(&self, indexes: &ProxyIndexes, shared: &mut Shared) {
        if let Some(figures) = self.figures(indexes, shared) {
            self.take_into(figures);
        }
    }

    /// Takes the figures into these. Names that this version does not know are skipped.
    pub fn take_into(&self, figures: Figures<'_>) {
        for (name, figure) in figures {
            if let Some((_, value)) = self.values.iter().find(|(known, _)| known == name) {
                figure.take_in(*value);
            }
        }
    }

    fn figures<'s>(&self, indexes: &ProxyIndexes, shared: &'s mut Shared) -> Option<Figures<'s>> {
        match &self.of {
            Counted::Process => Some(shared.totals.figures()),
            Counted::Frontend(name) => {
                Some(shared.frontend_mut(indexes.frontend(name)?).counters.figures())
            }
            Counted::Backend(name) => {
                let Backend { counters, outage, queues, .. } =
                    shared.backend_mut(indexes.backend(name)?);
                Some(Parts { counters, outage, queue_max: queues.max_len_mut(None) }.figures())
            }
            Counted::Server(name) => {
                let (id, index) = indexes.server(name, shared)?;
                let Backend { servers, queues, .. } = shared.backend_mut(id);
                let server = servers.get_mut(index)?;
                let Server { counters, outage, checked, changed_ms, .. } = server;
                let checks = checked.as_mut().map(|checked| {
                    let Checked { failed, observed, .. } = &mut **checked;
                    CheckParts { failed, observed }
                });
                let queue_max = queues.max_len_mut(Some(index));
                Some(Parts { counters, outage, queue_max }.of_server(changed_ms, checks))
            }
            Counted::Listener(_) | Counted::Page(_) => None,
        }
    }
}

/// Shows the figures of everything that the connections share, with a name that is made when it is
/// wanted.
pub fn visit(shared: &Shared, mut see: impl FnMut(&dyn Fn() -> Counted, Figures<'_>)) {
    see(&|| Counted::Process, shared.totals.clone().figures());
    for frontend in &shared.frontends {
        let name = || Counted::Frontend(frontend.config.name.clone());
        see(&name, frontend.counters.clone().figures());
    }
    for backend in &shared.backends {
        let name = || Counted::Backend(backend.config.name.clone());
        let (mut counters, mut outage) = (backend.counters.clone(), backend.outage);
        let mut queue_max = backend.queues.max_len(None);
        let parts =
            Parts { counters: &mut counters, outage: &mut outage, queue_max: &mut queue_max };
        see(&name, parts.figures());
        for (index, server) in backend.servers.indexed() {
            let name = || Counted::Server(ServerName::of(backend, server));
            let (mut counters, mut outage) = (server.counters.clone(), server.outage);
            let mut queue_max = backend.queues.max_len(Some(index));
            let mut checks = server.checked.as_ref().map(|own| (own.failed, own.observed));
            let checks = checks.as_mut().map(|(failed, observed)| CheckParts { failed, observed });
            let mut changed_ms = server.changed_ms;
            let parts =
                Parts { counters: &mut counters, outage: &mut outage, queue_max: &mut queue_max };
            see(&name, parts.of_server(&mut changed_ms, checks));
        }
    }
}

/// The figures of everything that the connections share and that has some.
pub fn counts(shared: &Shared) -> Vec<Counts> {
    let mut found = Vec::new();
    visit(shared, |name, figures| found.extend(Counts::of(name, figures)));
    found
}

/// The figures of the listeners that are counted alone.
pub fn of_listeners(listeners: &[Listener]) -> impl Iterator<Item = Counts> {
    listeners.iter().filter_map(|listener| {
        let mut counters = listener.counters.clone()?;
        Counts::of(|| Counted::Listener(name_of(&listener.bind)), counters.figures())
    })
}

/// Takes the figures of listeners into those of the same sockets.
pub fn adopt_of_listeners<'m>(told: impl Iterator<Item = &'m Counts>, clients: &mut Clients) {
    let named = told.filter_map(|counts| match &counts.of {
        Counted::Listener(name) => Some((name.as_str(), counts)),
        _ => None,
    });
    let told: HashMap<&str, &Counts> = named.collect();
    clients.visit_listener_counters(|bind, counters| {
        if let Some(counts) = told.get(name_of(bind).as_str()) {
            counts.take_into(counters.figures());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_back_as_they_were_written() {
        let server = ServerName {
            backend: "w eb".to_owned(),
            server: "s=1".to_owned(),
            address: "127.0.0.1:80".to_owned(),
        };
        for of in [
            Counted::Process,
            Counted::Frontend("in=7".to_owned()),
            Counted::Backend(String::new()),
            Counted::Server(server),
            Counted::Listener("127.0.0.1:80".to_owned()),
            Counted::Page("a b".to_owned()),
        ] {
            let counts =
                Counts { of, values: vec![("bytes_in".into(), u64::MAX), ("new".into(), 1)] };
            let text = counts.write();
            assert_eq!(Counts::read(&mut text.split(' ').skip(1)), Some(counts), "{text}");
        }
        assert_eq!(Counts::read(&mut "process max".split(' ')), None);
        assert_eq!(Counts::read(&mut "planet x max=1".split(' ')), None);
    }
}
