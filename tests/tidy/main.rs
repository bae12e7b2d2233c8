//! The rules of the code that no compiler checks: which part may use which, where `unsafe` may
//! stand, and how long files and lines may be. The table below is the architecture.

#![expect(clippy::unwrap_used, reason = "tests may stop")]

mod imports;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use imports::Imports;

/// Each part with what it may use, besides itself and std. Dependencies point downwards only;
/// `proxy` and `peers` never meet: what one changes the other finds in the table's update log.
const MAY_USE: [(&str, &[&str]); 23] = [
    ("net", &[]),
    ("reactor", &["net", "logging::limited"]),
    ("resolve", &["config", "net", "reactor"]),
    (
        "config",
        &["net::address", "net::dns::name", "net::password", "net::regex", "net::tcp", "net::tls"],
    ),
    ("table", &["config", "net::memory"]),
    (
        "logging",
        &["proxy::connection::log_record", "proxy::log_line", "proxy::shared", "config", "net"],
    ),
    ("logging/feed", &["logging", "config", "net", "reactor"]),
    ("peers", &["table", "config", "net::tls::names"]),
    ("peers/link", &["peers", "resolve", "table", "config", "net", "reactor", "logging"]),
    ("proxy", &["table", "config", "resolve", "net", "reactor", "logging::limited"]),
    (
        "admin",
        &["peers", "proxy", "resolve", "table", "config", "logging", "net", "reactor::turns"],
    ),
    (
        "admin/link",
        &["admin", "peers", "proxy", "resolve", "table", "config", "logging", "net", "reactor"],
    ),
    ("reload", &["peers", "proxy", "table", "config", "logging", "net", "reactor"]),
    (
        "reload/supervisor/master",
        &["reload", "admin::commands", "config", "logging::limited", "net", "reactor"],
    ),
    (
        "process",
        &[
            "reload", "admin", "peers", "proxy", "resolve", "table", "config", "logging", "net",
            "reactor",
        ],
    ),
    ("explain", &["proxy", "table", "config", "net", "reactor::clock"]),
    (
        "start",
        &["explain", "process", "reload", "admin", "proxy", "config", "logging", "net", "reactor"],
    ),
    ("start/failure_recipients", &["reload", "logging::start_log", "peers::wire"]),
    ("start/options", &["config", "reactor", "net"]),
    ("start/precheck", &["config", "start::options", "net"]),
    ("start/ask_reload", &["config", "net", "reactor"]),
    ("main", &[]),
    ("lib", &[]),
];

/// The folders whose files may contain `unsafe`.
const UNSAFE_PARTS: [&str; 2] = ["net", "reload"];

/// The longest file without its tests, the longest file, and the longest line.
const LINES_MAX: usize = 600;
const LINES_WITH_TESTS_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;

/// The most files that a folder of code may have, besides its folders.
const FILES_IN_FOLDER_MAX: usize = 20;

/// The names in the top folder, besides hidden files.
const TOP_LEVEL: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "bench",
    "scripts",
    "src",
    "target",
    "tests",
];

struct Source {
    path: PathBuf,
    name: String,
    text: String,
}

impl Source {
    /// The lines that are the program: all but the items that only tests are built with, wherever
    /// these stand.
    fn program(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.zip(tests_alone(&self.text)).filter(|(_, is_test)| !is_test).map(|(line, _)| line)
    }

    /// The lines that only tests are built with.
    fn tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let is_tests = self.is_tests();
        let marked = lines.zip(tests_alone(&self.text));
        marked.filter(move |(_, is_test)| is_tests || *is_test).map(|(line, _)| line)
    }

    /// Whether the file has only tests.
    fn is_tests(&self) -> bool {
        self.name.contains("/tests") || self.name.starts_with("tests/")
    }

    /// `proxy` of `src/proxy/backend/stick.rs`, `main` of `src/main.rs`.
    fn part(&self) -> &str {
        let below = self.name.strip_prefix("src/").unwrap();
        below.split(['/', '.']).next().unwrap()
    }

    /// The row of the table for the file: the part that the file belongs to, and what it may use.
    fn may_use(&self) -> Option<(&'static str, &'static [&'static str])> {
        let module = self.name.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
        let is_in = |part: &str| module == part || module.starts_with(&format!("{part}/"));
        let rows = MAY_USE.iter().filter(|(part, _)| is_in(part));
        rows.max_by_key(|(part, _)| part.len()).copied()
    }
}

