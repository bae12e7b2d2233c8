//! A worker of `-W` that crashes: another one follows, with all entries, and nobody is refused.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::supervisor::{servers, serves_not, web};
use crate::support::{
    Node, Place, SOON, Spec, ask, children, connect_from, is_alive, send, source, until,
};

const CLIENTS: u32 = 400;

fn worker(node: &Node) -> Option<i32> {
    let info = node.api().try_command("show info").ok()?;
    info.lines().find_map(|line| line.strip_prefix("Pid: ")?.parse().ok())
}

/// Ends the worker that serves with a signal, and waits until another one serves.
fn crash(node: &Node, signal: Signal) {
    let before = kept_worker(node);
    send(before, signal);
    until("another worker serves", SOON, || serves_not(node, before));
}

fn reload(node: &Node) {
    let before = kept_worker(node);
    node.ask_reload();
    until("another worker serves", SOON, || serves_not(node, before));
}

/// The worker that serves, when the supervisor has what it is to keep of that worker.
fn kept_worker(node: &Node) -> i32 {
    let pid = worker(node).unwrap();
    let own = tables_of(pid);
    until("the supervisor has the tables", SOON, || {
        tables_of(node.first_pid()).iter().any(|table| own.contains(table))
    });
    pid
}

/// The files with memory of tables that process `pid` has.
fn tables_of(pid: i32) -> Vec<u64> {
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let is_table = |path: &PathBuf| {
        let target = std::fs::read_link(path).unwrap_or_default();
        target.to_string_lossy().contains("memfd:stickd-table")
    };
    let paths = descriptors.flatten().map(|fd| fd.path()).filter(is_table);
    paths.filter_map(|path| Some(std::fs::metadata(path).ok()?.ino())).collect()
}

/// The server of each client; each must answer.
fn homes(front: SocketAddr) -> Vec<String> {
    (0..CLIENTS).map(|number| ask(source(number), front).unwrap()).collect()
}

#[test]
fn every_client_keeps_its_server_and_none_is_refused() {
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let node = Spec::new(&place, "a", &web(front, &servers)).arguments(&["-W"]).start();
    let homes = homes(front);
    let is_over = AtomicBool::new(false);
    let (mut answers, mut cut) = (0, 0);
    std::thread::scope(|scope| {
        let visitor = scope.spawn(|| {
            let (mut answers, mut cut) = (0_u32, 0_u32);
            for number in (0..CLIENTS).cycle() {
                match ask(source(number), front) {
                    Ok(server) => assert_eq!(server, homes[number as usize], "client {number}"),
                    Err(error) => {
                        // Only a connection that the crashed worker had accepted is lost.
                        assert_ne!(error.kind(), io::ErrorKind::ConnectionRefused);
                        cut += 1;
                    }
                }
                answers += 1;
                if is_over.load(Ordering::Relaxed) {
                    return (answers, cut);
                }
            }
            (answers, cut)
        });
        crash(&node, Signal::SIGKILL);
        assert!(node.log().contains("has crashed"), "{}", node.log());
        is_over.store(true, Ordering::Relaxed);
        (answers, cut) = visitor.join().unwrap();
    });
    assert!(cut <= 1 && answers > cut, "{answers} answers, {cut} cut");
    let entries = node.api().used("web");
    assert!(entries + 1 >= CLIENTS as usize, "{entries} entries: one may have been in work");
    assert_eq!(self::homes(front), homes);
    // A crash that follows soon waits a second.
    crash(&node, Signal::SIGABRT);
    assert_eq!(self::homes(front), homes);
    assert_eq!(node.pid(), node.first_pid(), "the supervisor stays");
}

#[test]
fn a_crash_after_a_reload_costs_no_entry_either() {
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let node = Spec::new(&place, "a", &web(front, &servers)).arguments(&["-W"]).start();
    let homes = homes(front);
    // The supervisor becomes another program, and asks the worker for what it has to keep.
    reload(&node);
    crash(&node, Signal::SIGKILL);
    assert_eq!(self::homes(front), homes);
    assert_eq!(node.api().used("web"), CLIENTS as usize);
}

#[test]
fn a_crash_in_the_middle_of_a_reload_costs_no_entry() {
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let node = Spec::new(&place, "a", &web(front, &servers)).arguments(&["-W"]).start();
    let homes = homes(front);
    let before = kept_worker(&node);
    send(before, Signal::SIGSTOP);
    node.ask_reload();
    let successor = || children(node.first_pid()).into_iter().find(|pid| *pid != before);
    until("a new worker", SOON, || successor().is_some());
    let successor = successor().unwrap();
    send(before, Signal::SIGKILL);
    until("a third worker serves", SOON, || {
        worker(&node).is_some_and(|pid| pid != before && pid != successor)
    });
    assert!(!is_alive(successor));
    assert_eq!(self::homes(front), homes);
    assert_eq!(node.api().used("web"), CLIENTS as usize);
    reload(&node);
    assert_eq!(self::homes(front), homes);
}

#[test]
fn a_configuration_that_is_broken_meanwhile_is_tried_again() {
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let body = web(front, &servers);
    let node = Spec::new(&place, "a", &body).arguments(&["-W"]).start();
    let homes = homes(front);
    let before = kept_worker(&node);
    node.spec().configure("", "listen web\n    nonsense\n");
    send(before, Signal::SIGKILL);
    until("a start has failed", SOON, || node.log().contains("exited with status 1"));
    // Clients wait meanwhile.
    let waiting = connect_from(source(1), front).unwrap();
    node.spec().configure("", &body);
    until("a worker serves", SOON, || worker(&node).is_some());
    assert_eq!(self::homes(front), homes);
    drop(waiting);
}

#[test]
fn what_is_stopped_or_shut_is_not_held_open_by_the_supervisor() {
    let place = Place::new();
    let servers = servers(&place);
    let (front, other) = (place.address(), place.address());
    let body = format!(
        "{}frontend other\n    bind {other}\n    default_backend web\n",
        web(front, &servers)
    );
    let mut node = Spec::new(&place, "a", &body).arguments(&["-W"]).start();
    assert!(ask(source(1), other).is_ok());
    node.api().command("shutdown frontend other");
    until("the socket is closed", SOON, || is_refused(other));
    assert!(ask(source(1), front).is_ok());
    let held = connect_from(source(1), front).unwrap();
    let pid = kept_worker(&node);
    send(pid, Signal::SIGUSR1); // to the worker itself
    until("the sockets are closed", SOON, || is_refused(front));
    drop(held);
    let status = node.wait(SOON);
    assert_eq!((status.code(), status.signal()), (Some(0), None));
}

fn is_refused(front: SocketAddr) -> bool {
    let connected = connect_from(source(1), front);
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[test]
fn a_worker_that_is_told_to_stop_is_not_followed() {
    let place = Place::new();
    let front = place.address();
    let body = web(front, &servers(&place));
    let mut node = Spec::new(&place, "a", &body).arguments(&["-W"]).start();
    send(kept_worker(&node), Signal::SIGTERM);
    assert!(node.wait(SOON + Duration::from_secs(1)).code().is_some());
    assert!(!node.log().contains("has crashed"), "{}", node.log());
    assert!(is_refused(front));
}
