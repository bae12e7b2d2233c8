//! The draft while files are read: the open section, and the lines that open a section.

use std::collections::HashMap;

use crate::config::Direction;
use crate::config::all_keywords::TABLE;
use crate::config::drafts::{
    Draft, GlobalDraft, PeersDraft, ProxyDraft, ProxyKind, ResolversDraft, RingDraft, RuleKind,
    RuleLine, RuleStage, Settings, UserlistDraft,
};
use crate::config::keywords::{SECTIONS, Scope, inert, refused};
use crate::config::sections::server;
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed, Section};
use crate::config::text::gaps::Gaps;
use crate::config::text::line::Line;
use crate::config::text::nearest::{did_you_mean, hint, nearest_of};
use crate::config::text::report::Report;

/// The section that lines are read into.
#[derive(Clone, Copy, Debug)]
pub(super) enum Current {
    /// Before the first section of a file.
    None,
    /// A refused section, or lines before the first section. The lines are skipped.
    Skipped,
    Global,
    Defaults(usize),
    Proxy(usize),
    Peers(usize),
    Resolvers(usize),
    Ring(usize),
    Userlist(usize),
}

/// The sections that were read so far, and the open section.
pub(super) struct Sections {
    pub(super) report: Report,
    pub(super) draft: Draft,
    pub(super) current: Current,
    names: Positions,
}

/// The positions in the draft of the sections that have a name.
#[derive(Default)]
struct Positions {
    /// Two defaults sections may have the same name, as long as no section uses the name.
    defaults: HashMap<String, Vec<usize>>,
    frontends: HashMap<String, usize>,
    backends: HashMap<String, usize>,
    peers: HashMap<String, usize>,
    resolvers: HashMap<String, Place>,
    rings: HashMap<String, Place>,
}

impl Sections {
    pub(super) fn new(draft: Draft) -> Self {
        let names = Positions::default();
        Self { report: Report::default(), draft, current: Current::None, names }
    }

    pub(super) fn gaps(&mut self) -> &mut Gaps {
        let Self { draft, current, .. } = self;
        let gaps = match *current {
            Current::Defaults(at) => draft.defaults.get_mut(at).map(|section| &mut section.gaps),
            Current::Proxy(at) => draft.proxies.get_mut(at).map(|section| &mut section.gaps),
            Current::Peers(at) => draft.peers.get_mut(at).map(|section| &mut section.gaps),
            Current::Resolvers(at) => draft.resolvers.get_mut(at).map(|section| &mut section.gaps),
            Current::Ring(at) => draft.rings.get_mut(at).map(|section| &mut section.gaps),
            Current::None | Current::Skipped | Current::Global | Current::Userlist(_) => None,
        };
        gaps.unwrap_or(&mut draft.gaps)
    }

    /// The scope of the open section, and its kind if it is a proxy.
    pub(super) fn scope(&self) -> (Scope, Option<ProxyKind>) {
        match self.current {
            Current::None | Current::Skipped => (Scope::NOWHERE, None),
            Current::Global => (Scope::GLOBAL, None),
            Current::Peers(_) => (Scope::PEERS, None),
            Current::Resolvers(_) => (Scope::RESOLVERS, None),
            Current::Ring(_) => (Scope::RING, None),
            Current::Userlist(_) => (Scope::USERLIST, None),
            Current::Defaults(_) => (Scope::DEFAULTS, Some(ProxyKind::Defaults)),
            Current::Proxy(index) => {
                let kind = self.draft.proxies.get(index).map(|proxy| proxy.kind);
                (kind.map_or(Scope::PROXY, Scope::of), kind)
            }
        }
    }

    /// Opens a section, if the word opens one.
    pub(super) fn enter_section(&mut self, word: &str, line: &Line<'_>) -> Option<Parsed> {
        if let Some(kind) = ProxyKind::ALL.into_iter().find(|kind| kind.word() == word) {
            return Some(self.enter_proxy(kind, line));
        }
        match word {
            GlobalDraft::WORD => Some(self.enter_global(line)),
            PeersDraft::WORD => Some(self.enter_peers(line)),
            ResolversDraft::WORD => Some(self.enter_resolvers(line)),
            RingDraft::WORD => Some(self.enter_ring(line)),
            UserlistDraft::WORD => Some(self.enter_userlist(line)),
            other => {
                let (inert, refusal) = (inert::section(other), refused::section(other));
                if inert.is_none() && refusal.is_none() {
                    return None;
                }
                self.current = Current::Skipped;
                self.report.enter(None);
                if let Some((word, reason)) = inert {
                    self.report.inert(line.place, word, reason);
                    return Some(line.no_more(1));
                }
                let refusal = refusal?;
                let message = format!("section '{other}' is refused: {}", refusal.reason());
                Some(Err(line.mistake(message)))
            }
        }
    }

