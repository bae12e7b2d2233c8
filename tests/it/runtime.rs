//! What the operator of a process meets: the order of its start, what a successor is given, and
//! what is said when something does not work.

use std::net::TcpListener;

use crate::support::{
    Node, Place, SOON, Server, Spec, ask, connect_from, run_to_end, source, until,
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
