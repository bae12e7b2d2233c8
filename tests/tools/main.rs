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

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::{Flavour, Held, Node, Place, SOON, Server, Spec, ask, http, source, until};

/// stickd or HAProxy with servers in several states, after known traffic.
struct Observed {
    _node: Node,
    place: Place,
    _server: Server,
    _held: Held,
}

impl Observed {
    fn start(flavour: Flavour) -> Self {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (front, refusing) = (place.address(), place.address());
        let held = Held::refusing(refusing);
        let body = format!(
            "frontend in\n    bind {front}\n    maxconn 100\n    default_backend web\n\
             backend web\n    fullconn 50\n    server s1 {}\n    \
             server s2 {refusing} check inter 50ms downinter 1h backup\n    \
             server s3 {refusing} disabled weight 7 maxconn 4\n\
             listen other\n    bind {}\n    maxconn 10\n    fullconn 5\n    server s1 {}\n",
            server.address(),
            place.address(),
            server.address(),
        );
        let spec = Spec::with_global(&place, "a", "description as a test", &body);
        let node = match flavour {
            Flavour::Stickd => spec.start(),
            Flavour::Haproxy => spec.on_haproxy(support::haproxy().unwrap()).start(),
        };
        for client in 1..=4 {
            ask(source(client), front).unwrap();
        }
        // "* L4CON" is shown while a check is under way; there is none for an hour after the last.
        until("all clients are gone and the last check has failed", SOON, || {
            let [own, checked] = [("s1", "scur"), ("s2", "check_status")]
                .map(|(server, field)| node.api().stat("web", server, field));
            own == "0" && checked == "L4CON" && node.api().stat("web", "s2", "status") == "DOWN"
        });
        Self { _node: node, place, _server: server, _held: held }
    }

    fn socket(&self) -> PathBuf {
        self.place.path("a.admin")
    }
}

/// The observation of stickd, and of HAProxy if it is installed.
fn both<T>(observe: impl Fn(&Observed) -> T) -> (T, Option<T>) {
    let stickd = observe(&Observed::start(Flavour::Stickd));
    let haproxy = support::haproxy().map(|_| observe(&Observed::start(Flavour::Haproxy)));
    if haproxy.is_none() {
        support::skip("haproxy is not installed, so what tools show is not compared with it");
    }
    (stickd, haproxy)
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

/// The Python that has the libraries; `scripts/test` installs them.
fn python_or_skip() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let python = target.join("tools/bin/python");
    if python.is_file() {
        return Some(python);
    }
    support::skip(&format!("no Python with haproxyadmin and pyte in {}", target.display()));
    None
}

/// The output of a script of this folder.
#[track_caller]
fn script(python: &Path, name: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn haproxyadmin_reads_and_changes_what_it_does_of_haproxy() {
    let Some(python) = python_or_skip() else { return };
    let (ours, theirs) =
        both(|observed| script(&python, "admin.py", &[&observed.socket().display().to_string()]));
    assert!(ours.starts_with("description as a test\nversion 2.6\n"), "{ours}");
    assert!(ours.contains("\nserver s3 3 MAINT 7 "), "{ours}");
    if let Some(theirs) = theirs {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn hatop_shows_the_same_names_and_states() {
    let Some(python) = python_or_skip() else { return };
    let Some(hatop) = program_or_skip("hatop") else { return };
    let (ours, theirs) = both(|observed| {
        let (hatop, socket) = (hatop.display().to_string(), observed.socket());
        let arguments = [">>> other", &hatop, "-s", &socket.display().to_string()];
        let screen = script(&python, "screen.py", &arguments);
        assert!(screen.contains(">>> other"), "hatop does not come up: {screen}");
        let rows = screen.lines().skip_while(|line| !line.starts_with("NAME"));
        rows.take_while(|line| !line.starts_with(">>> other")).map(shown).collect::<Vec<_>>()
    });
    assert!(ours.contains(&"s2 1 DOWN L4CON".to_owned()), "{ours:?}");
    if let Some(theirs) = theirs {
        assert_eq!(ours, theirs);
    }
}

/// The name, weight, state and check in a row of hatop. The figures after them change all the time.
fn shown(row: &str) -> String {
    let words: Vec<_> = row.split_whitespace().take(4).collect();
    words.join(" ")
}

/// Ends the program when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_older_exporter_scrapes_the_same_metrics() {
    let Some(exporter) = program_or_skip("prometheus-haproxy-exporter") else { return };
    let (ours, theirs) = both(|observed| {
        let address = observed.place.address();
        let child = Command::new(&exporter)
            .arg(format!("--haproxy.scrape-uri=unix:{}", observed.socket().display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn();
        let _running = Running(child.unwrap());
        until("the exporter listens", SOON, || std::net::TcpStream::connect(address).is_ok());
        let text = http::get(address, "/metrics");
        let lines = text.lines().filter(|line| line.starts_with("haproxy_"));
        let pairs = lines.filter_map(|line| line.rsplit_once(' '));
        let metrics: BTreeMap<_, _> =
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        metrics
    });
    assert_eq!(ours["haproxy_up"], "1");
    assert_eq!(ours["haproxy_server_sessions_total{backend=\"web\",server=\"s1\"}"], "4");
    if let Some(theirs) = theirs {
        let comparable = |metrics: BTreeMap<String, String>| -> Vec<_> {
            let metrics = metrics.into_iter();
            let differs = ["seconds", "rate", "version_info", "max_sessions", "exporter_"];
            metrics.filter(|(name, _)| !differs.iter().any(|part| name.contains(part))).collect()
        };
        let names = |metrics: &BTreeMap<String, String>| -> Vec<String> {
            let names = metrics.keys().map(|name| name.split("release_date").next().unwrap());
            names.map(str::to_owned).collect()
        };
        assert_eq!(names(&ours), names(&theirs));
        assert_eq!(comparable(ours), comparable(theirs));
    }
}
