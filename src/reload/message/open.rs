//! How many connections a process has that drains: they count against the limits of its successor.

use super::counts::Counted;
use super::names::ServerName;
use crate::proxy::Shared;

/// The connections of one process with one object, or of the whole process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The process's generation.
    pub generation: u32,
    /// Whose connections.
    pub of: Counted,
    /// How many are open now.
    pub count: u32,
}

impl Open {
    /// The message as words.
    pub fn write(&self) -> String {
        format!("open {} {} {}", self.generation, self.count, self.of.write())
    }

    /// Reads the words that follow `open`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let (generation, count) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { generation, of: Counted::read(words)?, count })
    }
}

/// Shows how many connections everything has, with a name that is made when it is wanted.
pub fn visit(shared: &Shared, mut see: impl FnMut(&dyn Fn() -> Counted, u32)) {
    see(&|| Counted::Process, shared.totals.current);
    for frontend in &shared.frontends {
        let name = || Counted::Frontend(frontend.config.name.clone());
        see(&name, frontend.counters.current);
    }
    for backend in &shared.backends {
        let name = || Counted::Backend(backend.config.name.clone());
        see(&name, backend.counters.current);
        for server in backend.servers.iter() {
            let name = || Counted::Server(ServerName::of(backend, server));
            see(&name, server.counters.current);
        }
    }
}

/// The connections of this process, whose generation this is.
pub fn open(generation: u32, shared: &Shared) -> Vec<Open> {
    let mut found = Vec::new();
    visit(shared, |name, count| {
        if count > 0 {
            found.push(Open { generation, of: name(), count });
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_connections_read_back_as_they_were_written() {
        for of in [Counted::Process, Counted::Frontend("a b".to_owned())] {
            let open = Open { generation: 7, of, count: 12 };
            let text = open.write();
            assert_eq!(Open::read(&mut text.split(' ').skip(1)), Some(open), "{text}");
        }
        assert_eq!(Open::read(&mut "7 -1 process".split(' ')), None);
    }
}
