//! What was counted. A successor goes on from the figures of its predecessor, and adds what the
//! predecessor counts while it drains, so that no statistics jump back.

use super::encoding::{decode, encode};
use super::names::{ProxyIndexes, ServerName};
use std::borrow::Cow;

use crate::proxy::backend::Backend;
use crate::proxy::backend::server::Server;
use crate::proxy::figures::{Figure, Figures};
use crate::proxy::{Shared, figures};

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
}

impl Counted {
    pub(super) fn write(&self) -> String {
        match self {
            Self::Process => "process".to_owned(),
            Self::Frontend(name) => format!("frontend {}", encode(name)),
            Self::Backend(name) => format!("backend {}", encode(name)),
            Self::Server(name) => format!("server {}", name.write()),
        }
    }

    pub(super) fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(match words.next()? {
            "process" => Self::Process,
            "frontend" => Self::Frontend(decode(words.next()?)?),
            "backend" => Self::Backend(decode(words.next()?)?),
            "server" => Self::Server(ServerName::read(words)?),
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

    /// Takes the figures into those of the same object, if this process has it. Names that this
    /// version does not know are skipped.
    pub fn adopt(&self, indexes: &ProxyIndexes, shared: &mut Shared) {
        let Some(figures) = self.figures(indexes, shared) else { return };
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
                let Backend { counters, outage, .. } = shared.backend_mut(indexes.backend(name)?);
                Some(figures::of_backend(counters, outage))
            }
            Counted::Server(name) => {
                let (id, index) = indexes.server(name, shared)?;
                let server = shared.backend_mut(id).server_mut(index);
                let Server { counters, outage, checked, .. } = server;
                let failed = checked.as_mut().map(|checked| &mut checked.failed);
                Some(figures::of_server(counters, outage, failed))
            }
        }
    }
}

/// Shows the figures of everything that has some, with a name that is made when it is wanted.
pub fn visit(shared: &Shared, mut see: impl FnMut(&dyn Fn() -> Counted, Figures<'_>)) {
    see(&|| Counted::Process, shared.totals.clone().figures());
    for frontend in &shared.frontends {
        let name = || Counted::Frontend(frontend.config.name.clone());
        see(&name, frontend.counters.clone().figures());
    }
    for backend in &shared.backends {
        let name = || Counted::Backend(backend.config.name.clone());
        let (mut counters, mut outage) = (backend.counters.clone(), backend.outage);
        see(&name, figures::of_backend(&mut counters, &mut outage));
        for server in backend.servers.iter() {
            let name = || Counted::Server(ServerName::of(backend, server));
            let (mut counters, mut outage) = (server.counters.clone(), server.outage);
            let mut failed = server.checked.as_ref().map(|checked| checked.failed);
            see(&name, figures::of_server(&mut counters, &mut outage, failed.as_mut()));
        }
    }
}

/// The figures of everything that has some.
pub fn counts(shared: &Shared) -> Vec<Counts> {
    let mut found = Vec::new();
    visit(shared, |name, figures| {
        let value = |(name, figure): (&'static str, Figure<'_>)| (name.into(), figure.value());
        let values: Vec<_> =
            figures.into_iter().map(value).filter(|(_, value)| *value > 0).collect();
        if !values.is_empty() {
            found.push(Counts { of: name(), values });
        }
    });
    found
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
