//! Every algorithm over a backend of five servers, against what HAProxy 2.6 does with it.

use std::net::{IpAddr, Ipv4Addr};

use crate::config;
use crate::config::ServerIndex;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::AdminState;
use crate::table::Tables;

const SERVERS: &str = " server a 127.0.0.1:1 weight 1 id 1\n server b 127.0.0.1:2 weight 3 id 2\n \
                       server c 127.0.0.1:3 weight 2 id 7\n server d 127.0.0.1:4 weight 1 id 4\n \
                       server e 127.0.0.1:5 weight 6 id 5\n";

fn backend(lines: &str, servers: &str) -> Backend {
    let text = format!("defaults\n mode tcp\nbackend b\n {lines}\n{servers}");
    let loaded = config::load_text("story", &text, &config::Request::default());
    let config = loaded.unwrap_or_else(|errors| panic!("{errors:?}")).config;
    let mut tables = Tables::new(&config.tables).unwrap();
    Backend::new(&config.backends[0], &mut tables, 0)
}

/// A client that is spread over several bytes of the address.
fn client(number: u32) -> IpAddr {
    let byte = |value: u32| u8::try_from(value).unwrap();
    let low = byte((number * 13 + 1) % 254 + 1);
    Ipv4Addr::new(127, byte(1 + number % 3), byte(number * 7 % 250), low).into()
}

/// The names of the servers that so many clients get, whose connections do not last.
fn chosen(backend: &mut Backend, clients: u32) -> String {
    let names = (0..clients).map(|number| {
        let server = backend.balance(Some(client(number)), None, None);
        let Some(server) = server else { return '-'.to_string() };
        backend.take_slot(server);
        backend.release_slot(server);
        backend.server(server).config.name.clone()
    });
    names.collect()
}

fn count(chosen: &str) -> [usize; 5] {
    ['a', 'b', 'c', 'd', 'e'].map(|name| chosen.matches(name).count())
}

/// What HAProxy 2.6.12 answered to the clients 0 to 59 with the same servers.
const HASHED: [(&str, &str); 8] = [
    ("balance source", "ecebedcebedeebedeabeabeceabeceabecebabeabecebbecebeecebedced"),
    (
        "balance source\n hash-type map-based sdbm avalanche",
        "cdbecebbeeabbedebeebbeeaaeedecbeeeebeeeceecbeeebebcacbedcddb",
    ),
    (
        "balance source\n hash-type consistent",
        "eeeebeacbeaeaebaeddcbecbabecddecbeebeebccbbececcbeeecceedbce",
    ),
    ("balance hash src", "ebaebebecaedececebdeeedecebebaebebecebedebebebaebececeedeced"),
    (
        "balance hash src\n hash-type map-based djb2",
        "beebceacbedbeebeeaceeacbedbeebeeaceeeeabceacbedbeebeeaceecbb",
    ),
    (
        "balance hash src\n hash-type map-based crc32",
        "babeeeabeeeeccceeccebeebbeeeebceaaecbccaecbebebdbdabcedcebeb",
    ),
    (
        "balance hash src\n hash-type consistent",
        "beeecceaeececceecdeeeecebbbebdcbbdeedbeebeccdbaebecceeebcbae",
    ),
    (
        "balance hash src\n hash-type consistent crc32 avalanche",
        "cebeeebbceebeeecdecbeceebeeebeeeeebeaebeebdeeacecccbeebcaeae",
    ),
];

#[test]
fn a_hash_leads_to_the_servers_that_haproxy_chooses() {
    for (lines, expected) in HASHED {
        assert_eq!(chosen(&mut backend(lines, SERVERS), 60), expected, "{lines}");
    }
}

#[test]
fn static_turns_are_in_the_order_of_haproxy() {
    let mut backend = backend("balance static-rr", SERVERS);
    assert_eq!(chosen(&mut backend, 26), "abecebecebedeabecebecebede");
}

#[test]
fn equal_servers_take_turns() {
    let servers = " server a 127.0.0.1:1\n server b 127.0.0.1:2\n server c 127.0.0.1:3\n";
    for lines in ["balance roundrobin", "balance static-rr", "balance leastconn"] {
        assert_eq!(chosen(&mut backend(lines, servers), 6), "abcabc", "{lines}");
    }
    assert_eq!(chosen(&mut backend("balance first", servers), 3), "aaa");
}

