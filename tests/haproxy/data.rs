//! Every key type and every data type arrives with its value unchanged.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::haproxy_or_skip;
use crate::support::{
    Mesh, Node, Place, SOON, Server, Spec, ask, eventually, pause, source, until,
};

/// Tables with keys of every type, and a table with every data type of HAProxy 2.6.
fn tables(front: SocketAddr, server: SocketAddr) -> String {
    let all = "server_id,gpt0,gpc0,gpc0_rate(1h),gpc1,gpc1_rate(1h),conn_cnt,conn_rate(1h),\
               conn_cur,sess_cnt,sess_rate(1h),http_req_cnt,http_req_rate(1h),http_err_cnt,\
               http_err_rate(1h),http_fail_cnt,http_fail_rate(1h),bytes_in_cnt,bytes_in_rate(1h),\
               bytes_out_cnt,bytes_out_rate(1h)";
    let table = |name: &str, rest: &str| {
        format!("backend {name}\n    stick-table {rest} size 10k expire 1h peers mesh\n")
    };
    [
        table("keys_ip", "type ip store gpt0"),
        table("keys_ipv6", "type ipv6 store gpt0"),
        table("keys_integer", "type integer store gpt0"),
        table("keys_string", "type string store gpt0"),
        table("keys_string_len", "type string len 100 store gpt0"),
        table("keys_binary", "type binary len 20 store conn_cnt"),
        table("arrays", "type ip store gpt(3),gpc(2),gpc_rate(2,1h)"),
        table("all", &format!("type ip store {all}")),
        format!("listen web\n    bind {front}\n    server s1 {server}\n"),
    ]
    .concat()
}

/// A stickd and a HAProxy with the same tables and a session between them. Clients of `front` make
/// entries in two tables of HAProxy.
fn connected(
    place: &Place,
    server: &Server,
    front: SocketAddr,
    haproxy: std::path::PathBuf,
) -> [Node; 2] {
    let peers =
        format!("peers mesh\n    peer a {}\n    peer h {}\n", place.address(), place.address());
    let body = || format!("{peers}{}", tables(place.address(), server.address()));
    let stickd = Spec::new(place, "a", &body()).start();
    // What the Runtime API of 2.6 cannot set is set by rules that only HAProxy has here.
    let rules = format!(
        "listen rules\n    bind {front}\n    \
         tcp-request connection track-sc0 src table keys_binary\n    \
         tcp-request connection track-sc1 src table arrays\n    \
         tcp-request connection sc-inc-gpc(1,1)\n    \
         tcp-request connection sc-set-gpt(2,1) 4711\n    server s1 {}\n",
        server.address()
    );
    let haproxy = Spec::new(place, "h", &(body() + &rules)).on_haproxy(haproxy).start();
    Mesh::until_connected(&haproxy, "a");
    Mesh::until_connected(&stickd, "h");
    [stickd, haproxy]
}

/// Values in which a wrong width, byte order or sign shows.
const VALUES: [(&str, &str); 19] = [
    ("server_id", "7"),
    ("gpt0", "4294967295"),
    ("gpc0", "240"),
    ("gpc0_rate", "11"),
    ("gpc1", "2288"),
    ("gpc1_rate", "13"),
    ("conn_cnt", "239"),
    ("conn_rate", "17"),
    ("sess_cnt", "264431"),
    ("sess_rate", "19"),
    ("http_req_cnt", "264432"),
    ("http_req_rate", "23"),
    ("http_err_cnt", "1"),
    ("http_err_rate", "29"),
    ("http_fail_cnt", "2"),
    ("http_fail_rate", "31"),
    ("bytes_in_cnt", "4328786160"),
    ("bytes_in_rate", "37"),
    ("bytes_out_cnt", "9078122083518704"),
];

#[test]
fn every_data_type_arrives_in_both_directions() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let nodes = connected(&place, &server, place.address(), haproxy);
    for (from, to, key) in [(0, 1, "10.0.0.1"), (1, 0, "10.0.0.2")] {
        let values: String =
            VALUES.iter().map(|(name, value)| format!(" data.{name} {value}")).collect();
        let said = nodes[from].api().command(&format!("set table all key {key}{values}"));
        assert_eq!(said.trim(), "");
        let mut last = BTreeMap::new();
        let arrived = eventually(SOON, || {
            last = without_periods(nodes[to].api().table("all").remove(key));
            VALUES.iter().all(|(name, value)| is_about(name, last.get(*name), value))
        });
        assert!(
            arrived,
            "from {:?} to {:?}: {last:#?}",
            nodes[from].flavour(),
            nodes[to].flavour()
        );
    }
}

/// `gpc0_rate(3600000)` becomes `gpc0_rate`.
fn without_periods(entry: Option<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let fields = entry.unwrap_or_default().into_iter();
    fields.map(|(name, value)| (name.split('(').next().unwrap().to_owned(), value)).collect()
}

/// Whether a value arrived. Rates fall while they travel; all other values are exact.
fn is_about(name: &str, got: Option<&String>, value: &str) -> bool {
    let Some(got) = got else { return false };
    if !name.ends_with("_rate") {
        return got == value;
    }
    let (got, value): (u32, u32) = (got.parse().unwrap(), value.parse().unwrap());
    got == value || got + 1 == value
}

