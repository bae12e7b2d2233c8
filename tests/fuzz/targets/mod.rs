//! The parts of stickd that take bytes from others, each as a function of bytes. A function panics
//! when it finds a bug.

mod api;
mod checks;
mod config;
mod content;
mod dns;
mod files;
mod handover;
mod http;
mod links;
mod master;
mod notes;
mod peers;
mod process;
mod proxy_header;
mod regex;
mod saved;
mod scratch;
mod tables;
mod tls;

use std::fs;
use std::path::{Path, PathBuf};

use stickd::config::{Loaded, Request, load_text_with};

/// One part.
pub(crate) struct Target {
    /// Its name, as `scripts/fuzz` takes it.
    pub(crate) name: &'static str,
    /// Gives it these bytes.
    pub(crate) run: fn(&[u8]),
    /// Inputs to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Words that the part knows, for the dictionary of libFuzzer.
    #[cfg_attr(test, expect(dead_code, reason = "only libFuzzer has a dictionary"))]
    pub(crate) words: fn() -> Vec<String>,
}

/// All parts.
pub(crate) const TARGETS: &[Target] = &[
    api::TARGET,
    checks::TARGET,
    config::TARGET,
    content::TARGET,
    dns::TARGET,
    files::TARGET,
    handover::TARGET,
    http::TARGET,
    links::TARGET,
    master::TARGET,
    notes::TARGET,
    peers::TARGET,
    proxy_header::TARGET,
    regex::TARGET,
    saved::TARGET,
    tls::TARGET,
];

/// The time of the first moment of a run, in milliseconds.
const NOW_MS: u64 = 1_000_000;

/// No words.
fn none() -> Vec<String> {
    Vec::new()
}

/// The folder of the captured streams and the samples.
fn data(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if own.ends_with("tests/fuzz") { own.join("../..") } else { own.to_owned() };
    root.join("tests/data").join(name)
}

/// The files below a folder of `tests/data` whose names end like this, in the order of their paths.
fn samples(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut folders = vec![data(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the samples are there") {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no samples in {folder}");
    found
}

/// Loads a configuration of ours.
fn load(text: &str) -> Loaded {
    let request = Request { local_peer: Some("a".to_owned()), ..Request::default() };
    load_text_with("own.cfg", text, &request, |_| Vec::new()).unwrap_or_else(|mistakes| {
        panic!("{}", mistakes.iter().map(|it| format!("{it}\n")).collect::<String>())
    })
}