#[test]
fn turns_follow_the_weights_and_are_spread() {
    let mut backend = backend("", SERVERS);
    let all = chosen(&mut backend, 1300);
    assert_eq!(count(&all), [100, 300, 200, 100, 600]);
    for window in all.as_bytes().windows(13) {
        let e = window.iter().filter(|name| **name == b'e').count();
        assert!((5..=7).contains(&e), "{window:?}");
    }
}

#[test]
fn weights_change_at_run_time() {
    for lines in ["", "balance leastconn", "balance source\n hash-type consistent"] {
        let mut backend = backend(lines, SERVERS);
        chosen(&mut backend, 7);
        backend.set_weight(ServerIndex::configured(4), 0).unwrap();
        let left = chosen(&mut backend, 70);
        assert!(!left.contains('e') && left.contains('b'), "{left}");
        backend.set_weight(ServerIndex::configured(4), 256).unwrap();
        let back = chosen(&mut backend, 526);
        assert!(back.contains('e'), "{back}");
        if lines.is_empty() {
            for (count, expected) in count(&back).iter().zip([2_usize, 6, 4, 2, 512]) {
                assert!(count.abs_diff(expected) <= 1, "{back}");
            }
        }
    }
}

#[test]
fn a_list_made_at_the_start_takes_no_other_weights() {
    for lines in ["balance static-rr", "balance source", "balance hash src"] {
        let mut backend = backend(lines, SERVERS);
        assert!(backend.set_weight(ServerIndex::configured(0), 2).is_err());
        backend.set_weight(ServerIndex::configured(4), 0).unwrap();
        assert!(!chosen(&mut backend, 50).contains('e'));
        backend.set_weight(ServerIndex::configured(4), 6).unwrap();
        assert!(chosen(&mut backend, 50).contains('e'));
    }
}

#[test]
fn a_ring_moves_only_the_clients_of_the_server_that_leaves() {
    let mut backend = backend("balance source\n hash-type consistent", SERVERS);
    let before = chosen(&mut backend, 500);
    backend.server_mut(ServerIndex::configured(1)).admin = AdminState::Maint;
    backend.server_changed();
    let without = chosen(&mut backend, 500);
    assert!(!without.contains('b'));
    for (old, new) in before.chars().zip(without.chars()) {
        assert!(old == new || old == 'b', "{old} became {new}");
    }
    backend.server_mut(ServerIndex::configured(1)).admin = AdminState::Ready;
    backend.server_changed();
    assert_eq!(chosen(&mut backend, 500), before);
}

#[test]
fn nodes_that_list_the_servers_in_other_orders_agree_by_the_addresses() {
    let [a, b, c] =
        ["a 10.0.0.1:80", "b 10.0.0.2:80", "c [2001:db8::3]:80"].map(|s| format!(" server {s}\n"));
    let of = |key: &str, servers: &[&str]| {
        let lines =
            format!("balance source\n hash-type consistent\n default-server hash-key {key}");
        chosen(&mut backend(&lines, &servers.concat()), 500)
    };
    for (key, agree) in [("id", false), ("addr", true), ("addr-port", true)] {
        let (here, there) = (of(key, &[&a, &b, &c]), of(key, &[&c, &a, &b]));
        assert_eq!(here == there, agree, "{key}");
        let [a, b, c, ..] = count(&here);
        assert!(a.min(b).min(c) > 50, "{key}: {a} {b} {c}");
    }
}

#[test]
fn the_port_of_an_address_counts_only_if_it_is_to() {
    let servers = |port: u16| {
        format!(" server a 10.0.0.1:{port}\n server b 10.0.0.2:{port}\n server c 10.0.0.3:{port}\n")
    };
    for (key, agree) in [("addr", true), ("addr-port", false)] {
        let lines =
            format!("balance source\n hash-type consistent\n default-server hash-key {key}");
        let of = |port| chosen(&mut backend(&lines, &servers(port)), 500);
        assert_eq!(of(80) == of(81), agree, "{key}");
    }
}

