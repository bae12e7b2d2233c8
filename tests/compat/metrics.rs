//! The Prometheus exporter has HAProxy's metrics with HAProxy's labels, and the same values after
//! the same traffic. Requests have the same answers, and frontends can be disabled in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpStream};

use crate::support::{Flavour, Held, Node, Place, SOON, Server, ask, http, source, until};
use crate::{flavours, start};

/// A node with a frontend and an exporter, after known traffic.
struct Observed {
    node: Node,
    front: SocketAddr,
    exporter: SocketAddr,
    _server: Server,
    _held: Held,
    _place: Place,
}

fn observe(flavour: Flavour) -> Observed {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let held = Held::refusing(place.address());
    let refusing = place.address();
    let (front, exporter) = (place.address(), place.address());
    let body = format!(
        "peers mesh\n    peer a {}\n    peer b {}\n\
         frontend in\n    bind {front}\n    maxconn 100\n    default_backend web\n\
         backend web\n    fullconn 50\n    stick-table type ip size 1k expire 1h peers mesh\n    \
         stick on src\n    server s1 {}\n    \
         server s2 {refusing} check inter 2s fastinter 50ms backup\n    \
         server s3 {refusing} disabled weight 7 maxconn 4 maxqueue 5\n\
         frontend stats\n    mode http\n    no log\n    bind {exporter}\n    \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n",
        place.address(),
        place.address(),
        server.address(),
    );
    let node = start(flavour, &place, "", &body);
    for client in 1..=5 {
        assert_eq!(ask(source(client % 3), front).unwrap(), "s1");
    }
    until("all clients are gone and the check has failed", SOON, || {
        let api = node.api();
        api.stat("web", "s1", "scur") == "0" && api.stat("web", "s2", "status") == "DOWN"
    });
    Observed { node, front, exporter, _server: server, _held: held, _place: place }
}

