//! Programs that were written for HAProxy, unmodified, with stickd. They show and change the same
//! as with a real HAProxy after the same traffic.
//!
//! If the programs are missing, these tests say so and pass. `scripts/test` installs the programs.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "tests may stop, and use threads and the real clock"
)]

#[expect(dead_code, unused_imports, reason = "shared with programs that use other parts")]
#[path = "../it/support/mod.rs"]
mod support;

mod control;
mod expectations;
mod logs;
mod monitoring;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Flavour, Held, Node, Place, SOON, Server, Spec, ask, source, until};

/// stickd or HAProxy with servers in several states, after known traffic.
struct Observed {
    _node: Node,
    place: Place,
    /// Where the statistics page and the metrics are.
    pages: SocketAddr,
    _server: Server,
    _held: Held,
}

impl Observed {
    fn start(flavour: Flavour) -> Self {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (front, pages, refusing) = (place.address(), place.address(), place.address());
        let held = Held::refusing(refusing);
        let map = place.write("kinds.map", "192.0.2.1 known\n");
        let body = format!(
            "listen pages\n    mode http\n    no log\n    bind {pages}\n    \
             maxconn 20\n    fullconn 2\n    \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n    \
             stats enable\n    stats uri /stats\n\
             frontend in\n    bind {front}\n    maxconn 100\n    \
             tcp-request content set-var(sess.kind) src,map({})\n    \
             tcp-request content reject if {{ src 192.0.2.99 }}\n    \
             default_backend web\n\
             backend web\n    fullconn 50\n    \
             stick-table type ip size 1k expire 1h store conn_cnt\n    stick on src\n    \
             server s1 {}\n    \
             server s2 {refusing} check inter 2s fastinter 50ms downinter 1h backup\n    \
             server s3 {refusing} disabled weight 7 maxconn 4\n\
             listen other\n    bind {}\n    maxconn 10\n    fullconn 5\n    server s1 {}\n",
            map.display(),
            server.address(),
            place.address(),
            server.address(),
        );
        let spec = Spec::with_global(&place, "a", "description as a test", &body);
        let node = started(&spec, flavour);
        for client in 1..=4 {
            ask(source(client), front).unwrap();
        }
        // "* L4CON" is shown while a check is under way; there is none for an hour after the last.
        until("all clients are gone and the last check has failed", SOON, || {
            let [own, checked] = [("s1", "scur"), ("s2", "check_status")]
                .map(|(server, field)| node.api().stat("web", server, field));
            own == "0" && checked == "L4CON" && node.api().stat("web", "s2", "status") == "DOWN"
        });
        Self { _node: node, place, pages, _server: server, _held: held }
    }

    /// The path of the Runtime API.
    fn socket(&self) -> String {
        self.place.path("a.admin").display().to_string()
    }

    /// The address of the statistics page.
    fn url(&self) -> String {
        format!("http://{}/stats", self.pages)
    }
}

/// Starts stickd or the installed HAProxy.
fn started(spec: &Spec, flavour: Flavour) -> Node {
    match flavour {
        Flavour::Stickd => spec.clone().start(),
        Flavour::Haproxy => spec.clone().on_haproxy(support::haproxy().unwrap()).start(),
    }
}

/// What is observed with stickd, and with HAProxy if it is installed.
fn with_both<T>(observe: impl Fn(Flavour) -> T) -> (T, Option<T>) {
    let stickd = observe(Flavour::Stickd);
    let haproxy = support::haproxy().map(|_| observe(Flavour::Haproxy));
    if haproxy.is_none() {
        support::skip("haproxy is not installed, so what tools show is not compared with it");
    }
    (stickd, haproxy)
}

/// What is observed of a program that has had known traffic.
fn both<T>(observe: impl Fn(&Observed) -> T) -> (T, Option<T>) {
    with_both(|flavour| observe(&Observed::start(flavour)))
}

/// Runs the same observation with both programs, which have to show the same. Returns it.
#[track_caller]
fn same<T: PartialEq + Debug>(observe: impl Fn(&Observed) -> T) -> T {
    let (ours, theirs) = both(observe);
    if let Some(theirs) = theirs {
        assert_alike(&ours, &theirs);
    }
    ours
}

/// Fails with the lines that only one of the programs has.
#[track_caller]
fn assert_alike<T: PartialEq + Debug>(ours: &T, theirs: &T) {
    if ours == theirs {
        return;
    }
    let [ours, theirs] = [ours, theirs].map(|shown| format!("{shown:#?}"));
    let only = |these: &str, others: &str| -> Vec<String> {
        let others: BTreeSet<_> = others.lines().collect();
        these.lines().filter(|line| !others.contains(line)).map(str::to_owned).collect()
    };
    let differ = [only(&ours, &theirs), only(&theirs, &ours)];
    panic!("only with stickd: {:#?}\nonly with HAProxy: {:#?}", differ[0], differ[1]);
}

/// The path of a program, or a loud message that the test is not run.
fn program_or_skip(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        support::skip(&format!(
            "{name} is not installed, so nothing is known about it with stickd"
        ));
    }
    found
}

/// The folder in which `scripts/test` puts tools that are not installed in the system.
fn tools() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    target.join("tools")
}

/// The Python that has the libraries, or a loud message; `scripts/test` installs them.
fn python_or_skip() -> Option<Command> {
    let python = tools().join("bin/python");
    if python.is_file() {
        return Some(Command::new(python));
    }
    support::skip(&format!("no Python with haproxyadmin and pyte in {}", tools().display()));
    None
}

/// A script of this folder, to be run by the Python with the libraries.
fn script_or_skip(name: &str) -> Option<impl Fn(&[&str]) -> String> {
    python_or_skip()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name);
    Some(move |arguments: &[&str]| {
        let mut command = Command::new(tools().join("bin/python"));
        said(command.arg(&script).args(arguments))
    })
}

/// A file that `scripts/test` has unpacked from Debian's packages, or a loud message.
fn unpacked_or_skip(path: &str) -> Option<PathBuf> {
    let root = tools().join("debian");
    let file = root.join(path);
    if root.join("complete").is_file() && file.exists() {
        return Some(file);
    }
    support::skip(&format!("{} is not there", file.display()));
    None
}

/// A program of the unpacked packages, which finds its libraries there.
fn unpacked_program(path: &Path) -> Command {
    let libraries = tools().join("debian/usr/lib");
    let libraries = libraries.join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let mut command = Command::new(path);
    command.env("LD_LIBRARY_PATH", libraries);
    command
}

/// The output of a program that ends well.
#[track_caller]
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
