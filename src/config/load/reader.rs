//! Reads files line by line: sections, lines, and which row of the keyword tables reads a line.

use std::fs;
use std::path::{Path, PathBuf};

use super::request::{Loaded, Request};
use super::sections::{Current, Sections};
use crate::config::all_keywords::TABLE;
use crate::config::drafts::keyword_names;
use crate::config::drafts::{Draft, ProxyKind, Said};
use crate::config::keywords::inert;
use crate::config::keywords::{Handling, Keyword, Refusal, Scope};
use crate::config::resolve;
use crate::config::sections::global;
use crate::config::text::address::Hosts;
use crate::config::text::blocks::Blocks;
use crate::config::text::diagnostic::{Diagnostic, Mistake, Parsed, Place, Placed, TOLD};
use crate::config::text::lexer;
use crate::config::text::lexer::Word;
use crate::config::text::line::Line;
use crate::config::text::text_file;

/// The place of messages about the whole configuration, which come after those of every file.
const NOWHERE: Place = Place { file: usize::MAX, line: 0, column: 0 };

/// Reads files into the draft.
pub(super) struct Reader {
    sections: Sections,
    hosts: Hosts,
    blocks: Blocks,
}

impl Reader {
    pub(super) fn new(request: &Request, hosts: Hosts) -> Self {
        let mut draft = Draft {
            environment: request.environment.clone(),
            local_peer: request.local_peer.clone(),
            ..Draft::default()
        };
        draft.global.hostname.clone_from(&request.hostname);
        let local_name = request.local_peer.as_ref().unwrap_or(&request.hostname);
        draft.environment.set("HAPROXY_LOCALPEER", local_name);
        Self { sections: Sections::new(draft), hosts, blocks: Blocks::default() }
    }

    pub(super) fn finish(self, request: &Request) -> Result<Loaded, Vec<Diagnostic>> {
        let Sections { mut report, mut draft, .. } = self.sections;
        report.enter(None);
        draft.global.global.zero_warning |= request.zero_warning;
        draft.global.global.limits.never_splices |= request.never_splices;
        draft.global.global.listens_alone |= request.listens_alone;
        let (mut config, server_lines) = resolve::resolve(draft, &mut report);
        if request.maxconn.is_some() {
            config.global.maxconn = request.maxconn;
        }
        for frontend in &mut config.frontends {
            frontend.maxconn = frontend.maxconn.or(request.frontend_maxconn);
        }
        report.settle_told();
        if report.has_errors() {
            return Err(report.into_diagnostics());
        }
        Ok(Loaded { config, server_lines, warnings: report.into_diagnostics() })
    }

    pub(super) fn report_no_file(&mut self) {
        self.sections.report.error(NOWHERE, "no file is given");
    }

    /// The files of a source: the file itself, or the configuration files of a directory.
    pub(super) fn files_of(&mut self, source: &Path) -> Vec<PathBuf> {
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

    pub(super) fn read_file(&mut self, path: &Path) {
        match text_file::read(path) {
            Ok(text) => self.read_text(&path.display().to_string(), &text),
            Err(error) => self.file_error(path, &error),
        }
    }

    fn file_error(&mut self, path: &Path, error: &std::io::Error) {
        let file = self.sections.report.add_file(&path.display().to_string());
        self.sections.report.enter(None);
        self.sections
            .report
            .error(Place { file, line: 0, column: 0 }, format!("cannot read it: {error}"));
        self.sections.draft.gaps.add_anything();
    }

    pub(super) fn read_text(&mut self, name: &str, text: &[u8]) {
        let file = self.sections.report.add_file(name);
        let begin = Place { file, line: 0, column: 0 };
        self.sections.draft.global.begin_paths(begin, name);
        // A section ends with its file.
        self.sections.current = Current::None;
        self.sections.report.enter(None);
        let mut place = Place { file, line: 0, column: 0 };
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            place.line = place.line.saturating_add(1);
            let Some(line) = line.strip_suffix(b"\n") else {
                self.sections
                    .report
                    .error(place, "the last line has no line feed: is the file truncated?");
                break;
            };
            match lexer::words(line, &self.sections.draft.environment) {
                Ok(words) => self.read_line(place, &words),
                Err(error) => {
                    let at = Place { column: error.column, ..place };
                    self.sections.report.error(at, error.message);
                    self.miss_line(place, &error.words);
                }
            }
        }
        self.sections.report.enter(None);
        self.blocks.finish(&mut self.sections.report);
    }