/// Every metric that HAProxy has, with its labels and its value.
fn metrics(observed: &Observed, query: &str) -> BTreeMap<String, String> {
    let text = http::get(observed.exporter, &format!("/metrics{query}"));
    let lines = text.lines().filter(|line| line.starts_with("haproxy_"));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Whether the value of a metric is comparable. Some values depend on time or on the process.
fn is_comparable(name: &str) -> bool {
    let differs =
        ["seconds", "_rate", "process_", "proxy=\"stats\"", "need_connections", "max_sessions"];
    !differs.iter().any(|part| name.contains(part))
}

#[test]
fn metrics_have_the_names_labels_and_values_of_haproxy() {
    let [first, rest @ ..] = &flavours()[..] else { panic!("nothing to observe") };
    let ours = metrics(&observe(*first), "");
    assert_eq!(ours["haproxy_frontend_sessions_total{proxy=\"in\"}"], "5");
    assert_eq!(ours["haproxy_server_sessions_total{proxy=\"web\",server=\"s1\"}"], "5");
    assert_eq!(ours["haproxy_backend_bytes_out_total{proxy=\"web\"}"], "15");
    assert_eq!(ours["haproxy_sticktable_used{name=\"web\",type=\"ip\"}"], "3");
    for flavour in rest {
        let theirs = metrics(&observe(*flavour), "");
        let names = |metrics: &BTreeMap<String, String>| -> BTreeSet<String> {
            let names = metrics.keys().map(|name| name.split("version=").next().unwrap());
            names.map(str::to_owned).collect()
        };
        let (own, other) = (names(&ours), names(&theirs));
        assert_eq!(own.difference(&other).collect::<Vec<_>>(), [""; 0], "only here");
        assert_eq!(other.difference(&own).collect::<Vec<_>>(), [""; 0], "missing");
        let differing: Vec<_> = ours
            .iter()
            .filter(|(name, value)| is_comparable(name) && theirs.get(*name) != Some(value))
            .map(|(name, value)| format!("{name} {value}, not {:?}", theirs.get(name)))
            .collect();
        assert!(differing.is_empty(), "{}", differing.join("\n"));
    }
}

#[test]
fn scopes_and_maintenance_narrow_the_metrics_as_in_haproxy() {
    for flavour in flavours() {
        let observed = observe(flavour);
        let families = |query: &str| -> BTreeSet<String> {
            let names = metrics(&observed, query).into_keys();
            names.map(|name| name.split('_').nth(1).unwrap().to_owned()).collect()
        };
        assert_eq!(families("?scope=server"), BTreeSet::from(["server".to_owned()]));
        let both = ["frontend", "sticktable"].map(str::to_owned);
        assert_eq!(families("?scope=sticktable&scope=frontend"), BTreeSet::from(both));
        assert_eq!(families("?scope="), BTreeSet::new());
        let servers = metrics(&observed, "?scope=server&no-maint");
        assert!(servers.keys().all(|name| !name.contains("server=\"s3\"")), "{flavour:?}");
    }
}

#[test]
fn requests_are_answered_alike() {
    // With each request the first lines of the answers that come before the connection ends.
    let cases: [(&str, &[&str]); 9] = [
        ("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &["503 Service Unavailable"]),
        ("HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &["503 Service Unavailable"]),
        ("blah\r\n\r\n", &["400 Bad request"]),
        ("GET /metrics?scope=nothing HTTP/1.1\r\nHost: a\r\n\r\n", &["400 Bad request"]),
        ("GET /metrics?scope= HTTP/1.0\r\n\r\n", &["200 OK"]),
        (
            "POST /metrics?scope= HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcblah\r\n\r\n",
            &["200 OK", "400 Bad request"],
        ),
        (
            "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics?scope= HTTP/1.1\r\nHost: a\r\n\
          Connection: close\r\n\r\n",
            &["503 Service Unavailable", "200 OK"],
        ),
        (
            "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\nHEAD /metrics HTTP/1.1\r\nHost: a\r\n\
          Connection: close\r\n\r\n",
            &["200 OK", "200 OK"],
        ),
        ("\r\nGET /metrics?scope= HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &["200 OK"]),
    ];
    for flavour in flavours() {
        let observed = observe(flavour);
        for (request, expected) in cases {
            let answer = http::exchange(observed.exporter, request);
            let lines = answer.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
            assert_eq!(lines.collect::<Vec<_>>(), expected, "{flavour:?}: {request}\n{answer}");
        }
    }
}

#[test]
fn frontends_are_disabled_enabled_and_shut_down_alike() {
    const COMMANDS: [&str; 17] = [
        "disable frontend in",
        "disable frontend in",
        "enable frontend in",
        "enable frontend in",
        "disable frontend",
        "disable frontend nobody",
        "disable frontend web",
        "operator;disable frontend in",
        "set maxconn frontend stats 30",
        "set maxconn frontend stats -1",
        "set maxconn frontend stats 2147483648",
        "set maxconn frontend in 2147483648",
        "disable frontend stats",
        "enable frontend stats",
        "shutdown frontend in",
        "shutdown frontend in",
        "enable frontend in",
    ];
    let [first, rest @ ..] = &flavours()[..] else { panic!("nothing to observe") };
    let tell = |flavour: Flavour| {
        let observed = observe(flavour);
        let api = observed.node.api();
        let is_open = |address: SocketAddr| TcpStream::connect(address).is_ok();
        let mut told = Vec::new();
        for command in COMMANDS {
            let answer = api.command(command);
            let status = ["in", "stats"].map(|name| api.stat(name, "FRONTEND", "status"));
            let doors = [observed.front, observed.exporter].map(is_open);
            told.push(format!("{command}: {answer:?} {status:?} {doors:?}"));
        }
        told
    };
    let expected = tell(*first);
    for flavour in rest {
        assert_eq!(expected, tell(*flavour));
    }
}

#[test]
fn the_backend_of_pages_is_shown_as_one_of_http() {
    let told = flavours().into_iter().map(|flavour| {
        let place = Place::new();
        let pages = place.address();
        let body = format!(
            "listen pages\n    mode http\n    no log\n    bind {pages}\n    \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n\
             backend web\n    server s1 {}\n",
            place.address()
        );
        let node = start(flavour, &place, "", &body);
        let columns = ["mode", "hrsp_2xx", "hrsp_other", "req_tot", "cache_hits", "req_rate"];
        let row = |proxy| columns.map(|column| node.api().stat(proxy, "BACKEND", column));
        let text = http::get(pages, "/metrics");
        let names = text.lines().filter(|line| line.starts_with("haproxy_backend_"));
        let names = names.map(|line| line.split_once(' ').unwrap().0.to_owned());
        (row("pages"), row("web"), names.collect::<Vec<_>>())
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told[0].0, ["http", "0", "0", "0", "0", ""]);
    for other in &told[1..] {
        assert_eq!(&told[0], other);
    }
}

#[test]
fn errors_and_meanings_are_shown_in_haproxys_form() {
    for flavour in flavours() {
        let observed = observe(flavour);
        let api = observed.node.api();
        let errors = api.command("show errors");
        assert!(errors.starts_with("Total events captured on ["), "{errors}");
        assert!(errors.ends_with("] : 0\n\n"), "{flavour:?}: {errors}");
        let example = "Total events captured on [22/Nov/2026:23:17:17.007] : 0\n\n";
        assert_eq!(errors.len(), example.len(), "{flavour:?}: {errors}");
        assert_eq!(api.command("show errors nobody"), "No such proxy.\n\n");
        assert_eq!(api.command("user;show errors"), "\nPermission denied\n\n");
        let info = api.command("show info desc");
        assert!(info.starts_with("Name: HAProxy:\""), "{info}");
        let typed = api.command("show stat typed desc");
        assert!(typed.starts_with("F.2.0.0.pxname.1:KNS:str:in:\""), "{flavour:?}: {typed}");
        let float = api.command("show info typed float");
        assert!(float.contains("\n8.Uptime_sec.1:MDP:flt:"), "{float}");
        let activity = api.command("show activity");
        assert!(activity.starts_with("thread_id: "), "{activity}");
        assert!(activity.contains("\nloops: ") && activity.contains("\navg_loop_us: "));
    }
}
