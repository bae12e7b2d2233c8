//! `option socket-stats`: each listener is counted by itself, in `show stat` and in the metrics.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use crate::support::{Flavour, Node, Place, SOON, Server, ask, http, source, until};
use crate::{flavours, start};

struct Setting {
    node: Node,
    /// The addresses of the listeners that have one, in their order.
    fronts: Vec<SocketAddr>,
    exporter: SocketAddr,
    _server: Server,
    place: Place,
}

fn setting(flavour: Flavour) -> Setting {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let row = place.addresses_in_a_row(2);
    let second = SocketAddr::from((row.ip(), row.port() + 1));
    let fronts = vec![place.address(), row, second, place.address(), place.address()];
    let exporter = place.address();
    let path = place.path("front.sock");
    let body = format!(
        "frontend in\n    option socket-stats\n    bind {} name one maxconn 7\n    \
         bind {row}-{}\n    bind {} id 77\n    bind {} name two\n    bind {}\n    \
         tcp-request connection reject if {{ dst_port {} }}\n    \
         tcp-request session reject if {{ dst_port {} }}\n    \
         tcp-request content reject if {{ dst_port {} }}\n    default_backend out\n\
         frontend uncounted\n    bind {}\n    default_backend out\n\
         backend out\n    server s1 {}\n\
         frontend metrics\n    mode http\n    bind {exporter}\n    \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n",
        fronts[0],
        second.port(),
        fronts[3],
        path.display(),
        fronts[4],
        row.port(),
        second.port(),
        fronts[3].port(),
        place.address(),
        server.address(),
    );
    let node = start(flavour, &place, "", &body);
    Setting { node, fronts, exporter, _server: server, place }
}

/// The rows of listeners: name, current, maximum, limit, total, bytes in, bytes out, denied
/// requests, status, id, type, denied connections and sessions.
fn rows(node: &Node) -> Vec<String> {
    let stat = node.api().command("show stat");
    let listeners = stat.lines().filter(|row| row.split(',').nth(32) == Some("3"));
    let fields = [1, 4, 5, 6, 7, 8, 9, 10, 17, 28, 32, 81, 82];
    let shown = |row: &str| {
        let all: Vec<&str> = row.split(',').collect();
        fields.map(|field| all[field].to_owned()).join(" ")
    };
    listeners.map(shown).collect()
}

fn make_traffic(setting: &Setting) {
    assert_eq!(ask(source(1), setting.fronts[0]).unwrap(), "s1");
    for front in &setting.fronts[1..4] {
        ask(source(1), *front).unwrap_err();
    }
    let client = UnixStream::connect(setting.place.path("front.sock")).unwrap();
    std::io::copy(&mut { client }, &mut std::io::sink()).unwrap();
}

const AFTER: [&str; 6] = [
    "one 0 1 7 1 0 3 0 OPEN 1 3 0 0",
    "sock-2 0 1 0 1 0 0 0 OPEN 2 3 1 0",
    "sock-3 0 1 0 1 0 0 0 OPEN 3 3 0 1",
    "sock-77 0 1 0 1 0 0 1 OPEN 77 3 0 0",
    "two 0 1 0 1 0 3 0 OPEN 5 3 0 0",
    "sock-6 0 0 0 0 0 0 0 OPEN 6 3 0 0",
];

#[test]
fn each_listener_is_counted() {
    for flavour in flavours() {
        let setting = setting(flavour);
        make_traffic(&setting);
        let api = setting.node.api();
        until(&format!("{flavour:?}: {:?}", rows(&setting.node)), SOON, || {
            rows(&setting.node) == AFTER
        });
        let stat = api.command("show stat");
        let addresses: Vec<&str> = stat
            .lines()
            .filter(|row| row.split(',').nth(32) == Some("3"))
            .map(|row| row.split(',').nth(73).unwrap())
            .collect();
        let expected: Vec<String> = setting.fronts.iter().map(ToString::to_string).collect();
        assert_eq!(addresses[0], expected[0], "{flavour:?}");
        assert_eq!(addresses[4], "unix", "{flavour:?}");
        let only = api.command("show stat in 8 77");
        assert_eq!(only.trim().lines().count(), 2, "{flavour:?}: {only}");
        let typed = api.command("show stat typed");
        let line = typed.lines().find(|line| line.contains(".slim.1:")).unwrap();
        assert!(line.starts_with("F."), "{flavour:?}: {line}");
        assert!(typed.contains(".1.6.slim.1:CLP:u32:7\n"), "{flavour:?}: {typed}");
        api.command("clear counters all");
        assert_eq!(rows(&setting.node)[0], "one 0 0 7 0 0 0 0 OPEN 1 3 0 0", "{flavour:?}");
    }
}

#[test]
fn the_exporter_has_the_metrics_of_listeners() {
    let found = flavours().into_iter().map(|flavour| {
        let setting = setting(flavour);
        make_traffic(&setting);
        until("all are counted", SOON, || rows(&setting.node) == AFTER);
        let page = http::get(setting.exporter, "/metrics?scope=listener");
        let values: BTreeMap<String, String> = page
            .lines()
            .filter(|line| line.starts_with("haproxy_listener_"))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert!(values.len() >= 6 * 16, "{flavour:?}: {page}");
        values
    });
    let found: Vec<_> = found.collect();
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{found:#?}");
}
