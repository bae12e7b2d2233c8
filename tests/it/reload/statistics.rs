//! The statistics go on in a reload: no counter and no maximum jumps back.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::support::http::get;
use crate::support::{Held, Node, Place, SOON, Server, Spec, ask, connect_from, source, until};

/// Every counter and every maximum, by what it is of and its name.
fn figures(node: &Node) -> BTreeMap<String, u64> {
    let info = node.api().command("show info typed");
    let stat = node.api().command("show stat typed");
    // As in `F.2.0.7.stot.1:MCP:u64:21`: the nature of a value is the second letter.
    let figure = |line: &str| {
        let mut words = line.split(':');
        let (name, tags) = (words.next()?, words.next()?);
        let nature = tags.chars().nth(1)?;
        let value = words.nth(1)?.parse().ok()?;
        (nature == 'C' || nature == 'M').then(|| (name.to_owned(), value))
    };
    info.lines().chain(stat.lines()).filter_map(figure).collect()
}

/// What is less than it was.
fn jumped_back(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<String> {
    let is_less = |(name, value): &(&String, &u64)| now.get(*name).is_none_or(|now| now < value);
    let less = before.iter().filter(is_less);
    less.map(|(name, value)| format!("{name}: {value}, then {:?}", now.get(name))).collect()
}

fn stat(node: &Node, service: &str, field: &str) -> u64 {
    node.api().stat("web", service, field).parse().unwrap()
}

#[test]
fn no_counter_and_no_maximum_jumps_back() {
    let place = Place::new();
    let (echo, nobody) = (Server::echo(place.address()), place.address());
    let _held = Held::refusing(nobody);
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    retries 1\n    option redispatch\n    \
         tcp-request connection reject if {{ src 127.1.0.9 }}\n    server s1 {}\n    \
         server s2 {}\n",
        echo.address(),
        nobody,
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    for n in 0..20 {
        let mut client = connect_from(source(n), front).unwrap();
        let _ = client.write_all(b"hello");
        let _ = client.shutdown(Shutdown::Write);
        let _ = client.read_to_end(&mut Vec::new());
    }
    let mut kept = connect_from(source(30), front).unwrap();
    kept.write_all(b"first").unwrap();
    kept.read_exact(&mut [0; 5]).unwrap();
    until("all others have ended", SOON, || stat(&node, "FRONTEND", "scur") == 1);
    node.api().command("set server web/s2 state maint");
    let before = figures(&node);
    assert!(before.values().filter(|value| **value > 0).count() > 30, "{before:?}");
    for _ in 0..2 {
        node.reload();
        let after = figures(&node);
        assert_eq!(jumped_back(&before, &after), Vec::<String>::new());
    }
    let [bytes, connections] = ["bin", "stot"].map(|field| stat(&node, "FRONTEND", field));
    assert_eq!(connections, 20);

    // The old process tells what its last connection still counts.
    kept.write_all(b"second").unwrap();
    kept.read_exact(&mut [0; 6]).unwrap();
    for (service, field) in [("FRONTEND", "bin"), ("BACKEND", "bout"), ("s1", "bin")] {
        until("the bytes of the old connection", SOON, || stat(&node, service, field) == bytes + 6);
    }
    // And at its end, what was counted last.
    kept.write_all(b"third").unwrap();
    drop(kept);
    until("the last bytes", SOON, || stat(&node, "FRONTEND", "bin") == bytes + 11);
    ask(source(1), front).unwrap_err();
    assert!(jumped_back(&before, &figures(&node)).is_empty());
}

#[test]
fn counters_that_were_cleared_stay_cleared() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}\n", server.address());
    let node = Spec::new(&place, "a", &body).reloadable().start();
    (0..5).for_each(|n| drop(ask(source(n), front).unwrap()));
    until("all have ended", SOON, || stat(&node, "FRONTEND", "scur") == 0);
    node.reload();
    assert_eq!(stat(&node, "FRONTEND", "stot"), 5);
    node.api().command("clear counters all");
    node.reload();
    assert_eq!(stat(&node, "FRONTEND", "stot"), 0);
}

