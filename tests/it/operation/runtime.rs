//! The operator's view of a process: the order of its start, the data that a successor gets, and
//! the messages when something fails.

use std::net::TcpListener;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    HeldBack, Node, Place, SOON, Server, Spec, ask, connect_from, cpu_ticks, is_alive, pause,
    run_to_end, source, until,
};

fn listen(name: &str, front: impl std::fmt::Display, server: &Server) -> String {
    format!("listen {name}\n    bind {front}\n    server s1 {}\n", server.address())
}

#[test]
fn a_listener_that_the_new_configuration_lacks_refuses_clients() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let (kept, gone) = (place.address(), place.address());
    let both = listen("web", kept, &server) + &listen("old", gone, &server);
    let node = Node::start(&place, "a", &both);
    assert_eq!(ask(source(1), gone).unwrap(), "s1");
    node.spec().configure("", &listen("web", kept, &server));
    node.reload();
    assert_eq!(ask(source(1), kept).unwrap(), "s1");
    until("nobody listens any more", SOON, || connect_from(source(1), gone).is_err());
}

#[test]
fn a_successor_that_cannot_start_says_why_before_it_is_ended() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let taken = TcpListener::bind(place.address()).unwrap();
    let node = Node::start(&place, "a", &listen("web", front, &server));
    let more = listen("more", taken.local_addr().unwrap(), &server);
    node.spec().configure("", &(listen("web", front, &server) + &more));
    node.ask_reload();
    until("the failure is logged", SOON, || node.log().contains("goes on serving"));
    assert!(node.log().contains("in use"), "{}", node.log());
    assert_eq!(ask(source(1), front).unwrap(), "s1");
}

#[test]
fn a_relative_directory_means_the_same_to_a_successor() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let body = listen("web", place.address(), &server);
    let node = Spec::new(&place, "a", &body).arguments(&["-C", "tests"]).start();
    node.reload();
}

#[test]
fn a_daemon_that_cannot_listen_fails_in_the_foreground() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let taken = TcpListener::bind(place.address()).unwrap();
    let body = listen("web", taken.local_addr().unwrap(), &server);
    let path = place.write("a.cfg", &format!("defaults\n    mode tcp\n{body}"));
    let output = run_to_end(&["-D", "-f", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn a_predecessor_that_hangs_for_a_while_still_hands_over() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body =
        listen("web", front, &server) + "    stick-table type ip size 1k\n    stick on src\n";
    let node = Node::start(&place, "a", &body);
    node.api().set_servers("web", (0..100).map(source), 1);
    let old = node.pid();
    let reload = HeldBack::start(&node);
    let new = reload.successor();
    kill(Pid::from_raw(old), Signal::SIGSTOP).unwrap();
    reload.let_go();
    pause(Duration::from_secs(1));
    let before = cpu_ticks(new);
    // Longer than a predecessor would wait for a successor.
    pause(Duration::from_millis(5500));
    let after = cpu_ticks(new);
    let spent = after.0 + after.1 - before.0 - before.1;
    assert!(spent < 30, "{spent} ticks were spent on waiting");
    kill(Pid::from_raw(old), Signal::SIGCONT).unwrap();
    until("the successor serves", SOON, || node.pid_in_file() == Some(new));
    until("the old process ends", SOON, || !is_alive(old));
    assert_eq!(node.api().used("web"), 100);
    assert!(is_alive(new), "{}", node.log());
}

#[test]
fn a_soft_stop_during_a_reload_ends_the_successor_too() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let mut node = Node::start(&place, "a", &listen("web", place.address(), &server));
    let new = HeldBack::start(&node).successor();
    node.signal(Signal::SIGUSR1);
    assert!(node.wait(SOON).success());
    until("the successor is gone", SOON, || !is_alive(new));
}

#[test]
fn of_several_predecessors_the_one_that_serves_hands_over() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body =
        listen("web", front, &server) + "    stick-table type ip size 1k\n    stick on src\n";
    let node = Node::start(&place, "a", &body);
    let first = node.pid();
    let open = connect_from(source(1), front).unwrap();
    until("the connection is there", SOON, || node.api().used("web") == 1);
    node.reload();
    let second = node.pid();
    let (first, second) = (first.to_string(), second.to_string());
    let mut third = node.spec().clone().arguments(&["-sf", &first, &second]).start_unready();
    until("the third serves", SOON, || node.pid_in_file() == Some(third.first_pid()));
    assert_eq!(node.api().used("web"), 1, "{}", node.log());
    until("the second has ended", SOON, || !is_alive(second.parse().unwrap()));
    assert!(third.is_running());
    drop(open);
}

#[test]
fn a_process_that_is_stopping_hands_nothing_over_and_says_so() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let node = Node::start(&place, "a", &listen("web", front, &server));
    let open = connect_from(source(1), front).unwrap();
    until("the connection is there", SOON, || node.api().info("CurrConns") == "1");
    node.signal(Signal::SIGUSR1);
    until("it is stopping", SOON, || node.log().contains("soft stop"));
    let path = place.path("a.cfg");
    let pid = node.first_pid().to_string();
    let output = run_to_end(&["-f", path.to_str().unwrap(), "-sf", &pid]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("it is stopping"), "{said}");
    drop(open);
}

#[test]
fn a_process_without_privileges_is_replaced_by_hand_pid_file_included() {
    if !nix::unistd::geteuid().is_root() {
        return; // only root can give privileges up
    }
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let jail = place.path("jail");
    std::fs::create_dir(&jail).unwrap();
    let global = format!("user nobody\n    chroot {}", jail.display());
    let body = listen("web", front, &server);
    let node = Spec::with_global(&place, "a", &global, &body).start();
    let old = node.pid();
    node.ask_reload();
    until("the failure is logged", SOON, || node.log().contains("goes on serving"));
    until("the way out is logged", SOON, || node.log().contains(&format!("-sf {old}")));
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    let next = node.spec().clone().arguments(&["-sf", &old.to_string()]).start_unready();
    until("the pid file names it", SOON, || node.pid_in_file() == Some(next.first_pid()));
    until("the old process ends", SOON, || !is_alive(old));
    assert_eq!(ask(source(1), front).unwrap(), "s1");
}

#[test]
fn a_peer_whose_name_does_not_resolve_is_looked_up_in_another_process() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let peers =
        format!("peers mesh\n    peer a {}\n    peer b nosuch.invalid:1024\n", place.address());
    let node = Node::start(&place, "a", &(peers + &listen("web", front, &server)));
    until("it is said once", SOON, || node.log().contains("mesh/b: the name does not resolve"));
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    let found = run_to_end(&["--resolve", "localhost:1024"]);
    assert!(String::from_utf8_lossy(&found.stdout).trim().ends_with(":1024"), "{found:?}");
}
