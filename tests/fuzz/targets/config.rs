//! A configuration: every mistake has a place, and what is taken can be explained and run.

use std::fs;
use std::net::SocketAddr;

use stickd::config::rules::reference;
use stickd::config::{
    Config, Diagnostic, DiagnosticKind, FrontendId, Loaded, Request, keywords, load_text_with,
};
use stickd::explain::explain;
use stickd::proxy::Shared;
use stickd::proxy::connection::rehearsal::{Pretended, rehearse};

use super::{NOW_MS, Target, samples};

pub(super) const TARGET: Target = Target { name: "config", run, seeds, words };

/// The most entries of all tables, and servers, of a configuration that is run.
const ENTRIES_MAX: u64 = 10_000;
/// The longest text that is read: seconds go by for megabytes.
const TEXT_MAX: usize = 1 << 16;

fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.len() > TEXT_MAX || names_files(text) {
        return;
    }
    let request = Request { hostname: "a".to_owned(), ..Request::default() };
    match load_text_with("x.cfg", text, &request, |_| Vec::new()) {
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|found| found.kind == DiagnosticKind::Error));
            diagnostics.iter().for_each(|found| check(found, text));
        }
        Ok(Loaded { mut config, warnings, .. }) => {
            assert!(warnings.iter().all(|found| found.kind == DiagnosticKind::Warning));
            warnings.iter().for_each(|found| check(found, text));
            assert!(!explain(&config).is_empty());
            try_clients(&mut config);
        }
    }
}

/// What a word could do to the machine is not tried: reading a device would take long.
fn names_files(text: &str) -> bool {
    ["/dev", "/proc", "/sys"].iter().any(|folder| text.contains(folder))
}

/// A diagnostic has a message, and a place in the text.
fn check(found: &Diagnostic, text: &str) {
    assert_eq!(found.file, "x.cfg", "{found}");
    check_in(found, text);
}

/// The same, for a text with any name.
pub(super) fn check_in(found: &Diagnostic, text: &str) {
    let Diagnostic { line, column, message, .. } = found;
    assert!(!message.is_empty(), "no message: {found:?}");
    let lines = text.split('\n').count();
    let line = usize::try_from(*line).expect("a line fits");
    assert!(line <= lines, "a line that is not there: {found}");
    let of_line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let column = usize::try_from(*column).expect("a column fits");
    assert!(column <= of_line.len() + 1 || of_line.ends_with('\\'), "a column beyond: {found}");
}

/// Leads a client through each frontend, as `--where` does.
pub(super) fn try_clients(config: &mut Config) {
    let entries: u64 = config.tables.iter().map(|table| u64::from(table.size)).sum();
    let servers: usize = config.backends.iter().map(|backend| backend.servers.len()).sum();
    if entries + servers as u64 > ENTRIES_MAX {
        return;
    }
    let frontends: Vec<_> = config.frontends.iter().take(4).map(|it| it.binds.clone()).collect();
    let mut shared = Shared::new(config, 100, NOW_MS).expect("there is memory");
    for (number, binds) in (0..).zip(&frontends) {
        let Some(bind) = binds.first() else { continue };
        let client = Pretended {
            frontend: FrontendId(number),
            bind,
            source: SocketAddr::from(([192, 0, 2, 1], 1234)),
            destination: SocketAddr::from(([127, 0, 0, 1], 80)),
            hello: None,
            payload: b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        };
        rehearse(client, &mut shared, NOW_MS).expect("there are sockets");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let read = |path| fs::read(path).expect("a sample can be read");
    let mut seeds: Vec<_> = samples("config", ".cfg").into_iter().map(read).collect();
    let listen = "listen l\n mode tcp\n bind :1\n timeout client 1s\n timeout server 1s\n \
                  timeout connect 1s\n server s 127.0.0.1:1\n ";
    let samples = reference::samples().map(|entry| entry.example.into_owned());
    let rules = samples.chain(reference::converters().map(|entry| entry.example.into_owned()));
    let rules = rules.chain(reference::actions().map(|entry| entry.example.into_owned()));
    seeds.extend(rules.map(|line| format!("{listen}{line}\n").into_bytes()));
    let lines = keywords().map(|row| row.example).filter(|line| !line.is_empty());
    seeds.extend(lines.map(|line| format!("{listen}{line}\n").into_bytes()));
    seeds
}

fn words() -> Vec<String> {
    let keywords = keywords().map(|row| row.name.to_owned());
    let samples = reference::samples().map(|entry| format!("{}{}", entry.name, entry.arguments));
    let others = reference::converters().chain(reference::actions()).chain(reference::acls());
    keywords.chain(samples).chain(others.map(|entry| entry.name.into_owned())).collect()
}
