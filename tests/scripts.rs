//! The scripts of this project: each explains itself without doing anything, refuses words that it
//! does not know, and says which Rust it needs. The man pages that `scripts/man` makes are
//! complete.

#![expect(clippy::unwrap_used, reason = "tests may stop")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stickd::admin::commands::COMMANDS;
use stickd::admin::metrics;
use stickd::config;
use stickd::config::rules::reference;

/// A folder with a `cargo` that records its calls. The folder is removed with this value.
struct Toolchain(PathBuf);

impl Toolchain {
    fn new(name: &str, version: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stickd-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let cargo = folder.join("cargo");
        let script =
            "[ \"$1\" = --version ] && exec echo 'cargo VERSION'; echo \"$@\" >>CALLS; exit 1";
        let script = script.replace("VERSION", version);
        let script = script.replace("CALLS", folder.join("calls").to_str().unwrap());
        fs::write(&cargo, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn run(&self, script: &Path, arguments: &[&str]) -> Output {
        let path = format!("{}:{}", self.0.display(), std::env::var("PATH").unwrap());
        Command::new(script).args(arguments).env("PATH", path).output().unwrap()
    }

    /// The calls of cargo, without the question for its version.
    fn calls(&self) -> String {
        fs::read_to_string(self.0.join("calls")).unwrap_or_default()
    }
}

impl Drop for Toolchain {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Every program in `scripts/` and `bench/`.
fn scripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = ["scripts", "bench"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let paths = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    let is_program = |path: &PathBuf| {
        let about = fs::metadata(path).unwrap();
        about.is_file() && about.permissions().mode() & 0o111 != 0
    };
    let found: Vec<_> = paths.filter(is_program).collect();
    assert!(found.len() >= 4, "{found:?}");
    let can_run = |path: &PathBuf| {
        let has_python = Command::new("python3").arg("--version").output().is_ok();
        has_python || !fs::read_to_string(path).unwrap().starts_with("#!/usr/bin/env python3")
    };
    found.into_iter().filter(can_run).collect()
}

#[test]
fn every_script_explains_itself_and_does_nothing_else() {
    let toolchain = Toolchain::new("help", "9.9.9 (none)");
    for script in scripts() {
        let output = toolchain.run(&script, &["--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", script.display());
        let name = script.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(&format!("/{name}")), "{}: {text}", script.display());
    }
    assert_eq!(toolchain.calls(), "");
}

#[test]
fn an_unknown_word_is_refused_before_anything_is_done() {
    let toolchain = Toolchain::new("words", "9.9.9 (none)");
    for script in scripts() {
        let output = toolchain.run(&script, &["--nonsense"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{}: {text}", script.display());
        assert!(text.contains("--nonsense"), "{}: {text}", script.display());
    }
    assert_eq!(toolchain.calls(), "");
}

/// The text of both man pages, without roff's escapes.
fn man_pages(folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/man");
    let made = Command::new(script)
        .arg(folder)
        .env("STICKD_BIN", env!("CARGO_BIN_EXE_stickd"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pages = ["stickd.8", "stickd.cfg.5"].map(|page| {
        let page = folder.join(page);
        // A reader of roff is not everywhere; where there is one, it has nothing to complain of.
        let groff = ["-man", "-ww", "-z", "-Tutf8"];
        if let Ok(checked) = Command::new("groff").args(groff).arg(&page).output() {
            let said = String::from_utf8_lossy(&checked.stderr);
            assert!(said.is_empty(), "{}: {said}", page.display());
        }
        fs::read_to_string(page).unwrap()
    });
    let text = pages.concat();
    text.replace("\\-", "-").replace("\\(aq", "'").replace("\\(ga", "`").replace("\\e", "\\")
}

#[test]
fn the_man_pages_have_an_entry_for_everything() {
    let folder = std::env::temp_dir().join(format!("stickd-man-{}", std::process::id()));
    let pages = man_pages(&folder);
    fs::remove_dir_all(&folder).unwrap();
    let words = reference::samples()
        .chain(reference::converters())
        .chain(reference::actions())
        .chain(reference::acls())
        .chain(reference::data_types());
    let refused = reference::refused_samples()
        .chain(reference::refused_converters())
        .chain(reference::refused_actions())
        .chain(reference::refused_acls());
    let commands = COMMANDS.iter().map(|command| command.words().to_owned());
    let metrics = metrics::reference().into_iter().map(|family| family.name);
    let names: Vec<String> = config::keywords()
        .map(|row| row.name.to_owned())
        .chain(words.map(|word| word.name.into_owned()))
        .chain(refused.map(|(name, _)| name.to_owned()))
        .chain(commands)
        .chain(metrics)
        .chain(options())
        .collect();
    assert!(names.len() > 1000, "{}", names.len());
    // Of a word that does nothing the name stands in a list.
    let has_entry = |name: &String| {
        pages.contains(&format!("\n\\fB{name}"))
            || [" ", "\n"].iter().any(|before| pages.contains(&format!("{before}{name},")))
            || [" ", "\n"].iter().any(|before| pages.contains(&format!("{before}{name}\n")))
    };
    let missing: Vec<_> = names.iter().filter(|name| !has_entry(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A configuration that relays TCP, with other lines in its section.
fn relays(port: u16, lines: &str) -> String {
    let times = "timeout connect 1s\n timeout client 1s\n timeout server 1s\n";
    format!("listen tcp\n bind :{port}\n {times} server s 192.0.2.1:80\n{lines}\n")
}

#[test]
fn a_report_tells_which_configurations_run_and_what_stops_the_others() {
    let folder = std::env::temp_dir().join(format!("stickd-report-{}", std::process::id()));
    fs::create_dir_all(folder.join("inner/lists")).unwrap();
    let traffic = "listen web\n mode http\n bind :81\n http-request deny\n server s 192.0.2.1:80\n";
    let listed = " tcp-request connection reject if { src -f lists/deny.lst }\n";
    for (name, text) in [
        ("a-runs.cfg", relays(7001, " errorfile 503 /dev/null\n")),
        ("b-both.cfg", relays(7002, "") + traffic),
        ("c-http.cfg", traffic.to_owned()),
        ("d-lua.cfg", "global\n lua-load x.lua\n".to_owned() + &relays(7003, "")),
        ("inner/e-lists.cfg", relays(7004, listed)),
        ("inner/lists/deny.lst", "192.0.2.9\n".to_owned()),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    let report = |words: &[&str]| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/compat-report");
        let mut command = Command::new(script);
        let output = command.args(words).env("STICKD_BIN", env!("CARGO_BIN_EXE_stickd"));
        let output = output.current_dir(&folder).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, text) = report(&["."]);
    let words: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    let said = |line: &str| words.contains(&line.split(' ').collect());
    for line in [
        "./a-runs.cfg runs",
        "./b-both.cfg runs without its HTTP traffic",
        "./c-http.cfg refused",
        "./d-lua.cfg refused",
        "./inner/e-lists.cfg runs",
        "5 in all",
        "2 runs",
        "2 refused",
        "1 all of it is HTTP traffic",
    ] {
        assert!(said(line), "{line}: {text}");
    }
    assert!(text.contains("1 'lua-load' is refused: "), "{text}");
    assert!(text.contains("1 'errorfile': "), "{text}");
    assert_eq!(status, Some(1));
    let (status, text) = report(&["--counts", "a-runs.cfg"]);
    assert!(!text.contains("a-runs.cfg") && text.contains("1 runs"), "{text}");
    assert_eq!(status, Some(0));
    fs::remove_dir_all(&folder).unwrap();
}

/// Every option that `-h` lists.
fn options() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_stickd")).arg("-h").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("    -"));
    lines.map(|line| format!("-{}", line.split([' ', '[']).next().unwrap())).collect()
}

#[test]
fn a_toolchain_that_is_too_old_is_told_which_one_is_needed() {
    let needed = env!("CARGO_PKG_RUST_VERSION");
    let toolchain = Toolchain::new("old", "1.63.0 (Debian)");
    // They make certificates, measure a program that is there, and ask nodes.
    let others = ["peer-ca", "viewers", "mesh-check"];
    let builds = |script: &PathBuf| !others.iter().any(|other| script.ends_with(other));
    for script in scripts().into_iter().filter(builds) {
        let output = toolchain.run(&script, &[]);
        let text = String::from_utf8(output.stderr).unwrap();
        let wanted = format!("needs Rust {needed} or newer and found 1.63.0");
        assert!(text.contains(&wanted), "{}: {text}", script.display());
        assert!(!output.status.success(), "{}", script.display());
    }
    assert_eq!(toolchain.calls(), "");
}

/// Whether openssl says that the certificate is one of the authority, and names this node.
fn is_certificate_of(folder: &Path, name: &str) -> bool {
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl").args(words).current_dir(folder).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let file = format!("{name}.pem");
    let (is_valid, _) = openssl(&["verify", "-CAfile", "ca.pem", &file]);
    let words = ["x509", "-in", &file, "-noout", "-subject", "-ext", "subjectAltName"];
    let (_, said) = openssl(&words);
    is_valid && said.contains(&format!("CN = {name}\n")) && said.contains(&format!("DNS:{name}\n"))
}

#[test]
fn certificates_for_peers_are_made_added_and_renewed_by_one_command() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "openssl is not installed");
        return;
    }
    let folder = std::env::temp_dir().join(format!("stickd-peer-ca-{}", std::process::id()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/peer-ca");
    let make = |words: &[&str]| {
        let mut command = Command::new(&script);
        let output = command.args(words).arg("certificates").args(["lb1", "lb_2.example"]);
        fs::create_dir_all(&folder).unwrap();
        output.current_dir(&folder).output().unwrap()
    };
    let made = make(&[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let own = folder.join("certificates");
    let read = |name: &str| fs::read(own.join(name)).unwrap();
    let (authority, first) = (read("ca.pem"), read("lb1.pem"));
    for name in ["lb1", "lb_2.example"] {
        assert!(is_certificate_of(&own, name), "{name}");
        let mode = fs::metadata(own.join(format!("{name}.pem"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // What it made is what a section wants.
    let words = "ssl crt certificates/lb1.pem ca-file certificates/ca.pem verify required";
    let config = format!(
        "peers m\n default-bind {words}\n default-server {words}\n peer lb1 127.0.0.1:1\n \
         peer lb_2.example 127.0.0.2:1\n{}",
        relays(7001, "")
    );
    fs::write(folder.join("peers.cfg"), config).unwrap();
    let mut stickd = Command::new(env!("CARGO_BIN_EXE_stickd"));
    let checked = stickd.args(["-c", "-L", "lb1", "-f", "peers.cfg"]).current_dir(&folder).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(make(&["--days", "30"]).status.success());
    assert!(read("ca.pem") == authority && read("lb1.pem") != first);
    assert!(is_certificate_of(&own, "lb1"));
    let refused = Command::new(&script).args(["x", "a/b"]).current_dir(&folder).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(!folder.join("x").exists());
    fs::remove_dir_all(&folder).unwrap();
}
