//! The behaviour at the limits: connections, descriptors, memory, and clients that exhaust them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};

use crate::support::{
    Node, Place, SOON, Server, Spec, ask, connect_from, eventually, open_descriptors, reset,
    source, until,
};

fn is_served(stream: &mut TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).unwrap();
    stream.read(&mut [0; 16]).is_ok_and(|count| count > 0)
}

fn web(front: SocketAddr, lines: &str, server: &Server) -> String {
    format!("listen web\n    bind {front}\n    {lines}\n    server s1 {}", server.address())
}

#[test]
fn clients_beyond_maxconn_wait_until_there_is_room() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let (front, shared) = (place.address(), place.address());
    let body = web(front, "maxconn 2", &server);
    let own = Node::start(&place, "own", &body);
    let global = Spec::with_global(&place, "global", "maxconn 2", &web(shared, "", &server));
    let global = global.start();
    for (node, front) in [(&own, front), (&global, shared)] {
        let mut streams: Vec<_> = (0..3).map(|n| connect_from(source(n), front).unwrap()).collect();
        assert!(is_served(&mut streams[0], SOON));
        assert!(is_served(&mut streams[1], SOON));
        assert!(!is_served(&mut streams[2], Duration::from_millis(300)), "{}", node.log());
        drop(streams.remove(0));
        assert!(is_served(&mut streams[1], SOON), "the third takes the place of the first");
    }
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    // The configuration promises far more connections than the descriptors allow.
    let spec = Spec::with_global(&place, "a", "", &web(front, "", &server));
    let node = spec.descriptors(60).start();
    let mut streams: Vec<_> =
        (0..150).filter_map(|n| connect_from(source(n), front).ok()).collect();
    assert!(is_served(&mut streams[0], SOON));
    assert!(open_descriptors(node.pid()) <= 60);
    drop(streams);
    assert!(eventually(SOON, || ask(source(1000), front).is_ok_and(|name| name == "s1")));
    for n in 0..200 {
        assert_eq!(ask(source(n), front).unwrap(), "s1");
    }
    let lines = node.log().lines().count();
    assert!(lines < 60, "{lines} lines of complaint: {}", node.log());
}

#[test]
fn running_out_of_memory_is_survived() {
    let place = Place::new();
    let bulk = Server::sender(place.address(), 4 << 20);
    let front = place.address();
    let small = "maxconn 1000\n    tune.sndbuf.client 8192";
    let node = Spec::with_global(&place, "a", small, &web(front, "", &bulk)).start();
    assert!(ask(source(0), front).is_ok(), "it serves");
    limit_memory(node.pid(), 6 << 20);
    // Nobody reads: what the server sends has to be kept, far more than there is memory for.
    let connect = |n| {
        let stream = connect_from(source(n), front).ok()?;
        setsockopt(&stream, sockopt::RcvBuf, &8192).unwrap();
        Some(stream)
    };
    let streams: Vec<_> = (0..300).filter_map(connect).collect();
    until("memory runs out", SOON, || {
        // A process without memory may not answer this either.
        let activity = node.api().try_command("show activity").unwrap_or_default();
        let errors = activity.lines().find_map(|line| line.strip_prefix("resource_errors: "));
        errors.is_some_and(|errors| errors != "0")
    });
    drop(streams);
    until("clients are served again", SOON, || ask(source(1), front).is_ok());
    let lines = node.log().lines().count();
    assert!(lines < 20, "{lines} lines of complaint: {}", node.log());
}

/// Limits a process to `more` bytes of memory beyond its present memory.
fn limit_memory(pid: i32, more: u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = format!("--as={}", size * 1024 + more);
    let prlimit = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status();
    assert!(prlimit.unwrap().success());
}

#[test]
fn nothing_is_left_of_connections_that_are_over() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let node = Node::start(&place, "a", &web(front, "", &server));
    ask(source(0), front).unwrap();
    until("idle", SOON, || node.api().info("CurrConns") == "0");
    let idle = open_descriptors(node.pid());
    for n in 0..300 {
        let mut stream = connect_from(source(n), front).unwrap();
        match n % 4 {
            0 => reset(stream),
            1 => drop(stream),
            2 => {
                stream.read_exact(&mut [0; 3]).unwrap();
                reset(stream);
            }
            _ => {
                stream.read_exact(&mut [0; 3]).unwrap();
                stream.write_all(b"never read").unwrap();
                drop(stream);
            }
        }
    }
    until("all descriptors are closed", SOON, || open_descriptors(node.pid()) <= idle);
    until("all connections are gone", SOON, || node.api().info("CurrConns") == "0");
}

#[test]
fn an_idle_process_does_not_spin() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let node = Node::start(&place, "a", &web(front, "", &server));
    let mut stream = connect_from(source(1), front).unwrap();
    stream.read_exact(&mut [0; 3]).unwrap();
    let (user, system) = crate::support::cpu_ticks(node.pid());
    crate::support::pause(Duration::from_secs(1));
    let (user_after, system_after) = crate::support::cpu_ticks(node.pid());
    let ticks = user_after + system_after - user - system;
    assert!(ticks <= 5, "{ticks} ticks of 10 ms in a second of idleness");
}
