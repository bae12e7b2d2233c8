//! Which processes may take over a running process's sockets and tables, and which process a new
//! process believes. Other users of the machine and other namespaces are kept out.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{
    Node, Place, SOON, Server, Spec, ask, binary, binary_for_all, is_alive, source, until,
};

/// Whether this test can act as two users. If not, prints that the test is skipped.
fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED: only root can act as another user or in another namespace");
    }
    is_root
}

fn nobody() -> (u32, u32) {
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    (user.uid.as_raw(), user.gid.as_raw())
}

/// A server, the address at which clients connect, and the section for them.
fn sticky(place: &Place) -> (Server, SocketAddr, String) {
    let (server, front) = (Server::name(place.address(), "s1"), place.address());
    let body = format!(
        "listen web\n    bind {front}\n    stick-table type ip size 1k expire 1h\n    \
         stick on src\n    server s1 {}\n",
        server.address()
    );
    (server, front, body)
}

/// The control socket of a node's process, which other processes ask.
fn control_of(node: &Node) -> PathBuf {
    let name = format!("stickd-{}.sock", node.pid());
    let beside = node.spec().dir().join(&name);
    let path = if beside.exists() { beside } else { Path::new("/run/stickd").join(&name) };
    assert!(path.exists(), "{name} is not found");
    path
}

/// Runs a Python script with arguments, perhaps under `wrapper`. None if there is no Python.
fn python(
    wrapper: &[&str],
    script: &str,
    arguments: &[&str],
    user: Option<(u32, u32)>,
) -> Option<Output> {
    let words: Vec<&str> = [wrapper, &["python3", "-c", script], arguments].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).current_dir("/");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    let output = command.output().ok().filter(|output| output.status.code() != Some(127));
    if output.is_none() {
        eprintln!("SKIPPED: {} is not there", words[0]);
    }
    output
}

/// Asks as a successor does, as often as the second argument says, and prints the result.
const ASK: &str = "
import socket, sys
said = set()
for n in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(sys.argv[1])
        s.settimeout(10)
        data, fds, _, _ = socket.recv_fds(s, 4096, 128)
        said.add('%d bytes, %d sockets' % (len(data), len(fds)))
    except OSError as error:
        said.add(type(error).__name__)
    s.close()
print('; '.join(sorted(said)))
";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn another_user_cannot_ask_for_the_sockets() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (_server, front, body) = sticky(&place);
    let mut node = Node::start(&place, "a", &body);
    let control = control_of(&node);
    let found = fs::metadata(&control).unwrap();
    assert_eq!((found.mode() & 0o777, found.uid()), (0o600, 0));
    // No process listens in the abstract namespace, which has no permissions.
    let pid = node.pid();
    assert!(!fs::read_to_string("/proc/net/unix").unwrap().contains(&format!("@stickd-{pid}")));
    let path = control.to_str().unwrap().to_owned();
    let Some(output) = python(&[], ASK, &[&path, "1"], Some(nobody())) else { return };
    assert_eq!(said(&output), "PermissionError", "{output:?}");
    // A whole stickd of that user gets nothing either.
    let config = place.path("a.cfg");
    let mut command = Command::new(binary_for_all(&place));
    command.args(["-f", config.to_str().unwrap(), "-sf", &pid.to_string()]);
    let (uid, gid) = nobody();
    let output = command.uid(uid).gid(gid).current_dir("/").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(node.is_running() && !node.log().contains("takes over"), "{}", node.log());
    assert_eq!(ask(source(1), front).unwrap(), "s1");
}

#[test]
fn a_user_without_rights_replaces_a_process_of_its_own() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (_server, front, body) = sticky(&place);
    let user = nobody();
    chown(place.dir(), Some(user.0), Some(user.1)).unwrap();
    let spec = Spec::new(&place, "a", &body).on(binary_for_all(&place)).user(user);
    let mut old = spec.clone().start();
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    let pid = old.pid();
    let _new = spec.arguments(&["-sf", &pid.to_string()]).start();
    old.wait(SOON);
    assert_eq!(old.api().used("web"), 1, "{}", old.log());
}

#[test]
fn a_stranger_who_listens_in_the_name_of_a_process_is_not_asked() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (_server, front, body) = sticky(&place);
    let mut other = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    // A directory where everybody may write, which the configuration names.
    let open = place.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let trap = open.join(format!("stickd-{}.sock", other.id()));
    let listening = UnixListener::bind(&trap).unwrap();
    chown(&trap, Some(nobody().0), Some(nobody().1)).unwrap();
    listening.set_nonblocking(true).unwrap();
    let global = format!("stats socket {} mode 600 level admin", open.join("admin2").display());
    let spec = Spec::with_global(&place, "a", &global, &body);
    let mut node = spec.arguments(&["-sf", &other.id().to_string()]).start();
    assert!(listening.accept().is_err(), "the stranger was asked");
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    assert!(node.is_running());
    other.wait().unwrap(); // it was told to stop, as a process of another kind is
}