    fn enter_global(&mut self, line: &Line<'_>) -> Parsed {
        self.current = Current::Global;
        self.report.enter(Some(Section { kind: GlobalDraft::WORD, name: None }));
        line.no_more(0)
    }

    fn enter_peers(&mut self, line: &Line<'_>) -> Parsed {
        self.current = Current::Skipped;
        self.report.enter(None);
        let Some(name) = line.get(0) else {
            self.draft.gaps.add(PeersDraft::WORD, None);
            return Err(line.mistake("'peers' wants the name of the section"));
        };
        self.report
            .enter(Some(Section { kind: PeersDraft::WORD, name: Some(name.value.to_owned()) }));
        if let Err(mistake) = server::check_name(&name, "peers section") {
            self.report.mistake(mistake);
        }
        let own = self.draft.peers.len();
        let first = *self.names.peers.entry(name.value.to_owned()).or_insert(own);
        let mut is_twin = false;
        if let Some(twin) = self.draft.peers.get(first) {
            let at = self.report.name(twin.place);
            let message = format!("there is a peers section '{}' already, at {at}", name.value);
            self.report.error(name.place, message);
            is_twin = true;
        }
        self.draft.global.has_peers = true;
        let configured = self.draft.global.global.localpeer.as_deref();
        let local =
            self.draft.local_peer.as_deref().or(configured).unwrap_or(&self.draft.global.hostname);
        let mut section = PeersDraft::new(&name, local);
        if is_twin {
            section.gaps.add_anything();
        }
        self.draft.peers.push(section);
        self.current = Current::Peers(self.draft.peers.len() - 1);
        line.no_more(1)
    }

    /// As in HAProxy, words after the name have no effect.
    fn enter_ring(&mut self, line: &Line<'_>) -> Parsed {
        self.current = Current::Skipped;
        self.report.enter(None);
        let Some(name) = line.get(0) else {
            self.draft.gaps.add(RingDraft::WORD, None);
            return Err(line.mistake("'ring' wants the name of the section"));
        };
        let section = RingDraft::new(&name);
        self.report.enter(section.label());
        if let Err(mistake) = server::check_name(&name, "ring") {
            self.report.mistake(mistake);
        }
        let first = *self.names.rings.entry(name.value.to_owned()).or_insert(name.place);
        if first != name.place {
            let at = self.report.name(first);
            self.report
                .error(name.place, format!("there is a ring '{}' already, at {at}", name.value));
        }
        self.draft.rings.push(section);
        self.current = Current::Ring(self.draft.rings.len() - 1);
        line.no_more(1)
    }

    fn enter_resolvers(&mut self, line: &Line<'_>) -> Parsed {
        self.current = Current::Skipped;
        self.report.enter(None);
        let Some(name) = line.get(0) else {
            self.draft.gaps.add(ResolversDraft::WORD, None);
            return Err(line.mistake("'resolvers' wants the name of the section"));
        };
        let section = ResolversDraft::new(&name);
        self.report.enter(section.label());
        if let Err(mistake) = server::check_name(&name, "resolvers section") {
            self.report.mistake(mistake);
        }
        let first = *self.names.resolvers.entry(name.value.to_owned()).or_insert(name.place);
        if first != name.place {
            let at = self.report.name(first);
            let message = format!("there is a resolvers section '{}' already, at {at}", name.value);
            self.report.error(name.place, message);
        }
        self.draft.resolvers.push(section);
        self.current = Current::Resolvers(self.draft.resolvers.len() - 1);
        line.no_more(1)
    }

