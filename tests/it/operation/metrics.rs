//! The exporter from a scraper's view: limits, reloads, and the metrics about this program itself.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Node, Place, SOON, Server, Spec, ask, connect_from, http, source, until};

const HEAD: &[u8] = b"HEAD /metrics HTTP/1.1\r\nHost: test\r\n\r\n";

/// A node with an exporter and a frontend that relays. The exporter's section has further lines.
struct Exporting {
    node: Node,
    front: SocketAddr,
    exporter: SocketAddr,
    _server: Server,
    _place: Place,
}

fn start(lines: &str) -> Exporting {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let (front, exporter) = (place.address(), place.address());
    let body = format!(
        "peers mesh\n    peer a {}\n    peer b {}\n\
         frontend in\n    bind {front}\n    default_backend web\n\
         backend web\n    stick-table type ip size 10 peers mesh\n    stick on src\n    \
         server s1 {}\n\
         frontend stats\n    mode http\n    bind {exporter}\n    \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n{lines}",
        place.address(),
        place.address(),
        server.address(),
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    Exporting { node, front, exporter, _server: server, _place: place }
}

/// The value of a metric that only this program has.
fn own(exporter: SocketAddr, name: &str) -> String {
    let text = http::get(exporter, "/metrics?scope=stickd");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

/// A scraper that has its answer and keeps its connection open.
fn idle_scraper(exporter: SocketAddr) -> TcpStream {
    let mut stream = connect_from(source(1), exporter).unwrap();
    stream.write_all(HEAD).unwrap();
    let mut answer = [0; 1024];
    assert!(stream.read(&mut answer).unwrap() > 0);
    stream
}

#[test]
fn the_mesh_the_tables_and_the_loop_are_told_of() {
    let exporting = start("");
    for client in 1..=3 {
        ask(source(client), exporting.front).unwrap();
    }
    let labels = "{peers=\"mesh\",peer=\"b\",table=\"web\"}";
    let lag = own(exporting.exporter, &format!("stickd_peer_unacknowledged_updates{labels}"));
    assert_eq!(lag, "3");
    assert_eq!(own(exporting.exporter, "stickd_table_fill_ratio{table=\"web\"}"), "0.3");
    assert_eq!(own(exporting.exporter, "stickd_reload_generation"), "1");
    let longest: f64 = own(exporting.exporter, "stickd_loop_longest_turn_seconds").parse().unwrap();
    assert!(longest > 0.0 && longest < 10.0, "{longest}");
    for client in 10..=20 {
        ask(source(client), exporting.front).unwrap();
    }
    assert_eq!(own(exporting.exporter, "stickd_table_evictions_total{table=\"web\"}"), "4");
}

#[test]
fn a_reload_hands_the_exporter_over_and_lets_idle_scrapers_go() {
    let exporting = start("");
    let mut idle = idle_scraper(exporting.exporter);
    // The old process stays for this one.
    let mut client = connect_from(source(2), exporting.front).unwrap();
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0; 4]).unwrap();
    exporting.node.reload();
    assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0, "it would see the old process for ever");
    until("the new process is scraped", SOON, || {
        own(exporting.exporter, "stickd_reload_generation") == "2"
    });
    client.write_all(b"y").unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
}

/// A node with a scrape under way, and the scraper. The answer is too large for the buffers, so the
/// node can finish it only when the scraper reads. The scraper has read the beginning.
fn scrape_under_way(place: &Place) -> (Node, TcpStream) {
    let exporter = place.address();
    let body = format!(
        "backend web\n    server-template s 200 127.0.0.1:1 disabled\n\
         frontend stats\n    mode http\n    bind {exporter}\n    \
         http-request use-service prometheus-exporter\n",
    );
    let global = "tune.sndbuf.client 4096\nhard-stop-after 4s";
    let node = Spec::with_global(place, "a", global, &body).reloadable().start();
    let mut scraper = connect_from(source(1), exporter).unwrap();
    scraper.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    scraper.read_exact(&mut [0; 100]).unwrap();
    (node, scraper)
}

#[test]
fn a_scrape_under_way_is_finished_by_the_old_process() {
    let place = Place::new();
    let (node, mut scraper) = scrape_under_way(&place);
    node.reload();
    let mut rest = String::new();
    scraper.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{} bytes", rest.len());
}

#[test]
fn a_scraper_that_does_not_read_is_bounded_by_hard_stop_after() {
    let place = Place::new();
    let (mut node, _scraper) = scrape_under_way(&place);
    node.signal(Signal::SIGUSR1);
    node.wait(SOON);
}

#[test]
fn a_frontend_that_is_disabled_is_enabled_by_a_reload() {
    let exporting = start("");
    let api = exporting.node.api();
    for frontend in ["in", "stats"] {
        assert_eq!(api.command(&format!("disable frontend {frontend}")), "\n");
    }
    let doors = [exporting.front, exporting.exporter];
    assert!(doors.iter().all(|door| TcpStream::connect(door).is_err()));
    exporting.node.reload();
    until("clients come in again", SOON, || {
        doors.iter().all(|door| TcpStream::connect(door).is_ok())
    });
    assert_eq!(ask(source(1), exporting.front).unwrap(), "s1");
}

#[test]
fn scrapers_beyond_maxconn_wait_for_a_place() {
    let exporting = start("    maxconn 1\n");
    let first = idle_scraper(exporting.exporter);
    let mut second = connect_from(source(2), exporting.exporter).unwrap();
    second.write_all(HEAD).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let error = second.read(&mut [0; 16]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(first);
    second.set_read_timeout(Some(SOON)).unwrap();
    assert!(second.read(&mut [0; 16]).unwrap() > 0);
}

#[test]
fn a_scraper_that_is_silent_is_let_go_by_timeout_client() {
    let exporting = start("    timeout client 1s\n");
    let mut idle = idle_scraper(exporting.exporter);
    assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0);
    let answer = http::exchange(exporting.exporter, "GET /metr");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}
