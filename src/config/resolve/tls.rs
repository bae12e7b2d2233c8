//! TLS of `bind` and `server` lines: the files that the words name are read, and what connections
//! are made with is prepared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::config::drafts::names::Names;
use crate::config::drafts::{Begin, ServerDraft, ServerWords, path_of};
use crate::config::drafts::{BindDraft, Draft, PeersDraft};
use crate::config::drafts::{TlsDefaults, TlsDraft, TlsLimits, Verify};
use crate::config::sections::tls::without_http2;
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed, Section};
use crate::config::text::report::Report;
use crate::config::text::text_file;
use crate::config::{Bind, PeerTls, ScriptKind, Server, ServerTls, rules};
use crate::net::tls::acceptor::{Acceptor, AcceptorOptions, ClientCheck};
use crate::net::tls::certificates::{Identity, has_key};
use crate::net::tls::connector::{Connector, ConnectorOptions};
use crate::net::tls::policy;
use crate::net::tls::policy::Policy;
use crate::net::tls::store::CertificateStore;
use crate::net::tls::trust::{ExpectedName, ServerCheck, Trust};

/// The authorities of the system, for `@system-ca`.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// What is behind the name of a file with a certificate, if there is one file for each kind of key.
const KINDS: [&str; 3] = ["rsa", "ecdsa", "dsa"];
/// The files of a folder of certificates that hold none.
const BESIDE: [&str; 5] = ["key", "issuer", "ocsp", "sctl", "json"];

/// Where files are, and what holds for all lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    defaults: TlsDefaults,
    begins: Vec<Begin>,
    /// The certificates that were read.
    store: CertificateStore,
    /// The texts of the other files that were read.
    texts: HashMap<PathBuf, Vec<u8>>,
    /// Files may be read. A process that serves reads none, as reading may wait.
    may_read: bool,
}

impl Files {
    /// The certificates that were read.
    pub(super) fn certificates(&self) -> CertificateStore {
        self.store.clone()
    }

    /// From now on only files are known that were read before.
    pub(super) fn of_running_process(self) -> Self {
        Self { may_read: false, ..self }
    }

    /// The text of a file with authorities or with what they have revoked.
    fn text(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        if let Some(text) = self.texts.get(path) {
            return Ok(text.clone());
        }
        let text = read(path, self.may_read)?;
        self.texts.insert(path.to_owned(), text.clone());
        Ok(text)
    }

    /// The path of a certificate: `crt-base`, then `default-path`, stand before a relative name.
    fn certificate(&self, typed: &Placed<String>) -> PathBuf {
        self.path(self.defaults.certificate_folder.as_deref(), typed)
    }

    /// The path of authorities or of what they have revoked, with `ca-base`.
    fn authority(&self, typed: &Placed<String>) -> PathBuf {
        if typed.value == "@system-ca" {
            return PathBuf::from(SYSTEM_AUTHORITIES);
        }
        self.path(self.defaults.authority_folder.as_deref(), typed)
    }

    fn path(&self, folder: Option<&str>, typed: &Placed<String>) -> PathBuf {
        // Joining an absolute path replaces the folder.
        let path = Path::new(folder.unwrap_or_default()).join(&typed.value);
        path_of(&self.begins, &path.to_string_lossy(), typed.place)
    }
}

/// Prepares TLS for every line that has it. Returns what that needs for lines to come.
pub(super) fn prepare(draft: &mut Draft, report: &mut Report) -> Files {
    let defaults = std::mem::take(&mut draft.global.tls);
    let begins = draft.global.paths.clone();
    let mut files = Files { defaults, begins, may_read: true, ..Files::default() };
    prepare_with(&mut files, draft, report);
    files
}

fn prepare_with(files: &mut Files, draft: &mut Draft, report: &mut Report) {
    for section in &mut draft.peers {
        let name = Some(section.name.clone());
        report.enter(Some(Section { kind: PeersDraft::WORD, name }));
        for bind in &mut section.binds {
            // Peers call seldom: so nobody comes in with a certificate of an earlier call.
            bind.tls.limits.resumes.get_or_insert(false);
            settle(prepare_bind(bind, files, report), report);
        }
        for peer in &mut section.peers {
            let place = peer.name.place;
            let prepared = prepare_peer(&mut peer.tls, place, files, report);
            settle(prepared.map(|prepared| peer.prepared = prepared), report);
        }
        for template in &mut section.templates {
            let place = template.resolvers.place;
            let prepared = prepare_peer(&mut template.tls, place, files, report);
            settle(prepared.map(|prepared| template.prepared = prepared), report);
        }
    }
    for proxy in &mut draft.proxies {
        report.enter(proxy.label());
        for bind in &mut proxy.binds {
            settle(prepare_bind(bind, files, report), report);
        }
        let script = (proxy.settings.script.kind, proxy.settings.script.speaks_tls());
        for server in &mut proxy.servers {
            let place = server.name.place;
            settle(prepare_server(&mut server.words, place, script, files, report), report);
        }
    }
}

