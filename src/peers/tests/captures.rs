//! The captured streams in `tests/data/peers`: what HAProxy and a scripted peer sent each other.
//!
//! ```text
//! # Comment lines come first.
//! client:
//!  3132 fragment text="12"
//! server:
//! 2.6.12|  0004 control code=4 name="heartbeat"
//! 3.5-dev5|  0001 control code=1 name="resync_finished"
//! ```
//! Each message has its bytes in hexadecimal, its type and its fields in JSON. The messages behind
//! one `client:` or `server:` were sent at once. A line that begins with the name of a version
//! belongs to the capture of that version alone. `<61*16>` stands for sixteen times `61`.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde_json::{Map, Value as Json, json};

/// The versions of HAProxy that each stream was captured with.
const VERSIONS: [&str; 2] = ["2.6.12", "3.5-dev5"];

/// One captured stream.
pub(super) struct Capture {
    /// The name of the file and the version.
    pub(super) name: String,
    entries: Vec<Json>,
}

impl Capture {
    /// What was sent at once, in the order of time: `from` is the side, `hex` the bytes and
    /// `decoded` the messages.
    pub(super) fn entries(&self) -> &[Json] {
        &self.entries
    }

    fn read(path: &Path, version: &str) -> Self {
        let mut entries: Vec<Json> = Vec::new();
        let text = fs::read_to_string(path).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let line = match line.split_once("| ") {
                Some((of, line)) if of == version => line,
                Some((of, _)) if VERSIONS.contains(&of) => continue,
                _ => line,
            };
            if let Some(from) = line.strip_suffix(':') {
                entries.push(json!({"from": from, "hex": "", "decoded": []}));
                continue;
            }
            let line = expand(line.trim_start());
            let (hex, message) = line.split_once(' ').unwrap();
            let entry = entries.last_mut().unwrap();
            entry["hex"] = json!(entry["hex"].as_str().unwrap().to_owned() + hex);
            entry["decoded"].as_array_mut().unwrap().push(read_message(message));
        }
        let name = path.file_stem().unwrap().to_string_lossy();
        Self { name: format!("{name}-{version}"), entries }
    }
}

/// All captured streams, in the order of their names.
pub(super) fn captures() -> Vec<Capture> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/peers");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &PathBuf| VERSIONS.map(|version| Capture::read(path, version));
    let captures: Vec<Capture> = files.iter().flat_map(read).collect();
    assert!(captures.len() >= 80, "the captured streams are incomplete");
    captures
}

/// Writes out what is repeated.
fn expand(line: &str) -> String {
    let mut expanded = String::new();
    let mut rest = line;
    while let Some((before, (run, after))) =
        rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    {
        let (unit, count) = run.split_once('*').unwrap();
        expanded += before;
        expanded += &unit.repeat(count.parse().unwrap());
        rest = after;
    }
    expanded + rest
}

/// The type of a message and its fields.
fn read_message(text: &str) -> Json {
    let (kind, mut rest) = text.split_once(' ').unwrap();
    let mut fields = Map::new();
    fields.insert("type".to_owned(), json!(kind));
    while let Some((name, value)) = rest.split_once('=') {
        let mut values = serde_json::Deserializer::from_str(value).into_iter::<Json>();
        let field = values.next().unwrap().unwrap();
        fields.insert(name.to_owned(), field);
        rest = value[values.byte_offset()..].trim_start();
    }
    Json::Object(fields)
}

pub(super) fn from_hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}
