//! The index of all names: what a name of a proxy, a server or a table refers to.

use std::collections::HashMap;

use super::Draft;
use super::keyword_names;
use super::peers::PeersDraft;
use super::proxy::{ProxyDraft, ProxyKind};
use super::shared_notes::{Interner, NamedServers};
use super::userlist::UserlistDraft;
use crate::config::rules::PatternDrafts;
use crate::config::text::diagnostic::TOLD;
use crate::config::text::gaps::Gaps;
use crate::config::text::nearest::hint;
use crate::config::{
    Backend, BackendId, FrontendId, ServerIndex, StickTable, TableId, UserlistId, Variable,
    VariableNames,
};

/// The positions of frontends, backends, servers and tables by name.
#[derive(Debug)]
pub(in crate::config) struct Index<'a> {
    frontends: HashMap<&'a str, FrontendId>,
    backends: HashMap<&'a str, BackendId>,
    /// The servers of each backend.
    servers: Vec<HashMap<&'a str, ServerIndex>>,
    tables: HashMap<String, TableId>,
    userlists: HashMap<&'a str, UserlistId>,
    /// The variables, of which each use may be the first.
    variables: Interner,
    /// The servers that rules and samples name.
    named: NamedServers,
    proxies: &'a [ProxyDraft],
    peers: &'a [PeersDraft],
    /// The sections that could not be read.
    gaps: &'a Gaps,
    /// The lists of patterns that have been read.
    pub(in crate::config) patterns: PatternDrafts,
}

impl<'a> Index<'a> {
    /// The index of all sections and of these tables.
    pub(in crate::config) fn new(draft: &'a Draft, tables: HashMap<String, TableId>) -> Self {
        let Draft { proxies, peers, userlists, gaps, .. } = draft;
        let names = userlists.iter().map(|list| list.name.as_str());
        Self {
            frontends: positions(frontends(proxies), FrontendId),
            backends: positions(backends(proxies).map(name), BackendId),
            servers: backends(proxies).map(servers).collect(),
            tables,
            userlists: positions(names, UserlistId),
            variables: Interner::default(),
            named: NamedServers::default(),
            proxies,
            peers,
            gaps,
            patterns: PatternDrafts::new(draft.global.paths.clone()),
        }
    }

    /// The index for a command, which knows nothing but variables.
    pub(in crate::config) fn of_command(draft: &'a Draft, variables: VariableNames) -> Self {
        Self { variables: Interner::new(variables), ..Self::new(draft, HashMap::new()) }
    }

    /// Whether a frontend with this name may exist that could not be read or is refused.
    fn may_miss_frontend(&self, name: &str) -> bool {
        let is_refused = |proxy: &ProxyDraft| {
            proxy.kind.is_frontend()
                && !proxy.is_relaying_frontend()
                && !proxy.may_serve_pages()
                && proxy.name == name
        };
        self.gaps.may_name(&[ProxyKind::Frontend.word(), ProxyKind::Listen.word()], name)
            || self.proxies.iter().any(is_refused)
    }

    /// Whether a backend with this name may exist that could not be read.
    fn may_miss_backend(&self, name: &str) -> bool {
        self.gaps.may_name(&[ProxyKind::Backend.word(), ProxyKind::Listen.word()], name)
    }

    /// Whether a server with this name may exist that could not be read.
    pub(in crate::config) fn may_miss_server(&self, backend: &str, name: &str) -> bool {
        let mut sections = backends(self.proxies).filter(|proxy| proxy.name == backend);
        self.may_miss_backend(backend) || sections.any(|proxy| proxy.may_miss_server(name))
    }

    /// Whether a table with this name may exist that could not be read.
    pub(in crate::config) fn may_miss_table(&self, name: &str) -> bool {
        let mut proxies = self.proxies.iter().filter(|proxy| proxy.name == name);
        let is_of_peers = |(section, table): (&str, &str)| {
            let mut sections = self.peers.iter().filter(|peers| peers.name == section);
            self.gaps.may_name(&[PeersDraft::WORD], section)
                || sections.any(|peers| peers.gaps.may_name(&[keyword_names::TABLE], table))
        };
        let words = [ProxyKind::Frontend, ProxyKind::Backend, ProxyKind::Listen];
        self.gaps.may_name(&words.map(ProxyKind::word), name)
            || proxies.any(ProxyDraft::may_miss_table)
            || name.split_once('/').is_some_and(is_of_peers)
    }

    pub(in crate::config) fn frontend(&self, name: &str) -> Option<FrontendId> {
        self.frontends.get(name).copied()
    }

    pub(in crate::config) fn backend(&self, name: &str) -> Option<BackendId> {
        self.backends.get(name).copied()
    }

    /// The backends by name.
    pub(in crate::config) fn backends_by_name(&self) -> HashMap<String, BackendId> {
        self.backends.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect()
    }

    pub(in crate::config) fn server(&self, backend: BackendId, name: &str) -> Option<ServerIndex> {
        self.servers.get(backend.index())?.get(name).copied()
    }