/// For each line whether it belongs to an item behind `#[cfg(test)]`. As everything is formatted,
/// such an item ends with the line of its own indentation that closes a brace or ends with `;`
/// or `,`.
fn tests_alone(text: &str) -> Vec<bool> {
    let mut inside: Option<&str> = None;
    let mark = |line| {
        let (indentation, code) = indented(line);
        if code == "#[cfg(test)]" {
            inside = Some(indentation);
        }
        let is_test = inside.is_some();
        if inside == Some(indentation) && code.ends_with(['}', ';', ',']) {
            inside = None;
        }
        is_test
    };
    text.lines().map(mark).collect()
}

fn indented(line: &str) -> (&str, &str) {
    line.split_at(line.len() - line.trim_start().len())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` for which `wanted` holds.
fn files(folder: &str, wanted: impl Fn(&str) -> bool + Copy) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&name)
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push(Source { path, name, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn rust(folders: &[&str]) -> Vec<Source> {
    folders.iter().flat_map(|folder| files(folder, |name| name.ends_with(".rs"))).collect()
}

fn everything() -> Vec<Source> {
    ["src", "tests", "bench", "scripts"]
        .iter()
        .flat_map(|folder| files(folder, |name| !name.contains("__pycache__")))
        .collect()
}

#[track_caller]
fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

#[test]
fn dependencies_point_downwards_only() {
    let mut broken = Vec::new();
    for source in rust(&["src"]) {
        if source.is_tests() {
            continue;
        }
        let Some((part, allowed)) = source.may_use() else {
            broken.push(format!("{}: a part that the table does not name", source.name));
            continue;
        };
        for (number, line) in source.program() {
            for used in used_paths(line) {
                let is_own = is_below(used, &part.replace('/', "::"));
                if !is_own && !allowed.iter().any(|part| is_below(used, part)) {
                    broken.push(format!("{}:{number}: uses {used}", source.name));
                }
            }
        }
    }
    assert_none("a part may use only what the table in tests/tidy/main.rs names:", &broken);
}

/// The paths after each `crate::` of a line of code.
fn used_paths(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// Whether `path` is `part` or something in it.
fn is_below(path: &str, part: &str) -> bool {
    path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let sources = rust(&["src"]);
    let imports = Imports::read(&sources);
    let files = imports.files();
    let mut broken = Vec::new();
    for circle in imports::circles(&files) {
        broken.push(format!("a circle of {} files:", circle.len()));
        for file in &circle {
            let used = files[file.as_str()].iter().filter(|used| circle.contains(**used));
            broken.push(format!("  {file} -> {}", used.copied().collect::<Vec<_>>().join(", ")));
        }
    }
    assert_none("dependencies point downwards, inside folders too:", &broken);
}

#[test]
fn unsafe_stands_only_where_the_system_is_called() {
    let marks = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"];
    let mut broken = Vec::new();
    for source in rust(&["src", "tests", "bench"]) {
        let in_src = source.name.starts_with("src/");
        let is_exempt = in_src && UNSAFE_PARTS.contains(&source.part());
        if is_exempt || source.name == "tests/tidy/main.rs" {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if marks.iter().any(|mark| code.contains(mark)) {
                broken.push(format!("{}:{}", source.name, number + 1));
            }
        }
    }
    assert_none("unsafe outside net/ and reload/:", &broken);
}

#[test]
fn every_file_says_what_it_is_responsible_for() {
    let silent = rust(&["src", "tests", "bench"]);
    let silent = silent.iter().filter(|source| !source.text.starts_with("//! "));
    let silent: Vec<_> = silent.map(|source| source.name.clone()).collect();
    assert_none("files that do not open with `//!` and a sentence:", &silent);
}