#[test]
fn a_process_with_the_right_name_and_another_id_is_not_believed() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (_server, front, body) = sticky(&place);
    let mut other = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    // The directory is safe, so this is root's own doing: this process is not that one.
    let trap = place.path(&format!("stickd-{}.sock", other.id()));
    let _listening = UnixListener::bind(&trap).unwrap();
    let spec = Spec::new(&place, "a", &body);
    let node = spec.arguments(&["-sf", &other.id().to_string()]).start();
    let own = std::process::id();
    let why = format!("process {own} of user 0 listens in the name of process {}", other.id());
    assert!(node.log().contains(&why), "{}", node.log());
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    other.wait().unwrap();
}

#[test]
fn another_process_namespace_is_turned_away_and_cannot_flood_the_log() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (_server, front, body) = sticky(&place);
    let mut node = Node::start(&place, "a", &body);
    let control = control_of(&node).to_str().unwrap().to_owned();
    let elsewhere = ["unshare", "--pid", "--fork"];
    let Some(output) = python(&elsewhere, ASK, &[&control, "2000"], None) else { return };
    if said(&output).is_empty() {
        eprintln!("SKIPPED: no namespaces here: {output:?}");
        return;
    }
    assert!(
        !said(&output).contains("sockets") || said(&output) == "0 bytes, 0 sockets",
        "{output:?}"
    );
    until("it is said", SOON, || node.log().contains("it lives in another process namespace"));
    let lines = node.log().lines().filter(|line| line.contains("turned away")).count();
    // One at once, and one more each time that an interval has passed.
    assert!(lines <= 5, "{lines} lines: {}", node.log());
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    assert!(node.is_running() && !node.log().contains("takes over"), "{}", node.log());
}

#[test]
fn a_container_with_the_network_of_the_host_cannot_reach_the_control_socket() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (_server, front, body) = sticky(&place);
    let mut node = Node::start(&place, "a", &body);
    let pid = node.pid();
    // Another mount and process namespace; the network is shared.
    let config = place.path("a.cfg");
    let script = format!(
        "mount -t tmpfs none /run && exec {} -f {} -sf {pid}",
        binary().display(),
        config.display()
    );
    let mut container = Command::new("unshare");
    container.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        &script,
    ]);
    let output = container.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let Ok(mut container) = output.spawn() else {
        eprintln!("SKIPPED: unshare is not there");
        return;
    };
    // It serves beside the other one, as any process of root may, or it fails.
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(container.stderr.take().unwrap());
    while !said.contains("generation 1 serves")
        && std::io::BufRead::read_line(&mut lines, &mut said).unwrap() > 0
    {}
    container.kill().ok();
    container.wait().unwrap();
    assert!(!said.contains("taken over"), "{said}");
    assert!(node.is_running() && is_alive(pid) && !node.log().contains("takes over"), "{said}");
    until("the first one serves", SOON, || ask(source(1), front).is_ok_and(|name| name == "s1"));
}

/// Listens at the path `<first argument>/stickd-<pid>.sock`, leaves the socket to a child that
/// answers every request, and ends.
const LEAVE: &str = "
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + '/stickd-%d.sock' % os.getpid())
s.listen()
print(os.getpid(), flush=True)
if os.fork() == 0:
    os.closerange(0, 3)
    s.settimeout(20)
    with s.accept()[0] as asking:
        trap = socket.create_server(('127.0.0.1', 0))
        name = b'127.0.0.1%3A1'
        try:
            socket.send_fds(asking, [len(name).to_bytes(4, 'big') + name], [trap.fileno()])
        except OSError:
            pass
";

#[test]
fn a_process_that_has_ended_and_left_its_socket_to_another_is_not_believed() {
    let place = Place::new();
    let (_server, front, body) = sticky(&place);
    let dir = place.dir().to_str().unwrap().to_owned();
    let Some(output) = python(&[], LEAVE, &[&dir], None) else { return };
    let pid = said(&output);
    assert!(!is_alive(pid.parse().unwrap()), "{output:?}");
    let spec = Spec::new(&place, "a", &body);
    let node = spec.arguments(&["-sf", &pid]).start();
    assert!(node.log().contains("it has ended, and left its socket to somebody"), "{}", node.log());
    assert_eq!(ask(source(1), front).unwrap(), "s1");
}
