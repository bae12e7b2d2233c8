//! Sockets that the starter of a process has opened: systemd's `LISTEN_FDS`, and `bind fd@N`.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Place, SOON, Server, ask, binary, is_alive, run_to_end, source, until};

/// A process that was started with sockets as descriptors 3 and 4.
struct Activated {
    child: Child,
    log: PathBuf,
    pid_file: PathBuf,
}

impl Activated {
    /// Starts the process as systemd does. Without `variables` the descriptors are only left open.
    fn start(
        place: &Place,
        body: &str,
        words: &str,
        sockets: Vec<OwnedFd>,
        variables: bool,
    ) -> Self {
        let config = place.write("activated.cfg", &with_timeouts(body));
        let (log, pid_file) = (place.path("activated.log"), place.path("activated.pid"));
        let count = sockets.len();
        let mut sockets = sockets.into_iter();
        // As its standard streams: an inheritable descriptor would go to other tests' children too.
        let mut script = String::from("exec 3<&0 0</dev/null; ");
        if count > 1 {
            script.push_str("exec 4<&1 1>/dev/null; ");
        }
        if variables {
            script.push_str(&format!(
                "export LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES=first:second; "
            ));
        }
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{script} exec \"$0\" \"$@\"")]).arg(binary());
        command.arg(words).arg("-p").arg(&pid_file).arg("-f").arg(config);
        command.stdin(sockets.next().unwrap());
        command.stdout(sockets.next().map_or_else(Stdio::null, Stdio::from));
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self { child, log, pid_file }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn serves(&self, front: SocketAddr) {
        until("the socket is served", SOON, || {
            ask(source(1), front).is_ok_and(|name| name == "s1")
        });
    }

    /// Reloads and waits until the successor serves clients.
    fn reload(&self) {
        let count = |text: &str| self.log().matches(text).count();
        let (before, pid) = (count(" serves\n"), std::fs::read_to_string(&self.pid_file).unwrap());
        kill(Pid::from_raw(pid.trim().parse().unwrap()), Signal::SIGUSR2).unwrap();
        until("the next generation serves", SOON, || {
            assert_eq!(count("the reload failed") + count("goes on serving"), 0, "{}", self.log());
            count(" serves\n") > before
        });
    }

    /// Waits until the process ends.
    fn failed(mut self) -> String {
        until("it has ended", SOON, || self.child.try_wait().unwrap().is_some());
        assert_eq!(self.child.wait().unwrap().code(), Some(1), "{}", self.log());
        self.log()
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log ---\n{}", self.log());
        }
        let serving = std::fs::read_to_string(&self.pid_file).unwrap_or_default();
        for pid in [serving.trim().parse().unwrap_or(0), i32::try_from(self.child.id()).unwrap()] {
            if pid > 0 && is_alive(pid) {
                kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
            }
        }
        self.child.wait().ok();
    }
}

fn with_timeouts(body: &str) -> String {
    format!(
        "defaults\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n\n{body}\n"
    )
}

fn listen(bind: &str, server: &Server) -> String {
    format!("listen web\n    bind {bind}\n    server s1 {}\n", server.address())
}

/// A socket that only this test has bound. So a process that serves it must have got it from here.
fn opened(place: &Place) -> (OwnedFd, SocketAddr) {
    let listener = TcpListener::bind(place.address()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

#[test]
fn a_bind_line_names_a_descriptor_by_its_number() {
    for (words, variables) in [("-db", true), ("-W", true), ("-db", false), ("-W", false)] {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (first, _) = opened(&place);
        let (second, front) = opened(&place);
        let sockets = vec![first, second];
        let process = Activated::start(&place, &listen("fd@4", &server), words, sockets, variables);
        process.serves(front);
        for _ in 0..2 {
            process.reload();
            process.serves(front);
        }
        let warned = process.log().contains("no 'bind' line names the socket 'first'");
        assert_eq!(warned, variables, "{}", process.log());
    }
}

#[test]
fn a_socket_of_both_families_serves_a_line_for_ipv4() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    // What systemd opens for `ListenStream=<port>`.
    let Ok(listener) = TcpListener::bind("[::]:0") else {
        eprintln!("SKIPPED: this machine has no IPv6");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let body = listen(&format!(":{port}"), &server);
    let process = Activated::start(&place, &body, "-db", vec![listener.into()], true);
    let front = SocketAddr::from(([127, 0, 0, 1], port));
    process.serves(front);
    process.reload();
    process.serves(front);
}

#[test]
fn a_socket_that_nothing_names_is_closed_with_a_warning() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let (first, front) = opened(&place);
    let (second, other) = opened(&place);
    let body = listen(&front.to_string(), &server);
    let process = Activated::start(&place, &body, "-db", vec![first, second], true);
    process.serves(front);
    let warning = format!(
        "socket activation: no 'bind' line names the socket 'second' at {other}, by this address \
         or as fd@4: it is closed"
    );
    assert!(process.log().contains(&warning), "{}", process.log());
    assert!(ask(source(1), other).is_err());
}

#[test]
fn a_descriptor_has_one_line() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    // Twice by its number.
    let twice = listen("fd@3\n    bind fd@3", &server);
    let config = place.write("twice.cfg", &with_timeouts(&twice));
    let output: Output = run_to_end(&["-c", "-f", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("twice.cfg:8:") && said.contains("'fd@3' is listened on already"),
        "{said}"
    );
    // By its number and by its address: the number has it, whatever comes first.
    let (first, front) = opened(&place);
    let body = listen(&format!("{front}\n    bind fd@3"), &server);
    let said = Activated::start(&place, &body, "-db", vec![first], true).failed();
    assert!(said.contains(&format!("activated.cfg:7: bind {front}: ")), "{said}");
    // What is not there, or is no socket that listens.
    for (number, why) in [
        (9, "use descriptor 9: it was not open when this process began, or is taken already"),
        (2, "use descriptor 2: it was not open when this process began, or is taken already"),
    ] {
        let (first, _) = opened(&place);
        let body = listen(&format!("fd@{number}"), &server);
        let said = Activated::start(&place, &body, "-db", vec![first], false).failed();
        assert!(said.contains(&format!("activated.cfg:7: {why}")), "{said}");
    }
}

#[test]
fn the_unit_that_is_shipped_opens_what_its_text_says() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/stickd.socket");
    let unit = std::fs::read_to_string(file).unwrap();
    let ports: Vec<u16> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("ListenStream="))
        .map(|port| port.parse().unwrap())
        .collect();
    assert_eq!(ports.len(), 1);
    assert!(unit.contains(&format!("ListenStream={0} is 'bind :{0}'", ports[0])), "{unit}");
    assert!(unit.contains("the first one is 'bind fd@3'"), "{unit}");
}