#[test]
fn the_fewest_connections_for_the_weight_win() {
    let mut backend = backend("balance leastconn", SERVERS);
    for _ in 0..130 {
        let server = backend.balance(None, None, None).unwrap();
        backend.take_slot(server);
    }
    let loads: Vec<u32> = backend.servers.iter().map(|s| s.counters.current).collect();
    for (load, expected) in loads.iter().zip([10_u32, 30, 20, 10, 60]) {
        assert!(load.abs_diff(expected) <= 1, "{loads:?}");
    }
}

#[test]
fn random_draws_follow_the_weights() {
    let mut backend = backend("balance random(1)", SERVERS);
    let [a, b, c, d, e] = count(&chosen(&mut backend, 13_000));
    // The places on the ring are not spread evenly: HAProxy's neither.
    assert!((400..2000).contains(&a) && (400..2000).contains(&d), "{a} {d}");
    assert!((2000..4500).contains(&b) && (1200..3200).contains(&c), "{b} {c}");
    assert!((4500..7500).contains(&e), "{e}");
}

#[test]
fn backups_stand_in_one_or_all() {
    let servers = " server a 127.0.0.1:1\n server b 127.0.0.1:2 backup\n \
                   server c 127.0.0.1:3 backup\n";
    let algorithms = ["roundrobin", "static-rr", "leastconn", "source", "random", "first"];
    for algorithm in algorithms {
        let mut one = backend(&format!("balance {algorithm}"), servers);
        assert_eq!(chosen(&mut one, 5), "aaaaa", "{algorithm}");
        one.server_mut(ServerIndex::configured(0)).admin = AdminState::Drain;
        one.server_changed();
        assert_eq!(chosen(&mut one, 5), "bbbbb", "{algorithm}");
        let mut all = backend(&format!("balance {algorithm}\n option allbackups"), servers);
        all.server_mut(ServerIndex::configured(0)).admin = AdminState::Maint;
        all.server_changed();
        let names = chosen(&mut all, 60);
        assert!(!names.contains('a') && names.contains('b'), "{algorithm}");
        assert_eq!(names.contains('c'), algorithm != "first", "{algorithm}");
    }
}

#[test]
fn a_server_that_failed_is_chosen_again_only_without_another() {
    let servers = " server a 127.0.0.1:1\n server b 127.0.0.1:2\n";
    for algorithm in ["roundrobin", "static-rr", "leastconn", "random", "first"] {
        let mut backend = backend(&format!("balance {algorithm}"), servers);
        for _ in 0..5 {
            let server = backend.balance(Some(client(1)), None, Some(ServerIndex::configured(0)));
            assert_eq!(server, Some(ServerIndex::configured(1)), "{algorithm}");
        }
        backend.server_mut(ServerIndex::configured(1)).admin = AdminState::Maint;
        backend.server_changed();
        let server = backend.balance(Some(client(1)), None, Some(ServerIndex::configured(0)));
        assert_eq!(server, Some(ServerIndex::configured(0)), "{algorithm}");
        backend.server_mut(ServerIndex::configured(0)).admin = AdminState::Maint;
        backend.server_changed();
        assert_eq!(backend.balance(Some(client(1)), None, None), None, "{algorithm}");
    }
}

#[test]
fn turns_go_on_for_ever() {
    let mut rotation = super::round_robin::RoundRobin::new();
    let candidate = |server, share| {
        let server = ServerIndex::configured(server);
        super::Candidate { server, id: 1, first_place: 0, share, load: 0 }
    };
    rotation.update(&[candidate(0, 16), candidate(1, 48)]);
    rotation.skip_to_the_end_of_time();
    let zeros =
        (0..400).filter(|_| rotation.choose(|_| true) == Some(ServerIndex::configured(0))).count();
    assert!((99..=101).contains(&zeros), "{zeros}");
}

#[test]
fn a_server_that_warms_up_gets_its_part_of_the_clients_and_of_its_limit() {
    let servers = " server a 127.0.0.1:1 maxconn 160\n server b 127.0.0.1:2 slowstart 10s\n";
    let mut backend = backend("", servers);
    let b = backend.server_mut(ServerIndex::configured(1));
    assert!(b.start_warming());
    assert_eq!(b.warmed(160), 10);
    assert_eq!(backend.server(ServerIndex::configured(0)).warmed(160), 160);
    backend.server_changed();
    let names = chosen(&mut backend, 170);
    assert_eq!(names.matches('b').count(), 10, "{names}");
}
