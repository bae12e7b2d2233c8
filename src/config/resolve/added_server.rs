//! Servers that commands add: their words, with what the configuration says of all servers.

use super::{health, tls};
use crate::config::drafts::names::{Index, Names};
use crate::config::drafts::{Draft, ProxyDraft, ProxyKind, ServerDraft, Settings};
use crate::config::sections::server_line;
use crate::config::text::diagnostic::{Parsed, Place, Placed};
use crate::config::text::lexer::Word;
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{BackendHealth, DiagnosticKind, Server, VariableNames};

/// What `server` lines of commands are read with: what the `global` section says of all servers.
#[derive(Clone, Debug, Default)]
pub struct ServerLines(tls::Files);

/// A server that a command describes, before it has its place.
#[derive(Debug)]
pub struct AddedServer {
    /// The server. It has no number, and tracks no server.
    pub server: Server,
    /// The number that it has to have.
    pub id: Option<u32>,
    /// The server that it tracks, as `[<backend>/]<server>`.
    pub track: Option<String>,
    /// What is odd about the words.
    pub warnings: Vec<String>,
}

impl ServerLines {
    pub(super) fn new(files: tls::Files) -> Self {
        Self(files.of_running_process())
    }

    /// Reads `<name> <address> [words]` for a backend that checks its servers as `checks` says.
    ///
    /// # Errors
    ///
    /// What is wrong with the words, one message a line.
    pub fn read(
        &self,
        words: &[&str],
        checks: &BackendHealth,
        variables: &mut VariableNames,
    ) -> Result<AddedServer, String> {
        let words: Vec<Word> = (1..)
            .zip(words)
            .map(|(column, text)| Word { text: (*text).to_owned(), column, emptied_by: None })
            .collect();
        let place = Place::default();
        let line = Line {
            keyword: "add server",
            place,
            arguments: &words,
            negated: false,
            hosts: |_| Vec::new(),
        };
        let mut report = Report::default();
        let read = self.read_line(&line, checks, variables, &mut report);
        let read = read.map_err(|mistake| report.mistake(mistake)).ok();
        let found = report.into_diagnostics();
        let said = |kind| {
            let found = found.iter().filter(move |found| found.kind == kind);
            found.map(|found| found.message.clone()).collect::<Vec<_>>()
        };
        let (errors, warnings) = (said(DiagnosticKind::Error), said(DiagnosticKind::Warning));
        let added = read.filter(|_| errors.is_empty());
        added.map(|added| AddedServer { warnings, ..added }).ok_or_else(|| errors.join("\n"))
    }

    fn read_line(
        &self,
        line: &Line<'_>,
        checks: &BackendHealth,
        variables: &mut VariableNames,
        report: &mut Report,
    ) -> Parsed<AddedServer> {
        let mut draft = server_line::read_added(line, report)?;
        // As in HAProxy, a check of an added server speaks TLS only if it is told to.
        draft.words.tls.check.on.get_or_insert(None);
        let script = (checks.script.kind, checks.script.speaks_tls());
        // A file that is known is not read again, and its certificate is replaced with the others.
        let files = &mut self.0.clone();
        tls::prepare_server(&mut draft.words, line.place, script, files, report)?;
        let mut server = Server {
            name: draft.name.value.clone(),
            id: 0,
            address: draft.address.clone(),
            resolution: None,
            settings: draft.words.settings.clone(),
            health: health::resolve(&draft, report),
            is_named: false,
        };
        // The same is so for a PROXY header.
        if let Some(check) = &mut server.health.check
            && !server.settings.health.send_proxy
        {
            check.send_proxy = None;
        }
        let (servers, drafts) = (std::slice::from_mut(&mut server), std::slice::from_ref(&draft));
        health::require_ports(drafts, servers, &checks.script, report);
        read_names(servers, drafts, variables, report);
        let (id, track) = (draft.words.id, draft.words.track);
        let (id, track) = (id.map(|id| id.value), track.map(|track| track.value));
        Ok(AddedServer { server, id, track, warnings: Vec::new() })
    }
}

/// Reads the expression of `sni`. It can use everything but what the configuration has names for.
fn read_names(
    servers: &mut [Server],
    drafts: &[ServerDraft],
    variables: &mut VariableNames,
    report: &mut Report,
) {
    let draft = Draft::default();
    let index = Index::of_command(&draft, std::mem::take(variables));
    let nameless = Placed { value: String::new(), place: Place::default() };
    let outside = ProxyDraft::new(ProxyKind::Defaults, nameless, Settings::default());
    let names = Names { proxies: &[], current: &outside, tables: &[], index: &index };
    tls::read_names(servers, drafts, names, report);
    *variables = index.take_variables();
    if !index.patterns.take(&[]).is_empty() {
        report.error(Place::default(), "a command cannot use a map");
    }
}