    /// Reads what follows `-S`.
    pub(super) fn read_master_socket(&mut self, text: &str) {
        let place = Place { file: self.sections.report.add_file("-S"), line: 0, column: 0 };
        self.sections.report.enter(None);
        let begins = std::iter::once(0).chain(text.match_indices(',').map(|(at, _)| at + 1));
        let words = text.split(',').zip(begins).filter(|(word, _)| !word.is_empty());
        let words: Vec<Word> = words
            .map(|(word, at)| Word {
                text: word.to_owned(),
                column: u32::try_from(at + 1).unwrap_or(u32::MAX),
                emptied_by: None,
            })
            .collect();
        let line =
            Line { keyword: "-S", place, arguments: &words, negated: false, hosts: self.hosts };
        let Sections { draft, report, .. } = &mut self.sections;
        if let Err(mistake) = global::read_master_socket(&mut draft.global, &line, report) {
            report.mistake(mistake);
        }
    }

    fn read_line(&mut self, place: Place, words: &[Word]) {
        let Some(first) = words.first() else { return };
        for word in words {
            if let Some(variable) = &word.emptied_by {
                self.sections.report.emptied(Place { column: word.column, ..place }, variable);
            }
        }
        let line = self.line(place, words);
        let result = if first.text.starts_with('.') {
            let environment = &self.sections.draft.environment;
            let result =
                self.blocks.read(&first.text, &line, environment, &mut self.sections.report);
            result.inspect_err(|_| self.sections.draft.gaps.add_anything())
        } else if self.blocks.is_passing() {
            Ok(())
        } else if let Some(result) = self.sections.enter_section(&first.text, &line) {
            result
        } else {
            self.read_keyword(place, words).inspect_err(|_| self.note_gap(words))
        };
        if let Err(mistake) = result {
            self.sections.report.mistake(mistake);
        }
    }