/// Pages are not served by HTTP/2. A client that would rather have it takes HTTP/1.1.
pub(super) fn leave_http2_out(bind: &mut Bind) {
    let settings = &mut bind.settings;
    settings.tls = settings.tls.take().map(|acceptor| acceptor.without_protocol(b"h2"));
}

fn settle(prepared: Parsed, report: &mut Report) {
    if let Err(mistake) = prepared {
        report.mistake(mistake);
    }
}

fn prepare_bind(bind: &mut BindDraft, files: &mut Files, report: &mut Report) -> Parsed {
    let BindDraft { tls, settings, place, .. } = bind;
    if tls.on.is_none() {
        if let Some(first) = tls.certificates.first() {
            report.warning(first.place, "'crt' has no effect without 'ssl'");
        }
        return Ok(());
    }
    let mut identities = Vec::new();
    for typed in &tls.certificates {
        let path = files.certificate(typed);
        let read = read_identities(&path, &mut files.store)
            .map_err(|message| Mistake::new(typed.place, message))?;
        identities.extend(read);
    }
    if identities.is_empty() {
        return Err(Mistake::new(*place, "'ssl' needs a certificate: name its file with 'crt'"));
    }
    let client = match tls.verify.unwrap_or(Verify::None) {
        Verify::None => ClientCheck::None,
        Verify::Optional => ClientCheck::Optional(trust(tls, *place, files)?),
        Verify::Required => ClientCheck::Required(trust(tls, *place, files)?),
    };
    let policy = policy(tls, &files.defaults.bind, *place, report)?;
    let is_strict = tls.is_strict || files.defaults.is_strict;
    let options = AcceptorOptions { identities, is_strict, client, policy };
    let acceptor = Acceptor::new(options);
    settings.tls = Some(acceptor.map_err(|error| Mistake::new(*place, format!("'ssl': {error}")))?);
    Ok(())
}

/// Prepares TLS with a server. `kind` describes the checks of the backend, some of which may ask
/// for TLS themselves.
pub(super) fn prepare_server(
    words: &mut ServerWords,
    place: Place,
    (kind, speaks_tls): (ScriptKind, bool),
    files: &mut Files,
    report: &mut Report,
) -> Parsed {
    let ServerWords { tls, settings, .. } = words;
    let is_in_script = settings.health.check && speaks_tls;
    let checks_with_it = tls.check.on.flatten().or_else(|| is_in_script.then_some(place));
    let Some(at) = tls.on.or(checks_with_it) else { return Ok(()) };
    let connector = connector(tls, at, place, files, report)?;
    if kind == ScriptKind::Http {
        let own = tls.check.offer.protocols.take();
        tls.check.offer.protocols = own.map(|own| without_http2(own, place, report));
        // The protocols of the line are those of clients too: that checks leave one out needs no
        // warning.
        let of_line = without_http2(tls.protocols.clone(), place, &mut Report::default());
        tls.check.connector = Some(connector.with_protocols(&of_line));
    } else {
        tls.check.connector = Some(connector.clone());
    }
    if tls.on.is_some() {
        settings.tls = Some(ServerTls { connector, sni: None });
    }
    Ok(())
}

fn prepare_peer(
    tls: &mut TlsDraft,
    place: Place,
    files: &mut Files,
    report: &mut Report,
) -> Parsed<Option<PeerTls>> {
    let Some(at) = tls.on else { return Ok(None) };
    tls.limits.resumes.get_or_insert(false);
    // Which peer the certificate names is looked at when the peers meet.
    let draft = TlsDraft { verify_host: None, ..tls.clone() };
    let connector = connector(&draft, at, place, files, report)?;
    let verifies = server_verify(tls, files) != Verify::None;
    Ok(Some(PeerTls { connector, verifies }))
}

fn server_verify(tls: &TlsDraft, files: &Files) -> Verify {
    tls.verify.or(files.defaults.server_verify).unwrap_or(Verify::Required)
}

/// What is needed to connect to a server. A fault of `ssl` is reported `at` that word.
fn connector(
    tls: &TlsDraft,
    at: Place,
    place: Place,
    files: &mut Files,
    report: &mut Report,
) -> Parsed<Connector> {
    let check = match server_verify(tls, files) {
        Verify::None => ServerCheck::None,
        Verify::Optional | Verify::Required => {
            let name = match &tls.verify_host {
                Some(name) => ExpectedName::Fixed(name.clone()),
                None => ExpectedName::Any,
            };
            ServerCheck::Required(trust(tls, at, files)?, name)
        }
    };
    let mut identity = None;
    if let Some(typed) = tls.certificates.first() {
        let path = files.certificate(typed);
        let read = read_identity(&path, &mut files.store, files.may_read)
            .map_err(|message| Mistake::new(typed.place, message))?;
        identity = Some(read);
    }
    let policy = policy(tls, &files.defaults.server, place, report)?;
    Connector::new(&ConnectorOptions { check, identity, policy })
        .map_err(|error| Mistake::new(at, format!("'ssl': {error}")))
}

