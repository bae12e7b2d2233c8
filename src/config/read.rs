//! From files to the draft: sections, lines, and which row of the keyword tables reads a line.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::address::{self, Hosts};
use super::blocks::Blocks;
use super::diagnostic::{Diagnostic, Mistake, Parsed, Place, Placed, Report, Section};
use super::draft::{Draft, PeersDraft, ProxyDraft, ProxyKind, Settings};
use super::environment::Environment;
use super::keywords::{self, Action, Keyword, Scope};
use super::lexer::{self, Word};
use super::line::Line;
use super::{Config, inert, refused, resolve, server};

/// What to load.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The files and directories to read, in this order; of a directory every `*.cfg` file in
    /// lexical order.
    pub sources: Vec<PathBuf>,
    /// The local peer's name as the command line gives it; goes before `localpeer`.
    pub local_peer: Option<String>,
    /// The host's name, which stands in for a local peer's name.
    pub hostname: String,
    /// The most client connections as the command line gives it; goes before `maxconn`.
    pub maxconn: Option<u32>,
    /// The environment variables that the files can use.
    pub environment: Environment,
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What its author should know, in the order of the files.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a configuration from its files. An error holds every mistake and every warning, in the
/// order of the files.
pub fn load(request: &Request) -> Result<Loaded, Vec<Diagnostic>> {
    let mut reader = Reader::new(request, address::system_hosts);
    if request.sources.is_empty() {
        reader.report.error(NOWHERE, "no file is given");
    }
    for source in &request.sources {
        for path in reader.files_of(source) {
            reader.read_file(&path);
        }
    }
    reader.finish(request)
}

/// Reads a configuration from a text; `name` stands for its file in messages.
pub fn load_text(name: &str, text: &str, request: &Request) -> Result<Loaded, Vec<Diagnostic>> {
    load_text_with(name, text, request, address::system_hosts)
}

/// Reads a configuration from a text without asking the system for the names of hosts.
pub fn load_text_with(
    name: &str,
    text: &str,
    request: &Request,
    hosts: Hosts,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut reader = Reader::new(request, hosts);
    reader.read_text(name, text.as_bytes());
    reader.finish(request)
}

/// The place of what is about the configuration as a whole; it comes after every file.
pub(super) const NOWHERE: Place = Place { file: usize::MAX, line: 0, column: 0 };

/// The section that lines are read into.
#[derive(Clone, Copy, Debug)]
enum Current {
    /// Before the first section of a file.
    None,
    /// A section that cannot be read, or a second one with the name of another: its lines are
    /// passed over.
    Skipped,
    Global,
    Defaults(usize),
    Proxy(usize),
    Peers(usize),
}

struct Reader {
    report: Report,
    draft: Draft,
    hostname: String,
    hosts: Hosts,
    current: Current,
    blocks: Blocks,
    sections: Sections,
}

/// The positions in the draft of the sections that have a name.
#[derive(Default)]
struct Sections {
    /// Defaults sections may be twins, as long as nothing names them.
    defaults: HashMap<String, Vec<usize>>,
    frontends: HashMap<String, usize>,
    backends: HashMap<String, usize>,
    peers: HashMap<String, usize>,
}

impl Reader {
    fn new(request: &Request, hosts: Hosts) -> Self {
        let mut draft = Draft {
            environment: request.environment.clone(),
            local_peer: request.local_peer.clone(),
            ..Draft::default()
        };
        draft.global.hostname.clone_from(&request.hostname);
        let local_name = request.local_peer.as_ref().unwrap_or(&request.hostname);
        draft.environment.set("HAPROXY_LOCALPEER", local_name);
        Self {
            report: Report::default(),
            draft,
            hostname: request.hostname.clone(),
            hosts,
            current: Current::None,
            blocks: Blocks::default(),
            sections: Sections::default(),
        }
    }

    fn finish(self, request: &Request) -> Result<Loaded, Vec<Diagnostic>> {
        let Self { mut report, draft, .. } = self;
        report.enter(None);
        let mut config = resolve::resolve(draft, &mut report);
        if request.maxconn.is_some() {
            config.global.maxconn = request.maxconn;
        }
        if report.has_errors() {
            return Err(report.into_diagnostics());
        }
        Ok(Loaded { config, warnings: report.into_diagnostics() })
    }