    /// Notes that a rule or a sample names a server.
    pub(in crate::config) fn note_named(&self, backend: BackendId, server: ServerIndex) {
        self.named.note(backend, server);
    }

    /// Marks the servers that rules and samples name.
    pub(in crate::config) fn mark_named(&self, backends: &mut [Backend]) {
        for (id, index) in self.named.take() {
            let backend = backends.get_mut(id.index());
            let server = backend.and_then(|backend| backend.servers.get_mut(index.index()));
            if let Some(server) = server {
                server.is_named = true;
            }
        }
    }

    pub(in crate::config) fn table(&self, name: &str) -> Option<TableId> {
        self.tables.get(name).copied()
    }

    fn userlist(&self, name: &str) -> Option<UserlistId> {
        self.userlists.get(name).copied()
    }

    /// The variable with this name.
    ///
    /// # Errors
    ///
    /// It cannot be the name of a variable: a message for the operator.
    pub(in crate::config) fn variable(&self, name: &str) -> Result<Variable, String> {
        self.variables.intern(name)
    }

    /// The variables that were named.
    pub(in crate::config) fn take_variables(&self) -> VariableNames {
        self.variables.take()
    }
}

/// The servers of a section by name.
pub(in crate::config) fn servers(proxy: &ProxyDraft) -> HashMap<&str, ServerIndex> {
    positions(
        proxy.servers.iter().map(|server| server.name.value.as_str()),
        ServerIndex::configured,
    )
}

/// The position of each name in a list. If two have the same name, the first counts. Others report
/// equal names and lists that are too long.
fn positions<'a, Id>(
    names: impl Iterator<Item = &'a str>,
    id: fn(u16) -> Id,
) -> HashMap<&'a str, Id> {
    let mut positions = HashMap::new();
    for (number, name) in (0..=u16::MAX).zip(names) {
        positions.entry(name).or_insert_with(|| id(number));
    }
    positions
}

fn name(proxy: &ProxyDraft) -> &str {
    &proxy.name
}

fn frontends(proxies: &[ProxyDraft]) -> impl Iterator<Item = &str> {
    proxies.iter().filter(|proxy| proxy.is_relaying_frontend()).map(name)
}

fn backends(proxies: &[ProxyDraft]) -> impl Iterator<Item = &ProxyDraft> {
    proxies.iter().filter(|proxy| proxy.kind.is_backend())
}

/// What the names in a section can mean.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Names<'a> {
    /// The sections.
    pub(in crate::config) proxies: &'a [ProxyDraft],
    /// The section that the name stands in.
    pub(in crate::config) current: &'a ProxyDraft,
    /// The stick tables.
    pub(in crate::config) tables: &'a [StickTable],
    /// The index of all names.
    pub(in crate::config) index: &'a Index<'a>,
}

impl Names<'_> {
    pub(in crate::config) fn frontend(self, name: &str) -> Result<FrontendId, String> {
        self.index.frontend(name).ok_or_else(|| {
            if self.index.may_miss_frontend(name) {
                return TOLD.to_owned();
            }
            if self.proxies.iter().any(|proxy| proxy.may_serve_pages() && proxy.name == name) {
                return format!("frontend '{name}' serves pages: no sample counts its clients");
            }
            format!("there is no frontend '{name}'{}", hint(name, frontends(self.proxies)))
        })
    }

    pub(in crate::config) fn backend(self, name: &str) -> Result<BackendId, String> {
        self.index.backend(name).ok_or_else(|| {
            if self.index.may_miss_backend(name) {
                return TOLD.to_owned();
            }
            let known = backends(self.proxies).map(|proxy| proxy.name.as_str());
            format!("there is no backend '{name}'{}", hint(name, known))
        })
    }

    pub(in crate::config) fn server(
        self,
        backend: &str,
        name: &str,
    ) -> Result<(BackendId, ServerIndex), String> {
        let id = self.backend(backend)?;
        let server = self.index.server(id, name).ok_or_else(|| {
            if self.index.may_miss_server(backend, name) {
                return TOLD.to_owned();
            }
            let section = backends(self.proxies).find(|proxy| proxy.name == backend);
            let servers = section.into_iter().flat_map(|section| &section.servers);
            let known = servers.map(|server| server.name.value.as_str());
            format!("backend '{backend}' has no server '{name}'{}", hint(name, known))
        })?;
        self.index.note_named(id, server);
        Ok((id, server))
    }

    pub(in crate::config) fn userlist(self, name: &str) -> Result<UserlistId, String> {
        self.index.userlist(name).ok_or_else(|| {
            if self.index.gaps.may_name(&[UserlistDraft::WORD], name) {
                return TOLD.to_owned();
            }
            let known = self.index.userlists.keys().copied();
            format!("there is no userlist '{name}'{}", hint(name, known))
        })
    }

    pub(in crate::config) fn table(self, name: &str) -> Result<TableId, String> {
        self.index.table(name).ok_or_else(|| {
            if self.index.may_miss_table(name) {
                return TOLD.to_owned();
            }
            let known = self.tables.iter().map(|table| table.name.as_str());
            format!("there is no stick table '{name}'{}", hint(name, known))
        })
    }
}