/// Reads the expressions of `sni`, once every name is known.
pub(super) fn read_names(
    servers: &mut [Server],
    drafts: &[ServerDraft],
    names: Names<'_>,
    report: &mut Report,
) {
    for (server, draft) in servers.iter_mut().zip(drafts) {
        let (Some(tls), Some(typed)) = (&mut server.settings.tls, &draft.words.tls.sni) else {
            continue;
        };
        let word = Placed { value: typed.value.as_str(), place: typed.place };
        match rules::read_expression(&word, names) {
            Ok(expression) => tls.sni = Some(expression),
            Err(mistake) => report.mistake(mistake),
        }
    }
}

/// The authorities of a line, at whose `place` a missing file is reported.
fn trust(tls: &TlsDraft, place: Place, files: &mut Files) -> Parsed<Trust> {
    let Some(typed) = &tls.authorities else {
        let message = "'verify' needs the authorities that are trusted: name their file with \
                       'ca-file', or write 'verify none'";
        return Err(Mistake::new(place, message));
    };
    let path = files.authority(typed);
    let authorities = files.text(&path).map_err(|message| Mistake::new(typed.place, message))?;
    let mut revoked = Vec::new();
    if let Some(typed) = &tls.revoked {
        let path = files.authority(typed);
        revoked = files.text(&path).map_err(|message| Mistake::new(typed.place, message))?;
    }
    Trust::from_pem(&authorities, &revoked)
        .map_err(|error| Mistake::new(typed.place, format!("'{}': {error}", path.display())))
}

fn policy(
    tls: &TlsDraft,
    defaults: &TlsLimits,
    place: Place,
    report: &mut Report,
) -> Parsed<Policy> {
    let limits = tls.limits.or(defaults);
    let policy = limits.policy();
    if policy.oldest > policy.newest {
        return Err(Mistake::new(place, "no version of TLS is left"));
    }
    let mut suites = |list: Option<Placed<String>>| {
        let list = list?;
        let names = list.value.split([':', ',', ' ']).filter(|name| !name.is_empty());
        let (known, unknown): (Vec<_>, Vec<_>) =
            names.partition(|name| policy::suite(name).is_some());
        if !unknown.is_empty() {
            let message = format!("cipher suites that do not exist here: {}", unknown.join(", "));
            report.warning(list.place, message);
        }
        let known: Vec<_> = known.into_iter().filter_map(policy::suite).collect();
        // A list of words alone, such as `HIGH:!aNULL`, leaves the choice to us.
        (!known.is_empty()).then_some(known)
    };
    let suites12 = suites(limits.ciphers);
    let suites13 = suites(limits.ciphersuites);
    Ok(Policy { suites12, suites13, protocols: tls.protocols.clone(), ..policy })
}

fn read(path: &Path, may_read: bool) -> Result<Vec<u8>, String> {
    if !may_read {
        let path = path.display();
        return Err(format!("'{path}' was not read when the process started: name it in a line"));
    }
    text_file::read(path).map_err(|error| format!("cannot read '{}': {error}", path.display()))
}

/// The certificates of a file, or of all files of a folder in the order of their names.
fn read_identities(path: &Path, store: &mut CertificateStore) -> Result<Vec<Identity>, String> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path);
        let entries = entries.map_err(|error| format!("cannot read '{}': {error}", path.display()));
        let mut files: Vec<_> = entries?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|file| file.is_file() && !is_beside(file));
        files.sort();
        return files.iter().map(|file| read_identity(file, store, true)).collect();
    }
    if !path.exists() {
        let kinds = KINDS.map(|kind| with_suffix(path, kind));
        let kinds: Vec<_> = kinds.iter().filter(|file| file.exists()).collect();
        if !kinds.is_empty() {
            return kinds.into_iter().map(|file| read_identity(file, store, true)).collect();
        }
    }
    Ok(vec![read_identity(path, store, true)?])
}

fn is_beside(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || BESIDE.iter().any(|kind| name.ends_with(&format!(".{kind}")))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn read_identity(
    path: &Path,
    store: &mut CertificateStore,
    may_read: bool,
) -> Result<Identity, String> {
    store.identity(&path.to_string_lossy(), || {
        let text = read(path, may_read)?;
        let key_file = with_suffix(path, "key");
        let has_key_beside = !has_key(&text) && key_file.exists();
        let key = if has_key_beside { read(&key_file, may_read)? } else { text.clone() };
        Identity::from_pem(&text, &key).map_err(|error| format!("'{}': {error}", path.display()))
    })
}