    /// The line with its first word as the keyword, which may be unknown.
    fn line<'w>(&self, place: Place, words: &'w [Word]) -> Line<'w> {
        let column = words.first().map_or(0, |first| first.column);
        Line {
            keyword: "",
            place: Place { column, ..place },
            arguments: words.get(1..).unwrap_or_default(),
            negated: false,
            hosts: self.hosts,
        }
    }

    /// Goes on after a line that could not be split; `words` are the words before the error.
    fn miss_line(&mut self, place: Place, words: &[Word]) {
        let first = words.first().map_or("", |first| first.text.as_str());
        if first == ".if" {
            self.blocks.begin_unread(place);
            self.sections.draft.gaps.add_anything();
        } else if first.starts_with('.') {
            self.sections.draft.gaps.add_anything();
        } else if !self.blocks.is_passing()
            && !self.sections.miss_section(first, &self.line(place, words))
        {
            self.note_gap(words);
        }
    }

    /// Notes a line of the current section that cannot be read, so that nothing that follows from
    /// the missing line is reported.
    fn note_gap(&mut self, words: &[Word]) {
        let is_prefix = |word: &Word| matches!(word.text.as_str(), "no" | "default");
        let words = words.get(usize::from(words.first().is_some_and(is_prefix))..);
        let words = words.unwrap_or_default();
        let text = |at: usize| words.get(at).map(|word| word.text.as_str());
        let Some(first) = text(0) else { return self.sections.gaps().add_anything() };
        let (scope, _) = self.sections.scope();
        let scope = if scope.meets(Scope::PROXY) { Scope::PROXY } else { scope };
        let named = TABLE.find(scope, first, text(1)).map(|row| row.name);
        let Some(keyword) = named.or_else(|| TABLE.meant(scope, first, text(1))) else {
            return;
        };
        let name = text(keyword.split(' ').count()).map(str::to_owned);
        self.sections.gaps().add(keyword, name.as_deref());
    }

    fn read_keyword(&mut self, place: Place, words: &[Word]) -> Parsed {
        let prefix = words.first().map(|word| word.text.as_str());
        let negated = matches!(prefix, Some("no" | "default")) && words.len() > 1;
        let words = words.get(usize::from(negated)..).unwrap_or_default();
        let Some(word) = words.first() else { return Ok(()) };
        let first =
            Placed { value: word.text.as_str(), place: Place { column: word.column, ..place } };
        let second = words.get(1).map(|word| word.text.as_str());
        let (scope, kind) = self.sections.scope();
        let Some(keyword) = TABLE.find(scope, first.value, second) else {
            if let Some(result) =
                self.sections.enter_mistyped(&first, second, &self.line(place, words))
            {
                return result;
            }
            return match self.sections.current {
                Current::Skipped => Ok(()),
                Current::None => {
                    // The next lines also stand before the first section: one message is enough.
                    self.sections.current = Current::Skipped;
                    let message = format!("'{}' stands before the first section", first.value);
                    Err(Mistake::new(first.place, message))
                }
                _ => self.misplaced(scope, kind, &first, second),
            };
        };
        if let Some(refusal) = keyword.refusal() {
            let message = format!("'{}' is refused: {}", keyword.name, refusal.reason());
            if refusal == Refusal::HttpOnly {
                self.sections.report.http_only(first.place, message);
                return Err(Mistake::new(first.place, TOLD));
            }
            return Err(Mistake::new(first.place, message));
        }
        let arguments = words.get(keyword.name_words()..).unwrap_or_default();
        let place = first.place;
        let line = Line { keyword: keyword.name, place, arguments, negated, hosts: self.hosts };
        check_line(keyword, &line)?;
        self.run(keyword, &line)
    }

    /// Reports a keyword that has no row for the section. As HAProxy does, it only warns of a
    /// keyword of backends in a frontend, and the other way round. But a server in a frontend is
    /// an error: the section has the wrong kind.
    fn misplaced(
        &mut self,
        scope: Scope,
        kind: Option<ProxyKind>,
        first: &Placed<&str>,
        second: Option<&str>,
    ) -> Parsed {
        let elsewhere = kind.and_then(|kind| {
            TABLE.find(Scope::PROXY, first.value, second).map(|keyword| (kind, keyword))
        });
        let Some((kind, keyword)) = elsewhere else {
            return Err(TABLE.unknown(scope, first, second));
        };
        let name = keyword.name;
        match kind {
            ProxyKind::Frontend if name != keyword_names::SERVER => {
                let message = format!("'{name}' is ignored: a frontend has no servers");
                self.sections.report.warning(first.place, message);
                Ok(())
            }
            ProxyKind::Backend => {
                let message = format!("'{name}' is ignored: a backend has no clients of its own");
                self.sections.report.warning(first.place, message);
                Ok(())
            }
            _ => {
                let message = format!("'{name}' cannot stand in a '{}' section", kind.word());
                Err(Mistake::new(first.place, message))
            }
        }
    }

    fn run(&mut self, keyword: &Keyword, line: &Line<'_>) -> Parsed {
        let Sections { draft, report, current, .. } = &mut self.sections;
        let mut proxy = match *current {
            Current::Defaults(index) => draft.defaults.get_mut(index),
            Current::Proxy(index) => draft.proxies.get_mut(index),
            _ => None,
        };
        if let Some(proxy) = proxy.as_deref_mut().filter(|_| !line.negated) {
            let (keyword, in_pages) = (keyword.name, keyword.in_pages);
            proxy.said.push(Said { keyword, place: line.place, in_pages });
        }
        match (keyword.handling, *current) {
            (Handling::Inert(check), _) => inert::read(keyword, check, line, report),
            (Handling::Draft(read), _) => read(draft, line, report),
            (Handling::Global(read), _) => read(&mut draft.global, line, report),
            (Handling::Proxy(read), _) => match proxy {
                Some(proxy) => read(proxy, line, report),
                None => Ok(()),
            },
            (Handling::Peers(read), Current::Peers(index)) => match draft.peers.get_mut(index) {
                Some(section) => read(section, line, report),
                None => Ok(()),
            },
            (Handling::Resolvers(read), Current::Resolvers(index)) => {
                match draft.resolvers.get_mut(index) {
                    Some(section) => read(section, line, report),
                    None => Ok(()),
                }
            }
            (Handling::Ring(read), Current::Ring(index)) => match draft.rings.get_mut(index) {
                Some(section) => read(section, line, report),
                None => Ok(()),
            },
            (Handling::Userlist(read), Current::Userlist(index)) => {
                match draft.userlists.get_mut(index) {
                    Some(list) => read(list, line, report),
                    None => Ok(()),
                }
            }
            _ => Err(line.mistake(format!("'{}' cannot stand here", keyword.name))),
        }
    }
}

/// Checks that `no` can stand before the keyword, and how many arguments there are.
fn check_line(keyword: &Keyword, line: &Line<'_>) -> Parsed {
    if line.negated && !keyword.is_negatable() {
        let message = format!("'no' and 'default' cannot stand before '{}'", keyword.name);
        return Err(line.mistake(message));
    }
    let count = line.arguments.len();
    if count < keyword.arity.min && !line.negated {
        let (name, arguments) = (keyword.name, keyword.arguments);
        let arguments = if arguments.is_empty() { "more words" } else { arguments };
        return Err(line.mistake(format!("'{name}' wants {arguments}")));
    }
    if count > keyword.arity.max {
        let word = line.argument(keyword.arity.max)?;
        let message = format!("unexpected word '{}' after '{}'", word.value, keyword.name);
        return Err(Mistake::new(word.place, message));
    }
    Ok(())
}

fn is_config(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    path.extension().is_some_and(|extension| extension == "cfg") && !is_hidden && path.is_file()
}
