//! Tests of code that starts other processes. These tests run in a process of their own, one after
//! the other. A child keeps all descriptors of its parent until it executes its program, so a test
//! at the same time would find its closed descriptors still open. And fork(2) is sound only in a
//! process with one thread.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests may stop, and print")]

use std::ffi::OsString;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use stickd::net::confine::calls::{self, Refusal};
use stickd::net::confine::files;
use stickd::net::lookup::{LIMIT_MS, Lookup};
use stickd::reload::child::{Child, Command};
use stickd::reload::control::credentials::{has_exited, pidfd_open};
use stickd::reload::inherit::{HANDOVER_NAME, NAMES_NAME};

/// The list of the tests. The test harness is not used, because it starts threads.
const TESTS: [(&str, fn()); 8] = [
    ("a_successor_finds_its_sockets_and_variables", a_successor_finds_its_sockets_and_variables),
    (
        "names_that_no_variable_can_hold_are_in_a_file",
        names_that_no_variable_can_hold_are_in_a_file,
    ),
    (
        "a_binary_that_is_not_there_is_told_and_ends_the_socket",
        a_binary_that_is_not_there_is_told_and_ends_the_socket,
    ),
    ("the_answer_is_what_the_child_wrote", the_answer_is_what_the_child_wrote),
    ("a_child_that_finds_nothing_is_told", a_child_that_finds_nothing_is_told),
    ("a_process_that_has_ended_is_told", a_process_that_has_ended_is_told),
    ("a_lookup_that_hangs_is_given_up", a_lookup_that_hangs_is_given_up),
    (
        "a_confined_process_can_serve_and_nothing_else",
        a_confined_process_can_serve_and_nothing_else,
    ),
];

/// The argument with which this program confines itself and tells what it still can do.
const CONFINED: &str = "--confined";

/// Runs the tests whose names contain the first word of the command line that is not an option.
fn main() {
    if std::env::args().any(|word| word == CONFINED) {
        return try_what_is_left();
    }
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    for (name, test) in TESTS.iter().filter(|(name, _)| name.contains(&wanted)) {
        println!("test {name}");
        test();
    }
}

fn shell(script: &str) -> Command {
    Command {
        program: "/bin/sh".into(),
        arguments: ["sh", "-c", script].map(OsString::from).to_vec(),
        environment: vec![("LISTEN_PID".into(), "1".into()), ("KEPT".into(), "yes".into())],
        directory: None,
    }
}

fn end_of(mut successor: Child) -> String {
    loop {
        if let Some(how) = successor.poll_exit() {
            return how;
        }
        std::thread::yield_now();
    }
}

fn a_successor_finds_its_sockets_and_variables() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let script = "test -S /proc/self/fd/3 && test $LISTEN_PID = $$ && \
                  echo $LISTEN_FDS $LISTEN_FDNAMES $KEPT >&4";
    let named = [("web".to_owned(), listener.as_raw_fd())];
    let successor = Child::start(&shell(script), &named, &theirs).unwrap();
    drop(theirs);
    let mut said = String::new();
    ours.read_to_string(&mut said).unwrap();
    assert_eq!(said, format!("2 web:{HANDOVER_NAME} yes\n"));
    assert_eq!(end_of(successor), "it exited with status 0");
}

fn names_that_no_variable_can_hold_are_in_a_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let script = "echo $LISTEN_FDS $LISTEN_FDNAMES >&8; cat /proc/self/fd/3 >&8";
    let name = "n".repeat(100_000);
    let named = vec![(name.clone(), listener.as_raw_fd()); 4];
    let successor = Child::start(&shell(script), &named, &theirs).unwrap();
    drop(theirs);
    let mut said = String::new();
    ours.read_to_string(&mut said).unwrap();
    assert_eq!(said, format!("6 {NAMES_NAME}\n{name}:{name}:{name}:{name}:{HANDOVER_NAME}"));
    assert_eq!(end_of(successor), "it exited with status 0");
}

fn a_binary_that_is_not_there_is_told_and_ends_the_socket() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let command = Command { program: "/nonexistent/stickd".into(), ..shell("") };
    let successor = Child::start(&command, &[], &theirs).unwrap();
    drop(theirs);
    let mut said = Vec::new();
    ours.read_to_end(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("failed /nonexistent/stickd:"), "{said}");
    assert_eq!(end_of(successor), "it exited with status 1");
}

fn lookup(script: &str) -> Lookup {
    let mut command = process::Command::new("/bin/sh");
    command.args(["-c", script]);
    Lookup::by(command, 0).unwrap()
}

fn finish(mut lookup: Lookup) -> io::Result<SocketAddr> {
    loop {
        if let Some(answer) = lookup.poll(1) {
            return answer;
        }
        std::thread::yield_now();
    }
}

fn the_answer_is_what_the_child_wrote() {
    let found = finish(lookup("echo '[::1]:1024'")).unwrap();
    assert_eq!(found, "[::1]:1024".parse().unwrap());
}

fn a_child_that_finds_nothing_is_told() {
    let error = finish(lookup("exit 1")).unwrap_err();
    assert_eq!(error.to_string(), "the name does not resolve");
    assert!(finish(lookup("printf '%300s' 1.2.3.4:5")).is_err(), "too long an answer");
}

fn a_lookup_that_hangs_is_given_up() {
    let mut lookup = lookup("exec sleep 600");
    assert!(lookup.poll(LIMIT_MS - 1).is_none());
    let error = lookup.poll(LIMIT_MS).unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

fn a_process_that_has_ended_is_told() {
    let mut child = process::Command::new("/bin/sleep").arg("100").spawn().unwrap();
    let process = pidfd_open(i32::try_from(child.id()).unwrap()).unwrap();
    assert!(!has_exited(&process).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(has_exited(&process).unwrap());
}

fn a_confined_process_can_serve_and_nothing_else() {
    let mut command = process::Command::new(std::env::current_exe().unwrap());
    let said = command.arg(CONFINED).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.starts_with("nothing else\n"), "{said}");
}

/// What `hardening on` leaves to a worker.
fn try_what_is_left() {
    nix::sys::prctl::set_no_new_privs().unwrap();
    let has_landlock = files::close(None).unwrap();
    calls::allow_serving(Refusal::Fails).unwrap();
    // It serves.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    listener.accept().unwrap();
    std::fs::metadata("/etc/passwd").unwrap();
    assert!(std::fs::read_to_string("/etc/hosts").is_ok() && calls::take_refused().is_empty());
    // It opens no other files, starts no program and signals nobody.
    let path = std::env::temp_dir().join("stickd-confined");
    let denied = |result: io::Result<()>| result.map_err(|error| error.kind());
    if has_landlock {
        for result in [
            std::fs::read("/etc/passwd").map(drop),
            std::fs::write(&path, "").map(drop),
            std::fs::write("/proc/self/comm", "other"),
            std::os::unix::net::UnixListener::bind(&path).map(drop),
        ] {
            assert_eq!(denied(result), Err(io::ErrorKind::PermissionDenied));
        }
    }
    let ran = process::Command::new("/bin/true").status();
    assert_eq!(denied(ran.map(drop)), Err(io::ErrorKind::PermissionDenied));
    if has_landlock {
        let signalled = kill(nix::unistd::getppid(), Signal::SIGWINCH);
        assert_eq!(signalled, Err(Errno::EPERM));
    }
    // What no library call is made for is noted, once.
    for refused in [1, 0] {
        let packets = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None);
        assert_eq!((packets.map(drop), calls::take_refused().len()), (Err(Errno::EPERM), refused));
    }
    println!("nothing else");
}