#[test]
fn keys_of_every_type_arrive_in_both_directions() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let nodes = connected(&place, &server, place.address(), haproxy);
    let long = "n".repeat(99);
    let keys = [
        ("keys_ip", "192.0.2.1"),
        ("keys_ip", "255.255.255.255"),
        ("keys_ipv6", "2001:db8::42"),
        ("keys_ipv6", "::ffff:192.0.2.1"),
        ("keys_integer", "0"),
        ("keys_integer", "2147483647"),
        ("keys_string", "alpha"),
        ("keys_string_len", &long),
    ];
    for (from, to) in [(0, 1), (1, 0)] {
        for (index, (table, key)) in keys.iter().enumerate() {
            let value = (100 * (from + 1) + index).to_string();
            let said = nodes[from]
                .api()
                .command(&format!("set table {table} key {key} data.gpt0 {value}"));
            assert_eq!(said.trim(), "", "{table} {key}");
            // Shown alike on both sides, whatever the type looks like in text.
            let with_value = |node: &Node| {
                let rows = node.api().table(table).into_iter();
                let row = rows.into_iter().find(|(_, entry)| entry["gpt0"] == value);
                row.map(|(key, _)| key)
            };
            let shown = with_value(&nodes[from]);
            assert!(shown.is_some(), "{table} {key} is not in its own table");
            let arrived = eventually(SOON, || with_value(&nodes[to]) == shown);
            let got = with_value(&nodes[to]);
            assert!(arrived, "{table} {key}: {shown:?}, but there {got:?}");
        }
    }
}

#[test]
fn arrays_and_binary_keys_arrive_from_haproxy() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let [stickd, haproxy] = connected(&place, &server, front, haproxy);
    for _ in 0..3 {
        ask(source(1), front).unwrap();
    }
    for table in ["arrays", "keys_binary"] {
        let mut shown = [BTreeMap::new(), BTreeMap::new()];
        let equal = eventually(SOON, || {
            shown = [&stickd, &haproxy].map(|node| node.api().table(table));
            let uses = |row: &mut BTreeMap<String, String>| row.remove("use");
            shown.iter_mut().flat_map(BTreeMap::values_mut).for_each(|row| drop(uses(row)));
            shown[0].len() == 1 && shown[0] == shown[1]
        });
        assert!(equal, "{table}: {shown:#?}");
    }
    let row = without_periods(stickd.api().table("arrays").remove(&source(1).to_string()));
    assert_eq!((&row["gpt2"][..], &row["gpc1"][..], &row["gpc1_rate"][..]), ("4711", "3", "3"));
}

#[test]
fn connections_of_this_moment_are_not_learned() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let nodes = connected(&place, &server, place.address(), haproxy);
    for (from, to, key) in [(0, 1, "10.0.0.1"), (1, 0, "10.0.0.2")] {
        nodes[from].api().command(&format!("set table all key {key} data.conn_cur 9 data.gpt0 5"));
        until("the entry", SOON, || nodes[to].api().table("all").contains_key(key));
        pause(std::time::Duration::from_millis(50));
        let entry = &nodes[to].api().table("all")[key];
        assert_eq!((&entry["conn_cur"][..], &entry["gpt0"][..]), ("0", "5"));
    }
}

#[test]
fn rates_of_a_haproxy_with_threads_arrive() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let peers =
        format!("peers mesh\n    peer a {}\n    peer h {}\n", place.address(), place.address());
    let front = place.address();
    let body = |front: SocketAddr| {
        format!(
            "{peers}listen web\n    bind {front}\n    \
             stick-table type ip size 10k expire 1h peers mesh store \
             conn_rate(1h),sess_rate(1h),bytes_out_rate(1h)\n    \
             tcp-request connection track-sc0 src\n    server s1 {}\n",
            server.address()
        )
    };
    let stickd = Spec::new(&place, "a", &body(place.address())).start();
    let threads = Spec::with_global(&place, "h", "nbthread 4", &body(front));
    let threads = threads.on_haproxy(haproxy).start();
    Mesh::until_connected(&threads, "a");
    Mesh::until_connected(&stickd, "h");
    std::thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(move || (0..250).for_each(|n| drop(ask(source(1000 * worker + n), front))));
        }
    });
    // Whether the period of a counter begins in the future is up to the threads' clocks: so many
    // clients have some of these.
    let rates = |node: &Node| {
        let mut rows = node.api().table("web");
        let is_rate = |name: &String| name.contains("_rate");
        rows.values_mut().for_each(|row| row.retain(|name, _| is_rate(name)));
        rows
    };
    let mut told = BTreeMap::new();
    until("HAProxy has counted all", SOON, || {
        told = rates(&threads);
        told.len() == 1000 && told.values().flatten().all(|(_, rate)| rate != "0")
    });
    let mut last = BTreeMap::new();
    let equal = eventually(SOON, || {
        last = rates(&stickd);
        last == told
    });
    let wrong: Vec<_> = last.iter().filter(|(key, row)| told.get(*key) != Some(row)).collect();
    assert!(equal, "{} rows, {} of them wrong: {wrong:#?}", last.len(), wrong.len());
}
