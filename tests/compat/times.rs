//! The waiting times and durations of connections and the bytes per second are the same as in
//! HAProxy after the same traffic.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::support::{Api, Flavour, Place, SOON, Server, ask, http, pause, source, until};
use crate::{flavours, start};

/// How long the server waits before it answers and closes.
const WAIT: Duration = Duration::from_millis(200);

/// How much longer a busy machine may take.
const SLACK_MS: u64 = 1000;

fn slow_server(place: &Place) -> Server {
    Server::start(place.address(), |mut stream| {
        pause(WAIT);
        writeln!(stream, "{}", "x".repeat(999))
    })
}

fn clients(front: SocketAddr, count: u32) {
    let client = |number| move || ask(source(number), front).unwrap();
    let clients: Vec<_> = (0..count).map(|number| thread::spawn(client(number))).collect();
    clients.into_iter().for_each(|client| assert_eq!(client.join().unwrap().len(), 999));
}

fn milliseconds(api: &Api, server: &str, field: &str) -> u64 {
    api.stat("web", server, field).parse().unwrap()
}

#[test]
fn times_of_connections_are_those_of_haproxy() {
    let wait_ms = u64::try_from(WAIT.as_millis()).unwrap();
    for flavour in flavours() {
        let place = Place::new();
        let server = slow_server(&place);
        let (front, exporter) = (place.address(), place.address());
        let body = format!(
            "frontend in\n    bind {front}\n    default_backend web\n\
             backend web\n    server s1 {} maxconn 1\n\
             frontend stats\n    mode http\n    no log\n    bind {exporter}\n    \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n",
            server.address()
        );
        let node = start(flavour, &place, "", &body);
        let api = node.api();
        let is_near = |field: &str, wanted: u64| {
            for server in ["s1", "BACKEND"] {
                let found = milliseconds(&api, server, field);
                let near = wanted..wanted + SLACK_MS;
                assert!(near.contains(&found), "{flavour:?}: {server} {field}: {found}");
            }
        };
        assert_eq!(api.stat("web", "s1", "ttime"), "0", "{flavour:?}");
        (0..3).for_each(|_| clients(front, 1));
        until("all are gone", SOON, || api.stat("web", "BACKEND", "scur") == "0");
        for (field, wanted) in [("ttime", wait_ms), ("ttime_max", wait_ms)] {
            is_near(field, wanted);
        }
        for field in ["qtime", "qtime_max", "ctime", "ctime_max", "rtime", "rtime_max"] {
            is_near(field, 0);
        }
        assert_eq!(api.stat("in", "FRONTEND", "ttime"), "", "{flavour:?}");
        if flavour == Flavour::Stickd {
            // The exporter of HAProxy divides the times of a few clients by those of many.
            let metrics = http::get(exporter, "/metrics");
            let name = "haproxy_backend_total_time_average_seconds{proxy=\"web\"} ";
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            let seconds = line.parse::<f64>().unwrap();
            assert!(seconds >= WAIT.as_secs_f64(), "{seconds}");
        }

        clients(front, 2);
        until("all are gone", SOON, || api.stat("web", "BACKEND", "scur") == "0");
        // Of two clients one begins to wait when the other has a place already.
        is_near("qtime_max", wait_ms / 2);
        is_near("ttime_max", wait_ms + wait_ms / 2);
        for field in ["qtime", "ttime"] {
            assert!(milliseconds(&api, "s1", field) > 0, "{flavour:?}: {field}");
        }
    }
}

#[test]
fn bytes_per_second_come_and_go_as_in_haproxy() {
    for flavour in flavours() {
        let place = Place::new();
        let server = slow_server(&place);
        let front = place.address();
        let body = format!("listen web\n    bind {front}\n    server s1 {}\n", server.address());
        let node = start(flavour, &place, "", &body);
        let api = node.api();
        let rate = || api.info("BytesOutRate").parse::<u64>().unwrap();
        until("bytes are counted", SOON, || {
            clients(front, 10);
            rate() > 2000
        });
        // HAProxy counts its own answers, too: it must not be asked all the time.
        until("nothing has come for a second", SOON, || {
            pause(Duration::from_millis(1000));
            rate() < 2000
        });
    }
}