#[test]
fn files_stay_short_enough_to_be_read() {
    let mut long = Vec::new();
    for source in rust(&["src", "tests", "bench"]) {
        let (all, program) = (source.text.lines().count(), source.program().count());
        if all > LINES_WITH_TESTS_MAX || (program > LINES_MAX && !source.is_tests()) {
            long.push(format!("{}: {program} lines, {all} with tests", source.name));
        }
    }
    assert_none("files that are too long:", &long);
}

#[test]
fn folders_stay_small_enough_to_find_a_file_in() {
    let mut counts = BTreeMap::<PathBuf, usize>::new();
    for source in rust(&["src", "tests", "bench"]) {
        let folder = source.path.parent().unwrap().to_owned();
        *counts.entry(folder).or_default() += 1;
    }
    let large = counts.iter().filter(|(_, count)| **count > FILES_IN_FOLDER_MAX);
    let large: Vec<_> = large.map(|(folder, count)| format!("{folder:?}: {count}")).collect();
    assert_none("folders with too many files:", &large);
}

#[test]
fn lines_stay_short_and_clean() {
    let mut broken = Vec::new();
    for source in everything() {
        let is_rust = source.name.ends_with(".rs");
        for (index, line) in source.text.lines().enumerate() {
            let place = format!("{}:{}", source.name, index + 1);
            if is_rust && line.chars().count() > COLUMNS_MAX {
                broken.push(format!("{place}: {} columns", line.chars().count()));
            }
            if (is_rust || source.name.starts_with("scripts/")) && line.ends_with([' ', '\t']) {
                broken.push(format!("{place}: space at the end"));
            }
        }
    }
    assert_none("lines that are too long or untidy:", &broken);
}

#[test]
fn nothing_unfinished_is_left() {
    // In halves, so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("dbg", "!("),
        concat!("to", "do!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore"),
        concat!("<<<<", "<<<"),
    ];
    assert_none("what is to be done is an issue, not a mark in the code:", &lines_with(&marks));
}

#[test]
fn nothing_tells_of_the_machine_it_was_written_on() {
    let marks = [concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    assert_none("paths of one machine:", &lines_with(&marks));
}

/// The places of lines that contain any of `marks`.
fn lines_with(marks: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in everything() {
        for (index, line) in source.text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                found.push(format!("{}:{}: {mark}", source.name, index + 1));
            }
        }
    }
    found
}

#[test]
fn the_top_folder_holds_only_what_the_layout_names() {
    let names = fs::read_dir(root()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let strangers = names.filter(|name| !name.starts_with('.'));
    let strangers: Vec<_> = strangers.filter(|name| !TOP_LEVEL.contains(&&name[..])).collect();
    assert_none("not part of the layout:", &strangers);
}

#[test]
fn unit_tests_start_no_processes() {
    let marks = ["fork()", "Command::new(", "Child::start", "Lookup::", "Supervisor::new("];
    let mut broken = Vec::new();
    for source in rust(&["src"]) {
        for (number, line) in source.tests() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                broken.push(format!("{}:{number}: {mark}", source.name));
            }
        }
    }
    assert_none("a child holds what other tests have closed; see tests/children.rs:", &broken);
}

#[test]
fn a_test_in_the_middle_of_a_file_does_not_hide_what_follows() {
    let text = "use a;\n#[cfg(test)]\nmod tests;\nuse b;\nimpl C {\n    #[cfg(test)]\n    \
                fn d() {\n        e();\n    }\n    fn f() {}\n}\n#[cfg(test)]\nmod tests {\n}\ng\n";
    let source =
        Source { path: PathBuf::new(), name: "src/a.rs".to_owned(), text: text.to_owned() };
    let lines: Vec<_> = source.program().map(|(number, _)| number).collect();
    assert_eq!(lines, [1, 4, 5, 10, 11, 15]);
    assert_eq!(source.tests().count(), 15 - lines.len());
}

#[test]
fn the_table_of_directions_is_understood() {
    assert!(is_below("net::address::Address", "net::address"));
    assert!(!is_below("network", "net"));
    assert!(!is_below("net::socket", "net::address"));
    let line = "let a: crate::net::A = crate::table::b(); // crate::peers";
    assert_eq!(used_paths(line).collect::<Vec<_>>(), ["net::A", "table::b"]);
    assert_eq!(used_paths("use crate::net::address::Address;").count(), 1);
}