    /// The file itself, or the configuration files of a directory.
    fn files_of(&mut self, source: &Path) -> Vec<PathBuf> {
        if !source.is_dir() {
            return vec![source.to_owned()];
        }
        let entries = match fs::read_dir(source) {
            Ok(entries) => entries,
            Err(error) => {
                self.file_error(source, &error);
                return Vec::new();
            }
        };
        let mut files: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| is_config(path)).collect();
        files.sort();
        files
    }

    fn read_file(&mut self, path: &Path) {
        match fs::read(path) {
            Ok(text) => self.read_text(&path.display().to_string(), &text),
            Err(error) => self.file_error(path, &error),
        }
    }

    fn file_error(&mut self, path: &Path, error: &std::io::Error) {
        let file = self.report.add_file(&path.display().to_string());
        self.report.enter(None);
        self.report.error(Place { file, line: 0, column: 0 }, format!("cannot read it: {error}"));
    }

    fn read_text(&mut self, name: &str, text: &[u8]) {
        let file = self.report.add_file(name);
        // A section does not go on in the next file.
        self.current = Current::None;
        self.report.enter(None);
        let mut place = Place { file, line: 0, column: 0 };
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            place.line = place.line.saturating_add(1);
            let Some(line) = line.strip_suffix(b"\n") else {
                self.report.error(place, "the last line has no line feed: is the file truncated?");
                break;
            };
            match lexer::words(line, &self.draft.environment) {
                Ok(words) => self.read_line(place, &words),
                Err(error) => {
                    let place = Place { column: error.column, ..place };
                    self.report.error(place, error.message);
                }
            }
        }
        self.report.enter(None);
        self.blocks.finish(&mut self.report);
    }

    fn read_line(&mut self, place: Place, words: &[Word]) {
        let Some(first) = words.first() else { return };
        let line = Line {
            keyword: "",
            place: Place { column: first.column, ..place },
            arguments: words.get(1..).unwrap_or_default(),
            negated: false,
            hosts: self.hosts,
        };
        let result = if first.text.starts_with('.') {
            let environment = &self.draft.environment;
            self.blocks.read(&first.text, &line, environment, &mut self.report)
        } else if self.blocks.is_passing() {
            Ok(())
        } else if let Some(result) = self.enter_section(&first.text, &line) {
            result
        } else {
            self.read_keyword(place, words)
        };
        if let Err(mistake) = result {
            self.report.mistake(mistake);
        }
    }

    /// Opens a section, if that is what the word means.
    fn enter_section(&mut self, word: &str, line: &Line<'_>) -> Option<Parsed> {
        let kind = match word {
            "global" => return Some(self.enter_global(line)),
            "peers" => return Some(self.enter_peers(line)),
            "defaults" => ProxyKind::Defaults,
            "frontend" => ProxyKind::Frontend,
            "backend" => ProxyKind::Backend,
            "listen" => ProxyKind::Listen,
            other => {
                let refusal = refused::section(other)?;
                self.current = Current::Skipped;
                self.report.enter(None);
                let message = format!("section '{other}' is refused: {}", refusal.reason());
                return Some(Err(line.mistake(message)));
            }
        };
        Some(self.enter_proxy(kind, line))
    }

    fn enter_global(&mut self, line: &Line<'_>) -> Parsed {
        self.current = Current::Global;
        self.report.enter(Some(Section { kind: "global", name: None }));
        no_more(line, 0)
    }

    fn enter_peers(&mut self, line: &Line<'_>) -> Parsed {
        self.current = Current::Skipped;
        self.report.enter(None);
        let Some(name) = line.get(0) else {
            return Err(line.mistake("'peers' wants the name of the section"));
        };
        self.report.enter(Some(Section { kind: "peers", name: Some(name.value.to_owned()) }));
        server::check_name(&name, "peers section")?;
        let own = self.draft.peers.len();
        let first = *self.sections.peers.entry(name.value.to_owned()).or_insert(own);
        if let Some(twin) = self.draft.peers.get(first) {
            let at = self.report.name(twin.place);
            let message = format!("there is a peers section '{}' already, at {at}", name.value);
            self.report.error(name.place, message);
        }
        self.draft.global.has_peers = true;
        let configured = self.draft.global.global.localpeer.as_deref();
        let local = self.draft.local_peer.as_deref().or(configured).unwrap_or(&self.hostname);
        let section = PeersDraft::new(&name, local);
        self.draft.peers.push(section);
        self.current = Current::Peers(self.draft.peers.len() - 1);
        no_more(line, 1)
    }

    fn enter_proxy(&mut self, kind: ProxyKind, line: &Line<'_>) -> Parsed {
        self.current = Current::Skipped;
        self.report.enter(None);
        let is_defaults = kind == ProxyKind::Defaults;
        let name = match line.get(0).filter(|word| !is_defaults || word.value != "from") {
            Some(name) => name,
            None if is_defaults => Placed { value: "", place: line.place },
            None => return Err(line.mistake(format!("'{}' wants a name", kind.word()))),
        };
        let shown = Some(name.value.to_owned()).filter(|name| !name.is_empty());
        self.report.enter(Some(Section { kind: kind.word(), name: shown }));
        if !name.value.is_empty() || !is_defaults {
            server::check_name(&name, kind.word())?;
        }
        let used = usize::from(!name.value.is_empty());
        let settings = self.settings(kind, line, used);
        let owned = Placed { value: name.value.to_owned(), place: name.place };
        let proxy = ProxyDraft::new(kind, owned, settings);
        if is_defaults {
            let own = self.draft.defaults.len();
            self.sections.defaults.entry(proxy.name.clone()).or_default().push(own);
            self.draft.defaults.push(proxy);
            self.current = Current::Defaults(own);
        } else {
            self.check_twins(&proxy);
            self.draft.proxies.push(proxy);
            self.current = Current::Proxy(self.draft.proxies.len() - 1);
        }
        Ok(())
    }

    /// What the section begins with: the settings of the defaults section that `from` names, else
    /// of the last one before it. A defaults section begins empty unless it has a `from`.
    fn settings(&mut self, kind: ProxyKind, line: &Line<'_>, at: usize) -> Settings {
        let settings = match line.get(at) {
            Some(word) if word.value == "from" => self.settings_from(line, at + 1),
            Some(word) => {
                let message = format!("unexpected word '{}'", word.value);
                return self.complain(Mistake::new(word.place, message));
            }
            None if kind == ProxyKind::Defaults => Ok(Settings::default()),
            None => {
                Ok(self.draft.defaults.last().map(|last| last.settings.clone()).unwrap_or_default())
            }
        };
        settings.unwrap_or_else(|mistake| self.complain(mistake))
    }

    fn settings_from(&self, line: &Line<'_>, at: usize) -> Parsed<Settings> {
        no_more(line, at + 1)?;
        let Some(name) = line.get(at) else {
            return Err(line.mistake("'from' wants the name of a defaults section"));
        };
        let named = self.sections.defaults.get(name.value).into_iter().flatten();
        let mut named = named.filter_map(|index| self.draft.defaults.get(*index));
        match (named.next(), named.next()) {
            (Some(only), None) if !name.value.is_empty() => Ok(only.settings.clone()),
            (Some(one), Some(other)) => {
                let (one, other) = (self.report.name(one.place), self.report.name(other.place));
                let message =
                    format!("there are two defaults sections '{}': {one}, {other}", name.value);
                Err(Mistake::new(name.place, message))
            }
            _ => {
                let names = self.draft.defaults.iter().map(|other| other.name.as_str());
                let hint = keywords::nearest_of(name.value, names.filter(|name| !name.is_empty()))
                    .map(|near| format!("; did you mean '{near}'?"))
                    .unwrap_or_default();
                let message =
                    format!("there is no defaults section '{}' before this{hint}", name.value);
                Err(Mistake::new(name.place, message))
            }
        }
    }

    fn complain(&mut self, mistake: Mistake) -> Settings {
        self.report.mistake(mistake);
        Settings::default()
    }

    /// A frontend and a backend may share a name, as their names are never looked up together.
    fn check_twins(&mut self, proxy: &ProxyDraft) {
        let own = self.draft.proxies.len();
        let first = |names: &mut HashMap<String, usize>, is_meant: bool| {
            is_meant.then(|| *names.entry(proxy.name.clone()).or_insert(own))
        };
        let Sections { frontends, backends, .. } = &mut self.sections;
        let frontend = first(frontends, proxy.kind.is_frontend());
        let backend = first(backends, proxy.kind.is_backend());
        let first = frontend.into_iter().chain(backend).min();
        if let Some(twin) = first.and_then(|index| self.draft.proxies.get(index)) {
            let (kind, at) = (twin.kind.word(), self.report.name(twin.place));
            let message = format!("there is a {kind} '{}' already, at {at}", proxy.name);
            self.report.error(proxy.place, message);
        }
    }

    fn read_keyword(&mut self, place: Place, words: &[Word]) -> Parsed {
        let prefix = words.first().map(|word| word.text.as_str());
        let negated = matches!(prefix, Some("no" | "default")) && words.len() > 1;
        let words = words.get(usize::from(negated)..).unwrap_or_default();
        let Some(word) = words.first() else { return Ok(()) };
        let first =
            Placed { value: word.text.as_str(), place: Place { column: word.column, ..place } };
        let second = words.get(1).map(|word| word.text.as_str());
        let (scope, kind) = match self.current {
            Current::Skipped => return Ok(()),
            Current::None => {
                let hint = keywords::nearest_of(first.value, keywords::SECTIONS.into_iter())
                    .map(|near| format!("; did you mean '{near}'?"))
                    .unwrap_or_default();
                let message = format!("'{}' stands before the first section{hint}", first.value);
                return Err(Mistake::new(first.place, message));
            }
            Current::Global => (Scope::GLOBAL, None),
            Current::Peers(_) => (Scope::PEERS, None),
            Current::Defaults(_) => (Scope::DEFAULTS, Some(ProxyKind::Defaults)),
            Current::Proxy(index) => {
                let kind = self.draft.proxies.get(index).map(|proxy| proxy.kind);
                (kind.map_or(Scope::PROXY, ProxyKind::scope), kind)
            }
        };
        let Some(keyword) = keywords::find(scope, first.value, second) else {
            return self.misplaced(scope, kind, &first, second);
        };
        if let Some(refusal) = keyword.refusal() {
            let message = format!("'{}' is refused: {}", keyword.name, refusal.reason());
            return Err(Mistake::new(first.place, message));
        }
        if keyword.is_inert() {
            // What has no effect is off already.
            if !negated {
                inert::warn(keyword, &first, &mut self.report);
            }
            return Ok(());
        }
        let arguments = words.get(keyword.name_words()..).unwrap_or_default();
        let place = first.place;
        let line = Line { keyword: keyword.name, place, arguments, negated, hosts: self.hosts };
        check_line(keyword, &line)?;
        self.run(keyword, &line)
    }

    /// What to say of a keyword that has no row for the section. HAProxy only warns where a
    /// keyword of a backend stands in a frontend or the other way round; a server there is an
    /// error, as it shows that the section is of the wrong kind.
    fn misplaced(
        &mut self,
        scope: Scope,
        kind: Option<ProxyKind>,
        first: &Placed<&str>,
        second: Option<&str>,
    ) -> Parsed {
        let elsewhere = kind.and_then(|kind| {
            keywords::find(Scope::PROXY, first.value, second).map(|keyword| (kind, keyword))
        });
        let Some((kind, keyword)) = elsewhere else {
            return Err(keywords::unknown(scope, first, second));
        };
        let name = keyword.name;
        match kind {
            ProxyKind::Frontend if name != "server" => {
                let message = format!("'{name}' is ignored: a frontend has no servers");
                self.report.warning(first.place, message);
                Ok(())
            }
            ProxyKind::Backend => {
                let message = format!("'{name}' is ignored: a backend has no clients of its own");
                self.report.warning(first.place, message);
                Ok(())
            }
            _ => {
                let message = format!("'{name}' cannot stand in a '{}' section", kind.word());
                Err(Mistake::new(first.place, message))
            }
        }
    }

    fn run(&mut self, keyword: &Keyword, line: &Line<'_>) -> Parsed {
        let Self { draft, report, current, .. } = self;
        let proxy = match *current {
            Current::Defaults(index) => draft.defaults.get_mut(index),
            Current::Proxy(index) => draft.proxies.get_mut(index),
            _ => None,
        };
        match (keyword.action, *current) {
            (Action::Environment(read), _) => read(draft, line),
            (Action::Global(read), _) => {
                let result = read(&mut draft.global, line, report);
                if keyword.name == "localpeer" && draft.local_peer.is_none() {
                    let name = draft.global.global.localpeer.as_deref().unwrap_or_default();
                    draft.environment.set("HAPROXY_LOCALPEER", name);
                }
                result
            }
            (Action::Proxy(read), _) => match proxy {
                Some(proxy) => {
                    if !line.negated {
                        proxy.said.push(Placed { value: keyword.name, place: line.place });
                    }
                    read(proxy, line, report)
                }
                None => Ok(()),
            },
            (Action::Peers(read), Current::Peers(index)) => match draft.peers.get_mut(index) {
                Some(section) => read(section, line, report),
                None => Ok(()),
            },
            _ => Err(line.mistake(format!("'{}' cannot stand here", keyword.name))),
        }
    }
}