    fn enter_userlist(&mut self, line: &Line<'_>) -> Parsed {
        self.current = Current::Skipped;
        self.report.enter(None);
        let Some(name) = line.get(0) else {
            self.draft.gaps.add(UserlistDraft::WORD, None);
            return Err(line.mistake("'userlist' wants the name of the section"));
        };
        let label = Section { kind: UserlistDraft::WORD, name: Some(name.value.to_owned()) };
        self.report.enter(Some(label));
        line.no_more(1)?;
        if let Some(twin) = self.draft.userlists.iter().find(|list| list.name == name.value) {
            // As in HAProxy, the first list counts.
            let at = self.report.name(twin.place);
            let message = format!(
                "the section is ignored: there is a userlist '{}' already, at {at}",
                name.value
            );
            self.report.warning(name.place, message);
            return Ok(());
        }
        self.draft.userlists.push(UserlistDraft {
            name: name.value.to_owned(),
            place: name.place,
            users: Vec::new(),
            groups: Vec::new(),
        });
        self.current = Current::Userlist(self.draft.userlists.len() - 1);
        Ok(())
    }

    fn enter_proxy(&mut self, kind: ProxyKind, line: &Line<'_>) -> Parsed {
        self.current = Current::Skipped;
        self.report.enter(None);
        let is_defaults = kind == ProxyKind::Defaults;
        let name = match line.get(0).filter(|word| !is_defaults || word.value != "from") {
            Some(name) => name,
            None if is_defaults => Placed { value: "", place: line.place },
            None => {
                self.draft.gaps.add(kind.word(), None);
                return Err(line.mistake(format!("'{}' wants a name", kind.word())));
            }
        };
        let shown = Some(name.value.to_owned()).filter(|name| !name.is_empty());
        self.report.enter(Some(Section { kind: kind.word(), name: shown }));
        if !name.value.is_empty() || !is_defaults {
            let checked = server::check_name(&name, kind.word());
            if let Err(mistake) = checked {
                self.report.mistake(mistake);
            }
        }
        let used = usize::from(!name.value.is_empty());
        let mut settings = self.settings(kind, line, used);
        if let Err(mistake) = check_inherited(kind, &settings.rules, line.place) {
            self.report.mistake(mistake);
            settings.rules.clear();
        }
        settings.script = settings.script.inherit();
        let owned = Placed { value: name.value.to_owned(), place: name.place };
        let mut proxy = ProxyDraft::new(kind, owned, settings);
        if is_defaults {
            let own = self.draft.defaults.len();
            self.names.defaults.entry(proxy.name.clone()).or_default().push(own);
            self.draft.defaults.push(proxy);
            self.current = Current::Defaults(own);
        } else {
            self.check_twins(&mut proxy);
            self.draft.proxies.push(proxy);
            self.current = Current::Proxy(self.draft.proxies.len() - 1);
        }
        Ok(())
    }

    /// The first settings of a section: those of the defaults section that `from` names, or else of
    /// the last defaults section. A defaults section without `from` begins empty.
    fn settings(&mut self, kind: ProxyKind, line: &Line<'_>, at: usize) -> Settings {
        let settings = match line.get(at) {
            Some(word) if word.value == "from" => self.settings_from(line, at + 1),
            Some(word) => {
                let is_address = word.value.contains([':', '/']) || word.value.contains('@');
                let hint = if is_address && kind.is_frontend() {
                    format!(": write 'bind {}' on a line of its own", word.value)
                } else {
                    String::new()
                };
                let message = format!("unexpected word '{}'{hint}", word.value);
                return self.complain(Mistake::new(word.place, message));
            }
            None if kind == ProxyKind::Defaults => Ok(Settings::default()),
            None => Ok(self.draft.defaults.last().map(inherited).unwrap_or_default()),
        };
        settings.unwrap_or_else(|mistake| self.complain(mistake))
    }

    fn settings_from(&self, line: &Line<'_>, at: usize) -> Parsed<Settings> {
        line.no_more(at + 1)?;
        let Some(name) = line.get(at) else {
            return Err(line.mistake("'from' wants the name of a defaults section"));
        };
        let named = self.names.defaults.get(name.value).into_iter().flatten();
        let mut named = named.filter_map(|index| self.draft.defaults.get(*index));
        match (named.next(), named.next()) {
            (Some(only), None) if !name.value.is_empty() => Ok(inherited(only)),
            (Some(one), Some(other)) => {
                let (one, other) = (self.report.name(one.place), self.report.name(other.place));
                let message =
                    format!("there are two defaults sections '{}': {one}, {other}", name.value);
                Err(Mistake::new(name.place, message))
            }
            _ => {
                let names = self.draft.defaults.iter().map(|other| other.name.as_str());
                let hint = hint(name.value, names.filter(|name| !name.is_empty()));
                let message =
                    format!("there is no defaults section '{}' before this{hint}", name.value);
                Err(Mistake::new(name.place, message))
            }
        }
    }