/// A row of `show stat`, by the names of its columns.
fn row(node: &Node, proxy: &str, service: &str) -> BTreeMap<String, String> {
    let answer = node.api().command("show stat");
    let mut lines = answer.lines().map(|line| line.split(',').map(str::to_owned));
    let names: Vec<_> = lines.next().unwrap().collect();
    let mut rows = lines.map(|row| names.iter().cloned().zip(row).collect::<BTreeMap<_, _>>());
    let is_wanted = |row: &BTreeMap<String, String>| {
        row.get("# pxname").is_some_and(|it| it == proxy)
            && row.get("svname").is_some_and(|it| it == service)
    };
    rows.find(is_wanted).unwrap_or_else(|| panic!("no {proxy}/{service}: {answer}"))
}

fn number(row: &BTreeMap<String, String>, column: &str) -> i64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

#[test]
fn moments_rates_checks_listeners_and_pages_go_on() {
    let place = Place::new();
    let servers: Vec<_> = (0..2).map(|_| Server::echo(place.address())).collect();
    let [first, second] = [&servers[0], &servers[1]].map(Server::address);
    let (front, page) = (place.address(), place.address());
    let body = format!(
        "listen web\n    bind {front} name door\n    option socket-stats\n    \
         server s1 {first} check inter 1h maxconn 1\n    \
         server s2 {second} weight 100 slowstart 1h disabled\n\
         frontend pages\n    mode http\n    bind {page}\n    stats enable\n    stats uri /\n"
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let says = |stream: &mut TcpStream| {
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
    };
    let mut holds = connect_from(source(1), front).unwrap();
    says(&mut holds);
    let mut waits = connect_from(source(2), front).unwrap();
    until("a client waits", SOON, || row(&node, "web", "BACKEND")["qcur"] == "1");
    drop(holds);
    says(&mut waits);
    drop(waits);
    drop(get(page, "/"));
    node.api().command("set server web/s2 state ready");
    until("all is quiet and a while ago", SOON, || {
        let [server, fresh] = ["s1", "s2"].map(|server| row(&node, "web", server));
        let ages = ["lastsess", "lastchg"].map(|column| number(&server, column));
        let is_checked = server["check_status"] == "L4OK";
        let is_quiet = row(&node, "web", "FRONTEND")["scur"] == "0";
        ages.iter().all(|age| *age >= 2) && number(&fresh, "lastchg") >= 2 && is_checked && is_quiet
    });
    let rows = || {
        [("web", "door"), ("web", "s1"), ("web", "s2"), ("web", "BACKEND"), ("pages", "FRONTEND")]
            .map(|(proxy, service)| row(&node, proxy, service))
    };
    let before = rows();
    node.reload();
    let after = rows();
    for (at, column) in [
        (0, "stot"),
        (0, "bin"),
        (0, "smax"),
        (3, "qmax"),
        (1, "lastchg"),
        (1, "lastsess"),
        (2, "lastchg"),
        (3, "lastchg"),
        (3, "lastsess"),
        (4, "req_tot"),
        (4, "hrsp_2xx"),
        (4, "stot"),
    ] {
        let [old, new] = [&before[at], &after[at]].map(|row| number(row, column));
        assert!(old > 0 && new >= old, "{column}: {before:?}\n{after:?}");
    }
    for column in ["check_status", "check_desc", "last_chk", "weight"] {
        assert_eq!(before[1][column], after[1][column], "{column}");
    }
    assert_eq!((&*before[2]["throttle"], &*after[2]["throttle"]), ("7", "7"));
}

#[test]
fn a_rate_goes_on() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}\n", server.address());
    let node = Spec::new(&place, "a", &body).reloadable().start();
    // A slow machine may need more than the second in which a rate is seen.
    until("the rate is seen on both sides of a reload", SOON, || {
        (0..20).for_each(|n| drop(ask(source(n), front).unwrap()));
        node.reload();
        let rate = |service| stat(&node, service, "rate");
        rate("FRONTEND") > 5 && rate("BACKEND") > 5 && rate("s1") > 5
    });
}