/// The words that can stand after `no` and `default`, and how many words each keyword takes.
fn check_line(keyword: &Keyword, line: &Line<'_>) -> Parsed {
    let can_be_negated = keyword.name.starts_with("option ")
        || matches!(keyword.name, "log" | "busy-polling" | "set-dumpable" | "strict-limits");
    if line.negated && !can_be_negated {
        let message = format!("'no' and 'default' cannot stand before '{}'", keyword.name);
        return Err(line.mistake(message));
    }
    let count = line.arguments.len();
    if count < keyword.arity.min && !line.negated {
        let (name, arguments) = (keyword.name, keyword.arguments);
        return Err(line.mistake(format!("'{name}' wants {arguments}")));
    }
    if count > keyword.arity.max {
        let word = line.argument(keyword.arity.max)?;
        let message = format!("unexpected word '{}' after '{}'", word.value, keyword.name);
        return Err(Mistake::new(word.place, message));
    }
    Ok(())
}

fn no_more(line: &Line<'_>, count: usize) -> Parsed {
    match line.get(count) {
        Some(word) => Err(Mistake::new(word.place, format!("unexpected word '{}'", word.value))),
        None => Ok(()),
    }
}

fn is_config(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    path.extension().is_some_and(|extension| extension == "cfg") && !is_hidden && path.is_file()
}