    fn complain(&mut self, mistake: Mistake) -> Settings {
        self.report.mistake(mistake);
        Settings { has_gaps: true, ..Settings::default() }
    }

    /// Reports a section with the name of another. A frontend and a backend may have the same name,
    /// because a name refers to one kind.
    fn check_twins(&mut self, proxy: &mut ProxyDraft) {
        let own = self.draft.proxies.len();
        let first = |names: &mut HashMap<String, usize>, is_meant: bool| {
            is_meant.then(|| *names.entry(proxy.name.clone()).or_insert(own))
        };
        let Positions { frontends, backends, .. } = &mut self.names;
        let frontend = first(frontends, proxy.kind.is_frontend());
        let backend = first(backends, proxy.kind.is_backend());
        let first = frontend.into_iter().chain(backend).min();
        if let Some(twin) = first.and_then(|index| self.draft.proxies.get(index)) {
            let (kind, at) = (twin.kind.word(), self.report.name(twin.place));
            let message = format!("there is a {kind} '{}' already, at {at}", proxy.name);
            self.report.error(proxy.place, message);
            proxy.gaps.add_anything();
        }
    }

    /// Opens a section with a line that could not be split into words. Returns whether the word
    /// opens a section.
    pub(super) fn miss_section(&mut self, word: &str, line: &Line<'_>) -> bool {
        let Some(kind) = SECTIONS.into_iter().find(|kind| *kind == word) else {
            return false;
        };
        if line.arguments.is_empty() {
            self.current = Current::Skipped;
            self.report.enter(None);
            self.draft.gaps.add(kind, None);
        } else if let Some(Err(mistake)) = self.enter_section(kind, line) {
            self.report.mistake(mistake);
        }
        true
    }

    /// Opens the section that a mistyped word was meant to open, so that its lines are not read
    /// into the section before.
    pub(super) fn enter_mistyped(
        &mut self,
        first: &Placed<&str>,
        second: Option<&str>,
        line: &Line<'_>,
    ) -> Option<Parsed> {
        let meant = match self.current {
            // The word is a keyword of another section, and not mistyped.
            _ if TABLE.find(Scope::LINES, first.value, second).is_some() => None,
            // In a refused section, only a word that opens a section matters.
            Current::None | Current::Skipped => nearest_of(first.value, SECTIONS.into_iter()),
            _ => TABLE.meant(self.scope().0, first.value, second),
        };
        let kind = meant.filter(|meant| SECTIONS.contains(meant))?;
        let message = format!("unknown keyword '{}'{}", first.value, did_you_mean(kind));
        self.report.error(first.place, message);
        self.enter_section(kind, line)
    }
}

/// The settings that other sections inherit from this defaults section.
fn inherited(defaults: &ProxyDraft) -> Settings {
    let mut settings = defaults.settings.clone();
    settings.has_gaps |= !defaults.gaps.is_empty();
    settings.rules.clone_from(&defaults.rules);
    if let Some(stats) = &mut settings.stats {
        stats.is_inherited = true;
    }
    settings
}

/// Checks that a section can have the rules that a `defaults` section has given it.
fn check_inherited(kind: ProxyKind, rules: &[RuleLine], place: Place) -> Parsed {
    let is_of_backends = |rule: &RuleLine| {
        let of_frontends = [RuleStage::Connection, RuleStage::Session].map(RuleKind::Action);
        !of_frontends.contains(&rule.kind)
    };
    let takes = match kind {
        ProxyKind::Frontend => rules.iter().all(|rule| rule.kind.direction() == Direction::Request),
        ProxyKind::Backend => rules.iter().all(is_of_backends),
        ProxyKind::Listen | ProxyKind::Defaults => rules.is_empty(),
    };
    if takes {
        return Ok(());
    }
    let kind = kind.word();
    let message = format!("a '{kind}' section cannot have the rules of its 'defaults' section");
    Err(Mistake::new(place, message))
}
